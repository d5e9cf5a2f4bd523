/* unit/test_rows - directives: what they take, what they refuse, and how they
 * are inherited. */
#include "rows_fixture.h"

static const char *try(const char *line)
{
    djs_policy_t policy;
    djs_settings_t settings;

    djs_policy_init(&policy);
    djs_settings_init(&settings);
    return set(&policy, &settings, line);
}

/* E26: numbers are exact, names are complete, errors name what is legal. */
static void each_bad_value_is_refused_with_the_legal_ones(void **state)
{
    static const struct {
        const char *line;
        const char *names; /* the sentence says this */
    } rows[] = {
        { "DjSession Maybe", "Off, On" },
        { "DjSession On Off", "On|Off" },
        { "DjSession", "On|Off" },
        { "DjSessionOnStoreError Ignore", "Deny, Anonymous" },
        { "DjSessionCookieSameSite lex", "Lax, Strict, None, Off" },
        { "DjSessionCookieSecure Maybe", "Auto, On, Off" },
        { "DjSessionCookieAge 0", "1s" },
        { "DjSessionCookieAge -1", "1s" },
        { "DjSessionCookieAge 300x", "90s" },
        { "DjSessionCookieAge 9999999999999999w", "3650d" },
        { "DjSessionCookieAge 500ms", "1s" },
        { "DjSessionStoreTimeout 0", "1ms" },
        { "DjSessionStoreTimeout 61s", "60s" },
        { "DjSessionSweep 2d", "1d" },
        { "DjSessionMaxSize 255", "256" },
        { "DjSessionMaxSize 2m", "1048576" },
        { "DjSessionRenew 0%", "EveryRequest" },
        { "DjSessionRenew 101%", "100%" },
        { "DjSessionRenew +5%", "EveryRequest" },
        { "DjSessionRenew %", "EveryRequest" },
        { "DjSessionRenew sometimes", "EveryRequest" },
        { "DjSessionCreate Never", "OnWrite, Always" },
        { "DjSessionCreateLimit 10", "10/1h" },
        { "DjSessionCreateLimit 0/1h", "1 to 1000000" },
        { "DjSessionCreateLimit 1000001/1h", "1 to 1000000" },
        { "DjSessionCreateLimit 10/2d", "1s to 1d" },
        { "DjSessionCreateLimit 10/500ms", "1s to 1d" },
        { "DjSessionCreateLimit +10/1h", "10/1h" },
        { "DjSessionEnv All", "Off, Summary, Data" },
        { "DjSessionStore file:/x", "dbm:PATH" },
        { "DjSessionStore dbm:/x shards", "shards=N" },
        { "DjSessionTrustedProxy 300.1.1.1", "192.0.2.7" },
        { "DjSessionTrustedProxy 10.0.0.0/33", "192.0.2.0/24" },
        { "DjSessionTrustedProxy proxy.example", "192.0.2.7" },
        { "DjSessionProxyTLSHeader X-Forwarded-Proto", "NAME VALUE" },
        { "DjSessionProxyTLSHeader X_Bad: https", "X-Forwarded-Proto" },
        { "DjSessionCookieName a\tb", "control characters" },
        { "DjSessionUserKey \xff", "UTF-8" },
        { "DjSessionExport \xff X", "UTF-8" },
        { "DjSessionExport a/b", "NAME" },
        { "DjSessionExport k PATH", "another NAME" },
        { "DjSessionExport k LD_PRELOAD", "another NAME" },
        { "DjSessionExport k 1X", "NAME" },
        { "DjSessionExport user", "another NAME" },
    };

    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        const char *wrong = try(rows[i].line);

        if (wrong == NULL || strstr(wrong, rows[i].names) == NULL ||
            strncmp(wrong, "DjSession", 9) != 0) {
            fail_msg("%s: %s", rows[i].line, wrong ? wrong : "taken");
        }
    }
}

