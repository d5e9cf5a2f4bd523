/* store/dbd_row.c - the row that a query of apr_dbd finds, or surely not. */
#include <string.h>
#include <apr_strings.h>
#include "store/dbd_row.h"

int djs_dbd_random(const apr_dbd_driver_t *driver)
{
    return strcmp(apr_dbd_name(driver), "mysql") != 0;
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
    if (rv == -1) { /* or the connection broke before it could say */
        return apr_dbd_check_conn(driver, p, handle) == APR_SUCCESS
                   ? DJS_EABSENT
                   : DJS_ETROUBLE;
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
