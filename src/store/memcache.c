/* memcache.c - the memcached provider: sessions on one or more memcached.
 *
 * A get is one round trip to each server that keeps the record, a birth one
 * too. A change takes the record's lock, reads, lets its caller decide, writes
 * and lets go. Trouble with a server is never an absent record. */
#include <string.h>
#include <apr_strings.h>
#include "base/clock.h"
#include "store/memcache_copies.h"
#include "store/memcache_epoch.h"
#include "store/memcache_link.h"
#include "store/memcache_spec.h"
#include "store/providers.h"

static const char *memcache_create(void **self, const char *arg,
                                   const char *const *options,
                                   apr_size_t max_value, apr_pool_t *pconf)
{
    djs_memcache_t *mc = apr_pcalloc(pconf, sizeof *mc);

    *self = mc;
    if (max_value > DJS_MC_VALUE_MAX) {
        return apr_psprintf(pconf,
                            "a memcached store takes values of at most %d"
                            " bytes: lower DjSessionMaxSize",
                            DJS_MC_VALUE_MAX);
    }
    return djs_mcspec_read(mc, arg, options, pconf);
}

static apr_status_t memcache_open(void *self, apr_pool_t *pchild)
{
    return djs_links_open(self, pchild);
}

static apr_status_t memcache_get(void *self, djs_bytes_t key, djs_call_t call,
                                 djs_bytes_t *val, apr_pool_t *p)
{
    djs_memcache_t *mc = self;
    djs_copies_t copies;
    apr_status_t rv;

    if (!mc->guard) {
        return DJS_ETROUBLE; /* not open in this process */
    }
    djs_copies_init(&copies, mc, key, call, p);
    rv = djs_copies_read(&copies);
    if (rv == APR_SUCCESS) {
        *val = copies.current->val;
    }
    if (mc->replicas > 1) {
        djs_copies_heal(&copies);
    }
    return rv;
}

/* Reads the record under its lock; the lock is held on APR_SUCCESS and
 * DJS_EABSENT only. */
static apr_status_t enter(djs_copies_t *c)
{
    apr_status_t rv =
        djs_mclock_take(&c->lock, c->self, &c->owners, c->call.until, 1, c->p);

    if (rv != APR_SUCCESS) {
        return rv;
    }
    rv = djs_copies_read(c);
    if (rv != APR_SUCCESS && rv != DJS_EABSENT) {
        djs_mclock_release(&c->lock, c->call.until);
    }
    return rv;
}

static void leave(djs_copies_t *c)
{
    djs_mclock_release(&c->lock, c->call.until);
}

static apr_status_t memcache_put(void *self, djs_bytes_t key, djs_item_t item,
                                 djs_put_e how, djs_call_t call,
                                 apr_pool_t *scratch)
{
    djs_memcache_t *mc = self;
    djs_copies_t copies;
    apr_status_t rv = DJS_ETAKEN;

    if (!mc->guard) {
        return DJS_ETROUBLE;
    }
    djs_copies_init(&copies, mc, key, call, scratch);
    if (how == DJS_PUT_NEW) {
        rv = djs_copies_add(&copies, item);
    }
    if (rv != DJS_ETAKEN || copies.given_up) {
        return rv;
    }
    rv = enter(&copies); /* something is there: is it live? */
    if (rv != APR_SUCCESS && rv != DJS_EABSENT) {
        return rv;
    }
    if ((rv == APR_SUCCESS) == (how == DJS_PUT_EXISTING)) {
        rv = djs_copies_write(&copies, item);
    }
    else {
        rv = how == DJS_PUT_NEW ? DJS_ETAKEN : DJS_EABSENT;
    }
    leave(&copies);
    return rv;
}

static apr_status_t memcache_update(void *self, djs_bytes_t key,
                                    djs_update_fn fn, void *baton,
                                    djs_call_t call, apr_pool_t *scratch)
{
    djs_memcache_t *mc = self;
    djs_update_t todo = { DJS_UPDATE_KEEP, { NULL, 0 }, 0 };
    djs_copies_t copies;
    apr_status_t rv;

    if (!mc->guard) {
        return DJS_ETROUBLE;
    }
    djs_copies_init(&copies, mc, key, call, scratch);
    rv = enter(&copies);
    if (rv != APR_SUCCESS && rv != DJS_EABSENT) {
        return rv;
    }
    if (rv == APR_SUCCESS) {
        rv = fn(&todo, copies.current->val, baton, scratch);
    }
    if (rv == APR_SUCCESS && todo.what == DJS_UPDATE_REPLACE) {
        rv = djs_copies_write(&copies, (djs_item_t){ todo.val, todo.expires });
    }
    else if (rv == APR_SUCCESS && todo.what == DJS_UPDATE_REMOVE) {
        rv = djs_copies_end(&copies);
    }
    leave(&copies);
    return rv;
}

static apr_status_t memcache_remove(void *self, djs_bytes_t key,
                                    djs_call_t call, apr_pool_t *scratch)
{
    djs_memcache_t *mc = self;
    djs_copies_t copies;
    apr_status_t rv;

    if (!mc->guard) {
        return DJS_ETROUBLE;
    }
    djs_copies_init(&copies, mc, key, call, scratch);
    if (mc->replicas == 1) {
        return djs_copies_end(&copies);
    }
    rv = djs_mclock_take(&copies.lock, mc, &copies.owners, call.until, 1,
                         scratch);
    if (rv != APR_SUCCESS) {
        return rv;
    }
    rv = djs_copies_read(&copies);
    if (copies.current || rv != DJS_EABSENT) {
        rv = djs_copies_end(&copies);
    }
    leave(&copies);
    return rv == DJS_EABSENT ? APR_SUCCESS : rv;
}

