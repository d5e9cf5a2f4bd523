/* session/civil.h - moments as year, month, day and time of day, in UTC.
 *
 * The proleptic Gregorian calendar of the years 1970 to 9999: what cookies and
 * ISO dates can say. No time zones, no leap seconds, no C library calendar
 * (whose functions overflow on hostile values). */
#ifndef DJS_SESSION_CIVIL_H
#define DJS_SESSION_CIVIL_H

#include <apr_time.h>
#include "base/status.h"

#define DJS_CIVIL_LAST                                                         \
    APR_INT64_C(253402300799999999) /* end of the year 9999 */

typedef struct {
    int year;    /* 1970 to 9999 */
    int month;   /* 1 to 12 */
    int day;     /* 1 to 31 */
    int hour;    /* 0 to 23 */
    int minute;  /* 0 to 59 */
    int second;  /* 0 to 59 */
    int usec;    /* 0 to 999999 */
    int weekday; /* 0 is Sunday; not read by djs_civil_time */
} djs_civil_t;

/* Takes `t` apart; a moment outside the years 1970 to 9999 becomes the nearest
 * one inside. */
void djs_civil_split(djs_civil_t *out, apr_time_t t);

/* The moment that `civil` names. DJS_EINVALID (and 0) when a field lies out of
 * its range or the month has no such day. */
apr_status_t djs_civil_time(apr_time_t *out, const djs_civil_t *civil);

#endif
