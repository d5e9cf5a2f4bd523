/* dbm_compact.c - rewriting a shard whose files have grown too large. */
#include <string.h>
#include "base/clock.h"
#include "base/status.h"
#include "store/dbm_compact.h"
#include "store/dbm_copy.h"
#include "store/dbm_scan.h"

#define TIMES_LIVE 4            /* allocated against live bytes */
#define LEAST_SIZE (256 * 1024) /* below this nothing is worth it */

static const char *copy_name(const djs_dbm_t *dbm, int shard, int copy)
{
    return dbm->names[shard * DJS_COPIES + copy];
}

/* sdbm's pages lie apart however new they are, so a shard that was rewritten
 * and is still large waits until it has doubled. */
int djs_compact_wanted(const djs_dbm_t *dbm, int shard, apr_uint64_t live)
{
    apr_uint64_t size =
        djs_copy_allocated(dbm->type, copy_name(dbm, shard, DJS_COPY_A));

    return size > LEAST_SIZE && size > live * TIMES_LIVE &&
           size / 1024 > 2 * (apr_uint64_t)djs_lock_settled(dbm->lock, shard);
}

void djs_sweep_note(djs_sweep_t *did, apr_time_t since)
{
    apr_interval_time_t held = djs_clock_steady() - since;

    if (held > did->longest_hold) {
        did->longest_hold = held;
    }
}

static apr_status_t store_all(const djs_dbm_t *dbm, const char *name,
                              const djs_scan_t *scan)
{
    apr_dbm_t *file;
    apr_status_t rv =
        apr_dbm_open_ex(&file, dbm->type->name, name, APR_DBM_RWCREATE,
                        APR_FPROT_UREAD | APR_FPROT_UWRITE, scan->pool);

    if (rv != APR_SUCCESS) {
        return rv;
    }
    for (int i = 0; rv == APR_SUCCESS && i < scan->chunks->nelts; i++) {
        const djs_scan_chunk_t *chunk =
            &APR_ARRAY_IDX(scan->chunks, i, djs_scan_chunk_t);
        apr_datum_t key = { (char *)chunk->name.data, chunk->name.len };
        apr_datum_t val = { (char *)chunk->raw.data, chunk->raw.len };

        rv = apr_dbm_store(file, key, val);
    }
    apr_dbm_close(file);
    return rv;
}

/* The new file must hold every chunk before it may replace anything. */
static apr_status_t compare_all(const djs_dbm_t *dbm, const char *name,
                                const djs_scan_t *scan)
{
    apr_dbm_t *file;
    apr_status_t rv =
        apr_dbm_open_ex(&file, dbm->type->name, name, APR_DBM_READONLY,
                        APR_FPROT_UREAD | APR_FPROT_UWRITE, scan->pool);

    if (rv != APR_SUCCESS) {
        return rv;
    }
    for (int i = 0; rv == APR_SUCCESS && i < scan->chunks->nelts; i++) {
        const djs_scan_chunk_t *chunk =
            &APR_ARRAY_IDX(scan->chunks, i, djs_scan_chunk_t);
        apr_datum_t key = { (char *)chunk->name.data, chunk->name.len }, val;

        rv = apr_dbm_fetch(file, key, &val);
        if (rv == APR_SUCCESS &&
            (!val.dptr ||
             !djs_bytes_equal(djs_bytes_of(val.dptr, val.dsize), chunk->raw))) {
            rv = DJS_ETROUBLE;
        }
        if (rv == APR_SUCCESS) {
            apr_dbm_freedatum(file, val);
        }
    }
    apr_dbm_close(file);
    return rv;
}

static apr_status_t build(const djs_dbm_t *dbm, const char *name,
                          const djs_scan_t *scan, apr_size_t live)
{
    apr_status_t rv = djs_pair_room(dbm, live + 1);

    if (rv == APR_SUCCESS) {
        rv = djs_copy_begin(dbm->type, name);
    }
    if (rv == APR_SUCCESS) {
        rv = store_all(dbm, name, scan);
    }
    if (rv == APR_SUCCESS) {
        rv = compare_all(dbm, name, scan);
    }
    return djs_pair_status(dbm, rv);
}

/* Under the shard's lock, for a moment: how many changes there have been, with
 * both copies whole. */
