/* test_memcache_lost.c - answers that are lost, calls that wait, servers that
 * are slow: what was promised holds, and what is in doubt is said so. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <errno.h>
#include <sys/time.h>
#include <cmocka.h>
#include <apr_thread_proc.h>
#include "memcache_calls.h"
#include "relay.h"

static memcached_t server;
static relay_t relay;

/* A store that talks to `server` through the relay, with a prefix of its own.
 */
static djs_store_t *relayed(const char *option, apr_pool_t *p)
{
    static int stores;
    const char *options[] = { apr_psprintf(p, "prefix=r%d:", ++stores), option,
                              NULL };
    djs_store_t *store;

    assert_null(djs_store_create(&store, spec_of(relay.self.port), options,
                                 VALUE_MAX, p));
    assert_int_equal(djs_store_open(store, p), APR_SUCCESS);
    relay_forget(&relay);
    return store;
}

static int begin_relayed(void **state)
{
    (void)begin_pool(state);
    memcached_start(&server, 0);
    relay_start(&relay, server.port);
    return 0;
}

static int end_relayed(void **state)
{
    (void)end_pool(state);
    relay_stop(&relay);
    memcached_kill(&server);
    return 0;
}

static apr_status_t longer(djs_update_t *todo, djs_bytes_t current, void *baton,
                           apr_pool_t *scratch)
{
    (void)baton;
    todo->what = DJS_UPDATE_REPLACE;
    todo->val = djs_bytes(
        apr_psprintf(scratch, "%.*s+", (int)current.len, current.data));
    todo->expires = LATER;
    return APR_SUCCESS;
}

static apr_status_t grow(djs_store_t *store, const char *key,
                         apr_interval_time_t time)
{
    apr_time_t began = djs_clock_steady();
    apr_status_t rv = djs_store_update(store, djs_bytes(key), longer, NULL,
                                       call_within(time), pool);

    took = djs_clock_steady() - began;
    return rv;
}

/* I18, C10: the answer to the birth of a session is lost. The birth may happen
 * once more, late, when the session has ended: so the key is given up, what
 * lies there is taken away, and nothing that is another's. */
static void a_birth_in_doubt_gives_its_key_up(void **state)
{
    djs_store_t *store = relayed(NULL, pool), *other = relayed(NULL, pool);

    (void)state;
    relay_lose(&relay, "add ", 1);
    assert_int_equal(put(store, "a", DJS_PUT_NEW), DJS_ETAKEN);
    assert_int_equal(relay_count(&relay, "add "), 2);
    assert_int_equal(relay_count(&relay, "get "), 1);
    assert_string_equal(value_of(store, "a"), "(none)");
    assert_int_equal(put(store, "a", DJS_PUT_NEW), APR_SUCCESS);
    relay_lose(&relay, "add ", 1); /* and one that is another's stays so */
    assert_int_equal(djs_store_put(store, djs_bytes("a"),
                                   (djs_item_t){ djs_bytes("mine"), LATER },
                                   DJS_PUT_NEW, soon(), pool),
                     DJS_ETAKEN);
    assert_string_equal(value_of(store, "a"), "value");
    assert_string_equal(value_of(other, "a"), "(none)");
}

/* I18: so is that to a lock: it is ours, and nobody waits for it. */
static void a_lock_whose_answer_was_lost_is_ours(void **state)
{
    djs_store_t *store = relayed(NULL, pool);

    (void)state;
    assert_int_equal(put(store, "a", DJS_PUT_NEW), APR_SUCCESS);
    relay_forget(&relay);
    relay_lose(&relay, "add ", 1);
    assert_int_equal(grow(store, "a", DEADLINE), APR_SUCCESS);
    assert_int_equal(relay_count(&relay, "add "), 2);
    assert_int_equal(relay_count(&relay, "delete "), 1);
    assert_int_equal(grow(store, "a", DEADLINE), APR_SUCCESS);
    assert_string_equal(value_of(store, "a"), "value++");
}

