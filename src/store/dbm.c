/* dbm.c - the DBM provider: sessions in a directory of mirrored DBM files.
 *
 * A call takes the lock of the key's shard, opens a file, operates, closes it
 * and lets go. Nothing stays open: see dbm_pair.h. */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <apr_hash.h>
#include <apr_dbm.h>
#include <apr_strings.h>
#include <apr_tables.h>
#include "base/status.h"
#include "store/dbm.h"
#include "store/dbm_dir.h"
#include "store/dbm_record.h"
#include "store/dbm_sweep.h"
#include "store/providers.h"
#include "store/store.h"

/* sdbm keeps pages of 1024 bytes and splits one ten times at most to make room
 * for a pair. Three pairs of 336 bytes share a page, so a store could only fail
 * when four keys agree in ten bits more than tell their page apart.
 *
 * Its bitmap of splits (.dir) is made long, and empty, beforehand: a handle
 * that has stored once otherwise overlooks splits that lie further than one
 * block behind the end the file had when it was opened, and a value in several
 * chunks is several stores. 4 MiB have a bit for every split of 25 levels. */
static const djs_dbm_type_t types[] = {
    { .name = "sdbm",
      .suffix = { ".dir", ".pag", NULL },
      .pair_max = 336,
      .value_max = 68065, /* 255 chunks under the longest key */
      .presize = 4 * 1024 * 1024,
      .pages = 1 },
    { .name = "gdbm",
      .suffix = { "", NULL, NULL },
      .value_max = DJS_DBM_VALUE_MAX },
    { .name = "db",
      .suffix = { "", NULL, NULL },
      .value_max = DJS_DBM_VALUE_MAX,
      .temp = "__db.",
      .silent = 1 }
};

const djs_dbm_type_t *djs_dbm_type(const char *name)
{
    for (apr_size_t i = 0; i < sizeof(types) / sizeof(types[0]); i++) {
        if (!name || strcmp(name, types[i].name) == 0) {
            return &types[i];
        }
    }
    return NULL;
}

static uint32_t hash_of(const char *key, apr_size_t len)
{
    return djs_chunk_hash(DJS_CHUNK_HASH_START, key, len);
}

int djs_dbm_shard(const djs_dbm_t *dbm, const char *key, apr_size_t len)
{
    uint32_t hash = hash_of(key, len);

    return (int)((hash ^ hash >> 16) & (uint32_t)(dbm->shards - 1));
}

apr_status_t djs_dbm_edition(djs_edition_t *out, const djs_dbm_t *dbm,
                             djs_bytes_t key)
{
    return dbm->lock
               ? djs_lock_edition(out, dbm->lock, hash_of(key.data, key.len))
               : DJS_ETROUBLE;
}

void djs_dbm_advance(djs_edition_t *out, const djs_dbm_t *dbm, djs_bytes_t key,
                     apr_time_t now)
{
    djs_lock_advance(out, dbm->lock, hash_of(key.data, key.len), now);
}

static const char *read_option(djs_dbm_t *dbm, const char *option,
                               apr_pool_t *p)
{
    if (strncmp(option, "type=", 5) == 0) {
        dbm->type = djs_dbm_type(option + 5);
        return dbm->type ? NULL
                         : apr_psprintf(p,
                                        "the DBM type \"%s\" is not known: use "
                                        "type=sdbm, type=gdbm or type=db",
                                        option + 5);
    }
    if (strncmp(option, "shards=", 7) == 0) {
        const char *text = option + 7;
        apr_size_t len = strlen(text);

        dbm->shards = len > 0 && len <= 4 && strspn(text, "0123456789") == len
                          ? (int)strtol(text, NULL, 10)
                          : 0;
        if (dbm->shards < 1 || dbm->shards > DJS_DBM_SHARDS_MAX ||
            (dbm->shards & (dbm->shards - 1)) != 0) {
            return apr_psprintf(p,
                                "shards=%s is not possible: use a power of two "
                                "from 1 to %d",
                                text, DJS_DBM_SHARDS_MAX);
        }
        return NULL;
    }
    return apr_psprintf(p,
                        "a DBM store has no option \"%s\": it has "
                        "type=sdbm|gdbm|db and shards=N",
                        option);
}

