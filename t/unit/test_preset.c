/* unit/test_preset - presets fill what nobody has set, wherever they stand. */
#include "rows_fixture.h"
#include "session/preset.h"

/* A policy of lines that end with ';'. */
static void policy_of(djs_policy_t *policy, const char *lines)
{
    char *copy = apr_pstrdup(pool, lines), *last, *line;
    djs_settings_t none;

    djs_policy_init(policy);
    djs_settings_init(&none);
    for (line = apr_strtok(copy, ";", &last); line;
         line = apr_strtok(NULL, ";", &last)) {
        assert_null(set(policy, &none, line + strspn(line, " ")));
    }
}

/* The policy as a server, a host and two sections make it: the first two are
 * completed as the configuration has been read, requests merge the others, the
 * last two with each other first. */
static void merge_all(djs_policy_t *out, const char *server, const char *host,
                      const char *outer, const char *inner)
{
    djs_policy_t a, b, c, d;

    policy_of(&a, server);
    policy_of(&b, host);
    policy_of(&c, outer);
    policy_of(&d, inner);
    djs_policy_merge(out, &a, &b);
    djs_preset_complete(out, djs_preset_table(pool));
    djs_policy_merge(&c, &c, &d);
    djs_policy_merge(out, out, &c);
}

static void every_line_of_a_preset_is_a_directive_of_locations(void **state)
{
    (void)state;
    for (int i = 0; i < DJS_PRESETS; i++) {
        const djs_preset_row_t *line = djs_preset_rows(i);

        for (; line->name; line++) {
            const djs_row_t *row = djs_row_find(line->name);
            djs_policy_t policy;

            djs_policy_init(&policy);
            assert_non_null(row);
            assert_int_equal(row->where, DJS_SVD);
            assert_null(djs_row_set(row, &policy, 1, &line->argument, pool));
        }
    }
}

/* N09: the limits of NIST SP 800-63B-4. */
static void each_preset_is_consistent_and_says_what_it_promises(void **state)
{
    static const struct {
        const char *line;
        const char *name;
        apr_int64_t age; /* seconds */
        int browser_close, https_only, secure, renew;
        int absolute, rotate; /* minutes */
    } rows[] = {
        { "", "sessionid", 1209600, 0, 0, DJS_SECURE_AUTO, DJS_RENEW_PERCENT, 0,
          0 },
        { "DjSessionPreset django", "sessionid", 1209600, 0, 0, DJS_SECURE_AUTO,
          DJS_RENEW_OFF, 0, 0 },
        { "DjSessionPreset strict", "__Host-sessionid", 1800, 1, 1,
          DJS_SECURE_ON, DJS_RENEW_PERCENT, 720, 15 },
        { "DjSessionPreset aal1", "__Host-sessionid", 1209600, 0, 1,
          DJS_SECURE_ON, DJS_RENEW_PERCENT, 43200, 0 },
        { "DjSessionPreset aal2", "__Host-sessionid", 3600, 0, 1, DJS_SECURE_ON,
          DJS_RENEW_PERCENT, 1440, 0 },
        { "DjSessionPreset aal3", "__Host-sessionid", 900, 0, 1, DJS_SECURE_ON,
          DJS_RENEW_PERCENT, 720, 0 },
    };

    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        djs_policy_t policy;

        merge_all(&policy, rows[i].line, "", "", "");
        assert_string_equal(policy.cookie_name, rows[i].name);
        assert_int_equal(policy.cookie_age, rows[i].age * 1000000);
        assert_int_equal(policy.browser_close, rows[i].browser_close);
        assert_int_equal(policy.https_only, rows[i].https_only);
        assert_int_equal(policy.secure, rows[i].secure);
        assert_int_equal(policy.renew->how, rows[i].renew);
        assert_int_equal(policy.absolute,
                         rows[i].absolute * APR_INT64_C(60000000));
        assert_int_equal(policy.rotate, rows[i].rotate * APR_INT64_C(60000000));
        assert_int_equal(policy.samesite, 0);
        assert_int_equal(policy.httponly, DJS_ON);
        assert_string_equal(policy.cookie_path, "/");
        assert_null(djs_policy_check(&policy, pool));
    }
}

