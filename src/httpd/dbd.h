/* httpd/dbd.h - the site's database, through mod_dbd. */
#ifndef DJS_HTTPD_DBD_H
#define DJS_HTTPD_DBD_H

#include <httpd.h>
#include "store/site.h"

/* In check_config, when all modules are known: finds mod_dbd. Nonzero when it
 * is loaded. */
int djs_dbd_find(void);

/* Connections that mod_dbd has for a server; in `p`. */
const djs_dbd_t *djs_dbd_lend(server_rec *s, apr_pool_t *p);

/* A query with one parameter. */
typedef struct djs_query {
    const char *text;  /* SQL, with %s or %d */
    const char *label; /* what connections that have prepared it know it by */
} djs_query_t;

/* In `p`. A connection prepares it when it is first asked for, not before: it
 * may be one to a database that has no such table. */
const djs_query_t *djs_dbd_query(const char *text, apr_pool_t *p);

/* A row of Django's table of users. */
typedef struct {
    djs_bytes_t password; /* as it is stored */
    int active;
} djs_account_t;

/* The row that the query finds for `argument`, in `p`. DJS_EABSENT:
 * there is none. Everything else is trouble, and has been logged. */
apr_status_t djs_dbd_account(djs_account_t *out, server_rec *s,
                             const djs_query_t *query, const char *argument,
                             apr_pool_t *p);

#endif
