/* store/providers.h - the stores there are. */
#ifndef DJS_STORE_PROVIDERS_H
#define DJS_STORE_PROVIDERS_H

#include "store/store.h"

/* APR DBM files in a directory. */
extern const djs_provider_t djs_store_dbm_provider;

/* One or more memcached servers, through apr_memcache. */
extern const djs_provider_t djs_store_memcache_provider;

/* memcached in front of DBM files: of two SPECs. */
#define DJS_TIERS_LEGAL                                                        \
    "two stores are possible as memcache:HOST:PORT [option=value]... dbm:PATH" \
    " [option=value]..., where memcached is asked first and DBM files keep"    \
    " everything"
extern const djs_provider_t djs_store_tiers_provider;

/* This process's memory: what the contract says in the fewest lines, for tests.
 * No configuration reaches it. */
extern const djs_provider_t djs_store_memory_provider;

/* What a Django site keeps: rows of a database, entries of a cache or both,
 * files, and cookies. */
extern const djs_provider_t djs_site_cache_provider;
extern const djs_provider_t djs_site_cached_db_provider;
extern const djs_provider_t djs_site_db_provider;
extern const djs_provider_t djs_site_file_provider;
extern const djs_provider_t djs_site_cookies_provider;

/* The methods of a site's store, and what they are called with; NULL when it is
 * none. */
const struct djs_site_methods *djs_store_site(const djs_store_t *store,
                                              void **self);

/* Makes a further store known by its name; as long as the process, or until
 * they are forgotten. NULL, or what is wrong with it, to be read behind "the
 * store NAME": its form, its name, a function that every store must have. Not
 * thread-safe: before any store is created. */
const char *djs_store_add(const djs_provider_t *provider);
void djs_store_forget_added(void);

/* The epoch that a record of eight bytes holds; 0 when it is none. */
apr_uint64_t djs_store_epoch_of(djs_bytes_t val);

/* As djs_store_create, with a provider that need not be registered; `arg` is
 * what follows the colon. */
const char *djs_store_create_with(djs_store_t **out,
                                  const djs_provider_t *provider,
                                  const char *arg, const char *const *options,
                                  apr_size_t max_value, apr_pool_t *pconf);

#endif
