/* test_store_dbm.c - the DBM store against people, crashes and bad disks. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <sched.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <cmocka.h>
#include <apr_dbm.h>
#include "store_fixture.h"

/* Takes the lock of the only shard and says so, then waits for its end. */
static apr_status_t hold_on(djs_update_t *todo, djs_bytes_t current,
                            void *baton, apr_pool_t *scratch)
{
    int *pipe_end = baton;

    (void)todo;
    (void)current;
    (void)scratch;
    if (write(*pipe_end, "x", 1) == 1) {
        pause();
    }
    return APR_EGENERAL;
}

static pid_t start_holder(fixture_t *f)
{
    int ends[2];
    char byte;
    pid_t pid;

    assert_int_equal(pipe(ends), 0);
    pid = fork();
    if (pid == 0) {
        apr_pool_t *p;

        apr_pool_create(&p, NULL);
        if (djs_store_open(f->store, p) == APR_SUCCESS) {
            djs_store_update(f->store, djs_bytes(KEY), hold_on, &ends[1],
                             patient(), p);
        }
        _exit(1);
    }
    assert_int_equal(read(ends[0], &byte, 1), 1);
    close(ends[0]);
    close(ends[1]);
    return pid;
}

/* J09, J22: whoever waits for a stopped holder gives up at the deadline; a
 * killed holder is in nobody's way. */
static void
a_stopped_holder_costs_the_deadline_a_killed_one_nothing(void **state)
{
    fixture_t *f = *state;
    djs_bytes_t got;
    apr_time_t start, took;
    int status;
    pid_t pid;

    assert_int_equal(put_named(f, KEY, 400, DJS_PUT_NEW), APR_SUCCESS);
    pid = start_holder(f);
    kill(pid, SIGSTOP);
    start = djs_clock_steady();
    assert_int_equal(djs_store_get(f->store, djs_bytes(KEY),
                                   call_within(200000), &got, f->p),
                     DJS_ETIMEOUT);
    took = djs_clock_steady() - start;
    assert_true(took >= 190000 && took < 250000);
    assert_int_equal(
        djs_store_remove(f->store, djs_bytes(KEY), call_within(50000), f->p),
        DJS_ETIMEOUT);
    kill(pid, SIGKILL);
    waitpid(pid, &status, 0);
    assert_int_equal(get_named(f, KEY, 400), APR_SUCCESS);
    assert_int_equal(put_named(f, KEY, 500, DJS_PUT_EXISTING), APR_SUCCESS);
    assert_int_equal(get_named(f, KEY, 500), APR_SUCCESS);
}

/* J09: without its lock file a store is in trouble; nothing is acknowledged
 * that could be lost. Started again it has all its records. */
static void a_removed_lock_file_is_noticed(void **state)
{
    fixture_t *f = *state;
    djs_bytes_t got;
    apr_status_t rv;

    assert_int_equal(put_named(f, KEY, 400, DJS_PUT_NEW), APR_SUCCESS);
    assert_int_equal(unlink(in_store(f, "lock")), 0);
    rv = djs_store_get(f->store, djs_bytes(KEY), soon(), &got, f->p);
    assert_true(rv != APR_SUCCESS && rv != DJS_EABSENT);
    rv = put_named(f, KEY, 500, DJS_PUT_EXISTING);
    assert_true(rv != APR_SUCCESS && rv != DJS_EABSENT);
    assert_null(fixture_make(f, f->path, fixture_kind, NULL));
    assert_int_equal(djs_store_open(f->store, f->child), APR_SUCCESS);
    assert_int_equal(get_named(f, KEY, 400), APR_SUCCESS);
}

