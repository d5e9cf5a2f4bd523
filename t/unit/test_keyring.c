/* test_keyring - keys come from secrets as doc/formats says, whoever asks. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>
#include <cmocka.h>
#include <apr_general.h>
#include <apr_strings.h>
#include <apr_thread_proc.h>
#include <openssl/crypto.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>
#include "base/hex.h"
#include "codec/keyring.h"

#define COUNT(a)    (sizeof(a) / sizeof(*(a)))
#define THREADS     8
#define CHILDREN    16
#define SEALS       200
#define NONCE_BYTES 24

static apr_pool_t *pool;
static unsigned char secrets[DJS_KEYRING_MOST + 1][DJS_SECRET_BYTES];
static int allocations_left = -1; /* -1: as many as wanted */

/* Secret 0 is 00 01 .. 1f, the one of doc/formats; secret 1 all ff. */
static void fill_secrets(void)
{
    for (int i = 0; i < DJS_SECRET_BYTES; i++) {
        secrets[0][i] = (unsigned char)i;
    }
    for (size_t n = 1; n < COUNT(secrets); n++) {
        memset(secrets[n], (int)(0x100 - n), DJS_SECRET_BYTES);
    }
}

static djs_keyring_t *ring_of(int count)
{
    djs_keyring_t *ring;

    assert_null(djs_keyring_create(&ring, (const void *)secrets, count, pool));
    return ring;
}

/* HKDF as RFC 5869 writes it, from HMAC: an independent witness. */
static void hkdf(unsigned char *out, size_t len, djs_bytes_t ikm,
                 djs_bytes_t salt, djs_bytes_t info)
{
    static const unsigned char zeros[32];
    unsigned char prk[32], block[32 + 128 + 1];
    size_t done = 0, before = 0;

    HMAC(EVP_sha256(), salt.len ? (const void *)salt.data : zeros,
         salt.len ? (int)salt.len : 32, (const unsigned char *)ikm.data,
         ikm.len, prk, NULL);
    for (unsigned char n = 1; done < len; n++) {
        size_t piece = len - done < 32 ? len - done : 32;

        memcpy(block + before, info.data, info.len);
        block[before + info.len] = n;
        HMAC(EVP_sha256(), prk, 32, block, before + info.len + 1, block, NULL);
        memcpy(out + done, block, piece);
        done += piece;
        before = 32;
    }
}

/* RFC 5869, appendix A.1 to A.3 (G20). */
static const struct {
    const char *ikm, *salt, *info, *okm;
} rfc5869[] = {
    { "0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b",
      "000102030405060708090a0b0c", "f0f1f2f3f4f5f6f7f8f9",
      "3cb25f25faacd57a90434f64d0362f2a2d2d0a90cf1a5a4c5db02d56ecc4c5bf"
      "34007208d5b887185865" },
    { "000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f"
      "202122232425262728292a2b2c2d2e2f303132333435363738393a3b3c3d3e3f"
      "404142434445464748494a4b4c4d4e4f",
      "606162636465666768696a6b6c6d6e6f707172737475767778797a7b7c7d7e7f"
      "808182838485868788898a8b8c8d8e8f909192939495969798999a9b9c9d9e9f"
      "a0a1a2a3a4a5a6a7a8a9aaabacadaeaf",
      "b0b1b2b3b4b5b6b7b8b9babbbcbdbebfc0c1c2c3c4c5c6c7c8c9cacbcccdcecf"
      "d0d1d2d3d4d5d6d7d8d9dadbdcdddedfe0e1e2e3e4e5e6e7e8e9eaebecedeeef"
      "f0f1f2f3f4f5f6f7f8f9fafbfcfdfeff",
      "b11e398dc80327a1c8e7f78c596a49344f012eda2d4efad8a050cc4c19afa97c"
      "59045a99cac7827271cb41c65e590e09da3275600c2f09b8367793a9aca3db71"
      "cc30c58179ec3e87c14c01d5c1f3434f1d87" },
    { "0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b", "", "",
      "8da4e775a563c18f715f802a063c5a31b8a11f5c5ee1879ec3454e5f3c738d2d"
      "9d201395faa4b61a96c8" },
};

