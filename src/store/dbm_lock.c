/* dbm_lock.c - a lock and an intent byte for each shard, in one file; and the
 * editions of the records. */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>
#include "base/clock.h"
#include "base/random.h"
#include "base/status.h"
#include "store/dbm_lock.h"

/* A lock that waits on the steady clock came with glibc 2.30; elsewhere a step
 * of the wall clock may shorten or lengthen a wait. ThreadSanitizer does not
 * see that such a wait takes the lock. */
#if defined(__SANITIZE_THREAD__)
#define WATCHED 1
#elif defined(__has_feature)
#if __has_feature(thread_sanitizer)
#define WATCHED 1
#endif
#endif
#if defined(__GLIBC__) && __GLIBC_PREREQ(2, 30) && !defined(WATCHED)
#define WAIT_CLOCK CLOCK_MONOTONIC
#define wait_for_mutex(mutex, moment)                                          \
    pthread_mutex_clocklock(mutex, CLOCK_MONOTONIC, moment)
#else
#define WAIT_CLOCK                    CLOCK_REALTIME
#define wait_for_mutex(mutex, moment) pthread_mutex_timedlock(mutex, moment)
#endif

#define LOCK_MAGIC  "djslock" /* with its NUL eight bytes */
#define LOCK_LAYOUT 2
#define LOCK_TEMP   "lock.new"
#define LOCK_TRIES  8    /* replaced that often in a row: give up */
#define LOCK_WAIT   1000 /* milliseconds that flock may take */

#define EDITIONS_LOG 14 /* 16384 counters: 128 KiB */
#define EDITIONS     (1u << EDITIONS_LOG)

typedef _Atomic uint64_t counter_t;

typedef union {
    struct {
        char magic[8];
        uint32_t layout;
        uint32_t shards;
        uint32_t slot_size;
        uint32_t mutex_size; /* differs between C libraries and word sizes */
        char boot[40];       /* the boot in which the mutexes were made */
        uint32_t sweep_next;
        pthread_mutex_t sweep;
        unsigned char id[DJS_EDITION_ID];
    } h;
    char room[256];
} lock_head_t;

typedef struct lock_map {
    lock_head_t *head;
    djs_lock_slot_t *slots;
    counter_t *counters;
    apr_size_t size;
    dev_t dev;
    ino_t ino;
    int blind;              /* the boot is not known: see boot_name */
    struct lock_map *older; /* threads may still hold locks in it */
} lock_map_t;

struct djs_lock {
    const char *path;
    int shards;
    _Atomic(lock_map_t *) map;
    atomic_int holders;     /* calls of this process that need the mapping */
    pthread_mutex_t reopen; /* one thread of this process maps anew */
};

static apr_size_t lock_size(int shards)
{
    return sizeof(lock_head_t) + (apr_size_t)shards * sizeof(djs_lock_slot_t) +
           EDITIONS * sizeof(counter_t);
}

/* The kernel's name for this boot. Where it can not be read the name is empty,
 * and nobody can tell whether the mutexes are of this boot: locks then outlive
 * a reboot, and whoever was locked out by that removes the lock file while
 * nothing uses the store. */
static void boot_name(char out[40])
{
    int fd = open("/proc/sys/kernel/random/boot_id", O_RDONLY | O_CLOEXEC);
    ssize_t got = 0;

    memset(out, 0, 40);
    if (fd >= 0) {
        got = read(fd, out, 36);
        close(fd);
    }
    if (got != 36) {
        memset(out, 0, 40);
    }
}

static int mutex_make(pthread_mutex_t *mutex)
{
    pthread_mutexattr_t attr;
    int err = pthread_mutexattr_init(&attr);

    if (err != 0) {
        return err;
    }
    err = pthread_mutexattr_setpshared(&attr, PTHREAD_PROCESS_SHARED);
    if (err == 0) {
        err = pthread_mutexattr_setrobust(&attr, PTHREAD_MUTEX_ROBUST);
    }
    if (err == 0) {
        memset(mutex, 0, sizeof(*mutex));
        err = pthread_mutex_init(mutex, &attr);
    }
    pthread_mutexattr_destroy(&attr);
    return err;
}

