/* httpd/logout.c - the handler djsession-logout.
 *
 * Nobody shall be logged out by a picture on somebody else's page: a GET needs
 * proof that a page of this site caused it, and a POST must not bear proof of
 * the contrary. The session ends when the response begins; only then is it said
 * that it has. */
#include <apr_strings.h>
#include <httpd.h>
#include <http_config.h>
#include <http_core.h>
#include <http_log.h>
#include <http_protocol.h>
#include <http_request.h>
#include "httpd/logout.h"
#include "httpd/output.h"
#include "httpd/request.h"
#include "session/nextpath.h"

APLOG_USE_MODULE(djsession);

#define FORM_TYPE "application/x-www-form-urlencoded"
#define FORM_MOST 8192 /* bytes */

/* What the visitor asks for besides. */
typedef struct {
    const char *next; /* decoded, not judged; NULL: nothing */
    int clear;
} wishes_t;

static void take_wish(wishes_t *w, const char *name, const char *value)
{
    if (strcmp(name, "next") == 0) {
        w->next = value;
    }
    else if (strcmp(name, "clear") == 0) {
        w->clear = strcmp(value, "1") == 0;
    }
}

static void read_query(wishes_t *w, request_rec *r)
{
    const char *rest = r->args;

    while (rest != NULL && *rest != '\0') {
        char *value = ap_getword(r->pool, &rest, '&');
        char *name = ap_getword(r->pool, (const char **)&value, '=');

        if (ap_unescape_urlencoded(name) == OK &&
            ap_unescape_urlencoded(value) == OK) {
            take_wish(w, name, value);
        }
    }
}

/* Fields of a posted form. OK, or an HTTP error. */
static int read_form(wishes_t *w, request_rec *r)
{
    const char *type = apr_table_get(r->headers_in, "Content-Type");
    apr_array_header_t *pairs = NULL;
    int i, status;

    if (type == NULL || strncasecmp(type, FORM_TYPE, strlen(FORM_TYPE)) != 0) {
        return ap_discard_request_body(r);
    }
    status = ap_parse_form_data(r, NULL, &pairs, -1, FORM_MOST);
    for (i = 0; status == OK && pairs != NULL && i < pairs->nelts; i++) {
        ap_form_pair_t *pair = &APR_ARRAY_IDX(pairs, i, ap_form_pair_t);
        apr_off_t len;
        apr_size_t size;
        char *value;

        apr_brigade_length(pair->value, 1, &len);
        size = (apr_size_t)len;
        value = apr_pcalloc(r->pool, size + 1);
        apr_brigade_flatten(pair->value, value, &size);
        if (strlen(value) == size) {
            take_wish(w, pair->name, value);
        }
    }
    return status;
}

/* Does the URL in this header name our own host? -1: there is no header. */
static int is_our_host(request_rec *r, const char *header)
{
    const char *url = apr_table_get(r->headers_in, header);
    const char *host = apr_table_get(r->headers_in, "Host");
    const char *authority;
    apr_size_t len;

    if (url == NULL) {
        return -1;
    }
    authority = strstr(url, "://");
    if (authority == NULL || host == NULL) {
        return 0;
    }
    authority += 3;
    len = strcspn(authority, "/?#");
    return len == strlen(host) && strncasecmp(authority, host, len) == 0;
}

/* 1: a page of this site, or the visitor's own hand, caused the request; 0:
 * some other page did; -1: nobody says. */
static int came_from_here(request_rec *r)
{
    const char *site = apr_table_get(r->headers_in, "Sec-Fetch-Site");
    int ours;

    if (site != NULL) {
        return strcmp(site, "same-origin") == 0 ||
               strcmp(site, "same-site") == 0 || strcmp(site, "none") == 0;
    }
    ours = is_our_host(r, "Origin");
    return ours >= 0 ? ours : is_our_host(r, "Referer");
}

/* A browser that only wants to be fast does not log its user out. */
static int is_prefetch(request_rec *r)
{
    const char *purpose = apr_table_get(r->headers_in, "Sec-Purpose");

    if (purpose == NULL) {
        purpose = apr_table_get(r->headers_in, "Purpose");
    }
    return purpose != NULL && ap_strcasestr(purpose, "prefetch") != NULL;
}

/* May this request log its visitor out? OK, or an HTTP error. */
static int judge(request_rec *r)
{
    int from_here = came_from_here(r);

    if (r->method_number != M_POST &&
        (r->method_number != M_GET || r->header_only)) {
        ap_allow_methods(r, REPLACE_ALLOW, "GET", "POST", NULL);
        return HTTP_METHOD_NOT_ALLOWED;
    }
    if (from_here == 0 ||
        (r->method_number == M_GET && (from_here != 1 || is_prefetch(r)))) {
        ap_log_rerror(APLOG_MARK, APLOG_INFO, 0, r,
                      "DJS305: a logout that no page of this site asked for is"
                      " refused: use a form with method POST");
        return HTTP_FORBIDDEN;
    }
    return OK;
}

int djs_logout_handler(request_rec *r)
{
    wishes_t wishes = { NULL, 0 };
    int status;

    if (r->handler == NULL || strcmp(r->handler, "djsession-logout") != 0) {
        return DECLINED;
    }
    if (djs_server_policy(r)->enabled != DJS_ON) {
        ap_log_rerror(
            APLOG_MARK, APLOG_ERR, 0, r,
            "DJS306: the handler djsession-logout of %s has no session"
            " to end: add DjSession On there",
            r->uri);
        return HTTP_INTERNAL_SERVER_ERROR;
    }
    apr_table_setn(r->err_headers_out, "Cache-Control", "no-store");
    status = judge(r);
    if (status == OK) {
        read_query(&wishes, r);
        status = r->method_number == M_POST ? read_form(&wishes, r) : OK;
    }
    if (status == OK) {
        status = djs_output_end(r);
    }
    if (status != OK) {
        return status;
    }
    djs_request_load(r)->clear = wishes.clear;
    if (wishes.next == NULL || !djs_nextpath_is_safe(djs_bytes(wishes.next))) {
        return HTTP_NO_CONTENT;
    }
    apr_table_setn(r->headers_out, "Location", wishes.next);
    return HTTP_SEE_OTHER;
}
