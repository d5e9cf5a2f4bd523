/* codec/seal.h - XAES-256-GCM and HMAC-SHA-256, their key set-up done once.
 *
 * XAES-256-GCM (C2SP) is AES-256-GCM under a key derived for each message from
 * a 24-byte random nonce, so no number of messages wears a key out. It is built
 * here from AES-256 and AES-256-GCM of OpenSSL; HMAC (RFC 2104) from two
 * digests that have taken in the padded key already, which costs a tenth less
 * than the same through EVP_MAC. One object serves one caller at a time. No
 * function leaves an entry in OpenSSL's error queue, which mod_ssl reads. */
#ifndef DJS_CODEC_SEAL_H
#define DJS_CODEC_SEAL_H

#include <openssl/evp.h>
#include "base/bytes.h"
#include "base/status.h"

#define DJS_SEAL_KEY_BYTES   32
#define DJS_SEAL_NONCE_BYTES 24
#define DJS_SEAL_TAG_BYTES   16
#define DJS_SEAL_MAC_BYTES   32

/* What a sealed text is longer by. */
#define DJS_SEAL_OVERHEAD (DJS_SEAL_NONCE_BYTES + DJS_SEAL_TAG_BYTES)

/* The algorithms, fetched once for all objects. */
typedef struct {
    EVP_CIPHER *block; /* AES-256-ECB */
    EVP_CIPHER *gcm;   /* AES-256-GCM */
    EVP_MD *digest;    /* SHA-256 */
} djs_seal_algs_t;

/* One key of XAES-256-GCM. */
typedef struct {
    EVP_CIPHER_CTX *block;  /* the key, scheduled */
    EVP_CIPHER_CTX *gcm;    /* gets key and nonce each time */
    unsigned char mask[16]; /* K1 of the specification */
} djs_seal_t;

/* One key of HMAC-SHA-256. */
typedef struct {
    EVP_MD_CTX *inner; /* has digested key ^ ipad */
    EVP_MD_CTX *outer; /* has digested key ^ opad */
    EVP_MD_CTX *work;
} djs_seal_mac_t;

/* DJS_ETROUBLE when OpenSSL has not all of them; nothing is held then. */
apr_status_t djs_seal_fetch(djs_seal_algs_t *algs);
void djs_seal_unfetch(djs_seal_algs_t *algs);

/* Schedules `key` (borrowed). DJS_ETROUBLE when OpenSSL fails; release is due,
 * and harmless, after failure too. `algs` must outlive the object. */
apr_status_t djs_seal_init(djs_seal_t *seal, const djs_seal_algs_t *algs,
                           const unsigned char key[DJS_SEAL_KEY_BYTES]);
void djs_seal_release(djs_seal_t *seal);

/* Writes nonce, ciphertext and tag, plain.len + DJS_SEAL_OVERHEAD bytes, to
 * `out`. Plain text and associated data of 2 GB and more are refused with
 * DJS_ETOOBIG. DJS_ETROUBLE when OpenSSL fails; `out` is undefined then. */
apr_status_t djs_seal_encrypt(djs_seal_t *seal, unsigned char *out,
                              const unsigned char nonce[DJS_SEAL_NONCE_BYTES],
                              djs_bytes_t aad, djs_bytes_t plain);

/* Opens what djs_seal_encrypt wrote; sealed.len - DJS_SEAL_OVERHEAD bytes to
 * `out`, which is wiped on failure. DJS_EUNREADABLE, whatever the cause. */
apr_status_t djs_seal_decrypt(djs_seal_t *seal, unsigned char *out,
                              djs_bytes_t aad, djs_bytes_t sealed);

/* As djs_seal_init, for HMAC; `len` is 64 at most. */
apr_status_t djs_seal_mac_init(djs_seal_mac_t *mac, const djs_seal_algs_t *algs,
                               const unsigned char *key, apr_size_t len);
void djs_seal_mac_release(djs_seal_mac_t *mac);

/* HMAC over `head` and then `body` (either may be empty). DJS_ETROUBLE when
 * OpenSSL fails; `out` is zeroed then. */
apr_status_t djs_seal_mac(djs_seal_mac_t *mac,
                          unsigned char out[DJS_SEAL_MAC_BYTES],
                          djs_bytes_t head, djs_bytes_t body);

#endif
