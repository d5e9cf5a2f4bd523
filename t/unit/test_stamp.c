/* unit/test_stamp - the times that a save gives a record, and when they are
 * over. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>
#include "session/stamp.h"

#define SECOND APR_INT64_C(1000000)
#define DAY    (86400 * SECOND)
#define BIRTH  (APR_INT64_C(1800000000) * SECOND)
#define NO_MAX (-1) /* Max-Age of a cookie that ends with the browser */

/* Sessions of two weeks, renewed after a tenth, that end after a day. */
static djs_terms_t terms_of_a_day(void)
{
    djs_terms_t terms = { .lifetime = { 14 * DAY, 0 },
                          .renew = { DJS_RENEW_PERCENT, 10, 0 },
                          .absolute = DAY };

    return terms;
}

static djs_record_t born(void)
{
    djs_record_t record = { .kind = DJS_RECORD_SESSION,
                            .created = BIRTH,
                            .keyed = BIRTH };

    return record;
}

/* Saves it with `_session_expiry` of that JSON (NULL: absent). */
static apr_int64_t save_with(djs_record_t *record, const char *json,
                             const djs_terms_t *terms, apr_time_t now)
{
    djs_bytes_t expiry = djs_bytes(json ? json : "");
    apr_int64_t max_age = 12345;

    assert_int_equal(
        djs_stamp_save(record, &max_age, json ? &expiry : NULL, terms, now),
        APR_SUCCESS);
    return max_age;
}

/* C17: Off is no limit; from birth; from the last login, which resets it. */
static void the_limit_counts_from_birth_or_from_the_last_login(void **state)
{
    djs_terms_t terms = terms_of_a_day();
    djs_record_t record = born();

    (void)state;
    assert_int_equal(djs_stamp_limit(&record, &terms), BIRTH + DAY);
    record.authenticated = BIRTH + 5 * SECOND;
    assert_int_equal(djs_stamp_limit(&record, &terms),
                     BIRTH + 5 * SECOND + DAY);
    record.authenticated = BIRTH - 5 * SECOND; /* the clock had gone back */
    assert_int_equal(djs_stamp_limit(&record, &terms), BIRTH + DAY);
    terms.absolute = 0;
    assert_int_equal(djs_stamp_limit(&record, &terms), APR_INT64_MAX);
}

/* C16, C17: over at the microsecond, whichever comes first. */
static void a_session_is_over_at_its_deadline_and_at_its_limit(void **state)
{
    djs_terms_t terms = terms_of_a_day();
    djs_record_t record = born();

    (void)state;
    record.expires = BIRTH + 2 * DAY; /* saved when there was no limit */
    assert_false(djs_commit_is_over(&record, &terms, BIRTH + DAY - 1));
    assert_true(djs_commit_is_over(&record, &terms, BIRTH + DAY));
    assert_true(djs_commit_is_over(&record, &terms, BIRTH + DAY + 1));
    record.expires = BIRTH + DAY / 2;
    assert_false(djs_commit_is_over(&record, &terms, BIRTH + DAY / 2 - 1));
    assert_true(djs_commit_is_over(&record, &terms, BIRTH + DAY / 2));
    terms.absolute = 0;
    record.expires = BIRTH + 2 * DAY;
    assert_false(djs_commit_is_over(&record, &terms, BIRTH + 2 * DAY - 1));
    assert_true(djs_commit_is_over(&record, &terms, BIRTH + 2 * DAY));
}

/* C17: used and saved each minute, and rotated each hour, it ends when it must;
 * so does the cookie. */
static void no_use_prolongs_a_session_over_its_limit(void **state)
{
    djs_terms_t terms = terms_of_a_day();
    djs_record_t record = born();

    (void)state;
    for (int minute = 0; minute < 24 * 60; minute++) {
        apr_time_t now = BIRTH + minute * 60 * SECOND;

        assert_false(djs_commit_is_over(&record, &terms, now) && minute > 0);
        record.keyed = minute % 60 ? record.keyed : now;
        assert_int_equal(save_with(&record, NULL, &terms, now),
                         86400 - 60 * minute);
        assert_int_equal(record.expires, BIRTH + DAY);
        assert_int_equal(record.age, record.expires - now);
        assert_int_equal(record.saved, now);
        assert_int_equal(djs_stamp_max_age(&record, now), 86400 - 60 * minute);
    }
    assert_int_equal(record.version, 24 * 60);
    assert_true(djs_commit_is_over(&record, &terms, BIRTH + DAY));
    record.authenticated = BIRTH + DAY - SECOND; /* but a login does */
    save_with(&record, NULL, &terms, BIRTH + DAY - SECOND);
    assert_int_equal(record.expires, BIRTH + 2 * DAY - SECOND);
}

