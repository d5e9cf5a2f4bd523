/* test_cookie_out - the Set-Cookie header, and what browsers ask of it. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <cmocka.h>
#include <apr_general.h>
#include <apr_pools.h>
#include "session/cookie.h"

#define COUNT(a) (sizeof(a) / sizeof(*(a)))
#define K1       "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa1"

static apr_pool_t *pool;

static const struct {
    const char *why, *header;
    int sets;
} setters[] = {
    { "B16 plain", "N=attacker", 1 },
    { "B16 with attributes", "N=attacker; Path=/; HttpOnly", 1 },
    { "empty value", "N=; Max-Age=0", 1 },
    { "blanks as browsers trim them", " \tN \t= x", 1 },
    { "a cookie without a name that comes back as ours", "=N=attacker", 1 },
    { "the same with blanks", " = N=attacker;", 1 },
    { "another name", "NN=1", 0 },
    { "another case is another cookie", "n=1", 0 },
    { "our name as a value", "a=N=1", 0 },
    { "our name as an attribute", "a=1; N=2", 0 },
    { "no equals sign", "N", 0 },
    { "no equals sign, attributes", "N; Path=/", 0 },
    { "two equals signs in front", "==N=1", 0 },
    { "nothing", "", 0 },
    { "blanks", "  ", 0 },
    { "only a semicolon", ";N=1", 0 },
    { "only an equals sign", "=", 0 },
};

static void a_set_cookie_of_our_name_is_recognised(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT(setters); i++) {
        if (djs_cookie_sets(djs_bytes(setters[i].header), djs_bytes("N")) !=
            setters[i].sets) {
            fail_msg("%s: %s", setters[i].why, setters[i].header);
        }
    }
    assert_false(djs_cookie_sets(djs_bytes_of(NULL, 0), djs_bytes("N")));
}

#define NOW  (APR_INT64_C(1700000000) * APR_USEC_PER_SEC)
#define AGES "; Expires=Tue, 28 Nov 2023 22:13:20 GMT; Max-Age=1209600"

static const djs_cookie_t plain = {
    .name = "N", .path = "/", .secure = 1, .httponly = 1
};

static const struct {
    const char *why;
    djs_cookie_t cookie;
    apr_int64_t max_age;
    const char *expected;
} written[] = {
    { "B01, B13: ends with the browser",
      { .name = "N", .path = "/", .secure = 1, .httponly = 1 },
      -1,
      "N=" K1 "; Path=/; Secure; HttpOnly; SameSite=Lax" },
    { "B01: persistent",
      { .name = "N", .path = "/", .secure = 1, .httponly = 1 },
      1209600,
      "N=" K1 "; Path=/" AGES "; Secure; HttpOnly; SameSite=Lax" },
    { "over plain HTTP",
      { .name = "N", .path = "/", .httponly = 1 },
      1209600,
      "N=" K1 "; Path=/" AGES "; HttpOnly; SameSite=Lax" },
    { "all attributes",
      { .name = "N",
        .domain = "example.org",
        .path = "/a",
        .secure = 1,
        .httponly = 1,
        .partitioned = 1,
        .samesite = DJS_SAMESITE_NONE },
      1209600,
      "N=" K1 "; Domain=example.org; Path=/a" AGES
      "; Secure; HttpOnly; SameSite=None; Partitioned" },
    { "no attribute but the path",
      { .name = "N", .path = "/", .samesite = DJS_SAMESITE_OFF },
      -1,
      "N=" K1 "; Path=/" },
    { "strict",
      { .name = "N", .path = "/", .samesite = DJS_SAMESITE_STRICT },
      -1,
      "N=" K1 "; Path=/; SameSite=Strict" },
    { "B12: 400 days at most",
      { .name = "N", .path = "/", .samesite = DJS_SAMESITE_OFF },
      34560001,
      "N=" K1 "; Path=/; Expires=Wed, 18 Dec 2024 22:13:20 GMT; "
      "Max-Age=34560000" },
    { "N07: a monstrous age",
      { .name = "N", .path = "/", .samesite = DJS_SAMESITE_OFF },
      APR_INT64_MAX,
      "N=" K1 "; Path=/; Expires=Wed, 18 Dec 2024 22:13:20 GMT; "
      "Max-Age=34560000" },
    { "an age of nothing",
      { .name = "N", .path = "/", .samesite = DJS_SAMESITE_OFF },
      0,
      "N=" K1 "; Path=/; Expires=Tue, 14 Nov 2023 22:13:20 GMT; Max-Age=0" },
};

static void a_cookie_is_written_to_the_letter(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT(written); i++) {
        const char *got = djs_cookie_set(&written[i].cookie, K1,
                                         written[i].max_age, NOW, pool);

        if (strcmp(got, written[i].expected) != 0) {
            fail_msg("%s: [%s], not [%s]", written[i].why, got,
                     written[i].expected);
        }
    }
    /* B01: at most 200 bytes with the default name. */
    assert_true(strlen(djs_cookie_set(&plain, K1, 34560000, NOW, pool)) +
                    strlen("sessionid") <=
                200);
    /* N07: the last moment that there is. */
    assert_non_null(strstr(djs_cookie_set(&plain, K1, 5, APR_INT64_MAX, pool),
                           "Expires=Fri, 31 Dec 9999 23:59:59 GMT"));
}

