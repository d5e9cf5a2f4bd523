/* httpd/export.h - what programs behind httpd are told, as environment. */
#ifndef DJS_HTTPD_EXPORT_H
#define DJS_HTTPD_EXPORT_H

#include <httpd.h>
#include "httpd/request.h"

/* The value of a session key (normal JSON) as text in `p`: strings as they are,
 * all else as JSON. NULL when it is not there or can not be said: `s` is NULL
 * or not live, or the string has a control character or no UTF-8 form. */
const char *djs_export_text(const djs_session_t *s, const char *key,
                            apr_pool_t *p);

/* What a state is called where programs, pages and logs show it. */
const char *djs_export_state(djs_state_e state);

/* Sets DJSESSION_* in r->subprocess_env as `policy` says (interface section 5);
 * `s` is NULL for state none. djs_scrub_env has been there: nobody else has set
 * these names. Variables of DjSessionExport that have no value are unset. */
void djs_export_env(request_rec *r, const djs_session_t *s,
                    const djs_policy_t *policy);

#endif
