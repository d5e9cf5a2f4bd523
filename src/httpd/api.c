/* httpd/api.c - what other modules can do with sessions.
 *
 * A handle leads to the session object that the client's request has now: it
 * follows internal redirects. What the place hides no function shows. All go
 * through `shown`, `is_hidden` or `may_change`. */
#include <apr_strings.h>
#include <ap_provider.h>
#include <httpd.h>
#include <http_config.h>
#include <http_log.h>
#include "base/clock.h"
#include "httpd/api.h"
#include "httpd/view.h"
#include "session/revoke.h"
#include "store/providers.h"

APLOG_USE_MODULE(djsession);

struct djsession {
    djs_request_t *first; /* see `current` */
    /* The place of a subrequest, which may be gone before the handle: a copy.
     * NULL: wherever the client's request is. */
    const djs_policy_t *inside;
    int of_event; /* shows the session that the event is about */
};

/* One number, two names: the public one is for ever. */
_Static_assert(DJSESSION_EABSENT == DJS_EABSENT, "absent");
_Static_assert(DJSESSION_ETOOBIG == DJS_ETOOBIG, "too big");
_Static_assert(DJSESSION_ETROUBLE == DJS_ETROUBLE, "trouble");
_Static_assert(DJSESSION_ETIMEOUT == DJS_ETIMEOUT, "timeout");
_Static_assert(DJSESSION_EUNREADABLE == DJS_EUNREADABLE, "unreadable");
_Static_assert(DJSESSION_EINVALID == DJS_EINVALID, "invalid");
_Static_assert(DJSESSION_ETYPE == DJS_ETYPE, "type");
_Static_assert(DJSESSION_STATUS + 50 > DJS_STATUS_LAST, "room for more");
_Static_assert((int)DJSESSION_LIVE == (int)DJS_STATE_LIVE &&
                   (int)DJSESSION_NONE == (int)DJS_STATE_NONE &&
                   (int)DJSESSION_UNAVAILABLE == (int)DJS_STATE_UNAVAILABLE &&
                   (int)DJSESSION_UNREADABLE == (int)DJS_STATE_UNREADABLE,
               "states have the same order");

/* What APR's macro asks for: the hook is optional, so nobody declares it. */
#define DJSESSION_DECLARE(type) static type
typedef struct {
    djsession_HOOK_djsession_event_t *pFunc;
    const char *szName;
    const char *const *aszPredecessors;
    const char *const *aszSuccessors;
    int nOrder;
} djsession_LINK_djsession_event_t;

APR_IMPLEMENT_OPTIONAL_HOOK_RUN_ALL(djsession, DJSESSION, int, djsession_event,
                                    (request_rec * r, djsession_event_e what,
                                     djsession_t *s),
                                    (r, what, s), OK, DECLINED)

static djsession_t *handle(request_rec *r, djs_request_t *ctx, int of_event)
{
    djsession_t *s = apr_palloc(ctx->top->pool, sizeof *s);

    s->first = ctx;
    s->inside = r->main == NULL
                    ? NULL
                    : apr_pmemdup(ctx->top->pool, djs_server_policy(r),
                                  sizeof *s->inside);
    s->of_event = of_event;
    return s;
}

/* Where internal redirects have led to. */
static request_rec *last_of(const djsession_t *s)
{
    request_rec *r = s->first->top;

    while (r->next != NULL) {
        r = r->next;
    }
    return r;
}

static const djs_policy_t *place_of(const djsession_t *s)
{
    return s->inside != NULL ? s->inside : djs_server_policy(last_of(s));
}

/* An internal redirect may lead to a place that looks under another name: a
 * handle that was kept follows, or its changes would never be saved. While an
 * event is told nothing is looked up: it is about this very session. */
static djs_request_t *current(const djsession_t *s)
{
    djs_request_t *now = djs_request_now(s->first);

    return now->telling ? now : djs_request_load(last_of(s));
}

static apr_pool_t *pool_of(const djsession_t *s)
{
    return s->first->top->pool;
}

void djs_api_tell(request_rec *r, djsession_event_e what, djs_request_t *ctx)
{
    if (apr_optional_hook_get("djsession_event") != NULL) {
        ctx->telling++;
        (void)djsession_run_djsession_event(r, what, handle(r, ctx, 1));
        ctx->telling--;
    }
}

