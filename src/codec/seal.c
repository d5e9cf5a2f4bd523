/* codec/seal.c - XAES-256-GCM and HMAC-SHA-256, their key set-up done once. */
#include "codec/seal.h"

#include <limits.h>
#include <openssl/core_names.h>
#include <openssl/crypto.h>
#include <openssl/err.h>
#include <openssl/params.h>

#define AES_BLOCK    16
#define SHA256_BLOCK 64
#define GCM_NONCE    12 /* the second half of the nonce; the first derives */
#define MOST_BYTES   ((apr_size_t)INT_MAX - DJS_SEAL_OVERHEAD)

/* `rv`, and OpenSSL's error queue emptied: an entry left there would look to
 * mod_ssl like a failure of its own connection. */
static apr_status_t failed(apr_status_t rv)
{
    ERR_clear_error();
    return rv;
}

apr_status_t djs_seal_fetch(djs_seal_algs_t *algs)
{
    algs->block = EVP_CIPHER_fetch(NULL, "AES-256-ECB", NULL);
    algs->gcm = EVP_CIPHER_fetch(NULL, "AES-256-GCM", NULL);
    algs->digest = EVP_MD_fetch(NULL, "SHA256", NULL);
    if (!algs->block || !algs->gcm || !algs->digest) {
        djs_seal_unfetch(algs);
        return failed(DJS_ETROUBLE);
    }
    return APR_SUCCESS;
}

void djs_seal_unfetch(djs_seal_algs_t *algs)
{
    EVP_CIPHER_free(algs->block);
    EVP_CIPHER_free(algs->gcm);
    EVP_MD_free(algs->digest);
    memset(algs, 0, sizeof(*algs));
}

/* K1 of the specification: AES(K, 0^128) doubled in GF(2^128). The reduction
 * depends on a secret bit, hence a mask and no branch. */
static int derive_mask(djs_seal_t *seal)
{
    static const unsigned char zeros[AES_BLOCK];
    unsigned char *l = seal->mask;
    unsigned top;
    int len;

    if (!EVP_EncryptUpdate(seal->block, l, &len, zeros, AES_BLOCK) ||
        len != AES_BLOCK) {
        return 0;
    }
    top = l[0] >> 7;
    for (int i = 0; i < AES_BLOCK - 1; i++) {
        l[i] = (unsigned char)(l[i] << 1 | l[i + 1] >> 7);
    }
    l[AES_BLOCK - 1] = (unsigned char)(l[AES_BLOCK - 1] << 1);
    l[AES_BLOCK - 1] ^= (unsigned char)(0x87U & (0U - top));
    return 1;
}

apr_status_t djs_seal_init(djs_seal_t *seal, const djs_seal_algs_t *algs,
                           const unsigned char key[DJS_SEAL_KEY_BYTES])
{
    seal->block = EVP_CIPHER_CTX_new();
    seal->gcm = EVP_CIPHER_CTX_new();
    if (!seal->block || !seal->gcm ||
        !EVP_EncryptInit_ex2(seal->block, algs->block, key, NULL, NULL) ||
        !EVP_CIPHER_CTX_set_padding(seal->block, 0) ||
        !EVP_EncryptInit_ex2(seal->gcm, algs->gcm, NULL, NULL, NULL) ||
        !derive_mask(seal)) {
        return failed(DJS_ETROUBLE);
    }
    return APR_SUCCESS;
}

void djs_seal_release(djs_seal_t *seal)
{
    EVP_CIPHER_CTX_free(seal->block);
    EVP_CIPHER_CTX_free(seal->gcm);
    OPENSSL_cleanse(seal, sizeof(*seal));
}

/* The key of one message: two blocks, counter 1 and 2, label 'X', 12 bytes of
 * nonce, each ^ K1 (that is CMAC over one whole block), in one call. */
static int derive_key(djs_seal_t *seal, unsigned char key[DJS_SEAL_KEY_BYTES],
                      const unsigned char *nonce)
{
    unsigned char blocks[2 * AES_BLOCK] = { 0, 1, 'X', 0 };
    int len = 0;

    memcpy(blocks + 4, nonce, GCM_NONCE);
    memcpy(blocks + AES_BLOCK, blocks, AES_BLOCK);
    blocks[AES_BLOCK + 1] = 2;
    for (int i = 0; i < AES_BLOCK; i++) {
        blocks[i] ^= seal->mask[i];
        blocks[AES_BLOCK + i] ^= seal->mask[i];
    }
    /* The label is no secret, but label ^ K1 gives K1 away. */
    if (!EVP_EncryptUpdate(seal->block, key, &len, blocks, sizeof(blocks))) {
        len = 0;
    }
    OPENSSL_cleanse(blocks, sizeof(blocks));
    return len == DJS_SEAL_KEY_BYTES;
}

/* Associated data, then text: what both directions do alike. */
static int gcm_update(EVP_CIPHER_CTX *gcm, unsigned char *out, djs_bytes_t aad,
                      djs_bytes_t text)
{
    int len;

    if (aad.len &&
        !EVP_CipherUpdate(gcm, NULL, &len, (const unsigned char *)aad.data,
                          (int)aad.len)) {
        return 0;
    }
    if (text.len &&
        (!EVP_CipherUpdate(gcm, out, &len, (const unsigned char *)text.data,
                           (int)text.len) ||
         (apr_size_t)len != text.len)) {
        return 0;
    }
    return EVP_CipherFinal_ex(gcm, out + text.len, &len) && len == 0;
}

