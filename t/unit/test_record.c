/* test_record - a record opens as it was sealed, or not at all. */
#define OPENSSL_SUPPRESS_DEPRECATED
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <cmocka.h>
#include <apr_general.h>
#include <apr_strings.h>
#include <openssl/err.h>
#include <openssl/rand.h>
#include "base/hex.h"
#include "codec/record.h"

#define COUNT(a)   (sizeof(a) / sizeof(*(a)))
#define HEADER_LEN 78
#define SECOND     APR_INT64_C(1000000)

static apr_pool_t *pool;
static djs_keyring_t *ring; /* secret 0 is 00 01 .. 1f */
static unsigned char secrets[3][DJS_SECRET_BYTES];

static const djs_record_mode_e modes[] = { DJS_RECORD_SEALED, DJS_RECORD_BARE };

static djs_record_place_t place_of(const char *ns, const char *store_key)
{
    djs_record_place_t place = { djs_bytes(ns), djs_bytes(store_key) };

    return place;
}

static djs_record_place_t home(void)
{
    return place_of("www.example.com",
                    "bf59bc80ade5fd038eacb07114a1419bc50eb38d");
}

static djs_record_t record_of(djs_bytes_t body)
{
    djs_record_t record = { .kind = DJS_RECORD_SESSION,
                            .flags = DJS_RECORD_TLS,
                            .tag = "90f0671d553d",
                            .created = 1767225600 * SECOND,
                            .keyed = 1767229200 * SECOND,
                            .authenticated = 1767229200 * SECOND,
                            .saved = 1767232800 * SECOND + SECOND / 4,
                            .expires = 1768442400 * SECOND + SECOND / 4,
                            .age = 1209600 * SECOND,
                            .version = 3,
                            .body = body };

    return record;
}

static djs_bytes_t seal(const djs_record_t *record, djs_record_mode_e mode,
                        djs_record_place_t place)
{
    djs_bytes_t out;

    assert_int_equal(djs_record_seal(&out, record, mode, place, ring, pool),
                     APR_SUCCESS);
    return out;
}

static void assert_same(const djs_record_t *a, const djs_record_t *b)
{
    assert_int_equal(a->kind, b->kind);
    assert_int_equal(a->flags, b->flags);
    assert_string_equal(a->tag, b->tag);
    assert_int_equal(a->created, b->created);
    assert_int_equal(a->keyed, b->keyed);
    assert_int_equal(a->authenticated, b->authenticated);
    assert_int_equal(a->saved, b->saved);
    assert_int_equal(a->expires, b->expires);
    assert_int_equal(a->age, b->age);
    assert_int_equal(a->version, b->version);
    assert_true(djs_bytes_equal(a->body, b->body));
    assert_int_equal(b->body.data[b->body.len], '\0');
}

static void assert_opens(djs_bytes_t bytes, djs_record_mode_e mode,
                         const djs_record_t *want)
{
    djs_record_t got;

    assert_int_equal(djs_record_open(&got, bytes, mode, home(), ring, pool),
                     APR_SUCCESS);
    assert_same(want, &got);
}

/* One class of error, nothing handed out, nothing in OpenSSL's queue. The
 * bytes are copied to a place of their size, so that ASan sees over-reads. */
static void assert_unreadable_at(djs_bytes_t bytes, djs_record_mode_e mode,
                                 djs_record_place_t place)
{
    static const djs_record_t nothing;
    char *copy = malloc(bytes.len ? bytes.len : 1);
    djs_record_t got;
    apr_pool_t *p;

    memcpy(copy, bytes.data, bytes.len);
    apr_pool_create(&p, pool);
    assert_int_equal(djs_record_open(&got, djs_bytes_of(copy, bytes.len), mode,
                                     place, ring, p),
                     DJS_EUNREADABLE);
    assert_memory_equal(&got, &nothing, sizeof(got));
    assert_int_equal(ERR_peek_error(), 0);
    apr_pool_destroy(p);
    free(copy);
}

static void assert_unreadable(djs_bytes_t bytes, djs_record_mode_e mode)
{
    assert_unreadable_at(bytes, mode, home());
}

static djs_bytes_t filled(size_t len)
{
    char *data = apr_palloc(pool, len + 1);

    for (size_t i = 0; i < len; i++) {
        data[i] = (char)(i * 7 + i / 256);
    }
    return djs_bytes_of(data, len);
}

