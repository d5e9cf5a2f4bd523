/* store_fixture.h - a fresh store for a test, gone after it. */
#ifndef DJS_UNIT_STORE_FIXTURE_H
#define DJS_UNIT_STORE_FIXTURE_H

#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <apr_strings.h>
#include "base/clock.h"
#include "memcached.h"
#include "store/providers.h"
#include "store/store.h"

#define NOW       ((apr_time_t)1700000000 * APR_USEC_PER_SEC)
#define LATER     (NOW + apr_time_from_sec(3600))
#define VALUE_MAX 67000

typedef struct {
    apr_pool_t *p;
    apr_pool_t *child; /* the store is open while this lives */
    djs_store_t *store;
    const char *base; /* a directory of this test's own */
    const char *path; /* of the store in it */
    int shared;       /* processes may share it */
    int listed;       /* it can be swept and listed */
    int slow;         /* writes to the disk at every change */
    int times;
    const char *options[4];
} fixture_t;

/* "memory", "memcache", "memcache twins", "tiers", or a DBM type. */
static const char *fixture_kind = "sdbm";

static inline djs_call_t call_within(apr_interval_time_t time)
{
    djs_call_t call = { NOW, djs_clock_steady() + time, 0 };

    return call;
}

static inline djs_call_t soon(void)
{
    return call_within(apr_time_from_sec(10));
}

static inline djs_call_t patient(void)
{
    return call_within(apr_time_from_sec(120));
}

/* Bytes that depend on the seed alone; a shorter run is not a prefix's end. */
static inline djs_bytes_t noise(apr_size_t len, unsigned seed, apr_pool_t *p)
{
    char *out = apr_palloc(p, len + 1);
    unsigned x = seed * 2654435761u + 1;

    for (apr_size_t i = 0; i < len; i++) {
        x ^= x << 13;
        x ^= x >> 17;
        x ^= x << 5;
        out[i] = (char)x;
    }
    return djs_bytes_of(out, len);
}

/* /dev/shm where there is one: gdbm and db wait for the disk at every change */
static inline const char *fixture_dir(apr_pool_t *p)
{
    const char *shm = access("/dev/shm", W_OK) == 0 ? "/dev/shm" : "/tmp";

    return mkdtemp(apr_pstrcat(p, getenv("TMPDIR") ? getenv("TMPDIR") : shm,
                               "/djs-store-XXXXXX", NULL));
}

static inline const char *fixture_make(fixture_t *f, const char *path,
                                       const char *type, const char *shards)
{
    const char *options[3] = { NULL, NULL, NULL };
    djs_owner_t me = { (apr_uid_t)-1, (apr_gid_t)-1 };
    const char *error;
    int n = 0;

    if (type) {
        options[n++] = apr_pstrcat(f->p, "type=", type, NULL);
    }
    if (shards) {
        options[n++] = apr_pstrcat(f->p, "shards=", shards, NULL);
    }
    error = djs_store_create(&f->store, apr_pstrcat(f->p, "dbm:", path, NULL),
                             options, VALUE_MAX, f->p);
    return error ? error : djs_store_prepare(f->store, me, f->p);
}

/* Two memcached that all tests of this program share. */
static inline memcached_t *fixture_twins(void)
{
    static memcached_t servers[2];

    for (int i = 0; i < 2; i++) {
        if (!servers[i].pid) {
            memcached_start(&servers[i], servers[i].port);
        }
    }
    return servers;
}

/* A store of this test's own in memcached servers that all tests share: one
 * of them, or two that hold the same. */
static inline const char *fixture_memcache(fixture_t *f, int twins)
{
    static int tests;
    const memcached_t *servers = fixture_twins();

    f->shared = 1;
    f->options[0] = apr_psprintf(f->p, "prefix=t%d:", ++tests);
    f->options[1] = twins ? "replicas=2" : NULL;
    return djs_store_create(&f->store,
                            apr_psprintf(f->p,
                                         "memcache:127.0.0.1:%d,127.0.0.1:%d",
                                         servers[0].port, servers[1].port),
                            f->options, VALUE_MAX, f->p);
}

