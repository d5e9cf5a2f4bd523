/* httpd/require.h - Require djsession, -user, -key and -age. */
#ifndef DJS_HTTPD_REQUIRE_H
#define DJS_HTTPD_REQUIRE_H

#include <apr_pools.h>

/* Registers the four providers. Each grants, denies, or says that it can not
 * know (AUTHZ_GENERAL_ERROR): then httpd refuses the request, whatever the
 * containers round it, so that no `not` and no outage opens a door. */
void djs_require_register(apr_pool_t *p);

#endif
