/* mod_sessiontest.c - a module built on mod_session, for tests: it sets what
 * the query says before its response begins, or after, and says what its call
 * came to. Query: KEY=VALUE to set, KEY to remove; behind "late;" it is done
 * when the first bytes are on their way; with ";goto=PATH" behind it the
 * request goes on there. */
#include <string.h>
#include <apr_optional.h>
#include <apr_strings.h>
#include <httpd.h>
#include <http_config.h>
#include <http_protocol.h>
#include <http_request.h>
#include <mod_session.h>

static const char *word(apr_status_t rv)
{
    return rv == APR_SUCCESS ? "ok" : "error";
}

static apr_status_t set(request_rec *r, session_rec *z, char *pair)
{
    APR_OPTIONAL_FN_TYPE(ap_session_set) *set_fn =
        APR_RETRIEVE_OPTIONAL_FN(ap_session_set);
    char *value = strchr(pair, '=');

    if (value != NULL) {
        *value++ = '\0';
    }
    return set_fn(r, z, pair, value);
}

static int serve(request_rec *r)
{
    APR_OPTIONAL_FN_TYPE(ap_session_load) *load_fn =
        APR_RETRIEVE_OPTIONAL_FN(ap_session_load);
    APR_OPTIONAL_FN_TYPE(ap_session_save) *save_fn =
        APR_RETRIEVE_OPTIONAL_FN(ap_session_save);
    char *args = apr_pstrdup(r->pool, r->args != NULL ? r->args : "");
    int late = strncmp(args, "late;", 5) == 0;
    char *next = strstr(args, ";goto=");
    session_rec *z = NULL;
    apr_status_t rv;

    if (r->handler == NULL || strcmp(r->handler, "sessiontest") != 0) {
        return DECLINED;
    }
    rv = load_fn(r, &z);
    if (z != NULL && next != NULL) {
        *next = '\0';
        (void)set(r, z, args);
        ap_internal_redirect(next + strlen(";goto="), r);
        return OK;
    }
    if (late) {
        ap_rputs("begun\n", r);
        ap_rflush(r);
        args += 5;
    }
    ap_rprintf(r, "load %s\n", word(rv));
    if (z != NULL && args[0] != '\0') {
        ap_rprintf(r, "set %s\n", word(set(r, z, args)));
        if (late) {
            z->written = 0; /* otherwise mod_session does not even ask us */
            ap_rprintf(r, "save %s\n", word(save_fn(r, z)));
        }
    }
    return OK;
}

static void register_hooks(apr_pool_t *p)
{
    (void)p;
    ap_hook_handler(serve, NULL, NULL, APR_HOOK_MIDDLE);
}

AP_DECLARE_MODULE(sessiontest) = {
    STANDARD20_MODULE_STUFF, NULL, NULL, NULL, NULL, NULL, register_hooks,
#if defined(AP_MODULE_FLAG_NONE)
    AP_MODULE_FLAG_NONE
#endif
};
