/* codec/json.c - JSON that keeps what it does not touch: texts and strings. */
#include "base/buf.h"
#include "codec/json.h"
#include "codec/json_escape.h"
#include "codec/json_read.h"

/* A value, with blanks before it and, where all must be read, after it. */
static int read_text(djs_json_reader_t *r, int all)
{
    if (!djs_json_read_blanks(r) || !djs_json_read_value(r)) {
        return 0;
    }
    djs_json_reader_flush(r);
    return !all || (djs_json_read_blanks(r) && r->at == r->end);
}

apr_status_t djs_json_normal(djs_bytes_t *out, apr_size_t *used,
                             djs_bytes_t text, apr_size_t ceiling,
                             apr_pool_t *p)
{
    djs_json_reader_t r;
    djs_buf_t buf;
    int read;

    djs_buf_init(&buf, ceiling, p);
    djs_json_reader_init(&r, text, &buf);
    read = read_text(&r, used == NULL);
    if (used != NULL) {
        *used = text.len - (apr_size_t)(r.end - r.at);
    }
    if (!read && !buf.failed) {
        *out = djs_bytes_of("", 0);
        return DJS_EINVALID;
    }
    return djs_buf_take(out, &buf);
}

apr_status_t djs_json_normal_deep(djs_bytes_t *out, djs_bytes_t text,
                                  apr_size_t ceiling, int depth, apr_pool_t *p)
{
    djs_json_reader_t r;
    djs_buf_t buf;

    djs_buf_init(&buf, ceiling, p);
    djs_json_reader_init(&r, text, &buf);
    r.deepest = depth < DJS_JSON_DEEPEST ? depth : DJS_JSON_DEEPEST;
    if (!read_text(&r, 1) && !buf.failed) {
        *out = djs_bytes_of("", 0);
        return DJS_EINVALID;
    }
    return djs_buf_take(out, &buf);
}

/* Digits only, but for the sign? */
static int is_integer(djs_bytes_t value)
{
    for (apr_size_t i = value.data[0] == '-'; i < value.len; i++) {
        if (value.data[i] < '0' || value.data[i] > '9') {
            return 0;
        }
    }
    return 1;
}

djs_json_e djs_json_kind(djs_bytes_t value)
{
    switch (value.len > 0 ? value.data[0] : 'n') {
    case 'n':
        return DJS_JSON_NULL;
    case 'f':
        return DJS_JSON_FALSE;
    case 't':
        return DJS_JSON_TRUE;
    case '"':
        return DJS_JSON_STRING;
    case '[':
        return DJS_JSON_ARRAY;
    case '{':
        return DJS_JSON_OBJECT;
    default:
        return is_integer(value) ? DJS_JSON_INTEGER : DJS_JSON_FLOAT;
    }
}

apr_status_t djs_json_quote(djs_bytes_t *out, djs_bytes_t text, apr_pool_t *p)
{
    const char *at = text.len > 0 ? text.data : "";
    const char *end = at + text.len;
    char form[DJS_JSON_CHAR_LEN];
    djs_buf_t buf;

    *out = djs_bytes_of("", 0);
    djs_buf_init(&buf, (apr_size_t)APR_INT64_MAX, p);
    djs_buf_add_char(&buf, '"');
    while (at < end) {
        const char *run = at;
        unsigned long c;
        int len;

        while (at < end && djs_json_plain[(unsigned char)*at]) {
            at++;
        }
        djs_buf_add(&buf, djs_bytes_of(run, (apr_size_t)(at - run)));
        if (at == end) {
            break;
        }
        len = djs_json_utf8_read(&c, at, end);
        if (len == 0) {
            return DJS_EINVALID;
        }
        at += len;
        len = djs_json_escape_char(form, c);
        djs_buf_add(&buf, djs_bytes_of(form, (apr_size_t)len));
    }
    djs_buf_add_char(&buf, '"');
    return djs_buf_take(out, &buf);
}

/* One character behind one or, for a pair of surrogates, two escapes. Returns
 * the length that was read; 0 for what is no character. */
static int read_escaped(unsigned long *c, const char *at, const char *end)
{
    unsigned high;
    unsigned low;
    int len = djs_json_unescape(&high, at, end);
    int more;

    *c = high;
    if (len == 0 || high < 0xd800 || high > 0xdfff) {
        return len;
    }
    at += len;
    if (high > 0xdbff || at == end || *at != '\\') {
        return 0;
    }
    more = djs_json_unescape(&low, at, end);
    if (more == 0 || low < 0xdc00 || low > 0xdfff) {
        return 0;
    }
    *c = 0x10000 + ((unsigned long)(high - 0xd800) << 10) + (low - 0xdc00);
    return len + more;
}

apr_status_t djs_json_text(djs_bytes_t *out, djs_bytes_t value, apr_pool_t *p)
{
    const char *at = value.data;
    const char *end = at + value.len;
    char *text;
    char *to;

    *out = djs_bytes_of("", 0);
    if (value.len < 2 || *at++ != '"' || *--end != '"') {
        return DJS_ETYPE;
    }
    /* No escape is shorter than the UTF-8 it stands for. */
    text = to = apr_palloc(p, value.len);
    while (at < end) {
        unsigned long c = (unsigned char)*at;
        int len = 1;

        if (!djs_json_plain[c]) {
            len = *at == '\\' ? read_escaped(&c, at, end) : 0;
        }
        if (len == 0) {
            return DJS_EINVALID;
        }
        at += len;
        to += djs_json_utf8_write(to, c);
    }
    *to = '\0';
    *out = djs_bytes_of(text, (apr_size_t)(to - text));
    return APR_SUCCESS;
}
