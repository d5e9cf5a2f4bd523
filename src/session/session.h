/* session/session.h - the session object: Django's SessionBase, in C.
 *
 * It holds the data as loaded and a list of what was done to it since. Getters
 * see both together; a save replays the list on whatever the store holds by
 * then, so that parallel requests merge key by key. No I/O happens here:
 * flush, cycle_key and login only set flags that session/commit acts upon.
 *
 * Keys and string values given as djs_bytes_t are UTF-8; values as JSON are
 * normal JSON text (codec/json). Everything lives in the pool given to init. */
#ifndef DJS_SESSION_SESSION_H
#define DJS_SESSION_SESSION_H

#include <apr_pools.h>
#include <apr_tables.h>
#include "codec/json.h"
#include "codec/record.h"
#include "session/expiry.h"
#include "session/key.h"

typedef enum {
    DJS_STATE_LIVE,
    DJS_STATE_NONE,        /* no cookie, malformed, unknown or expired */
    DJS_STATE_UNAVAILABLE, /* the store is in trouble */
    DJS_STATE_UNREADABLE   /* a record that does not open: hands off */
} djs_state_e;

/* One thing done to the data. */
typedef enum { DJS_CHANGE_SET, DJS_CHANGE_REMOVE, DJS_CHANGE_ADD } djs_change_e;

typedef struct {
    djs_change_e what;
    djs_bytes_t key;   /* normal, quoted */
    djs_bytes_t value; /* normal JSON; DJS_CHANGE_ADD: an integer */
} djs_change_t;

/* A key that had been rotated out was sent after its grace. */
typedef struct {
    int seen;
    char tag[DJS_TAG_LEN + 1]; /* of that key */
    char ended[DJS_TAG_LEN +
               1]; /* of the session that was ended for it, or "" */
} djs_replay_t;

typedef struct {
    apr_pool_t *p;
    djs_state_e state;
    char key[DJS_KEY_LEN + 1];    /* as Django's session_key; "" when none */
    char loaded[DJS_KEY_LEN + 1]; /* key of the record that was loaded, set by
                                     session/commit; no method changes it */
    int ring_index; /* secret that its store key was found under */
    char store_key[DJS_STORE_KEY_LEN + 1]; /* and that store key */
    djs_record_t record;                   /* as loaded; body is the data */
    int passed_over; /* live records whose keys were sent, but not used */
    int handed;      /* it came under a key that was given up for this one */
    djs_replay_t replay;
    int forged; /* what the key leads to is not signed by the Django site */
    djs_bytes_t sent; /* a cookie that is the session itself, as it came */

    int accessed;                   /* Django: somebody looked at the data */
    int modified;                   /* Django: there is something to save */
    int flushed;                    /* the loaded record, if any, must end */
    int cycled;                     /* the data moves to a new key */
    apr_array_header_t *everywhere; /* of djs_bytes_t: users whose sessions must
                                       end, all of them; NULL: nobody's */
    int logged_in; /* a login happened: record.authenticated becomes now */
    apr_array_header_t *changes; /* of djs_change_t, in order; after a flush
                                    only what came later */

    int parsed;               /* `data` below has been filled */
    apr_status_t parse_error; /* why not, if it could not */
    djs_json_object_t data;   /* record.body with `changes` applied */
} djs_session_t;

/* A session in state none, without data. */
void djs_session_init(djs_session_t *s, apr_pool_t *p);

/* Makes `out` a session that can be changed without `s` noticing; `*s = *out`
 * then makes the changes good. Both share the pool and what lies in it. */
void djs_session_copy(djs_session_t *out, const djs_session_t *s);

/* Applies `changes` to `data` in order. DJS_ETYPE: an increment met something
 * that is no integer; DJS_ETOOBIG: a sum too long. `data` is then half done:
 * the caller throws it away. */
apr_status_t djs_session_replay(djs_json_object_t *data,
                                const apr_array_header_t *changes);

/* The methods of SessionBase. All but is_empty set `accessed`; those that
 * change data set `modified` by Django's rules (pop only when the key was
 * there, setdefault only when it was not). The first one parses the data;
 * DJS_EUNREADABLE (and that state) when it is no JSON object. In state
 * unavailable all say DJS_ETROUBLE, in state unreadable DJS_EUNREADABLE. A
 * call that fails changes nothing. The member `_session_expiry` takes only
 * values that djs_expiry_read understands. */