/* I18, L04: a write whose answer was lost may arrive once more, late: so its
 * lock is left to memcached, others wait, and nobody's change is undone. */
static void a_write_in_doubt_keeps_its_lock(void **state)
{
    djs_store_t *store = relayed(NULL, pool);
    apr_time_t began = djs_clock_steady();

    (void)state;
    assert_int_equal(put(store, "a", DJS_PUT_NEW), APR_SUCCESS);
    relay_forget(&relay);
    relay_lose(&relay, "replace ", 1);
    assert_int_equal(grow(store, "a", DEADLINE), APR_SUCCESS);
    assert_int_equal(relay_count(&relay, "replace "), 2);
    assert_int_equal(relay_count(&relay, "delete "), 0);
    assert_string_equal(value_of(store, "a"), "value+");
    assert_int_equal(grow(store, "a", DEADLINE), DJS_ETIMEOUT);
    assert_true(took <= DEADLINE + GRACE + SLACK);
    assert_int_equal(grow(store, "a", apr_time_from_sec(5)), APR_SUCCESS);
    assert_true(djs_clock_steady() - began >= 900 * 1000);
    assert_string_equal(value_of(store, "a"), "value++");
}

/* I18: the end of a lock is sent once only: a second one, late, could end the
 * lock of the next. */
static void a_lock_is_deleted_once_only(void **state)
{
    djs_store_t *store = relayed(NULL, pool);

    (void)state;
    assert_int_equal(put(store, "a", DJS_PUT_NEW), APR_SUCCESS);
    relay_forget(&relay);
    relay_lose(&relay, "delete ", 1);
    assert_int_equal(grow(store, "a", DEADLINE), APR_SUCCESS);
    assert_int_equal(relay_count(&relay, "delete "), 1);
    assert_int_equal(grow(store, "a", DEADLINE), APR_SUCCESS);
    assert_string_equal(value_of(store, "a"), "value++");
}

static apr_status_t gone(djs_update_t *todo, djs_bytes_t current, void *baton,
                         apr_pool_t *scratch)
{
    (void)current;
    (void)scratch;
    apr_sleep(*(const apr_interval_time_t *)baton);
    todo->what = DJS_UPDATE_REMOVE;
    return APR_SUCCESS;
}

/* I18, L04: so may the removal of what was seen under the lock: nobody writes
 * meanwhile what it would take away. */
static void a_removal_in_doubt_keeps_its_lock(void **state)
{
    djs_store_t *store = relayed(NULL, pool);
    apr_interval_time_t none = 0;

    (void)state;
    assert_int_equal(put(store, "a", DJS_PUT_NEW), APR_SUCCESS);
    relay_forget(&relay);
    relay_lose(&relay, "delete ", 2);
    assert_true(is_trouble(djs_store_update(store, djs_bytes("a"), gone, &none,
                                            call_within(DEADLINE), pool)));
    assert_int_equal(relay_count(&relay, "delete "), 2);
    assert_int_equal(put(store, "a", DJS_PUT_NEW), APR_SUCCESS);
    assert_int_equal(grow(store, "a", DEADLINE), DJS_ETIMEOUT);
}

/* L04: who has taken so long that its lock may be another's removes nothing. */
static void no_removal_outlives_its_lock(void **state)
{
    djs_store_t *store = relayed(NULL, pool);
    apr_interval_time_t long_time = 950 * 1000;

    (void)state;
    assert_int_equal(put(store, "a", DJS_PUT_NEW), APR_SUCCESS);
    relay_forget(&relay);
    assert_int_equal(
        djs_store_update(store, djs_bytes("a"), gone, &long_time, soon(), pool),
        DJS_ETIMEOUT);
    assert_int_equal(relay_count(&relay, "delete "), 0);
    assert_string_equal(value_of(store, "a"), "value");
}

static apr_status_t too_slow(djs_update_t *todo, djs_bytes_t current,
                             void *baton, apr_pool_t *scratch)
{
    apr_sleep(950 * 1000);
    return longer(todo, current, baton, scratch);
}

