/* store/memcache_copies.h - one record on its one or two memcached servers.
 *
 * With two, the copy of the higher version holds, a tombstone over a record of
 * the same version; what one server lacks or has older is healed from the
 * other. A server that does not answer leaves "absent" in doubt. */
#ifndef DJS_STORE_MEMCACHE_COPIES_H
#define DJS_STORE_MEMCACHE_COPIES_H

#include "store/memcache_envelope.h"
#include "store/memcache_lock.h"

/* A record: where it lies and what was read of it. */
typedef struct {
    djs_memcache_t *self;
    djs_bytes_t key;  /* the store's */
    const char *name; /* memcached's, of the record */
    djs_call_t call;
    apr_time_t began; /* steady clock, at call.now */
    apr_pool_t *p;
    djs_owners_t owners;
    djs_mclock_t lock;
    djs_envelope_t copy[2];
    apr_status_t rv[2]; /* of reading them; DJS_EABSENT: none there */
    const djs_envelope_t *current; /* the newest one, or NULL */
    int given_up;                  /* see djs_copies_add */
} djs_copies_t;

/* Says where the record lies; asks nobody. */
void djs_copies_init(djs_copies_t *c, djs_memcache_t *self, djs_bytes_t key,
                     djs_call_t call, apr_pool_t *p);

/* Where a record of key `beside` lies, not where this one would. */
void djs_copies_place(djs_copies_t *c, djs_bytes_t beside);

/* Reads all copies. APR_SUCCESS: c->current is live. DJS_EABSENT: there
 * certainly is no live one (c->current may be what has ended). Else nobody
 * knows. */
apr_status_t djs_copies_read(djs_copies_t *c);

/* Brings a copy that is missing or older up to c->current, if that is quick. */
void djs_copies_heal(djs_copies_t *c);

/* Adds a record that is new everywhere. DJS_ETAKEN: something is there; or, on
 * one server, a try before the last one may still arrive: after an end that had
 * come meanwhile it would begin the record anew, so nobody shall have it:
 * c->given_up. */
apr_status_t djs_copies_add(djs_copies_t *c, djs_item_t item);

/* Writes over what was read, under c->lock. DJS_EABSENT: it was removed
 * meanwhile. */
apr_status_t djs_copies_write(djs_copies_t *c, djs_item_t item);

/* Ends the record, under c->lock where there are two copies. */
apr_status_t djs_copies_end(djs_copies_t *c);

/* The three below are for a cache, whose owner says which version holds: no
 * copy is compared with another, nothing is locked. */

/* APR_SUCCESS: c->current is live and of that version. DJS_EABSENT: no server
 * has it. Else one could not be asked, and no other has it. */
apr_status_t djs_copies_recall(djs_copies_t *c, apr_uint64_t version);

/* Puts the item there, or takes it away, whatever is there; trouble when a
 * server did not do it. */
apr_status_t djs_copies_memorize(djs_copies_t *c, djs_item_t item,
                                 apr_uint64_t version);
apr_status_t djs_copies_forget(djs_copies_t *c);

#endif
