/* memcache_link.c - one memcached server: connections, retries, breaker.
 *
 * Each server has an apr_memcache_t of its own, whose choice of a server is
 * ours: always that one, dead or alive. So apr_memcache never answers "not
 * found" for a server it holds for dead, and never pings under its lock. */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <string.h>
#include <unistd.h>
#include <apr_reslist.h>
#include "base/clock.h"
#include "base/hex.h"
#include "base/random.h"
#include "store/memcache_guard.h"
#include "store/memcache_link.h"

#define BREAK APR_USEC_PER_SEC /* without asking, after a loss of time */
#define FAIR  (40 * 1000)      /* that a call must have had at least */
#define PAUSE 500              /* between two looks for a free slot */

static apr_memcache_server_t *the_one(void *baton, apr_memcache_t *mc,
                                      const apr_uint32_t hash)
{
    (void)baton;
    (void)hash;
    return mc->live_servers[0];
}

/* The hash would choose the server, so nobody asks for it. */
static apr_uint32_t no_hash(void *baton, const char *key, const apr_size_t len)
{
    (void)baton;
    (void)key;
    (void)len;
    return 0;
}

/* ---------------------------------------------------------------- slots */

static apr_status_t take_slot(djs_slot_t **out, djs_link_t *link,
                              apr_time_t until)
{
    apr_status_t rv = APR_SUCCESS;

    *out = NULL;
    apr_thread_mutex_lock(link->mutex);
    while (link->free < 0 && rv == APR_SUCCESS) {
        apr_thread_mutex_unlock(link->mutex);
        if (djs_clock_steady() >= until) {
            rv = DJS_ETIMEOUT;
        }
        else {
            apr_sleep(PAUSE); /* a condition's time is that of the wall */
        }
        apr_thread_mutex_lock(link->mutex);
    }
    if (rv == APR_SUCCESS) {
        *out = &link->slots[link->free];
        if (link->free >= atomic_load(&link->peak)) {
            atomic_store(&link->peak, link->free + 1);
        }
        link->free = (*out)->next;
    }
    apr_thread_mutex_unlock(link->mutex);
    return rv;
}

static void give_slot(djs_link_t *link, djs_slot_t *slot)
{
    djs_guard_leave(slot);
    apr_thread_mutex_lock(link->mutex);
    slot->next = link->free;
    link->free = (int)(slot - link->slots);
    apr_thread_mutex_unlock(link->mutex);
}

/* -------------------------------------------------------------- breaker */

/* May this call ask? After a second of silence one call may, and the others
 * go on failing while it tries. */
static int may_ask(djs_link_t *link)
{
    apr_int64_t closed = atomic_load(&link->closed_until);
    apr_int64_t now = djs_clock_steady();

    return closed == 0 ||
           (closed <= now && atomic_compare_exchange_strong(
                                 &link->closed_until, &closed, now + BREAK));
}

/* A failure that took half of the time or more opens the circuit, but not one
 * of a call that had little time left; a quick one (refused, which on a busy
 * machine may take its while, too) lets the next call ask at once. */
static void note_failure(djs_link_t *link, apr_time_t began, apr_time_t until)
{
    apr_time_t now = djs_clock_steady();

    atomic_store(&link->failing, 1);
    atomic_store(&link->unproven, 1);
    if (now - began < (until - began) / 2) {
        atomic_store(&link->closed_until, 0);
    }
    else if (until - began >= FAIR) {
        atomic_store(&link->closed_until, now + BREAK);
    }
}

static void note_success(djs_link_t *link)
{
    if (atomic_load_explicit(&link->failing, memory_order_relaxed)) {
        atomic_store(&link->failing, 0);
    }
    if (atomic_load_explicit(&link->closed_until, memory_order_relaxed)) {
        atomic_store(&link->closed_until, 0);
    }
}

