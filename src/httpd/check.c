/* httpd/check.c - judges the configuration before anything is built of it.
 *
 * Defaults are filled in, then every host and section that has sessions is
 * looked at; configtest comes here too, so nothing is opened or made. */
#include <sys/stat.h>
#include <limits.h>
#include <stdlib.h>
#include <apr_strings.h>
#include <openssl/crypto.h>
#include <httpd.h>
#include <http_config.h>
#include <http_core.h>
#include "codec/secret.h"
#include "httpd/bridge.h"
#include "httpd/check.h"
#include "httpd/dbd.h"
#include "session/preset.h"
#include "session/rows.h"
#include "store/site.h"

#define SECTIONS           "djsession-sections"
#define IN_CLEAR           " is on another host: it needs DjSessionEncrypt On"
#define MOST_IN_A_VARIABLE (120 * 1024) /* the kernel's limit is 128 KiB */

typedef struct djs_check_section section_t;
struct djs_check_section {
    server_rec *s;
    djs_policy_t *policy;
    const char *title; /* "<Location /shop>" */
    const char *file;
    int line;
    int is_host; /* it stands outside of Location and its like */
};

static const char *title_of(const ap_directive_t *parent, apr_pool_t *p)
{
    const char *args = parent == NULL ? NULL : parent->args;
    apr_size_t len = args == NULL ? 0 : strlen(args);

    if (len == 0) {
        return "section";
    }
    return apr_pstrcat(p, parent->directive, " ", args,
                       args[len - 1] == '>' ? "" : ">", NULL);
}

void djs_check_note_section(cmd_parms *cmd, djs_policy_t *policy)
{
    void *list;
    section_t *section;

    if (policy->any) {
        return;
    }
    policy->any = 1;
    apr_pool_userdata_get(&list, SECTIONS, cmd->pool);
    if (list == NULL) {
        list = apr_array_make(cmd->pool, 8, sizeof(section_t));
        apr_pool_userdata_setn(list, SECTIONS, NULL, cmd->pool);
    }
    section = apr_array_push(list);
    section->s = cmd->server;
    section->policy = policy;
    section->title = title_of(cmd->directive->parent, cmd->pool);
    section->file = cmd->directive->filename;
    section->line = cmd->directive->line_num;
    section->is_host =
        cmd->path == NULL &&
        policy == ap_get_module_config(cmd->server->lookup_defaults,
                                       &djsession_module);
}

static djs_policy_t *host_policy(server_rec *s)
{
    return ap_get_module_config(s->lookup_defaults, &djsession_module);
}

static const apr_array_header_t *sections(apr_pool_t *pconf)
{
    void *list;

    apr_pool_userdata_get(&list, SECTIONS, pconf);
    return list != NULL ? list : apr_array_make(pconf, 1, sizeof(section_t));
}

/* Django renews by itself what it wants renewed, and must see its cookie: other
 * defaults, which no preset of a section replaces. */
static void complete_theirs(djs_policy_t *policy)
{
    static const djs_renew_t off = { DJS_RENEW_OFF, 0, 0 };
    apr_uint64_t renew = djs_row_bit(djs_row_find("DjSessionRenew"));
    apr_uint64_t hide = djs_row_bit(djs_row_find("DjSessionHideCookie"));

    if (policy->defaulted & renew) {
        policy->renew = &off;
    }
    if (policy->defaulted & hide) {
        policy->hide_cookie = DJS_OFF;
    }
    policy->by_store = policy->defaulted & (renew | hide);
    policy->defaulted &= ~policy->by_store;
}

/* A host that says nothing about sessions has the very settings and policy of
 * the main server. What fills them in depends on the host (its name is its
 * namespace): each gets some of its own. */
static void separate(apr_pool_t *pconf, server_rec *main_server)
{
    for (server_rec *s = main_server->next; s != NULL; s = s->next) {
        ap_set_module_config(
            s->module_config, &djsession_module,
            apr_pmemdup(pconf, djs_server_host(s), sizeof(djs_host_t)));
        ap_set_module_config(
            s->lookup_defaults, &djsession_module,
            apr_pmemdup(pconf, host_policy(s), sizeof(djs_policy_t)));
    }
}

