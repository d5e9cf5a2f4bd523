/* session/commit.c - load, save, renew, rotate and end a session.
 *
 * A save works on what the store holds at that moment: inside one store update
 * it opens the record, replays the request's changes and seals the result. A
 * new key is a second record written first; the old one is removed only if
 * nobody has changed it since it was read, otherwise the copy is made anew. */
#include <apr_strings.h>
#include "session/commit.h"
#include "session/spot.h"

#define MOST_TRIES 10 /* for a free key, or a record that holds still */

/* One save: what was asked, and what came of it. */
typedef struct {
    djs_session_t *s;
    const djs_terms_t *terms;
    const djs_place_t *place;
    djs_call_t call;
    djs_saved_t *out;
    apr_pool_t *p;
} save_t;

apr_size_t djs_commit_max_value(apr_size_t max_size)
{
    return max_size + DJS_RECORD_OVERHEAD;
}

/* ------------------------------------------------------------- loading */

/* What the candidates turned out to be. */
typedef struct {
    int live;
    int unreadable;
} found_t;

static apr_status_t load_one(djs_session_t *s, found_t *found, const char *key,
                             const djs_place_t *place, djs_call_t call)
{
    int i, count = djs_keyring_count(place->ring);
    int looks =
        count > 1 ? count + 1 : 1; /* it may move to the first meanwhile */

    for (i = 0; i < looks; i++) {
        int which = i % count;
        djs_record_t record;
        djs_spot_t spot;
        apr_status_t rv = djs_spot_find(&spot, place, which, key);

        if (rv == APR_SUCCESS) {
            rv = djs_spot_read(&record, &spot, place, call, s->p);
        }
        if (rv == APR_SUCCESS) {
            found->live++;
            s->record = record;
            s->ring_index = which;
            memcpy(s->store_key, spot.store_key, sizeof s->store_key);
            memcpy(s->loaded, key, DJS_KEY_LEN);
            s->loaded[DJS_KEY_LEN] = '\0';
            return APR_SUCCESS;
        }
        if (rv == DJS_EUNREADABLE) {
            found->unreadable++;
            return APR_SUCCESS;
        }
        if (rv != DJS_EABSENT) {
            return rv;
        }
    }
    return APR_SUCCESS;
}

static void forget(djs_session_t *s)
{
    memset(&s->record, 0, sizeof s->record);
    s->loaded[0] = s->store_key[0] = '\0';
    s->ring_index = 0;
}

apr_status_t djs_commit_load(djs_session_t *s,
                             const djs_candidates_t *candidates,
                             const djs_place_t *place, int tls, djs_call_t call)
{
    found_t found = { 0, 0 };
    int i;

    s->state = DJS_STATE_NONE;
    for (i = 0; i < candidates->count; i++) {
        apr_status_t rv =
            load_one(s, &found, candidates->keys[i].data, place, call);

        if (rv != APR_SUCCESS) {
            forget(s);
            s->state = DJS_STATE_UNAVAILABLE;
            return rv;
        }
    }
    if (found.live == 1 && (tls || !(s->record.flags & DJS_RECORD_TLS))) {
        memcpy(s->key, s->loaded, sizeof s->key);
        s->state = DJS_STATE_LIVE;
        return APR_SUCCESS;
    }
    forget(s);
    s->passed_over = found.live;
    if (found.live == 0 && found.unreadable > 0) {
        s->state = DJS_STATE_UNREADABLE;
    }
    return APR_SUCCESS;
}

/* ------------------------------------------------- what a save makes */

static int renewal_due(const djs_record_t *record, const djs_terms_t *terms,
                       apr_time_t now)
{
    if (record->flags & DJS_RECORD_FIXED) {
        return terms->renew.how == DJS_RENEW_EVERY;
    }
    return djs_expiry_due(&terms->renew, record->saved, record->age, now);
}

/* Gives the record the times of a save that happens now; `expiry` is the value
 * of _session_expiry in its body, or NULL. */