/* New mutexes, locked by nobody; what the copies are like is to be found out,
 * unless a writer left word of what it was doing. Nor are the counters to be
 * trusted, which the last boot may not have got to the disk: under a new id
 * nothing counts that was marked before. The boot's name goes last: whoever
 * dies on the way has done nothing. */
static apr_status_t make_mutexes(lock_head_t *head, djs_lock_slot_t *slots,
                                 const char *boot)
{
    apr_status_t rv = djs_random(head->h.id, sizeof(head->h.id));
    int err = rv == APR_SUCCESS ? mutex_make(&head->h.sweep) : rv;

    for (uint32_t i = 0; err == 0 && i < head->h.shards; i++) {
        err = mutex_make(&slots[i].s.mutex);
        if (slots[i].s.intent != DJS_INTENT_A &&
            slots[i].s.intent != DJS_INTENT_B) {
            slots[i].s.intent = DJS_INTENT_UNKNOWN;
        }
    }
    if (err == 0) {
        memcpy(head->h.boot, boot, sizeof(head->h.boot));
    }
    return err;
}

static int head_fits(const lock_head_t *head, int shards)
{
    return memcmp(head->h.magic, LOCK_MAGIC, sizeof(head->h.magic)) == 0 &&
           head->h.layout == LOCK_LAYOUT &&
           head->h.shards == (uint32_t)shards &&
           head->h.slot_size == sizeof(djs_lock_slot_t) &&
           head->h.mutex_size == sizeof(pthread_mutex_t);
}

static apr_status_t map_file(lock_map_t *map, int fd, int shards)
{
    struct stat st;
    void *at;

    if (fstat(fd, &st) != 0) {
        return errno;
    }
    if (!S_ISREG(st.st_mode) || st.st_size != (off_t)lock_size(shards)) {
        return DJS_EINVALID;
    }
    at = mmap(NULL, lock_size(shards), PROT_READ | PROT_WRITE, MAP_SHARED, fd,
              0);
    if (at == MAP_FAILED) {
        return errno;
    }
    map->head = at;
    map->slots = (djs_lock_slot_t *)(void *)(map->head + 1);
    map->counters = (counter_t *)(void *)(map->slots + shards);
    map->size = lock_size(shards);
    map->dev = st.st_dev;
    map->ino = st.st_ino;
    return APR_SUCCESS;
}

static apr_status_t fill_file(int fd, int shards)
{
    lock_map_t map = { 0 };
    char boot[40];
    apr_status_t rv;

    /* with room on the disk: where there is none a write to a mapping would
     * end the process */
    rv = posix_fallocate(fd, 0, (off_t)lock_size(shards));
    if (rv == APR_SUCCESS) {
        rv = map_file(&map, fd, shards);
    }
    if (rv != APR_SUCCESS) {
        return rv;
    }
    memcpy(map.head->h.magic, LOCK_MAGIC, sizeof(map.head->h.magic));
    map.head->h.layout = LOCK_LAYOUT;
    map.head->h.shards = (uint32_t)shards;
    map.head->h.slot_size = sizeof(djs_lock_slot_t);
    map.head->h.mutex_size = sizeof(pthread_mutex_t);
    boot_name(boot);
    rv = make_mutexes(map.head, map.slots, boot);
    munmap(map.head, map.size);
    return rv;
}

/* Nonzero when there is a lock file and it begins as ours do; one that somebody
 * wrote over is as good as none, and httpd shall start all the same. */
