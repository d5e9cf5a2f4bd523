/* store.c - finds the provider of a SPEC, and checks what it is asked. */
#include <stdatomic.h>
#include <string.h>
#include <apr_strings.h>
#include "base/clock.h"
#include "store/providers.h"
#include "store/site.h"
#include "store/store.h"

#define MOST_ADDED 16

struct djs_store {
    const djs_provider_t *provider;
    void *self;
    const char *name;
    apr_size_t max_value;
    atomic_int opened; /* in this process */
};

static const djs_provider_t *const providers[] = {
    &djs_store_dbm_provider,   &djs_store_memcache_provider,
    &djs_site_cache_provider,  &djs_site_cached_db_provider,
    &djs_site_db_provider,     &djs_site_file_provider,
    &djs_site_cookies_provider
};

/* Those of other modules. */
static const djs_provider_t *added[MOST_ADDED];
static int added_count;

static int is_name_of(const djs_provider_t *provider, const char *text)
{
    apr_size_t len = strlen(provider->name);

    return strncmp(text, provider->name, len) == 0 && text[len] == ':';
}

/* The provider whose name stands before the colon of `text`, or NULL. */
static const djs_provider_t *find_provider(const char *text)
{
    for (apr_size_t i = 0; i < sizeof(providers) / sizeof(*providers); i++) {
        if (is_name_of(providers[i], text)) {
            return providers[i];
        }
    }
    for (int i = 0; i < added_count; i++) {
        if (is_name_of(added[i], text)) {
            return added[i];
        }
    }
    return NULL;
}

/* What every store must have, and what goes together. */
static const char *check_functions(const djs_provider_t *provider)
{
    if (!provider->create || !provider->open || !provider->get ||
        !provider->put || !provider->update || !provider->remove) {
        return "lacks a function: create, open, get, put, update and remove"
               " must be there";
    }
    if ((provider->raise && !provider->epoch) ||
        !provider->get_beside != !provider->everywhere) {
        return "has half of a pair: raise needs epoch, and get_beside goes with"
               " everywhere";
    }
    return provider->site ? "has `site`, which is not for other modules" : NULL;
}

const char *djs_store_add(const djs_provider_t *provider)
{
    char name[64];
    const char *wrong;

    if (provider->size != sizeof *provider) {
        return "is of another version of mod_djsession: compile its module"
               " with the store/store.h of this one, and have it set `size`";
    }
    wrong = check_functions(provider);
    if (wrong) {
        return wrong;
    }
    if (!provider->name || !provider->name[0] ||
        strlen(provider->name) >= sizeof name - 1 ||
        strpbrk(provider->name, ": /")) {
        return "needs a name of 1 to 62 characters without colon, slash and"
               " blank";
    }
    apr_snprintf(name, sizeof name, "%s:", provider->name);
    if (find_provider(name) != NULL) {
        return "has a name that is taken";
    }
    if (added_count == MOST_ADDED) {
        return "is one too many: sixteen is the most";
    }
    added[added_count++] = provider;
    return NULL;
}

void djs_store_forget_added(void)
{
    added_count = 0;
}

int djs_store_is_spec(const char *text)
{
    return find_provider(text) != NULL;
}

/* The first SPEC among the options, or NULL. */
static const char *second_spec(const char *const *options)
{
    while (options && *options && !djs_store_is_spec(*options)) {
        options++;
    }
    return options ? *options : NULL;
}

const char *djs_store_create_with(djs_store_t **out,
                                  const djs_provider_t *provider,
                                  const char *arg, const char *const *options,
                                  apr_size_t max_value, apr_pool_t *pconf)
{
    djs_store_t *store = apr_pcalloc(pconf, sizeof(*store));
    const char *second = second_spec(options);
    const char *error;

    *out = NULL;
    store->provider = provider;
    store->name = apr_pstrcat(pconf, provider->name, ":", arg,
                              second ? " " : NULL, second, NULL);
    store->max_value = max_value;
    error = provider->create(&store->self, arg, options, max_value, pconf);
    if (!error) {
        *out = store;
    }
    return error;
}

