/* session/cookie.h - the Cookie header in, the Set-Cookie header out.
 *
 * In: one pass, linear. `;` splits, and so does the `, ` that httpd puts
 * between merged Cookie lines; only SP and TAB are trimmed; names compare
 * byte by byte; double quotes are part of a value; nothing is decoded. */
#ifndef DJS_SESSION_COOKIE_H
#define DJS_SESSION_COOKIE_H

#include <apr_pools.h>
#include <apr_time.h>
#include "base/bytes.h"
#include "base/status.h"
#include "session/key.h"

#define DJS_COOKIE_CANDIDATES 4           /* keys looked up at most */
#define DJS_COOKIE_CONSIDERED (64 * 1024) /* bytes of a header considered */
#define DJS_COOKIE_MAX_AGE    34560000    /* seconds: 400 days, RFC 6265bis */

/* The well-formed session keys that a request sent under our name. */
typedef struct {
    djs_bytes_t keys[DJS_COOKIE_CANDIDATES]; /* distinct; borrow the header */
    int count;                               /* 0 to DJS_COOKIE_CANDIDATES */
    int too_many; /* more than that were sent: count is 0, look nothing up */
    int sent;     /* a cookie of our name came, whatever its value */
} djs_candidates_t;

/* Reads a Cookie header (merged lines allowed). Never fails. */
void djs_cookie_candidates(djs_candidates_t *out, djs_bytes_t header,
                           djs_bytes_t name);

/* The same as Django reads it: the last cookie of the name, and no other. With
 * `keys` it must be a well-formed key, otherwise any text. A header longer than
 * DJS_COOKIE_CONSIDERED has none. `out` may live in `p`. */
void djs_cookie_last(djs_candidates_t *out, djs_bytes_t header,
                     djs_bytes_t name, int keys, apr_pool_t *p);

/* The header without our cookies, in `p`, every byte of the other cookies as it
 * was; len 0 when nothing remains (then drop the header). The input itself when
 * there was nothing of ours. Reads all of a long header. Behind a `, ` that
 * stands in the quoted value of another cookie only a well-formed key is ours:
 * so `foo="a, N=b"` stays whole. */
apr_status_t djs_cookie_hide(djs_bytes_t *out, djs_bytes_t header,
                             djs_bytes_t name, apr_pool_t *p);

/* Nonzero when the Set-Cookie value `header` sets a cookie called `name`. */
int djs_cookie_sets(djs_bytes_t header, djs_bytes_t name);

typedef enum {
    DJS_SAMESITE_LAX,
    DJS_SAMESITE_STRICT,
    DJS_SAMESITE_NONE,
    DJS_SAMESITE_OFF /* no attribute */
} djs_samesite_e;

typedef struct {
    const char *name;
    const char *domain; /* NULL: none */
    const char *path;
    int secure;
    int httponly;
    int partitioned;
    djs_samesite_e samesite;
} djs_cookie_t;

/* A Set-Cookie value for `value`: `NAME=VALUE; [Domain=D; ]Path=P; [Expires=IMF
 * date; Max-Age=N; ][Secure; ][HttpOnly; ][SameSite=S][; Partitioned]`, in `p`.
 * `max_age` in seconds, cut at 400 days; below 0: a cookie that ends with the
 * browser. `now` is what Expires counts from. */
const char *djs_cookie_set(const djs_cookie_t *cookie, const char *value,
                           apr_int64_t max_age, apr_time_t now, apr_pool_t *p);

/* A Set-Cookie value that deletes it: empty value, Max-Age=0, 1970, the same
 * attributes (otherwise browsers keep it). */
const char *djs_cookie_delete(const djs_cookie_t *cookie, apr_pool_t *p);

/* The rules a browser has for a name and its attributes: __Secure-, __Host-,
 * __Http- and __Host-Http- prefixes (in any case), SameSite=None and
 * Partitioned want Secure; token characters, lengths. `secure` must say that
 * Secure is On: Auto may yield a cookie without it, so it counts as not set.
 * NULL, or a sentence. */
const char *djs_cookie_check(const djs_cookie_t *cookie, apr_pool_t *p);

/* `t` as an IMF-fixdate ("Sun, 06 Nov 1994 08:49:37 GMT"), years 1970 to
 * 9999, clamped; 29 characters and a NUL. */
void djs_cookie_date(char out[30], apr_time_t t);

#endif
