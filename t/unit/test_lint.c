/* unit/test_lint - warnings come for contradictions, and for nothing else. */
#include "rows_fixture.h"
#include "session/lint.h"
#include "session/preset.h"

/* What is said of these lines, one sentence behind the other; each line ends
 * with ';'. */
static const char *lint(const char *lines, int tls)
{
    char *copy = apr_pstrdup(pool, lines), *last, *line;
    apr_array_header_t *found = apr_array_make(pool, 4, sizeof(const char *));
    djs_policy_t policy;
    djs_settings_t none;
    const char *all = "";

    djs_policy_init(&policy);
    djs_settings_init(&none);
    assert_null(set(&policy, &none, "DjSession On"));
    for (line = apr_strtok(copy, ";", &last); line;
         line = apr_strtok(NULL, ";", &last)) {
        assert_null(set(&policy, &none, line + strspn(line, " ")));
    }
    djs_preset_complete(&policy, djs_preset_table(pool));
    djs_lint(found, &policy, tls);
    for (int i = 0; i < found->nelts; i++) {
        all = apr_pstrcat(pool, all, APR_ARRAY_IDX(found, i, const char *),
                          "\n", NULL);
    }
    return all;
}

static void ordinary_configurations_are_not_commented(void **state)
{
    static const char *const rows[] = {
        "",
        "DjSessionPreset django",
        "DjSessionPreset strict",
        "DjSessionPreset aal1",
        "DjSessionPreset aal2",
        "DjSessionPreset aal3",
        "DjSessionCookieSecure On",
        "DjSessionCookieSecure On; DjSessionCookieSameSite None",
        "DjSessionCookieAge 400d",
        "DjSessionCookieAge 3650d; DjSessionExpireAtBrowserClose On",
        "DjSessionCookieAge 1s; DjSessionRenew 99%",
        "DjSessionCookieAge 1h; DjSessionRenew 59m",
        "DjSessionRenew EveryRequest",
        "DjSessionCookieSecure Off",
        "DjSessionHTTPSOnly On",
        "DjSessionPreset aal2; DjSessionCookieAge 1h",
        "DjSessionPreset aal3; DjSessionCookieAge 5m; DjSessionRenew 1m",
        "DjSessionPreset aal1; DjSessionCookieAge 29d",
        "DjSessionPreset aal1; DjSessionCookieSecure Auto",
        "DjSessionAbsoluteTimeout 12h",
        "DjSessionAbsoluteTimeout 12h; DjSessionCookieAge 12h",
        "DjSessionAbsoluteTimeout 10m; DjSessionRotate 9m",
        "DjSessionPreset strict; DjSessionAbsoluteTimeout 10m",
        "DjSessionRotateGrace 1h",
        "DjSessionRotate 11s",
        "DjSessionPreset aal1; DjSessionCookieAge 30d",
        "DjSessionPreset aal3; DjSessionAbsoluteTimeout 1h",
        "DjSession Off; DjSessionRenew 100%; DjSessionCookieAge 401d",
    };

    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        const char *said = lint(rows[i], 1);

        if (said[0] != '\0') {
            fail_msg("%s: %s", rows[i], said);
        }
    }
    assert_string_equal(lint("DjSessionCookieSecure On", 0), "");
}

/* N09, N10: and each says what to write instead. */
static void contradictions_are_named(void **state)
{
    static const struct {
        const char *lines;
        const char *tag;
        const char *names;
    } rows[] = {
        { "DjSessionCookieAge 1h; DjSessionRenew 1h", "DJS006",
          "DjSessionRenew 1h is never" },
        { "DjSessionRenew 100%", "DJS006", "2w" },
        { "DjSessionPreset strict; DjSessionRenew 31m", "DJS006", "30m" },
        { "DjSessionCookieAge 2d; DjSessionAbsoluteTimeout 12h", "DJS006",
          "DjSessionCookieAge 2d does nothing beside DjSessionAbsoluteTimeout"
          " 12h" },
        { "DjSessionPreset strict; DjSessionCookieAge 13h", "DJS006",
          "DjSessionAbsoluteTimeout 12h" },
        { "DjSessionRotate 1h; DjSessionAbsoluteTimeout 1h", "DJS006",
          "DjSessionRotate 1h does nothing" },
        { "DjSessionRotate 10s", "DJS006", "DjSessionRotateGrace 10s" },
        { "DjSessionPreset strict; DjSessionRotateGrace 1h", "DJS006",
          "DjSessionRotate 15m" },
        { "DjSessionPreset aal1; DjSessionAbsoluteTimeout 31d", "DJS009",
          "30d at most" },
        { "DjSessionPreset aal2; DjSessionAbsoluteTimeout 25h", "DJS009",
          "1d at most" },
        { "DjSessionPreset aal3; DjSessionAbsoluteTimeout Off", "DJS009",
          "12h at most" },
        { "DjSessionHTTPSOnly On; DjSessionCookieSecure Off", "DJS006",
          "Auto or On" },
        { "DjSessionCookieAge 401d", "DJS007", "400d" },
        { "DjSessionPreset aal2; DjSessionCookieAge 61m", "DJS009",
          "1h at most" },
        { "DjSessionPreset aal3; DjSessionCookieAge 16m", "DJS009",
          "15m at most" },
        { "DjSessionPreset aal1; DjSessionCookieHttpOnly Off", "DJS009",
          "DjSessionCookieHttpOnly Off" },
        { "DjSessionPreset aal1; DjSessionHTTPSOnly Off", "DJS009",
          "write On" },
        { "DjSessionPreset aal3; DjSessionCookieSecure Off;"
          "DjSessionCookieName x",
          "DJS009", "DjSessionCookieSecure Off" },
    };

    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        const char *said = lint(rows[i].lines, 1);

        if (!strstr(said, rows[i].tag) || !strstr(said, rows[i].names)) {
            fail_msg("%s: %s", rows[i].lines, said);
        }
    }
}

static void without_any_tls_https_only_means_no_session(void **state)
{
    (void)state;
    assert_non_null(strstr(lint("DjSessionHTTPSOnly On", 0), "DJS008"));
    assert_non_null(strstr(lint("DjSessionPreset aal1", 0), "DJS008"));
    assert_string_equal(lint("DjSessionPreset aal1", 1), "");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        T(ordinary_configurations_are_not_commented),
        T(contradictions_are_named),
        T(without_any_tls_https_only_means_no_session),
    };

    apr_initialize();
    return cmocka_run_group_tests_name("lint", tests, NULL, NULL);
}
