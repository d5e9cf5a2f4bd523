/* base/clock.c - the clock that only ever goes forward, for deadlines. */
#include <time.h>
#include "base/clock.h"

apr_time_t djs_clock_steady(void)
{
    struct timespec now = { 0, 0 };

    (void)clock_gettime(CLOCK_MONOTONIC, &now);
    return apr_time_from_sec((apr_time_t)now.tv_sec) + now.tv_nsec / 1000;
}
