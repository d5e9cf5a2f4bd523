/* codec/keyring.c - all that is derived from the installation's secrets. */
#include "codec/keyring.h"

#include <stddef.h>
#include <apr_strings.h>
#include <apr_thread_mutex.h>
#include <openssl/core_names.h>
#include <openssl/crypto.h>
#include <openssl/err.h>
#include <openssl/kdf.h>
#include <openssl/params.h>
#include "base/hex.h"
#include "base/random.h"
#include "codec/seal.h"

_Static_assert(DJS_SEAL_GROWTH == DJS_SEAL_OVERHEAD, "one sum, two names");
_Static_assert(DJS_MAC_BYTES == DJS_SEAL_MAC_BYTES, "one length, two names");
_Static_assert(DJS_SECRET_BYTES == DJS_SEAL_KEY_BYTES, "keys are 32 bytes");

/* What HKDF makes of one secret. */
typedef struct {
    unsigned char id[DJS_KEY_ID_BYTES];
    unsigned char seal[DJS_SEAL_KEY_BYTES];
    unsigned char auth[DJS_SEAL_KEY_BYTES];
    unsigned char name[DJS_SEAL_KEY_BYTES];
    unsigned char tag[DJS_SEAL_KEY_BYTES];
    unsigned char alias[DJS_SEAL_KEY_BYTES];
} keys_t;

/* Contexts of one secret, its keys scheduled. */
typedef struct {
    djs_seal_t seal;
    djs_seal_mac_t auth;
    djs_seal_mac_t name;
    djs_seal_mac_t tag;
    djs_seal_mac_t alias;
    int ready;
} tools_t;

/* What one caller borrows: tools for every secret, made when first used. */
typedef struct set_t {
    struct set_t *next; /* while it lies on the shelf */
    tools_t tools[];
} set_t;

/* The shelf holds the sets nobody has: last returned, first lent, so there are
 * never more than callers at one moment. It is not bound to threads: a module
 * that may be unloaded can not leave destructors in them. */
struct djs_keyring {
    djs_seal_algs_t algs;
    apr_thread_mutex_t *mutex; /* guards the shelf */
    set_t *shelf;
    int count;
    keys_t keys[];
};

static apr_status_t failed(apr_status_t rv)
{
    ERR_clear_error();
    return rv;
}

/* HKDF-SHA-256, RFC 5869, without salt; `len` bytes to `out`. */
static int derive(EVP_KDF_CTX *kdf, unsigned char *out, apr_size_t len,
                  const unsigned char *secret, const char *info)
{
    OSSL_PARAM params[] = {
        OSSL_PARAM_construct_utf8_string(OSSL_KDF_PARAM_DIGEST,
                                         (char *)"SHA256", 0),
        OSSL_PARAM_construct_octet_string(
            OSSL_KDF_PARAM_KEY, (unsigned char *)secret, DJS_SECRET_BYTES),
        OSSL_PARAM_construct_octet_string(OSSL_KDF_PARAM_INFO, (char *)info,
                                          strlen(info)),
        OSSL_PARAM_construct_end(),
    };

    EVP_KDF_CTX_reset(kdf);
    return EVP_KDF_derive(kdf, out, len, params) == 1;
}

static int derive_all(EVP_KDF_CTX *kdf, keys_t *keys,
                      const unsigned char *secret)
{
    return derive(kdf, keys->id, sizeof(keys->id), secret,
                  "mod_djsession key-id v1") &&
           derive(kdf, keys->seal, sizeof(keys->seal), secret,
                  "mod_djsession seal v1") &&
           derive(kdf, keys->auth, sizeof(keys->auth), secret,
                  "mod_djsession auth v1") &&
           derive(kdf, keys->name, sizeof(keys->name), secret,
                  "mod_djsession store-key v1") &&
           derive(kdf, keys->tag, sizeof(keys->tag), secret,
                  "mod_djsession tag v1") &&
           derive(kdf, keys->alias, sizeof(keys->alias), secret,
                  "mod_djsession alias v1");
}