static djs_bytes_t unhex(const char *hex)
{
    size_t len = strlen(hex) / 2;
    unsigned char *out = apr_palloc(pool, len + 1);

    assert_int_equal(djs_hex_decode(out, len, djs_bytes(hex)), APR_SUCCESS);
    return djs_bytes_of((const char *)out, len);
}

static void the_witness_gives_the_vectors_of_rfc_5869(void **state)
{
    unsigned char out[82];

    (void)state;
    for (size_t i = 0; i < COUNT(rfc5869); i++) {
        djs_bytes_t okm = unhex(rfc5869[i].okm);

        hkdf(out, okm.len, unhex(rfc5869[i].ikm), unhex(rfc5869[i].salt),
             unhex(rfc5869[i].info));
        assert_memory_equal(out, okm.data, okm.len);
    }
}

static djs_bytes_t secret_view(int which)
{
    return djs_bytes_of((const char *)secrets[which], DJS_SECRET_BYTES);
}

/* Every use has its own key, made as the table in doc/formats says (G20). */
static void keys_are_hkdf_of_the_secret(void **state)
{
    djs_bytes_t text = djs_bytes("any text"), none = djs_bytes("");
    unsigned char key[32], mac[32], got[DJS_MAC_BYTES];
    char hex[65], tag[DJS_TAG_LEN + 1];

    (void)state;
    for (int i = 0; i < DJS_KEYRING_MOST; i++) {
        djs_keyring_t *ring;

        assert_null(
            djs_keyring_create(&ring, (const void *)&secrets[i], 1, pool));
        hkdf(key, DJS_KEY_ID_BYTES, secret_view(i), none,
             djs_bytes("mod_djsession key-id v1"));
        assert_memory_equal(djs_keyring_id(ring), key, DJS_KEY_ID_BYTES);

        hkdf(key, 32, secret_view(i), none, djs_bytes("mod_djsession auth v1"));
        HMAC(EVP_sha256(), key, 32, (const unsigned char *)text.data, text.len,
             mac, NULL);
        assert_int_equal(djs_keyring_mac(ring, 0, got, text, none),
                         APR_SUCCESS);
        assert_memory_equal(got, mac, 32);

        hkdf(key, 32, secret_view(i), none, djs_bytes("mod_djsession tag v1"));
        HMAC(EVP_sha256(), key, 32, (const unsigned char *)text.data, text.len,
             mac, NULL);
        djs_hex_encode(hex, mac, DJS_TAG_LEN / 2);
        assert_int_equal(djs_keyring_tag(ring, text, tag), APR_SUCCESS);
        assert_string_equal(tag, hex);
    }
}

/* Computed by an implementation in Python (G20, G21); a and bc are not ab and
 * c (G06); a fallback secret names otherwise (G10). */
static const struct {
    int which;
    const char *ns, *key, *name;
} names[] = {
    { 0, "www.example.com", "0123456789abcdefghijklmnopqrstuv",
      "bf59bc80ade5fd038eacb07114a1419bc50eb38d" },
    { 1, "www.example.com", "0123456789abcdefghijklmnopqrstuv",
      "c364c5227f3b8d90fd5cfa2d49044b1a63ddd13a" },
    { 0, "", "", "52910208361276a3f6259268667ca44ae3c10779" },
    { 0, "a", "bc", "b7686837b4f76dcf91237f2dcdafc0a9db6aed98" },
    { 0, "ab", "c", "813c674ce70a8b05ac2a78e7cb185be5a371f5c1" },
};

static void store_keys_are_the_known_ones(void **state)
{
    djs_keyring_t *ring = ring_of(2);
    char name[DJS_STORE_KEY_LEN + 1], tag[DJS_TAG_LEN + 1];

    (void)state;
    assert_int_equal(djs_keyring_count(ring), 2);
    for (size_t i = 0; i < COUNT(names); i++) {
        assert_int_equal(djs_keyring_store_key(ring, names[i].which,
                                               djs_bytes(names[i].ns),
                                               djs_bytes(names[i].key), name),
                         APR_SUCCESS);
        assert_string_equal(name, names[i].name);
    }
    assert_int_equal(djs_keyring_tag(ring, djs_bytes(names[0].key), tag),
                     APR_SUCCESS);
    assert_string_equal(tag, "90f0671d553d");
}