/* B12, C17: what set_expiry asked for is capped like any other lifetime. 2027-
 * 01-16 is the day after the birth; 1800000000 is 2027-01-15 08:00. */
static const struct {
    const char *why, *json;
    apr_int64_t max_age;
    apr_interval_time_t lasts;
    unsigned flags;
} expiries[] = {
    { "none", NULL, 86400, DAY, 0 },
    { "an hour", "3600", 3600, 3600 * SECOND, 0 },
    { "to the second", "86400", 86400, DAY, 0 },
    { "a second more", "86401", 86400, DAY, 0 },
    { "a year", "31536000", 86400, DAY, 0 },
    { "browser", "0", NO_MAX, DAY, DJS_RECORD_BROWSER },
    { "long ago", "-5", 0, -5 * SECOND, 0 },
    { "a date before it", "\"2027-01-15T09:00:00+00:00\"", 3600, 3600 * SECOND,
      DJS_RECORD_FIXED },
    { "a date after it", "\"2027-02-15T09:00:00+00:00\"", 86400, DAY,
      DJS_RECORD_FIXED },
    { "a date that is over", "\"2026-02-15T09:00:00+00:00\"", 0,
      -(334 * DAY - 3600 * SECOND), DJS_RECORD_FIXED },
    { "more than 64 bits", "99999999999999999999", 86400, DAY, 0 },
};

static void each_expiry_of_its_own_is_capped(void **state)
{
    djs_terms_t terms = terms_of_a_day();

    (void)state;
    for (size_t i = 0; i < sizeof expiries / sizeof *expiries; i++) {
        djs_record_t record = born();

        record.flags = DJS_RECORD_TLS | DJS_RECORD_BROWSER | DJS_RECORD_FIXED;
        if (save_with(&record, expiries[i].json, &terms, BIRTH) !=
                expiries[i].max_age ||
            record.expires != BIRTH + expiries[i].lasts ||
            record.flags != (DJS_RECORD_TLS | expiries[i].flags)) {
            fail_msg("%s: expires %" APR_INT64_T_FMT " flags %x",
                     expiries[i].why, record.expires - BIRTH, record.flags);
        }
        assert_int_equal(record.age,
                         expiries[i].lasts > 0 ? expiries[i].lasts : 0);
    }
}

static void the_browsers_end_is_the_cookies_also_by_the_policy(void **state)
{
    djs_terms_t terms = terms_of_a_day();
    djs_record_t record = born();

    (void)state;
    terms.lifetime.browser_close = 1;
    assert_true(save_with(&record, NULL, &terms, BIRTH) < 0);
    assert_true(djs_stamp_max_age(&record, BIRTH) < 0);
    assert_int_equal(save_with(&record, "60", &terms, BIRTH), 60);
    assert_int_equal(djs_stamp_max_age(&record, BIRTH), 60);
    assert_int_equal(djs_stamp_max_age(&record, BIRTH + 60 * SECOND), 0);
    assert_int_equal(djs_stamp_max_age(&record, BIRTH + DAY), 0);
}

/* C14, C17: at its limit a save would give it nothing; EveryRequest saves all
 * the same, as Django does. */
static void no_renewal_is_due_once_the_limit_is_reached(void **state)
{
    djs_terms_t terms = terms_of_a_day();
    djs_record_t record = born();
    apr_time_t late = BIRTH + DAY - SECOND;

    (void)state;
    save_with(&record, NULL, &terms, BIRTH);
    assert_false(djs_stamp_renewal_due(&record, &terms, late));
    terms.renew.how = DJS_RENEW_AFTER;
    terms.renew.after = SECOND;
    assert_false(djs_stamp_renewal_due(&record, &terms, late));
    terms.renew.how = DJS_RENEW_EVERY;
    assert_true(djs_stamp_renewal_due(&record, &terms, late));
    terms.renew.how = DJS_RENEW_OFF;
    assert_false(djs_stamp_renewal_due(&record, &terms, late));
    terms.renew.how = DJS_RENEW_AFTER;
    terms.absolute = 30 * DAY; /* now there is room */
    assert_true(djs_stamp_renewal_due(&record, &terms, late));
}