const char *djs_store_create(djs_store_t **out, const char *spec,
                             const char *const *options, apr_size_t max_value,
                             apr_pool_t *pconf)
{
    const djs_provider_t *provider = find_provider(spec);

    *out = NULL;
    if (second_spec(options)) {
        if (provider != &djs_store_memcache_provider) {
            return apr_psprintf(
                pconf, "\"%s\" can not be in front of \"%s\": " DJS_TIERS_LEGAL,
                spec, second_spec(options));
        }
        provider = &djs_store_tiers_provider;
    }
    if (provider) {
        return djs_store_create_with(out, provider, strchr(spec, ':') + 1,
                                     options, max_value, pconf);
    }
    return apr_psprintf(pconf,
                        "\"%s\" names no store: use dbm:PATH, as in "
                        "dbm:/var/lib/djsession, or memcache:HOST:PORT, as in "
                        "memcache:127.0.0.1:11211; for a Django site's own "
                        "sessions django-db:, django-cache:HOST:PORT, "
                        "django-cached-db:HOST:PORT, django-file:DIR or "
                        "django-cookies:",
                        spec);
}

const char *djs_store_prepare(djs_store_t *store, djs_owner_t owner,
                              apr_pool_t *p)
{
    return store->provider->prepare
               ? store->provider->prepare(store->self, owner, p)
               : NULL;
}

const struct djs_site_methods *djs_store_site(const djs_store_t *store,
                                              void **self)
{
    *self = store->self;
    return store->provider->site;
}

static apr_status_t closed(void *store)
{
    atomic_store(&((djs_store_t *)store)->opened, 0);
    return APR_SUCCESS;
}

apr_status_t djs_store_open(djs_store_t *store, apr_pool_t *pchild)
{
    apr_status_t rv;

    atomic_store(&store->opened, 0);
    rv = store->provider->open(store->self, pchild);
    if (rv == APR_SUCCESS) {
        apr_pool_cleanup_register(pchild, store, closed, apr_pool_cleanup_null);
        atomic_store(&store->opened, 1);
    }
    return rv;
}

int djs_store_is_open(djs_store_t *store)
{
    return atomic_load(&store->opened);
}

/* An open store, and what every call must bring: a key of a possible length,
 * and some time. Another thread may be opening the store just now: nothing of
 * its provider is touched before that is done. */
static apr_status_t check(djs_store_t *store, djs_bytes_t key, djs_call_t call)
{
    if (!djs_store_is_open(store)) {
        return DJS_ETROUBLE;
    }
    if (key.len == 0 || key.len > DJS_STORE_KEY_MAX) {
        return APR_EINVAL;
    }
    if (store->provider->site) {
        return APR_ENOTIMPL;
    }
    return call.until > djs_clock_steady() ? APR_SUCCESS : DJS_ETIMEOUT;
}

apr_status_t djs_store_get(djs_store_t *store, djs_bytes_t key, djs_call_t call,
                           djs_bytes_t *val, apr_pool_t *p)
{
    apr_status_t rv = check(store, key, call);

    *val = djs_bytes_of(NULL, 0);
    return rv == APR_SUCCESS
               ? store->provider->get(store->self, key, call, val, p)
               : rv;
}

apr_status_t djs_store_put(djs_store_t *store, djs_bytes_t key, djs_item_t item,
                           djs_put_e how, djs_call_t call, apr_pool_t *scratch)
{
    apr_status_t rv = check(store, key, call);

    if (rv == APR_SUCCESS && item.expires <= 0) {
        rv = APR_EINVAL;
    }
    if (rv == APR_SUCCESS && item.val.len > store->max_value) {
        rv = DJS_ETOOBIG;
    }
    return rv == APR_SUCCESS ? store->provider->put(store->self, key, item, how,
                                                    call, scratch)
                             : rv;
}

/* The caller's function, with what it wants checked. */
typedef struct {
    djs_update_fn fn;
    void *baton;
    apr_size_t max_value;
} checked_t;

