/* memcache_lock.c - who may change a record in memcached.
 *
 * memcached counts in whole seconds: what is to stand for two is forgotten
 * after more than one. So a holder trusts its lock for 0.9 s. Nobody waits for
 * one server's lock while it holds the other's. */
#include <string.h>
#include <apr_strings.h>
#include "base/clock.h"
#include "store/memcache_link.h"
#include "store/memcache_lock.h"

#define SECONDS 4
#define STANDS  (900 * 1000) /* microseconds */
#define PAUSE   200          /* the first one, of twice the length at most */
#define PAUSES  (4 * 1000)   /* the longest */

apr_time_t djs_mclock_share(apr_time_t until, int left)
{
    apr_time_t now = djs_clock_steady();

    return left > 1 && until > now ? now + (until - now) / left : until;
}

int djs_mclock_stands(const djs_mclock_t *lock)
{
    return djs_clock_steady() - lock->since < STANDS;
}

apr_time_t djs_mclock_until(const djs_mclock_t *lock, apr_time_t until)
{
    apr_time_t end = lock->since + STANDS;

    return end < until ? end : until;
}

void djs_mclock_release(djs_mclock_t *lock, apr_time_t until)
{
    apr_time_t end = djs_mclock_until(lock, until);

    for (int i = 0; i < lock->count && !lock->uncertain; i++) {
        if (djs_mclock_stands(lock)) {
            (void)djs_link_delete(lock->held[i], lock->key, end, 1);
        }
    }
    lock->count = 0;
}

/* After a try that failed: was it done nevertheless? */
static int is_ours(djs_link_t *link, const djs_mcitem_t *item, apr_time_t until,
                   apr_pool_t *scratch)
{
    djs_bytes_t got;

    return djs_link_get(&got, link, item->key, until, scratch) == APR_SUCCESS &&
           djs_bytes_equal(got, item->val);
}

/* On every owner that answers, or on none: then DJS_ETAKEN, or the trouble. */
static apr_status_t take_once(djs_mclock_t *lock, const djs_owners_t *owners,
                              const djs_mcitem_t *item, apr_time_t until,
                              apr_pool_t *scratch)
{
    apr_status_t trouble = DJS_ETROUBLE, rv;

    lock->count = lock->uncertain = 0;
    for (int i = 0; i < owners->count; i++) {
        djs_link_t *link = owners->link[i];
        /* of twins' time, a part is for what comes after */
        apr_time_t end =
            djs_mclock_share(until, owners->count - i + (owners->count > 1));
        int again = 0;

        if (lock->count == 0) {
            lock->since = djs_clock_steady();
        }
        else if (end > lock->since + STANDS / 2) {
            end = lock->since + STANDS / 2; /* or it would be over by then */
        }
        rv = djs_link_store(link, DJS_MC_ADD, item, end, &again);
        if (rv == DJS_ETAKEN && again && is_ours(link, item, end, scratch)) {
            rv = APR_SUCCESS;
        }
        if (rv == DJS_ETAKEN) {
            djs_mclock_release(lock, until);
            return rv;
        }
        if (rv == APR_SUCCESS) {
            lock->held[lock->count++] = link;
        }
        else {
            trouble = rv;
        }
    }
    return lock->count > 0 ? APR_SUCCESS : trouble;
}

/* Differs between those who wait: their tags and moments do. */
static apr_interval_time_t jitter(apr_interval_time_t pause, unsigned number)
{
    apr_uint64_t x = (apr_uint64_t)djs_clock_steady() * 2654435761u + number;

    x ^= x >> 33;
    x *= 0xff51afd7ed558ccdu;
    x ^= x >> 33;
    return pause + (apr_interval_time_t)(x % (apr_uint64_t)pause);
}

apr_status_t djs_mclock_take(djs_mclock_t *lock, djs_memcache_t *self,
                             const djs_owners_t *owners, apr_time_t until,
                             int patient, apr_pool_t *scratch)
{
    unsigned number = atomic_fetch_add(&self->locks, 1);
    djs_mcitem_t item = {
        lock->key, djs_bytes(apr_psprintf(scratch, "%s %u", self->tag, number)),
        SECONDS, 0
    };
    apr_interval_time_t pause = PAUSE;

    for (;;) {
        apr_status_t rv = take_once(lock, owners, &item, until, scratch);
        apr_interval_time_t wait = jitter(pause, number);

        if (rv != DJS_ETAKEN || !patient) {
            return rv;
        }
        if (djs_clock_steady() + wait >= until) {
            return DJS_ETIMEOUT;
        }
        apr_sleep(wait);
        pause = pause * 2 > PAUSES ? PAUSES : pause * 2;
    }
}
