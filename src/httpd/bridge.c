/* httpd/bridge.c - our stores as the storage of mod_session.
 *
 * A request has one table for mod_session, as it has one session object. Two
 * names of its data never come to mod_session: "expiry", which it takes for its
 * own deadline, and "_session_expiry", which is the same thing of ours. What
 * has no form as a C string in UTF-8 is not shown either, and stays. */
#include <apr_dso.h>
#include <apr_strings.h>
#include <httpd.h>
#include <http_config.h>
#include <http_log.h>
#include <mod_session.h>
#include "httpd/bridge.h"
#include "httpd/view.h"

APLOG_USE_MODULE(djsession);

#define USER_SUFFIX "-" MOD_SESSION_USER /* as mod_auth_form names its keys */

struct djs_bridge {
    session_rec *z;
    apr_table_t *given; /* z->entries as they were when last looked at */
    apr_time_t expiry;  /* z->expiry, the same */
};

typedef struct djs_bridge bridge_t;

static module *theirs; /* mod_session, set while there is one thread */

/* What mod_session is set to for this location. */
static const session_dir_conf *their_policy(const request_rec *r)
{
    return ap_get_module_config(r->per_dir_config, theirs);
}

static int is_kept_back(const char *key)
{
    return key[0] == '\0' || strcasecmp(key, "expiry") == 0 ||
           strcasecmp(key, "_session_expiry") == 0;
}

/* ---------------------------------------------------------------- load */

/* A normal string as a C string; NULL when it has no such form. */
static const char *plain_text(djs_bytes_t value, apr_pool_t *p)
{
    djs_bytes_t text;

    if (djs_json_text(&text, value, p) != APR_SUCCESS ||
        memchr(text.data, '\0', text.len) != NULL) {
        return NULL;
    }
    return text.data;
}

/* Shows one member. To mod_session names that differ in case alone are one: it
 * sees the first. */
static void show(apr_table_t *entries, const djs_json_member_t *member,
                 apr_pool_t *p)
{
    const char *key = plain_text(member->key, p);
    const char *text;

    if (key == NULL || is_kept_back(key) ||
        apr_table_get(entries, key) != NULL) {
        return;
    }
    text = djs_json_kind(member->value) == DJS_JSON_STRING
               ? plain_text(member->value, p)
               : apr_pstrmemdup(p, member->value.data, member->value.len);
    if (text != NULL) {
        apr_table_setn(entries, key, text);
    }
}

/* When mod_session shall take the session for expired: never later than we do.
 * Without SessionMaxAge it knows a deadline only if somebody set one. */
static apr_time_t deadline_of(request_rec *r, djs_session_t *s)
{
    djs_expiry_t own;

    if (s->state != DJS_STATE_LIVE) {
        return 0;
    }
    return their_policy(r)->maxage > 0 ||
                   (djs_session_expiry(s, &own) == APR_SUCCESS &&
                    own.how == DJS_EXPIRY_DATE)
               ? s->record.expires
               : 0;
}

static session_rec *empty_table(apr_pool_t *p)
{
    session_rec *z = apr_pcalloc(p, sizeof *z);

    z->pool = p;
    z->entries = apr_table_make(p, 8);
    return z;
}

static apr_status_t fill(request_rec *r, djs_request_t *ctx)
{
    apr_pool_t *p = ctx->top->pool;
    bridge_t *bridge = apr_pcalloc(p, sizeof *bridge);
    session_rec *z = empty_table(p);
    const djs_json_member_t *items = NULL;
    int count = 0, i;

    if (ctx->session.state == DJS_STATE_LIVE) {
        apr_status_t rv = djs_session_items(&ctx->session, &items, &count);

        if (rv != APR_SUCCESS) {
            return rv;
        }
    }
    for (i = 0; i < count; i++) {
        show(z->entries, &items[i], p);
    }
    z->expiry = deadline_of(r, &ctx->session);
    bridge->z = z;
    bridge->given = apr_table_copy(p, z->entries);
    bridge->expiry = z->expiry;
    ctx->bridge = bridge;
    return APR_SUCCESS;
}

/* Hook of mod_session. A store in trouble is an error, not an empty session,
 * unless requests shall go on without one. */
