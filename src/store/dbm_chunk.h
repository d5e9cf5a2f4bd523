/* store/dbm_chunk.h - the bytes that stand before a value in a DBM file.
 *
 * A record lies in one or more chunks. Chunk 0 begins with a head: how many
 * chunks there are, the length of the value, when it expires, and a generation
 * that the other chunks repeat, so that chunks of two different writes are
 * never taken for one value. What is read back is not trusted. */
#ifndef DJS_STORE_DBM_CHUNK_H
#define DJS_STORE_DBM_CHUNK_H

#include <stdint.h>
#include <apr_errno.h>
#include <apr_time.h>
#include "base/bytes.h"

#define DJS_CHUNK_HEAD   24  /* bytes before the data in chunk 0 */
#define DJS_CHUNK_FOLLOW 4   /* and in the others */
#define DJS_CHUNKS_MAX   255 /* chunks of a record */

typedef struct {
    unsigned chunks;     /* 1 to DJS_CHUNKS_MAX */
    uint32_t generation; /* differs from that of the value before */
    uint32_t length;     /* of the value, all chunks together */
    apr_time_t expires;  /* never negative */
} djs_chunk_head_t;

/* Writes DJS_CHUNK_HEAD bytes to `out`; `key` is the record's key, which the
 * check word covers too. */
void djs_chunk_head_write(unsigned char *out, const djs_chunk_head_t *head,
                          djs_bytes_t key);

/* Reads chunk 0. `*data` views the bytes after the head, at most head->length.
 * DJS_EUNREADABLE: not a head of that key, or impossible in itself. */
apr_status_t djs_chunk_head_read(djs_chunk_head_t *head, djs_bytes_t *data,
                                 djs_bytes_t chunk, djs_bytes_t key);

/* Writes DJS_CHUNK_FOLLOW bytes to `out`. */
void djs_chunk_follow_write(unsigned char *out, uint32_t generation);

/* Reads another chunk. DJS_EUNREADABLE: too short to be one. */
apr_status_t djs_chunk_follow_read(uint32_t *generation, djs_bytes_t *data,
                                   djs_bytes_t chunk);

/* FNV-1a: cheap, spreads keys over shards; no secret depends on it. */
uint32_t djs_chunk_hash(uint32_t start, const char *data, apr_size_t len);

#define DJS_CHUNK_HASH_START 2166136261u

#endif
