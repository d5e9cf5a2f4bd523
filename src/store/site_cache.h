/* store/site_cache.h - entries of Django's cache in memcached.
 *
 * Django's clients choose the server and write pickles; requests of httpd that
 * change an entry take turns by a lock key. An entry that is gone is never
 * written again: a change is a `replace`. memcached tells neither when an entry
 * was written nor when it ends. */
#ifndef DJS_STORE_SITE_CACHE_H
#define DJS_STORE_SITE_CACHE_H

#include "base/django_memcached.h"
#include "store/memcache_link.h"
#include "store/memcache_lock.h"
#include "store/site.h"

typedef struct {
    djs_memcache_t mc;
    const char *names[DJS_MC_SERVERS_MAX]; /* as the site's LOCATION has them */
    const char *engine;                    /* "cache" or "cached_db" */
    const char *prefix;                    /* KEY_PREFIX */
    const char *version;                   /* VERSION */
    djs_django_client_e client;
    const char *pass[8]; /* options that are memcache_spec's; ends with NULL */
    int passed;
} djs_cache_t;

#define DJS_CACHE_LEGAL                                                        \
    "HOST:PORT[,HOST:PORT...] [client=pymemcache|pylibmc|memcache]"            \
    " [prefix=KEY_PREFIX] [version=1] [min=N] [max=N] [ttl=SECONDS]: the"      \
    " servers as the site's LOCATION lists them"

/* One entry while it is worked on. */
typedef struct {
    djs_cache_t *cache;
    const char *name; /* memcached's */
    djs_owners_t owners;
    djs_mclock_t lock;
    djs_call_t call;
    apr_pool_t *p;
} djs_cached_t;

/* Sets the defaults. */
void djs_cache_init(djs_cache_t *cache, const char *engine);

/* Nonzero when `option` is one of its own; then `*wrong` is NULL or a sentence.
 */
int djs_cache_option(djs_cache_t *cache, const char **wrong, const char *option,
                     apr_pool_t *p);

/* After all options: reads the servers. NULL, or a sentence. */
const char *djs_cache_servers(djs_cache_t *cache, const char *arg,
                              apr_pool_t *p);

/* Once per process. */
apr_status_t djs_cache_open(djs_cache_t *cache, apr_pool_t *pchild);

/* Says where the entry of a session key lies; asks nobody. */
void djs_cached_init(djs_cached_t *c, djs_cache_t *cache, djs_bytes_t key,
                     djs_call_t call, apr_pool_t *p);

/* The pickle and what flags it must have had. DJS_EABSENT: there is none. */
apr_status_t djs_cached_get(djs_entry_t *out, djs_cached_t *c);

/* Until its end; with DJS_MC_REPLACE: DJS_EABSENT, with DJS_MC_ADD: DJS_ETAKEN.
 * Under the lock, if it is held. DJS_ETOOBIG: nothing was sent. */
apr_status_t djs_cached_put(djs_cached_t *c, djs_mcverb_e verb,
                            const djs_entry_t *entry);

/* Removing what is not there succeeds. */
apr_status_t djs_cached_delete(djs_cached_t *c);

/* Other requests of httpd change nothing between these. */
apr_status_t djs_cached_lock(djs_cached_t *c);
void djs_cached_unlock(djs_cached_t *c);

#endif
