/* codec/django_cache.c - how Django's cache back ends wrap a session. */
#include "codec/django_cache.h"

#include <apr_strings.h>
#include <openssl/err.h>
#include <openssl/evp.h>
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
