/* memcache_copies.c - one record on its one or two memcached servers.
 *
 * On one server memcached's own verbs keep what was removed removed: a save is
 * a `replace`, which finds nothing after a `delete`, however late it comes. On
 * two, a server may have missed the removal; so a tombstone with a version
 * takes the record's place for as long as an older copy may lie about. */
#include <string.h>
#include <apr_strings.h>
#include "base/clock.h"
#include "base/hex.h"
#include "store/memcache_copies.h"
#include "store/memcache_link.h"

#define RELATIVE_MAX                                                           \
    (30 * 24 * 3600)        /* more seconds are a date to memcached            \
                             */
#define DATE_MAX 2147483647 /* memcached reads 32 bits */

/* A tombstone of a record whose own end is not known. */
#define TOMBSTONE apr_time_from_sec(30 * 24 * 3600)

/* ---------------------------------------------------------------- where */

/* The server's score for this key (rendezvous): whoever joins or leaves, the
 * order of the others stays. */
static apr_uint64_t score(const djs_link_t *link, djs_bytes_t key)
{
    apr_uint64_t hash = link->seed;

    for (apr_size_t i = 0; i < key.len; i++) {
        hash = (hash ^ (unsigned char)key.data[i]) * 1099511628211u;
    }
    hash ^= hash >> 33;
    hash *= 0xff51afd7ed558ccdu;
    hash ^= hash >> 33;
    hash *= 0xc4ceb9fe1a85ec53u;
    return hash ^ hash >> 33;
}

void djs_copies_place(djs_copies_t *c, djs_bytes_t key)
{
    apr_uint64_t best[2] = { 0, 0 };
    djs_owners_t *owners = &c->owners;

    owners->count = c->self->replicas;
    owners->link[0] = owners->link[1] = NULL;
    for (int i = 0; i < c->self->server_count; i++) {
        djs_link_t *link = &c->self->servers[i];
        apr_uint64_t points = c->self->server_count > 1 ? score(link, key) : 1;

        if (!owners->link[0] || points > best[0]) {
            best[1] = best[0];
            owners->link[1] = owners->link[0];
            best[0] = points;
            owners->link[0] = link;
        }
        else if (!owners->link[1] || points > best[1]) {
            best[1] = points;
            owners->link[1] = link;
        }
    }
}

/* PREFIX, what it is, and the store's key in hexadecimal; the two names differ
 * in one letter. */
static void find_names(djs_copies_t *c)
{
    apr_size_t prefix = strlen(c->self->prefix);
    apr_size_t size = prefix + 2 + 2 * c->key.len + 1;
    char *name = apr_palloc(c->p, size), *lock;

    memcpy(name, c->self->prefix, prefix);
    memcpy(name + prefix, c->self->kind, 2);
    djs_hex_encode(name + prefix + 2, (const unsigned char *)c->key.data,
                   c->key.len);
    lock = apr_pmemdup(c->p, name, size);
    lock[prefix] = 'l';
    c->name = name;
    c->lock.key = lock;
}

void djs_copies_init(djs_copies_t *c, djs_memcache_t *self, djs_bytes_t key,
                     djs_call_t call, apr_pool_t *p)
{
    memset(c, 0, sizeof *c);
    c->self = self;
    c->key = key;
    c->call = call;
    c->began = djs_clock_steady();
    c->p = p;
    find_names(c);
    djs_copies_place(c, key);
}

/* -------------------------------------------------------------- reading */

/* What can not be this record's envelope may be the reply to another question:
 * on a new connection it is asked again. */
static apr_status_t read_one(djs_copies_t *c, int i)
{
    djs_link_t *link = c->owners.link[i];
    apr_time_t until = djs_mclock_share(c->call.until, c->owners.count - i);
    apr_status_t rv = DJS_EUNREADABLE;
    djs_bytes_t raw;

    for (int tries = 0; tries < 2 && rv == DJS_EUNREADABLE; tries++) {
        if (tries > 0) {
            djs_link_distrust(link);
        }
        rv = djs_link_get(&raw, link, c->name, until, c->p);
        if (rv == APR_SUCCESS) {
            rv = djs_envelope_open(&c->copy[i], raw, c->key);
        }
    }
    return rv;
}

static int is_newer(const djs_envelope_t *a, const djs_envelope_t *b)
{
    return !b || a->version > b->version ||
           (a->version == b->version && a->ended && !b->ended);
}

apr_status_t djs_copies_read(djs_copies_t *c)
{
    apr_status_t trouble = APR_SUCCESS;

    c->current = NULL;
    for (int i = 0; i < c->owners.count; i++) {
        c->rv[i] = read_one(c, i);
        if (c->rv[i] == APR_SUCCESS && is_newer(&c->copy[i], c->current)) {
            c->current = &c->copy[i];
        }
        else if (c->rv[i] != APR_SUCCESS && c->rv[i] != DJS_EABSENT) {
            /* That nobody answers counts more than that one can not be read. */
            trouble = trouble == APR_SUCCESS || trouble == DJS_EUNREADABLE
                          ? c->rv[i]
                          : trouble;
        }
    }
    if (c->current && !c->current->ended && c->current->expires > c->call.now) {
        return APR_SUCCESS;
    }
    if (c->current && c->current->ended) {
        return DJS_EABSENT;
    }
    return trouble != APR_SUCCESS ? trouble : DJS_EABSENT;
}

