/* httpd/hooks.c - what happens to a request, in its order. */
#include <httpd.h>
#include <http_config.h>
#include <http_log.h>
#include <http_protocol.h>
#include "httpd/backend.h"
#include "httpd/export.h"
#include "httpd/expr.h"
#include "httpd/hooks.h"
#include "httpd/output.h"
#include "httpd/request.h"
#include "httpd/scrub.h"
#include "httpd/view.h"

int djs_hook_post_read_request(request_rec *r)
{
    if (!djs_server_in_use()) {
        return DECLINED;
    }
    djs_scrub_headers(r);
    djs_view_error_page(r);
    if (r->prev != NULL) {
        int status = djs_output_redirected(r);

        return status == OK ? DECLINED : status;
    }
    return DECLINED;
}

int djs_hook_header_parser(request_rec *r)
{
    if (djs_server_in_use()) {
        djs_request_arrived(r);
    }
    return DECLINED;
}

/* Answers 503 once; the error page that follows may then be served. */
static int deny(request_rec *r, djs_request_t *ctx)
{
    if (ctx->denied ||
        (r->prev != NULL && r->status == HTTP_SERVICE_UNAVAILABLE)) {
        return 0;
    }
    ctx->denied = r->main == NULL;
    apr_table_setn(r->err_headers_out, "Retry-After", DJS_RETRY_AFTER);
    return 1;
}

/* Tells a client that waits for it to go on, in the proxy's place. */
static void send_continue(request_rec *r)
{
    int status = r->status;
    const char *line = r->status_line;

    r->status = HTTP_CONTINUE;
    r->status_line = NULL;
    ap_send_interim_response(r, 0); /* clears expecting_100 */
    r->status = status;
    r->status_line = line;
    apr_table_unset(r->headers_in, "Expect");
}

/* What a back end says before its response (103 Early Hints) passes no filter
 * of requests: a cookie or an update in it would reach the client. */
static void keep_interim_back(request_rec *r)
{
    if (!djs_backend_is_proxied(r)) {
        return;
    }
    if (r->expecting_100 && r->main == NULL) {
        send_continue(r);
    }
    if (apr_table_get(r->subprocess_env, "proxy-interim-response") == NULL) {
        apr_table_setn(r->subprocess_env, "proxy-interim-response", "Suppress");
    }
}

/* A tunnel's response never comes to our filter. */
static int wants_tunnel(request_rec *r)
{
    const char *upgrade = apr_table_get(r->headers_in, "Upgrade");

    return upgrade != NULL && ap_strcasestr(upgrade, "websocket") != NULL;
}

/* Tells programs and back ends. OK, or the HTTP error to answer with. */
static int tell(request_rec *r, const djs_session_t *s,
                const djs_policy_t *policy)
{
    djs_export_env(r, s, policy);
    return djs_backend_tell(r, s, policy);
}

/* A location that has sessions for mod_session alone: if nobody has asked for
 * one by now, nobody will. */
static int attach_theirs(request_rec *r, const djs_policy_t *policy)
{
    djs_request_t *ctx = djs_request_find(r);

    if (policy->modsession != DJS_ON || ctx == NULL) {
        return DECLINED;
    }
    if (policy->hide_cookie == DJS_ON) {
        djs_scrub_cookie(r, policy);
    }
    if (ctx->session.state == DJS_STATE_UNAVAILABLE &&
        policy->on_error == DJS_ERROR_DENY && deny(r, ctx)) {
        return HTTP_SERVICE_UNAVAILABLE;
    }
    keep_interim_back(r);
    return OK;
}

/*
 * fixups - last stop before the handler: attach the visitor's session, so that
 * handler, filters and subrequests all look at one and the same object.
 *
 * Last of all fixups, so that nothing that .htaccess or a rewrite rule sets
 * can pass for ours. A damaged or forged cookie is the client's affair and
 * yields no session, silently; a store in trouble is ours: the policy chooses
 * between 503 and going on without.
 */
int djs_hook_fixups(request_rec *r)
{
    const djs_policy_t *policy = djs_server_policy(r);
    djs_request_t *ctx;
    int status;

    if (!djs_server_in_use()) {
        return DECLINED;
    }
    djs_scrub_names(r);
    if (policy->enabled != DJS_ON) {
        return attach_theirs(r, policy);
    }
    if (djs_request_is_plain(r, policy)) {
        keep_interim_back(r);
        return tell(r, NULL, policy);
    }
    ctx = djs_request_load(r);
    ctx->depends |= djs_request_depends(policy);
    if (policy->hide_cookie == DJS_ON) {
        djs_scrub_cookie(r, policy);
    }
    if (ctx->session.state == DJS_STATE_UNAVAILABLE &&
        policy->on_error == DJS_ERROR_DENY && deny(r, ctx)) {
        return HTTP_SERVICE_UNAVAILABLE;
    }
    keep_interim_back(r);
    if (djs_request_hidden(ctx, policy) || ctx->session.flushed) {
        return tell(r, NULL, policy);
    }
    status = tell(r, &ctx->session, policy);
    if (status == OK && wants_tunnel(r)) {
        djs_output_renew(r, ctx);
    }
    return status;
}

int djs_hook_log_transaction(request_rec *r)
{
    if (djs_server_in_use()) {
        djs_output_leftovers(r);
        djs_expr_notes(r);
    }
    return DECLINED;
}