/* Connects and lets go: apr_memcache would wait a second for an answer. */
static apr_status_t prove(djs_link_t *link, apr_time_t until)
{
    apr_interval_time_t left = until - djs_clock_steady();
    apr_status_t rv = APR_SUCCESS;
    int fd = socket(link->address.ss_family,
                    SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);

    if (fd < 0) {
        return errno;
    }
    if (connect(fd, (struct sockaddr *)&link->address, link->address_len) !=
        0) {
        struct pollfd look = { fd, POLLOUT, 0 };
        int error = errno;
        socklen_t len = sizeof error;

        rv = error;
        if (error == EINPROGRESS) {
            int ready = poll(&look, 1, left > 0 ? (int)(left / 1000) + 1 : 0);

            (void)getsockopt(fd, SOL_SOCKET, SO_ERROR, &error, &len);
            rv = ready > 0 ? error : DJS_ETIMEOUT;
        }
    }
    (void)close(fd);
    if (rv == APR_SUCCESS) {
        atomic_store(&link->unproven, 0);
    }
    return rv;
}

/* ------------------------------------------------------------- commands */

/* A command; which one, `item.val.data` tells: NULL is none to store. */
typedef struct {
    enum { GET, STORE, DELETE } what;
    djs_mcverb_e verb;
    djs_mcitem_t item;
    djs_bytes_t got;
    apr_pool_t *p;
    int once; /* a second try might undo what others did after the first */
} command_t;

static apr_status_t get(apr_memcache_t *mc, command_t *c)
{
    char *data = NULL;
    apr_size_t len = 0;
    apr_status_t rv =
        apr_memcache_getp(mc, c->p, c->item.key, &data, &len, NULL);

    if (rv == APR_SUCCESS && !data) {
        len = 0;
    }
    c->got = djs_bytes_of(data ? data : "", len);
    return rv == APR_NOTFOUND ? DJS_EABSENT : rv;
}

static apr_status_t store(apr_memcache_t *mc, const command_t *c)
{
    char *data = (char *)c->item.val.data;
    apr_status_t rv;

    switch (c->verb) {
    case DJS_MC_ADD:
        rv = apr_memcache_add(mc, c->item.key, data, c->item.val.len,
                              c->item.seconds, (apr_uint16_t)c->item.flags);
        return rv == APR_EEXIST ? DJS_ETAKEN : rv;
    case DJS_MC_REPLACE:
        rv = apr_memcache_replace(mc, c->item.key, data, c->item.val.len,
                                  c->item.seconds, (apr_uint16_t)c->item.flags);
        return rv == APR_EEXIST ? DJS_EABSENT : rv;
    case DJS_MC_SET:
    default:
        return apr_memcache_set(mc, c->item.key, data, c->item.val.len,
                                c->item.seconds, (apr_uint16_t)c->item.flags);
    }
}

static apr_status_t try_once(djs_link_t *link, command_t *c)
{
    apr_status_t rv;

    switch (c->what) {
    case GET:
        return get(link->mc, c);
    case STORE:
        return store(link->mc, c);
    case DELETE:
    default:
        rv = apr_memcache_delete(link->mc, c->item.key, 0);
        return rv == APR_NOTFOUND ? APR_SUCCESS : rv;
    }
}

static int is_answer(apr_status_t rv)
{
    return rv == APR_SUCCESS || rv == DJS_EABSENT || rv == DJS_ETAKEN;
}

/* As many tries as there can be stale connections, and one on a new one. A
 * server that can not be connected to has none that would help. */
static apr_status_t run(djs_link_t *link, command_t *c, apr_time_t until,
                        int *again)
{
    apr_time_t began = djs_clock_steady();
    apr_status_t rv;
    djs_slot_t *slot;

    if (!link->mc || !may_ask(link)) {
        return DJS_ETROUBLE;
    }
    rv = take_slot(&slot, link, until);
    if (rv != APR_SUCCESS) {
        return rv;
    }
    djs_guard_enter(link, slot, until);
    for (int left = atomic_load(&link->peak) + 1; left > 0; left--) {
        if (atomic_load_explicit(&link->unproven, memory_order_relaxed)) {
            rv = prove(link, until);
            if (rv != APR_SUCCESS) {
                break;
            }
        }
        rv = try_once(link, c);
        if (is_answer(rv)) {
            break;
        }
        djs_guard_settle(link);
        if (c->once || djs_clock_steady() >= until) {
            break;
        }
        if (again) {
            *again = 1;
        }
    }
    give_slot(link, slot);
    if (is_answer(rv)) {
        note_success(link);
        return rv;
    }
    note_failure(link, began, until);
    return rv == DJS_ETIMEOUT || djs_clock_steady() >= until ? DJS_ETIMEOUT
                                                             : DJS_ETROUBLE;
}

