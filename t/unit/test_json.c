/* test_json - JSON as Python reads and writes it, keeping what it keeps. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <apr_general.h>
#include <apr_pools.h>
#include <apr_strings.h>
#include "base/buf.h"
#include "codec/json.h"

#define COUNT(a)  (sizeof(a) / sizeof(*(a)))
#define UNLIMITED ((apr_size_t)APR_INT64_MAX)

static apr_pool_t *pool;

static int use_pool(void **state)
{
    (void)state;
    return apr_pool_create(&pool, NULL) != APR_SUCCESS;
}

static int drop_pool(void **state)
{
    (void)state;
    apr_pool_destroy(pool);
    return 0;
}

static djs_bytes_t repeat(const char *text, int times)
{
    djs_buf_t buf;
    djs_bytes_t out;

    djs_buf_init(&buf, UNLIMITED, pool);
    for (int i = 0; i < times; i++) {
        djs_buf_add_text(&buf, text);
    }
    djs_buf_take(&out, &buf);
    return out;
}

static djs_bytes_t nested(const char *open, int depth, const char *close)
{
    return djs_bytes(apr_pstrcat(pool, repeat(open, depth).data,
                                 repeat(close, depth).data, NULL));
}

static apr_status_t normal_of(djs_bytes_t *out, djs_bytes_t text)
{
    return djs_json_normal(out, NULL, text, UNLIMITED, pool);
}

static djs_bytes_t read_normal(const char *text)
{
    djs_bytes_t out;

    if (normal_of(&out, djs_bytes(text)) != APR_SUCCESS) {
        fail_msg("refused: %s", text);
    }
    return out;
}

/* What is kept is what json.dumps(json.loads(x)) gives with the separators
 * "," and ":", but for numbers, which stay as they were written. */
static const struct {
    const char *why, *text, *normal; /* normal NULL: the text itself */
} accepted[] = {
    { "an empty object", "{}", NULL },
    { "an empty array", "[]", NULL },
    { "blanks of all four kinds go", " \t\r\n[ 1\t,\n{ } ,[\r] ] ",
      "[1,{},[]]" },
    { "blanks around colons and keys go", "{ \"a\" : 1 , \"b\" :\n2 }",
      "{\"a\":1,\"b\":2}" },
    { "blanks in strings stay", "[\" a  b \"]", NULL },
    { "words", "[null,true,false]", NULL },
    { "H08: words only Python knows", "[NaN,Infinity,-Infinity]", NULL },
    { "H03: a float beyond all floats", "1e400", NULL },
    { "H03: minus zero", "-0", NULL },
    { "H03: a float below all floats", "-1e-400", NULL },
    { "the case and the sign of an exponent", "[1E5,1e+05,1E-0]", NULL },
    { "zeros at the end of a fraction", "2.500", NULL },
    { "H03: 2^53 + 1", "9007199254740993", NULL },
    { "H03: 2^63", "9223372036854775808", NULL },
    { "H03: 2^64", "-18446744073709551616", NULL },
    { "H09: a string alone", "\"x\"", NULL },
    { "H09: an empty key", "{\"\":0}", NULL },
    { "H04: a key that stands twice is left to who takes the text apart",
      "{\"a\":1,\"a\":2}", NULL },
    { "short escapes", "\"\\\"\\\\\\b\\f\\n\\r\\t\"", NULL },
    { "an escaped slash", "\"\\/\"", "\"/\"" },
    { "escapes become short", "\"\\u000a\\u0022\\u005C\\u0008\\u000c\"",
      "\"\\n\\\"\\\\\\b\\f\"" },
    { "escapes of letters go", "\"\\u0041\\u007e\\u002F\"", "\"A~/\"" },
    { "hexadecimal digits are lower case", "\"\\u00E9\\uABCD\"",
      "\"\\u00e9\\uabcd\"" },
    { "control characters", "\"\\u0000\\u001F\"", "\"\\u0000\\u001f\"" },
    { "DEL is escaped, as in Python", "\"\x7f\"", "\"\\u007f\"" },
    { "two bytes of UTF-8", "\"\xc3\xa9\xc2\x80\xdf\xbf\"",
      "\"\\u00e9\\u0080\\u07ff\"" },
    { "three bytes", "\"\xe0\xa0\x80\xed\x9f\xbf\xee\x80\x80\xef\xbf\xbf\"",
      "\"\\u0800\\ud7ff\\ue000\\uffff\"" },
    { "four bytes", "\"\xf0\x90\x80\x80\xf4\x8f\xbf\xbf\"",
      "\"\\ud800\\udc00\\udbff\\udfff\"" },
    { "a BOM within a string", "\"\xef\xbb\xbf\"", "\"\\ufeff\"" },
    { "H06: a pair of surrogates", "\"\\uD83D\\uDE00\"", "\"\\ud83d\\ude00\"" },
    { "H06: half a pair alone", "[\"\\ud800\",\"\\udc00x\"]", NULL },
    { "H06: a pair the wrong way round", "\"\\ude00\\ud83d\"", NULL },
    { "keys are made normal, too", "{\"\\u0061\xc3\xa9\":\"\\u0062\"}",
      "{\"a\\u00e9\":\"b\"}" },
    { "normal parts between others", "[\"a\",\"\\u0062\",\"c\", \"d\"]",
      "[\"a\",\"b\",\"c\",\"d\"]" },
};

