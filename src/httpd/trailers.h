/* httpd/trailers.h - what comes behind a body has none of our names, either. */
#ifndef DJS_HTTPD_TRAILERS_H
#define DJS_HTTPD_TRAILERS_H

#include <httpd.h>

/* Once, with the other hooks. */
void djs_trailers_register(void);

/* Watches the trailers of a client's request, and of its response, where there
 * may be any. */
void djs_trailers_insert(request_rec *r);

#endif
