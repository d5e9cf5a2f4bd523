/* fuzz_update - any bytes as an X-DjSession-Update header, on several sessions:
 * a refusal has a reason and changes nothing; what is done can be replayed and
 * gives the same data, which is JSON. */
#include <assert.h>
#include <stdint.h>
#include <stdlib.h>
#include <apr_general.h>
#include <apr_pools.h>
#include "session/update.h"

#define LONGEST (8 * 1024 * 1024)

static apr_pool_t *pool;

static const char *const bodies[] = {
    "{}",
    "{\"a\":1,\"b\":\"x\",\"u\":\"7\"}",
    "{\"_session_expiry\":60,\"u\":\"42\",\"n\":99999999999999999999}",
    "[1]",
};

static void make(djs_session_t *s, const char *body)
{
    djs_session_init(s, pool);
    s->state = DJS_STATE_LIVE;
    memset(s->key, 'k', DJS_KEY_LEN);
    s->record.body = djs_bytes(body);
}

static djs_bytes_t text_of(const djs_json_object_t *object)
{
    djs_bytes_t text, normal;

    assert(djs_json_object_write(&text, object, LONGEST, pool) == APR_SUCCESS);
    assert(djs_json_normal(&normal, NULL, text, LONGEST, pool) == APR_SUCCESS);
    assert(djs_bytes_equal(text, normal));
    return text;
}

static void check_refused(djs_session_t *s, const char *body, const char *why,
                          apr_status_t rv)
{
    int named = rv == DJS_EINVALID || rv == DJS_ETYPE || rv == DJS_ETOOBIG;

    assert(named ? why != NULL : rv == DJS_EUNREADABLE && why == NULL);
    assert(!s->modified && !s->flushed && !s->cycled && !s->logged_in);
    assert(s->changes->nelts == 0 && s->key[0] == 'k');
    if (rv != DJS_EUNREADABLE && s->parsed) {
        assert(djs_bytes_equal(text_of(&s->data), djs_bytes(body)));
    }
    for (apr_size_t i = 0; why && why[i]; i++) {
        assert(why[i] >= ' ' && why[i] <= '~');
    }
}

static void check_done(djs_session_t *s, const char *body)
{
    djs_json_object_t data;
    djs_expiry_t expiry;

    assert(s->parsed && s->accessed);
    assert(djs_json_object_read(&data, djs_bytes(s->flushed ? "{}" : body),
                                pool) == APR_SUCCESS);
    assert(djs_session_replay(&data, s->changes) == APR_SUCCESS);
    assert(djs_bytes_equal(text_of(&data), text_of(&s->data)));
    assert(djs_session_expiry(s, &expiry) == APR_SUCCESS);
    assert(s->modified || (!s->changes->nelts && !s->flushed && !s->cycled));
    assert(!(s->flushed && s->cycled));
    assert((s->key[0] == '\0') == s->flushed);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    djs_session_t s;
    const char *why;
    char *bytes = malloc(size ? size : 1);

    if (!pool) {
        apr_initialize();
        apr_pool_create(&pool, NULL);
    }
    memcpy(bytes, data, size);
    for (size_t i = 0; i < sizeof(bodies) / sizeof(bodies[0]); i++) {
        apr_status_t rv;

        make(&s, bodies[i]);
        rv = djs_update_apply(&s, djs_bytes_of(bytes, size), "u", &why, pool);
        if (rv == APR_SUCCESS) {
            assert(why == NULL);
            check_done(&s, bodies[i]);
        }
        else {
            check_refused(&s, bodies[i], why, rv);
        }
    }
    free(bytes);
    apr_pool_clear(pool);
    return 0;
}
