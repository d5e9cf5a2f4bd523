/* session/alias.c - a key that was given up leads to the one in its place. */
#include <openssl/crypto.h>
#include "base/hex.h"
#include "session/alias.h"

#define STORE_KEY_BYTES (DJS_STORE_KEY_LEN / 2)
#define BODY_LEN        (DJS_KEY_LEN + STORE_KEY_BYTES)

/* A fault of test builds, which t/5d shows to be found. */
#ifdef DJS_FAULT_STALE_ALIAS
#define FAULT_STALE_ALIAS 1 /* a grace never ends */
#else
#define FAULT_STALE_ALIAS 0
#endif

_Static_assert(DJS_KEY_LEN == DJS_MAC_BYTES, "a mask hides a whole key");

/* Puts the mask on, or takes it off. */
static apr_status_t mask(char *to, const char *from, const char *old_key,
                         int secret, const djs_place_t *place)
{
    unsigned char bits[DJS_MAC_BYTES];
    apr_status_t rv = djs_keyring_mask(
        place->ring, secret, djs_bytes_of(old_key, DJS_KEY_LEN), bits);

    for (int i = 0; i < DJS_KEY_LEN && rv == APR_SUCCESS; i++) {
        to[i] = (char)((unsigned char)from[i] ^ bits[i]);
    }
    OPENSSL_cleanse(bits, sizeof bits);
    return rv;
}

apr_status_t djs_alias_make(djs_record_t *out, const djs_alias_t *to,
                            const char *old_key, const djs_place_t *place,
                            apr_pool_t *p)
{
    char *body = apr_palloc(p, BODY_LEN);

    out->kind = DJS_RECORD_ALIAS;
    out->body = djs_bytes_of(body, BODY_LEN);
    if (djs_hex_decode((unsigned char *)body + DJS_KEY_LEN, STORE_KEY_BYTES,
                       djs_bytes_of(to->store_key, DJS_STORE_KEY_LEN))) {
        return DJS_EINVALID;
    }
    return mask(body, to->key, old_key, 0, place);
}

apr_status_t djs_alias_read(djs_alias_t *out, const djs_record_t *record,
                            const char *old_key, const djs_place_t *place)
{
    djs_bytes_t body = record->body;
    apr_status_t rv;

    memset(out, 0, sizeof *out);
    if (record->kind != DJS_RECORD_ALIAS || body.len != BODY_LEN) {
        return DJS_EUNREADABLE;
    }
    djs_hex_encode(out->store_key,
                   (const unsigned char *)body.data + DJS_KEY_LEN,
                   STORE_KEY_BYTES);
    if (old_key == NULL) {
        return APR_SUCCESS;
    }
    rv = mask(out->key, body.data, old_key, record->secret, place);
    if (rv == APR_SUCCESS &&
        !djs_key_valid(djs_bytes_of(out->key, DJS_KEY_LEN))) {
        memset(out->key, 0, sizeof out->key);
        rv = DJS_EUNREADABLE;
    }
    return rv;
}

int djs_alias_in_grace(const djs_record_t *record, apr_time_t now)
{
    apr_interval_time_t gone = now - record->saved;

    /* A clock that went back a little ends no grace, and prolongs none. */
    return FAULT_STALE_ALIAS || (gone < record->age && gone > -record->age);
}

int djs_alias_is_late(const djs_record_t *record, apr_time_t now)
{
    return now - record->saved >= record->age;
}

/* What djs_alias_end is about, and what its update came to. */
typedef struct {
    const djs_place_t *place;
    djs_record_place_t at;
    char *tag;
    djs_alias_t next;
} end_t;

/* djs_update_fn: removes a session; of an alias it says where to go on. */
static apr_status_t end_record(djs_update_t *todo, djs_bytes_t current,
                               void *baton, apr_pool_t *scratch)
{
    end_t *end = baton;
    djs_record_t record;
    apr_status_t rv = djs_record_open(&record, current, end->place->mode,
                                      end->at, end->place->ring, scratch);

    if (rv == APR_SUCCESS && record.kind == DJS_RECORD_SESSION) {
        todo->what = DJS_UPDATE_REMOVE;
        if (end->tag != NULL) {
            memcpy(end->tag, record.tag, sizeof record.tag);
        }
        return APR_SUCCESS;
    }
    if (rv == APR_SUCCESS) {
        rv = djs_alias_read(&end->next, &record, NULL, end->place);
    }
    return rv == APR_SUCCESS ? DJS_EMOVED : rv;
}

apr_status_t djs_alias_end(const djs_place_t *place,
                           char store_key[DJS_STORE_KEY_LEN + 1],
                           djs_call_t call, char tag[DJS_TAG_LEN + 1],
                           apr_pool_t *p)
{
    end_t end = {
        place, { place->ns, { store_key, DJS_STORE_KEY_LEN } }, tag, { "", "" }
    };
    apr_status_t rv = DJS_EMOVED;

    for (int hops = 0; hops < DJS_ALIAS_HOPS && rv == DJS_EMOVED; hops++) {
        rv = djs_store_update(place->store, end.at.store_key, end_record, &end,
                              call, p);
        if (rv == DJS_EMOVED) {
            memcpy(store_key, end.next.store_key, sizeof end.next.store_key);
        }
    }
    return rv == DJS_EMOVED ? DJS_ETROUBLE : rv;
}
