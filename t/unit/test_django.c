/* test_django - Django's signed texts, cache values and logins: what is refused
 * and when, to the byte (H13 to H22, H36). That Django agrees is for t/82 and
 * t/83. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <time.h>
#include <cmocka.h>
#include <apr_allocator.h>
#include <apr_general.h>
#include <apr_strings.h>
#include "base/hex.h"
#include "codec/base64.h"
#include "codec/deflate.h"
#include "codec/django_auth.h"
#include "base/django_memcached.h"
#include "codec/django_cache.h"
#include "codec/django_sign.h"
#ifdef __GLIBC__ /* others do not tell what they have handed out */
#include <malloc.h>
#define IN_USE() (mallinfo2().uordblks + mallinfo2().hblkhd)
#else
#define IN_USE() ((size_t)0)
#endif

#define COUNT(a) (sizeof(a) / sizeof(*(a)))
#define CEILING  ((apr_size_t)65536)
#define BYTES(lit)                                                             \
    {                                                                          \
        lit, sizeof(lit) - 1                                                   \
    }
#define NOW apr_time_from_sec(1700000000)

static apr_pool_t *pool;
static djs_bytes_t keys[2];

/* The worked example of doc/formats-django. */
#define EXAMPLE                                                                \
    "eyJhIjoxLCJcdTAwZTkiOiJcdTIwYWMifQ:1r31eq:"                               \
    "gqJRFP-TTxpFD_kC5mBM6fRhkR0MTSV6V_vMNb71t6k"
#define JSON "{\"a\":1,\"\\u00e9\":\"\\u20ac\"}"

static djs_django_signer_t signer(void)
{
    djs_django_signer_t made = {
        keys, 1, djs_bytes(DJS_DJANGO_SALT), 0, -1, NOW
    };

    return made;
}

static int set_up(void **state)
{
    (void)state;
    keys[0] = djs_bytes("worked-example-secret");
    keys[1] = djs_bytes("the one before");
    return apr_pool_create(&pool, NULL);
}

static int tear_down(void **state)
{
    (void)state;
    apr_pool_destroy(pool);
    return 0;
}

static djs_django_e loads(djs_bytes_t text)
{
    djs_django_signer_t s = signer();
    djs_bytes_t json;
    djs_django_e verdict = djs_django_loads(&json, text, &s, CEILING, pool);

    assert_true(verdict == DJS_DJANGO_OK || json.len == 0);
    return verdict;
}

/* `value`, a payload and a time, under a good signature. */
static djs_bytes_t sign(const char *value)
{
    const char *hex =
        djs_django_salted_hmac(djs_bytes(DJS_DJANGO_SALT "signer"), keys[0],
                               djs_bytes(value), 0, pool);
    unsigned char raw[32];
    djs_bytes_t text;

    assert_int_equal(djs_hex_decode(raw, sizeof(raw), djs_bytes(hex)), 0);
    text = djs_base64_encode(djs_bytes_of((char *)raw, sizeof(raw)),
                             DJS_BASE64_URL, pool);
    return djs_bytes(apr_pstrcat(pool, value, ":", text.data, NULL));
}

/* `data` as a payload, deflated or not, under a good signature. */
static djs_bytes_t sign_data(djs_bytes_t data, int deflated)
{
    return sign(apr_pstrcat(pool, deflated ? "." : "",
                            djs_base64_encode(data, DJS_BASE64_URL, pool).data,
                            ":1r31eq", NULL));
}

static void the_worked_example_is_read_and_written(void **state)
{
    djs_django_signer_t s = signer();
    djs_bytes_t out;

    (void)state;
    assert_int_equal(
        djs_django_loads(&out, djs_bytes(EXAMPLE), &s, CEILING, pool),
        DJS_DJANGO_OK);
    assert_string_equal(out.data, JSON);
    assert_int_equal(djs_django_dumps(&out, djs_bytes(JSON), &s, pool),
                     APR_SUCCESS);
    assert_string_equal(out.data, EXAMPLE);
    assert_int_equal(djs_django_resign(&out, djs_bytes(EXAMPLE), &s, pool),
                     DJS_DJANGO_OK);
    assert_string_equal(out.data, EXAMPLE);
}

