/* httpd/headers.c - the response headers that sessions are concerned with. */
#include <apr_strings.h>
#include <httpd.h>
#include <http_protocol.h>
#include "httpd/headers.h"
#include "session/cookie.h"

#define UPDATE "X-DjSession-Update"

/* Values of one header, gathered over both tables. */
typedef struct {
    apr_pool_t *p;
    const char *joined;
} gather_t;

static int gather(void *baton, const char *key, const char *value)
{
    gather_t *g = baton;

    (void)key;
    g->joined = g->joined == NULL
                    ? apr_pstrdup(g->p, value)
                    : apr_pstrcat(g->p, g->joined, ", ", value, NULL);
    return 1;
}

static const char *take(request_rec *r, const char *name, apr_pool_t *p)
{
    gather_t g = { p, NULL };

    if (apr_table_get(r->headers_out, name) == NULL &&
        apr_table_get(r->err_headers_out, name) == NULL) {
        return NULL;
    }
    apr_table_do(gather, &g, r->headers_out, name, NULL);
    apr_table_do(gather, &g, r->err_headers_out, name, NULL);
    apr_table_unset(r->headers_out, name);
    apr_table_unset(r->err_headers_out, name);
    return g.joined;
}

const char *djs_headers_take_update(request_rec *from, apr_pool_t *p)
{
    return take(from, UPDATE, p);
}

/* A table cannot drop one of several values: so the others are kept aside. */
typedef struct {
    apr_array_header_t *others;
    djs_bytes_t name;
    int ours;
} cookies_t;

static int sort_out(void *baton, const char *key, const char *value)
{
    cookies_t *c = baton;

    (void)key;
    if (djs_cookie_sets(djs_bytes(value), c->name)) {
        c->ours++;
    }
    else {
        APR_ARRAY_PUSH(c->others, const char *) = value;
    }
    return 1;
}

static int drop_from(apr_table_t *table, const char *name, apr_pool_t *p)
{
    cookies_t c = { NULL, { NULL, 0 }, 0 };
    int i;

    if (apr_table_get(table, "Set-Cookie") == NULL) {
        return 0;
    }
    c.name = djs_bytes(name);
    c.others = apr_array_make(p, 4, sizeof(const char *));
    apr_table_do(sort_out, &c, table, "Set-Cookie", NULL);
    if (c.ours > 0) {
        apr_table_unset(table, "Set-Cookie");
        for (i = 0; i < c.others->nelts; i++) {
            apr_table_addn(table, "Set-Cookie",
                           APR_ARRAY_IDX(c.others, i, const char *));
        }
    }
    return c.ours;
}

/* Stops the walk at the first one. */
static int is_other(void *name, const char *key, const char *value)
{
    (void)key;
    return !djs_cookie_sets(djs_bytes(value), djs_bytes(name));
}

int djs_headers_sets_cookie(const request_rec *r, const char *name)
{
    return !apr_table_do(is_other, (void *)name, r->headers_out, "Set-Cookie",
                         NULL) ||
           !apr_table_do(is_other, (void *)name, r->err_headers_out,
                         "Set-Cookie", NULL);
}

int djs_headers_drop_cookie(request_rec *r, const char *name)
{
    return drop_from(r->headers_out, name, r->pool) +
           drop_from(r->err_headers_out, name, r->pool);
}

void djs_headers_cookie(request_rec *r, const djs_request_t *ctx,
                        const djs_policy_t *policy, const djs_saved_t *saved)
{
    djs_cookie_t cookie;
    const char *value;

    cookie.name = policy->cookie_name;
    cookie.domain = policy->cookie_domain;
    cookie.path = policy->cookie_path;
    cookie.secure = policy->secure == DJS_SECURE_ON ||
                    (policy->secure == DJS_SECURE_AUTO && ctx->tls);
    cookie.httponly = policy->httponly == DJS_ON;
    cookie.partitioned = policy->partitioned == DJS_ON;
    cookie.samesite = (djs_samesite_e)policy->samesite;
    value = saved->did == DJS_DID_END
                ? djs_cookie_delete(&cookie, r->pool)
                : djs_cookie_set(
                      &cookie, saved->value != NULL ? saved->value : saved->key,
                      saved->max_age, apr_time_now(), r->pool);
    (void)djs_headers_drop_cookie(r, policy->cookie_name);
    apr_table_addn(r->err_headers_out, "Set-Cookie", value);
    /* Whatever administrators make mod_cache store: never this. */
    apr_table_setn(r->subprocess_env, "no-cache", "session");
    if (policy->cache_control == DJS_ON) {
        apr_table_unset(r->headers_out, "Cache-Control");
        apr_table_setn(r->err_headers_out, "Cache-Control",
                       "private, no-store");
    }
}

void djs_headers_vary(request_rec *r)
{
    const char *vary = take(r, "Vary", r->pool);

    if (vary == NULL) {
        vary = "Cookie";
    }
    else if (ap_find_token(r->pool, vary, "*")) {
        vary = "*";
    }
    else if (!ap_find_token(r->pool, vary, "Cookie")) {
        vary = apr_pstrcat(r->pool, vary, ", Cookie", NULL);
    }
    /* Where there is no cookie to go with, the cheaper table will do. */
    apr_table_setn(apr_is_empty_table(r->err_headers_out) ? r->headers_out
                                                          : r->err_headers_out,
                   "Vary", vary);
}
