/* test_tiers.c - memcached in front of DBM files: whatever memcached forgets,
 * brings back or takes late, the DBM files have the last word. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include "tiers_fixture.h"

#define LOCKS_LOOKED_AT 256 /* the head of the lock file */

/* Both have it after a write; the front is asked first, and is healed. */
static void both_tiers_have_what_was_written(void **state)
{
    const fixture_t *f = *state;
    const char *name = raw_key(f, f->path, "a");
    djs_bytes_t raw;
    char answer[RAW_MAX], *other;

    assert_int_equal(put(f, "one", DJS_PUT_NEW), APR_SUCCESS);
    raw = raw_get(f, name);
    assert_true(raw.len > 3);
    assert_string_equal(of(opened(f, f->path, 0), f), "one");
    other = apr_pstrmemdup(f->p, raw.data, raw.len);
    memcpy(other + raw.len - 3, "eno", 3);
    raw_set(f, name, djs_bytes_of(other, raw.len));
    assert_string_equal(get(f), "eno"); /* so it was asked */
    (void)ask("flush_all\r\n", 11, answer, "OK\r\n");
    assert_string_equal(get(f), "one");
    assert_true(djs_bytes_equal(raw_get(f, name), raw));
    assert_int_equal(drop(f), APR_SUCCESS);
    assert_int_equal(raw_get(f, name).len, 0);
}

/* INV2: bytes of earlier, put back under their key, are not taken; nor is a
 * write that arrives when another one has long been made. */
static void an_older_copy_never_wins(void **state)
{
    const fixture_t *f = *state;
    const char *name = raw_key(f, f->path, "a");
    djs_bytes_t first, second;

    assert_int_equal(put(f, "one", DJS_PUT_NEW), APR_SUCCESS);
    first = raw_get(f, name);
    assert_int_equal(put(f, "two", DJS_PUT_EXISTING), APR_SUCCESS);
    second = raw_get(f, name);
    raw_set(f, name, first);
    assert_string_equal(get(f), "two");
    assert_true(djs_bytes_equal(raw_get(f, name), second)); /* healed */
    assert_int_equal(drop(f), APR_SUCCESS);
    raw_set(f, name, second);
    assert_string_equal(get(f), "-");
    raw_set(f, name, first);
    assert_string_equal(get(f), "-");
    assert_int_equal(put(f, "new", DJS_PUT_NEW), APR_SUCCESS);
    raw_set(f, name, second);
    assert_string_equal(get(f), "new");
    raw_set(f, name, djs_bytes("no envelope at all"));
    assert_string_equal(get(f), "new");
    assert_true(raw_get(f, name).len > 18);
}

/* I03, I19, INV2: what was changed or ended while memcached was silent is so
 * when it goes on, with its old copies in it. */
static void what_memcached_slept_through_has_happened(void **state)
{
    const fixture_t *f = *state;
    const char *name = raw_key(f, f->path, "a");
    djs_bytes_t first;
    apr_time_t began;

    assert_int_equal(put(f, "one", DJS_PUT_NEW), APR_SUCCESS);
    first = raw_get(f, name);
    memcached_freeze(&server);
    began = djs_clock_steady();
    assert_string_equal(get(f), "one");
    assert_true(djs_clock_steady() - began < DEADLINE / 2 + SLACK);
    assert_int_equal(djs_store_ailing(f->store), DJS_AILING_FRONT);
    assert_int_equal(put(f, "two", DJS_PUT_EXISTING), APR_SUCCESS);
    began = djs_clock_steady();
    for (int i = 0; i < 20; i++) { /* it is not asked any more */
        assert_string_equal(get(f), "two");
    }
    assert_true(djs_clock_steady() - began < SLACK);
    kill(server.pid, SIGCONT);
    assert_true(djs_bytes_equal(raw_get(f, name), first));
    assert_string_equal(get(f), "two");

    memcached_freeze(&server);
    assert_int_equal(drop(f), APR_SUCCESS);
    kill(server.pid, SIGCONT);
    for (int i = 0; i < 20; i++) {
        assert_string_equal(get(f), "-");
    }
    apr_sleep(1100 * 1000);
    assert_string_equal(get(f), "-");
    assert_int_equal(put(f, "x", DJS_PUT_NEW), APR_SUCCESS);
    assert_string_equal(get(f), "x");
    assert_int_equal(djs_store_ailing(f->store), 0);
}

