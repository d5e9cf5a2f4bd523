/* test_store.c - one contract, kept by every store. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>
#include <cmocka.h>
#include <apr_strings.h>
#include <apr_thread_proc.h>
#include "store_fixture.h"

static djs_bytes_t text(const char *s)
{
    return djs_bytes(s);
}

static void assert_holds(fixture_t *f, const char *key, const char *val)
{
    djs_bytes_t got;

    assert_int_equal(djs_store_get(f->store, text(key), soon(), &got, f->p),
                     APR_SUCCESS);
    assert_int_equal(got.len, strlen(val));
    assert_memory_equal(got.data, val, got.len);
}

static void assert_absent(fixture_t *f, const char *key)
{
    djs_bytes_t got;

    assert_int_equal(djs_store_get(f->store, text(key), soon(), &got, f->p),
                     DJS_EABSENT);
    assert_int_equal(got.len, 0);
}

static apr_status_t put(fixture_t *f, const char *key, const char *val,
                        djs_put_e how)
{
    return djs_store_put(f->store, text(key), (djs_item_t){ text(val), LATER },
                         how, soon(), f->p);
}

/* An empty store has nothing, and says so without trouble. */
static void an_empty_store_has_nothing(void **state)
{
    fixture_t *f = *state;

    assert_absent(f, "nobody");
    assert_int_equal(put(f, "nobody", "x", DJS_PUT_EXISTING), DJS_EABSENT);
    assert_int_equal(djs_store_remove(f->store, text("nobody"), soon(), f->p),
                     APR_SUCCESS);
    assert_absent(f, "nobody");
}

static void what_is_put_is_read_back(void **state)
{
    fixture_t *f = *state;

    assert_int_equal(put(f, "a", "one", DJS_PUT_NEW), APR_SUCCESS);
    assert_int_equal(put(f, "b", "two", DJS_PUT_NEW), APR_SUCCESS);
    assert_int_equal(put(f, "empty", "", DJS_PUT_NEW), APR_SUCCESS);
    assert_holds(f, "a", "one");
    assert_holds(f, "b", "two");
    assert_holds(f, "empty", "");
}

/* New refuses a taken key, existing a missing one; neither changes anything. */
static void new_and_existing_are_kept_apart(void **state)
{
    fixture_t *f = *state;

    assert_int_equal(put(f, "a", "one", DJS_PUT_NEW), APR_SUCCESS);
    assert_int_equal(put(f, "a", "two", DJS_PUT_NEW), DJS_ETAKEN);
    assert_holds(f, "a", "one");
    assert_int_equal(put(f, "a", "two", DJS_PUT_EXISTING), APR_SUCCESS);
    assert_holds(f, "a", "two");
    assert_int_equal(put(f, "b", "x", DJS_PUT_EXISTING), DJS_EABSENT);
    assert_absent(f, "b");
}

static void an_expired_record_is_absent_and_may_be_replaced(void **state)
{
    fixture_t *f = *state;
    djs_bytes_t got;
    djs_call_t then = soon();

    assert_int_equal(put(f, "a", "one", DJS_PUT_NEW), APR_SUCCESS);
    then.now = LATER - 1;
    assert_int_equal(djs_store_get(f->store, text("a"), then, &got, f->p),
                     APR_SUCCESS);
    then.now = LATER; /* not one microsecond longer */
    assert_int_equal(djs_store_get(f->store, text("a"), then, &got, f->p),
                     DJS_EABSENT);
    assert_int_equal(djs_store_put(f->store, text("a"),
                                   (djs_item_t){ text("x"), LATER * 2 },
                                   DJS_PUT_EXISTING, then, f->p),
                     DJS_EABSENT);
    assert_int_equal(djs_store_put(f->store, text("a"),
                                   (djs_item_t){ text("two"), LATER * 2 },
                                   DJS_PUT_NEW, then, f->p),
                     APR_SUCCESS);
    assert_int_equal(djs_store_get(f->store, text("a"), then, &got, f->p),
                     APR_SUCCESS);
    assert_int_equal(got.len, 3);
}

/* Logout must be repeatable, and what is gone stays gone (INV2). */
static void a_removed_record_stays_removed(void **state)
{
    fixture_t *f = *state;

    assert_int_equal(put(f, "a", "one", DJS_PUT_NEW), APR_SUCCESS);
    for (int i = 0; i < 3; i++) {
        assert_int_equal(djs_store_remove(f->store, text("a"), soon(), f->p),
                         APR_SUCCESS);
        assert_absent(f, "a");
        assert_int_equal(put(f, "a", "late", DJS_PUT_EXISTING), DJS_EABSENT);
    }
}

