/* httpd/backend.c - what proxied back ends are told, as request headers.
 *
 * Only back ends of this site: whoever uses httpd as a forward proxy chooses
 * himself where his requests go, and data that stays on the server would get
 * there. Never with TRACE, which is answered with what was sent. */
#include <apr_strings.h>
#include <httpd.h>
#include <http_log.h>
#include "httpd/backend.h"
#include "httpd/export.h"
#include "session/forward.h"

APLOG_USE_MODULE(djsession);

int djs_backend_is_proxied(const request_rec *r)
{
    return r->proxyreq != PROXYREQ_NONE ||
           (r->handler != NULL && strncmp(r->handler, "proxy:", 6) == 0);
}

static const char *seconds(apr_time_t t, apr_pool_t *p)
{
    return apr_off_t_toa(p, apr_time_sec(t));
}

static void gather(djs_forward_t *headers, request_rec *r,
                   const djs_session_t *s, const djs_policy_t *policy)
{
    const char **values = headers->values;
    const char *user;

    memset(headers, 0, sizeof *headers);
    values[DJS_FORWARD_STATE] =
        djs_export_state(s == NULL ? DJS_STATE_NONE : s->state);
    if (s == NULL || s->state != DJS_STATE_LIVE) {
        return;
    }
    user = djs_export_text(s, policy->user_key, r->pool);
    if (user != NULL && djs_forward_can_hold(user)) {
        values[DJS_FORWARD_USER] = user;
    }
    values[DJS_FORWARD_TAG] = s->record.tag;
    values[DJS_FORWARD_CREATED] = seconds(s->record.created, r->pool);
    values[DJS_FORWARD_EXPIRES] = seconds(s->record.expires, r->pool);
    if (policy->forward == DJS_ENV_DATA) {
        values[DJS_FORWARD_DATA] = s->record.body.data;
    }
}

static int refuse(request_rec *r, const char *name, apr_size_t len)
{
    ap_log_rerror(APLOG_MARK, APLOG_ERR, 0, r,
                  "DJS311: no back end was asked for %s: %s would have"
                  " %" APR_SIZE_T_FMT " bytes, more than LimitRequestFieldSize"
                  " %d: raise that here and at the back end, keep less in"
                  " sessions (DjSessionMaxSize), or write DjSessionForward"
                  " Summary",
                  r->uri, name, len, r->server->limit_req_fieldsize);
    return HTTP_INTERNAL_SERVER_ERROR;
}

int djs_backend_tell(request_rec *r, const djs_session_t *s,
                     const djs_policy_t *policy)
{
    const unsigned char *key = djs_server_host(r->server)->forward_key;
    const char *signature = NULL, *name;
    djs_forward_t headers;
    apr_size_t len;
    int i;

    if (policy->forward == DJS_ENV_OFF || !djs_backend_is_proxied(r) ||
        r->proxyreq == PROXYREQ_PROXY || r->method_number == M_TRACE) {
        return OK;
    }
    gather(&headers, r, s, policy);
    name = djs_forward_too_long(&len, &headers,
                                (apr_size_t)r->server->limit_req_fieldsize);
    if (name != NULL) {
        return refuse(r, name, len);
    }
    if (key != NULL && djs_forward_sign(&signature, &headers, key,
                                        apr_time_now(), r->pool) != 0) {
        ap_log_rerror(APLOG_MARK, APLOG_ERR, 0, r,
                      "DJS312: no back end was asked for %s: OpenSSL makes no"
                      " HMAC-SHA-256; look at its configuration (openssl.cnf)",
                      r->uri);
        return HTTP_INTERNAL_SERVER_ERROR;
    }
    for (i = 0; i < DJS_FORWARD_ITEMS; i++) {
        if (headers.values[i] != NULL) {
            apr_table_setn(r->headers_in, djs_forward_names[i],
                           headers.values[i]);
        }
    }
    if (signature != NULL) {
        apr_table_setn(r->headers_in, DJS_FORWARD_SIGNATURE, signature);
    }
    return OK;
}
