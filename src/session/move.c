/* session/move.c - gives a session another place: a new key, or the first
 * secret.
 *
 * The copy is written first, where nobody can find it. The moment at which the
 * old record is turned into an alias, or removed, is the one that counts: it
 * happens only if nobody has changed the record since it was copied, otherwise
 * the copy is made anew. */
#include "base/clock.h"
#include "session/save.h"

#define MOST_TRIES 10 /* for a free key */

/* Giving up the original. */
typedef struct {
    djs_save_t *v;
    const djs_spot_t *from;
    const djs_record_t *copy;
    apr_uint64_t version; /* that was copied */
    djs_alias_t to;
} leave_t;

/* The alias that takes the original's place. */
static apr_status_t leave_alias(djs_update_t *todo, const leave_t *leave,
                                const djs_record_t *original,
                                apr_pool_t *scratch)
{
    const djs_save_t *v = leave->v;
    djs_record_t alias = *original;
    apr_status_t rv =
        djs_alias_make(&alias, &leave->to, v->s->loaded, v->place, scratch);

    if (rv != APR_SUCCESS) {
        return rv;
    }
    alias.saved = v->call.now;
    alias.age = v->terms->grace;
    alias.expires = leave->copy->expires;
    if (alias.expires <= v->call.now + alias.age) {
        alias.expires = v->call.now + alias.age + APR_USEC_PER_SEC;
    }
    todo->what = DJS_UPDATE_REPLACE;
    todo->expires = alias.expires;
    return djs_record_seal(&todo->val, &alias, v->place->mode, leave->from->at,
                           v->place->ring, scratch);
}

/* djs_update_fn: gives the record up if it still is the one we copied. */
static apr_status_t leave_original(djs_update_t *todo, djs_bytes_t current,
                                   void *baton, apr_pool_t *scratch)
{
    leave_t *leave = baton;
    djs_save_t *v = leave->v;
    djs_record_t record;
    apr_status_t rv = djs_record_open(&record, current, v->place->mode,
                                      leave->from->at, v->place->ring, scratch);

    if (rv == APR_SUCCESS) {
        rv = djs_save_check(v, &record);
    }
    if (rv == APR_SUCCESS && record.version != leave->version) {
        rv = DJS_ETAKEN;
    }
    if (rv != APR_SUCCESS) {
        return rv;
    }
    if (v->new_key && !v->s->logged_in) {
        return leave_alias(todo, leave, &record, scratch);
    }
    todo->what = DJS_UPDATE_REMOVE;
    return APR_SUCCESS;
}

/* Writes `record` to `to`, which must be free unless it is ours already. */
static apr_status_t write_record(djs_save_t *v, const djs_record_t *record,
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

apr_status_t djs_move_fresh(djs_save_t *v, djs_record_t *record, djs_spot_t *to)
{
    apr_status_t rv;
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
            rv = djs_save_check_revoked(v, v->from, to->at.store_key);
        }
        if (rv == APR_SUCCESS) {
            if (v->epoch > record->epoch && !v->other_user) {
                record->epoch = v->epoch;
            }
            memcpy(v->out->tag, record->tag, sizeof v->out->tag);
            rv = write_record(v, record, to, DJS_PUT_NEW);
        }
        if (rv != DJS_ETAKEN) {
            return rv;
        }
    }
    return DJS_ETROUBLE; /* ten keys of 36^32 are not taken: it is in doubt */
}

/* The same key under the first secret. DJS_EABSENT: another request has moved
 * the record there already; it is to be looked for there. DJS_ETAKEN: nobody
 * has, but the store did not answer at once: it is to be tried again. */
