/* dbm_scan.c - all chunks of a shard, copied out of its file. */
#include <string.h>
#include <apr_strings.h>
#include "base/status.h"
#include "store/dbm_pages.h"
#include "store/dbm_scan.h"
#include "store/store.h"

static apr_status_t scan_chunk(djs_bytes_t name, djs_bytes_t val, void *baton)
{
    djs_scan_t *scan = baton;
    djs_scan_chunk_t *chunk;
    apr_status_t rv;

    if (name.len < 2 || name.len > DJS_STORE_KEY_MAX + 1) {
        return APR_SUCCESS; /* not ours */
    }
    chunk = apr_array_push(scan->chunks);
    if (scan->borrowed) {
        name.data = apr_pmemdup(scan->pool, name.data, name.len);
    }
    chunk->name = name;
    chunk->key = djs_bytes_of(name.data, name.len - 1);
    chunk->chunk = (unsigned char)name.data[name.len - 1];
    chunk->size = name.len + val.len;
    chunk->raw = djs_bytes_of(NULL, 0);
    if (scan->values) {
        val.data = apr_pmemdup(scan->pool, val.data, val.len);
        chunk->raw = val;
    }
    memset(&chunk->head, 0, sizeof(chunk->head));
    if (chunk->chunk == 0) {
        rv = djs_chunk_head_read(&chunk->head, &chunk->data, val, chunk->key);
    }
    else {
        rv = djs_chunk_follow_read(&chunk->head.generation, &chunk->data, val);
    }
    chunk->readable = rv == APR_SUCCESS;
    return APR_SUCCESS;
}

/* Once the array has stopped moving. Of a key seen twice the last one counts;
 * both show the same bytes. */
static void make_index(djs_scan_t *scan)
{
    for (int i = 0; i < scan->chunks->nelts; i++) {
        djs_scan_chunk_t *chunk =
            &APR_ARRAY_IDX(scan->chunks, i, djs_scan_chunk_t);

        apr_hash_set(scan->index, chunk->name.data,
                     (apr_ssize_t)chunk->name.len, chunk);
    }
}

static void scan_init(djs_scan_t *scan, int values, int borrowed,
                      apr_pool_t *pool)
{
    scan->chunks = apr_array_make(pool, 256, sizeof(djs_scan_chunk_t));
    scan->index = apr_hash_make(pool);
    scan->values = values;
    scan->borrowed = borrowed;
    scan->pool = pool;
}

apr_status_t djs_scan_shard(djs_scan_t *scan, djs_pair_t *pair, int values,
                            apr_pool_t *pool)
{
    apr_status_t rv;

    scan_init(scan, values, 0, pool);
    rv = djs_pair_walk(pair, ~(apr_uint64_t)0, scan_chunk, scan);
    if (rv == APR_SUCCESS) {
        make_index(scan);
    }
    return rv;
}

apr_status_t djs_scan_pages(djs_scan_t *scan, const char *path,
                            apr_pool_t *pool)
{
    apr_status_t rv;

    scan_init(scan, 0, 1, pool);
    rv = djs_pages_walk(path, scan_chunk, scan);
    if (rv == APR_SUCCESS) {
        make_index(scan);
    }
    return rv;
}

const djs_scan_chunk_t *djs_scan_find(const djs_scan_t *scan, djs_bytes_t key,
                                      unsigned chunk)
{
    char name[DJS_STORE_KEY_MAX + 1];

    memcpy(name, key.data, key.len);
    name[key.len] = (char)chunk;
    return apr_hash_get(scan->index, name, (apr_ssize_t)key.len + 1);
}
