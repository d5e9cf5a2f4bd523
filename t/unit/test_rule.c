/* test_rule - what Require djsession-key asks of a value, and exact numbers. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <cmocka.h>
#include <apr_general.h>
#include <apr_pools.h>
#include <apr_strings.h>
#include "codec/json.h"
#include "session/rule.h"

#define COUNT(a) (sizeof(a) / sizeof(*(a)))

static apr_pool_t *pool;

/* ------------------------------------------------------------- numbers */

/* In ascending order; those in one row are equal. */
static const char *const ladder[][6] = {
    { "-1e999999999999999", "-10e999999999999998" },
    { "-123456789012345678901234567890" },
    { "-123456789012345678901234567889.5" },
    { "-10", "-1e1", "-1.0e1", "-10.000", "-100e-1", "-0.1E+2" },
    { "-9.99" },
    { "-0.1", "-1e-1" },
    { "-1e-999999999999999" },
    { "0", "-0", "0.0", "0e5", "-0.00e-7", "0e999999999999999" },
    { "1e-999999999999999" },
    { "0.0999" },
    { "0.1", "0.10", "1e-1", "10e-2", "0.01e1", "0.1e0" },
    { "0.1000000000000000055511151231257827" },
    { "1", "1.0", "10e-1", "0.1e1", "1e0", "1e-0" },
    { "1.5", "15e-1" },
    { "9007199254740992", "9007199254740992.0", "9.007199254740992e15" },
    { "9007199254740993" },
    { "1e400" },
    { "1.0000001e400" },
    { "1e999999999999999" },
};

static int order(const char *a, const char *b)
{
    int result = 77;
    apr_status_t rv = djs_json_compare(&result, djs_bytes(a), djs_bytes(b));

    if (rv != APR_SUCCESS) {
        fail_msg("not compared: %s and %s", a, b);
    }
    return result < 0 ? -1 : result > 0;
}

/* Compares all numbers of two rows. */
static void compare_rows(size_t i, size_t j)
{
    for (int k = 0; k < 36; k++) {
        const char *a = ladder[i][k / 6], *b = ladder[j][k % 6];

        if (a && b && order(a, b) != (i < j ? -1 : i > j)) {
            fail_msg("H10: %s against %s", a, b);
        }
    }
}

static void numbers_are_exact(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT(ladder); i++) {
        for (size_t j = 0; j < COUNT(ladder); j++) {
            compare_rows(i, j);
        }
    }
}

static void what_is_no_number_has_no_order(void **state)
{
    static const char *const odd[] = { "NaN",  "Infinity", "-Infinity",
                                       "null", "true",     "\"1\"",
                                       "[1]",  "{}",       "1e1000000000000000",
                                       "" };

    (void)state;
    for (size_t i = 0; i < COUNT(odd); i++) {
        int result;

        assert_int_equal(
            djs_json_compare(&result, djs_bytes(odd[i]), djs_bytes("1")),
            DJS_ETYPE);
        assert_int_equal(
            djs_json_compare(&result, djs_bytes("1"), djs_bytes(odd[i])),
            DJS_ETYPE);
        assert_int_equal(result, 0);
    }
}

/* --------------------------------------------------------------- rules */

static const struct {
    const char *line, *value;
    int holds;
} rows[] = {
    /* H10: a word without quotes that reads as a number is one. */
    { "n 1", "1", 1 },
    { "n 1", "1.0", 1 },
    { "n 1", "10e-1", 1 },
    { "n 1", "\"1\"", 0 },
    { "n 1", "true", 0 },
    { "n 1", "null", 0 },
    { "n 1", "[1]", 0 },
    { "n == 1.0", "1", 1 },
    { "n == '1'", "\"1\"", 1 },
    { "n == \"1\"", "\"1\"", 1 },
    { "n == \"1\"", "1", 0 },
    { "n == \"1\"", "\"1.0\"", 0 },
    { "n == 01", "\"01\"", 1 }, /* no JSON: a string */
    { "n == 01", "1", 0 },
    { "n == +1", "\"+1\"", 1 },
    { "n == NaN", "\"NaN\"", 1 },
    { "n == NaN", "NaN", 0 },
    { "n == 9007199254740993", "9007199254740992", 0 },
    { "n == 123456789012345678901234567890", "123456789012345678901234567890",
      1 },
    { "b == true", "true", 1 },
    { "b == true", "false", 0 },
    { "b == true", "\"true\"", 0 },
    { "b == true", "1", 0 },
    { "b == \"true\"", "\"true\"", 1 },
    { "b == True", "\"True\"", 1 },
    { "b == True", "true", 0 },
    { "b != true", "false", 1 },
    { "b != true", "true", 0 },
    { "b != true", "1", 0 },
    { "z == null", "null", 1 },
    { "z == null", "\"null\"", 0 },
    { "z != null", "null", 0 },
    { "z != null", "\"x\"", 0 }, /* another type answers nothing */
    /* P04: strings are bytes. */
    { "s pro", "\"pro\"", 1 },
    { "s == pro", "\"Pro\"", 0 },
    { "s == pro", "\"pro \"", 0 },
    { "s == 'pro '", "\"pro \"", 1 },
    { "s == pro", "\"pro\\u0000\"", 0 },
    { "s == \xc3\xa9", "\"\\u00e9\"", 1 },
    { "s == e\xcc\x81", "\"\\u00e9\"", 0 }, /* NFD is not NFC */
    { "s == \xc3\xa9", "\"e\\u0301\"", 0 },
    { "s == ''", "\"\"", 1 },
    { "s == ''", "null", 0 },
    { "s == 'a\\'b\\\\'", "\"a'b\\\\\"", 1 },
    { "s == \"a\\\"b\"", "\"a\\\"b\"", 1 },
    { "s == [1]", "\"[1]\"", 1 },
    { "s == [1]", "[1]", 0 },
    { "s != pro", "\"free\"", 1 },
    { "s != pro", "\"pro\"", 0 },
    { "s != pro", "1", 0 },
    { "s != 1", "\"1\"", 0 },
    { "s != pro", "{}", 0 },
    { "'==' == x", "\"x\"", 1 },
    { "s == ==", "\"==\"", 1 },
    { "s '=='", "\"==\"", 1 },
    /* Only numbers have an order. */
    { "n < 2", "1.99", 1 },
    { "n < 2", "2", 0 },
    { "n <= 2", "2.0", 1 },
    { "n <= 2", "2.1", 0 },
    { "n > 2", "3", 1 },
    { "n > 2", "2", 0 },
    { "n >= 2", "2", 1 },
    { "n >= 2", "-3", 0 },
    { "n >= -1e3", "-1000", 1 },
    { "n > 2", "\"3\"", 0 },
    { "n > 2", "true", 0 },
    { "n < 2", "null", 0 },
    { "n < 2", "NaN", 0 },
    { "n < 2", "-Infinity", 0 },
    /* in. */
    { "s in a b 'c d'", "\"c d\"", 1 },
    { "s in a b 'c d'", "\"b\"", 1 },
    { "s in a b 'c d'", "\"c\"", 0 },
    { "s in a b", "\"a b\"", 0 },
    { "s in 1 x", "1.0", 1 },
    { "s in 1 x", "\"1\"", 0 },
    { "s in a", "[\"a\"]", 0 },
};

