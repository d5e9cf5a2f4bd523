/* codec/record.c - a session as a store keeps it.
 *
 * Header, then the body. Sealed: nonce, ciphertext, tag. Bare: the body as it
 * is, then a MAC. All numbers are big-endian; doc/formats shows the bytes. */
#include "codec/record.h"

#include <limits.h>
#include <openssl/crypto.h>
#include "base/hex.h"

#define FORMAT     2 /* version of the layout; 1 had no epoch */
#define TAG_BYTES  (DJS_TAG_LEN / 2)
#define MOST_BODY  ((apr_size_t)INT_MAX - DJS_RECORD_OVERHEAD)
#define PART_LEN   4 /* bytes of the length before an authenticated part */
#define FORMAT_LEN 1

/* Where the parts of the header lie. */
enum {
    AT_MAGIC = 0,
    AT_FORMAT = 3,
    AT_MODE = 4,
    AT_KIND = 5,
    AT_FLAGS = 6,
    AT_KEY_ID = 8,
    AT_BODY_LEN = 12,
    AT_TAG = 16,
    AT_VERSION = 22,
    AT_CREATED = 30,
    AT_KEYED = 38,
    AT_AUTHENTICATED = 46,
    AT_SAVED = 54,
    AT_EXPIRES = 62,
    AT_AGE = 70,
    AT_EPOCH = 78,
    HEADER_LEN = 86,
    HEADER_LEN_1 = AT_EPOCH
};

/* The longest authenticated text: format, namespace, store key, header and,
 * before a bare body, its length. */
#define MOST_AAD                                                               \
    (5 * PART_LEN + FORMAT_LEN + 2 * DJS_NAME_MOST + (apr_size_t)HEADER_LEN)

_Static_assert((int)HEADER_LEN + DJS_SEAL_GROWTH <= DJS_RECORD_OVERHEAD,
               "a sealed record keeps its promise");
_Static_assert((int)HEADER_LEN + DJS_MAC_BYTES <= DJS_RECORD_OVERHEAD,
               "and so does a bare one");

static const unsigned char magic[AT_FORMAT] = { 'D', 'J', 'S' };

static void put(unsigned char *to, apr_uint64_t number, int bytes)
{
    while (bytes-- > 0) {
        to[bytes] = (unsigned char)number;
        number >>= 8;
    }
}

static apr_uint64_t take(const unsigned char *from, int bytes)
{
    apr_uint64_t number = 0;

    for (int i = 0; i < bytes; i++) {
        number = number << 8 | from[i];
    }
    return number;
}

static apr_int64_t take_time(const unsigned char *from)
{
    return (apr_int64_t)take(from, 8);
}

/* Appends `len` bytes behind their length. */
static unsigned char *add_part(unsigned char *to, const void *part,
                               apr_size_t len)
{
    put(to, len, PART_LEN);
    if (len) {
        memcpy(to + PART_LEN, part, len);
    }
    return to + PART_LEN + len;
}

/* By the format that the header names. */
static apr_size_t header_len(const unsigned char *header)
{
    return header[AT_FORMAT] == FORMAT ? HEADER_LEN : HEADER_LEN_1;
}

/* What is authenticated beside the body; `to` has MOST_AAD bytes. In a bare
 * record the body follows it, so that its length stands here already. */
static djs_bytes_t authenticated(unsigned char *to, djs_record_place_t place,
                                 const unsigned char *header)
{
    unsigned char *end = to;

    end = add_part(end, header + AT_FORMAT, FORMAT_LEN);
    end = add_part(end, place.ns.data, place.ns.len);
    end = add_part(end, place.store_key.data, place.store_key.len);
    end = add_part(end, header, header_len(header));
    if (header[AT_MODE] == DJS_RECORD_BARE) {
        memcpy(end, header + AT_BODY_LEN, PART_LEN);
        end += PART_LEN;
    }
    return djs_bytes_of((const char *)to, (apr_size_t)(end - to));
}