/* L04: who has taken so long that its lock may be another's writes nothing. */
static void no_write_outlives_its_lock(void **state)
{
    djs_store_t *store = relayed(NULL, pool);

    (void)state;
    assert_int_equal(put(store, "a", DJS_PUT_NEW), APR_SUCCESS);
    relay_forget(&relay);
    assert_int_equal(
        djs_store_update(store, djs_bytes("a"), too_slow, NULL, soon(), pool),
        DJS_ETIMEOUT);
    assert_int_equal(relay_count(&relay, "replace "), 0);
    assert_int_equal(relay_count(&relay, "delete "), 0);
    assert_string_equal(value_of(store, "a"), "value");
}

/* A store over the relay's server and `twin`, and one over each of them alone
 * that sees the same records. */
typedef struct {
    memcached_t twin;
    djs_store_t *both, *near, *far;
} pair_t;

static pair_t begin_pair(const char *prefix)
{
    const char *alone[] = { prefix, NULL };
    const char *two[] = { prefix, "replicas=2", NULL };
    pair_t pair;

    memcached_start(&pair.twin, 0);
    assert_null(djs_store_create(&pair.near, spec_of(relay.self.port), alone,
                                 VALUE_MAX, pool));
    assert_null(djs_store_create(&pair.far, spec_of(pair.twin.port), alone,
                                 VALUE_MAX, pool));
    assert_null(djs_store_create(
        &pair.both,
        apr_psprintf(pool, "memcache:127.0.0.1:%d,127.0.0.1:%d",
                     relay.self.port, pair.twin.port),
        two, VALUE_MAX, pool));
    assert_int_equal(djs_store_open(pair.near, pool), APR_SUCCESS);
    assert_int_equal(djs_store_open(pair.far, pool), APR_SUCCESS);
    assert_int_equal(djs_store_open(pair.both, pool), APR_SUCCESS);
    relay_forget(&relay);
    return pair;
}

/* I18: a save that fills a twin which lacks the record, and whose answer is
 * lost there, is made on both all the same. */
static void a_twin_is_filled_though_the_answer_was_lost(void **state)
{
    pair_t pair = begin_pair("prefix=fill:");

    (void)state;
    assert_int_equal(put(pair.far, "a", DJS_PUT_NEW), APR_SUCCESS);
    relay_lose(&relay, "add fill:s:", 1);
    assert_int_equal(grow(pair.both, "a", DEADLINE), APR_SUCCESS);
    assert_int_equal(relay_count(&relay, "set fill:s:"), 1);
    assert_string_equal(value_of(pair.near, "a"), "value+");
    assert_string_equal(value_of(pair.far, "a"), "value+");
    memcached_kill(&pair.twin);
}

/* C11: a key that is taken on one of two is taken, and nothing is left on the
 * other of what was to be new. */
static void taken_on_one_twin_is_taken(void **state)
{
    pair_t pair = begin_pair("prefix=take:");
    djs_item_t item = { djs_bytes("mine"), LATER };

    (void)state;
    assert_int_equal(put(pair.near, "a", DJS_PUT_NEW), APR_SUCCESS);
    assert_int_equal(put(pair.far, "b", DJS_PUT_NEW), APR_SUCCESS);
    for (const char *key = "a\0b\0"; *key; key += 2) {
        assert_int_equal(djs_store_put(pair.both, djs_bytes(key), item,
                                       DJS_PUT_NEW, soon(), pool),
                         DJS_ETAKEN);
        assert_string_not_equal(value_of(pair.near, key), "mine");
        assert_string_not_equal(value_of(pair.far, key), "mine");
        assert_string_equal(value_of(pair.both, key), "value");
    }
    memcached_kill(&pair.twin);
}

