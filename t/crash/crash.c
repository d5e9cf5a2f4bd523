/* crash.c - kills writers at random moments and reads back what was promised.
 *
 *   crash [type=sdbm] [kills=150] [workers=3] [bytes=450] [shards=4] [seed=1]
 *         [dir=/dev/shm]
 *
 * Each worker has keys of its own and says in shared memory what it is about
 * to do to one, and that it was done. After each SIGKILL every key of the dead
 * worker is read: it must hold what was acknowledged, or what was under way,
 * and from then on that and nothing else. One more process sweeps and compacts
 * all the time, and is killed too. Now and then the store begins anew, so that
 * the making of files is interrupted as often as their use. Exits 1 when
 * anything acknowledged is lost, stale, corrupt or revived (J10). */
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>
#include <apr_general.h>
#include <apr_strings.h>
#include "base/clock.h"
#include "store/store.h"

#define WORKERS_MAX 16
#define KEYS        64  /* of each worker */
#define ANEW        100 /* kills after which the store begins anew */
#define NOW         ((apr_time_t)1700000000 * APR_USEC_PER_SEC)
#define LATER       (NOW + apr_time_from_sec(3600))

/* What a key holds: a value made from `seq`, or nothing (0). */
typedef struct {
    volatile unsigned acked;
    volatile unsigned pending; /* what it will hold when the call is over */
    volatile int busy;
} fact_t;

typedef struct {
    fact_t facts[WORKERS_MAX][KEYS];
    volatile unsigned long calls;
    volatile unsigned long failed; /* calls of workers that were refused */
} shared_t;

typedef struct {
    const char *type, *dir, *path;
    long kills, workers, bytes, shards, seed;
    unsigned long reads, lost, stale, corrupt, revived, errors;
    pid_t pids[WORKERS_MAX + 1];
    djs_store_t *store;
    shared_t *shared;
    apr_pool_t *p, *store_pool, *scratch;
    unsigned random;
} crash_t;

static unsigned draw(unsigned *x, unsigned below)
{
    *x ^= *x << 13;
    *x ^= *x >> 17;
    *x ^= *x << 5;
    return (*x >> 4) % below;
}

static djs_call_t call_now(void)
{
    djs_call_t call = { NOW, djs_clock_steady() + apr_time_from_sec(30), 0 };

    return call;
}

static djs_bytes_t key_of(char out[48], int worker, int n)
{
    unsigned x = (unsigned)(worker * 1000 + n) * 2654435761u + 7;

    for (int at = 0; at < 40; at++) {
        out[at] = "0123456789abcdef"[draw(&x, 16)];
    }
    return djs_bytes_of(out, 40);
}

/* A value that says whose it is and which; all of it depends on both. */
static djs_bytes_t value_of(char *out, long most, int worker, int n,
                            unsigned seq)
{
    unsigned x = seq * 2654435761u + (unsigned)(worker * KEYS + n) + 1;
    apr_size_t len = 8 + draw(&x, (unsigned)most - 8);

    memcpy(out, &seq, 4);
    memcpy(out + 4, &len, 4);
    for (apr_size_t i = 8; i < len; i++) {
        out[i] = (char)draw(&x, 256);
    }
    return djs_bytes_of(out, len);
}

typedef struct {
    djs_bytes_t val;
} wish_t;

static apr_status_t grant(djs_update_t *todo, djs_bytes_t current, void *baton,
                          apr_pool_t *scratch)
{
    (void)current;
    (void)scratch;
    todo->what = DJS_UPDATE_REPLACE;
    todo->val = ((wish_t *)baton)->val;
    todo->expires = LATER;
    return APR_SUCCESS;
}

/* One random change to one key. A record that has expired when it is put is a
 * removal that the sweep completes. */
