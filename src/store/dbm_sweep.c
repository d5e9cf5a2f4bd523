/* dbm_sweep.c - removing what has expired, and listing what has not. */
#include <string.h>
#include <apr_hash.h>
#include <apr_strings.h>
#include <apr_tables.h>
#include "base/clock.h"
#include "base/status.h"
#include "store/dbm_compact.h"
#include "store/dbm_record.h"
#include "store/dbm_scan.h"
#include "store/dbm_sweep.h"

#define BATCH_MOST 64   /* records removed in one hold of a lock */
#define BATCH_TIME 4000 /* microseconds, for each of the two copies */

/* What looks as if it had to go. Whether it does is decided under the lock. */
typedef struct {
    djs_bytes_t key;
    unsigned chunk;  /* 0: the whole record, else this chunk alone */
    unsigned chunks; /* how many were there when it was removed; 0: kept */
} victim_t;

typedef struct {
    apr_array_header_t *victims;
    int from, to;
    apr_time_t now;
    apr_uint64_t removed;
} batch_t;

/* Whether a victim still is one; sets its `chunks`. */
static apr_status_t judge(victim_t *victim, djs_pair_t *pair, apr_time_t now)
{
    djs_chunk_head_t head;
    apr_status_t rv = djs_record_head(&head, pair, victim->key);

    victim->chunks = 0;
    if (victim->chunk == 0) {
        if (rv == APR_SUCCESS && head.expires <= now) {
            victim->chunks = head.chunks;
        }
    }
    else if (rv == DJS_EABSENT ||
             (rv == APR_SUCCESS && victim->chunk >= head.chunks)) {
        victim->chunks = 1;
    }
    return rv == DJS_EABSENT || rv == DJS_EUNREADABLE ? APR_SUCCESS : rv;
}

static apr_status_t remove_victim(const victim_t *victim, djs_pair_t *pair)
{
    if (victim->chunk == 0) {
        return djs_record_remove(pair, victim->key, victim->chunks);
    }
    return victim->chunks
               ? djs_record_remove_chunk(pair, victim->key, victim->chunk)
               : APR_SUCCESS;
}

/* On A as many as the time allows, on B the same ones. */
static apr_status_t remove_batch(djs_pair_t *pair, void *baton)
{
    batch_t *batch = baton;
    apr_time_t end = djs_clock_steady() + BATCH_TIME;
    int first = pair->at == DJS_COPY_A, i;
    apr_status_t rv = APR_SUCCESS;

    for (i = batch->from; i < batch->to; i++) {
        victim_t *victim = &APR_ARRAY_IDX(batch->victims, i, victim_t);
        djs_edition_t edition;

        if (first) {
            rv = judge(victim, pair, batch->now);
            djs_dbm_advance(&edition, pair->dbm, victim->key, batch->now);
        }
        if (rv == APR_SUCCESS) {
            rv = remove_victim(victim, pair);
        }
        if (rv != APR_SUCCESS) {
            return rv;
        }
        batch->removed += first && victim->chunk == 0 && victim->chunks;
        if (first && djs_clock_steady() >= end) {
            batch->to = i + 1;
        }
    }
    return APR_SUCCESS;
}

/* Removes the victims, letting go of the lock between batches. APR_EAGAIN when
 * the call's time is over first. */
static apr_status_t remove_all(djs_dbm_t *dbm, int shard,
                               apr_array_header_t *victims, djs_sweep_t *did,
                               djs_call_t call)
{
    apr_pool_t *pool;
    apr_status_t rv = apr_pool_create(&pool, victims->pool);

    for (int from = 0; rv == APR_SUCCESS && from < victims->nelts;) {
        batch_t batch = { victims, from, from + BATCH_MOST, call.now, 0 };
        apr_time_t since;
        djs_pair_t pair;

        if (batch.to > victims->nelts) {
            batch.to = victims->nelts;
        }
        if (djs_clock_steady() >= call.until) {
            rv = APR_EAGAIN;
            break;
        }
        rv = djs_pair_enter(&pair, dbm, shard, call.until, pool);
        since = djs_clock_steady();
        if (rv == APR_SUCCESS) {
            rv = djs_pair_write(&pair, 0, 0, remove_batch, NULL, &batch);
            djs_pair_leave(&pair);
            djs_sweep_note(did, since);
        }
        if (rv == APR_SUCCESS) {
            did->removed += batch.removed;
        }
        from = batch.to;
        apr_pool_clear(pool);
    }
    return rv;
}

/* Sorts a shard's chunks into live, expired and belonging to nobody. */
static apr_array_header_t *find_victims(apr_uint64_t *live,
                                        const djs_scan_t *scan,
                                        djs_sweep_t *did, apr_time_t now)
{
    apr_array_header_t *victims =
        apr_array_make(scan->pool, 16, sizeof(victim_t));

    *live = 0;
    for (int i = 0; i < scan->chunks->nelts; i++) {
        const djs_scan_chunk_t *chunk =
            &APR_ARRAY_IDX(scan->chunks, i, djs_scan_chunk_t);
        const djs_scan_chunk_t *head = djs_scan_find(scan, chunk->key, 0);
        int orphan =
            chunk->chunk > 0 && (!head || chunk->chunk >= head->head.chunks);
        int expired = head && head->readable && head->head.expires <= now;

        did->seen += chunk->chunk == 0;
        if (orphan || (chunk->chunk == 0 && expired)) {
            victim_t *victim = apr_array_push(victims);

            *victim = (victim_t){ chunk->key, chunk->chunk, 0 };
        }
        else if (!expired) {
            *live += chunk->size;
        }
    }
    return victims;
}