static apr_status_t
derive_ring(djs_keyring_t *ring,
            const unsigned char (*secrets)[DJS_SECRET_BYTES])
{
    EVP_KDF *hkdf = EVP_KDF_fetch(NULL, "HKDF", NULL);
    EVP_KDF_CTX *kdf = hkdf ? EVP_KDF_CTX_new(hkdf) : NULL;
    apr_status_t rv = kdf ? APR_SUCCESS : DJS_ETROUBLE;

    for (int i = 0; rv == APR_SUCCESS && i < ring->count; i++) {
        if (!derive_all(kdf, &ring->keys[i], secrets[i])) {
            rv = DJS_ETROUBLE;
        }
    }
    EVP_KDF_CTX_free(kdf);
    EVP_KDF_free(hkdf);
    return rv == APR_SUCCESS ? rv : failed(rv);
}

static void tools_release(tools_t *tools)
{
    djs_seal_release(&tools->seal);
    djs_seal_mac_release(&tools->auth);
    djs_seal_mac_release(&tools->name);
    djs_seal_mac_release(&tools->tag);
    djs_seal_mac_release(&tools->alias);
    tools->ready = 0;
}

static apr_status_t tools_make(tools_t *tools, const djs_seal_algs_t *algs,
                               const keys_t *keys)
{
    apr_status_t rv = djs_seal_init(&tools->seal, algs, keys->seal);

    if (rv == APR_SUCCESS) {
        rv = djs_seal_mac_init(&tools->auth, algs, keys->auth,
                               sizeof(keys->auth));
    }
    if (rv == APR_SUCCESS) {
        rv = djs_seal_mac_init(&tools->name, algs, keys->name,
                               sizeof(keys->name));
    }
    if (rv == APR_SUCCESS) {
        rv = djs_seal_mac_init(&tools->tag, algs, keys->tag, sizeof(keys->tag));
    }
    if (rv == APR_SUCCESS) {
        rv = djs_seal_mac_init(&tools->alias, algs, keys->alias,
                               sizeof(keys->alias));
    }
    if (rv != APR_SUCCESS) {
        tools_release(tools);
        return rv;
    }
    tools->ready = 1;
    return APR_SUCCESS;
}

static apr_size_t set_size(const djs_keyring_t *ring)
{
    return sizeof(set_t) + (apr_size_t)ring->count * sizeof(tools_t);
}

static void hand_back(djs_keyring_t *ring, set_t *set)
{
    apr_thread_mutex_lock(ring->mutex);
    set->next = ring->shelf;
    ring->shelf = set;
    apr_thread_mutex_unlock(ring->mutex);
}

/* Lends a set whose tools for secret `which` are ready. */
static apr_status_t lend(set_t **out, djs_keyring_t *ring, int which)
{
    apr_status_t rv;
    set_t *set;

    *out = NULL;
    apr_thread_mutex_lock(ring->mutex);
    set = ring->shelf;
    if (set) {
        ring->shelf = set->next;
    }
    apr_thread_mutex_unlock(ring->mutex);

    if (!set) {
        set = OPENSSL_zalloc(set_size(ring));
        if (!set) {
            return failed(DJS_ETROUBLE);
        }
    }
    if (!set->tools[which].ready) {
        rv = tools_make(&set->tools[which], &ring->algs, &ring->keys[which]);
        if (rv != APR_SUCCESS) {
            hand_back(ring, set);
            return rv;
        }
    }
    *out = set;
    return APR_SUCCESS;
}

/* With the ring's pool: nobody borrows any more. */
static apr_status_t ring_cleanup(void *data)
{
    djs_keyring_t *ring = data;
    apr_size_t size = set_size(ring);
    set_t *set;

    while ((set = ring->shelf) != NULL) {
        ring->shelf = set->next;
        for (int i = 0; i < ring->count; i++) {
            tools_release(&set->tools[i]);
        }
        OPENSSL_clear_free(set, size);
    }
    djs_seal_unfetch(&ring->algs);
    OPENSSL_cleanse(ring->keys, (apr_size_t)ring->count * sizeof(keys_t));
    return APR_SUCCESS;
}

