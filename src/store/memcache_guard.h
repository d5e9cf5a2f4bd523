/* store/memcache_guard.h - ends calls to memcached at their deadline.
 *
 * Nothing in apr_memcache bounds a read. So a thread of this process looks at
 * the deadlines of all calls under way, and shuts the process's connections to
 * a server down when a call to it is overdue: the call then ends with an error
 * at once. The calls of other threads to that server fail too, and try again
 * on a new connection if they have time left. */
#ifndef DJS_STORE_MEMCACHE_GUARD_H
#define DJS_STORE_MEMCACHE_GUARD_H

#include "store/memcache.h"

/* Starts the thread; it ends with `pchild`. */
apr_status_t djs_guard_start(djs_memcache_t *self, apr_pool_t *pchild);

/* Tells the guard of a call that must end at `until`, and that it has ended. */
void djs_guard_enter(djs_link_t *link, djs_slot_t *slot, apr_time_t until);
void djs_guard_leave(djs_slot_t *slot);

/* Shuts down what this process has open to that server. */
void djs_guard_cut(djs_link_t *link);

/* Waits until a cut under way is complete. A call that has failed, and closed
 * its connection, does so: the guard may hold that socket for a moment longer,
 * and what is not sent yet would be sent if the server read on just then. */
void djs_guard_settle(djs_link_t *link);

#endif
