/* test_site.c - what every store of a Django site promises, and what only one
 * of them has to: store/site.h. */
#include "site_fixture.h"
#include <fcntl.h>
#include <stdlib.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <time.h>
#include <apr_thread_proc.h>
#include "base/django_memcached.h"
#include "store/site_rows.h"

/* ------------------------------------------------------- all of them */

static int changes; /* calls of the function below */
static const char *seen;
static void (*meanwhile)(void); /* once, before it answers */

/* djs_entry_fn: `baton` behind what is there; "-": it goes; "": it stays. */
static apr_status_t append(djs_entry_t *next, const djs_entry_t *current,
                           void *baton, apr_pool_t *scratch)
{
    djs_bytes_t text = current->text.data ? current->text : current->pickle;
    void (*hook)(void) = meanwhile;
    const char *more = baton;

    changes++;
    meanwhile = NULL;
    if (hook) {
        hook();
    }
    seen = apr_pstrmemdup(pool, text.data, text.len);
    if (strcmp(more, "-") == 0) {
        next->gone = 1;
    }
    else if (strcmp(more, "!") == 0) {
        return DJS_ETYPE;
    }
    else if (*more) {
        *next = entry_of(apr_pstrcat(scratch, seen, more, NULL));
        next->expires = LATER + changes;
    }
    return APR_SUCCESS;
}

static apr_status_t change(const char *key, const char *more)
{
    changes = 0;
    return djs_site_change(store, named(key), append, (void *)(uintptr_t)more,
                           soon(), pool);
}

static apr_status_t add(const char *key, const char *text)
{
    djs_entry_t entry = entry_of(text);

    return djs_site_add(store, named(key), &entry, soon(), pool);
}

static apr_status_t drop(const char *key)
{
    return djs_site_remove(store, named(key), soon(), pool);
}

static void an_entry_is_born_changed_and_ended(void **state)
{
    (void)state;
    SKIP_WITHOUT_KIND();
    assert_string_equal(says(KEY), "(none)");
    assert_int_equal(change(KEY, "x"), DJS_EABSENT);
    assert_int_equal(changes, 0);
    assert_int_equal(add(KEY, "one"), APR_SUCCESS);
    assert_int_equal(add(KEY, "two"), DJS_ETAKEN);
    assert_string_equal(says(KEY), "one");
    assert_string_equal(says(OTHER), "(none)");
    assert_int_equal(change(KEY, "more"), APR_SUCCESS);
    assert_string_equal(seen, "one");
    assert_string_equal(says(KEY), "onemore");
    assert_int_equal(change(KEY, ""), APR_SUCCESS);
    assert_string_equal(says(KEY), "onemore");
    assert_int_equal(change(KEY, "!"), DJS_ETYPE);
    assert_string_equal(says(KEY), "onemore");
    assert_int_equal(drop(KEY), APR_SUCCESS);
    assert_int_equal(drop(KEY), APR_SUCCESS);
    assert_string_equal(says(KEY), "(none)");
    assert_int_equal(djs_site_touch(store, named(KEY), LATER, soon(), pool),
                     DJS_EABSENT);
}

static void a_change_may_end_the_entry(void **state)
{
    (void)state;
    SKIP_WITHOUT_KIND();
    assert_int_equal(add(KEY, "one"), APR_SUCCESS);
    assert_int_equal(change(KEY, "-"), APR_SUCCESS);
    assert_string_equal(says(KEY), "(none)");
    assert_int_equal(change(KEY, "-"), DJS_EABSENT);
}

static void a_renewal_leaves_the_bytes(void **state)
{
    (void)state;
    SKIP_WITHOUT_KIND();
    assert_int_equal(add(KEY, "one"), APR_SUCCESS);
    assert_int_equal(djs_site_touch(store, named(KEY), LATER + 5, soon(), pool),
                     APR_SUCCESS);
    assert_string_equal(says(KEY), "one");
}

/* What the site has ended in the middle of a change is not there again. */
static void end_it(void)
{
    assert_int_equal(drop(KEY), APR_SUCCESS);
}

static void what_was_ended_meanwhile_stays_ended(void **state)
{
    (void)state;
    SKIP_WITHOUT_KIND();
    assert_int_equal(add(KEY, "one"), APR_SUCCESS);
    meanwhile = end_it;
    assert_int_equal(change(KEY, "more"), DJS_EABSENT);
    assert_string_equal(says(KEY), "(none)");
    assert_int_equal(add(KEY, "one"), APR_SUCCESS);
    meanwhile = end_it;
    assert_int_equal(change(KEY, "-"), DJS_EABSENT); /* not by us */
    assert_string_equal(says(KEY), "(none)");
}

