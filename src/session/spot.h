/* session/spot.h - where a record lies: the store key of a session key.
 *
 * A session key has one store key for each secret of the ring; the record lies
 * under the secret that was first when it was written. */
#ifndef DJS_SESSION_SPOT_H
#define DJS_SESSION_SPOT_H

#include "session/commit.h"

/* One place in the store; `at` points into it, so it is not copied. */
typedef struct {
    char store_key[DJS_STORE_KEY_LEN + 1];
    djs_record_place_t at;
} djs_spot_t;

/* Where the record of `key` (DJS_KEY_LEN characters) lies under secret `which`.
 * DJS_ETROUBLE when OpenSSL fails. */
apr_status_t djs_spot_find(djs_spot_t *spot, const djs_place_t *place,
                           int which, const char *key);

/* The place that the session was loaded from: its name is known already. */
apr_status_t djs_spot_reuse(djs_spot_t *spot, const djs_place_t *place,
                            const djs_session_t *s);

/* Gets and opens what lies there, into `p`. DJS_EABSENT: nothing, or expired;
 * DJS_EUNREADABLE: it does not open; otherwise the store's trouble. */
apr_status_t djs_spot_read(djs_record_t *record, const djs_spot_t *spot,
                           const djs_place_t *place, djs_call_t call,
                           apr_pool_t *p);

#endif
