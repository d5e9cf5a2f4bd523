/* session/expiry - every sum with dates: Django's expiry rules.
 *
 * Sums saturate: a lifetime of centuries ends late, never in the past. */
#include <apr_strings.h>
#include "codec/json.h"
#include "session/civil.h"
#include "session/expiry.h"

#define FAR_POWER 1000 /* of ten: beyond any 64-bit number */

/* Walks over the text of a date. */
typedef struct {
    const char *at;
    const char *end;
} scan_t;

static apr_int64_t add(apr_int64_t a, apr_int64_t b)
{
    apr_int64_t sum;

    if (__builtin_add_overflow(a, b, &sum)) {
        return a < 0 ? APR_INT64_MIN : APR_INT64_MAX;
    }
    return sum;
}

static apr_int64_t subtract(apr_int64_t a, apr_int64_t b)
{
    apr_int64_t rest;

    if (__builtin_sub_overflow(a, b, &rest)) {
        return a < 0 ? APR_INT64_MIN : APR_INT64_MAX;
    }
    return rest;
}

static apr_int64_t multiply(apr_int64_t a, apr_int64_t b)
{
    apr_int64_t product;

    if (__builtin_mul_overflow(a, b, &product)) {
        return (a < 0) != (b < 0) ? APR_INT64_MIN : APR_INT64_MAX;
    }
    return product;
}

/* Microseconds as whole seconds, rounded down (also below 0). */
static apr_int64_t seconds_floor(apr_int64_t usec)
{
    apr_int64_t seconds = usec / APR_USEC_PER_SEC;

    return usec % APR_USEC_PER_SEC < 0 ? seconds - 1 : seconds;
}

static int scan_is_digit(const scan_t *scan)
{
    return scan->at < scan->end && *scan->at >= '0' && *scan->at <= '9';
}

/* Steps over `c` if it stands there. */
static int scan_char(scan_t *scan, char c)
{
    if (scan->at < scan->end && *scan->at == c) {
        scan->at++;
        return 1;
    }
    return 0;
}

/* Exactly `digits` digits. */
static int scan_number(scan_t *scan, int digits, int *out)
{
    *out = 0;
    while (digits-- > 0) {
        if (!scan_is_digit(scan)) {
            return 0;
        }
        *out = *out * 10 + (*scan->at++ - '0');
    }
    return 1;
}

static int scan_date(scan_t *scan, djs_civil_t *out)
{
    return scan_number(scan, 4, &out->year) && scan_char(scan, '-') &&
           scan_number(scan, 2, &out->month) && scan_char(scan, '-') &&
           scan_number(scan, 2, &out->day);
}

/* One digit or more behind the point; those below a microsecond are dropped. */
static int scan_fraction(scan_t *scan, int *usec)
{
    int unit = 100000;

    if (!scan_is_digit(scan)) {
        return 0;
    }
    while (scan_is_digit(scan)) {
        *usec += (*scan->at++ - '0') * unit;
        unit /= 10;
    }
    return 1;
}

/* HH:MM, :SS and a fraction if they are there. */
static int scan_clock(scan_t *scan, djs_civil_t *out)
{
    if (!scan_number(scan, 2, &out->hour) || !scan_char(scan, ':') ||
        !scan_number(scan, 2, &out->minute)) {
        return 0;
    }
    if (!scan_char(scan, ':')) {
        return 1;
    }
    if (!scan_number(scan, 2, &out->second)) {
        return 0;
    }
    return !scan_char(scan, '.') || scan_fraction(scan, &out->usec);
}

/* Z, or an offset: +HH:MM, +HHMM, +HH. `*seconds` is what local time is ahead
 * of UTC. */
static int scan_zone(scan_t *scan, apr_int64_t *seconds)
{
    int minus, hours, minutes = 0;

    *seconds = 0;
    if (scan_char(scan, 'Z') || scan_char(scan, 'z')) {
        return 1;
    }
    minus = scan_char(scan, '-');
    if (!minus && !scan_char(scan, '+')) {
        return 0;
    }
    if (!scan_number(scan, 2, &hours)) {
        return 0;
    }
    if ((scan_char(scan, ':') || scan_is_digit(scan)) &&
        !scan_number(scan, 2, &minutes)) {
        return 0;
    }
    *seconds = (minus ? -1 : 1) * (hours * 3600 + minutes * 60);
    return hours < 24 && minutes < 60;
}