static void a_record_of_any_size_opens_as_it_was_sealed(void **state)
{
    static const size_t sizes[] = { 0,    1,     15,    16,   17,  31,
                                    32,   33,    63,    64,   65,  90,
                                    127,  128,   129,   255,  400, 1008,
                                    4096, 16384, 65536, 70000 };

    (void)state;
    for (size_t m = 0; m < COUNT(modes); m++) {
        for (size_t i = 0; i < COUNT(sizes); i++) {
            djs_record_t record = record_of(filled(sizes[i]));
            djs_bytes_t bytes = seal(&record, modes[m], home());

            assert_true(bytes.len <= sizes[i] + DJS_RECORD_OVERHEAD);
            assert_opens(bytes, modes[m], &record);
        }
    }
}

static void every_field_keeps_its_greatest_and_smallest_value(void **state)
{
    static const apr_time_t times[] = {
        0, 1, -1, APR_INT64_MAX, APR_INT64_MIN, 0x0102030405060708
    };

    (void)state;
    for (size_t m = 0; m < COUNT(modes); m++) {
        for (size_t i = 0; i < COUNT(times); i++) {
            djs_record_t record = record_of(djs_bytes("{}"));

            record.created = record.keyed = record.authenticated = times[i];
            record.saved = record.expires = record.age = times[i];
            record.version = (apr_uint64_t)times[i];
            record.flags = (unsigned)i & DJS_RECORD_FLAGS;
            assert_opens(seal(&record, modes[m], home()), modes[m], &record);
        }
    }
}

/* G01: each bit is authenticated, in header, nonce, body and tag. */
static void no_flipped_bit_is_accepted(void **state)
{
    static const size_t sizes[] = { 0, 1, 27, 64, 300 };

    (void)state;
    for (size_t m = 0; m < COUNT(modes); m++) {
        for (size_t i = 0; i < COUNT(sizes); i++) {
            djs_record_t record = record_of(filled(sizes[i]));
            djs_bytes_t bytes = seal(&record, modes[m], home());
            char *data = (char *)bytes.data;

            for (size_t bit = 0; bit < 8 * bytes.len; bit++) {
                data[bit / 8] ^= (char)(1 << bit % 8);
                assert_unreadable(bytes, modes[m]);
                data[bit / 8] ^= (char)(1 << bit % 8);
            }
            assert_opens(bytes, modes[m], &record);
        }
    }
}

/* G02 and G15: every length but the right one; a cut tag is among them. */
static void no_truncated_or_prolonged_record_is_accepted(void **state)
{
    (void)state;
    for (size_t m = 0; m < COUNT(modes); m++) {
        djs_record_t record = record_of(filled(100));
        djs_bytes_t bytes = seal(&record, modes[m], home());
        char *longer = apr_pcalloc(pool, bytes.len + 64);

        memcpy(longer, bytes.data, bytes.len);
        for (size_t len = 0; len < bytes.len + 64; len++) {
            if (len != bytes.len) {
                assert_unreadable(djs_bytes_of(longer, len), modes[m]);
            }
        }
    }
}

/* G02: the length in the header is not believed when it is adjusted, too. */
static void a_forged_length_is_not_accepted(void **state)
{
    (void)state;
    for (size_t m = 0; m < COUNT(modes); m++) {
        djs_record_t record = record_of(filled(100));
        djs_bytes_t bytes = seal(&record, modes[m], home());
        char *data = (char *)bytes.data;

        for (int cut = 1; cut <= 100; cut++) {
            data[15] = (char)(100 - cut);
            assert_unreadable(djs_bytes_of(data, bytes.len - (size_t)cut),
                              modes[m]);
        }
        memset(data + 12, 0xff, 4);
        assert_unreadable(bytes, modes[m]);
    }
}

/* G02: noise of any length, in both modes, with and without a plausible
 * beginning. */
static void noise_is_not_accepted(void **state)
{
    static char noise[65536];
    unsigned seed = 1;

    (void)state;
    for (size_t i = 0; i < sizeof(noise); i++) {
        seed = seed * 1103515245U + 12345U;
        noise[i] = (char)(seed >> 16);
    }
    for (size_t len = 0; len <= sizeof(noise); len = len * 9 / 8 + 1) {
        assert_unreadable(djs_bytes_of(noise, len), DJS_RECORD_SEALED);
        assert_unreadable(djs_bytes_of(noise, len), DJS_RECORD_BARE);
    }
    for (size_t m = 0; m < COUNT(modes); m++) {
        djs_record_t record = record_of(filled(sizeof(noise) - 200));
        djs_bytes_t bytes = seal(&record, modes[m], home());

        memcpy(noise, bytes.data, HEADER_LEN);
        assert_unreadable(djs_bytes_of(noise, bytes.len), modes[m]);
    }
}

