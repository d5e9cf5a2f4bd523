/* test_base - buffers, hexadecimal, units, randomness, statuses, the clock. */
#define OPENSSL_SUPPRESS_DEPRECATED /* RAND_set_rand_method */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <openssl/rand.h>
#include <apr_general.h>
#include <apr_pools.h>
#include "base/buf.h"
#include "base/bytes.h"
#include "base/clock.h"
#include "base/hex.h"
#include "base/random.h"
#include "base/status.h"
#include "base/units.h"

#define COUNT(a) (sizeof(a) / sizeof(*(a)))
#define REFUSED  (-1)
#define SECOND   APR_INT64_C(1000000)

static apr_pool_t *pool;

/* An administrator's durations mean what interface and httpd manual say. */
static const struct {
    const char *why, *text;
    apr_int64_t usec;
} durations[] = {
    { "a bare number is seconds", "90", 90 * SECOND },
    { "seconds", "90s", 90 * SECOND },
    { "milliseconds", "500ms", SECOND / 2 },
    { "minutes", "30m", 1800 * SECOND },
    { "hours", "12h", 43200 * SECOND },
    { "days", "7d", 604800 * SECOND },
    { "weeks, Django's default age", "2w", 1209600 * SECOND },
    { "a year is 365 days", "1y", 31536000 * SECOND },
    { "nothing is a duration", "0", 0 },
    { "nothing with a unit, too", "0w", 0 },
    { "leading zeros do not make it octal", "010", 10 * SECOND },
    { "the longest", "9223372036854s", 9223372036854 * SECOND },
    { "one more", "9223372036855s", REFUSED },
    { "no negative ages", "-1", REFUSED },
    { "no sign at all", "+1", REFUSED },
    { "no unknown unit", "300x", REFUSED },
    { "no trailing garbage", "2wx", REFUSED },
    { "one unit only", "1h30m", REFUSED },
    { "no blank before", " 1", REFUSED },
    { "no blank after", "1 ", REFUSED },
    { "no blank between", "1 s", REFUSED },
    { "units are lower case", "1S", REFUSED },
    { "a size is no duration", "1k", REFUSED },
    { "no fraction", "1.5h", REFUSED },
    { "no hexadecimal", "0x10", REFUSED },
    { "a unit alone", "w", REFUSED },
    { "nothing at all", "", REFUSED },
    { "no silent overflow in the sum", "9999999999999999w", REFUSED },
    { "no silent overflow in the digits", "9223372036854775808", REFUSED },
    { "nor far above", "99999999999999999999999999", REFUSED },
};

static void a_duration_reads_as_written(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT(durations); i++) {
        apr_interval_time_t got = 77;
        apr_status_t rv = djs_units_duration(&got, durations[i].text);
        apr_int64_t usec = rv == APR_SUCCESS ? got : REFUSED;

        if (usec != durations[i].usec) {
            fail_msg("%s: \"%s\" gave %ld", durations[i].why, durations[i].text,
                     (long)usec);
        }
        if (rv != APR_SUCCESS) {
            assert_int_equal(rv, DJS_EINVALID);
            assert_int_equal(got, 0);
        }
    }
}

static const struct {
    const char *why, *text;
    apr_int64_t bytes;
} sizes[] = {
    { "a bare number is bytes", "65536", 65536 },
    { "kibibytes", "64k", 65536 },
    { "mebibytes", "1m", 1048576 },
    { "nothing", "0", 0 },
    { "the greatest", "9223372036854775807", APR_INT64_MAX },
    { "2^63", "9223372036854775808", REFUSED },
    { "2^63 by its unit", "9007199254740992k", REFUSED },
    { "no sign", "-1", REFUSED },
    { "no long unit", "64kb", REFUSED },
    { "units are lower case", "64K", REFUSED },
    { "a duration is no size", "2w", REFUSED },
    { "nothing at all", "", REFUSED },
};

static void a_size_reads_as_written(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT(sizes); i++) {
        apr_size_t got = 77;
        apr_status_t rv = djs_units_size(&got, sizes[i].text);
        apr_int64_t n = rv == APR_SUCCESS ? (apr_int64_t)got : REFUSED;

        if (n != sizes[i].bytes) {
            fail_msg("%s: \"%s\" gave %ld", sizes[i].why, sizes[i].text,
                     (long)n);
        }
        if (rv != APR_SUCCESS) {
            assert_int_equal(rv, DJS_EINVALID);
            assert_int_equal(got, 0);
        }
    }
}

