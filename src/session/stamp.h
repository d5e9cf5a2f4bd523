/* session/stamp.h - the times that a record gets and is judged by. */
#ifndef DJS_SESSION_STAMP_H
#define DJS_SESSION_STAMP_H

#include "session/commit.h"

/* When the absolute limit ends the session, however much it is used; the
 * greatest time when there is none. Counts from the last login, or else from
 * birth. */
apr_time_t djs_stamp_limit(const djs_record_t *record,
                           const djs_terms_t *terms);

/* Nonzero when a use at `now` must give the session a fresh deadline. */
int djs_stamp_renewal_due(const djs_record_t *record, const djs_terms_t *terms,
                          apr_time_t now);

/* Nonzero when a use at `now` must give it a new key (DjSessionRotate). */
int djs_stamp_rotation_due(const djs_record_t *record, const djs_terms_t *terms,
                           apr_time_t now);

/* Gives the record the times of a save that happens now; `expiry` is the value
 * of _session_expiry in its body, or NULL. `*max_age` is the cookie's, in
 * seconds; below 0: it ends with the browser. Statuses as djs_expiry_read. */
apr_status_t djs_stamp_save(djs_record_t *record, apr_int64_t *max_age,
                            const djs_bytes_t *expiry, const djs_terms_t *terms,
                            apr_time_t now);

/* The Max-Age that a cookie sent at `now` must have, as above. */
apr_int64_t djs_stamp_max_age(const djs_record_t *record, apr_time_t now);

#endif
