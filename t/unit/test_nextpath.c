/* test_nextpath - where a visitor may be sent: to a path of the same site. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <cmocka.h>
#include <apr_general.h>
#include <apr_pools.h>
#include <apr_strings.h>
#include "session/nextpath.h"

#define COUNT(a) (sizeof(a) / sizeof(*(a)))

static apr_pool_t *pool;

static const char *const safe[] = {
    "/",
    "/a",
    "/a/b/",
    "/a?b=c&d",
    "/a#b",
    "/a%20b",
    "/a%2Fb",
    "/%C3%A9",
    "/?next=//evil.example",
    "/?u=http://evil.example",
    "/a?x=%00%5C",
    "/a#//b",
    "/@evil.example",
    "/:80",
    "/./a/../b",
    "/a;b,c=d!$'()*+~_.-",
    "/javascript:alert(1)",
};

static const char *const unsafe[] = {
    "",
    "a",
    "evil.example",
    "//evil.example",
    "///evil.example",
    "/a//b",
    "/\\evil.example",
    "\\evil.example",
    "\\\\evil.example",
    "/%5Cevil.example",
    "/%5cevil.example",
    "/%2Fevil.example",
    "/%2fevil.example",
    "%2F%2Fevil.example",
    "/a/%2F",
    "/\tevil.example",
    "/\t/evil.example",
    "/\n/evil.example",
    "/a\r\nSet-Cookie: x=y",
    "/%0d%0aSet-Cookie:%20x=y",
    "/%09/evil.example",
    "/%00",
    "/%7F",
    "/a b",
    " /a",
    "/a?b c",
    "/a?\"b",
    "/<a>",
    "/\x7f",
    "/a\xc3\xa9",
    "/a?\xe3\x80\x82",
    "/%",
    "/%4",
    "/%4g",
    "/%g4",
    "/a?%",
    "http://evil.example/",
    "https:/evil.example",
    "javascript:alert(1)",
    "data:text/html,x",
    "?a",
    "#a",
    "@evil.example",
};

static void safe_paths_are_safe(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT(safe); i++) {
        if (!djs_nextpath_is_safe(djs_bytes(safe[i]))) {
            fail_msg("refused: %s", safe[i]);
        }
    }
}

static void doubtful_paths_are_not(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT(unsafe); i++) {
        if (djs_nextpath_is_safe(djs_bytes(unsafe[i]))) {
            fail_msg("M12: taken: %s", unsafe[i]);
        }
    }
    assert_false(djs_nextpath_is_safe(djs_bytes_of("/a\0b", 4)));
    assert_false(djs_nextpath_is_safe(djs_bytes_of(NULL, 0)));
}

static void long_paths_are_not(void **state)
{
    char path[DJS_NEXTPATH_MOST + 1];

    (void)state;
    memset(path, 'a', sizeof path);
    path[0] = '/';
    assert_true(djs_nextpath_is_safe(djs_bytes_of(path, DJS_NEXTPATH_MOST)));
    assert_false(
        djs_nextpath_is_safe(djs_bytes_of(path, DJS_NEXTPATH_MOST + 1)));
}

/* Every byte as the second of a path, raw and escaped. */
static void every_byte_is_judged(void **state)
{
    (void)state;
    for (int c = 0; c < 256; c++) {
        char raw[] = { '/', (char)c, 'x', 'y' };
        char escaped[8];
        int raw_ok = c > ' ' && c < 0x7f && !memchr("/\\\"<>%", c, 6);
        int escaped_ok = c >= ' ' && c != 0x7f && c != '/' && c != '\\';

        apr_snprintf(escaped, sizeof escaped, "/%%%02x", c);
        assert_int_equal(djs_nextpath_is_safe(djs_bytes_of(raw, 4)), raw_ok);
        assert_int_equal(djs_nextpath_is_safe(djs_bytes(escaped)), escaped_ok);
    }
}

static const struct {
    const char *target, *path;
} targets[] = {
    { "/", "/" },
    { "/a/b?c=d", "/a/b?c=d" },
    { "http://host/a?b", "/a?b" },
    { "http://evil.example//a", "/" },
    { "http://host", "/" },
    { "http://host?a", "/" },
    { "http://host#/a", "/" },
    { "//evil.example/a", "/" },
    { "/\\evil.example", "/" },
    { "*", "/" },
    { "host:443", "/" },
    { "", "/" },
    { "a/b", "/" },
};

static void targets_become_paths(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT(targets); i++) {
        assert_string_equal(djs_nextpath_of_target(targets[i].target, pool),
                            targets[i].path);
    }
}

static void next_is_appended(void **state)
{
    (void)state;
    assert_string_equal(djs_nextpath_append("/in", "/a/b", pool),
                        "/in?next=/a/b");
    assert_string_equal(djs_nextpath_append("/in?x=1", "/a?b=c&d#%2F", pool),
                        "/in?x=1&next=/a%3Fb%3Dc%26d%23%252F");
    assert_string_equal(djs_nextpath_append("https://h/in", "/-._~aZ9", pool),
                        "https://h/in?next=/-._~aZ9");
    assert_string_equal(djs_nextpath_append("/in", "\xff\r\n", pool),
                        "/in?next=%FF%0D%0A");
    assert_string_equal(djs_nextpath_append("/in", "", pool), "/in?next=");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(safe_paths_are_safe),
        cmocka_unit_test(doubtful_paths_are_not),
        cmocka_unit_test(long_paths_are_not),
        cmocka_unit_test(every_byte_is_judged),
        cmocka_unit_test(targets_become_paths),
        cmocka_unit_test(next_is_appended),
    };
    int failures;

    apr_initialize();
    apr_pool_create(&pool, NULL);
    failures = cmocka_run_group_tests(tests, NULL, NULL);
    apr_terminate();
    return failures;
}
