/* store/site_cache.c - entries of Django's cache in memcached, and the cache
 * engine. */
#include <string.h>
#include <apr_strings.h>
#include "base/clock.h"
#include "store/memcache_spec.h"
#include "store/providers.h"
#include "store/site_cache.h"

#define RELATIVE_MAX                                                           \
    (30 * 24 * 3600)                /* more seconds are a date, for Django     \
                                     */
#define GONE     (RELATIVE_MAX + 1) /* a date in 1970 */
#define DATE_MAX 2147483647

/* ------------------------------------------------------------- options */

void djs_cache_init(djs_cache_t *cache, const char *engine)
{
    memset(cache, 0, sizeof *cache);
    cache->engine = engine;
    cache->prefix = "";
    cache->version = "1";
    cache->client = DJS_CLIENT_PYMEMCACHE;
}

static const char *read_client(djs_cache_t *cache, const char *name,
                               apr_pool_t *p)
{
    static const char *const names[] = { "pymemcache", "pylibmc", "memcache" };

    for (int i = 0; i < 3; i++) {
        if (strcmp(name, names[i]) == 0) {
            cache->client = (djs_django_client_e)i;
            return NULL;
        }
    }
    return apr_psprintf(p,
                        "client=%s is none of Django's: use pymemcache for"
                        " PyMemcacheCache, pylibmc for PyLibMCCache, memcache"
                        " for MemcachedCache",
                        name);
}

/* What memcached takes in a key, and Django with it. */
static const char *read_word(const char **out, const char *option,
                             const char *word, apr_pool_t *p)
{
    *out = apr_pstrdup(p, word);
    for (const char *c = word; *c; c++) {
        if ((unsigned char)*c <= ' ' || *c == 0x7f) {
            return apr_psprintf(p, "\"%s\" can not be part of a key", option);
        }
    }
    return strlen(word) <= 100
               ? NULL
               : apr_psprintf(p, "\"%s\" is too long for a key", option);
}

int djs_cache_option(djs_cache_t *cache, const char **wrong, const char *option,
                     apr_pool_t *p)
{
    *wrong = NULL;
    if (strncmp(option, "client=", 7) == 0) {
        *wrong = read_client(cache, option + 7, p);
    }
    else if (strncmp(option, "prefix=", 7) == 0) {
        *wrong = read_word(&cache->prefix, option, option + 7, p);
    }
    else if (strncmp(option, "version=", 8) == 0) {
        *wrong = read_word(&cache->version, option, option + 8, p);
    }
    else if (strncmp(option, "min=", 4) == 0 ||
             strncmp(option, "max=", 4) == 0 ||
             strncmp(option, "ttl=", 4) == 0) {
        if (cache->passed < 7) {
            cache->pass[cache->passed++] = apr_pstrdup(p, option);
        }
    }
    else {
        return 0;
    }
    return 1;
}

const char *djs_cache_servers(djs_cache_t *cache, const char *arg,
                              apr_pool_t *p)
{
    const char *wrong = djs_mcspec_read(&cache->mc, arg, cache->pass, p);

    for (int i = 0; i < cache->mc.server_count; i++) {
        cache->names[i] = cache->mc.servers[i].name;
    }
    return wrong;
}

apr_status_t djs_cache_open(djs_cache_t *cache, apr_pool_t *pchild)
{
    return djs_links_open(&cache->mc, pchild);
}

/* ------------------------------------------------------------ one entry */

void djs_cached_init(djs_cached_t *c, djs_cache_t *cache, djs_bytes_t key,
                     djs_call_t call, apr_pool_t *p)
{
    int which;

    memset(c, 0, sizeof *c);
    c->cache = cache;
    c->call = call;
    c->p = p;
    c->name = djs_django_cache_key(cache->prefix, cache->version, cache->engine,
                                   key, p);
    which = djs_django_server(cache->client, cache->names,
                              cache->mc.server_count, djs_bytes(c->name), p);
    c->owners.link[0] = &cache->mc.servers[which];
    c->owners.count = 1;
    c->lock.key = apr_pstrcat(p, "djs:l:", c->name, NULL);
}

