/* fuzz_alias - an alias leads to a key or nowhere, whatever its body is.
 *
 * The first byte says of which kind the record is; the next 32 are the old key,
 * which may be any bytes; the rest is the body. */
#include <stdint.h>
#include <stdlib.h>
#include <apr_general.h>
#include "base/hex.h"
#include "session/alias.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static apr_pool_t *top;
static djs_place_t place;

static void require(int truth)
{
    if (!truth) {
        abort();
    }
}

static void prepare(void)
{
    static unsigned char secrets[2][DJS_SECRET_BYTES] = { "first", "second" };

    if (!top) {
        apr_initialize();
        atexit(apr_terminate); /* the ring goes, or counts as leaked */
        apr_pool_create(&top, NULL);
        require(
            !djs_keyring_create(&place.ring, (const void *)secrets, 2, top));
        place.ns = djs_bytes("localhost");
    }
}

/* What was read is a whole key, or none. */
static void require_key_or_nothing(const djs_alias_t *to, apr_status_t rv)
{
    static const char nothing[DJS_KEY_LEN + 1];

    if (rv == APR_SUCCESS) {
        require(djs_key_valid(djs_bytes(to->key)));
    }
    else {
        require(rv == DJS_EUNREADABLE);
        require(memcmp(to->key, nothing, sizeof nothing) == 0);
    }
}

/* What leads somewhere is made again, byte for byte. */
static void require_the_same_again(const djs_record_t *record,
                                   const djs_alias_t *to, const char *old_key,
                                   apr_pool_t *p)
{
    djs_record_t again = { 0 };

    require(!djs_alias_make(&again, to, old_key, &place, p));
    require(again.kind == DJS_RECORD_ALIAS);
    require(djs_bytes_equal(again.body, record->body));
}

/* A body that leads to the key which the bytes at `text` stand for. */
static void try_made(const char *text, const char *old_key, apr_pool_t *p)
{
    static const char letters[] = "abcdefghijklmnopqrstuvwxyz0123456789";
    djs_record_t record = { 0 };
    djs_alias_t to, got;

    memset(&to, 0, sizeof to);
    for (int i = 0; i < DJS_KEY_LEN; i++) {
        to.key[i] = letters[(unsigned char)text[i] % 36];
    }
    djs_hex_encode(to.store_key, (const unsigned char *)text,
                   DJS_STORE_KEY_LEN / 2);
    require(!djs_alias_make(&record, &to, old_key, &place, p));
    require(!djs_alias_read(&got, &record, old_key, &place));
    require(memcmp(&got, &to, sizeof got) == 0);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    djs_record_t record = { 0 };
    djs_alias_t to, place_only;
    const char *old_key;
    apr_status_t rv;
    apr_pool_t *p;

    if (size < 1 + DJS_KEY_LEN) {
        return 0;
    }
    prepare();
    apr_pool_create(&p, top);
    record.kind = (djs_record_kind_e)(data[0] & 7);
    old_key = (const char *)data + 1;
    record.body = djs_bytes_of(old_key + DJS_KEY_LEN, size - 1 - DJS_KEY_LEN);
    rv = djs_alias_read(&to, &record, old_key, &place);
    require_key_or_nothing(&to, rv);
    if (rv == APR_SUCCESS) {
        require_the_same_again(&record, &to, old_key, p);
    }
    rv = djs_alias_read(&place_only, &record, NULL, &place);
    require(place_only.key[0] == '\0');
    require((rv == APR_SUCCESS) ==
            (record.kind == DJS_RECORD_ALIAS && record.body.len == 52));
    if (record.body.len >= DJS_KEY_LEN) {
        try_made(record.body.data, old_key, p);
    }
    apr_pool_destroy(p);
    return 0;
}
