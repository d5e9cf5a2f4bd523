/* codec/django_sign.c - the signed text in which Django keeps sessions. */
#include "codec/django_sign.h"

#include <apr_strings.h>
#include <openssl/crypto.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>
#include "base/buf.h"
#include "base/hex.h"
#include "codec/base64.h"
#include "codec/deflate.h"
#include "codec/json.h"

#define SESSIONS "django.contrib.sessions"
#define FARTHEST (APR_INT64_MAX / APR_USEC_PER_SEC) /* seconds, either way */
#define STAMP    16  /* digits of such a time in base 62, and more */
#define MOST     172 /* digits of a time that Python turns into a float */

static const char digits62[] =
    "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";

/* -------------------------------------------------------------- signatures */

typedef struct {
    unsigned char bytes[EVP_MAX_MD_SIZE];
    unsigned len;
} mac_t;

/* The key is a plain hash over the parts, with nothing between them. */
static int derive(mac_t *key, const EVP_MD *md, djs_bytes_t salt,
                  const char *purpose, djs_bytes_t secret)
{
    EVP_MD_CTX *ctx = EVP_MD_CTX_new();
    int done = ctx && EVP_DigestInit_ex(ctx, md, NULL) &&
               EVP_DigestUpdate(ctx, salt.data, salt.len) &&
               EVP_DigestUpdate(ctx, purpose, strlen(purpose)) &&
               EVP_DigestUpdate(ctx, secret.data, secret.len) &&
               EVP_DigestFinal_ex(ctx, key->bytes, &key->len);

    EVP_MD_CTX_free(ctx);
    return done;
}

static int authenticate(mac_t *out, const EVP_MD *md, const mac_t *key,
                        djs_bytes_t value)
{
    return HMAC(md, key->bytes, (int)key->len,
                (const unsigned char *)(value.len ? value.data : ""), value.len,
                out->bytes, &out->len) != NULL;
}

/* Nonzero with the code of `value`; mod_ssl shares OpenSSL's error queue, so
 * nothing is left there. */
static int mac_of(mac_t *out, int sha1, djs_bytes_t salt, const char *purpose,
                  djs_bytes_t secret, djs_bytes_t value)
{
    const EVP_MD *md = sha1 ? EVP_sha1() : EVP_sha256();
    mac_t key;
    int done = derive(&key, md, salt, purpose, secret) &&
               authenticate(out, md, &key, value);

    OPENSSL_cleanse(&key, sizeof(key));
    if (!done) {
        ERR_clear_error();
    }
    return done;
}

const char *djs_django_salted_hmac(djs_bytes_t salt, djs_bytes_t secret,
                                   djs_bytes_t value, int sha1, apr_pool_t *p)
{
    mac_t mac;
    char *text;

    if (!mac_of(&mac, sha1, salt, "", secret, value)) {
        return NULL;
    }
    text = apr_palloc(p, 2 * mac.len + 1);
    djs_hex_encode(text, mac.bytes, mac.len);
    return text;
}

/* Nonzero when both are the same; takes as long whichever differs. */
static int same(djs_bytes_t a, djs_bytes_t b)
{
    return a.len == b.len && CRYPTO_memcmp(a.data, b.data, a.len) == 0;
}

/* Compares texts: base64 has two spellings of a last character, and Django
 * takes only the one that it writes. */
static djs_django_e verify(djs_bytes_t value, djs_bytes_t sig,
                           const djs_django_signer_t *signer, apr_pool_t *p)
{
    for (int i = 0; i < signer->count; i++) {
        for (int sha1 = 0; sha1 <= (signer->legacy != 0); sha1++) {
            djs_bytes_t text;
            mac_t mac;

            if (!mac_of(&mac, sha1, signer->salt, "signer", signer->secrets[i],
                        value)) {
                return DJS_DJANGO_TROUBLE;
            }
            text = djs_base64_encode(djs_bytes_of((char *)mac.bytes, mac.len),
                                     DJS_BASE64_URL, p);
            if (same(sig, text)) {
                return DJS_DJANGO_OK;
            }
        }
    }
    return DJS_DJANGO_BAD_SIGNATURE;
}

