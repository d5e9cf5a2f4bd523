/* session/lint.c - what is legal and will still surprise.
 *
 * Only what an administrator wrote can be contradictory: a default that another
 * directive makes pointless is no mistake of his. */
#include <apr_strings.h>
#include "session/lint.h"
#include "session/preset.h"
#include "session/rows.h"
#include "session/rows_write.h"

#define MOST_IN_BROWSERS (APR_INT64_C(400) * 86400 * 1000000)

static apr_int64_t number(const djs_policy_t *policy, const char *name)
{
    const djs_row_t *row = djs_row_find(name);

    return *(const apr_int64_t *)((const char *)policy + row->field);
}

static int is_given(const djs_policy_t *policy, const char *name)
{
    return (policy->defaulted & djs_row_bit(djs_row_find(name))) == 0;
}

static void push(apr_array_header_t *lines, const char *text)
{
    APR_ARRAY_PUSH(lines, const char *) = text;
}

/* "DjSessionCookieAge 2w" */
static const char *setting(const djs_policy_t *policy, const char *name,
                           apr_pool_t *p)
{
    const apr_array_header_t *written =
        djs_row_write(djs_row_find(name), policy, p);

    return written->nelts == 0
               ? name
               : apr_pstrcat(p, name, " ",
                             APR_ARRAY_IDX(written, 0, const char *), NULL);
}

static void lint_renewal(apr_array_header_t *lines, const djs_policy_t *policy)
{
    const djs_renew_t *renew = policy->renew;
    apr_pool_t *p = lines->pool;

    if ((renew->how == DJS_RENEW_AFTER && renew->after >= policy->cookie_age) ||
        (renew->how == DJS_RENEW_PERCENT && renew->percent == 100)) {
        push(lines,
             apr_psprintf(p,
                          "DJS006: %s is never reached, for a session ends %s"
                          " after its last save (DjSessionCookieAge): give a"
                          " shorter time, or DjSessionRenew Off",
                          setting(policy, "DjSessionRenew", p),
                          djs_write_time(policy->cookie_age, p)));
    }
}

static void push_never(apr_array_header_t *lines, const djs_policy_t *policy,
                       const char *name, const char *other, const char *advice)
{
    apr_pool_t *p = lines->pool;

    push(lines, apr_psprintf(p, "DJS006: %s does nothing beside %s: %s",
                             setting(policy, name, p),
                             setting(policy, other, p), advice));
}

static void lint_limits(apr_array_header_t *lines, const djs_policy_t *policy)
{
    static const char absolute[] = "DjSessionAbsoluteTimeout";
    static const char rotate[] = "DjSessionRotate";
    static const char age[] = "DjSessionCookieAge";

    if (policy->absolute != 0 && policy->cookie_age > policy->absolute &&
        is_given(policy, age)) {
        push_never(lines, policy, age, absolute,
                   "every session ends before that; give a shorter age, or a"
                   " longer limit");
    }
    if (policy->absolute != 0 && policy->rotate >= policy->absolute &&
        is_given(policy, rotate)) {
        push_never(lines, policy, rotate, absolute,
                   "no session lives that long; give a shorter time, or"
                   " DjSessionRotate Off");
    }
    if (policy->rotate != 0 && policy->rotate_grace >= policy->rotate) {
        apr_pool_t *p = lines->pool;

        push(lines,
             apr_psprintf(p,
                          "DJS006: with %s a key still opens the session when"
                          " its successor is old enough to be changed (%s):"
                          " give a grace that is much shorter than that",
                          setting(policy, "DjSessionRotateGrace", p),
                          setting(policy, rotate, p)));
    }
}

static void lint_cookie(apr_array_header_t *lines, const djs_policy_t *policy,
                        int tls)
{
    apr_pool_t *p = lines->pool;

    if (policy->cookie_age > MOST_IN_BROWSERS &&
        policy->browser_close != DJS_ON) {
        push(lines,
             apr_psprintf(p,
                          "DJS007: %s is more than browsers grant: they drop"
                          " the cookie after 400 days; give 400d at most",
                          setting(policy, "DjSessionCookieAge", p)));
    }
    if (policy->https_only == DJS_ON && policy->secure == DJS_SECURE_OFF) {
        push(lines,
             "DJS006: DjSessionCookieSecure Off beside DjSessionHTTPSOnly"
             " On makes browsers show the key over plain HTTP, where it"
             " opens nothing: write DjSessionCookieSecure Auto or On");
    }
    if (policy->https_only == DJS_ON && !tls) {
        push(lines,
             "DJS008: DjSessionHTTPSOnly is On, and no request comes over"
             " TLS: no module for TLS is loaded and no"
             " DjSessionProxyTLSHeader tells what a proxy received; no"
             " session can begin. Load mod_ssl, or name the proxy's"
             " header and address");
    }
}

static void push_aal(apr_array_header_t *lines, const djs_policy_t *policy,
                     const char *name, const char *legal)
{
    apr_pool_t *p = lines->pool;

    push(lines,
         apr_psprintf(p,
                      "DJS009: %s leaves what NIST SP 800-63B-4 says of %s: to"
                      " stay within, write %s or leave it out",
                      setting(policy, name, p),
                      setting(policy, "DjSessionPreset", p), legal));
}

/* Explicit values beyond what the preset aalN stands for. Its own values are
 * the limits. */
static void lint_aal(apr_array_header_t *lines, const djs_policy_t *policy)
{
    static const struct {
        const char *name;
        apr_int64_t never;
        const char *legal;
    } switches[] = {
        { "DjSessionCookieSecure", DJS_SECURE_OFF, "On" },
        { "DjSessionCookieHttpOnly", DJS_OFF, "On" },
        { "DjSessionHTTPSOnly", DJS_OFF, "On" },
    };
    static const struct {
        const char *name;
        int from; /* the first preset that has it as a limit */
    } times[] = {
        { "DjSessionCookieAge", DJS_PRESET_AAL2 },
        { "DjSessionAbsoluteTimeout", DJS_PRESET_AAL1 },
    };
    const djs_policy_t *limits = djs_preset_defaults(policy);
    apr_size_t i;

    if (policy->preset < DJS_PRESET_AAL1) {
        return;
    }
    for (i = 0; i < sizeof switches / sizeof *switches; i++) {
        if (number(policy, switches[i].name) == switches[i].never) {
            push_aal(lines, policy, switches[i].name, switches[i].legal);
        }
    }
    for (i = 0; i < sizeof times / sizeof *times; i++) {
        apr_int64_t most = number(limits, times[i].name);
        apr_int64_t t = number(policy, times[i].name);

        if (policy->preset >= times[i].from && (t == 0 || t > most)) {
            push_aal(lines, policy, times[i].name,
                     apr_pstrcat(lines->pool, djs_write_time(most, lines->pool),
                                 " at most", NULL));
        }
    }
}

void djs_lint(apr_array_header_t *lines, const djs_policy_t *policy, int tls)
{
    if (djs_policy_serves(policy)) {
        lint_renewal(lines, policy);
        lint_limits(lines, policy);
        lint_cookie(lines, policy, tls);
        lint_aal(lines, policy);
    }
}
