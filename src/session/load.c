/* session/load.c - from the keys that a browser sent to its session.
 *
 * Exactly one live session must come of them. A key that was given up leads to
 * its successor for a while; when it is sent after that, and nothing better
 * with it, somebody has kept it. */
#include "session/alias.h"
#include "session/commit.h"
#include "session/revoke.h"
#include "session/spot.h"
#include "session/theirs.h"

#define MOST_HOPS 100 /* rotations within one grace */

typedef struct {
    djs_session_t *s;
    const djs_place_t *place;
    const djs_terms_t *terms;
    djs_call_t call;
    int live;      /* sessions that the candidates lead to, each counted once */
    int elsewhere; /* live, but not in a plain request */
    int unreadable;
    char stale[DJS_STORE_KEY_LEN + 1]; /* of a key sent after its grace */
    djs_alias_t successor;             /* what that one had led to */
} load_t;

/* A record and where it was found. */
typedef struct {
    djs_record_t record;
    djs_spot_t spot;
    int which; /* secret of the ring */
} found_t;

/* Reads what lies under `key`, whichever secret it was filed under. */
static apr_status_t look(found_t *found, const load_t *l, const char *key)
{
    int count = djs_keyring_count(l->place->ring);
    int looks =
        count > 1 ? count + 1 : 1; /* it may move to the first meanwhile */
    apr_status_t rv = DJS_EABSENT;

    for (int i = 0; i < looks && rv == DJS_EABSENT; i++) {
        found->which = i % count;
        rv = djs_spot_find(&found->spot, l->place, found->which, key);
        if (rv == APR_SUCCESS) {
            rv = djs_spot_read(&found->record, &found->spot, l->place, l->call,
                               l->s->p);
        }
    }
    return rv;
}

/* A session was found: it counts unless its time is over or another candidate
 * led to it, too. */
static void count_in(load_t *l, const found_t *found, const char *key,
                     int under_old_key)
{
    djs_session_t *s = l->s;

    if (djs_commit_is_over(&found->record, l->terms, l->call.now)) {
        return;
    }
    if (found->record.flags & DJS_RECORD_TLS && !l->terms->tls) {
        l->elsewhere++;
        return;
    }
    s->handed |= under_old_key;
    if (l->live > 0 && memcmp(s->loaded, key, DJS_KEY_LEN) == 0) {
        return;
    }
    l->live++;
    s->record = found->record;
    s->ring_index = found->which;
    memcpy(s->store_key, found->spot.store_key, sizeof s->store_key);
    memcpy(s->loaded, key, DJS_KEY_LEN);
    s->loaded[DJS_KEY_LEN] = '\0';
}

/* DJS_EABSENT: it has been revoked. */
static apr_status_t check_revoked(const load_t *l, found_t *found)
{
    const djs_revoke_t ask = { l->place, l->call, l->s->p };
    djs_bytes_t at = found->spot.at.store_key;
    apr_uint64_t epoch;
    apr_status_t rv = djs_revoke_epoch(&epoch, at, &ask);

    return rv == APR_SUCCESS ? djs_revoke_check(&found->record, epoch, at,
                                                l->terms->user_key, &ask)
                             : rv;
}

/* Follows one candidate. Trouble of the store is all that comes back. */
static apr_status_t load_one(load_t *l, const char *candidate)
{
    char key[DJS_KEY_LEN];

    memcpy(key, candidate, sizeof key);
    for (int hops = 0; hops <= MOST_HOPS; hops++) {
        found_t found;
        djs_alias_t to;
        apr_status_t rv = look(&found, l, key);

        if (rv == APR_SUCCESS && found.record.kind == DJS_RECORD_SESSION) {
            rv = check_revoked(l, &found);
            if (rv == APR_SUCCESS) {
                count_in(l, &found, key, hops > 0);
                return APR_SUCCESS;
            }
        }
        else if (rv == APR_SUCCESS) {
            rv = djs_alias_read(&to, &found.record, key, l->place);
        }
        if (rv != APR_SUCCESS) {
            l->unreadable += rv == DJS_EUNREADABLE;
            return rv == DJS_EUNREADABLE || rv == DJS_EABSENT ? APR_SUCCESS
                                                              : rv;
        }
        if (!djs_alias_in_grace(&found.record, l->call.now)) {
            if (!djs_alias_is_late(&found.record, l->call.now)) {
                return APR_SUCCESS;
            }
            memcpy(l->stale, found.spot.store_key, sizeof l->stale);
            memcpy(l->s->replay.tag, found.record.tag, sizeof l->s->replay.tag);
            l->successor = to;
            return APR_SUCCESS;
        }
        memcpy(key, to.key, sizeof key);
    }
    return APR_SUCCESS;
}

