/* store/memcache_spec.h - reads `memcache:...` and its options. */
#ifndef DJS_STORE_MEMCACHE_SPEC_H
#define DJS_STORE_MEMCACHE_SPEC_H

#include "store/memcache.h"

/* Fills the configured part of `*out` from what follows "memcache:" and the
 * options; host names are resolved here, once. NULL, or a sentence with the
 * legal values. */
const char *djs_mcspec_read(djs_memcache_t *out, const char *arg,
                            const char *const *options, apr_pool_t *p);

/* The first server that is not on this host, or NULL. */
const char *djs_mcspec_remote(const djs_memcache_t *self);

#endif
