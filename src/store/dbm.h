/* store/dbm.h - what the files of the DBM provider share; of others only
 * tiers.c looks in here.
 *
 * A store is a directory: `format` says what it is, `lock` holds a mutex and an
 * intent byte per shard, `epochs` what revocations are told by, and every shard
 * is a mirrored pair of DBM files, NNN.a and NNN.b. From the top: dbm.c (the
 * verbs), dbm_sweep.c, dbm_record.c (one record in an open file), dbm_pair.c
 * (lock, recover, open, operate, close), dbm_copy.c, dbm_lock.c, dbm_dir.c,
 * dbm_chunk.c. doc/formats has every byte.
 */
#ifndef DJS_STORE_DBM_H
#define DJS_STORE_DBM_H

#include <apr_pools.h>
#include "store/dbm_chunk.h"
#include "store/dbm_epoch.h"
#include "store/dbm_lock.h"
#include "store/dbm_scratch.h"
#include "store/store.h"

#define DJS_DBM_SHARDS     256  /* unless shards= says otherwise */
#define DJS_DBM_SHARDS_MAX 1024 /* three hexadecimal digits name a shard */
#define DJS_DBM_VALUE_MAX  (1024 * 1024) /* gdbm and db */

/* The files of a shard: two equal copies, and for the sweep a place to build a
 * smaller one and a draft to build it from. */
enum { DJS_COPY_A, DJS_COPY_B, DJS_COPY_BUILD, DJS_COPY_DRAFT, DJS_COPIES };

/* What differs between the kinds of DBM. */
typedef struct {
    const char *name;      /* as apr_dbm and type= call it */
    const char *suffix[3]; /* of the files of one DBM, NULL at the end */
    apr_size_t pair_max;   /* key and value of one chunk; 0: no chunks */
    apr_size_t value_max;  /* longest value of a session */
    const char *temp;      /* stands before a file's name while it is made */
    apr_off_t presize;     /* of the first file when it is made */
    int silent;            /* errors in closing are not reported */
    int pages;             /* of 1024 bytes, as dbm_pages reads them */
} djs_dbm_type_t;

typedef struct {
    const char *path;
    const djs_dbm_type_t *type; /* NULL: not given, and no store read yet */
    int shards;                 /* 0: likewise */
    apr_size_t max_value;       /* longest value that will be put */
    djs_lock_t *lock;           /* NULL: not open in this process */
    djs_epochs_t *epochs;       /* likewise */
    const char **names;         /* DJS_COPIES paths for each shard */
    djs_scratch_t *scratch;     /* pools for what the libraries allocate */
} djs_dbm_t;

/* The row of that name, or NULL. A NULL name means the default, sdbm. */
const djs_dbm_type_t *djs_dbm_type(const char *name);

/* The shard of a key. */
int djs_dbm_shard(const djs_dbm_t *dbm, const char *key, apr_size_t len);

/* A change of a record: what is asked for, and what came of it. */
typedef struct {
    enum { DJS_DBM_PUT, DJS_DBM_UPDATE, DJS_DBM_REMOVE } verb;
    djs_bytes_t key;
    djs_call_t call;
    djs_put_e how;       /* DJS_DBM_PUT */
    djs_update_fn fn;    /* DJS_DBM_UPDATE */
    void *baton;         /* the same */
    apr_pool_t *scratch; /* the same */

    djs_update_t todo;     /* what is done; DJS_DBM_PUT: to be done */
    djs_edition_t edition; /* of what the record is then */

    djs_chunk_head_t old; /* dbm.c's: chunks is 0 when there was no record */
    djs_chunk_head_t head;
} djs_dbm_change_t;

/* The provider's verbs, for who keeps copies of records elsewhere: the expiry
 * is read, too, and what a change has done is told. */
apr_status_t djs_dbm_get(djs_item_t *out, djs_dbm_t *dbm, djs_bytes_t key,
                         djs_call_t call, apr_pool_t *p);
apr_status_t djs_dbm_change(djs_dbm_t *dbm, djs_dbm_change_t *change);

/* As djs_lock_edition, for a key; DJS_ETROUBLE when the store is not open
 * in this process. */
apr_status_t djs_dbm_edition(djs_edition_t *out, const djs_dbm_t *dbm,
                             djs_bytes_t key);

/* As djs_lock_advance, for a key whose shard is locked. */
void djs_dbm_advance(djs_edition_t *out, const djs_dbm_t *dbm, djs_bytes_t key,
                     apr_time_t now);

#endif