/* I16, I19: a tombstone stays as long as what it ends could have lived. */
static void a_tombstone_outlives_the_record(void **state)
{
    pair_t pair = begin_pair("prefix=tomb:");
    djs_call_t call = { apr_time_now(), djs_clock_steady() + 5000000, 0 };
    apr_time_t end = call.now + apr_time_from_sec(60 * 86400);
    djs_item_t item = { djs_bytes("v"), end };
    char asked[80];

    (void)state;
    assert_int_equal(
        djs_store_put(pair.both, djs_bytes("a"), item, DJS_PUT_NEW, call, pool),
        APR_SUCCESS);
    item.expires = call.now + apr_time_from_sec(60);
    assert_int_equal(
        djs_store_put(pair.both, djs_bytes("b"), item, DJS_PUT_NEW, call, pool),
        APR_SUCCESS);
    assert_int_equal(djs_store_remove(pair.both, djs_bytes("a"), call, pool),
                     APR_SUCCESS);
    assert_int_equal(djs_store_remove(pair.both, djs_bytes("b"), call, pool),
                     APR_SUCCESS);
    snprintf(asked, sizeof asked, "set tomb:s:61 0 %ld ",
             (long)apr_time_sec(end) + 2);
    assert_int_equal(relay_count(&relay, asked), 1);
    assert_int_equal(relay_count(&relay, "set tomb:s:62 0 2592000 "), 1);
    memcached_kill(&pair.twin);
}

/* A logout is repeated until it is answered: what is gone stays gone. */
static void a_removal_whose_answer_was_lost_is_asked_again(void **state)
{
    djs_store_t *store = relayed(NULL, pool);

    (void)state;
    assert_int_equal(put(store, "a", DJS_PUT_NEW), APR_SUCCESS);
    relay_forget(&relay);
    relay_lose(&relay, "delete ", 1);
    assert_int_equal(drop(store, "a"), APR_SUCCESS);
    assert_int_equal(relay_count(&relay, "delete "), 2);
    assert_string_equal(value_of(store, "a"), "(none)");
    assert_int_equal(put(store, "a", DJS_PUT_EXISTING), DJS_EABSENT);
}

static apr_uint64_t epoch_at(djs_store_t *store, int fresh)
{
    djs_call_t call = soon();
    apr_uint64_t epoch;

    call.fresh = fresh;
    assert_int_equal(djs_store_epoch(&epoch, store, djs_bytes("epoch"),
                                     djs_bytes("a"), call, pool),
                     APR_SUCCESS);
    return epoch;
}

/* C20, L08: another process has raised the epoch: who reads may find that out
 * within the lease, who writes finds it out at once. */
static void a_save_knows_of_a_revocation_at_once(void **state)
{
    const char *options[] = { "prefix=fresh:", NULL };
    djs_store_t *here, *there;
    apr_time_t began;

    (void)state;
    assert_null(djs_store_create(&here, spec_of(relay.self.port), options,
                                 VALUE_MAX, pool));
    assert_null(djs_store_create(&there, spec_of(server.port), options,
                                 VALUE_MAX, pool));
    assert_int_equal(djs_store_open(here, pool), APR_SUCCESS);
    assert_int_equal(djs_store_open(there, pool), APR_SUCCESS);
    assert_int_equal(put(there, "epoch", DJS_PUT_NEW), APR_SUCCESS);
    assert_int_equal(drop(there, "epoch"), APR_SUCCESS);
    began = djs_clock_steady();
    assert_int_equal(epoch_at(here, 0), 0);
    assert_int_equal(
        djs_store_put(
            there, djs_bytes("epoch"),
            (djs_item_t){ djs_bytes_of("\0\0\0\0\0\0\0\7", 8), LATER },
            DJS_PUT_NEW, soon(), pool),
        APR_SUCCESS);
    if (epoch_at(here, 0) != 0) { /* or this machine was slow just now */
        assert_true(djs_clock_steady() - began > 100 * 1000);
    }
    relay_forget(&relay);
    assert_int_equal(epoch_at(here, 1), 7);
    assert_int_equal(relay_count(&relay, "get "), 1);
    assert_int_equal(epoch_at(here, 0), 7); /* which is remembered */
    assert_int_equal(relay_count(&relay, "get "), 1);
}