/* C14, C17: short lives are renewed as ever until they meet the limit. */
static void a_renewal_is_due_until_the_limit_is_met(void **state)
{
    djs_terms_t terms = terms_of_a_day();
    djs_record_t record = born();
    apr_time_t now = BIRTH;

    (void)state;
    terms.lifetime.age = 3600 * SECOND;
    save_with(&record, NULL, &terms, now);
    assert_false(djs_stamp_renewal_due(&record, &terms, now + 359 * SECOND));
    for (int i = 0; i < 230; i++) {
        now += 360 * SECOND;
        assert_true(djs_stamp_renewal_due(&record, &terms, now));
        save_with(&record, NULL, &terms, now);
    }
    assert_int_equal(now, BIRTH + DAY - 3600 * SECOND);
    assert_int_equal(record.expires, BIRTH + DAY);
    assert_false(djs_stamp_renewal_due(&record, &terms, now + 1800 * SECOND));
}

static void a_fixed_date_is_renewed_with_every_request_only(void **state)
{
    djs_terms_t terms = terms_of_a_day();
    djs_record_t record = born();

    (void)state;
    terms.absolute = 0;
    save_with(&record, "\"2027-01-20T08:00:00+00:00\"", &terms, BIRTH);
    assert_int_equal(record.expires, BIRTH + 5 * DAY);
    assert_false(djs_stamp_renewal_due(&record, &terms, BIRTH + 4 * DAY));
    terms.renew.how = DJS_RENEW_EVERY;
    assert_true(djs_stamp_renewal_due(&record, &terms, BIRTH));
}

/* C18: due on the microsecond; Off, and a key from the future, never. */
static void a_rotation_is_due_at_its_time(void **state)
{
    djs_terms_t terms = terms_of_a_day();
    djs_record_t record = born();

    (void)state;
    assert_false(djs_stamp_rotation_due(&record, &terms, BIRTH + 900 * DAY));
    terms.rotate = 900 * SECOND;
    assert_false(djs_stamp_rotation_due(&record, &terms, BIRTH));
    assert_false(
        djs_stamp_rotation_due(&record, &terms, BIRTH + terms.rotate - 1));
    assert_true(djs_stamp_rotation_due(&record, &terms, BIRTH + terms.rotate));
    assert_true(djs_stamp_rotation_due(&record, &terms, BIRTH + DAY));
    assert_false(djs_stamp_rotation_due(&record, &terms, BIRTH - DAY));
    record.created =
        BIRTH - DAY; /* the key's birth counts, not the session's */
    assert_false(djs_stamp_rotation_due(&record, &terms, BIRTH));
}

/* N01: a clock that goes back ends nothing early and prolongs nothing. */
static void a_clock_that_goes_back_moves_no_limit(void **state)
{
    djs_terms_t terms = terms_of_a_day();
    djs_record_t record = born();
    apr_time_t back = BIRTH - 3600 * SECOND;

    (void)state;
    save_with(&record, NULL, &terms, BIRTH);
    assert_false(djs_commit_is_over(&record, &terms, back));
    assert_int_equal(djs_stamp_max_age(&record, back), 86400 + 3600);
    save_with(&record, NULL, &terms, back);
    assert_int_equal(record.expires, BIRTH + DAY);
    assert_int_equal(djs_stamp_limit(&record, &terms), BIRTH + DAY);
}

/* N06: the ends of 32-bit times are days like others. */
static void the_years_2038_and_2106_are_years_like_others(void **state)
{
    static const apr_int64_t ends[] = { 0x7fffffff, 0x80000000, 0xffffffff,
                                        0x100000000 };
    djs_terms_t terms = terms_of_a_day();

    (void)state;
    terms.rotate = DAY;
    for (size_t i = 0; i < sizeof ends / sizeof *ends; i++) {
        apr_time_t now = ends[i] * SECOND;
        djs_record_t record = born();

        record.created = record.keyed = now - 1;
        assert_int_equal(save_with(&record, NULL, &terms, now), 86399);
        assert_int_equal(record.expires, now + DAY - 1);
        assert_false(djs_stamp_rotation_due(&record, &terms, now + DAY - 2));
        assert_true(djs_stamp_rotation_due(&record, &terms, now + DAY - 1));
        assert_false(djs_commit_is_over(&record, &terms, now + DAY - 2));
        assert_true(djs_commit_is_over(&record, &terms, now + DAY - 1));
    }
}

/* N07, N05: sums stay within 64 bits (under UBSan), and are the nearest that
 * there is. */
