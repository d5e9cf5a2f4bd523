/* store/dbm_scan.h - all chunks of a shard, copied out of its file. */
#ifndef DJS_STORE_DBM_SCAN_H
#define DJS_STORE_DBM_SCAN_H

#include <apr_hash.h>
#include <apr_tables.h>
#include "store/dbm_chunk.h"
#include "store/dbm_pair.h"

typedef struct {
    djs_bytes_t name;      /* the chunk's key in the file */
    djs_bytes_t key;       /* the record's: all of it but the last byte */
    unsigned chunk;        /* that byte */
    int readable;          /* what stands before its data is sound */
    djs_chunk_head_t head; /* of chunk 0; the others have a generation only */
    djs_bytes_t raw;       /* the chunk as it is, when values were asked for */
    djs_bytes_t data;      /* the part of `raw` that is data */
    apr_size_t size;       /* bytes of name and chunk */
} djs_scan_chunk_t;

typedef struct {
    apr_array_header_t *chunks; /* of djs_scan_chunk_t */
    apr_hash_t *index;          /* by name */
    int values;                 /* chunks are copied, not only looked at */
    int borrowed;               /* names must be copied too */
    apr_pool_t *pool;
} djs_scan_t;

/* Copies what the good copy of the entered shard holds to `pool`, with the
 * chunks' bytes or (values 0) only their heads. DJS_EABSENT: no files. */
apr_status_t djs_scan_shard(djs_scan_t *scan, djs_pair_t *pair, int values,
                            apr_pool_t *pool);

/* The same without values and without a lock: hints. Only for a type that has
 * pages. */
apr_status_t djs_scan_pages(djs_scan_t *scan, const char *path,
                            apr_pool_t *pool);

/* That chunk of that record, or NULL. */
const djs_scan_chunk_t *djs_scan_find(const djs_scan_t *scan, djs_bytes_t key,
                                      unsigned chunk);

#endif
