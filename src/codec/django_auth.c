/* codec/django_auth.c - what Django checks of a login. */
#include "codec/django_auth.h"

#include <limits.h>
#include <stdlib.h>
#include <apr_strings.h>
#include <openssl/crypto.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include "codec/base64.h"
#include "codec/django_sign.h"

#define HASH_SALT                                                              \
    "django.contrib.auth.models.AbstractBaseUser.get_session_auth_hash"
#define MOST_ROUNDS 100000000l
#define MOST_BYTES  64                  /* of a hash: scrypt's */
#define MOST_MEMORY (256 * 1024 * 1024) /* for scrypt */
#define PARTS       6

static int same(djs_bytes_t a, djs_bytes_t b)
{
    return a.len == b.len && CRYPTO_memcmp(a.data, b.data, a.len) == 0;
}

djs_password_e djs_django_auth_hash(djs_bytes_t hash, djs_bytes_t stored,
                                    const djs_bytes_t *secrets, int count,
                                    int legacy, apr_pool_t *p)
{
    for (int i = 0; i < count; i++) {
        for (int sha1 = 0; sha1 <= (legacy != 0); sha1++) {
            const char *text = djs_django_salted_hmac(
                djs_bytes(HASH_SALT), secrets[i], stored, sha1, p);

            if (!text) {
                return DJS_PASSWORD_UNKNOWN;
            }
            if (same(hash, djs_bytes(text))) {
                return DJS_PASSWORD_RIGHT;
            }
        }
    }
    return DJS_PASSWORD_WRONG;
}

/* Splits at each '$'; how many parts there are, at most PARTS. */
static int split(const char *part[PARTS], djs_bytes_t stored, apr_pool_t *p)
{
    char *at = apr_pstrmemdup(p, stored.data, stored.len);
    int count = 0;

    while (at && count < PARTS) {
        part[count++] = at;
        at = strchr(at, '$');
        if (at) {
            *at++ = '\0';
        }
    }
    return at ? 0 : count;
}

/* Digits only, from 1 to `most`; else 0. */
static long number(const char *text, long most)
{
    long value;

    if (*text == '\0' || strspn(text, "0123456789") != strlen(text) ||
        strlen(text) > 12) {
        return 0;
    }
    value = strtol(text, NULL, 10);
    return value <= most ? value : 0;
}

/* What `made`, `len` bytes of it, says against the stored text. */
static djs_password_e compare(const char *stored, const unsigned char *made,
                              int len, apr_pool_t *p)
{
    djs_bytes_t text =
        djs_base64_encode(djs_bytes_of((const char *)made, (apr_size_t)len),
                          DJS_BASE64_STANDARD, p);

    return same(text, djs_bytes(stored)) ? DJS_PASSWORD_RIGHT
                                         : DJS_PASSWORD_WRONG;
}

/* ALGORITHM$ROUNDS$SALT$HASH */
static djs_password_e pbkdf2(const char **part, const EVP_MD *md,
                             djs_bytes_t password, apr_pool_t *p)
{
    unsigned char made[EVP_MAX_MD_SIZE];
    long rounds = number(part[1], MOST_ROUNDS);
    int len = EVP_MD_get_size(md);
    djs_password_e said = DJS_PASSWORD_UNKNOWN;

    if (rounds > 0 &&
        PKCS5_PBKDF2_HMAC(password.data, (int)password.len,
                          (const unsigned char *)part[2], (int)strlen(part[2]),
                          (int)rounds, md, len, made)) {
        said = compare(part[3], made, len, p);
    }
    OPENSSL_cleanse(made, sizeof(made));
    return said;
}

/* scrypt$N$SALT$r$p$HASH */
static djs_password_e scrypt(const char **part, djs_bytes_t password,
                             apr_pool_t *p)
{
    unsigned char made[MOST_BYTES];
    djs_password_e said = DJS_PASSWORD_UNKNOWN;
    long n = number(part[1], 1l << 24);
    long r = number(part[3], 1024);
    long parallel = number(part[4], 64);

    if (n > 1 && r > 0 && parallel > 0 &&
        EVP_PBE_scrypt(password.data, password.len,
                       (const unsigned char *)part[2], strlen(part[2]),
                       (uint64_t)n, (uint64_t)r, (uint64_t)parallel,
                       MOST_MEMORY, made, MOST_BYTES)) {
        said = compare(part[5], made, MOST_BYTES, p);
    }
    OPENSSL_cleanse(made, sizeof(made));
    return said;
}

djs_password_e djs_django_password(djs_bytes_t stored, djs_bytes_t password,
                                   apr_pool_t *p)
{
    const char *part[PARTS];
    djs_password_e said = DJS_PASSWORD_UNKNOWN;
    int count;

    if (stored.len == 0 || *stored.data == '!') {
        return DJS_PASSWORD_WRONG;
    }
    if (password.len > INT_MAX || memchr(stored.data, '\0', stored.len)) {
        return DJS_PASSWORD_UNKNOWN;
    }
    if (password.len == 0) {
        password = djs_bytes("");
    }
    count = split(part, stored, p);
    if (count == 4 && strcmp(part[0], "pbkdf2_sha256") == 0) {
        said = pbkdf2(part, EVP_sha256(), password, p);
    }
    else if (count == 4 && strcmp(part[0], "pbkdf2_sha1") == 0) {
        said = pbkdf2(part, EVP_sha1(), password, p);
    }
    else if (count == 6 && strcmp(part[0], "scrypt") == 0) {
        said = scrypt(part, password, p);
    }
    if (said == DJS_PASSWORD_UNKNOWN) {
        ERR_clear_error();
    }
    return said;
}
