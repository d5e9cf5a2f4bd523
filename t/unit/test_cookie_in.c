/* test_cookie_in - the Cookie header: which keys came, and hiding them. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <cmocka.h>
#include <apr_general.h>
#include <apr_pools.h>
#include <apr_strings.h>
#include "session/cookie.h"

#define COUNT(a) (sizeof(a) / sizeof(*(a)))

/* Five keys; N is the name of our cookie. */
#define K1 "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa1"
#define K2 "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa2"
#define K3 "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa3"
#define K4 "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa4"
#define K5 "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa5"

static apr_pool_t *pool;

static djs_candidates_t read_header(djs_bytes_t header)
{
    djs_candidates_t c;

    djs_cookie_candidates(&c, header, djs_bytes("N"));
    return c;
}

/* The candidates' last characters ("12"), "!" when there were too many, "?"
 * behind that when no cookie of our name came. */
static const char *summary(djs_bytes_t header)
{
    djs_candidates_t c = read_header(header);
    char last[DJS_COOKIE_CANDIDATES + 1] = "";

    for (int i = 0; i < c.count; i++) {
        assert_int_equal(c.keys[i].len, DJS_KEY_LEN);
        last[i] = c.keys[i].data[31];
    }
    return apr_pstrcat(pool, last, c.too_many ? "!" : "", c.sent ? "" : "?",
                       NULL);
}

/* Section A of the security catalogue, as far as it is text. */
static const struct {
    const char *id, *header, *expected;
} headers[] = {
    { "A01", "", "?" },
    { "A02 alone", "N=" K1, "1" },
    { "A02 first", "N=" K1 "; a=1; b=2", "1" },
    { "A02 middle", "a=1; N=" K1 "; b=2", "1" },
    { "A02 last", "a=1; b=2; N=" K1, "1" },
    { "A02 no blank", "a=1;N=" K1 ";b=2", "1" },
    { "A02 three blanks", "a=1   ;   N=" K1 "   ;   b=2", "1" },
    { "A02 tabs", "a=1\t;\tN=" K1 "\t;\tb=2", "1" },
    { "A02 blanks and tabs", " \t N=" K1 " \t ", "1" },
    { "A03", "N=" K1 "; N=" K2, "12" },
    { "A04", "N=" K1 "; N=" K1, "1" },
    { "A05", "N=x; N=" K1, "1" },
    { "A05 the other way", "N=" K1 "; N=x", "1" },
    { "A06", "N=" K2 "; N=" K1, "21" },
    { "A07 four", "N=" K1 "; N=" K2 "; N=" K3 "; N=" K4, "1234" },
    { "A07 four and one again", "N=" K1 "; N=" K2 "; N=" K3 "; N=" K4 "; N=" K1,
      "1234" },
    { "A07 five", "N=" K1 "; N=" K2 "; N=" K3 "; N=" K4 "; N=" K5, "!" },
    { "A08 two lines", "N=" K1 ", a=1; N=" K2, "12" },
    { "A08 the other way", "a=1; N=" K2 ", N=" K1, "21" },
    { "A08 ours in the second line", "a=1, N=" K1 "; b=2", "1" },
    { "A08 ours in the first line", "N=" K1 ", b=2", "1" },
    { "A08 only a comma does not split", "a=1,N=" K1, "?" },
    { "A08 nor a comma and a tab", "a=1,\tN=" K1, "?" },
    { "A08 more blanks do", "a=1,  N=" K1, "1" },
    { "A08 a comma at the end", "N=" K1 ", ", "1" },
    { "A08 a comma and nothing behind", "N=" K1 ",", "" },
    { "A10 the quote is part of the value", "foo=\"a, N=" K2 "\"; N=" K1, "1" },
    { "A10 a key inside the quotes is one more candidate",
      "foo=\"a, N=" K2 ", b\"; N=" K1, "21" },
    { "A10 a semicolon inside the quotes", "foo=\"a; N=" K2 "; \"; N=" K1,
      "21" },
    { "A11", "N=\"" K1 "\"", "" },
    { "A12", "$Version=1; foo=\"x; N=" K2 "\"; N=" K1, "1" },
    { "A12 escapes", "foo=\"x\\; N=" K2 "; \"; N=" K1, "21" },
    { "A12 no RFC 2109", "N=" K1 "; $Path=/; $Domain=x", "1" },
    { "A13", "n=" K1, "?" },
    { "A14 E2 80 80", "\xe2\x80\x80N=" K1, "?" },
    { "A14 C2 A0", "\xc2\xa0N=" K1, "?" },
    { "A14 85", "\x85N=" K1, "?" },
    { "A14 0B", "a=1; \x0bN=" K1, "?" },
    { "A14 0C", "a=1; \x0cN=" K1, "?" },
    { "A14 0D", "a=1; \rN=" K1, "?" },
    { "A14 BOM", "\xef\xbb\xbfN=" K1, "?" },
    { "A14 C2 A0 behind the value", "N=" K1 "\xc2\xa0", "" },
    { "A15 no name", "=N=" K1, "?" },
    { "A15 no equals sign", "N; a=1", "?" },
    { "A15 a semicolon", ";", "?" },
    { "A15 three", ";;;", "?" },
    { "A15 an equals sign", "=", "?" },
    { "A15 two", "==", "?" },
    { "A16 empty", "N=", "" },
    { "A16 two equals signs", "N==" K1, "" },
    { "A16 blank before the equals sign", "N =" K1, "?" },
    { "A16 blanks around it", "N = " K1, "?" },
    { "A16 blank behind it", "N= " K1, "" },
    { "A16 two words", "N=" K1 " x", "" },
    { "A17 31", "N=aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa", "" },
    { "A17 33", "N=" K1 "a", "" },
    { "A17 8", "N=aaaaaaaa", "" },
    { "A20 a folded line", "a=1;  N=" K1, "1" },
    { "A20 8-bit bytes", "\xff\xfe=\x80; N=" K1, "1" },
    { "A24 has its own header", "Cookie2: N=" K1, "?" },
    { "A26 longer in front", "xN=" K1, "?" },
    { "A26 longer behind", "Nx=" K1, "?" },
    { "A26 encoded", "N%00=" K1, "?" },
    { "A26 %4E", "%4E=" K1, "?" },
};