static apr_status_t write_same_key(djs_save_t *v, const djs_record_t *record,
                                   djs_spot_t *to)
{
    djs_record_t there;
    apr_status_t rv;

    memcpy(v->out->key, v->s->loaded, sizeof v->out->key);
    rv = djs_spot_find(to, v->place, 0, v->out->key);
    if (rv == APR_SUCCESS) {
        rv = write_record(v, record, to, DJS_PUT_NEW);
    }
    if (rv == DJS_ETAKEN) {
        rv = djs_spot_read(&there, to, v->place, v->call, v->p);
        return rv == DJS_EABSENT   ? DJS_ETAKEN
               : rv == APR_SUCCESS ? DJS_EABSENT
                                   : rv;
    }
    return rv;
}

/* Writes the copy: the first time to a place of its own, then over it. */
static apr_status_t write_copy(djs_save_t *v, djs_record_t *record,
                               djs_spot_t *to, int written)
{
    if (written) {
        memcpy(record->tag, v->out->tag, sizeof record->tag);
        return write_record(v, record, to, DJS_PUT_EXISTING);
    }
    return v->new_key ? djs_move_fresh(v, record, to)
                      : write_same_key(v, record, to);
}

/* The original has gone. DJS_EMOVED: for the copy, which others have seen, has
 * got a new key since, and who did that has removed the original. DJS_EABSENT:
 * the session has ended. */
static apr_status_t follow_copy(djs_save_t *v, const djs_spot_t *copy)
{
    djs_record_t record;
    apr_status_t rv = djs_spot_read(&record, copy, v->place, v->call, v->p);

    if (rv == APR_SUCCESS) {
        rv = record.kind == DJS_RECORD_ALIAS ? djs_save_check(v, &record)
                                             : DJS_EABSENT;
    }
    return rv;
}

/* The record at `from`, with what this save makes of it. */
static apr_status_t read_original(djs_record_t *record, apr_uint64_t *version,
                                  djs_save_t *v, const djs_spot_t *from)
{
    apr_status_t rv = djs_spot_read(record, from, v->place, v->call, v->p);

    if (rv == APR_SUCCESS) {
        rv = djs_save_check(v, record);
    }
    if (rv != APR_SUCCESS) {
        return rv;
    }
    *version = record->version;
    if (v->new_key) {
        record->keyed = v->call.now;
        record->flags |= v->terms->tls ? DJS_RECORD_TLS : 0;
    }
    return djs_save_advance(record, v, v->p);
}

/* Where others write all the time it takes many tries, so only time ends them.
 */
apr_status_t djs_move(djs_save_t *v, const djs_spot_t *from)
{
    apr_status_t rv = DJS_ETAKEN;
    int written = 0;
    djs_spot_t to;

    while (rv == DJS_ETAKEN && djs_clock_steady() < v->call.until) {
        djs_record_t record;
        leave_t leave = { v, from, &record, 0, { "", "" } };

        rv = read_original(&record, &leave.version, v, from);
        if (rv == APR_SUCCESS) {
            rv = write_copy(v, &record, &to, written);
        }
        if (rv == DJS_ETAKEN) {
            continue; /* nothing is written yet */
        }
        if (rv != APR_SUCCESS) {
            break;
        }
        written = 1;
        memcpy(leave.to.key, v->out->key, sizeof leave.to.key);
        memcpy(leave.to.store_key, to.store_key, sizeof leave.to.store_key);
        rv = djs_store_update(v->place->store, from->at.store_key,
                              leave_original, &leave, v->call, v->p);
        if (rv == APR_SUCCESS) {
            memcpy(v->at, to.store_key, sizeof v->at);
            djs_save_settle(v->s, &record, v->out->key);
        }
    }
    if (rv == DJS_EABSENT && written && !v->new_key) {
        rv = follow_copy(v, &to);
        if (rv != DJS_EABSENT) {
            return rv;
        }
    }
    /* After trouble the original may lead to the copy, or not: nobody knows, so
     * the copy stays. When it does not, nobody ever finds it. */
    if (written &&
        (rv == DJS_EABSENT || rv == DJS_EMOVED || rv == DJS_ETAKEN)) {
        (void)djs_store_remove(v->place->store, to.at.store_key, v->call, v->p);
    }
    return rv == DJS_ETAKEN ? DJS_ETIMEOUT : rv;
}