/* H13: each bit of it, in the signature and before it. */
static void a_changed_bit_is_a_bad_signature(void **state)
{
    (void)state;
    for (size_t i = 0; i < strlen(EXAMPLE); i++) {
        for (int bit = 0; bit < 8; bit++) {
            char *text = apr_pstrdup(pool, EXAMPLE);

            text[i] = (char)(text[i] ^ 1 << bit);
            assert_int_equal(loads(djs_bytes_of(text, strlen(EXAMPLE))),
                             DJS_DJANGO_BAD_SIGNATURE);
        }
    }
}

/* H13: the last character has two bits that nothing stands in; a decoder that
 * passes over them would take four signatures for one. */
static void a_signature_has_one_spelling(void **state)
{
    static const char *const tails[] = { "t6l",  "t6m",   "t6n", "t6k=",
                                         "t6k ", "t6k\n", "t6",  "t6kA" };

    (void)state;
    for (size_t i = 0; i < COUNT(tails); i++) {
        char *text = apr_pstrmemdup(pool, EXAMPLE, strlen(EXAMPLE) - 3);

        assert_int_equal(
            loads(djs_bytes(apr_pstrcat(pool, text, tails[i], NULL))),
            DJS_DJANGO_BAD_SIGNATURE);
    }
    assert_int_equal(loads(djs_bytes_of(EXAMPLE "\0", strlen(EXAMPLE) + 1)),
                     DJS_DJANGO_BAD_SIGNATURE);
}

/* H13 */
static void other_keys_and_salts_are_told_apart(void **state)
{
    djs_django_signer_t s = signer();
    djs_bytes_t made;
    djs_bytes_t json;

    (void)state;
    s.secrets = keys + 1;
    assert_int_equal(djs_django_dumps(&made, djs_bytes("{}"), &s, pool), 0);
    assert_int_equal(loads(made), DJS_DJANGO_BAD_SIGNATURE);
    s.secrets = keys;
    s.count = 2;
    assert_int_equal(djs_django_loads(&json, made, &s, CEILING, pool),
                     DJS_DJANGO_OK);
    s.salt = djs_bytes("django.contrib.sessions.ShopStore");
    assert_int_equal(djs_django_loads(&json, made, &s, CEILING, pool),
                     DJS_DJANGO_BAD_SIGNATURE);
    assert_int_equal(djs_django_dumps(&made, djs_bytes("{}"), &s, pool), 0);
    assert_int_equal(djs_django_loads(&json, made, &s, CEILING, pool),
                     DJS_DJANGO_OK);
}

/* H14 */
static void times_of_any_size_are_judged(void **state)
{
    static const struct {
        const char *stamp;
        djs_django_e verdict; /* with a greatest age of a minute */
    } stamps[] = {
        { "1r31eq", DJS_DJANGO_OK },
        { "0001r31eq", DJS_DJANGO_OK },
        { "1r31dt", DJS_DJANGO_OK },      /* 59 seconds */
        { "1r31ds", DJS_DJANGO_OK },      /* 60 seconds */
        { "1r31dr", DJS_DJANGO_EXPIRED }, /* 61 seconds */
        { "0", DJS_DJANGO_EXPIRED },
        { "-1", DJS_DJANGO_EXPIRED },
        { "-zzzzzzzzzzzzzzzzzzzzzzzz", DJS_DJANGO_EXPIRED },
        { "zzzzzzzzzzzz", DJS_DJANGO_OK },
        { "zzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzz", DJS_DJANGO_OK },
        /* H14: 172 digits are a float's, 173 are not */
        { "1"
          "zzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzz"
          "zzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzz"
          "zzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzz",
          DJS_DJANGO_OK },
        { "11"
          "zzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzz"
          "zzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzz"
          "zzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzz",
          DJS_DJANGO_NOT_JSON },
        { "", DJS_DJANGO_NOT_JSON },
        { "1r31e!", DJS_DJANGO_NOT_JSON },
        { "+1", DJS_DJANGO_NOT_JSON },
        { "--1", DJS_DJANGO_NOT_JSON },
    };

    (void)state;
    for (size_t i = 0; i < COUNT(stamps); i++) {
        djs_django_signer_t s = signer();
        djs_bytes_t text =
            sign(apr_pstrcat(pool, "e30:", stamps[i].stamp, NULL));
        djs_bytes_t json;

        s.max_age = apr_time_from_sec(60);
        assert_int_equal(djs_django_loads(&json, text, &s, CEILING, pool),
                         stamps[i].verdict);
        s.now++; /* a microsecond later sixty seconds are too many */
        if (strcmp(stamps[i].stamp, "1r31ds") == 0) {
            assert_int_equal(djs_django_loads(&json, text, &s, CEILING, pool),
                             DJS_DJANGO_EXPIRED);
        }
    }
}