static void every_header_yields_its_candidates(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT(headers); i++) {
        const char *got = summary(djs_bytes(headers[i].header));

        if (strcmp(got, headers[i].expected) != 0) {
            fail_msg("%s: [%s] gave [%s], not [%s]", headers[i].id,
                     headers[i].header, got, headers[i].expected);
        }
    }
}

/* A18, A19, A20: all 256 bytes at three places of the value. */
static void only_letters_and_digits_reach_the_store(void **state)
{
    static const int places[] = { 0, 15, 31 };
    char text[] = "a=1; N=" K1;

    (void)state;
    for (int place = 0; place < 3; place++) {
        for (int c = 0; c < 256; c++) {
            djs_candidates_t found;
            int good = (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9');

            memcpy(text + 7, K1, 32);
            text[7 + places[place]] = (char)c;
            found = read_header(djs_bytes_of(text, sizeof(text) - 1));
            assert_int_equal(found.count, good);
            assert_int_equal(found.sent, 1);
        }
    }
}

/* A19: a NUL ends nothing, whatever core lets through. */
static void a_nul_is_a_byte_like_others(void **state)
{
    static const char name[] = "N\0=" K1;
    static const char before[] = "a\0b=1; N=" K1;

    (void)state;
    assert_string_equal(summary(djs_bytes_of(name, sizeof(name) - 1)), "?");
    assert_string_equal(summary(djs_bytes_of(before, sizeof(before) - 1)), "1");
}

/* A13: prefixes in another case are other cookies, also to hide. */
static void names_compare_byte_by_byte(void **state)
{
    static const char *const others[] = { "__HOST-djsid", "__host-djsid",
                                          "__Host-djsi", "__Host-djsid2" };
    djs_candidates_t c;

    (void)state;
    for (size_t i = 0; i < COUNT(others); i++) {
        djs_cookie_candidates(
            &c, djs_bytes(apr_pstrcat(pool, others[i], "=" K1, NULL)),
            djs_bytes("__Host-djsid"));
        assert_int_equal(c.sent, 0);
    }
    djs_cookie_candidates(&c, djs_bytes("=__Host-djsid=" K1),
                          djs_bytes("__Host-djsid"));
    assert_int_equal(c.sent, 0);
    djs_cookie_candidates(&c, djs_bytes("__Host-djsid=" K1),
                          djs_bytes("__Host-djsid"));
    assert_int_equal(c.count, 1);
}

/* A07, A09: 150 crumbs, of which one is ours; 180 keys, of which none. */
static void many_cookies_are_no_hurdle(void **state)
{
    const char *crumbs = "";
    const char *keys = "";
    djs_candidates_t c;

    (void)state;
    for (int i = 0; i < 150; i++) {
        crumbs = i == 77 ? apr_pstrcat(pool, crumbs, "N=" K1 "; ", NULL)
                         : apr_psprintf(pool, "%sc%d=%d; ", crumbs, i, i);
    }
    assert_string_equal(summary(djs_bytes(crumbs)), "1");

    for (int i = 0; i < 180; i++) {
        keys = apr_psprintf(pool, "%sN=aaaaaaaaaaaaaaaaaaaaaaaaaaaaa%03d; ",
                            keys, i);
    }
    c = read_header(djs_bytes(keys));
    assert_true(c.too_many && c.sent);
    assert_int_equal(c.count, 0);
}

/* A23: what stands behind 64 KiB is not considered, and what the limit cuts
 * is not taken for a whole. */
static void at_most_64_kib_are_considered(void **state)
{
    static const struct {
        int at; /* where "N=" begins */
        int len;
        const char *expected;
    } rows[] = {
        { DJS_COOKIE_CONSIDERED - 34, DJS_COOKIE_CONSIDERED, "1" },
        { DJS_COOKIE_CONSIDERED - 35, DJS_COOKIE_CONSIDERED + 1000, "1" },
        { DJS_COOKIE_CONSIDERED - 34, DJS_COOKIE_CONSIDERED + 1000, "?" },
        { DJS_COOKIE_CONSIDERED - 33, DJS_COOKIE_CONSIDERED + 1000, "?" },
        { DJS_COOKIE_CONSIDERED + 9, DJS_COOKIE_CONSIDERED + 1000, "?" },
    };
    static char text[DJS_COOKIE_CONSIDERED + 2000];

    (void)state;
    for (size_t i = 0; i < COUNT(rows); i++) {
        memset(text, 'x', sizeof(text));
        memcpy(text + rows[i].at - 2, "; N=" K1 ";", 37);
        assert_string_equal(
            summary(djs_bytes_of(text, (apr_size_t)rows[i].len)),
            rows[i].expected);
    }
}

/* What backends see, for each header that clients send. */
static const struct {
    const char *why, *header, *rest;
} hidden[] = {
    { "nothing of ours", "foo=1; bar=2", "foo=1; bar=2" },
    { "nothing of ours, oddly written", " foo=1 ;;bar=2; ",
      " foo=1 ;;bar=2; " },
    { "in the middle", "foo=1; N=" K1 "; bar=2", "foo=1; bar=2" },
    { "first", "N=" K1 "; bar=2", "bar=2" },
    { "last", "foo=1; N=" K1, "foo=1" },
    { "last, with a semicolon", "foo=1; N=" K1 ";", "foo=1" },
    { "only ours", "N=" K1, "" },
    { "only ours and blanks", "N=" K1 "; ;", "" },
    { "only ours, blanks first", " ; ;N=" K1, "" },
    { "twice", "N=" K1 "; foo=1; N=" K2 "; bar=2; N=" K1, "foo=1; bar=2" },
    { "twice in a row", "foo=1; N=" K1 "; N=" K2 "; bar=2", "foo=1; bar=2" },
    { "only ours, twice", "N=" K1 "; N=" K2, "" },
    { "malformed is ours too", "foo=1; N=junk; bar=2", "foo=1; bar=2" },
    { "empty is ours too", "N=; bar=2", "bar=2" },
    { "no blanks are added between others", "a=1;b=2;N=" K1, "a=1;b=2" },
    { "odd spacing between others stays", "a=1 ;\tb=2; N=" K1, "a=1 ;\tb=2" },
    { "empty cookies between others stay", "a=1; ; b=2; N=" K1, "a=1; ; b=2" },
    { "another's bytes stay", "a=\"x y\\\" \xff\"; N=" K1 "; b==,;c",
      "a=\"x y\\\" \xff\"; b==,;c" },
    { "two lines, ours first", "N=" K1 ", foo=1", "foo=1" },
    { "two lines, ours last", "foo=1, N=" K1, "foo=1" },
    { "two lines, ours ends the first", "foo=1; N=" K1 ", bar=2",
      "foo=1; bar=2" },
    { "two lines, ours begins the second", "foo=1, N=" K1 "; bar=2",
      "foo=1; bar=2" },
    { "three lines, ours in between", "foo=1, N=" K1 ", bar=2",
      "foo=1, bar=2" },
    { "ours in both lines", "N=" K1 "; foo=1, N=" K2 "; bar=2",
      "foo=1; bar=2" },
    { "another's value with a comma", "foo=a, b; N=" K1, "foo=a, b" },
    { "the same behind ours", "N=" K1 "; foo=a, b, c; d=e",
      "foo=a, b, c; d=e" },
    { "the same in quotes", "foo=\"a, b\"; N=" K1, "foo=\"a, b\"" },
    { "A10: another's quoted value that names us", "foo=\"a, N=" K2 "\"; N=" K1,
      "foo=\"a, N=" K2 "\"" },
    { "a key of ours hides in quotes, too", "foo=\"a, N=" K2 ", b\"",
      "foo=\"a, b\"" },
    { "malformed behind a comma, without quotes", "foo=a, N=junk; b=1",
      "foo=a; b=1" },
    { "malformed behind a quote that was closed", "foo=\"a\", N=junk",
      "foo=\"a\"" },
    { "a quote of ours opens nothing", "N=\", N=junk", "" },
    { "a quote ends with its part", "foo=\"; b=1, N=junk", "foo=\"; b=1" },
    { "ours with quotes", "foo=1; N=\"" K1 "\"; bar=2", "foo=1; bar=2" },
    { "names that only resemble ours stay", "xN=1; N=" K1 "; Nx=2; n=3; N",
      "xN=1; Nx=2; n=3; N" },
};

static void hide_takes_out_ours_and_leaves_the_rest(void **state)
{
    djs_bytes_t name = djs_bytes("N"), out;

    (void)state;
    for (size_t i = 0; i < COUNT(hidden); i++) {
        djs_bytes_t header = djs_bytes(hidden[i].header);

        assert_int_equal(djs_cookie_hide(&out, header, name, pool),
                         APR_SUCCESS);
        if (!djs_bytes_equal(out, djs_bytes(hidden[i].rest))) {
            fail_msg("A27 %s: [%s] became [%.*s], not [%s]", hidden[i].why,
                     hidden[i].header, (int)out.len, out.data, hidden[i].rest);
        }
        header = out;
        djs_cookie_hide(&out, header, name, pool);
        assert_ptr_equal(out.data, header.data);
    }
    djs_cookie_hide(&out, djs_bytes_of(NULL, 0), name, pool);
    assert_int_equal(out.len, 0);
}

/* Ours behind the 64 KiB that are considered is hidden all the same. */
/* The key that Django takes; "-" for none, "?" when not even a cookie of that
 * name came. Most headers are some that real Django was shown. */
static const char *last_of(const char *header, int keys)
{
    djs_candidates_t c;

    djs_cookie_last(&c, djs_bytes(header), djs_bytes("N"), keys, pool);
    assert_int_equal(c.too_many, 0);
    return c.count == 1 ? apr_pstrmemdup(pool, c.keys[0].data, c.keys[0].len)
           : c.sent     ? "-"
                        : "?";
}

static void django_takes_the_last_cookie_of_the_name(void **state)
{
    static const struct {
        const char *header, *key;
    } rows[] = {
        { "N=" K1, K1 },
        { "a=b; N=" K1 "; c=d", K1 },
        { "N=" K2 "; N=" K1, K1 },
        { "N = " K1, K1 },
        { "N=\"" K1 "\"", K1 },
        { "n=" K2 "; N=" K1, K1 },
        { "N=" K1 ";", K1 },
        { "xN=" K2, "?" },
        { "N=", "-" },
        { "", "?" },
        { "N", "?" },
        { "a=1;N=" K1 ";b=2", K1 },
        { "N=" K1 ", N=" K2, "-" },
        { "N=" K1 "; N=junk", "-" },
        { "a=\"; N=" K1 ";\"", K1 },
        { "N=\"\\141aaaaaaaaaaaaaaaaaaaaaaaaaaaaaa1\"", K1 },
        { "N=\"\\aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa1\"", K1 },
        { "N=\"\\\"", "-" },
        { "N=\"", "-" },
        { "N=\v" K1 "\x1c\t", K1 },
        /* WSGI and ASGI do not agree: then it is none */
        { "N=\v" K1 "\xc2\x85\xc2\xa0", "-" },
        { "N=" K2 "; \xe2\x80\x83\xe3\x80\x80N\xe2\x80\xa9=" K1, "-" },
        { "N=" K1 "; \xa0N=" K2, "-" },
        { "N=" K1 "; \x85N\x85=" K2 "; N=" K1, K1 },
        { "\xc2\xa0N=" K2 "; N=" K1, K1 },
        { ";;;=;N=" K1, K1 },
    };

    (void)state;
    for (size_t i = 0; i < COUNT(rows); i++) {
        assert_string_equal(last_of(rows[i].header, 1), rows[i].key);
    }
    assert_string_equal(last_of("N=a:b:c; M=1", 0), "a:b:c");
    assert_string_equal(last_of("N=\"a;b\"", 0), "\"a");
    assert_string_equal(
        last_of(apr_psprintf(pool, "N=" K1 ";%*s", 70000, ""), 1), "?");
}

static void hide_reads_all_of_a_long_header(void **state)
{
    static char text[DJS_COOKIE_CONSIDERED + 2000];
    djs_bytes_t out;

    (void)state;
    memset(text, 'x', sizeof(text));
    memcpy(text + DJS_COOKIE_CONSIDERED + 500, "; N=" K1 ";", 37);
    djs_cookie_hide(&out, djs_bytes_of(text, sizeof(text)), djs_bytes("N"),
                    pool);
    assert_int_equal(out.len, sizeof(text) - 37 + 2);
}

/* A21, A22: cost is linear. 64 KiB of the worst texts take a moment; with a
 * quadratic parser this test would not end. */
static void the_worst_headers_cost_linear_time(void **state)
{
    static const char *const worst[] = { ";",   "a;",  "N=",       ", ",
                                         ",",   "N=;", ", N=",     "\", N=",
                                         "N, ", "\"",  "N=" K1 ";" };
    static char text[DJS_COOKIE_CONSIDERED];
    djs_bytes_t out;

    (void)state;
    for (size_t i = 0; i < COUNT(worst); i++) {
        apr_size_t len = strlen(worst[i]);

        for (apr_size_t at = 0; at + len <= sizeof(text); at += len) {
            memcpy(text + at, worst[i], len);
        }
        for (int run = 0; run < 5; run++) {
            read_header(djs_bytes_of(text, sizeof(text)));
            djs_cookie_hide(&out, djs_bytes_of(text, sizeof(text)),
                            djs_bytes("N"), pool);
        }
        apr_pool_clear(pool);
    }
}

static int setup(void **state)
{
    (void)state;
    apr_initialize();
    return apr_pool_create(&pool, NULL) != APR_SUCCESS;
}

static int teardown(void **state)
{
    (void)state;
    apr_pool_destroy(pool);
    apr_terminate();
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_header_yields_its_candidates),
        cmocka_unit_test(only_letters_and_digits_reach_the_store),
        cmocka_unit_test(a_nul_is_a_byte_like_others),
        cmocka_unit_test(names_compare_byte_by_byte),
        cmocka_unit_test(many_cookies_are_no_hurdle),
        cmocka_unit_test(at_most_64_kib_are_considered),
        cmocka_unit_test(hide_takes_out_ours_and_leaves_the_rest),
        cmocka_unit_test(django_takes_the_last_cookie_of_the_name),
        cmocka_unit_test(hide_reads_all_of_a_long_header),
        cmocka_unit_test(the_worst_headers_cost_linear_time),
    };

    return cmocka_run_group_tests(tests, setup, teardown);
}
