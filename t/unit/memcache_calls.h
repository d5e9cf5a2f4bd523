/* memcache_calls.h - calls to a memcached store with a deadline, timed. */
#ifndef DJS_UNIT_MEMCACHE_CALLS_H
#define DJS_UNIT_MEMCACHE_CALLS_H

#include "store_fixture.h"

#define DEADLINE (100 * 1000) /* of a call, microseconds */
#define GRACE    (50 * 1000)  /* over it, at most */

/* Of a machine that is busy elsewhere, or watches every access to memory. */
#ifdef __SANITIZE_THREAD__
#define SLACK (3000 * 1000)
#else
#define SLACK (150 * 1000)
#endif

static apr_pool_t *pool;
static apr_interval_time_t took; /* by the last call */

static inline djs_store_t *make(const char *spec, const char *option,
                                apr_pool_t *p)
{
    const char *options[] = { option, NULL };
    djs_store_t *store;

    assert_null(djs_store_create(&store, spec, options, VALUE_MAX, p));
    assert_int_equal(djs_store_open(store, p), APR_SUCCESS);
    return store;
}

static inline const char *spec_of(int port)
{
    return apr_psprintf(pool, "memcache:127.0.0.1:%d", port);
}

static inline apr_status_t get(djs_store_t *store, const char *key)
{
    apr_time_t began = djs_clock_steady();
    djs_bytes_t got;
    apr_status_t rv =
        djs_store_get(store, djs_bytes(key), call_within(DEADLINE), &got, pool);

    took = djs_clock_steady() - began;
    return rv;
}

static inline apr_status_t put(djs_store_t *store, const char *key,
                               djs_put_e how)
{
    apr_time_t began = djs_clock_steady();
    apr_status_t rv = djs_store_put(store, djs_bytes(key),
                                    (djs_item_t){ djs_bytes("value"), LATER },
                                    how, call_within(DEADLINE), pool);

    took = djs_clock_steady() - began;
    return rv;
}

static inline apr_status_t drop(djs_store_t *store, const char *key)
{
    apr_time_t began = djs_clock_steady();
    apr_status_t rv =
        djs_store_remove(store, djs_bytes(key), call_within(DEADLINE), pool);

    took = djs_clock_steady() - began;
    return rv;
}

static inline int is_trouble(apr_status_t rv)
{
    return rv == DJS_ETIMEOUT || rv == DJS_ETROUBLE || rv == DJS_EUNREADABLE;
}

static int begin_pool(void **state)
{
    (void)state;
    return apr_pool_create(&pool, NULL);
}

static int end_pool(void **state)
{
    (void)state;
    apr_pool_destroy(pool);
    return 0;
}

static inline const char *value_of(djs_store_t *store, const char *key)
{
    djs_bytes_t got;

    return djs_store_get(store, djs_bytes(key), soon(), &got, pool) ==
                   APR_SUCCESS
               ? apr_pstrmemdup(pool, got.data, got.len)
               : "(none)";
}

static inline apr_status_t get_named_as(djs_store_t *store, const char *key,
                                        djs_bytes_t expected)
{
    djs_bytes_t got;
    apr_status_t rv = djs_store_get(store, djs_bytes(key), soon(), &got, pool);

    assert_true(rv != APR_SUCCESS || djs_bytes_equal(got, expected));
    return rv;
}

#endif
