/* store/dbm_dir.h - the directory of a DBM store: whose, how safe, what kind.
 */
#ifndef DJS_STORE_DBM_DIR_H
#define DJS_STORE_DBM_DIR_H

#include <apr_pools.h>
#include <apr_user.h>
#include "store/dbm.h"

/* NULL when a value of dbm->max_value bytes fits the type (where that is known
 * already), else a sentence. */
const char *djs_dir_check_size(const djs_dbm_t *dbm, apr_pool_t *p);

/* Makes the directory and its files `format` and `lock` for that owner
 * ((uid_t)-1: whoever runs), or finds that they are there and safe; fills in
 * dbm->type and dbm->shards where they were not given; loads the DBM driver.
 * NULL, or one sentence with the path, the reason and the remedy. */
const char *djs_dir_prepare(djs_dbm_t *dbm, apr_uid_t uid, apr_gid_t gid,
                            apr_pool_t *p);

/* Reads `format` and compares, for a process that will use the store.
 * APR_EACCES: the directory is not this user's; APR_ENOENT: there is no store;
 * DJS_EINVALID: it is of another kind than was given. */
apr_status_t djs_dir_open(djs_dbm_t *dbm, apr_pool_t *p);

#endif
