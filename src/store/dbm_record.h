/* store/dbm_record.h - one record in the open copy of a shard. */
#ifndef DJS_STORE_DBM_RECORD_H
#define DJS_STORE_DBM_RECORD_H

#include "store/dbm_chunk.h"
#include "store/dbm_pair.h"

/* Reads chunk 0's head, expired or not. DJS_EABSENT, DJS_EUNREADABLE. */
apr_status_t djs_record_head(djs_chunk_head_t *head, djs_pair_t *pair,
                             djs_bytes_t key);

/* Reads a whole record that is live at `now`; `*val` lives in `p`.
 * DJS_EABSENT: none, or expired. DJS_EUNREADABLE: its chunks do not belong
 * together. */
apr_status_t djs_record_get(djs_chunk_head_t *head, djs_bytes_t *val,
                            djs_pair_t *pair, djs_bytes_t key, apr_time_t now,
                            apr_pool_t *p);

/* How many chunks a value of `len` bytes takes; sets head->chunks and
 * head->length. DJS_ETOOBIG. */
apr_status_t djs_record_plan(djs_chunk_head_t *head, const djs_dbm_t *dbm,
                             djs_bytes_t key, apr_size_t len);

/* Writes a record in the place of one of `old_chunks` chunks (0: none). */
apr_status_t djs_record_put(djs_pair_t *pair, djs_bytes_t key, djs_bytes_t val,
                            const djs_chunk_head_t *head, unsigned old_chunks);

/* Deletes chunks 0 to `chunks` - 1. */
apr_status_t djs_record_remove(djs_pair_t *pair, djs_bytes_t key,
                               unsigned chunks);

/* Deletes one chunk that no record claims. */
apr_status_t djs_record_remove_chunk(djs_pair_t *pair, djs_bytes_t key,
                                     unsigned chunk);

/* Whether the open file holds exactly this record: DJS_ETROUBLE if not. */
apr_status_t djs_record_check(djs_pair_t *pair, djs_bytes_t key,
                              djs_bytes_t val, const djs_chunk_head_t *head);

#endif