/* J02: names of files and parts of statements. */
static void odd_keys_are_refused(void **state)
{
    static const char *const odd[] = { "",    "A",   "../x",
                                       "a'b", "a b", KEY KEY "a" };
    djs_entry_t entry;

    (void)state;
    SKIP_WITHOUT_KIND();
    for (size_t i = 0; i < sizeof odd / sizeof *odd; i++) {
        assert_int_equal(
            djs_site_get(store, named(odd[i]), soon(), &entry, pool),
            APR_EINVAL);
        assert_int_equal(add(odd[i], "x"), APR_EINVAL);
        assert_int_equal(change(odd[i], "x"), APR_EINVAL);
        assert_int_equal(drop(odd[i]), APR_EINVAL);
    }
}

static void no_time_is_trouble(void **state)
{
    djs_entry_t entry = entry_of("x");

    (void)state;
    SKIP_WITHOUT_KIND();
    assert_int_equal(djs_site_get(store, named(KEY), within(0), &entry, pool),
                     DJS_ETIMEOUT);
    assert_null(entry.text.data);
    assert_int_equal(djs_site_add(store, named(KEY), &entry, within(0), pool),
                     DJS_ETIMEOUT);
    assert_int_equal(djs_site_touch(store, named(KEY), LATER, within(-1), pool),
                     DJS_ETIMEOUT);
}

/* Two threads, a hundred changes each. */
static void *APR_THREAD_FUNC adds_a_hundred(apr_thread_t *thread, void *baton)
{
    apr_pool_t *p;

    (void)baton;
    apr_pool_create(&p, NULL);
    for (int i = 0; i < 100; i++) {
        assert_int_equal(djs_site_change(store, named(KEY), append,
                                         (void *)(uintptr_t) "x", soon(), p),
                         APR_SUCCESS);
        apr_pool_clear(p);
    }
    apr_pool_destroy(p);
    apr_thread_exit(thread, APR_SUCCESS);
    return NULL;
}

/* ------------------------------------------------------------------ files */

static const char *path(const char *key)
{
    return apr_pstrcat(pool, dir, "/sessionid", key, NULL);
}

static void put_file(const char *key, const char *text)
{
    FILE *out = fopen(path(key), "w");

    fputs(text, out);
    fclose(out);
}

/* J02: links, directories, what is too long. */
static void odd_files_are_no_sessions(void **state)
{
    char *big = apr_pcalloc(pool, 40000);
    apr_status_t unreadable = DJS_EUNREADABLE;
    djs_entry_t entry;

    (void)state;
    assert_int_equal(symlink("/etc/passwd", path(KEY)), 0);
    assert_int_equal(djs_site_get(store, named(KEY), soon(), &entry, pool),
                     unreadable);
    assert_int_equal(change(KEY, "x"), unreadable);
    assert_int_equal(mkdir(path(OTHER), 0700), 0);
    assert_int_equal(djs_site_get(store, named(OTHER), soon(), &entry, pool),
                     unreadable);
    memset(big, 'x', 39999);
    put_file("big", big);
    assert_int_equal(djs_site_get(store, named("big"), soon(), &entry, pool),
                     DJS_ETOOBIG);
    put_file("empty", "");
    assert_string_equal(says("empty"), "");
}

static void a_file_says_when_it_was_written(void **state)
{
    djs_entry_t entry;

    (void)state;
    assert_int_equal(add(KEY, "one"), APR_SUCCESS);
    assert_int_equal(djs_site_get(store, named(KEY), soon(), &entry, pool),
                     APR_SUCCESS);
    assert_true(entry.written == NOW);
    assert_true(entry.expires == 0);
}

/* Who holds its lock is waited for, but not for ever; a lock on a file that is
 * not in place any more is none. */
static void a_lock_is_waited_for(void **state)
{
    djs_entry_name_t name = named(KEY);
    apr_time_t began;
    int fd;

    (void)state;
    assert_int_equal(add(KEY, "one"), APR_SUCCESS);
    fd = open(path(KEY), O_RDONLY);
    assert_int_equal(flock(fd, LOCK_EX), 0);
    began = djs_clock_steady();
    assert_int_equal(djs_site_change(store, name, append,
                                     (void *)(uintptr_t) "x", within(50000),
                                     pool),
                     DJS_ETIMEOUT);
    assert_true(djs_clock_steady() - began >= 50000);
    assert_int_equal(unlink(path(KEY)), 0);
    put_file(KEY, "two");
    assert_int_equal(change(KEY, "x"), APR_SUCCESS);
    assert_string_equal(seen, "two");
    close(fd);
}