static apr_status_t load(request_rec *r, session_rec **z)
{
    const djs_policy_t *policy = djs_server_policy(r);
    apr_status_t rv = APR_SUCCESS;
    djs_request_t *ctx;

    if (policy->modsession != DJS_ON) {
        return DECLINED;
    }
    ctx = djs_request_load(r);
    ctx->depends = 1;
    if (djs_request_refused(ctx, policy)) {
        /* Over plain HTTP a redirect may lead here with a session. */
        if (ctx->veil == NULL) {
            ctx->veil = empty_table(ctx->top->pool);
        }
        *z = ctx->veil;
        return APR_SUCCESS;
    }
    if (ctx->session.state == DJS_STATE_UNREADABLE) {
        return DJS_EUNREADABLE;
    }
    if (ctx->session.state == DJS_STATE_UNAVAILABLE &&
        policy->on_error == DJS_ERROR_DENY) {
        return DJS_ETROUBLE;
    }
    if (ctx->bridge == NULL) {
        rv = fill(r, ctx);
    }
    if (rv == APR_SUCCESS) {
        *z = ctx->bridge->z;
    }
    return rv;
}

/* ------------------------------------------------------------- changes */

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

        if (e->key != NULL && !is_kept_back(e->key)) {
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

static int is_gone(const bridge_t *bridge, const char *key)
{
    return apr_table_get(bridge->z->entries, key) == NULL;
}

static apr_status_t if_changed(job_t *job, const char *key, const char *text)
{
    return is_changed(job->bridge, key, text) ? DJS_ETAKEN : APR_SUCCESS;
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
static int is_empty(const session_rec *z)
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
                      : !is_kept_back(a->key)) {
            return 0;
        }
    }
    return 1;
}

/* Nonzero when mod_session's users have done something. */
static int has_news(const bridge_t *bridge)
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
static void settle(bridge_t *bridge)
{
    bridge->given = apr_table_copy(bridge->z->pool, bridge->z->entries);
    bridge->expiry = bridge->z->expiry;
}

/* A user has appeared, or another one. Where the key is DjSessionUserKey this
 * is Django's login: the other user's data goes, but what the login itself set
 * stays, even if it is what the other user had there, too. */
