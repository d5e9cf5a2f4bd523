/* codec/deflate.h - zlib streams (RFC 1950), never longer than agreed. */
#ifndef DJS_CODEC_DEFLATE_H
#define DJS_CODEC_DEFLATE_H

#include <apr_pools.h>
#include "base/bytes.h"
#include "base/status.h"

/* What one whole stream holds, in `p`. It stops as soon as there are more than
 * `ceiling` bytes (DJS_ETOOBIG), and takes no more memory than twice that.
 * DJS_EINVALID: no stream, cut short, wants a dictionary, a wrong checksum, or
 * bytes behind it (which Python passes over, and nobody writes).
 * DJS_ETROUBLE: no memory. */
apr_status_t djs_inflate(djs_bytes_t *out, djs_bytes_t data, apr_size_t ceiling,
                         apr_pool_t *p);

/* `data` as a stream of zlib's default level, as Python's zlib.compress makes
 * it, in `p`. DJS_ETOOBIG: more than zlib's lengths hold; DJS_ETROUBLE: no
 * memory. */
apr_status_t djs_deflate(djs_bytes_t *out, djs_bytes_t data, apr_pool_t *p);

#endif