/* H15 */
static void separators_are_counted_from_the_end(void **state)
{
    (void)state;
    assert_int_equal(loads(djs_bytes("")), DJS_DJANGO_BAD_SIGNATURE);
    assert_int_equal(loads(djs_bytes("e30")), DJS_DJANGO_BAD_SIGNATURE);
    assert_int_equal(loads(djs_bytes(":")), DJS_DJANGO_BAD_SIGNATURE);
    assert_int_equal(loads(djs_bytes("::")), DJS_DJANGO_BAD_SIGNATURE);
    assert_int_equal(loads(sign("e30")), DJS_DJANGO_NOT_JSON);
    assert_int_equal(loads(sign("")), DJS_DJANGO_NOT_JSON);
    assert_int_equal(loads(sign("e30:1r31eq")), DJS_DJANGO_OK);
    /* bytes outside the alphabet are passed over, as Python does */
    assert_int_equal(loads(sign(":::e30:1r31eq")), DJS_DJANGO_OK);
}

/* H16: as binascii.a2b_base64, with the padding that Django adds. */
static void base64_is_read_as_python_reads_it(void **state)
{
    static const struct {
        const char *text, *data; /* NULL: refused */
        djs_base64_e form;
    } rows[] = {
        { "YQ", "a", DJS_BASE64_URL },
        { "YQ==", "a", DJS_BASE64_URL },
        { "YQ", NULL, DJS_BASE64_STANDARD },
        { "Y", NULL, DJS_BASE64_URL },
        { "YWI", "ab", DJS_BASE64_URL },
        { "YWJj", "abc", DJS_BASE64_URL },
        { "Y W\nJj", "abc", DJS_BASE64_STANDARD },
        { "Pz8_", "???", DJS_BASE64_URL },
        { "Pz8/", "???", DJS_BASE64_URL },
        { "Pz8_", NULL, DJS_BASE64_STANDARD },
        { "YQ==YQ==", "a", DJS_BASE64_STANDARD },
        { "YR", "a", DJS_BASE64_URL },
        { "", "", DJS_BASE64_URL },
        { "=", "", DJS_BASE64_URL },
    };

    (void)state;
    for (size_t i = 0; i < COUNT(rows); i++) {
        djs_bytes_t out;
        apr_status_t rv = djs_base64_decode(&out, djs_bytes(rows[i].text),
                                            rows[i].form, pool);

        assert_int_equal(rv, rows[i].data ? APR_SUCCESS : DJS_EINVALID);
        assert_true(
            djs_bytes_equal(out, djs_bytes(rows[i].data ? rows[i].data : "")));
    }
}

/* A stream of `len` times the same byte. */
static djs_bytes_t bomb(apr_size_t len)
{
    char *data = malloc(len);
    djs_bytes_t out;

    memset(data, 'x', len);
    assert_int_equal(djs_deflate(&out, djs_bytes_of(data, len), pool), 0);
    free(data);
    return out;
}

/* H17: less than a millisecond, but for a machine that is busy. */
static void a_bomb_under_a_bad_signature_is_not_inflated(void **state)
{
    djs_bytes_t text = sign_data(bomb((apr_size_t)1 << 26), 1);
    char *forged = apr_pstrmemdup(pool, text.data, text.len);
    clock_t start;

    (void)state;
    forged[1] ^= 1;
    start = clock();
    assert_int_equal(loads(djs_bytes_of(forged, text.len)),
                     DJS_DJANGO_BAD_SIGNATURE);
    assert_true(clock() - start < CLOCKS_PER_SEC / 50);
}

/* H18 */
static void a_bomb_under_a_good_one_ends_at_the_ceiling(void **state)
{
    djs_bytes_t text = sign_data(bomb((apr_size_t)1 << 26), 1);
    clock_t start = clock();

    (void)state;
    assert_int_equal(loads(text), DJS_DJANGO_MALICIOUS);
    assert_true(clock() - start < CLOCKS_PER_SEC / 50);
}

