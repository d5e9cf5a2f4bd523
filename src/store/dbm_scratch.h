/* store/dbm_scratch.h - pools that are cleared and used again.
 *
 * Opening a DBM takes some 8 KiB from a pool. A request's pool would keep them
 * until the request's end, and a pool made for each call costs too much; so a
 * process keeps as many pools as it ever had calls at one time. */
#ifndef DJS_STORE_DBM_SCRATCH_H
#define DJS_STORE_DBM_SCRATCH_H

#include <apr_pools.h>

typedef struct djs_scratch djs_scratch_t;

/* No pools yet; lives in `pool`, and they end with it. NULL: no memory. */
djs_scratch_t *djs_scratch_make(apr_pool_t *pool);

/* An empty pool for this call alone; NULL: no memory. */
apr_pool_t *djs_scratch_take(djs_scratch_t *scratch);

/* Clears the pool and keeps it for the next call. */
void djs_scratch_give(djs_scratch_t *scratch, apr_pool_t *pool);

#endif
