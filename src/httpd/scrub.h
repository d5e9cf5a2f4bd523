/* httpd/scrub.h - takes away every name of ours that somebody else set.
 *
 * Programs trust DJSESSION_* variables and X-DjSession-* headers: so nobody
 * but this module may set them. Stripped on every request of every host as
 * soon as one host uses sessions. */
#ifndef DJS_HTTPD_SCRUB_H
#define DJS_HTTPD_SCRUB_H

#include <httpd.h>
#include "httpd/server.h"

/* Client headers that read as X-DjSession... when letters are lowered and all
 * but letters and digits taken for '-', and tokens of Connection that name
 * such headers, so that no proxy drops ours. */
void djs_scrub_headers(request_rec *r);

/* Such headers in trailers, which come with the end of the body and may have
 * been merged into r->headers_in: there our names are as in `ours` again, which
 * djs_scrub_ours() returned before. */
void djs_scrub_trailers(request_rec *r, const apr_table_t *ours);

/* What stands under our names in r->headers_in now, or NULL for nothing. Lives
 * as long as the request. */
apr_table_t *djs_scrub_ours(const request_rec *r);

/* In fixups: such headers and tokens again, which .htaccess may have set by
 * now, and the variables DJSESSION_*, with those that programs would take for
 * our headers (HTTP_X_DJSESSION_*) and what internal redirects make of both
 * (REDIRECT_DJSESSION_*). */
void djs_scrub_names(request_rec *r);

/* Takes our cookie, and only ours, out of the Cookie header. */
void djs_scrub_cookie(request_rec *r, const djs_policy_t *policy);

/* What all Cookie fields say, joined with "; ", in `p`; NULL: there is none. */
const char *djs_scrub_cookies_of(request_rec *r, apr_pool_t *p);

/* Takes our names and Set-Cookie out of the response's trailers. Nonzero: there
 * was an update. */
int djs_scrub_trailers_out(request_rec *r);

#endif
