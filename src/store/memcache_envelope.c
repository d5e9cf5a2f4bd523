/* memcache_envelope.c - what stands around a value in memcached. */
#include <string.h>
#include "base/status.h"
#include "store/memcache_envelope.h"

static const char magic[5] = "djsm\1"; /* and the version of the format */

#define LIVE  'L'
#define ENDED 'E'

static char *put_number(char *at, apr_uint64_t number, int bytes)
{
    for (int i = bytes - 1; i >= 0; i--) {
        at[i] = (char)(number & 0xff);
        number >>= 8;
    }
    return at + bytes;
}

static apr_uint64_t get_number(const char *at, int bytes)
{
    apr_uint64_t number = 0;

    for (int i = 0; i < bytes; i++) {
        number = number << 8 | (unsigned char)at[i];
    }
    return number;
}

djs_bytes_t djs_envelope_pack(const djs_envelope_t *envelope, djs_bytes_t key,
                              apr_pool_t *p)
{
    apr_size_t len = DJS_ENVELOPE_HEAD + key.len + envelope->val.len;
    char *out = apr_palloc(p, len + 1);
    char *at = out + sizeof magic;

    memcpy(out, magic, sizeof magic);
    *at++ = envelope->ended ? ENDED : LIVE;
    at = put_number(at, key.len, 2);
    at = put_number(at, envelope->version, 8);
    at = put_number(at, (apr_uint64_t)envelope->expires, 8);
    at = put_number(at, envelope->val.len, 4);
    memcpy(at, key.data, key.len);
    if (envelope->val.len > 0) {
        memcpy(at + key.len, envelope->val.data, envelope->val.len);
    }
    out[len] = '\0';
    return djs_bytes_of(out, len);
}

apr_status_t djs_envelope_open(djs_envelope_t *out, djs_bytes_t raw,
                               djs_bytes_t key)
{
    const char *at = raw.data;
    apr_uint64_t len;

    memset(out, 0, sizeof *out);
    if (raw.len < DJS_ENVELOPE_HEAD + key.len ||
        memcmp(at, magic, sizeof magic) != 0 ||
        (at[5] != LIVE && at[5] != ENDED) || get_number(at + 6, 2) != key.len) {
        return DJS_EUNREADABLE;
    }
    len = get_number(at + 24, 4);
    if (raw.len - DJS_ENVELOPE_HEAD - key.len != len ||
        (at[5] == ENDED && len != 0) ||
        memcmp(at + DJS_ENVELOPE_HEAD, key.data, key.len) != 0) {
        return DJS_EUNREADABLE;
    }
    out->ended = at[5] == ENDED;
    out->version = get_number(at + 8, 8);
    out->expires = (apr_time_t)get_number(at + 16, 8);
    out->val = djs_bytes_of(at + DJS_ENVELOPE_HEAD + key.len, len);
    return APR_SUCCESS;
}
