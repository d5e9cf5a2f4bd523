/* session/revoke.h - ends all sessions of a user, or of a namespace, at once.
 *
 * Nobody looks for them. A revocation leaves a mark, with a number, in every
 * place where sessions may lie, and then raises the namespace's epoch to that
 * number. A session keeps the epoch in which it was last known to be good: as
 * long as the epoch is no higher nothing has been revoked since, and the lookup
 * costs nothing more; otherwise the marks for its user and for everybody are
 * asked, and a higher number in one of them means that it has ended. */
#ifndef DJS_SESSION_REVOKE_H
#define DJS_SESSION_REVOKE_H

#include "session/commit.h"

/* Whom to ask, and by when. */
typedef struct {
    const djs_place_t *place;
    djs_call_t call;
    apr_pool_t *p;
} djs_revoke_t;

/* The epoch where the record of `store_key` lies. */
apr_status_t djs_revoke_epoch(apr_uint64_t *epoch, djs_bytes_t store_key,
                              const djs_revoke_t *ask);

/* Is the session in `record`, which lies at `store_key`, still good in `epoch`?
 * Then the record's epoch is raised to it. DJS_EABSENT: it has been revoked.
 * `user_key` (normal JSON) says who its user is, and so do the others of the
 * place. */
apr_status_t djs_revoke_check(djs_record_t *record, apr_uint64_t epoch,
                              djs_bytes_t store_key, djs_bytes_t user_key,
                              const djs_revoke_t *ask);

/* Ends every session of the user, or with an empty `user` everybody's. After
 * APR_SUCCESS no request finds one of them alive. Otherwise some may live on:
 * to be done again. */
apr_status_t djs_revoke(djs_bytes_t user, const djs_revoke_t *ask);

#endif
