/* session/theirs_entry.c - entries of a Django site, and records.
 *
 * The two forms of an entry say the same data; what it is worth is Django's
 * arithmetic: a row has its end, a file its mtime, a cookie its time of
 * signing, and an entry of memcached is simply there or gone. */
#include <apr_strings.h>
#include "codec/django_cache.h"
#include "codec/pickle.h"
#include "session/stamp.h"
#include "session/theirs.h"
#include "store/site_rows.h"

#define COOKIE_MOST 4096 /* bytes of name and value that browsers keep */

static unsigned forms_of(const djs_theirs_t *job)
{
    return djs_site_forms(job->place->store);
}

djs_django_signer_t djs_theirs_signer(const djs_theirs_t *job,
                                      apr_interval_time_t max_age)
{
    const struct djs_site *site = job->place->site;
    djs_django_signer_t signer;

    signer.secrets = site->secrets;
    signer.count = site->count;
    signer.legacy = site->legacy;
    signer.max_age = max_age;
    signer.now = job->call.now;
    signer.salt =
        djs_bytes(site->salt                        ? site->salt
                  : forms_of(job) & DJS_FORM_COOKIE ? DJS_DJANGO_COOKIE_SALT
                                                    : DJS_DJANGO_SALT);
    return signer;
}

/* -------------------------------------------------------------- reading */

static apr_status_t status_of(djs_django_e verdict)
{
    switch (verdict) {
    case DJS_DJANGO_OK:
        return APR_SUCCESS;
    case DJS_DJANGO_TROUBLE:
        return DJS_ETROUBLE;
    case DJS_DJANGO_BAD_SIGNATURE:
        return DJS_EINVALID;
    case DJS_DJANGO_EXPIRED:
        return DJS_EABSENT;
    case DJS_DJANGO_NOT_JSON:
    case DJS_DJANGO_NOT_OBJECT:
    case DJS_DJANGO_MALFORMED:
    case DJS_DJANGO_UNSUPPORTED:
    case DJS_DJANGO_MALICIOUS:
    default:
        return DJS_EUNREADABLE;
    }
}

static apr_status_t read_text(djs_bytes_t *json, djs_bytes_t text,
                              const djs_theirs_t *job)
{
    int cookie = (forms_of(job) & DJS_FORM_COOKIE) != 0;
    djs_django_signer_t signer =
        djs_theirs_signer(job, cookie ? job->terms->lifetime.age : -1);

    if (text.len == 0 && !cookie) {
        *json = djs_bytes("{}"); /* a file that Django has just created */
        return APR_SUCCESS;
    }
    return status_of(
        djs_django_loads(json, text, &signer, job->place->max_size, job->p));
}

/* What holds more than JSON can be read, if only in part. */
static apr_status_t read_pickle(djs_bytes_t *json, int *writable,
                                const djs_entry_t *entry,
                                const djs_theirs_t *job)
{
    djs_pickle_t pickle;
    djs_django_e verdict = djs_django_flagged_read(
        &pickle, entry->pickle, entry->flags, job->place->max_size, job->p);

    *json = pickle.json;
    *writable = verdict == DJS_DJANGO_OK && pickle.writable;
    if (verdict == DJS_DJANGO_UNSUPPORTED && pickle.json.len > 0) {
        return APR_SUCCESS;
    }
    return status_of(verdict);
}

/* No key twice, and no deeper than a session may be. */
static apr_status_t tidy(djs_bytes_t *json, const djs_theirs_t *job)
{
    djs_json_object_t data;
    apr_status_t rv = djs_json_object_read(&data, *json, job->p);

    if (rv == APR_SUCCESS) {
        rv = djs_json_object_write(json, &data, job->place->max_size, job->p);
    }
    return rv == APR_SUCCESS ? APR_SUCCESS : DJS_EUNREADABLE;
}

/* isoformat() of a date without a zone, as Django writes with USE_TZ = False:
 * a time of the site's own zone, in which httpd must run then. */
static int read_naive(djs_expiry_t *own, djs_bytes_t value)
{
    char text[32] = ""; /* "2026-11-29T14:30:00.123456" and its quotes */

    if (value.len < 21 || value.len > sizeof text || value.data[11] != 'T') {
        return 0;
    }
    memcpy(text, value.data + 1, value.len - 2);
    text[10] = ' ';
    if (!djs_rows_time_read(&own->date, text, 1)) {
        return 0;
    }
    own->how = DJS_EXPIRY_DATE;
    return 1;
}

/* Its own expiry; what is none that we know counts as none. */
static djs_expiry_t expiry_of(const djs_record_t *record)
{
    djs_expiry_t own;
    djs_bytes_t value;
    int has =
        djs_json_find(&value, record->body, djs_bytes("\"_session_expiry\""));

    if (djs_expiry_read(&own, has ? &value : NULL) != APR_SUCCESS) {
        (void)read_naive(&own, value);
    }
    return own;
}

