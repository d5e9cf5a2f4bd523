/* codec/base64.c - base64 as Python writes it, and as leniently as it reads. */
#include "codec/base64.h"

static const char standard[] =
    "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
static const char url[] =
    "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";

/* Six bits; -1 for what is in no alphabet. */
static int value_of(char c, djs_base64_e form)
{
    if (c >= 'A' && c <= 'Z') {
        return c - 'A';
    }
    if (c >= 'a' && c <= 'z') {
        return c - 'a' + 26;
    }
    if (c >= '0' && c <= '9') {
        return c - '0' + 52;
    }
    if (c == '+' || (c == '-' && form == DJS_BASE64_URL)) {
        return 62;
    }
    return c == '/' || (c == '_' && form == DJS_BASE64_URL) ? 63 : -1;
}

/* Where reading stands: characters of the current group of four. */
typedef struct {
    char *out;
    apr_size_t len;
    unsigned bits;
    int place;
    int pads;
} reader_t;

static void take(reader_t *r, int value)
{
    r->pads = 0;
    r->bits = (r->bits << 6 | (unsigned)value) & 0xfff;
    r->place = (r->place + 1) % 4;
    if (r->place != 1) { /* two characters make the first byte */
        int shift = r->place == 0 ? 0 : 6 - 2 * (r->place - 1);

        r->out[r->len++] = (char)(r->bits >> shift & 0xff);
    }
}

/* Nonzero when the padding is complete: nothing behind it counts. */
static int pad(reader_t *r)
{
    return r->place >= 2 && r->place + ++r->pads >= 4;
}

apr_status_t djs_base64_decode(djs_bytes_t *out, djs_bytes_t text,
                               djs_base64_e form, apr_pool_t *p)
{
    reader_t r = { apr_palloc(p, text.len / 4 * 3 + 4), 0, 0, 0, 0 };
    apr_size_t missing =
        form == DJS_BASE64_URL ? (4 - text.len % 4) % 4 : (apr_size_t)0;
    int ended = 0;

    for (apr_size_t i = 0; i < text.len + missing && !ended; i++) {
        char c = i < text.len ? text.data[i] : '=';
        int value = value_of(c, form);

        if (c == '=') {
            ended = pad(&r);
        }
        else if (value >= 0) {
            take(&r, value);
        }
    }
    if (!ended && r.place != 0) {
        *out = djs_bytes_of("", 0);
        return DJS_EINVALID;
    }
    *out = djs_bytes_of(r.out, r.len);
    return APR_SUCCESS;
}

djs_bytes_t djs_base64_encode(djs_bytes_t data, djs_base64_e form,
                              apr_pool_t *p)
{
    const char *alphabet = form == DJS_BASE64_URL ? url : standard;
    char *text = apr_palloc(p, (data.len + 2) / 3 * 4 + 1);
    apr_size_t len = 0;

    for (apr_size_t i = 0; i < data.len; i += 3) {
        apr_size_t left = data.len - i;
        unsigned bits = (unsigned)(unsigned char)data.data[i] << 16;

        bits |= left > 1 ? (unsigned)(unsigned char)data.data[i + 1] << 8 : 0u;
        bits |= left > 2 ? (unsigned)(unsigned char)data.data[i + 2] : 0u;
        for (apr_size_t k = 0; k < 4; k++) {
            if (k <= left) {
                text[len++] = alphabet[bits >> (18 - 6 * k) & 63];
            }
            else if (form == DJS_BASE64_STANDARD) {
                text[len++] = '=';
            }
        }
    }
    text[len] = '\0';
    return djs_bytes_of(text, len);
}