/* The flags that a client must have set, for these bytes. They are not asked
 * for: apr_memcache reads them with no look at where the line ends. */
static apr_uint32_t flags_of(djs_bytes_t value)
{
    const unsigned char *at = (const unsigned char *)value.data;
    int deflated = value.len > 2 && (at[0] & 0x0f) == 8 && at[0] <= 0x78 &&
                   (at[0] << 8 | at[1]) % 31 == 0;

    return deflated ? DJS_FLAG_PICKLE | DJS_FLAG_DEFLATED : DJS_FLAG_PICKLE;
}

apr_status_t djs_cached_get(djs_entry_t *out, djs_cached_t *c)
{
    apr_status_t rv = djs_link_get(&out->pickle, c->owners.link[0], c->name,
                                   c->call.until, c->p);

    if (rv == APR_SUCCESS) {
        out->flags = flags_of(out->pickle);
    }
    return rv;
}

/* As Django's back ends tell memcached how long. */
static apr_uint32_t seconds_until(apr_time_t expires, apr_time_t now)
{
    apr_time_t left = (expires - now + APR_USEC_PER_SEC / 2) / APR_USEC_PER_SEC;
    apr_time_t date = apr_time_sec(now) + left;

    if (left <= 0) {
        return GONE;
    }
    if (left <= RELATIVE_MAX) {
        return (apr_uint32_t)left;
    }
    return (apr_uint32_t)(date < DATE_MAX ? date : DATE_MAX);
}

apr_status_t djs_cached_put(djs_cached_t *c, djs_mcverb_e verb,
                            const djs_entry_t *entry)
{
    const djs_mcitem_t item = { c->name, entry->pickle,
                                seconds_until(entry->expires, c->call.now),
                                entry->flags };
    int locked = c->lock.count > 0, again = 0;
    apr_time_t until =
        locked ? djs_mclock_until(&c->lock, c->call.until) : c->call.until;
    apr_status_t rv;

    if (entry->pickle.len > DJS_MC_VALUE_MAX) {
        return DJS_ETOOBIG;
    }
    if (locked && !djs_mclock_stands(&c->lock)) {
        return DJS_ETIMEOUT;
    }
    rv = djs_link_store(c->owners.link[0], verb, &item, until, &again);
    c->lock.uncertain |=
        again || (rv != APR_SUCCESS && rv != DJS_EABSENT && rv != DJS_ETAKEN);
    return rv;
}

/* What was decided under the lock is done while that stands, or it would take
 * along what others have saved since. */
apr_status_t djs_cached_delete(djs_cached_t *c)
{
    int locked = c->lock.count > 0;
    apr_status_t rv;

    if (locked && !djs_mclock_stands(&c->lock)) {
        return DJS_ETIMEOUT;
    }
    rv = djs_link_delete(
        c->owners.link[0], c->name,
        locked ? djs_mclock_until(&c->lock, c->call.until) : c->call.until, 0);
    c->lock.uncertain |= rv != APR_SUCCESS;
    return rv;
}

apr_status_t djs_cached_lock(djs_cached_t *c)
{
    return djs_mclock_take(&c->lock, &c->cache->mc, &c->owners, c->call.until,
                           1, c->p);
}

void djs_cached_unlock(djs_cached_t *c)
{
    djs_mclock_release(&c->lock, c->call.until);
}

/* ----------------------------------------------------------- the engine */

static const char *create(void **self, const char *arg,
                          const char *const *options, apr_size_t max_value,
                          apr_pool_t *pconf)
{
    djs_cache_t *cache = apr_palloc(pconf, sizeof *cache);
    const char *wrong = NULL;

    (void)max_value;
    *self = cache;
    djs_cache_init(cache, "cache");
    for (; options && *options && !wrong; options++) {
        if (!djs_cache_option(cache, &wrong, *options, pconf)) {
            wrong = apr_psprintf(pconf,
                                 "\"%s\" is no option of it: write"
                                 " django-cache:" DJS_CACHE_LEGAL,
                                 *options);
        }
    }
    return wrong ? wrong : djs_cache_servers(cache, arg, pconf);
}

