/* session/theirs.h - sessions that are a Django site's, not ours.
 *
 * What commit.h promises, for entries that Django has written and will read
 * again: same session object, same merging of changes; times, forms and rules
 * are Django's. Nothing here is sealed, has a namespace, an alias or an epoch.
 * A key that the site does not know is never adopted, an entry that is gone is
 * never written again, and what holds values that JSON has no form for is read
 * and never written back. */
#ifndef DJS_SESSION_THEIRS_H
#define DJS_SESSION_THEIRS_H

#include "codec/django_sign.h"
#include "session/commit.h"
#include "store/site.h"

/* What the site signs with; lives as long as the server. */
struct djs_site {
    const djs_bytes_t *secrets; /* SECRET_KEY, then SECRET_KEY_FALLBACKS */
    int count;
    const char *salt; /* NULL: as the store has it */
    int legacy;       /* SHA-1 and the form before 3.1 are read, too */
};

/* As djs_commit_load; the one candidate is a key, or with a store of cookies
 * the whole session. s->forged: what was found is not signed by the site; the
 * state is none, as for Django. */
apr_status_t djs_theirs_load(djs_session_t *s,
                             const djs_candidates_t *candidates,
                             const djs_place_t *place, const djs_terms_t *terms,
                             djs_call_t call);

/* As djs_commit_due and djs_commit_save. DJS_ESITE: only the site can do that
 * (a login, everybody's logout, a change to values that are not JSON). */
int djs_theirs_due(const djs_session_t *s, const djs_terms_t *terms,
                   apr_time_t now);
apr_status_t djs_theirs_save(djs_saved_t *out, djs_session_t *s,
                             const djs_terms_t *terms, const djs_place_t *place,
                             djs_call_t call);

/* What a save or a look at an entry goes by. */
typedef struct {
    const djs_place_t *place;
    const djs_terms_t *terms;
    djs_call_t call;
    apr_pool_t *p;
} djs_theirs_t;

/* What an entry says, as a record in job->p: data, times, flags. With a store
 * of cookies its time must be good. DJS_EABSENT: its time is over;
 * DJS_EINVALID: not signed by the site; DJS_EUNREADABLE; DJS_ETROUBLE.
 * `*writable`: what is written of it is the same again. */
apr_status_t djs_theirs_open(djs_record_t *record, int *writable,
                             const djs_entry_t *entry, const djs_theirs_t *job);

/* The other way round, for a record that djs_theirs_stamp has just had: fills
 * the forms that the store wants, and the end. DJS_ETOOBIG: more than a cookie
 * holds. */
apr_status_t djs_theirs_close(djs_entry_t *entry, const djs_record_t *record,
                              const djs_theirs_t *job);

/* Gives the record the times of a save that happens now. */
void djs_theirs_stamp(djs_record_t *record, apr_int64_t *max_age,
                      const djs_terms_t *terms, apr_time_t now);

/* What signs the store's entries; `max_age` as in codec/django_sign. */
djs_django_signer_t djs_theirs_signer(const djs_theirs_t *job,
                                      apr_interval_time_t max_age);

#endif
