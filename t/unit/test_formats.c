/* test_formats - the examples in doc/formats are what the code reads. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <cmocka.h>
#include <apr_general.h>
#include <apr_strings.h>
#include "base/hex.h"
#include "codec/record.h"
#include "codec/seal.h"
#include "session/alias.h"

#ifndef DJS_SRCDIR
#define DJS_SRCDIR "."
#endif

#define HEADER_LEN 86
#define NONCE_LEN  24

static apr_pool_t *pool;
static char *text; /* doc/formats, lines ended by NUL */
static char *end;

static const char *source_dir(void)
{
    const char *dir = getenv("DJS_SRCDIR");

    return dir ? dir : DJS_SRCDIR;
}

/* Reads the file and cuts it into lines; nonzero when there is none. */
static int read_doc(void)
{
    const char *path = apr_pstrcat(pool, source_dir(), "/doc/formats", NULL);
    FILE *file = fopen(path, "r");
    size_t len;

    if (!file) {
        perror(path);
        return 1;
    }
    text = apr_pcalloc(pool, 65536);
    len = fread(text, 1, 65535, file);
    fclose(file);
    end = text + len;
    for (char *c = text; c < end; c++) {
        *c = *c == '\n' ? '\0' : *c;
    }
    return 0;
}

static const char *next_line(const char *line)
{
    return line + strlen(line) + 1;
}

/* The first line that begins with `head`. */
static const char *find_line(const char *head)
{
    const char *line = text;

    while (line < end && strncmp(line, head, strlen(head)) != 0) {
        line = next_line(line);
    }
    if (line >= end) {
        fail_msg("doc/formats has no line \"%s...\"", head);
    }
    return line;
}

/* What stands behind `name` in the fifth chapter. */
static djs_bytes_t value(const char *name)
{
    const char *line = find_line(apr_psprintf(pool, "  %-13s ", name));

    return djs_bytes(line + 16);
}

static const unsigned char *hex_value(const char *name, size_t len)
{
    unsigned char *out = apr_palloc(pool, len);

    assert_int_equal(djs_hex_decode(out, len, value(name)), APR_SUCCESS);
    return out;
}

/* Appends the bytes of one line, `    0000  44 4a 53   what they are`. Returns
 * how many; 0: this is no such line. */
static size_t add_dump_line(unsigned char *out, size_t at, const char *line)
{
    char *rest;
    size_t count = 0;

    if (strncmp(line, "    ", 4) != 0 || strtoul(line + 4, &rest, 16) != at ||
        rest != line + 8) {
        return 0;
    }
    for (const char *byte = line + 10; count < 12 && strlen(byte) >= 2;
         byte += 3) {
        if (djs_hex_decode(out + at + count, 1, djs_bytes_of(byte, 2))) {
            break;
        }
        count++;
    }
    return count;
}

/* The hex dump that follows the heading. */
static djs_bytes_t dump(const char *heading)
{
    const char *line = next_line(next_line(find_line(heading)));
    unsigned char *out = apr_palloc(pool, 4096);
    size_t len = 0, more;

    while ((more = add_dump_line(out, len, line)) > 0) {
        len += more;
        line = next_line(line);
    }
    assert_true(len > HEADER_LEN && *line == '\0');
    return djs_bytes_of((char *)out, len);
}

static djs_keyring_t *ring_of_doc(void)
{
    djs_keyring_t *ring;

    assert_null(djs_keyring_create(
        &ring, (const void *)hex_value("secret", DJS_SECRET_BYTES), 1, pool));
    return ring;
}

static djs_record_place_t place_of_doc(void)
{
    djs_record_place_t place = { value("namespace"), value("store-key") };

    return place;
}

static void assert_number(const char *name, apr_int64_t number)
{
    assert_string_equal(apr_psprintf(pool, "%" APR_INT64_T_FMT, number),
                        value(name).data);
}

static void assert_as_told(const djs_record_t *record)
{
    assert_int_equal(record->kind, DJS_RECORD_SESSION);
    assert_string_equal(record->tag, value("tag").data);
    assert_number("flags", record->flags);
    assert_number("version", (apr_int64_t)record->version);
    assert_number("created", record->created);
    assert_number("keyed", record->keyed);
    assert_number("authenticated", record->authenticated);
    assert_number("saved", record->saved);
    assert_number("expires", record->expires);
    assert_number("age", record->age);
    assert_number("epoch", (apr_int64_t)record->epoch);
    assert_string_equal(record->body.data, value("body").data);
}

