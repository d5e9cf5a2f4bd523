/* httpd/account.h - users of a Django site, as its database has them. */
#ifndef DJS_HTTPD_ACCOUNT_H
#define DJS_HTTPD_ACCOUNT_H

#include "httpd/request.h"

/* In check_config: prepares the queries of all hosts. NULL, or a sentence. */
const char *djs_account_prepare(server_rec *main_server, apr_pool_t *pconf);

/* With DjSessionDjangoUserQuery: is the login that was just loaded still good?
 * If its hash is not one of the stored password, or the user is blocked or
 * gone, there is no session, as for Django; if nobody can say, its state is
 * unavailable. */
void djs_account_verify(request_rec *r, djs_request_t *ctx);

/* Hook: AuthBasicProvider djsession-django. */
void djs_account_register(apr_pool_t *p);

#endif