/* B10: browsers delete a cookie only under its own path and domain. */
static void a_deletion_has_the_attributes_of_the_cookie(void **state)
{
    djs_cookie_t c = plain;

    (void)state;
    assert_string_equal(
        djs_cookie_delete(&c, pool),
        "N=; Path=/; Expires=Thu, 01 Jan 1970 00:00:00 GMT; Max-Age=0; "
        "Secure; HttpOnly; SameSite=Lax");
    c.domain = "example.org";
    c.path = "/a";
    c.samesite = DJS_SAMESITE_NONE;
    c.partitioned = 1;
    assert_string_equal(
        djs_cookie_delete(&c, pool),
        "N=; Domain=example.org; Path=/a; Expires=Thu, 01 Jan 1970 00:00:00 "
        "GMT; Max-Age=0; Secure; HttpOnly; SameSite=None; Partitioned");
}

/* B14, N05, N06: dates that break other programs. */
static const struct {
    apr_int64_t seconds;
    const char *expected;
} dates[] = {
    { 0, "Thu, 01 Jan 1970 00:00:00 GMT" },
    { -1, "Thu, 01 Jan 1970 00:00:00 GMT" },
    { 784111777, "Sun, 06 Nov 1994 08:49:37 GMT" },
    { 951782400, "Tue, 29 Feb 2000 00:00:00 GMT" },
    { 1709164800, "Thu, 29 Feb 2024 00:00:00 GMT" },
    { 2147483647, "Tue, 19 Jan 2038 03:14:07 GMT" },
    { 2147483648, "Tue, 19 Jan 2038 03:14:08 GMT" },
    { 2147558400, "Wed, 20 Jan 2038 00:00:00 GMT" },
    { 4107542399, "Sun, 28 Feb 2100 23:59:59 GMT" },
    { 4107542400, "Mon, 01 Mar 2100 00:00:00 GMT" },
    { 4294967296, "Sun, 07 Feb 2106 06:28:16 GMT" },
    { 253402300799, "Fri, 31 Dec 9999 23:59:59 GMT" },
    { 253402300800, "Fri, 31 Dec 9999 23:59:59 GMT" },
    { 9223372036854, "Fri, 31 Dec 9999 23:59:59 GMT" },
    { -9223372036854, "Thu, 01 Jan 1970 00:00:00 GMT" },
};