/* G20: what is written is read as the document says. */
static void both_examples_open_and_hold_what_is_told(void **state)
{
    static const struct {
        const char *heading;
        djs_record_mode_e mode;
        size_t growth;
    } examples[] = { { "5.1 Sealed", DJS_RECORD_SEALED, 126 },
                     { "5.3 Bare", DJS_RECORD_BARE, 118 } };

    (void)state;
    for (size_t i = 0; i < 2; i++) {
        djs_bytes_t bytes = dump(examples[i].heading);
        djs_record_t record;

        assert_int_equal(djs_record_open(&record, bytes, examples[i].mode,
                                         place_of_doc(), ring_of_doc(), pool),
                         APR_SUCCESS);
        assert_as_told(&record);
        assert_int_equal(bytes.len, record.body.len + examples[i].growth);
    }
}

static void names_and_key_id_are_what_is_told(void **state)
{
    djs_keyring_t *ring = ring_of_doc();
    char name[DJS_STORE_KEY_LEN + 1], tag[DJS_TAG_LEN + 1];

    (void)state;
    assert_memory_equal(djs_keyring_id(ring),
                        hex_value("key-id", DJS_KEY_ID_BYTES),
                        DJS_KEY_ID_BYTES);
    assert_int_equal(djs_keyring_store_key(ring, 0, value("namespace"),
                                           value("session-key"), name),
                     APR_SUCCESS);
    assert_string_equal(name, value("store-key").data);
    assert_int_equal(djs_keyring_tag(ring, value("session-key"), tag),
                     APR_SUCCESS);
    assert_string_equal(tag, value("tag").data);
}

/* With what the document prints (key and associated data) and without the
 * code that puts them together. */
static void the_seal_opens_with_the_told_key_and_associated_data(void **state)
{
    djs_bytes_t bytes = dump("5.1 Sealed"), aad = dump("5.2 Its AAD");
    djs_bytes_t sealed = { bytes.data + HEADER_LEN, bytes.len - HEADER_LEN };
    unsigned char *body = apr_pcalloc(pool, sealed.len);
    djs_seal_algs_t algs;
    djs_seal_t seal;

    (void)state;
    assert_memory_equal(sealed.data, "ABCDEFGHIJKLMNOPQRSTUVWX", NONCE_LEN);
    assert_int_equal(djs_seal_fetch(&algs), APR_SUCCESS);
    assert_int_equal(djs_seal_init(&seal, &algs, hex_value("seal-key", 32)),
                     APR_SUCCESS);
    assert_int_equal(djs_seal_decrypt(&seal, body, aad, sealed), APR_SUCCESS);
    assert_string_equal((char *)body, value("body").data);
    djs_seal_release(&seal);
    djs_seal_unfetch(&algs);
}

/* The key of the one record opens it as plain AES-256-GCM. */
static void the_record_key_is_the_told_one(void **state)
{
    djs_bytes_t bytes = dump("5.1 Sealed"), aad = dump("5.2 Its AAD");
    const unsigned char *nonce = (const unsigned char *)bytes.data + HEADER_LEN;
    EVP_CIPHER_CTX *ctx = EVP_CIPHER_CTX_new();
    size_t body_len = value("body").len;
    unsigned char body[64];
    int len;

    (void)state;
    assert_true(EVP_DecryptInit_ex(ctx, EVP_aes_256_gcm(), NULL,
                                   hex_value("record-key", 32), nonce + 12));
    assert_true(EVP_DecryptUpdate(
        ctx, NULL, &len, (const unsigned char *)aad.data, (int)aad.len));
    assert_true(
        EVP_DecryptUpdate(ctx, body, &len, nonce + NONCE_LEN, (int)body_len));
    EVP_CIPHER_CTX_ctrl(ctx, EVP_CTRL_AEAD_SET_TAG, 16,
                        (void *)(nonce + NONCE_LEN + body_len));
    assert_int_equal(EVP_DecryptFinal_ex(ctx, body + body_len, &len), 1);
    assert_memory_equal(body, value("body").data, body_len);
    EVP_CIPHER_CTX_free(ctx);
}

/* G20: the told mask comes of the told key, and the alias leads to the told
 * successor. */
