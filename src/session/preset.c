/* session/preset.c - DjSessionPreset: other defaults, all at once. */
#include "session/preset.h"
#include "session/rows.h"

/* Django's SESSION_* defaults, where ours differ. Secure stays Auto, which is
 * Django's False over plain HTTP: a session of a page over TLS would open
 * nothing in the clear, it could only be seen there. */
static const djs_preset_row_t django[] = {
    { "DjSessionCookieName", "sessionid" },
    { "DjSessionCookiePath", "/" },
    { "DjSessionCookieHttpOnly", "On" },
    { "DjSessionCookieSameSite", "Lax" },
    { "DjSessionCookieAge", "2w" },
    { "DjSessionExpireAtBrowserClose", "Off" },
    { "DjSessionRenew", "Off" },
    { "DjSessionAbsoluteTimeout", "Off" },
    { "DjSessionRotate", "Off" },
    { NULL, NULL },
};

static const djs_preset_row_t strict[] = {
    { "DjSessionCookieName", "__Host-sessionid" },
    { "DjSessionCookiePath", "/" },
    { "DjSessionCookieSecure", "On" },
    { "DjSessionCookieHttpOnly", "On" },
    { "DjSessionCookieAge", "30m" },
    { "DjSessionExpireAtBrowserClose", "On" },
    { "DjSessionAbsoluteTimeout", "12h" },
    { "DjSessionRotate", "15m" },
    { "DjSessionHTTPSOnly", "On" },
    { NULL, NULL },
};

/* NIST SP 800-63B-4: 5.1.1 for the cookie, 2.1.3, 2.2.3 and 2.3.3 for the
 * times. AAL1 asks for no limit on idleness. */
#define AAL_COOKIE                                                             \
    { "DjSessionCookieName", "__Host-sessionid" },                             \
        { "DjSessionCookiePath", "/" }, { "DjSessionCookieSecure", "On" },     \
        { "DjSessionCookieHttpOnly", "On" },                                   \
        { "DjSessionCookieSameSite", "Lax" },                                  \
    {                                                                          \
        "DjSessionHTTPSOnly", "On"                                             \
    }

static const djs_preset_row_t aal1[] = {
    AAL_COOKIE,
    { "DjSessionCookieAge", "2w" },
    { "DjSessionAbsoluteTimeout", "30d" },
    { NULL, NULL },
};

static const djs_preset_row_t aal2[] = {
    AAL_COOKIE,
    { "DjSessionCookieAge", "1h" },
    { "DjSessionAbsoluteTimeout", "24h" },
    { NULL, NULL },
};

static const djs_preset_row_t aal3[] = {
    AAL_COOKIE,
    { "DjSessionCookieAge", "15m" },
    { "DjSessionAbsoluteTimeout", "12h" },
    { NULL, NULL },
};

static const djs_preset_row_t *const lists[DJS_PRESETS] = {
    [DJS_PRESET_DJANGO] = django, [DJS_PRESET_STRICT] = strict,
    [DJS_PRESET_AAL1] = aal1,     [DJS_PRESET_AAL2] = aal2,
    [DJS_PRESET_AAL3] = aal3,
};

const djs_preset_row_t *djs_preset_rows(int preset)
{
    return lists[preset];
}

/* The table's first entry is that of no preset. */
const djs_policy_t *djs_preset_table(apr_pool_t *p)
{
    djs_policy_t *table = apr_palloc(p, sizeof *table * (DJS_PRESETS + 1));
    int i;

    for (i = 0; i <= DJS_PRESETS; i++) {
        const djs_preset_row_t *line;

        djs_policy_init(&table[i]);
        for (line = i > 0 ? lists[i - 1] : NULL;
             line != NULL && line->name != NULL; line++) {
            (void)djs_row_set(djs_row_find(line->name), &table[i], 1,
                              &line->argument, p);
        }
        djs_policy_default(&table[i], p);
    }
    return table;
}

const djs_policy_t *djs_preset_defaults(const djs_policy_t *policy)
{
    return policy->preset == DJS_UNSET ? policy->defaults
                                       : policy->defaults + policy->preset + 1;
}

void djs_preset_complete(djs_policy_t *policy, const djs_policy_t *table)
{
    const djs_row_t *row;

    policy->defaults = table;
    policy->defaulted = policy->by_store = 0;
    for (row = djs_rows; row->name != NULL; row++) {
        if (row->where == DJS_SVD && !djs_row_is_set(row, policy)) {
            policy->defaulted |= djs_row_bit(row);
        }
    }
    djs_policy_copy(policy, djs_preset_defaults(policy), policy->defaulted);
}