static apr_status_t change(crash_t *c, int worker, unsigned *x, char *room)
{
    int n = (int)draw(x, KEYS);
    fact_t *fact = &c->shared->facts[worker][n];
    unsigned seq = *x | 1, what = draw(x, 8);
    char text[48];
    djs_bytes_t key = key_of(text, worker, n);
    wish_t wish = { value_of(room, c->bytes, worker, n, seq) };
    apr_status_t rv;

    fact->pending = what < 2 ? 0 : seq;
    fact->busy = 1;
    if (what == 0 || (what == 1 && !fact->acked)) {
        rv = djs_store_remove(c->store, key, call_now(), c->scratch);
    }
    else if (what == 1) {
        rv = djs_store_put(c->store, key, (djs_item_t){ wish.val, NOW - 1 },
                           DJS_PUT_EXISTING, call_now(), c->scratch);
    }
    else if (!fact->acked) {
        rv = djs_store_put(c->store, key, (djs_item_t){ wish.val, LATER },
                           DJS_PUT_NEW, call_now(), c->scratch);
    }
    else {
        rv = djs_store_update(c->store, key, grant, &wish, call_now(),
                              c->scratch);
    }
    if (rv == APR_SUCCESS) {
        fact->acked = fact->pending;
    }
    fact->busy = 0;
    return rv;
}

static void work(crash_t *c, int worker, unsigned seed)
{
    char *room = apr_palloc(c->p, (apr_size_t)c->bytes + 8);
    char text[120];

    for (;;) {
        apr_status_t rv = change(c, worker, &seed, room);

        __atomic_add_fetch(&c->shared->calls, 1, __ATOMIC_RELAXED);
        if (rv != APR_SUCCESS) {
            __atomic_add_fetch(&c->shared->failed, 1, __ATOMIC_RELAXED);
            fprintf(stderr, "worker: %s\n",
                    djs_status_text(rv, text, sizeof(text)));
        }
        apr_pool_clear(c->scratch);
    }
}

static void sweep(crash_t *c)
{
    djs_sweep_t did = { 0, 0, 0, 0 };

    for (;;) {
        djs_store_sweep(c->store, &did, call_now(), c->scratch);
        apr_pool_clear(c->scratch);
    }
}

static void start(crash_t *c, int worker)
{
    unsigned seed = c->random | 1;

    draw(&c->random, 2);
    c->pids[worker] = fork();
    if (c->pids[worker] == 0) {
        apr_pool_t *p;

        apr_pool_create(&p, NULL);
        if (djs_store_open(c->store, p) != APR_SUCCESS) {
            _exit(9);
        }
        if (worker == c->workers) {
            sweep(c);
        }
        work(c, worker, seed);
    }
}

static void judge(crash_t *c, int worker, int n, char *room)
{
    fact_t *fact = &c->shared->facts[worker][n];
    unsigned is = 0;
    char text[48];
    djs_bytes_t val;
    apr_status_t rv = djs_store_get(c->store, key_of(text, worker, n),
                                    call_now(), &val, c->scratch);

    c->reads++;
    if (rv != APR_SUCCESS && rv != DJS_EABSENT) {
        fprintf(stderr, "read: %s\n",
                djs_status_text(rv, room, (apr_size_t)c->bytes));
        c->errors++;
        return;
    }
    if (rv == APR_SUCCESS) {
        memcpy(&is, val.data, 4);
        if (!djs_bytes_equal(val, value_of(room, c->bytes, worker, n, is))) {
            c->corrupt++;
            return;
        }
    }
    if (is != fact->acked && !(fact->busy && is == fact->pending)) {
        c->lost += is == 0;
        c->revived += is != 0 && fact->acked == 0;
        c->stale += is != 0 && fact->acked != 0;
    }
    fact->acked = is; /* and so it must stay */
    fact->busy = 0;
}

static void judge_all(crash_t *c, int worker)
{
    char *room = apr_palloc(c->scratch, (apr_size_t)c->bytes + 200);

    for (int n = 0; n < KEYS && worker < c->workers; n++) {
        judge(c, worker, n, room);
    }
    apr_pool_clear(c->scratch);
}

static int end(crash_t *c, int worker)
{
    int status = 0;

    kill(c->pids[worker], SIGKILL);
    waitpid(c->pids[worker], &status, 0);
    return WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL;
}

static void begin_store(crash_t *c)
{
    static int count;
    const char *options[3] = { apr_pstrcat(c->p, "type=", c->type, NULL),
                               apr_psprintf(c->p, "shards=%ld", c->shards),
                               NULL };
    djs_owner_t me = { (apr_uid_t)-1, (apr_gid_t)-1 };
    const char *error, *path;

    if (c->store_pool) {
        apr_pool_destroy(c->store_pool);
    }
    apr_pool_create(&c->store_pool, c->p);
    path = apr_psprintf(c->p, "%s/%d", c->path, count++);
    error = djs_store_create(&c->store, apr_pstrcat(c->p, "dbm:", path, NULL),
                             options, 67000, c->p);
    if (!error) {
        error = djs_store_prepare(c->store, me, c->p);
    }
    if (!error && djs_store_open(c->store, c->store_pool) != APR_SUCCESS) {
        error = "the store can not be opened";
    }
    if (error) {
        fprintf(stderr, "%s\n", error);
        exit(2);
    }
    memset(c->shared->facts, 0, sizeof(c->shared->facts));
}