/* Fills in every default; afterwards nothing is unset that has one. */
static void complete(apr_pool_t *pconf, server_rec *main_server)
{
    const djs_policy_t *presets = djs_preset_table(pconf);
    djs_policy_t *policy;
    server_rec *s;

    separate(pconf, main_server);
    for (s = main_server; s != NULL; s = s->next) {
        djs_host_t *host = djs_server_host(s);

        djs_settings_default(&host->settings, pconf);
        if (host->settings.name_space == NULL) {
            host->settings.name_space =
                s->server_hostname != NULL ? s->server_hostname : "localhost";
        }
        policy = host_policy(s);
        djs_preset_complete(policy, presets);
        if (strncmp(host->settings.store->items[0], "django-", 7) == 0) {
            complete_theirs(policy);
        }
        host->used = djs_policy_serves(policy);
    }
}

/* A location with sessions makes its host a user of them; one of the main
 * server counts for every host, which inherit it. */
static void find_users(const apr_array_header_t *list, server_rec *main_server)
{
    server_rec *s;
    int i;

    for (i = 0; i < list->nelts; i++) {
        const section_t *section = &APR_ARRAY_IDX(list, i, section_t);

        if (!djs_policy_serves(section->policy)) {
            continue;
        }
        for (s = main_server; s != NULL; s = s->next) {
            djs_host_t *host = djs_server_host(s);

            host->used |= section->s == s ||
                          (section->s == main_server && !section->is_host);
        }
    }
}

int djs_check_each_place(djs_check_place_fn fn, void *data,
                         server_rec *main_server, apr_pool_t *pconf)
{
    const apr_array_header_t *list = sections(pconf);
    server_rec *s;
    int i, rv = 0;

    for (s = main_server; s != NULL && rv == 0; s = s->next) {
        djs_check_place_t place = { s, NULL, *host_policy(s) };

        rv = fn(&place, data);
        for (i = 0; i < list->nelts && rv == 0; i++) {
            const section_t *section = &APR_ARRAY_IDX(list, i, section_t);

            if (section->is_host ||
                (section->s != s && section->s != main_server)) {
                continue;
            }
            place.section = section;
            djs_policy_merge(&place.policy, host_policy(s), section->policy);
            rv = fn(&place, data);
        }
    }
    return rv;
}

const djs_policy_t *djs_check_host_policy(const djs_check_place_t *place)
{
    return host_policy(place->s);
}

int djs_check_is_inherited(const djs_check_place_t *place)
{
    return place->section != NULL && place->section->s != place->s;
}

static const char *host_name(const server_rec *s, apr_pool_t *p)
{
    return s->defn_name == NULL
               ? "the main server"
               : apr_psprintf(p, "host %s at %s line %u",
                              djs_server_host(s)->settings.name_space,
                              s->defn_name, s->defn_line_number);
}

const char *djs_check_place_name(const djs_check_place_t *place, apr_pool_t *p)
{
    const section_t *section = place->section;
    const char *name = host_name(place->s, p);

    if (section == NULL) {
        return name;
    }
    return apr_psprintf(p, "section %s at %s line %d%s%s", section->title,
                        section->file, section->line,
                        section->s == place->s ? "" : ", in ",
                        section->s == place->s ? "" : name);
}

typedef struct {
    const char *wrong;
    apr_pool_t *p;
    const djs_host_t *host; /* whose places are judged; NULL: all */
} verdict_t;

static int check_policy(const djs_check_place_t *place, void *data)
{
    verdict_t *verdict = data;
    const char *wrong = djs_policy_check(&place->policy, verdict->p);

    if (wrong == NULL && place->policy.modsession == DJS_ON &&
        !djs_bridge_is_joined()) {
        wrong = "DjSessionModSession On: mod_session is not there to be served:"
                " load it (LoadModule session_module)";
    }
    if (wrong != NULL) {
        verdict->wrong = apr_pstrcat(
            verdict->p, wrong, " (", djs_check_place_name(place, verdict->p),
            place->policy.preset == DJS_UNSET
                ? ""
                : ", where DjSessionPreset sets what no directive does",
            ")", NULL);
    }
    return wrong != NULL;
}

