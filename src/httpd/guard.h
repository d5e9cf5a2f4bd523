/* httpd/guard.h - AuthType DjSession: who is there, and where to log in. */
#ifndef DJS_HTTPD_GUARD_H
#define DJS_HTTPD_GUARD_H

#include <httpd.h>

/* Before access is decided: the session's user becomes r->user, so that every
 * Require finds it. Decides nothing itself. */
int djs_guard_identify(request_rec *r);

/* Somebody is needed and nobody is there: 401, or for browsers a redirect to
 * DjSessionLoginURL; 503 or 500 when nobody can know who is there. */
int djs_guard_authenticate(request_rec *r);

/* The challenge that goes with a 401. */
int djs_guard_challenge(request_rec *r, const char *type);

#endif