/* H19, H21 */
static void only_one_whole_stream_is_inflated(void **state)
{
    djs_bytes_t good;
    djs_bytes_t out;
    char *text;

    (void)state;
    assert_int_equal(djs_deflate(&good, djs_bytes("{\"a\":1}"), pool), 0);
    text = apr_palloc(pool, 2 * good.len);
    memcpy(text, good.data, good.len);
    memcpy(text + good.len, good.data, good.len);
    assert_int_equal(loads(sign_data(good, 1)), DJS_DJANGO_OK);
    for (apr_size_t len = 0; len < 2 * good.len; len++) {
        if (len != good.len) { /* cut short, bytes behind, another stream */
            assert_int_equal(
                djs_inflate(&out, djs_bytes_of(text, len), CEILING, pool),
                DJS_EINVALID);
        }
    }
    text[good.len - 1] ^= 1; /* its checksum */
    assert_int_equal(loads(sign_data(djs_bytes_of(text, good.len), 1)),
                     DJS_DJANGO_NOT_JSON);
    memcpy(text, "\x78\xbb", 2); /* wants a dictionary */
    assert_int_equal(
        djs_inflate(&out, djs_bytes_of(text, good.len), CEILING, pool),
        DJS_EINVALID);
    /* H21: a dot before what is no stream */
    assert_int_equal(loads(sign_data(djs_bytes("{}"), 1)), DJS_DJANGO_NOT_JSON);
}

/* H20: to the byte. */
static void inflation_ends_where_it_should(void **state)
{
    djs_bytes_t stream = bomb(10000);
    djs_bytes_t out;

    (void)state;
    assert_int_equal(djs_inflate(&out, stream, 10001, pool), APR_SUCCESS);
    assert_int_equal(djs_inflate(&out, stream, 10000, pool), APR_SUCCESS);
    assert_int_equal(out.len, 10000);
    assert_int_equal(djs_inflate(&out, stream, 9999, pool), DJS_ETOOBIG);
    assert_int_equal(out.len, 0);
}

/* H22: a bomb takes no more than twice the ceiling, and a little. */
static void inflation_takes_twice_the_ceiling_at_most(void **state)
{
    const apr_size_t ceiling = (apr_size_t)1 << 22;
    djs_bytes_t stream = bomb((apr_size_t)1 << 26);
    apr_allocator_t *allocator;
    apr_pool_t *own;
    djs_bytes_t out;
    size_t before;

    (void)state;
    assert_int_equal(apr_allocator_create(&allocator), APR_SUCCESS);
    before = IN_USE();
    assert_int_equal(apr_pool_create_ex(&own, NULL, NULL, allocator), 0);
    assert_int_equal(djs_inflate(&out, stream, ceiling, own), DJS_ETOOBIG);
    assert_true(IN_USE() - before <= 2 * ceiling + 65536);
    apr_pool_destroy(own);
    apr_allocator_destroy(allocator);
}

/* What stands under a good signature. */
static void the_payload_is_read_as_latin1_json(void **state)
{
    djs_django_signer_t s = signer();
    djs_bytes_t json;

    (void)state;
    assert_int_equal(
        djs_django_loads(&json, sign_data(djs_bytes("{\"a\":\"\xe9\"}"), 0), &s,
                         CEILING, pool),
        DJS_DJANGO_OK);
    assert_string_equal(json.data, "{\"a\":\"\\u00e9\"}");
    assert_int_equal(loads(sign_data(djs_bytes("[1]"), 0)),
                     DJS_DJANGO_NOT_OBJECT);
    assert_int_equal(loads(sign_data(djs_bytes(""), 0)), DJS_DJANGO_NOT_JSON);
    assert_int_equal(loads(sign_data(djs_bytes("{\"a\":1}x"), 0)),
                     DJS_DJANGO_NOT_JSON);
    assert_int_equal(loads(sign_data(djs_bytes("\xef\xbb\xbf{}"), 0)),
                     DJS_DJANGO_NOT_JSON);
}

