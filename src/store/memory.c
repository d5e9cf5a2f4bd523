/* memory.c - the contract of a store in the fewest lines: a hash and a mutex.
 */
#include <stdlib.h>
#include <string.h>
#include <apr_hash.h>
#include <apr_strings.h>
#include <apr_thread_mutex.h>
#include "base/status.h"
#include "store/providers.h"

typedef struct {
    apr_time_t expires;
    apr_size_t key_len;
    apr_size_t len;
    char bytes[]; /* the key, then the value */
} entry_t;

typedef struct {
    apr_hash_t *entries;
    apr_thread_mutex_t *mutex;
} memory_t;

static const char *memory_create(void **self, const char *arg,
                                 const char *const *options,
                                 apr_size_t max_value, apr_pool_t *pconf)
{
    (void)max_value;
    *self = apr_pcalloc(pconf, sizeof(memory_t));
    return *arg || (options && *options)
               ? "a memory store has no argument and no option"
               : NULL;
}

static apr_status_t memory_close(void *self)
{
    memory_t *memory = self;
    apr_hash_index_t *i = apr_hash_first(NULL, memory->entries);

    for (; i; i = apr_hash_next(i)) {
        void *entry;

        apr_hash_this(i, NULL, NULL, &entry);
        free(entry);
    }
    memory->entries = NULL;
    return APR_SUCCESS;
}

static apr_status_t memory_open(void *self, apr_pool_t *pchild)
{
    memory_t *memory = self;

    memory->entries = apr_hash_make(pchild);
    apr_pool_cleanup_register(pchild, self, memory_close,
                              apr_pool_cleanup_null);
    return apr_thread_mutex_create(&memory->mutex, APR_THREAD_MUTEX_DEFAULT,
                                   pchild);
}

/* The live record of that key, or NULL. */
static entry_t *find(memory_t *memory, djs_bytes_t key, apr_time_t now)
{
    entry_t *entry =
        apr_hash_get(memory->entries, key.data, (apr_ssize_t)key.len);

    return entry && entry->expires > now ? entry : NULL;
}

static void drop(memory_t *memory, djs_bytes_t key)
{
    entry_t *entry =
        apr_hash_get(memory->entries, key.data, (apr_ssize_t)key.len);

    apr_hash_set(memory->entries, key.data, (apr_ssize_t)key.len, NULL);
    free(entry);
}

static apr_status_t keep(memory_t *memory, djs_bytes_t key, djs_item_t item)
{
    entry_t *entry = malloc(sizeof(*entry) + key.len + item.val.len);

    if (!entry) {
        return APR_ENOMEM;
    }
    entry->expires = item.expires;
    entry->key_len = key.len;
    entry->len = item.val.len;
    memcpy(entry->bytes, key.data, key.len);
    if (item.val.len > 0) {
        memcpy(entry->bytes + key.len, item.val.data, item.val.len);
    }
    drop(memory, key);
    apr_hash_set(memory->entries, entry->bytes, (apr_ssize_t)key.len, entry);
    return APR_SUCCESS;
}

static djs_bytes_t value_of(const entry_t *entry)
{
    return djs_bytes_of(entry->bytes + entry->key_len, entry->len);
}

static apr_status_t memory_get(void *self, djs_bytes_t key, djs_call_t call,
                               djs_bytes_t *val, apr_pool_t *p)
{
    memory_t *memory = self;
    apr_status_t rv = DJS_EABSENT;
    entry_t *entry;

    apr_thread_mutex_lock(memory->mutex);
    entry = find(memory, key, call.now);
    if (entry) {
        *val = djs_bytes_of(apr_pstrmemdup(p, value_of(entry).data, entry->len),
                            entry->len);
        rv = APR_SUCCESS;
    }
    apr_thread_mutex_unlock(memory->mutex);
    return rv;
}