/* `*value` is NULL when the key is absent (Django: get(key)); borrowed until
 * the next change, as all values that come out, but pop's, which stays. */
apr_status_t djs_session_get(djs_session_t *s, djs_bytes_t key,
                             const djs_bytes_t **value);
apr_status_t djs_session_has_key(djs_session_t *s, djs_bytes_t key, int *has);
/* `value` is any JSON; it is made normal. DJS_EINVALID when it is none, or too
 * deep to lie in an object that djs_json_object_read reads. */
apr_status_t djs_session_set(djs_session_t *s, djs_bytes_t key,
                             djs_bytes_t value);
apr_status_t djs_session_set_text(djs_session_t *s, djs_bytes_t key,
                                  djs_bytes_t text);
/* Adds an integer; absent counts as 0. DJS_ETYPE when the present value (as
 * far as known now) is none; a save checks again. */
apr_status_t djs_session_incr(djs_session_t *s, djs_bytes_t key,
                              djs_bytes_t amount);
apr_status_t djs_session_pop(djs_session_t *s, djs_bytes_t key,
                             const djs_bytes_t **value);
apr_status_t djs_session_setdefault(djs_session_t *s, djs_bytes_t key,
                                    djs_bytes_t value,
                                    const djs_bytes_t **now_there);
/* Sets every member of the JSON object `object`. */
apr_status_t djs_session_update(djs_session_t *s, djs_bytes_t object);
/* Members in insertion order: keys(), values() and items() in one; borrowed
 * until the next change. */
apr_status_t djs_session_items(djs_session_t *s,
                               const djs_json_member_t **items, int *count);
/* Removes every key and keeps the session (clear). */
apr_status_t djs_session_clear(djs_session_t *s);
/* Ends the session: data gone, record to be removed, key dropped (flush). What
 * was done before, changes, login and cycle_key, is forgotten. */
apr_status_t djs_session_flush(djs_session_t *s);
/* Who a user key's value (normal JSON, NULL: absent) means, as a text: of
 * strings what they say, of all else the JSON; empty for nobody. In `p`. */
djs_bytes_t djs_session_user_text(const djs_bytes_t *value, apr_pool_t *p);
/* Ends this session, and every other one of its user. */
apr_status_t djs_session_logout_everywhere(djs_session_t *s,
                                           djs_bytes_t user_key);
/* The same data under a new key at the next save (cycle_key). Does nothing to
 * a session without a key: it gets a new one anyway when it is saved. */
apr_status_t djs_session_cycle_key(djs_session_t *s);
/* Django's login(): another user's session is flushed first, the key is
 * rotated in every case, then the user key is set. `user` is UTF-8. */
apr_status_t djs_session_login(djs_session_t *s, djs_bytes_t user_key,
                               djs_bytes_t user);
/* Somebody has logged in, in a way that is not ours: the data stays, the key is
 * rotated, and the old one leads nowhere, as after djs_session_login. */
apr_status_t djs_session_note_login(djs_session_t *s);
/* Nonzero when there is no key and no data. */
int djs_session_is_empty(djs_session_t *s);

/* set_expiry and the questions that go with it. */
apr_status_t djs_session_set_expiry(djs_session_t *s,
                                    const djs_expiry_t *expiry);
apr_status_t djs_session_expiry(djs_session_t *s, djs_expiry_t *expiry);
apr_status_t djs_session_get_expiry_age(djs_session_t *s,
                                        const djs_lifetime_t *policy,
                                        apr_time_t now, apr_int64_t *seconds);
apr_status_t djs_session_get_expiry_date(djs_session_t *s,
                                         const djs_lifetime_t *policy,
                                         apr_time_t now, apr_time_t *date);
apr_status_t
djs_session_get_expire_at_browser_close(djs_session_t *s,
                                        const djs_lifetime_t *policy, int *yes);

/* set_test_cookie, test_cookie_worked, delete_test_cookie. */
apr_status_t djs_session_set_test_cookie(djs_session_t *s);
apr_status_t djs_session_test_cookie_worked(djs_session_t *s, int *worked);
apr_status_t djs_session_delete_test_cookie(djs_session_t *s);

#endif
