/* httpd/report.h - tells an administrator what the configuration comes to. */
#ifndef DJS_HTTPD_REPORT_H
#define DJS_HTTPD_REPORT_H

#include <httpd.h>

/* Logs what is legal and will surprise, one line each. */
void djs_report_surprises(server_rec *main_server, apr_pool_t *pconf,
                          apr_pool_t *ptemp);

/* Hook: configtest. The same, and with -D DUMP_DJSESSION all that counts, on
 * stdout, as a configuration. */
void djs_report_test_config(apr_pool_t *pconf, server_rec *main_server);

#endif
