/* httpd/output.h - the way back: updates in, the save, the headers out.
 *
 * An output filter does it all before the first byte of a response leaves, and
 * then steps aside. Set-Cookie, Vary and Cache-Control go to err_headers_out
 * together: that table survives error documents and internal redirects. */
#ifndef DJS_HTTPD_OUTPUT_H
#define DJS_HTTPD_OUTPUT_H

#include <httpd.h>
#include <util_filter.h>
#include "httpd/request.h"

/* Registers the filters. */
void djs_output_register(void);

/* insert_filter and insert_error_filter: the filter in front of this response;
 * of an error page also the update that its handler asked for. */
void djs_output_insert(request_rec *r);
void djs_output_insert_error(request_rec *r);

/* After an internal redirect: what the redirecting program wanted done to the
 * session is done now, under the terms of its own location. OK, or the HTTP
 * error to answer with. */
int djs_output_redirected(request_rec *r);

/* Has the session of `r` end when the response begins, as {"flush": true}
 * would. OK, or the HTTP error to answer with. */
int djs_output_end(request_rec *r);

/* Saves a due renewal at once, for a request whose response may never pass our
 * filter; if it does, the cookie goes with it. */
void djs_output_renew(request_rec *r, djs_request_t *ctx);

/* At the end of the request: what no filter saved is renewed, or its loss is
 * logged. */
void djs_output_leftovers(request_rec *r);

#endif
