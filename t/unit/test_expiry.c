/* test_expiry - Django's expiry rules, and the calendar under them. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <cmocka.h>
#include <apr_general.h>
#include <apr_pools.h>
#include "session/civil.h"
#include "session/expiry.h"

#define COUNT(a) (sizeof(a) / sizeof(*(a)))
#define SECOND   APR_INT64_C(1000000)
#define HOUR     (3600 * SECOND)
#define DAY      (24 * HOUR)
#define NOW      (1700000000 * SECOND)
#define MOST     APR_INT64_MAX
#define LEAST    APR_INT64_MIN

#define POLICY  DJS_EXPIRY_POLICY
#define BROWSER DJS_EXPIRY_BROWSER
#define SECONDS DJS_EXPIRY_SECONDS
#define DATE    DJS_EXPIRY_DATE

static apr_pool_t *pool;

static const struct {
    const char *why, *text;
    apr_status_t rv;
    djs_expiry_e how;
    apr_int64_t number; /* seconds, or the date in microseconds */
} values[] = {
    { "absent", NULL, 0, POLICY, 0 },
    { "None", "null", 0, POLICY, 0 },
    { "zero ends with the browser", "0", 0, BROWSER, 0 },
    { "minus zero as well", "-0", 0, BROWSER, 0 },
    { "seconds", "3600", 0, SECONDS, 3600 },
    { "negative seconds, as Django allows", "-5", 0, SECONDS, -5 },
    { "N07: 2^31", "2147483648", 0, SECONDS, 2147483648 },
    { "N07: 2^53", "9007199254740992", 0, SECONDS, 9007199254740992 },
    { "N07: 2^63", "9223372036854775808", 0, SECONDS, MOST },
    { "N07: far below", "-99999999999999999999", 0, SECONDS, LEAST },
    { "a float", "3600.9", 0, SECONDS, 3600 },
    { "a negative float is cut towards 0", "-1.9", 0, SECONDS, -1 },
    { "less than a second is not 0", "0.5", 0, SECONDS, 0 },
    { "a float of nothing", "0.0", 0, BROWSER, 0 },
    { "an exponent", "1e3", 0, SECONDS, 1000 },
    { "a signed exponent", "1.5E+3", 0, SECONDS, 1500 },
    { "a negative exponent", "86400000e-3", 0, SECONDS, 86400 },
    { "a tiny one", "1e-999999999", 0, SECONDS, 0 },
    { "N07: a huge one", "1e999999999", 0, SECONDS, MOST },
    { "N07: a huge negative one", "-1e40", 0, SECONDS, -MOST },
    { "many digits", "12345678901234567890123e-13", 0, SECONDS, 1234567890 },
    { "many digits behind the point", "7.00000000000000000000000000009", 0,
      SECONDS, 7 },
    { "a date as Django writes it", "\"2023-11-14T22:13:20+00:00\"", 0, DATE,
      NOW },
    { "NaN", "NaN", DJS_EINVALID, POLICY, 0 },
    { "Infinity", "Infinity", DJS_EINVALID, POLICY, 0 },
    { "minus Infinity", "-Infinity", DJS_EINVALID, POLICY, 0 },
    { "another string", "\"soon\"", DJS_EINVALID, POLICY, 0 },
    { "an empty string", "\"\"", DJS_EINVALID, POLICY, 0 },
    { "an escape in a date", "\"2023-11-14T22:13:20\\u005a\"", DJS_EINVALID,
      POLICY, 0 },
    { "true", "true", DJS_ETYPE, POLICY, 0 },
    { "false", "false", DJS_ETYPE, POLICY, 0 },
    { "an array", "[1]", DJS_ETYPE, POLICY, 0 },
    { "an object", "{\"a\":1}", DJS_ETYPE, POLICY, 0 },
};