/* Nonzero when memcached has answered, on a machine that may be busy. */
static int is_well(const fixture_t *f)
{
    for (int i = 0; i < 100 && djs_store_ailing(f->store); i++) {
        apr_sleep(20 * 1000);
        (void)get(f);
    }
    return djs_store_ailing(f->store) == 0;
}

/* I06, I07: gone, it is not missed; back, it helps at once. */
static void memcached_may_be_killed_and_started(void **state)
{
    const fixture_t *f = *state;
    const char *name = raw_key(f, f->path, "a");

    assert_int_equal(put(f, "one", DJS_PUT_NEW), APR_SUCCESS);
    assert_true(is_well(f));
    memcached_kill(&server);
    assert_string_equal(get(f), "one");
    assert_int_equal(put(f, "two", DJS_PUT_EXISTING), APR_SUCCESS);
    assert_string_equal(get(f), "two");
    assert_int_equal(djs_store_ailing(f->store), DJS_AILING_FRONT);
    memcached_start(&server, server.port);
    assert_string_equal(get(f), "two");
    assert_true(raw_get(f, name).len > 3);
    assert_int_equal(djs_store_ailing(f->store), 0);
}

/* Who saw a write fail finds out by reading that writes work again, also where
 * another process has healed all there was to heal. */
static void an_outage_ends_for_readers_too(void **state)
{
    const fixture_t *f = *state;
    djs_store_t *other = opened(f, f->path, 1);

    assert_int_equal(put(f, "one", DJS_PUT_NEW), APR_SUCCESS);
    memcached_kill(&server);
    assert_int_equal(put(f, "two", DJS_PUT_EXISTING), APR_SUCCESS);
    assert_int_equal(djs_store_ailing(f->store), DJS_AILING_FRONT);
    memcached_start(&server, server.port);
    assert_string_equal(of(other, f), "two");
    assert_int_equal(djs_store_ailing(f->store), DJS_AILING_FRONT);
    assert_string_equal(get(f), "two"); /* a copy of the other's */
    assert_int_equal(djs_store_ailing(f->store), 0);
}

/* A call that leaves memcached no time to speak of does not blame it. */
static void little_time_is_no_outage(void **state)
{
    const fixture_t *f = *state;
    djs_bytes_t got;

    assert_int_equal(put(f, "one", DJS_PUT_NEW), APR_SUCCESS);
    memcached_freeze(&server);
    (void)djs_store_get(f->store, djs_bytes("a"), call_within(10 * 1000), &got,
                        f->p);
    assert_int_equal(djs_store_ailing(f->store), 0);
    assert_string_equal(get(f), "one");
    assert_int_equal(djs_store_ailing(f->store), DJS_AILING_FRONT);
    kill(server.pid, SIGCONT);
}

static apr_status_t dawdle(djs_update_t *todo, djs_bytes_t current, void *baton,
                           apr_pool_t *scratch)
{
    const int *pipes = baton;
    char byte = 'h';

    (void)todo;
    (void)current;
    (void)scratch;
    return write(pipes[1], &byte, 1) == 1 && read(pipes[2], &byte, 1) >= 0
               ? APR_SUCCESS
               : DJS_EINVALID;
}

