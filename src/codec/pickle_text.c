/* codec/pickle_text.c - strings as pickles have them, as normal JSON. */
#include "codec/pickle_text.h"

#include "base/buf.h"
#include "codec/json_escape.h"

/* The functions below read one character and return its length, or 0. */
typedef int (*read_fn)(unsigned long *c, const char *at, const char *end);

/* Half of a surrogate pair in the manner of UTF-8: ED, A0 to BF, 80 to BF. */
static int read_half(unsigned long *c, const char *at, const char *end)
{
    unsigned char byte[3];

    if (end - at < 3) {
        return 0;
    }
    memcpy(byte, at, 3);
    if (byte[0] != 0xed || (byte[1] & 0xe0) != 0xa0 ||
        (byte[2] & 0xc0) != 0x80) {
        return 0;
    }
    *c = 0xd000u | (byte[1] & 0x3fu) << 6 | (byte[2] & 0x3fu);
    return 3;
}

static int read_utf8(unsigned long *c, const char *at, const char *end)
{
    int len = djs_json_utf8_read(c, at, end);

    return len ? len : read_half(c, at, end);
}

static int hex_value(char c)
{
    static const char digits[] = "0123456789abcdef";
    const char *found = memchr(digits, c >= 'A' && c <= 'F' ? c | 0x20 : c, 16);

    return found ? (int)(found - digits) : -1;
}

/* A backslash that begins no \u or \U stands for itself. */
static int read_raw(unsigned long *c, const char *at, const char *end)
{
    int digits;

    *c = (unsigned char)*at;
    if (*at != '\\' || end - at < 2 || (at[1] != 'u' && at[1] != 'U')) {
        return 1;
    }
    digits = at[1] == 'u' ? 4 : 8;
    if (end - at < 2 + digits) {
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

static int read_ascii(unsigned long *c, const char *at, const char *end)
{
    (void)end;
    *c = (unsigned char)*at;
    return *c < 0x80;
}

/* All characters from `at` to `end`. */
static int read_all(djs_buf_t *buf, const char *at, const char *end,
                    read_fn read)
{
    while (at < end) {
        const char *plain = at;
        char form[DJS_JSON_CHAR_LEN];
        unsigned long c;
        int len;

        while (at < end && djs_json_plain[(unsigned char)*at]) {
            at++;
        }
        djs_buf_add(buf, djs_bytes_of(plain, (apr_size_t)(at - plain)));
        if (at == end) {
            return 1;
        }
        len = read(&c, at, end);
        if (len == 0) {
            return 0;
        }
        at += len;
        len = djs_json_escape_char(form, c);
        djs_buf_add(buf, djs_bytes_of(form, (apr_size_t)len));
    }
    return 1;
}

int djs_pickle_text(djs_bytes_t *json, djs_bytes_t bytes,
                    djs_pickle_text_e form, apr_pool_t *p)
{
    read_fn read = form == DJS_PICKLE_UTF8  ? read_utf8
                   : form == DJS_PICKLE_RAW ? read_raw
                                            : read_ascii;
    djs_buf_t buf;

    djs_buf_init(&buf, bytes.len * DJS_JSON_CHAR_LEN + 2, p);
    djs_buf_add_char(&buf, '"');
    if (!read_all(&buf, bytes.data, bytes.data + bytes.len, read)) {
        return 0;
    }
    djs_buf_add_char(&buf, '"');
    return djs_buf_take(json, &buf) == APR_SUCCESS;
}
