/* httpd/expr.c - the session in expressions and log formats. */
#include <apr_strings.h>
#include <httpd.h>
#include "httpd/export.h"
#include "httpd/expr.h"
#include "httpd/view.h"

static const char *value_of(ap_expr_eval_ctx_t *eval, const void *data,
                            const char *arg)
{
    request_rec *r = eval->r;
    const djs_policy_t *policy;
    djs_request_t *ctx;
    djs_bytes_t key;
    const char *text;

    (void)data;
    if (r == NULL || arg == NULL) {
        return "";
    }
    policy = djs_server_policy(r);
    if (policy == NULL || policy->enabled != DJS_ON ||
        djs_json_quote(&key, djs_bytes(arg), eval->p) != APR_SUCCESS) {
        return "";
    }
    ctx = djs_request_load_early(r);
    ctx->depends = 1;
    if (djs_request_hidden(ctx, policy) || ctx->session.flushed) {
        return "";
    }
    text = djs_export_text(&ctx->session, key.data, eval->p);
    return text != NULL ? text : "";
}

int djs_expr_lookup(ap_expr_lookup_parms *parms)
{
    if (parms->type != AP_EXPR_FUNC_STRING ||
        strcasecmp(parms->name, "djsession") != 0) {
        return DECLINED;
    }
    *parms->func = value_of;
    *parms->data = NULL;
    return OK;
}

void djs_expr_notes(request_rec *r)
{
    djs_request_t *ctx = djs_request_find(r);
    const djs_session_t *s;
    const char *user;

    if (ctx == NULL) {
        return;
    }
    while (r->next != NULL) {
        r = r->next; /* mod_log_config looks there */
    }
    s = &ctx->session;
    apr_table_setn(r->notes, "djsession-state", djs_export_state(s->state));
    if (s->state != DJS_STATE_LIVE) {
        return;
    }
    user = djs_export_text(s, ctx->policy->user_key, r->pool);
    if (user != NULL) {
        apr_table_setn(r->notes, "djsession-user", user);
    }
    apr_table_setn(r->notes, "djsession-tag", s->record.tag);
}
