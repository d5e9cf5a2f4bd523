/* codec/deflate.c - zlib streams (RFC 1950), never longer than agreed. */
#include "codec/deflate.h"

#include <limits.h>
#include <zlib.h>
#include "base/buf.h"

#define CHUNK 4096

/* Nonzero when the stream ended, with all of the input used. */
static int pump(z_stream *z, djs_buf_t *buf)
{
    char chunk[CHUNK];
    int rv;

    do {
        z->next_out = (Bytef *)chunk;
        z->avail_out = CHUNK;
        rv = inflate(z, Z_NO_FLUSH);
        djs_buf_add(buf, djs_bytes_of(chunk, CHUNK - z->avail_out));
    } while (rv == Z_OK && !buf->failed);
    return rv == Z_STREAM_END && z->avail_in == 0;
}

apr_status_t djs_inflate(djs_bytes_t *out, djs_bytes_t data, apr_size_t ceiling,
                         apr_pool_t *p)
{
    z_stream z = { 0 };
    djs_buf_t buf;
    int whole;

    *out = djs_bytes_of("", 0);
    if (data.len > UINT_MAX) {
        return DJS_ETOOBIG;
    }
    z.next_in = (Bytef *)data.data;
    z.avail_in = (uInt)data.len;
    if (inflateInit(&z) != Z_OK) {
        return DJS_ETROUBLE;
    }
    djs_buf_init(&buf, ceiling, p);
    whole = pump(&z, &buf);
    inflateEnd(&z);
    if (buf.failed) {
        return DJS_ETOOBIG;
    }
    return whole ? djs_buf_take(out, &buf) : DJS_EINVALID;
}

apr_status_t djs_deflate(djs_bytes_t *out, djs_bytes_t data, apr_pool_t *p)
{
    uLongf len;
    Bytef *bytes;

    *out = djs_bytes_of("", 0);
    if (data.len > INT_MAX) {
        return DJS_ETOOBIG;
    }
    len = compressBound((uLong)data.len);
    bytes = apr_palloc(p, len);
    if (compress(bytes, &len, (const Bytef *)data.data, (uLong)data.len) !=
        Z_OK) {
        return DJS_ETROUBLE;
    }
    *out = djs_bytes_of((const char *)bytes, len);
    return APR_SUCCESS;
}