/* The power of ten behind `e`, if there is one, kept within a thousand. */
static int scan_exponent(scan_t *scan)
{
    int minus, power = 0;

    if (!scan_char(scan, 'e') && !scan_char(scan, 'E')) {
        return 0;
    }
    minus = scan_char(scan, '-');
    scan_char(scan, '+');
    while (scan_is_digit(scan)) {
        power = power * 10 + (*scan->at++ - '0');
        power = power > FAR_POWER ? FAR_POWER : power;
    }
    return minus ? -power : power;
}

/* Digits, appended to `*sum` as long as they fit; returns how many did. */
static int scan_digits(scan_t *scan, apr_int64_t *sum, int *dropped)
{
    int taken = 0;

    for (*dropped = 0; scan_is_digit(scan); scan->at++) {
        if (*sum > APR_INT64_MAX / 100) {
            *dropped += *dropped < FAR_POWER;
            continue;
        }
        *sum = *sum * 10 + (*scan->at - '0');
        taken++;
    }
    return taken;
}

/* The whole seconds of a normal JSON float, cut towards 0 as int() does. Read
 * from its text: no locale, no overflow. NaN and Infinity are refused. */
static apr_status_t read_float(djs_expiry_t *out, djs_bytes_t text)
{
    scan_t scan = { text.data, text.data + text.len };
    int minus = scan_char(&scan, '-');
    apr_int64_t sum = 0;
    int power, dropped, ignored;

    if (!scan_is_digit(&scan)) {
        return DJS_EINVALID;
    }
    scan_digits(&scan, &sum, &dropped);
    power = dropped;
    if (scan_char(&scan, '.')) {
        power -= scan_digits(&scan, &sum, &ignored);
    }
    power += scan_exponent(&scan);

    out->how = sum ? DJS_EXPIRY_SECONDS : DJS_EXPIRY_BROWSER;
    for (; sum && power < 0; power++) {
        sum /= 10;
    }
    for (; sum && power > 0; power--) {
        sum = multiply(sum, 10);
    }
    out->seconds = minus ? -sum : sum;
    return APR_SUCCESS;
}

static apr_status_t read_integer(djs_expiry_t *out, djs_bytes_t text)
{
    apr_status_t rv = djs_json_int64(&out->seconds, text);

    if (rv == DJS_ETOOBIG) {
        out->seconds = text.data[0] == '-' ? APR_INT64_MIN : APR_INT64_MAX;
        rv = APR_SUCCESS;
    }
    out->how = out->seconds ? DJS_EXPIRY_SECONDS : DJS_EXPIRY_BROWSER;
    return rv;
}

/* A normal string that holds a date has no escape in it. */
static apr_status_t read_string(djs_expiry_t *out, djs_bytes_t text)
{
    out->how = DJS_EXPIRY_DATE;
    return djs_expiry_date_parse(&out->date,
                                 djs_bytes_of(text.data + 1, text.len - 2));
}

static apr_status_t read_value(djs_expiry_t *out, djs_bytes_t value)
{
    switch (djs_json_kind(value)) {
    case DJS_JSON_NULL:
        return APR_SUCCESS;
    case DJS_JSON_INTEGER:
        return read_integer(out, value);
    case DJS_JSON_FLOAT:
        return read_float(out, value);
    case DJS_JSON_STRING:
        return read_string(out, value);
    default:
        return DJS_ETYPE;
    }
}

apr_status_t djs_expiry_read(djs_expiry_t *out, const djs_bytes_t *value)
{
    apr_status_t rv = APR_SUCCESS;

    memset(out, 0, sizeof(*out));
    if (value) {
        rv = read_value(out, *value);
    }
    if (rv != APR_SUCCESS) {
        memset(out, 0, sizeof(*out));
    }
    return rv;
}