/* A process that holds the lock of "a" until a byte comes. */
static pid_t hold_lock(const fixture_t *f, int pipes[4])
{
    char byte;
    pid_t pid;

    assert_int_equal(pipe(pipes) | pipe(pipes + 2), 0);
    pid = fork();
    if (pid == 0) {
        apr_pool_t *p;

        prctl(PR_SET_PDEATHSIG, SIGKILL);
        apr_pool_create(&p, NULL);
        _exit(djs_store_open(f->store, p) != APR_SUCCESS ||
              djs_store_update(f->store, djs_bytes("a"), dawdle, pipes,
                               patient(), p) != APR_SUCCESS);
    }
    assert_int_equal(read(pipes[0], &byte, 1), 1);
    return pid;
}

/* With DBM in trouble what memcached surely has is served, and no more than
 * that: no write is acknowledged, no absence claimed. */
static void dbm_in_trouble_is_trouble_but_for_copies(void **state)
{
    const fixture_t *f = *state;
    char answer[RAW_MAX];
    int pipes[4], status;
    pid_t pid;

    assert_int_equal(put(f, "one", DJS_PUT_NEW), APR_SUCCESS);
    pid = hold_lock(f, pipes);
    assert_string_equal(get(f), "one");
    assert_int_equal(djs_store_ailing(f->store), 0);
    assert_int_equal(put(f, "two", DJS_PUT_EXISTING), DJS_ETIMEOUT);
    assert_int_equal(drop(f), DJS_ETIMEOUT);
    assert_int_equal(djs_store_ailing(f->store), DJS_AILING_BACK);
    assert_string_equal(get(f), "one");
    assert_int_equal(djs_store_ailing(f->store), DJS_AILING_BACK);
    (void)ask("flush_all\r\n", 11, answer, "OK\r\n");
    assert_string_equal(get(f), "?");
    assert_int_equal(write(pipes[3], "x", 1), 1);
    waitpid(pid, &status, 0);
    assert_int_equal(status, 0);
    assert_string_equal(get(f), "one");
    assert_int_equal(djs_store_ailing(f->store), 0);
    for (int i = 0; i < 4; i++) {
        close(pipes[i]);
    }

    /* its files can not be read, and nobody has changed them */
    assert_int_equal(
        system(apr_pstrcat(f->p, "for i in ", f->path,
                           "/00*; do mv $i $i.x; mkdir $i; done", NULL)),
        0);
    assert_string_equal(get(f), "one");
    assert_true(put(f, "two", DJS_PUT_EXISTING) != APR_SUCCESS);
    assert_true(drop(f) != APR_SUCCESS);
    assert_int_equal(djs_store_ailing(f->store), DJS_AILING_BACK);
    assert_string_equal(get(f), "one");
}

/* INV2: a session that is gone from the DBM files, whoever took it out, is
 * ended for good by the first who ends it, copy or not. */
static void a_logout_ends_also_what_only_a_copy_has(void **state)
{
    const fixture_t *f = *state;
    const char *name = raw_key(f, f->path, "a");
    djs_bytes_t raw;

    assert_int_equal(put(f, "one", DJS_PUT_NEW), APR_SUCCESS);
    raw = raw_get(f, name);
    assert_int_equal(system(apr_pstrcat(f->p, "rm ", f->path, "/00*", NULL)),
                     0);
    assert_string_equal(get(f), "one");
    assert_int_equal(drop(f), APR_SUCCESS);
    assert_string_equal(get(f), "-");
    raw_set(f, name, raw);
    assert_string_equal(get(f), "-");
}

/* C20: who changes the DBM files alone, as djsessionctl may, is heard. */
static void changes_behind_the_front_are_seen(void **state)
{
    const fixture_t *f = *state;
    djs_store_t *alone = opened(f, f->path, 0);

    assert_int_equal(put(f, "one", DJS_PUT_NEW), APR_SUCCESS);
    assert_string_equal(get(f), "one");
    assert_int_equal(put_to(alone, f, "two", DJS_PUT_EXISTING), APR_SUCCESS);
    assert_string_equal(get(f), "two");
    assert_string_equal(get(f), "two");
    assert_int_equal(
        djs_store_remove(alone, djs_bytes("a"), call_within(DEADLINE), f->p),
        APR_SUCCESS);
    assert_string_equal(get(f), "-");
}