static void every_kind_of_value_is_read(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT(values); i++) {
        djs_bytes_t text = djs_bytes(values[i].text ? values[i].text : "");
        djs_expiry_t got = { DJS_EXPIRY_DATE, 77, 77 };
        apr_status_t rv = djs_expiry_read(&got, values[i].text ? &text : NULL);
        apr_int64_t number =
            got.how == DJS_EXPIRY_DATE ? got.date : got.seconds;

        if (rv != values[i].rv || got.how != values[i].how ||
            number != values[i].number) {
            fail_msg("%s: %s gave %d, %d, %lld", values[i].why, values[i].text,
                     rv, (int)got.how, (long long)number);
        }
    }
}

static const struct {
    const char *text;
    apr_int64_t usec; /* -1: refused */
} dates[] = {
    { "2026-12-01T00:00:00Z", 1796083200 * SECOND },
    { "2026-12-01T00:00:00+00:00", 1796083200 * SECOND },
    { "2026-12-01T00:00:00-00:00", 1796083200 * SECOND },
    { "2026-12-01", 1796083200 * SECOND },
    { "2026-12-01 00:00:00z", 1796083200 * SECOND },
    { "2026-12-01t00:00:00Z", 1796083200 * SECOND },
    { "2026-12-01T00:00Z", 1796083200 * SECOND },
    { "2026-12-01T01:30:00+01:30", 1796083200 * SECOND },
    { "2026-12-01T01:30:00+0130", 1796083200 * SECOND },
    { "2026-12-01T01:00:00+01", 1796083200 * SECOND },
    { "2026-11-30T18:30:00-05:30", 1796083200 * SECOND },
    { "2026-11-22T21:01:58.235723+00:00", 1795381318 * SECOND + 235723 },
    { "2026-12-01T00:00:00.5Z", 1796083200 * SECOND + 500000 },
    { "2026-12-01T00:00:00.0000019Z", 1796083200 * SECOND + 1 },
    { "2026-12-01T00:00:00.000000000000000000000009Z", 1796083200 * SECOND },
    { "1970-01-01T00:00:00Z", 0 },
    { "1970-01-01T01:00:00+01:00", 0 },
    { "2000-02-29", 951782400 * SECOND },
    { "2024-02-29", 1709164800 * SECOND },
    { "2038-01-19T03:14:08Z", 2147483648 * SECOND },
    { "2106-02-07T06:28:16Z", 4294967296 * SECOND },
    { "9999-12-31T23:59:59.999999Z", DJS_CIVIL_LAST },
    { "1969-12-31T23:59:59Z", -1 },
    { "1970-01-01T00:00:00+00:01", -1 },
    { "9999-12-31T23:59:59-00:01", -1 },
    { "0000-01-01", -1 },
    { "10000-01-01", -1 },
    { "2023-02-29", -1 },
    { "2100-02-29", -1 },
    { "2026-00-01", -1 },
    { "2026-13-01", -1 },
    { "2026-04-31", -1 },
    { "2026-01-00", -1 },
    { "2026-01-32", -1 },
    { "2026-12-01T24:00:00Z", -1 },
    { "2026-12-01T00:60:00Z", -1 },
    { "2026-12-01T00:00:60Z", -1 },
    { "2026-12-01T00:00:00", -1 },
    { "2026-12-01T00:00:00 Z", -1 },
    { "2026-12-01T00:00:00ZZ", -1 },
    { "2026-12-01T00:00:00.Z", -1 },
    { "2026-12-01T00:00:0Z", -1 },
    { "2026-12-01T00:0:00Z", -1 },
    { "2026-12-01T0:00:00Z", -1 },
    { "2026-12-01T00-00:00Z", -1 },
    { "2026-12-01T", -1 },
    { "2026-12-01x00:00:00Z", -1 },
    { "2026-12-01T00:00:00+", -1 },
    { "2026-12-01T00:00:00+1", -1 },
    { "2026-12-01T00:00:00+01:", -1 },
    { "2026-12-01T00:00:00+01:0", -1 },
    { "2026-12-01T00:00:00+24:00", -1 },
    { "2026-12-01T00:00:00+01:60", -1 },
    { "2026-12-01T00:00:00+01:00x", -1 },
    { "2026-12-1", -1 },
    { "2026-1-01", -1 },
    { "26-12-01", -1 },
    { "2026/12/01", -1 },
    { "20261201", -1 },
    { "-2026-12-01", -1 },
    { " 2026-12-01", -1 },
    { "2026-12-01 ", -1 },
    { "+026-12-01", -1 },
    { "", -1 },
};

