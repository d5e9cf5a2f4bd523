/* session/revoke.c - ends all sessions of a user, or of a namespace, at once.
 */
#include <openssl/evp.h>
#include "base/hex.h"
#include "session/revoke.h"

#define MOST_TRIES 20 /* revocations that may get in between */
#define NAME_BYTES (DJS_STORE_KEY_LEN / 2)
#define EVERYBODY  "all sessions"
#define BARE       " bare" /* marks of one mode do not open in the other */
#define EPOCH_OF   "mod_djsession epoch v1 "
#define USER_LEN   (5 + 2 * 32 + 5) /* "user ", a SHA-256, and BARE */

/* A name made of a text of any length, under no secret. */
static apr_status_t digest(unsigned char out[32], const char *before,
                           djs_bytes_t text)
{
    EVP_MD_CTX *md = EVP_MD_CTX_new();
    apr_status_t rv = DJS_ETROUBLE;

    if (md && EVP_DigestInit_ex(md, EVP_sha256(), NULL) == 1 &&
        EVP_DigestUpdate(md, before, strlen(before)) == 1 &&
        EVP_DigestUpdate(md, text.data, text.len) == 1 &&
        EVP_DigestFinal_ex(md, out, NULL) == 1) {
        rv = APR_SUCCESS;
    }
    EVP_MD_CTX_free(md);
    return rv;
}

/* The epoch's name depends on no secret: it must outlive them. */
apr_status_t djs_commit_prepare(djs_place_t *place)
{
    unsigned char hash[32];
    apr_status_t rv = digest(hash, EPOCH_OF, place->ns);

    memset(place->epoch, 0, sizeof place->epoch);
    if (rv == APR_SUCCESS) {
        djs_hex_encode(place->epoch, hash, NAME_BYTES);
    }
    return rv;
}

/* What the mark for a user, or for everybody, is called before a secret makes a
 * store key of it. No session key looks like it. */
static apr_status_t mark_text(char out[USER_LEN + 1], djs_bytes_t user,
                              const djs_place_t *place)
{
    unsigned char hash[32];

    if (user.len == 0) {
        memcpy(out, EVERYBODY, sizeof EVERYBODY);
    }
    else {
        memcpy(out, "user ", 5);
        if (digest(hash, "", user) != APR_SUCCESS) {
            return DJS_ETROUBLE;
        }
        djs_hex_encode(out + 5, hash, sizeof hash);
    }
    if (place->mode == DJS_RECORD_BARE) {
        memcpy(out + strlen(out), BARE, sizeof BARE);
    }
    return APR_SUCCESS;
}

apr_status_t djs_revoke_epoch(apr_uint64_t *epoch, djs_bytes_t store_key,
                              const djs_revoke_t *ask)
{
    return djs_store_epoch(epoch, ask->place->store,
                           djs_bytes_of(ask->place->epoch, DJS_STORE_KEY_LEN),
                           store_key, ask->call, ask->p);
}

/* ------------------------------------------------------------- checking */

/* The number of the mark at `at`; 0 when there is none. */
static apr_status_t read_mark(apr_uint64_t *number, djs_record_place_t at,
                              djs_bytes_t store_key, const djs_revoke_t *ask)
{
    djs_record_t mark;
    djs_bytes_t bytes;
    apr_status_t rv = djs_store_get_beside(
        ask->place->store, at.store_key, store_key, ask->call, &bytes, ask->p);

    *number = 0;
    if (rv == DJS_EABSENT) {
        return APR_SUCCESS;
    }
    if (rv == APR_SUCCESS) {
        rv = djs_record_open(&mark, bytes, ask->place->mode, at,
                             ask->place->ring, ask->p);
    }
    if (rv == APR_SUCCESS && mark.kind != DJS_RECORD_MARK) {
        rv = DJS_EUNREADABLE;
    }
    if (rv == APR_SUCCESS) {
        *number = mark.epoch;
    }
    return rv;
}

/* Has a mark for this user a higher number than `epoch`? It may have been made
 * under any secret of the ring. */
static apr_status_t check_mark(apr_uint64_t epoch, djs_bytes_t user,
                               djs_bytes_t store_key, const djs_revoke_t *ask)
{
    char text[USER_LEN + 1], name[DJS_STORE_KEY_LEN + 1];
    apr_status_t rv = mark_text(text, user, ask->place);

    for (int i = 0;
         rv == APR_SUCCESS && i < djs_keyring_count(ask->place->ring); i++) {
        djs_record_place_t at = { ask->place->ns, { name, DJS_STORE_KEY_LEN } };
        apr_uint64_t number = 0;

        rv = djs_keyring_store_key(ask->place->ring, i, ask->place->ns,
                                   djs_bytes(text), name);
        if (rv == APR_SUCCESS) {
            rv = read_mark(&number, at, store_key, ask);
        }
        if (rv == APR_SUCCESS && number > epoch) {
            rv = DJS_EABSENT;
        }
    }
    return rv;
}

