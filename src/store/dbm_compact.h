/* store/dbm_compact.h - rewriting a shard whose files have grown too large. */
#ifndef DJS_STORE_DBM_COMPACT_H
#define DJS_STORE_DBM_COMPACT_H

#include "store/dbm.h"
#include "store/store.h"

/* Whether the files of the shard take far more of the disk than `live` bytes,
 * and more than they did right after they were rewritten last. */
int djs_compact_wanted(const djs_dbm_t *dbm, int shard, apr_uint64_t live);

/* Notes how long the lock was held that was taken at `since`. */
void djs_sweep_note(djs_sweep_t *did, apr_time_t since);

/* Rewrites the shard: the new file is built without the lock, and takes the
 * place of both copies only if nothing was written meanwhile. Otherwise the
 * next sweep tries again. APR_SUCCESS in both cases. */
apr_status_t djs_compact_shard(djs_dbm_t *dbm, int shard, djs_sweep_t *did,
                               djs_call_t call, apr_pool_t *pool);

#endif
