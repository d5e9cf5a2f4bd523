/* httpd/directives.c - httpd's command table, made from session/rows.def.
 *
 * One setter serves all directives: the row behind a directive's name knows
 * its field, how it reads and its bounds. Outside of .htaccess everything is
 * allowed where the row says; in .htaccess nothing is. */
#include <stddef.h>
#include <apr_strings.h>
#include <httpd.h>
#include <http_core.h>
#include "httpd/check.h"
#include "httpd/directives.h"
#include "httpd/server.h"
#include "session/rows.h"

static const char *absolute(cmd_parms *cmd, const djs_row_t *row,
                            const char *arg)
{
    if (row->field == offsetof(djs_settings_t, secret_files) ||
        row->field == offsetof(djs_settings_t, django_secrets) ||
        row->field == offsetof(djs_settings_t, forward_key)) {
        return ap_server_root_relative(cmd->pool, arg);
    }
    if (strcmp(arg, "dbm:") == 0) {
        return row->preset; /* the default place, with other options */
    }
    if (strncmp(arg, "django-file:", 12) == 0 && arg[12] != '\0') {
        return apr_pstrcat(cmd->pool, "django-file:",
                           ap_server_root_relative(cmd->pool, arg + 12), NULL);
    }
    if (strncmp(arg, "dbm:", 4) == 0) {
        return apr_pstrcat(cmd->pool,
                           "dbm:", ap_server_root_relative(cmd->pool, arg + 4),
                           NULL);
    }
    return arg;
}

static const char *set_server(cmd_parms *cmd, const djs_row_t *row, int argc,
                              const char **argv)
{
    djs_host_t *host = djs_server_host(cmd->server);
    int i;

    if (row->kind->most != 2) {
        for (i = 0; i < argc; i++) {
            argv[i] = absolute(cmd, row, argv[i]);
            if (argv[i] == NULL) {
                return apr_pstrcat(cmd->pool, row->name,
                                   ": that is no valid path", NULL);
            }
        }
    }
    return djs_row_set(row, &host->settings, argc, argv, cmd->pool);
}

static const char *set(cmd_parms *cmd, void *dirconf, int argc,
                       char *const argv[])
{
    const djs_row_t *row = djs_row_find(cmd->cmd->name);
    /* AllowOverrideList would let them in. */
    const char *wrong = ap_check_cmd_context(cmd, NOT_IN_HTACCESS);
    const char **args =
        apr_pcalloc(cmd->pool, ((apr_size_t)argc + 1) * sizeof *args);
    int i;

    if (wrong != NULL) {
        return wrong;
    }
    for (i = 0; i < argc; i++) {
        args[i] = argv[i];
    }
    if (row->where == DJS_SV) {
        return set_server(cmd, row, argc, args);
    }
    djs_check_note_section(cmd, dirconf);
    return djs_row_set(row, dirconf, argc, args, cmd->pool);
}

#define WHERE_SV  RSRC_CONF
#define WHERE_SVD (RSRC_CONF | ACCESS_CONF)

#define ROW(name, syntax, where, kind, type, field, min, max, names, preset,   \
            help)                                                              \
    AP_INIT_TAKE_ARGV(name, set, NULL,                                         \
                      (where) == DJS_SV ? WHERE_SV : WHERE_SVD, help),
/* clang-format off */
const command_rec djs_directives[] = {
#include "session/rows.def"
    { NULL, { NULL }, NULL, 0, 0, NULL }
};
/* clang-format on */