/* What the shard holds: from its pages without the lock, or through the library
 * under it. */
static apr_status_t look(djs_scan_t *scan, djs_dbm_t *dbm, int shard,
                         djs_sweep_t *did, djs_call_t call, apr_pool_t *pool)
{
    const char *name = dbm->names[shard * DJS_COPIES + DJS_COPY_A];
    djs_pair_t pair;
    apr_time_t since;
    apr_status_t rv;

    if (dbm->type->pages) {
        return djs_scan_pages(scan, apr_pstrcat(pool, name, ".pag", NULL),
                              pool);
    }
    rv = djs_pair_enter(&pair, dbm, shard, call.until, pool);
    if (rv == APR_SUCCESS) {
        since = djs_clock_steady();
        rv = djs_scan_shard(scan, &pair, 0, pool);
        djs_pair_leave(&pair);
        djs_sweep_note(did, since);
    }
    return rv;
}

static apr_status_t sweep_shard(djs_dbm_t *dbm, int shard, djs_sweep_t *did,
                                djs_call_t call, apr_pool_t *pool)
{
    apr_array_header_t *victims;
    apr_uint64_t live;
    djs_scan_t scan;
    apr_time_t began = djs_clock_steady(), now;
    apr_status_t rv = look(&scan, dbm, shard, did, call, pool);

    if (rv != APR_SUCCESS) {
        return rv;
    }
    now = djs_clock_steady();
    if (call.until < now + (now - began)) {
        call.until = now + (now - began); /* or looking would be all it does */
    }
    victims = find_victims(&live, &scan, did, call.now);
    rv = remove_all(dbm, shard, victims, did, call);
    if (rv == APR_SUCCESS && djs_compact_wanted(dbm, shard, live)) {
        rv = djs_compact_shard(dbm, shard, did, call, pool);
    }
    return rv;
}

apr_status_t djs_sweep_slice(djs_dbm_t *dbm, djs_sweep_t *did, djs_call_t call,
                             apr_pool_t *scratch)
{
    apr_pool_t *pool;
    uint32_t *next;
    void *held;
    int shard;
    apr_status_t rv = djs_lock_sweep_begin(dbm->lock, &next, &held);

    if (rv != APR_SUCCESS) {
        return rv;
    }
    rv = apr_pool_create(&pool, scratch);
    if (rv == APR_SUCCESS) {
        shard = (int)(*next % (uint32_t)dbm->shards);
        rv = sweep_shard(dbm, shard, did, call, pool);
        apr_pool_destroy(pool);
        if (rv == DJS_EABSENT) {
            rv = APR_SUCCESS;
        }
        /* a shard in trouble must not keep the others from their turn */
        if (rv != APR_EAGAIN) {
            *next = (uint32_t)((shard + 1) % dbm->shards);
            rv = rv == APR_SUCCESS && *next != 0 ? APR_EAGAIN : rv;
        }
    }
    djs_lock_sweep_end(dbm->lock, held);
    return rv;
}

/* Puts a record together from its chunks; DJS_EABSENT when it does not fit. */
static apr_status_t assemble(djs_bytes_t *val, const djs_scan_t *scan,
                             const djs_scan_chunk_t *head)
{
    char *out = apr_palloc(scan->pool, head->head.length + 1);
    apr_size_t have = head->data.len;

    memcpy(out, head->data.data, have);
    for (unsigned i = 1; i < head->head.chunks; i++) {
        const djs_scan_chunk_t *chunk = djs_scan_find(scan, head->key, i);

        if (!chunk || !chunk->readable ||
            chunk->head.generation != head->head.generation ||
            chunk->data.len > head->head.length - have) {
            return DJS_EABSENT;
        }
        memcpy(out + have, chunk->data.data, chunk->data.len);
        have += chunk->data.len;
    }
    *val = djs_bytes_of(out, have);
    return have == head->head.length ? APR_SUCCESS : DJS_EABSENT;
}

static apr_status_t each_of_shard(djs_dbm_t *dbm, int shard, djs_each_fn fn,
                                  void *baton, djs_call_t call,
                                  apr_pool_t *pool)
{
    djs_scan_t scan;
    djs_pair_t pair;
    apr_status_t rv = djs_pair_enter(&pair, dbm, shard, call.until, pool);

    if (rv != APR_SUCCESS) {
        return rv;
    }
    rv = djs_scan_shard(&scan, &pair, 1, pool);
    djs_pair_leave(&pair);
    for (int i = 0; rv == APR_SUCCESS && i < scan.chunks->nelts; i++) {
        const djs_scan_chunk_t *head =
            &APR_ARRAY_IDX(scan.chunks, i, djs_scan_chunk_t);
        djs_bytes_t val;

        if (head->chunk == 0 && head->readable &&
            head->head.expires > call.now &&
            djs_scan_find(&scan, head->key, 0) == head &&
            assemble(&val, &scan, head) == APR_SUCCESS) {
            rv = fn(head->key, val, head->head.expires, baton);
        }
    }
    return rv == DJS_EABSENT ? APR_SUCCESS : rv;
}

apr_status_t djs_sweep_each(djs_dbm_t *dbm, djs_each_fn fn, void *baton,
                            djs_call_t call, apr_pool_t *scratch)
{
    apr_pool_t *pool;
    apr_status_t rv = apr_pool_create(&pool, scratch);

    for (int i = 0; rv == APR_SUCCESS && i < dbm->shards; i++) {
        rv = each_of_shard(dbm, i, fn, baton, call, pool);
        apr_pool_clear(pool);
    }
    return rv;
}
