/* session/civil - moments as year, month, day and time of day, in UTC. */
#include "session/civil.h"

#define DAY_SECONDS 86400

/* Days before the first of each month in a common year. */
static const int month_starts[13] = { 0,   31,  59,  90,  120, 151, 181,
                                      212, 243, 273, 304, 334, 365 };

static int year_is_leap(int year)
{
    return (year % 4 == 0 && year % 100 != 0) || year % 400 == 0;
}

/* Days from 1970-01-01 to the first of January of `year`. */
static int year_start(int year)
{
    int past = year - 1;
    int leaps = past / 4 - past / 100 + past / 400;

    return (year - 1970) * 365 + leaps - 477; /* 477 leap years up to 1969 */
}

/* Days from the first of January of `year` to the first of `month`. */
static int month_start(int year, int month)
{
    return month_starts[month - 1] + (month > 2 && year_is_leap(year));
}

static int in_range(int value, int least, int most)
{
    return value >= least && value <= most;
}

void djs_civil_split(djs_civil_t *out, apr_time_t t)
{
    apr_time_t clamped = t < 0 ? 0 : t > DJS_CIVIL_LAST ? DJS_CIVIL_LAST : t;
    apr_int64_t seconds = clamped / APR_USEC_PER_SEC;
    int days = (int)(seconds / DAY_SECONDS);
    int rest = (int)(seconds % DAY_SECONDS);
    int year = 1970 + days / 366; /* never too late */
    int month = 1;

    while (year_start(year + 1) <= days) {
        year++;
    }
    out->weekday = (days + 4) % 7; /* the first day was a Thursday */
    days -= year_start(year);
    while (month < 12 && month_start(year, month + 1) <= days) {
        month++;
    }

    out->year = year;
    out->month = month;
    out->day = days - month_start(year, month) + 1;
    out->hour = rest / 3600;
    out->minute = rest / 60 % 60;
    out->second = rest % 60;
    out->usec = (int)(clamped % APR_USEC_PER_SEC);
}

apr_status_t djs_civil_time(apr_time_t *out, const djs_civil_t *civil)
{
    const djs_civil_t *c = civil;
    apr_int64_t days;

    *out = 0;
    if (!in_range(c->year, 1970, 9999) || !in_range(c->month, 1, 12) ||
        !in_range(c->hour, 0, 23) || !in_range(c->minute, 0, 59) ||
        !in_range(c->second, 0, 59) || !in_range(c->usec, 0, 999999)) {
        return DJS_EINVALID;
    }
    days = month_starts[c->month] - month_starts[c->month - 1] +
           (c->month == 2 && year_is_leap(c->year));
    if (!in_range(c->day, 1, (int)days)) {
        return DJS_EINVALID;
    }

    days = year_start(c->year) + month_start(c->year, c->month) + c->day - 1;
    *out = ((days * 24 + c->hour) * 60 + c->minute) * 60 + c->second;
    *out = *out * APR_USEC_PER_SEC + c->usec;
    return APR_SUCCESS;
}