/* H36: a pickle of {"a": 1}, deflated too, and all flags there are. */
static void flags_say_what_a_value_is(void **state)
{
    static const struct {
        apr_uint32_t flags;
        djs_django_e verdict;
    } rows[] = {
        { 1, DJS_DJANGO_OK },           { 0, DJS_DJANGO_NOT_OBJECT },
        { 2, DJS_DJANGO_NOT_OBJECT },   { 4, DJS_DJANGO_NOT_OBJECT },
        { 8, DJS_DJANGO_NOT_OBJECT },   { 16, DJS_DJANGO_NOT_OBJECT },
        { 9, DJS_DJANGO_MALFORMED },    { 3, DJS_DJANGO_UNSUPPORTED },
        { 17, DJS_DJANGO_UNSUPPORTED }, { 32, DJS_DJANGO_UNSUPPORTED },
        { 33, DJS_DJANGO_UNSUPPORTED }, { 0xffffffffu, DJS_DJANGO_UNSUPPORTED },
    };
    djs_bytes_t pickle = BYTES("\x80\5}\x8c\1aK\1s.");
    djs_bytes_t deflated;
    djs_pickle_t out;

    (void)state;
    for (size_t i = 0; i < COUNT(rows); i++) {
        assert_int_equal(
            djs_django_flagged_read(&out, pickle, rows[i].flags, CEILING, pool),
            rows[i].verdict);
    }
    assert_int_equal(djs_deflate(&deflated, pickle, pool), APR_SUCCESS);
    assert_int_equal(djs_django_flagged_read(&out, deflated, 9, CEILING, pool),
                     DJS_DJANGO_OK);
    assert_int_equal(djs_django_flagged_read(&out, bomb((apr_size_t)1 << 24), 9,
                                             CEILING, pool),
                     DJS_DJANGO_MALICIOUS);
}

static djs_django_e read_file(djs_bytes_t file, apr_time_t now)
{
    djs_pickle_t out;

    return djs_django_file_read(&out, file, now, CEILING, pool);
}

static void a_cache_file_ends_at_its_time(void **state)
{
    djs_bytes_t pickle = BYTES("\x80\5}.");
    djs_bytes_t file;
    char *text;

    (void)state;
    assert_int_equal(djs_django_file_write(&file, pickle, NOW, pool), 0);
    assert_int_equal(read_file(file, NOW), DJS_DJANGO_OK);
    assert_int_equal(read_file(file, NOW + 1), DJS_DJANGO_EXPIRED);
    for (apr_size_t len = 0; len < file.len; len++) {
        assert_int_equal(read_file(djs_bytes_of(file.data, len), NOW),
                         DJS_DJANGO_MALFORMED);
    }
    text = apr_pstrmemdup(pool, file.data, file.len);
    text[20] = 'R'; /* where the head stops it would call something */
    assert_int_equal(read_file(djs_bytes_of(text, file.len), NOW),
                     DJS_DJANGO_MALICIOUS);
    assert_int_equal(djs_django_file_write(&file, pickle, 0, pool), 0);
    assert_int_equal(read_file(file, apr_time_from_sec(9000000000)),
                     DJS_DJANGO_OK);
}

static void entries_are_named_as_django_names_them(void **state)
{
    const char *key =
        djs_django_cache_key("", "1", "cache", djs_bytes("abc"), pool);

    (void)state;
    assert_string_equal(key, ":1:django.contrib.sessions.cacheabc");
    assert_string_equal(
        djs_django_file_name(djs_bytes(":1:django.contrib.sessions.cache"
                                       "fwi17sa8vedqrldmtm5hyus4gj2ynxep"),
                             pool),
        "b83a55c5fb866b604dbd124070780d77.djcache");
}