/* J09: a lock file cut short must not end the process that mapped it. */
static void a_truncated_lock_file_is_trouble_not_a_crash(void **state)
{
    fixture_t *f = *state;
    apr_status_t rv;

    assert_int_equal(put_named(f, KEY, 400, DJS_PUT_NEW), APR_SUCCESS);
    assert_int_equal(truncate(in_store(f, "lock"), 0), 0);
    rv = get_named(f, KEY, 400);
    assert_true(rv != APR_SUCCESS && rv != DJS_EABSENT);
    assert_null(fixture_make(f, f->path, fixture_kind, NULL));
    assert_int_equal(djs_store_open(f->store, f->child), APR_SUCCESS);
    assert_int_equal(get_named(f, KEY, 400), APR_SUCCESS);
}

/* O12: whoever writes over the lock file does not keep httpd from starting. */
static void a_spoilt_lock_file_is_made_anew_at_start(void **state)
{
    fixture_t *f = *state;
    FILE *lock;

    assert_int_equal(put_named(f, KEY, 400, DJS_PUT_NEW), APR_SUCCESS);
    lock = fopen(in_store(f, "lock"), "r+b");
    assert_non_null(lock);
    for (int i = 0; i < 2000; i++) {
        fputc(i * 7 % 251, lock);
    }
    assert_int_equal(fclose(lock), 0);
    assert_null(fixture_make(f, f->path, fixture_kind, NULL));
    assert_int_equal(djs_store_open(f->store, f->child), APR_SUCCESS);
    assert_int_equal(get_named(f, KEY, 400), APR_SUCCESS);
}

/* J15: a store that was replaced under a running server is used from the next
 * call on; nothing is written to the one that is gone. */
static void a_replaced_store_is_opened_anew(void **state)
{
    fixture_t *f = *state, other = *f;
    const char *old = apr_pstrcat(f->p, f->base, "/old", NULL);
    djs_store_t *running = f->store;
    apr_status_t rv;

    assert_int_equal(put_named(f, KEY, 400, DJS_PUT_NEW), APR_SUCCESS);
    assert_int_equal(rename(f->path, old), 0);
    rv = get_named(f, KEY, 400);
    assert_true(rv != APR_SUCCESS && rv != DJS_EABSENT);
    rv = put_named(f, "new", 400, DJS_PUT_NEW);
    assert_true(rv != APR_SUCCESS && rv != DJS_EABSENT);

    assert_null(fixture_make(&other, f->path, fixture_kind, "1"));
    f->store = running;
    assert_int_equal(get_named(f, KEY, 400), DJS_EABSENT);
    assert_int_equal(put_named(f, KEY, 300, DJS_PUT_NEW), APR_SUCCESS);
    assert_int_equal(get_named(f, KEY, 300), APR_SUCCESS);
    f->path = old;
    assert_null(fixture_make(&other, old, fixture_kind, "1"));
    assert_int_equal(djs_store_open(other.store, f->child), APR_SUCCESS);
    assert_int_equal(get_named(&other, KEY, 400), APR_SUCCESS);
}

/* J15: one copy, or a part of one, removed: the other is as good. */
static void a_removed_copy_comes_back_from_the_other(void **state)
{
    fixture_t *f = *state;
    apr_size_t len = 400;

    assert_int_equal(put_named(f, KEY, len, DJS_PUT_NEW), APR_SUCCESS);
    for (int i = 0; shard_files()[i]; i++) {
        const char *file = in_store(f, shard_files()[i]);

        assert_int_equal(unlink(file), 0);
        assert_int_equal(get_named(f, KEY, len), APR_SUCCESS);
        assert_int_equal(put_named(f, KEY, ++len, DJS_PUT_EXISTING),
                         APR_SUCCESS);
        assert_int_equal(access(file, F_OK), 0);
        assert_int_equal(unlink(file), 0);
        assert_int_equal(put_named(f, KEY, ++len, DJS_PUT_EXISTING),
                         APR_SUCCESS);
        assert_int_equal(get_named(f, KEY, len), APR_SUCCESS);
    }
    for (int i = 0; shard_files()[i]; i++) {
        assert_int_equal(unlink(in_store(f, shard_files()[i])), 0);
    }
    assert_int_equal(get_named(f, KEY, len), DJS_EABSENT);
}