/* As isoformat() of an aware date in UTC: no fraction when there is none. */
static const char *date_text(apr_time_t t, apr_pool_t *p)
{
    djs_civil_t c;
    char fraction[8] = "";

    djs_civil_split(&c, t);
    if (c.usec) {
        apr_snprintf(fraction, sizeof(fraction), ".%06d", c.usec);
    }
    return apr_psprintf(p, "\"%04d-%02d-%02dT%02d:%02d:%02d%s+00:00\"", c.year,
                        c.month, c.day, c.hour, c.minute, c.second, fraction);
}

void djs_expiry_write(djs_bytes_t *out, const djs_expiry_t *expiry,
                      apr_pool_t *p)
{
    const char *text = "";

    switch (expiry->how) {
    case DJS_EXPIRY_POLICY:
        break;
    case DJS_EXPIRY_BROWSER:
        text = "0";
        break;
    case DJS_EXPIRY_SECONDS:
        text = apr_psprintf(p, "%" APR_INT64_T_FMT, expiry->seconds);
        break;
    case DJS_EXPIRY_DATE:
        text = date_text(expiry->date, p);
        break;
    }
    *out = djs_bytes(text);
}

apr_status_t djs_expiry_date_parse(apr_time_t *out, djs_bytes_t text)
{
    scan_t scan = { text.data, text.data + text.len };
    djs_civil_t civil = { 0 };
    apr_int64_t ahead = 0;
    apr_status_t rv;

    *out = 0;
    if (!scan_date(&scan, &civil)) {
        return DJS_EINVALID;
    }
    if (scan.at < scan.end) {
        if (!scan_char(&scan, 'T') && !scan_char(&scan, 't') &&
            !scan_char(&scan, ' ')) {
            return DJS_EINVALID;
        }
        if (!scan_clock(&scan, &civil) || !scan_zone(&scan, &ahead) ||
            scan.at < scan.end) {
            return DJS_EINVALID;
        }
    }

    rv = djs_civil_time(out, &civil);
    *out -= ahead * APR_USEC_PER_SEC;
    if (rv != APR_SUCCESS || *out < 0 || *out > DJS_CIVIL_LAST) {
        *out = 0;
        return DJS_EINVALID;
    }
    return APR_SUCCESS;
}

apr_int64_t djs_expiry_age(const djs_expiry_t *expiry,
                           const djs_lifetime_t *policy, apr_time_t now)
{
    switch (expiry->how) {
    case DJS_EXPIRY_SECONDS:
        return expiry->seconds;
    case DJS_EXPIRY_DATE:
        return seconds_floor(subtract(expiry->date, now));
    default:
        return seconds_floor(policy->age);
    }
}

apr_time_t djs_expiry_deadline(const djs_expiry_t *expiry,
                               const djs_lifetime_t *policy, apr_time_t now)
{
    switch (expiry->how) {
    case DJS_EXPIRY_SECONDS:
        return add(now, multiply(expiry->seconds, APR_USEC_PER_SEC));
    case DJS_EXPIRY_DATE:
        return expiry->date;
    default:
        return add(now, policy->age);
    }
}

int djs_expiry_browser_close(const djs_expiry_t *expiry,
                             const djs_lifetime_t *policy)
{
    if (expiry->how == DJS_EXPIRY_POLICY) {
        return policy->browser_close;
    }
    return expiry->how == DJS_EXPIRY_BROWSER;
}

/* How old a save must be to be renewed. */
static apr_interval_time_t renew_after(const djs_renew_t *renew,
                                       apr_interval_time_t age)
{
    if (renew->how == DJS_RENEW_AFTER) {
        return renew->after;
    }
    return add(multiply(age / 100, renew->percent),
               multiply(age % 100, renew->percent) / 100);
}

int djs_expiry_due(const djs_renew_t *renew, apr_time_t saved,
                   apr_interval_time_t age, apr_time_t now)
{
    apr_interval_time_t passed = subtract(now, saved);

    if (renew->how == DJS_RENEW_OFF || renew->how == DJS_RENEW_EVERY) {
        return renew->how == DJS_RENEW_EVERY;
    }
    if (passed < 0) {
        return subtract(saved, now) > age;
    }
    return passed >= renew_after(renew, age);
}
