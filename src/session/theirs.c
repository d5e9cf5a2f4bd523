/* session/theirs.c - load, save, renew and end sessions of a Django site.
 *
 * As in commit.c a save replays what the request did on what the store has by
 * then. The site takes no part in that: what it writes in the very same moment
 * may win, or lose, as with two processes of Django. */
#include <apr_strings.h>
#include "session/save.h"
#include "session/stamp.h"
#include "session/theirs.h"

#define TRIES 3 /* fresh keys, before somebody is blamed */

/* One save. */
typedef struct {
    djs_session_t *s;
    djs_saved_t *out;
    djs_theirs_t job;
    djs_record_t record; /* as it is after the save */
} save_t;

static int is_cookie(const djs_place_t *place)
{
    return (djs_site_forms(place->store) & DJS_FORM_COOKIE) != 0;
}

static djs_entry_name_t name_of(const djs_theirs_t *job, const char *key)
{
    return (djs_entry_name_t){ job->terms->cookie, djs_bytes(key) };
}

/* A cookie that is a session may be long; its end, the signature, is what tells
 * one from another. */
static apr_status_t tag_of(char out[DJS_TAG_LEN + 1], djs_bytes_t value,
                           const djs_place_t *place)
{
    apr_size_t skip = value.len > DJS_NAME_MOST ? value.len - DJS_NAME_MOST : 0;

    return djs_keyring_tag(
        place->ring, djs_bytes_of(value.data + skip, value.len - skip), out);
}

/* ----------------------------------------------------------------- load */

static apr_status_t look(djs_session_t *s, djs_bytes_t sent,
                         const djs_theirs_t *job)
{
    djs_entry_t entry;
    apr_status_t rv = APR_SUCCESS;
    int writable;

    if (is_cookie(job->place)) {
        memset(&entry, 0, sizeof entry);
        entry.text = s->sent = sent;
    }
    else {
        memcpy(s->loaded, sent.data, DJS_KEY_LEN);
        s->loaded[DJS_KEY_LEN] = '\0';
        rv = djs_site_get(job->place->store, name_of(job, s->loaded), job->call,
                          &entry, job->p);
        if (rv == DJS_ETOOBIG) {
            rv = DJS_EUNREADABLE;
        }
    }
    return rv == APR_SUCCESS
               ? djs_theirs_open(&s->record, &writable, &entry, job)
               : rv;
}

apr_status_t djs_theirs_load(djs_session_t *s,
                             const djs_candidates_t *candidates,
                             const djs_place_t *place, const djs_terms_t *terms,
                             djs_call_t call)
{
    const djs_theirs_t job = { place, terms, call, s->p };
    apr_status_t rv = look(s, candidates->keys[0], &job);

    if (rv == APR_SUCCESS) {
        rv = tag_of(s->record.tag, candidates->keys[0], place);
    }
    if (rv == APR_SUCCESS) {
        memcpy(s->key, s->loaded, sizeof s->key);
        s->state = DJS_STATE_LIVE;
        return rv;
    }
    memset(&s->record, 0, sizeof s->record);
    s->loaded[0] = '\0';
    s->sent = djs_bytes_of(NULL, 0);
    switch (rv) {
    case DJS_EINVALID:
        s->forged = 1;
        s->state = DJS_STATE_NONE;
        return APR_SUCCESS;
    case DJS_EABSENT:
        s->state = DJS_STATE_NONE;
        return APR_SUCCESS;
    case DJS_EUNREADABLE:
        s->state = DJS_STATE_UNREADABLE;
        return APR_SUCCESS;
    default:
        s->state = DJS_STATE_UNAVAILABLE;
        return rv;
    }
}

/* ------------------------------------------------- what a save makes */

/* The record after the request's changes, and what the site shall have. */
static apr_status_t make_entry(djs_entry_t *entry, djs_record_t *record,
                               save_t *v, apr_pool_t *p)
{
    djs_theirs_t job = v->job;
    djs_json_object_t data;
    apr_status_t rv = APR_SUCCESS;

    job.p = p;
    djs_json_object_init(&data, p);
    if (record->body.len > 0) {
        rv = djs_json_object_read(&data, record->body, p);
    }
    if (rv == APR_SUCCESS) {
        rv = djs_session_replay(&data, v->s->changes);
    }
    if (rv == APR_SUCCESS) {
        rv =
            djs_json_object_write(&record->body, &data, job.place->max_size, p);
    }
    if (rv != APR_SUCCESS) {
        return rv;
    }
    djs_theirs_stamp(record, &v->out->max_age, job.terms, job.call.now);
    memcpy(v->out->tag, record->tag, sizeof v->out->tag);
    return djs_theirs_close(entry, record, &job);
}

/* The session object becomes what the site now has. */
static void settle(save_t *v, djs_did_e did)
{
    v->out->did = did;
    djs_save_settle(v->s, &v->record, v->out->key);
}