/* Django renames another file into place while ours is made: its file stays,
 * and the change is made to that one. */
static void rename_another(void)
{
    put_file("another", "theirs");
    assert_int_equal(rename(path("another"), path(KEY)), 0);
}

static void a_file_of_djangos_meanwhile_is_not_lost(void **state)
{
    (void)state;
    assert_int_equal(add(KEY, "one"), APR_SUCCESS);
    meanwhile = rename_another;
    assert_int_equal(change(KEY, "x"), APR_SUCCESS);
    assert_int_equal(changes, 2);
    assert_string_equal(says(KEY), "theirsx");
}

static void a_directory_that_is_gone_is_trouble(void **state)
{
    (void)state;
    assert_int_equal(rmdir(dir), 0);
    assert_string_equal(says(KEY), "(none)"); /* as it looks to Django */
    assert_int_equal(add(KEY, "x"), DJS_ETROUBLE);
}

/* ------------------------------------------------------------------- rows */

static void change_the_row(void)
{
    sql("UPDATE django_session SET session_data = 'theirs'");
}

static void a_row_that_changed_meanwhile_is_read_again(void **state)
{
    (void)state;
    SKIP_WITHOUT_KIND();
    assert_int_equal(add(KEY, "one"), APR_SUCCESS);
    meanwhile = change_the_row;
    assert_int_equal(change(KEY, "x"), APR_SUCCESS);
    assert_int_equal(changes, 2);
    assert_string_equal(seen, "theirs");
    meanwhile = change_the_row;
    assert_int_equal(change(KEY, "-"), APR_SUCCESS);
    assert_int_equal(changes, 2);
}

/* Nothing that could end a text is put into a statement. */
static void a_row_that_nobody_signed_is_not_written(void **state)
{
    (void)state;
    SKIP_WITHOUT_KIND();
    assert_int_equal(add(KEY, "one"), APR_SUCCESS);
    sql("UPDATE django_session SET session_data = 'it''s'");
    assert_string_equal(says(KEY), "it's");
    assert_int_equal(change(KEY, "x"), DJS_EUNREADABLE);
    sql("UPDATE django_session SET expire_date = 'tomorrow'");
    assert_string_equal(says(KEY), apr_psprintf(pool, "(%d)", DJS_EUNREADABLE));
    assert_int_equal(add(KEY, "x"), DJS_ETAKEN);
}

static void a_row_that_is_too_long_is_unreadable(void **state)
{
    (void)state;
    SKIP_WITHOUT_KIND();
    assert_int_equal(add(KEY, "one"), APR_SUCCESS);
    sql("UPDATE django_session SET session_data = hex(zeroblob(20000))");
    assert_string_equal(says(KEY), apr_psprintf(pool, "(%d)", DJS_ETOOBIG));
    assert_int_equal(change(KEY, "x"), DJS_EUNREADABLE);
}

/* A connection that can not be had once is asked for again. */
static void a_database_away_is_trouble(void **state)
{
    (void)state;
    SKIP_WITHOUT_KIND();
    assert_int_equal(add(KEY, "one"), APR_SUCCESS);
    refuse = 1;
    assert_string_equal(says(KEY), "one");
    refuse = 100;
    assert_string_equal(says(KEY), apr_psprintf(pool, "(%d)", DJS_ETROUBLE));
    assert_int_equal(change(KEY, "x"), DJS_ETROUBLE);
    assert_int_equal(drop(KEY), DJS_ETROUBLE);
    refuse = 1;
    assert_int_equal(add(OTHER, "x"), APR_SUCCESS);
    sql("ALTER TABLE django_session RENAME TO elsewhere");
    refuse = 0;
    assert_int_equal(add(KEY, "x"), DJS_ETROUBLE);
    assert_non_null(strstr(told, "django_session"));
}

static void a_row_says_when_it_ends(void **state)
{
    djs_entry_t entry;

    (void)state;
    SKIP_WITHOUT_KIND();
    assert_int_equal(add(KEY, "one"), APR_SUCCESS);
    assert_int_equal(djs_site_touch(store, named(KEY), LATER + 7, soon(), pool),
                     APR_SUCCESS);
    assert_int_equal(djs_site_get(store, named(KEY), soon(), &entry, pool),
                     APR_SUCCESS);
    assert_true(entry.expires == LATER + 7);
    assert_int_equal(djs_site_touch(store, named(KEY), -1, soon(), pool),
                     DJS_EINVALID);
}

