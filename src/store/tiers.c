/* tiers.c - memcached in front of DBM files: two tiers, one truth.
 *
 * DBM is the store; memcached holds copies of what was read from it or written
 * to it. A copy bears the edition of its record (dbm_lock.h) and counts only
 * while that is the edition of today, which every change in the DBM files
 * advances before it is made, whoever makes it. So whatever memcached forgets,
 * brings back, or takes late, no older version wins and no ended session lives.
 *
 * The DBM directory's id is part of memcached's keys: stores that are not the
 * same never meet there. doc/formats-memcache has every byte. */
#include <stdatomic.h>
#include <string.h>
#include <apr_strings.h>
#include "base/clock.h"
#include "store/dbm.h"
#include "store/memcache_copies.h"
#include "store/providers.h"

#define FAIR                                                                   \
    (20 * 1000) /* microseconds that memcached must have had at least          \
                   for its silence to say anything */

/* What went wrong last, each to be made good by its own like. */
enum { AILING_READS = 1, AILING_WRITES = 2, AILING_DBM = 4 };

typedef struct {
    djs_memcache_t *front;
    djs_dbm_t *back;
    atomic_int ailing; /* AILING_... */
} tiers_t;

/* ------------------------------------------------------------- creating */

/* The options before the second SPEC. */
static const char *const *options_before(const char *const *options, int count,
                                         apr_pool_t *p)
{
    const char **first =
        apr_pcalloc(p, ((apr_size_t)count + 1) * sizeof(*first));

    for (int i = 0; i < count; i++) {
        first[i] = options[i];
    }
    return first;
}

/* store.c comes here only with a second SPEC among the options. */
static const char *tiers_create(void **self, const char *arg,
                                const char *const *options,
                                apr_size_t max_value, apr_pool_t *pconf)
{
    tiers_t *tiers = apr_pcalloc(pconf, sizeof(*tiers));
    void *front, *back;
    const char *error;
    int count = 0;

    *self = tiers;
    while (!djs_store_is_spec(options[count])) {
        count++;
    }
    for (int i = count; options[i]; i++) {
        if (djs_store_is_spec(options[i]) != (i == count) ||
            (i == count && strncmp(options[i], "dbm:", 4) != 0)) {
            return apr_psprintf(pconf,
                                "\"%s\" can not stand there: " DJS_TIERS_LEGAL,
                                options[i]);
        }
    }
    error = djs_store_memcache_provider.create(
        &front, arg, options_before(options, count, pconf), max_value, pconf);
    if (!error) {
        error = djs_store_dbm_provider.create(
            &back, options[count] + 4, options + count + 1, max_value, pconf);
    }
    if (!error) {
        tiers->front = front;
        tiers->front->kind = "c:";
        tiers->back = back;
    }
    return error;
}

static const char *tiers_prepare(void *self, djs_owner_t owner, apr_pool_t *p)
{
    return djs_store_dbm_provider.prepare(((tiers_t *)self)->back, owner, p);
}

/* That memcached's part does not open only costs its help. */
static apr_status_t tiers_open(void *self, apr_pool_t *pchild)
{
    tiers_t *tiers = self;

    atomic_store(&tiers->ailing, 0);
    (void)djs_store_memcache_provider.open(tiers->front, pchild);
    return djs_store_dbm_provider.open(tiers->back, pchild);
}

/* --------------------------------------------------------------- health */

/* Every status with a name of its own is, but for three. */
static int is_answer(apr_status_t rv)
{
    return rv == APR_SUCCESS ||
           (rv > DJS_STATUS_BASE && rv <= DJS_ERANDOM && rv != DJS_ETROUBLE &&
            rv != DJS_ETIMEOUT && rv != DJS_EFULL);
}

static void note(tiers_t *tiers, int what, apr_status_t rv)
{
    int ailing = !is_answer(rv);

    if (!(atomic_load_explicit(&tiers->ailing, memory_order_relaxed) & what) !=
        !ailing) {
        if (ailing) {
            atomic_fetch_or(&tiers->ailing, what);
        }
        else {
            atomic_fetch_and(&tiers->ailing, ~what);
        }
    }
}