static apr_status_t tag(save_t *v, const char *value)
{
    apr_status_t rv = tag_of(v->record.tag, djs_bytes(value), v->job.place);

    memcpy(v->out->tag, v->record.tag, sizeof v->out->tag);
    return rv;
}

/* ------------------------------------------------------------- cookies */

/* The session goes out again as a whole. */
static apr_status_t save_cookie(save_t *v, djs_did_e did)
{
    djs_entry_t entry;
    apr_status_t rv = make_entry(&entry, &v->record, v, v->job.p);

    if (rv == APR_SUCCESS) {
        v->out->value =
            apr_pstrmemdup(v->job.p, entry.text.data, entry.text.len);
        rv = tag(v, v->out->value);
    }
    if (rv == APR_SUCCESS) {
        settle(v, did);
        v->s->sent = djs_bytes(v->out->value);
    }
    return rv;
}

/* The same payload, signed anew. */
static apr_status_t renew_cookie(save_t *v)
{
    djs_django_signer_t signer =
        djs_theirs_signer(&v->job, v->job.terms->lifetime.age);
    djs_bytes_t text;

    if (djs_django_resign(&text, v->s->sent, &signer, v->job.p) !=
        DJS_DJANGO_OK) {
        v->out->did = DJS_DID_NOTHING; /* of the form before 3.1 */
        return APR_SUCCESS;
    }
    djs_theirs_stamp(&v->record, &v->out->max_age, v->job.terms,
                     v->job.call.now);
    v->out->value = apr_pstrmemdup(v->job.p, text.data, text.len);
    settle(v, DJS_DID_RENEW);
    v->s->sent = djs_bytes(v->out->value);
    return tag(v, v->out->value);
}

/* ---------------------------------------------------------- under a key */

static apr_status_t add(save_t *v, const djs_entry_t *entry)
{
    const djs_place_t *place = v->job.place;
    apr_status_t rv = DJS_ETAKEN;

    for (int i = 0; i < TRIES && rv == DJS_ETAKEN; i++) {
        rv = djs_key_make(v->out->key, place->random);
        if (rv == APR_SUCCESS) {
            rv = djs_site_add(place->store, name_of(&v->job, v->out->key),
                              entry, v->job.call, v->job.p);
        }
    }
    if (rv != APR_SUCCESS) {
        v->out->key[0] = '\0';
    }
    /* Ten keys of 36^32 are not taken: the store is in doubt. */
    return rv == DJS_ETAKEN ? DJS_ETROUBLE : rv;
}

/* Begins a session with what the request has set. */
static apr_status_t create(save_t *v)
{
    djs_entry_t entry;
    apr_status_t rv;

    memset(&v->record, 0, sizeof v->record);
    v->record.kind = DJS_RECORD_SESSION;
    if (is_cookie(v->job.place)) {
        return save_cookie(v, DJS_DID_CREATE);
    }
    rv = make_entry(&entry, &v->record, v, v->job.p);
    if (rv == APR_SUCCESS) {
        rv = add(v, &entry);
    }
    if (rv == APR_SUCCESS) {
        rv = tag(v, v->out->key);
    }
    if (rv == APR_SUCCESS) {
        settle(v, DJS_DID_CREATE);
    }
    return rv;
}

/* djs_entry_fn: the entry as others left it, with our changes. */
static apr_status_t change_entry(djs_entry_t *next, const djs_entry_t *current,
                                 void *baton, apr_pool_t *scratch)
{
    save_t *v = baton;
    djs_theirs_t job = v->job;
    djs_record_t record;
    int writable;
    apr_status_t rv;

    job.p = scratch;
    rv = djs_theirs_open(&record, &writable, current, &job);
    if (rv == APR_SUCCESS && !writable) {
        rv = DJS_ESITE;
    }
    if (rv != APR_SUCCESS) {
        return rv == DJS_EINVALID ? DJS_EUNREADABLE : rv;
    }
    memcpy(record.tag, v->s->record.tag, sizeof record.tag);
    rv = make_entry(next, &record, v, scratch);
    v->record = record;
    v->record.body.data =
        apr_pstrmemdup(v->job.p, record.body.data, record.body.len);
    return rv;
}

static apr_status_t save_in_place(save_t *v)
{
    apr_status_t rv =
        djs_site_change(v->job.place->store, name_of(&v->job, v->s->loaded),
                        change_entry, v, v->job.call, v->job.p);

    if (rv == APR_SUCCESS) {
        memcpy(v->out->key, v->s->loaded, sizeof v->out->key);
        settle(v, DJS_DID_SAVE);
    }
    return rv;
}

static apr_status_t renew(save_t *v)
{
    apr_status_t rv;

    djs_theirs_stamp(&v->record, &v->out->max_age, v->job.terms,
                     v->job.call.now);
    rv = djs_site_touch(v->job.place->store, name_of(&v->job, v->s->loaded),
                        v->record.expires, v->job.call, v->job.p);
    if (rv == APR_SUCCESS) {
        memcpy(v->out->key, v->s->loaded, sizeof v->out->key);
        settle(v, DJS_DID_RENEW);
    }
    return rv;
}

