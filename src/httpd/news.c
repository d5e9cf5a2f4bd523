/* httpd/news.c - what mod_session's users have done to the table that they were
 * given, as changes of our session. */
#include <apr_strings.h>
#include <httpd.h>
#include "httpd/news.h"

#define USER_SUFFIX "-" MOD_SESSION_USER /* as mod_auth_form names its keys */

typedef struct djs_bridge bridge_t;

int djs_news_is_kept_back(const char *key)
{
    return key[0] == '\0' || strcasecmp(key, "expiry") == 0 ||
           strcasecmp(key, "_session_expiry") == 0;
}

/* Turning the differences into changes. */
typedef struct {
    djs_session_t *s;
    const bridge_t *bridge;
    const char *user_key; /* DjSessionUserKey, as text */
    const char *realm;    /* whose keys are all written: see below */
    apr_pool_t *p;
} job_t;

/* Walks a table; nonzero ends the walk, and is returned. */
typedef apr_status_t (*each_fn)(job_t *job, const char *key, const char *text);

static apr_status_t each(const apr_table_t *table, each_fn fn, job_t *job)
{
    const apr_array_header_t *fields = apr_table_elts(table);
    apr_status_t rv = APR_SUCCESS;
    int i;

    for (i = 0; i < fields->nelts && rv == APR_SUCCESS; i++) {
        const apr_table_entry_t *e =
            &APR_ARRAY_IDX(fields, i, apr_table_entry_t);

        if (e->key != NULL && !djs_news_is_kept_back(e->key)) {
            rv = fn(job, e->key, e->val);
        }
    }
    return rv;
}

/* Of a name that stands twice in the table the first one counts, as for
 * mod_session itself. */
static int is_changed(const bridge_t *bridge, const char *key, const char *text)
{
    const char *given = apr_table_get(bridge->given, key);

    return apr_table_get(bridge->z->entries, key) == text &&
           (given == NULL || strcmp(given, text) != 0);
}

/* mod_auth_form's key of a user: the AuthName, and "-user". */
static int is_realms_user(const char *key)
{
    apr_size_t len = strlen(key), suffix = sizeof USER_SUFFIX - 1;

    return len > suffix && strcasecmp(key + len - suffix, USER_SUFFIX) == 0;
}

/* Nonzero when there is another user than before; or the same, whom a form has
 * set once more: he has logged in again. */
static int is_login(const job_t *job, const char *key, const char *text)
{
    const bridge_t *bridge = job->bridge;

    return (is_realms_user(key) ||
            (job->user_key != NULL && strcmp(key, job->user_key) == 0)) &&
           (is_changed(bridge, key, text) ||
            (bridge->posted && is_realms_user(key) &&
             apr_table_get(bridge->z->entries, key) == text &&
             apr_table_get(bridge->given, key) != text));
}

static int is_gone(const bridge_t *bridge, const char *key)
{
    return apr_table_get(bridge->z->entries, key) == NULL;
}

static apr_status_t if_changed(job_t *job, const char *key, const char *text)
{
    return is_changed(job->bridge, key, text) || is_login(job, key, text)
               ? DJS_ETAKEN
               : APR_SUCCESS;
}

static apr_status_t if_gone(job_t *job, const char *key, const char *text)
{
    (void)text;
    return is_gone(job->bridge, key) ? DJS_ETAKEN : APR_SUCCESS;
}

static apr_status_t if_any(job_t *job, const char *key, const char *text)
{
    (void)job;
    (void)key;
    (void)text;
    return DJS_ETAKEN;
}

/* mod_session's own deadline is no content. */
int djs_news_is_empty(const session_rec *z)
{
    return each(z->entries, if_any, NULL) == APR_SUCCESS;
}

/* Nonzero when the table is what it was, text by text: the usual case, told
 * without a search. Only mod_session's own deadline may have been added. */
static int is_untouched(const bridge_t *bridge)
{
    const apr_array_header_t *now = apr_table_elts(bridge->z->entries);
    const apr_array_header_t *then = apr_table_elts(bridge->given);
    int i;

    if (now->nelts < then->nelts) {
        return 0;
    }
    for (i = 0; i < now->nelts; i++) {
        const apr_table_entry_t *a = &APR_ARRAY_IDX(now, i, apr_table_entry_t);
        const apr_table_entry_t *b =
            i < then->nelts ? &APR_ARRAY_IDX(then, i, apr_table_entry_t) : NULL;

        if (b != NULL ? a->key != b->key || a->val != b->val
                      : !djs_news_is_kept_back(a->key)) {
            return 0;
        }
    }
    return 1;
}

/* Nonzero when mod_session's users have done something. */
int djs_news_any(const bridge_t *bridge)
{
    job_t job = { .bridge = bridge };

    if (bridge->z->maxage == 0 && bridge->z->expiry != bridge->expiry) {
        return 1;
    }
    return !is_untouched(bridge) &&
           (each(bridge->z->entries, if_changed, &job) != APR_SUCCESS ||
            each(bridge->given, if_gone, &job) != APR_SUCCESS);
}

