/* httpd/bridge.h - our stores as the storage of mod_session.
 *
 * mod_session works on a table of texts. It is filled from the session when
 * somebody asks mod_session for it, and compared with what was given when it is
 * saved: every difference becomes one change of the session object, so that
 * what mod_session's users did not touch stays as it is, byte for byte. */
#ifndef DJS_HTTPD_BRIDGE_H
#define DJS_HTTPD_BRIDGE_H

#include <httpd.h>
#include "httpd/request.h"

/* Hook: pre_config. Becomes a provider of mod_session's, if that is loaded. */
int djs_bridge_join(apr_pool_t *pconf, apr_pool_t *plog, apr_pool_t *ptemp);

/* Nonzero when it has become one. */
int djs_bridge_is_joined(void);

/* Hook: check_authn. Where mod_session has the session, 503 while the store is
 * in trouble and 500 for a record that does not open; decides nothing else. */
int djs_bridge_guard(request_rec *r);

/* Does to the session what mod_session's users did to their table since it was
 * last looked at, and notes how long mod_session wants it to live. OK, or the
 * HTTP error to answer with: then nothing of this request is saved. */
int djs_bridge_collect(request_rec *r, djs_request_t *ctx);

/* At the end of a request that has been committed: logs what came too late. */
void djs_bridge_leftovers(request_rec *r, djs_request_t *ctx);

#endif
