/* session/alias.h - a key that was given up leads to the one in its place.
 *
 * A rotation leaves a record of kind alias where the old key's session lay. For
 * the grace it leads requests that were under way to the successor; after that
 * it only tells that its key had been given up. It names the successor twice:
 * by its store key, and by its session key under a mask that takes the old key
 * to work out. So who reads the store, even with the secrets, gets no cookie.
 */
#ifndef DJS_SESSION_ALIAS_H
#define DJS_SESSION_ALIAS_H

#include "session/commit.h"

/* Rotations that a key may have been through; who follows them has a deadline,
 * too. */
#define DJS_ALIAS_HOPS 2000

/* Who took a key's place. */
typedef struct {
    char key[DJS_KEY_LEN + 1];
    char store_key[DJS_STORE_KEY_LEN + 1];
} djs_alias_t;

/* Makes `*out` the record that leads from `old_key` to `to`; its body lives in
 * `p`. Tag, flags and times are for the caller: `saved` is when the key was
 * given up, `age` the grace, `expires` when it is forgotten. DJS_ETROUBLE when
 * OpenSSL fails. */
apr_status_t djs_alias_make(djs_record_t *out, const djs_alias_t *to,
                            const char *old_key, const djs_place_t *place,
                            apr_pool_t *p);

/* Reads what an alias leads to; without `old_key` (NULL) only the store key,
 * and out->key is empty. DJS_EUNREADABLE: no alias of ours. */
apr_status_t djs_alias_read(djs_alias_t *out, const djs_record_t *record,
                            const char *old_key, const djs_place_t *place);

/* Nonzero while the alias leads somewhere. */
int djs_alias_in_grace(const djs_record_t *record, apr_time_t now);

/* Nonzero when the grace is certainly over. It is neither when the clock has
 * gone back by more than that: then nobody knows when the key was given up. */
int djs_alias_is_late(const djs_record_t *record, apr_time_t now);

/* Ends the session at `store_key`, or the one that its key was given up for,
 * wherever that has got to; `store_key` becomes that of the last record met,
 * and `tag`, when not NULL, the tag of what ended. DJS_EABSENT: there is none
 * any more. */
apr_status_t djs_alias_end(const djs_place_t *place,
                           char store_key[DJS_STORE_KEY_LEN + 1],
                           djs_call_t call, char tag[DJS_TAG_LEN + 1],
                           apr_pool_t *p);

#endif
