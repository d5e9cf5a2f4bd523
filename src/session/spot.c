/* session/spot - where a record lies: the store key of a session key. */
#include "session/spot.h"

/* A fault of test builds, which t/5d shows to be found. */
#ifdef DJS_FAULT_MIX
#define KEY_LEN 1 /* sessions whose keys begin alike are one */
#else
#define KEY_LEN DJS_KEY_LEN
#endif

apr_status_t djs_spot_find(djs_spot_t *spot, const djs_place_t *place,
                           int which, const char *key)
{
    apr_status_t rv =
        djs_keyring_store_key(place->ring, which, place->ns,
                              djs_bytes_of(key, KEY_LEN), spot->store_key);

    spot->at.ns = place->ns;
    spot->at.store_key = djs_bytes_of(spot->store_key, DJS_STORE_KEY_LEN);
    return rv;
}

apr_status_t djs_spot_reuse(djs_spot_t *spot, const djs_place_t *place,
                            const djs_session_t *s)
{
    if (s->store_key[0] == '\0') {
        return djs_spot_find(spot, place, s->ring_index, s->loaded);
    }
    memcpy(spot->store_key, s->store_key, sizeof spot->store_key);
    spot->at.ns = place->ns;
    spot->at.store_key = djs_bytes_of(spot->store_key, DJS_STORE_KEY_LEN);
    return APR_SUCCESS;
}

apr_status_t djs_spot_read(djs_record_t *record, const djs_spot_t *spot,
                           const djs_place_t *place, djs_call_t call,
                           apr_pool_t *p)
{
    djs_bytes_t bytes;
    apr_status_t rv =
        djs_store_get(place->store, spot->at.store_key, call, &bytes, p);

    if (rv != APR_SUCCESS) {
        return rv;
    }
    rv = djs_record_open(record, bytes, place->mode, spot->at, place->ring, p);
    if (rv == APR_SUCCESS && record->expires <= call.now) {
        return DJS_EABSENT;
    }
    return rv;
}