/* Two secrets with one id: a record would not say which of them opens it. */
static const char *find_twins(const djs_keyring_t *ring, apr_pool_t *p)
{
    for (int i = 1; i < ring->count; i++) {
        int first = djs_keyring_find(ring, ring->keys[i].id);

        if (first != i) {
            return apr_psprintf(p,
                                "secret %d is the same as secret %d: name "
                                "each secret once",
                                i + 1, first + 1);
        }
    }
    return NULL;
}

/* Makes one set, so that what OpenSSL lacks shows at start, not in a request.
 */
static const char *ring_fill(djs_keyring_t *ring,
                             const unsigned char (*secrets)[DJS_SECRET_BYTES],
                             apr_pool_t *p)
{
    const char *sentence;
    set_t *set;

    if (derive_ring(ring, secrets) != APR_SUCCESS) {
        return "OpenSSL refuses HKDF with SHA-256: session keys can not be "
               "derived";
    }
    sentence = find_twins(ring, p);
    if (sentence) {
        return sentence;
    }
    if (lend(&set, ring, 0) != APR_SUCCESS) {
        return "OpenSSL refuses AES-256 or SHA-256: sessions can not be sealed";
    }
    hand_back(ring, set);
    return NULL;
}

const char *djs_keyring_create(djs_keyring_t **out,
                               const unsigned char (*secrets)[DJS_SECRET_BYTES],
                               int count, apr_pool_t *p)
{
    const char *sentence;
    djs_keyring_t *ring;

    *out = NULL;
    if (count < 1 || count > DJS_KEYRING_MOST) {
        return apr_psprintf(p, "there are %d secrets: give 1 to %d", count,
                            DJS_KEYRING_MOST);
    }
    ring = apr_pcalloc(p, sizeof(*ring) + (apr_size_t)count * sizeof(keys_t));
    ring->count = count;
    if (apr_thread_mutex_create(&ring->mutex, APR_THREAD_MUTEX_DEFAULT, p) !=
        APR_SUCCESS) {
        return "the system has no room for a mutex";
    }
    if (djs_seal_fetch(&ring->algs) != APR_SUCCESS) {
        return "OpenSSL offers no AES-256-ECB, AES-256-GCM or SHA-256: "
               "sessions can not be sealed";
    }
    apr_pool_cleanup_register(p, ring, ring_cleanup, apr_pool_cleanup_null);

    sentence = ring_fill(ring, secrets, p);
    if (sentence) {
        apr_pool_cleanup_run(p, ring, ring_cleanup);
        return sentence;
    }
    *out = ring;
    return NULL;
}

int djs_keyring_count(const djs_keyring_t *ring)
{
    return ring->count;
}

/* Appends `part` behind its length of four bytes, big-endian. */
static unsigned char *framed(unsigned char *to, djs_bytes_t part)
{
    *to++ = (unsigned char)(part.len >> 24);
    *to++ = (unsigned char)(part.len >> 16);
    *to++ = (unsigned char)(part.len >> 8);
    *to++ = (unsigned char)part.len;
    if (part.len) {
        memcpy(to, part.data, part.len);
    }
    return to + part.len;
}

apr_status_t djs_keyring_store_key(djs_keyring_t *ring, int which,
                                   djs_bytes_t ns, djs_bytes_t session_key,
                                   char out[DJS_STORE_KEY_LEN + 1])
{
    unsigned char text[2 * (4 + DJS_NAME_MOST)];
    unsigned char mac[DJS_MAC_BYTES];
    djs_bytes_t view = { (const char *)text, 8 + ns.len + session_key.len };
    apr_status_t rv;
    set_t *set;

    out[0] = '\0';
    if (which < 0 || which >= ring->count || ns.len > DJS_NAME_MOST ||
        session_key.len > DJS_NAME_MOST) {
        return DJS_EINVALID;
    }
    rv = lend(&set, ring, which);
    if (rv != APR_SUCCESS) {
        return rv;
    }
    framed(framed(text, ns), session_key);
    rv =
        djs_seal_mac(&set->tools[which].name, mac, view, djs_bytes_of(NULL, 0));
    hand_back(ring, set);
    OPENSSL_cleanse(text, view.len);
    if (rv == APR_SUCCESS) {
        djs_hex_encode(out, mac, DJS_STORE_KEY_LEN / 2);
    }
    return rv;
}