static int tiers_ailing(void *self)
{
    int ailing = atomic_load(&((tiers_t *)self)->ailing);

    return (ailing & (AILING_READS | AILING_WRITES) ? DJS_AILING_FRONT : 0) |
           (ailing & AILING_DBM ? DJS_AILING_BACK : 0);
}

/* ------------------------------------------------------ memcached's part */

/* Where the copy of a record of that edition lies. */
static void find_copy(djs_copies_t *copy, const tiers_t *tiers, djs_bytes_t key,
                      const djs_edition_t *edition, djs_call_t call,
                      apr_pool_t *p)
{
    apr_size_t len = sizeof(edition->id) + key.len;
    char *name = apr_palloc(p, len);

    memcpy(name, edition->id, sizeof(edition->id));
    memcpy(name + sizeof(edition->id), key.data, key.len);
    djs_copies_init(copy, tiers->front, djs_bytes_of(name, len), call, p);
}

/* Half of the time that is left, so that memcached's silence leaves DBM the
 * other half. */
static apr_interval_time_t time_for_front(djs_call_t *call)
{
    call->until = djs_mclock_share(call->until, 2);
    return call->until - djs_clock_steady();
}

/* A call that ended for want of time that it never had is nobody's fault. */
static void note_front(tiers_t *tiers, int what, apr_status_t rv,
                       apr_interval_time_t given)
{
    if (rv != DJS_ETIMEOUT || given >= FAIR) {
        note(tiers, what, rv);
    }
}

static apr_status_t recall(tiers_t *tiers, djs_bytes_t key,
                           const djs_edition_t *edition, djs_call_t call,
                           djs_item_t *item, apr_pool_t *p)
{
    apr_interval_time_t given = time_for_front(&call);
    apr_status_t rv = DJS_ETROUBLE; /* it did not open in this process */
    djs_copies_t copy;

    if (tiers->front->guard) {
        find_copy(&copy, tiers, key, edition, call, p);
        rv = djs_copies_recall(&copy, edition->number);
    }
    if (rv == APR_SUCCESS) {
        item->val = copy.current->val;
        item->expires = copy.current->expires;
    }
    note_front(tiers, AILING_READS, rv, given);
    return rv;
}

/* Puts the copy there, or takes it away when `item` is NULL. Whether that works
 * nobody needs to know: a copy that stays behind is of an edition that has
 * passed. */
static void memorize(tiers_t *tiers, djs_bytes_t key,
                     const djs_edition_t *edition, const djs_item_t *item,
                     djs_call_t call, apr_pool_t *p)
{
    apr_interval_time_t given = time_for_front(&call);
    apr_status_t rv = DJS_ETROUBLE;
    djs_copies_t copy;

    if (tiers->front->guard) {
        find_copy(&copy, tiers, key, edition, call, p);
        rv = item ? djs_copies_memorize(&copy, *item, edition->number)
                  : djs_copies_forget(&copy);
    }
    note_front(tiers, AILING_WRITES, rv, given);
}

/* ---------------------------------------------------------------- verbs */

/* The edition is looked up before the record is read: what is then marked with
 * it may be newer, never older. */
static apr_status_t tiers_get(void *self, djs_bytes_t key, djs_call_t call,
                              djs_bytes_t *val, apr_pool_t *p)
{
    tiers_t *tiers = self;
    apr_status_t cached = DJS_ETROUBLE, rv;
    djs_edition_t edition;
    djs_item_t item;

    if (djs_dbm_edition(&edition, tiers->back, key) == APR_SUCCESS) {
        cached = recall(tiers, key, &edition, call, &item, p);
    }
    if (cached == APR_SUCCESS) {
        *val = item.val;
        if (atomic_load(&tiers->ailing) & AILING_WRITES) {
            /* does it take writes again? the same once more harms nobody */
            memorize(tiers, key, &edition, &item, call, p);
        }
        return cached;
    }
    rv = djs_dbm_get(&item, tiers->back, key, call, p);
    note(tiers, AILING_DBM, rv);
    if (rv == APR_SUCCESS) {
        *val = item.val;
        if (is_answer(cached)) {
            memorize(tiers, key, &edition, &item, call, p);
        }
    }
    return rv;
}