/* Where a record does not belong; the first row is where it does. G03: another
 * key; G04: another virtual host; G06: lengths are framed. */
static const struct {
    const char *why, *ns, *store_key;
} places[] = {
    { "home", "ab", "c" },
    { "another store key", "ab", "d" },
    { "another namespace", "ac", "c" },
    { "the same bytes cut elsewhere", "a", "bc" },
    { "the same bytes in the key alone", "", "abc" },
    { "the same bytes in the namespace alone", "abc", "" },
    { "a namespace with a NUL", "ab\1", "c" },
    { "another case", "AB", "c" },
    { "swapped", "c", "ab" },
};

static void a_record_opens_at_its_own_place_only(void **state)
{
    (void)state;
    for (size_t m = 0; m < COUNT(modes); m++) {
        djs_record_t record = record_of(djs_bytes("{}")), got;
        djs_record_place_t place = place_of(places[0].ns, places[0].store_key);
        djs_bytes_t bytes = seal(&record, modes[m], place);

        assert_int_equal(
            djs_record_open(&got, bytes, modes[m], place, ring, pool),
            APR_SUCCESS);
        for (size_t i = 1; i < COUNT(places); i++) {
            place = place_of(places[i].ns, places[i].store_key);
            if (djs_record_open(&got, bytes, modes[m], place, ring, pool) !=
                DJS_EUNREADABLE) {
                fail_msg("opens at: %s", places[i].why);
            }
        }
    }
}

/* G07: no fallback from sealed to bare or back, not even when the mode byte
 * is changed to what is asked, nor to a format without any protection. */
static void only_the_asked_mode_opens(void **state)
{
    static const char *plain[] = { "{}", "{\"_auth_user_id\": \"1\"}",
                                   "gAN9cQAu", "\x80\x04}.",
                                   "eyJhIjoxfQ:1abcde:signature" };

    (void)state;
    for (size_t m = 0; m < COUNT(modes); m++) {
        djs_record_t record = record_of(filled(100));
        djs_bytes_t bytes = seal(&record, modes[m], home());

        assert_unreadable(bytes, modes[1 - m]);
        assert_unreadable(bytes, (djs_record_mode_e)0);
        assert_unreadable(bytes, (djs_record_mode_e)3);
        ((char *)bytes.data)[4] = (char)modes[1 - m];
        assert_unreadable(bytes, modes[1 - m]);
        for (size_t i = 0; i < COUNT(plain); i++) {
            assert_unreadable(djs_bytes(plain[i]), modes[m]);
        }
    }
}

static void assert_one_value_only(djs_bytes_t bytes, size_t at,
                                  djs_record_mode_e mode)
{
    unsigned char *byte = (unsigned char *)bytes.data + at;
    unsigned char right = *byte;

    for (int value = 0; value < 256; value++) {
        *byte = (unsigned char)value;
        if (value != right) {
            assert_unreadable(bytes, mode);
        }
    }
    *byte = right;
}

/* G08, G09: magic, format, mode, kind and flags that are not ours. */
static void no_other_value_of_a_fixed_byte_is_accepted(void **state)
{
    (void)state;
    for (size_t m = 0; m < COUNT(modes); m++) {
        djs_record_t record = record_of(djs_bytes("{}"));
        djs_bytes_t bytes = seal(&record, modes[m], home());

        for (size_t at = 0; at < 8; at++) {
            assert_one_value_only(bytes, at, modes[m]);
        }
        assert_opens(bytes, modes[m], &record);
    }
}

/* G10: [new, old] opens what old sealed and seals with new; [new] alone does
 * not open it any more. */
