/* store/memcache_link.h - one memcached server: connections, retries, breaker.
 *
 * Every call ends by its deadline. A pooled connection that a restart has left
 * stale is passed over at once. A server that cost time is not asked again for
 * a second, then by one call; one that refuses at once is asked every time. */
#ifndef DJS_STORE_MEMCACHE_LINK_H
#define DJS_STORE_MEMCACHE_LINK_H

#include "store/memcache.h"

typedef enum { DJS_MC_ADD, DJS_MC_REPLACE, DJS_MC_SET } djs_mcverb_e;

/* What is kept under a key of memcached; `seconds` as memcached reads it. */
typedef struct {
    const char *key;
    djs_bytes_t val;
    apr_uint32_t seconds;
    apr_uint32_t flags;
} djs_mcitem_t;

/* Makes what this process needs to talk to the server; connects to nobody. */
apr_status_t djs_link_open(djs_link_t *link, const djs_memcache_t *self,
                           apr_pool_t *pchild);

/* The same for all servers, and the guard over them. */
apr_status_t djs_links_open(djs_memcache_t *self, apr_pool_t *pchild);

/* `*val` lives in `p`. DJS_EABSENT: the server says it has none. DJS_ETIMEOUT,
 * DJS_ETROUBLE: nobody knows. */
apr_status_t djs_link_get(djs_bytes_t *val, djs_link_t *link, const char *key,
                          apr_time_t until, apr_pool_t *p);

/* DJS_ETAKEN: an item is there (add). DJS_EABSENT: none is (replace). After
 * trouble the item may have been stored. `*again`, when not NULL, becomes
 * nonzero when a try before the last one failed, and may have done it. */
apr_status_t djs_link_store(djs_link_t *link, djs_mcverb_e verb,
                            const djs_mcitem_t *item, apr_time_t until,
                            int *again);

/* Deleting what is not there succeeds. With `once` it is tried once only. */
apr_status_t djs_link_delete(djs_link_t *link, const char *key,
                             apr_time_t until, int once);

/* What the server said of that key can not be: forget the connections. */
void djs_link_distrust(djs_link_t *link);

#endif
