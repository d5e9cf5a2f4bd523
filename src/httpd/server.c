/* httpd/server.c - builds what hosts need before the first request.
 *
 * check_config judges the configuration (so configtest sees every error);
 * post_config, in the parent and with its privileges, reads secrets and
 * prepares stores; child_init opens them. Hosts with the same store share one
 * object, hosts with the same secrets one ring. */
#include <sys/stat.h>
#include <stdlib.h>
#include <unistd.h>
#include <apr_atomic.h>
#include <apr_strings.h>
#include <openssl/crypto.h>
#include <httpd.h>
#include <http_config.h>
#include <http_core.h>
#include <http_log.h>
#include <unixd.h>
#include "httpd/server.h"
#include "httpd/sweep.h"
#include "session/rows.h"

APLOG_USE_MODULE(djsession);

#define SECTIONS "djsession-sections"
#define IN_CLEAR " is on another host: it needs DjSessionEncrypt On"

#define MODE_0755                                                              \
    (APR_FPROT_UREAD | APR_FPROT_UWRITE | APR_FPROT_UEXECUTE |                 \
     APR_FPROT_GREAD | APR_FPROT_GEXECUTE | APR_FPROT_WREAD |                  \
     APR_FPROT_WEXECUTE)
#define MOST_IN_A_VARIABLE (120 * 1024) /* the kernel's limit is 128 KiB */

/* A section of the configuration that says something about sessions. */
typedef struct {
    server_rec *s;
    djs_policy_t *policy;
    const char *file;
    int line;
    int is_host; /* it stands outside of Location and its like */
} section_t;

/* A key ring and the secrets it was made of. */
typedef struct {
    const char *name;
    djs_keyring_t *ring;
} ring_t;

/* What one reading of the configuration came to; lives in pconf. */
static struct {
    int used;   /* some host has sessions */
    int in_use; /* or at least talks of them: our names are taken out */
    apr_array_header_t *backs; /* of djs_back_t * */
    apr_array_header_t *rings; /* of ring_t */
} state;

void *djs_server_create(apr_pool_t *p, server_rec *s)
{
    djs_host_t *host = apr_pcalloc(p, sizeof *host);

    (void)s;
    djs_settings_init(&host->settings);
    return host;
}

void *djs_server_merge(apr_pool_t *p, void *base, void *add)
{
    djs_host_t *merged = apr_pmemdup(p, add, sizeof *merged);

    djs_settings_merge(&merged->settings, &((djs_host_t *)base)->settings,
                       &merged->settings);
    return merged;
}

void *djs_server_create_policy(apr_pool_t *p, char *path)
{
    djs_policy_t *policy = apr_palloc(p, sizeof *policy);

    (void)path;
    djs_policy_init(policy);
    return policy;
}

/* Requests merge every section they match: one without a directive of ours
 * must cost nothing. */
void *djs_server_merge_policy(apr_pool_t *p, void *base, void *add)
{
    djs_policy_t *merged;

    if (!((djs_policy_t *)add)->any) {
        return base;
    }
    merged = apr_palloc(p, sizeof *merged);
    djs_policy_merge(merged, base, add);
    return merged;
}

void djs_server_note_section(cmd_parms *cmd, djs_policy_t *policy)
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
    section->file = cmd->directive->filename;
    section->line = cmd->directive->line_num;
    section->is_host =
        cmd->path == NULL &&
        policy == ap_get_module_config(cmd->server->lookup_defaults,
                                       &djsession_module);
}

djs_host_t *djs_server_host(const server_rec *s)
{
    return ap_get_module_config(s->module_config, &djsession_module);
}

const djs_policy_t *djs_server_policy(const request_rec *r)
{
    return ap_get_module_config(r->per_dir_config, &djsession_module);
}

int djs_server_in_use(void)
{
    return state.in_use;
}

const apr_array_header_t *djs_server_backs(void)
{
    return state.backs;
}

