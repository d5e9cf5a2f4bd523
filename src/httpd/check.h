/* httpd/check.h - judges the configuration before anything is built of it. */
#ifndef DJS_HTTPD_CHECK_H
#define DJS_HTTPD_CHECK_H

#include "httpd/server.h"

/* Notes that a section of the configuration has a policy of its own; called by
 * the directive setter with the first directive of the section. */
void djs_check_note_section(cmd_parms *cmd, djs_policy_t *policy);

/* A section of the configuration that says something about sessions. */
struct djs_check_section;

/* A place that has a policy of its own, with all defaults: a host, or a section
 * seen over a host. */
typedef struct {
    server_rec *s;
    const struct djs_check_section *section; /* NULL: the host itself */
    djs_policy_t policy;
} djs_check_place_t;

/* Nonzero ends the walk. The place is borrowed for the call. */
typedef int (*djs_check_place_fn)(const djs_check_place_t *place, void *data);

/* Calls `fn` for each host and behind it for its sections, those of the main
 * server at every host, for after djs_check_hosts. Returns what ended it, or
 * 0. */
int djs_check_each_place(djs_check_place_fn fn, void *data,
                         server_rec *main_server, apr_pool_t *pconf);

/* The policy of the place's host. */
const djs_policy_t *djs_check_host_policy(const djs_check_place_t *place);

/* Nonzero for a section of the main server, seen over another host. */
int djs_check_is_inherited(const djs_check_place_t *place);

/* What an administrator finds it by: with file and line, as far as httpd knows
 * them. Lives in p. */
const char *djs_check_place_name(const djs_check_place_t *place, apr_pool_t *p);

/* Nonzero when some section says something about sessions. */
int djs_check_any_section(apr_pool_t *pconf);

/* Fills in all defaults and finds what contradicts itself. `*used`: some host
 * has sessions. NULL, or a sentence for the administrator, in `ptemp`. */
const char *djs_check_hosts(int *used, server_rec *main_server,
                            apr_pool_t *pconf, apr_pool_t *ptemp);

/* Every DjSessionUserKey that is in use, as djs_bytes_t, for after
 * djs_check_hosts. */
apr_array_header_t *djs_check_user_keys(server_rec *main_server,
                                        apr_pool_t *pconf);

/* Nonzero when the directive's argument is its default. */
int djs_check_is_preset(const char *directive, const char *path);

/* The SPEC of a host's store, and its options: NULL, or ended by NULL. */
const char *djs_check_store_options(const djs_settings_t *settings,
                                    const char *const **options);

#endif