/* What was begun under a fresh key ends again: a failed save leaves nothing. */
static void forget_new(save_t *v)
{
    if (v->out->key[0] != '\0') {
        (void)djs_site_remove(v->job.place->store,
                              name_of(&v->job, v->out->key), v->job.call,
                              v->job.p);
    }
    v->out->key[0] = '\0';
}

/* djs_entry_fn: the data go to a fresh key, then the old entry goes, unless it
 * has changed meanwhile: so that no request is told of a change that only the
 * old one has. */
static apr_status_t move_entry(djs_entry_t *next, const djs_entry_t *current,
                               void *baton, apr_pool_t *scratch)
{
    save_t *v = baton;
    djs_entry_t moved;
    apr_status_t rv;

    forget_new(v); /* an earlier try's */
    memset(&moved, 0, sizeof moved);
    rv = change_entry(&moved, current, v, scratch);
    if (rv == APR_SUCCESS) {
        rv = add(v, &moved);
    }
    next->gone = rv == APR_SUCCESS;
    return rv;
}

/* Django's cycle_key: the same data under a new key. */
static apr_status_t cycle(save_t *v)
{
    apr_status_t rv =
        djs_site_change(v->job.place->store, name_of(&v->job, v->s->loaded),
                        move_entry, v, v->job.call, v->job.p);

    if (rv == APR_SUCCESS) {
        rv = tag(v, v->out->key);
    }
    else {
        forget_new(v);
    }
    if (rv == APR_SUCCESS) {
        settle(v, DJS_DID_ROTATE);
    }
    return rv;
}

/* A flush: what was set after it begins a new session, before the old one ends.
 */
static apr_status_t end(save_t *v)
{
    int reborn = v->s->changes->nelts > 0;
    char old[DJS_KEY_LEN + 1];
    apr_status_t rv;

    memcpy(old, v->s->loaded, sizeof old);
    rv = reborn ? create(v) : APR_SUCCESS;
    if (rv == APR_SUCCESS && old[0] != '\0') {
        rv = djs_site_remove(v->job.place->store, name_of(&v->job, old),
                             v->job.call, v->job.p);
        if (rv != APR_SUCCESS && reborn) {
            forget_new(v);
        }
    }
    if (rv == APR_SUCCESS && !reborn) {
        v->out->did = DJS_DID_END;
        djs_save_settle(v->s, NULL, NULL);
    }
    return rv;
}

/* ----------------------------------------------------------- deciding */

static int has_work(const djs_session_t *s)
{
    return s->flushed || s->changes->nelts > 0 ||
           (s->state == DJS_STATE_LIVE && (s->cycled || s->modified));
}

int djs_theirs_due(const djs_session_t *s, const djs_terms_t *terms,
                   apr_time_t now)
{
    if (has_work(s)) {
        return 1;
    }
    return s->state == DJS_STATE_NONE
               ? terms->create_always
               : s->state == DJS_STATE_LIVE &&
                     djs_stamp_renewal_due(&s->record, terms, now);
}

static apr_status_t save_live(save_t *v)
{
    djs_session_t *s = v->s;
    int asked = has_work(s);
    apr_status_t rv;

    if (is_cookie(v->job.place)) {
        return asked ? save_cookie(v, DJS_DID_SAVE) : renew_cookie(v);
    }
    rv = !asked ? renew(v) : s->cycled ? cycle(v) : save_in_place(v);
    if (rv == DJS_EABSENT) { /* it ended meanwhile, and stays ended */
        v->out->did = asked ? DJS_DID_DROP : DJS_DID_NOTHING;
        djs_save_settle(s, NULL, NULL);
        rv = APR_SUCCESS;
    }
    return rv;
}

apr_status_t djs_theirs_save(djs_saved_t *out, djs_session_t *s,
                             const djs_terms_t *terms, const djs_place_t *place,
                             djs_call_t call)
{
    save_t v = { s, out, { place, terms, call, s->p }, s->record };

    memset(out, 0, sizeof *out);
    out->did = DJS_DID_NOTHING;
    memcpy(out->tag, s->record.tag, sizeof out->tag);
    if (!djs_theirs_due(s, terms, call.now)) {
        return APR_SUCCESS;
    }
    if (s->state == DJS_STATE_UNREADABLE) {
        return DJS_EUNREADABLE;
    }
    if (s->state == DJS_STATE_UNAVAILABLE) {
        return DJS_ETROUBLE;
    }
    if (s->logged_in || s->everywhere != NULL) {
        return DJS_ESITE;
    }
    if (s->flushed) {
        return end(&v);
    }
    return s->state == DJS_STATE_LIVE ? save_live(&v) : create(&v);
}
