/* store/memcache_lock.h - who may change a record in memcached.
 *
 * There is no compare-and-swap to be had. So who changes a record adds a lock
 * key first, which memcached forgets after four seconds by itself, and writes
 * only while it surely stands. */
#ifndef DJS_STORE_MEMCACHE_LOCK_H
#define DJS_STORE_MEMCACHE_LOCK_H

#include "store/memcache.h"

/* The servers that keep a record, the first one first. */
typedef struct {
    djs_link_t *link[2];
    int count;
} djs_owners_t;

typedef struct {
    const char *key;
    apr_time_t since; /* steady clock, before it was asked for */
    djs_link_t *held[2];
    int count;
    int uncertain; /* a write was tried twice or cut short: what was sent may
                      still arrive, so the lock is left to end by itself */
} djs_mclock_t;

/* Takes the lock `key` on every owner that answers. Waits until `until`, or
 * not at all when `patient` is 0: then DJS_ETAKEN. DJS_ETIMEOUT: others had it
 * all the time. Trouble when no owner answers. */
apr_status_t djs_mclock_take(djs_mclock_t *lock, djs_memcache_t *self,
                             const djs_owners_t *owners, apr_time_t until,
                             int patient, apr_pool_t *scratch);

/* Nonzero while nobody else can have it. */
int djs_mclock_stands(const djs_mclock_t *lock);

/* `until`, or earlier, when the lock surely stands no longer. */
apr_time_t djs_mclock_until(const djs_mclock_t *lock, apr_time_t until);

/* Gives it back where it stands and nothing is uncertain; where it may be
 * another's by now it is left alone. */
void djs_mclock_release(djs_mclock_t *lock, apr_time_t until);

/* How long one of `left` servers may keep a call that ends at `until`. */
apr_time_t djs_mclock_share(apr_time_t until, int left);

#endif