static void iso_dates_are_read_strictly(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT(dates); i++) {
        apr_time_t got = 77;
        apr_status_t rv = djs_expiry_date_parse(&got, djs_bytes(dates[i].text));

        if (rv != APR_SUCCESS && got == 0) {
            got = -1;
        }
        if (got != dates[i].usec || (rv == APR_SUCCESS) != (got != -1)) {
            fail_msg("\"%s\" gave %lld", dates[i].text, (long long)got);
        }
    }
}

static void an_expiry_is_written_as_django_writes_it(void **state)
{
    static const struct {
        djs_expiry_t expiry;
        const char *text;
    } rows[] = {
        { { .how = DJS_EXPIRY_POLICY }, "" },
        { { .how = DJS_EXPIRY_BROWSER }, "0" },
        { { .how = DJS_EXPIRY_SECONDS, .seconds = -60 }, "-60" },
        { { .how = DJS_EXPIRY_SECONDS, .seconds = LEAST },
          "-9223372036854775808" },
        { { .how = DJS_EXPIRY_DATE, .date = 1796083200 * SECOND },
          "\"2026-12-01T00:00:00+00:00\"" },
        { { .how = DJS_EXPIRY_DATE, .date = 1795381318 * SECOND + 35723 },
          "\"2026-11-22T21:01:58.035723+00:00\"" },
        { { .how = DJS_EXPIRY_DATE, .date = MOST },
          "\"9999-12-31T23:59:59.999999+00:00\"" },
        { { .how = DJS_EXPIRY_DATE, .date = -1 },
          "\"1970-01-01T00:00:00+00:00\"" },
    };
    djs_bytes_t text;
    djs_expiry_t back;

    (void)state;
    for (size_t i = 0; i < COUNT(rows); i++) {
        djs_expiry_write(&text, &rows[i].expiry, pool);
        assert_true(djs_bytes_equal(text, djs_bytes(rows[i].text)));
        assert_int_equal(djs_expiry_read(&back, text.len ? &text : NULL),
                         APR_SUCCESS);
        assert_int_equal(back.how, rows[i].expiry.how);
    }
}

/* Rules 20 to 23 of Django, and N05 to N07: no sum overflows. */
static const struct {
    const char *why;
    djs_expiry_t expiry;
    djs_lifetime_t policy;
    apr_time_t now;
    apr_int64_t age;
    apr_time_t deadline;
    int browser;
} sums[] = {
    { "the policy's age",
      { POLICY, 0, 0 },
      { 14 * DAY, 0 },
      NOW,
      1209600,
      NOW + 14 * DAY,
      0 },
    { "the policy ends with the browser",
      { POLICY, 0, 0 },
      { 14 * DAY, 1 },
      NOW,
      1209600,
      NOW + 14 * DAY,
      1 },
    { "0: the store still keeps it for the policy's age",
      { BROWSER, 0, 0 },
      { 14 * DAY, 0 },
      NOW,
      1209600,
      NOW + 14 * DAY,
      1 },
    { "seconds overrule the browser",
      { SECONDS, 300, 0 },
      { 14 * DAY, 1 },
      NOW,
      300,
      NOW + 300 * SECOND,
      0 },
    { "negative seconds",
      { SECONDS, -5, 0 },
      { 14 * DAY, 0 },
      NOW,
      -5,
      NOW - 5 * SECOND,
      0 },
    { "a date",
      { DATE, 0, NOW + HOUR },
      { 14 * DAY, 1 },
      NOW,
      3600,
      NOW + HOUR,
      0 },
    { "a date less than an hour away shows 3599",
      { DATE, 0, NOW + HOUR },
      { 14 * DAY, 0 },
      NOW + 1,
      3599,
      NOW + HOUR,
      0 },
    { "a date just over is floored",
      { DATE, 0, NOW - 1 },
      { 14 * DAY, 0 },
      NOW,
      -1,
      NOW - 1,
      0 },
    { "half a second of policy",
      { POLICY, 0, 0 },
      { SECOND / 2, 0 },
      NOW,
      0,
      NOW + SECOND / 2,
      0 },
    { "N07: seconds without end",
      { SECONDS, MOST, 0 },
      { 14 * DAY, 0 },
      NOW,
      MOST,
      MOST,
      0 },
    { "N07: and without beginning",
      { SECONDS, LEAST, 0 },
      { 14 * DAY, 0 },
      -NOW,
      LEAST,
      LEAST,
      0 },
    { "N07: a policy without end",
      { POLICY, 0, 0 },
      { MOST, 0 },
      NOW,
      MOST / SECOND,
      MOST,
      0 },
    { "N05: a date at the beginning of time",
      { DATE, 0, LEAST },
      { 14 * DAY, 0 },
      NOW,
      LEAST / SECOND - 1,
      LEAST,
      0 },
    { "N05: seen from there",
      { DATE, 0, NOW },
      { 14 * DAY, 0 },
      LEAST,
      MOST / SECOND,
      NOW,
      0 },
    { "N06: 2038",
      { SECONDS, 2, 0 },
      { 14 * DAY, 0 },
      2147483647 * SECOND,
      2,
      2147483649 * SECOND,
      0 },
};

