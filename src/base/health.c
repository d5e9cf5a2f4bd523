/* base/health.c - when an outage begins and when it is over.
 *
 * `since` decides: who changes it from or to 0 is the one that tells. The other
 * words may be a moment old; that moves an end by as much, no more. */
#include <apr_atomic.h>
#include "base/health.h"

/* Processes read the clock before they write the words: a time may lie ahead of
 * a reader's by that much. What lies further ahead was never a time. */
#define AHEAD apr_time_from_sec(60)

static int is_time(apr_uint64_t t, apr_time_t now)
{
    return t != 0 && t <= (apr_uint64_t)now + (apr_uint64_t)AHEAD;
}

static apr_interval_time_t since(apr_uint64_t t, apr_time_t now)
{
    return t < (apr_uint64_t)now ? now - (apr_time_t)t : 0;
}

static apr_interval_time_t calm_of(djs_health_t *h)
{
    apr_uint64_t calm = apr_atomic_read64(&h->calm);

    return calm < (apr_uint64_t)DJS_HEALTH_CALM ||
                   calm > (apr_uint64_t)DJS_HEALTH_MOST_CALM
               ? DJS_HEALTH_CALM
               : (apr_interval_time_t)calm;
}

static apr_interval_time_t calm_for_next(djs_health_t *h, apr_time_t now)
{
    apr_uint64_t ended = apr_atomic_read64(&h->ended);
    apr_interval_time_t calm = calm_of(h);

    if (!is_time(ended, now) || since(ended, now) > DJS_HEALTH_RELAPSE) {
        return DJS_HEALTH_CALM;
    }
    return calm < DJS_HEALTH_MOST_CALM ? 2 * calm : calm;
}

djs_health_e djs_health_failed(djs_health_t *h, apr_time_t now)
{
    apr_uint64_t began = apr_atomic_read64(&h->since);
    apr_uint64_t start = now > 0 ? (apr_uint64_t)now : 1;

    apr_atomic_set64(&h->failed, start);
    apr_atomic_set64(&h->good, 0);
    if (is_time(began, now) ||
        apr_atomic_cas64(&h->since, start, began) != began) {
        return DJS_HEALTH_AS_BEFORE;
    }
    apr_atomic_set64(&h->calm, (apr_uint64_t)calm_for_next(h, now));
    return DJS_HEALTH_BEGAN;
}

djs_health_e djs_health_good(djs_health_t *h, apr_interval_time_t *lasted,
                             apr_time_t now)
{
    apr_uint64_t began = apr_atomic_read64(&h->since);
    apr_uint64_t failed, good;

    if (began == 0) {
        return DJS_HEALTH_AS_BEFORE;
    }
    if (!is_time(began, now)) {
        (void)apr_atomic_cas64(&h->since, 0, began);
        return DJS_HEALTH_AS_BEFORE;
    }
    good = apr_atomic_read64(&h->good);
    if (!is_time(good, now)) {
        (void)apr_atomic_cas64(&h->good, (apr_uint64_t)now, good);
        good = (apr_uint64_t)now;
    }
    failed = apr_atomic_read64(&h->failed);
    if (!is_time(failed, now)) {
        apr_atomic_set64(&h->failed, (apr_uint64_t)now);
        return DJS_HEALTH_AS_BEFORE;
    }
    if (since(failed, now) < calm_of(h) ||
        apr_atomic_cas64(&h->since, 0, began) != began) {
        return DJS_HEALTH_AS_BEFORE;
    }
    apr_atomic_set64(&h->ended, (apr_uint64_t)now);
    *lasted = since(began, (apr_time_t)good);
    return DJS_HEALTH_ENDED;
}

int djs_health_is_down(djs_health_t *h)
{
    return apr_atomic_read64(&h->since) != 0;
}
