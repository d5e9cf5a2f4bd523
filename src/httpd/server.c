/* httpd/server.c - builds what hosts need before the first request.
 *
 * check_config has the configuration judged (so configtest sees every error);
 * post_config, in the parent and with its privileges, reads secrets and
 * prepares stores; child_init opens them. Hosts with the same store share one
 * object, hosts with the same secrets one ring. */
#include <unistd.h>
#include <apr_strings.h>
#include <openssl/crypto.h>
#include <httpd.h>
#include <http_config.h>
#include <http_core.h>
#include <http_log.h>
#include <unixd.h>
#include "base/clock.h"
#include "httpd/account.h"
#include "httpd/check.h"
#include "httpd/dbd.h"
#include "httpd/report.h"
#include "httpd/server.h"
#include "httpd/shared.h"
#include "httpd/sweep.h"
#include "session/rows.h"
#include "session/theirs.h"

APLOG_USE_MODULE(djsession);

#define MODE_0755                                                              \
    (APR_FPROT_UREAD | APR_FPROT_UWRITE | APR_FPROT_UEXECUTE |                 \
     APR_FPROT_GREAD | APR_FPROT_GEXECUTE | APR_FPROT_WREAD |                  \
     APR_FPROT_WEXECUTE)

#define TRY_EVERY (APR_USEC_PER_SEC / 10) /* opens a store that does not */

/* A key ring and the secrets it was made of. */
typedef struct {
    const char *name;
    djs_keyring_t *ring;
} ring_t;