/* The same for the user that a member of the session's data names. */
static apr_status_t check_user(const djs_record_t *record, djs_bytes_t user_key,
                               djs_bytes_t store_key, const djs_revoke_t *ask)
{
    djs_bytes_t value, user = { "", 0 };

    if (user_key.len > 0 && djs_json_find(&value, record->body, user_key)) {
        user = djs_session_user_text(&value, ask->p);
    }
    return user.len > 0 ? check_mark(record->epoch, user, store_key, ask)
                        : APR_SUCCESS;
}

apr_status_t djs_revoke_check(djs_record_t *record, apr_uint64_t epoch,
                              djs_bytes_t store_key, djs_bytes_t user_key,
                              const djs_revoke_t *ask)
{
    const djs_place_t *place = ask->place;
    djs_bytes_t everybody = { "", 0 };
    apr_status_t rv;

    /* Where the epoch was lost, with whatever else was there, it is 0. */
    if (record->epoch >= epoch && !(record->epoch > 0 && epoch == 0)) {
        return APR_SUCCESS;
    }
    rv = check_mark(record->epoch, everybody, store_key, ask);
    if (rv == APR_SUCCESS) {
        rv = check_user(record, user_key, store_key, ask);
    }
    for (int i = 0; i < place->user_key_count && rv == APR_SUCCESS; i++) {
        if (!djs_bytes_equal(place->user_keys[i], user_key)) {
            rv = check_user(record, place->user_keys[i], store_key, ask);
        }
    }
    if (rv == APR_SUCCESS && epoch > record->epoch) {
        record->epoch = epoch;
    }
    return rv;
}

/* ------------------------------------------------------------- revoking */

/* The mark that is to be left, and where. */
typedef struct {
    const djs_revoke_t *ask;
    djs_record_place_t at;
    apr_uint64_t number;
} mark_t;

/* djs_update_fn: a mark that is not above ours is replaced by it. */
static apr_status_t leave_mark(djs_update_t *todo, djs_bytes_t current,
                               void *baton, apr_pool_t *scratch)
{
    const mark_t *mark = baton;
    const djs_place_t *place = mark->ask->place;
    djs_record_t record;

    if (current.len > 0 &&
        djs_record_open(&record, current, place->mode, mark->at, place->ring,
                        scratch) == APR_SUCCESS &&
        record.epoch >= mark->number) {
        return APR_SUCCESS; /* todo says: keep it */
    }
    memset(&record, 0, sizeof record);
    record.kind = DJS_RECORD_MARK;
    memset(record.tag, '0', DJS_TAG_LEN);
    record.created = record.saved = mark->ask->call.now;
    record.expires = DJS_STORE_FOREVER;
    record.epoch = mark->number;
    todo->what = DJS_UPDATE_REPLACE;
    todo->expires = record.expires;
    return djs_record_seal(&todo->val, &record, place->mode, mark->at,
                           place->ring, scratch);
}

/* One try: a number above every epoch, the mark, and only then the epoch. If it
 * has risen above the number before the mark was everywhere, a session may have
 * been found good in between: DJS_ETAKEN. */
static apr_status_t revoke_once(mark_t *mark)
{
    const djs_revoke_t *ask = mark->ask;
    djs_store_t *store = ask->place->store;
    djs_bytes_t epoch = { ask->place->epoch, DJS_STORE_KEY_LEN };
    djs_bytes_t anywhere = { "", 0 };
    apr_uint64_t before, after;
    apr_status_t rv =
        djs_store_epoch(&before, store, epoch, anywhere, ask->call, ask->p);

    mark->number =
        (before > (apr_uint64_t)ask->call.now ? before
                                              : (apr_uint64_t)ask->call.now) +
        1;
    if (rv == APR_SUCCESS) {
        rv = djs_store_everywhere(store, mark->at.store_key, leave_mark, mark,
                                  ask->call, ask->p);
    }
    if (rv == APR_SUCCESS) {
        rv = djs_store_epoch(&after, store, epoch, anywhere, ask->call, ask->p);
    }
    if (rv == APR_SUCCESS && after >= mark->number) {
        return DJS_ETAKEN;
    }
    return rv == APR_SUCCESS
               ? djs_store_raise(store, epoch, mark->number, ask->call, ask->p)
               : rv;
}

apr_status_t djs_revoke(djs_bytes_t user, const djs_revoke_t *ask)
{
    char text[USER_LEN + 1], name[DJS_STORE_KEY_LEN + 1];
    mark_t mark = { ask, { ask->place->ns, { name, DJS_STORE_KEY_LEN } }, 0 };
    apr_status_t rv = mark_text(text, user, ask->place);

    if (rv == APR_SUCCESS) {
        rv = djs_keyring_store_key(ask->place->ring, 0, ask->place->ns,
                                   djs_bytes(text), name);
    }
    if (rv != APR_SUCCESS) {
        return rv;
    }
    rv = DJS_ETAKEN;
    for (int i = 0; i < MOST_TRIES && rv == DJS_ETAKEN; i++) {
        rv = revoke_once(&mark);
    }
    return rv == DJS_ETAKEN ? DJS_ETROUBLE : rv;
}
