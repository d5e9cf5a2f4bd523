/* httpd/report.c - tells an administrator what the configuration comes to.
 *
 * Both reports walk the places that have a policy of their own. A surprise is
 * said once, with the first place that has it; what is dumped could be written
 * into a configuration as it stands. */
#include <apr_optional.h>
#include <string.h>
#include <apr_strings.h>
#include <httpd.h>
#include <http_config.h>
#include <http_core.h>
#include <http_log.h>
#include <http_ssl.h>
#include "httpd/blind.h"
#include "httpd/check.h"
#include "httpd/report.h"
#include "session/lint.h"
#include "session/preset.h"
#include "session/rows.h"

APLOG_USE_MODULE(djsession);

/* Where a value comes from. */
typedef enum { SET, BY_PRESET, BY_DEFAULT, SOURCES } source_e;

typedef struct {
    server_rec *s;
    const char *text;
    const char *place;
    int more; /* other places with the same */
} surprise_t;

/* Nonzero when requests of the host can come over TLS, for all that is known:
 * which ports of a host mod_ssl serves is not. */
static int can_have_tls(const server_rec *s)
{
    const apr_array_header_t *hooks = ap_hook_get_ssl_conn_is_ssl();

    return (hooks != NULL && hooks->nelts > 0) ||
           apr_dynamic_fn_retrieve("ssl_is_https") != NULL ||
           djs_server_host(s)->settings.proxy_tls != NULL;
}

typedef struct {
    apr_array_header_t *found; /* of surprise_t */
    apr_array_header_t *lines; /* of one place */
} survey_t;

static void note_surprise(survey_t *survey, const char *text,
                          const djs_check_place_t *place)
{
    apr_array_header_t *found = survey->found;
    surprise_t *surprise;
    int i;

    for (i = 0; i < found->nelts; i++) {
        surprise = &APR_ARRAY_IDX(found, i, surprise_t);
        if (strcmp(surprise->text, text) == 0) {
            surprise->more++;
            return;
        }
    }
    surprise = apr_array_push(found);
    surprise->s = place->s;
    surprise->text = text;
    surprise->place = djs_check_place_name(place, found->pool);
    surprise->more = 0;
}

/* A session that is too large to be forwarded shuts its visitor out. */
static void lint_forward(apr_array_header_t *lines,
                         const djs_check_place_t *place)
{
    static const char header[] = "X-DjSession-Data: ";
    apr_int64_t most = place->s->limit_req_fieldsize - (int)sizeof header + 1;
    apr_int64_t size = djs_server_host(place->s)->settings.max_size;

    if (place->policy.enabled == DJS_ON &&
        place->policy.forward == DJS_ENV_DATA && size > most) {
        APR_ARRAY_PUSH(lines, const char *) = apr_psprintf(
            lines->pool,
            "DJS011: DjSessionForward Data sends a session in one header, which"
            " LimitRequestFieldSize keeps to %d bytes, and DjSessionMaxSize is"
            " %" APR_INT64_T_FMT ": visitors with more in their session get"
            " 500; give DjSessionMaxSize %" APR_INT64_T_FMT " at most, or raise"
            " LimitRequestFieldSize here and at the back ends",
            place->s->limit_req_fieldsize, size, most < 0 ? 0 : most);
    }
}

static int survey_place(const djs_check_place_t *place, void *data)
{
    survey_t *survey = data;
    int i;

    apr_array_clear(survey->lines);
    djs_lint(survey->lines, &place->policy, can_have_tls(place->s));
    lint_forward(survey->lines, place);
    for (i = 0; i < survey->lines->nelts; i++) {
        note_surprise(survey, APR_ARRAY_IDX(survey->lines, i, const char *),
                      place);
    }
    return 0;
}

void djs_report_surprises(server_rec *main_server, apr_pool_t *pconf,
                          apr_pool_t *ptemp)
{
    survey_t survey;
    int i;

    survey.found = apr_array_make(ptemp, 4, sizeof(surprise_t));
    survey.lines = apr_array_make(ptemp, 4, sizeof(const char *));
    (void)djs_check_each_place(survey_place, &survey, main_server, pconf);
    for (i = 0; i < survey.found->nelts; i++) {
        const surprise_t *s = &APR_ARRAY_IDX(survey.found, i, surprise_t);

        ap_log_error(
            APLOG_MARK, APLOG_WARNING, 0, s->s, "%s (%s%s)", s->text, s->place,
            s->more == 0 ? "" : apr_psprintf(ptemp, " and %d more", s->more));
    }
    djs_blind_report(main_server, pconf);
}

/* ------------------------------------------------------------ the dump */