/* Computed with Python's hmac from the alias keys of secrets 0 and 1 (G20). */
static const struct {
    int which;
    const char *key, *mask;
} masks[] = {
    { 0, "0123456789abcdefghijklmnopqrstuv",
      "bdaead353f3671f973e806183492738dc99fb98733db142913bc2bd9ee8c43dc" },
    { 0, "",
      "3562e26feb2500e0ae4f18a2e9f182532f683ca594b46ea6f9947d82afdf194f" },
    { 1, "0123456789abcdefghijklmnopqrstuv",
      "f5cdf710c11424c718da029d000cf6737c3910aa4cf5ea70e8f1c2ea02f5a40f" },
};

static void masks_are_the_known_ones(void **state)
{
    djs_keyring_t *ring = ring_of(2);
    unsigned char mask[DJS_MAC_BYTES];

    (void)state;
    for (size_t i = 0; i < COUNT(masks); i++) {
        assert_int_equal(djs_keyring_mask(ring, masks[i].which,
                                          djs_bytes(masks[i].key), mask),
                         APR_SUCCESS);
        assert_memory_equal(mask, unhex(masks[i].mask).data, sizeof(mask));
    }
}

static void a_mask_of_what_can_not_be_is_refused(void **state)
{
    djs_keyring_t *ring = ring_of(2);
    unsigned char mask[DJS_MAC_BYTES];
    char text[DJS_NAME_MOST + 1];

    (void)state;
    memset(text, 'n', sizeof(text));
    assert_int_equal(
        djs_keyring_mask(ring, 1, djs_bytes_of(text, DJS_NAME_MOST), mask),
        APR_SUCCESS);
    assert_int_equal(
        djs_keyring_mask(ring, 1, djs_bytes_of(text, DJS_NAME_MOST + 1), mask),
        DJS_EINVALID);
    assert_int_equal(djs_keyring_mask(ring, 2, djs_bytes("a"), mask),
                     DJS_EINVALID);
    assert_int_equal(djs_keyring_mask(ring, -1, djs_bytes("a"), mask),
                     DJS_EINVALID);
}

static void a_name_that_can_not_be_is_refused(void **state)
{
    djs_bytes_t ok, more, some = djs_bytes("a");
    char name[DJS_STORE_KEY_LEN + 1], tag[DJS_TAG_LEN + 1];
    djs_keyring_t *ring = ring_of(2);
    char text[DJS_NAME_MOST + 1];

    (void)state;
    memset(text, 'n', sizeof(text));
    ok = djs_bytes_of(text, DJS_NAME_MOST);
    more = djs_bytes_of(text, DJS_NAME_MOST + 1);
    assert_int_equal(djs_keyring_store_key(ring, 0, ok, ok, name), APR_SUCCESS);
    assert_int_equal(djs_keyring_store_key(ring, 0, more, some, name),
                     DJS_EINVALID);
    assert_string_equal(name, "");
    assert_int_equal(djs_keyring_store_key(ring, 0, some, more, name),
                     DJS_EINVALID);
    assert_int_equal(djs_keyring_store_key(ring, 2, some, some, name),
                     DJS_EINVALID);
    assert_int_equal(djs_keyring_store_key(ring, -1, some, some, name),
                     DJS_EINVALID);
    assert_int_equal(djs_keyring_tag(ring, more, tag), DJS_EINVALID);
}