/* -------------------------------------------------------------- writing */

/* How long memcached shall keep it; the envelope has the exact end. */
static apr_uint32_t seconds_until(apr_time_t expires, apr_time_t now)
{
    apr_time_t left, date;

    if (expires <= now) {
        return 1;
    }
    /* memcached's clock ticks: N seconds may be over after N - 1. */
    left = (expires - now) / APR_USEC_PER_SEC + 2;
    date = expires / APR_USEC_PER_SEC + 2;
    if (left <= RELATIVE_MAX + 2) { /* at the edge a second less will do */
        return (apr_uint32_t)(left < RELATIVE_MAX ? left : RELATIVE_MAX);
    }
    if (date <= DATE_MAX) {
        return (apr_uint32_t)date;
    }
    return now / APR_USEC_PER_SEC + RELATIVE_MAX < DATE_MAX ? DATE_MAX
                                                            : RELATIVE_MAX;
}

static djs_mcitem_t pack(const djs_copies_t *c, const djs_envelope_t *envelope)
{
    djs_mcitem_t item = { c->name, djs_envelope_pack(envelope, c->key, c->p),
                          seconds_until(envelope->expires, c->call.now), 0 };

    return item;
}

/* Above what was read, and above what was not: copies are of earlier times. So
 * it is the time of the write, under the lock, and not that of the call, which
 * may have waited for the lock while others wrote. */
static apr_uint64_t next_version(const djs_copies_t *c)
{
    apr_uint64_t now =
        (apr_uint64_t)(c->call.now + (djs_clock_steady() - c->began));

    return c->current && c->current->version >= now ? c->current->version + 1
                                                    : now;
}

/* memcached drops the old item when it has no memory for a `set`, but not for
 * a `replace` or an `add`. So `set` is for tombstones, whose old item must go
 * in any case, and for what has come or gone meanwhile. */
static apr_status_t write_one(djs_copies_t *c, int i, const djs_mcitem_t *item,
                              int ended)
{
    djs_mcverb_e verb = ended                     ? DJS_MC_SET
                        : c->rv[i] == DJS_EABSENT ? DJS_MC_ADD
                                                  : DJS_MC_REPLACE;
    apr_time_t until = djs_mclock_share(
        djs_mclock_until(&c->lock, c->call.until), c->owners.count - i);
    int again = 0;
    apr_status_t rv =
        djs_link_store(c->owners.link[i], verb, item, until, &again);

    if (c->owners.count > 1 && (rv == DJS_EABSENT || rv == DJS_ETAKEN)) {
        rv = djs_link_store(c->owners.link[i], DJS_MC_SET, item, until, &again);
    }
    c->lock.uncertain |=
        again || (rv != APR_SUCCESS && rv != DJS_EABSENT && rv != DJS_ETAKEN);
    return rv;
}

/* To every owner that has answered; one that takes it is enough. */
static apr_status_t write_all(djs_copies_t *c, const djs_envelope_t *envelope)
{
    djs_mcitem_t item = pack(c, envelope);
    apr_status_t trouble = DJS_ETROUBLE;
    int done = 0;

    for (int i = 0; i < c->owners.count; i++) {
        apr_status_t rv = c->rv[i];

        if (rv != APR_SUCCESS && rv != DJS_EABSENT &&
            !(envelope->ended && rv == DJS_EUNREADABLE)) {
            continue;
        }
        if (!djs_mclock_stands(&c->lock)) {
            trouble = DJS_ETIMEOUT;
            break;
        }
        rv = write_one(c, i, &item, envelope->ended);
        done += rv == APR_SUCCESS;
        trouble = rv;
    }
    return done > 0 ? APR_SUCCESS : trouble;
}

apr_status_t djs_copies_write(djs_copies_t *c, djs_item_t item)
{
    djs_envelope_t envelope = { 0, next_version(c), item.expires, item.val };

    return write_all(c, &envelope);
}

/* Who decided under the lock that the record may go has seen what it holds: it
 * goes while the lock stands, or what others have saved since would go with it.
 * Without a lock it goes whatever it holds. */
static apr_status_t delete_one(djs_copies_t *c)
{
    int locked = c->lock.count > 0;
    apr_status_t rv = DJS_ETIMEOUT;

    if (!locked || djs_mclock_stands(&c->lock)) {
        rv = djs_link_delete(c->owners.link[0], c->name,
                             locked ? djs_mclock_until(&c->lock, c->call.until)
                                    : c->call.until,
                             0);
        c->lock.uncertain |= rv != APR_SUCCESS;
    }
    return rv;
}

