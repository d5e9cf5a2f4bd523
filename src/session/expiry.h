/* session/expiry.h - every sum with dates: Django's expiry rules.
 *
 * A session's own expiry is the member `_session_expiry` of its data, as
 * Django keeps it: absent, an integer of seconds, 0 (ends with the browser),
 * or an ISO 8601 date. Time is always an argument. */
#ifndef DJS_SESSION_EXPIRY_H
#define DJS_SESSION_EXPIRY_H

#include <apr_pools.h>
#include <apr_time.h>
#include "base/bytes.h"
#include "base/status.h"

typedef enum {
    DJS_EXPIRY_POLICY,  /* nothing set: the policy's age */
    DJS_EXPIRY_BROWSER, /* 0: the policy's age, the cookie ends with browser */
    DJS_EXPIRY_SECONDS, /* so many seconds after each save */
    DJS_EXPIRY_DATE     /* at that moment, saves do not move it */
} djs_expiry_e;

typedef struct {
    djs_expiry_e how;
    apr_int64_t seconds; /* DJS_EXPIRY_SECONDS; may be negative (Django) */
    apr_time_t date;     /* DJS_EXPIRY_DATE */
} djs_expiry_t;

/* What a policy says. */
typedef struct {
    apr_interval_time_t age; /* DjSessionCookieAge */
    int browser_close;       /* DjSessionExpireAtBrowserClose */
} djs_lifetime_t;

/* Reads a normal JSON value of `_session_expiry` (NULL: absent). A float is
 * read as its whole seconds, an integer beyond 64 bits as the nearest one
 * within. DJS_ETYPE for other types, DJS_EINVALID for what is no date, NaN and
 * Infinity; `*out` is then as for an absent value. */
apr_status_t djs_expiry_read(djs_expiry_t *out, const djs_bytes_t *value);

/* The same as normal JSON, in `p`; `*out` has len 0 for DJS_EXPIRY_POLICY.
 * Dates as Django writes them: "2026-12-01T00:00:00+00:00". */
void djs_expiry_write(djs_bytes_t *out, const djs_expiry_t *expiry,
                      apr_pool_t *p);

/* An ISO 8601 date with a time and Z or an offset ("2026-12-01T00:00:00Z";
 * seconds and their fraction optional), or a date alone (midnight UTC), in the
 * years 1970 to 9999. DJS_EINVALID (and 0) otherwise. */
apr_status_t djs_expiry_date_parse(apr_time_t *out, djs_bytes_t text);

/* Django's get_expiry_age: whole seconds from `now`, floored; saturates instead
 * of overflowing. */
apr_int64_t djs_expiry_age(const djs_expiry_t *expiry,
                           const djs_lifetime_t *policy, apr_time_t now);

/* Django's get_expiry_date: the moment; saturates instead of overflowing. */
apr_time_t djs_expiry_deadline(const djs_expiry_t *expiry,
                               const djs_lifetime_t *policy, apr_time_t now);

/* Django's get_expire_at_browser_close. */
int djs_expiry_browser_close(const djs_expiry_t *expiry,
                             const djs_lifetime_t *policy);

/* When a live session gets a fresh deadline. */
typedef enum {
    DJS_RENEW_OFF,
    DJS_RENEW_EVERY,   /* with every request: SESSION_SAVE_EVERY_REQUEST */
    DJS_RENEW_PERCENT, /* once `percent` of its age has passed since its save */
    DJS_RENEW_AFTER    /* once `after` has passed */
} djs_renew_e;

typedef struct {
    djs_renew_e how;
    int percent;
    apr_interval_time_t after;
} djs_renew_t;

/* Nonzero when a session saved at `saved` with lifetime `age` is due at `now`;
 * a `saved` in the future (the clock went back) is due at once only when it is
 * more than `age` ahead. */
int djs_expiry_due(const djs_renew_t *renew, apr_time_t saved,
                   apr_interval_time_t age, apr_time_t now);

#endif
