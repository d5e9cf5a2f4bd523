/* base/units.c - durations and sizes as administrators write them. */
#include <string.h>
#include "base/status.h"
#include "base/units.h"

typedef struct {
    const char *name;
    apr_int64_t factor;
} unit_t;

static const unit_t duration_units[] = {
    { "", APR_USEC_PER_SEC },
    { "ms", 1000 },
    { "s", APR_USEC_PER_SEC },
    { "m", 60 * APR_USEC_PER_SEC },
    { "h", 3600 * APR_USEC_PER_SEC },
    { "d", 86400 * APR_USEC_PER_SEC },
    { "w", 7 * 86400 * APR_USEC_PER_SEC },
    { "y", 365 * 86400 * APR_USEC_PER_SEC },
    { NULL, 0 },
};

static const unit_t size_units[] = {
    { "", 1 },
    { "k", 1024 },
    { "m", 1024 * 1024 },
    { NULL, 0 },
};

/* Digits, at least one; returns what follows them, or NULL. */
static const char *read_digits(apr_int64_t *out, const char *text)
{
    const char *at = text;
    apr_int64_t n = 0;

    for (; *at >= '0' && *at <= '9'; at++) {
        int digit = *at - '0';

        if (n > (APR_INT64_MAX - digit) / 10) {
            return NULL;
        }
        n = n * 10 + digit;
    }
    *out = n;
    return at == text ? NULL : at;
}

static apr_status_t read_quantity(apr_int64_t *out, const char *text,
                                  const unit_t *units)
{
    apr_int64_t n = 0;
    const char *name = read_digits(&n, text);

    *out = 0;
    if (name == NULL) {
        return DJS_EINVALID;
    }
    while (units->name != NULL && strcmp(units->name, name) != 0) {
        units++;
    }
    if (units->name == NULL || n > APR_INT64_MAX / units->factor) {
        return DJS_EINVALID;
    }
    *out = n * units->factor;
    return APR_SUCCESS;
}

apr_status_t djs_units_duration(apr_interval_time_t *out, const char *text)
{
    return read_quantity(out, text, duration_units);
}

apr_status_t djs_units_size(apr_size_t *out, const char *text)
{
    apr_int64_t n;
    apr_status_t rv = read_quantity(&n, text, size_units);

    *out = (apr_size_t)n;
    if ((apr_int64_t)*out != n) { /* where pointers have 32 bits */
        *out = 0;
        rv = DJS_EINVALID;
    }
    return rv;
}
