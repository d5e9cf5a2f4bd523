/* test_store_place.c - where a DBM store may lie, and what it may be. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/stat.h>
#include <cmocka.h>
#include "store/dbm.h"
#include "store/dbm_copy.h"
#include "store_fixture.h"

/* J01: whatever the umask, nobody else can read anything. */
static void files_are_for_their_owner_only(void **state)
{
    fixture_t *f = *state;
    static const char *const names[] = { "", "format", "lock", NULL };
    static const mode_t masks[] = { 0, 022, 077 };

    for (int m = 0; m < 3; m++) {
        mode_t before = umask(masks[m]);
        const char *path = apr_psprintf(f->p, "%s/u%d", f->base, m);
        struct stat st;

        f->path = path;
        assert_null(fixture_make(f, path, fixture_kind, "1"));
        assert_int_equal(djs_store_open(f->store, f->child), APR_SUCCESS);
        assert_int_equal(put_named(f, KEY, 400, DJS_PUT_NEW), APR_SUCCESS);
        umask(before);
        for (int i = 0; names[i]; i++) {
            assert_int_equal(stat(in_store(f, names[i]), &st), 0);
            assert_int_equal(st.st_mode & 0777, names[i][0] ? 0600 : 0700);
        }
        for (int i = 0; shard_files()[i]; i++) {
            assert_int_equal(stat(in_store(f, shard_files()[i]), &st), 0);
            assert_int_equal(st.st_mode & 0777, 0600);
        }
    }
}

static void refuses(fixture_t *f, const char *path, const char *reason)
{
    const char *error = fixture_make(f, path, fixture_kind, NULL);

    assert_non_null(error);
    if (!strstr(error, reason) || !strstr(error, path)) {
        fail_msg("\"%s\" names neither %s nor \"%s\"", error, path, reason);
    }
}

/* J02, J03: places that are not ours, or not safe, are refused by name. */
static void unsafe_places_are_refused(void **state)
{
    fixture_t *f = *state;
    const char *base = f->base;
    char *path = apr_pstrcat(f->p, base, "/place", NULL);

    assert_int_equal(symlink(f->path, path), 0);
    refuses(f, path, "symbolic link");
    assert_int_equal(unlink(path), 0);
    assert_int_equal(symlink("/nonexistent/x", path), 0);
    refuses(f, path, "symbolic link");
    assert_int_equal(unlink(path), 0);
    assert_int_equal(mkfifo(path, 0600), 0);
    refuses(f, path, "not a directory");
    assert_int_equal(unlink(path), 0);
    refuses(f, "/dev/null", "not a directory");
    assert_int_equal(mkdir(path, 0700), 0);
    assert_int_equal(chmod(path, 0750), 0);
    refuses(f, path, "open to others");
    assert_int_equal(rmdir(path), 0);
    refuses(f, apr_pstrcat(f->p, base, "/no/place", NULL), "parent");
    assert_int_equal(chmod(base, 0777), 0);
    refuses(f, path, "writable for everybody");
    assert_int_equal(chmod(base, 01777), 0);
    assert_null(fixture_make(f, path, fixture_kind, NULL));
    if (geteuid() == 0) {
        assert_int_equal(chown(path, 12345, 12345), 0);
        refuses(f, path, "belongs to user 12345");
    }
}

/* J02: nor may what lies inside lead elsewhere. */
static void unsafe_files_inside_are_refused(void **state)
{
    fixture_t *f = *state;
    const char *bad = in_store(f, "000.a.pag");
    const char *away = apr_pstrcat(f->p, f->base, "/away", NULL);
    int fd = open(away, O_CREAT | O_WRONLY, 0600);

    assert_true(fd >= 0);
    close(fd);
    assert_int_equal(symlink(away, bad), 0);
    refuses(f, f->path, "not a plain file");
    assert_int_equal(unlink(bad), 0);
    assert_int_equal(link(away, bad), 0);
    refuses(f, f->path, "second name");
    assert_int_equal(unlink(bad), 0);
    assert_int_equal(mkdir(bad, 0700), 0);
    refuses(f, f->path, "not a plain file");
    assert_int_equal(rmdir(bad), 0);
    assert_int_equal(rename(away, bad), 0);
    assert_int_equal(chmod(bad, 0640), 0);
    refuses(f, f->path, "open to others");
    assert_int_equal(unlink(bad), 0);
    assert_null(fixture_make(f, f->path, fixture_kind, NULL));
}

/* J19: a store is of one type and has so many shards, and says so. */
static void a_store_of_another_kind_is_refused(void **state)
{
    fixture_t *f = *state;
    const char *other = strcmp(fixture_kind, "gdbm") == 0 ? "sdbm" : "gdbm";
    const char *error;

    error = fixture_make(f, f->path, other, NULL);
    assert_non_null(error);
    assert_non_null(strstr(error, other));
    assert_non_null(strstr(error, fixture_kind));
    error = fixture_make(f, f->path, fixture_kind, "8");
    assert_non_null(error);
    assert_non_null(strstr(error, "shards=4"));
    assert_non_null(strstr(error, "shards=8"));
    error = fixture_make(f, f->path, NULL, NULL);
    assert_null(error); /* what was not given is what there is */
    assert_int_equal(djs_store_open(f->store, f->child), APR_SUCCESS);
    assert_int_equal(put_named(f, KEY, 10, DJS_PUT_NEW), APR_SUCCESS);
}

