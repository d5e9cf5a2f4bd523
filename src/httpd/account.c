/* httpd/account.c - users of a Django site, as its database has them.
 *
 * Django compares each login of a session with the password that the database
 * has now, so that a changed password ends all sessions. The same is done here,
 * once a request that brings a login. */
#include <stdatomic.h>
#include <apr_strings.h>
#include <httpd.h>
#include <http_config.h>
#include <http_log.h>
#include <http_request.h>
#include <mod_auth.h>
#include "codec/django_auth.h"
#include "httpd/account.h"
#include "httpd/dbd.h"
#include "httpd/hint.h"
#include "session/save.h"
#include "session/theirs.h"

APLOG_USE_MODULE(djsession);

#define NO_MOD_DBD                                                             \
    ": it asks the site's database through mod_dbd: add LoadModule dbd_module" \
    " and say with DBDriver and DBDParams which database that is"

/* Of a password that nobody has, so that a name which does not exist, or has no
 * password that could be right, takes the time that one takes which has. */
#define NOBODYS                                                                \
    "pbkdf2_sha256$%d$nobodynobodynobodynobo$"                                 \
    "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA="

#define MOST_ROUNDS 100000000

/* As costly as the last password that this process has seen; before, as Django
 * 4.2 makes them. */
static atomic_int rounds = 600000;

const char *djs_account_prepare(server_rec *main_server, apr_pool_t *pconf)
{
    int there = djs_dbd_find();
    server_rec *s;

    for (s = main_server; s != NULL; s = s->next) {
        djs_host_t *host = djs_server_host(s);
        const char *by_id = host->settings.user_query;
        const char *by_name = host->settings.login_query;

        if (by_id != NULL && !there) {
            return "DjSessionDjangoUserQuery" NO_MOD_DBD;
        }
        if (by_name != NULL && !there) {
            return "DjSessionDjangoLoginQuery" NO_MOD_DBD;
        }
        host->user_query = by_id ? djs_dbd_query(by_id, pconf) : NULL;
        host->login_query = by_name ? djs_dbd_query(by_name, pconf) : NULL;
    }
    return NULL;
}

/* --------------------------------------------------------- of a session */

static djs_hint_t hint; /* of logins that are no good */

/* A member of the session, as a text; NULL when it is absent or empty. */
static const char *member(const djs_session_t *s, const char *key)
{
    djs_bytes_t value, text;

    if (!djs_json_find(&value, s->record.body, djs_bytes(key))) {
        return NULL;
    }
    text = djs_session_user_text(&value, s->p);
    return text.len > 0 && memchr(text.data, '\0', text.len) == NULL
               ? apr_pstrmemdup(s->p, text.data, text.len)
               : NULL;
}

static djs_password_e compare(const djs_session_t *s, const djs_place_t *place,
                              const djs_account_t *account)
{
    const char *hash = member(s, "\"_auth_user_hash\"");
    const struct djs_site *site = place->site;

    if (hash == NULL || !account->active) {
        return DJS_PASSWORD_WRONG;
    }
    return djs_django_auth_hash(djs_bytes(hash), account->password,
                                site->secrets, site->count, site->legacy, s->p);
}

