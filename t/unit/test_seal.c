/* test_seal - XAES-256-GCM and HMAC-SHA-256 are what is published (G20). */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <cmocka.h>
#include <openssl/err.h>
#include "base/hex.h"
#include "codec/seal.h"

#define COUNT(a) (sizeof(a) / sizeof(*(a)))

static djs_seal_algs_t algs;

static djs_bytes_t view(const unsigned char *data, size_t len)
{
    return djs_bytes_of((const char *)data, len);
}

static void assert_hex(const unsigned char *data, size_t len, const char *hex)
{
    char *text = malloc(2 * len + 1);

    djs_hex_encode(text, data, len);
    assert_string_equal(text, hex);
    free(text);
}

/* C2SP, XAES-256-GCM, the two examples (G20). */
static const struct {
    unsigned char key;
    const char *aad, *sealed;
} examples[] = {
    { 1, "", "ce546ef63c9cc60765923609b33a9a1974e96e52daf2fcf7075e2271" },
    { 3, "c2sp.org/XAES-256-GCM",
      "986ec1832593df5443a179437fd083bf3fdb41abd740a21f71eb769d" },
};

static void xaes_gives_the_published_examples(void **state)
{
    static const char *nonce = "ABCDEFGHIJKLMNOPQRSTUVWX";
    djs_bytes_t plain = djs_bytes("XAES-256-GCM");
    unsigned char key[DJS_SEAL_KEY_BYTES], out[12 + DJS_SEAL_OVERHEAD];
    unsigned char back[12];
    djs_seal_t seal;

    (void)state;
    for (size_t i = 0; i < COUNT(examples); i++) {
        djs_bytes_t aad = djs_bytes(examples[i].aad);

        memset(key, examples[i].key, sizeof(key));
        assert_int_equal(djs_seal_init(&seal, &algs, key), APR_SUCCESS);
        assert_int_equal(djs_seal_encrypt(&seal, out,
                                          (const unsigned char *)nonce, aad,
                                          plain),
                         APR_SUCCESS);
        assert_memory_equal(out, nonce, DJS_SEAL_NONCE_BYTES);
        assert_hex(out + DJS_SEAL_NONCE_BYTES, 28, examples[i].sealed);
        assert_int_equal(
            djs_seal_decrypt(&seal, back, aad, view(out, sizeof(out))),
            APR_SUCCESS);
        assert_memory_equal(back, plain.data, 12);
        djs_seal_release(&seal);
    }
}

/* One of the messages of the accumulated test, whose inputs are the next bytes
 * of SHAKE128 of nothing. Returns what follows them. */
static unsigned char *accumulate(EVP_MD_CTX *sum, unsigned char *s)
{
    unsigned char out[255 + DJS_SEAL_OVERHEAD], back[255];
    unsigned char *key = s, *nonce = key + DJS_SEAL_KEY_BYTES;
    unsigned char *plain = nonce + DJS_SEAL_NONCE_BYTES + 1;
    size_t plain_len = plain[-1];
    unsigned char *aad = plain + plain_len + 1;
    size_t aad_len = aad[-1];
    djs_seal_t seal;

    assert_int_equal(djs_seal_init(&seal, &algs, key), APR_SUCCESS);
    assert_int_equal(djs_seal_encrypt(&seal, out, nonce, view(aad, aad_len),
                                      view(plain, plain_len)),
                     APR_SUCCESS);
    EVP_DigestUpdate(sum, out + DJS_SEAL_NONCE_BYTES,
                     plain_len + DJS_SEAL_TAG_BYTES);
    assert_int_equal(djs_seal_decrypt(&seal, back, view(aad, aad_len),
                                      view(out, plain_len + DJS_SEAL_OVERHEAD)),
                     APR_SUCCESS);
    assert_memory_equal(back, plain, plain_len);
    djs_seal_release(&seal);
    return aad + aad_len;
}

/* C2SP's accumulated test of 10,000 random messages (G20). */
static void
xaes_gives_the_accumulated_sum_of_ten_thousand_messages(void **state)
{
    const size_t size = 10000 * (32 + 24 + 1 + 255 + 1 + 255);
    unsigned char *stream = malloc(size), *s = stream, out[32];
    EVP_MD_CTX *shake = EVP_MD_CTX_new();

    (void)state;
    EVP_DigestInit_ex(shake, EVP_shake128(), NULL);
    EVP_DigestFinalXOF(shake, stream, size);
    EVP_DigestInit_ex(shake, EVP_shake128(), NULL);
    for (int i = 0; i < 10000; i++) {
        s = accumulate(shake, s);
    }
    EVP_DigestFinalXOF(shake, out, sizeof(out));
    assert_hex(
        out, sizeof(out),
        "e6b9edf2df6cec60c8cbd864e2211b597fb69a529160cd040d56c0c210081939");
    EVP_MD_CTX_free(shake);
    free(stream);
}