static void a_fallback_secret_opens_and_does_not_seal(void **state)
{
    unsigned char both[2][DJS_SECRET_BYTES];
    djs_keyring_t *rotated, *fresh;

    (void)state;
    memcpy(both[0], secrets[1], DJS_SECRET_BYTES);
    memcpy(both[1], secrets[0], DJS_SECRET_BYTES);
    assert_null(djs_keyring_create(&rotated, (const void *)both, 2, pool));
    assert_null(djs_keyring_create(&fresh, (const void *)both, 1, pool));
    for (size_t m = 0; m < COUNT(modes); m++) {
        djs_record_t record = record_of(djs_bytes("{\"n\":1}")), got;
        djs_bytes_t bytes;

        assert_null(djs_keyring_create(&ring, (const void *)secrets, 1, pool));
        bytes = seal(&record, modes[m], home());
        ring = rotated;
        assert_opens(bytes, modes[m], &record);
        ring = fresh;
        assert_unreadable(bytes, modes[m]);

        ring = rotated;
        bytes = seal(&record, modes[m], home());
        assert_int_equal(
            djs_record_open(&got, bytes, modes[m], home(), fresh, pool),
            APR_SUCCESS);
        assert_same(&record, &got);
    }
    assert_null(djs_keyring_create(&ring, (const void *)secrets, 1, pool));
}

/* A record of one of our secrets that claims another's id does not open. */
static void an_exchanged_key_id_is_not_accepted(void **state)
{
    (void)state;
    assert_null(djs_keyring_create(&ring, (const void *)secrets, 3, pool));
    for (size_t m = 0; m < COUNT(modes); m++) {
        djs_record_t record = record_of(djs_bytes("{}"));
        djs_bytes_t bytes = seal(&record, modes[m], home());
        djs_keyring_t *other;

        assert_null(
            djs_keyring_create(&other, (const void *)&secrets[1], 1, pool));
        memcpy((char *)bytes.data + 8, djs_keyring_id(other), DJS_KEY_ID_BYTES);
        assert_unreadable(bytes, modes[m]);
    }
    assert_null(djs_keyring_create(&ring, (const void *)secrets, 1, pool));
}

/* G14: equal sessions leave unequal bytes, nonce and all. */
static void equal_records_are_sealed_unequally(void **state)
{
    enum { SEALS = 64 };
    djs_record_t record = record_of(filled(48));
    djs_bytes_t sealed[SEALS];

    (void)state;
    for (int i = 0; i < SEALS; i++) {
        sealed[i] = seal(&record, DJS_RECORD_SEALED, home());
        for (int j = 0; j < i; j++) {
            for (int block = 0; block < 4; block++) {
                assert_memory_not_equal(
                    sealed[i].data + HEADER_LEN + 24 + 16 * block,
                    sealed[j].data + HEADER_LEN + 24 + 16 * block, 16);
            }
            assert_memory_not_equal(sealed[i].data + HEADER_LEN,
                                    sealed[j].data + HEADER_LEN, 24);
        }
    }
}

static int give_letters(unsigned char *out, int len)
{
    for (int i = 0; i < len; i++) {
        out[i] = (unsigned char)('A' + i % 26);
    }
    return 1;
}

static int give_nothing(unsigned char *out, int len)
{
    (void)out;
    (void)len;
    return 0;
}

static int seeded(void)
{
    return 1;
}

static void use_random(int (*bytes)(unsigned char *, int))
{
    static RAND_METHOD method;

    method.bytes = method.pseudorand = bytes;
    method.status = seeded;
    RAND_set_rand_method(bytes ? &method : NULL);
}

/* Made by an implementation in Python from doc/formats (G20, G21): format 1
 * must stay readable for ever, and must be written just so. */
static const struct {
    djs_record_mode_e mode;
    const char *hex;
} golden[] = {
    { DJS_RECORD_SEALED,
      "444a530101010001e26f687b0000001b90f0671d553d000000000000000300064748"
      "46204000000647491cb3e400000647491cb3e40000064749f34b5890000648639512"
      "989000000119a1c740004142434445464748494a4b4c4d4e4f505152535455565758"
      "d51806972f75e2a08d716682576421016c625f81812e6f887747365e7d0684e86636"
      "9ea3fdc1e237149ae8" },
    { DJS_RECORD_BARE,
      "444a530102010001e26f687b0000001b90f0671d553d000000000000000300064748"
      "46204000000647491cb3e400000647491cb3e40000064749f34b5890000648639512"
      "989000000119a1c740007b225f617574685f757365725f6964223a2237222c226e22"
      "3a317d8deea8d872781f8c9d7c392e0fbd3c9e8da4c4cff4cb23f9f8d6be533fdf96"
      "a5" },
};

