/* httpd/view.h - the session as access control and expressions look at it. */
#ifndef DJS_HTTPD_VIEW_H
#define DJS_HTTPD_VIEW_H

#include <httpd.h>
#include "httpd/request.h"

typedef enum {
    DJS_VIEW_OFF,       /* DjSession is Off here: there is nothing to go by */
    DJS_VIEW_NONE,      /* there is surely no session */
    DJS_VIEW_LIVE,      /* there surely is one */
    DJS_VIEW_TROUBLE,   /* nobody knows: the store can not answer */
    DJS_VIEW_UNREADABLE /* nobody knows: the record does not open */
} djs_view_e;

/* Looks at the session of `r`, loading it, because what the client gets shall
 * depend on it. `*ctx` is NULL only where DjSession is Off. */
djs_view_e djs_view(djs_request_t **ctx, request_rec *r);

/* The id of the user of a live session, in `r->pool`: a string that is not
 * empty and has no control characters, or an integer. NULL: there is none. */
const char *djs_view_user(const djs_request_t *ctx, request_rec *r);

/* The value of a top-level key (normal JSON) of a live session; nonzero when it
 * is there. Borrowed from the session. */
int djs_view_value(djs_bytes_t *value, const djs_request_t *ctx,
                   djs_bytes_t key);

/* Refuses a request because the store can not answer: 503 that says when to
 * come back; its error page may be served. */
int djs_view_unavailable(request_rec *r, djs_request_t *ctx);

/* Access that can not be decided while the store is in trouble is 500 to httpd;
 * where an ErrorDocument stands for it, this makes 503 of its status. */
void djs_view_error_page(request_rec *r);

#endif
