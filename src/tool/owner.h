/* tool/owner.h - who may touch a store: its owner, and nobody else. */
#ifndef DJS_TOOL_OWNER_H
#define DJS_TOOL_OWNER_H

#include <apr_pools.h>

/* As root: from now on, and for good, this process is the owner of the
 * directory `path`, so that nothing it makes belongs to anybody else. As
 * another user: that user must be the owner. NULL, or a sentence. */
const char *djs_owner_become(const char *path, apr_pool_t *p);

#endif
