/* fuzz_filecache - any bytes as a file of Django's cache, as a value of
 * memcached with flags, as a row: each ends in a verdict, and what is read is
 * written and read again as it was (H36). */
#include <assert.h>
#include <stdint.h>
#include <stdlib.h>
#include <apr_general.h>
#include <apr_pools.h>
#include "codec/django_cache.h"

#define CEILING ((apr_size_t)65536)
#define NOW     apr_time_from_sec(1700000000)

static apr_pool_t *pool;

static void check(djs_django_e verdict, const djs_pickle_t *read)
{
    djs_bytes_t pickle;
    djs_bytes_t file;
    djs_pickle_t again;

    if (verdict != DJS_DJANGO_OK) {
        assert(!read->writable);
        return;
    }
    assert(djs_pickle_write(&pickle, read->json, 16 * CEILING, pool) ==
           APR_SUCCESS);
    assert(djs_django_file_write(&file, pickle, NOW, pool) == APR_SUCCESS);
    assert(djs_django_file_read(&again, file, NOW, 16 * CEILING, pool) ==
           DJS_DJANGO_OK);
    assert(djs_bytes_equal(again.json, read->json));
    assert(djs_django_file_read(&again, file, NOW + 1, CEILING, pool) ==
           DJS_DJANGO_EXPIRED);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    djs_bytes_t text = djs_bytes_of((const char *)data, size);
    djs_pickle_t read;
    apr_uint32_t flags = size > 0 ? data[0] : 0;

    if (pool == NULL) {
        apr_initialize();
        apr_pool_create(&pool, NULL);
    }
    check(djs_django_file_read(&read, text, NOW, CEILING, pool), &read);
    check(djs_django_row_read(&read, text, CEILING, pool), &read);
    if (size > 0) {
        text = djs_bytes_of((const char *)data + 1, size - 1);
        check(djs_django_flagged_read(&read, text, flags, CEILING, pool),
              &read);
    }
    apr_pool_clear(pool);
    return 0;
}
