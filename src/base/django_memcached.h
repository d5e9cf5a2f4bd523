/* base/django_memcached.h - what Django's clients of memcached agree on, or do
 * not: names of entries, flags of values, and which of several servers is
 * asked.
 */
#ifndef DJS_BASE_DJANGO_MEMCACHED_H
#define DJS_BASE_DJANGO_MEMCACHED_H

#include <apr_pools.h>
#include "base/bytes.h"

#define DJS_FLAG_PICKLE   1u
#define DJS_FLAG_INTEGER  2u
#define DJS_FLAG_LONG     4u
#define DJS_FLAG_DEFLATED 8u /* besides another: a zlib stream of it */
#define DJS_FLAG_TEXT     16u

/* The name of an entry: PREFIX:VERSION:ENGINE and the session's key, in `p`;
 * `engine` is "cache" or "cached_db". */
const char *djs_django_cache_key(const char *prefix, const char *version,
                                 const char *engine, djs_bytes_t session_key,
                                 apr_pool_t *p);

typedef enum {
    DJS_CLIENT_PYMEMCACHE,
    DJS_CLIENT_PYLIBMC,
    DJS_CLIENT_MEMCACHE /* python-memcached */
} djs_django_client_e;

/* Which of `count` servers (above 0; "host:port" as Django's LOCATION has it)
 * the client asks for an entry while all of them answer. */
int djs_django_server(djs_django_client_e client, const char *const *servers,
                      int count, djs_bytes_t cache_key, apr_pool_t *p);

#endif
