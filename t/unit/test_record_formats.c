/* test_record_formats - which layouts of a record are written, and which are
 * read. */
#include "record_fixture.h"

static int give_letters(unsigned char *out, int len)
{
    for (int i = 0; i < len; i++) {
        out[i] = (unsigned char)('A' + i % 26);
    }
    return 1;
}

/* Made by an implementation in Python from doc/formats (G20, G21): format 1
 * must stay readable for ever, format 2 be written just so. */
typedef struct {
    djs_record_mode_e mode;
    const char *hex;
} golden_t;

static const golden_t golden_1[] = {
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

static const golden_t golden_2[] = {
    { DJS_RECORD_SEALED,
      "444a530201010001e26f687b0000001b90f0671d553d000000000000000300064748"
      "46204000000647491cb3e400000647491cb3e40000064749f34b5890000648639512"
      "989000000119a1c74000000647476f8c9c004142434445464748494a4b4c4d4e4f50"
      "5152535455565758d51806972f75e2a08d716682576421016c625f81812e6f887747"
      "367dd966252ff46e4ba856d84920446f83" },
    { DJS_RECORD_BARE,
      "444a530202010001e26f687b0000001b90f0671d553d000000000000000300064748"
      "46204000000647491cb3e400000647491cb3e40000064749f34b5890000648639512"
      "989000000119a1c74000000647476f8c9c007b225f617574685f757365725f696422"
      "3a2237222c226e223a317df4ec72611a6692d89abf7b31e047c68032971a9402aba1"
      "a7121dbb2f32581d84" },
};

static djs_record_t golden_record(void)
{
    return record_of(djs_bytes("{\"_auth_user_id\":\"7\",\"n\":1}"));
}

static djs_bytes_t golden_bytes(const golden_t *golden)
{
    size_t len = strlen(golden->hex) / 2;
    unsigned char *bytes = apr_palloc(pool, len);

    djs_hex_decode(bytes, len, djs_bytes(golden->hex));
    return djs_bytes_of((char *)bytes, len);
}

static void records_of_format_2_are_the_known_ones(void **state)
{
    djs_record_t record = golden_record();

    (void)state;
    for (size_t i = 0; i < COUNT(golden_2); i++) {
        djs_bytes_t bytes = golden_bytes(&golden_2[i]), ours;

        assert_opens(bytes, golden_2[i].mode, &record);
        use_random(give_letters);
        ours = seal(&record, golden_2[i].mode, home());
        use_random(NULL);
        assert_true(djs_bytes_equal(ours, bytes));
    }
}

/* What is read in format 1 has no epoch, and is written in format 2. */
static void records_of_format_1_open_and_are_written_no_more(void **state)
{
    djs_record_t record = golden_record(), got;

    (void)state;
    record.epoch = 0;
    for (size_t i = 0; i < COUNT(golden_1); i++) {
        djs_bytes_t bytes = golden_bytes(&golden_1[i]), ours;

        assert_opens(bytes, golden_1[i].mode, &record);
        assert_int_equal(
            djs_record_open(&got, bytes, golden_1[i].mode, home(), ring, pool),
            APR_SUCCESS);
        ours = seal(&got, golden_1[i].mode, home());
        assert_int_equal(ours.data[3], 2);
        assert_int_equal(ours.len, bytes.len + 8);
        assert_opens(ours, golden_1[i].mode, &record);
    }
}

/* G01, G02: format 1 is guarded as well as format 2. */
static void no_altered_record_of_format_1_is_accepted(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT(golden_1); i++) {
        djs_bytes_t bytes = golden_bytes(&golden_1[i]);
        char *data = (char *)bytes.data;

        for (size_t bit = 0; bit < 8 * bytes.len; bit++) {
            data[bit / 8] ^= (char)(1 << bit % 8);
            assert_unreadable(bytes, golden_1[i].mode);
            data[bit / 8] ^= (char)(1 << bit % 8);
        }
        for (size_t len = 0; len < bytes.len; len++) {
            assert_unreadable(djs_bytes_of(data, len), golden_1[i].mode);
        }
    }
}

/* Under another format's byte, at the length that it has, and at the one that
 * the other format would have; with the body's length as it was, and as it
 * would fit. */
static void assert_no_other_format(djs_bytes_t bytes, djs_record_mode_e mode,
                                   int format)
{
    static const int shifts[] = { 0, 8, -8 };
    char *copy = apr_pcalloc(pool, bytes.len + 8);
    int body_len = (unsigned char)bytes.data[15];

    memcpy(copy, bytes.data, bytes.len);
    copy[3] = (char)format;
    for (size_t i = 0; i < COUNT(shifts); i++) {
        for (size_t j = 0; j < COUNT(shifts); j++) {
            size_t len = bytes.len + (size_t)shifts[i];

            copy[15] = (char)(body_len + shifts[j]);
            assert_unreadable(djs_bytes_of(copy, len), mode);
        }
    }
}

/* G08, G09: no format passes for another one, and a newer one is not ours. */
static void a_record_opens_in_its_own_format_only(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT(golden_1); i++) {
        djs_record_mode_e mode = golden_1[i].mode;

        for (int format = 0; format < 256; format++) {
            if (format != 1) {
                assert_no_other_format(golden_bytes(&golden_1[i]), mode,
                                       format);
            }
            if (format != 2) {
                assert_no_other_format(golden_bytes(&golden_2[i]), mode,
                                       format);
            }
        }
    }
}

/* A header of format 1 that ends where format 2's has yet to go on: nothing is
 * read behind the end (under ASan). */
static void a_record_too_short_for_its_format_is_not_accepted(void **state)
{
    (void)state;
    for (size_t m = 0; m < COUNT(modes); m++) {
        djs_record_t record = record_of(djs_bytes(""));
        djs_bytes_t bytes = seal(&record, modes[m], home());

        memset((char *)bytes.data + 12, 0, 4);
        for (size_t cut = 1; cut <= 8; cut++) {
            assert_unreadable(djs_bytes_of(bytes.data, bytes.len - cut),
                              modes[m]);
        }
    }
}

/* G08: each kind opens as what it is, and none as another. */
static void every_kind_opens_as_itself(void **state)
{
    (void)state;
    for (size_t m = 0; m < COUNT(modes); m++) {
        for (int kind = DJS_RECORD_SESSION; kind <= DJS_RECORD_LIST; kind++) {
            djs_record_t record = record_of(filled(52));
            djs_bytes_t bytes;

            record.kind = (djs_record_kind_e)kind;
            for (unsigned flags = 0; flags <= DJS_RECORD_FLAGS; flags++) {
                record.flags = flags;
                assert_opens(seal(&record, modes[m], home()), modes[m],
                             &record);
            }
            bytes = seal(&record, modes[m], home());
            assert_one_value_only(bytes, 5, modes[m]);
        }
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(records_of_format_2_are_the_known_ones),
        cmocka_unit_test(records_of_format_1_open_and_are_written_no_more),
        cmocka_unit_test(no_altered_record_of_format_1_is_accepted),
        cmocka_unit_test(a_record_opens_in_its_own_format_only),
        cmocka_unit_test(a_record_too_short_for_its_format_is_not_accepted),
        cmocka_unit_test(every_kind_opens_as_itself),
    };
    int failures;

    if (start()) {
        return 1;
    }
    failures = cmocka_run_group_tests_name("record formats", tests, NULL, NULL);
    stop();
    return failures;
}