/* HMAC of a session key by the tool that lies `tool` bytes into the tools. */
static apr_status_t mac_key(djs_keyring_t *ring, int which, apr_size_t tool,
                            djs_bytes_t session_key,
                            unsigned char mac[DJS_MAC_BYTES])
{
    apr_status_t rv;
    set_t *set;

    if (which < 0 || which >= ring->count || session_key.len > DJS_NAME_MOST) {
        return DJS_EINVALID;
    }
    rv = lend(&set, ring, which);
    if (rv != APR_SUCCESS) {
        return rv;
    }
    rv = djs_seal_mac(
        (djs_seal_mac_t *)(void *)((char *)&set->tools[which] + tool), mac,
        session_key, djs_bytes_of(NULL, 0));
    hand_back(ring, set);
    return rv;
}

apr_status_t djs_keyring_tag(djs_keyring_t *ring, djs_bytes_t session_key,
                             char out[DJS_TAG_LEN + 1])
{
    unsigned char mac[DJS_MAC_BYTES];
    apr_status_t rv =
        mac_key(ring, 0, offsetof(tools_t, tag), session_key, mac);

    out[0] = '\0';
    if (rv == APR_SUCCESS) {
        djs_hex_encode(out, mac, DJS_TAG_LEN / 2);
    }
    return rv;
}

apr_status_t djs_keyring_mask(djs_keyring_t *ring, int which,
                              djs_bytes_t session_key,
                              unsigned char out[DJS_MAC_BYTES])
{
    return mac_key(ring, which, offsetof(tools_t, alias), session_key, out);
}

/* Ids are public (they stand in every record), so time may vary. */
int djs_keyring_find(const djs_keyring_t *ring, const unsigned char *id)
{
    for (int i = 0; i < ring->count; i++) {
        if (memcmp(ring->keys[i].id, id, DJS_KEY_ID_BYTES) == 0) {
            return i;
        }
    }
    return -1;
}

const unsigned char *djs_keyring_id(const djs_keyring_t *ring)
{
    return ring->keys[0].id;
}

apr_status_t djs_keyring_seal(djs_keyring_t *ring, unsigned char *out,
                              djs_bytes_t aad, djs_bytes_t plain)
{
    unsigned char nonce[DJS_SEAL_NONCE_BYTES];
    apr_status_t rv = djs_random(nonce, sizeof(nonce));
    set_t *set;

    if (rv != APR_SUCCESS) {
        return failed(DJS_ERANDOM);
    }
    rv = lend(&set, ring, 0);
    if (rv == APR_SUCCESS) {
        rv = djs_seal_encrypt(&set->tools[0].seal, out, nonce, aad, plain);
        hand_back(ring, set);
    }
    return rv;
}

apr_status_t djs_keyring_open(djs_keyring_t *ring, int which,
                              unsigned char *out, djs_bytes_t aad,
                              djs_bytes_t sealed)
{
    apr_status_t rv;
    set_t *set;

    if (lend(&set, ring, which) != APR_SUCCESS) {
        return DJS_EUNREADABLE;
    }
    rv = djs_seal_decrypt(&set->tools[which].seal, out, aad, sealed);
    hand_back(ring, set);
    return rv;
}

apr_status_t djs_keyring_mac(djs_keyring_t *ring, int which,
                             unsigned char out[DJS_MAC_BYTES], djs_bytes_t head,
                             djs_bytes_t body)
{
    apr_status_t rv;
    set_t *set;

    rv = lend(&set, ring, which);
    if (rv == APR_SUCCESS) {
        rv = djs_seal_mac(&set->tools[which].auth, out, head, body);
        hand_back(ring, set);
    }
    return rv;
}