/* Every length around a border of chunks, and back again. */
static void values_of_all_lengths_survive(void **state)
{
    fixture_t *f = *state;
    static const apr_size_t lengths[] = { 0,    1,    271,   272,  562,   563,
                                          262,  263,  264,   265,  549,   550,
                                          551,  837,  838,   1007, 1008,  1009,
                                          4096, 5000, 20000, 300,  65536, 67000,
                                          1,    0 };
    static const char key[] = "0123456789abcdef0123456789abcdef01234567";
    djs_put_e how = DJS_PUT_NEW;

    for (apr_size_t i = 0; i < sizeof(lengths) / sizeof(*lengths); i++) {
        djs_bytes_t val = noise(lengths[i], (unsigned)i, f->p), got;

        assert_int_equal(djs_store_put(f->store, text(key),
                                       (djs_item_t){ val, LATER }, how, soon(),
                                       f->p),
                         APR_SUCCESS);
        assert_int_equal(djs_store_get(f->store, text(key), soon(), &got, f->p),
                         APR_SUCCESS);
        assert_true(djs_bytes_equal(got, val));
        how = DJS_PUT_EXISTING;
    }
}

/* J06: too large is refused by name, and the old record is as it was. */
static void a_value_too_large_leaves_the_old_record(void **state)
{
    fixture_t *f = *state;
    djs_bytes_t big = noise(VALUE_MAX + 1, 1, f->p);

    assert_int_equal(put(f, "a", "one", DJS_PUT_NEW), APR_SUCCESS);
    assert_int_equal(djs_store_put(f->store, text("a"),
                                   (djs_item_t){ big, LATER }, DJS_PUT_EXISTING,
                                   soon(), f->p),
                     DJS_ETOOBIG);
    assert_holds(f, "a", "one");
    assert_int_equal(djs_store_put(f->store, text("b"),
                                   (djs_item_t){ big, LATER }, DJS_PUT_NEW,
                                   soon(), f->p),
                     DJS_ETOOBIG);
    assert_absent(f, "b");
}

static void a_key_may_be_any_bytes_but_not_any_length(void **state)
{
    fixture_t *f = *state;
    djs_bytes_t longest = noise(DJS_STORE_KEY_MAX, 7, f->p), got;
    djs_bytes_t longer = noise(DJS_STORE_KEY_MAX + 1, 7, f->p);
    djs_bytes_t odd = djs_bytes_of("\0\xff\n/..", 6);

    assert_int_equal(djs_store_put(f->store, longest,
                                   (djs_item_t){ text("l"), LATER },
                                   DJS_PUT_NEW, soon(), f->p),
                     APR_SUCCESS);
    assert_int_equal(djs_store_put(f->store, odd,
                                   (djs_item_t){ text("o"), LATER },
                                   DJS_PUT_NEW, soon(), f->p),
                     APR_SUCCESS);
    assert_int_equal(djs_store_get(f->store, longest, soon(), &got, f->p),
                     APR_SUCCESS);
    assert_int_equal(got.data[0], 'l');
    assert_int_equal(djs_store_get(f->store, odd, soon(), &got, f->p),
                     APR_SUCCESS);
    assert_int_equal(got.data[0], 'o');
    assert_int_equal(djs_store_get(f->store, longer, soon(), &got, f->p),
                     APR_EINVAL);
    assert_int_equal(djs_store_get(f->store, text(""), soon(), &got, f->p),
                     APR_EINVAL);
}

static void a_call_past_its_deadline_does_nothing(void **state)
{
    fixture_t *f = *state;
    djs_call_t late = soon();
    djs_bytes_t got;

    assert_int_equal(put(f, "a", "one", DJS_PUT_NEW), APR_SUCCESS);
    late.until = djs_clock_steady();
    assert_int_equal(djs_store_get(f->store, text("a"), late, &got, f->p),
                     DJS_ETIMEOUT);
    assert_int_equal(djs_store_put(f->store, text("a"),
                                   (djs_item_t){ text("two"), LATER },
                                   DJS_PUT_EXISTING, late, f->p),
                     DJS_ETIMEOUT);
    assert_int_equal(djs_store_remove(f->store, text("a"), late, f->p),
                     DJS_ETIMEOUT);
    assert_holds(f, "a", "one");
}

typedef struct {
    djs_update_t todo;
    apr_status_t rv;
    int calls;
} wish_t;