static void sums_at_the_ends_of_64_bits_saturate(void **state)
{
    static const apr_time_t moments[] = {
        APR_INT64_MIN, -1, 0, 1, APR_INT64_MAX - DAY, APR_INT64_MAX
    };
    djs_terms_t terms = terms_of_a_day();

    (void)state;
    terms.rotate = 3650 * DAY;
    for (size_t i = 0; i < sizeof moments / sizeof *moments; i++) {
        djs_record_t record = born();

        record.created = record.keyed = record.authenticated = moments[i];
        record.saved = record.expires = record.age = moments[i];
        assert_int_equal(djs_stamp_limit(&record, &terms),
                         moments[i] < APR_INT64_MAX - DAY ? moments[i] + DAY
                                                          : APR_INT64_MAX);
        assert_int_equal(djs_commit_is_over(&record, &terms, BIRTH), i < 4);
        assert_int_equal(djs_stamp_rotation_due(&record, &terms, BIRTH), i < 4);
        (void)djs_stamp_renewal_due(&record, &terms, BIRTH);
        assert_true(djs_stamp_max_age(&record, BIRTH) >= 0);
    }
}

/* N07: seconds beyond all dates, without a limit to cap them. */
static void a_lifetime_beyond_all_dates_saturates(void **state)
{
    static const char *const many[] = { "9223372036854775807",
                                        "99999999999999999999",
                                        "9007199254740993000" };
    djs_terms_t terms = terms_of_a_day();

    (void)state;
    terms.absolute = 0;
    for (size_t i = 0; i < sizeof many / sizeof *many; i++) {
        djs_record_t record = born();

        assert_true(save_with(&record, many[i], &terms, BIRTH) >
                    APR_INT64_C(9000000000000));
        assert_int_equal(record.expires, APR_INT64_MAX);
        assert_int_equal(record.age, APR_INT64_MAX - BIRTH);
        assert_false(djs_commit_is_over(&record, &terms, BIRTH));
    }
}

/* SessionMaxAge: no deadline is further away, whatever asks for it. */
static void no_deadline_is_further_away_than_the_terms_allow(void **state)
{
    static const char *const asked[] = { NULL, "86400",
                                         "\"2099-01-01T00:00:00+00:00\"" };
    djs_terms_t terms = terms_of_a_day();

    (void)state;
    terms.at_most = 60 * SECOND;
    for (size_t i = 0; i < sizeof asked / sizeof *asked; i++) {
        djs_record_t record = born();

        assert_int_equal(save_with(&record, asked[i], &terms, BIRTH), 60);
        assert_int_equal(record.expires, BIRTH + 60 * SECOND);
        assert_int_equal(record.age, 60 * SECOND);
        assert_int_equal(save_with(&record, "30", &terms, BIRTH), 30);
        assert_int_equal(record.expires, BIRTH + 30 * SECOND);
        /* the absolute limit comes first when it is near */
        (void)save_with(&record, NULL, &terms, BIRTH + DAY - 30 * SECOND);
        assert_int_equal(record.expires, BIRTH + DAY);
        terms.absolute = 0;
        (void)save_with(&record, NULL, &terms, BIRTH + DAY);
        assert_int_equal(record.expires, BIRTH + DAY + 60 * SECOND);
        terms.absolute = DAY;
    }
}

static void an_expiry_that_is_none_stamps_nothing(void **state)
{
    static const char *const wrong[] = { "true", "\"soon\"", "[]", "{}" };
    djs_terms_t terms = terms_of_a_day();

    (void)state;
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++) {
        djs_record_t record = born(), before = record;
        djs_bytes_t expiry = djs_bytes(wrong[i]);
        apr_int64_t max_age;

        assert_int_not_equal(
            djs_stamp_save(&record, &max_age, &expiry, &terms, BIRTH),
            APR_SUCCESS);
        assert_memory_equal(&record, &before, sizeof record);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_limit_counts_from_birth_or_from_the_last_login),
        cmocka_unit_test(a_session_is_over_at_its_deadline_and_at_its_limit),
        cmocka_unit_test(no_use_prolongs_a_session_over_its_limit),
        cmocka_unit_test(each_expiry_of_its_own_is_capped),
        cmocka_unit_test(the_browsers_end_is_the_cookies_also_by_the_policy),
        cmocka_unit_test(no_renewal_is_due_once_the_limit_is_reached),
        cmocka_unit_test(a_renewal_is_due_until_the_limit_is_met),
        cmocka_unit_test(a_fixed_date_is_renewed_with_every_request_only),
        cmocka_unit_test(a_rotation_is_due_at_its_time),
        cmocka_unit_test(a_clock_that_goes_back_moves_no_limit),
        cmocka_unit_test(the_years_2038_and_2106_are_years_like_others),
        cmocka_unit_test(sums_at_the_ends_of_64_bits_saturate),
        cmocka_unit_test(a_lifetime_beyond_all_dates_saturates),
        cmocka_unit_test(no_deadline_is_further_away_than_the_terms_allow),
        cmocka_unit_test(an_expiry_that_is_none_stamps_nothing),
    };

    return cmocka_run_group_tests_name("stamp", tests, NULL, NULL);
}