apr_status_t djs_copies_end(djs_copies_t *c)
{
    djs_envelope_t tombstone = { 1, next_version(c), 0, { NULL, 0 } };

    if (c->owners.count == 1) {
        return delete_one(c);
    }
    tombstone.expires = c->call.now + TOMBSTONE;
    if (c->current && c->current->expires > tombstone.expires) {
        tombstone.expires = c->current->expires;
    }
    return write_all(c, &tombstone);
}

/* A try that failed may have added it, or may do so yet. Where a tombstone will
 * be, that harms nobody: then what lies there is ours. */
static int is_there(djs_copies_t *c, int i, const djs_mcitem_t *item)
{
    djs_bytes_t got;

    return djs_link_get(&got, c->owners.link[i], c->name, c->call.until,
                        c->p) == APR_SUCCESS &&
           djs_bytes_equal(got, item->val);
}

apr_status_t djs_copies_add(djs_copies_t *c, djs_item_t item)
{
    djs_envelope_t envelope = { 0, next_version(c), item.expires, item.val };
    djs_mcitem_t packed = pack(c, &envelope);
    apr_status_t trouble = DJS_ETROUBLE;
    int done = 0;

    for (int i = 0; i < c->owners.count; i++) {
        djs_link_t *link = c->owners.link[i];
        apr_time_t until = djs_mclock_share(c->call.until, c->owners.count - i);
        int again = 0;
        apr_status_t rv =
            djs_link_store(link, DJS_MC_ADD, &packed, until, &again);

        if (rv == DJS_ETAKEN && again && is_there(c, i, &packed)) {
            rv = APR_SUCCESS;
        }
        if (rv == APR_SUCCESS && again && c->owners.count == 1) {
            (void)djs_link_delete(link, c->name, until, 0);
            c->given_up = 1;
            return DJS_ETAKEN;
        }
        if (rv == DJS_ETAKEN) {
            if (done > 0) {
                (void)djs_link_delete(c->owners.link[0], c->name, until, 0);
            }
            return rv;
        }
        done += rv == APR_SUCCESS;
        trouble = rv;
    }
    return done > 0 ? APR_SUCCESS : trouble;
}

/* -------------------------------------------------------------- healing */

/* An older copy is written over only under the lock, after another look. */
static void heal_older(djs_copies_t *c)
{
    if (djs_mclock_take(&c->lock, c->self, &c->owners, c->call.until, 0,
                        c->p) != APR_SUCCESS) {
        return;
    }
    (void)djs_copies_read(c);
    if (c->current) {
        djs_envelope_t newest = *c->current;

        (void)write_all(c, &newest);
    }
    djs_mclock_release(&c->lock, c->call.until);
}

void djs_copies_heal(djs_copies_t *c)
{
    for (int i = 0; c->current && i < c->owners.count; i++) {
        if (c->rv[i] == DJS_EABSENT) {
            djs_mcitem_t item = pack(c, c->current);

            (void)djs_link_store(c->owners.link[i], DJS_MC_ADD, &item,
                                 c->call.until, NULL);
        }
        else if (c->rv[i] == APR_SUCCESS && is_newer(c->current, &c->copy[i])) {
            heal_older(c);
            return;
        }
    }
}

/* ---------------------------------------------------------------- cache */

apr_status_t djs_copies_recall(djs_copies_t *c, apr_uint64_t version)
{
    apr_status_t trouble = DJS_EABSENT;

    c->current = NULL;
    for (int i = 0; i < c->owners.count; i++) {
        const djs_envelope_t *copy = &c->copy[i];
        apr_status_t rv = read_one(c, i);

        if (rv == APR_SUCCESS && copy->version == version && !copy->ended &&
            copy->expires > c->call.now) {
            c->current = copy;
            return APR_SUCCESS;
        }
        if (rv != APR_SUCCESS && rv != DJS_EABSENT) {
            trouble = rv;
        }
    }
    return trouble;
}

apr_status_t djs_copies_memorize(djs_copies_t *c, djs_item_t item,
                                 apr_uint64_t version)
{
    djs_envelope_t envelope = { 0, version, item.expires, item.val };
    djs_mcitem_t packed = pack(c, &envelope);
    apr_status_t trouble = APR_SUCCESS;

    for (int i = 0; i < c->owners.count; i++) {
        apr_time_t until = djs_mclock_share(c->call.until, c->owners.count - i);
        apr_status_t rv =
            djs_link_store(c->owners.link[i], DJS_MC_SET, &packed, until, NULL);

        trouble = rv != APR_SUCCESS ? rv : trouble;
    }
    return trouble;
}

apr_status_t djs_copies_forget(djs_copies_t *c)
{
    apr_status_t trouble = APR_SUCCESS;

    for (int i = 0; i < c->owners.count; i++) {
        apr_time_t until = djs_mclock_share(c->call.until, c->owners.count - i);
        apr_status_t rv = djs_link_delete(c->owners.link[i], c->name, until, 0);

        trouble = rv != APR_SUCCESS ? rv : trouble;
    }
    return trouble;
}