static apr_status_t checked_fn(djs_update_t *todo, djs_bytes_t current,
                               void *baton, apr_pool_t *scratch)
{
    checked_t *checked = baton;
    apr_status_t rv;

    memset(todo, 0, sizeof(*todo));
    rv = checked->fn(todo, current, checked->baton, scratch);
    if (rv == APR_SUCCESS && todo->what == DJS_UPDATE_REPLACE) {
        if (todo->val.len > checked->max_value) {
            return DJS_ETOOBIG;
        }
        return todo->expires > 0 ? APR_SUCCESS : APR_EINVAL;
    }
    return rv;
}

apr_status_t djs_store_update(djs_store_t *store, djs_bytes_t key,
                              djs_update_fn fn, void *baton, djs_call_t call,
                              apr_pool_t *scratch)
{
    checked_t checked = { fn, baton, store->max_value };
    apr_status_t rv = check(store, key, call);

    return rv == APR_SUCCESS
               ? store->provider->update(store->self, key, checked_fn, &checked,
                                         call, scratch)
               : rv;
}

/* The record that is there is updated, or a new one put. */
static apr_status_t update_or_put(djs_store_t *store, djs_bytes_t key,
                                  checked_t *checked, djs_call_t call,
                                  apr_pool_t *scratch)
{
    apr_status_t rv = DJS_ETAKEN;
    djs_update_t todo;

    while (rv == DJS_ETAKEN && call.until > djs_clock_steady()) {
        rv = store->provider->update(store->self, key, checked_fn, checked,
                                     call, scratch);
        if (rv != DJS_EABSENT) {
            break;
        }
        rv = checked_fn(&todo, djs_bytes_of(NULL, 0), checked, scratch);
        if (rv == APR_SUCCESS && todo.what == DJS_UPDATE_REPLACE) {
            rv = store->provider->put(store->self, key,
                                      (djs_item_t){ todo.val, todo.expires },
                                      DJS_PUT_NEW, call, scratch);
        }
    }
    return rv == DJS_ETAKEN ? DJS_ETIMEOUT : rv;
}

apr_status_t djs_store_change(djs_store_t *store, djs_bytes_t key,
                              djs_update_fn fn, void *baton, djs_call_t call,
                              apr_pool_t *scratch)
{
    checked_t checked = { fn, baton, store->max_value };
    apr_status_t rv = check(store, key, call);

    return rv == APR_SUCCESS
               ? update_or_put(store, key, &checked, call, scratch)
               : rv;
}

apr_status_t djs_store_remove(djs_store_t *store, djs_bytes_t key,
                              djs_call_t call, apr_pool_t *scratch)
{
    apr_status_t rv = check(store, key, call);

    return rv == APR_SUCCESS
               ? store->provider->remove(store->self, key, call, scratch)
               : rv;
}

apr_status_t djs_store_sweep(djs_store_t *store, djs_sweep_t *did,
                             djs_call_t call, apr_pool_t *scratch)
{
    if (!djs_store_is_open(store)) {
        return DJS_ETROUBLE;
    }
    return store->provider->sweep
               ? store->provider->sweep(store->self, did, call, scratch)
               : APR_SUCCESS;
}

apr_status_t djs_store_each(djs_store_t *store, djs_each_fn fn, void *baton,
                            djs_call_t call, apr_pool_t *scratch)
{
    if (!djs_store_is_open(store)) {
        return DJS_ETROUBLE;
    }
    return store->provider->each
               ? store->provider->each(store->self, fn, baton, call, scratch)
               : APR_ENOTIMPL;
}

/* ------------------------------------ what goes with records, everywhere */

apr_status_t djs_store_get_beside(djs_store_t *store, djs_bytes_t key,
                                  djs_bytes_t beside, djs_call_t call,
                                  djs_bytes_t *val, apr_pool_t *p)
{
    apr_status_t rv = check(store, beside, call);

    if (rv != APR_SUCCESS || !store->provider->get_beside) {
        return rv != APR_SUCCESS ? rv : djs_store_get(store, key, call, val, p);
    }
    *val = djs_bytes_of(NULL, 0);
    return store->provider->get_beside(store->self, key, beside, call, val, p);
}

