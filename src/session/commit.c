/* session/commit.c - save, renew, rotate and end a session.
 *
 * A save works on what the store holds at that moment: inside one store update
 * it opens the record, replays the request's changes and seals the result. A
 * session whose key was given up meanwhile is followed to its new key. */
#include <apr_strings.h>
#include "session/quota.h"
#include "session/revoke.h"
#include "session/save.h"
#include "session/stamp.h"
#include "session/theirs.h"

/* Faults of test builds: t/5d shows that they are found. */
#ifdef DJS_FAULT_LOSE_UPDATE
#define TO_CHANGE(found, loaded)                                               \
    (loaded) /* what others did meanwhile is gone */
#else
#define TO_CHANGE(found, loaded) (found)
#endif
#ifdef DJS_FAULT_REVIVE
#define FAULT_REVIVE 1 /* a late save begins an ended session anew */
#else
#define FAULT_REVIVE 0
#endif

#define MOST_HOPS 100 /* rotations while one request ran */

apr_size_t djs_commit_max_value(apr_size_t max_size)
{
    return max_size + DJS_RECORD_OVERHEAD;
}

/* Another request may have set the user in place: whether he was revoked since
 * has not been looked at, so the next one that loads the session shall. */
static int same_user(const djs_record_t *a, const djs_record_t *b,
                     djs_bytes_t user_key)
{
    djs_bytes_t user_a, user_b;
    int has_a = djs_json_find(&user_a, a->body, user_key);
    int has_b = djs_json_find(&user_b, b->body, user_key);

    return has_a == has_b && (!has_a || djs_bytes_equal(user_a, user_b));
}

static int same_users(const djs_record_t *found, const djs_save_t *v)
{
    const djs_place_t *place = v->place;
    int same = same_user(found, &v->s->record, v->terms->user_key);

    for (int i = 0; i < place->user_key_count && same; i++) {
        same = same_user(found, &v->s->record, place->user_keys[i]);
    }
    return same;
}

/* ------------------------------------------------- what a save makes */

apr_status_t djs_save_check(djs_save_t *v, const djs_record_t *record)
{
    if (record->kind == DJS_RECORD_ALIAS) {
        apr_status_t rv =
            djs_alias_read(&v->moved, record, v->s->loaded, v->place);

        return rv == APR_SUCCESS ? DJS_EMOVED : rv;
    }
    if (record->kind != DJS_RECORD_SESSION) {
        return DJS_EUNREADABLE;
    }
    v->other_user = !v->s->logged_in && !same_users(record, v);
    return djs_commit_is_over(record, v->terms, v->call.now) ? DJS_EABSENT
                                                             : APR_SUCCESS;
}

apr_status_t djs_save_check_revoked(djs_save_t *v, djs_bytes_t from,
                                    djs_bytes_t to)
{
    djs_revoke_t ask = { v->place, v->call, v->p };
    djs_record_t *record = &v->s->record;
    apr_uint64_t epoch;
    apr_status_t rv;

    /* Or another process might have dropped a change already, knowing more, and
     * this one would go on with the session without it. */
    ask.call.fresh = 1;
    rv = djs_revoke_epoch(&epoch, to, &ask);

    if (rv == APR_SUCCESS && from.len > 0) {
        rv = djs_revoke_check(record, epoch, from, v->terms->user_key, &ask);
        epoch = record->epoch;
    }
    if (rv == APR_SUCCESS && epoch > v->epoch) {
        v->epoch = epoch;
    }
    return rv;
}