/* --------------------------------------------------------------- the parts */

/* What stands before and after the last colon. */
static int split(djs_bytes_t *before, djs_bytes_t *after, djs_bytes_t text)
{
    for (apr_size_t i = text.len; i > 0; i--) {
        if (text.data[i - 1] == ':') {
            *after = djs_bytes_of(text.data + i, text.len - i);
            *before = djs_bytes_of(text.data, i - 1);
            return 1;
        }
    }
    return 0;
}

/* Seconds in base 62; what is beyond all times is the last or first one. */
static int read_stamp(apr_time_t *out, djs_bytes_t text)
{
    int negative = text.len > 0 && *text.data == '-';
    apr_int64_t seconds = 0;

    if (text.len == 0) {
        return 0;
    }
    for (apr_size_t i = (apr_size_t)negative; i < text.len; i++) {
        const char *digit =
            memchr(digits62, text.data[i], sizeof(digits62) - 1);

        if (!digit) {
            return 0;
        }
        seconds = seconds * 62 + (digit - digits62);
        seconds = seconds > FARTHEST / 64 ? FARTHEST / 64 : seconds;
    }
    *out = apr_time_from_sec(negative ? -seconds : seconds);
    return 1;
}

static djs_bytes_t write_stamp(char out[STAMP], apr_time_t now)
{
    apr_int64_t seconds = apr_time_sec(now);
    int negative = seconds < 0;
    char *at = out + STAMP;

    seconds = negative ? -seconds : seconds;
    do {
        *--at = digits62[seconds % 62];
        seconds /= 62;
    } while (seconds > 0);
    if (negative) {
        *--at = '-';
    }
    return djs_bytes_of(at, (apr_size_t)(out + STAMP - at));
}

/* To tell the age of a time Django subtracts it from a float: one with too many
 * digits is an error there. */
static int has_age(djs_bytes_t stamp)
{
    while (stamp.len > 0 && (*stamp.data == '0' || *stamp.data == '-')) {
        stamp.data++;
        stamp.len--;
    }
    return stamp.len <= MOST;
}

/* The payload of a text that is well signed and not too old. */
static djs_django_e unsign(djs_bytes_t *payload, djs_bytes_t text,
                           const djs_django_signer_t *signer, apr_pool_t *p)
{
    djs_bytes_t value;
    djs_bytes_t sig;
    djs_bytes_t stamp;
    apr_time_t when;
    djs_django_e verdict;

    if (!split(&value, &sig, text)) {
        return DJS_DJANGO_BAD_SIGNATURE;
    }
    verdict = verify(value, sig, signer, p);
    if (verdict != DJS_DJANGO_OK) {
        return verdict;
    }
    if (!split(payload, &stamp, value) || !read_stamp(&when, stamp)) {
        return DJS_DJANGO_NOT_JSON;
    }
    if (signer->max_age < 0) {
        return DJS_DJANGO_OK;
    }
    if (!has_age(stamp)) {
        return DJS_DJANGO_NOT_JSON;
    }
    return signer->now - when > signer->max_age ? DJS_DJANGO_EXPIRED
                                                : DJS_DJANGO_OK;
}

/* ------------------------------------------------------------- the payload */

/* Django decodes JSON's bytes as Latin-1: each is the character of its number.
 * Twice as many bytes at most. */
static djs_bytes_t latin1_to_utf8(djs_bytes_t data, apr_pool_t *p)
{
    apr_size_t wide = 0;
    apr_size_t len = 0;
    char *text;

    for (apr_size_t i = 0; i < data.len; i++) {
        wide += (unsigned char)data.data[i] >= 0x80;
    }
    if (wide == 0) {
        return data;
    }
    text = apr_palloc(p, data.len + wide);
    for (apr_size_t i = 0; i < data.len; i++) {
        unsigned char c = (unsigned char)data.data[i];

        if (c >= 0x80) {
            text[len++] = (char)(0xc0 | c >> 6);
            c = (unsigned char)(0x80 | (c & 0x3f));
        }
        text[len++] = (char)c;
    }
    return djs_bytes_of(text, len);
}