static void fill(fixture_t *f, int count)
{
    for (int i = 0; i < count; i++) {
        assert_int_equal(put_named(f, apr_psprintf(f->p, "key %d", i),
                                   (apr_size_t)i % 900, DJS_PUT_NEW),
                         APR_SUCCESS);
    }
}

/* Reads all: never wrong data (get_named sees to that), and a count of what was
 * still there. */
static int count_readable(fixture_t *f, int count)
{
    int readable = 0;

    for (int i = 0; i < count; i++) {
        readable += get_named(f, apr_psprintf(f->p, "key %d", i),
                              (apr_size_t)i % 900) == APR_SUCCESS;
    }
    return readable;
}

/* J11: cut-off files give no wrong data and no crash. */
static void truncated_files_never_give_wrong_data(void **state)
{
    fixture_t *f = *state;

    fill(f, 100);
    for (int i = 0; shard_files()[i]; i++) {
        const char *file = in_store(f, shard_files()[i]);
        struct stat st;

        assert_int_equal(stat(file, &st), 0);
        for (int cut = 0; cut < 4; cut++) {
            off_t sizes[] = { st.st_size - 1, st.st_size / 2, 1, 0 };

            assert_int_equal(truncate(file, sizes[cut]), 0);
            count_readable(f, 100);
            put_named(f, apr_psprintf(f->p, "more %d %d", i, cut), 300,
                      DJS_PUT_NEW);
        }
    }
}

static void rot(const char *file, off_t from, int step)
{
    int fd = open(file, O_RDWR);
    struct stat st;
    unsigned char byte;

    assert_true(fd >= 0 && fstat(fd, &st) == 0);
    for (off_t at = from; at < st.st_size; at += step) {
        if (pread(fd, &byte, 1, at) == 1 && byte != 0) {
            byte ^= 0x41;
            assert_int_equal(pwrite(fd, &byte, 1, at), 1);
        }
    }
    close(fd);
}

/* J12: bytes that rot in the middle of values are for the record's seal to
 * find; here it is enough that heads, lengths and chunks never lie. The heads
 * rot in every way by test_store_chunk. db may crash on rotten files inside
 * libdb: not tried. */
static void rotten_files_never_crash_us(void **state)
{
    fixture_t *f = *state;
    const char *const *files = shard_files();

    if (strcmp(fixture_kind, "db") == 0) {
        skip();
    }
    fill(f, 100);
    for (int i = 0; files[i]; i++) {
        if (!strstr(files[i], ".dir")) {
            rot(in_store(f, files[i]), 11, 37);
        }
    }
    for (int i = 0; i < 100; i++) {
        djs_bytes_t got;
        apr_status_t rv =
            djs_store_get(f->store, djs_bytes(apr_psprintf(f->p, "key %d", i)),
                          soon(), &got, f->p);

        if (rv == APR_SUCCESS) {
            assert_int_equal(got.len, i % 900);
        }
    }
    put_named(f, "key more", 300, DJS_PUT_NEW);
}

/* A copy that does not open any more is replaced by the one that does. */
static void a_spoilt_copy_is_replaced_by_the_good_one(void **state)
{
    fixture_t *f = *state;

    if (strcmp(fixture_kind, "gdbm") != 0) {
        skip(); /* the others open anything */
    }
    fill(f, 50);
    rot(in_store(f, "000.a"), 0, 3);
    assert_int_equal(count_readable(f, 50), 50);
}

/* J13: on a full disk writes are refused with a clear word, nothing that was
 * acknowledged is lost, removals pass, and with space all goes on. */
