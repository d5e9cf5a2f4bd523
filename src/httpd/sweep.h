/* httpd/sweep.h - removes expired records in the background, by mod_watchdog.
 */
#ifndef DJS_HTTPD_SWEEP_H
#define DJS_HTTPD_SWEEP_H

#include <httpd.h>

/* In post_config: has one child sweep every store at its interval. OK, or an
 * HTTP error (logged) when mod_watchdog refuses. Without mod_watchdog nothing
 * is swept: warned of, since expired sessions are dead all the same. */
int djs_sweep_register(apr_pool_t *pconf, server_rec *s);

#endif