static void times_are_written_as_django_does(void **state)
{
    static const struct {
        const char *text;
        apr_time_t time;
    } rows[] = { { "2023-11-14 22:13:20", NOW },
                 { "2023-11-14 22:13:20.000001", NOW + 1 },
                 { "2023-11-14 22:13:20.500000", NOW + 500000 },
                 { "1970-01-01 00:00:00.000001", 1 },
                 { "9999-12-31 23:59:59", DJS_STORE_FOREVER } };
    static const char *const past[] = { "1970-01-01 00:00:00",
                                        "1969-12-31 23:59:59.5",
                                        "0001-01-01 00:00:00" };
    static const char *const bad[] = { "",
                                       "2023-11-14",
                                       "2023-11-14T22:13:20",
                                       "2023-13-14 22:13:20",
                                       "2023-00-14 22:13:20",
                                       "2023-11-32 22:13:20",
                                       "2023-11-14 24:13:20",
                                       "2023-11-14 22:60:20",
                                       "2023-11-14 22:13:61",
                                       "2023-11-14 22:13:20x",
                                       "2023-11-14 22:13:20.5x",
                                       "2023-11-14 22:13:20.0000001",
                                       "2023-11-14 22:13:2" };
    apr_time_t time;

    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        assert_string_equal(djs_rows_time_text(rows[i].time, 0, pool),
                            rows[i].text);
        assert_true(djs_rows_time_read(&time, rows[i].text, 0));
        assert_true(time == rows[i].time);
    }
    assert_true(djs_rows_time_read(&time, "2023-11-14 22:13:20.5", 0));
    assert_true(time == NOW + 500000);
    assert_string_equal(djs_rows_time_text(DJS_STORE_FOREVER * 2, 0, pool),
                        "9999-12-31 23:59:59");
    assert_null(djs_rows_time_text(-1, 0, pool));
    for (size_t i = 0; i < sizeof past / sizeof *past; i++) {
        assert_true(djs_rows_time_read(&time, past[i], 0));
        assert_true(time == 1); /* over; 0 would be no end at all */
        assert_true(djs_rows_time_read(&time, past[i], 1));
        assert_true(time == 1);
    }
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        assert_false(djs_rows_time_read(&time, bad[i], 0));
    }
    setenv("TZ", "Asia/Tokyo", 1);
    tzset();
    assert_string_equal(djs_rows_time_text(NOW + 3, 1, pool),
                        "2023-11-15 07:13:20.000003");
    assert_true(djs_rows_time_read(&time, "2023-11-15 07:13:20.000003", 1));
    assert_true(time == NOW + 3);
    unsetenv("TZ");
    tzset();
}

static void a_row_that_was_ended_by_its_date_is_not_renewed(void **state)
{
    (void)state;
    SKIP_WITHOUT_KIND();
    assert_int_equal(add(KEY, "one"), APR_SUCCESS);
    sql("UPDATE django_session SET expire_date = '2023-11-14 22:13:20'");
    assert_int_equal(djs_site_touch(store, named(KEY), LATER, soon(), pool),
                     DJS_EABSENT);
    sql("UPDATE django_session SET expire_date = '2023-11-14 22:13:20.000001'");
    assert_int_equal(djs_site_touch(store, named(KEY), LATER, soon(), pool),
                     APR_SUCCESS);
}

/* -------------------------------------------------------------- caches */

static void a_cache_in_trouble_is_no_absence(void **state)
{
    (void)state;
    assert_int_equal(add(KEY, "one"), APR_SUCCESS);
    memcached_kill(&cache);
    assert_string_not_equal(says(KEY), "(none)");
    assert_string_not_equal(says(KEY), "one");
    assert_int_not_equal(change(KEY, "x"), APR_SUCCESS);
    assert_int_not_equal(drop(KEY), APR_SUCCESS);
    cache.pid = 0;
}

/* Without its entry the row counts; what can not be ended there has failed. */
static void without_the_cache_there_are_rows(void **state)
{
    (void)state;
    SKIP_WITHOUT_KIND();
    assert_int_equal(add(KEY, "one"), APR_SUCCESS);
    memcached_kill(&cache);
    assert_string_equal(says(KEY), "one");
    assert_int_not_equal(change(KEY, "x"), APR_SUCCESS);
    assert_int_equal(add(OTHER, "two"), APR_SUCCESS);
    assert_string_equal(says(OTHER), "two");
    assert_int_not_equal(drop(KEY), APR_SUCCESS);
    cache.pid = 0;
}

