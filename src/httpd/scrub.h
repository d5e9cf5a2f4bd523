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

/* The same in trailers, which come with the end of the body. */
void djs_scrub_trailers(request_rec *r);

/* In fixups: such headers again, which .htaccess may have set by now, and the
 * variables DJSESSION_* with what internal redirects make of them
 * (REDIRECT_DJSESSION_*). */
void djs_scrub_names(request_rec *r);

/* Takes our cookie, and only ours, out of the Cookie header. */
void djs_scrub_cookie(request_rec *r, const djs_policy_t *policy);

#endif
