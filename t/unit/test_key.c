/* test_key - session keys: their form, and that they are drawn evenly. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <cmocka.h>
#include "base/random.h"
#include "base/status.h"
#include "session/key.h"

#define DRAWN  100000
#define LETTER 36

static const char key[] = "abcdefghijklmnopqrstuvwxyz012345";

/* A generator that returns the bytes of a script, then 0. */
static struct {
    unsigned char bytes[256];
    apr_size_t len, at;
    int calls;
} script;

static apr_status_t scripted(unsigned char *out, apr_size_t len)
{
    script.calls++;
    for (apr_size_t i = 0; i < len; i++) {
        out[i] = script.at < script.len ? script.bytes[script.at++] : 0;
    }
    return APR_SUCCESS;
}

static apr_status_t refusing(unsigned char *out, apr_size_t len)
{
    script.calls++;
    memset(out, 0, len);
    return DJS_ERANDOM;
}

/* Works once, with bytes of which none is accepted, and fails from then on. */
static apr_status_t dying(unsigned char *out, apr_size_t len)
{
    memset(out, 0xff, len);
    return script.calls++ ? DJS_ERANDOM : APR_SUCCESS;
}

static apr_status_t stuck(unsigned char *out, apr_size_t len)
{
    script.calls++;
    memset(out, 0xfe, len);
    return APR_SUCCESS;
}

/* A17: only 32 characters can be a key. */
static void a_key_has_32_characters(void **state)
{
    static const int lengths[] = { 0, 1, 8, 31, 33, 250, 4096 };
    static char text[4096];

    (void)state;
    memset(text, 'a', sizeof(text));
    assert_true(djs_key_valid(djs_bytes(key)));
    assert_false(djs_key_valid(djs_bytes_of(NULL, 0)));
    for (size_t i = 0; i < sizeof(lengths) / sizeof(*lengths); i++) {
        assert_false(djs_key_valid(djs_bytes_of(text, (apr_size_t)lengths[i])));
    }
}

/* A18: each byte at the first, a middle and the last place. */
static void a_key_holds_lower_case_letters_and_digits_only(void **state)
{
    static const int places[] = { 0, 15, 31 };
    char text[33];

    (void)state;
    for (int place = 0; place < 3; place++) {
        for (int c = 0; c < 256; c++) {
            int good = (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9');

            memcpy(text, key, sizeof(text));
            text[places[place]] = (char)c;
            assert_int_equal(djs_key_valid(djs_bytes_of(text, 32)), good);
        }
    }
}

/* C13: bytes from 252 on would favour the first four characters. */
static void bytes_from_252_on_are_drawn_again(void **state)
{
    static const unsigned char refused[] = { 252, 253, 254, 255 };
    char out[DJS_KEY_LEN + 1];

    (void)state;
    memset(&script, 0, sizeof(script));
    for (int i = 0; i < 32; i++) {
        memcpy(script.bytes + script.len, refused, sizeof(refused));
        script.len += sizeof(refused);
        script.bytes[script.len++] = (unsigned char)(i * 36 % 252 + i);
    }
    assert_int_equal(djs_key_make(out, scripted), APR_SUCCESS);
    assert_string_equal(out, key);
    assert_int_equal(script.at, 160);
}

/* C13: the table of characters has 36 places, each hit by seven bytes. */
static void every_accepted_byte_has_its_character(void **state)
{
    char out[DJS_KEY_LEN + 1];
    int count[256] = { 0 };

    (void)state;
    for (int c = 0; c < 252; c++) {
        memset(&script, 0, sizeof(script));
        script.bytes[0] = (unsigned char)c;
        script.len = 1;
        assert_int_equal(djs_key_make(out, scripted), APR_SUCCESS);
        assert_string_equal(out + 1, "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa");
        count[(unsigned char)out[0]]++;
    }
    for (int c = 'a'; c <= 'z'; c++) {
        assert_int_equal(count[c], 7);
    }
    for (int c = '0'; c <= '9'; c++) {
        assert_int_equal(count[c], 7);
    }
}

/* C12: no key, no other source, not even a few characters. */
static void a_failing_generator_makes_no_key(void **state)
{
    static const struct {
        const char *why;
        djs_random_fn random;
        int calls;
    } rows[] = {
        { "it fails at once", refusing, 1 },
        { "it fails in the middle", dying, 2 },
        { "it gives nothing of use for ever", stuck, 16 },
    };
    char out[DJS_KEY_LEN + 1];
    char empty[DJS_KEY_LEN + 1] = "";

    (void)state;
    for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
        memset(out, 'x', sizeof(out));
        script.calls = 0;
        if (djs_key_make(out, rows[i].random) != DJS_ERANDOM ||
            script.calls != rows[i].calls ||
            memcmp(out, empty, sizeof(out)) != 0) {
            fail_msg("%s: after %d calls \"%.32s\"", rows[i].why, script.calls,
                     out);
        }
    }
}

static int place_of(char c)
{
    return c >= 'a' ? c - 'a' : c - '0' + 26;
}

/* C13: 35 degrees of freedom; a chi-square above 86.7 has p < 3e-6, so one of
 * 32 places passes it in one run of ten thousand. */
static void no_character_is_likelier_than_another(void **state)
{
    static int counts[DJS_KEY_LEN][LETTER];
    static int pairs[LETTER][LETTER];
    const double expected = (double)DRAWN / LETTER;
    const double expected_pair = (double)DRAWN * 31 / (LETTER * LETTER);
    char out[DJS_KEY_LEN + 1];
    double serial = 0;

    (void)state;
    for (int i = 0; i < DRAWN; i++) {
        assert_int_equal(djs_key_make(out, djs_random), APR_SUCCESS);
        assert_true(djs_key_valid(djs_bytes(out)));
        for (int k = 0; k < DJS_KEY_LEN; k++) {
            counts[k][place_of(out[k])]++;
            if (k > 0) {
                pairs[place_of(out[k - 1])][place_of(out[k])]++;
            }
        }
    }
    for (int k = 0; k < DJS_KEY_LEN; k++) {
        double chi = 0;

        for (int c = 0; c < LETTER; c++) {
            double off = counts[k][c] - expected;

            chi += off * off / expected;
        }
        if (chi > 86.7) {
            fail_msg("place %d has a chi-square of %.1f", k, chi);
        }
    }
    /* Neighbours: 1295 degrees of freedom, mean 1295, deviation 51. */
    for (int i = 0; i < LETTER * LETTER; i++) {
        double off = pairs[i / LETTER][i % LETTER] - expected_pair;

        serial += off * off / expected_pair;
    }
    assert_true(serial < 1295 + 6 * 51);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_key_has_32_characters),
        cmocka_unit_test(a_key_holds_lower_case_letters_and_digits_only),
        cmocka_unit_test(bytes_from_252_on_are_drawn_again),
        cmocka_unit_test(every_accepted_byte_has_its_character),
        cmocka_unit_test(a_failing_generator_makes_no_key),
        cmocka_unit_test(no_character_is_likelier_than_another),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