static void ages_and_dates_follow_django(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT(sums); i++) {
        const djs_expiry_t *e = &sums[i].expiry;
        const djs_lifetime_t *policy = &sums[i].policy;
        apr_int64_t age = djs_expiry_age(e, policy, sums[i].now);
        apr_time_t date = djs_expiry_deadline(e, policy, sums[i].now);

        if (age != sums[i].age || date != sums[i].deadline ||
            djs_expiry_browser_close(e, policy) != sums[i].browser) {
            fail_msg("%s: %lld, %lld", sums[i].why, (long long)age,
                     (long long)date);
        }
    }
}

/* C14, N01, N10: when a session is renewed. */
static const struct {
    const char *why;
    djs_renew_t renew;
    apr_int64_t passed; /* seconds since the save */
    apr_int64_t age;    /* seconds */
    int due;
} renewals[] = {
    { "never", { DJS_RENEW_OFF, 0, 0 }, 99999, 100, 0 },
    { "with every request", { DJS_RENEW_EVERY, 0, 0 }, 0, 100, 1 },
    { "with every request, clock gone back",
      { DJS_RENEW_EVERY, 0, 0 },
      -5,
      100,
      1 },
    { "C14: inside the interval", { DJS_RENEW_PERCENT, 10, 0 }, 9, 100, 0 },
    { "C14: outside", { DJS_RENEW_PERCENT, 10, 0 }, 10, 100, 1 },
    { "10 % of two weeks", { DJS_RENEW_PERCENT, 10, 0 }, 120959, 1209600, 0 },
    { "and past it", { DJS_RENEW_PERCENT, 10, 0 }, 120960, 1209600, 1 },
    { "100 %", { DJS_RENEW_PERCENT, 100, 0 }, 99, 100, 0 },
    { "after a time, before", { DJS_RENEW_AFTER, 0, 60 * SECOND }, 59, 100, 0 },
    { "after a time, past", { DJS_RENEW_AFTER, 0, 60 * SECOND }, 60, 100, 1 },
    { "N01: one second back", { DJS_RENEW_PERCENT, 10, 0 }, -1, 100, 0 },
    { "N01: one age back", { DJS_RENEW_PERCENT, 10, 0 }, -100, 100, 0 },
    { "N01: more than that",
      { DJS_RENEW_AFTER, 0, 60 * SECOND },
      -101,
      100,
      1 },
    { "no age at all", { DJS_RENEW_PERCENT, 10, 0 }, 0, 0, 1 },
};