/* I11: what is too long is refused before anything of it is sent. */
static void what_is_too_long_is_not_sent(void **state)
{
    djs_store_t *store = relayed(NULL, pool);
    djs_item_t item = { noise(VALUE_MAX + 1, 1, pool), LATER };

    (void)state;
    assert_int_equal(put(store, "a", DJS_PUT_NEW), APR_SUCCESS);
    relay_forget(&relay);
    assert_int_equal(djs_store_put(store, djs_bytes("a"), item,
                                   DJS_PUT_EXISTING, soon(), pool),
                     DJS_ETOOBIG);
    assert_int_equal(
        djs_store_put(store, djs_bytes("b"), item, DJS_PUT_NEW, soon(), pool),
        DJS_ETOOBIG);
    assert_int_equal(atomic_load(&relay.wire->len), 0);
    assert_string_equal(value_of(store, "a"), "value");
}

/* SO_LINGER: a listener that does not read. What the deadline found unsent is
 * not sent any more, however long the listener takes. */
static void what_a_cut_leaves_unsent_is_never_sent(void **state)
{
    struct sockaddr_in in = loopback(0);
    socklen_t len = sizeof in;
    int fd = socket(AF_INET, SOCK_STREAM, 0), small = 2048, client[2];
    djs_item_t item = { noise(VALUE_MAX, 1, pool), LATER };
    static char buf[2 * VALUE_MAX];
    size_t read_all = 0;
    ssize_t got;

    (void)state;
    assert_int_equal(
        setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &small, sizeof small), 0);
    assert_int_equal(bind(fd, (struct sockaddr *)&in, len), 0);
    assert_int_equal(listen(fd, 8), 0);
    assert_int_equal(getsockname(fd, (struct sockaddr *)&in, &len), 0);
    assert_int_equal(
        djs_store_put(make(spec_of(ntohs(in.sin_port)), NULL, pool),
                      djs_bytes("a"), item, DJS_PUT_NEW, call_within(DEADLINE),
                      pool),
        DJS_ETIMEOUT);
    for (int i = 0; i < 2; i++) { /* one to prove, one for the command */
        client[i] = accept(fd, NULL, NULL);
        assert_true(client[i] >= 0);
    }
    errno = 0;
    while ((got = recv(client[1], buf, sizeof buf, 0)) > 0) {
        read_all += (size_t)got;
    }
    assert_int_equal(got, -1);
    assert_int_equal(errno, ECONNRESET);
    assert_true(read_all < VALUE_MAX);
    close(client[0]);
    close(client[1]);
    close(fd);
}

typedef struct {
    djs_store_t *store;
    int calls, fine, trouble;
    apr_interval_time_t time, longest; /* for a call, of the longest one */
} caller_t;

static void *APR_THREAD_FUNC call_often(apr_thread_t *thread, void *data)
{
    caller_t *caller = data;
    apr_pool_t *p;
    djs_bytes_t got;

    (void)thread;
    apr_pool_create_unmanaged_ex(&p, NULL, NULL);
    for (int i = 0; i < caller->calls; i++) {
        apr_time_t began = djs_clock_steady(), lasted;
        apr_status_t rv = djs_store_get(caller->store, djs_bytes("a"),
                                        call_within(caller->time), &got, p);

        lasted = djs_clock_steady() - began;
        caller->fine += rv == APR_SUCCESS;
        caller->trouble += is_trouble(rv);
        caller->longest = lasted > caller->longest ? lasted : caller->longest;
        apr_pool_clear(p);
    }
    apr_pool_destroy(p);
    return NULL;
}

#define CALLERS 12

/* What CALLERS threads met together. */
static caller_t call_together(djs_store_t *store, int calls,
                              apr_interval_time_t time)
{
    apr_thread_t *threads[CALLERS];
    caller_t callers[CALLERS], sum = { 0 };

    for (int i = 0; i < CALLERS; i++) {
        callers[i] = (caller_t){ store, calls, 0, 0, time, 0 };
        assert_int_equal(
            apr_thread_create(&threads[i], NULL, call_often, &callers[i], pool),
            APR_SUCCESS);
    }
    for (int i = 0; i < CALLERS; i++) {
        apr_status_t rv;

        apr_thread_join(&rv, threads[i]);
        sum.fine += callers[i].fine;
        sum.trouble += callers[i].trouble;
        sum.longest =
            callers[i].longest > sum.longest ? callers[i].longest : sum.longest;
    }
    return sum;
}