/* The GCM paper's test cases 13, 14 and 16, which NIST's files repeat: the
 * cipher that OpenSSL hands us is the standard's (G20, G24). */
static const struct {
    const char *key, *iv, *plain, *aad, *cipher, *tag;
} gcm_cases[] = {
    { "0000000000000000000000000000000000000000000000000000000000000000",
      "000000000000000000000000", "", "", "",
      "530f8afbc74536b9a963b4f1c4cb738b" },
    { "0000000000000000000000000000000000000000000000000000000000000000",
      "000000000000000000000000", "00000000000000000000000000000000", "",
      "cea7403d4d606b6e074ec5d3baf39d18", "d0d1c8a799996bf0265b98b5d48ab919" },
    { "feffe9928665731c6d6a8f9467308308feffe9928665731c6d6a8f9467308308",
      "cafebabefacedbaddecaf888",
      "d9313225f88406e5a55909c5aff5269a86a7a9531534f7da2e4c303d8a318a72"
      "1c3c0c95956809532fcf0e2449a6b525b16aedf5aa0de657ba637b39",
      "feedfacedeadbeeffeedfacedeadbeefabaddad2",
      "522dc1f099567d07f47f37a32a84427d643a8cdcbfe5c0c97598a2bd2555d1aa"
      "8cb08e48590dbb3da7b08b1056828838c5f61e6393ba7a0abcc9f662",
      "76fc6ece0f4e1768cddf8853bb2d551b" },
};

static size_t unhex(unsigned char *out, const char *hex)
{
    size_t len = strlen(hex) / 2;

    assert_int_equal(djs_hex_decode(out, len, djs_bytes(hex)), APR_SUCCESS);
    return len;
}

static void gcm_gives_the_published_cases(void **state)
{
    unsigned char key[32], iv[12], plain[64], aad[32], out[64], tag[16];
    EVP_CIPHER_CTX *ctx = EVP_CIPHER_CTX_new();
    int len;

    (void)state;
    for (size_t i = 0; i < COUNT(gcm_cases); i++) {
        size_t plain_len = unhex(plain, gcm_cases[i].plain);
        size_t aad_len = unhex(aad, gcm_cases[i].aad);

        unhex(key, gcm_cases[i].key);
        unhex(iv, gcm_cases[i].iv);
        assert_true(EVP_EncryptInit_ex2(ctx, algs.gcm, key, iv, NULL));
        assert_true(EVP_EncryptUpdate(ctx, NULL, &len, aad, (int)aad_len));
        assert_true(EVP_EncryptUpdate(ctx, out, &len, plain, (int)plain_len));
        assert_true(EVP_EncryptFinal_ex(ctx, tag, &len));
        EVP_CIPHER_CTX_ctrl(ctx, EVP_CTRL_AEAD_GET_TAG, 16, tag);
        assert_hex(out, plain_len, gcm_cases[i].cipher);
        assert_hex(tag, 16, gcm_cases[i].tag);
    }
    EVP_CIPHER_CTX_free(ctx);
}

/* RFC 4231, test cases 1 to 4: ours is built from two digests (G20). */
static const struct {
    const char *key, *data, *mac;
} hmac_cases[] = {
    { "0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b", "4869205468657265",
      "b0344c61d8db38535ca8afceaf0bf12b881dc200c9833da726e9376c2e32cff7" },
    { "4a656665", "7768617420646f2079612077616e7420666f72206e6f7468696e673f",
      "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843" },
    { "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa",
      "dddddddddddddddddddddddddddddddddddddddddddddddddddddddddddddddd"
      "dddddddddddddddddddddddddddddddddddd",
      "773ea91e36800e46854db8ebd09181a72959098b3ef8c122d9635514ced565fe" },
    { "0102030405060708090a0b0c0d0e0f10111213141516171819",
      "cdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcd"
      "cdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcd",
      "82558a389a443c0ea4cc819899f2083a85f0faa3e578f8077a2e3ff46729665b" },
};

static void hmac_gives_the_published_cases_however_it_is_cut(void **state)
{
    unsigned char key[64], data[64], mac[DJS_SEAL_MAC_BYTES];

    (void)state;
    for (size_t i = 0; i < COUNT(hmac_cases); i++) {
        size_t key_len = unhex(key, hmac_cases[i].key);
        size_t len = unhex(data, hmac_cases[i].data);
        djs_seal_mac_t ctx;

        assert_int_equal(djs_seal_mac_init(&ctx, &algs, key, key_len),
                         APR_SUCCESS);
        for (size_t cut = 0; cut <= len; cut++) {
            assert_int_equal(djs_seal_mac(&ctx, mac, view(data, cut),
                                          view(data + cut, len - cut)),
                             APR_SUCCESS);
            assert_hex(mac, sizeof(mac), hmac_cases[i].mac);
        }
        djs_seal_mac_release(&ctx);
    }
}

