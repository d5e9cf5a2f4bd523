/* session/forward.h - the session as headers that a back end can believe.
 *
 * What the headers are called, which texts can stand in them, and how they are
 * signed. What is signed has always the same seven lines, so that no value can
 * pass for another one. */
#ifndef DJS_SESSION_FORWARD_H
#define DJS_SESSION_FORWARD_H

#include <apr_pools.h>
#include <apr_time.h>

#define DJS_FORWARD_KEY_BYTES 32
#define DJS_FORWARD_SIGNATURE "X-DjSession-Signature"

/* The headers, in the order in which they are signed. */
enum {
    DJS_FORWARD_STATE,
    DJS_FORWARD_USER,
    DJS_FORWARD_TAG,
    DJS_FORWARD_CREATED,
    DJS_FORWARD_EXPIRES,
    DJS_FORWARD_DATA,
    DJS_FORWARD_ITEMS /* how many */
};

/* Values by the numbers above, borrowed; NULL: that header is not sent. */
typedef struct {
    const char *values[DJS_FORWARD_ITEMS];
} djs_forward_t;

extern const char *const djs_forward_names[DJS_FORWARD_ITEMS];

/* Nonzero when a header carries this text to its reader as it is: it is not
 * empty, neither begins nor ends with a blank (readers cut those off) and has
 * no control character. */
int djs_forward_can_hold(const char *text);

/* The name of the first header whose line, "Name: value", is longer than
 * `most` bytes, and that length; NULL when there is none. */
const char *djs_forward_too_long(apr_size_t *len, const djs_forward_t *headers,
                                 apr_size_t most);

/* The value of DJS_FORWARD_SIGNATURE at `now`: "t=SECONDS,v1=HEX", HEX being
 * the HMAC-SHA-256, in lower case, of SECONDS and the six values, joined by
 * newlines; a header that is not sent is an empty line. Lives in p.
 * DJS_ETROUBLE when OpenSSL makes none. */
apr_status_t djs_forward_sign(const char **signature,
                              const djs_forward_t *headers,
                              const unsigned char key[DJS_FORWARD_KEY_BYTES],
                              apr_time_t now, apr_pool_t *p);

#endif