static const char *dbm_create(void **self, const char *arg,
                              const char *const *options, apr_size_t max_value,
                              apr_pool_t *pconf)
{
    djs_dbm_t *dbm = apr_pcalloc(pconf, sizeof(*dbm));
    apr_size_t len = strlen(arg);

    *self = dbm;
    while (len > 1 && arg[len - 1] == '/') {
        len--;
    }
    dbm->path = apr_pstrmemdup(pconf, arg, len);
    dbm->max_value = max_value;
    if (arg[0] != '/' || len < 2) {
        return apr_psprintf(pconf,
                            "a DBM store needs the absolute path of a "
                            "directory, as in dbm:/var/lib/djsession, not "
                            "\"%s\"",
                            arg);
    }
    for (; options && *options; options++) {
        const char *error = read_option(dbm, *options, pconf);

        if (error) {
            return error;
        }
    }
    return djs_dir_check_size(dbm, pconf);
}

static const char *dbm_prepare(void *self, djs_owner_t owner, apr_pool_t *p)
{
    return djs_dir_prepare(self, owner.uid, owner.gid, p);
}

static apr_status_t dbm_closed(void *self)
{
    ((djs_dbm_t *)self)->lock = NULL;
    ((djs_dbm_t *)self)->epochs = NULL;
    return APR_SUCCESS;
}

/* APR keeps a type's driver in the root of the pool that first asked for it: so
 * that must not be one of our scratch pools, which are roots and get cleared.
 */
static apr_status_t load_driver(const djs_dbm_t *dbm, apr_pool_t *pchild)
{
    const char *first, *second;

    return apr_dbm_get_usednames_ex(pchild, dbm->type->name, dbm->path, &first,
                                    &second);
}