/* G12, duplicate ids; a ring without secrets, or with too many. */
static void a_ring_of_unsuitable_secrets_is_refused(void **state)
{
    unsigned char three[3][DJS_SECRET_BYTES];
    djs_keyring_t *ring;
    const char *why;

    (void)state;
    memcpy(three, secrets, sizeof(three));
    memcpy(three[2], three[0], DJS_SECRET_BYTES);
    why = djs_keyring_create(&ring, (const void *)three, 3, pool);
    assert_non_null(why);
    assert_non_null(strstr(why, "secret 3 is the same as secret 1"));
    assert_null(ring);
    assert_non_null(djs_keyring_create(&ring, (const void *)secrets, 0, pool));
    assert_non_null(djs_keyring_create(&ring, (const void *)secrets,
                                       DJS_KEYRING_MOST + 1, pool));
    assert_int_equal(djs_keyring_count(ring_of(DJS_KEYRING_MOST)),
                     DJS_KEYRING_MOST);
}

static int wrong; /* answers that threads got */

static void *APR_THREAD_FUNC ask_often(apr_thread_t *thread, void *data)
{
    djs_keyring_t *ring = data;
    unsigned char sealed[5 + DJS_SEAL_GROWTH], plain[5];
    djs_bytes_t view = { (char *)sealed, sizeof(sealed) };
    char name[DJS_STORE_KEY_LEN + 1];

    for (int i = 0; i < 500; i++) {
        size_t row = (size_t)i % COUNT(names);

        djs_keyring_store_key(ring, names[row].which, djs_bytes(names[row].ns),
                              djs_bytes(names[row].key), name);
        if (strcmp(name, names[row].name) != 0 ||
            djs_keyring_seal(ring, sealed, djs_bytes(name),
                             djs_bytes("plain")) ||
            djs_keyring_open(ring, 0, plain, djs_bytes(name), view) ||
            memcmp(plain, "plain", 5) != 0) {
            __atomic_add_fetch(&wrong, 1, __ATOMIC_RELAXED);
        }
    }
    (void)thread;
    return NULL;
}

static void many_threads_share_one_ring(void **state)
{
    djs_keyring_t *ring = ring_of(2);
    apr_thread_t *threads[THREADS];
    apr_status_t rv;

    (void)state;
    for (int i = 0; i < THREADS; i++) {
        assert_int_equal(
            apr_thread_create(&threads[i], NULL, ask_often, ring, pool),
            APR_SUCCESS);
    }
    for (int i = 0; i < THREADS; i++) {
        apr_thread_join(&rv, threads[i]);
    }
    assert_int_equal(wrong, 0);
}

/* What a forked child does: seals, and tells its nonces. */
static void seal_in_child(djs_keyring_t *ring, int fd)
{
    unsigned char sealed[DJS_SEAL_GROWTH];

    for (int i = 0; i < SEALS; i++) {
        if (djs_keyring_seal(ring, sealed, djs_bytes(""), djs_bytes("")) ||
            write(fd, sealed, NONCE_BYTES) != NONCE_BYTES) {
            _exit(1);
        }
    }
    _exit(0);
}

static int compare_nonces(const void *a, const void *b)
{
    return memcmp(a, b, NONCE_BYTES);
}

/* G13: no nonce twice, neither in a process nor among children of one parent
 * that had drawn before it forked. */
static void forked_children_share_no_nonce(void **state)
{
    static unsigned char nonces[CHILDREN * SEALS][NONCE_BYTES];
    unsigned char sealed[DJS_SEAL_GROWTH];
    djs_keyring_t *ring = ring_of(1);
    int status;

    (void)state;
    djs_keyring_seal(ring, sealed, djs_bytes(""), djs_bytes(""));
    for (int i = 0; i < CHILDREN; i++) {
        int fds[2];

        assert_int_equal(pipe(fds), 0);
        if (fork() == 0) {
            seal_in_child(ring, fds[1]);
        }
        close(fds[1]);
        for (size_t got = 0; got < sizeof(nonces) / CHILDREN;) {
            ssize_t more = read(fds[0], (char *)nonces[i * SEALS] + got,
                                sizeof(nonces) / CHILDREN - got);

            assert_true(more > 0);
            got += (size_t)more;
        }
        close(fds[0]);
        wait(&status);
        assert_int_equal(status, 0);
    }
    qsort(nonces, CHILDREN * SEALS, NONCE_BYTES, compare_nonces);
    for (int i = 1; i < CHILDREN * SEALS; i++) {
        assert_memory_not_equal(nonces[i - 1], nonces[i], NONCE_BYTES);
    }
}