static void a_session_is_renewed_when_it_is_due(void **state)
{
    const djs_renew_t half = { DJS_RENEW_PERCENT, 50, 0 };

    (void)state;
    for (size_t i = 0; i < COUNT(renewals); i++) {
        int due =
            djs_expiry_due(&renewals[i].renew, NOW, renewals[i].age * SECOND,
                           NOW + renewals[i].passed * SECOND);

        if (due != renewals[i].due) {
            fail_msg("%s: %d", renewals[i].why, due);
        }
    }
    /* N07: the sums at the ends of time. */
    assert_true(djs_expiry_due(&half, LEAST, MOST, MOST));
    assert_true(djs_expiry_due(&half, MOST, 1, LEAST));
    assert_false(djs_expiry_due(&half, 0, MOST, MOST / 2 - 100));
}

/* N04: every day of eight thousand years, there and back. */
static void each_day_has_its_date(void **state)
{
    static const int lengths[] = { 31, 28, 31, 30, 31, 30,
                                   31, 31, 30, 31, 30, 31 };
    int year = 1970, month = 1, day = 1, weekday = 4;

    (void)state;
    for (apr_int64_t n = 0; year < 10000; n++) {
        apr_time_t t = n * DAY + (n * 7919 % 86400) * SECOND + n % 1000000;
        int leap = year % 400 == 0 || (year % 4 == 0 && year % 100 != 0);
        djs_civil_t c;
        apr_time_t back;

        djs_civil_split(&c, t);
        if (c.year != year || c.month != month || c.day != day ||
            c.weekday != weekday || djs_civil_time(&back, &c) != APR_SUCCESS ||
            back != t) {
            fail_msg("day %lld is %d-%d-%d", (long long)n, c.year, c.month,
                     c.day);
        }
        weekday = (weekday + 1) % 7;
        if (day++ == lengths[month - 1] + (leap && month == 2)) {
            day = 1;
            month = month % 12 + 1;
            year += month == 1;
        }
    }
}

static void no_field_of_a_date_leaves_its_range(void **state)
{
    static const djs_civil_t wrong[] = {
        { 1969, 1, 1, 0, 0, 0, 0, 0 },  { 10000, 1, 1, 0, 0, 0, 0, 0 },
        { 2026, 0, 1, 0, 0, 0, 0, 0 },  { 2026, 13, 1, 0, 0, 0, 0, 0 },
        { 2026, 1, 0, 0, 0, 0, 0, 0 },  { 2026, 1, 32, 0, 0, 0, 0, 0 },
        { 2026, 1, 1, -1, 0, 0, 0, 0 }, { 2026, 1, 1, 24, 0, 0, 0, 0 },
        { 2026, 1, 1, 0, -1, 0, 0, 0 }, { 2026, 1, 1, 0, 60, 0, 0, 0 },
        { 2026, 1, 1, 0, 0, -1, 0, 0 }, { 2026, 1, 1, 0, 0, 60, 0, 0 },
        { 2026, 1, 1, 0, 0, 0, -1, 0 }, { 2026, 1, 1, 0, 0, 0, 1000000, 0 },
        { 2026, 2, 29, 0, 0, 0, 0, 0 },
    };
    apr_time_t t;

    (void)state;
    for (size_t i = 0; i < COUNT(wrong); i++) {
        t = 77;
        assert_int_equal(djs_civil_time(&t, &wrong[i]), DJS_EINVALID);
        assert_int_equal(t, 0);
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
        cmocka_unit_test(every_kind_of_value_is_read),
        cmocka_unit_test(iso_dates_are_read_strictly),
        cmocka_unit_test(an_expiry_is_written_as_django_writes_it),
        cmocka_unit_test(ages_and_dates_follow_django),
        cmocka_unit_test(a_session_is_renewed_when_it_is_due),
        cmocka_unit_test(each_day_has_its_date),
        cmocka_unit_test(no_field_of_a_date_leaves_its_range),
    };

    return cmocka_run_group_tests(tests, setup, teardown);
}