static int is_kind(int kind)
{
    return kind >= DJS_RECORD_SESSION && kind <= DJS_RECORD_LIST;
}

static int asked_well(djs_record_mode_e mode, djs_record_place_t place)
{
    return (mode == DJS_RECORD_SEALED || mode == DJS_RECORD_BARE) &&
           place.ns.len <= DJS_NAME_MOST &&
           place.store_key.len <= DJS_NAME_MOST;
}

/* Nonce and tag, or MAC: what a record is longer by than header and body. */
static apr_size_t growth(djs_record_mode_e mode)
{
    return mode == DJS_RECORD_SEALED ? DJS_SEAL_GROWTH : DJS_MAC_BYTES;
}

static apr_status_t write_header(unsigned char *to, const djs_record_t *record,
                                 djs_record_mode_e mode,
                                 const djs_keyring_t *ring)
{
    if (!is_kind((int)record->kind) ||
        (record->flags & ~(unsigned)DJS_RECORD_FLAGS) ||
        djs_hex_decode(to + AT_TAG, TAG_BYTES,
                       djs_bytes_of(record->tag, DJS_TAG_LEN))) {
        return DJS_EINVALID;
    }
    memcpy(to + AT_MAGIC, magic, sizeof(magic));
    to[AT_FORMAT] = FORMAT;
    to[AT_MODE] = (unsigned char)mode;
    to[AT_KIND] = (unsigned char)record->kind;
    put(to + AT_FLAGS, record->flags, 2);
    memcpy(to + AT_KEY_ID, djs_keyring_id(ring), DJS_KEY_ID_BYTES);
    put(to + AT_BODY_LEN, record->body.len, 4);
    put(to + AT_VERSION, record->version, 8);
    put(to + AT_CREATED, (apr_uint64_t)record->created, 8);
    put(to + AT_KEYED, (apr_uint64_t)record->keyed, 8);
    put(to + AT_AUTHENTICATED, (apr_uint64_t)record->authenticated, 8);
    put(to + AT_SAVED, (apr_uint64_t)record->saved, 8);
    put(to + AT_EXPIRES, (apr_uint64_t)record->expires, 8);
    put(to + AT_AGE, (apr_uint64_t)record->age, 8);
    put(to + AT_EPOCH, record->epoch, 8);
    return APR_SUCCESS;
}

apr_status_t djs_record_seal(djs_bytes_t *out, const djs_record_t *record,
                             djs_record_mode_e mode, djs_record_place_t place,
                             djs_keyring_t *ring, apr_pool_t *p)
{
    unsigned char aad[MOST_AAD];
    djs_bytes_t body = record->body;
    djs_bytes_t head;
    unsigned char *bytes;
    apr_size_t size;
    apr_status_t rv;

    *out = djs_bytes_of(NULL, 0);
    if ((mode != DJS_RECORD_SEALED && mode != DJS_RECORD_BARE) ||
        !asked_well(mode, place)) {
        return DJS_EINVALID;
    }
    if (body.len > MOST_BODY) {
        return DJS_ETOOBIG;
    }
    size = HEADER_LEN + body.len + growth(mode);
    bytes = apr_palloc(p, size);
    rv = write_header(bytes, record, mode, ring);
    if (rv != APR_SUCCESS) {
        return rv;
    }
    head = authenticated(aad, place, bytes);
    if (mode == DJS_RECORD_SEALED) {
        rv = djs_keyring_seal(ring, bytes + HEADER_LEN, head, body);
    }
    else {
        if (body.len) {
            memcpy(bytes + HEADER_LEN, body.data, body.len);
        }
        rv =
            djs_keyring_mac(ring, 0, bytes + HEADER_LEN + body.len, head, body);
    }
    if (rv == APR_SUCCESS) {
        *out = djs_bytes_of((const char *)bytes, size);
    }
    return rv;
}

