/* session/nextpath.h - where a visitor may be sent after a login or a logout:
 * to a path of the same site, and never anywhere else.
 *
 * A path is safe when no browser, and no program that decodes it once more,
 * can take it for the address of another host. What is doubtful is refused:
 * there is always the front page. */
#ifndef DJS_SESSION_NEXTPATH_H
#define DJS_SESSION_NEXTPATH_H

#include <apr_pools.h>
#include "base/bytes.h"

#define DJS_NEXTPATH_MOST 2048 /* bytes */

/* Nonzero when `path`, with its query, may stand in a Location header: it
 * begins with one slash; has at most DJS_NEXTPATH_MOST bytes, all of them
 * visible ASCII without quotes, angle brackets and backslashes; every % begins
 * an escape of two hex digits; and, with these decoded, the part before ? and #
 * has no backslash, control character or two slashes in a row. */
int djs_nextpath_is_safe(djs_bytes_t path);

/* The path and query of a request target ("/a?b", "http://host/a?b"), in `p`;
 * "/" when they are not safe, or when the target has no path. */
const char *djs_nextpath_of_target(const char *target, apr_pool_t *p);

/* `url` with the parameter `next`, percent-encoded but for slashes, behind ?
 * or behind & where `url` has a query already; in `p`. */
const char *djs_nextpath_append(const char *url, const char *next,
                                apr_pool_t *p);

#endif