/* From here on what is in the table is what the session has. */
void djs_news_settle(bridge_t *bridge)
{
    bridge->given = apr_table_copy(bridge->z->pool, bridge->z->entries);
    bridge->expiry = bridge->z->expiry;
}

/* A user has logged in, for the first time or once more. Where the key is
 * DjSessionUserKey this is Django's login: the other user's data goes, but what
 * the login itself set stays, even if it is what the other user had there, too.
 */
static apr_status_t note_login(job_t *job, const char *key, const char *text)
{
    apr_status_t rv;

    if (!is_login(job, key, text)) {
        return APR_SUCCESS;
    }
    if (strcmp(key, job->user_key) != 0) {
        return djs_session_note_login(job->s);
    }
    rv = djs_session_login(job->s, djs_bytes(key), djs_bytes(text));
    if (job->s->flushed && is_realms_user(key)) {
        job->realm =
            apr_pstrmemdup(job->p, key, strlen(key) - sizeof USER_SUFFIX + 2);
    }
    return rv;
}

/* Django's logout: without its user the session ends. */
static apr_status_t note_logout(job_t *job, const char *key, const char *text)
{
    (void)text;
    return strcmp(key, job->user_key) == 0 && is_gone(job->bridge, key)
               ? djs_session_flush(job->s)
               : APR_SUCCESS;
}

/* The name as it was given: mod_session may write it in other letters. */
static const char *own_name(const bridge_t *bridge, const char *key)
{
    const apr_array_header_t *fields = apr_table_elts(bridge->given);
    int i;

    for (i = 0; i < fields->nelts; i++) {
        const char *given = APR_ARRAY_IDX(fields, i, apr_table_entry_t).key;

        if (strcasecmp(given, key) == 0) {
            return given;
        }
    }
    return key;
}

static apr_status_t set_changed(job_t *job, const char *key, const char *text)
{
    int is_realms =
        job->realm != NULL && strncmp(key, job->realm, strlen(job->realm)) == 0;

    return is_realms || is_changed(job->bridge, key, text)
               ? djs_session_set_text(job->s,
                                      djs_bytes(own_name(job->bridge, key)),
                                      djs_bytes(text))
               : APR_SUCCESS;
}

static apr_status_t drop_gone(job_t *job, const char *key, const char *text)
{
    const djs_bytes_t *ignored;

    (void)text;
    return is_gone(job->bridge, key)
               ? djs_session_pop(job->s, djs_bytes(key), &ignored)
               : APR_SUCCESS;
}

/* Somebody set a deadline without SessionMaxAge: it is the session's own. */
static apr_status_t take_expiry(const job_t *job)
{
    const session_rec *z = job->bridge->z;
    djs_expiry_t own = { DJS_EXPIRY_POLICY, 0, 0 };

    if (z->maxage > 0 || z->expiry == job->bridge->expiry) {
        return APR_SUCCESS;
    }
    if (z->expiry > 0) {
        own.how = DJS_EXPIRY_DATE;
        own.date = z->expiry;
    }
    return djs_session_set_expiry(job->s, &own);
}

/* A session that mod_session's users have emptied has ended: that is what a
 * logout of theirs leaves. */
static apr_status_t end_if_empty(job_t *job)
{
    const djs_json_member_t *items;
    int count;
    apr_status_t rv = djs_session_items(job->s, &items, &count);

    if (rv != APR_SUCCESS || !djs_news_is_empty(job->bridge->z) || count > 1 ||
        (count == 1 &&
         !djs_bytes_equal(items[0].key, djs_bytes("\"_session_expiry\"")))) {
        return rv;
    }
    return djs_session_flush(job->s);
}

apr_status_t djs_news_take(request_rec *r, djs_request_t *ctx)
{
    const apr_table_t *entries = ctx->bridge->z->entries;
    djs_bytes_t user_key;
    job_t job = { &ctx->session, ctx->bridge, NULL, NULL, ctx->top->pool };
    apr_status_t rv = djs_json_text(
        &user_key, djs_bytes(djs_server_policy(r)->user_key), job.p);

    if (rv == APR_SUCCESS) {
        job.user_key = user_key.data;
        rv = each(job.bridge->given, note_logout, &job);
    }
    if (rv == APR_SUCCESS) {
        rv = each(entries, note_login, &job);
    }
    if (rv == APR_SUCCESS) {
        rv = each(entries, set_changed, &job);
    }
    if (rv == APR_SUCCESS) {
        rv = each(job.bridge->given, drop_gone, &job);
    }
    if (rv == APR_SUCCESS) {
        rv = take_expiry(&job);
    }
    return rv == APR_SUCCESS ? end_if_empty(&job) : rv;
}
