/* test_memcache_twins.c - two memcached, of which one at a time is killed or
 * stopped while sessions are changed and ended: no acknowledged change is lost
 * and nothing that was ended lives. Usage: test_memcache_twins [SECONDS] */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdatomic.h>
#include <stdint.h>
#include <cmocka.h>
#include <apr_thread_proc.h>
#include "store_fixture.h"

#define WORKERS 4
#define ENDED   4 /* sessions whose end each worker remembers */
#define TIME    (200 * 1000)

static int seconds = 7;

typedef struct {
    djs_store_t *store;
    int number;
    long born;        /* sessions so far */
    int live;         /* the last one was begun, and not ended */
    long least, most; /* what it can count by now */
    unsigned done, troubles, lost, revived;
    apr_interval_time_t longest;
} worker_t;

static atomic_int stop;

static djs_call_t brief(void)
{
    return call_within(TIME);
}

static djs_bytes_t key_of(const worker_t *w, long born, apr_pool_t *p)
{
    return djs_bytes(apr_psprintf(p, "w%d-%ld", w->number, born));
}

static apr_status_t one_more(djs_update_t *todo, djs_bytes_t current,
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

static int is_trouble(apr_status_t rv)
{
    return rv == DJS_ETIMEOUT || rv == DJS_ETROUBLE;
}

static void begin_session(worker_t *w, apr_pool_t *p)
{
    djs_bytes_t key = key_of(w, ++w->born, p);
    apr_status_t rv =
        djs_store_put(w->store, key, (djs_item_t){ djs_bytes("0"), LATER },
                      DJS_PUT_NEW, brief(), p);

    w->live = rv == APR_SUCCESS;
    w->least = w->most = 0;
    w->troubles += is_trouble(rv);
}

static void count(worker_t *w, apr_pool_t *p)
{
    apr_status_t rv = djs_store_update(w->store, key_of(w, w->born, p),
                                       one_more, NULL, brief(), p);

    w->most++;
    if (rv == APR_SUCCESS) {
        w->least++;
    }
    w->troubles += is_trouble(rv);
    w->lost += rv == DJS_EABSENT;
    w->done += rv == APR_SUCCESS;
}

static void check(worker_t *w, apr_pool_t *p)
{
    djs_bytes_t got;
    apr_status_t rv =
        djs_store_get(w->store, key_of(w, w->born, p), brief(), &got, p);

    if (rv == APR_SUCCESS) {
        long n = strtol(apr_pstrmemdup(p, got.data, got.len), NULL, 10);

        w->lost += n < w->least || n > w->most;
        w->least = n > w->least ? n : w->least;
    }
    w->lost += rv == DJS_EABSENT;
    w->troubles += is_trouble(rv);
    for (long i = w->born - 1; i > 0 && i >= w->born - ENDED; i--) {
        rv = djs_store_get(w->store, key_of(w, i, p), brief(), &got, p);
        w->revived += rv == APR_SUCCESS;
    }
}

/* Ends the session, as often as it takes to be told so. */
static void end_session(worker_t *w, apr_pool_t *p)
{
    while (djs_store_remove(w->store, key_of(w, w->born, p), brief(), p) !=
           APR_SUCCESS) {
        w->troubles++;
        apr_sleep(1000);
    }
    w->live = 0;
}

static void *APR_THREAD_FUNC work(apr_thread_t *thread, void *data)
{
    worker_t *w = data;
    apr_pool_t *p;

    (void)thread;
    apr_pool_create_unmanaged_ex(&p, NULL, NULL);
    for (int i = 1; !atomic_load(&stop); i++) {
        apr_time_t began = djs_clock_steady(), time;

        if (!w->live) {
            while (!w->live && !atomic_load(&stop)) {
                begin_session(w, p);
            }
        }
        else if (i % 97 == 0) {
            end_session(w, p);
        }
        else if (i % 3 == 0) {
            check(w, p);
        }
        else {
            count(w, p);
            time = djs_clock_steady() - began;
            w->longest = time > w->longest ? time : w->longest;
        }
        apr_pool_clear(p);
        apr_sleep(1000);
    }
    apr_pool_destroy(p);
    return NULL;
}

/* One twin is killed, or stopped, for a while; then both have the time that
 * healing takes: a lock that came too late stands for two seconds. */
static void trouble_one(memcached_t *twins, unsigned *seed)
{
    memcached_t *victim = &twins[rand_r(seed) % 2];
    int stopped = rand_r(seed) % 2;

    if (stopped) {
        kill(victim->pid, SIGSTOP);
    }
    else {
        memcached_kill(victim);
    }
    apr_sleep(200000 + rand_r(seed) % 600000);
    if (stopped) {
        kill(victim->pid, SIGCONT);
    }
    else {
        memcached_start(victim, victim->port);
    }
    apr_sleep(2600000);
}

/* I08, I19: L04 and INV2 with one server gone at a time. */
static void nothing_is_lost_and_nothing_revived(void **state)
{
    fixture_t *f = *state;
    apr_thread_t *threads[WORKERS];
    worker_t workers[WORKERS] = { 0 };
    unsigned seed = (unsigned)getpid(), troubles = 0, done = 0, faults = 0;
    apr_interval_time_t longest = 0;
    apr_time_t end = djs_clock_steady() + apr_time_from_sec(seconds);

    for (int i = 0; i < WORKERS; i++) {
        workers[i].store = f->store;
        workers[i].number = i;
        assert_int_equal(
            apr_thread_create(&threads[i], NULL, work, &workers[i], f->p),
            APR_SUCCESS);
    }
    while (djs_clock_steady() < end) {
        trouble_one(fixture_twins(), &seed);
        faults++;
    }
    atomic_store(&stop, 1);
    for (int i = 0; i < WORKERS; i++) {
        worker_t *w = &workers[i];
        apr_status_t rv;

        apr_thread_join(&rv, threads[i]);
        done += w->done;
        troubles += w->troubles;
        longest = w->longest > longest ? w->longest : longest;
        assert_int_equal(w->lost, 0);
        assert_int_equal(w->revived, 0);
    }
    print_message("%u changes, %u calls in trouble, %u faults, longest %d us\n",
                  done, troubles, faults, (int)longest);
    assert_true(done > 0);
}

/* I03: one that stands still takes no more of a call's time than is its share,
 * however much that is, and its twin's lock is good. */
static void a_twin_that_stands_still_fails_no_change(void **state)
{
    fixture_t *f = *state;
    djs_bytes_t key = djs_bytes("slow");

    assert_int_equal(djs_store_put(f->store, key,
                                   (djs_item_t){ djs_bytes("0"), LATER },
                                   DJS_PUT_NEW, soon(), f->p),
                     APR_SUCCESS);
    for (int i = 0; i < 2; i++) {
        const memcached_t *twin = &fixture_twins()[i];

        memcached_freeze(twin);
        assert_int_equal(djs_store_update(f->store, key, one_more, NULL,
                                          call_within(3 * APR_USEC_PER_SEC),
                                          f->p),
                         APR_SUCCESS);
        kill(twin->pid, SIGCONT);
        apr_sleep(1200 * 1000); /* it may be asked again */
        assert_int_equal(
            djs_store_update(f->store, key, one_more, NULL, soon(), f->p),
            APR_SUCCESS);
    }
}

/* J07, L04: two processes count to 8000 on one session. */
static void two_processes_count_to_8000(void **state)
{
    fixture_t *f = *state;
    djs_bytes_t key = djs_bytes("n"), got;
    pid_t pids[2];

    assert_int_equal(djs_store_put(f->store, key,
                                   (djs_item_t){ djs_bytes("0"), LATER },
                                   DJS_PUT_NEW, soon(), f->p),
                     APR_SUCCESS);
    for (int i = 0; i < 2; i++) {
        pids[i] = fork();
        if (pids[i] == 0) {
            apr_pool_t *p;
            int ok;

            apr_pool_create(&p, NULL);
            ok = djs_store_open(f->store, p) == APR_SUCCESS;
            for (int j = 0; ok && j < 4000; j++) {
                apr_pool_t *call;

                apr_pool_create(&call, p);
                ok = djs_store_update(f->store, key, one_more, NULL, soon(),
                                      call) == APR_SUCCESS;
                apr_pool_destroy(call);
            }
            _exit(ok ? 0 : 1);
        }
    }
    for (int i = 0; i < 2; i++) {
        int status;

        waitpid(pids[i], &status, 0);
        assert_int_equal(status, 0);
    }
    assert_int_equal(djs_store_get(f->store, key, soon(), &got, f->p),
                     APR_SUCCESS);
    assert_true(djs_bytes_equal(got, djs_bytes("8000")));
}

int main(int argc, char **argv)
{
    const struct CMUnitTest count_tests[] = { cmocka_unit_test_setup_teardown(
        two_processes_count_to_8000, begin, end) };
    const struct CMUnitTest twin_tests[] = {
        cmocka_unit_test_setup_teardown(
            a_twin_that_stands_still_fails_no_change, begin, end),
        cmocka_unit_test_setup_teardown(nothing_is_lost_and_nothing_revived,
                                        begin, end)
    };
    int failed;

    if (argc > 1) {
        seconds = (int)strtol(argv[1], NULL, 10);
    }
    apr_initialize();
    fixture_kind = "memcache";
    failed = cmocka_run_group_tests(count_tests, NULL, NULL);
    fixture_kind = "memcache twins";
    failed += cmocka_run_group_tests(twin_tests, NULL, NULL);
    apr_terminate();
    return failed != 0;
}