/* -------------------------------------------------------------- looking */

static apr_status_t djsession_load(djsession_t **s, request_rec *r)
{
    djs_request_t *ctx;
    djs_view_e view = djs_view(&ctx, r);

    *s = NULL;
    if (view == DJS_VIEW_OFF) {
        return DJSESSION_EOFF;
    }
    *s = handle(r, ctx, 0);
    return view == DJS_VIEW_TROUBLE      ? DJSESSION_ETROUBLE
           : view == DJS_VIEW_UNREADABLE ? DJSESSION_EUNREADABLE
                                         : APR_SUCCESS;
}

/* Nonzero when nothing shall be seen of any session where the request is: over
 * plain HTTP with DjSessionHTTPSOnly, as for expressions. */
static int is_hidden(const djsession_t *s)
{
    return !s->of_event && djs_request_hidden(current(s), place_of(s));
}

static djs_state_e shown(const djsession_t *s)
{
    const djs_session_t *session = &current(s)->session;

    if (is_hidden(s) ||
        (session->state == DJS_STATE_LIVE && session->flushed)) {
        return DJS_STATE_NONE;
    }
    return session->state;
}

static djsession_state_e djsession_state(const djsession_t *s)
{
    return (djsession_state_e)shown(s);
}

static apr_status_t djsession_facts(djsession_facts_t *facts,
                                    const djsession_t *s)
{
    const djs_record_t *record = &current(s)->session.record;

    memset(facts, 0, sizeof *facts);
    facts->tag = "";
    switch (shown(s)) {
    case DJS_STATE_LIVE:
        break;
    case DJS_STATE_NONE:
        return DJSESSION_EABSENT;
    case DJS_STATE_UNREADABLE:
        return DJSESSION_EUNREADABLE;
    default:
        return DJSESSION_ETROUBLE;
    }
    facts->tag = apr_pstrdup(pool_of(s), record->tag);
    facts->created = record->created;
    facts->authenticated = record->authenticated;
    facts->expires = record->expires;
    return APR_SUCCESS;
}

/* A value that outlives later changes, NUL-terminated. */
static apr_status_t look(djs_bytes_t *json, djsession_t *s, djs_bytes_t key)
{
    const djs_bytes_t *value;
    apr_status_t rv;

    *json = djs_bytes_of(NULL, 0);
    if (is_hidden(s)) {
        return DJSESSION_EABSENT;
    }
    rv = djs_session_get(&current(s)->session, key, &value);
    if (rv == APR_SUCCESS && value == NULL) {
        return DJSESSION_EABSENT;
    }
    if (rv == APR_SUCCESS) {
        *json = djs_bytes_of(
            apr_pstrmemdup(pool_of(s), value->data, value->len), value->len);
    }
    return rv;
}

static apr_status_t djsession_get(const char **json, djsession_t *s,
                                  const char *key)
{
    djs_bytes_t value;
    apr_status_t rv = look(&value, s, djs_bytes(key));

    *json = value.data;
    return rv;
}

static apr_status_t djsession_get_text(const char **text, djsession_t *s,
                                       const char *key)
{
    djs_bytes_t value, said;
    apr_status_t rv = look(&value, s, djs_bytes(key));

    *text = NULL;
    if (rv == APR_SUCCESS && djs_json_kind(value) != DJS_JSON_STRING) {
        return DJSESSION_ETYPE;
    }
    if (rv == APR_SUCCESS) {
        rv = djs_json_text(&said, value, pool_of(s));
    }
    if (rv == APR_SUCCESS && strlen(said.data) != said.len) {
        rv = DJSESSION_EINVALID; /* a NUL in it would cut it */
    }
    *text = rv == APR_SUCCESS ? said.data : NULL;
    return rv;
}

static apr_status_t djsession_keys(apr_array_header_t **keys, djsession_t *s)
{
    apr_pool_t *p = pool_of(s);
    const djs_json_member_t *items = NULL;
    int count = 0;
    apr_status_t rv = APR_SUCCESS;

    if (!is_hidden(s)) {
        rv = djs_session_items(&current(s)->session, &items, &count);
    }
    *keys = apr_array_make(p, count > 0 ? count : 1, sizeof(const char *));
    for (int i = 0; i < count; i++) {
        djs_bytes_t text;

        if (djs_json_text(&text, items[i].key, p) == APR_SUCCESS) {
            if (strlen(text.data) == text.len) { /* no C string says another */
                APR_ARRAY_PUSH(*keys, const char *) = text.data;
            }
        }
    }
    return rv;
}

