/* dbm_record.c - one record in the open copy of a shard. */
#include <string.h>
#include "base/status.h"
#include "store/dbm_record.h"
#include "store/store.h"

/* A chunk's key: the record's, and one byte with the chunk's number. */
typedef struct {
    char bytes[DJS_STORE_KEY_MAX + 1];
    apr_size_t len;
} chunk_key_t;

static void chunk_key(chunk_key_t *out, djs_bytes_t key)
{
    memcpy(out->bytes, key.data, key.len);
    out->len = key.len + 1;
}

static apr_datum_t chunk_name(chunk_key_t *key, unsigned chunk)
{
    apr_datum_t name = { key->bytes, key->len };

    key->bytes[key->len - 1] = (char)chunk;
    return name;
}

static djs_bytes_t datum_bytes(apr_datum_t datum)
{
    return djs_bytes_of(datum.dptr, datum.dsize);
}

apr_status_t djs_record_head(djs_chunk_head_t *head, djs_pair_t *pair,
                             djs_bytes_t key)
{
    chunk_key_t name;
    djs_bytes_t data;
    apr_datum_t got;
    apr_status_t rv;

    memset(head, 0, sizeof(*head));
    chunk_key(&name, key);
    rv = djs_pair_fetch(pair, chunk_name(&name, 0), &got);
    if (rv == APR_SUCCESS) {
        rv = djs_chunk_head_read(head, &data, datum_bytes(got), key);
        djs_pair_free(pair, got);
    }
    return rv;
}

/* Appends what chunk 1 and those after it hold to `out`, of head->length. */
static apr_status_t get_rest(char *out, apr_size_t have,
                             const djs_chunk_head_t *head, djs_pair_t *pair,
                             chunk_key_t *name)
{
    for (unsigned i = 1; i < head->chunks; i++) {
        uint32_t generation;
        djs_bytes_t data;
        apr_datum_t got;
        apr_status_t rv = djs_pair_fetch(pair, chunk_name(name, i), &got);

        if (rv != APR_SUCCESS) {
            return rv == DJS_EABSENT ? DJS_EUNREADABLE : rv;
        }
        rv = djs_chunk_follow_read(&generation, &data, datum_bytes(got));
        if (rv == APR_SUCCESS && (generation != head->generation ||
                                  data.len > head->length - have)) {
            rv = DJS_EUNREADABLE;
        }
        if (rv == APR_SUCCESS) {
            memcpy(out + have, data.data, data.len);
            have += data.len;
        }
        djs_pair_free(pair, got);
        if (rv != APR_SUCCESS) {
            return rv;
        }
    }
    return have == head->length ? APR_SUCCESS : DJS_EUNREADABLE;
}

apr_status_t djs_record_get(djs_chunk_head_t *head, djs_bytes_t *val,
                            djs_pair_t *pair, djs_bytes_t key, apr_time_t now,
                            apr_pool_t *p)
{
    chunk_key_t name;
    djs_bytes_t data;
    apr_datum_t got;
    apr_status_t rv;
    char *out;

    *val = djs_bytes_of(NULL, 0);
    chunk_key(&name, key);
    rv = djs_pair_fetch(pair, chunk_name(&name, 0), &got);
    if (rv != APR_SUCCESS) {
        return rv;
    }
    rv = djs_chunk_head_read(head, &data, datum_bytes(got), key);
    if (rv == APR_SUCCESS && head->expires <= now) {
        rv = DJS_EABSENT;
    }
    if (rv == APR_SUCCESS && head->length > pair->dbm->type->value_max) {
        rv = DJS_EUNREADABLE;
    }
    if (rv != APR_SUCCESS) {
        djs_pair_free(pair, got);
        return rv;
    }
    out = apr_palloc(p, head->length + 1);
    memcpy(out, data.data, data.len);
    djs_pair_free(pair, got);
    rv = get_rest(out, data.len, head, pair, &name);
    if (rv == APR_SUCCESS) {
        out[head->length] = '\0';
        *val = djs_bytes_of(out, head->length);
    }
    return rv;
}

