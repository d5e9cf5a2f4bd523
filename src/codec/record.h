/* codec/record.h - a session as a store keeps it.
 *
 * A fixed header (times, flags, version), then the body: sealed with
 * XAES-256-GCM, or bare and authenticated with HMAC-SHA-256. Header, format
 * version, namespace and store key are authenticated with the body, each
 * behind its length: a record opens under no other key, in no other namespace
 * and with no other deadline. doc/formats describes every byte. */
#ifndef DJS_CODEC_RECORD_H
#define DJS_CODEC_RECORD_H

#include <apr_pools.h>
#include <apr_time.h>
#include "base/bytes.h"
#include "base/random.h"
#include "base/status.h"
#include "codec/keyring.h"

#define DJS_RECORD_OVERHEAD                                                    \
    128 /* a sealed record is at most this much longer                         \
           than its body */

typedef enum {
    DJS_RECORD_SEALED = 1, /* DjSessionEncrypt On */
    DJS_RECORD_BARE = 2    /* Off: readable, but nobody can alter it */
} djs_record_mode_e;

typedef enum {
    DJS_RECORD_SESSION = 1, /* the body is session data, normal JSON */
    DJS_RECORD_ALIAS = 2,   /* a key was given up for another one: session/alias
                             */
    DJS_RECORD_MARK = 3,    /* somebody's sessions were revoked: session/revoke
                             */
    DJS_RECORD_LIST = 4     /* a user's sessions: session/quota */
} djs_record_kind_e;

#define DJS_RECORD_TLS     0x01 /* born over TLS: not honoured in the clear */
#define DJS_RECORD_BROWSER 0x02 /* its cookie ends with the browser */
#define DJS_RECORD_FIXED   0x04 /* set_expiry(date): use does not renew it */
#define DJS_RECORD_FLAGS   0x07 /* all of them: with others it does not open */

/* Times are microseconds since 1970; 0: never happened. */
typedef struct {
    djs_record_kind_e kind;
    unsigned flags;
    char tag[DJS_TAG_LEN + 1]; /* of the session key; kept, so free to read */
    apr_time_t created;        /* birth of the session */
    apr_time_t keyed;          /* birth of its present key */
    apr_time_t authenticated;  /* last login */
    apr_time_t saved;          /* last save: lifetimes count from here */
    apr_time_t expires;        /* deadline */
    apr_interval_time_t age;   /* lifetime that a save gives it */
    apr_uint64_t version;      /* counts saves */
    apr_uint64_t epoch;        /* the store's, when it was known not to be
                                  revoked; for a mark, of the revocation */
    int secret;                /* which one of the ring opened it */
    djs_bytes_t body;
} djs_record_t;

/* Where a record lies: part of what is authenticated. */
typedef struct {
    djs_bytes_t ns;
    djs_bytes_t store_key;
} djs_record_place_t;

/* The bytes to store, in `p`, under the ring's first secret. DJS_ERANDOM when
 * there is no nonce, DJS_ETROUBLE when OpenSSL fails, DJS_ETOOBIG for a body of
 * 2 GB, DJS_EINVALID for a mode, kind, flag, tag or place that can not be (a
 * namespace or store key has at most DJS_NAME_MOST bytes). */
apr_status_t djs_record_seal(djs_bytes_t *out, const djs_record_t *record,
                             djs_record_mode_e mode, djs_record_place_t place,
                             djs_keyring_t *ring, apr_pool_t *p);

/* Opens what djs_record_seal made; only `mode` is accepted, there is no
 * fallback. The body lives in `p`, NUL-terminated, the NUL not counted; it is
 * plain text and not wiped with `p`. DJS_EUNREADABLE, whatever the cause: one
 * class of error, and `*out` is zeroed. Expiry is the caller's affair. */
apr_status_t djs_record_open(djs_record_t *out, djs_bytes_t bytes,
                             djs_record_mode_e mode, djs_record_place_t place,
                             djs_keyring_t *ring, apr_pool_t *p);

#endif
