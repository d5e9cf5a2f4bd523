/* test_record - a record opens as it was sealed, or not at all. */
#include "record_fixture.h"

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
            record.version = record.epoch = (apr_uint64_t)times[i];
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

static int give_nothing(unsigned char *out, int len)
{
    (void)out;
    (void)len;
    return 0;
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
        bad.kind = (djs_record_kind_e)0;
        assert_not_sealed(&bad, modes[m], home(), DJS_EINVALID);
        bad.kind = (djs_record_kind_e)(DJS_RECORD_LIST + 1);
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
        cmocka_unit_test(without_randomness_nothing_is_sealed),
        cmocka_unit_test(what_would_not_open_is_not_sealed),
    };
    int failures;

    if (start()) {
        return 1;
    }
    failures = cmocka_run_group_tests_name("record", tests, NULL, NULL);
    stop();
    return failures;
}