/* What a move between secrets that was cut short may have left of the key. */
static void remove_elsewhere(const load_t *l, const char *key, int but)
{
    for (int i = 0; i < djs_keyring_count(l->place->ring); i++) {
        djs_spot_t spot;

        if (i != but && djs_spot_find(&spot, l->place, i, key) == APR_SUCCESS) {
            (void)djs_store_remove(l->place->store, spot.at.store_key, l->call,
                                   l->s->p);
        }
    }
}

/* Ends the session that a key given up had led to, wherever that has got to:
 * its record may lie under another secret by now. None is fine. */
static apr_status_t end_successor(load_t *l)
{
    djs_alias_t to = l->successor;

    for (int hops = 0; hops <= MOST_HOPS; hops++) {
        found_t found;
        apr_status_t rv = look(&found, l, to.key);

        if (rv == APR_SUCCESS && found.record.kind == DJS_RECORD_SESSION) {
            rv = djs_alias_end(l->place, found.spot.store_key, l->call,
                               l->s->replay.ended, l->s->p);
            if (rv == DJS_EABSENT) {
                continue; /* it has moved since */
            }
            if (rv == APR_SUCCESS) {
                remove_elsewhere(l, to.key, found.which);
            }
            return rv;
        }
        if (rv == APR_SUCCESS) {
            djs_alias_t next;

            rv = djs_alias_read(&next, &found.record, to.key, l->place);
            to = next;
        }
        if (rv != APR_SUCCESS) {
            return rv == DJS_EABSENT ? APR_SUCCESS : rv;
        }
    }
    return DJS_ETROUBLE;
}

/* Somebody sent a key long after it had been given up, and nothing better. It
 * is told of once: then it is forgotten as if it had never been. */
static apr_status_t replay(load_t *l)
{
    djs_session_t *s = l->s;
    apr_status_t rv = APR_SUCCESS;

    if (l->terms->replay_flush) {
        rv = end_successor(l);
    }
    if (rv == APR_SUCCESS) {
        rv = djs_store_remove(l->place->store,
                              djs_bytes_of(l->stale, DJS_STORE_KEY_LEN),
                              l->call, s->p);
    }
    s->replay.seen = rv == APR_SUCCESS;
    return rv;
}

static void forget(djs_session_t *s)
{
    memset(&s->record, 0, sizeof s->record);
    s->loaded[0] = s->store_key[0] = '\0';
    s->ring_index = 0;
    s->handed = 0;
}

apr_status_t djs_commit_load(djs_session_t *s,
                             const djs_candidates_t *candidates,
                             const djs_place_t *place, const djs_terms_t *terms,
                             djs_call_t call)
{
    load_t l = { s, place, terms, call, 0, 0, 0, "", { "", "" } };
    apr_status_t rv = APR_SUCCESS;

    if (place->site != NULL) {
        return djs_theirs_load(s, candidates, place, terms, call);
    }
    s->state = DJS_STATE_NONE;
    for (int i = 0; i < candidates->count && rv == APR_SUCCESS; i++) {
        rv = load_one(&l, candidates->keys[i].data);
    }
    if (rv == APR_SUCCESS && l.live + l.elsewhere == 0 && l.stale[0] != '\0') {
        rv = replay(&l);
    }
    if (rv != APR_SUCCESS) {
        forget(s);
        s->state = DJS_STATE_UNAVAILABLE;
        return rv;
    }
    if (l.live == 1) {
        memcpy(s->key, s->loaded, sizeof s->key);
        s->state = DJS_STATE_LIVE;
        return APR_SUCCESS;
    }
    forget(s);
    s->passed_over = l.live + l.elsewhere;
    if (s->passed_over == 0 && l.unreadable > 0) {
        s->state = DJS_STATE_UNREADABLE;
    }
    return APR_SUCCESS;
}
