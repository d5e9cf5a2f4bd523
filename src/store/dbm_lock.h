/* store/dbm_lock.h - a lock and an intent byte for each shard, in one file.
 *
 * Every process that uses a store maps its file `lock` and finds in it one
 * robust process-shared mutex per shard, so that httpd, a second httpd and
 * the tool exclude each other, and what a killed process held is free again at
 * once. The intent byte next to the mutex tells the next holder what the last
 * one was doing when it died. A lock file that was removed or replaced while
 * in use is noticed at the next call.
 *
 * Behind the shards the file has counters: every change of a record advances
 * the one of its key, so that who keeps copies of records elsewhere knows
 * without asking the store whether a copy is still of today. */
#ifndef DJS_STORE_DBM_LOCK_H
#define DJS_STORE_DBM_LOCK_H

#include <pthread.h>
#include <stdint.h>
#include <apr_pools.h>
#include <apr_time.h>

/* What a shard's two copies are like. */
enum {
    DJS_INTENT_NONE,   /* equal and whole */
    DJS_INTENT_A,      /* A may be half changed: B is good */
    DJS_INTENT_B,      /* B may be half changed: A is good */
    DJS_INTENT_UNKNOWN /* after a reboot, or a new lock file: look at both */
};

/* A shard's part of the file; 64 bytes so that no two share a cache line. */
typedef union {
    struct {
        pthread_mutex_t mutex;
        uint32_t changes; /* counts writes; tells whether any happened */
        uint32_t settled; /* KiB that the files took when last rewritten */
        volatile uint8_t intent;
    } s;
    char room[64];
} djs_lock_slot_t;

typedef struct djs_lock djs_lock_t;

#define DJS_EDITION_ID 16

/* What a copy of a record is marked with. It is of today as long as both are:
 * `id` is drawn anew with every lock file and in every boot, `number` goes up
 * before the record changes (and when others change that share the counter). */
typedef struct {
    unsigned char id[DJS_EDITION_ID];
    uint64_t number;
} djs_edition_t;

/* Makes the lock file in the directory `dirfd` when there is none, or one that
 * does not begin as ours do (damaged: it is replaced), owned by
 * `uid` and `gid`, with every shard's intent unknown; does nothing otherwise.
 * The caller holds the directory's flock. */
apr_status_t djs_lock_make(int dirfd, int shards, uid_t uid, gid_t gid);

/* Maps the lock file at `path`. DJS_EINVALID: it is not one for `shards`
 * shards in this layout. After a reboot the mutexes are made anew. Lives in
 * `pool`, and is unmapped with it. */
apr_status_t djs_lock_open(djs_lock_t **out, const char *path, int shards,
                           apr_pool_t *pool);

/* Takes the lock of `shard`; gives up with DJS_ETIMEOUT when base/clock's
 * steady clock reaches `until`. `*slot` stays locked until
 * djs_lock_release(). APR_ENOENT: the lock file is gone. */
apr_status_t djs_lock_acquire(djs_lock_slot_t **slot, djs_lock_t *lock,
                              int shard, apr_time_t until);

void djs_lock_release(djs_lock_t *lock, djs_lock_slot_t *slot);

/* The edition of the records whose keys hash to `hash`, without a lock. What
 * is read from the store afterwards is of that edition or of a later one.
 * Trouble when the lock file is gone or damaged, or when reboots can not be
 * told apart here. */
apr_status_t djs_lock_edition(djs_edition_t *out, djs_lock_t *lock,
                              uint32_t hash);

/* Advances it, for who holds the shard's lock and is about to change a record:
 * `*out` marks what the record then becomes. The number is `now`, in
 * microseconds, or one more than it was: so no number comes twice, not even
 * after an older lock file was put back from a backup. */
void djs_lock_advance(djs_edition_t *out, djs_lock_t *lock, uint32_t hash,
                      apr_time_t now);

/* The shard's `settled`, read without its lock: a hint. */
uint32_t djs_lock_settled(const djs_lock_t *lock, int shard);

/* Takes the store's sweep mutex if it is free, else DJS_EABSENT; `*next` then
 * is the shard to sweep next, shared by all processes, for the caller to
 * advance. */
apr_status_t djs_lock_sweep_begin(djs_lock_t *lock, uint32_t **next,
                                  void **held);

/* Lets go of what djs_lock_sweep_begin() gave as `held`. */
void djs_lock_sweep_end(djs_lock_t *lock, void *held);

#endif