static djs_django_e read_json(djs_bytes_t *json, djs_bytes_t data,
                              apr_size_t ceiling, apr_pool_t *p)
{
    apr_status_t rv = djs_json_normal_deep(json, latin1_to_utf8(data, p),
                                           ceiling, DJS_DJANGO_DEPTH, p);

    if (rv != APR_SUCCESS) {
        return rv == DJS_ETOOBIG ? DJS_DJANGO_MALICIOUS : DJS_DJANGO_NOT_JSON;
    }
    if (djs_json_kind(*json) != DJS_JSON_OBJECT) {
        *json = djs_bytes_of("", 0);
        return DJS_DJANGO_NOT_OBJECT;
    }
    return DJS_DJANGO_OK;
}

static djs_django_e read_payload(djs_bytes_t *json, djs_bytes_t payload,
                                 apr_size_t ceiling, apr_pool_t *p)
{
    int deflated = payload.len > 0 && *payload.data == '.';
    djs_bytes_t data = djs_bytes_of(payload.data + deflated,
                                    payload.len - (apr_size_t)deflated);
    apr_status_t rv = djs_base64_decode(&data, data, DJS_BASE64_URL, p);

    if (rv == APR_SUCCESS && deflated) {
        rv = djs_inflate(&data, data, ceiling, p);
    }
    switch (rv) {
    case APR_SUCCESS:
        return read_json(json, data, ceiling, p);
    case DJS_ETOOBIG:
        return DJS_DJANGO_MALICIOUS;
    case DJS_ETROUBLE:
        return DJS_DJANGO_TROUBLE;
    default:
        return DJS_DJANGO_NOT_JSON;
    }
}

/* ------------------------------------------- the form before Django 3.1 */

/* Its salt had no dot before the class. Nonzero when there is one. */
static int old_salt(djs_bytes_t *out, djs_bytes_t salt, apr_pool_t *p)
{
    const apr_size_t len = strlen(SESSIONS);
    djs_bytes_t class;

    if (salt.len <= len ||
        !djs_bytes_equal(djs_bytes_of(salt.data, len), djs_bytes(SESSIONS))) {
        return 0;
    }
    class = djs_bytes_of(salt.data + len, salt.len - len);
    if (*class.data == '.') {
        class.data++;
        class.len--;
    }
    *out = djs_bytes(apr_pstrcat(
        p, SESSIONS, apr_pstrmemdup(p, class.data, class.len), NULL));
    return class.len > 0 && !memchr(class.data, '.', class.len);
}

/* Is `mac` that of `data` under one of the secrets? */
static djs_django_e old_verify(djs_bytes_t mac, djs_bytes_t data,
                               const djs_django_signer_t *signer,
                               djs_bytes_t salt, apr_pool_t *p)
{
    for (int i = 0; i < signer->count; i++) {
        const char *text =
            djs_django_salted_hmac(salt, signer->secrets[i], data, 1, p);

        if (!text) {
            return DJS_DJANGO_TROUBLE;
        }
        if (same(mac, djs_bytes(text))) {
            return DJS_DJANGO_OK;
        }
    }
    return DJS_DJANGO_BAD_SIGNATURE;
}

