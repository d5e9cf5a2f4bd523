/* httpd/scrub.c - takes away every name of ours that somebody else set. */
#include <apr_lib.h>
#include <apr_strings.h>
#include <httpd.h>
#include <http_protocol.h>
#include "httpd/scrub.h"
#include "session/cookie.h"

#define HEADER_PREFIX "x-djsession"
#define ENV_PREFIX    "DJSESSION_"
#define ENV_REDIRECT  "REDIRECT_"
#define ENV_HEADER    "HTTP_"

/* Some back ends fold every odd byte of a header name to '_' or '-': whatever
 * could be taken for ours is ours. */
static int is_our_header(const char *name, apr_size_t len)
{
    static const char prefix[] = HEADER_PREFIX;
    apr_size_t i;

    if (len < sizeof prefix - 1) {
        return 0;
    }
    for (i = 0; i < sizeof prefix - 1; i++) {
        char c = name[i];

        if (!(prefix[i] == '-' ? !apr_isalnum(c)
                               : apr_tolower(c) == prefix[i])) {
            return 0;
        }
    }
    return len == sizeof prefix - 1 || !apr_isalnum(name[i]);
}

/* The first header that is ours, or NULL. */
static const char *find_ours(const apr_table_t *table)
{
    const apr_array_header_t *fields = apr_table_elts(table);
    int i;

    for (i = 0; i < fields->nelts; i++) {
        const char *name = APR_ARRAY_IDX(fields, i, apr_table_entry_t).key;

        if ((name[0] == 'x' || name[0] == 'X') &&
            is_our_header(name, strlen(name))) {
            return name;
        }
    }
    return NULL;
}

static void scrub_table(apr_table_t *table)
{
    const char *name;

    while ((name = find_ours(table)) != NULL) {
        apr_table_unset(table, name); /* all of that name */
    }
}

/* The list without our names; NULL when nothing is left of it. Whatever can
 * not stand in a name separates: ap_get_token ends a token with blanks and ";",
 * too. */
static const char *without_ours(const char *list, apr_pool_t *p)
{
    static const char separators[] = ",; \t\v\f\r\n\"";
    const char *kept = NULL;

    while (*(list += strspn(list, separators)) != '\0') {
        apr_size_t len = strcspn(list, separators);

        if (!is_our_header(list, len)) {
            kept = apr_pstrcat(p, kept == NULL ? "" : kept,
                               kept == NULL ? "" : ", ",
                               apr_pstrmemdup(p, list, len), NULL);
        }
        list += len;
    }
    return kept;
}

static void scrub_tokens(request_rec *r, const char *header)
{
    const char *list = apr_table_get(r->headers_in, header);
    const char *kept;

    if (list == NULL) {
        return;
    }
    list = apr_table_getm(r->pool, r->headers_in, header); /* all its lines */
    if (ap_strcasestr(list, "djsession") == NULL) {
        return;
    }
    kept = without_ours(list, r->pool);
    if (kept == NULL) {
        apr_table_unset(r->headers_in, header);
    }
    else {
        apr_table_setn(r->headers_in, header, kept);
    }
}

void djs_scrub_headers(request_rec *r)
{
    scrub_table(r->headers_in);
    scrub_tokens(r, "Connection");
    scrub_tokens(r, "Proxy-Connection");
}

/* Adds a field that is ours to the table `baton`. */
static int keep_ours(void *baton, const char *name, const char *value)
{
    if (is_our_header(name, strlen(name))) {
        apr_table_addn(baton, name, value);
    }
    return 1;
}

void djs_scrub_trailers(request_rec *r, const apr_table_t *ours)
{
    scrub_table(r->trailers_in);
    scrub_table(r->headers_in);
    if (ours != NULL) {
        apr_table_overlap(r->headers_in, ours, APR_OVERLAP_TABLES_SET);
    }
}

int djs_scrub_trailers_out(request_rec *r)
{
    int update = apr_table_get(r->trailers_out, "X-DjSession-Update") != NULL;

    scrub_table(r->trailers_out);
    apr_table_unset(r->trailers_out, "Set-Cookie");
    return update;
}

apr_table_t *djs_scrub_ours(const request_rec *r)
{
    apr_table_t *ours;

    if (find_ours(r->headers_in) == NULL) {
        return NULL;
    }
    ours = apr_table_make(r->pool, 8);
    apr_table_do(keep_ours, ours, r->headers_in, NULL);
    return ours;
}

/* Steps over `prefix` where `*name` begins with it. Of a variable's name, httpd
 * makes every odd byte a '_' when it starts a program. */
static int begins(const char **name, const char *prefix)
{
    const char *at = *name;

    for (; *prefix != '\0'; prefix++, at++) {
        if (!(*prefix == '_' ? *at != '\0' && !apr_isalnum(*at)
                             : apr_toupper(*at) == *prefix)) {
            return 0;
        }
    }
    *name = at;
    return 1;
}

/* DJSESSION_USER, or what a program takes for a header: HTTP_X_DJSESSION_USER;
 * or what a redirect makes of them. */
static int is_our_variable(const char *name)
{
    while (begins(&name, ENV_REDIRECT)) {
        continue;
    }
    return begins(&name, ENV_HEADER) ? is_our_header(name, strlen(name))
                                     : begins(&name, ENV_PREFIX);
}

static void scrub_env(request_rec *r)
{
    const apr_array_header_t *vars = apr_table_elts(r->subprocess_env);
    int i = 0;

    while (i < vars->nelts) {
        const char *name = APR_ARRAY_IDX(vars, i, apr_table_entry_t).key;

        if (strchr("DdRrHh", name[0]) != NULL && is_our_variable(name)) {
            apr_table_unset(r->subprocess_env, name);
            i = 0;
        }
        else {
            i++;
        }
    }
}

void djs_scrub_names(request_rec *r)
{
    scrub_table(r->headers_in);
    scrub_tokens(r, "Connection");
    scrub_tokens(r, "Proxy-Connection");
    scrub_env(r);
}

/* What a table has under one name, joined. */
typedef struct {
    const char *all;
    apr_pool_t *p;
} joined_t;

static int join(void *baton, const char *name, const char *value)
{
    joined_t *joined = baton;

    (void)name;
    joined->all = joined->all == NULL
                      ? value
                      : apr_pstrcat(joined->p, joined->all, "; ", value, NULL);
    return 1;
}

const char *djs_scrub_cookies_of(request_rec *r, apr_pool_t *p)
{
    joined_t joined = { NULL, p };

    (void)apr_table_do(join, &joined, r->headers_in, "Cookie", NULL);
    return joined.all;
}

void djs_scrub_cookie(request_rec *r, const djs_policy_t *policy)
{
    const char *header = djs_scrub_cookies_of(r, r->pool);
    djs_bytes_t rest;

    if (header == NULL ||
        djs_cookie_hide(&rest, djs_bytes(header),
                        djs_bytes(policy->cookie_name),
                        r->pool) != APR_SUCCESS ||
        rest.data == header) {
        return;
    }
    if (rest.len == 0) {
        apr_table_unset(r->headers_in, "Cookie");
    }
    else {
        apr_table_setn(r->headers_in, "Cookie",
                       apr_pstrmemdup(r->pool, rest.data, rest.len));
    }
}