/* --------------------------------------------------------------- public */

static apr_status_t make_slots(djs_link_t *link, int count, apr_pool_t *p)
{
    link->slot_count = count;
    link->slots = apr_pcalloc(p, (apr_size_t)count * sizeof *link->slots);
    for (int i = 0; i < count; i++) {
        link->slots[i].next = i + 1 < count ? i + 1 : -1;
    }
    memset(link->epochs, 0, sizeof link->epochs);
    link->free = 0;
    atomic_store(&link->peak, 0);
    atomic_store(&link->unproven, 1);
    atomic_store(&link->failing, 0);
    atomic_store(&link->closed_until, 0);
    return apr_thread_mutex_create(&link->mutex, APR_THREAD_MUTEX_DEFAULT, p);
}

apr_status_t djs_link_open(djs_link_t *link, const djs_memcache_t *self,
                           apr_pool_t *pchild)
{
    apr_memcache_server_t *server;
    apr_memcache_t *mc;
    apr_status_t rv = make_slots(link, self->most, pchild);

    link->mc = NULL;
    if (rv == APR_SUCCESS) {
        rv = apr_memcache_create(pchild, 1, 0, &mc);
    }
    if (rv == APR_SUCCESS) {
        rv = apr_memcache_server_create(
            pchild, link->host, link->port, 0, (apr_uint32_t)self->keep,
            (apr_uint32_t)self->most, (apr_uint32_t)self->idle, &server);
    }
    if (rv == APR_SUCCESS) {
        apr_reslist_timeout_set(server->conns, APR_USEC_PER_SEC / 10);
        rv = apr_memcache_add_server(mc, server);
    }
    if (rv == APR_SUCCESS) {
        mc->server_func = the_one;
        mc->hash_func = no_hash;
        link->mc = mc;
    }
    return rv;
}

apr_status_t djs_links_open(djs_memcache_t *self, apr_pool_t *pchild)
{
    unsigned char tag[16];
    apr_status_t rv = djs_random(tag, sizeof tag);

    self->guard = NULL;
    djs_hex_encode(self->tag, tag, sizeof tag);
    for (int i = 0; i < self->server_count && rv == APR_SUCCESS; i++) {
        rv = djs_link_open(&self->servers[i], self, pchild);
    }
    return rv == APR_SUCCESS ? djs_guard_start(self, pchild) : rv;
}

apr_status_t djs_link_get(djs_bytes_t *val, djs_link_t *link, const char *key,
                          apr_time_t until, apr_pool_t *p)
{
    command_t c = { GET,         DJS_MC_SET, { key, { NULL, 0 }, 0, 0 },
                    { NULL, 0 }, p,          0 };
    apr_status_t rv = run(link, &c, until, NULL);

    *val = rv == APR_SUCCESS ? c.got : djs_bytes_of(NULL, 0);
    return rv;
}

apr_status_t djs_link_store(djs_link_t *link, djs_mcverb_e verb,
                            const djs_mcitem_t *item, apr_time_t until,
                            int *again)
{
    command_t c = { STORE, verb, *item, { NULL, 0 }, NULL, 0 };

    return run(link, &c, until, again);
}

apr_status_t djs_link_delete(djs_link_t *link, const char *key,
                             apr_time_t until, int once)
{
    command_t c = { DELETE,      DJS_MC_SET, { key, { NULL, 0 }, 0, 0 },
                    { NULL, 0 }, NULL,       once };

    return run(link, &c, until, NULL);
}

void djs_link_distrust(djs_link_t *link)
{
    djs_guard_cut(link);
}