static apr_status_t user_key(djs_bytes_t *key, const djsession_t *s)
{
    return djs_json_text(key, djs_bytes(place_of(s)->user_key), pool_of(s));
}

static apr_status_t djsession_user(const char **user, djsession_t *s)
{
    djs_bytes_t key, value;
    apr_status_t rv = user_key(&key, s);

    *user = NULL;
    if (rv == APR_SUCCESS) {
        rv = look(&value, s, key);
    }
    if (rv == APR_SUCCESS) {
        djs_bytes_t text = djs_session_user_text(&value, pool_of(s));

        /* As Require and DJSESSION_USER see it: with a NUL it is nobody's. */
        rv = text.len > 0 && strlen(text.data) == text.len ? APR_SUCCESS
                                                           : DJSESSION_EABSENT;
        *user = rv == APR_SUCCESS ? text.data : NULL;
    }
    return rv;
}

/* ------------------------------------------------------------- changing */

static apr_status_t may_change(const djsession_t *s)
{
    const djs_request_t *ctx = current(s);

    if (ctx->committed || ctx->begun || ctx->telling) {
        return DJSESSION_ELATE;
    }
    return djs_request_refused(ctx, place_of(s)) ? DJSESSION_EREFUSED
                                                 : APR_SUCCESS;
}

static apr_status_t djsession_set(djsession_t *s, const char *key,
                                  const char *json)
{
    apr_status_t rv = may_change(s);

    return rv == APR_SUCCESS ? djs_session_set(&current(s)->session,
                                               djs_bytes(key), djs_bytes(json))
                             : rv;
}

static apr_status_t djsession_set_text(djsession_t *s, const char *key,
                                       const char *text)
{
    apr_status_t rv = may_change(s);

    return rv == APR_SUCCESS
               ? djs_session_set_text(&current(s)->session, djs_bytes(key),
                                      djs_bytes(text))
               : rv;
}

static apr_status_t djsession_incr(djsession_t *s, const char *key,
                                   apr_int64_t by)
{
    apr_status_t rv = may_change(s);

    return rv == APR_SUCCESS
               ? djs_session_incr(&current(s)->session, djs_bytes(key),
                                  djs_bytes(apr_psprintf(
                                      pool_of(s), "%" APR_INT64_T_FMT, by)))
               : rv;
}

static apr_status_t djsession_remove(djsession_t *s, const char *key)
{
    const djs_bytes_t *ignored;
    apr_status_t rv = may_change(s);

    return rv == APR_SUCCESS
               ? djs_session_pop(&current(s)->session, djs_bytes(key), &ignored)
               : rv;
}

static apr_status_t djsession_login(djsession_t *s, const char *user)
{
    djs_bytes_t key;
    apr_status_t rv = may_change(s);

    if (rv == APR_SUCCESS && user[0] == '\0') {
        rv = DJSESSION_EINVALID;
    }
    if (rv == APR_SUCCESS) {
        rv = user_key(&key, s);
    }
    return rv == APR_SUCCESS
               ? djs_session_login(&current(s)->session, key, djs_bytes(user))
               : rv;
}

static apr_status_t djsession_flush(djsession_t *s)
{
    apr_status_t rv = may_change(s);

    return rv == APR_SUCCESS ? djs_session_flush(&current(s)->session) : rv;
}

static apr_status_t djsession_logout_everywhere(djsession_t *s)
{
    djs_bytes_t key;
    apr_status_t rv = may_change(s);

    if (rv == APR_SUCCESS) {
        rv = user_key(&key, s);
    }
    return rv == APR_SUCCESS
               ? djs_session_logout_everywhere(&current(s)->session, key)
               : rv;
}

static apr_status_t djsession_cycle_key(djsession_t *s)
{
    apr_status_t rv = may_change(s);

    return rv == APR_SUCCESS ? djs_session_cycle_key(&current(s)->session) : rv;
}