static void text_becomes_normal_as_python_writes_it(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT(accepted); i++) {
        djs_bytes_t text = djs_bytes(accepted[i].text);
        const char *want = accepted[i].normal;
        djs_bytes_t out;
        djs_bytes_t again;

        if (normal_of(&out, text) != APR_SUCCESS) {
            fail_msg("%s: refused", accepted[i].why);
        }
        if (strcmp(out.data, want != NULL ? want : text.data) != 0) {
            fail_msg("%s: %s", accepted[i].why, out.data);
        }
        assert_int_equal(out.len, strlen(out.data));
        assert_int_equal(normal_of(&again, out), APR_SUCCESS);
        assert_true(djs_bytes_equal(again, out));
    }
}

/* H05, H08, H11: what json.loads refuses, and what is not UTF-8. */
static const char *const refused[] = {
    "", " ", "\n", "nul", "nulL", "True", "None", "undefined", "nan", "-NaN",
    "+NaN", "infinity", "-Inf", "+Infinity", "Infinit", "-Infinit",
    /* numbers */
    "01", "-01", "00", "1.", ".5", "-.5", "+1", "-", "--1", "1e", "1e+", "1.e5",
    "1e5.5", "0x10", "1_000", "1,000", "1 2", "1.5.5", "\xef\xbc\x91",
    "\xd9\xa1",
    /* arrays and objects */
    "[", "]", "[1", "[1,", "[1,]", "[,1]", "[,]", "[1 2]", "[1;2]", "[1}", "{",
    "}", "{]", "{\"a\"", "{\"a\":", "{\"a\":1", "{\"a\":1,", "{\"a\":1,}",
    "{,}", "{1:2}", "{a:1}", "{'a':1}", "{\"a\" 1}", "{\"a\":1 \"b\":2}",
    "{\"a\"::1}", "{\"a\":}", "{\"a\",\"b\"}", "{null:1}", "[\"a\":1]", "[[]",
    "[]]", "{}}", "[1]x", "1 x", "{} {}", "[1],",
    /* strings */
    "\"", "\"a", "\"\\\"", "\"a\tb\"", "\"a\nb\"", "\"\x01\"", "\"\x1f\"",
    "\"\\x41\"", "\"\\a\"", "\"\\'\"", "\"\\0\"", "\"\\U0041\"", "\"\\u\"",
    "\"\\u12\"", "\"\\u123\"", "\"\\u12g4\"", "\"\\u 123\"", "\"\\u+123\"",
    "\"\\u12_3\"", "\"\\u00/0\"", "\"\\u00:0\"", "\"\\u00@0\"", "\"\\u00`0\"",
    "\"\\u123", "'a'", "\"\\", "\"\\u",
    /* comments and other blanks */
    "/*c*/1", "1//c", "#c", "[1]\v", "\f1", "\xc2\xa0\x31", "1\xe2\x80\xa8",
    /* H05: byte order marks, bytes that are not UTF-8 */
    "\xef\xbb\xbf\x31", "\xff\xfe[", "\"\x80\"", "\"\xbf\"", "\"\xc3\"",
    "\"\xc3", "\"\xc3(\"", "\"\xc0\x80\"", "\"\xc1\xbf\"", "\"\xe0\x80\x80\"",
    "\"\xe0\x9f\xbf\"", "\"\xe2\x82\"", "\"\xe2(\xa1\"", "\"\xe2\x82(\"",
    "\"\xed\xa0\x80\"", "\"\xed\xbf\xbf\"", "\"\xed\xa0\xbd\xed\xb8\x80\"",
    "\"\xf0\x80\x80\x80\"", "\"\xf0\x8f\xbf\xbf\"", "\"\xf4\x90\x80\x80\"",
    "\"\xf5\x80\x80\x80\"", "\"\xf8\x88\x80\x80\x80\"", "\"\xfe\"", "\"\xff\"",
    "\"\xe9\"", "\"\xf0\x9f\x98\""
};