static apr_status_t look(uint32_t *changes, djs_dbm_t *dbm, int shard,
                         djs_call_t call, apr_pool_t *pool)
{
    djs_pair_t pair;
    apr_status_t rv = djs_pair_enter(&pair, dbm, shard, call.until, pool);

    if (rv == APR_SUCCESS) {
        rv = pair.why;
        *changes = pair.slot->s.changes;
        djs_pair_leave(&pair);
    }
    return rv;
}

/* Copies A without holding the lock. It is a copy if nobody has written
 * meanwhile, and nothing may be read from it before that is known;
 * DJS_EABSENT if somebody has. */
static apr_status_t make_draft(uint32_t *changes, djs_dbm_t *dbm, int shard,
                               djs_call_t call, apr_pool_t *pool)
{
    uint32_t after = 0;
    apr_status_t rv = look(changes, dbm, shard, call, pool);

    if (rv == APR_SUCCESS) {
        rv = djs_copy_over(dbm->type, copy_name(dbm, shard, DJS_COPY_DRAFT),
                           copy_name(dbm, shard, DJS_COPY_A));
        rv = djs_pair_status(dbm, rv);
    }
    if (rv == APR_SUCCESS) {
        rv = look(&after, dbm, shard, call, pool);
    }
    return rv == APR_SUCCESS && after != *changes ? DJS_EABSENT : rv;
}

static apr_status_t read_draft(djs_scan_t *scan, apr_size_t *live,
                               djs_dbm_t *dbm, int shard, apr_pool_t *pool)
{
    djs_pair_t draft;
    apr_status_t rv;

    memset(&draft, 0, sizeof(draft));
    draft.dbm = dbm;
    draft.copy = dbm->names + shard * DJS_COPIES;
    draft.pool = pool;
    draft.good = DJS_COPY_DRAFT;
    rv = djs_scan_shard(scan, &draft, 1, pool);
    *live = 0;
    for (int i = 0; rv == APR_SUCCESS && i < scan->chunks->nelts; i++) {
        *live += APR_ARRAY_IDX(scan->chunks, i, djs_scan_chunk_t).size;
    }
    return rv;
}

/* Under the lock again: takes the new files if they still say it all. */
static apr_status_t put_in_place(djs_dbm_t *dbm, int shard, uint32_t changes,
                                 djs_sweep_t *did, djs_call_t call,
                                 apr_pool_t *pool)
{
    apr_uint64_t size =
        djs_copy_allocated(dbm->type, copy_name(dbm, shard, DJS_COPY_BUILD));
    apr_time_t since;
    djs_pair_t pair;
    apr_status_t rv = djs_pair_enter(&pair, dbm, shard, call.until, pool);

    if (rv != APR_SUCCESS) {
        return rv;
    }
    since = djs_clock_steady();
    if (pair.slot->s.changes == changes && pair.why == APR_SUCCESS) {
        rv = djs_pair_replace(&pair);
        if (rv == APR_SUCCESS) {
            did->compacted++;
            pair.slot->s.settled = (uint32_t)(size / 1024);
        }
    }
    djs_pair_leave(&pair);
    djs_sweep_note(did, since);
    return rv;
}

apr_status_t djs_compact_shard(djs_dbm_t *dbm, int shard, djs_sweep_t *did,
                               djs_call_t call, apr_pool_t *pool)
{
    const char *name = copy_name(dbm, shard, DJS_COPY_BUILD);
    const char *draft = copy_name(dbm, shard, DJS_COPY_DRAFT);
    apr_uint64_t size =
        djs_copy_allocated(dbm->type, copy_name(dbm, shard, DJS_COPY_A));
    apr_size_t live;
    uint32_t changes = 0;
    djs_scan_t scan;
    apr_status_t rv = djs_pair_room(dbm, size + 1);

    if (rv == APR_SUCCESS) {
        rv = make_draft(&changes, dbm, shard, call, pool);
    }
    if (rv == APR_SUCCESS) {
        rv = read_draft(&scan, &live, dbm, shard, pool);
    }
    if (rv == APR_SUCCESS) {
        rv = build(dbm, name, &scan, live);
    }
    if (rv == APR_SUCCESS) {
        rv = djs_pair_status(dbm, djs_copy_over(dbm->type, draft, name));
    }
    if (rv == APR_SUCCESS) {
        rv = put_in_place(dbm, shard, changes, did, call, pool);
    }
    djs_copy_remove(dbm->type, draft);
    djs_copy_remove(dbm->type, name);
    return rv == DJS_EABSENT ? APR_SUCCESS : rv;
}