static void each_good_value_is_taken(void **state)
{
    static const char *const lines[] = {
        "DjSession on",
        "djsession OFF",
        "DjSessionCookieAge 90",
        "DjSessionCookieAge 2w",
        "DjSessionStoreTimeout 20ms",
        "DjSessionMaxSize 1m",
        "DjSessionRenew Off",
        "DjSessionRenew everyrequest",
        "DjSessionRenew 1%",
        "DjSessionRenew 100%",
        "DjSessionRenew 5m",
        "DjSessionStore dbm:/x type=gdbm shards=4",
        "DjSessionTrustedProxy 127.0.0.1 10.0.0.0/8 2001:db8::/32 ::1",
        "DjSessionProxyTLSHeader X-Forwarded-Proto https",
        "DjSessionExport cart-items",
        "DjSessionExport a/b PLACE",
        "DjSessionSecretFile /a /b /c",
    };

    (void)state;
    for (size_t i = 0; i < sizeof lines / sizeof *lines; i++) {
        const char *wrong = try(lines[i]);

        if (wrong != NULL) {
            fail_msg("%s: %s", lines[i], wrong);
        }
    }
}

/* The defaults of the documentation are read by the same code. */
static void every_default_is_legal_and_leaves_nothing_unset(void **state)
{
    djs_policy_t policy;
    djs_settings_t settings;

    (void)state;
    for (const djs_row_t *row = djs_rows; row->name; row++) {
        if (row->preset) {
            assert_null(
                try(apr_pstrcat(pool, row->name, " ", row->preset, NULL)));
        }
    }
    djs_policy_init(&policy);
    djs_settings_init(&settings);
    djs_policy_default(&policy, pool);
    djs_settings_default(&settings, pool);
    assert_int_equal(policy.enabled, DJS_OFF);
    assert_string_equal(policy.cookie_name, "sessionid");
    assert_string_equal(policy.user_key, "\"_auth_user_id\"");
    assert_int_equal(policy.cookie_age, APR_INT64_C(1209600000000));
    assert_int_equal(policy.secure, DJS_SECURE_AUTO);
    assert_int_equal(policy.hide_cookie, DJS_ON);
    assert_int_equal(policy.renew->how, DJS_RENEW_PERCENT);
    assert_int_equal(policy.renew->percent, 10);
    assert_int_equal(settings.store_timeout, 500000);
    assert_int_equal(settings.max_size, 65536);
    assert_int_equal(settings.encrypt, DJS_ON);
    assert_null(policy.cookie_domain);
    assert_null(policy.exports);
    assert_null(djs_policy_check(&policy, pool));
}

/* E26: one by one, whatever the other side has set. */
static void each_directive_is_inherited_and_overridden_alone(void **state)
{
    djs_policy_t base, add, merged;
    djs_settings_t none;

    (void)state;
    djs_policy_init(&base);
    djs_policy_init(&add);
    djs_settings_init(&none);
    assert_null(set(&base, &none, "DjSession On"));
    assert_null(set(&base, &none, "DjSessionCookieAge 1h"));
    assert_null(set(&base, &none, "DjSessionCookieName one"));
    assert_null(set(&base, &none, "DjSessionExport a"));
    assert_null(set(&add, &none, "DjSessionCookieAge 2h"));
    assert_null(set(&add, &none, "DjSessionCookieSameSite Strict"));
    djs_policy_merge(&merged, &base, &add);
    assert_int_equal(merged.enabled, DJS_ON);
    assert_int_equal(merged.cookie_age, APR_INT64_C(7200000000));
    assert_int_equal(merged.samesite, 1);
    assert_string_equal(merged.cookie_name, "one");
    assert_int_equal(merged.exports->count, 2);
    assert_int_equal(merged.https_only, DJS_UNSET);
    assert_int_equal(add.enabled, DJS_UNSET);
}

