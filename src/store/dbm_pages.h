/* store/dbm_pages.h - a look at an sdbm file that takes no lock.
 *
 * Walking a large sdbm file through its library takes tens of milliseconds,
 * for it reads the holes too. The sweep wants hints only: which records look
 * as if they had expired. So it reads the pages itself, skipping holes, while
 * others write; what it finds is looked at again under the lock, through the
 * library, before anything is done about it. */
#ifndef DJS_STORE_DBM_PAGES_H
#define DJS_STORE_DBM_PAGES_H

#include "store/dbm_pair.h"

#define DJS_PAGE_SIZE 1024

/* Shows the pairs of one page to `fn`; a page that is not one shows none. The
 * views are of `page`. */
apr_status_t djs_pages_read(const char *page, djs_pair_each_fn fn, void *baton);

/* Shows every pair in the pages of the file at `path`. */
apr_status_t djs_pages_walk(const char *path, djs_pair_each_fn fn, void *baton);

#endif