static void what_python_refuses_is_refused(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT(refused); i++) {
        djs_json_object_t object;
        djs_bytes_t out;

        if (normal_of(&out, djs_bytes(refused[i])) != DJS_EINVALID) {
            fail_msg("row %d accepted: %s", (int)i, refused[i]);
        }
        assert_int_equal(out.len, 0);
        assert_int_equal(
            djs_json_object_read(&object, djs_bytes(refused[i]), pool),
            DJS_EINVALID);
    }
}

static void a_nul_byte_ends_nothing(void **state)
{
    djs_bytes_t out;

    (void)state;
    assert_int_equal(normal_of(&out, djs_bytes_of("1\0", 2)), DJS_EINVALID);
    assert_int_equal(normal_of(&out, djs_bytes_of("\0001", 2)), DJS_EINVALID);
    assert_int_equal(normal_of(&out, djs_bytes_of("\"\0\"", 3)), DJS_EINVALID);
    assert_int_equal(normal_of(&out, djs_bytes_of("\"\\\0\"", 4)),
                     DJS_EINVALID);
    assert_int_equal(normal_of(&out, djs_bytes_of(NULL, 0)), DJS_EINVALID);
}

/* H01 */
static void nesting_ends_at_64(void **state)
{
    djs_bytes_t out;
    djs_json_object_t object;

    (void)state;
    assert_int_equal(normal_of(&out, nested("[", 64, "]")), APR_SUCCESS);
    assert_int_equal(out.len, 128);
    assert_int_equal(normal_of(&out, nested("[", 65, "]")), DJS_EINVALID);
    assert_int_equal(normal_of(&out, nested("{\"a\":", 64, "")), DJS_EINVALID);
    out = djs_bytes(apr_pstrcat(pool, repeat("{\"a\":", 64).data, "1",
                                repeat("}", 64).data, NULL));
    assert_int_equal(djs_json_object_read(&object, out, pool), APR_SUCCESS);
    out = djs_bytes(apr_pstrcat(pool, repeat("{\"a\":", 64).data, "[]",
                                repeat("}", 64).data, NULL));
    assert_int_equal(djs_json_object_read(&object, out, pool), DJS_EINVALID);
    assert_int_equal(normal_of(&out, out), DJS_EINVALID);
}

/* H01: deep input is refused where it gets too deep, before the rest is
 * looked at. */
static void a_million_brackets_are_refused_at_once(void **state)
{
    djs_bytes_t arrays = repeat("[", 1000000);
    djs_bytes_t objects = repeat("{\"a\":", 1000000);
    apr_size_t used;
    djs_bytes_t out;

    (void)state;
    assert_int_equal(djs_json_normal(&out, &used, arrays, UNLIMITED, pool),
                     DJS_EINVALID);
    assert_int_equal(used, 64);
    assert_int_equal(djs_json_normal(&out, &used, objects, UNLIMITED, pool),
                     DJS_EINVALID);
    assert_int_equal(used, 64 * 5);
}