static int granted(void)
{
    return allocations_left < 0 || allocations_left-- > 0;
}

static void *ration_malloc(size_t size, const char *file, int line)
{
    (void)file;
    (void)line;
    if (!granted()) {
        allocations_left = 0;
        return NULL;
    }
    return malloc(size);
}

static void *ration_realloc(void *old, size_t size, const char *file, int line)
{
    (void)file;
    (void)line;
    if (!granted()) {
        allocations_left = 0;
        return NULL;
    }
    return realloc(old, size);
}

static void ration_free(void *old, const char *file, int line)
{
    (void)file;
    (void)line;
    free(old);
}

/* One life of a ring, with all it does; APR_SUCCESS when nothing failed. */
static apr_status_t live_once(apr_pool_t *p)
{
    unsigned char sealed[5 + DJS_SEAL_GROWTH], plain[5], mac[DJS_MAC_BYTES];
    djs_bytes_t view = { (char *)sealed, sizeof(sealed) };
    djs_bytes_t text = djs_bytes("plain");
    char name[DJS_STORE_KEY_LEN + 1], tag[DJS_TAG_LEN + 1];
    djs_keyring_t *ring;
    apr_status_t rv;

    if (djs_keyring_create(&ring, (const void *)secrets, 2, p)) {
        assert_null(ring);
        return DJS_ETROUBLE;
    }
    rv = djs_keyring_store_key(ring, 0, text, text, name);
    assert_true(rv == APR_SUCCESS || name[0] == '\0');
    rv = rv ? rv : djs_keyring_store_key(ring, 1, text, text, name);
    assert_true(rv == APR_SUCCESS || name[0] == '\0');
    rv = rv ? rv : djs_keyring_tag(ring, text, tag);
    rv = rv ? rv : djs_keyring_mask(ring, 1, text, mac);
    rv = rv ? rv : djs_keyring_mac(ring, 1, mac, text, text);
    rv = rv ? rv : djs_keyring_seal(ring, sealed, text, text);
    return rv ? rv : djs_keyring_open(ring, 0, plain, text, view);
}

/* G16: whichever allocation of OpenSSL fails, the answer is a clean error,
 * nothing leaks (under ASan) and the error queue is empty. */
static void every_failing_allocation_is_a_clean_error(void **state)
{
    apr_status_t rv = DJS_ETROUBLE;
    int failures = 0;

    (void)state;
    for (int grant = 0; rv != APR_SUCCESS; grant++) {
        apr_pool_t *p;

        apr_pool_create(&p, pool);
        allocations_left = grant;
        rv = live_once(p);
        allocations_left = -1;
        assert_int_equal(ERR_peek_error(), 0);
        apr_pool_destroy(p);
        failures += rv != APR_SUCCESS;
        assert_true(grant < 10000);
    }
    assert_true(failures > 20);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_witness_gives_the_vectors_of_rfc_5869),
        cmocka_unit_test(keys_are_hkdf_of_the_secret),
        cmocka_unit_test(store_keys_are_the_known_ones),
        cmocka_unit_test(masks_are_the_known_ones),
        cmocka_unit_test(a_mask_of_what_can_not_be_is_refused),
        cmocka_unit_test(a_name_that_can_not_be_is_refused),
        cmocka_unit_test(a_ring_of_unsuitable_secrets_is_refused),
        cmocka_unit_test(many_threads_share_one_ring),
        cmocka_unit_test(forked_children_share_no_nonce),
        cmocka_unit_test(every_failing_allocation_is_a_clean_error),
    };
    int failures;

    CRYPTO_set_mem_functions(ration_malloc, ration_realloc, ration_free);
    apr_initialize();
    apr_pool_create(&pool, NULL);
    fill_secrets();
    failures = cmocka_run_group_tests_name("keyring", tests, NULL, NULL);
    apr_pool_destroy(pool);
    apr_terminate();
    return failures;
}
