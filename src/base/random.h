/* base/random.h - random bytes from OpenSSL's CSPRNG, and nothing else. */
#ifndef DJS_BASE_RANDOM_H
#define DJS_BASE_RANDOM_H

#include <apr_errno.h>

/* What draws random bytes: djs_random, or a test's own. */
typedef apr_status_t (*djs_random_fn)(unsigned char *out, apr_size_t len);

/* Fills `out`. DJS_ERANDOM when the generator fails: the caller gives up, no
 * other source is tried; `out` is then zeroed. */
apr_status_t djs_random(unsigned char *out, apr_size_t len);

#endif
