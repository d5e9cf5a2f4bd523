/* session/stamp.c - the times that a record gets and is judged by. */
#include "session/stamp.h"

apr_time_t djs_stamp_limit(const djs_record_t *record, const djs_terms_t *terms)
{
    apr_time_t from = record->authenticated > record->created
                          ? record->authenticated
                          : record->created;

    return terms->absolute > 0 && from < APR_INT64_MAX - terms->absolute
               ? from + terms->absolute
               : APR_INT64_MAX;
}

int djs_commit_is_over(const djs_record_t *record, const djs_terms_t *terms,
                       apr_time_t now)
{
    return record->expires <= now || djs_stamp_limit(record, terms) <= now;
}

int djs_stamp_renewal_due(const djs_record_t *record, const djs_terms_t *terms,
                          apr_time_t now)
{
    if (record->flags & DJS_RECORD_FIXED) {
        return terms->renew.how == DJS_RENEW_EVERY;
    }
    if (record->expires >= djs_stamp_limit(record, terms) &&
        terms->renew.how != DJS_RENEW_EVERY) {
        return 0; /* it would get no later deadline */
    }
    return djs_expiry_due(&terms->renew, record->saved, record->age, now);
}

int djs_stamp_rotation_due(const djs_record_t *record, const djs_terms_t *terms,
                           apr_time_t now)
{
    return terms->rotate > 0 && record->keyed <= now - terms->rotate;
}

apr_int64_t djs_stamp_max_age(const djs_record_t *record, apr_time_t now)
{
    if (record->flags & DJS_RECORD_BROWSER) {
        return -1;
    }
    return record->expires > now ? (record->expires - now) / APR_USEC_PER_SEC
                                 : 0;
}

/* The latest deadline that a save at `now` may give. */
static apr_time_t ceiling_of(const djs_record_t *record,
                             const djs_terms_t *terms, apr_time_t now)
{
    apr_time_t limit = djs_stamp_limit(record, terms);

    return terms->at_most > 0 && terms->at_most < limit - now
               ? now + terms->at_most
               : limit;
}

apr_status_t djs_stamp_save(djs_record_t *record, apr_int64_t *max_age,
                            const djs_bytes_t *expiry, const djs_terms_t *terms,
                            apr_time_t now)
{
    const djs_lifetime_t *lifetime = &terms->lifetime;
    apr_time_t limit = ceiling_of(record, terms, now);
    djs_expiry_t own;
    apr_status_t rv = djs_expiry_read(&own, expiry);
    int browser;

    if (rv != APR_SUCCESS) {
        return rv;
    }
    browser = djs_expiry_browser_close(&own, lifetime);
    record->flags &= ~(unsigned)(DJS_RECORD_BROWSER | DJS_RECORD_FIXED);
    record->flags |= browser ? DJS_RECORD_BROWSER : 0;
    record->flags |= own.how == DJS_EXPIRY_DATE ? DJS_RECORD_FIXED : 0;
    record->saved = now;
    record->expires = djs_expiry_deadline(&own, lifetime, now);
    if (record->expires > limit) {
        record->expires = limit;
    }
    if (record->expires < 1) {
        record->expires = 1; /* long ago: dead at once, as any past moment */
    }
    record->age = record->expires > now ? record->expires - now : 0;
    record->version++;
    *max_age = djs_stamp_max_age(record, now);
    if (!browser && record->expires < limit) {
        /* Django's own sum: a date counts whole seconds, floored. */
        apr_int64_t age = djs_expiry_age(&own, lifetime, now);

        *max_age = age < 0 ? 0 : age;
    }
    return APR_SUCCESS;
}
