/* httpd/headers.h - the response headers that sessions are concerned with. */
#ifndef DJS_HTTPD_HEADERS_H
#define DJS_HTTPD_HEADERS_H

#include <httpd.h>
#include "httpd/request.h"

/* Takes every X-DjSession-Update out of `from` (both tables) and returns the
 * values, joined by ", " in their order; NULL when there was none. */
const char *djs_headers_take_update(request_rec *from, apr_pool_t *p);

/* Nonzero when the response sets our cookie by itself. */
int djs_headers_sets_cookie(const request_rec *r, const char *name);

/* Removes every Set-Cookie of our name from the response; nonzero when there
 * was one. */
int djs_headers_drop_cookie(request_rec *r, const char *name);

/* Sets our cookie as `saved` says (or deletes it), and what keeps caches away
 * from it. */
void djs_headers_cookie(request_rec *r, const djs_request_t *ctx,
                        const djs_policy_t *policy, const djs_saved_t *saved);

/* Adds Cookie to Vary, once, and puts the header where Set-Cookie goes. */
void djs_headers_vary(request_rec *r);

#endif
