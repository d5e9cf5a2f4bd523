/* httpd/require.c - Require djsession, -user, -key and -age.
 *
 * A provider of httpd's answers granted, denied or "error". Denied turns into
 * "no opinion" below a `not`, so that a container may grant all the same; error
 * never does. So denied is said only where the session is known. */
#include <apr_strings.h>
#include <ap_provider.h>
#include <ap_regex.h>
#include <httpd.h>
#include <http_config.h>
#include <http_core.h>
#include <http_log.h>
#include <http_request.h>
#include <mod_auth.h>
#include "base/units.h"
#include "httpd/blind.h"
#include "httpd/require.h"
#include "httpd/view.h"
#include "session/rule.h"

APLOG_USE_MODULE(djsession);

#define MATCH_MOST   4096 /* bytes of a string that =~ is tried on */
#define CLOCKS_APART APR_USEC_PER_SEC /* of two hosts with one store */

/* Words of djsession-user. */
typedef struct {
    int any;
    apr_array_header_t *ids; /* of const char * */
} users_t;

typedef struct {
    djs_rule_t rule;
    ap_regex_t *regex; /* of =~, otherwise NULL */
} key_rule_t;

/* ------------------------------------------------------------- looking */

/* Granted: there is a live session, `*ctx`. Otherwise what to answer. */
static authz_status look(djs_request_t **ctx, request_rec *r)
{
    djs_view_e view = djs_view(ctx, r);

    if (view == DJS_VIEW_OFF) {
        ap_log_rerror(APLOG_MARK, APLOG_ERR, 0, r,
                      "DJS303: Require djsession... of %s has no session to go"
                      " by: add DjSession On there",
                      r->uri);
        return AUTHZ_GENERAL_ERROR;
    }
    if (view == DJS_VIEW_TROUBLE) {
        (*ctx)->unsure |= r->main == NULL;
        return AUTHZ_GENERAL_ERROR;
    }
    if (view == DJS_VIEW_UNREADABLE) {
        return AUTHZ_GENERAL_ERROR;
    }
    return view == DJS_VIEW_LIVE ? AUTHZ_GRANTED : AUTHZ_DENIED;
}

/* No. Where AuthType DjSession has found nobody, a login may help: then httpd
 * asks for one before it refuses. */
static authz_status denied(request_rec *r)
{
    const char *type = ap_auth_type(r);

    return r->user == NULL && type != NULL && strcasecmp(type, "DjSession") == 0
               ? AUTHZ_DENIED_NO_USER
               : AUTHZ_DENIED;
}

static authz_status answer(request_rec *r, authz_status seen, int holds)
{
    if (seen == AUTHZ_GENERAL_ERROR || (seen == AUTHZ_GRANTED && holds)) {
        return seen;
    }
    return denied(r);
}

/* ----------------------------------------------------------- providers */

static authz_status check_session(request_rec *r, const char *line,
                                  const void *parsed)
{
    djs_request_t *ctx;

    (void)line;
    (void)parsed;
    return answer(r, look(&ctx, r), 1);
}

static int is_one_of(const users_t *users, const char *user)
{
    int i;

    for (i = 0; i < users->ids->nelts; i++) {
        if (strcmp(APR_ARRAY_IDX(users->ids, i, const char *), user) == 0) {
            return 1;
        }
    }
    return users->any;
}

static authz_status check_user(request_rec *r, const char *line,
                               const void *parsed)
{
    djs_request_t *ctx;
    authz_status seen = look(&ctx, r);
    const char *user = seen == AUTHZ_GRANTED ? djs_view_user(ctx, r) : NULL;

    (void)line;
    return answer(r, seen, user != NULL && is_one_of(parsed, user));
}

/* Whether the string matches; error when that can not be found out. */
static authz_status match(request_rec *r, const ap_regex_t *regex,
                          djs_bytes_t value)
{
    djs_bytes_t text;
    int rc;

    if (djs_json_kind(value) != DJS_JSON_STRING) {
        return AUTHZ_DENIED;
    }
    if (djs_json_text(&text, value, r->pool) == APR_SUCCESS &&
        text.len <= MATCH_MOST) {
        rc = ap_regexec_len(regex, text.data, text.len, 0, NULL, 0);
        if (rc == 0 || rc == AP_REG_NOMATCH) {
            return rc == 0 ? AUTHZ_GRANTED : AUTHZ_DENIED;
        }
    }
    ap_log_rerror(APLOG_MARK, APLOG_ERR, 0, r,
                  "DJS304: Require djsession-key of %s can not match this"
                  " session's value: it is longer than %d bytes, not UTF-8, or"
                  " too hard for the pattern; the request is refused",
                  r->uri, MATCH_MOST);
    return AUTHZ_GENERAL_ERROR;
}