apr_status_t djs_store_everywhere(djs_store_t *store, djs_bytes_t key,
                                  djs_update_fn fn, void *baton,
                                  djs_call_t call, apr_pool_t *scratch)
{
    checked_t checked = { fn, baton, store->max_value };
    apr_status_t rv = check(store, key, call);

    if (rv != APR_SUCCESS) {
        return rv;
    }
    return store->provider->everywhere
               ? store->provider->everywhere(store->self, key, checked_fn,
                                             &checked, call, scratch)
               : update_or_put(store, key, &checked, call, scratch);
}

/* An epoch that is kept like a record: eight bytes, the highest first. */
apr_uint64_t djs_store_epoch_of(djs_bytes_t val)
{
    apr_uint64_t epoch = 0;

    for (apr_size_t i = 0; val.len == sizeof epoch && i < val.len; i++) {
        epoch = epoch << 8 | (unsigned char)val.data[i];
    }
    return epoch;
}

/* Raises what lies there to `to`, and notes the highest that it saw. */
typedef struct {
    apr_uint64_t to;
    apr_uint64_t seen;
} raise_t;

static apr_status_t raise_fn(djs_update_t *todo, djs_bytes_t current,
                             void *baton, apr_pool_t *scratch)
{
    raise_t *raise = baton;
    apr_uint64_t now = djs_store_epoch_of(current);
    char *bytes;

    raise->seen = now > raise->seen ? now : raise->seen;
    if (now >= raise->to) {
        return APR_SUCCESS; /* todo says: keep it */
    }
    bytes = apr_palloc(scratch, sizeof now);
    for (int i = 0; i < 8; i++) {
        bytes[i] = (char)(raise->to >> (56 - 8 * i));
    }
    todo->what = DJS_UPDATE_REPLACE;
    todo->val = djs_bytes_of(bytes, sizeof now);
    todo->expires = DJS_STORE_FOREVER;
    return APR_SUCCESS;
}

apr_status_t djs_store_epoch(apr_uint64_t *epoch, djs_store_t *store,
                             djs_bytes_t name, djs_bytes_t beside,
                             djs_call_t call, apr_pool_t *scratch)
{
    raise_t raise = { 0, 0 };
    djs_bytes_t val;
    apr_status_t rv;

    *epoch = 0;
    if (!djs_store_is_open(store)) {
        return DJS_ETROUBLE;
    }
    if (store->provider->epoch) {
        rv = store->provider->epoch(store->self, name, beside, call, epoch,
                                    scratch);
        if (rv != APR_ENOTIMPL) {
            return rv;
        }
    }
    if (beside.len == 0) {
        rv = djs_store_everywhere(store, name, raise_fn, &raise, call, scratch);
        *epoch = raise.seen;
        return rv;
    }
    rv = djs_store_get_beside(store, name, beside, call, &val, scratch);
    if (rv == APR_SUCCESS) {
        *epoch = djs_store_epoch_of(val);
    }
    return rv == DJS_EABSENT ? APR_SUCCESS : rv;
}

apr_status_t djs_store_raise(djs_store_t *store, djs_bytes_t name,
                             apr_uint64_t to, djs_call_t call,
                             apr_pool_t *scratch)
{
    apr_interval_time_t lease = store->provider->lease;
    raise_t raise = { to, 0 };
    apr_status_t rv;

    if (!djs_store_is_open(store)) {
        return DJS_ETROUBLE;
    }
    rv = store->provider->raise ? store->provider->raise(store->self, name, to)
                                : djs_store_everywhere(store, name, raise_fn,
                                                       &raise, call, scratch);
    if (rv == APR_SUCCESS && lease > 0) {
        if (call.until - djs_clock_steady() < lease) {
            return DJS_ETIMEOUT; /* done, but somebody may not know of it yet */
        }
        apr_sleep(lease);
    }
    return rv;
}

djs_about_t djs_store_about(const djs_store_t *store)
{
    djs_about_t about = { NULL, NULL };

    if (store->provider->about) {
        store->provider->about(store->self, &about);
    }
    return about;
}

int djs_store_ailing(const djs_store_t *store)
{
    return store->provider->ailing ? store->provider->ailing(store->self) : 0;
}

const char *djs_store_name(const djs_store_t *store)
{
    return store->name;
}
