/* httpd/backend.h - what proxied back ends are told, as request headers. */
#ifndef DJS_HTTPD_BACKEND_H
#define DJS_HTTPD_BACKEND_H

#include <httpd.h>
#include "httpd/request.h"

/* Nonzero when mod_proxy will handle the request: by ProxyPass, a RewriteRule
 * with [P], SetHandler "proxy:...", or as a forward proxy. */
int djs_backend_is_proxied(const request_rec *r);

/* In fixups: sets X-DjSession-* in r->headers_in as `policy` says (interface
 * section 5), if a back end of this site will get them; `s` is NULL for state
 * none. djs_scrub_names has been there: nobody else has set these names. OK, or
 * the HTTP error to answer with: a value too long for a header is never cut. */
int djs_backend_tell(request_rec *r, const djs_session_t *s,
                     const djs_policy_t *policy);

#endif
