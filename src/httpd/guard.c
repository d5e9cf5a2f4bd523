/* httpd/guard.c - AuthType DjSession: who is there, and where to log in.
 *
 * httpd asks for authentication only after it has found that a user is needed.
 * The session's user is known without asking anybody, so it is announced before
 * that: a visitor who is logged in never comes to djs_guard_authenticate. */
#include <apr_lib.h>
#include <apr_strings.h>
#include <httpd.h>
#include <http_config.h>
#include <http_core.h>
#include <http_log.h>
#include <http_protocol.h>
#include <http_request.h>
#include "httpd/guard.h"
#include "httpd/view.h"
#include "session/nextpath.h"

APLOG_USE_MODULE(djsession);

#define AUTH_TYPE "DjSession"

static int is_ours(request_rec *r)
{
    const char *type = ap_auth_type(r);

    return type != NULL && strcasecmp(type, AUTH_TYPE) == 0;
}

int djs_guard_identify(request_rec *r)
{
    djs_request_t *ctx;
    const char *user;

    if (!is_ours(r) || djs_view(&ctx, r) != DJS_VIEW_LIVE) {
        return DECLINED;
    }
    user = djs_view_user(ctx, r);
    if (user != NULL) {
        r->user = apr_pstrdup(r->pool, user);
        r->ap_auth_type = AUTH_TYPE;
    }
    return DECLINED;
}

/* Does Accept name text/html, and not with q=0? */
static int wants_page(request_rec *r)
{
    const char *accept = apr_table_get(r->headers_in, "Accept");
    const char *item;

    while (accept != NULL &&
           (item = ap_get_list_item(r->pool, &accept)) != NULL) {
        const char *q;

        if (strncmp(item, "text/html", 9) != 0 ||
            (item[9] != '\0' && item[9] != ';')) {
            continue;
        }
        q = strstr(item, ";q=0");
        return q == NULL || strspn(q + 3, "0.") != strlen(q + 3);
    }
    return 0;
}

/* A login page that is guarded itself would send its visitors in a circle. */
static int is_login_page(request_rec *r, const char *url)
{
    apr_size_t len = strcspn(url, "?");

    if (url[0] != '/' || strncmp(r->uri, url, len) != 0 ||
        r->uri[len] != '\0') {
        return 0;
    }
    ap_log_rerror(APLOG_MARK, APLOG_ERR, 0, r,
                  "DJS301: the page of DjSessionLoginURL, %s, asks for a user"
                  " itself: give it a Location with Require all granted",
                  r->uri);
    return 1;
}

static int send_to_login(request_rec *r, const djs_request_t *ctx,
                         const char *url)
{
    const char *next = djs_nextpath_of_target(ctx->top->unparsed_uri, r->pool);

    apr_table_setn(r->headers_out, "Location",
                   djs_nextpath_append(url, next, r->pool));
    apr_table_setn(r->err_headers_out, "Cache-Control", "no-store");
    return HTTP_MOVED_TEMPORARILY;
}

int djs_guard_authenticate(request_rec *r)
{
    const char *url = djs_server_policy(r)->login_url;
    djs_request_t *ctx;
    djs_view_e view;

    if (!is_ours(r)) {
        return DECLINED;
    }
    view = djs_view(&ctx, r);
    if (view == DJS_VIEW_OFF) {
        ap_log_rerror(APLOG_MARK, APLOG_ERR, 0, r,
                      "DJS302: AuthType DjSession of %s has no session to go"
                      " by: add DjSession On there",
                      r->uri);
        return HTTP_INTERNAL_SERVER_ERROR;
    }
    r->ap_auth_type = AUTH_TYPE;
    if (view == DJS_VIEW_TROUBLE) {
        return djs_view_unavailable(r, ctx);
    }
    if (view == DJS_VIEW_UNREADABLE) {
        return HTTP_INTERNAL_SERVER_ERROR; /* DJS203 has told of it */
    }
    if (view == DJS_VIEW_LIVE && r->user != NULL) {
        return OK;
    }
    if (url != NULL && r->main == NULL && r->status == HTTP_OK &&
        r->method_number == M_GET && r->proxyreq != PROXYREQ_PROXY &&
        wants_page(r) && !is_login_page(r, url)) {
        return send_to_login(r, ctx, url);
    }
    ap_note_auth_failure(r);
    return HTTP_UNAUTHORIZED;
}

int djs_guard_challenge(request_rec *r, const char *type)
{
    const char *realm = ap_auth_name(r);

    if (strcasecmp(type, AUTH_TYPE) != 0) {
        return DECLINED;
    }
    apr_table_setn(r->err_headers_out,
                   r->proxyreq == PROXYREQ_PROXY ? "Proxy-Authenticate"
                                                 : "WWW-Authenticate",
                   realm == NULL ? AUTH_TYPE
                                 : apr_pstrcat(r->pool, AUTH_TYPE " realm=\"",
                                               realm, "\"", NULL));
    return OK;
}
