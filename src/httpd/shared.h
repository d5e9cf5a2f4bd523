/* httpd/shared.h - what the children of one httpd know together.
 *
 * A piece of anonymous shared memory, made before the fork: how each store is
 * doing, and how many sessions each client has begun. It holds words that are
 * counted and compared, and no address or index: whoever writes nonsense to it
 * spoils counts and log lines, nobody's process. A restart makes a new one;
 * children of before keep theirs until they are done. */
#ifndef DJS_HTTPD_SHARED_H
#define DJS_HTTPD_SHARED_H

#include <httpd.h>
#include "httpd/server.h"

/* post_config: gives every store its health and every host its budget, in
 * memory that lives in `pconf`. OK, or HTTP_INTERNAL_SERVER_ERROR, logged. */
int djs_shared_make(server_rec *main_server, const apr_array_header_t *backs,
                    apr_pool_t *pconf);

#endif
