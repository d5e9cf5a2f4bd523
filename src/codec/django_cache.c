/* codec/django_cache.c - how Django's cache back ends wrap a session. */
#include "codec/django_cache.h"

#include <apr_strings.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <zlib.h>
#include "base/hex.h"
#include "codec/base64.h"
#include "codec/deflate.h"

#define KNOWN_FLAGS                                                            \
    (DJS_FLAG_PICKLE | DJS_FLAG_INTEGER | DJS_FLAG_LONG | DJS_FLAG_DEFLATED |  \
     DJS_FLAG_TEXT)
#define FLOAT_AT  12 /* of a file's head that holds a time */
#define FLOAT_LEN (FLOAT_AT + 8 + 1)
#define NEVER_LEN 4
#define MD5_LEN   16

static djs_django_e nothing(djs_pickle_t *out, djs_django_e verdict)
{
    out->json = djs_bytes_of("", 0);
    out->writable = 0;
    return verdict;
}

static djs_django_e read_deflated(djs_pickle_t *out, djs_bytes_t value,
                                  apr_size_t ceiling, apr_pool_t *p)
{
    djs_bytes_t pickle;
    apr_status_t rv = djs_inflate(&pickle, value, ceiling, p);

    switch (rv) {
    case APR_SUCCESS:
        return djs_pickle_read(out, pickle, ceiling, p);
    case DJS_ETOOBIG:
        return nothing(out, DJS_DJANGO_MALICIOUS);
    case DJS_ETROUBLE:
        return nothing(out, DJS_DJANGO_TROUBLE);
    default:
        return nothing(out, DJS_DJANGO_MALFORMED);
    }
}

djs_django_e djs_django_flagged_read(djs_pickle_t *out, djs_bytes_t value,
                                     apr_uint32_t flags, apr_size_t ceiling,
                                     apr_pool_t *p)
{
    apr_uint32_t kind = flags & ~DJS_FLAG_DEFLATED;

    if ((flags & ~KNOWN_FLAGS) || (kind & (kind - 1))) {
        return nothing(out, DJS_DJANGO_UNSUPPORTED);
    }
    if (kind != DJS_FLAG_PICKLE) {
        return nothing(out, DJS_DJANGO_NOT_OBJECT);
    }
    return flags & DJS_FLAG_DEFLATED ? read_deflated(out, value, ceiling, p)
                                     : djs_pickle_read(out, value, ceiling, p);
}

/* -------------------------------------------------------------------- files */

/* The bytes of a float, high byte first, both ways. */
static double get_float(const char *at)
{
    apr_uint64_t bits = 0;
    double value;

    for (int i = 0; i < 8; i++) {
        bits = bits << 8 | (unsigned char)at[i];
    }
    memcpy(&value, &bits, sizeof(value));
    return value;
}

static void put_float(char *at, double value)
{
    apr_uint64_t bits;

    memcpy(&bits, &value, sizeof(bits));
    for (int i = 7; i >= 0; i--) {
        at[i] = (char)(bits & 0xff);
        bits >>= 8;
    }
}

/* Protocol 5, or 4 of an older Python; both have the same forms. */
static int begins_as(djs_bytes_t file, const char *head, apr_size_t len)
{
    return file.len > len && (unsigned char)file.data[0] == 0x80 &&
           (file.data[1] == 4 || file.data[1] == 5) &&
           memcmp(file.data + 2, head, len - 2) == 0;
}

/* The length of the head, 0 when it is none; when the file ends, in seconds. */
static apr_size_t read_head(double *expires, djs_bytes_t file)
{
    if (begins_as(file, "N.", NEVER_LEN)) {
        return NEVER_LEN;
    }
    if (begins_as(file, "\x95\x0a\0\0\0\0\0\0\0G", FLOAT_AT) &&
        file.len > FLOAT_LEN && file.data[FLOAT_LEN - 1] == '.') {
        *expires = get_float(file.data + FLOAT_AT);
        return FLOAT_LEN;
    }
    return 0;
}

djs_django_e djs_django_file_read(djs_pickle_t *out, djs_bytes_t file,
                                  apr_time_t now, apr_size_t ceiling,
                                  apr_pool_t *p)
{
    double expires = 0;
    apr_size_t head = read_head(&expires, file);

    if (head == 0) {
        return nothing(out, djs_pickle_scan(file) == DJS_DJANGO_MALICIOUS
                                ? DJS_DJANGO_MALICIOUS
                                : DJS_DJANGO_MALFORMED);
    }
    if (head == FLOAT_LEN && expires < (double)now / APR_USEC_PER_SEC) {
        return nothing(out, DJS_DJANGO_EXPIRED);
    }
    return read_deflated(out, djs_bytes_of(file.data + head, file.len - head),
                         ceiling, p);
}

