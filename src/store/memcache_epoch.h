/* store/memcache_epoch.h - epochs that this process has asked for just now.
 *
 * Every lookup wants one; to ask for it each time would be a second round trip.
 * So an answer holds for a lease, and who raises an epoch waits for as long
 * before he says that it is done: by then nobody goes by the old one. */
#ifndef DJS_STORE_MEMCACHE_EPOCH_H
#define DJS_STORE_MEMCACHE_EPOCH_H

#include "store/memcache.h"

#define DJS_MC_LEASE (100 * 1000) /* microseconds */

/* Nonzero when the server has told the epoch of that name within the lease. */
int djs_mcepoch_recall(apr_uint64_t *epoch, djs_link_t *link, djs_bytes_t name);

/* The server said so in answer to a question of the moment `asked`, on the
 * steady clock. */
void djs_mcepoch_note(djs_link_t *link, djs_bytes_t name, apr_uint64_t epoch,
                      apr_time_t asked);

#endif