static void what_is_too_long_for_memcached_is_not_sent(void **state)
{
    djs_entry_t entry = entry_of("x");

    (void)state;
    entry.pickle = djs_bytes_of(apr_pcalloc(pool, 1100000), 1100000);
    assert_int_equal(djs_site_add(store, named(KEY), &entry, soon(), pool),
                     DJS_ETOOBIG);
    assert_string_equal(says(KEY), "(none)");
}

/* An end that is past, now, or more than thirty days ahead. */
static void ends_are_told_as_django_tells_them(void **state)
{
    djs_call_t call = soon();
    djs_entry_t entry = entry_of("x");

    (void)state;
    call.now = apr_time_now();
    entry.expires = call.now + apr_time_from_sec(60 * 86400);
    assert_int_equal(djs_site_add(store, named(KEY), &entry, call, pool),
                     APR_SUCCESS);
    assert_string_equal(says(KEY), "x");
    entry.expires = call.now - 1;
    assert_int_equal(djs_site_add(store, named(OTHER), &entry, call, pool),
                     APR_SUCCESS);
    assert_string_equal(says(OTHER), "(none)");
    entry.expires = call.now + apr_time_from_sec(APR_INT64_C(4000000000));
    assert_int_equal(djs_site_add(store, named("far"), &entry, call, pool),
                     APR_SUCCESS);
    assert_string_equal(says("far"), "x");
}

/* ---------------------------------------------------------- at once */

static void parallel_changes_are_all_made(void **state)
{
    djs_entry_t entry;
    apr_thread_t *threads[2];
    apr_status_t rv;

    (void)state;
    SKIP_WITHOUT_KIND();
    assert_int_equal(add(KEY, "s"), APR_SUCCESS);
    for (int i = 0; i < 2; i++) {
        assert_int_equal(
            apr_thread_create(&threads[i], NULL, adds_a_hundred, NULL, pool),
            APR_SUCCESS);
    }
    for (int i = 0; i < 2; i++) {
        assert_int_equal(apr_thread_join(&rv, threads[i]), APR_SUCCESS);
    }
    assert_int_equal(djs_site_get(store, named(KEY), soon(), &entry, pool),
                     APR_SUCCESS);
    assert_int_equal(entry.text.data ? entry.text.len : entry.pickle.len, 201);
}

#define T(function, of)                                                        \
    {                                                                          \
        of ": " #function, function, begin, end, (void *)(uintptr_t)of         \
    }
#define ALL(of)                                                                \
    T(an_entry_is_born_changed_and_ended, of),                                 \
        T(a_change_may_end_the_entry, of), T(a_renewal_leaves_the_bytes, of),  \
        T(what_was_ended_meanwhile_stays_ended, of),                           \
        T(odd_keys_are_refused, of), T(no_time_is_trouble, of)

int main(void)
{
    const struct CMUnitTest tests[] = {
        ALL("file"),
        T(odd_files_are_no_sessions, "file"),
        T(a_file_says_when_it_was_written, "file"),
        T(a_lock_is_waited_for, "file"),
        T(a_file_of_djangos_meanwhile_is_not_lost, "file"),
        T(a_directory_that_is_gone_is_trouble, "file"),
        ALL("db"),
        T(a_row_that_changed_meanwhile_is_read_again, "db"),
        T(a_row_that_nobody_signed_is_not_written, "db"),
        T(a_row_that_is_too_long_is_unreadable, "db"),
        T(a_database_away_is_trouble, "db"),
        T(a_row_says_when_it_ends, "db"),
        T(times_are_written_as_django_does, "db"),
        T(a_row_that_was_ended_by_its_date_is_not_renewed, "db"),
        ALL("cache"),
        T(parallel_changes_are_all_made, "cache"),
        T(what_is_too_long_for_memcached_is_not_sent, "cache"),
        T(ends_are_told_as_django_tells_them, "cache"),
        ALL("cached_db"),
        T(a_cache_in_trouble_is_no_absence, "cache"),
        T(without_the_cache_there_are_rows, "cached_db"),
    };
    int failed;

    apr_initialize();
    failed = cmocka_run_group_tests(tests, NULL, NULL);
    if (cache.pid) {
        memcached_kill(&cache);
    }
    apr_terminate();
    return failed;
}
