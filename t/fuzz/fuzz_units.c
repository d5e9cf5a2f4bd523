/* fuzz_units - any text as a duration, a size, a date, an expiry: what is
 * accepted means what a slow and simple reader says, and what is written is
 * read back (B14, N05 to N07). */
#include <assert.h>
#include <stdint.h>
#include <stdlib.h>
#include <apr_general.h>
#include <apr_pools.h>
#include <apr_strings.h>
#include "base/units.h"
#include "codec/json.h"
#include "session/civil.h"
#include "session/cookie.h"
#include "session/expiry.h"
#include "store/site_rows.h"

static apr_pool_t *pool;

/* A number and its unit in 128 bits; -1 when it is none or too large. */
static __int128 slow_units(const char *text, const char *const units[],
                           const apr_int64_t factors[], __int128 most)
{
    __int128 number = 0;
    const char *at = text;

    for (; *at >= '0' && *at <= '9'; at++) {
        number = number * 10 + (*at - '0');
        if (number > most) {
            number = most + 1;
        }
    }
    if (at == text) {
        return -1;
    }
    for (int i = 0; units[i]; i++) {
        if (strcmp(at, units[i]) == 0) {
            number *= factors[i];
            return number > most ? -1 : number;
        }
    }
    return -1;
}

static void check_duration(const char *text)
{
    static const char *const units[] = { "",  "ms", "s", "m", "h",
                                         "d", "w",  "y", NULL };
    static const apr_int64_t factors[] = { 1000000,      1000,
                                           1000000,      60000000,
                                           3600000000,   86400000000,
                                           604800000000, 31536000000000 };
    apr_interval_time_t got = 77;
    apr_status_t rv = djs_units_duration(&got, text);
    __int128 want = slow_units(text, units, factors, APR_INT64_MAX);

    assert((rv == APR_SUCCESS) == (want >= 0));
    assert(got == (want >= 0 ? (apr_int64_t)want : 0));
}

static void check_size(const char *text)
{
    apr_size_t got = 77;
    apr_status_t rv = djs_units_size(&got, text);

    assert(rv == APR_SUCCESS || (rv == DJS_EINVALID && got == 0));
    if (rv == APR_SUCCESS) {
        assert(text[0] >= '0' && text[0] <= '9');
    }
}

static void check_civil(apr_time_t t)
{
    djs_civil_t c;
    apr_time_t back;
    char date[30];

    djs_civil_split(&c, t);
    assert(djs_civil_time(&back, &c) == APR_SUCCESS);
    assert(back == (t < 0 ? 0 : t > DJS_CIVIL_LAST ? DJS_CIVIL_LAST : t));
    djs_cookie_date(date, t);
    assert(strlen(date) == 29);
}

static void check_sums(const djs_expiry_t *e, apr_time_t now)
{
    const djs_lifetime_t policy = { 1209600 * APR_USEC_PER_SEC, 0 };
    __int128 age = djs_expiry_age(e, &policy, now);
    __int128 deadline = djs_expiry_deadline(e, &policy, now);

    if (e->how == DJS_EXPIRY_SECONDS) {
        __int128 span = age * APR_USEC_PER_SEC;

        assert(age == e->seconds);
        assert(deadline == now + span || deadline == APR_INT64_MAX ||
               deadline == APR_INT64_MIN || span > APR_INT64_MAX ||
               span < APR_INT64_MIN);
        assert(age < 0 ? deadline <= now : deadline >= now);
    }
    if (e->how == DJS_EXPIRY_DATE) {
        assert(deadline == e->date);
        assert(age * APR_USEC_PER_SEC <= (__int128)e->date - now);
    }
}

static void check_date(djs_bytes_t text)
{
    apr_time_t t = 77;
    apr_status_t rv = djs_expiry_date_parse(&t, text);
    djs_expiry_t expiry = { DJS_EXPIRY_DATE, 0, t };
    djs_expiry_t back;
    djs_bytes_t written;

    assert(rv == APR_SUCCESS || (rv == DJS_EINVALID && t == 0));
    assert(t >= 0 && t <= DJS_CIVIL_LAST);
    if (rv == APR_SUCCESS) {
        djs_expiry_write(&written, &expiry, pool);
        assert(djs_expiry_read(&back, &written) == APR_SUCCESS);
        assert(back.how == DJS_EXPIRY_DATE && back.date == t);
        check_civil(t);
    }
}

static void check_expiry(djs_bytes_t text, apr_time_t now)
{
    djs_expiry_t expiry, back;
    djs_bytes_t normal, written;

    if (djs_json_normal(&normal, NULL, text, 65536, pool) != APR_SUCCESS ||
        djs_expiry_read(&expiry, &normal) != APR_SUCCESS) {
        return;
    }
    check_sums(&expiry, now);
    djs_expiry_write(&written, &expiry, pool);
    assert(djs_expiry_read(&back, written.len ? &written : NULL) ==
           APR_SUCCESS);
    assert(back.seconds == expiry.seconds && back.date == expiry.date);
}

static void check_renewal(apr_time_t saved, apr_time_t now, int percent)
{
    const djs_renew_t renew = { DJS_RENEW_PERCENT, percent, 0 };
    const apr_interval_time_t age = 3600 * APR_USEC_PER_SEC;
    __int128 passed = (__int128)now - saved;
    int due = djs_expiry_due(&renew, saved, age, now);

    assert(due == (passed < 0 ? -passed > age
                              : passed * 100 >= (__int128)age * percent));
}

/* expire_date of a row: what is read is written, and read, as the same. */
static void check_row_time(const char *text)
{
    apr_time_t time = 0, again = 0;
    const char *written;

    if (djs_rows_time_read(&time, text, 0) && time >= 0) {
        written = djs_rows_time_text(time, 0, pool);
        assert(written);
        assert(djs_rows_time_read(&again, written, 0));
        assert(again == time || time > DJS_STORE_FOREVER);
    }
    (void)djs_rows_time_read(&time, text, 1);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    apr_int64_t times[2] = { 0, 0 };
    const char *text;

    if (!pool) {
        apr_initialize();
        apr_pool_create(&pool, NULL);
    }
    text = apr_pstrmemdup(pool, (const char *)data, size);
    memcpy(times, data, size < sizeof(times) ? size : sizeof(times));
    check_duration(text);
    check_size(text);
    check_date(djs_bytes_of((const char *)data, size));
    check_expiry(djs_bytes_of((const char *)data, size), times[1]);
    check_civil(times[0]);
    check_row_time(text);
    check_renewal(times[0], times[1], size ? data[0] % 101 : 0);
    apr_pool_clear(pool);
    return 0;
}
