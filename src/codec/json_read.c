/* codec/json_read.c - the grammar of JSON, one small function an element. */
#include "codec/json_escape.h"
#include "codec/json_read.h"

/* The next byte; -1 at the end. */
static int peek(const djs_json_reader_t *r)
{
    return r->at < r->end ? (unsigned char)*r->at : -1;
}

static int is_digit(int c)
{
    return c >= '0' && c <= '9';
}

/* Passes over `from` bytes, for which the `len` bytes at `form` shall stand. */
static int replace(djs_json_reader_t *r, int from, const char *form, int len)
{
    const char *start = r->at;

    r->at += from;
    if (from == len && memcmp(start, form, (apr_size_t)len) == 0) {
        return 1;
    }
    if (r->out == NULL) {
        return 0;
    }
    djs_buf_add(r->out, djs_bytes_of(r->kept, (apr_size_t)(start - r->kept)));
    djs_buf_add(r->out, djs_bytes_of(form, (apr_size_t)len));
    r->kept = r->at;
    return !r->out->failed;
}

/* A backslash and what belongs to it. */
static int read_escape(djs_json_reader_t *r)
{
    char form[DJS_JSON_UNIT_LEN];
    unsigned unit;
    int len = djs_json_unescape(&unit, r->at, r->end);

    if (len == 2 && unit != '/') { /* short ones are normal, but for this */
        r->at += len;
        return 1;
    }
    return len > 0 && replace(r, len, form, djs_json_escape(form, unit));
}

/* A character outside printable ASCII that stands there as it is. */
static int read_wide(djs_json_reader_t *r)
{
    char form[DJS_JSON_CHAR_LEN];
    unsigned long c;
    int len = djs_json_utf8_read(&c, r->at, r->end);

    return len > 0 && replace(r, len, form, djs_json_escape_char(form, c));
}

static int read_word(djs_json_reader_t *r, const char *word)
{
    apr_size_t len = strlen(word);

    if ((apr_size_t)(r->end - r->at) < len || memcmp(r->at, word, len) != 0) {
        return 0;
    }
    r->at += len;
    return 1;
}

/* Digits, at least one; otherwise stays where it is. */
static int read_digits(djs_json_reader_t *r)
{
    const char *start = r->at;

    while (is_digit(peek(r))) {
        r->at++;
    }
    return r->at > start;
}

/* The fraction and the exponent of a number, where there are any. As in Python
 * a point or an E without digits does not belong to the number. */
static int read_fraction(djs_json_reader_t *r)
{
    const char *start = r->at;
    const char *mark = r->at;

    if (djs_json_read_char(r, '.') && read_digits(r)) {
        mark = r->at;
    }
    r->at = mark;
    if (djs_json_read_char(r, 'e') || djs_json_read_char(r, 'E')) {
        if (!djs_json_read_char(r, '+')) {
            (void)djs_json_read_char(r, '-');
        }
        mark = read_digits(r) ? r->at : mark;
    }
    r->at = mark;
    return mark > start;
}

static int read_number(djs_json_reader_t *r)
{
    const char *digits;
    apr_size_t count;

    if (djs_json_read_char(r, '-') && peek(r) == 'I') {
        return read_word(r, "Infinity");
    }
    digits = r->at;
    if (!djs_json_read_char(r, '0') && !read_digits(r)) {
        return 0;
    }
    count = (apr_size_t)(r->at - digits);
    return read_fraction(r) || count <= DJS_JSON_DIGITS;
}

static int read_scalar(djs_json_reader_t *r)
{
    switch (peek(r)) {
    case '"':
        return djs_json_read_string(r);
    case 'n':
        return read_word(r, "null");
    case 't':
        return read_word(r, "true");
    case 'f':
        return read_word(r, "false");
    case 'N':
        return read_word(r, "NaN");
    case 'I':
        return read_word(r, "Infinity");
    default:
        return read_number(r);
    }
}

/* Up to the next value of the innermost container: in an object the key. */
static int read_to_value(djs_json_reader_t *r)
{
    if (!djs_json_read_blanks(r)) {
        return 0;
    }
    if (r->closers[r->depth - 1] == ']') {
        return 1;
    }
    return djs_json_read_string(r) && djs_json_read_blanks(r) &&
           djs_json_read_char(r, ':') && djs_json_read_blanks(r);
}

/* The bracket that opens a container, and the blanks after it. */
static int read_opening(djs_json_reader_t *r)
{
    if (r->depth == r->deepest) {
        return 0;
    }
    r->closers[r->depth++] = *r->at == '{' ? '}' : ']';
    r->at++;
    return djs_json_read_blanks(r);
}

/* After a value: closes what ends here, down to `floor`, or goes on to the
 * next value. */
static int read_on(djs_json_reader_t *r, int floor)
{
    while (r->depth > floor) {
        if (!djs_json_read_blanks(r)) {
            return 0;
        }
        if (djs_json_read_char(r, ',')) {
            return read_to_value(r);
        }
        if (!djs_json_read_char(r, r->closers[r->depth - 1])) {
            return 0;
        }
        r->depth--;
    }
    return 1;
}

void djs_json_reader_init(djs_json_reader_t *r, djs_bytes_t text,
                          djs_buf_t *out)
{
    r->at = text.len > 0 ? text.data : "";
    r->end = r->at + text.len;
    r->kept = r->at;
    r->out = out;
    r->depth = 0;
    r->deepest = DJS_JSON_DEPTH;
}

void djs_json_reader_flush(djs_json_reader_t *r)
{
    djs_buf_add(r->out, djs_bytes_of(r->kept, (apr_size_t)(r->at - r->kept)));
    r->kept = r->at;
}

int djs_json_read_char(djs_json_reader_t *r, char c)
{
    if (peek(r) != (unsigned char)c) {
        return 0;
    }
    r->at++;
    return 1;
}

int djs_json_read_blanks(djs_json_reader_t *r)
{
    const char *start = r->at;
    const char *at = start;

    while (at < r->end &&
           (*at == ' ' || *at == '\t' || *at == '\n' || *at == '\r')) {
        at++;
    }
    if (at == start) {
        return 1;
    }
    if (r->out == NULL) {
        return 0;
    }
    djs_json_reader_flush(r);
    r->at = r->kept = at;
    return !r->out->failed;
}

int djs_json_read_string(djs_json_reader_t *r)
{
    if (!djs_json_read_char(r, '"')) {
        return 0;
    }
    for (;;) {
        int c;

        while (r->at < r->end && djs_json_plain[(unsigned char)*r->at]) {
            r->at++;
        }
        c = peek(r);
        if (c == '"') {
            r->at++;
            return 1;
        }
        if (c < 0x20) { /* the end, or a raw control character */
            return 0;
        }
        if (c == '\\' ? !read_escape(r) : !read_wide(r)) {
            return 0;
        }
    }
}

int djs_json_read_value(djs_json_reader_t *r)
{
    int floor = r->depth;

    for (;;) {
        int c = peek(r);

        if (c != '[' && c != '{') {
            if (!read_scalar(r)) {
                return 0;
            }
        }
        else if (!read_opening(r)) {
            return 0;
        }
        else if (peek(r) != r->closers[r->depth - 1]) {
            if (!read_to_value(r)) {
                return 0;
            }
            continue;
        }
        if (!read_on(r, floor)) {
            return 0;
        }
        if (r->depth == floor) {
            return 1;
        }
    }
}