static void a_full_disk_refuses_and_loses_nothing(void **state)
{
    fixture_t *f = *state;
    const char *disk = apr_pstrcat(f->p, f->base, "/disk", NULL);
    const char *ballast = apr_pstrcat(f->p, disk, "/ballast", NULL);
    int acked = 0, fd;
    apr_status_t rv = APR_SUCCESS;

    if (mkdir(disk, 0700) != 0 || unshare(CLONE_NEWNS) != 0 ||
        mount("none", "/", NULL, MS_REC | MS_PRIVATE, NULL) != 0 ||
        mount("tmpfs", disk, "tmpfs", 0, "size=3m,mode=0700") != 0) {
        print_message("no tmpfs can be mounted here\n");
        skip();
    }
    f->path = apr_pstrcat(f->p, disk, "/s", NULL);
    assert_null(fixture_make(f, f->path, fixture_kind, "1"));
    assert_int_equal(djs_store_open(f->store, f->child), APR_SUCCESS);
    for (; rv == APR_SUCCESS && acked < 10000; acked++) {
        rv = put_named(f, apr_psprintf(f->p, "key %d", acked),
                       (apr_size_t)acked % 900, DJS_PUT_NEW);
    }
    acked--;
    assert_int_equal(rv, DJS_EFULL);
    assert_int_equal(count_readable(f, acked), acked);
    assert_int_equal(
        djs_store_remove(f->store, djs_bytes("key 1"), soon(), f->p),
        APR_SUCCESS);
    assert_int_equal(count_readable(f, acked), acked - 1);

    /* and not one free byte left behind the guard's back */
    fd = open(ballast, O_CREAT | O_WRONLY, 0600);
    while (write(fd, "0123456789abcdef", 16) == 16) {
    }
    close(fd);
    assert_int_equal(put_named(f, "key 1", 100, DJS_PUT_NEW), DJS_EFULL);
    assert_int_equal(count_readable(f, acked), acked - 1);
    djs_store_remove(f->store, djs_bytes("key 2"), soon(), f->p);
    assert_true(count_readable(f, acked) >= acked - 2);
    truncate(ballast, 0);
    assert_int_equal(umount2(disk, MNT_DETACH), 0);
}

/* J14: a file system that turned read-only still shows what is on it. */
static void a_read_only_disk_can_be_read(void **state)
{
    fixture_t *f = *state;
    const char *disk = apr_pstrcat(f->p, f->base, "/disk", NULL);
    apr_status_t rv;

    if (mkdir(disk, 0700) != 0 || unshare(CLONE_NEWNS) != 0 ||
        mount("none", "/", NULL, MS_REC | MS_PRIVATE, NULL) != 0 ||
        mount(f->base, disk, NULL, MS_BIND, NULL) != 0) {
        print_message("nothing can be mounted here\n");
        skip();
    }
    assert_int_equal(put_named(f, KEY, 400, DJS_PUT_NEW), APR_SUCCESS);
    /* over its own path, read-only, while it is in use */
    assert_int_equal(mount(f->base, f->base, NULL, MS_BIND, NULL), 0);
    assert_int_equal(
        mount(NULL, f->base, NULL, MS_BIND | MS_REMOUNT | MS_RDONLY, NULL), 0);
    assert_int_equal(get_named(f, KEY, 400), APR_SUCCESS);
    rv = put_named(f, KEY, 300, DJS_PUT_EXISTING);
    assert_true(rv != APR_SUCCESS && rv != DJS_EABSENT);
    rv = put_named(f, "another", 300, DJS_PUT_NEW);
    assert_true(rv != APR_SUCCESS && rv != DJS_EABSENT);
    assert_int_equal(get_named(f, KEY, 400), APR_SUCCESS);
    assert_int_equal(umount2(f->base, MNT_DETACH), 0);
    assert_int_equal(put_named(f, KEY, 300, DJS_PUT_EXISTING), APR_SUCCESS);
    assert_int_equal(get_named(f, KEY, 300), APR_SUCCESS);
    umount2(disk, MNT_DETACH);
}

/* J21: between calls no file of the store is open, so nothing is inherited. */
static void no_descriptor_stays_open(void **state)
{
    fixture_t *f = *state;
    int before = dup(0), after;

    close(before);
    fill(f, 20);
    count_readable(f, 20);
    put_named(f, "key 1", 1, DJS_PUT_EXISTING);
    djs_store_remove(f->store, djs_bytes("key 2"), soon(), f->p);
    after = dup(0);
    close(after);
    assert_int_equal(before, after);
}

