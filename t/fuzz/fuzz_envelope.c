/* fuzz_envelope - I26: what stands around a value in memcached is read as
 * written, or not at all. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <apr_general.h>
#include "base/status.h"
#include "store/memcache_envelope.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* A store's key, behind the 16 bytes that the copies of two tiers have there.
 */
#define KEY_MAX (16 + 64 + 1)

static void must(int truth)
{
    if (!truth) {
        abort();
    }
}

/* The first byte says how long the key is; any bytes follow as an envelope:
 * what is taken for one would be written so, and opens for that key only. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    djs_envelope_t got, other;
    djs_bytes_t raw, key;
    apr_size_t len = size > 0 ? data[0] % KEY_MAX : 0;
    apr_status_t rv;
    apr_pool_t *p;

    if (size < 1 + len) {
        return 0;
    }
    apr_initialize();
    apr_pool_create(&p, NULL);
    key = djs_bytes_of((const char *)data + 1, len);
    raw = djs_bytes_of((const char *)data + 1 + len, size - 1 - len);
    rv = djs_envelope_open(&got, raw, key);
    must(rv == APR_SUCCESS || rv == DJS_EUNREADABLE);
    if (rv == APR_SUCCESS) {
        must(djs_bytes_equal(djs_envelope_pack(&got, key, p), raw));
        must(got.val.len <= raw.len && !(got.ended && got.val.len > 0));
    }
    got = (djs_envelope_t){ 0, size, (apr_time_t)size, raw };
    raw = djs_envelope_pack(&got, key, p);
    must(djs_envelope_open(&other, raw, key) == APR_SUCCESS);
    must(djs_bytes_equal(other.val, got.val) && other.version == size);
    if (len > 0) {
        key.len--;
        must(djs_envelope_open(&other, raw, key) == DJS_EUNREADABLE);
    }
    apr_pool_destroy(p);
    return 0;
}
