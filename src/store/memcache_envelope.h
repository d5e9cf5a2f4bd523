/* store/memcache_envelope.h - what stands around a value in memcached.
 *
 * A reply may be somebody else's, cut short, or made up: so each value names
 * its key, its length, when it ends and which version it is, and what does not
 * agree with itself to the byte is not taken. doc/formats-memcache has every
 * byte. */
#ifndef DJS_STORE_MEMCACHE_ENVELOPE_H
#define DJS_STORE_MEMCACHE_ENVELOPE_H

#include <apr_pools.h>
#include <apr_time.h>
#include "base/bytes.h"

#define DJS_ENVELOPE_HEAD 28 /* bytes before the key */

typedef struct {
    int ended;            /* a tombstone: the record was removed */
    apr_uint64_t version; /* of two copies the higher one holds */
    apr_time_t expires;
    djs_bytes_t val; /* empty in a tombstone */
} djs_envelope_t;

/* The bytes of an envelope for `key` (at most 255 bytes), in `p`. */
djs_bytes_t djs_envelope_pack(const djs_envelope_t *envelope, djs_bytes_t key,
                              apr_pool_t *p);

/* Reads `raw`, which must be an envelope for `key` and nothing more;
 * `out->val` views into it. DJS_EUNREADABLE when it is not. */
apr_status_t djs_envelope_open(djs_envelope_t *out, djs_bytes_t raw,
                               djs_bytes_t key);

#endif