static apr_status_t grant(djs_update_t *todo, djs_bytes_t current, void *baton,
                          apr_pool_t *scratch)
{
    wish_t *wish = baton;

    (void)current;
    (void)scratch;
    wish->calls++;
    *todo = wish->todo;
    return wish->rv;
}

static void an_update_keeps_replaces_removes_or_fails(void **state)
{
    fixture_t *f = *state;
    wish_t keep = { { DJS_UPDATE_KEEP, { NULL, 0 }, 0 }, APR_SUCCESS, 0 };
    wish_t replace = { { DJS_UPDATE_REPLACE, { "new", 3 }, LATER }, 0, 0 };
    wish_t fail = { { DJS_UPDATE_REPLACE, { "bad", 3 }, LATER },
                    DJS_EUNREADABLE,
                    0 };
    wish_t removal = { { DJS_UPDATE_REMOVE, { NULL, 0 }, 0 }, APR_SUCCESS, 0 };
    djs_bytes_t key = text("a");

    assert_int_equal(
        djs_store_update(f->store, key, grant, &keep, soon(), f->p),
        DJS_EABSENT);
    assert_int_equal(keep.calls, 0);
    assert_int_equal(put(f, "a", "old", DJS_PUT_NEW), APR_SUCCESS);
    assert_int_equal(
        djs_store_update(f->store, key, grant, &keep, soon(), f->p),
        APR_SUCCESS);
    assert_holds(f, "a", "old");
    assert_int_equal(
        djs_store_update(f->store, key, grant, &fail, soon(), f->p),
        DJS_EUNREADABLE);
    assert_holds(f, "a", "old");
    assert_int_equal(
        djs_store_update(f->store, key, grant, &replace, soon(), f->p),
        APR_SUCCESS);
    assert_holds(f, "a", "new");
    assert_int_equal(
        djs_store_update(f->store, key, grant, &removal, soon(), f->p),
        APR_SUCCESS);
    assert_absent(f, "a");
}

static apr_status_t add_one(djs_update_t *todo, djs_bytes_t current,
                            void *baton, apr_pool_t *scratch)
{
    long n =
        strtol(apr_pstrmemdup(scratch, current.data, current.len), NULL, 10);

    (void)baton;
    todo->what = DJS_UPDATE_REPLACE;
    todo->val = djs_bytes(apr_psprintf(scratch, "%ld", n + 1));
    todo->expires = LATER;
    return APR_SUCCESS;
}

static apr_status_t add_many(djs_store_t *store, const char *key, int times)
{
    apr_status_t rv = APR_SUCCESS;
    apr_pool_t *p;

    apr_pool_create_unmanaged_ex(&p, NULL, NULL);
    for (int i = 0; rv == APR_SUCCESS && i < times; i++) {
        rv = djs_store_update(store, djs_bytes(key), add_one, NULL, patient(),
                              p);
        apr_pool_clear(p);
    }
    apr_pool_destroy(p);
    return rv;
}

static void *APR_THREAD_FUNC add_in_thread(apr_thread_t *thread, void *data)
{
    fixture_t *f = data;

    apr_thread_exit(thread, add_many(f->store, "n", f->times));
    return NULL;
}

/* J07, J08: threads of one process do not lose each other's changes. */
static void threads_lose_no_update(void **state)
{
    fixture_t *f = *state;
    apr_thread_t *threads[8];

    assert_int_equal(put(f, "n", "0", DJS_PUT_NEW), APR_SUCCESS);
    f->times = 100;
    for (int i = 0; i < 8; i++) {
        assert_int_equal(
            apr_thread_create(&threads[i], NULL, add_in_thread, f, f->p),
            APR_SUCCESS);
    }
    for (int i = 0; i < 8; i++) {
        apr_status_t rv;

        apr_thread_join(&rv, threads[i]);
        assert_int_equal(rv, APR_SUCCESS);
    }
    assert_holds(f, "n", "800");
}

/* J07, J08, O10: nor do processes, each with the store opened for itself. */
static void processes_lose_no_update(void **state)
{
    fixture_t *f = *state;
    int times = f->slow ? 100 : 500;
    pid_t pids[4];

    if (!f->shared) {
        skip();
    }
    assert_int_equal(put(f, "n", "0", DJS_PUT_NEW), APR_SUCCESS);
    for (int i = 0; i < 4; i++) {
        pids[i] = fork();
        if (pids[i] == 0) {
            apr_pool_t *p;

            apr_pool_create(&p, NULL);
            if (djs_store_open(f->store, p) != APR_SUCCESS) {
                _exit(2);
            }
            _exit(add_many(f->store, "n", times) == APR_SUCCESS ? 0 : 1);
        }
    }
    for (int i = 0; i < 4; i++) {
        int status;

        waitpid(pids[i], &status, 0);
        assert_int_equal(status, 0);
    }
    assert_holds(f, "n", apr_itoa(f->p, 4 * times));
}

