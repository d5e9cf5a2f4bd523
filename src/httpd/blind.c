/* httpd/blind.c - finds Require lines that no session can ever meet.
 *
 * A line is noted when it is read and judged when all is read: the section that
 * it stands in need not have a policy of its own, and DjSession may follow. */
#include <apr_strings.h>
#include <httpd.h>
#include <http_config.h>
#include <http_log.h>
#include "httpd/blind.h"
#include "httpd/check.h"

APLOG_USE_MODULE(djsession);

#define LINES "djsession-require-lines"

typedef struct {
    server_rec *s;
    const ap_directive_t *line;
    /* NULL: it stands in a host. Our policy gets there with our first
     * directive, which may follow. */
    const ap_conf_vector_t *section;
} noted_t;

void djs_blind_note(cmd_parms *cmd)
{
    void *list;
    noted_t *noted;

    if (cmd->pool == cmd->temp_pool) {
        return; /* .htaccess, read for one request */
    }
    apr_pool_userdata_get(&list, LINES, cmd->pool);
    if (list == NULL) {
        list = apr_array_make(cmd->pool, 8, sizeof(noted_t));
        apr_pool_userdata_setn(list, LINES, NULL, cmd->pool);
    }
    noted = apr_array_push(list);
    noted->s = cmd->server;
    noted->line = cmd->directive;
    noted->section = cmd->path == NULL ? NULL : cmd->context;
}

/* What djs_check_each_place looks for. */
typedef struct {
    const server_rec *s; /* NULL: any */
} wanted_t;

static int has_sessions(const djs_check_place_t *place, void *data)
{
    const wanted_t *wanted = data;

    return place->policy.enabled == DJS_ON &&
           (wanted->s == NULL || wanted->s == place->s);
}

/* A line of the main server holds for every host. */
static int is_blind(const noted_t *noted, server_rec *main_server,
                    apr_pool_t *pconf)
{
    wanted_t wanted = { noted->s == main_server ? NULL : noted->s };
    const djs_policy_t *policy =
        noted->section == NULL
            ? NULL
            : ap_get_module_config(noted->section, &djsession_module);

    return (policy != NULL && policy->enabled == DJS_OFF) ||
           !djs_check_each_place(has_sessions, &wanted, main_server, pconf);
}

void djs_blind_report(server_rec *main_server, apr_pool_t *pconf)
{
    void *list;
    int i, count;

    apr_pool_userdata_get(&list, LINES, pconf);
    count = list == NULL ? 0 : ((apr_array_header_t *)list)->nelts;
    for (i = 0; i < count; i++) {
        const noted_t *noted =
            &APR_ARRAY_IDX((apr_array_header_t *)list, i, noted_t);

        if (is_blind(noted, main_server, pconf)) {
            ap_log_error(APLOG_MARK, APLOG_WARNING, 0, noted->s,
                         "DJS013: %s %s stands where DjSession is Off, so that"
                         " nobody gets in: say DjSession On there (%s line %d)",
                         noted->line->directive, noted->line->args,
                         noted->line->filename, noted->line->line_num);
        }
    }
}