/* The body after the request's changes; `*expiry` views into it. */
static apr_status_t rebuild(djs_record_t *record, const djs_save_t *v,
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

static apr_status_t restamp(djs_record_t *record, const djs_save_t *v,
                            const djs_bytes_t *expiry)
{
    if (v->s->logged_in) {
        record->authenticated = v->call.now;
    }
    if (v->epoch > record->epoch && !v->other_user) {
        record->epoch = v->epoch;
    }
    memcpy(v->out->tag, record->tag, sizeof v->out->tag);
    return djs_stamp_save(record, &v->out->max_age, expiry, v->terms,
                          v->call.now);
}

apr_status_t djs_save_advance(djs_record_t *record, const djs_save_t *v,
                              apr_pool_t *p)
{
    static const djs_bytes_t name = { "\"_session_expiry\"", 17 };
    djs_bytes_t expiry;
    int has_expiry;
    apr_status_t rv = APR_SUCCESS;

    if (v->renew_only) {
        has_expiry = djs_json_find(&expiry, record->body, name);
    }
    else {
        rv = rebuild(record, v, &expiry, &has_expiry, p);
    }
    return rv == APR_SUCCESS ? restamp(record, v, has_expiry ? &expiry : NULL)
                             : rv;
}

void djs_save_settle(djs_session_t *s, const djs_record_t *record,
                     const char *key)
{
    apr_array_clear(s->changes);
    s->parsed = s->modified = s->flushed = s->cycled = s->logged_in = 0;
    s->handed = 0;
    s->everywhere = NULL;
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
    djs_save_t *v;
    const djs_spot_t *spot;
    int kept; /* another request has renewed it already */
    djs_record_t result;
} change_t;

/* djs_update_fn: the record as others left it, with our changes. */
static apr_status_t change_record(djs_update_t *todo, djs_bytes_t current,
                                  void *baton, apr_pool_t *scratch)
{
    change_t *change = baton;
    djs_save_t *v = change->v;
    const djs_place_t *place = v->place;
    djs_record_t record;
    apr_status_t rv = djs_record_open(&record, current, place->mode,
                                      change->spot->at, place->ring, scratch);

    if (rv == APR_SUCCESS) {
        rv = djs_save_check(v, &record);
        record.body = TO_CHANGE(record.body, v->s->record.body);
    }
    change->kept =
        v->renew_only && !djs_stamp_renewal_due(&record, v->terms, v->call.now);
    if (rv == APR_SUCCESS && !change->kept) {
        rv = djs_save_advance(&record, v, scratch);
    }
    change->result = record;
    if (rv != APR_SUCCESS || change->kept) {
        return rv; /* todo says: keep it */
    }
    todo->what = DJS_UPDATE_REPLACE;
    todo->expires = record.expires;
    change->result.body.data =
        apr_pstrmemdup(v->p, record.body.data, record.body.len);
    return djs_record_seal(&todo->val, &record, place->mode, change->spot->at,
                           place->ring, scratch);
}

/* Nothing is to be written to `record`; who came under an old key is told of
 * the new one. */
static void keep(djs_save_t *v, const djs_record_t *record)
{
    v->out->did = DJS_DID_NOTHING;
    if (v->s->handed) {
        v->out->did = DJS_DID_HAND;
        v->out->max_age = djs_stamp_max_age(record, v->call.now);
        memcpy(v->out->key, v->s->loaded, sizeof v->out->key);
        memcpy(v->out->tag, record->tag, sizeof v->out->tag);
    }
}

static apr_status_t save_in_place(djs_save_t *v, const djs_spot_t *spot)
{
    change_t change = { v, spot, 0, { 0 } };
    apr_status_t rv = djs_store_update(v->place->store, spot->at.store_key,
                                       change_record, &change, v->call, v->p);

    if (rv == APR_SUCCESS && change.kept) {
        keep(v, &change.result);
    }
    else if (rv == APR_SUCCESS) {
        v->out->did = v->renew_only ? DJS_DID_RENEW : DJS_DID_SAVE;
        memcpy(v->out->key, v->s->loaded, sizeof v->out->key);
        memcpy(v->at, spot->store_key, sizeof v->at);
        djs_save_settle(v->s, &change.result, v->out->key);
    }
    return rv;
}

/* Who moved the record between secrets may have died before the original was
 * removed. Nobody saw that, as the first secret is asked first; but once the
 * key is given up the original would be found. */
static void remove_elsewhere(djs_save_t *v, const char *key, int but)
{
    for (int i = 0; i < djs_keyring_count(v->place->ring); i++) {
        djs_spot_t spot;

        if (i != but && djs_spot_find(&spot, v->place, i, key) == APR_SUCCESS) {
            (void)djs_store_remove(v->place->store, spot.at.store_key, v->call,
                                   v->p);
        }
    }
}

/* Saves what lies under the key that the session was loaded from, under
 * whichever secret it lies by now. */
static apr_status_t save_under_key(djs_save_t *v)
{
    int count = djs_keyring_count(v->place->ring), i;
    apr_status_t rv = DJS_EABSENT;
    char old[DJS_KEY_LEN + 1];

    memcpy(old, v->s->loaded, sizeof old);
    for (i = 0; i < count && rv == DJS_EABSENT; i++) {
        int which = (v->s->ring_index + i) % count;
        djs_spot_t spot;

        rv = i == 0 ? djs_spot_reuse(&spot, v->place, v->s)
                    : djs_spot_find(&spot, v->place, which, v->s->loaded);
        if (rv == APR_SUCCESS) {
            v->from = spot.at.store_key;
            rv = djs_save_check_revoked(v, v->from, v->from);
        }
        if (rv != APR_SUCCESS) {
            break;
        }
        if (which == 0 && !v->new_key) {
            rv = save_in_place(v, &spot);
            continue;
        }
        rv = djs_move(v, &spot);
        if (rv == APR_SUCCESS) {
            if (v->new_key) {
                remove_elsewhere(v, old, which);
            }
            v->s->ring_index = 0;
            v->out->did = v->new_key      ? DJS_DID_ROTATE
                          : v->renew_only ? DJS_DID_RENEW
                                          : DJS_DID_SAVE;
        }
    }
    return rv;
}

/* Another request gave it a new key while this one ran: that key will do, for
 * everything but a login. */
static void follow(djs_save_t *v)
{
    djs_session_t *s = v->s;

    memcpy(s->loaded, v->moved.key, sizeof s->loaded);
    memcpy(s->key, v->moved.key, sizeof s->key);
    s->store_key[0] = '\0';
    s->ring_index = 0;
    s->handed = 1;
    s->cycled = s->cycled && s->logged_in;
    v->new_key = s->cycled;
}

static apr_status_t save_existing(djs_save_t *v)
{
    apr_status_t rv = DJS_EMOVED;

    for (int hops = 0; hops <= MOST_HOPS && rv == DJS_EMOVED; hops++) {
        rv = save_under_key(v);
        if (rv == DJS_EMOVED) {
            follow(v);
        }
    }
    return rv == DJS_EMOVED ? DJS_ETROUBLE : rv;
}

/* --------------------------------------------------- births and deaths */

static apr_status_t create(djs_save_t *v)
{
    djs_record_t record;
    djs_spot_t to;
    apr_status_t rv;

    memset(&record, 0, sizeof record);
    record.kind = DJS_RECORD_SESSION;
    record.flags = v->terms->tls ? DJS_RECORD_TLS : 0;
    record.created = record.keyed = v->call.now;
    v->from = djs_bytes_of(NULL, 0);
    v->epoch = 0;
    v->other_user = 0;
    rv = djs_save_advance(&record, v, v->p);
    if (rv == APR_SUCCESS) {
        rv = djs_move_fresh(v, &record, &to);
    }
    if (rv == APR_SUCCESS) {
        v->out->did = DJS_DID_CREATE;
        v->s->ring_index = 0;
        memcpy(v->at, to.store_key, sizeof v->at);
        djs_save_settle(v->s, &record, v->out->key);
    }
    return rv;
}

/* Ends the session of `key`, under whichever secret it lies and whichever key
 * it has got meanwhile. */
static apr_status_t end_key(djs_save_t *v, const char *key)
{
    int count = djs_keyring_count(v->place->ring), which;
    apr_status_t rv = APR_SUCCESS;

    /* The first secret last: a save that moves the record there meanwhile finds
     * the original gone, and takes its copy away again. */
    for (which = count - 1; which >= 0 && rv == APR_SUCCESS; which--) {
        djs_spot_t spot;

        rv = djs_spot_find(&spot, v->place, which, key);
        if (rv == APR_SUCCESS) {
            rv = djs_alias_end(v->place, spot.store_key, v->call, NULL, v->p);
        }
        if (rv == DJS_EABSENT) {
            rv = APR_SUCCESS;
        }
        else if (rv == DJS_EUNREADABLE) {
            /* What does not open can be removed all the same. After trouble it
             * may be an alias, without which nobody finds the session. */
            rv = djs_store_remove(v->place->store, spot.at.store_key, v->call,
                                  v->p);
        }
    }
    return rv;
}

static apr_status_t end_everywhere(const djs_save_t *v)
{
    const apr_array_header_t *users = v->s->everywhere;
    const djs_revoke_t ask = { v->place, v->call, v->p };
    apr_status_t rv = APR_SUCCESS;

    for (int i = 0; users && i < users->nelts && rv == APR_SUCCESS; i++) {
        rv = djs_revoke(APR_ARRAY_IDX(users, i, djs_bytes_t), &ask);
    }
    return rv;
}

/* A flush: what was set after it begins a new session, written before the old
 * one ends, so that a failure in between costs nobody anything. */
static apr_status_t end(djs_save_t *v)
{
    int reborn = v->s->changes->nelts > 0;
    char old[DJS_KEY_LEN + 1];
    apr_status_t rv;

    memcpy(old, v->s->loaded, sizeof old);
    rv = end_everywhere(v);
    if (rv != APR_SUCCESS) {
        return rv;
    }
    rv = reborn ? create(v) : APR_SUCCESS;
    if (rv == APR_SUCCESS && old[0] != '\0') {
        rv = end_key(v, old);
        if (rv != APR_SUCCESS && reborn) {
            (void)end_key(v, v->out->key);
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
    return s->state == DJS_STATE_LIVE &&
           (s->handed || djs_stamp_renewal_due(&s->record, terms, now) ||
            djs_stamp_rotation_due(&s->record, terms, now));
}

static apr_status_t save_live(djs_save_t *v)
{
    djs_session_t *s = v->s;
    apr_status_t rv;

    v->renew_only = !has_work(s);
    v->new_key =
        s->cycled || djs_stamp_rotation_due(&s->record, v->terms, v->call.now);
    if (v->renew_only && !v->new_key &&
        !djs_stamp_renewal_due(&s->record, v->terms, v->call.now)) {
        keep(v, &s->record);
        return APR_SUCCESS;
    }
    rv = save_existing(v);
    if (rv != DJS_EABSENT) {
        return rv;
    }
    /* It ended while this request ran, and stays ended: only a login is worth
     * a session of its own, which begins with nothing of the old one. What was
     * revoked may still lie there, and goes. */
    if (s->logged_in || FAULT_REVIVE) {
        if (s->logged_in) {
            (void)end_key(v, s->loaded);
        }
        v->renew_only = 0;
        return create(v);
    }
    v->out->did = DJS_DID_DROP;
    djs_save_settle(s, NULL, NULL);
    return APR_SUCCESS;
}

/* Use renews a user's list of sessions, ten times in a lifetime: has this save
 * stepped over one of those moments? */
static int is_step(const djs_record_t *record, apr_time_t before)
{
    apr_interval_time_t step = record->age / 10;

    return step > 0 && before / step != record->saved / step;
}

/* Keeps the user to as many sessions as he may have. The session is saved: if
 * they can not be counted now, the next login will. */
static void keep_quota(djs_save_t *v, int login, apr_time_t before)
{
    const djs_record_t *record = &v->s->record;
    djs_bytes_t value, user;

    if (v->terms->max_per_user == 0 || v->at[0] == '\0' ||
        !(login || is_step(record, before)) ||
        !djs_json_find(&value, record->body, v->terms->user_key)) {
        return;
    }
    user = djs_session_user_text(&value, v->p);
    if (user.len > 0) {
        v->out->quota = djs_quota_note(v, user, record,
                                       djs_bytes_of(v->at, DJS_STORE_KEY_LEN));
    }
}

static apr_status_t save_any(djs_save_t *v)
{
    if (v->s->flushed) {
        return end(v);
    }
    return v->s->state == DJS_STATE_LIVE ? save_live(v) : create(v);
}

apr_status_t djs_commit_save(djs_saved_t *out, djs_session_t *s,
                             const djs_terms_t *terms, const djs_place_t *place,
                             djs_call_t call)
{
    djs_save_t v = { .s = s,
                     .terms = terms,
                     .place = place,
                     .call = call,
                     .out = out,
                     .p = s->p };

    int login = s->logged_in;
    apr_time_t before = s->record.saved;
    apr_status_t rv;

    if (place->site != NULL) {
        return djs_theirs_save(out, s, terms, place, call);
    }
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
    rv = save_any(&v);
    if (rv == APR_SUCCESS) {
        keep_quota(&v, login, before);
    }
    return rv;
}
