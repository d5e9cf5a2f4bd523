/* bench_store.c - what the verbs of a store cost, at a given size.
 *
 *   bench_store DIR [type=T] [shards=N] [sessions=N] [ops=N] [bytes=N]
 *               [sweep=1] [only=get]
 *
 * Fills the store, prints median and 99th percentile of get, put, update in
 * microseconds, and with sweep=1 expires half and sweeps. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <apr_general.h>
#include <apr_strings.h>
#include "base/clock.h"
#include "store/store.h"

#define HOUR apr_time_from_sec(3600)

typedef struct {
    djs_store_t *store;
    apr_pool_t *p, *scratch;
    long sessions, ops, bytes, sweep;
    const char *type, *shards, *only;
    char *value;
} bench_t;

static const apr_time_t now = 1700000000 * APR_USEC_PER_SEC;

static djs_call_t call_now(void)
{
    djs_call_t call = { now, djs_clock_steady() + HOUR, 0 };

    return call;
}

/* The key of session `n`: 40 digits that look random. */
static djs_bytes_t key_of(char out[48], long n)
{
    unsigned long x = (unsigned long)n * 0x9e3779b97f4a7c15UL + 12345;
    int at = 0;

    while (at < 40) {
        x ^= x >> 29;
        x *= 0xbf58476d1ce4e5b9UL;
        x ^= x >> 32;
        at += snprintf(out + at, 9, "%08lx", x & 0xffffffffUL);
    }
    return djs_bytes_of(out, 40);
}

static void must(apr_status_t rv, const char *what)
{
    char text[200];

    if (rv != APR_SUCCESS) {
        fprintf(stderr, "%s: %s\n", what,
                djs_status_text(rv, text, sizeof(text)));
        exit(1);
    }
}

static apr_status_t renew(djs_update_t *todo, djs_bytes_t current, void *baton,
                          apr_pool_t *scratch)
{
    bench_t *bench = baton;

    (void)scratch;
    todo->what = DJS_UPDATE_REPLACE;
    todo->val = djs_bytes_of(bench->value, current.len);
    todo->expires = now + 2 * HOUR;
    return APR_SUCCESS;
}

static void one(bench_t *bench, const char *what, long n)
{
    char text[48];
    djs_bytes_t key, val = djs_bytes_of(bench->value, (apr_size_t)bench->bytes);
    djs_call_t call = call_now();
    apr_status_t rv;

    key = key_of(text, n);
    if (strcmp(what, "get") == 0) {
        rv = djs_store_get(bench->store, key, call, &val, bench->scratch);
    }
    else if (strcmp(what, "put") == 0) {
        rv = djs_store_put(bench->store, key, (djs_item_t){ val, now + HOUR },
                           DJS_PUT_EXISTING, call, bench->scratch);
    }
    else {
        rv = djs_store_update(bench->store, key, renew, bench, call,
                              bench->scratch);
    }
    must(rv, what);
}

static int by_size(const void *a, const void *b)
{
    apr_int64_t x = *(const apr_int64_t *)a, y = *(const apr_int64_t *)b;

    return x < y ? -1 : x > y;
}

static apr_int64_t nanoseconds(void)
{
    struct timespec t;

    clock_gettime(CLOCK_MONOTONIC, &t);
    return (apr_int64_t)t.tv_sec * 1000000000 + t.tv_nsec;
}

static void measure(bench_t *bench, const char *what)
{
    apr_int64_t *took = apr_palloc(bench->p, (apr_size_t)bench->ops * 8);
    unsigned long x = 88172645463325252UL;

    if (bench->only && strcmp(bench->only, what) != 0) {
        return;
    }
    for (long i = 0; i < bench->ops; i++) {
        apr_int64_t start = nanoseconds();

        x ^= x << 13;
        x ^= x >> 7;
        x ^= x << 17;
        one(bench, what, (long)(x % (unsigned long)bench->sessions));
        took[i] = nanoseconds() - start;
        apr_pool_clear(bench->scratch);
    }
    qsort(took, (size_t)bench->ops, sizeof(*took), by_size);
    printf("%-5s %s %9ld sessions: %-6s median %7.1f us, 99 %% %8.1f us\n",
           bench->type + 5, bench->shards, bench->sessions, what,
           (double)took[bench->ops / 2] / 1000,
           (double)took[bench->ops * 99 / 100] / 1000);
}