static void a_date_has_29_characters(void **state)
{
    char out[30];

    (void)state;
    for (size_t i = 0; i < COUNT(dates); i++) {
        djs_cookie_date(out, dates[i].seconds * APR_USEC_PER_SEC);
        assert_string_equal(out, dates[i].expected);
    }
    djs_cookie_date(out, APR_INT64_MAX);
    assert_string_equal(out, "Fri, 31 Dec 9999 23:59:59 GMT");
    djs_cookie_date(out, APR_INT64_MIN);
    assert_string_equal(out, "Thu, 01 Jan 1970 00:00:00 GMT");
}

static char long_name[4097];
static char long_path[1026];
static char long_domain[512];

/* A word of the refusal; NULL: the cookie is good. */
static const struct {
    const char *why;
    djs_cookie_t c;
    const char *says;
} checks[] = {
    { "default", { .name = "sessionid", .path = "/" }, NULL },
    { "everything set",
      { .name = "__Host-Http-a",
        .path = "/",
        .secure = 1,
        .httponly = 1,
        .partitioned = 1,
        .samesite = DJS_SAMESITE_NONE },
      NULL },
    { "a domain with a dot",
      { .name = "a", .path = "/", .domain = ".a.org" },
      NULL },
    { "a domain of one word",
      { .name = "a", .path = "/", .domain = "localhost" },
      NULL },
    { "a blank in the path",
      { .name = "!#$%&'*+-.^_`|~09azAZ", .path = "/x/y z" },
      "visible ASCII" },
    { "token characters",
      { .name = "!#$%&'*+-.^_`|~09azAZ", .path = "/x/y" },
      NULL },
    { "B03 __Host- with a domain",
      { .name = "__Host-a", .domain = "a.org", .path = "/", .secure = 1 },
      "no domain" },
    { "B03 __Host- with a path",
      { .name = "__Host-a", .path = "/a", .secure = 1 },
      "path /" },
    { "B03 __Host- without Secure",
      { .name = "__Host-a", .path = "/" },
      "Secure On" },
    { "B03 __Host- as it must be",
      { .name = "__Host-a", .path = "/", .secure = 1 },
      NULL },
    { "B03 in capitals", { .name = "__HOST-a", .path = "/" }, "Secure On" },
    { "B03 in small letters",
      { .name = "__host-a", .path = "/" },
      "Secure On" },
    { "B03 __Secure- without Secure",
      { .name = "__Secure-a", .path = "/" },
      "Secure On" },
    { "B03 __sEcUrE- without Secure",
      { .name = "__sEcUrE-a", .path = "/" },
      "Secure On" },
    { "B03 __Secure- may have a domain",
      { .name = "__Secure-a", .domain = "a.org", .path = "/b", .secure = 1 },
      NULL },
    { "B03 __Http- without HttpOnly",
      { .name = "__Http-a", .path = "/", .secure = 1 },
      "HttpOnly On" },
    { "B03 __Http- without Secure",
      { .name = "__http-a", .path = "/", .httponly = 1 },
      "Secure On" },
    { "B03 __Http- may have a domain",
      { .name = "__Http-a",
        .domain = "a.org",
        .path = "/b",
        .secure = 1,
        .httponly = 1 },
      NULL },
    { "B03 __Host-Http- without HttpOnly",
      { .name = "__Host-Http-a", .path = "/", .secure = 1 },
      "HttpOnly On" },
    { "B03 __Host-Http- without Secure",
      { .name = "__HOST-HTTP-a", .path = "/", .httponly = 1 },
      "Secure On" },
    { "B03 __Host-Http- with a domain",
      { .name = "__Host-Http-a",
        .domain = "a.org",
        .path = "/",
        .secure = 1,
        .httponly = 1 },
      "no domain" },
    { "B04",
      { .name = "a", .path = "/", .samesite = DJS_SAMESITE_NONE },
      "Lax, Strict or Off" },
    { "Partitioned without Secure",
      { .name = "a", .path = "/", .partitioned = 1 },
      "Partitioned" },
    { "B05 CR", { .name = "a", .path = "/\r" }, "visible ASCII" },
    { "B05 LF", { .name = "a", .path = "/\n" }, "visible ASCII" },
    { "B05 semicolon", { .name = "a", .path = "/;x" }, "visible ASCII" },
    { "B05 comma", { .name = "a", .path = "/,x" }, "visible ASCII" },
    { "B05 not ASCII", { .name = "a", .path = "/\xc3\xa9" }, "visible ASCII" },
    { "B05 DEL", { .name = "a", .path = "/\x7f" }, "visible ASCII" },
    { "B05 too long", { .name = "a", .path = long_path }, "at most 1024" },
    { "an empty path", { .name = "a", .path = "" }, "begin with /" },
    { "no path", { .name = "a" }, "begin with /" },
    { "a path without a slash", { .name = "a", .path = "x" }, "begin with /" },
    { "B05 domain with LF",
      { .name = "a", .path = "/", .domain = "a\n" },
      "host name" },
    { "B05 domain with a semicolon",
      { .name = "a", .path = "/", .domain = "a;b" },
      "host name" },
    { "B05 domain with a comma",
      { .name = "a", .path = "/", .domain = "a,b" },
      "host name" },
    { "B05 domain with a blank",
      { .name = "a", .path = "/", .domain = "a b" },
      "host name" },
    { "B05 domain not ASCII",
      { .name = "a", .path = "/", .domain = "\xc3\xa9.org" },
      "host name" },
    { "B05 domain too long",
      { .name = "a", .path = "/", .domain = long_domain },
      "at most 253" },
    { "an empty domain",
      { .name = "a", .path = "/", .domain = "" },
      "host name" },
    { "only a dot", { .name = "a", .path = "/", .domain = "." }, "host name" },
    { "two dots", { .name = "a", .path = "/", .domain = "a..b" }, "host name" },
    { "two leading dots",
      { .name = "a", .path = "/", .domain = "..b" },
      "host name" },
    { "a dot at the end",
      { .name = "a", .path = "/", .domain = "a." },
      "host name" },
    { "B06 =", { .name = "a=b", .path = "/" }, "letters, digits" },
    { "B06 ;", { .name = "a;b", .path = "/" }, "letters, digits" },
    { "B06 blank", { .name = "a b", .path = "/" }, "letters, digits" },
    { "B06 quote", { .name = "a\"", .path = "/" }, "letters, digits" },
    { "B06 comma", { .name = "a,b", .path = "/" }, "letters, digits" },
    { "B06 not ASCII", { .name = "\xc3\xa9", .path = "/" }, "letters, digits" },
    { "B06 empty", { .name = "", .path = "/" }, "1 to 128" },
    { "B06 4 KB", { .name = long_name, .path = "/" }, "1 to 128" },
};

static void what_a_browser_would_drop_is_refused(void **state)
{
    (void)state;
    memset(long_name, 'a', sizeof(long_name) - 1);
    memset(long_path, '/', sizeof(long_path) - 1);
    memset(long_domain, 'a', sizeof(long_domain) - 1);
    for (size_t i = 0; i < COUNT(checks); i++) {
        const char *why = djs_cookie_check(&checks[i].c, pool);

        if (checks[i].says ? !why || !strstr(why, checks[i].says)
                           : why != NULL) {
            fail_msg("%s: [%s], not [%s]", checks[i].why, why ? why : "good",
                     checks[i].says ? checks[i].says : "good");
        }
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
        cmocka_unit_test(a_set_cookie_of_our_name_is_recognised),
        cmocka_unit_test(a_cookie_is_written_to_the_letter),
        cmocka_unit_test(a_deletion_has_the_attributes_of_the_cookie),
        cmocka_unit_test(a_date_has_29_characters),
        cmocka_unit_test(what_a_browser_would_drop_is_refused),
    };

    return cmocka_run_group_tests(tests, setup, teardown);
}
