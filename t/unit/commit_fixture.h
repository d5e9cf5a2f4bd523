/* unit/commit_fixture.h - a store in memory behind a provider that can be told
 * to fail, or to let somebody else in at the worst moment. Time is a variable.
 */
#ifndef DJS_UNIT_COMMIT_FIXTURE_H
#define DJS_UNIT_COMMIT_FIXTURE_H

#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>
#include <apr_general.h>
#include <apr_strings.h>
#include "base/clock.h"
#include "session/commit.h"
#include "store/providers.h"

#define DAY   (APR_INT64_C(86400) * 1000000)
#define START (APR_INT64_C(1800000000) * 1000000)

static apr_pool_t *pool;
static djs_store_t *store;
static djs_place_t place;
static djs_terms_t terms;
static apr_time_t now;

/* What the provider in between does. */
static apr_status_t fail_with;      /* every call, unless APR_SUCCESS */
static int fail_after;              /* every call after so many, unless 0 */
static int fail_at;                 /* that call only, from 1; 0: every one */
static int births_in_doubt;         /* so many are DJS_ETAKEN, in vain */
static int fail_late;               /* it is done, and its answer is lost */
static void (*before_update)(void); /* called once, then forgotten */
static void (*before_remove)(void); /* likewise */
static void (*before_second_get)(void);
static int gets;               /* while before_second_get waits */
static int calls;              /* to the store */
static djs_provider_t between; /* memory's verbs, watched */
static const djs_provider_t *const real = &djs_store_memory_provider;

/* What becomes of the call `which`, before it is done or (late) after. */
static apr_status_t failure(int which, int late)
{
    if (fail_after > 0 && calls > fail_after && !late) {
        return DJS_ETROUBLE;
    }
    return late == fail_late && (fail_at == 0 || fail_at == which)
               ? fail_with
               : APR_SUCCESS;
}

static apr_status_t watched_get(void *self, djs_bytes_t key, djs_call_t call,
                                djs_bytes_t *val, apr_pool_t *p)
{
    void (*hook)(void) = before_second_get;
    int which = ++calls;
    apr_status_t rv;

    if (hook && ++gets == 2) {
        before_second_get = NULL;
        hook();
    }
    rv = failure(which, 0);
    rv = rv ? rv : failure(which, 1);
    return rv ? rv : real->get(self, key, call, val, p);
}

static apr_status_t watched_put(void *self, djs_bytes_t key, djs_item_t item,
                                djs_put_e how, djs_call_t call,
                                apr_pool_t *scratch)
{
    int which = ++calls;
    apr_status_t rv = failure(which, 0);

    if (rv == APR_SUCCESS && how == DJS_PUT_NEW && births_in_doubt > 0) {
        births_in_doubt--;
        return DJS_ETAKEN;
    }
    rv = rv ? rv : real->put(self, key, item, how, call, scratch);
    return rv ? rv : failure(which, 1);
}

static apr_status_t watched_update(void *self, djs_bytes_t key,
                                   djs_update_fn fn, void *baton,
                                   djs_call_t call, apr_pool_t *scratch)
{
    void (*hook)(void) = before_update;
    int which = ++calls;
    apr_status_t rv;

    before_update = NULL;
    if (hook) {
        hook();
    }
    rv = failure(which, 0);
    rv = rv ? rv : real->update(self, key, fn, baton, call, scratch);
    return rv ? rv : failure(which, 1);
}

static apr_status_t watched_remove(void *self, djs_bytes_t key, djs_call_t call,
                                   apr_pool_t *scratch)
{
    void (*hook)(void) = before_remove;
    int which = ++calls;
    apr_status_t rv;

    before_remove = NULL;
    if (hook) {
        hook();
    }
    rv = failure(which, 0);
    rv = rv ? rv : real->remove(self, key, call, scratch);
    return rv ? rv : failure(which, 1);
}

static djs_call_t call(void)
{
    djs_call_t c = { now, djs_clock_steady() + 5000000, 0 };

    return c;
}