/* E26: wherever a directive stands and wherever the preset does. */
static void what_is_set_anywhere_wins_over_every_preset(void **state)
{
    static const char *const places[][4] = {
        { "DjSessionCookieAge 5m", "DjSessionPreset strict", "", "" },
        { "DjSessionCookieAge 5m", "", "DjSessionPreset strict", "" },
        { "DjSessionCookieAge 5m", "", "", "DjSessionPreset strict" },
        { "DjSessionPreset strict", "DjSessionCookieAge 5m", "", "" },
        { "DjSessionPreset strict", "", "DjSessionCookieAge 5m", "" },
        { "DjSessionPreset strict", "", "", "DjSessionCookieAge 5m" },
        { "", "DjSessionCookieAge 5m", "DjSessionPreset strict", "" },
        { "", "", "DjSessionCookieAge 5m", "DjSessionPreset strict" },
        { "", "", "DjSessionPreset strict", "DjSessionCookieAge 5m" },
        { "", "", "", "DjSessionPreset strict; DjSessionCookieAge 5m" },
        { "DjSessionPreset aal1", "DjSessionCookieAge 5m", "",
          "DjSessionPreset strict" },
    };

    (void)state;
    for (size_t i = 0; i < sizeof places / sizeof *places; i++) {
        djs_policy_t policy;

        merge_all(&policy, places[i][0], places[i][1], places[i][2],
                  places[i][3]);
        assert_int_equal(policy.cookie_age, APR_INT64_C(300000000));
        assert_string_equal(policy.cookie_name, "__Host-sessionid");
        assert_int_equal(policy.browser_close, DJS_ON);
        assert_int_equal(policy.preset, DJS_PRESET_STRICT);
    }
}

/* Of the outer preset nothing stays: its values were set by nobody. */
static void an_inner_preset_replaces_the_outer_one(void **state)
{
    djs_policy_t policy, add;

    (void)state;
    merge_all(&policy, "DjSessionPreset strict; DjSession On", "",
              "DjSessionPreset aal3", "");
    assert_int_equal(policy.cookie_age, APR_INT64_C(900000000));
    assert_int_equal(policy.browser_close, DJS_OFF);
    assert_int_equal(policy.enabled, DJS_ON);
    merge_all(&policy, "", "DjSessionPreset strict", "DjSessionPreset aal3",
              "DjSessionPreset django");
    assert_string_equal(policy.cookie_name, "sessionid");
    assert_int_equal(policy.cookie_age, APR_INT64_C(1209600000000));
    assert_int_equal(policy.https_only, DJS_OFF);
    assert_int_equal(policy.renew->how, DJS_RENEW_OFF);

    /* <If> merges once more; what was set on the way still counts. */
    merge_all(&policy, "DjSessionPreset strict", "",
              "DjSessionPreset aal3; DjSessionCookieName one", "");
    policy_of(&add, "DjSessionPreset aal2");
    djs_policy_merge(&policy, &policy, &add);
    assert_int_equal(policy.cookie_age, APR_INT64_C(3600000000));
    assert_string_equal(policy.cookie_name, "one");
    policy_of(&add, "DjSessionCookieAge 7m");
    djs_policy_merge(&add, &policy, &add);
    assert_int_equal(add.cookie_age, APR_INT64_C(420000000));
    assert_int_equal(add.preset, DJS_PRESET_AAL2);
}

static void sections_without_a_preset_inherit_all_of_it(void **state)
{
    djs_policy_t policy;

    (void)state;
    merge_all(&policy, "", "DjSessionPreset strict", "DjSession On",
              "DjSessionEnv Data");
    assert_string_equal(policy.cookie_name, "__Host-sessionid");
    assert_int_equal(policy.https_only, DJS_ON);
    assert_int_equal(policy.env, DJS_ENV_DATA);
    assert_null(policy.cookie_domain);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        T(every_line_of_a_preset_is_a_directive_of_locations),
        T(each_preset_is_consistent_and_says_what_it_promises),
        T(what_is_set_anywhere_wins_over_every_preset),
        T(an_inner_preset_replaces_the_outer_one),
        T(sections_without_a_preset_inherit_all_of_it),
    };

    apr_initialize();
    return cmocka_run_group_tests_name("preset", tests, NULL, NULL);
}
