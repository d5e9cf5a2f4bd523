/* store/dbd_row.c - the row that a query of apr_dbd finds, or surely not. */
#include <string.h>
#include <apr_strings.h>
#include "store/dbd_row.h"

int djs_dbd_random(const apr_dbd_driver_t *driver)
{
    return strcmp(apr_dbd_name(driver), "mysql") != 0;
}

/* No more rows, or did the connection break before it could say? The error is
 * asked for first: a look at the connection of mysql may open a new one. The
 * other drivers' text may be an old one's. */
static int is_well(const apr_dbd_driver_t *driver, apr_dbd_t *handle,
                   apr_pool_t *p)
{
    const char *error =
        djs_dbd_random(driver) ? NULL : apr_dbd_error(driver, handle, -1);

    return (!error || *error == '\0') &&
           apr_dbd_check_conn(driver, p, handle) == APR_SUCCESS;
}

apr_status_t djs_dbd_first(const char **texts, int columns,
                           const apr_dbd_driver_t *driver, apr_dbd_t *handle,
                           apr_dbd_results_t *results, apr_pool_t *p)
{
    int random = djs_dbd_random(driver), rv;
    apr_dbd_row_t *row = NULL;
    const char *text;

    if (!results) {
        return DJS_ETROUBLE;
    }
    rv = apr_dbd_get_row(driver, p, results, &row, random ? 1 : -1);
    if (rv == -1) {
        return is_well(driver, handle, p) ? DJS_EABSENT : DJS_ETROUBLE;
    }
    if (rv != 0) {
        return DJS_ETROUBLE;
    }
    for (int i = 0; i < columns; i++) {
        text = apr_dbd_get_entry(driver, row, i);
        texts[i] = text ? apr_pstrdup(p, text) : NULL;
    }
    while (!random && rv == 0) {
        rv = apr_dbd_get_row(driver, p, results, &row, -1);
    }
    return APR_SUCCESS;
}
