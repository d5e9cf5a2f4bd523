/* base/health.h - when an outage begins and when it is over, for all who share
 * a piece of memory.
 *
 * Every call to a service is noted as good or failed. The first failure begins
 * an outage; it is over when a call succeeds after a time without any failure.
 * So one child in trouble among healthy ones is one outage, not one with every
 * call. An outage that comes back within a minute needs twice the calm to end:
 * what fails now and then gets fewer lines each time.
 *
 * The words are atomic, there is no lock, and nothing in them is trusted: they
 * may hold anything, and the worst that comes of it is a wrong line. */
#ifndef DJS_BASE_HEALTH_H
#define DJS_BASE_HEALTH_H

#include <apr_time.h>

#define DJS_HEALTH_CALM      apr_time_from_sec(1)  /* the shortest calm */
#define DJS_HEALTH_MOST_CALM apr_time_from_sec(64) /* the longest */
#define DJS_HEALTH_RELAPSE   apr_time_from_sec(60) /* "comes back" */

/* What is known of one service; all zero: nothing yet. Times are those of
 * djs_clock_steady, which all processes share. */
typedef struct {
    volatile apr_uint64_t since;  /* the outage began; 0: there is none */
    volatile apr_uint64_t failed; /* the last failure */
    volatile apr_uint64_t good;   /* the first success since; 0: none */
    volatile apr_uint64_t ended;  /* the outage before this one was over */
    volatile apr_uint64_t calm;   /* how long without failure this one needs */
} djs_health_t;

typedef enum {
    DJS_HEALTH_AS_BEFORE,
    DJS_HEALTH_BEGAN, /* for exactly one of those who note it */
    DJS_HEALTH_ENDED
} djs_health_e;

/* Notes a call that failed, or one that succeeded. When that ended an outage,
 * `*lasted` is the time from its first failure to the first success after its
 * last one. */
djs_health_e djs_health_failed(djs_health_t *h, apr_time_t now);
djs_health_e djs_health_good(djs_health_t *h, apr_interval_time_t *lasted,
                             apr_time_t now);

/* Nonzero while an outage lasts. */
int djs_health_is_down(djs_health_t *h);

#endif