static apr_status_t memory_put(void *self, djs_bytes_t key, djs_item_t item,
                               djs_put_e how, djs_call_t call,
                               apr_pool_t *scratch)
{
    memory_t *memory = self;
    apr_status_t rv;

    (void)scratch;
    apr_thread_mutex_lock(memory->mutex);
    if ((find(memory, key, call.now) != NULL) == (how == DJS_PUT_EXISTING)) {
        rv = keep(memory, key, item);
    }
    else {
        rv = how == DJS_PUT_NEW ? DJS_ETAKEN : DJS_EABSENT;
    }
    apr_thread_mutex_unlock(memory->mutex);
    return rv;
}

static apr_status_t memory_update(void *self, djs_bytes_t key, djs_update_fn fn,
                                  void *baton, djs_call_t call,
                                  apr_pool_t *scratch)
{
    memory_t *memory = self;
    apr_status_t rv = DJS_EABSENT;
    djs_update_t todo = { DJS_UPDATE_KEEP, { NULL, 0 }, 0 };
    entry_t *entry;

    apr_thread_mutex_lock(memory->mutex);
    entry = find(memory, key, call.now);
    if (entry) {
        rv = fn(&todo, value_of(entry), baton, scratch);
    }
    if (rv == APR_SUCCESS && todo.what == DJS_UPDATE_REPLACE) {
        rv = keep(memory, key, (djs_item_t){ todo.val, todo.expires });
    }
    else if (rv == APR_SUCCESS && todo.what == DJS_UPDATE_REMOVE) {
        drop(memory, key);
    }
    apr_thread_mutex_unlock(memory->mutex);
    return rv;
}

static apr_status_t memory_remove(void *self, djs_bytes_t key, djs_call_t call,
                                  apr_pool_t *scratch)
{
    memory_t *memory = self;

    (void)call;
    (void)scratch;
    apr_thread_mutex_lock(memory->mutex);
    drop(memory, key);
    apr_thread_mutex_unlock(memory->mutex);
    return APR_SUCCESS;
}

static apr_status_t memory_sweep(void *self, djs_sweep_t *did, djs_call_t call,
                                 apr_pool_t *scratch)
{
    memory_t *memory = self;
    apr_hash_index_t *i;

    apr_thread_mutex_lock(memory->mutex);
    for (i = apr_hash_first(scratch, memory->entries); i;
         i = apr_hash_next(i)) {
        void *value;
        entry_t *entry;

        apr_hash_this(i, NULL, NULL, &value);
        entry = value;
        did->seen++;
        if (entry->expires <= call.now) {
            drop(memory, djs_bytes_of(entry->bytes, entry->key_len));
            did->removed++;
        }
    }
    apr_thread_mutex_unlock(memory->mutex);
    return APR_SUCCESS;
}

static apr_status_t memory_each(void *self, djs_each_fn fn, void *baton,
                                djs_call_t call, apr_pool_t *scratch)
{
    memory_t *memory = self;
    apr_status_t rv = APR_SUCCESS;
    apr_hash_index_t *i;

    apr_thread_mutex_lock(memory->mutex);
    for (i = apr_hash_first(scratch, memory->entries); i && rv == APR_SUCCESS;
         i = apr_hash_next(i)) {
        void *value;
        entry_t *entry;

        apr_hash_this(i, NULL, NULL, &value);
        entry = value;
        if (entry->expires > call.now) {
            rv = fn(djs_bytes_of(entry->bytes, entry->key_len), value_of(entry),
                    entry->expires, baton);
        }
    }
    apr_thread_mutex_unlock(memory->mutex);
    return rv;
}

const djs_provider_t djs_store_memory_provider = { sizeof(djs_provider_t),
                                                   "memory",
                                                   memory_create,
                                                   NULL,
                                                   memory_open,
                                                   memory_get,
                                                   memory_put,
                                                   memory_update,
                                                   memory_remove,
                                                   memory_sweep,
                                                   memory_each,
                                                   NULL,
                                                   NULL,
                                                   NULL,
                                                   NULL,
                                                   NULL,
                                                   NULL,
                                                   0,
                                                   NULL };