/* ------------------------------------------------------------ checking */

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

/* Fills in every default; afterwards nothing is unset that has one. */
static void complete(apr_pool_t *pconf, server_rec *main_server)
{
    server_rec *s;

    for (s = main_server; s != NULL; s = s->next) {
        djs_host_t *host = djs_server_host(s);

        djs_settings_default(&host->settings, pconf);
        if (host->settings.name_space == NULL) {
            host->settings.name_space =
                s->server_hostname != NULL ? s->server_hostname : "localhost";
        }
        djs_policy_default(host_policy(s), pconf);
        host->used = host_policy(s)->enabled == DJS_ON;
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

        if (section->policy->enabled != DJS_ON) {
            continue;
        }
        for (s = main_server; s != NULL; s = s->next) {
            djs_host_t *host = djs_server_host(s);

            host->used |= section->s == s ||
                          (section->s == main_server && !section->is_host);
        }
    }
}

static const char *check_policies(const apr_array_header_t *list,
                                  server_rec *main_server, apr_pool_t *p)
{
    server_rec *s;
    int i;

    for (s = main_server; s != NULL; s = s->next) {
        const char *wrong = djs_policy_check(host_policy(s), p);

        if (wrong != NULL) {
            return apr_psprintf(p, "%s (host %s)", wrong,
                                djs_server_host(s)->settings.name_space);
        }
    }
    for (i = 0; i < list->nelts; i++) {
        const section_t *section = &APR_ARRAY_IDX(list, i, section_t);
        djs_policy_t merged;
        const char *wrong;

        if (section->is_host) {
            continue;
        }
        djs_policy_merge(&merged, host_policy(section->s), section->policy);
        wrong = djs_policy_check(&merged, p);
        if (wrong != NULL) {
            return apr_psprintf(p, "%s (section at %s line %d)", wrong,
                                section->file, section->line);
        }
    }
    return NULL;
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

/* Nonzero when the directive's argument is its default. */
static int is_preset(const char *directive, const char *path)
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

static const char *check_secrets(const djs_settings_t *settings,
                                 server_rec *main_server, apr_pool_t *p)
{
    const djs_list_t *files = settings->secret_files;
    const djs_row_t *row = djs_row_find("DjSessionSecretFile");
    const char *wrong = NULL;
    int i;

    for (i = 0; i < files->count && wrong == NULL; i++) {
        unsigned char secret[DJS_SECRET_BYTES];
        struct stat st;

        wrong = check_not_served(row->name, files->items[i], main_server, p);
        if (wrong == NULL && (!is_preset(row->name, files->items[i]) ||
                              lstat(row->preset, &st) == 0)) {
            wrong = djs_secret_read(secret, files->items[i], p);
            OPENSSL_cleanse(secret, sizeof secret);
            wrong = wrong == NULL
                        ? NULL
                        : apr_pstrcat(p, row->name, ": ", wrong, NULL);
        }
    }
    return wrong;
}

static const char *store_options(const djs_settings_t *settings,
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

static const char *check_host(server_rec *s, server_rec *main_server,
                              const apr_array_header_t *list, apr_pool_t *p)
{
    const djs_settings_t *settings = &djs_server_host(s)->settings;
    const char *const *options;
    const char *spec = store_options(settings, &options);
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

int djs_server_check_config(apr_pool_t *pconf, apr_pool_t *plog,
                            apr_pool_t *ptemp, server_rec *main_server)
{
    const apr_array_header_t *list = sections(pconf);
    const char *wrong;
    server_rec *s;

    (void)plog;
    state.used = 0;
    state.in_use = list->nelts > 0;
    state.backs = apr_array_make(pconf, 2, sizeof(djs_back_t *));
    state.rings = apr_array_make(pconf, 2, sizeof(ring_t));
    complete(pconf, main_server);
    find_users(list, main_server);
    wrong = check_policies(list, main_server, ptemp);
    for (s = main_server; s != NULL && wrong == NULL; s = s->next) {
        if (djs_server_host(s)->used) {
            state.used = 1;
            wrong = check_host(s, main_server, list, ptemp);
        }
    }
    if (wrong != NULL) {
        ap_log_error(APLOG_MARK, APLOG_STARTUP | APLOG_EMERG, 0, main_server,
                     "DJS001: %s", wrong);
        return HTTP_INTERNAL_SERVER_ERROR;
    }
    return OK;
}

/* ------------------------------------------------------------ building */

/* The place of the defaults is made when one of them is used. */
static void make_statedir(const djs_settings_t *settings, apr_pool_t *p)
{
    if (!is_preset("DjSessionStore", settings->store->items[0]) &&
        !is_preset("DjSessionSecretFile", settings->secret_files->items[0])) {
        return;
    }
    (void)apr_dir_make_recursive(DJS_STATEDIR, MODE_0755, p);
}

static const char *build_back(djs_host_t *host, server_rec *s, apr_pool_t *p)
{
    djs_owner_t owner = { (apr_uid_t)-1, (apr_gid_t)-1 };
    const char *const *options;
    const char *spec = store_options(&host->settings, &options);
    const char *name =
        apr_psprintf(p, "%s %" APR_INT64_T_FMT, spec, host->settings.max_size);
    const char *wrong;
    djs_back_t *back;
    int i;

    for (i = 1; i < host->settings.store->count; i++) {
        name = apr_pstrcat(p, name, " ", host->settings.store->items[i], NULL);
    }
    for (i = 0; i < state.backs->nelts; i++) {
        back = APR_ARRAY_IDX(state.backs, i, djs_back_t *);
        if (strcmp(back->name, name) == 0) {
            host->back = back;
            if (host->settings.sweep < back->sweep_every) {
                back->sweep_every = host->settings.sweep;
            }
            return NULL;
        }
    }
    back = apr_pcalloc(p, sizeof *back);
    back->name = name;
    back->s = s;
    back->sweep_every = host->settings.sweep;
    wrong = djs_store_create(
        &back->store, spec, options,
        djs_commit_max_value((apr_size_t)host->settings.max_size), p);
    if (geteuid() == 0) {
        owner.uid = ap_unixd_config.user_id;
        owner.gid = ap_unixd_config.group_id;
    }
    if (wrong == NULL) {
        wrong = djs_store_prepare(back->store, owner, p);
    }
    if (wrong == NULL) {
        APR_ARRAY_PUSH(state.backs, djs_back_t *) = back;
        host->back = back;
    }
    return wrong;
}

static const char *build_ring(djs_host_t *host, apr_pool_t *p)
{
    const djs_list_t *files = host->settings.secret_files;
    unsigned char secrets[16][DJS_SECRET_BYTES];
    const char *wrong = NULL;
    const char *name = "";
    ring_t *ring;
    int i;

    for (i = 0; i < files->count; i++) {
        name = apr_pstrcat(p, name, files->items[i], "\n", NULL);
    }
    for (i = 0; i < state.rings->nelts; i++) {
        ring = &APR_ARRAY_IDX(state.rings, i, ring_t);
        if (strcmp(ring->name, name) == 0) {
            host->place.ring = ring->ring;
            return NULL;
        }
    }
    for (i = 0; i < files->count && wrong == NULL; i++) {
        if (is_preset("DjSessionSecretFile", files->items[i])) {
            wrong = djs_secret_make(files->items[i], djs_random, p);
        }
        if (wrong == NULL) {
            wrong = djs_secret_read(secrets[i], files->items[i], p);
        }
    }
    if (wrong == NULL) {
        wrong = djs_keyring_create(
            &host->place.ring,
            (const unsigned char(*)[DJS_SECRET_BYTES])secrets, files->count, p);
    }
    OPENSSL_cleanse(secrets, sizeof secrets);
    if (wrong == NULL) {
        ring = apr_array_push(state.rings);
        ring->name = name;
        ring->ring = host->place.ring;
    }
    return wrong;
}

static void build_proxies(djs_host_t *host, apr_pool_t *p)
{
    const djs_list_t *trusted = host->settings.trusted;
    int i;

    if (host->settings.proxy_tls == NULL) {
        return;
    }
    host->proxy_header = host->settings.proxy_tls->items[0];
    host->proxy_value = host->settings.proxy_tls->items[1];
    host->trusted = apr_array_make(p, 4, sizeof(apr_ipsubnet_t *));
    for (i = 0; trusted != NULL && i < trusted->count; i++) {
        char *address = apr_pstrdup(p, trusted->items[i]);
        char *bits = strchr(address, '/');
        apr_ipsubnet_t *subnet;

        if (bits != NULL) {
            *bits++ = '\0';
        }
        if (apr_ipsubnet_create(&subnet, address, bits, p) == APR_SUCCESS) {
            APR_ARRAY_PUSH(host->trusted, apr_ipsubnet_t *) = subnet;
        }
    }
}

static const char *build_host(djs_host_t *host, server_rec *s, apr_pool_t *p)
{
    const djs_settings_t *settings = &host->settings;
    const char *wrong;

    make_statedir(settings, p);
    wrong = build_ring(host, p);
    if (wrong != NULL) {
        return apr_pstrcat(p, "DjSessionSecretFile: ", wrong, NULL);
    }
    wrong = build_back(host, s, p);
    if (wrong != NULL) {
        return apr_pstrcat(p, "DjSessionStore: ", wrong, NULL);
    }
    build_proxies(host, p);
    host->place.store = host->back->store;
    host->place.mode =
        settings->encrypt == DJS_ON ? DJS_RECORD_SEALED : DJS_RECORD_BARE;
    host->place.ns = djs_bytes(settings->name_space);
    host->place.max_size = (apr_size_t)settings->max_size;
    host->place.random = djs_random;
    return NULL;
}

int djs_server_post_config(apr_pool_t *pconf, apr_pool_t *plog,
                           apr_pool_t *ptemp, server_rec *main_server)
{
    server_rec *s;

    (void)plog;
    (void)ptemp;
    if (ap_state_query(AP_SQ_MAIN_STATE) == AP_SQ_MS_CREATE_PRE_CONFIG) {
        return OK; /* the configuration will be read once more */
    }
    if (state.in_use && !state.used) {
        ap_log_error(
            APLOG_MARK, APLOG_WARNING, 0, main_server,
            "DJS005: there are directives for sessions, but DjSession"
            " is On nowhere: add DjSession On where sessions shall be");
    }
    for (s = main_server; s != NULL; s = s->next) {
        djs_host_t *host = djs_server_host(s);
        const char *wrong = host->used ? build_host(host, s, pconf) : NULL;

        if (wrong != NULL) {
            ap_log_error(APLOG_MARK, APLOG_STARTUP | APLOG_EMERG, 0, s,
                         "DJS002: %s", wrong);
            return HTTP_INTERNAL_SERVER_ERROR;
        }
    }
    return djs_sweep_register(pconf, main_server);
}

void djs_server_child_init(apr_pool_t *pchild, server_rec *s)
{
    int i;

    (void)s;
    for (i = 0; state.backs != NULL && i < state.backs->nelts; i++) {
        djs_back_t *back = APR_ARRAY_IDX(state.backs, i, djs_back_t *);
        apr_status_t rv = djs_store_open(back->store, pchild);
        char text[160];

        if (rv == APR_SUCCESS) {
            apr_atomic_set32(&back->opened, 1);
            continue;
        }
        ap_log_error(APLOG_MARK, APLOG_ERR, 0, back->s,
                     "DJS103: this child can not open %s: %s; its requests"
                     " find the store in trouble until it is replaced",
                     djs_store_name(back->store),
                     djs_status_text(rv, text, sizeof text));
    }
}