static apr_status_t djsession_set_expiry(djsession_t *s, djsession_expiry_e how,
                                         apr_int64_t when)
{
    static const djs_expiry_e hows[] = { DJS_EXPIRY_POLICY, DJS_EXPIRY_BROWSER,
                                         DJS_EXPIRY_SECONDS, DJS_EXPIRY_DATE };
    djs_expiry_t expiry = { DJS_EXPIRY_POLICY, 0, 0 };
    apr_status_t rv = may_change(s);

    if (rv == APR_SUCCESS && ((int)how < 0 || how > DJSESSION_EXPIRY_DATE)) {
        rv = DJSESSION_EINVALID;
    }
    if (rv != APR_SUCCESS) {
        return rv;
    }
    expiry.how = hows[how];
    expiry.seconds = how == DJSESSION_EXPIRY_SECONDS ? when : 0;
    expiry.date = how == DJSESSION_EXPIRY_DATE ? when : 0;
    return djs_session_set_expiry(&current(s)->session, &expiry);
}

static apr_status_t djsession_revoke(request_rec *r, const char *user)
{
    djs_host_t *host = djs_server_host(r->server);
    djs_revoke_t ask = { &host->place, { apr_time_now(), 0, 0 }, r->pool };
    apr_status_t rv;

    if (host->back == NULL || host->place.site != NULL) {
        return DJSESSION_EOFF; /* no sessions here, or Django's */
    }
    if (user[0] == '\0') {
        return DJSESSION_EINVALID; /* everybody: djsessionctl revoke --all */
    }
    ask.call.until = djs_clock_steady() + host->settings.store_timeout;
    (void)djs_server_ready(host->back);
    rv = djs_revoke(djs_bytes(user), &ask);
    djs_request_note_health(r, host->back, rv);
    /* What a store's library says in its own words is trouble. */
    return rv == APR_SUCCESS || rv == DJSESSION_ETIMEOUT ||
                   rv == DJSESSION_EINVALID
               ? rv
               : DJSESSION_ETROUBLE;
}

/* ------------------------------------------------------------- offering */

int djs_api_find_stores(apr_pool_t *pconf, apr_pool_t *plog, apr_pool_t *ptemp)
{
    apr_array_header_t *names = ap_list_provider_names(
        ptemp, DJSESSION_STORE_GROUP, DJSESSION_STORE_VERSION);

    (void)pconf;
    (void)plog;
    djs_store_forget_added();
    for (int i = 0; i < names->nelts; i++) {
        const char *name =
            APR_ARRAY_IDX(names, i, ap_list_provider_names_t).provider_name;
        const char *wrong = djs_store_add(ap_lookup_provider(
            DJSESSION_STORE_GROUP, name, DJSESSION_STORE_VERSION));

        if (wrong != NULL) {
            ap_log_error(APLOG_MARK, APLOG_STARTUP | APLOG_ERR, 0, NULL,
                         "DJS012: another module's store is not taken: %s %s",
                         name, wrong);
        }
    }
    return OK;
}

void djs_api_register(void)
{
    APR_REGISTER_OPTIONAL_FN(djsession_load);
    APR_REGISTER_OPTIONAL_FN(djsession_state);
    APR_REGISTER_OPTIONAL_FN(djsession_facts);
    APR_REGISTER_OPTIONAL_FN(djsession_get);
    APR_REGISTER_OPTIONAL_FN(djsession_get_text);
    APR_REGISTER_OPTIONAL_FN(djsession_keys);
    APR_REGISTER_OPTIONAL_FN(djsession_user);
    APR_REGISTER_OPTIONAL_FN(djsession_set);
    APR_REGISTER_OPTIONAL_FN(djsession_set_text);
    APR_REGISTER_OPTIONAL_FN(djsession_incr);
    APR_REGISTER_OPTIONAL_FN(djsession_remove);
    APR_REGISTER_OPTIONAL_FN(djsession_login);
    APR_REGISTER_OPTIONAL_FN(djsession_flush);
    APR_REGISTER_OPTIONAL_FN(djsession_logout_everywhere);
    APR_REGISTER_OPTIONAL_FN(djsession_cycle_key);
    APR_REGISTER_OPTIONAL_FN(djsession_set_expiry);
    APR_REGISTER_OPTIONAL_FN(djsession_revoke);
}