static const char *check_policies(server_rec *main_server, apr_pool_t *pconf,
                                  apr_pool_t *p)
{
    verdict_t verdict = { NULL, p, NULL };

    (void)djs_check_each_place(check_policy, &verdict, main_server, pconf);
    return verdict.wrong;
}

/* The path with links resolved as far as it exists. */
static const char *resolved(const char *path, apr_pool_t *p)
{
    char real[PATH_MAX];
    char *copy = apr_pstrdup(p, path);
    char *slash;

    if (realpath(path, real) != NULL) {
        return apr_pstrdup(p, real);
    }
    slash = strrchr(copy, '/');
    if (slash == NULL || slash == copy) {
        return copy;
    }
    *slash = '\0';
    return apr_pstrcat(p, resolved(copy, p), "/", slash + 1, NULL);
}

int djs_check_is_preset(const char *directive, const char *path)
{
    return strcmp(path, djs_row_find(directive)->preset) == 0;
}

/* A sentence when `path` can be asked for by any client. */
static const char *check_not_served(const char *directive, const char *path,
                                    server_rec *main_server, apr_pool_t *p)
{
    const char *real = resolved(path, p);
    server_rec *s;

    for (s = main_server; s != NULL; s = s->next) {
        core_server_config *core = ap_get_core_module_config(s->module_config);
        const char *root;
        apr_size_t len;

        if (core->ap_document_root == NULL) {
            continue;
        }
        root = resolved(core->ap_document_root, p);
        len = strlen(root);
        while (len > 0 && root[len - 1] == '/') {
            len--;
        }
        if (strncmp(real, root, len) == 0 &&
            (real[len] == '/' || real[len] == '\0')) {
            return apr_psprintf(p,
                                "%s: %s lies under DocumentRoot %s, where"
                                " clients can ask for it: choose a place"
                                " outside of every DocumentRoot",
                                directive, path, core->ap_document_root);
        }
    }
    return NULL;
}

/* Reads a file that `directive` names. The default one may be missing: it is
 * made at start. NULL, or a sentence; `secret` is zeroed where nothing was
 * read. */
static const char *check_secret(unsigned char secret[DJS_SECRET_BYTES],
                                const char *directive, const char *path,
                                server_rec *main_server, apr_pool_t *p)
{
    const char *preset = djs_row_find(directive)->preset;
    const char *wrong = check_not_served(directive, path, main_server, p);
    struct stat st;

    memset(secret, 0, DJS_SECRET_BYTES);
    if (wrong != NULL || (preset != NULL && strcmp(path, preset) == 0 &&
                          lstat(path, &st) != 0)) {
        return wrong;
    }
    wrong = djs_secret_read(secret, path, p);
    return wrong == NULL ? NULL : apr_pstrcat(p, directive, ": ", wrong, NULL);
}

static const char *check_secrets(const djs_settings_t *settings,
                                 server_rec *main_server, apr_pool_t *p)
{
    static const char key_name[] = "DjSessionForwardKey";
    const djs_list_t *files = settings->secret_files;
    const djs_list_t *key_file = settings->forward_key;
    unsigned char key[DJS_SECRET_BYTES], secret[DJS_SECRET_BYTES];
    const char *wrong = NULL;
    int i;

    if (key_file != NULL) {
        wrong = check_secret(key, key_name, key_file->items[0], main_server, p);
    }
    for (i = 0; i < files->count && wrong == NULL; i++) {
        wrong = check_secret(secret, "DjSessionSecretFile", files->items[i],
                             main_server, p);
        if (wrong == NULL && key_file != NULL &&
            CRYPTO_memcmp(key, secret, sizeof key) == 0) {
            wrong = apr_psprintf(p,
                                 "%s: %s and %s hold the same secret, and back"
                                 " ends that know it could open every record:"
                                 " make a key of its own with `(umask 077;"
                                 " openssl rand -hex 32 > FILE)`",
                                 key_name, key_file->items[0], files->items[i]);
        }
    }
    OPENSSL_cleanse(key, sizeof key);
    OPENSSL_cleanse(secret, sizeof secret);
    return wrong;
}