/* A host has what the server has, but for what it says itself. */
static void settings_are_inherited_one_by_one_too(void **state)
{
    djs_policy_t none;
    djs_settings_t base, add, merged;

    (void)state;
    djs_policy_init(&none);
    djs_settings_init(&base);
    djs_settings_init(&add);
    assert_null(set(&none, &base, "DjSessionNamespace one"));
    assert_null(set(&none, &base, "DjSessionMaxSize 1k"));
    assert_null(set(&none, &add, "DjSessionMaxSize 2k"));
    djs_settings_merge(&merged, &base, &add);
    assert_string_equal(merged.name_space, "one");
    assert_int_equal(merged.max_size, 2048);
    assert_null(merged.store);
    assert_null(djs_row_find("DjSessionNothing"));
}

static void a_text_has_an_end(void **state)
{
    char line[400] = "DjSessionNamespace ";

    (void)state;
    memset(line + strlen(line), 'n', 256);
    assert_non_null(strstr(try(line), "255"));
    line[strlen(line) - 1] = '\0';
    assert_null(try(line));
}

/* D08: keys become variables of one form, and no two the same one. */
static void exports_make_one_variable_each(void **state)
{
    djs_policy_t policy;
    djs_settings_t none;

    (void)state;
    djs_policy_init(&policy);
    djs_settings_init(&none);
    assert_null(set(&policy, &none, "DjSessionExport cart.total"));
    assert_null(set(&policy, &none, "DjSessionExport Plan SITE_PLAN"));
    assert_int_equal(policy.exports->count, 4);
    assert_string_equal(policy.exports->items[1], "DJSESSION_CART_TOTAL");
    assert_string_equal(policy.exports->items[3], "SITE_PLAN");
    assert_non_null(
        strstr(set(&policy, &none, "DjSessionExport cart-total"), "another"));
    assert_int_equal(policy.exports->count, 4);
}

/* B03, B04: what a browser would not keep is refused at start. */
static void contradictions_are_found(void **state)
{
    static const char *const lines[][3] = {
        { "DjSessionCookieSameSite None", "DjSession On", NULL },
        { "DjSessionCookiePartitioned On", NULL, NULL },
        { "DjSessionCookieName __Host-id", NULL, NULL },
        { "DjSessionCookieName __Secure-id", "DjSessionCookieSecure Off",
          NULL },
        { "DjSessionCookieName __Host-id", "DjSessionCookieSecure On",
          "DjSessionCookiePath /app" },
        { "DjSessionCookieName __Host-id", "DjSessionCookieSecure On",
          "DjSessionCookieDomain example.org" },
        { "DjSessionCookieName a=b", NULL, NULL },
        { "DjSessionCookieName a;b", NULL, NULL },
        { "DjSessionCookiePath /a;b", NULL, NULL },
        { "DjSessionCookieDomain a,b", NULL, NULL },
    };

    (void)state;
    for (size_t i = 0; i < sizeof lines / sizeof *lines; i++) {
        djs_policy_t policy;
        djs_settings_t none;

        djs_policy_init(&policy);
        djs_settings_init(&none);
        for (int j = 0; j < 3 && lines[i][j]; j++) {
            assert_null(set(&policy, &none, lines[i][j]));
        }
        djs_policy_default(&policy, pool);
        if (djs_policy_check(&policy, pool) == NULL) {
            fail_msg("%s passes", lines[i][0]);
        }
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        T(each_bad_value_is_refused_with_the_legal_ones),
        T(each_good_value_is_taken),
        T(every_default_is_legal_and_leaves_nothing_unset),
        T(each_directive_is_inherited_and_overridden_alone),
        T(settings_are_inherited_one_by_one_too),
        T(a_text_has_an_end),
        T(exports_make_one_variable_each),
        T(contradictions_are_found),
    };

    apr_initialize();
    return cmocka_run_group_tests_name("rows", tests, NULL, NULL);
}