static apr_status_t sweep_round(fixture_t *f, djs_sweep_t *did, apr_time_t now)
{
    apr_status_t rv;

    memset(did, 0, sizeof(*did));
    do {
        djs_call_t call = patient();

        call.now = now;
        rv = djs_store_sweep(f->store, did, call, f->p);
    } while (APR_STATUS_IS_EAGAIN(rv));
    return rv;
}

/* A sweep removes all that has expired and nothing that lives. */
static void a_sweep_removes_the_expired_and_nothing_else(void **state)
{
    fixture_t *f = *state;
    djs_sweep_t did;

    if (!f->listed) {
        skip();
    }
    for (int i = 0; i < 200; i++) {
        djs_bytes_t val = noise((apr_size_t)i * 10, (unsigned)i, f->p);

        assert_int_equal(
            djs_store_put(
                f->store, text(apr_psprintf(f->p, "key%d", i)),
                (djs_item_t){ val, i % 2 ? LATER : LATER / 2 + NOW / 2 },
                DJS_PUT_NEW, soon(), f->p),
            APR_SUCCESS);
    }
    assert_int_equal(sweep_round(f, &did, NOW), APR_SUCCESS);
    assert_int_equal(did.removed, 0);
    assert_int_equal(did.seen, 200);
    assert_int_equal(sweep_round(f, &did, LATER - 1), APR_SUCCESS);
    assert_int_equal(did.removed, 100);
    assert_int_equal(sweep_round(f, &did, LATER - 1), APR_SUCCESS);
    assert_int_equal(did.seen, 100);
    for (int i = 0; i < 200; i++) {
        djs_bytes_t got;
        apr_status_t rv = djs_store_get(
            f->store, text(apr_psprintf(f->p, "key%d", i)), soon(), &got, f->p);

        assert_int_equal(rv, i % 2 ? APR_SUCCESS : DJS_EABSENT);
        if (i % 2) {
            assert_true(djs_bytes_equal(
                got, noise((apr_size_t)i * 10, (unsigned)i, f->p)));
        }
    }
}

typedef struct {
    int count;
    int limit;
    fixture_t *f;
} shown_t;

static apr_status_t show(djs_bytes_t key, djs_bytes_t val, apr_time_t expires,
                         void *baton)
{
    shown_t *shown = baton;

    assert_int_equal(expires, LATER);
    assert_int_equal(val.len, (apr_size_t)key.data[1] * 20);
    shown->count++;
    return shown->count == shown->limit ? APR_EINTR : APR_SUCCESS;
}

static void each_shows_every_live_record_once(void **state)
{
    fixture_t *f = *state;
    shown_t shown = { 0, 0, f };

    if (!f->listed) {
        assert_int_equal(
            djs_store_each(f->store, show, &shown, patient(), f->p),
            APR_ENOTIMPL);
        return;
    }
    for (int i = 0; i < 100; i++) {
        djs_bytes_t key = djs_bytes_of(apr_psprintf(f->p, "k%c", i), 2);

        assert_int_equal(
            djs_store_put(
                f->store, key,
                (djs_item_t){ noise((apr_size_t)i * 20, 1, f->p), LATER },
                DJS_PUT_NEW, soon(), f->p),
            APR_SUCCESS);
    }
    assert_int_equal(djs_store_put(f->store, text("gone"),
                                   (djs_item_t){ text("x"), NOW - 1 },
                                   DJS_PUT_NEW, soon(), f->p),
                     APR_SUCCESS);
    assert_int_equal(djs_store_each(f->store, show, &shown, patient(), f->p),
                     APR_SUCCESS);
    assert_int_equal(shown.count, 100);
    shown.count = 0;
    shown.limit = 3;
    assert_int_equal(djs_store_each(f->store, show, &shown, patient(), f->p),
                     APR_EINTR);
    assert_int_equal(shown.count, 3);
}