apr_status_t djs_seal_encrypt(djs_seal_t *seal, unsigned char *out,
                              const unsigned char nonce[DJS_SEAL_NONCE_BYTES],
                              djs_bytes_t aad, djs_bytes_t plain)
{
    unsigned char key[DJS_SEAL_KEY_BYTES];
    unsigned char *text = out + DJS_SEAL_NONCE_BYTES;
    apr_status_t rv = DJS_ETROUBLE;

    if (plain.len > MOST_BYTES || aad.len > MOST_BYTES) {
        return DJS_ETOOBIG;
    }
    memcpy(out, nonce, DJS_SEAL_NONCE_BYTES);
    if (derive_key(seal, key, nonce) &&
        EVP_CipherInit_ex2(seal->gcm, NULL, key, nonce + GCM_NONCE, 1, NULL) &&
        gcm_update(seal->gcm, text, aad, plain) &&
        EVP_CIPHER_CTX_ctrl(seal->gcm, EVP_CTRL_AEAD_GET_TAG,
                            DJS_SEAL_TAG_BYTES, text + plain.len)) {
        rv = APR_SUCCESS;
    }
    OPENSSL_cleanse(key, sizeof(key));
    return rv == APR_SUCCESS ? rv : failed(rv);
}

apr_status_t djs_seal_decrypt(djs_seal_t *seal, unsigned char *out,
                              djs_bytes_t aad, djs_bytes_t sealed)
{
    unsigned char key[DJS_SEAL_KEY_BYTES];
    unsigned char tag[DJS_SEAL_TAG_BYTES];
    const unsigned char *nonce = (const unsigned char *)sealed.data;
    OSSL_PARAM params[2];
    djs_bytes_t text;

    if (sealed.len < DJS_SEAL_OVERHEAD || sealed.len > INT_MAX ||
        aad.len > MOST_BYTES) {
        return DJS_EUNREADABLE;
    }
    text = djs_bytes_of(sealed.data + DJS_SEAL_NONCE_BYTES,
                        sealed.len - DJS_SEAL_OVERHEAD);
    memcpy(tag, text.data + text.len, sizeof(tag));
    params[0] = OSSL_PARAM_construct_octet_string(OSSL_CIPHER_PARAM_AEAD_TAG,
                                                  tag, sizeof(tag));
    params[1] = OSSL_PARAM_construct_end();
    /* The tag goes in with key and nonce: one call less than setting it. */
    if (derive_key(seal, key, nonce) &&
        EVP_CipherInit_ex2(seal->gcm, NULL, key, nonce + GCM_NONCE, 0,
                           params) &&
        gcm_update(seal->gcm, out, aad, text)) {
        OPENSSL_cleanse(key, sizeof(key));
        return APR_SUCCESS;
    }
    OPENSSL_cleanse(key, sizeof(key));
    if (text.len) {
        OPENSSL_cleanse(out, text.len);
    }
    return failed(DJS_EUNREADABLE);
}

/* A context that has digested one block of key ^ pad. */
static EVP_MD_CTX *padded(const EVP_MD *digest, const unsigned char *key,
                          apr_size_t len, unsigned char pad)
{
    unsigned char block[SHA256_BLOCK];
    EVP_MD_CTX *ctx = EVP_MD_CTX_new();

    memset(block, pad, sizeof(block));
    for (apr_size_t i = 0; i < len; i++) {
        block[i] ^= key[i];
    }
    if (ctx && (!EVP_DigestInit_ex2(ctx, digest, NULL) ||
                !EVP_DigestUpdate(ctx, block, sizeof(block)))) {
        EVP_MD_CTX_free(ctx);
        ctx = NULL;
    }
    OPENSSL_cleanse(block, sizeof(block));
    return ctx;
}

apr_status_t djs_seal_mac_init(djs_seal_mac_t *mac, const djs_seal_algs_t *algs,
                               const unsigned char *key, apr_size_t len)
{
    memset(mac, 0, sizeof(*mac));
    if (len > SHA256_BLOCK) {
        return DJS_EINVALID;
    }
    mac->inner = padded(algs->digest, key, len, 0x36);
    mac->outer = padded(algs->digest, key, len, 0x5c);
    mac->work = EVP_MD_CTX_new();
    if (!mac->inner || !mac->outer || !mac->work) {
        return failed(DJS_ETROUBLE);
    }
    return APR_SUCCESS;
}

void djs_seal_mac_release(djs_seal_mac_t *mac)
{
    EVP_MD_CTX_free(mac->inner);
    EVP_MD_CTX_free(mac->outer);
    EVP_MD_CTX_free(mac->work);
    memset(mac, 0, sizeof(*mac));
}

apr_status_t djs_seal_mac(djs_seal_mac_t *mac,
                          unsigned char out[DJS_SEAL_MAC_BYTES],
                          djs_bytes_t head, djs_bytes_t body)
{
    EVP_MD_CTX *work = mac->work;

    if (EVP_MD_CTX_copy_ex(work, mac->inner) &&
        EVP_DigestUpdate(work, head.data, head.len) &&
        (body.len == 0 || EVP_DigestUpdate(work, body.data, body.len)) &&
        EVP_DigestFinal_ex(work, out, NULL) &&
        EVP_MD_CTX_copy_ex(work, mac->outer) &&
        EVP_DigestUpdate(work, out, DJS_SEAL_MAC_BYTES) &&
        EVP_DigestFinal_ex(work, out, NULL)) {
        return APR_SUCCESS;
    }
    OPENSSL_cleanse(out, DJS_SEAL_MAC_BYTES);
    return failed(DJS_ETROUBLE);
}
