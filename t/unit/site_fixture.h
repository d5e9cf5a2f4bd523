/* site_fixture.h - the stores of a Django site, each empty and a test's own:
 * files, rows in SQLite, entries in a real memcached, and both of these. */
#ifndef DJS_UNIT_SITE_FIXTURE_H
#define DJS_UNIT_SITE_FIXTURE_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>
#include <cmocka.h>
#include <apr_dbd.h>
#include <apr_file_info.h>
#include <apr_general.h>
#include <apr_strings.h>
#include "base/clock.h"
#include "memcached.h"
#include "store/providers.h"
#include "store/site.h"

#define NOW   ((apr_time_t)1700000000 * APR_USEC_PER_SEC)
#define LATER (NOW + apr_time_from_sec(3600))
#define KEY   "abcdefghijklmnopqrstuvwxyz012345"
#define OTHER "zzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzz"

static apr_pool_t *pool;
static djs_store_t *store;
static const char *kind;
static const char *dir; /* of the files, and of the database */
static memcached_t cache;

/* The database of the test, and what becomes of those who ask for it. */
static const apr_dbd_driver_t *driver;
static apr_dbd_t *handle;
static int lent, refuse; /* so many times it can not be had */
static char told[256];

static inline apr_status_t lend_open(void *baton, const apr_dbd_driver_t **d,
                                     apr_dbd_t **h, void **lease, apr_pool_t *p)
{
    (void)baton;
    (void)p;
    if (refuse > 0) {
        refuse--;
        return DJS_ETROUBLE;
    }
    lent++;
    *d = driver;
    *h = handle;
    *lease = handle;
    return APR_SUCCESS;
}

static inline void lend_close(void *baton, void *lease)
{
    (void)baton;
    (void)lease;
    lent--;
}

static inline void lend_tell(void *baton, const char *text, apr_pool_t *p)
{
    (void)baton;
    (void)p;
    snprintf(told, sizeof told, "%s", text);
}

static const djs_dbd_t lender = { lend_open, lend_close, lend_tell, NULL };

static inline void sql(const char *statement)
{
    int rows;

    assert_int_equal(apr_dbd_query(driver, handle, &rows, statement), 0);
}

/* NULL: there is no driver here. */
static inline const char *open_database(void)
{
    const char *path = apr_pstrcat(pool, dir, "/site.sqlite", NULL);

    if (apr_dbd_get_driver(pool, "sqlite3", &driver) != APR_SUCCESS) {
        return NULL;
    }
    assert_int_equal(apr_dbd_open(driver, pool, path, &handle), APR_SUCCESS);
    sql("CREATE TABLE django_session (session_key varchar(40) NOT NULL PRIMARY"
        " KEY, session_data text NOT NULL, expire_date datetime NOT NULL)");
    return path;
}

static inline int has_rows(void)
{
    return strcmp(kind, "db") == 0 || strcmp(kind, "cached_db") == 0;
}

static inline int has_cache(void)
{
    return strcmp(kind, "cache") == 0 || strcmp(kind, "cached_db") == 0;
}

static inline djs_call_t within(apr_interval_time_t time)
{
    djs_call_t call = { NOW, djs_clock_steady() + time, 0 };

    return call;
}

static inline djs_call_t soon(void)
{
    return within(apr_time_from_sec(5));
}

static inline void begin_store(void)
{
    static int tests;
    const char *options[3] = { NULL, NULL, NULL };
    const char *spec = "django-cookies:";
    djs_owner_t me = { (apr_uid_t)-1, (apr_gid_t)-1 };

    if (strcmp(kind, "file") == 0) {
        spec = apr_pstrcat(pool, "django-file:", dir, NULL);
    }
    else if (strcmp(kind, "db") == 0) {
        spec = "django-db:";
    }
    else if (has_cache()) {
        if (cache.pid == 0) {
            memcached_start(&cache, 0);
        }
        spec = apr_psprintf(pool, "django-%s:127.0.0.1:%d",
                            has_rows() ? "cached-db" : "cache", cache.port);
        options[0] = apr_psprintf(pool, "prefix=t%d", ++tests);
        options[1] = "max=8";
    }
    assert_null(djs_store_create(&store, spec, options, 4096, pool));
    assert_null(djs_store_prepare(store, me, pool));
    assert_int_equal(djs_site_lend(store, &lender), has_rows());
    assert_int_equal(djs_store_open(store, pool), APR_SUCCESS);
}

/* Removes the directory of the test with what is in it. */
static inline void remove_dir(const char *path)
{
    apr_finfo_t entry;
    apr_dir_t *open;

    if (apr_dir_open(&open, path, pool) != APR_SUCCESS) {
        return;
    }
    while (apr_dir_read(&entry, APR_FINFO_NAME, open) == APR_SUCCESS) {
        const char *name = apr_pstrcat(pool, path, "/", entry.name, NULL);

        if (entry.name[0] != '.' && unlink(name) != 0) {
            (void)rmdir(name);
        }
    }
    (void)apr_dir_close(open);
    (void)rmdir(path);
}

/* `*state` is the kind. */
static int begin(void **state)
{
    char name[] = "/tmp/djs-site-XXXXXX";

    kind = *state;
    apr_pool_create(&pool, NULL);
    apr_dbd_init(pool);
    dir = apr_pstrdup(pool, mkdtemp(name));
    refuse = lent = 0;
    told[0] = '\0';
    if (has_rows() && open_database() == NULL) {
        kind = NULL; /* the test skips */
        return 0;
    }
    begin_store();
    return 0;
}

static int end(void **state)
{
    (void)state;
    assert_int_equal(lent, 0);
    if (handle != NULL) {
        apr_dbd_close(driver, handle);
        handle = NULL;
    }
    remove_dir(dir);
    apr_pool_destroy(pool);
    return 0;
}

#define SKIP_WITHOUT_KIND()                                                    \
    if (kind == NULL) {                                                        \
        skip();                                                                \
    }

static inline djs_entry_name_t named(const char *key)
{
    djs_entry_name_t name = { djs_bytes("sessionid"), djs_bytes(key) };

    return name;
}

/* An entry that says `text`, in both forms. */
static inline djs_entry_t entry_of(const char *text)
{
    djs_entry_t entry;

    memset(&entry, 0, sizeof entry);
    entry.text = djs_bytes(text);
    entry.pickle = djs_bytes(text);
    entry.flags = 1;
    entry.expires = LATER;
    return entry;
}

/* What an entry says, in whichever form it came; "(none)", or the trouble. */
static inline const char *says(const char *key)
{
    djs_entry_t entry;
    apr_status_t rv = djs_site_get(store, named(key), soon(), &entry, pool);
    djs_bytes_t text = entry.text.data ? entry.text : entry.pickle;

    return rv == DJS_EABSENT   ? "(none)"
           : rv != APR_SUCCESS ? apr_psprintf(pool, "(%d)", rv)
                               : apr_pstrmemdup(pool, text.data, text.len);
}

#endif
