/* httpd/view.c - the session as access control and expressions look at it. */
#include <httpd.h>
#include "httpd/export.h"
#include "httpd/view.h"

djs_view_e djs_view(djs_request_t **ctx, request_rec *r)
{
    const djs_policy_t *policy = djs_server_policy(r);

    *ctx = NULL;
    if (policy->enabled != DJS_ON) {
        return DJS_VIEW_OFF;
    }
    *ctx = djs_request_load(r);
    (*ctx)->depends = 1;
    if (djs_request_hidden(*ctx, policy)) {
        return DJS_VIEW_NONE;
    }
    switch ((*ctx)->session.state) {
    case DJS_STATE_LIVE:
        return (*ctx)->session.flushed ? DJS_VIEW_NONE : DJS_VIEW_LIVE;
    case DJS_STATE_NONE:
        return DJS_VIEW_NONE;
    case DJS_STATE_UNREADABLE:
        return DJS_VIEW_UNREADABLE;
    default:
        return DJS_VIEW_TROUBLE;
    }
}

int djs_view_value(djs_bytes_t *value, const djs_request_t *ctx,
                   djs_bytes_t key)
{
    return djs_json_find(value, ctx->session.record.body, key);
}

const char *djs_view_user(const djs_request_t *ctx, request_rec *r)
{
    const char *key = djs_server_policy(r)->user_key;
    djs_bytes_t value;
    djs_json_e kind;
    const char *user;

    if (!djs_view_value(&value, ctx, djs_bytes(key))) {
        return NULL;
    }
    kind = djs_json_kind(value);
    if (kind != DJS_JSON_STRING && kind != DJS_JSON_INTEGER) {
        return NULL;
    }
    user = djs_export_text(&ctx->session, key, r->pool);
    return user != NULL && user[0] != '\0' ? user : NULL;
}

int djs_view_unavailable(request_rec *r, djs_request_t *ctx)
{
    if (r->main == NULL) {
        ctx->denied = 1;
        ctx->later = DJS_RETRY_SECONDS;
    }
    apr_table_setn(r->err_headers_out, "Retry-After", DJS_RETRY_AFTER);
    return HTTP_SERVICE_UNAVAILABLE;
}

void djs_view_error_page(request_rec *r)
{
    djs_request_t *ctx = r->prev != NULL ? djs_request_find(r) : NULL;

    if (ctx != NULL && ctx->unsure && r->main == NULL &&
        r->status == HTTP_INTERNAL_SERVER_ERROR) {
        r->status = djs_view_unavailable(r, ctx);
        apr_table_setn(r->subprocess_env, "REDIRECT_STATUS", "503");
    }
}
