/* fuzz_json - any bytes as JSON: what is read is normal, stays normal, and all
 * ways to look into it agree (H01 to H08). */
#include <assert.h>
#include <stdint.h>
#include <stdlib.h>
#include <apr_general.h>
#include <apr_pools.h>
#include "codec/json.h"

#define UNLIMITED ((apr_size_t)APR_INT64_MAX)

static apr_pool_t *pool;

static int is_between(apr_int64_t n, apr_int64_t least, apr_int64_t most)
{
    return n >= least && n <= most;
}

static djs_bytes_t must_write(const djs_json_object_t *object)
{
    djs_bytes_t out;
    djs_bytes_t none;

    assert(djs_json_object_write(&out, object, UNLIMITED, pool) == APR_SUCCESS);
    assert(djs_json_object_write(&none, object, out.len - 1, pool) ==
           DJS_ETOOBIG);
    return out;
}

static void check_string(djs_bytes_t value)
{
    djs_bytes_t text;
    djs_bytes_t quoted;
    apr_status_t rv = djs_json_text(&text, value, pool);

    if (rv == APR_SUCCESS) {
        assert(djs_json_quote(&quoted, text, pool) == APR_SUCCESS);
        assert(djs_bytes_equal(quoted, value));
    }
    else {
        assert(rv == DJS_EINVALID);
    }
}

static void check_sum(djs_bytes_t a, djs_bytes_t b)
{
    const apr_int64_t half = APR_INT64_MAX / 2;
    apr_int64_t x;
    apr_int64_t y;
    apr_int64_t z;
    djs_bytes_t sum;
    djs_bytes_t other;
    apr_status_t rv = djs_json_add(&sum, a, b, pool);

    assert(djs_json_add(&other, b, a, pool) == rv);
    assert(djs_bytes_equal(sum, other));
    if (rv == APR_SUCCESS && djs_json_int64(&x, a) == APR_SUCCESS &&
        djs_json_int64(&y, b) == APR_SUCCESS && is_between(x, -half, half) &&
        is_between(y, -half, half)) {
        assert(djs_json_int64(&z, sum) == APR_SUCCESS);
        assert(z == x + y);
    }
}

static void check_members(const djs_json_object_t *object, djs_bytes_t text)
{
    for (int i = 0; i < object->count; i++) {
        const djs_json_member_t *m = &object->members[i];
        const djs_bytes_t *got = djs_json_object_get(object, m->key);
        djs_bytes_t found;

        assert(got == &m->value);
        check_string(m->key);
        if (djs_json_kind(m->value) == DJS_JSON_INTEGER) {
            check_sum(m->value, object->members[0].value);
        }
        if (i < 40) { /* each search walks the text */
            assert(djs_json_find(&found, text, m->key));
            assert(djs_bytes_equal(found, m->value));
        }
    }
}

/* Sets and removes: each second key goes, then all of them come back. */
static void check_changes(djs_json_object_t *object, djs_bytes_t text)
{
    djs_json_object_t again;
    int count;

    assert(djs_json_object_read(&again, text, pool) == APR_SUCCESS);
    count = again.count;
    assert(count == object->count);
    for (int i = 0; i < object->count; i += 2) {
        assert(djs_json_object_remove(&again, object->members[i].key));
        assert(djs_json_object_get(&again, object->members[i].key) == NULL);
    }
    assert(again.count == count / 2);
    for (int i = 0; i < object->count; i++) {
        djs_json_object_set(&again, object->members[i].key,
                            object->members[i].value);
    }
    assert(again.count == count);
    for (int i = 0; i < object->count; i++) {
        const djs_bytes_t *got =
            djs_json_object_get(&again, object->members[i].key);

        assert(got != NULL && djs_bytes_equal(*got, object->members[i].value));
    }
    assert(must_write(&again).len == text.len);
}

static void check_object(djs_bytes_t normal)
{
    djs_json_object_t object;
    djs_json_object_t again;
    djs_bytes_t text;

    assert(djs_json_object_read(&object, normal, pool) == APR_SUCCESS);
    text = must_write(&object);
    assert(text.len <= normal.len);
    assert(djs_json_object_read(&again, text, pool) == APR_SUCCESS);
    assert(again.count == object.count);
    assert(djs_bytes_equal(must_write(&again), text));
    check_members(&object, text);
    check_changes(&object, text);
}

static void check_normal(djs_bytes_t out)
{
    djs_bytes_t again;
    djs_json_object_t object;
    /* A copy that ends where it ends, for the sanitizer. */
    char *copy = malloc(out.len);
    djs_bytes_t normal = djs_bytes_of(copy, out.len);

    assert(copy != NULL);
    memcpy(copy, out.data, out.len);
    for (apr_size_t i = 0; i < out.len; i++) {
        assert(out.data[i] >= 0x20 && out.data[i] <= 0x7e);
    }
    assert(djs_json_normal(&again, NULL, normal, out.len, pool) == 0);
    assert(djs_bytes_equal(again, normal));
    assert(djs_json_normal(&again, NULL, normal, out.len - 1, pool) ==
           DJS_ETOOBIG);
    switch (djs_json_kind(normal)) {
    case DJS_JSON_OBJECT:
        check_object(normal);
        break;
    case DJS_JSON_STRING:
        check_string(normal);
        /* fall through */
    default:
        assert(djs_json_object_read(&object, normal, pool) == DJS_ETYPE);
        break;
    }
    free(copy);
}

/* Text that was never made normal is refused, or was normal by itself. */
static void check_raw(djs_bytes_t data)
{
    djs_json_object_t object;
    djs_bytes_t out;
    apr_status_t rv = djs_json_object_read(&object, data, pool);

    if (rv == APR_SUCCESS || rv == DJS_ETYPE) {
        assert(djs_json_normal(&out, NULL, data, UNLIMITED, pool) == 0);
        assert(djs_bytes_equal(out, data));
    }
    else {
        assert(rv == DJS_EINVALID && object.count == 0);
    }
    (void)djs_json_find(&out, data, djs_bytes("\"a\""));
    (void)djs_json_find(&out, data, djs_bytes("\"\""));
    (void)djs_json_text(&out, data, pool);
    if (djs_json_quote(&out, data, pool) == APR_SUCCESS) {
        djs_bytes_t text;

        assert(djs_json_text(&text, out, pool) == APR_SUCCESS);
        assert(djs_bytes_equal(text, data));
        check_normal(out);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    djs_bytes_t text = djs_bytes_of((const char *)data, size);
    djs_bytes_t out;
    djs_bytes_t start;
    apr_size_t used;

    if (pool == NULL) {
        apr_initialize();
        apr_pool_create(&pool, NULL);
    }
    check_raw(text);
    if (djs_json_normal(&start, &used, text, UNLIMITED, pool) == APR_SUCCESS) {
        assert(used <= size);
        text.len = used;
        assert(djs_json_normal(&out, NULL, text, UNLIMITED, pool) == 0);
        assert(djs_bytes_equal(out, start));
        check_normal(out);
        text.len = size;
    }
    if (djs_json_normal(&out, NULL, text, UNLIMITED, pool) == APR_SUCCESS) {
        assert(djs_bytes_equal(out, start));
    }
    apr_pool_clear(pool);
    return 0;
}