/* All of one store's life: kills, and at last every key of every worker. */
static long one_life(crash_t *c, long kills)
{
    long done = 0;

    begin_store(c);
    for (int i = 0; i <= c->workers; i++) {
        start(c, i);
    }
    for (; done < kills; done++) {
        int victim = (int)draw(&c->random, (unsigned)c->workers + 1);
        struct timespec pause = { 0,
                                  (long)draw(&c->random, 3000) * 1000 + 500 };

        nanosleep(&pause, NULL);
        if (!end(c, victim)) {
            fprintf(stderr, "a worker ended by itself\n");
            c->errors++;
        }
        judge_all(c, victim);
        start(c, victim);
    }
    for (int i = 0; i <= c->workers; i++) {
        end(c, i);
    }
    for (int i = 0; i < c->workers; i++) {
        judge_all(c, i);
    }
    return done;
}

static void option(crash_t *c, const char *arg)
{
    const char *equals = strchr(arg, '=');
    const char *value = equals ? equals + 1 : "";
    struct {
        const char *name;
        long *number;
        const char **text;
    } known[] = {
        { "type=", NULL, &c->type },       { "dir=", NULL, &c->dir },
        { "kills=", &c->kills, NULL },     { "seed=", &c->seed, NULL },
        { "workers=", &c->workers, NULL }, { "bytes=", &c->bytes, NULL },
        { "shards=", &c->shards, NULL }
    };

    for (apr_size_t k = 0; k < sizeof(known) / sizeof(*known); k++) {
        if (strncmp(arg, known[k].name, strlen(known[k].name)) != 0) {
            continue;
        }
        if (known[k].text) {
            *known[k].text = value;
        }
        else {
            *known[k].number = strtol(value, NULL, 10);
        }
    }
}

static void options(crash_t *c, int argc, char **argv)
{
    for (int i = 1; i < argc; i++) {
        option(c, argv[i]);
    }
    c->workers = c->workers < 1 || c->workers > WORKERS_MAX ? 3 : c->workers;
    c->bytes = c->bytes < 16 ? 16 : c->bytes;
}

int main(int argc, char **argv)
{
    crash_t c = { .type = "sdbm", .dir = "/tmp", .kills = 150, .workers = 3 };
    long done = 0;

    c.bytes = 450;
    c.shards = 4;
    c.seed = 1;
    if (access("/dev/shm", W_OK) == 0) {
        c.dir = "/dev/shm"; /* gdbm and db wait for a disk at each change */
    }
    options(&c, argc, argv);
    c.random = (unsigned)c.seed * 2654435761u + 1;
    apr_initialize();
    apr_pool_create(&c.p, NULL);
    apr_pool_create(&c.scratch, c.p);
    c.path = mkdtemp(apr_pstrcat(c.p, c.dir, "/djs-crash-XXXXXX", NULL));
    c.shared = mmap(NULL, sizeof(*c.shared), PROT_READ | PROT_WRITE,
                    MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    if (!c.path || c.shared == MAP_FAILED) {
        perror("crash");
        return 2;
    }
    while (done < c.kills) {
        done += one_life(&c, c.kills - done < ANEW ? c.kills - done : ANEW);
        if (system(apr_pstrcat(c.p, "rm -rf ", c.path, "/*", NULL)) != 0) {
            return 2;
        }
    }
    rmdir(c.path);
    c.errors += c.shared->failed;
    printf("%s: %ld kills, %lu calls, %lu reads: %lu lost, %lu stale, "
           "%lu corrupt, %lu revived, %lu errors\n",
           c.type, done, c.shared->calls, c.reads, c.lost, c.stale, c.corrupt,
           c.revived, c.errors);
    return (c.lost | c.stale | c.corrupt | c.revived | c.errors) != 0;
}