/* What nobody has there is absent, though another owner does not answer: it was
 * written everywhere, and whoever lost it lost the records that it is about. */
static apr_status_t memcache_get_beside(void *self, djs_bytes_t key,
                                        djs_bytes_t beside, djs_call_t call,
                                        djs_bytes_t *val, apr_pool_t *p)
{
    djs_memcache_t *mc = self;
    djs_copies_t copies;
    apr_status_t rv;

    if (!mc->guard) {
        return DJS_ETROUBLE;
    }
    djs_copies_init(&copies, mc, key, call, p);
    djs_copies_place(&copies, beside);
    rv = djs_copies_read(&copies);
    if (rv == APR_SUCCESS) {
        *val = copies.current->val;
    }
    else if (copies.rv[0] == DJS_EABSENT ||
             (copies.owners.count > 1 && copies.rv[1] == DJS_EABSENT)) {
        rv = DJS_EABSENT;
    }
    if (mc->replicas > 1) {
        djs_copies_heal(&copies);
    }
    return rv;
}

static apr_status_t memcache_epoch(void *self, djs_bytes_t name,
                                   djs_bytes_t beside, djs_call_t call,
                                   apr_uint64_t *epoch, apr_pool_t *p)
{
    djs_copies_t where = { .self = self };
    apr_time_t asked = djs_clock_steady();
    djs_link_t *link;
    djs_bytes_t val;
    apr_status_t rv;

    if (beside.len == 0) {
        return APR_ENOTIMPL; /* the highest anywhere: store.c asks everybody */
    }
    djs_copies_place(&where, beside);
    link = where.owners.link[0];
    if (!call.fresh && link->mc && djs_mcepoch_recall(epoch, link, name)) {
        return APR_SUCCESS;
    }
    rv = memcache_get_beside(self, name, beside, call, &val, p);
    *epoch = rv == APR_SUCCESS ? djs_store_epoch_of(val) : 0;
    if (rv == APR_SUCCESS || rv == DJS_EABSENT) {
        djs_mcepoch_note(link, name, *epoch, asked);
        return APR_SUCCESS;
    }
    return rv;
}

/* On one server: what is there is changed, or a new record added. */
static apr_status_t change_on(djs_copies_t *c, djs_update_fn fn, void *baton)
{
    djs_update_t todo = { DJS_UPDATE_KEEP, { NULL, 0 }, 0 };
    apr_status_t rv = enter(c);

    if (rv != APR_SUCCESS && rv != DJS_EABSENT) {
        return rv;
    }
    rv = fn(&todo, rv == APR_SUCCESS ? c->current->val : djs_bytes_of(NULL, 0),
            baton, c->p);
    if (rv == APR_SUCCESS && todo.what == DJS_UPDATE_REPLACE) {
        rv = djs_copies_write(c, (djs_item_t){ todo.val, todo.expires });
    }
    leave(c);
    return rv;
}

static apr_status_t memcache_everywhere(void *self, djs_bytes_t key,
                                        djs_update_fn fn, void *baton,
                                        djs_call_t call, apr_pool_t *scratch)
{
    djs_memcache_t *mc = self;
    apr_status_t trouble = APR_SUCCESS;

    if (!mc->guard) {
        return DJS_ETROUBLE;
    }
    for (int i = 0; i < mc->server_count; i++) {
        djs_call_t mine = call;
        djs_copies_t copies;
        apr_status_t rv;

        mine.until = djs_mclock_share(call.until, mc->server_count - i);
        djs_copies_init(&copies, mc, key, mine, scratch);
        copies.owners.link[0] = &mc->servers[i];
        copies.owners.count = 1;
        rv = change_on(&copies, fn, baton);
        trouble = rv != APR_SUCCESS ? rv : trouble;
    }
    return trouble;
}

/* Alone, a server that fails is told of by the calls that fail. */
static int memcache_ailing(void *self)
{
    const djs_memcache_t *mc = self;
    int failing = 0;

    for (int i = 0; mc->replicas > 1 && i < mc->server_count; i++) {
        failing |=
            atomic_load_explicit(&mc->servers[i].failing, memory_order_relaxed);
    }
    return failing ? DJS_AILING_TWIN : 0;
}

static void memcache_about(void *self, djs_about_t *out)
{
    out->remote = djs_mcspec_remote(self);
}

const djs_provider_t djs_store_memcache_provider = { sizeof(djs_provider_t),
                                                     "memcache",
                                                     memcache_create,
                                                     NULL,
                                                     memcache_open,
                                                     memcache_get,
                                                     memcache_put,
                                                     memcache_update,
                                                     memcache_remove,
                                                     NULL,
                                                     NULL,
                                                     memcache_about,
                                                     memcache_epoch,
                                                     NULL,
                                                     memcache_get_beside,
                                                     memcache_everywhere,
                                                     memcache_ailing,
                                                     DJS_MC_LEASE,
                                                     NULL };