/* H03: Python 3.11 stops at 4300 digits of an integer; floats may have more. */
static void integers_end_at_4300_digits(void **state)
{
    const char *most = repeat("9", 4300).data;
    djs_bytes_t out;

    (void)state;
    assert_string_equal(read_normal(most).data, most);
    assert_int_equal(read_normal(apr_pstrcat(pool, "-", most, NULL)).len, 4301);
    assert_int_equal(normal_of(&out, repeat("9", 4301)), DJS_EINVALID);
    assert_int_equal(normal_of(&out, repeat("9", 100000)), DJS_EINVALID);
    assert_int_equal(
        read_normal(apr_pstrcat(pool, repeat("9", 100000).data, ".0", NULL))
            .len,
        100002);
    assert_int_equal(
        read_normal(apr_pstrcat(pool, "1e", repeat("9", 5000).data, NULL)).len,
        5002);
}

/* As JSONDecoder.raw_decode. */
static void reading_can_stop_behind_the_value(void **state)
{
    static const struct {
        const char *text, *normal;
        apr_size_t used;
    } rows[] = {
        { "{\"a\": 1} tail", "{\"a\":1}", 8 },
        { " [1] ]", "[1]", 4 },
        { "01", "0", 1 },
        { "1.", "1", 1 },
        { "1e+", "1", 1 },
        { "1.5e", "1.5", 3 },
        { "truex", "true", 4 },
        { "\"a\"\"b\"", "\"a\"", 3 },
    };

    (void)state;
    for (size_t i = 0; i < COUNT(rows); i++) {
        djs_bytes_t out;
        apr_size_t used;

        assert_int_equal(djs_json_normal(&out, &used, djs_bytes(rows[i].text),
                                         UNLIMITED, pool),
                         APR_SUCCESS);
        assert_string_equal(out.data, rows[i].normal);
        assert_int_equal(used, rows[i].used);
    }
}

static void normal_text_stays_under_its_ceiling(void **state)
{
    static const char *const texts[] = { "{\"a\":[1,2,3]}", "[ 1 , 2 , 3 ]",
                                         "\"\xc3\xa9\xc3\xa9\"",
                                         "  \"\\u0041\"  " };

    (void)state;
    for (size_t i = 0; i < COUNT(texts); i++) {
        djs_bytes_t text = djs_bytes(texts[i]);
        djs_bytes_t out = read_normal(texts[i]);
        apr_size_t len = out.len;

        assert_int_equal(djs_json_normal(&out, NULL, text, len, pool),
                         APR_SUCCESS);
        for (apr_size_t ceiling = 0; ceiling < len; ceiling++) {
            assert_int_equal(djs_json_normal(&out, NULL, text, ceiling, pool),
                             DJS_ETOOBIG);
            assert_int_equal(out.len, 0);
        }
    }
}

static void every_value_tells_its_kind(void **state)
{
    static const struct {
        const char *value;
        djs_json_e kind;
    } rows[] = {
        { "null", DJS_JSON_NULL },       { "", DJS_JSON_NULL },
        { "true", DJS_JSON_TRUE },       { "false", DJS_JSON_FALSE },
        { "0", DJS_JSON_INTEGER },       { "-17", DJS_JSON_INTEGER },
        { "1.0", DJS_JSON_FLOAT },       { "1e5", DJS_JSON_FLOAT },
        { "NaN", DJS_JSON_FLOAT },       { "Infinity", DJS_JSON_FLOAT },
        { "-Infinity", DJS_JSON_FLOAT }, { "\"1\"", DJS_JSON_STRING },
        { "[1]", DJS_JSON_ARRAY },       { "{}", DJS_JSON_OBJECT },
    };

    (void)state;
    for (size_t i = 0; i < COUNT(rows); i++) {
        assert_int_equal(djs_json_kind(djs_bytes(rows[i].value)), rows[i].kind);
    }
}