/* Bytes of the value in chunk 0, and in each of the others. */
static void chunk_rooms(apr_size_t *first, apr_size_t *other,
                        const djs_dbm_t *dbm, djs_bytes_t key)
{
    apr_size_t pair_max = dbm->type->pair_max;

    *first = *other = dbm->type->value_max;
    if (pair_max != 0) {
        *first = pair_max - (key.len + 1) - DJS_CHUNK_HEAD;
        *other = pair_max - (key.len + 1) - DJS_CHUNK_FOLLOW;
    }
}

apr_status_t djs_record_plan(djs_chunk_head_t *head, const djs_dbm_t *dbm,
                             djs_bytes_t key, apr_size_t len)
{
    apr_size_t first, other, chunks = 1;

    chunk_rooms(&first, &other, dbm, key);
    if (len > dbm->type->value_max) {
        return DJS_ETOOBIG;
    }
    if (len > first) {
        chunks += (len - first + other - 1) / other;
    }
    if (chunks > DJS_CHUNKS_MAX) {
        return DJS_ETOOBIG;
    }
    head->chunks = (unsigned)chunks;
    head->length = (uint32_t)len;
    return APR_SUCCESS;
}

/* One chunk that fits on the stack, or is borrowed from the pool (gdbm, db). */
static apr_status_t put_chunk(djs_pair_t *pair, apr_datum_t name,
                              djs_bytes_t before, djs_bytes_t data)
{
    char small[1024];
    apr_datum_t val = { small, before.len + data.len };

    if (val.dsize > sizeof(small)) {
        val.dptr = apr_palloc(pair->pool, val.dsize);
    }
    memcpy(val.dptr, before.data, before.len);
    if (data.len > 0) {
        memcpy(val.dptr + before.len, data.data, data.len);
    }
    return djs_pair_store(pair, name, val);
}

apr_status_t djs_record_put(djs_pair_t *pair, djs_bytes_t key, djs_bytes_t val,
                            const djs_chunk_head_t *head, unsigned old_chunks)
{
    unsigned char bytes[DJS_CHUNK_HEAD];
    djs_bytes_t before = djs_bytes_of((char *)bytes, DJS_CHUNK_FOLLOW);
    apr_size_t first, other, at;
    chunk_key_t name;
    apr_status_t rv = APR_SUCCESS;

    chunk_key(&name, key);
    chunk_rooms(&first, &other, pair->dbm, key);
    at = val.len < first ? val.len : first;
    djs_chunk_follow_write(bytes, head->generation);
    for (unsigned i = 1; rv == APR_SUCCESS && i < head->chunks; i++) {
        apr_size_t n = val.len - at < other ? val.len - at : other;

        rv = put_chunk(pair, chunk_name(&name, i), before,
                       djs_bytes_of(val.data + at, n));
        at += n;
    }
    for (unsigned i = head->chunks; rv == APR_SUCCESS && i < old_chunks; i++) {
        rv = djs_pair_delete(pair, chunk_name(&name, i));
    }
    if (rv == APR_SUCCESS) {
        djs_chunk_head_write(bytes, head, key);
        before.len = DJS_CHUNK_HEAD;
        rv = put_chunk(
            pair, chunk_name(&name, 0), before,
            djs_bytes_of(val.data, val.len < first ? val.len : first));
    }
    return rv;
}

apr_status_t djs_record_remove_chunk(djs_pair_t *pair, djs_bytes_t key,
                                     unsigned chunk)
{
    chunk_key_t name;

    chunk_key(&name, key);
    return djs_pair_delete(pair, chunk_name(&name, chunk));
}

apr_status_t djs_record_remove(djs_pair_t *pair, djs_bytes_t key,
                               unsigned chunks)
{
    apr_status_t rv = APR_SUCCESS;

    for (unsigned i = 0; rv == APR_SUCCESS && i < chunks; i++) {
        rv = djs_record_remove_chunk(pair, key, i);
    }
    return rv;
}

apr_status_t djs_record_check(djs_pair_t *pair, djs_bytes_t key,
                              djs_bytes_t val, const djs_chunk_head_t *head)
{
    djs_chunk_head_t got;
    djs_bytes_t is;
    apr_status_t rv;

    rv = djs_record_get(&got, &is, pair, key, head->expires - 1, pair->pool);
    if (rv != APR_SUCCESS || got.generation != head->generation ||
        got.expires != head->expires || !djs_bytes_equal(is, val)) {
        return DJS_ETROUBLE;
    }
    return APR_SUCCESS;
}
