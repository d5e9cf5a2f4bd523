/* store/site_rows.h - rows of Django's table of sessions, by apr_dbd.
 *
 * A statement borrows a connection and gives it back; nothing is held between
 * two of them. A row is changed only as it was seen (its old text stands in the
 * condition), so that neither a request of httpd nor the site loses what it
 * wrote in between; one that is gone is never inserted again.
 *
 * SQLite, PostgreSQL, MySQL and MariaDB. How long a statement may take is the
 * database's affair: apr_dbd knows no deadline. */
#ifndef DJS_STORE_SITE_ROWS_H
#define DJS_STORE_SITE_ROWS_H

#include "store/site.h"

typedef struct {
    const char *table;    /* letters, digits, "_" and one "." */
    int local;            /* times are those of this host's zone: USE_TZ off */
    apr_size_t most;      /* bytes in a text that is looked at */
    const djs_dbd_t *dbd; /* where connections come from */
} djs_rows_t;

#define DJS_ROWS_LEGAL                                                         \
    "[table=django_session] [timezone=utc|local]: the table's name, and local" \
    " where the site has USE_TZ = False (httpd must then run in its "          \
    "TIME_ZONE)"

/* Sets the defaults, for sessions of up to `max_value` bytes. */
void djs_rows_init(djs_rows_t *rows, apr_size_t max_value);

/* Nonzero when `option` is one for rows; then `*wrong` is NULL or a sentence.
 */
int djs_rows_option(djs_rows_t *rows, const char **wrong, const char *option,
                    apr_pool_t *p);

/* As the djs_site_* functions of the same name; an entry has the signed form
 * and its end. */
apr_status_t djs_rows_get(const djs_rows_t *rows, djs_bytes_t key,
                          djs_call_t call, djs_entry_t *out, apr_pool_t *p);
apr_status_t djs_rows_add(const djs_rows_t *rows, djs_bytes_t key,
                          const djs_entry_t *entry, djs_call_t call,
                          apr_pool_t *scratch);
apr_status_t djs_rows_change(const djs_rows_t *rows, djs_bytes_t key,
                             djs_entry_fn fn, void *baton, djs_call_t call,
                             apr_pool_t *scratch);
apr_status_t djs_rows_touch(const djs_rows_t *rows, djs_bytes_t key,
                            apr_time_t expires, djs_call_t call,
                            apr_pool_t *scratch);
apr_status_t djs_rows_remove(const djs_rows_t *rows, djs_bytes_t key,
                             djs_call_t call, apr_pool_t *scratch);

/* "YYYY-MM-DD HH:MM:SS[.ffffff]", as the databases and Django write it. Years
 * above 9999 become its end. NULL, or 0: that is no time. */
const char *djs_rows_time_text(apr_time_t when, int local, apr_pool_t *p);
int djs_rows_time_read(apr_time_t *when, const char *text, int local);

#endif