static const struct {
    const char *stored, *password;
    djs_password_e said;
} passwords[] = {
    { "pbkdf2_sha256$1$5gab897oyo54x94rhcb0r4$"
      "yfZIutV3yx0fQ4ga9B/RoIRuD8DEwd+rHW6H7QGrP3U=",
      "wonder land", DJS_PASSWORD_RIGHT },
    { "pbkdf2_sha256$1$5gab897oyo54x94rhcb0r4$"
      "yfZIutV3yx0fQ4ga9B/RoIRuD8DEwd+rHW6H7QGrP3U=",
      "wonder land ", DJS_PASSWORD_WRONG },
    { "pbkdf2_sha256$1$5gab897oyo54x94rhcb0r4$"
      "yfZIutV3yx0fQ4ga9B/RoIRuD8DEwd+rHW6H7QGrP3U",
      "wonder land", DJS_PASSWORD_WRONG },
    { "pbkdf2_sha256$0$x$y=", "a", DJS_PASSWORD_UNKNOWN },
    { "pbkdf2_sha256$-1$x$y=", "a", DJS_PASSWORD_UNKNOWN },
    { "pbkdf2_sha256$99999999999999999999$x$y=", "a", DJS_PASSWORD_UNKNOWN },
    { "pbkdf2_sha256$1$x", "a", DJS_PASSWORD_UNKNOWN },
    { "pbkdf2_sha256$1$x$y$z", "a", DJS_PASSWORD_UNKNOWN },
    { "scrypt$15$x$8$1$y", "a", DJS_PASSWORD_UNKNOWN },
    { "scrypt$16777216$x$1024$1$y", "a", DJS_PASSWORD_UNKNOWN },
    { "argon2$argon2id$v=19$m=102400,t=2,p=8$x$y", "a", DJS_PASSWORD_UNKNOWN },
    { "!a2Yw6TBkNeXgHeQebtbWACSc7Ru2uhN3W0xhGY3U", "a", DJS_PASSWORD_WRONG },
    { "!", "", DJS_PASSWORD_WRONG },
    { "", "", DJS_PASSWORD_WRONG },
    { "plain", "plain", DJS_PASSWORD_UNKNOWN },
};

static void passwords_are_right_wrong_or_unknown(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT(passwords); i++) {
        if (djs_django_password(djs_bytes(passwords[i].stored),
                                djs_bytes(passwords[i].password),
                                pool) != passwords[i].said) {
            fail_msg("%s", passwords[i].stored);
        }
    }
}

/* As pymemcache, libmemcached and zlib's crc32 say; t/89 asks the clients. */
static void each_client_chooses_its_server(void **state)
{
    static const char *const servers[] = { "127.0.0.1:11211", "127.0.0.1:11212",
                                           "10.0.0.7:11211" };
    static const struct {
        const char *key;
        int asked[3]; /* by pymemcache, pylibmc, memcache */
    } rows[] = {
        { ":1:django.contrib.sessions.cacheaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa",
          { 1, 1, 2 } },
        { ":1:django.contrib.sessions.cachebbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb",
          { 0, 1, 2 } },
        { ":1:django.contrib.sessions.cachecccccccccccccccccccccccccccccccc",
          { 2, 0, 2 } },
        { ":1:django.contrib.sessions.cacheffffffffffffffffffffffffffffffff",
          { 2, 2, 0 } },
        { "x", { 2, 1, 1 } },
        { "xy", { 2, 2, 2 } },
        { "xyz", { 2, 1, 0 } }
    };

    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        for (int c = 0; c < 3; c++) {
            assert_int_equal(djs_django_server((djs_django_client_e)c, servers,
                                               3, djs_bytes(rows[i].key), pool),
                             rows[i].asked[c]);
        }
    }
}

#define WITH_POOL(test) cmocka_unit_test_setup_teardown(test, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        WITH_POOL(the_worked_example_is_read_and_written),
        WITH_POOL(a_changed_bit_is_a_bad_signature),
        WITH_POOL(a_signature_has_one_spelling),
        WITH_POOL(other_keys_and_salts_are_told_apart),
        WITH_POOL(times_of_any_size_are_judged),
        WITH_POOL(separators_are_counted_from_the_end),
        WITH_POOL(base64_is_read_as_python_reads_it),
        WITH_POOL(a_bomb_under_a_bad_signature_is_not_inflated),
        WITH_POOL(a_bomb_under_a_good_one_ends_at_the_ceiling),
        WITH_POOL(only_one_whole_stream_is_inflated),
        WITH_POOL(inflation_ends_where_it_should),
        WITH_POOL(inflation_takes_twice_the_ceiling_at_most),
        WITH_POOL(the_payload_is_read_as_latin1_json),
        WITH_POOL(flags_say_what_a_value_is),
        WITH_POOL(a_cache_file_ends_at_its_time),
        WITH_POOL(entries_are_named_as_django_names_them),
        WITH_POOL(each_client_chooses_its_server),
        WITH_POOL(passwords_are_right_wrong_or_unknown),
    };
    int failures;

    apr_initialize();
    failures = cmocka_run_group_tests_name("django", tests, NULL, NULL);
    apr_terminate();
    return failures;
}