static inline djs_keyring_t *ring_of(int first, int second)
{
    unsigned char secrets[2][DJS_SECRET_BYTES];
    djs_keyring_t *ring;

    memset(secrets[0], first, DJS_SECRET_BYTES);
    memset(secrets[1], second, DJS_SECRET_BYTES);
    assert_null(djs_keyring_create(
        &ring, (const unsigned char(*)[DJS_SECRET_BYTES])secrets,
        second ? 2 : 1, pool));
    return ring;
}

static int setup(void **state)
{
    (void)state;
    apr_pool_create(&pool, NULL);
    between = *real;
    between.get = watched_get;
    between.put = watched_put;
    between.update = watched_update;
    between.remove = watched_remove;
    assert_null(djs_store_create_with(&store, &between, "", NULL,
                                      djs_commit_max_value(4096), pool));
    assert_int_equal(djs_store_open(store, pool), APR_SUCCESS);
    place.store = store;
    place.ring = ring_of(1, 0);
    place.mode = DJS_RECORD_SEALED;
    place.ns = djs_bytes("example.org");
    place.max_size = 4096;
    place.random = djs_random;
    assert_int_equal(djs_commit_prepare(&place), APR_SUCCESS);
    terms.user_key = djs_bytes("\"_auth_user_id\"");
    terms.lifetime.age = 14 * DAY;
    terms.lifetime.browser_close = 0;
    terms.renew.how = DJS_RENEW_PERCENT;
    terms.renew.percent = 10;
    terms.absolute = terms.rotate = 0;
    terms.grace = 10 * APR_USEC_PER_SEC;
    terms.replay_flush = 0;
    terms.create_always = 0;
    terms.tls = 0;
    now = START;
    fail_with = APR_SUCCESS;
    fail_after = 0;
    terms.max_per_user = 0;
    before_update = before_remove = before_second_get = NULL;
    calls = gets = fail_at = fail_late = 0;
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    apr_pool_destroy(pool);
    return 0;
}

static inline djs_session_t *load_tls(const char *key, int tls)
{
    djs_session_t *s = apr_pcalloc(pool, sizeof *s);
    djs_candidates_t sent = { 0 };
    djs_terms_t here = terms;

    here.tls = tls;
    djs_session_init(s, pool);
    if (key != NULL) {
        sent.keys[0] = djs_bytes(apr_pstrdup(pool, key));
        sent.count = sent.sent = 1;
    }
    (void)djs_commit_load(s, &sent, &place, &here, call());
    return s;
}

static inline djs_session_t *load(const char *key)
{
    return load_tls(key, 0);
}

static inline djs_saved_t save(djs_session_t *s)
{
    djs_saved_t saved;

    assert_int_equal(djs_commit_save(&saved, s, &terms, &place, call()),
                     APR_SUCCESS);
    return saved;
}

static inline void set(djs_session_t *s, const char *key, const char *json)
{
    assert_int_equal(djs_session_set(s, djs_bytes(key), djs_bytes(json)),
                     APR_SUCCESS);
}

/* A session {"a":1} in the store; its key. */
static inline char *fresh(void)
{
    djs_session_t *s = load(NULL);
    djs_saved_t saved;

    set(s, "a", "1");
    saved = save(s);
    assert_int_equal(saved.did, DJS_DID_CREATE);
    return apr_pstrdup(pool, saved.key);
}

static inline const char *data_of(const char *key)
{
    djs_session_t *s = load(key);

    if (s->state != DJS_STATE_LIVE) {
        return "(not live)";
    }
    return apr_pstrmemdup(pool, s->record.body.data, s->record.body.len);
}

static inline char *copy_of(const char *key)
{
    return apr_pstrdup(pool, key);
}

/* Saves `s` under a new key, which it returns. */
static inline char *rotate(djs_session_t *s)
{
    djs_saved_t saved;

    assert_int_equal(djs_session_cycle_key(s), APR_SUCCESS);
    saved = save(s);
    assert_int_equal(saved.did, DJS_DID_ROTATE);
    return copy_of(saved.key);
}

static inline djs_saved_t log_out(djs_session_t *s)
{
    assert_int_equal(djs_session_flush(s), APR_SUCCESS);
    return save(s);
}

#define T(test) cmocka_unit_test_setup_teardown(test, setup, teardown)

#endif
