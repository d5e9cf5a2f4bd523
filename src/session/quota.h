/* session/quota.h - at most so many sessions of one user.
 *
 * A record of kind list, under a store key that is made of the user, names the
 * user's sessions by their store keys, the oldest login first. It may be wrong
 * for a while: sessions end or change their keys without a word to it. A login
 * puts it right: it looks at the oldest ones before it ends any of them. Use
 * keeps it from being forgotten. */
#ifndef DJS_SESSION_QUOTA_H
#define DJS_SESSION_QUOTA_H

#include "session/save.h"

#define DJS_QUOTA_MOST 1000 /* sessions that a list can hold */

/* The session that v has saved under `store_key` belongs to `user`, who may
 * have v->terms->max_per_user: ends the oldest ones beyond that.
 * v->out->evicted counts them. After a login the session is new to the list;
 * otherwise it is only noted again. */
apr_status_t djs_quota_note(djs_save_t *v, djs_bytes_t user,
                            const djs_record_t *record, djs_bytes_t store_key);

#endif