apr_status_t djs_django_file_write(djs_bytes_t *out, djs_bytes_t pickle,
                                   apr_time_t expires, apr_pool_t *p)
{
    const char never[] = "\x80\x05N.";
    char timed[] = "\x80\x05\x95\x0a\0\0\0\0\0\0\0G--------.";
    apr_size_t len = expires ? FLOAT_LEN : NEVER_LEN;
    djs_bytes_t body;
    apr_status_t rv = djs_deflate(&body, pickle, p);
    char *file;

    *out = djs_bytes_of("", 0);
    if (rv != APR_SUCCESS) {
        return rv;
    }
    put_float(timed + FLOAT_AT, (double)expires / APR_USEC_PER_SEC);
    file = apr_palloc(p, len + body.len);
    memcpy(file, expires ? timed : never, len);
    memcpy(file + len, body.data, body.len);
    *out = djs_bytes_of(file, len + body.len);
    return APR_SUCCESS;
}

djs_django_e djs_django_row_read(djs_pickle_t *out, djs_bytes_t text,
                                 apr_size_t ceiling, apr_pool_t *p)
{
    djs_bytes_t pickle;

    if (djs_base64_decode(&pickle, text, DJS_BASE64_STANDARD, p) !=
        APR_SUCCESS) {
        return nothing(out, DJS_DJANGO_MALFORMED);
    }
    return djs_pickle_read(out, pickle, ceiling, p);
}

/* -------------------------------------------------------------------- names */

const char *djs_django_cache_key(const char *prefix, const char *version,
                                 const char *engine, djs_bytes_t session_key,
                                 apr_pool_t *p)
{
    return apr_pstrcat(
        p, prefix, ":", version, ":django.contrib.sessions.", engine,
        apr_pstrmemdup(p, session_key.data, session_key.len), NULL);
}

const char *djs_django_file_name(djs_bytes_t cache_key, apr_pool_t *p)
{
    unsigned char sum[EVP_MAX_MD_SIZE];
    char text[2 * MD5_LEN + 1];

    if (!EVP_Digest(cache_key.data, cache_key.len, sum, NULL, EVP_md5(),
                    NULL)) {
        ERR_clear_error();
        return NULL;
    }
    djs_hex_encode(text, sum, MD5_LEN);
    return apr_pstrcat(p, text, ".djcache", NULL);
}

/* ------------------------------------------------------------------ servers */

static apr_uint32_t rotate(apr_uint32_t n, int by)
{
    return n << by | n >> (32 - by);
}

static apr_uint32_t scramble(apr_uint32_t k)
{
    return rotate(k * 0xcc9e2d51u, 15) * 0x1b873593u;
}

/* MurmurHash3, x86, 32 bits, seed 0. */
static apr_uint32_t murmur3(const unsigned char *data, apr_size_t len)
{
    apr_uint32_t hash = 0;
    apr_uint32_t rest = 0;
    apr_size_t i;

    for (i = 0; i + 4 <= len; i += 4) {
        apr_uint32_t k = data[i] | (apr_uint32_t)data[i + 1] << 8 |
                         (apr_uint32_t)data[i + 2] << 16 |
                         (apr_uint32_t)data[i + 3] << 24;

        hash = rotate(hash ^ scramble(k), 13) * 5 + 0xe6546b64u;
    }
    for (apr_size_t k = len; k > i; k--) {
        rest = rest << 8 | data[k - 1];
    }
    hash ^= scramble(rest);
    hash ^= (apr_uint32_t)len;
    hash = (hash ^ hash >> 16) * 0x85ebca6bu;
    hash = (hash ^ hash >> 13) * 0xc2b2ae35u;
    return hash ^ hash >> 16;
}

/* Jenkins' one-at-a-time, which libmemcached has by default. */
static apr_uint32_t one_at_a_time(djs_bytes_t key)
{
    apr_uint32_t hash = 0;

    for (apr_size_t i = 0; i < key.len; i++) {
        hash += (unsigned char)key.data[i];
        hash += hash << 10;
        hash ^= hash >> 6;
    }
    hash += hash << 3;
    hash ^= hash >> 11;
    return hash + (hash << 15);
}

/* The server whose name with the key hashes highest; of two, the greater. */
static int rendezvous(const char *const *servers, int count, djs_bytes_t key,
                      apr_pool_t *p)
{
    const char *text = apr_pstrmemdup(p, key.data, key.len);
    apr_uint32_t highest = 0;
    int winner = 0;

    for (int i = 0; i < count; i++) {
        const char *node = apr_pstrcat(p, servers[i], "-", text, NULL);
        apr_uint32_t score = murmur3((const unsigned char *)node, strlen(node));

        if (i == 0 || score > highest ||
            (score == highest && strcmp(servers[i], servers[winner]) > 0)) {
            highest = score;
            winner = i;
        }
    }
    return winner;
}

int djs_django_server(djs_django_client_e client, const char *const *servers,
                      int count, djs_bytes_t cache_key, apr_pool_t *p)
{
    apr_uint32_t hash;

    switch (client) {
    case DJS_CLIENT_PYMEMCACHE:
        return rendezvous(servers, count, cache_key, p);
    case DJS_CLIENT_PYLIBMC:
        hash = one_at_a_time(cache_key);
        break;
    default:
        hash = (apr_uint32_t)crc32(0, (const Bytef *)cache_key.data,
                                   (uInt)cache_key.len);
        hash = hash >> 16 & 0x7fff;
        hash = hash ? hash : 1;
        break;
    }
    return (int)(hash % (apr_uint32_t)count);
}