/* G05: two directories and one memcached: neither serves the other's. */
static void stores_that_share_memcached_never_meet(void **state)
{
    const fixture_t *f = *state;
    const char *path = apr_pstrcat(f->p, f->base, "/other", NULL);
    djs_store_t *other = opened(f, path, 1);

    assert_int_equal(put(f, "one", DJS_PUT_NEW), APR_SUCCESS);
    assert_string_equal(of(other, f), "-");
    assert_int_equal(put_to(other, f, "two", DJS_PUT_NEW), APR_SUCCESS);
    assert_string_equal(get(f), "one");
    assert_string_equal(of(other, f), "two");
    assert_string_not_equal(raw_key(f, f->path, "a"), raw_key(f, path, "a"));
}

static void write_at(const fixture_t *f, int at, const char *bytes)
{
    int fd = open(apr_pstrcat(f->p, f->path, "/lock", NULL), O_WRONLY);

    assert_int_equal(pwrite(fd, bytes, strlen(bytes), at),
                     (ssize_t)strlen(bytes));
    close(fd);
}

/* O12: after a reboot, and with a lock file that had to be made anew, no copy
 * of before counts, for the counters may have gone back. */
static void a_reboot_or_a_new_lock_file_leaves_no_copy(void **state)
{
    fixture_t *f = *state;
    static const struct {
        int at;
        const char *bytes;
    } damage[] = { { BOOT_AT, "0123" }, { 0, "spoilt" } };

    assert_int_equal(put(f, "one", DJS_PUT_NEW), APR_SUCCESS);
    for (int i = 0; i < 2; i++) {
        const char *name = raw_key(f, f->path, "a");
        djs_bytes_t raw;

        assert_string_equal(get(f), "one");
        raw = raw_get(f, name);
        assert_true(raw.len > 3);
        write_at(f, damage[i].at, damage[i].bytes);
        f->store = opened(f, f->path, 1);
        assert_string_not_equal(raw_key(f, f->path, "a"), name);
        assert_int_equal(raw_get(f, raw_key(f, f->path, "a")).len, 0);
        assert_string_equal(get(f), "one");
        assert_true(raw_get(f, raw_key(f, f->path, "a")).len > 3);
    }
}

/* Without a name for the boot nobody could tell: then memcached is not asked,
 * and nothing else changes. */
static void without_a_name_for_the_boot_there_are_no_copies(void **state)
{
    const fixture_t *f = *state;
    const char none[] = { 0 };
    int fd = open(apr_pstrcat(f->p, f->path, "/lock", NULL), O_WRONLY);

    assert_int_equal(put(f, "one", DJS_PUT_NEW), APR_SUCCESS);
    assert_int_equal(pwrite(fd, none, 1, BOOT_AT), 1);
    close(fd);
    raw_set(f, raw_key(f, f->path, "a"), djs_bytes("x"));
    assert_string_equal(get(f), "one");
    assert_int_equal(raw_get(f, raw_key(f, f->path, "a")).len, 1);
}