/* I21: more calls at once than connections wait their turn, and no longer than
 * their own deadline when the turn does not come. */
static void calls_wait_for_a_connection_within_their_deadline(void **state)
{
    memcached_t lazy;
    djs_store_t *store;
    caller_t sum;

    (void)state;
    memcached_start(&lazy, 0);
    store = make(spec_of(lazy.port), "max=2", pool);
    assert_int_equal(put(store, "a", DJS_PUT_NEW), APR_SUCCESS);
    sum = call_together(store, 200, apr_time_from_sec(10));
    assert_int_equal(sum.fine, 200 * CALLERS);
    memcached_freeze(&lazy);
    sum = call_together(store, 1, DEADLINE);
    assert_int_equal(sum.trouble, CALLERS);
    assert_true(sum.longest <= DEADLINE + GRACE + SLACK);
    kill(lazy.pid, SIGCONT);
    memcached_kill(&lazy);
}

static void interrupted(int signal)
{
    (void)signal;
}

/* I15: a thousand signals a second interrupt what waits: every call is
 * complete all the same. */
static void signals_interrupt_no_call(void **state)
{
    struct sigaction action = { 0 };
    struct itimerval often = { { 0, 1000 }, { 0, 1000 } }, never = { 0 };
    djs_store_t *store = make(spec_of(server.port), "prefix=sig:", pool);
    djs_item_t item = { noise(VALUE_MAX, 1, pool), LATER };
    djs_bytes_t got;

    (void)state;
    action.sa_handler = interrupted; /* and no SA_RESTART */
    sigaction(SIGALRM, &action, NULL);
    setitimer(ITIMER_REAL, &often, NULL);
    for (int i = 0; i < 500; i++) {
        djs_bytes_t key = djs_bytes(apr_psprintf(pool, "k%d", i));
        apr_pool_t *p;

        apr_pool_create(&p, pool);
        assert_int_equal(
            djs_store_put(store, key, item, DJS_PUT_NEW, soon(), p),
            APR_SUCCESS);
        assert_int_equal(djs_store_get(store, key, soon(), &got, p),
                         APR_SUCCESS);
        assert_true(djs_bytes_equal(got, item.val));
        assert_int_equal(djs_store_remove(store, key, soon(), p), APR_SUCCESS);
        apr_pool_destroy(p);
    }
    setitimer(ITIMER_REAL, &never, NULL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_birth_in_doubt_gives_its_key_up),
        cmocka_unit_test(a_lock_whose_answer_was_lost_is_ours),
        cmocka_unit_test(a_write_in_doubt_keeps_its_lock),
        cmocka_unit_test(a_lock_is_deleted_once_only),
        cmocka_unit_test(a_removal_in_doubt_keeps_its_lock),
        cmocka_unit_test(no_write_outlives_its_lock),
        cmocka_unit_test(no_removal_outlives_its_lock),
        cmocka_unit_test(a_twin_is_filled_though_the_answer_was_lost),
        cmocka_unit_test(taken_on_one_twin_is_taken),
        cmocka_unit_test(a_tombstone_outlives_the_record),
        cmocka_unit_test(a_removal_whose_answer_was_lost_is_asked_again),
        cmocka_unit_test(a_save_knows_of_a_revocation_at_once),
        cmocka_unit_test(what_is_too_long_is_not_sent),
        cmocka_unit_test(what_a_cut_leaves_unsent_is_never_sent),
        cmocka_unit_test(calls_wait_for_a_connection_within_their_deadline),
        cmocka_unit_test(signals_interrupt_no_call)
    };
    int failed;

    apr_initialize();
    failed = cmocka_run_group_tests(tests, begin_relayed, end_relayed);
    apr_terminate();
    return failed;
}
