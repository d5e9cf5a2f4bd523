/* codec/django_cache.h - how Django's cache back ends wrap a pickled session:
 * values of memcached, files, rows. */
#ifndef DJS_CODEC_DJANGO_CACHE_H
#define DJS_CODEC_DJANGO_CACHE_H

#include <apr_pools.h>
#include <apr_time.h>
#include "base/bytes.h"
#include "base/django_memcached.h"
#include "base/status.h"
#include "codec/pickle.h"

/* Reads a value of memcached by its flags, as the clients do. A pickle gives
 * what djs_pickle_read() says of it. Bytes, text and numbers are values, but no
 * sessions: DJS_DJANGO_NOT_OBJECT. Flags that no client sets:
 * DJS_DJANGO_UNSUPPORTED. */
djs_django_e djs_django_flagged_read(djs_pickle_t *out, djs_bytes_t value,
                                     apr_uint32_t flags, apr_size_t ceiling,
                                     apr_pool_t *p);

/* Reads a file of FileBasedCache: when it ends, then a zlib stream of the
 * pickle. DJS_DJANGO_EXPIRED: it ended before `now`. The head is compared with
 * the forms that Django writes and never run. */
djs_django_e djs_django_file_read(djs_pickle_t *out, djs_bytes_t file,
                                  apr_time_t now, apr_size_t ceiling,
                                  apr_pool_t *p);

/* Writes such a file to `*out` in `p`; `expires` 0: it never ends.
 * DJS_ETROUBLE: no memory. */
apr_status_t djs_django_file_write(djs_bytes_t *out, djs_bytes_t pickle,
                                   apr_time_t expires, apr_pool_t *p);

/* Reads the text in a row of DatabaseCache: the pickle in base64. */
djs_django_e djs_django_row_read(djs_pickle_t *out, djs_bytes_t text,
                                 apr_size_t ceiling, apr_pool_t *p);

/* The name of FileBasedCache's file for an entry, in `p`; NULL when OpenSSL
 * fails. */
const char *djs_django_file_name(djs_bytes_t cache_key, apr_pool_t *p);

#endif