static apr_uint64_t disk_use(fixture_t *f)
{
    apr_uint64_t sum = 0;

    for (int i = 0; shard_files()[i]; i++) {
        struct stat st;

        assert_int_equal(stat(in_store(f, shard_files()[i]), &st), 0);
        sum += (apr_uint64_t)st.st_blocks * 512;
    }
    return sum;
}

static void spoil(fixture_t *f, const char *name, int chunk, const char *bytes,
                  apr_size_t len)
{
    for (int copy = 0; copy < 2; copy++) {
        const char *path = in_store(f, copy ? "000.b" : "000.a");
        apr_datum_t key = { apr_psprintf(f->p, "%s%c", name, chunk),
                            strlen(name) + 1 };
        apr_datum_t val = { (char *)bytes, len };
        apr_dbm_t *dbm;

        assert_int_equal(apr_dbm_open_ex(&dbm, fixture_kind, path,
                                         APR_DBM_READWRITE, 0x600, f->p),
                         APR_SUCCESS);
        assert_int_equal(bytes ? apr_dbm_store(dbm, key, val)
                               : apr_dbm_delete(dbm, key),
                         APR_SUCCESS);
        apr_dbm_close(dbm);
    }
}

/* Chunks that do not belong together are neither shown nor overwritten (INV8),
 * and can be removed; what is left of them the sweep finds. */
static void chunks_of_two_writes_are_never_mixed(void **state)
{
    fixture_t *f = *state;
    djs_sweep_t did = { 0, 0, 0, 0 };
    static const struct {
        int chunk;
        const char *bytes;
        apr_size_t len;
    } harm[] = { { 1, "\0\0\0\1other", 9 },
                 { 1, NULL, 0 },
                 { 0, "DS", 2 },
                 { 2, "\0\0\0\1x", 5 },
                 { 0, "", 0 } };

    if (strcmp(fixture_kind, "sdbm") != 0) {
        skip(); /* the others have no chunks */
    }
    for (apr_size_t i = 0; i < sizeof(harm) / sizeof(*harm); i++) {
        assert_int_equal(put_named(f, KEY, 800, DJS_PUT_NEW), APR_SUCCESS);
        spoil(f, KEY, harm[i].chunk, harm[i].bytes, harm[i].len);
        assert_int_equal(get_named(f, KEY, 800), DJS_EUNREADABLE);
        if (harm[i].chunk == 0) {
            assert_int_equal(put_named(f, KEY, 10, DJS_PUT_EXISTING),
                             DJS_EUNREADABLE);
            assert_int_equal(put_named(f, KEY, 10, DJS_PUT_NEW),
                             DJS_EUNREADABLE);
        }
        assert_int_equal(
            djs_store_remove(f->store, djs_bytes(KEY), soon(), f->p),
            APR_SUCCESS);
        assert_int_equal(get_named(f, KEY, 800), DJS_EABSENT);
        assert_int_equal(djs_store_sweep(f->store, &did, soon(), f->p),
                         APR_SUCCESS);
        spoil(f, KEY, 2, "\0\0\0\1x", 5);
        assert_int_equal(djs_store_sweep(f->store, &did, soon(), f->p),
                         APR_SUCCESS);
    }
}

/* However little time there is, a sweep comes on. */
static void a_sweep_without_time_removes_something(void **state)
{
    fixture_t *f = *state;
    djs_sweep_t did = { 0, 0, 0, 0 };
    djs_call_t call;

    if (strcmp(fixture_kind, "sdbm") != 0) {
        skip(); /* the others look under the lock, in time */
    }
    for (int i = 0; i < 2000; i++) {
        assert_int_equal(djs_store_put(f->store,
                                       djs_bytes(apr_psprintf(f->p, "%d", i)),
                                       (djs_item_t){ djs_bytes("x"), NOW + 1 },
                                       DJS_PUT_NEW, soon(), f->p),
                         APR_SUCCESS);
    }
    for (int i = 0; i < 20 && did.removed < 2000; i++) {
        apr_uint64_t before = did.removed;

        call = soon();
        call.now = NOW + 2;
        call.until = djs_clock_steady();
        (void)djs_store_sweep(f->store, &did, call, f->p);
        assert_true(did.removed > before);
    }
}