static apr_status_t stamp(djs_record_t *record, const djs_bytes_t *expiry,
                          const save_t *v)
{
    const djs_lifetime_t *lifetime = &v->terms->lifetime;
    apr_time_t now = v->call.now;
    djs_expiry_t own;
    apr_int64_t age;
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
    if (record->expires < 1) {
        record->expires = 1; /* long ago: dead at once, as any past moment */
    }
    record->age = record->expires > now ? record->expires - now : 0;
    record->version++;
    if (v->s->logged_in) {
        record->authenticated = now;
    }
    age = djs_expiry_age(&own, lifetime, now);
    v->out->max_age = browser ? -1 : age < 0 ? 0 : age;
    memcpy(v->out->tag, record->tag, sizeof v->out->tag);
    return APR_SUCCESS;
}

/* The body after the request's changes; `*expiry` views into it. */
static apr_status_t rebuild(djs_record_t *record, const save_t *v,
                            djs_bytes_t *expiry, int *has_expiry, apr_pool_t *p)
{
    static const djs_bytes_t name = { "\"_session_expiry\"", 17 };
    djs_json_object_t data;
    const djs_bytes_t *value;
    apr_status_t rv;

    djs_json_object_init(&data, p);
    if (record->body.len > 0) {
        rv = djs_json_object_read(&data, record->body, p);
        if (rv != APR_SUCCESS) {
            return DJS_EUNREADABLE;
        }
    }
    rv = djs_session_replay(&data, v->s->changes);
    if (rv == APR_SUCCESS) {
        rv = djs_json_object_write(&record->body, &data, v->place->max_size, p);
    }
    value = djs_json_object_get(&data, name);
    *has_expiry = value != NULL;
    if (value != NULL) {
        *expiry = *value;
    }
    return rv;
}

/* The record as it shall be after this save. */
static apr_status_t advance(djs_record_t *record, const save_t *v,
                            apr_pool_t *p)
{
    djs_bytes_t expiry;
    int has_expiry;
    apr_status_t rv = rebuild(record, v, &expiry, &has_expiry, p);

    return rv == APR_SUCCESS ? stamp(record, has_expiry ? &expiry : NULL, v)
                             : rv;
}

/* The session object becomes what the store now holds: `record` under `key`,
 * or nothing. */
static void settle(djs_session_t *s, const djs_record_t *record,
                   const char *key)
{
    apr_array_clear(s->changes);
    s->parsed = s->modified = s->flushed = s->cycled = s->logged_in = 0;
    memset(&s->record, 0, sizeof s->record);
    s->key[0] = s->loaded[0] = '\0';
    s->store_key[0] = '\0';
    s->state = DJS_STATE_NONE;
    if (record != NULL) {
        s->record = *record;
        s->record.body.data =
            apr_pstrmemdup(s->p, record->body.data, record->body.len);
        memcpy(s->key, key, sizeof s->key);
        memcpy(s->loaded, key, sizeof s->loaded);
        s->state = DJS_STATE_LIVE;
    }
}

/* -------------------------------------------- saving under the same key */

typedef struct {
    save_t *v;
    const djs_spot_t *spot;
    int renew_only;
    int kept; /* another request has renewed it already */
    djs_record_t result;
} change_t;

static apr_status_t renew(djs_record_t *record, change_t *change)
{
    static const djs_bytes_t name = { "\"_session_expiry\"", 17 };
    djs_bytes_t expiry;
    int found;

    if (!renewal_due(record, change->v->terms, change->v->call.now)) {
        change->kept = 1;
        return APR_SUCCESS;
    }
    found = djs_json_find(&expiry, record->body, name);
    return stamp(record, found ? &expiry : NULL, change->v);
}

