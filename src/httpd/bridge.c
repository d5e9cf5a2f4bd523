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
#include "httpd/news.h"
#include "httpd/view.h"

APLOG_USE_MODULE(djsession);

typedef struct djs_bridge bridge_t;

static module *theirs; /* mod_session, set while there is one thread */

/* What mod_session is set to for this location. */
static const session_dir_conf *their_policy(const request_rec *r)
{
    return ap_get_module_config(r->per_dir_config, theirs);
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

    if (key == NULL || djs_news_is_kept_back(key) ||
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
    bridge->posted = ctx->top->method_number == M_POST;
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
    if (djs_request_hidden(ctx, policy)) {
        /* A redirect may lead here, over plain HTTP or with an old session. */
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
        (*z)->encoded = NULL; /* or mod_session would read it into the table */
        if ((*z)->expiry > 0 && (*z)->expiry <= apr_time_now()) {
            /* It was live when the request began. Otherwise mod_session gives
             * everybody who asks an empty one of his own, and nobody saves
             * what is set there. */
            (*z)->expiry = ctx->bridge->expiry = 0;
        }
    }
    return rv;
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
        djs_news_settle(ctx->bridge);
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
    if (!djs_news_any(ctx->bridge) &&
        !(ctx->bridge->z->dirty &&
          ctx->session.state == DJS_STATE_UNAVAILABLE)) {
        return OK;
    }
    if (djs_request_refused(ctx, djs_server_policy(r))) {
        return refuse_plain(r, ctx);
    }
    rv = djs_news_take(r, ctx);
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
    djs_news_settle(ctx->bridge);
    return OK;
}

void djs_bridge_leftovers(request_rec *r, djs_request_t *ctx)
{
    if (ctx->bridge != NULL && djs_news_any(ctx->bridge)) {
        djs_news_settle(ctx->bridge);
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
    int status, news;

    if (djs_server_policy(r)->modsession != DJS_ON) {
        return DECLINED;
    }
    ctx = djs_request_load(r);
    if (djs_request_refused(ctx, djs_server_policy(r)) &&
        !djs_news_is_empty(z) && !ctx->committed) {
        ctx->failure = refuse_plain(r, ctx);
        return APR_EGENERAL;
    }
    if (z == ctx->veil && !djs_news_is_empty(z) && !ctx->committed) {
        ctx->failure =
            refuse(r, ctx,
                   "the session is older than DjSessionAbsoluteTimeout of this"
                   " place, and another place has it in this very request",
                   HTTP_SERVICE_UNAVAILABLE);
        return APR_EGENERAL;
    }
    if (ctx->bridge == NULL || ctx->bridge->z != z) {
        /* It made an empty one of its own, because the session's time ran out
         * while the request did. */
        return djs_news_is_empty(z) ? OK : APR_EGENERAL;
    }
    if (ctx->committed || ctx->begun) {
        int late = djs_news_any(ctx->bridge);

        djs_bridge_leftovers(r, ctx);
        return late ? APR_EGENERAL : OK;
    }
    news = djs_news_any(ctx->bridge);
    status = djs_bridge_collect(r, ctx);
    if (status != OK) {
        ctx->failure = status;
        return APR_EGENERAL;
    }
    ctx->told |= news;
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
