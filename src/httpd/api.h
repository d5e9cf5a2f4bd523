/* httpd/api.h - what other modules can do with sessions: see mod_djsession.h.
 */
#ifndef DJS_HTTPD_API_H
#define DJS_HTTPD_API_H

#include <httpd.h>
#include "httpd/request.h"
#include "mod_djsession.h"

/* Offers the optional functions. */
void djs_api_register(void);

/* pre_config: makes the stores known that other modules have registered. */
int djs_api_find_stores(apr_pool_t *pconf, apr_pool_t *plog, apr_pool_t *ptemp);

/* Tells whoever has joined the hook. */
void djs_api_tell(request_rec *r, djsession_event_e what, djs_request_t *ctx);

#endif