static int is_lock_file(int dirfd)
{
    char magic[sizeof LOCK_MAGIC];
    int fd = openat(dirfd, "lock", O_RDONLY | O_NOFOLLOW | O_CLOEXEC);
    int ours = 0;

    if (fd >= 0) {
        ours = read(fd, magic, sizeof(magic)) == (ssize_t)sizeof(magic) &&
               memcmp(magic, LOCK_MAGIC, sizeof(magic)) == 0;
        close(fd);
    }
    return ours;
}

apr_status_t djs_lock_make(int dirfd, int shards, uid_t uid, gid_t gid)
{
    apr_status_t rv;
    int fd;

    if (is_lock_file(dirfd)) {
        return APR_SUCCESS;
    }
    if (unlinkat(dirfd, LOCK_TEMP, 0) != 0 && errno != ENOENT) {
        return errno;
    }
    fd = openat(dirfd, LOCK_TEMP,
                O_RDWR | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);
    if (fd < 0) {
        return errno;
    }
    rv = fill_file(fd, shards);
    if (rv == APR_SUCCESS &&
        (fchmod(fd, 0600) != 0 || fchown(fd, uid, gid) != 0 ||
         renameat(dirfd, LOCK_TEMP, dirfd, "lock") != 0)) {
        rv = errno;
    }
    close(fd);
    return rv;
}

/* flock with an end; only somebody mapping the file holds it, and not long. */
static apr_status_t flock_soon(int fd)
{
    const struct timespec pause = { 0, 1000000 };

    for (int i = 0; i < LOCK_WAIT; i++) {
        if (flock(fd, LOCK_EX | LOCK_NB) == 0) {
            return APR_SUCCESS;
        }
        if (errno != EWOULDBLOCK && errno != EINTR) {
            return errno;
        }
        nanosleep(&pause, NULL);
    }
    return DJS_ETIMEOUT;
}

/* The mutexes of an earlier boot may be locked by processes that no longer
 * are: under the file's flock, make them anew, once. */
static apr_status_t renew_after_boot(lock_map_t *map)
{
    char boot[40];

    boot_name(boot);
    map->blind = boot[0] == '\0' || map->head->h.boot[0] == '\0';
    if (map->blind || memcmp(boot, map->head->h.boot, sizeof(boot)) == 0) {
        return APR_SUCCESS;
    }
    return make_mutexes(map->head, map->slots, boot);
}

static apr_status_t lock_map(djs_lock_t *lock)
{
    lock_map_t *map;
    apr_status_t rv;
    int fd = open(lock->path, O_RDWR | O_NOFOLLOW | O_CLOEXEC);

    if (fd < 0) {
        return errno;
    }
    map = calloc(1, sizeof(*map)); /* not from a pool: any thread comes here */
    rv = map ? flock_soon(fd) : APR_ENOMEM;
    if (rv == APR_SUCCESS) {
        rv = map_file(map, fd, lock->shards);
    }
    if (rv == APR_SUCCESS) {
        rv = head_fits(map->head, lock->shards) ? renew_after_boot(map)
                                                : DJS_EINVALID;
        if (rv != APR_SUCCESS) {
            munmap(map->head, map->size);
        }
    }
    (void)flock(fd, LOCK_UN); /* the mapping would keep it after close */
    close(fd);
    if (rv != APR_SUCCESS) {
        free(map);
        return rv;
    }
    map->older = atomic_load(&lock->map);
    atomic_store(&lock->map, map);
    return APR_SUCCESS;
}

static apr_status_t lock_close(void *data)
{
    djs_lock_t *lock = data;
    lock_map_t *map = atomic_load(&lock->map);

    /* prefork ends a child inside a signal handler, perhaps in the middle of a
     * call: the kernel frees its mutexes only where they are still mapped. */
    if (atomic_load(&lock->holders) > 0) {
        return APR_SUCCESS;
    }
    while (map) {
        lock_map_t *older = map->older;

        munmap(map->head, map->size);
        free(map);
        map = older;
    }
    atomic_store(&lock->map, NULL);
    pthread_mutex_destroy(&lock->reopen);
    return APR_SUCCESS;
}

