/* session/commit.h - where "what a session is" and "where it lies" meet.
 *
 * Loading, saving, renewing, rotating and ending a session, with every race
 * that can happen to it in between, stand here and nowhere else. A save
 * replays what the request did on what the store holds by then; so a request
 * that did not touch a key never reverts it, and an ended session is never
 * revived. */
#ifndef DJS_SESSION_COMMIT_H
#define DJS_SESSION_COMMIT_H

#include "codec/keyring.h"
#include "codec/record.h"
#include "session/cookie.h"
#include "session/session.h"
#include "store/store.h"

/* Where the sessions of a host lie, and under which keys. */
typedef struct {
    djs_store_t *store;
    djs_keyring_t *ring;
    djs_record_mode_e mode;
    djs_bytes_t ns;
    apr_size_t max_size; /* of session data */
    djs_random_fn random;
    const struct djs_site *site; /* NULL: the sessions are ours, not a site's */
    const djs_bytes_t *user_keys; /* every DjSessionUserKey that is in use, as
                                     normal JSON: a revocation may go by any */
    int user_key_count;
    char epoch[DJS_STORE_KEY_LEN + 1]; /* name of the namespace's epoch, from
                                          djs_commit_prepare */
} djs_place_t;

/* Works out what is the same for every call; once, when the rest of the place
 * is filled in. DJS_ETROUBLE when OpenSSL fails. */
apr_status_t djs_commit_prepare(djs_place_t *place);

/* What a policy says about a session's life. */
typedef struct {
    djs_lifetime_t lifetime;
    djs_renew_t renew;
    apr_interval_time_t absolute; /* DjSessionAbsoluteTimeout; 0: Off */
    apr_interval_time_t at_most;  /* no deadline is further away; 0: no limit */
    apr_interval_time_t rotate;   /* DjSessionRotate; 0: Off */
    apr_interval_time_t grace;    /* DjSessionRotateGrace */
    int replay_flush;             /* DjSessionReplay Flush */
    int create_always;            /* DjSessionCreate Always */
    int tls;                      /* this request came over TLS */
    djs_bytes_t user_key;         /* DjSessionUserKey, normal JSON */
    djs_bytes_t cookie;           /* DjSessionCookieName */
    int max_per_user;             /* DjSessionMaxPerUser; 0: Off */
} djs_terms_t;

/* What a save did, and so what becomes of the cookie. */
typedef enum {
    DJS_DID_NOTHING, /* nothing to do: leave the cookie alone */
    DJS_DID_DROP,    /* the session ended meanwhile: changes dropped */
    DJS_DID_RENEW,   /* same key, new deadline: send the cookie again */
    DJS_DID_SAVE,    /* same key, new data and deadline: send it again */
    DJS_DID_HAND,    /* it came under an old key: send the cookie of its key */
    DJS_DID_CREATE,  /* a new session: send the cookie */
    DJS_DID_ROTATE,  /* the same session under a new key: send the cookie */
    DJS_DID_END      /* no session any more: delete the cookie */
} djs_did_e;

typedef struct {
    djs_did_e did;
    char key[DJS_KEY_LEN + 1]; /* value of the cookie, unless deleted */
    const char *value;         /* the value, where it is more than a key */
    apr_int64_t max_age;       /* seconds; below 0: ends with the browser */
    char tag[DJS_TAG_LEN + 1]; /* for the log; "" when there is none */
    int evicted;        /* sessions of the same user that a login has ended */
    apr_status_t quota; /* why they could not be counted, if so: a later login
                           will */
} djs_saved_t;

/* The longest value that a session of `max_size` bytes makes of itself. */
apr_size_t djs_commit_max_value(apr_size_t max_size);

/* Looks the candidates up: exactly one live one becomes the session. One that
 * was born over TLS counts as absent when terms->tls is 0, and so does one that
 * is older than terms->absolute, and one that has been revoked. A key that was
 * rotated out leads to its successor during the grace; after that s->replay
 * says that it was sent, and with terms->replay_flush the session that it had
 * led to has ended. Sets the state; APR_SUCCESS for live, none and unreadable,
 * otherwise the store's trouble (state unavailable). */
apr_status_t djs_commit_load(djs_session_t *s,
                             const djs_candidates_t *candidates,
                             const djs_place_t *place, const djs_terms_t *terms,
                             djs_call_t call);

/* Nonzero when the record's time is over, under these terms. */
int djs_commit_is_over(const djs_record_t *record, const djs_terms_t *terms,
                       apr_time_t now);

/* Nonzero when a save would do something: only then is it worth a call. */
int djs_commit_due(const djs_session_t *s, const djs_terms_t *terms,
                   apr_time_t now);

/* Does what the request asked for: creates, saves, renews, rotates or ends.
 * Parallel requests on a session that is due for a new key all get the same
 * one. On any failure the store holds what it held before (a rotation may leave
 * a record that nobody has the key of). DJS_EUNREADABLE: the record does not
 * open, hands off; DJS_ETOOBIG: more than max_size; DJS_ETYPE: an increment
 * met something else; anything else: trouble. */
apr_status_t djs_commit_save(djs_saved_t *out, djs_session_t *s,
                             const djs_terms_t *terms, const djs_place_t *place,
                             djs_call_t call);

#endif
