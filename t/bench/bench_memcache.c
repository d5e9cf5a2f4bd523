/* bench_memcache.c - a lookup in a memcached store beside the least that any
 * client must do.
 *
 *   bench_memcache HOST:PORT [lookups=N] [rounds=N] [bytes=N] [only=raw|store]
 *
 * Both ask the same memcached for the same item, over a connection that stays
 * open, in turn, round after round. Prints microseconds of CPU (user and
 * system) a lookup, medians of the rounds; the store's contain its thread that
 * watches deadlines. For callgrind, `only` runs one of them: what counts is in
 * raw_lookups() or store_lookups(). */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>
#include <apr_general.h>
#include <apr_memcache.h>
#include <apr_network_io.h>
#include <apr_portable.h>
#include <apr_strings.h>
#include "base/clock.h"
#include "base/hex.h"
#include "store/store.h"

#define HOUR    apr_time_from_sec(3600)
#define KEY_LEN 40
#define ROUNDS  101

typedef struct {
    djs_store_t *store;
    apr_pool_t *p, *scratch;
    const char *server, *only;
    long lookups, rounds, bytes;
    djs_bytes_t key; /* the store's */
    int fd;
    char question[400];
    size_t question_len;
} bench_t;

static const apr_time_t now = 1700000000 * APR_USEC_PER_SEC;

static void must(int good, const char *what)
{
    if (!good) {
        fprintf(stderr, "bench_memcache: %s failed\n", what);
        exit(1);
    }
}

/* ------------------------------------------------------------- the least */

/* "VALUE key flags length\r\n", the value, "\r\nEND\r\n": its value, checked
 * for the key, in one buffer; that much no client can do without. */
static const char *parse(const bench_t *bench, const char *got, size_t have,
                         size_t *len)
{
    const char *line = memchr(got, '\n', have), *at;
    size_t key_len = bench->question_len - strlen("get \r\n");

    if (!line || memcmp(got, "VALUE ", 6) != 0 ||
        memcmp(got + 6, bench->question + 4, key_len) != 0) {
        return NULL;
    }
    at = strchr(got + 6 + key_len + 1, ' ');
    *len = at ? strtoul(at, NULL, 10) : 0;
    return have >= (size_t)(line + 1 - got) + *len + 7 ? line + 1 : NULL;
}

static void raw_lookups(bench_t *bench, long count)
{
    static char got[65536];

    for (long i = 0; i < count; i++) {
        size_t have = 0, len = 0;
        ssize_t n = write(bench->fd, bench->question, bench->question_len);
        const char *value = NULL;

        must(n == (ssize_t)bench->question_len, "write");
        while (!value) {
            n = read(bench->fd, got + have, sizeof(got) - 1 - have);
            must(n > 0, "read");
            have += (size_t)n;
            value = parse(bench, got, have, &len);
            must(value || have < sizeof(got) - 1, "parse");
        }
        must(len > (size_t)bench->bytes, "length");
    }
}

/* ------------------------------------------------------------- the store */

static djs_call_t call_now(void)
{
    djs_call_t call = { now, djs_clock_steady() + APR_USEC_PER_SEC, 0 };

    return call;
}

static void store_lookups(bench_t *bench, long count)
{
    for (long i = 0; i < count; i++) {
        djs_bytes_t val = djs_bytes_of(NULL, 0);
        apr_status_t rv = djs_store_get(bench->store, bench->key, call_now(),
                                        &val, bench->scratch);

        must(rv == APR_SUCCESS && val.len == (apr_size_t)bench->bytes, "get");
        apr_pool_clear(bench->scratch);
    }
}

/* ------------------------------------------------------------ comparing */

static double microseconds(int who)
{
    struct rusage use;

    getrusage(who, &use);
    return (double)(use.ru_utime.tv_sec + use.ru_stime.tv_sec) * 1e6 +
           (double)(use.ru_utime.tv_usec + use.ru_stime.tv_usec);
}

static int by_size(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;

    return x < y ? -1 : x > y;
}

static double median(double *of, long count)
{
    qsort(of, (size_t)count, sizeof(*of), by_size);
    return of[count / 2];
}