static void the_alias_leads_to_the_told_successor(void **state)
{
    djs_bytes_t bytes = dump("5.4 An alias");
    djs_place_t place = { .ring = ring_of_doc(), .ns = value("namespace") };
    unsigned char mask[DJS_MAC_BYTES];
    djs_record_t record;
    djs_alias_t to;

    (void)state;
    assert_int_equal(djs_record_open(&record, bytes, DJS_RECORD_BARE,
                                     place_of_doc(), place.ring, pool),
                     APR_SUCCESS);
    assert_int_equal(record.kind, DJS_RECORD_ALIAS);
    assert_number("grace", record.age);
    assert_number("epoch", (apr_int64_t)record.epoch);
    assert_int_equal(
        djs_alias_read(&to, &record, value("session-key").data, &place),
        APR_SUCCESS);
    assert_string_equal(to.key, value("new-key").data);
    assert_string_equal(to.store_key, value("new-store-key").data);
    for (int i = 0; i < DJS_MAC_BYTES; i++) {
        mask[i] = (unsigned char)(to.key[i] ^ record.body.data[i]);
    }
    assert_memory_equal(mask, hex_value("mask", sizeof(mask)), sizeof(mask));
}

/* The printed keys of the other uses, by what they make. */
static void the_other_keys_are_the_told_ones(void **state)
{
    djs_bytes_t bare = dump("5.3 Bare"), sealed_aad = dump("5.2 Its AAD");
    size_t body_len = value("body").len;
    size_t aad_len = sealed_aad.len;
    unsigned char *aad = apr_palloc(pool, aad_len + 4);
    unsigned char mac[DJS_SEAL_MAC_BYTES], tag[DJS_TAG_LEN / 2];
    djs_seal_algs_t algs;
    djs_seal_mac_t ctx;

    (void)state;
    memcpy(aad, sealed_aad.data, aad_len - HEADER_LEN);
    memcpy(aad + aad_len - HEADER_LEN, bare.data, HEADER_LEN);
    memcpy(aad + aad_len, bare.data + 12, 4); /* the body's length */
    assert_int_equal(djs_seal_fetch(&algs), APR_SUCCESS);

    djs_seal_mac_init(&ctx, &algs, hex_value("auth-key", 32), 32);
    djs_seal_mac(&ctx, mac, djs_bytes_of((char *)aad, aad_len + 4),
                 djs_bytes_of(bare.data + HEADER_LEN, body_len));
    assert_memory_equal(mac, bare.data + HEADER_LEN + body_len, sizeof(mac));
    djs_seal_mac_release(&ctx);

    djs_seal_mac_init(&ctx, &algs, hex_value("tag-key", 32), 32);
    djs_seal_mac(&ctx, mac, value("session-key"), djs_bytes(""));
    djs_hex_decode(tag, sizeof(tag), value("tag"));
    assert_memory_equal(mac, tag, sizeof(tag));
    djs_seal_mac_release(&ctx);

    djs_seal_mac_init(&ctx, &algs, hex_value("alias-key", 32), 32);
    djs_seal_mac(&ctx, mac, value("session-key"), djs_bytes(""));
    assert_memory_equal(mac, hex_value("mask", 32), sizeof(mac));
    djs_seal_mac_release(&ctx);

    djs_seal_mac_init(&ctx, &algs, hex_value("name-key", 32), 32);
    djs_seal_mac(&ctx, mac,
                 djs_bytes_of("\0\0\0\x0fwww.example.com\0\0\0\x20", 23),
                 value("session-key"));
    assert_memory_equal(mac, hex_value("store-key", DJS_STORE_KEY_LEN / 2),
                        DJS_STORE_KEY_LEN / 2);
    djs_seal_mac_release(&ctx);
    djs_seal_unfetch(&algs);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(both_examples_open_and_hold_what_is_told),
        cmocka_unit_test(names_and_key_id_are_what_is_told),
        cmocka_unit_test(the_seal_opens_with_the_told_key_and_associated_data),
        cmocka_unit_test(the_record_key_is_the_told_one),
        cmocka_unit_test(the_alias_leads_to_the_told_successor),
        cmocka_unit_test(the_other_keys_are_the_told_ones),
    };
    int failures;

    apr_initialize();
    apr_pool_create(&pool, NULL);
    failures =
        read_doc() || cmocka_run_group_tests_name("formats", tests, NULL, NULL);
    apr_pool_destroy(pool);
    apr_terminate();
    return failures;
}
