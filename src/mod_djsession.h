/* mod_djsession.h - the session of a request, for other modules.
 *
 * All functions are optional functions of APR: a module that uses them works
 * where mod_djsession is not loaded, too. Retrieve them in a hook that runs
 * after every module is there (ap_hook_optional_fn_retrieve, or post_config):
 *
 *     static APR_OPTIONAL_FN_TYPE(djsession_load) *load_session;
 *     ...
 *     load_session = APR_RETRIEVE_OPTIONAL_FN(djsession_load);
 *
 * What a module changes is saved, together with what others change in the same
 * request, before the first byte of the response leaves; if that fails the
 * client gets 503. A response of 500 or more saves nothing. Everything that
 * comes out lives as long as the client's request, unless said otherwise.
 * Texts are UTF-8 and end with a NUL. */
#ifndef MOD_DJSESSION_H
#define MOD_DJSESSION_H

#include <apr_errno.h>
#include <apr_optional.h>
#include <apr_optional_hooks.h>
#include <apr_tables.h>
#include <httpd.h>

#ifdef __cplusplus
extern "C" {
#endif

#define DJSESSION_API_VERSION 1

/* Statuses, besides APR_SUCCESS. Three of them say "nobody knows", which is
 * something else than "nobody is logged in": answer 503, not a login page. */
#define DJSESSION_STATUS      (APR_OS_START_USERERR + 4200)
#define DJSESSION_EABSENT     (DJSESSION_STATUS + 1)  /* no such key */
#define DJSESSION_ETOOBIG     (DJSESSION_STATUS + 3)  /* a number too long */
#define DJSESSION_ETROUBLE    (DJSESSION_STATUS + 4)  /* nobody can say */
#define DJSESSION_ETIMEOUT    (DJSESSION_STATUS + 5)  /* nor in time */
#define DJSESSION_EUNREADABLE (DJSESSION_STATUS + 7)  /* it does not open */
#define DJSESSION_EINVALID    (DJSESSION_STATUS + 8)  /* no JSON, no UTF-8 */
#define DJSESSION_ETYPE       (DJSESSION_STATUS + 9)  /* of another type */
#define DJSESSION_EOFF        (DJSESSION_STATUS + 50) /* DjSession is Off */
#define DJSESSION_ELATE       (DJSESSION_STATUS + 51) /* response has begun */
#define DJSESSION_EREFUSED    (DJSESSION_STATUS + 52) /* DjSessionHTTPSOnly */

/* A request's session; as long as the client's request. Subrequests and
 * internal redirects of one request have the same. After an internal redirect
 * an older handle is as good as a new one: should the new place have sessions
 * of another DjSessionCookieName, and the first one have found none, both stand
 * for the session of the new place. */
typedef struct djsession djsession_t;

typedef enum {
    DJSESSION_LIVE,        /* there is one */
    DJSESSION_NONE,        /* there is none; setting something begins one */
    DJSESSION_UNAVAILABLE, /* nobody knows: the store is in trouble */
    DJSESSION_UNREADABLE   /* there is one that does not open: hands off */
} djsession_state_e;

/* What is known of a live session; times are microseconds since 1970, 0 when
 * it never happened. */
typedef struct {
    const char *tag; /* the form of its key that may stand in a log */
    apr_time_t created;
    apr_time_t authenticated; /* last login */
    apr_time_t expires;
} djsession_facts_t;

/* The session of `r`, looked up by whoever asks first. `*s` is NULL unless
 * APR_SUCCESS (state live or none), DJSESSION_ETROUBLE or
 * DJSESSION_EUNREADABLE. What the client gets then depends on the session: the
 * response says Vary: Cookie. From header_parser on, in every later hook. */
APR_DECLARE_OPTIONAL_FN(apr_status_t, djsession_load,
                        (djsession_t * *s, request_rec *r));

APR_DECLARE_OPTIONAL_FN(djsession_state_e, djsession_state,
                        (const djsession_t *s));

/* `*facts` of a live session; DJSESSION_EABSENT when there is none,
 * DJSESSION_ETROUBLE or DJSESSION_EUNREADABLE when that is not known. */
APR_DECLARE_OPTIONAL_FN(apr_status_t, djsession_facts,
                        (djsession_facts_t * facts, const djsession_t *s));

/* The value of a key, as JSON; DJSESSION_EABSENT (and NULL): there is none. In
 * all functions that look at data or change it a session that is unavailable or
 * unreadable gives DJSESSION_ETROUBLE or DJSESSION_EUNREADABLE. */
APR_DECLARE_OPTIONAL_FN(apr_status_t, djsession_get,
                        (const char **json, djsession_t *s, const char *key));

/* The same of a string, as the text it means; DJSESSION_ETYPE: no string. */
APR_DECLARE_OPTIONAL_FN(apr_status_t, djsession_get_text,
                        (const char **text, djsession_t *s, const char *key));

/* All keys, of const char *, in the order in which they were set. */
APR_DECLARE_OPTIONAL_FN(apr_status_t, djsession_keys,
                        (apr_array_header_t * *keys, djsession_t *s));

/* The user's id, as DJSESSION_USER shows it; DJSESSION_EABSENT: nobody is
 * logged in. */
APR_DECLARE_OPTIONAL_FN(apr_status_t, djsession_user,
                        (const char **user, djsession_t *s));

/* Changes. DJSESSION_ELATE: the response has begun, it would be lost;
 * DJSESSION_EREFUSED: a plain HTTP request where DjSessionHTTPSOnly is On, and
 * where the functions above see no session. A call that fails changes nothing.
 * `json` is any JSON value. */
APR_DECLARE_OPTIONAL_FN(apr_status_t, djsession_set,
                        (djsession_t * s, const char *key, const char *json));
APR_DECLARE_OPTIONAL_FN(apr_status_t, djsession_set_text,
                        (djsession_t * s, const char *key, const char *text));

/* Adds to an integer, absent counts as 0; parallel requests lose nothing. */
APR_DECLARE_OPTIONAL_FN(apr_status_t, djsession_incr,
                        (djsession_t * s, const char *key, apr_int64_t by));

/* Removing a key that is not there succeeds. */
APR_DECLARE_OPTIONAL_FN(apr_status_t, djsession_remove,
                        (djsession_t * s, const char *key));

/* Somebody has logged in: another user's data is flushed first, the key changes
 * in every case, and the old one leads nowhere. */
APR_DECLARE_OPTIONAL_FN(apr_status_t, djsession_login,
                        (djsession_t * s, const char *user));

/* Ends the session (Django's flush, and its logout). */
APR_DECLARE_OPTIONAL_FN(apr_status_t, djsession_flush, (djsession_t * s));

/* Ends it and every other session of its user. */
APR_DECLARE_OPTIONAL_FN(apr_status_t, djsession_logout_everywhere,
                        (djsession_t * s));

/* A new key, the same data (Django's cycle_key). */
APR_DECLARE_OPTIONAL_FN(apr_status_t, djsession_cycle_key, (djsession_t * s));

typedef enum {
    DJSESSION_EXPIRY_POLICY,  /* as the administrator says */
    DJSESSION_EXPIRY_BROWSER, /* when the browser closes */
    DJSESSION_EXPIRY_SECONDS, /* `when` seconds after each save */
    DJSESSION_EXPIRY_DATE     /* at `when`, microseconds since 1970 */
} djsession_expiry_e;

/* Django's set_expiry. */
APR_DECLARE_OPTIONAL_FN(apr_status_t, djsession_set_expiry,
                        (djsession_t * s, djsession_expiry_e how,
                         apr_int64_t when));

/* Ends all sessions of a user in the host's namespace, at once and in constant
 * time, whatever request this is called in. After APR_SUCCESS no request finds
 * one of them alive. DJSESSION_ETROUBLE, DJSESSION_ETIMEOUT: some may live on,
 * and it is to be done again. DJSESSION_EINVALID: an empty user.
 * DJSESSION_EOFF: this host has no sessions, or a Django site's, which nobody
 * but Django can end like that. */
APR_DECLARE_OPTIONAL_FN(apr_status_t, djsession_revoke,
                        (request_rec * r, const char *user));

/* What happened to a session; for the hook below. */
typedef enum {
    DJSESSION_EVENT_LOADED, /* a live one was found for a request */
    DJSESSION_EVENT_CREATED,
    DJSESSION_EVENT_SAVED,  /* with other data, another deadline or another key
                             */
    DJSESSION_EVENT_ENDED,  /* by flush, logout or logout_everywhere */
    DJSESSION_EVENT_DROPPED /* another request had ended it: a change of this
                               one was not saved */
} djsession_event_e;

/* Called after it has happened; return OK or DECLINED. `s` may be looked at; a
 * change is refused with DJSESSION_ELATE. LOADED comes once for a session,
 * though an expression and then a place may both have looked it up. Nothing is
 * told of a save that failed, nor of the sessions that djsession_revoke or a
 * logout_everywhere ends besides that of the request: nobody looks them up.
 * More events may be added: pass over those that you do not know. Join with
 *
 *     APR_OPTIONAL_HOOK(djsession, djsession_event, note_event, NULL, NULL,
 *                       APR_HOOK_MIDDLE);
 */
typedef int djsession_HOOK_djsession_event_t(request_rec *r,
                                             djsession_event_e what,
                                             djsession_t *s);

/* Further stores: a djs_provider_t ("store/store.h", installed beside this
 * file) that is registered, in register_hooks, with
 *
 *     ap_register_provider(p, DJSESSION_STORE_GROUP, provider.name,
 *                          DJSESSION_STORE_VERSION, &provider);
 *
 * can be named in DjSessionStore. Its `size` is sizeof(djs_provider_t); the
 * start says what is wrong with one that is compiled for another version or
 * lacks a function that every store has, and does not take it. One registered
 * under another DJSESSION_STORE_VERSION is not seen. */
#define DJSESSION_STORE_GROUP   "djsession_store"
#define DJSESSION_STORE_VERSION "1"

#ifdef __cplusplus
}
#endif

#endif
