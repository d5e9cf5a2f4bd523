/* base/clock.h - the clock that only ever goes forward, for deadlines.
 *
 * Times of day are arguments everywhere below httpd/; this clock says how long
 * a call may still wait, and steps of the wall clock do not touch it. */
#ifndef DJS_BASE_CLOCK_H
#define DJS_BASE_CLOCK_H

#include <apr_time.h>

/* Microseconds since some fixed moment of this boot. */
apr_time_t djs_clock_steady(void);

#endif
