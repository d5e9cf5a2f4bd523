/* httpd/logout.h - the handler djsession-logout. */
#ifndef DJS_HTTPD_LOGOUT_H
#define DJS_HTTPD_LOGOUT_H

#include <httpd.h>

/* Ends the session for a POST, and for a GET that a page of this site caused;
 * answers 204, or 303 to a safe `next`. */
int djs_logout_handler(request_rec *r);

#endif
