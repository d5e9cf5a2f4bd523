/* codec/keyring.h - all that is derived from the installation's secrets.
 *
 * One secret file holds 32 random bytes; HKDF-SHA-256 makes a key from it for
 * each use (the table stands in doc/formats). The first secret seals and
 * names, the others only open. The ring keeps OpenSSL contexts with the keys
 * scheduled and lends one set to each caller, so that a request pays for no
 * key set-up. Thread-safe after creation. Keys are wiped with the ring's pool. */
#ifndef DJS_CODEC_KEYRING_H
#define DJS_CODEC_KEYRING_H

#include <apr_pools.h>
#include "base/bytes.h"
#include "base/status.h"
#include "codec/secret.h"

#define DJS_STORE_KEY_LEN 40 /* hex digits of a store key */
#define DJS_TAG_LEN       12 /* hex digits of a tag */
#define DJS_KEY_ID_BYTES  4

typedef struct djs_keyring djs_keyring_t;

/* Derives the keys of `count` secrets (1 to 16), the first one sealing. The
 * ring lives in `p`. NULL, or a sentence (two secrets are the same, OpenSSL
 * refuses an algorithm). */
const char *djs_keyring_create(djs_keyring_t **out,
                               const unsigned char (*secrets)[DJS_SECRET_BYTES],
                               int count, apr_pool_t *p);

/* Number of secrets. */
int djs_keyring_count(const djs_keyring_t *ring);

/* The name that a store knows `session_key` of namespace `ns` by, under
 * secret `which` (0 is the first): DJS_STORE_KEY_LEN hex digits and a NUL. */
apr_status_t djs_keyring_store_key(djs_keyring_t *ring, int which,
                                   djs_bytes_t ns, djs_bytes_t session_key,
                                   char out[DJS_STORE_KEY_LEN + 1]);

/* The only form of a session key that may reach a log, under the first
 * secret: DJS_TAG_LEN hex digits and a NUL. */
apr_status_t djs_keyring_tag(djs_keyring_t *ring, djs_bytes_t session_key,
                             char out[DJS_TAG_LEN + 1]);

#endif
