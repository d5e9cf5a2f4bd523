/* fuzz_pickle - any bytes as a pickle: what is read is normal JSON and reads
 * the same when it is written again; nothing passes a bound (H23 to H32). */
#include <assert.h>
#include <stdint.h>
#include <stdlib.h>
#include <apr_general.h>
#include <apr_pools.h>
#include "codec/json.h"
#include "codec/pickle.h"

#define CEILING ((apr_size_t)65536)

static apr_pool_t *pool;

/* What was read goes out as a pickle and comes back as it was. */
static void check_again(const djs_pickle_t *read)
{
    djs_bytes_t text;
    djs_bytes_t pickle;
    djs_pickle_t again;

    assert(read->json.len <= CEILING);
    assert(djs_json_normal_deep(&text, read->json, CEILING, DJS_DJANGO_DEPTH,
                                pool) == APR_SUCCESS);
    assert(djs_bytes_equal(text, read->json));
    assert(djs_pickle_write(&pickle, read->json, 16 * CEILING, pool) ==
           APR_SUCCESS);
    assert(djs_pickle_read(&again, pickle, CEILING, pool) == DJS_DJANGO_OK);
    assert(djs_bytes_equal(again.json, read->json));
    assert(again.writable);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    djs_bytes_t text = djs_bytes_of((const char *)data, size);
    djs_pickle_t read;
    djs_django_e scan;
    djs_django_e verdict;

    if (pool == NULL) {
        apr_initialize();
        apr_pool_create(&pool, NULL);
    }
    scan = djs_pickle_scan(text);
    verdict = djs_pickle_read(&read, text, CEILING, pool);
    assert(scan == DJS_DJANGO_OK || verdict == scan);
    if (verdict == DJS_DJANGO_OK) {
        check_again(&read);
    }
    else {
        assert(!read.writable);
        assert(verdict >= DJS_DJANGO_NOT_OBJECT);
        assert(read.json.len == 0 || verdict == DJS_DJANGO_UNSUPPORTED);
    }
    if (verdict == DJS_DJANGO_UNSUPPORTED && read.json.len > 0) {
        check_again(&read);
    }
    apr_pool_clear(pool);
    return 0;
}