/* djs_update_fn: the record as others left it, with our changes. */
static apr_status_t change_record(djs_update_t *todo, djs_bytes_t current,
                                  void *baton, apr_pool_t *scratch)
{
    change_t *change = baton;
    const djs_place_t *place = change->v->place;
    djs_record_t record;
    apr_status_t rv = djs_record_open(&record, current, place->mode,
                                      change->spot->at, place->ring, scratch);

    change->kept = 0;
    if (rv == APR_SUCCESS && record.expires <= change->v->call.now) {
        return DJS_EABSENT;
    }
    if (rv == APR_SUCCESS) {
        rv = change->renew_only ? renew(&record, change)
                                : advance(&record, change->v, scratch);
    }
    if (rv != APR_SUCCESS) {
        return rv;
    }
    if (change->kept) {
        todo->what = DJS_UPDATE_KEEP;
        return APR_SUCCESS;
    }
    todo->what = DJS_UPDATE_REPLACE;
    todo->expires = record.expires;
    change->result = record;
    change->result.body.data =
        apr_pstrmemdup(change->v->p, record.body.data, record.body.len);
    return djs_record_seal(&todo->val, &record, place->mode, change->spot->at,
                           place->ring, scratch);
}

static apr_status_t save_in_place(save_t *v, const djs_spot_t *spot,
                                  int renew_only)
{
    change_t change = { v, spot, renew_only, 0, { 0 } };
    apr_status_t rv = djs_store_update(v->place->store, spot->at.store_key,
                                       change_record, &change, v->call, v->p);

    if (rv == APR_SUCCESS) {
        v->out->did = change.kept  ? DJS_DID_NOTHING
                      : renew_only ? DJS_DID_RENEW
                                   : DJS_DID_SAVE;
        memcpy(v->out->key, v->s->loaded, sizeof v->out->key);
        if (!change.kept) {
            settle(v->s, &change.result, v->out->key);
        }
    }
    return rv;
}

/* ----------------------------------------------- saving somewhere else */

/* djs_update_fn: removes the record if it still is the version we copied. */
static apr_status_t remove_version(djs_update_t *todo, djs_bytes_t current,
                                   void *baton, apr_pool_t *scratch)
{
    change_t *change = baton;
    const djs_place_t *place = change->v->place;
    djs_record_t record;
    apr_status_t rv = djs_record_open(&record, current, place->mode,
                                      change->spot->at, place->ring, scratch);

    if (rv == APR_SUCCESS && record.version == change->v->s->record.version) {
        todo->what = DJS_UPDATE_REMOVE;
        return APR_SUCCESS;
    }
    return rv == APR_SUCCESS ? DJS_ETAKEN : rv;
}

/* Writes `record` to `to`, which must be free unless it is ours already. */
static apr_status_t write_record(save_t *v, const djs_record_t *record,
                                 const djs_spot_t *to, djs_put_e how)
{
    djs_bytes_t bytes;
    apr_status_t rv = djs_record_seal(&bytes, record, v->place->mode, to->at,
                                      v->place->ring, v->p);

    if (rv != APR_SUCCESS) {
        return rv;
    }
    return djs_store_put(v->place->store, to->at.store_key,
                         (djs_item_t){ bytes, record->expires }, how, v->call,
                         v->p);
}

/* A place that nobody has used, under the first secret. */
static apr_status_t write_fresh(save_t *v, djs_record_t *record, djs_spot_t *to)
{
    apr_status_t rv = DJS_ERANDOM;
    int i;

    for (i = 0; i < MOST_TRIES; i++) {
        djs_bytes_t key = { v->out->key, DJS_KEY_LEN };

        rv = djs_key_make(v->out->key, v->place->random);
        if (rv == APR_SUCCESS) {
            rv = djs_keyring_tag(v->place->ring, key, record->tag);
        }
        if (rv == APR_SUCCESS) {
            rv = djs_spot_find(to, v->place, 0, v->out->key);
        }
        if (rv == APR_SUCCESS) {
            memcpy(v->out->tag, record->tag, sizeof v->out->tag);
            rv = write_record(v, record, to, DJS_PUT_NEW);
        }
        if (rv != DJS_ETAKEN) {
            return rv;
        }
    }
    return DJS_ERANDOM; /* ten keys taken out of 36^32: the generator is ill */
}

