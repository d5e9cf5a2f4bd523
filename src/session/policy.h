/* session/policy.h - all that directives say, as plain data.
 *
 * Two structs: the policy, which may vary by location, and the settings of a
 * server or virtual host. Fields are filled by the rows of session/rows.def and
 * are immutable once the configuration has been read. A number that nobody set
 * is DJS_UNSET, a pointer that nobody set is NULL; after the defaults have been
 * filled in no number is unset. */
#ifndef DJS_SESSION_POLICY_H
#define DJS_SESSION_POLICY_H

#include <apr.h>
#include "session/budget.h"
#include "session/expiry.h"

#define DJS_UNSET APR_INT64_MIN

/* Arguments kept as they were given. */
typedef struct {
    int count;
    const char *const *items;
} djs_list_t;

enum { DJS_OFF, DJS_ON };                     /* switches */
enum { DJS_ERROR_DENY, DJS_ERROR_ANONYMOUS }; /* DjSessionOnStoreError */
enum { DJS_SECURE_AUTO, DJS_SECURE_ON, DJS_SECURE_OFF };
enum { DJS_CREATE_ON_WRITE, DJS_CREATE_ALWAYS }; /* DjSessionCreate */
enum { DJS_REPLAY_LOG, DJS_REPLAY_FLUSH };       /* DjSessionReplay */
enum { DJS_ENV_OFF, DJS_ENV_SUMMARY, DJS_ENV_DATA };
enum {
    DJS_PRESET_DJANGO,
    DJS_PRESET_STRICT,
    DJS_PRESET_AAL1,
    DJS_PRESET_AAL2,
    DJS_PRESET_AAL3,
    DJS_PRESETS /* how many */
};

typedef struct djs_policy djs_policy_t;
struct djs_policy {
    int any;               /* some field was set in this very section */
    apr_uint64_t by_store; /* rows whose default is that of the kind of store */
    /* Rows, by number, whose field holds a default and was set nowhere; and the
     * defaults of every preset (session/preset.h). NULL: they have not been
     * filled in. */
    apr_uint64_t defaulted;
    const djs_policy_t *defaults;
    apr_int64_t preset;
    apr_int64_t enabled;
    apr_int64_t on_error;
    const char *cookie_name;
    const char *cookie_domain;
    const char *cookie_path;
    apr_int64_t secure;
    apr_int64_t httponly;
    apr_int64_t samesite;
    apr_int64_t partitioned;
    apr_int64_t cookie_age; /* microseconds, as all times here */
    apr_int64_t browser_close;
    const djs_renew_t *renew;
    apr_int64_t absolute; /* 0: Off */
    apr_int64_t rotate;   /* 0: Off */
    apr_int64_t rotate_grace;
    apr_int64_t replay;
    apr_int64_t https_only;
    apr_int64_t create;
    apr_int64_t env;
    apr_int64_t forward;       /* as env */
    const djs_list_t *exports; /* key as normal JSON, variable, key, ... */
    apr_int64_t backend_updates;
    apr_int64_t hide_cookie;
    apr_int64_t cache_control;
    const char *user_key; /* as normal JSON, with its quotes */
    const char *login_url;
    apr_int64_t modsession;
};

/* Nonzero when a location with this policy has sessions: for programs, for
 * mod_session, or for both. */
static inline int djs_policy_serves(const djs_policy_t *policy)
{
    return policy->enabled == DJS_ON || policy->modsession == DJS_ON;
}

typedef struct {
    apr_uint64_t defaulted;  /* rows, by number, whose field holds a default */
    const djs_list_t *store; /* SPEC and options */
    apr_int64_t store_timeout;
    const djs_list_t *secret_files;
    const djs_list_t *forward_key;    /* one file; NULL: none */
    const djs_list_t *django_secrets; /* files: SECRET_KEY, then fallbacks */
    const char *django_salt;          /* NULL: as the engine has it */
    apr_int64_t django_sha1;
    const char *user_query;  /* NULL: a login's hash is not compared */
    const char *login_query; /* for AuthBasicProvider; NULL: none */
    apr_int64_t encrypt;
    const char *name_space;
    const djs_list_t *proxy_tls; /* header name and value */
    const djs_list_t *trusted;   /* addresses and networks, checked */
    apr_int64_t max_size;
    apr_int64_t max_per_user; /* 0: Off */
    apr_int64_t sweep;
    const djs_limit_t *create_limit; /* a count of 0: Off */
} djs_settings_t;

#endif