static void text_is_quoted_and_comes_back(void **state)
{
    static const struct {
        const char *text, *quoted;
    } rows[] = {
        { "", "\"\"" },
        { "plain text/", "\"plain text/\"" },
        { "\"\\\b\f\n\r\t\x01\x1f\x7f", "\"\\\"\\\\\\b\\f\\n\\r\\t\\u0001"
                                        "\\u001f\\u007f\"" },
        { "\xc3\xa9\xe2\x82\xac", "\"\\u00e9\\u20ac\"" },
        { "\xf0\x9f\x98\x80!", "\"\\ud83d\\ude00!\"" },
        { "\xf4\x8f\xbf\xbf", "\"\\udbff\\udfff\"" },
    };
    djs_bytes_t out;

    (void)state;
    for (size_t i = 0; i < COUNT(rows); i++) {
        djs_bytes_t text = djs_bytes(rows[i].text);

        assert_int_equal(djs_json_quote(&out, text, pool), APR_SUCCESS);
        assert_string_equal(out.data, rows[i].quoted);
        assert_int_equal(djs_json_text(&out, out, pool), APR_SUCCESS);
        assert_true(djs_bytes_equal(out, text));
        assert_int_equal(out.data[out.len], '\0');
    }
    assert_int_equal(djs_json_quote(&out, djs_bytes_of(NULL, 0), pool),
                     APR_SUCCESS);
    assert_string_equal(out.data, "\"\"");
    assert_int_equal(djs_json_quote(&out, djs_bytes("a\xff"), pool),
                     DJS_EINVALID);
    assert_int_equal(out.len, 0);
    /* H07: a NUL counts. */
    assert_int_equal(djs_json_text(&out, djs_bytes("\"admin\\u0000x\""), pool),
                     APR_SUCCESS);
    assert_int_equal(out.len, 7);
    assert_memory_equal(out.data, "admin\0x", 8);
}

/* H06: no invalid UTF-8 is ever handed out. */
static void a_string_without_utf8_form_gives_no_text(void **state)
{
    static const char *const lone[] = {
        "\"\\ud800\"", "\"\\udc00\"", "\"\\udc00\\ud800\"", "\"\\ud800x\"",
        "\"\\ud800\\n\"", "\"\\ud83d\\ud83d\\ude00\"", "\"\\ud800\\uffff\"",
        /* and what is no string that we wrote */
        "\"\\\"", "\"\\x\"", "\"a\"b\"", "\"\x01\"", "\"\xc3\xa9\"",
        "\"\\ud800\\\""
    };
    static const char *const others[] = { "",        "\"",  "1",  "null",
                                          "[\"a\"]", "\"a", "a\"" };
    djs_bytes_t out;

    (void)state;
    for (size_t i = 0; i < COUNT(lone); i++) {
        assert_int_equal(djs_json_text(&out, djs_bytes(lone[i]), pool),
                         DJS_EINVALID);
        assert_int_equal(out.len, 0);
    }
    for (size_t i = 0; i < COUNT(others); i++) {
        assert_int_equal(djs_json_text(&out, djs_bytes(others[i]), pool),
                         DJS_ETYPE);
    }
}

static void integers_fit_into_64_bits_or_say_so(void **state)
{
    static const struct {
        const char *value;
        apr_status_t rv;
        apr_int64_t n;
    } rows[] = {
        { "0", APR_SUCCESS, 0 },
        { "-0", APR_SUCCESS, 0 },
        { "42", APR_SUCCESS, 42 },
        { "-7", APR_SUCCESS, -7 },
        { "9223372036854775807", APR_SUCCESS, APR_INT64_MAX },
        { "-9223372036854775807", APR_SUCCESS, -APR_INT64_MAX },
        { "-9223372036854775808", APR_SUCCESS, APR_INT64_MIN },
        { "9223372036854775808", DJS_ETOOBIG, 0 },
        { "-9223372036854775809", DJS_ETOOBIG, 0 },
        { "18446744073709551616", DJS_ETOOBIG, 0 },
        { "-99999999999999999999", DJS_ETOOBIG, 0 },
        { "1.0", DJS_ETYPE, 0 },
        { "1e3", DJS_ETYPE, 0 },
        { "NaN", DJS_ETYPE, 0 },
        { "\"1\"", DJS_ETYPE, 0 },
        { "true", DJS_ETYPE, 0 },
        { "", DJS_ETYPE, 0 },
    };

    (void)state;
    for (size_t i = 0; i < COUNT(rows); i++) {
        apr_int64_t n = 77;

        assert_int_equal(djs_json_int64(&n, djs_bytes(rows[i].value)),
                         rows[i].rv);
        assert_true(n == rows[i].n);
    }
}