/* Nor are the locks made anew: others may hold them. */
static void without_a_name_for_the_boot_locks_stay(void **state)
{
    fixture_t *f = *state;
    const char none[40] = { 0 };
    unsigned char before[LOCKS_LOOKED_AT], after[LOCKS_LOOKED_AT];
    int fd = open(apr_pstrcat(f->p, f->path, "/lock", NULL), O_RDWR);

    assert_int_equal(put(f, "one", DJS_PUT_NEW), APR_SUCCESS);
    assert_int_equal(pwrite(fd, none, sizeof none, BOOT_AT), sizeof none);
    assert_int_equal(pread(fd, before, sizeof before, 0), sizeof before);
    f->store = opened(f, f->path, 1);
    assert_string_equal(get(f), "one");
    assert_int_equal(pread(fd, after, sizeof after, 0), sizeof after);
    assert_memory_equal(before, after, ID_AT + ID_LEN);
    close(fd);
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

/* Counts, and begins and ends sessions of its own; the number of wrong answers.
 */
static int count_to(djs_store_t *store, int times)
{
    int wrong = 0;
    apr_pool_t *p;

    apr_pool_create(&p, NULL);
    for (int i = 0; i < times; i++) {
        djs_bytes_t key, got, ended;

        key = djs_bytes(apr_psprintf(p, "%d-%d", (int)getpid(), i));
        ended = djs_bytes(apr_psprintf(p, "%d-%d", (int)getpid(), i - 1));
        wrong += djs_store_update(store, djs_bytes("a"), one_more, NULL,
                                  patient(), p) != APR_SUCCESS;
        wrong +=
            djs_store_put(store, key, (djs_item_t){ djs_bytes("v"), LATER },
                          DJS_PUT_NEW, patient(), p) != APR_SUCCESS;
        wrong += djs_store_get(store, key, patient(), &got, p) != APR_SUCCESS;
        wrong += djs_store_remove(store, key, patient(), p) != APR_SUCCESS;
        wrong += djs_store_get(store, key, patient(), &got, p) != DJS_EABSENT;
        wrong += djs_store_get(store, ended, patient(), &got, p) != DJS_EABSENT;
        apr_pool_clear(p);
    }
    return wrong;
}

/* Kills, starts, stops and continues memcached until both have ended. */
static void flap_until_done(const pid_t pids[2], int status[2])
{
    int left = 2;

    for (int round = 0; left > 0; round++) {
        if (round % 2) {
            memcached_kill(&server);
            apr_sleep(20 * 1000);
            memcached_start(&server, server.port);
        }
        else {
            memcached_freeze(&server);
            apr_sleep(30 * 1000);
            kill(server.pid, SIGCONT);
        }
        apr_sleep(50 * 1000);
        for (int i = 0; i < 2; i++) {
            left -= waitpid(pids[i], &status[i], WNOHANG) == pids[i];
        }
    }
}

/* L04, I08: while memcached comes and goes two processes lose no change, and
 * nothing that was ended lives. */
static void nothing_is_lost_while_memcached_flaps(void **state)
{
    const fixture_t *f = *state;
    int times = 2000, status[2];
    pid_t pids[2];

    assert_int_equal(put(f, "0", DJS_PUT_NEW), APR_SUCCESS);
    for (int i = 0; i < 2; i++) {
        pids[i] = fork();
        if (pids[i] == 0) {
            apr_pool_t *p;

            prctl(PR_SET_PDEATHSIG, SIGKILL);
            apr_pool_create(&p, NULL);
            _exit(djs_store_open(f->store, p) != APR_SUCCESS ||
                  count_to(f->store, times) != 0);
        }
    }
    flap_until_done(pids, status);
    assert_int_equal(status[0], 0);
    assert_int_equal(status[1], 0);
    assert_string_equal(get(f), "4000");
    apr_sleep(1100 * 1000);
    assert_string_equal(get(f), "4000");
}

/* replicas=2: the copy of the server that stayed is as good. */
static void a_front_of_two_keeps_copies_on_both(void **state)
{
    const fixture_t *f = *state;
    memcached_t twin = { 0, 0 };
    const char *dbm = apr_pstrcat(f->p, "dbm:", f->path, NULL);
    const char *options[] = { "replicas=2", dbm, NULL };
    const char *name = raw_key(f, f->path, "a");
    djs_store_t *store;
    djs_bytes_t raw;

    memcached_start(&twin, 0);
    assert_null(djs_store_create(&store,
                                 apr_psprintf(f->p,
                                              "memcache:127.0.0.1:%d,"
                                              "127.0.0.1:%d",
                                              server.port, twin.port),
                                 options, VALUE_MAX, f->p));
    assert_int_equal(djs_store_open(store, f->child), APR_SUCCESS);
    assert_int_equal(put_to(store, f, "one", DJS_PUT_NEW), APR_SUCCESS);
    raw = raw_get(f, name);
    assert_true(raw.len > 3);
    memcached_kill(&twin);
    assert_string_equal(of(store, f), "one");
    assert_int_equal(put_to(store, f, "two", DJS_PUT_EXISTING), APR_SUCCESS);
    assert_int_equal(djs_store_ailing(store), DJS_AILING_FRONT);
    raw_set(f, name, raw);
    assert_string_equal(of(store, f), "two");
}

static void only_memcached_may_stand_in_front(void **state)
{
    static const char *const wrong[][4] = {
        { "dbm:/x", "memcache:127.0.0.1:1" },
        { "dbm:/x", "dbm:/y" },
        { "memcache:127.0.0.1:1", "memcache:127.0.0.1:2" },
        { "memcache:127.0.0.1:1", "dbm:/x", "dbm:/y" },
        { "memcache:127.0.0.1:1", "dbm:/x", "memcache:127.0.0.1:1" }
    };
    static const char *const odd[][4] = {
        { "memcache:127.0.0.1:1", "shards=4", "dbm:/x" },
        { "memcache:127.0.0.1:1", "dbm:/x", "prefix=a" },
        { "memcache:127.0.0.1:1", "dbm:x" },
        { "memcache:127.0.0.1", "dbm:/x" }
    };
    const fixture_t *f = *state;
    djs_store_t *store;
    djs_about_t about;

    for (int i = 0; i < 5; i++) {
        const char *said =
            djs_store_create(&store, wrong[i][0], wrong[i] + 1, 10, f->p);

        assert_non_null(said);
        assert_non_null(strstr(said, "memcache:HOST:PORT [option=value]..."
                                     " dbm:PATH"));
    }
    for (int i = 0; i < 4; i++) {
        assert_non_null(
            djs_store_create(&store, odd[i][0], odd[i] + 1, 10, f->p));
    }
    assert_null(djs_store_create(
        &store, "memcache:192.0.2.7:1",
        (const char *const[]){ "prefix=a", "dbm:/x", "type=gdbm", NULL }, 10,
        f->p));
    about = djs_store_about(store);
    assert_string_equal(about.path, "/x");
    assert_string_equal(about.remote, "192.0.2.7:1");
    assert_string_equal(djs_store_name(store), "memcache:192.0.2.7:1 dbm:/x");
    assert_int_equal(djs_store_ailing(store), 0);
}

#define TEST(test) cmocka_unit_test_setup_teardown(test, begin_tiers, end)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(both_tiers_have_what_was_written),
        TEST(an_older_copy_never_wins),
        TEST(what_memcached_slept_through_has_happened),
        TEST(memcached_may_be_killed_and_started),
        TEST(an_outage_ends_for_readers_too),
        TEST(little_time_is_no_outage),
        TEST(dbm_in_trouble_is_trouble_but_for_copies),
        TEST(a_logout_ends_also_what_only_a_copy_has),
        TEST(changes_behind_the_front_are_seen),
        TEST(stores_that_share_memcached_never_meet),
        TEST(a_reboot_or_a_new_lock_file_leaves_no_copy),
        TEST(without_a_name_for_the_boot_there_are_no_copies),
        TEST(without_a_name_for_the_boot_locks_stay),
        TEST(nothing_is_lost_while_memcached_flaps),
        TEST(a_front_of_two_keeps_copies_on_both),
        TEST(only_memcached_may_stand_in_front)
    };
    int failed;

    apr_initialize();
    failed = cmocka_run_group_tests(tests, NULL, NULL);
    memcached_kill(&server);
    apr_terminate();
    return failed;
}
