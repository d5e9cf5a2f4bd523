/* httpd/hooks.h - what happens to a request, in its order. */
#ifndef DJS_HTTPD_HOOKS_H
#define DJS_HTTPD_HOOKS_H

#include <httpd.h>

/* Takes our names out of what the client sent; after an internal redirect does
 * what the redirecting program wanted. */
int djs_hook_post_read_request(request_rec *r);

/* Attaches the session: loads it, tells the environment, hides the cookie. */
int djs_hook_fixups(request_rec *r);

/* The first when the request knows its place. */
int djs_hook_header_parser(request_rec *r);

/* Looks after what no filter has saved, and tells log formats of the session.
 */
int djs_hook_log_transaction(request_rec *r);

#endif