/* A tag of 0 to 15 bytes, or a text shorter than nonce and tag (G15). */
static void a_cut_tag_does_not_open_and_the_output_is_wiped(void **state)
{
    unsigned char key[DJS_SEAL_KEY_BYTES] = "k", nonce[24] = "n";
    unsigned char out[5 + DJS_SEAL_OVERHEAD], back[64];
    djs_bytes_t aad = djs_bytes("aad");
    djs_seal_t seal;

    (void)state;
    assert_int_equal(djs_seal_init(&seal, &algs, key), APR_SUCCESS);
    assert_int_equal(
        djs_seal_encrypt(&seal, out, nonce, aad, djs_bytes("plain")),
        APR_SUCCESS);
    for (size_t len = 0; len < sizeof(out); len++) {
        size_t text = len < DJS_SEAL_OVERHEAD ? 0 : len - DJS_SEAL_OVERHEAD;

        memset(back, 'x', sizeof(back));
        assert_int_equal(djs_seal_decrypt(&seal, back, aad, view(out, len)),
                         DJS_EUNREADABLE);
        for (size_t i = 0; i < sizeof(back); i++) {
            assert_int_equal(back[i], i < text ? 0 : 'x');
        }
    }
    assert_int_equal(ERR_peek_error(), 0);
    djs_seal_release(&seal);
}

static void a_failure_leaves_the_object_usable(void **state)
{
    unsigned char key[DJS_SEAL_KEY_BYTES] = "k", nonce[24] = "n";
    unsigned char good[5 + DJS_SEAL_OVERHEAD], bad[sizeof(good)], back[5];
    djs_bytes_t aad = djs_bytes("aad");
    djs_seal_t seal;

    (void)state;
    djs_seal_init(&seal, &algs, key);
    djs_seal_encrypt(&seal, good, nonce, aad, djs_bytes("plain"));
    memcpy(bad, good, sizeof(bad));
    bad[30] ^= 1;
    for (int i = 0; i < 3; i++) {
        assert_int_equal(
            djs_seal_decrypt(&seal, back, aad, view(bad, sizeof(bad))),
            DJS_EUNREADABLE);
        assert_int_equal(
            djs_seal_decrypt(&seal, back, aad, view(good, sizeof(good))),
            APR_SUCCESS);
        assert_memory_equal(back, "plain", 5);
    }
    djs_seal_release(&seal);
}

static void what_openssl_can_not_count_is_refused(void **state)
{
    static const unsigned char bytes[DJS_SEAL_NONCE_BYTES];
    djs_bytes_t huge = djs_bytes_of("", (apr_size_t)1 << 31);
    unsigned char out[64];
    djs_seal_mac_t mac;
    djs_seal_t seal;

    (void)state;
    djs_seal_init(&seal, &algs,
                  (const unsigned char *)"0123456789abcdef"
                                         "0123456789abcdef");
    assert_int_equal(djs_seal_encrypt(&seal, out, bytes, djs_bytes(""), huge),
                     DJS_ETOOBIG);
    assert_int_equal(djs_seal_encrypt(&seal, out, bytes, huge, djs_bytes("")),
                     DJS_ETOOBIG);
    assert_int_equal(djs_seal_decrypt(&seal, out, djs_bytes(""), huge),
                     DJS_EUNREADABLE);
    assert_int_equal(djs_seal_mac_init(&mac, &algs, bytes, 65), DJS_EINVALID);
    djs_seal_mac_release(&mac);
    djs_seal_release(&seal);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(xaes_gives_the_published_examples),
        cmocka_unit_test(
            xaes_gives_the_accumulated_sum_of_ten_thousand_messages),
        cmocka_unit_test(gcm_gives_the_published_cases),
        cmocka_unit_test(hmac_gives_the_published_cases_however_it_is_cut),
        cmocka_unit_test(a_cut_tag_does_not_open_and_the_output_is_wiped),
        cmocka_unit_test(a_failure_leaves_the_object_usable),
        cmocka_unit_test(what_openssl_can_not_count_is_refused),
    };
    int failures;

    if (djs_seal_fetch(&algs) != APR_SUCCESS) {
        return 1;
    }
    failures = cmocka_run_group_tests_name("seal", tests, NULL, NULL);
    djs_seal_unfetch(&algs);
    return failures;
}