static source_e source_of(const djs_row_t *row, const djs_policy_t *policy)
{
    if ((policy->by_store & djs_row_bit(row)) != 0) {
        return BY_DEFAULT;
    }
    if ((policy->defaulted & djs_row_bit(row)) == 0) {
        return SET;
    }
    return djs_preset_defaults(policy)->defaulted & djs_row_bit(row)
               ? BY_DEFAULT
               : BY_PRESET;
}

/* What is to be dumped of the row, one text for all its lines; "" is nothing.
 */
static const char *lines_of(const djs_row_t *row, const void *target,
                            apr_pool_t *p)
{
    const apr_array_header_t *written = djs_row_write(row, target, p);
    const char *text = "";
    int i;

    for (i = 0; i < written->nelts; i++) {
        text = apr_pstrcat(p, text, row->name, " ",
                           APR_ARRAY_IDX(written, i, const char *), "\n", NULL);
    }
    return text;
}

/* A policy's lines of one source; of a section's those that its host has not
 * in the same way. */
static const char *policy_lines(const djs_check_place_t *place, source_e source,
                                apr_pool_t *p)
{
    const djs_policy_t *host = djs_check_host_policy(place);
    const djs_row_t *row;
    const char *all = "";

    for (row = djs_rows; row->name != NULL; row++) {
        const char *text;

        if (row->where != DJS_SVD || source_of(row, &place->policy) != source) {
            continue;
        }
        text = lines_of(row, &place->policy, p);
        if (place->section == NULL || source_of(row, host) != source ||
            strcmp(text, lines_of(row, host, p)) != 0) {
            all = apr_pstrcat(p, all, text, NULL);
        }
    }
    return all;
}

static const char *settings_lines(const djs_check_place_t *place,
                                  source_e source, apr_pool_t *p)
{
    const djs_settings_t *settings = &djs_server_host(place->s)->settings;
    const djs_row_t *row;
    const char *all = "";

    for (row = djs_rows; place->section == NULL && row->name != NULL; row++) {
        source_e from =
            settings->defaulted & djs_row_bit(row) ? BY_DEFAULT : SET;

        if (row->where == DJS_SV && from == source) {
            all = apr_pstrcat(p, all, lines_of(row, settings, p), NULL);
        }
    }
    return all;
}

static const char *title_of(source_e source, const djs_check_place_t *place,
                            apr_pool_t *p)
{
    if (source == BY_PRESET) {
        const char *line =
            lines_of(djs_row_find("DjSessionPreset"), &place->policy, p);

        return apr_psprintf(p, "from %.*s", (int)strcspn(line, "\n"), line);
    }
    return source == SET ? "set in the configuration" : "by default";
}

typedef struct {
    apr_file_t *out;
    apr_pool_t *p;
} dump_t;

static int dump_place(const djs_check_place_t *place, void *data)
{
    dump_t *dump = data;
    apr_pool_t *p = dump->p;
    const char *all = "";
    int i;

    if (djs_check_is_inherited(place)) {
        return 0; /* it is shown at the main server */
    }
    for (i = 0; i < SOURCES; i++) {
        source_e source = (source_e)i;
        const char *text = apr_pstrcat(p, policy_lines(place, source, p),
                                       settings_lines(place, source, p), NULL);

        if (text[0] != '\0') {
            all = apr_pstrcat(p, all, "#   ", title_of(source, place, p), ":\n",
                              text, NULL);
        }
    }
    apr_file_printf(dump->out, "\n# %s%s\n%s", djs_check_place_name(place, p),
                    place->section == NULL ? ""
                    : all[0] == '\0'       ? ": nothing differs from its host"
                                           : ": what differs from its host",
                    all);
    apr_pool_clear(p);
    return 0;
}

/* On stdout, as httpd's own dumps. */
static void dump_all(server_rec *main_server, apr_pool_t *pconf, apr_pool_t *p)
{
    dump_t dump;

    if (apr_file_open_stdout(&dump.out, p) != APR_SUCCESS) {
        return;
    }
    apr_pool_create(&dump.p, p);
    apr_file_printf(dump.out, "# mod_djsession " DJS_VERSION
                              ": what the configuration comes to\n");
    (void)djs_check_each_place(dump_place, &dump, main_server, pconf);
}

void djs_report_test_config(apr_pool_t *pconf, server_rec *main_server)
{
    apr_pool_t *p;

    apr_pool_create(&p, pconf);
    if (ap_state_query(AP_SQ_RUN_MODE) == AP_SQ_RM_CONFIG_TEST) {
        djs_report_surprises(main_server, pconf, p);
    }
    if (ap_exists_config_define("DUMP_DJSESSION")) {
        dump_all(main_server, pconf, p);
    }
    apr_pool_destroy(p);
}