static void bytes_compare_by_length_and_content(void **state)
{
    (void)state;
    assert_true(djs_bytes_equal(djs_bytes("admin"), djs_bytes("admin")));
    assert_false(djs_bytes_equal(djs_bytes("admin"), djs_bytes("admiN")));
    /* H07: a NUL inside does not end the comparison. */
    assert_false(
        djs_bytes_equal(djs_bytes("admin"), djs_bytes_of("admin\0x", 7)));
    assert_true(djs_bytes_equal(djs_bytes_of(NULL, 0), djs_bytes("")));
}

static void hex_goes_both_ways(void **state)
{
    unsigned char bytes[256];
    unsigned char back[256];
    char text[2 * 256 + 1];

    (void)state;
    for (int i = 0; i < 256; i++) {
        bytes[i] = (unsigned char)i;
    }
    djs_hex_encode(text, bytes, sizeof(bytes));
    assert_int_equal(strlen(text), 512);
    assert_memory_equal(text, "000102", 6);
    assert_string_equal(text + 506, "fdfeff");
    assert_int_equal(djs_hex_decode(back, 256, djs_bytes(text)), APR_SUCCESS);
    assert_memory_equal(back, bytes, 256);

    assert_int_equal(djs_hex_decode(back, 2, djs_bytes("aBFf")), APR_SUCCESS);
    assert_memory_equal(back, "\xab\xff", 2);

    djs_hex_encode(text, bytes, 0);
    assert_string_equal(text, "");
    assert_int_equal(djs_hex_decode(back, 0, djs_bytes("")), APR_SUCCESS);
}

static void bad_hex_is_refused_and_leaves_zeros(void **state)
{
    static const char *const bad[] = { "",       "0",      "0001",   "0001020",
                                       "00010",  "00010g", "-00102", "0001 2",
                                       "@00102", "G00102", "0x0102", "00010`",
                                       "00010/", "00010:" };
    unsigned char out[3];

    (void)state;
    for (size_t i = 0; i < COUNT(bad); i++) {
        memset(out, 'x', sizeof(out));
        assert_int_equal(djs_hex_decode(out, 3, djs_bytes(bad[i])),
                         DJS_EINVALID);
        assert_memory_equal(out, "\0\0\0", 3);
    }
    assert_int_equal(djs_hex_decode(out, 0, djs_bytes("0")), DJS_EINVALID);
    assert_int_equal(djs_hex_decode(out, 3, djs_bytes_of("0102\0003", 6)),
                     DJS_EINVALID);
}

static void a_buffer_grows_and_stays_terminated(void **state)
{
    djs_buf_t buf;
    djs_bytes_t out;

    (void)state;
    djs_buf_init(&buf, 100000, pool);
    assert_string_equal(buf.data, "");
    for (int i = 0; i < 10000; i++) {
        djs_buf_add_char(&buf, 'a');
        djs_buf_add_text(&buf, "bc");
        djs_buf_add(&buf, djs_bytes("def"));
        djs_buf_add(&buf, djs_bytes_of(NULL, 0));
        assert_int_equal(buf.data[buf.len], '\0');
    }
    assert_int_equal(djs_buf_take(&out, &buf), APR_SUCCESS);
    assert_int_equal(out.len, 60000);
    for (int i = 0; i < 10000; i++) {
        assert_memory_equal(out.data + 6 * i, "abcdef", 6);
    }
}

static void a_buffer_takes_its_ceiling_and_no_more(void **state)
{
    static const apr_size_t ceilings[] = { 0,   1,   2,   126, 127, 128,
                                           129, 255, 256, 257, 1000 };

    (void)state;
    for (size_t i = 0; i < COUNT(ceilings); i++) {
        djs_buf_t buf;
        djs_bytes_t out;

        djs_buf_init(&buf, ceilings[i], pool);
        for (apr_size_t n = 0; n < ceilings[i]; n++) {
            djs_buf_add_char(&buf, 'x');
        }
        assert_int_equal(djs_buf_take(&out, &buf), APR_SUCCESS);
        assert_int_equal(out.len, ceilings[i]);
        assert_int_equal(out.data[out.len], '\0');
        djs_buf_add_char(&buf, 'x');
        assert_int_equal(djs_buf_take(&out, &buf), DJS_ETOOBIG);
        assert_int_equal(out.len, 0);
    }
}

static void a_failed_buffer_stays_failed(void **state)
{
    djs_buf_t buf;
    djs_bytes_t out;

    (void)state;
    djs_buf_init(&buf, 5, pool);
    djs_buf_add_text(&buf, "123456");
    djs_buf_add_text(&buf, "1");
    djs_buf_add_char(&buf, '2');
    assert_true(buf.failed);
    assert_string_equal(buf.data, "");
    assert_int_equal(djs_buf_take(&out, &buf), DJS_ETOOBIG);
}