/* Copies the record at `from` to a place under the first secret (a fresh key,
 * or the same one), then removes the original. DJS_EABSENT: there is none, or
 * it ended while we were at it; then the copy is gone too. */
static apr_status_t relocate(save_t *v, const djs_spot_t *from, int new_key)
{
    change_t original = { v, from, 0, 0, { 0 } };
    int written = 0, i;
    apr_status_t rv = DJS_ETROUBLE;
    djs_spot_t to;

    for (i = 0; i < MOST_TRIES; i++) {
        djs_record_t record;

        rv = djs_spot_read(&record, from, v->place, v->call, v->p);
        if (rv != APR_SUCCESS) {
            break;
        }
        v->s->record.version = record.version;
        if (new_key) {
            record.keyed = v->call.now;
            record.flags |= v->terms->tls ? DJS_RECORD_TLS : 0;
        }
        rv = advance(&record, v, v->p);
        if (rv == APR_SUCCESS && written) {
            memcpy(record.tag, v->out->tag, sizeof record.tag);
            rv = write_record(v, &record, &to, DJS_PUT_EXISTING);
        }
        else if (rv == APR_SUCCESS && new_key) {
            rv = write_fresh(v, &record, &to);
        }
        else if (rv == APR_SUCCESS) {
            memcpy(v->out->key, v->s->loaded, sizeof v->out->key);
            rv = djs_spot_find(&to, v->place, 0, v->out->key);
            if (rv == APR_SUCCESS) {
                rv = write_record(v, &record, &to, DJS_PUT_NEW);
            }
            if (rv == DJS_ETAKEN) {
                return DJS_EABSENT; /* moved by another request: look there */
            }
        }
        if (rv != APR_SUCCESS) {
            break;
        }
        written = 1;
        rv = djs_store_update(v->place->store, from->at.store_key,
                              remove_version, &original, v->call, v->p);
        if (rv == APR_SUCCESS) {
            settle(v->s, &record, v->out->key);
        }
        if (rv != DJS_ETAKEN) {
            break;
        }
    }
    if (rv != APR_SUCCESS && written) {
        (void)djs_store_remove(v->place->store, to.at.store_key, v->call, v->p);
    }
    return rv == DJS_ETAKEN ? DJS_ETROUBLE : rv;
}

/* Saves a record that exists, wherever it lies by now: under the secret it was
 * loaded from, or moved since. */
static apr_status_t save_existing(save_t *v, int renew_only)
{
    int count = djs_keyring_count(v->place->ring), i;
    int new_key = v->s->cycled;
    apr_status_t rv = DJS_EABSENT;

    for (i = 0; i < count && rv == DJS_EABSENT; i++) {
        int which = (v->s->ring_index + i) % count;
        djs_spot_t spot;

        rv = i == 0 ? djs_spot_reuse(&spot, v->place, v->s)
                    : djs_spot_find(&spot, v->place, which, v->s->loaded);
        if (rv != APR_SUCCESS) {
            break;
        }
        if (which == 0 && !new_key) {
            rv = save_in_place(v, &spot, renew_only);
            continue;
        }
        rv = relocate(v, &spot, new_key);
        if (rv == APR_SUCCESS) {
            v->s->ring_index = 0;
            v->out->did = new_key      ? DJS_DID_ROTATE
                          : renew_only ? DJS_DID_RENEW
                                       : DJS_DID_SAVE;
        }
    }
    return rv;
}

/* --------------------------------------------------- births and deaths */