/* The raw client has one thread, this one; all others are the store's. */
static void compare(bench_t *bench)
{
    double raw[ROUNDS], store[ROUNDS], ratio[ROUNDS];
    long each = bench->lookups / bench->rounds;

    raw_lookups(bench, 1000);
    store_lookups(bench, 1000);
    for (long i = 0; i < bench->rounds; i++) {
        double start = microseconds(RUSAGE_THREAD);

        raw_lookups(bench, each);
        raw[i] = (microseconds(RUSAGE_THREAD) - start) / (double)each;
        start = microseconds(RUSAGE_SELF);
        store_lookups(bench, each);
        store[i] = (microseconds(RUSAGE_SELF) - start) / (double)each;
        ratio[i] = store[i] / raw[i];
    }
    printf("raw %.3f us, store %.3f us, ratio %.3f, %ld lookups each\n",
           median(raw, bench->rounds), median(store, bench->rounds),
           median(ratio, bench->rounds), each * bench->rounds);
}

static void connect_raw(bench_t *bench, const char *name)
{
    apr_sockaddr_t *address;
    apr_socket_t *sock;
    char *host, *scope;
    apr_port_t port;

    bench->question_len = (size_t)snprintf(
        bench->question, sizeof bench->question, "get %s\r\n", name);
    must(apr_parse_addr_port(&host, &scope, &port, bench->server, bench->p) ==
                 APR_SUCCESS &&
             apr_sockaddr_info_get(&address, host, APR_INET, port, 0,
                                   bench->p) == APR_SUCCESS &&
             apr_socket_create(&sock, APR_INET, SOCK_STREAM, 0, bench->p) ==
                 APR_SUCCESS &&
             apr_socket_opt_set(sock, APR_TCP_NODELAY, 1) == APR_SUCCESS &&
             apr_socket_connect(sock, address) == APR_SUCCESS,
         "connect");
    apr_os_sock_get(&bench->fd, sock);
}

/* Makes the one session that everybody asks for. */
static void prepare(bench_t *bench)
{
    const char *options[] = { "prefix=bench:", NULL };
    char *key = apr_palloc(bench->p, KEY_LEN), *hex, *value;
    const char *error;

    memset(key, 0x5a, KEY_LEN);
    bench->key = djs_bytes_of(key, KEY_LEN);
    hex = apr_pcalloc(bench->p, 2 * KEY_LEN + 1);
    djs_hex_encode(hex, (const unsigned char *)key, KEY_LEN);
    error = djs_store_create(
        &bench->store, apr_pstrcat(bench->p, "memcache:", bench->server, NULL),
        options, 65536, bench->p);
    must(!error, error ? error : "");
    must(djs_store_open(bench->store, bench->p) == APR_SUCCESS, "open");
    value = apr_pcalloc(bench->p, (apr_size_t)bench->bytes + 1);
    memset(value, 'x', (size_t)bench->bytes);
    (void)djs_store_remove(bench->store, bench->key, call_now(),
                           bench->scratch);
    must(djs_store_put(
             bench->store, bench->key,
             (djs_item_t){ djs_bytes_of(value, (apr_size_t)bench->bytes),
                           now + HOUR },
             DJS_PUT_NEW, call_now(), bench->scratch) == APR_SUCCESS,
         "put");
    connect_raw(bench, apr_pstrcat(bench->p, "bench:s:", hex, NULL));
}

static void option(bench_t *bench, const char *arg)
{
    const char *equals = strchr(arg, '=');
    long n = equals ? atol(equals + 1) : 0;

    if (strncmp(arg, "only=", 5) == 0) {
        bench->only = equals + 1;
    }
    else if (strncmp(arg, "lookups=", 8) == 0) {
        bench->lookups = n;
    }
    else if (strncmp(arg, "rounds=", 7) == 0) {
        bench->rounds = n < 1 ? 1 : n > ROUNDS ? ROUNDS : n;
    }
    else if (strncmp(arg, "bytes=", 6) == 0) {
        bench->bytes = n;
    }
}

int main(int argc, const char *const *argv)
{
    bench_t bench = { .lookups = 100000, .rounds = 25, .bytes = 400 };

    if (argc < 2) {
        fprintf(stderr, "usage: bench_memcache HOST:PORT [name=value...]\n");
        return 2;
    }
    bench.server = argv[1];
    for (int i = 2; i < argc; i++) {
        option(&bench, argv[i]);
    }
    apr_initialize();
    apr_pool_create(&bench.p, NULL);
    apr_pool_create(&bench.scratch, bench.p);
    prepare(&bench);
    if (!bench.only) {
        compare(&bench);
    }
    else if (strcmp(bench.only, "raw") == 0) {
        raw_lookups(&bench, bench.lookups);
    }
    else {
        store_lookups(&bench, bench.lookups);
    }
    apr_pool_destroy(bench.p);
    apr_terminate();
    return 0;
}
