/* test_forward - what a header can hold, and what its signature covers. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <cmocka.h>
#include <apr_general.h>
#include <apr_pools.h>
#include <apr_strings.h>
#include "session/forward.h"

#define COUNT(a) (sizeof(a) / sizeof(*(a)))
#define NOW      apr_time_from_sec(1700000000)

static apr_pool_t *pool;
static unsigned char key[DJS_FORWARD_KEY_BYTES];

static const djs_forward_t ada = {
    { "live", "ada", "0123456789ab", "1699990000", "1701209600", "{\"a\":1}" }
};
static const djs_forward_t nobody = { { "none" } };

static const char *sign(const djs_forward_t *headers, apr_time_t now)
{
    const char *signature = NULL;

    assert_int_equal(djs_forward_sign(&signature, headers, key, now, pool),
                     APR_SUCCESS);
    return signature;
}

/* The same as Python's hmac makes of the lines. */
static void test_signatures(void **state)
{
    (void)state;
    assert_string_equal(sign(&ada, NOW),
                        "t=1700000000,v1=6b3cf8948777398cc26be210762bc45c"
                        "2c0deefc53a5c18a212e55c4ca73c6ba");
    assert_string_equal(sign(&nobody, NOW),
                        "t=1700000000,v1=e5825d46edcd3c54bd0a0cb4f3bba8df"
                        "696e3c36d687a1bff79cbb95be9e5710");
}

/* Every value, its place, the time and the key make a difference. */
static void test_signature_covers_all(void **state)
{
    const char *whole = sign(&ada, NOW);
    djs_forward_t other;
    int i;

    (void)state;
    for (i = 0; i < DJS_FORWARD_ITEMS; i++) {
        other = ada;
        other.values[i] = NULL;
        assert_string_not_equal(sign(&other, NOW), whole);
        other.values[i] = "x";
        assert_string_not_equal(sign(&other, NOW), whole);
    }
    for (i = 1; i < DJS_FORWARD_ITEMS; i++) {
        djs_forward_t here = nobody, there = nobody;

        here.values[i] = "x";
        there.values[i % (DJS_FORWARD_ITEMS - 1) + 1] = "x";
        assert_string_not_equal(sign(&here, NOW), sign(&there, NOW));
    }
    assert_string_not_equal(sign(&ada, NOW + apr_time_from_sec(1)) + 13,
                            whole + 13);
    key[31] ^= 1;
    assert_string_not_equal(sign(&ada, NOW), whole);
    key[31] ^= 1;
}

static void test_texts(void **state)
{
    static const char *const good[] = { "a",          "a b",  "17",
                                        "\xc3\xa9",   "true", "%0d%0aX: y",
                                        "a,b;c=\"d\"" };
    static const char *const bad[] = { "",
                                       " ",
                                       " a",
                                       "a ",
                                       "\ta",
                                       "a\tb",
                                       "a\nb",
                                       "a\rb",
                                       "\x7f",
                                       ("a\x01"
                                        "b"),
                                       "a\r\nX-Evil: 1" };
    apr_size_t i;

    (void)state;
    for (i = 0; i < COUNT(good); i++) {
        assert_true(djs_forward_can_hold(good[i]));
    }
    for (i = 0; i < COUNT(bad); i++) {
        assert_false(djs_forward_can_hold(bad[i]));
    }
}

/* "X-DjSession-Data: " is 18 bytes, and so is "X-DjSession-User: ". */
static void test_lengths(void **state)
{
    djs_forward_t headers = ada;
    apr_size_t len = 0;

    (void)state;
    headers.values[DJS_FORWARD_DATA] = apr_psprintf(pool, "%0*d", 8190 - 18, 0);
    assert_null(djs_forward_too_long(&len, &headers, 8190));
    assert_string_equal(djs_forward_too_long(&len, &headers, 8189),
                        "X-DjSession-Data");
    assert_int_equal(len, 8190);
    headers.values[DJS_FORWARD_USER] = headers.values[DJS_FORWARD_DATA];
    assert_string_equal(djs_forward_too_long(&len, &headers, 8189),
                        "X-DjSession-User");
    assert_string_equal(djs_forward_too_long(&len, &nobody, 10),
                        "X-DjSession-State");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_signatures),
        cmocka_unit_test(test_signature_covers_all),
        cmocka_unit_test(test_texts),
        cmocka_unit_test(test_lengths),
    };
    int i, failed;

    for (i = 0; i < DJS_FORWARD_KEY_BYTES; i++) {
        key[i] = (unsigned char)i;
    }
    apr_initialize();
    apr_pool_create(&pool, NULL);
    failed = cmocka_run_group_tests(tests, NULL, NULL);
    apr_terminate();
    return failed;
}