/* One of those memcached in front of DBM files of this test's own. */
static inline const char *fixture_tiers(fixture_t *f)
{
    djs_owner_t me = { (apr_uid_t)-1, (apr_gid_t)-1 };
    const char *error;

    f->base = fixture_dir(f->p);
    f->path = apr_pstrcat(f->p, f->base, "/s", NULL);
    f->shared = 1;
    f->options[0] = apr_pstrcat(f->p, "dbm:", f->path, NULL);
    f->options[1] = "shards=4";
    error = djs_store_create(
        &f->store,
        apr_psprintf(f->p, "memcache:127.0.0.1:%d", fixture_twins()[0].port),
        f->options, VALUE_MAX, f->p);
    return error ? error : djs_store_prepare(f->store, me, f->p);
}

static inline int begin(void **state)
{
    apr_pool_t *p;
    fixture_t *f;
    const char *error;

    apr_pool_create(&p, NULL);
    f = apr_pcalloc(p, sizeof(*f));
    f->p = p;
    apr_pool_create(&f->child, p);
    *state = f;
    f->listed = 1;
    if (strncmp(fixture_kind, "memcache", 8) == 0) {
        f->listed = 0;
        error = fixture_memcache(f, fixture_kind[8] != '\0');
    }
    else if (strcmp(fixture_kind, "tiers") == 0) {
        error = fixture_tiers(f);
    }
    else if (strcmp(fixture_kind, "memory") == 0) {
        error = djs_store_create_with(&f->store, &djs_store_memory_provider, "",
                                      NULL, VALUE_MAX, p);
    }
    else {
        f->base = fixture_dir(p);
        f->path = apr_pstrcat(p, f->base, "/s", NULL);
        f->shared = 1;
        f->slow = strcmp(fixture_kind, "sdbm") != 0;
        error = fixture_make(f, f->path, fixture_kind, "4");
    }
    return error || djs_store_open(f->store, f->child) != APR_SUCCESS;
}

static inline int end(void **state)
{
    fixture_t *f = *state;
    int rv = 0;

    if (f->base) {
        rv = system(apr_pstrcat(f->p, "rm -rf ", f->base, NULL));
    }
    apr_pool_destroy(f->p);
    return rv;
}

#define KEY "0123456789abcdef0123456789abcdef01234567"

static inline apr_status_t put_named(fixture_t *f, const char *name,
                                     apr_size_t len, djs_put_e how)
{
    return djs_store_put(f->store, djs_bytes(name),
                         (djs_item_t){ noise(len, 5, f->p), LATER }, how,
                         soon(), f->p);
}

static inline apr_status_t get_named(fixture_t *f, const char *name,
                                     apr_size_t len)
{
    djs_bytes_t got;
    apr_status_t rv =
        djs_store_get(f->store, djs_bytes(name), soon(), &got, f->p);

    if (rv == APR_SUCCESS && !djs_bytes_equal(got, noise(len, 5, f->p))) {
        abort(); /* wrong data as a success */
    }
    return rv;
}

static inline const char *in_store(fixture_t *f, const char *name)
{
    return apr_pstrcat(f->p, f->path, "/", name, NULL);
}

/* What the one shard's copies are called, for each type. */
static const char *const files_of_sdbm[] = { "000.a.dir", "000.a.pag",
                                             "000.b.dir", "000.b.pag", NULL };
static const char *const files_of_others[] = { "000.a", "000.b", NULL };

static inline const char *const *shard_files(void)
{
    return strcmp(fixture_kind, "sdbm") == 0 ? files_of_sdbm : files_of_others;
}

/* As the fixture's begin, with a single shard so that its files are known. */
static inline int begin_one_shard(void **state)
{
    fixture_t *f;

    if (begin(state) != 0) {
        return 1;
    }
    f = *state;
    f->path = apr_pstrcat(f->p, f->base, "/one", NULL);
    return fixture_make(f, f->path, fixture_kind, "1") != NULL ||
           djs_store_open(f->store, f->child) != APR_SUCCESS;
}

#endif
