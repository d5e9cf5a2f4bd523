/* httpd/check.h - judges the configuration before anything is built of it. */
#ifndef DJS_HTTPD_CHECK_H
#define DJS_HTTPD_CHECK_H

#include "httpd/server.h"

/* Notes that a section of the configuration has a policy of its own; called by
 * the directive setter with the first directive of the section. */
void djs_check_note_section(cmd_parms *cmd, djs_policy_t *policy);

/* A place that has a policy of its own: a host, or a section that says
 * something about sessions, seen over its host. */
typedef struct {
    server_rec *s;
    const djs_policy_t *host;
    djs_policy_t policy;
    const char *name; /* with file and line, as far as httpd knows them */
    int is_host;
} djs_check_place_t;

/* All of them, of djs_check_place_t, each host before its sections; for after
 * djs_check_hosts. Lives in p. */
const apr_array_header_t *djs_check_places(server_rec *main_server,
                                           apr_pool_t *pconf, apr_pool_t *p);

/* Nonzero when some section says something about sessions. */
int djs_check_any_section(apr_pool_t *pconf);

/* Fills in all defaults and finds what contradicts itself. `*used`: some host
 * has sessions. NULL, or a sentence for the administrator, in `ptemp`. */
const char *djs_check_hosts(int *used, server_rec *main_server,
                            apr_pool_t *pconf, apr_pool_t *ptemp);

/* Nonzero when the directive's argument is its default. */
int djs_check_is_preset(const char *directive, const char *path);

/* The SPEC of a host's store, and its options: NULL, or ended by NULL. */
const char *djs_check_store_options(const djs_settings_t *settings,
                                    const char *const **options);

#endif
