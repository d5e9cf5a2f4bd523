/* unit/test_rows_write - what is written of a value reads as the same value. */
#include "rows_fixture.h"

/* Splits as httpd does: blanks, quotes, backslashes before a quote or another
 * backslash. */
static int split(const char **argv, const char *line)
{
    int argc = 0;

    while (*line != '\0') {
        char *word = apr_palloc(pool, strlen(line) + 1), *to = word;
        char quote = '\0';

        if (*line == '"' || *line == '\'') {
            quote = *line++;
        }
        while (*line != '\0' && *line != (quote ? quote : ' ')) {
            if (*line == '\\' && (line[1] == '\\' || line[1] == quote)) {
                line++;
            }
            *to++ = *line++;
        }
        *to = '\0';
        argv[argc++] = word;
        line += *line != '\0' && quote;
        line += strspn(line, " ");
    }
    return argc;
}

/* The row's lines, one behind the other. */
static const char *written(const djs_row_t *row, const void *target)
{
    const apr_array_header_t *lines = djs_row_write(row, target, pool);
    const char *text = "";

    for (int i = 0; i < lines->nelts; i++) {
        text = apr_pstrcat(pool, text, i ? "; " : "",
                           APR_ARRAY_IDX(lines, i, const char *), NULL);
    }
    return text;
}

typedef struct {
    djs_policy_t policy;
    djs_settings_t settings;
} both_t;

static void *target_of(both_t *both, const djs_row_t *row)
{
    return row->where == DJS_SV ? (void *)&both->settings
                                : (void *)&both->policy;
}

/* Writes, reads what was written, writes again: twice the same text. */
static const char *round_trip(const djs_row_t *row, both_t *first)
{
    const apr_array_header_t *lines =
        djs_row_write(row, target_of(first, row), pool);
    both_t second;

    djs_policy_init(&second.policy);
    djs_settings_init(&second.settings);
    for (int i = 0; i < lines->nelts; i++) {
        const char *argv[16];
        int argc = split(argv, APR_ARRAY_IDX(lines, i, const char *));

        assert_null(
            djs_row_set(row, target_of(&second, row), argc, argv, pool));
    }
    assert_string_equal(written(row, target_of(first, row)),
                        written(row, target_of(&second, row)));
    return written(row, target_of(first, row));
}

/* M16 in part: what a dump shows is what is in force. */
static void what_is_written_reads_the_same(void **state)
{
    static const struct {
        const char *name;
        const char *args[4]; /* as httpd passes them */
        const char *text;
    } rows[] = {
        { "DjSession", { "on" }, "On" },
        { "DjSessionCookieSameSite", { "OFF" }, "Off" },
        { "DjSessionCookieSecure", { "auto" }, "Auto" },
        { "DjSessionPreset", { "AAL2" }, "aal2" },
        { "DjSessionCookieAge", { "1209600" }, "2w" },
        { "DjSessionCookieAge", { "1d" }, "1d" },
        { "DjSessionCookieAge", { "8d" }, "8d" },
        { "DjSessionCookieAge", { "120m" }, "2h" },
        { "DjSessionCookieAge", { "90s" }, "90s" },
        { "DjSessionCookieAge", { "1y" }, "365d" },
        { "DjSessionCookieAge", { "3650d" }, "3650d" },
        { "DjSessionStoreTimeout", { "1500ms" }, "1500ms" },
        { "DjSessionStoreTimeout", { "1ms" }, "1ms" },
        { "DjSessionStoreTimeout", { "1000ms" }, "1s" },
        { "DjSessionAbsoluteTimeout", { "off" }, "Off" },
        { "DjSessionAbsoluteTimeout", { "24h" }, "1d" },
        { "DjSessionRotateGrace", { "0" }, "0" },
        { "DjSessionMaxSize", { "1m" }, "1024k" },
        { "DjSessionMaxSize", { "257" }, "257" },
        { "DjSessionRenew", { "off" }, "Off" },
        { "DjSessionRenew", { "everyrequest" }, "EveryRequest" },
        { "DjSessionRenew", { "07%" }, "7%" },
        { "DjSessionRenew", { "300" }, "5m" },
        { "DjSessionNamespace", { "a\"b\\" }, "\"a\\\"b\\\\\"" },
        { "DjSessionNamespace", { "it's" }, "\"it's\"" },
        { "DjSessionUserKey", { "k\"\xc3\xa9" }, "\"k\\\"\xc3\xa9\"" },
        { "DjSessionStore",
          { "dbm:/a b", "type=gdbm", "shards=4" },
          "\"dbm:/a b\" type=gdbm shards=4" },
        { "DjSessionSecretFile", { "/a", "/b c" }, "/a \"/b c\"" },
        { "DjSessionTrustedProxy", { "::1", "10.0.0.0/8" }, "::1 10.0.0.0/8" },
        { "DjSessionProxyTLSHeader", { "X-Tls", "" }, "X-Tls \"\"" },
        { "DjSessionProxyTLSHeader", { "X-Tls", "a b" }, "X-Tls \"a b\"" },
        { "DjSessionExport", { "cart" }, "cart DJSESSION_CART" },
        { "DjSessionExport", { "a 'b'", "AB" }, "\"a 'b'\" AB" },
    };

    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        const djs_row_t *row = djs_row_find(rows[i].name);
        both_t both;
        int argc = 0;

        djs_policy_init(&both.policy);
        djs_settings_init(&both.settings);
        while (argc < 4 && rows[i].args[argc]) {
            argc++;
        }
        assert_null(
            djs_row_set(row, target_of(&both, row), argc, rows[i].args, pool));
        assert_string_equal(round_trip(row, &both), rows[i].text);
    }
}

static void every_default_is_written_as_it_stands_in_the_table(void **state)
{
    both_t both;

    (void)state;
    djs_policy_init(&both.policy);
    djs_settings_init(&both.settings);
    djs_policy_default(&both.policy, pool);
    djs_settings_default(&both.settings, pool);
    for (const djs_row_t *row = djs_rows; row->name; row++) {
        assert_string_equal(round_trip(row, &both),
                            row->preset ? row->preset : "");
    }
}

static void exports_take_a_line_each(void **state)
{
    const djs_row_t *row = djs_row_find("DjSessionExport");
    both_t both;

    (void)state;
    djs_policy_init(&both.policy);
    djs_settings_init(&both.settings);
    assert_null(set(&both.policy, &both.settings, "DjSessionExport cart"));
    assert_null(set(&both.policy, &both.settings, "DjSessionExport plan P"));
    assert_int_equal(djs_row_write(row, &both.policy, pool)->nelts, 2);
    assert_string_equal(round_trip(row, &both), "cart DJSESSION_CART; plan P");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        T(what_is_written_reads_the_same),
        T(every_default_is_written_as_it_stands_in_the_table),
        T(exports_take_a_line_each),
    };

    apr_initialize();
    return cmocka_run_group_tests_name("rows_write", tests, NULL, NULL);
}