static authz_status check_key(request_rec *r, const char *line,
                              const void *parsed)
{
    const key_rule_t *k = parsed;
    djs_request_t *ctx;
    djs_bytes_t value;
    authz_status seen = look(&ctx, r);

    (void)line;
    if (seen != AUTHZ_GRANTED || !djs_view_value(&value, ctx, k->rule.key)) {
        return answer(r, seen, 0);
    }
    if (k->regex != NULL) {
        seen = match(r, k->regex, value);
        return answer(r, seen, 1);
    }
    return answer(r, seen, djs_rule_holds(&k->rule, value));
}

/* A login that lies ahead of the clock is none to go by: the clock was put
 * back, and nobody knows how old it is. */
static authz_status check_age(request_rec *r, const char *line,
                              const void *parsed)
{
    apr_interval_time_t most = *(const apr_interval_time_t *)parsed;
    djs_request_t *ctx;
    authz_status seen = look(&ctx, r);
    int young = 0;

    (void)line;
    if (seen == AUTHZ_GRANTED) {
        apr_time_t login = ctx->session.record.authenticated;
        apr_time_t age = apr_time_now() - login;

        young = login > 0 && age <= most && age >= -CLOCKS_APART;
    }
    return answer(r, seen, young);
}

/* ------------------------------------------------------------- parsing */

static const char *parse_session(cmd_parms *cmd, const char *line,
                                 const void **parsed)
{
    int quoted, broken;

    djs_blind_note(cmd);
    *parsed = NULL;
    if (djs_rule_word(&line, &quoted, &broken, cmd->temp_pool) != NULL ||
        broken) {
        return "Require djsession takes no arguments: for more than a live"
               " session there are djsession-user, djsession-key and"
               " djsession-age";
    }
    return NULL;
}

static const char *parse_users(cmd_parms *cmd, const char *line,
                               const void **parsed)
{
    users_t *users = apr_pcalloc(cmd->pool, sizeof *users);
    int quoted, broken;
    const char *word;

    djs_blind_note(cmd);
    users->ids = apr_array_make(cmd->pool, 2, sizeof(const char *));
    while ((word = djs_rule_word(&line, &quoted, &broken, cmd->pool)) != NULL) {
        if (!quoted && strcmp(word, "*") == 0) {
            users->any = 1;
        }
        else {
            APR_ARRAY_PUSH(users->ids, const char *) = word;
        }
    }
    *parsed = users;
    if (broken || (!users->any && users->ids->nelts == 0)) {
        return "Require djsession-user: write one user's id or more, or * for"
               " any user; quotes must end";
    }
    return NULL;
}

static const char *parse_key(cmd_parms *cmd, const char *line,
                             const void **parsed)
{
    key_rule_t *k = apr_pcalloc(cmd->pool, sizeof *k);
    const char *wrong = djs_rule_parse(&k->rule, line, cmd->pool);

    djs_blind_note(cmd);
    *parsed = k;
    if (wrong != NULL) {
        return apr_pstrcat(cmd->pool, "Require djsession-key: ", wrong, NULL);
    }
    if (k->rule.op == DJS_RULE_MATCH) {
        k->regex = ap_pregcomp(cmd->pool, k->rule.pattern, AP_REG_EXTENDED);
        if (k->regex == NULL) {
            return apr_psprintf(cmd->pool,
                                "Require djsession-key: \"%s\" is no regular"
                                " expression",
                                k->rule.pattern);
        }
    }
    return NULL;
}

static const char *parse_age(cmd_parms *cmd, const char *line,
                             const void **parsed)
{
    apr_interval_time_t *age = apr_palloc(cmd->pool, sizeof *age);
    int quoted, broken;
    const char *word = djs_rule_word(&line, &quoted, &broken, cmd->pool);

    djs_blind_note(cmd);
    *parsed = age;
    if (word == NULL || djs_units_duration(age, word) != APR_SUCCESS ||
        *age <= 0 ||
        djs_rule_word(&line, &quoted, &broken, cmd->pool) != NULL || broken) {
        return "Require djsession-age: write one duration, such as 90s, 30m,"
               " 12h or 2w";
    }
    return NULL;
}

static const authz_provider live_provider = { check_session, parse_session };
static const authz_provider user_provider = { check_user, parse_users };
static const authz_provider key_provider = { check_key, parse_key };
static const authz_provider age_provider = { check_age, parse_age };

static void offer(apr_pool_t *p, const char *name,
                  const authz_provider *provider)
{
    ap_register_auth_provider(p, AUTHZ_PROVIDER_GROUP, name,
                              AUTHZ_PROVIDER_VERSION, provider,
                              AP_AUTH_INTERNAL_PER_CONF);
}

void djs_require_register(apr_pool_t *p)
{
    offer(p, "djsession", &live_provider);
    offer(p, "djsession-user", &user_provider);
    offer(p, "djsession-key", &key_provider);
    offer(p, "djsession-age", &age_provider);
}