static apr_status_t note_login(job_t *job, const char *key, const char *text)
{
    apr_size_t len = strlen(key), suffix = sizeof USER_SUFFIX - 1;
    apr_status_t rv;

    if (len <= suffix || strcasecmp(key + len - suffix, USER_SUFFIX) != 0 ||
        !is_changed(job->bridge, key, text)) {
        return APR_SUCCESS;
    }
    if (strcmp(key, job->user_key) != 0) {
        return djs_session_note_login(job->s);
    }
    rv = djs_session_login(job->s, djs_bytes(key), djs_bytes(text));
    if (job->s->flushed) {
        job->realm = apr_pstrmemdup(job->p, key, len - suffix + 1);
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

    if (rv != APR_SUCCESS || !is_empty(job->bridge->z) || count > 1 ||
        (count == 1 &&
         !djs_bytes_equal(items[0].key, djs_bytes("\"_session_expiry\"")))) {
        return rv;
    }
    return djs_session_flush(job->s);
}

static apr_status_t take_news(request_rec *r, djs_request_t *ctx)
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

/* ---------------------------------------------------------------- save */

/* SessionMaxAge takes the place of our own age and renewal. A session that
 * another location has given longer gets no more than this one allows. */
static void note_age(djs_request_t *ctx)
{
    const session_rec *z = ctx->bridge->z;
    const apr_int64_t most = APR_INT64_MAX / 4 / APR_USEC_PER_SEC;

    if (z->maxage <= 0) {
        return;
    }
    ctx->maxage = apr_time_from_sec(z->maxage < most ? z->maxage : most);
    ctx->touched |= ctx->session.state == DJS_STATE_LIVE &&
                    ctx->session.record.expires >
                        apr_time_now() + ctx->maxage + APR_USEC_PER_SEC;
}

static int refuse(request_rec *r, djs_request_t *ctx, const char *why,
                  int status)
{
    ctx->committed = 1; /* nothing of this request is saved any more */
    if (ctx->bridge != NULL) {
        settle(ctx->bridge);
    }
    if (status == HTTP_SERVICE_UNAVAILABLE) {
        ctx->later = DJS_RETRY_SECONDS;
        ctx->denied = 1;
    }
    ap_log_rerror(APLOG_MARK, APLOG_WARNING, 0, r,
                  "DJS402: what mod_session wants to save for %s was refused:"
                  " %s; the client got %d",
                  r->uri, why, status);
    return status;
}

static int refuse_plain(request_rec *r, djs_request_t *ctx)
{
    return refuse(r, ctx,
                  "this is a plain HTTP request, and DjSessionHTTPSOnly is On:"
                  " send its users to https",
                  HTTP_SERVICE_UNAVAILABLE);
}

int djs_bridge_collect(request_rec *r, djs_request_t *ctx)
{
    apr_status_t rv;

    if (ctx->bridge == NULL) {
        return OK;
    }
    note_age(ctx);
    /* In an outage the table is empty, and taking something out of it, as a
     * logout does, leaves no trace there. */
    if (!has_news(ctx->bridge) &&
        !(ctx->bridge->z->dirty &&
          ctx->session.state == DJS_STATE_UNAVAILABLE)) {
        return OK;
    }
    if (djs_request_refused(ctx, djs_server_policy(r))) {
        return refuse_plain(r, ctx);
    }
    rv = take_news(r, ctx);
    if (rv == DJS_EINVALID || rv == DJS_ETYPE) {
        return refuse(r, ctx,
                      "a key or a text is not UTF-8 (give the page of its form"
                      " charset=utf-8), or an expiry is no date",
                      HTTP_INTERNAL_SERVER_ERROR);
    }
    if (rv != APR_SUCCESS) {
        return refuse(r, ctx, "the session can not be read now",
                      HTTP_SERVICE_UNAVAILABLE);
    }
    settle(ctx->bridge);
    return OK;
}

void djs_bridge_leftovers(request_rec *r, djs_request_t *ctx)
{
    if (ctx->bridge != NULL && has_news(ctx->bridge)) {
        settle(ctx->bridge);
        ap_log_rerror(APLOG_MARK, APLOG_ERR, 0, r,
                      "DJS401: a change that mod_session was given for %s came"
                      " after the response had begun and is lost",
                      r->uri);
    }
}

/* Hook of mod_session, called in its filter, in front of ours: the store is
 * written there, once, with what programs want besides. */
static apr_status_t save(request_rec *r, session_rec *z)
{
    djs_request_t *ctx;
    int status;

    if (djs_server_policy(r)->modsession != DJS_ON) {
        return DECLINED;
    }
    ctx = djs_request_load(r);
    if (djs_request_refused(ctx, djs_server_policy(r)) && !is_empty(z) &&
        !ctx->committed) {
        ctx->failure = refuse_plain(r, ctx);
        return APR_EGENERAL;
    }
    if (ctx->bridge == NULL || ctx->bridge->z != z) {
        /* It made an empty one of its own, because the session's time ran out
         * while the request did. */
        return is_empty(z) ? OK : APR_EGENERAL;
    }
    if (ctx->committed) {
        int late = has_news(ctx->bridge);

        djs_bridge_leftovers(r, ctx);
        return late ? APR_EGENERAL : OK;
    }
    status = djs_bridge_collect(r, ctx);
    if (status != OK) {
        ctx->failure = status;
        return APR_EGENERAL;
    }
    ctx->told = 1;
    ctx->touched |= z->maxage > 0;
    return OK;
}

/* --------------------------------------------------------------- hooks */

int djs_bridge_is_joined(void)
{
    return theirs != NULL;
}

int djs_bridge_guard(request_rec *r)
{
    djs_request_t *ctx;

    if (djs_server_policy(r)->modsession != DJS_ON ||
        !their_policy(r)->enabled) {
        return DECLINED;
    }
    ctx = djs_request_load(r);
    ctx->depends = 1;
    if (ctx->session.state == DJS_STATE_UNAVAILABLE) {
        return djs_view_unavailable(r, ctx);
    }
    if (ctx->session.state == DJS_STATE_UNREADABLE) {
        return HTTP_INTERNAL_SERVER_ERROR; /* DJS203 has told of it */
    }
    return DECLINED;
}

/* mod_session's hooks are functions of its own, which are there only when it
 * is: they are looked up, not linked with. */
int djs_bridge_join(apr_pool_t *pconf, apr_pool_t *plog, apr_pool_t *ptemp)
{
    typedef void (*add_load_fn)(ap_HOOK_session_load_t *, const char *const *,
                                const char *const *, int);
    typedef void (*add_save_fn)(ap_HOOK_session_save_t *, const char *const *,
                                const char *const *, int);
    apr_dso_handle_t *all;
    apr_dso_handle_sym_t add_load, add_save;

    (void)pconf;
    (void)plog;
    theirs = ap_find_linked_module("mod_session.c");
    if (theirs == NULL) {
        return OK;
    }
    if (apr_dso_load(&all, NULL, ptemp) != APR_SUCCESS ||
        apr_dso_sym(&add_load, all, "ap_hook_session_load") != APR_SUCCESS ||
        apr_dso_sym(&add_save, all, "ap_hook_session_save") != APR_SUCCESS) {
        theirs = NULL;
        return OK;
    }
    ((add_load_fn)add_load)(load, NULL, NULL, APR_HOOK_MIDDLE);
    ((add_save_fn)add_save)(save, NULL, NULL, APR_HOOK_MIDDLE);
    return OK;
}