const char *djs_check_store_options(const djs_settings_t *settings,
                                    const char *const **options)
{
    *options = settings->store->count > 1 ? settings->store->items + 1 : NULL;
    return settings->store->items[0];
}

/* Nonzero when a location of the host puts session values into variables. */
static int fills_variables(const apr_array_header_t *list, const server_rec *s,
                           const server_rec *main_server)
{
    int i;

    for (i = 0; i < list->nelts; i++) {
        const section_t *section = &APR_ARRAY_IDX(list, i, section_t);

        if ((section->s == s || section->s == main_server) &&
            (section->policy->env == DJS_ENV_DATA ||
             section->policy->exports != NULL)) {
            return 1;
        }
    }
    return 0;
}

/* What can not be had where Django keeps the sessions. */
static int check_theirs(const djs_check_place_t *place, void *data)
{
    const djs_policy_t *policy = &place->policy;
    verdict_t *verdict = data;
    const char *what = NULL;

    if (!djs_policy_serves(policy) ||
        djs_server_host(place->s) != verdict->host) {
        return 0;
    }
    if (policy->absolute > 0) {
        what = "DjSessionAbsoluteTimeout: a Django session does not tell when"
               " it was born";
    }
    else if (policy->rotate > 0) {
        what = "DjSessionRotate: a Django session does not tell how old its key"
               " is, and Django follows no old key";
    }
    else if (policy->modsession == DJS_ON) {
        what = "DjSessionModSession: Django keeps the sessions here";
    }
    if (what != NULL) {
        verdict->wrong = apr_pstrcat(
            verdict->p, what, "; with a django- store it must be Off (",
            djs_check_place_name(place, verdict->p), ")", NULL);
    }
    return what != NULL;
}

static const char *check_site(djs_host_t *host, unsigned forms,
                              server_rec *main_server, apr_pool_t *pconf,
                              apr_pool_t *p)
{
    const djs_list_t *files = host->settings.django_secrets;
    verdict_t verdict = { NULL, p, host };
    djs_bytes_t line;
    const char *wrong;
    int i;

    if (files == NULL && forms == DJS_FORM_PICKLE &&
        host->settings.user_query != NULL) {
        return "DjSessionDjangoSecretFile: DjSessionDjangoUserQuery compares a"
               " hash that is made with SECRET_KEY: write that into a file of"
               " mode 0600 and name it, and behind it one for each of"
               " SECRET_KEY_FALLBACKS";
    }
    if (files == NULL && forms != DJS_FORM_PICKLE) {
        return "DjSessionDjangoSecretFile: what the site stores is signed:"
               " write its SECRET_KEY into a file of mode 0600 and name that, "
               "and"
               " behind it one for each of SECRET_KEY_FALLBACKS";
    }
    for (i = 0; files != NULL && i < files->count; i++) {
        wrong = check_not_served("DjSessionDjangoSecretFile", files->items[i],
                                 main_server, p);
        if (wrong != NULL) {
            return wrong;
        }
        wrong = djs_secret_read_line(&line, files->items[i], p);
        if (wrong != NULL) {
            return apr_pstrcat(p, "DjSessionDjangoSecretFile: ", wrong, NULL);
        }
    }
    if (host->settings.max_per_user > 0) {
        return "DjSessionMaxPerUser: Django keeps no list of a user's sessions;"
               " with a django- store it must be Off";
    }
    (void)djs_check_each_place(check_theirs, &verdict, main_server, pconf);
    return verdict.wrong;
}

