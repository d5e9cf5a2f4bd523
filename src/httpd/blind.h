/* httpd/blind.h - finds Require lines that no session can ever meet. */
#ifndef DJS_HTTPD_BLIND_H
#define DJS_HTTPD_BLIND_H

#include <httpd.h>
#include <http_config.h>

/* Notes a Require line of ours as it is read; its section may say nothing of
 * sessions. One in .htaccess is passed over. */
void djs_blind_note(cmd_parms *cmd);

/* Warns of those whose own section says DjSession Off, or whose host has no
 * session anywhere; for after djs_check_hosts. Which sections meet in one place
 * only requests tell, so nothing is guessed. */
void djs_blind_report(server_rec *main_server, apr_pool_t *pconf);

#endif
