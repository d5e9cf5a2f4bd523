/* httpd/export.h - what programs behind httpd are told, as environment. */
#ifndef DJS_HTTPD_EXPORT_H
#define DJS_HTTPD_EXPORT_H

#include <httpd.h>
#include "httpd/request.h"

/* Sets DJSESSION_* in r->subprocess_env as `policy` says (interface section 5);
 * `s` is NULL for state none. djs_scrub_env has been there: nobody else has set
 * these names. Variables of DjSessionExport that have no value are unset. */
void djs_export_env(request_rec *r, const djs_session_t *s,
                    const djs_policy_t *policy);

#endif