/* 0 would be no end at all: what ended before there were times is over, too. */
static apr_time_t end_at(apr_time_t when)
{
    return when > 0 ? when : 1;
}

/* A file is dead once less than a whole second is left of it. */
#define LAST_SECOND (APR_USEC_PER_SEC - 1)

static void judge(djs_record_t *record, const djs_entry_t *entry,
                  const djs_theirs_t *job)
{
    const djs_lifetime_t *lifetime = &job->terms->lifetime;
    djs_expiry_t own = expiry_of(record);
    apr_int64_t age = djs_expiry_age(&own, lifetime, job->call.now);

    record->flags =
        djs_expiry_browser_close(&own, lifetime) ? DJS_RECORD_BROWSER : 0;
    record->flags |= own.how == DJS_EXPIRY_DATE ? DJS_RECORD_FIXED : 0;
    record->age = age > 0 && age < APR_INT64_MAX / APR_USEC_PER_SEC
                      ? apr_time_from_sec(age)
                      : lifetime->age;
    if (forms_of(job) & DJS_FORM_COOKIE) { /* its own expiry does not count */
        record->saved = djs_django_signed_at(entry->text);
        record->expires = record->saved + lifetime->age + 1;
        record->age = lifetime->age;
    }
    else if (entry->expires > 0) {
        record->expires = entry->expires;
        record->saved = entry->expires - record->age;
    }
    else if (entry->written > 0 && own.how == DJS_EXPIRY_SECONDS &&
             own.seconds > 0) { /* Django never ends such a file */
        record->saved = entry->written;
        record->expires = DJS_STORE_FOREVER;
    }
    else if (entry->written > 0) {
        record->saved = entry->written;
        record->expires = end_at(
            djs_expiry_deadline(&own, lifetime, entry->written) - LAST_SECOND);
    }
    else if (own.how == DJS_EXPIRY_DATE) {
        record->expires = end_at(own.date);
    }
}

apr_status_t djs_theirs_open(djs_record_t *record, int *writable,
                             const djs_entry_t *entry, const djs_theirs_t *job)
{
    apr_status_t rv;

    memset(record, 0, sizeof *record);
    record->kind = DJS_RECORD_SESSION;
    *writable = 1;
    rv = entry->text.data != NULL
             ? read_text(&record->body, entry->text, job)
             : read_pickle(&record->body, writable, entry, job);
    if (rv == APR_SUCCESS) {
        rv = tidy(&record->body, job);
    }
    if (rv != APR_SUCCESS) {
        return rv;
    }
    judge(record, entry, job);
    return record->expires != 0 && record->expires <= job->call.now
               ? DJS_EABSENT
               : APR_SUCCESS;
}

/* -------------------------------------------------------------- writing */

void djs_theirs_stamp(djs_record_t *record, apr_int64_t *max_age,
                      const djs_terms_t *terms, apr_time_t now)
{
    djs_expiry_t own = expiry_of(record);
    int browser = djs_expiry_browser_close(&own, &terms->lifetime);
    apr_int64_t age = djs_expiry_age(&own, &terms->lifetime, now);

    record->flags = browser ? DJS_RECORD_BROWSER : 0;
    record->flags |= own.how == DJS_EXPIRY_DATE ? DJS_RECORD_FIXED : 0;
    record->saved = now;
    record->expires = end_at(djs_expiry_deadline(&own, &terms->lifetime, now));
    record->age = record->expires > now ? record->expires - now : 0;
    *max_age = browser ? -1 : age < 0 ? 0 : age;
}

apr_status_t djs_theirs_close(djs_entry_t *entry, const djs_record_t *record,
                              const djs_theirs_t *job)
{
    unsigned forms = forms_of(job);
    djs_django_signer_t signer = djs_theirs_signer(job, -1);
    apr_status_t rv = APR_SUCCESS;

    memset(entry, 0, sizeof *entry);
    entry->expires = record->expires;
    if (forms & (DJS_FORM_SIGNED | DJS_FORM_COOKIE)) {
        rv = djs_django_dumps(&entry->text, record->body, &signer, job->p);
    }
    if (rv == APR_SUCCESS && forms & DJS_FORM_PICKLE) {
        entry->flags = DJS_FLAG_PICKLE;
        rv = djs_pickle_write(&entry->pickle, record->body,
                              4 * job->place->max_size + 64, job->p);
    }
    if (rv == APR_SUCCESS && forms & DJS_FORM_COOKIE &&
        entry->text.len + job->terms->cookie.len > COOKIE_MOST) {
        rv = DJS_ETOOBIG;
    }
    return rv;
}