/* Random verbs against a table of what must be there. */
static void a_long_random_life_agrees_with_a_model(void **state)
{
    fixture_t *f = *state;
    int model[50] = { 0 }; /* seed of the value, 0: absent */
    unsigned x = 12345;
    int rounds = f->slow ? 300 : 3000;

    for (int i = 1; i <= rounds; i++) {
        int k;
        djs_bytes_t key, got, val;
        apr_status_t rv;
        apr_pool_t *p;

        apr_pool_create(&p, f->p);
        x = x * 1103515245 + 12345;
        k = (int)((x >> 16) % 50);
        key = djs_bytes(apr_psprintf(p, "session %d", k));
        val = noise((x >> 8) % 1500, (unsigned)i, p);
        switch ((x >> 24) % 4) {
        case 0:
            rv = djs_store_put(f->store, key, (djs_item_t){ val, LATER },
                               DJS_PUT_NEW, soon(), p);
            assert_int_equal(rv, model[k] ? DJS_ETAKEN : APR_SUCCESS);
            model[k] = model[k] ? model[k] : i;
            break;
        case 1:
            rv = djs_store_put(f->store, key, (djs_item_t){ val, LATER },
                               DJS_PUT_EXISTING, soon(), p);
            assert_int_equal(rv, model[k] ? APR_SUCCESS : DJS_EABSENT);
            model[k] = model[k] ? i : 0;
            break;
        case 2:
            rv = djs_store_remove(f->store, key, soon(), p);
            assert_int_equal(rv, APR_SUCCESS);
            model[k] = 0;
            break;
        default:
            break;
        }
        rv = djs_store_get(f->store, key, soon(), &got, p);
        assert_int_equal(rv, model[k] ? APR_SUCCESS : DJS_EABSENT);
        if (model[k]) {
            val = noise(got.len, (unsigned)model[k], p);
            assert_true(djs_bytes_equal(got, val));
        }
        apr_pool_destroy(p);
    }
}

/* Another process, which opens the store for itself, puts `val` there, or
 * removes what is there when that is NULL. */
static void done_elsewhere(fixture_t *f, const char *val, djs_put_e how)
{
    int status;
    pid_t pid = fork();

    if (pid == 0) {
        apr_pool_t *p;

        apr_pool_create(&p, NULL);
        _exit(djs_store_open(f->store, p) != APR_SUCCESS ||
              (val ? put(f, "a", val, how)
                   : djs_store_remove(f->store, text("a"), soon(), p)) !=
                  APR_SUCCESS);
    }
    waitpid(pid, &status, 0);
    assert_int_equal(status, 0);
}

/* INV2: what one process has changed or removed another does not find. */
static void what_is_done_elsewhere_is_seen_at_once(void **state)
{
    fixture_t *f = *state;

    if (!f->shared) {
        skip();
    }
    for (int i = 0; i < 3; i++) {
        done_elsewhere(f, "one", DJS_PUT_NEW);
        assert_holds(f, "a", "one");
        done_elsewhere(f, "two", DJS_PUT_EXISTING);
        assert_holds(f, "a", "two");
        assert_int_equal(put(f, "a", "three", DJS_PUT_EXISTING), APR_SUCCESS);
        assert_holds(f, "a", "three");
        done_elsewhere(f, NULL, DJS_PUT_NEW);
        assert_absent(f, "a");
    }
}

#define CONTRACT(test) cmocka_unit_test_setup_teardown(test, begin, end)

static int run(const char *name)
{
    const struct CMUnitTest contract[] = {
        CONTRACT(an_empty_store_has_nothing),
        CONTRACT(what_is_put_is_read_back),
        CONTRACT(new_and_existing_are_kept_apart),
        CONTRACT(an_expired_record_is_absent_and_may_be_replaced),
        CONTRACT(a_removed_record_stays_removed),
        CONTRACT(values_of_all_lengths_survive),
        CONTRACT(a_value_too_large_leaves_the_old_record),
        CONTRACT(a_key_may_be_any_bytes_but_not_any_length),
        CONTRACT(a_call_past_its_deadline_does_nothing),
        CONTRACT(an_update_keeps_replaces_removes_or_fails),
        CONTRACT(threads_lose_no_update),
        CONTRACT(processes_lose_no_update),
        CONTRACT(what_is_done_elsewhere_is_seen_at_once),
        CONTRACT(a_sweep_removes_the_expired_and_nothing_else),
        CONTRACT(each_shows_every_live_record_once),
        CONTRACT(a_long_random_life_agrees_with_a_model)
    };

    fixture_kind = name;
    return cmocka_run_group_tests_name(name, contract, NULL, NULL);
}

int main(void)
{
    static const char *const kinds[] = { "memory", "sdbm",     "gdbm",
                                         "db",     "memcache", "memcache twins",
                                         "tiers" };
    int failed = 0;

    apr_initialize();
    for (apr_size_t i = 0; i < sizeof(kinds) / sizeof(*kinds); i++) {
        failed += run(kinds[i]);
    }
    apr_terminate();
    return failed != 0;
}