/* J10: db waits for its temporary file to go away; a killed maker leaves it. */
static void a_making_that_was_killed_does_not_stop_the_next(void **state)
{
    fixture_t *f = *state;
    int fd = open(in_store(f, "__db.000.a"), O_CREAT | O_WRONLY, 0600);

    assert_true(fd >= 0);
    close(fd);
    assert_int_equal(put_named(f, KEY, 400, DJS_PUT_NEW), APR_SUCCESS);
    assert_int_equal(get_named(f, KEY, 400), APR_SUCCESS);
}

/* What was large and is empty becomes small again, and keeps what lives. */
static void a_sweep_gives_the_disk_back(void **state)
{
    fixture_t *f = *state;
    djs_sweep_t did = { 0, 0, 0, 0 };
    apr_uint64_t full;

    for (int i = 0; i < 1000; i++) {
        assert_int_equal(
            djs_store_put(f->store, djs_bytes(apr_psprintf(f->p, "%d", i)),
                          (djs_item_t){ noise(900, 1, f->p), NOW + 1 },
                          DJS_PUT_NEW, soon(), f->p),
            APR_SUCCESS);
    }
    fill(f, 20);
    full = disk_use(f);
    for (int i = 0; i < 2; i++) {
        djs_call_t call = patient();

        call.now = NOW + 2;
        assert_int_equal(djs_store_sweep(f->store, &did, call, f->p),
                         APR_SUCCESS);
    }
    assert_int_equal(did.removed, 1000);
    assert_int_equal(did.compacted, 1);
    assert_true(disk_use(f) < full / 4);
    assert_int_equal(count_readable(f, 20), 20);
    assert_int_equal(access(in_store(f, "000.c"), F_OK), -1);
    assert_int_equal(put_named(f, "key 3", 1, DJS_PUT_NEW), DJS_ETAKEN);
}

#define ONE_SHARD(test)                                                        \
    cmocka_unit_test_setup_teardown(test, begin_one_shard, end)

static int run(const char *name)
{
    const struct CMUnitTest cases[] = {
        ONE_SHARD(a_stopped_holder_costs_the_deadline_a_killed_one_nothing),
        ONE_SHARD(a_removed_lock_file_is_noticed),
        ONE_SHARD(a_truncated_lock_file_is_trouble_not_a_crash),
        ONE_SHARD(a_spoilt_lock_file_is_made_anew_at_start),
        ONE_SHARD(a_replaced_store_is_opened_anew),
        ONE_SHARD(a_removed_copy_comes_back_from_the_other),
        ONE_SHARD(truncated_files_never_give_wrong_data),
        ONE_SHARD(rotten_files_never_crash_us),
        ONE_SHARD(a_spoilt_copy_is_replaced_by_the_good_one),
        ONE_SHARD(a_full_disk_refuses_and_loses_nothing),
        ONE_SHARD(a_read_only_disk_can_be_read),
        ONE_SHARD(chunks_of_two_writes_are_never_mixed),
        ONE_SHARD(a_making_that_was_killed_does_not_stop_the_next),
        ONE_SHARD(no_descriptor_stays_open),
        ONE_SHARD(a_sweep_without_time_removes_something),
        ONE_SHARD(a_sweep_gives_the_disk_back)
    };

    fixture_kind = name;
    return cmocka_run_group_tests_name(name, cases, NULL, NULL);
}

int main(void)
{
    static const char *const kinds[] = { "sdbm", "gdbm", "db" };
    int failed = 0;

    apr_initialize();
    for (apr_size_t i = 0; i < sizeof(kinds) / sizeof(*kinds); i++) {
        failed += run(kinds[i]);
    }
    apr_terminate();
    return failed != 0;
}
