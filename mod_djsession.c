/* mod_djsession - Django's sessions as an Apache httpd module: this file is the
 * table of contents; every hook stands here with the reason for its place. */
#include <ap_expr.h>
#include <httpd.h>
#include <http_config.h>
#include <http_protocol.h>
#include <http_request.h>
#include "httpd/account.h"
#include "httpd/api.h"
#include "httpd/bridge.h"
#include "httpd/directives.h"
#include "httpd/expr.h"
#include "httpd/guard.h"
#include "httpd/hooks.h"
#include "httpd/logout.h"
#include "httpd/output.h"
#include "httpd/report.h"
#include "httpd/require.h"
#include "httpd/server.h"

static void register_hooks(apr_pool_t *p)
{
    /* Stores of other modules must be known before DjSessionStore is read. */
    ap_hook_pre_config(djs_api_find_stores, NULL, NULL, APR_HOOK_MIDDLE);
    /* All modules are loaded by now, so that mod_session is found wherever its
     * LoadModule stands. */
    ap_hook_pre_config(djs_bridge_join, NULL, NULL, APR_HOOK_MIDDLE);
    /* Contradictions are found by configtest too, not only at start. */
    ap_hook_check_config(djs_server_check_config, NULL, NULL, APR_HOOK_MIDDLE);
    /* What configtest says besides, and -D DUMP_DJSESSION. */
    ap_hook_test_config(djs_report_test_config, NULL, NULL, APR_HOOK_MIDDLE);
    /* Secrets and stores, still with the parent's privileges; before
     * mod_watchdog (LAST) collects who wants to be called. */
    ap_hook_post_config(djs_server_post_config, NULL, NULL, APR_HOOK_MIDDLE);
    /* Stores are opened after the fork, before mod_watchdog's threads run. */
    ap_hook_child_init(djs_server_child_init, NULL, NULL,
                       APR_HOOK_REALLY_FIRST);

    /* Nobody may see a header of ours that a client sent: first of all. */
    ap_hook_post_read_request(djs_hook_post_read_request, NULL, NULL,
                              APR_HOOK_REALLY_FIRST);
    /* Here the place of the client's request is known: before anybody asks. */
    ap_hook_header_parser(djs_hook_header_parser, NULL, NULL, APR_HOOK_FIRST);
    /* Before access is decided, so that every Require finds the user. */
    ap_hook_check_access(djs_guard_identify, NULL, NULL, APR_HOOK_MIDDLE,
                         AP_AUTH_INTERNAL_PER_CONF);
    /* Beside mod_auth_basic and mod_auth_form: AuthType says whose turn it
     * is. */
    ap_hook_check_authn(djs_guard_authenticate, NULL, NULL, APR_HOOK_MIDDLE,
                        AP_AUTH_INTERNAL_PER_CONF);
    /* Before mod_auth_form takes a store in trouble for a visitor who has not
     * logged in. */
    ap_hook_check_authn(djs_bridge_guard, NULL, NULL, APR_HOOK_FIRST,
                        AP_AUTH_INTERNAL_PER_CONF);
    ap_hook_note_auth_failure(djs_guard_challenge, NULL, NULL, APR_HOOK_MIDDLE);
    djs_require_register(p);
    djs_account_register(p);
    /* Names of ours that core does not know: their order does not matter. */
    ap_hook_expr_lookup(djs_expr_lookup, NULL, NULL, APR_HOOK_MIDDLE);
    /* After everything that could forge our names (mod_headers is LAST). */
    ap_hook_fixups(djs_hook_fixups, NULL, NULL, APR_HOOK_REALLY_LAST);
    /* SetHandler names it: its order does not matter. */
    ap_hook_handler(djs_logout_handler, NULL, NULL, APR_HOOK_MIDDLE);
    /* Behind mod_headers' filter and mod_session's, and before mod_cache's:
     * same type, later. */
    ap_hook_insert_filter(djs_output_insert, NULL, NULL, APR_HOOK_REALLY_LAST);
    ap_hook_insert_error_filter(djs_output_insert_error, NULL, NULL,
                                APR_HOOK_REALLY_LAST);
    /* Responses that went past the filter: programs that write their own
     * headers, tunnels. And before mod_log_config reads the notes. */
    ap_hook_log_transaction(djs_hook_log_transaction, NULL, NULL,
                            APR_HOOK_REALLY_FIRST);
    djs_output_register();
    djs_api_register();
}

AP_DECLARE_MODULE(djsession) = {
    STANDARD20_MODULE_STUFF, djs_server_create_policy, djs_server_merge_policy,
    djs_server_create,       djs_server_merge,         djs_directives,
    register_hooks,
#if defined(AP_MODULE_FLAG_NONE)
    AP_MODULE_FLAG_NONE
#endif
};