static void a_buffer_without_a_real_ceiling_works(void **state)
{
    djs_buf_t buf;
    djs_bytes_t out;
    char *big = apr_palloc(pool, 5000);

    (void)state;
    memset(big, 'x', 5000);
    djs_buf_init(&buf, (apr_size_t)-1, pool);
    djs_buf_add(&buf, djs_bytes_of(big, 5000));
    djs_buf_add(&buf, djs_bytes_of(big, 5000));
    assert_int_equal(djs_buf_take(&out, &buf), APR_SUCCESS);
    assert_int_equal(out.len, 10000);
}

static void random_bytes_differ_from_draw_to_draw(void **state)
{
    static unsigned char a[200000];
    static unsigned char b[200000];
    int zeros = 0;

    (void)state;
    assert_int_equal(djs_random(a, sizeof(a)), APR_SUCCESS);
    assert_int_equal(djs_random(b, sizeof(b)), APR_SUCCESS);
    assert_memory_not_equal(a, b, 32);
    assert_memory_not_equal(a + sizeof(a) - 32, b + sizeof(b) - 32, 32);
    for (size_t i = 0; i < sizeof(a); i++) {
        zeros += a[i] == 0;
    }
    assert_in_range(zeros, 500, 1100); /* 781 expected; 28 is one sigma */
    assert_int_equal(djs_random(a, 0), APR_SUCCESS);
}

static int draws_left;

static int failing_bytes(unsigned char *out, int len)
{
    memset(out, 'r', (size_t)len);
    return draws_left-- > 0;
}

static int failing_status(void)
{
    return 1;
}

static void a_failing_generator_yields_no_bytes_at_all(void **state)
{
    static const RAND_METHOD failing = { NULL, failing_bytes, NULL,
                                         NULL, failing_bytes, failing_status };
    static unsigned char out[100000];
    static unsigned char zeros[100000];

    (void)state;
    assert_int_equal(RAND_set_rand_method(&failing), 1);
    for (int good = 0; good < 2; good++) {
        memset(out, 'x', sizeof(out));
        draws_left = good;
        assert_int_equal(djs_random(out, sizeof(out)), DJS_ERANDOM);
        assert_memory_equal(out, zeros, sizeof(out));
    }
    RAND_set_rand_method(NULL);
}

static void every_status_has_its_own_sentence(void **state)
{
    const char *seen[DJS_STATUS_LAST - DJS_EABSENT + 1];
    int count = 0;
    char buf[100];

    (void)state;
    for (apr_status_t rv = DJS_EABSENT; rv <= DJS_STATUS_LAST; rv++) {
        const char *text = djs_status_text(rv, buf, sizeof(buf));

        assert_ptr_not_equal(text, buf);
        assert_true(strlen(text) > 10);
        for (int i = 0; i < count; i++) {
            assert_string_not_equal(text, seen[i]);
        }
        seen[count++] = text;
    }
    assert_string_equal(djs_status_text(APR_ENOENT, buf, sizeof(buf)),
                        "No such file or directory");
    assert_int_equal(strlen(djs_status_text(APR_ENOENT, buf, 5)), 4);
    assert_string_equal(djs_status_text(APR_ENOENT, NULL, 0), "");
}

static void the_steady_clock_never_goes_back(void **state)
{
    apr_time_t last = djs_clock_steady();

    (void)state;
    assert_true(last > 0);
    for (int i = 0; i < 1000; i++) {
        apr_time_t now = djs_clock_steady();

        assert_true(now >= last);
        last = now;
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_duration_reads_as_written),
        cmocka_unit_test(a_size_reads_as_written),
        cmocka_unit_test(bytes_compare_by_length_and_content),
        cmocka_unit_test(hex_goes_both_ways),
        cmocka_unit_test(bad_hex_is_refused_and_leaves_zeros),
        cmocka_unit_test(a_buffer_grows_and_stays_terminated),
        cmocka_unit_test(a_buffer_takes_its_ceiling_and_no_more),
        cmocka_unit_test(a_failed_buffer_stays_failed),
        cmocka_unit_test(a_buffer_without_a_real_ceiling_works),
        cmocka_unit_test(random_bytes_differ_from_draw_to_draw),
        cmocka_unit_test(a_failing_generator_yields_no_bytes_at_all),
        cmocka_unit_test(every_status_has_its_own_sentence),
        cmocka_unit_test(the_steady_clock_never_goes_back),
    };
    int failures;

    apr_initialize();
    apr_pool_create(&pool, NULL);
    failures = cmocka_run_group_tests_name("base", tests, NULL, NULL);
    apr_terminate();
    return failures;
}
