/* store/dbd_row.h - the row that a query of apr_dbd finds, or surely not.
 *
 * apr_dbd has traps: of a connection that breaks, its pgsql driver says that
 * there are no more rows when they are fetched one by one, and its mysql driver
 * crashes when they are fetched at once. A visitor whose row is not found is
 * logged out, so "none" must be true. */
#ifndef DJS_STORE_DBD_ROW_H
#define DJS_STORE_DBD_ROW_H

#include <apr_dbd.h>
#include "base/status.h"

/* What apr_dbd_select and apr_dbd_pvselect must be told of `random`. */
int djs_dbd_random(const apr_dbd_driver_t *driver);

/* The texts of the first row's columns, in `p`; NULL: SQL's. All rows are
 * fetched, or the connection's next query would meet them. DJS_EABSENT: there
 * is no row; DJS_ETROUBLE: the database has not said. What a query leaves in
 * the pool that it was asked with belongs to the connection: that pool ends
 * before the connection is given back. */
apr_status_t djs_dbd_first(const char **texts, int columns,
                           const apr_dbd_driver_t *driver, apr_dbd_t *handle,
                           apr_dbd_results_t *results, apr_pool_t *p);

#endif
