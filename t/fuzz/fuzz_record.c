/* fuzz_record - no bytes but those we sealed open, whatever they are.
 *
 * The first byte says what is done with the rest: opened as it is; opened
 * behind a header that is right, of either format; or sealed, changed and
 * opened again; and which of the kinds it is. */
#include <stdint.h>
#include <stdlib.h>
#include <apr_general.h>
#include "codec/record.h"

#define HEADER_LEN   86
#define HEADER_LEN_1 78 /* in format 1, which has no epoch */
#define AT_FORMAT    3

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static apr_pool_t *top;
static djs_keyring_t *ring;

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
        require(!djs_keyring_create(&ring, (const void *)secrets, 2, top));
    }
}

static djs_record_place_t home(void)
{
    djs_record_place_t place = {
        djs_bytes("localhost"),
        djs_bytes("0123456789abcdef0123456789abcdef01234567")
    };

    return place;
}

/* What opens was sealed by this ring: fuzzing does not find that. */
static void refuse(djs_bytes_t bytes, djs_record_mode_e mode, apr_pool_t *p)
{
    djs_record_t record;

    require(djs_record_open(&record, bytes, mode, home(), ring, p) ==
            DJS_EUNREADABLE);
    require(record.body.data == NULL && record.expires == 0);
}

static djs_record_kind_e kind; /* of the records that we seal */

static djs_bytes_t seal(djs_bytes_t body, djs_record_mode_e mode, apr_pool_t *p)
{
    djs_record_t record = { .kind = kind,
                            .tag = "0123456789ab",
                            .expires = 1,
                            .epoch = 2,
                            .body = body };
    djs_bytes_t out;

    require(!djs_record_seal(&out, &record, mode, home(), ring, p));
    return out;
}

/* A true header for just this length, before bytes of somebody's choice. */
static void try_behind_header(djs_bytes_t rest, djs_record_mode_e mode,
                              apr_pool_t *p)
{
    apr_size_t grown =
        mode == DJS_RECORD_SEALED ? DJS_SEAL_GROWTH : DJS_MAC_BYTES;
    djs_bytes_t bytes;

    if (rest.len < grown) {
        return;
    }
    bytes = seal(djs_bytes_of(rest.data, rest.len - grown), mode, p);
    memcpy((char *)bytes.data + HEADER_LEN, rest.data, rest.len);
    refuse(bytes, mode, p);
    /* The same header as format 1 would have it. */
    ((char *)bytes.data)[AT_FORMAT] = 1;
    memcpy((char *)bytes.data + HEADER_LEN_1, rest.data, rest.len);
    refuse(djs_bytes_of(bytes.data, bytes.len - HEADER_LEN + HEADER_LEN_1),
           mode, p);
}

/* The first three bytes say where and what to change in the sealed rest. */
static void try_changed(djs_bytes_t text, djs_record_mode_e mode, apr_pool_t *p)
{
    const unsigned char *how = (const unsigned char *)text.data;
    djs_bytes_t body = { text.data + 3, text.len - 3 };
    djs_bytes_t bytes;
    djs_record_t out;
    apr_size_t at;

    if (text.len < 3) {
        return;
    }
    bytes = seal(body, mode, p);
    require(!djs_record_open(&out, bytes, mode, home(), ring, p));
    require(djs_bytes_equal(out.body, body) && out.expires == 1);
    require(out.kind == kind && out.epoch == 2);

    at = ((apr_size_t)how[0] << 8 | how[1]) % bytes.len;
    ((char *)bytes.data)[at] ^= (char)(how[2] ? how[2] : 1);
    refuse(bytes, mode, p);
    ((char *)bytes.data)[at] ^= (char)(how[2] ? how[2] : 1);
    refuse(djs_bytes_of(bytes.data, at), mode, p);
    refuse(bytes, mode == DJS_RECORD_BARE ? DJS_RECORD_SEALED : DJS_RECORD_BARE,
           p);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    djs_bytes_t rest = { (const char *)data + 1, size - 1 };
    djs_record_mode_e mode;
    apr_pool_t *p;

    if (size < 1) {
        return 0;
    }
    prepare();
    apr_pool_create(&p, top);
    kind = (djs_record_kind_e)(DJS_RECORD_SESSION + (data[0] >> 3 & 3));
    mode = data[0] & 1 ? DJS_RECORD_BARE : DJS_RECORD_SEALED;
    switch (data[0] >> 1 & 3) {
    case 0:
        refuse(rest, mode, p);
        break;
    case 1:
        try_behind_header(rest, mode, p);
        break;
    default:
        try_changed(rest, mode, p);
        break;
    }
    apr_pool_destroy(p);
    return 0;
}