static apr_status_t create(save_t *v)
{
    djs_record_t record;
    djs_spot_t to;
    apr_status_t rv;

    memset(&record, 0, sizeof record);
    record.kind = DJS_RECORD_SESSION;
    record.flags = v->terms->tls ? DJS_RECORD_TLS : 0;
    record.created = record.keyed = v->call.now;
    rv = advance(&record, v, v->p);
    if (rv == APR_SUCCESS) {
        rv = write_fresh(v, &record, &to);
    }
    if (rv == APR_SUCCESS) {
        v->out->did = DJS_DID_CREATE;
        v->s->ring_index = 0;
        settle(v->s, &record, v->out->key);
    }
    return rv;
}

/* Removes the record of `key` under whichever secret it lies. */
static apr_status_t remove_key(save_t *v, const char *key)
{
    int count = djs_keyring_count(v->place->ring), which;
    apr_status_t rv = APR_SUCCESS;

    /* The first secret last: a save that moves the record there meanwhile finds
     * the original gone, and takes its copy away again. */
    for (which = count - 1; which >= 0 && rv == APR_SUCCESS; which--) {
        djs_spot_t spot;

        rv = djs_spot_find(&spot, v->place, which, key);
        if (rv == APR_SUCCESS) {
            rv = djs_store_remove(v->place->store, spot.at.store_key, v->call,
                                  v->p);
        }
    }
    return rv;
}

/* A flush: what was set after it begins a new session, written before the old
 * one ends, so that a failure in between costs nobody anything. */
static apr_status_t end(save_t *v)
{
    int reborn = v->s->changes->nelts > 0;
    char old[DJS_KEY_LEN + 1];
    apr_status_t rv;

    memcpy(old, v->s->loaded, sizeof old);
    rv = reborn ? create(v) : APR_SUCCESS;
    if (rv == APR_SUCCESS && old[0] != '\0') {
        rv = remove_key(v, old);
        if (rv != APR_SUCCESS && reborn) {
            (void)remove_key(v, v->out->key);
        }
    }
    if (rv == APR_SUCCESS && !reborn) {
        v->out->did = DJS_DID_END;
        settle(v->s, NULL, NULL);
    }
    return rv;
}

/* ----------------------------------------------------------- deciding */

static int has_work(const djs_session_t *s)
{
    return s->flushed || s->changes->nelts > 0 ||
           (s->loaded[0] != '\0' && (s->cycled || s->modified));
}

int djs_commit_due(const djs_session_t *s, const djs_terms_t *terms,
                   apr_time_t now)
{
    if (has_work(s)) {
        return 1;
    }
    if (s->state == DJS_STATE_NONE) {
        return terms->create_always;
    }
    return s->state == DJS_STATE_LIVE && renewal_due(&s->record, terms, now);
}

static apr_status_t save_live(save_t *v)
{
    int renew_only = !has_work(v->s);
    apr_status_t rv = save_existing(v, renew_only);

    if (rv != DJS_EABSENT) {
        return rv;
    }
    /* It ended while this request ran, and stays ended: only a login is worth
     * a session of its own, which begins with nothing of the old one. */
    if (v->s->logged_in) {
        return create(v);
    }
    v->out->did = DJS_DID_DROP;
    settle(v->s, NULL, NULL);
    return APR_SUCCESS;
}

apr_status_t djs_commit_save(djs_saved_t *out, djs_session_t *s,
                             const djs_terms_t *terms, const djs_place_t *place,
                             djs_call_t call)
{
    save_t v = { s, terms, place, call, out, s->p };

    memset(out, 0, sizeof *out);
    out->did = DJS_DID_NOTHING;
    memcpy(out->tag, s->record.tag, sizeof out->tag);
    if (!djs_commit_due(s, terms, call.now)) {
        return APR_SUCCESS;
    }
    if (s->state == DJS_STATE_UNREADABLE) {
        return DJS_EUNREADABLE;
    }
    if (s->state == DJS_STATE_UNAVAILABLE) {
        return DJS_ETROUBLE;
    }
    if (s->flushed) {
        return end(&v);
    }
    return s->state == DJS_STATE_LIVE ? save_live(&v) : create(&v);
}