/* A store that an earlier version made has no such file yet. */
static apr_status_t open_epochs(djs_dbm_t *dbm, apr_pool_t *pchild)
{
    const char *path = apr_pstrcat(pchild, dbm->path, "/epochs", NULL);
    apr_status_t rv = djs_epochs_open(&dbm->epochs, path, pchild);
    int fd = -1;

    if (APR_STATUS_IS_ENOENT(rv)) {
        fd = open(dbm->path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
        rv = fd < 0 ? errno : djs_epochs_make(fd, geteuid(), getegid());
    }
    if (fd >= 0) {
        close(fd);
        if (rv == APR_SUCCESS) {
            rv = djs_epochs_open(&dbm->epochs, path, pchild);
        }
    }
    return rv;
}

static apr_status_t dbm_open(void *self, apr_pool_t *pchild)
{
    djs_dbm_t *dbm = self;
    apr_status_t rv;

    dbm->lock = NULL;
    rv = djs_dir_open(dbm, pchild);
    if (rv == APR_SUCCESS) {
        rv = load_driver(dbm, pchild);
    }
    if (rv != APR_SUCCESS) {
        return rv;
    }
    dbm->names = apr_palloc(pchild, (apr_size_t)dbm->shards * DJS_COPIES *
                                        sizeof(*dbm->names));
    for (int i = 0; i < dbm->shards * DJS_COPIES; i++) {
        dbm->names[i] =
            apr_psprintf(pchild, "%s/%03x.%c", dbm->path,
                         (unsigned)i / DJS_COPIES, "abcd"[i % DJS_COPIES]);
    }
    dbm->scratch = djs_scratch_make(pchild);
    if (!dbm->scratch) {
        return APR_ENOMEM;
    }
    rv =
        djs_lock_open(&dbm->lock, apr_pstrcat(pchild, dbm->path, "/lock", NULL),
                      dbm->shards, pchild);
    apr_pool_cleanup_register(pchild, dbm, dbm_closed, apr_pool_cleanup_null);
    if (rv == APR_SUCCESS) {
        rv = open_epochs(dbm, pchild);
    }
    return rv == APR_SUCCESS ? rv : djs_pair_status(dbm, rv);
}

static apr_status_t dbm_epoch(void *self, djs_bytes_t name, djs_bytes_t beside,
                              djs_call_t call, apr_uint64_t *epoch,
                              apr_pool_t *p)
{
    djs_dbm_t *dbm = self;

    (void)beside;
    (void)call;
    (void)p;
    if (!dbm->epochs) {
        return DJS_ETROUBLE;
    }
    *epoch = djs_epochs_get(dbm->epochs, name);
    return APR_SUCCESS;
}

static apr_status_t dbm_raise(void *self, djs_bytes_t name, apr_uint64_t to)
{
    djs_dbm_t *dbm = self;

    return dbm->epochs ? djs_epochs_raise(dbm->epochs, name, to) : DJS_ETROUBLE;
}

/* Locks the shard of `key`, with a pool for what the call needs. */
static apr_status_t enter(djs_pair_t *pair, djs_dbm_t *dbm, djs_bytes_t key,
                          djs_call_t call)
{
    apr_pool_t *pool;
    apr_status_t rv;

    if (!dbm->lock) {
        return DJS_ETROUBLE; /* not open in this process */
    }
    pool = djs_scratch_take(dbm->scratch);
    if (!pool) {
        return APR_ENOMEM;
    }
    rv = djs_pair_enter(pair, dbm, djs_dbm_shard(dbm, key.data, key.len),
                        call.until, pool);
    if (rv != APR_SUCCESS) {
        djs_scratch_give(dbm->scratch, pool);
    }
    return rv;
}

static void leave(djs_pair_t *pair)
{
    djs_pair_leave(pair);
    djs_scratch_give(pair->dbm->scratch, pair->pool);
}

typedef struct {
    djs_bytes_t key;
    djs_bytes_t val;
    djs_chunk_head_t head;
    apr_time_t now;
    apr_pool_t *p;
} get_op_t;

static apr_status_t get_from(djs_pair_t *pair, void *baton)
{
    get_op_t *op = baton;

    return djs_record_get(&op->head, &op->val, pair, op->key, op->now, op->p);
}

apr_status_t djs_dbm_get(djs_item_t *out, djs_dbm_t *dbm, djs_bytes_t key,
                         djs_call_t call, apr_pool_t *p)
{
    get_op_t op = { .key = key, .now = call.now, .p = p };
    djs_pair_t pair;
    apr_status_t rv = enter(&pair, dbm, key, call);

    if (rv == APR_SUCCESS) {
        rv = djs_pair_read(&pair, get_from, &op);
        leave(&pair);
    }
    out->val = op.val;
    out->expires = op.head.expires;
    return rv;
}

static apr_status_t dbm_get(void *self, djs_bytes_t key, djs_call_t call,
                            djs_bytes_t *val, apr_pool_t *p)
{
    djs_item_t item;
    apr_status_t rv = djs_dbm_get(&item, self, key, call, p);

    *val = item.val;
    return rv;
}

/* A generation unlike the one before, and unlike that of chunks a lost record
 * of the same key may have left. */
static void new_generation(djs_dbm_change_t *op)
{
    op->head.generation = (uint32_t)op->call.now * 2654435761u;
    if (op->head.generation == op->old.generation) {
        op->head.generation++;
    }
}

static apr_status_t change_write(djs_pair_t *pair, djs_dbm_change_t *op)
{
    if (pair->at == DJS_COPY_A && op->todo.what != DJS_UPDATE_KEEP) {
        djs_dbm_advance(&op->edition, pair->dbm, op->key, op->call.now);
    }
    switch (op->todo.what) {
    case DJS_UPDATE_REPLACE:
        return djs_record_put(pair, op->key, op->todo.val, &op->head,
                              op->old.chunks);
    case DJS_UPDATE_REMOVE:
        return djs_record_remove(pair, op->key, op->old.chunks);
    case DJS_UPDATE_KEEP:
    default:
        return APR_SUCCESS;
    }
}

static apr_status_t change_check(djs_pair_t *pair, void *baton)
{
    djs_dbm_change_t *op = baton;
    djs_chunk_head_t head;
    apr_status_t rv;

    if (op->todo.what == DJS_UPDATE_REPLACE) {
        return djs_record_check(pair, op->key, op->todo.val, &op->head);
    }
    rv = djs_record_head(&head, pair, op->key);
    return rv == DJS_EABSENT ? APR_SUCCESS : DJS_ETROUBLE;
}

static apr_status_t put_decide(djs_pair_t *pair, djs_dbm_change_t *op)
{
    apr_status_t rv = djs_record_head(&op->old, pair, op->key);
    int live = rv == APR_SUCCESS && op->old.expires > op->call.now;

    if (rv != APR_SUCCESS && rv != DJS_EABSENT) {
        return rv; /* what can not be read is not overwritten */
    }
    if (live != (op->how == DJS_PUT_EXISTING)) {
        return live ? DJS_ETAKEN : DJS_EABSENT;
    }
    new_generation(op);
    return APR_SUCCESS;
}

static apr_status_t put_into(djs_pair_t *pair, void *baton)
{
    djs_dbm_change_t *op = baton;
    apr_status_t rv = APR_SUCCESS;

    if (pair->at == DJS_COPY_A) {
        rv = put_decide(pair, op);
    }
    return rv == APR_SUCCESS ? change_write(pair, op) : rv;
}

static apr_status_t update_decide(djs_pair_t *pair, djs_dbm_change_t *op)
{
    djs_bytes_t current;
    apr_status_t rv = djs_record_get(&op->old, &current, pair, op->key,
                                     op->call.now, op->scratch);

    if (rv == APR_SUCCESS) {
        rv = op->fn(&op->todo, current, op->baton, op->scratch);
    }
    if (rv == APR_SUCCESS && op->todo.what == DJS_UPDATE_REPLACE) {
        op->head.expires = op->todo.expires;
        new_generation(op);
        rv = op->todo.expires > 0 ? djs_record_plan(&op->head, pair->dbm,
                                                    op->key, op->todo.val.len)
                                  : APR_EINVAL;
        if (rv == APR_SUCCESS) {
            rv = djs_pair_room(pair->dbm, op->todo.val.len + 1);
        }
    }
    return rv;
}

static apr_status_t update_in(djs_pair_t *pair, void *baton)
{
    djs_dbm_change_t *op = baton;
    apr_status_t rv = APR_SUCCESS;

    if (pair->at == DJS_COPY_A) {
        rv = update_decide(pair, op);
    }
    return rv == APR_SUCCESS ? change_write(pair, op) : rv;
}

/* A record whose head can not be read loses chunk 0, and so is gone; what
 * else it had is the sweep's to find. */
static apr_status_t remove_from(djs_pair_t *pair, void *baton)
{
    djs_dbm_change_t *op = baton;

    if (pair->at == DJS_COPY_A) {
        apr_status_t rv = djs_record_head(&op->old, pair, op->key);

        if (rv == DJS_EUNREADABLE) {
            op->old.chunks = 1;
        }
        else if (rv != APR_SUCCESS) {
            return rv;
        }
    }
    return change_write(pair, op);
}

static apr_status_t change_run(djs_pair_t *pair, djs_dbm_change_t *op)
{
    switch (op->verb) {
    case DJS_DBM_PUT:
        return djs_pair_write(pair, op->how == DJS_PUT_NEW,
                              op->todo.val.len + 1, put_into, change_check, op);
    case DJS_DBM_UPDATE:
        /* how much will be written, if anything, fn decides: a record can be
         * removed where nothing more fits */
        return djs_pair_write(pair, 0, 0, update_in, change_check, op);
    case DJS_DBM_REMOVE:
    default:
        return djs_pair_write(pair, 0, 0, remove_from, change_check, op);
    }
}

apr_status_t djs_dbm_change(djs_dbm_t *dbm, djs_dbm_change_t *change)
{
    apr_status_t rv = APR_SUCCESS;
    djs_pair_t pair;

    if (change->verb == DJS_DBM_PUT) {
        change->todo.what = DJS_UPDATE_REPLACE;
        change->head.expires = change->todo.expires;
        rv = djs_record_plan(&change->head, dbm, change->key,
                             change->todo.val.len);
    }
    else if (change->verb == DJS_DBM_REMOVE) {
        change->todo.what = DJS_UPDATE_REMOVE;
    }
    if (rv == APR_SUCCESS) {
        rv = enter(&pair, dbm, change->key, change->call);
    }
    if (rv != APR_SUCCESS) {
        return rv;
    }
    rv = change_run(&pair, change);
    if (rv == DJS_EABSENT) { /* a copy may be there, elsewhere */
        djs_dbm_advance(&change->edition, dbm, change->key, change->call.now);
    }
    leave(&pair);
    return rv == DJS_EABSENT && change->verb == DJS_DBM_REMOVE ? APR_SUCCESS
                                                               : rv;
}

static apr_status_t dbm_put(void *self, djs_bytes_t key, djs_item_t item,
                            djs_put_e how, djs_call_t call, apr_pool_t *scratch)
{
    djs_dbm_change_t change = {
        .verb = DJS_DBM_PUT, .key = key, .call = call, .how = how
    };

    (void)scratch;
    change.todo.val = item.val;
    change.todo.expires = item.expires;
    return djs_dbm_change(self, &change);
}

static apr_status_t dbm_update(void *self, djs_bytes_t key, djs_update_fn fn,
                               void *baton, djs_call_t call,
                               apr_pool_t *scratch)
{
    djs_dbm_change_t change = { .verb = DJS_DBM_UPDATE,
                                .key = key,
                                .call = call,
                                .fn = fn,
                                .baton = baton,
                                .scratch = scratch };

    return djs_dbm_change(self, &change);
}

static apr_status_t dbm_remove(void *self, djs_bytes_t key, djs_call_t call,
                               apr_pool_t *scratch)
{
    djs_dbm_change_t change = { .verb = DJS_DBM_REMOVE,
                                .key = key,
                                .call = call };

    (void)scratch;
    return djs_dbm_change(self, &change);
}

static apr_status_t dbm_sweep(void *self, djs_sweep_t *did, djs_call_t call,
                              apr_pool_t *scratch)
{
    djs_dbm_t *dbm = self;

    return dbm->lock ? djs_sweep_slice(dbm, did, call, scratch) : DJS_ETROUBLE;
}

static apr_status_t dbm_each(void *self, djs_each_fn fn, void *baton,
                             djs_call_t call, apr_pool_t *scratch)
{
    djs_dbm_t *dbm = self;

    return dbm->lock ? djs_sweep_each(dbm, fn, baton, call, scratch)
                     : DJS_ETROUBLE;
}

static void dbm_about(void *self, djs_about_t *out)
{
    out->path = ((djs_dbm_t *)self)->path;
}

const djs_provider_t djs_store_dbm_provider = { sizeof(djs_provider_t),
                                                "dbm",
                                                dbm_create,
                                                dbm_prepare,
                                                dbm_open,
                                                dbm_get,
                                                dbm_put,
                                                dbm_update,
                                                dbm_remove,
                                                dbm_sweep,
                                                dbm_each,
                                                dbm_about,
                                                dbm_epoch,
                                                dbm_raise,
                                                NULL,
                                                NULL,
                                                NULL,
                                                0,
                                                NULL };