static djs_bytes_t normal(const char *json)
{
    djs_bytes_t value;

    assert_int_equal(djs_json_normal(&value, NULL, djs_bytes(json), 4096, pool),
                     APR_SUCCESS);
    return value;
}

static void rules_hold_as_documented(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT(rows); i++) {
        djs_rule_t rule;
        const char *wrong = djs_rule_parse(&rule, rows[i].line, pool);

        if (wrong ||
            djs_rule_holds(&rule, normal(rows[i].value)) != rows[i].holds) {
            fail_msg("H10 P04: %s, value %s: %s", rows[i].line, rows[i].value,
                     wrong ? wrong : "wrong");
        }
    }
}

static const char *const broken[] = {
    "",          "  ",
    "k",         "k ==",
    "k !=",      "k in",
    "k =~",      "k == a b",
    "k a b",     "k < x",
    "k < \"1\"", "k >= true",
    "k <= null", "k > NaN",
    "k < 1 2",   "k == 'a",
    "k == \"a",  "k == 'a'b",
    "'k",        "'' == 1",
    "k == \xff", "\xff == 1",
    "k in a 'b", "k =~ a b",
    "k == '\\'", "k > 1e1000000000000000",
};

static void what_is_wrong_is_said(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT(broken); i++) {
        djs_rule_t rule;

        if (!djs_rule_parse(&rule, broken[i], pool)) {
            fail_msg("taken: %s", broken[i]);
        }
    }
}

static void a_pattern_is_kept(void **state)
{
    djs_rule_t rule;

    (void)state;
    assert_null(djs_rule_parse(&rule, "k =~ '^a \\d+$'", pool));
    assert_int_equal(rule.op, DJS_RULE_MATCH);
    assert_string_equal(rule.pattern, "^a \\d+$");
    assert_string_equal(rule.key.data, "\"k\"");
    assert_false(djs_rule_holds(&rule, djs_bytes("\"a 1\"")));
    assert_null(djs_rule_parse(&rule, "k == a", pool));
    assert_null(rule.pattern);
}

static void words_are_read_one_by_one(void **state)
{
    const char *line = " a 'b c'\t\"\" ";
    int quoted, open;

    (void)state;
    assert_string_equal(djs_rule_word(&line, &quoted, &open, pool), "a");
    assert_false(quoted);
    assert_string_equal(djs_rule_word(&line, &quoted, &open, pool), "b c");
    assert_true(quoted);
    assert_string_equal(djs_rule_word(&line, &quoted, &open, pool), "");
    assert_true(quoted);
    assert_null(djs_rule_word(&line, &quoted, &open, pool));
    assert_false(open);
    line = "'x";
    assert_null(djs_rule_word(&line, &quoted, &open, pool));
    assert_true(open);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(numbers_are_exact),
        cmocka_unit_test(what_is_no_number_has_no_order),
        cmocka_unit_test(rules_hold_as_documented),
        cmocka_unit_test(what_is_wrong_is_said),
        cmocka_unit_test(a_pattern_is_kept),
        cmocka_unit_test(words_are_read_one_by_one),
    };
    int failures;

    apr_initialize();
    apr_pool_create(&pool, NULL);
    failures = cmocka_run_group_tests(tests, NULL, NULL);
    apr_terminate();
    return failures;
}