/* base64(HEX ":" JSON) */
static djs_django_e old_loads(djs_bytes_t *json, djs_bytes_t text,
                              const djs_django_signer_t *signer,
                              apr_size_t ceiling, apr_pool_t *p)
{
    djs_bytes_t data;
    djs_bytes_t salt;
    const char *colon;
    djs_django_e verdict;

    if (!old_salt(&salt, signer->salt, p) ||
        djs_base64_decode(&data, text, DJS_BASE64_STANDARD, p) != APR_SUCCESS) {
        return DJS_DJANGO_BAD_SIGNATURE;
    }
    colon = data.len > 0 ? memchr(data.data, ':', data.len) : NULL;
    if (!colon) {
        return DJS_DJANGO_BAD_SIGNATURE;
    }
    text = djs_bytes_of(data.data, (apr_size_t)(colon - data.data));
    data = djs_bytes_of(colon + 1, data.len - text.len - 1);
    verdict = old_verify(text, data, signer, salt, p);
    return verdict == DJS_DJANGO_OK ? read_json(json, data, ceiling, p)
                                    : verdict;
}

/* --------------------------------------------------------------- the whole */

djs_django_e djs_django_loads(djs_bytes_t *json, djs_bytes_t text,
                              const djs_django_signer_t *signer,
                              apr_size_t ceiling, apr_pool_t *p)
{
    djs_bytes_t payload;
    djs_django_e verdict = unsign(&payload, text, signer, p);

    *json = djs_bytes_of("", 0);
    if (verdict == DJS_DJANGO_OK) {
        return read_payload(json, payload, ceiling, p);
    }
    if (verdict == DJS_DJANGO_BAD_SIGNATURE && signer->legacy) {
        return old_loads(json, text, signer, ceiling, p);
    }
    return verdict;
}

/* PAYLOAD and the time, signed with the first secret; the payload's text may
 * be in two parts. */
static apr_status_t sign(djs_bytes_t *out, const char *dot, djs_bytes_t payload,
                         const djs_django_signer_t *signer, apr_pool_t *p)
{
    char stamp[STAMP];
    djs_buf_t buf;
    mac_t mac;

    *out = djs_bytes_of("", 0);
    djs_buf_init(&buf, payload.len + STAMP + EVP_MAX_MD_SIZE * 2, p);
    djs_buf_add_text(&buf, dot);
    djs_buf_add(&buf, payload);
    djs_buf_add_char(&buf, ':');
    djs_buf_add(&buf, write_stamp(stamp, signer->now));
    if (!mac_of(&mac, 0, signer->salt, "signer", signer->secrets[0],
                djs_bytes_of(buf.data, buf.len))) {
        return DJS_ETROUBLE;
    }
    djs_buf_add_char(&buf, ':');
    djs_buf_add(&buf,
                djs_base64_encode(djs_bytes_of((char *)mac.bytes, mac.len),
                                  DJS_BASE64_URL, p));
    return djs_buf_take(out, &buf);
}

apr_status_t djs_django_dumps(djs_bytes_t *out, djs_bytes_t json,
                              const djs_django_signer_t *signer, apr_pool_t *p)
{
    djs_bytes_t data;
    apr_status_t rv = djs_deflate(&data, json, p);
    int shorter = rv == APR_SUCCESS && data.len + 1 < json.len;

    if (rv != APR_SUCCESS) {
        *out = djs_bytes_of("", 0);
        return rv;
    }
    return sign(out, shorter ? "." : "",
                djs_base64_encode(shorter ? data : json, DJS_BASE64_URL, p),
                signer, p);
}

djs_django_e djs_django_resign(djs_bytes_t *out, djs_bytes_t text,
                               const djs_django_signer_t *signer, apr_pool_t *p)
{
    djs_bytes_t payload;
    djs_django_e verdict = unsign(&payload, text, signer, p);

    *out = djs_bytes_of("", 0);
    if (verdict == DJS_DJANGO_OK &&
        sign(out, "", payload, signer, p) != APR_SUCCESS) {
        return DJS_DJANGO_TROUBLE;
    }
    return verdict;
}

apr_time_t djs_django_signed_at(djs_bytes_t text)
{
    djs_bytes_t value, sig, payload, stamp;
    apr_time_t when;

    return split(&value, &sig, text) && split(&payload, &stamp, value) &&
                   read_stamp(&when, stamp)
               ? when
               : 0;
}