/* What one reading of the configuration came to; lives in pconf. */
static struct {
    int used;   /* some host has sessions */
    int in_use; /* or at least talks of them: our names are taken out */
    apr_array_header_t *backs;     /* of djs_back_t * */
    apr_array_header_t *rings;     /* of ring_t */
    apr_array_header_t *user_keys; /* of djs_bytes_t */
    djs_policy_t *foreign;         /* of what is not this site's: Off */
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

djs_host_t *djs_server_host(const server_rec *s)
{
    return ap_get_module_config(s->module_config, &djsession_module);
}

/* Whoever uses httpd as a forward proxy asks others' servers, which shall begin
 * no sessions here, and whose cookies are theirs. */
const djs_policy_t *djs_server_policy(const request_rec *r)
{
    if (r->proxyreq == PROXYREQ_PROXY) {
        return state.foreign;
    }
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

int djs_server_check_config(apr_pool_t *pconf, apr_pool_t *plog,
                            apr_pool_t *ptemp, server_rec *main_server)
{
    const char *wrong;

    (void)plog;
    state.in_use = djs_check_any_section(pconf);
    state.backs = apr_array_make(pconf, 2, sizeof(djs_back_t *));
    state.rings = apr_array_make(pconf, 2, sizeof(ring_t));
    state.foreign = apr_palloc(pconf, sizeof *state.foreign);
    djs_policy_init(state.foreign);
    djs_policy_default(state.foreign, pconf);
    wrong = djs_account_prepare(main_server, pconf);
    if (wrong == NULL) {
        wrong = djs_check_hosts(&state.used, main_server, pconf, ptemp);
        state.user_keys = djs_check_user_keys(main_server, pconf);
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
    const djs_list_t *store = settings->store;
    int used = djs_check_is_preset("DjSessionSecretFile",
                                   settings->secret_files->items[0]);
    int i;

    for (i = 0; i < store->count; i++) { /* the second tier may be it */
        used |= djs_check_is_preset("DjSessionStore", store->items[i]);
    }
    if (!used) {
        return;
    }
    (void)apr_dir_make_recursive(DJS_STATEDIR, MODE_0755, p);
}

static const char *build_back(djs_host_t *host, server_rec *s, apr_pool_t *p)
{
    djs_owner_t owner = { (apr_uid_t)-1, (apr_gid_t)-1 };
    const char *const *options;
    const char *spec = djs_check_store_options(&host->settings, &options);
    const char *name =
        apr_psprintf(p, "%s %" APR_INT64_T_FMT, spec, host->settings.max_size);
    djs_store_t *store;
    djs_back_t *back;
    const char *wrong = djs_store_create(
        &store, spec, options,
        djs_commit_max_value((apr_size_t)host->settings.max_size), p);
    int i;

    if (wrong != NULL) {
        return wrong;
    }
    for (i = 1; i < host->settings.store->count; i++) {
        name = apr_pstrcat(p, name, " ", host->settings.store->items[i], NULL);
    }
    if (djs_site_lend(store, djs_dbd_lend(s, p))) { /* of this host alone */
        name = apr_psprintf(p, "%s %pp", name, (void *)s);
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
    back->store = store;
    if (geteuid() == 0) {
        owner.uid = ap_unixd_config.user_id;
        owner.gid = ap_unixd_config.group_id;
    }
    wrong = djs_store_prepare(store, owner, p);
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
        if (djs_check_is_preset("DjSessionSecretFile", files->items[i])) {
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

static apr_status_t wipe_key(void *key)
{
    OPENSSL_cleanse(key, DJS_SECRET_BYTES);
    return APR_SUCCESS;
}

static const char *build_forward_key(djs_host_t *host, apr_pool_t *p)
{
    const djs_list_t *file = host->settings.forward_key;
    unsigned char *key;

    if (file == NULL) {
        return NULL;
    }
    key = apr_palloc(p, DJS_SECRET_BYTES);
    apr_pool_cleanup_register(p, key, wipe_key, apr_pool_cleanup_null);
    host->forward_key = key;
    return djs_secret_read(key, file->items[0], p);
}

/* What a Django site signs with. The lines are wiped with the pool. */
static const char *build_site(djs_host_t *host, apr_pool_t *p)
{
    const djs_list_t *files = host->settings.django_secrets;
    struct djs_site *site;
    djs_bytes_t *secrets;
    const char *wrong = NULL;
    int i;

    if (djs_site_forms(host->back->store) == 0) {
        return NULL;
    }
    site = apr_pcalloc(p, sizeof *site);
    site->count = files == NULL ? 0 : files->count;
    secrets = apr_pcalloc(p, ((apr_size_t)site->count + 1) * sizeof *secrets);
    for (i = 0; i < site->count && wrong == NULL; i++) {
        wrong = djs_secret_read_line(&secrets[i], files->items[i], p);
    }
    site->secrets = secrets;
    site->salt = host->settings.django_salt;
    site->legacy = host->settings.django_sha1 == DJS_ON;
    host->place.site = site;
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
    wrong = build_forward_key(host, p);
    if (wrong != NULL) {
        return apr_pstrcat(p, "DjSessionForwardKey: ", wrong, NULL);
    }
    wrong = build_back(host, s, p);
    if (wrong != NULL) {
        return apr_pstrcat(p, "DjSessionStore: ", wrong, NULL);
    }
    wrong = build_site(host, p);
    if (wrong != NULL) {
        return apr_pstrcat(p, "DjSessionDjangoSecretFile: ", wrong, NULL);
    }
    build_proxies(host, p);
    host->place.store = host->back->store;
    host->place.mode =
        settings->encrypt == DJS_ON ? DJS_RECORD_SEALED : DJS_RECORD_BARE;
    host->place.ns = djs_bytes(settings->name_space);
    host->place.max_size = (apr_size_t)settings->max_size;
    host->place.random = djs_random;
    host->place.user_keys = (const djs_bytes_t *)state.user_keys->elts;
    host->place.user_key_count = state.user_keys->nelts;
    return djs_commit_prepare(&host->place) == APR_SUCCESS
               ? NULL
               : "DjSessionNamespace: OpenSSL makes no SHA-256 of it; look"
                 " at its configuration (openssl.cnf)";
}

int djs_server_post_config(apr_pool_t *pconf, apr_pool_t *plog,
                           apr_pool_t *ptemp, server_rec *main_server)
{
    server_rec *s;

    (void)plog;
    if (ap_state_query(AP_SQ_MAIN_STATE) == AP_SQ_MS_CREATE_PRE_CONFIG) {
        return OK; /* the configuration will be read once more */
    }
    if (state.in_use && !state.used) {
        ap_log_error(
            APLOG_MARK, APLOG_WARNING, 0, main_server,
            "DJS005: there are directives for sessions, but DjSession"
            " is On nowhere: add DjSession On where sessions shall be");
    }
    djs_report_surprises(main_server, pconf, ptemp);
    for (s = main_server; s != NULL; s = s->next) {
        djs_host_t *host = djs_server_host(s);
        const char *wrong = host->used ? build_host(host, s, pconf) : NULL;

        if (wrong != NULL) {
            ap_log_error(APLOG_MARK, APLOG_STARTUP | APLOG_EMERG, 0, s,
                         "DJS002: %s", wrong);
            return HTTP_INTERNAL_SERVER_ERROR;
        }
    }
    if (djs_shared_make(main_server, state.backs, pconf) != OK) {
        return HTTP_INTERNAL_SERVER_ERROR;
    }
    return djs_sweep_register(pconf, main_server);
}

/* What a try that failed has left is gone: the next one begins anew. */
static apr_status_t try_to_open(djs_back_t *back)
{
    apr_status_t rv;

    back->next_try = djs_clock_steady() + TRY_EVERY;
    rv = djs_store_open(back->store, back->pool);
    if (rv != APR_SUCCESS) {
        apr_pool_clear(back->pool);
    }
    return rv;
}

static void open_late(djs_back_t *back)
{
    if (djs_store_is_open(back->store) || djs_clock_steady() < back->next_try) {
        return;
    }
    if (try_to_open(back) == APR_SUCCESS) {
        ap_log_error(APLOG_MARK, APLOG_NOTICE, 0, back->s,
                     "DJS110: this child has opened %s after all",
                     djs_store_name(back->store));
    }
}

int djs_server_ready(djs_back_t *back)
{
    if (!djs_store_is_open(back->store) && back->trying != NULL &&
        apr_thread_mutex_trylock(back->trying) == APR_SUCCESS) {
        open_late(back);
        apr_thread_mutex_unlock(back->trying);
    }
    return djs_store_is_open(back->store);
}

void djs_server_child_init(apr_pool_t *pchild, server_rec *s)
{
    int i;

    (void)s;
    for (i = 0; state.backs != NULL && i < state.backs->nelts; i++) {
        djs_back_t *back = APR_ARRAY_IDX(state.backs, i, djs_back_t *);
        apr_status_t rv;
        char text[160];

        apr_pool_create(&back->pool, pchild);
        if (apr_thread_mutex_create(&back->trying, APR_THREAD_MUTEX_DEFAULT,
                                    pchild) != APR_SUCCESS) {
            back->trying = NULL; /* then there is one try only */
        }
        rv = try_to_open(back);
        if (rv == APR_SUCCESS) {
            continue;
        }
        back->next_try = 0; /* the first request may find it mended */
        ap_log_error(APLOG_MARK, APLOG_ERR, 0, back->s,
                     "DJS103: this child can not open %s: %s; its requests"
                     " find the store in trouble until it can: it tries again"
                     " with them, ten times a second at most",
                     djs_store_name(back->store),
                     djs_status_text(rv, text, sizeof text));
    }
}
