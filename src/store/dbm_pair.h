/* store/dbm_pair.h - a shard: its lock, its two copies, and what a crash left.
 *
 * Entering takes the shard's lock and first makes good what the last holder
 * left half done. A change is made to copy A, then to copy B; the intent byte
 * always says which of them may be torn, so that one is whole at any moment.
 * A DBM handle lives from one call to the next line at most: no handle is kept
 * (sdbm loses sight of records, db shows old ones, gdbm shuts others out). */
#ifndef DJS_STORE_DBM_PAIR_H
#define DJS_STORE_DBM_PAIR_H

#include <apr_dbm.h>
#include "base/bytes.h"
#include "store/dbm.h"

typedef struct {
    djs_dbm_t *dbm;
    djs_lock_slot_t *slot;
    const char *const *copy; /* the paths of the shard's DJS_COPIES */
    apr_pool_t *pool;        /* what the libraries allocate */
    apr_dbm_t *file;         /* open during an operation */
    apr_time_t until;        /* the call's deadline */
    apr_status_t why;        /* why it can not be written to now */
    int good;                /* the copy to read */
    int at;                  /* the copy that is open */
    int changed;             /* something was written to it */
    int broken;              /* the library could not read it */
    int healed;              /* and that has been seen to, in this call */
} djs_pair_t;

/* One operation on an open copy. It is called for A, and if it changed
 * something there for B, with pair->at saying which; `file` is open. */
typedef apr_status_t (*djs_pair_fn)(djs_pair_t *pair, void *baton);

/* Locks the shard until djs_pair_leave(), and recovers it. DJS_ETIMEOUT as
 * djs_lock_acquire says. When recovery was not possible the good copy can be
 * read, and djs_pair_write() says why it is not. */
apr_status_t djs_pair_enter(djs_pair_t *pair, djs_dbm_t *dbm, int shard,
                            apr_time_t until, apr_pool_t *pool);

void djs_pair_leave(djs_pair_t *pair);

/* Runs `fn` on the good copy, open for reading. DJS_EABSENT when the shard has
 * no files yet. */
apr_status_t djs_pair_read(djs_pair_t *pair, djs_pair_fn fn, void *baton);

/* Runs `fn` on A and on B, open for writing. `room`: bytes that may be added,
 * 0 for a removal, which a full disk does not stop; `create`: make the files
 * if there are none, else DJS_EABSENT. When `fn` fails on A nothing has
 * changed. `check`, where not NULL, is run on each copy opened anew after it
 * was changed, for libraries that do not report errors in closing. */
apr_status_t djs_pair_write(djs_pair_t *pair, int create, apr_size_t room,
                            djs_pair_fn fn, djs_pair_fn check, void *baton);

/* Within djs_pair_write: stores, deletes (what is there), marking the intent
 * before the first change. */
apr_status_t djs_pair_store(djs_pair_t *pair, apr_datum_t key, apr_datum_t val);
apr_status_t djs_pair_delete(djs_pair_t *pair, apr_datum_t key);

/* Within an operation: `*val` is valid until the next call on the pair, and is
 * given back with djs_pair_free(). DJS_EABSENT. */
apr_status_t djs_pair_fetch(djs_pair_t *pair, apr_datum_t key,
                            apr_datum_t *val);
void djs_pair_free(djs_pair_t *pair, apr_datum_t val);

/* Shows every pair of the good copy to `fn`, which returns APR_SUCCESS to go
 * on. Ends after `limit` pairs. */
typedef apr_status_t (*djs_pair_each_fn)(djs_bytes_t key, djs_bytes_t val,
                                         void *baton);
apr_status_t djs_pair_walk(djs_pair_t *pair, apr_uint64_t limit,
                           djs_pair_each_fn fn, void *baton);

/* Puts the files at DJS_COPY_BUILD and DJS_COPY_DRAFT, which are equal, in the
 * place of the two copies. Only when both copies are whole. */
apr_status_t djs_pair_replace(djs_pair_t *pair);

/* Whether the disk has room for `room` more bytes (0: nothing grows), with a
 * margin: DJS_EFULL if not. */
apr_status_t djs_pair_room(const djs_dbm_t *dbm, apr_size_t room);

/* A library's status as ours: DJS_EFULL, DJS_ETROUBLE, or the system's. */
apr_status_t djs_pair_status(const djs_dbm_t *dbm, apr_status_t rv);

#endif