static const char *check_host(server_rec *s, server_rec *main_server,
                              apr_pool_t *pconf, apr_pool_t *p)
{
    const apr_array_header_t *list = sections(pconf);
    const djs_settings_t *settings = &djs_server_host(s)->settings;
    const char *const *options;
    const char *spec = djs_check_store_options(settings, &options);
    djs_about_t about;
    djs_store_t *store;
    const char *wrong = djs_store_create(
        &store, spec, options,
        djs_commit_max_value((apr_size_t)settings->max_size), p);

    if (wrong != NULL) {
        return apr_pstrcat(p, "DjSessionStore: ", wrong, NULL);
    }
    about = djs_store_about(store);
    if (about.remote != NULL && settings->encrypt != DJS_ON) {
        wrong =
            apr_pstrcat(p, "DjSessionStore: ", about.remote, IN_CLEAR, NULL);
    }
    if (wrong == NULL && about.path != NULL) {
        wrong = check_not_served("DjSessionStore", about.path, main_server, p);
    }
    if (wrong == NULL) {
        wrong = check_secrets(settings, main_server, p);
    }
    if (wrong == NULL && djs_site_forms(store) == 0 &&
        settings->user_query != NULL) {
        wrong = "DjSessionDjangoUserQuery: only a django- store has logins that"
                " Django has made: remove it, or see DjSessionStore";
    }
    if (wrong == NULL && djs_site_lend(store, NULL) && !djs_dbd_find()) {
        wrong = "DjSessionStore: django-db: keeps sessions in the site's"
                " database, which it finds through mod_dbd: add LoadModule"
                " dbd_module and say with DBDriver and DBDParams which"
                " database that is";
    }
    if (wrong == NULL && djs_site_forms(store) != 0) {
        wrong = check_site(djs_server_host(s), djs_site_forms(store),
                           main_server, pconf, p);
    }
    if (wrong == NULL && settings->proxy_tls != NULL &&
        settings->trusted == NULL) {
        wrong = "DjSessionProxyTLSHeader: nobody is trusted to send it: list"
                " the proxies' addresses with DjSessionTrustedProxy";
    }
    if (wrong == NULL && settings->max_size > MOST_IN_A_VARIABLE &&
        fills_variables(list, s, main_server)) {
        wrong = "DjSessionMaxSize: with DjSessionEnv Data or DjSessionExport at"
                " most 120k, for no program can be started with a longer"
                " variable";
    }
    return wrong;
}

static void note_user_key(apr_array_header_t *keys, const char *key)
{
    int i;

    for (i = 0; i < keys->nelts; i++) {
        if (djs_bytes_equal(APR_ARRAY_IDX(keys, i, djs_bytes_t),
                            djs_bytes(key))) {
            return;
        }
    }
    APR_ARRAY_PUSH(keys, djs_bytes_t) = djs_bytes(key);
}

apr_array_header_t *djs_check_user_keys(server_rec *main_server,
                                        apr_pool_t *pconf)
{
    const apr_array_header_t *list = sections(pconf);
    apr_array_header_t *keys = apr_array_make(pconf, 2, sizeof(djs_bytes_t));
    server_rec *s;
    int i;

    for (s = main_server; s != NULL; s = s->next) {
        note_user_key(keys, host_policy(s)->user_key);
    }
    for (i = 0; i < list->nelts; i++) {
        const char *key = APR_ARRAY_IDX(list, i, section_t).policy->user_key;

        if (key != NULL) {
            note_user_key(keys, key);
        }
    }
    return keys;
}

const char *djs_check_hosts(int *used, server_rec *main_server,
                            apr_pool_t *pconf, apr_pool_t *ptemp)
{
    const apr_array_header_t *list = sections(pconf);
    const char *wrong;
    server_rec *s;

    *used = 0;
    complete(pconf, main_server);
    find_users(list, main_server);
    wrong = check_policies(main_server, pconf, ptemp);
    for (s = main_server; s != NULL && wrong == NULL; s = s->next) {
        if (djs_server_host(s)->used) {
            *used = 1;
            wrong = check_host(s, main_server, pconf, ptemp);
        }
    }
    return wrong;
}

int djs_check_any_section(apr_pool_t *pconf)
{
    return sections(pconf)->nelts > 0;
}