apr_status_t djs_lock_open(djs_lock_t **out, const char *path, int shards,
                           apr_pool_t *pool)
{
    djs_lock_t *lock = apr_pcalloc(pool, sizeof(*lock));
    apr_status_t rv;

    *out = NULL;
    lock->path = path;
    lock->shards = shards;
    atomic_init(&lock->map, NULL);
    atomic_init(&lock->holders, 0);
    if (pthread_mutex_init(&lock->reopen, NULL) != 0) {
        return APR_ENOMEM;
    }
    apr_pool_cleanup_register(pool, lock, lock_close, apr_pool_cleanup_null);
    rv = lock_map(lock);
    if (rv == APR_SUCCESS) {
        *out = lock;
    }
    return rv;
}

/* Whether the file at the path is still the one we mapped, and whole: touching
 * a mapping beyond the end of its file would end the process. */
static apr_status_t map_current(int *current, const djs_lock_t *lock,
                                const lock_map_t *map)
{
    struct stat st;

    *current = 0;
    if (stat(lock->path, &st) != 0) {
        return errno;
    }
    *current = st.st_ino == map->ino && st.st_dev == map->dev &&
               st.st_size == (off_t)map->size;
    return APR_SUCCESS;
}

static apr_status_t map_anew(djs_lock_t *lock, const lock_map_t *seen)
{
    apr_status_t rv = APR_SUCCESS;

    pthread_mutex_lock(&lock->reopen);
    if (atomic_load(&lock->map) == seen) {
        rv = lock_map(lock);
    }
    pthread_mutex_unlock(&lock->reopen);
    return rv;
}

static apr_status_t lock_wait(pthread_mutex_t *mutex, apr_time_t until)
{
    apr_time_t left = until - djs_clock_steady();
    struct timespec moment;
    int err;

    if (left <= 0) {
        return DJS_ETIMEOUT;
    }
    clock_gettime(WAIT_CLOCK, &moment);
    left += moment.tv_nsec / 1000;
    moment.tv_sec += (time_t)(left / APR_USEC_PER_SEC);
    moment.tv_nsec = (long)(left % APR_USEC_PER_SEC) * 1000;
    err = wait_for_mutex(mutex, &moment);
    return err == ETIMEDOUT ? DJS_ETIMEOUT : err;
}

/* Locked; or EBUSY, with `wait` not set. */
static apr_status_t lock_mutex(pthread_mutex_t *mutex, int wait,
                               apr_time_t until)
{
    int rv = wait ? lock_wait(mutex, until) : pthread_mutex_trylock(mutex);

    if (rv == EOWNERDEAD) {
        rv = pthread_mutex_consistent(mutex);
    }
    return rv;
}

/* `*slot` is locked, or NULL when `map` is not of today's file any more. */
static apr_status_t acquire_in(djs_lock_slot_t **slot, const djs_lock_t *lock,
                               lock_map_t *map, int shard, apr_time_t until)
{
    djs_lock_slot_t *mine = &map->slots[shard];
    int current;
    apr_status_t rv = map_current(&current, lock, map);

    if (rv != APR_SUCCESS || !current) {
        return rv;
    }
    rv = lock_mutex(&mine->s.mutex, 0, until);
    if (rv == EBUSY) {
        rv = lock_mutex(&mine->s.mutex, 1, until);
        if (rv == APR_SUCCESS) { /* and while we waited? */
            rv = map_current(&current, lock, map);
            if (rv != APR_SUCCESS || !current) {
                pthread_mutex_unlock(&mine->s.mutex);
                return rv;
            }
        }
    }
    if (rv == APR_SUCCESS) {
        *slot = mine;
    }
    return rv;
}

