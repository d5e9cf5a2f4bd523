/* codec/pickle_text.c - strings as pickles have them, as normal JSON. */
#include "codec/pickle_text.h"

#include "base/buf.h"
#include "codec/json_escape.h"

typedef struct {
    const char *at;
    const char *end;
    int literal; /* a backslash before `at` was no escape, nor is what follows
                  */
} reader_t;

/* The functions below read one character, that is not plain, and return its
 * length, or 0. */
typedef int (*read_fn)(unsigned long *c, reader_t *r);

/* Half of a surrogate pair in the manner of UTF-8: ED, A0 to BF, 80 to BF. */
static int read_half(unsigned long *c, const reader_t *r)
{
    unsigned char byte[3];

    if (r->end - r->at < 3) {
        return 0;
    }
    memcpy(byte, r->at, 3);
    if (byte[0] != 0xed || (byte[1] & 0xe0) != 0xa0 ||
        (byte[2] & 0xc0) != 0x80) {
        return 0;
    }
    *c = 0xd000u | (byte[1] & 0x3fu) << 6 | (byte[2] & 0x3fu);
    return 3;
}

static int read_utf8(unsigned long *c, reader_t *r)
{
    int len = djs_json_utf8_read(c, r->at, r->end);

    return len ? len : read_half(c, r);
}

static int hex_value(char c)
{
    static const char digits[] = "0123456789abcdef";
    const char *found = memchr(digits, c >= 'A' && c <= 'F' ? c | 0x20 : c, 16);

    return found ? (int)(found - digits) : -1;
}

/* A backslash that begins no \u or \U stands for itself, and so does what
 * follows it. */
static int read_raw(unsigned long *c, reader_t *r)
{
    const char *at = r->at;
    int digits;

    *c = (unsigned char)*at;
    if (*at != '\\' || r->literal || r->end - at < 2 ||
        (at[1] != 'u' && at[1] != 'U')) {
        r->literal = *at == '\\' && !r->literal;
        return 1;
    }
    digits = at[1] == 'u' ? 4 : 8;
    if (r->end - at < 2 + digits) {
        return 0;
    }
    *c = 0;
    for (int i = 2; i < 2 + digits; i++) {
        if (hex_value(at[i]) < 0) {
            return 0;
        }
        *c = *c << 4 | (unsigned long)hex_value(at[i]);
    }
    return *c > 0x10ffff ? 0 : 2 + digits;
}

static int read_ascii(unsigned long *c, reader_t *r)
{
    *c = (unsigned char)*r->at;
    return *c < 0x80;
}

/* Bytes that stand for themselves, or nothing. */
static void copy_plain(djs_buf_t *buf, reader_t *r)
{
    const char *start = r->at;

    while (r->at < r->end && djs_json_plain[(unsigned char)*r->at]) {
        r->at++;
    }
    if (r->at > start) {
        djs_buf_add(buf, djs_bytes_of(start, (apr_size_t)(r->at - start)));
        r->literal = 0;
    }
}

static int read_all(djs_buf_t *buf, reader_t *r, read_fn read)
{
    for (;;) {
        char form[DJS_JSON_CHAR_LEN];
        unsigned long c;
        int len;

        copy_plain(buf, r);
        if (r->at == r->end) {
            return 1;
        }
        len = read(&c, r);
        if (len == 0) {
            return 0;
        }
        r->at += len;
        len = djs_json_escape_char(form, c);
        djs_buf_add(buf, djs_bytes_of(form, (apr_size_t)len));
    }
}

int djs_pickle_text(djs_bytes_t *json, djs_bytes_t bytes,
                    djs_pickle_text_e form, apr_pool_t *p)
{
    read_fn read = form == DJS_PICKLE_UTF8  ? read_utf8
                   : form == DJS_PICKLE_RAW ? read_raw
                                            : read_ascii;
    reader_t r = { bytes.data, bytes.data + bytes.len, 0 };
    djs_buf_t buf;

    djs_buf_init(&buf, bytes.len * DJS_JSON_CHAR_LEN + 2, p);
    djs_buf_add_char(&buf, '"');
    if (!read_all(&buf, &r, read)) {
        return 0;
    }
    djs_buf_add_char(&buf, '"');
    return djs_buf_take(json, &buf) == APR_SUCCESS;
}