static void fill(bench_t *bench)
{
    djs_bytes_t val = djs_bytes_of(bench->value, (apr_size_t)bench->bytes);

    for (long i = 0; i < bench->sessions; i++) {
        char text[48];
        djs_bytes_t key = key_of(text, i);

        must(djs_store_put(
                 bench->store, key,
                 (djs_item_t){ val, now + HOUR - (i % 2 ? 0 : HOUR / 2) },
                 DJS_PUT_NEW, call_now(), bench->scratch),
             "filling");
        apr_pool_clear(bench->scratch);
    }
}

static void sweep(bench_t *bench)
{
    djs_sweep_t did = { 0, 0, 0, 0 };
    apr_time_t start = djs_clock_steady();
    apr_status_t rv;

    do {
        djs_call_t call = call_now();

        call.now += HOUR * 3 / 4;
        rv = djs_store_sweep(bench->store, &did, call, bench->scratch);
        apr_pool_clear(bench->scratch);
    } while (APR_STATUS_IS_EAGAIN(rv));
    must(rv, "sweep");
    printf("%-5s %s %9ld sessions: swept %lu of %lu in %.2f s, %lu rewritten, "
           "longest hold %.2f ms\n",
           bench->type + 5, bench->shards, bench->sessions,
           (unsigned long)did.removed, (unsigned long)did.seen,
           (double)(djs_clock_steady() - start) / 1e6,
           (unsigned long)did.compacted, (double)did.longest_hold / 1000);
}

static void option(bench_t *bench, const char *arg)
{
    const char *equals = strchr(arg, '=');
    long n = equals ? atol(equals + 1) : 0;

    if (strncmp(arg, "type=", 5) == 0) {
        bench->type = arg;
    }
    else if (strncmp(arg, "shards=", 7) == 0) {
        bench->shards = arg;
    }
    else if (strncmp(arg, "only=", 5) == 0) {
        bench->only = equals + 1;
    }
    else if (strncmp(arg, "sessions=", 9) == 0) {
        bench->sessions = n;
    }
    else if (strncmp(arg, "ops=", 4) == 0) {
        bench->ops = n;
    }
    else if (strncmp(arg, "bytes=", 6) == 0) {
        bench->bytes = n;
    }
    else if (strncmp(arg, "sweep=", 6) == 0) {
        bench->sweep = n;
    }
}

int main(int argc, const char *const *argv)
{
    bench_t bench = { .sessions = 1000, .ops = 20000, .bytes = 400 };
    djs_owner_t owner = { (apr_uid_t)-1, (apr_gid_t)-1 };
    const char *options[3] = { NULL, NULL, NULL };
    const char *error;

    if (argc < 2) {
        fprintf(stderr, "usage: bench_store DIR [name=value...]\n");
        return 2;
    }
    bench.type = "type=sdbm";
    bench.shards = "shards=256";
    for (int i = 2; i < argc; i++) {
        option(&bench, argv[i]);
    }
    apr_initialize();
    apr_pool_create(&bench.p, NULL);
    apr_pool_create(&bench.scratch, bench.p);
    bench.value = apr_palloc(bench.p, (apr_size_t)bench.bytes);
    memset(bench.value, 'x', (size_t)bench.bytes);
    options[0] = bench.type;
    options[1] = bench.shards;
    error = djs_store_create(&bench.store,
                             apr_pstrcat(bench.p, "dbm:", argv[1], NULL),
                             options, 65536, bench.p);
    if (!error) {
        error = djs_store_prepare(bench.store, owner, bench.p);
    }
    if (error) {
        fprintf(stderr, "%s\n", error);
        return 1;
    }
    must(djs_store_open(bench.store, bench.p), "open");
    fill(&bench);
    measure(&bench, "get");
    measure(&bench, "put");
    measure(&bench, "update");
    if (bench.sweep) {
        sweep(&bench);
    }
    apr_pool_destroy(bench.p);
    apr_terminate();
    return 0;
}
