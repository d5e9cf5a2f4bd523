/* session/update.h - what a program behind httpd wants done to its session.
 *
 * The value of X-DjSession-Update (interface section 6): JSON objects, one a
 * header; httpd may have merged several headers with ", ". Members are applied
 * in the fixed order flush, login, rotate, remove, set, incr, expiry. */
#ifndef DJS_SESSION_UPDATE_H
#define DJS_SESSION_UPDATE_H

#include "session/session.h"

#define DJS_UPDATE_MAX (16 * 1024) /* bytes of one JSON object */

/* Reads `header` and does all it says to `s`. Nothing is done when any of it
 * is refused. DJS_EINVALID or DJS_ETYPE with `*why` a sentence that names the
 * member and never a value (lives in `p`), DJS_ETOOBIG likewise; the session's
 * own status when its data can not be read. */
apr_status_t djs_update_apply(djs_session_t *s, djs_bytes_t header,
                              const char *user_key, const char **why,
                              apr_pool_t *p);

#endif
