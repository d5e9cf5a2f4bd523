/* session/save.h - what the files that save a session share.
 *
 * commit.c decides and saves in place; move.c gives a session another place;
 * load.c and alias.c find it again. */
#ifndef DJS_SESSION_SAVE_H
#define DJS_SESSION_SAVE_H

#include "session/alias.h"
#include "session/commit.h"
#include "session/spot.h"

/* One save: what was asked, and what came of it. */
typedef struct {
    djs_session_t *s;
    const djs_terms_t *terms;
    const djs_place_t *place;
    djs_call_t call;
    djs_saved_t *out;
    apr_pool_t *p;
    int renew_only;     /* nobody asked for anything */
    int new_key;        /* it gets another key */
    djs_bytes_t from;   /* where the session lies; empty: one is born */
    apr_uint64_t epoch; /* in which it is known to be good */
    int other_user;     /* what was found has a user who was not asked for */
    char at[DJS_STORE_KEY_LEN + 1]; /* where a record was written, if so */
    djs_alias_t moved; /* after DJS_EMOVED: where the session went */
} djs_save_t;

/* Is this record still the session that the request had? Notes whether it has
 * another user by now. DJS_EABSENT: its time is over. DJS_EMOVED: its key was
 * given up, v->moved has the new one. */
apr_status_t djs_save_check(djs_save_t *v, const djs_record_t *record);

/* Is the session, which lies at `from`, good in the epoch that holds where `to`
 * lies? Then v->epoch is that epoch or a later one, and every record that is
 * written has it. What is born (an empty `from`) is always good. DJS_EABSENT:
 * the session has been revoked. */
apr_status_t djs_save_check_revoked(djs_save_t *v, djs_bytes_t from,
                                    djs_bytes_t to);

/* The record as it shall be after this save, in `p`. */
apr_status_t djs_save_advance(djs_record_t *record, const djs_save_t *v,
                              apr_pool_t *p);

/* The session object becomes what the store now holds: `record` under `key`,
 * or nothing (NULL, NULL). */
void djs_save_settle(djs_session_t *s, const djs_record_t *record,
                     const char *key);

/* Writes a record to a place that nobody has used, under the first secret and a
 * fresh key, which v->out then has. */
apr_status_t djs_move_fresh(djs_save_t *v, djs_record_t *record,
                            djs_spot_t *to);

/* Copies the record at `from` to a place under the first secret (a fresh key,
 * or the same one), then gives the original up: a key that was rotated out
 * leads to the new one, after a login it leads nowhere. DJS_EABSENT: there is
 * none, or it ended meanwhile; DJS_EMOVED: another request has moved it. The
 * copy is gone then. */
apr_status_t djs_move(djs_save_t *v, const djs_spot_t *from);

#endif