static void bad_options_are_refused_with_the_good_ones(void **state)
{
    fixture_t *f = *state;
    static const struct {
        const char *spec, *option, *says;
    } cases[] = { { "dbm:/x/y", "type=default", "type=sdbm" },
                  { "dbm:/x/y", "type=", "type=sdbm" },
                  { "dbm:/x/y", "shards=0", "power of two" },
                  { "dbm:/x/y", "shards=3", "power of two" },
                  { "dbm:/x/y", "shards=2048", "1024" },
                  { "dbm:/x/y", "shards=-4", "power of two" },
                  { "dbm:/x/y", "shards=4x", "power of two" },
                  { "dbm:/x/y", "colour=blue", "no option" },
                  { "dbm:", NULL, "absolute path" },
                  { "dbm:x", NULL, "absolute path" },
                  { "dbm:/", NULL, "absolute path" },
                  { "memory:", NULL, "names no store" },
                  { "dbm", NULL, "names no store" },
                  { "", NULL, "names no store" } };

    for (apr_size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
        const char *options[2] = { cases[i].option, NULL };
        const char *error =
            djs_store_create(&f->store, cases[i].spec, options, 1000, f->p);

        assert_non_null(error);
        assert_non_null(strstr(error, cases[i].says));
        assert_null(f->store);
    }
}

/* J06: what a type can not keep is refused at start, with the alternatives. */
static void sessions_too_large_for_the_type_are_refused_at_start(void **state)
{
    fixture_t *f = *state;
    const char *options[2] = { "type=sdbm", NULL };
    const char *error =
        djs_store_create(&f->store, "dbm:/x/y", options, 100000, f->p);

    assert_non_null(error);
    assert_non_null(strstr(error, "type=gdbm"));
    assert_non_null(strstr(error, "DjSessionMaxSize"));
    options[0] = "type=gdbm";
    assert_null(djs_store_create(&f->store, "dbm:/x/y", options, 100000, f->p));
    assert_non_null(
        djs_store_create(&f->store, "dbm:/x/y", options, 1100000, f->p));
}

/* J05: another user's store is not opened, so no file of it changes hands. */
static void another_users_store_is_not_opened(void **state)
{
    fixture_t *f = *state;

    if (geteuid() != 0) {
        skip();
    }
    assert_int_equal(chown(f->path, 12345, 12345), 0);
    assert_int_equal(djs_store_open(f->store, f->child), APR_EACCES);
    assert_int_equal(chown(f->path, 0, 0), 0);
}

/* J14: a store that could not be opened is in trouble, and can be opened later
 * in the same process. */
static void what_did_not_open_is_opened_later(void **state)
{
    fixture_t *f = *state;
    const char *away;

    f->path = apr_pstrcat(f->p, f->base, "/later", NULL);
    assert_null(fixture_make(f, f->path, fixture_kind, "1"));
    away = apr_pstrcat(f->p, f->path, ".away", NULL);
    for (const char *const *name = (const char *const[]){ "", "/lock", NULL };
         *name; name++) {
        const char *file = apr_pstrcat(f->p, f->path, *name, NULL);

        apr_pool_clear(f->child);
        assert_int_equal(rename(file, away), 0);
        assert_int_not_equal(djs_store_open(f->store, f->child), APR_SUCCESS);
        assert_false(djs_store_is_open(f->store));
        assert_int_equal(put_named(f, KEY, 400, DJS_PUT_NEW), DJS_ETROUBLE);
        assert_int_equal(get_named(f, KEY, 400), DJS_ETROUBLE);
        assert_int_equal(rename(away, file), 0);
    }
    apr_pool_clear(f->child);
    assert_int_equal(djs_store_open(f->store, f->child), APR_SUCCESS);
    assert_int_equal(put_named(f, KEY, 400, DJS_PUT_NEW), APR_SUCCESS);
    assert_int_equal(get_named(f, KEY, 400), APR_SUCCESS);
}

/* INV8: files that can not be seen are not absent, and nothing is removed on
 * their account: an outage is no miss. */
static void files_out_of_sight_are_not_absent(void **state)
{
    fixture_t *f = *state;
    const djs_dbm_type_t *type = djs_dbm_type(fixture_kind);
    const char *loop = apr_pstrcat(f->p, f->base, "/loop", NULL);
    const char *hidden = apr_pstrcat(f->p, loop, "/000.b", NULL);

    f->path = apr_pstrcat(f->p, f->base, "/seen", NULL);
    assert_null(fixture_make(f, f->path, fixture_kind, "1"));
    assert_int_equal(djs_store_open(f->store, f->child), APR_SUCCESS);
    assert_int_equal(put_named(f, KEY, 400, DJS_PUT_NEW), APR_SUCCESS);
    assert_int_equal(symlink(loop, loop), 0); /* ELOOP, for root, too */
    assert_int_equal(djs_copy_files(type, hidden), DJS_FILES_HIDDEN);
    assert_int_equal(djs_copy_files(type, in_store(f, "001.a")),
                     DJS_FILES_NONE);
    assert_int_equal(djs_copy_over(type, in_store(f, "000.a"), hidden),
                     DJS_ETROUBLE);
    assert_int_equal(djs_copy_files(type, in_store(f, "000.a")), DJS_FILES_ALL);
    assert_int_equal(get_named(f, KEY, 400), APR_SUCCESS);
}

#define CASE(test) cmocka_unit_test_setup_teardown(test, begin, end)

static int run(const char *name)
{
    const struct CMUnitTest cases[] = {
        CASE(files_are_for_their_owner_only),
        CASE(unsafe_places_are_refused),
        CASE(unsafe_files_inside_are_refused),
        CASE(a_store_of_another_kind_is_refused),
        CASE(bad_options_are_refused_with_the_good_ones),
        CASE(sessions_too_large_for_the_type_are_refused_at_start),
        CASE(another_users_store_is_not_opened),
        CASE(what_did_not_open_is_opened_later),
        CASE(files_out_of_sight_are_not_absent)
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