/* DBM first; what it did not do is not done. */
static apr_status_t change(tiers_t *tiers, djs_dbm_change_t *change,
                           apr_pool_t *scratch)
{
    apr_status_t rv = djs_dbm_change(tiers->back, change);
    djs_item_t item = { change->todo.val, change->todo.expires };

    note(tiers, AILING_DBM, rv);
    if (rv == APR_SUCCESS && change->todo.what != DJS_UPDATE_KEEP) {
        memorize(tiers, change->key, &change->edition,
                 change->todo.what == DJS_UPDATE_REPLACE ? &item : NULL,
                 change->call, scratch);
    }
    return rv;
}

static apr_status_t tiers_put(void *self, djs_bytes_t key, djs_item_t item,
                              djs_put_e how, djs_call_t call,
                              apr_pool_t *scratch)
{
    djs_dbm_change_t put = {
        .verb = DJS_DBM_PUT, .key = key, .call = call, .how = how
    };

    put.todo.val = item.val;
    put.todo.expires = item.expires;
    return change(self, &put, scratch);
}

static apr_status_t tiers_update(void *self, djs_bytes_t key, djs_update_fn fn,
                                 void *baton, djs_call_t call,
                                 apr_pool_t *scratch)
{
    djs_dbm_change_t update = { .verb = DJS_DBM_UPDATE,
                                .key = key,
                                .call = call,
                                .fn = fn,
                                .baton = baton,
                                .scratch = scratch };

    return change(self, &update, scratch);
}

static apr_status_t tiers_remove(void *self, djs_bytes_t key, djs_call_t call,
                                 apr_pool_t *scratch)
{
    djs_dbm_change_t removal = { .verb = DJS_DBM_REMOVE,
                                 .key = key,
                                 .call = call };

    return change(self, &removal, scratch);
}

static apr_status_t tiers_sweep(void *self, djs_sweep_t *did, djs_call_t call,
                                apr_pool_t *scratch)
{
    return djs_store_dbm_provider.sweep(((tiers_t *)self)->back, did, call,
                                        scratch);
}

static apr_status_t tiers_each(void *self, djs_each_fn fn, void *baton,
                               djs_call_t call, apr_pool_t *scratch)
{
    return djs_store_dbm_provider.each(((tiers_t *)self)->back, fn, baton, call,
                                       scratch);
}

static void tiers_about(void *self, djs_about_t *out)
{
    const tiers_t *tiers = self;

    djs_store_memcache_provider.about(tiers->front, out);
    djs_store_dbm_provider.about(tiers->back, out);
}

static apr_status_t tiers_epoch(void *self, djs_bytes_t name,
                                djs_bytes_t beside, djs_call_t call,
                                apr_uint64_t *epoch, apr_pool_t *p)
{
    return djs_store_dbm_provider.epoch(((tiers_t *)self)->back, name, beside,
                                        call, epoch, p);
}

static apr_status_t tiers_raise(void *self, djs_bytes_t name, apr_uint64_t to)
{
    return djs_store_dbm_provider.raise(((tiers_t *)self)->back, name, to);
}

const djs_provider_t djs_store_tiers_provider = { sizeof(djs_provider_t),
                                                  "memcache",
                                                  tiers_create,
                                                  tiers_prepare,
                                                  tiers_open,
                                                  tiers_get,
                                                  tiers_put,
                                                  tiers_update,
                                                  tiers_remove,
                                                  tiers_sweep,
                                                  tiers_each,
                                                  tiers_about,
                                                  tiers_epoch,
                                                  tiers_raise,
                                                  NULL,
                                                  NULL,
                                                  tiers_ailing,
                                                  0,
                                                  NULL };
