/* codec/keyring.h - all that is derived from the installation's secrets.
 *
 * One secret file holds 32 random bytes; HKDF-SHA-256 makes a key from it for
 * each use (the table stands in doc/formats). The first secret seals and
 * names, the others only open. The ring keeps OpenSSL contexts with the keys
 * scheduled and lends one set to each caller, so that a request pays for no
 * key set-up. Thread-safe after creation. Keys are wiped with the ring's pool.
 */
#ifndef DJS_CODEC_KEYRING_H
#define DJS_CODEC_KEYRING_H

#include <apr_pools.h>
#include "base/bytes.h"
#include "base/status.h"
#include "codec/secret.h"

#define DJS_STORE_KEY_LEN 40 /* hex digits of a store key */
#define DJS_TAG_LEN       12 /* hex digits of a tag */
#define DJS_KEY_ID_BYTES  4
#define DJS_KEYRING_MOST  16  /* secrets in one ring */
#define DJS_NAME_MOST     255 /* bytes of a namespace, key or store key */
#define DJS_MAC_BYTES     32
#define DJS_SEAL_GROWTH   40 /* a sealed text has a nonce and a tag */

typedef struct djs_keyring djs_keyring_t;

/* Derives the keys of `count` secrets (1 to DJS_KEYRING_MOST), the first one
 * sealing. The ring lives in `p`; `secrets` is borrowed, and for the caller to
 * wipe. May be called before a fork. NULL, or a sentence (two secrets are the
 * same, OpenSSL refuses an algorithm). */
const char *djs_keyring_create(djs_keyring_t **out,
                               const unsigned char (*secrets)[DJS_SECRET_BYTES],
                               int count, apr_pool_t *p);

/* Number of secrets. */
int djs_keyring_count(const djs_keyring_t *ring);

/* The name that a store knows `session_key` of namespace `ns` by, under
 * secret `which` (0 is the first): DJS_STORE_KEY_LEN hex digits and a NUL.
 * DJS_EINVALID: no such secret, or a name longer than DJS_NAME_MOST;
 * DJS_ETROUBLE: OpenSSL fails. `out` is empty then. */
apr_status_t djs_keyring_store_key(djs_keyring_t *ring, int which,
                                   djs_bytes_t ns, djs_bytes_t session_key,
                                   char out[DJS_STORE_KEY_LEN + 1]);

/* The only form of a session key that may reach a log, under the first
 * secret: DJS_TAG_LEN hex digits and a NUL. Statuses as above. */
apr_status_t djs_keyring_tag(djs_keyring_t *ring, djs_bytes_t session_key,
                             char out[DJS_TAG_LEN + 1]);

/* What hides the key that an old session key leads to, under secret `which`:
 * DJS_MAC_BYTES that nobody works out who does not have `session_key`, not even
 * with store and secrets in hand. Statuses as above. */
apr_status_t djs_keyring_mask(djs_keyring_t *ring, int which,
                              djs_bytes_t session_key,
                              unsigned char out[DJS_MAC_BYTES]);

/* What follows is for codec/record.c, which knows what bytes mean. */

/* Which secret has the id at `id`; -1: none of ours. */
int djs_keyring_find(const djs_keyring_t *ring, const unsigned char *id);

/* The DJS_KEY_ID_BYTES bytes of the first secret's id, as long as the ring. */
const unsigned char *djs_keyring_id(const djs_keyring_t *ring);

/* Seals under the first secret with a fresh nonce: plain.len + DJS_SEAL_GROWTH
 * bytes to `out`. DJS_ERANDOM: no nonce; DJS_ETOOBIG: 2 GB and more;
 * DJS_ETROUBLE: OpenSSL fails. */
apr_status_t djs_keyring_seal(djs_keyring_t *ring, unsigned char *out,
                              djs_bytes_t aad, djs_bytes_t plain);

/* Opens under secret `which`: sealed.len - DJS_SEAL_GROWTH bytes to `out`,
 * wiped on failure. DJS_EUNREADABLE, whatever the cause. */
apr_status_t djs_keyring_open(djs_keyring_t *ring, int which,
                              unsigned char *out, djs_bytes_t aad,
                              djs_bytes_t sealed);

/* HMAC-SHA-256 over `head`, then `body`, with the key that authenticates bare
 * records of secret `which`. DJS_ETROUBLE when OpenSSL fails. */
apr_status_t djs_keyring_mac(djs_keyring_t *ring, int which,
                             unsigned char out[DJS_MAC_BYTES], djs_bytes_t head,
                             djs_bytes_t body);

#endif