void djs_account_verify(request_rec *r, djs_request_t *ctx)
{
    djs_session_t *s = &ctx->session;
    djs_password_e verdict = DJS_PASSWORD_WRONG;
    djs_account_t account;
    const char *user;
    apr_status_t rv;

    if (ctx->host->user_query == NULL || s->state != DJS_STATE_LIVE) {
        return;
    }
    user = member(s, "\"_auth_user_id\"");
    if (user == NULL) {
        return; /* nobody has logged in */
    }
    rv =
        djs_dbd_account(&account, r->server, ctx->host->user_query, user, s->p);
    if (rv == APR_SUCCESS) {
        verdict = compare(s, &ctx->host->place, &account);
    }
    else if (rv != DJS_EABSENT) {
        verdict = DJS_PASSWORD_UNKNOWN;
    }
    if (verdict == DJS_PASSWORD_RIGHT) {
        djs_hint_good(&hint);
        return;
    }
    if (verdict == DJS_PASSWORD_WRONG) {
        int level = djs_hint_level(&hint);

        ap_log_rerror(APLOG_MARK, level, 0, r,
                      "DJS222: the login of session %s is not good any more"
                      " (%s); the visitor counts as logged out, as he does for"
                      " Django%s",
                      s->record.tag,
                      rv != APR_SUCCESS ? "the query of users finds nobody"
                      : !account.active ? "the user is blocked"
                                        : "his password was changed",
                      level != APLOG_WARNING
                          ? ""
                          : ". If this is said of everybody, compare"
                            " DjSessionDjangoSecretFile with SECRET_KEY and"
                            " SECRET_KEY_FALLBACKS, and try the query");
    }
    djs_save_settle(s, NULL, NULL);
    s->sent = djs_bytes_of(NULL, 0);
    s->state =
        verdict == DJS_PASSWORD_WRONG ? DJS_STATE_NONE : DJS_STATE_UNAVAILABLE;
}

/* ------------------------------------------------------------- passwords */

static authn_status wait_for_nobody(const char *password, authn_status answer,
                                    apr_pool_t *p)
{
    const char *nobodys = apr_psprintf(p, NOBODYS, atomic_load(&rounds));

    (void)djs_django_password(djs_bytes(nobodys), djs_bytes(password), p);
    return answer;
}

static void note_rounds(djs_bytes_t password, apr_pool_t *p)
{
    static const char kind[] = "pbkdf2_sha256$";
    const char *text = apr_pstrmemdup(p, password.data, password.len);
    apr_int64_t count;

    if (strncmp(text, kind, sizeof kind - 1) == 0) {
        count = apr_strtoi64(text + sizeof kind - 1, NULL, 10);
        if (count > 0 && count <= MOST_ROUNDS) {
            atomic_store(&rounds, (int)count);
        }
    }
}

static authn_status check(request_rec *r, const char *user,
                          const char *password)
{
    const djs_host_t *host = djs_server_host(r->server);
    djs_account_t account;
    djs_password_e verdict;
    apr_status_t rv;

    if (host->login_query == NULL) {
        ap_log_rerror(APLOG_MARK, APLOG_ERR, 0, r,
                      "DJS223: AuthBasicProvider djsession-django knows no"
                      " users: add DjSessionDjangoLoginQuery to this host");
        return AUTH_GENERAL_ERROR;
    }
    rv = djs_dbd_account(&account, r->server, host->login_query, user, r->pool);
    if (rv != APR_SUCCESS && rv != DJS_EABSENT) {
        return AUTH_GENERAL_ERROR;
    }
    if (rv == DJS_EABSENT) {
        return wait_for_nobody(password, AUTH_USER_NOT_FOUND, r->pool);
    }
    if (account.password.len == 0 || account.password.data[0] == '!') {
        return wait_for_nobody(password, AUTH_DENIED, r->pool);
    }
    note_rounds(account.password, r->pool);
    verdict =
        djs_django_password(account.password, djs_bytes(password), r->pool);
    if (verdict == DJS_PASSWORD_UNKNOWN) {
        ap_log_rerror(APLOG_MARK, APLOG_ERR, 0, r,
                      "DJS224: the password of a user is stored in a way that"
                      " is not known here: pbkdf2_sha256, pbkdf2_sha1 and"
                      " scrypt are; nobody is let in by it");
        return AUTH_GENERAL_ERROR;
    }
    return verdict == DJS_PASSWORD_RIGHT && account.active ? AUTH_GRANTED
                                                           : AUTH_DENIED;
}

static const authn_provider provider = { check, NULL };

void djs_account_register(apr_pool_t *p)
{
    ap_register_auth_provider(p, AUTHN_PROVIDER_GROUP, "djsession-django",
                              AUTHN_PROVIDER_VERSION, &provider,
                              AP_AUTH_INTERNAL_PER_CONF);
}
