/* codec/json_escape.c - characters as JSON escapes and as UTF-8. */
#include "codec/json_escape.h"

#define ROW16 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1

/* clang-format off */
const unsigned char djs_json_plain[256] = {
    0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0,
    0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0,
    1, 1, 0, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, /* 0x22 quote */
    ROW16,
    ROW16,
    1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 0, 1, 1, 1, /* 0x5c backslash */
    ROW16,
    1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 0, /* 0x7f, as Python */
};
/* clang-format on */

/* The character that a backslash with `name` means; 0: none. An escaped slash
 * is read, and never written. */
static unsigned short_meaning(char name)
{
    switch (name) {
    case '"':
    case '\\':
    case '/':
        return (unsigned char)name;
    case 'b':
        return '\b';
    case 'f':
        return '\f';
    case 'n':
        return '\n';
    case 'r':
        return '\r';
    case 't':
        return '\t';
    default:
        return 0;
    }
}

/* What stands behind the backslash for a character; 0: it has no short form. */
static char short_name(unsigned meaning)
{
    switch (meaning) {
    case '"':
    case '\\':
        return (char)meaning;
    case '\b':
        return 'b';
    case '\f':
        return 'f';
    case '\n':
        return 'n';
    case '\r':
        return 'r';
    case '\t':
        return 't';
    default:
        return 0;
    }
}

static int hex_value(char c)
{
    if (c >= '0' && c <= '9') {
        return c - '0';
    }
    if (c >= 'a' && c <= 'f') {
        return c - 'a' + 10;
    }
    if (c >= 'A' && c <= 'F') {
        return c - 'A' + 10;
    }
    return -1;
}

int djs_json_unescape(unsigned *unit, const char *at, const char *end)
{
    if (end - at < 2) {
        return 0;
    }
    *unit = short_meaning(at[1]);
    if (*unit != 0) {
        return 2;
    }
    if (at[1] != 'u' || end - at < 6) {
        return 0;
    }
    for (int i = 2; i < 6; i++) {
        int digit = hex_value(at[i]);

        if (digit < 0) {
            return 0;
        }
        *unit = *unit << 4 | (unsigned)digit;
    }
    return 6;
}

int djs_json_escape(char *out, unsigned unit)
{
    static const char digits[] = "0123456789abcdef";

    if (unit < 256 && djs_json_plain[unit]) {
        out[0] = (char)unit;
        return 1;
    }
    out[0] = '\\';
    out[1] = short_name(unit);
    if (out[1] != 0) {
        return 2;
    }
    out[1] = 'u';
    out[2] = digits[unit >> 12 & 15];
    out[3] = digits[unit >> 8 & 15];
    out[4] = digits[unit >> 4 & 15];
    out[5] = digits[unit & 15];
    return 6;
}

int djs_json_escape_char(char *out, unsigned long c)
{
    int len;

    if (c < 0x10000) {
        return djs_json_escape(out, (unsigned)c);
    }
    c -= 0x10000;
    len = djs_json_escape(out, (unsigned)(0xd800 | c >> 10));
    return len + djs_json_escape(out + len, (unsigned)(0xdc00 | (c & 0x3ff)));
}

/* The length that a first byte promises, and the bits it brings; 0: it can
 * not begin a character. */
static int utf8_begin(unsigned long *bits, unsigned char first)
{
    if (first < 0x80) {
        *bits = first;
        return 1;
    }
    if (first >= 0xc2 && first <= 0xdf) { /* 0xc0, 0xc1: overlong */
        *bits = first & 0x1f;
        return 2;
    }
    if (first >= 0xe0 && first <= 0xef) {
        *bits = first & 0x0f;
        return 3;
    }
    if (first >= 0xf0 && first <= 0xf4) {
        *bits = first & 0x07;
        return 4;
    }
    return 0;
}

int djs_json_utf8_read(unsigned long *c, const char *at, const char *end)
{
    static const unsigned long least[] = { 0, 0, 0x80, 0x800, 0x10000 };
    unsigned long bits;
    int len = utf8_begin(&bits, (unsigned char)*at);

    if (len == 0 || end - at < len) {
        return 0;
    }
    for (int i = 1; i < len; i++) {
        unsigned char next = (unsigned char)at[i];

        if ((next & 0xc0) != 0x80) {
            return 0;
        }
        bits = bits << 6 | (next & 0x3f);
    }
    if (bits < least[len] || bits > 0x10ffff ||
        (bits >= 0xd800 && bits <= 0xdfff)) {
        return 0;
    }
    *c = bits;
    return len;
}

int djs_json_utf8_write(char *out, unsigned long c)
{
    if (c < 0x80) {
        out[0] = (char)c;
        return 1;
    }
    if (c < 0x800) {
        out[0] = (char)(0xc0 | c >> 6);
        out[1] = (char)(0x80 | (c & 0x3f));
        return 2;
    }
    if (c < 0x10000) {
        out[0] = (char)(0xe0 | c >> 12);
        out[1] = (char)(0x80 | (c >> 6 & 0x3f));
        out[2] = (char)(0x80 | (c & 0x3f));
        return 3;
    }
    out[0] = (char)(0xf0 | c >> 18);
    out[1] = (char)(0x80 | (c >> 12 & 0x3f));
    out[2] = (char)(0x80 | (c >> 6 & 0x3f));
    out[3] = (char)(0x80 | (c & 0x3f));
    return 4;
}