static void records_of_format_1_are_the_known_ones(void **state)
{
    djs_record_t record =
        record_of(djs_bytes("{\"_auth_user_id\":\"7\",\"n\":1}"));

    (void)state;
    for (size_t i = 0; i < COUNT(golden); i++) {
        size_t len = strlen(golden[i].hex) / 2;
        unsigned char *bytes = apr_palloc(pool, len);
        djs_bytes_t ours;

        djs_hex_decode(bytes, len, djs_bytes(golden[i].hex));
        assert_opens(djs_bytes_of((char *)bytes, len), golden[i].mode, &record);
        use_random(give_letters);
        ours = seal(&record, golden[i].mode, home());
        use_random(NULL);
        assert_int_equal(ours.len, len);
        assert_memory_equal(ours.data, bytes, len);
    }
}

/* G16: no nonce, no record; a bare record needs none. */
static void without_randomness_nothing_is_sealed(void **state)
{
    djs_record_t record = record_of(djs_bytes("{}"));
    djs_bytes_t out = djs_bytes("x");

    (void)state;
    use_random(give_nothing);
    assert_int_equal(
        djs_record_seal(&out, &record, DJS_RECORD_SEALED, home(), ring, pool),
        DJS_ERANDOM);
    assert_int_equal(out.len, 0);
    assert_null(out.data);
    assert_opens(seal(&record, DJS_RECORD_BARE, home()), DJS_RECORD_BARE,
                 &record);
    use_random(NULL);
}

static void assert_not_sealed(const djs_record_t *record,
                              djs_record_mode_e mode, djs_record_place_t place,
                              apr_status_t want)
{
    djs_bytes_t out = djs_bytes("x");

    assert_int_equal(djs_record_seal(&out, record, mode, place, ring, pool),
                     want);
    assert_null(out.data);
}

static void what_would_not_open_is_not_sealed(void **state)
{
    djs_record_t good = record_of(djs_bytes("{}"));
    djs_record_t bad = good;
    char *text = apr_pcalloc(pool, DJS_NAME_MOST + 2);

    (void)state;
    memset(text, 'n', DJS_NAME_MOST);
    seal(&good, DJS_RECORD_SEALED, place_of(text, text));
    memset(text, 'n', DJS_NAME_MOST + 1);
    for (size_t m = 0; m < COUNT(modes); m++) {
        assert_not_sealed(&good, modes[m], place_of(text, ""), DJS_EINVALID);
        assert_not_sealed(&good, modes[m], place_of("", text), DJS_EINVALID);
        bad.flags = 0x08;
        assert_not_sealed(&bad, modes[m], home(), DJS_EINVALID);
        bad = good;
        bad.kind = (djs_record_kind_e)2;
        assert_not_sealed(&bad, modes[m], home(), DJS_EINVALID);
        bad = good;
        bad.tag[0] = '\0';
        assert_not_sealed(&bad, modes[m], home(), DJS_EINVALID);
        bad = good;
        bad.body.len = (apr_size_t)1 << 31;
        assert_not_sealed(&bad, modes[m], home(), DJS_ETOOBIG);
        bad = good;
    }
    assert_not_sealed(&good, (djs_record_mode_e)0, home(), DJS_EINVALID);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_record_of_any_size_opens_as_it_was_sealed),
        cmocka_unit_test(every_field_keeps_its_greatest_and_smallest_value),
        cmocka_unit_test(no_flipped_bit_is_accepted),
        cmocka_unit_test(no_truncated_or_prolonged_record_is_accepted),
        cmocka_unit_test(a_forged_length_is_not_accepted),
        cmocka_unit_test(noise_is_not_accepted),
        cmocka_unit_test(a_record_opens_at_its_own_place_only),
        cmocka_unit_test(only_the_asked_mode_opens),
        cmocka_unit_test(no_other_value_of_a_fixed_byte_is_accepted),
        cmocka_unit_test(a_fallback_secret_opens_and_does_not_seal),
        cmocka_unit_test(an_exchanged_key_id_is_not_accepted),
        cmocka_unit_test(equal_records_are_sealed_unequally),
        cmocka_unit_test(records_of_format_1_are_the_known_ones),
        cmocka_unit_test(without_randomness_nothing_is_sealed),
        cmocka_unit_test(what_would_not_open_is_not_sealed),
    };
    int failures;

    apr_initialize();
    apr_pool_create(&pool, NULL);
    for (int i = 0; i < DJS_SECRET_BYTES; i++) {
        secrets[0][i] = (unsigned char)i;
    }
    memset(secrets[1], 0xff, sizeof(secrets[1]));
    if (djs_keyring_create(&ring, (const void *)secrets, 1, pool)) {
        return 1;
    }
    failures = cmocka_run_group_tests_name("record", tests, NULL, NULL);
    apr_pool_destroy(pool);
    apr_terminate();
    return failures;
}