static apr_status_t open_store(void *self, apr_pool_t *pchild)
{
    return djs_cache_open(self, pchild);
}

static apr_status_t get(void *self, djs_entry_name_t name, djs_call_t call,
                        djs_entry_t *out, apr_pool_t *p)
{
    djs_cached_t c;

    djs_cached_init(&c, self, name.key, call, p);
    return djs_cached_get(out, &c);
}

/* An add that had to be tried again may arrive once more, after the session has
 * ended: so nobody shall have that key. */
static apr_status_t add(void *self, djs_entry_name_t name,
                        const djs_entry_t *entry, djs_call_t call,
                        apr_pool_t *scratch)
{
    djs_entry_t there;
    djs_cached_t c;
    apr_status_t rv;

    djs_cached_init(&c, self, name.key, call, scratch);
    rv = djs_cached_put(&c, DJS_MC_ADD, entry);
    if (c.lock.uncertain && (rv == APR_SUCCESS || rv == DJS_ETAKEN)) {
        if (djs_cached_get(&there, &c) == APR_SUCCESS &&
            djs_bytes_equal(there.pickle, entry->pickle)) {
            (void)djs_cached_delete(&c);
        }
        rv = DJS_ETAKEN;
    }
    return rv;
}

/* Ends what was read under the lock. DJS_EABSENT: the site, which asks for no
 * lock, has ended it since. A delete would not tell. */
static apr_status_t end_entry(djs_cached_t *c, djs_entry_t *current)
{
    apr_status_t rv;

    current->expires = 1;
    rv = djs_cached_put(c, DJS_MC_REPLACE, current);
    return rv == DJS_EABSENT && c->lock.uncertain ? APR_SUCCESS : rv;
}

static apr_status_t change_locked(djs_cached_t *c, djs_entry_fn fn, void *baton)
{
    djs_entry_t current, next;
    apr_status_t rv;

    memset(&current, 0, sizeof current);
    memset(&next, 0, sizeof next);
    rv = djs_cached_get(&current, c);
    if (rv == APR_SUCCESS) {
        rv = fn(&next, &current, baton, c->p);
    }
    if (rv == APR_SUCCESS && next.gone) {
        rv = end_entry(c, &current);
    }
    else if (rv == APR_SUCCESS && next.pickle.data) {
        rv = djs_cached_put(c, DJS_MC_REPLACE, &next);
    }
    return rv;
}

static apr_status_t change(void *self, djs_entry_name_t name, djs_entry_fn fn,
                           void *baton, djs_call_t call, apr_pool_t *scratch)
{
    djs_cached_t c;
    apr_status_t rv;

    djs_cached_init(&c, self, name.key, call, scratch);
    rv = djs_cached_lock(&c);
    if (rv == APR_SUCCESS) {
        rv = change_locked(&c, fn, baton);
        djs_cached_unlock(&c);
    }
    return rv;
}

/* djs_entry_fn: the same bytes, with a new end. There is no `touch` to be had.
 */
static apr_status_t same_again(djs_entry_t *next, const djs_entry_t *current,
                               void *baton, apr_pool_t *scratch)
{
    (void)scratch;
    *next = *current;
    next->expires = *(apr_time_t *)baton;
    return APR_SUCCESS;
}

static apr_status_t touch(void *self, djs_entry_name_t name, apr_time_t expires,
                          djs_call_t call, apr_pool_t *scratch)
{
    return change(self, name, same_again, &expires, call, scratch);
}

static apr_status_t remove_entry(void *self, djs_entry_name_t name,
                                 djs_call_t call, apr_pool_t *scratch)
{
    djs_cached_t c;

    djs_cached_init(&c, self, name.key, call, scratch);
    return djs_cached_delete(&c);
}

static const djs_site_methods_t methods = { .forms = DJS_FORM_PICKLE,
                                            .get = get,
                                            .add = add,
                                            .change = change,
                                            .touch = touch,
                                            .remove = remove_entry };

const djs_provider_t djs_site_cache_provider = { .name = "django-cache",
                                                 .create = create,
                                                 .open = open_store,
                                                 .site = &methods };
