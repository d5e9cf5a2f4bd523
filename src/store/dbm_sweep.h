/* store/dbm_sweep.h - removing what has expired, and listing what has not. */
#ifndef DJS_STORE_DBM_SWEEP_H
#define DJS_STORE_DBM_SWEEP_H

#include "store/dbm.h"
#include "store/store.h"

/* One shard: looks for expired records and for chunks that no record claims,
 * removes them in short holds of the lock, and rewrites the shard's files when
 * they have grown far beyond what is in them. As djs_store_sweep. */
apr_status_t djs_sweep_slice(djs_dbm_t *dbm, djs_sweep_t *did, djs_call_t call,
                             apr_pool_t *scratch);

/* As djs_store_each: shard by shard, `fn` runs without a lock. */
apr_status_t djs_sweep_each(djs_dbm_t *dbm, djs_each_fn fn, void *baton,
                            djs_call_t call, apr_pool_t *scratch);

#endif