/* Nonzero when the header is one that we write, or wrote once, and all lengths
 * agree. Nothing is trusted for it: the header is authenticated afterwards. */
static int header_fits(const unsigned char *header, apr_size_t len,
                       djs_record_mode_e mode)
{
    return len >= HEADER_LEN_1 + growth(mode) &&
           memcmp(header + AT_MAGIC, magic, sizeof(magic)) == 0 &&
           (header[AT_FORMAT] == FORMAT || header[AT_FORMAT] == 1) &&
           len >= header_len(header) + growth(mode) &&
           header[AT_MODE] == mode && is_kind(header[AT_KIND]) &&
           (take(header + AT_FLAGS, 2) & ~(apr_uint64_t)DJS_RECORD_FLAGS) ==
               0 &&
           take(header + AT_BODY_LEN, 4) ==
               len - header_len(header) - growth(mode);
}

static void read_header(djs_record_t *record, const unsigned char *header)
{
    record->kind = (djs_record_kind_e)header[AT_KIND];
    record->flags = (unsigned)take(header + AT_FLAGS, 2);
    djs_hex_encode(record->tag, header + AT_TAG, TAG_BYTES);
    record->version = take(header + AT_VERSION, 8);
    record->created = take_time(header + AT_CREATED);
    record->keyed = take_time(header + AT_KEYED);
    record->authenticated = take_time(header + AT_AUTHENTICATED);
    record->saved = take_time(header + AT_SAVED);
    record->expires = take_time(header + AT_EXPIRES);
    record->age = take_time(header + AT_AGE);
    record->epoch =
        header[AT_FORMAT] == FORMAT ? take(header + AT_EPOCH, 8) : 0;
}

/* `rest` is body and MAC; copies the body to `to` when the MAC is right. */
static apr_status_t open_bare(unsigned char *to, djs_bytes_t rest,
                              djs_bytes_t head, int which, djs_keyring_t *ring)
{
    djs_bytes_t body = { rest.data, rest.len - DJS_MAC_BYTES };
    unsigned char mac[DJS_MAC_BYTES];

    if (djs_keyring_mac(ring, which, mac, head, body) != APR_SUCCESS ||
        CRYPTO_memcmp(mac, body.data + body.len, sizeof(mac)) != 0) {
        return DJS_EUNREADABLE;
    }
    memcpy(to, body.data, body.len);
    return APR_SUCCESS;
}

apr_status_t djs_record_open(djs_record_t *out, djs_bytes_t bytes,
                             djs_record_mode_e mode, djs_record_place_t place,
                             djs_keyring_t *ring, apr_pool_t *p)
{
    const unsigned char *header = (const unsigned char *)bytes.data;
    unsigned char aad[MOST_AAD];
    djs_bytes_t head, rest;
    unsigned char *body;
    apr_size_t len;
    apr_status_t rv;
    int which;

    memset(out, 0, sizeof(*out));
    if (!asked_well(mode, place) || !header_fits(header, bytes.len, mode)) {
        return DJS_EUNREADABLE;
    }
    which = djs_keyring_find(ring, header + AT_KEY_ID);
    if (which < 0) {
        return DJS_EUNREADABLE;
    }
    head = authenticated(aad, place, header);
    len = header_len(header);
    rest = djs_bytes_of(bytes.data + len, bytes.len - len);
    len = rest.len - growth(mode);
    body = apr_palloc(p, len + 1);
    if (mode == DJS_RECORD_SEALED) {
        rv = djs_keyring_open(ring, which, body, head, rest);
    }
    else {
        rv = open_bare(body, rest, head, which, ring);
    }
    if (rv != APR_SUCCESS) {
        return rv;
    }
    body[len] = '\0';
    read_header(out, header);
    out->secret = which;
    out->body = djs_bytes_of((const char *)body, len);
    return APR_SUCCESS;
}
