/* tiers_fixture.h - memcached in front of DBM files, and what memcached itself
 * says. */
#ifndef DJS_UNIT_TIERS_FIXTURE_H
#define DJS_UNIT_TIERS_FIXTURE_H

#include <fcntl.h>
#include "base/hex.h"
#include "store_fixture.h"

/* Of a machine that is busy elsewhere. ThreadSanitizer looks up names when the
 * guard ends a call for the first time, which takes its while. */
#ifdef __SANITIZE_THREAD__
#define SLACK (2000 * 1000)
#else
#define SLACK (150 * 1000)
#endif

#define ID_AT    112 /* in the lock file: doc/formats-store, section 3 */
#define ID_LEN   16
#define BOOT_AT  24
#define RAW_MAX  2000
#define DEADLINE (200 * 1000)

/* What all tests share. */
static memcached_t server;

/* ------------------------------------------------------ a second opinion */

/* Says something to memcached, and gives its answer. */
static inline apr_size_t ask(const char *text, apr_size_t len, char *answer,
                             const char *end)
{
    struct sockaddr_in in = loopback(server.port);
    int fd = socket(AF_INET, SOCK_STREAM, 0);
    apr_size_t got = 0, tail = strlen(end);

    assert_int_equal(connect(fd, (struct sockaddr *)&in, sizeof in), 0);
    assert_int_equal(write(fd, text, len), (ssize_t)len);
    while (got < tail || memcmp(answer + got - tail, end, tail) != 0) {
        ssize_t more = read(fd, answer + got, RAW_MAX - got);

        assert_true(more > 0);
        got += (apr_size_t)more;
    }
    close(fd);
    return got;
}

/* Where the copy of a record lies. */
static inline const char *raw_key(const fixture_t *f, const char *path,
                                  const char *key)
{
    unsigned char id[ID_LEN];
    char *hex = apr_pcalloc(f->p, 2 * ID_LEN + 2 * strlen(key) + 1);
    int fd = open(apr_pstrcat(f->p, path, "/lock", NULL), O_RDONLY);

    assert_int_equal(pread(fd, id, ID_LEN, ID_AT), ID_LEN);
    close(fd);
    djs_hex_encode(hex, id, ID_LEN);
    djs_hex_encode(hex + 2 * ID_LEN, (const unsigned char *)key, strlen(key));
    return apr_pstrcat(f->p, "djs:c:", hex, NULL);
}

/* The bytes of a copy as memcached has them; len 0: it has none. */
static inline djs_bytes_t raw_get(const fixture_t *f, const char *name)
{
    char *answer = apr_palloc(f->p, RAW_MAX);
    const char *question = apr_pstrcat(f->p, "get ", name, "\r\n", NULL);
    apr_size_t got = ask(question, strlen(question), answer, "END\r\n");
    char *line = memchr(answer, '\n', got);

    return got > 5 ? djs_bytes_of(line + 1,
                                  got - 7 - (apr_size_t)(line + 1 - answer))
                   : djs_bytes_of("", 0);
}

static inline void raw_set(const fixture_t *f, const char *name,
                           djs_bytes_t raw)
{
    char answer[RAW_MAX];
    char *head = apr_psprintf(f->p, "set %s 0 0 %d\r\n", name, (int)raw.len);
    apr_size_t len = strlen(head);
    char *all = apr_palloc(f->p, len + raw.len + 2);

    memcpy(all, head, len);
    memcpy(all + len, raw.data, raw.len);
    memcpy(all + len + raw.len, "\r\n", 2);
    (void)ask(all, len + raw.len + 2, answer, "STORED\r\n");
}

/* --------------------------------------------------------------- fixture */

static inline const char *make(djs_store_t **out, const fixture_t *f,
                               const char *path, int tiers)
{
    djs_owner_t me = { (apr_uid_t)-1, (apr_gid_t)-1 };
    const char *dbm = apr_pstrcat(f->p, "dbm:", path, NULL);
    const char *options[] = { dbm, "shards=4", NULL };
    const char *error =
        tiers
            ? djs_store_create(
                  out, apr_psprintf(f->p, "memcache:127.0.0.1:%d", server.port),
                  options, VALUE_MAX, f->p)
            : djs_store_create(out, dbm, NULL, VALUE_MAX, f->p);

    return error ? error : djs_store_prepare(*out, me, f->p);
}

static inline djs_store_t *opened(const fixture_t *f, const char *path,
                                  int tiers)
{
    djs_store_t *store;

    assert_null(make(&store, f, path, tiers));
    assert_int_equal(djs_store_open(store, f->child), APR_SUCCESS);
    return store;
}

static inline int begin_tiers(void **state)
{
    apr_pool_t *p;
    fixture_t *f;

    if (!server.pid) {
        memcached_start(&server, server.port);
    }
    kill(server.pid, SIGCONT); /* a test that failed may have left it so */
    apr_pool_create(&p, NULL);
    f = apr_pcalloc(p, sizeof(*f));
    f->p = p;
    apr_pool_create(&f->child, p);
    f->base = fixture_dir(p);
    f->path = apr_pstrcat(p, f->base, "/s", NULL);
    *state = f;
    f->store = opened(f, f->path, 1);
    return 0;
}

static inline apr_status_t put_to(djs_store_t *store, const fixture_t *f,
                                  const char *val, djs_put_e how)
{
    return djs_store_put(store, djs_bytes("a"),
                         (djs_item_t){ djs_bytes(val), LATER }, how,
                         call_within(DEADLINE), f->p);
}

static inline apr_status_t put(const fixture_t *f, const char *val,
                               djs_put_e how)
{
    return put_to(f->store, f, val, how);
}

static inline apr_status_t drop(const fixture_t *f)
{
    return djs_store_remove(f->store, djs_bytes("a"), call_within(DEADLINE),
                            f->p);
}

/* The value of "a"; or "-" for none, "?" when nobody knows. */
static inline const char *of(djs_store_t *store, const fixture_t *f)
{
    djs_bytes_t got;
    apr_status_t rv =
        djs_store_get(store, djs_bytes("a"), call_within(DEADLINE), &got, f->p);

    if (rv == APR_SUCCESS) {
        return apr_pstrmemdup(f->p, got.data, got.len);
    }
    return rv == DJS_EABSENT ? "-" : "?";
}

static inline const char *get(const fixture_t *f)
{
    return of(f->store, f);
}

#endif