apr_status_t djs_lock_acquire(djs_lock_slot_t **slot, djs_lock_t *lock,
                              int shard, apr_time_t until)
{
    apr_status_t rv = APR_SUCCESS;

    *slot = NULL;
    atomic_fetch_add(&lock->holders, 1);
    for (int i = 0; i < LOCK_TRIES && rv == APR_SUCCESS; i++) {
        lock_map_t *map = atomic_load(&lock->map);

        rv = acquire_in(slot, lock, map, shard, until);
        if (rv == APR_SUCCESS && *slot) {
            return APR_SUCCESS;
        }
        if (rv == APR_SUCCESS) {
            rv = map_anew(lock, map);
        }
    }
    atomic_fetch_sub(&lock->holders, 1);
    return rv == APR_SUCCESS ? DJS_ETROUBLE : rv;
}

void djs_lock_release(djs_lock_t *lock, djs_lock_slot_t *slot)
{
    pthread_mutex_unlock(&slot->s.mutex);
    atomic_fetch_sub(&lock->holders, 1);
}

uint32_t djs_lock_settled(const djs_lock_t *lock, int shard)
{
    return atomic_load(&lock->map)->slots[shard].s.settled;
}

static counter_t *counter_of(const lock_map_t *map, uint32_t hash)
{
    /* other bits than those that choose the shard */
    return &map->counters[hash * 2654435769u >> (32 - EDITIONS_LOG)];
}

apr_status_t djs_lock_edition(djs_edition_t *out, djs_lock_t *lock,
                              uint32_t hash)
{
    lock_map_t *map = atomic_load(&lock->map);
    int current;
    apr_status_t rv = map_current(&current, lock, map);

    atomic_fetch_add(&lock->holders, 1); /* it shall stay mapped meanwhile */
    if (rv == APR_SUCCESS && !current) {
        rv = map_anew(lock, map);
        map = atomic_load(&lock->map);
    }
    if (rv == APR_SUCCESS && (map->blind || map->head->h.boot[0] == '\0')) {
        rv = DJS_EINVALID; /* a reboot would not be noticed */
    }
    if (rv == APR_SUCCESS) {
        memcpy(out->id, map->head->h.id, sizeof(out->id));
        out->number = atomic_load(counter_of(map, hash));
    }
    atomic_fetch_sub(&lock->holders, 1);
    return rv;
}

void djs_lock_advance(djs_edition_t *out, djs_lock_t *lock, uint32_t hash,
                      apr_time_t now)
{
    lock_map_t *map = atomic_load(&lock->map);
    counter_t *counter = counter_of(map, hash);
    uint64_t seen = atomic_load(counter);

    do { /* a key of another shard may share the counter */
        out->number = seen < (uint64_t)now ? (uint64_t)now : seen + 1;
    } while (!atomic_compare_exchange_weak(counter, &seen, out->number));
    memcpy(out->id, map->head->h.id, sizeof(out->id));
}

apr_status_t djs_lock_sweep_begin(djs_lock_t *lock, uint32_t **next,
                                  void **held)
{
    lock_map_t *map = atomic_load(&lock->map);
    int current;
    apr_status_t rv = map_current(&current, lock, map);

    *next = NULL;
    *held = NULL;
    atomic_fetch_add(&lock->holders, 1);
    if (rv == APR_SUCCESS && !current) {
        rv = map_anew(lock, map);
        map = atomic_load(&lock->map);
    }
    if (rv == APR_SUCCESS) {
        rv = lock_mutex(&map->head->h.sweep, 0, 0);
    }
    if (rv != APR_SUCCESS) {
        atomic_fetch_sub(&lock->holders, 1);
        return rv == EBUSY ? DJS_EABSENT : rv;
    }
    *next = &map->head->h.sweep_next;
    *held = &map->head->h.sweep;
    return APR_SUCCESS;
}

void djs_lock_sweep_end(djs_lock_t *lock, void *held)
{
    pthread_mutex_unlock(held);
    atomic_fetch_sub(&lock->holders, 1);
}