static void integers_of_any_length_are_added(void **state)
{
    static const struct {
        const char *a, *b, *sum;
    } rows[] = {
        { "0", "0", "0" },
        { "-0", "-0", "0" },
        { "-0", "5", "5" },
        { "1", "1", "2" },
        { "9", "1", "10" },
        { "999", "1", "1000" },
        { "-999", "-1", "-1000" },
        { "5", "-5", "0" },
        { "5", "-7", "-2" },
        { "-5", "7", "2" },
        { "1000", "-1", "999" },
        { "-1000", "1", "-999" },
        { "1000", "-999", "1" },
        { "9223372036854775807", "1", "9223372036854775808" },
        { "-9223372036854775808", "-1", "-9223372036854775809" },
        { "18446744073709551615", "1", "18446744073709551616" },
        { "99999999999999999999999999999999", "1",
          "100000000000000000000000000000000" },
    };
    djs_bytes_t out;

    (void)state;
    for (size_t i = 0; i < COUNT(rows); i++) {
        djs_bytes_t a = djs_bytes(rows[i].a);
        djs_bytes_t b = djs_bytes(rows[i].b);

        assert_int_equal(djs_json_add(&out, a, b, pool), APR_SUCCESS);
        assert_string_equal(out.data, rows[i].sum);
        assert_int_equal(out.len, strlen(rows[i].sum));
        assert_int_equal(djs_json_add(&out, b, a, pool), APR_SUCCESS);
        assert_string_equal(out.data, rows[i].sum);
    }
}

static void sums_end_at_4300_digits_and_at_other_types(void **state)
{
    djs_bytes_t most = repeat("9", 4300);
    djs_bytes_t over = repeat("9", 4301);
    djs_bytes_t out;

    (void)state;
    assert_int_equal(djs_json_add(&out, most, djs_bytes("0"), pool),
                     APR_SUCCESS);
    assert_true(djs_bytes_equal(out, most));
    assert_int_equal(djs_json_add(&out, most, djs_bytes("1"), pool),
                     DJS_ETOOBIG);
    assert_int_equal(out.len, 0);
    assert_int_equal(djs_json_add(&out, over, djs_bytes("1"), pool),
                     DJS_ETOOBIG);
    assert_int_equal(djs_json_add(&out, djs_bytes("1"), over, pool),
                     DJS_ETOOBIG);
    assert_int_equal(djs_json_add(&out, djs_bytes("1"), djs_bytes("1.0"), pool),
                     DJS_ETYPE);
    assert_int_equal(djs_json_add(&out, djs_bytes("\"1\""), over, pool),
                     DJS_ETYPE);
    assert_int_equal(out.len, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(text_becomes_normal_as_python_writes_it),
        cmocka_unit_test(what_python_refuses_is_refused),
        cmocka_unit_test(a_nul_byte_ends_nothing),
        cmocka_unit_test(nesting_ends_at_64),
        cmocka_unit_test(a_million_brackets_are_refused_at_once),
        cmocka_unit_test(integers_end_at_4300_digits),
        cmocka_unit_test(reading_can_stop_behind_the_value),
        cmocka_unit_test(normal_text_stays_under_its_ceiling),
        cmocka_unit_test(every_value_tells_its_kind),
        cmocka_unit_test(text_is_quoted_and_comes_back),
        cmocka_unit_test(a_string_without_utf8_form_gives_no_text),
        cmocka_unit_test(integers_fit_into_64_bits_or_say_so),
        cmocka_unit_test(integers_of_any_length_are_added),
        cmocka_unit_test(sums_end_at_4300_digits_and_at_other_types),
    };
    int failures;

    apr_initialize();
    failures = cmocka_run_group_tests_name("json", tests, use_pool, drop_pool);
    apr_terminate();
    return failures;
}
