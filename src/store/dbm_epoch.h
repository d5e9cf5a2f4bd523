/* store/dbm_epoch.h - the epochs of a DBM store, in a file that all map.
 *
 * An epoch is a number under a name that only rises. The file `epochs` of the
 * store's directory holds a few hundred of them; names that fall together share
 * one, which costs whoever compares it a second look, and no more. */
#ifndef DJS_STORE_DBM_EPOCH_H
#define DJS_STORE_DBM_EPOCH_H

#include <stdatomic.h>
#include <apr_pools.h>
#include "base/bytes.h"

typedef struct djs_epochs djs_epochs_t;

/* Makes the file in the directory `dirfd` when there is none, owned by `uid`
 * and `gid`. The caller holds the directory's flock. */
apr_status_t djs_epochs_make(int dirfd, apr_uint32_t uid, apr_uint32_t gid);

/* Maps the file at `path`; unmapped with `pool`. DJS_EINVALID: it is not one of
 * ours. */
apr_status_t djs_epochs_open(djs_epochs_t **out, const char *path,
                             apr_pool_t *pool);

/* The epoch of that name; 0 when nobody has raised it. */
apr_uint64_t djs_epochs_get(djs_epochs_t *epochs, djs_bytes_t name);

/* Raises it to `to`, unless it is that high already, and sees that a crash of
 * the machine does not undo it. */
apr_status_t djs_epochs_raise(djs_epochs_t *epochs, djs_bytes_t name,
                              apr_uint64_t to);

#endif
