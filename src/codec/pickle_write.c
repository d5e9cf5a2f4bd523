/* codec/pickle_write.c - a JSON object as a pickle of protocol 4.
 *
 * Without frames and memo: every Python that knows the protocol loads it. The
 * text is walked once, and each piece becomes its opcode as it comes by. */
#include "codec/pickle.h"

#include "base/buf.h"
#include "codec/json.h"
#include "codec/json_escape.h"
#include "codec/json_skip.h"
#include "codec/pynumber.h"

typedef struct {
    const char *at;
    const char *end;
    djs_buf_t out;
    char closers[DJS_DJANGO_DEPTH];
    int depth;
    apr_pool_t *p;
} writer_t;

static void add(writer_t *w, const char *data, apr_size_t len)
{
    djs_buf_add(&w->out, djs_bytes_of(data, len));
}

/* `width` bytes of `number`, low byte first. */
static void add_number(writer_t *w, apr_uint64_t number, int width)
{
    while (width-- > 0) {
        djs_buf_add_char(&w->out, (char)(number & 0xff));
        number >>= 8;
    }
}

/* A character of a normal string: UTF-8, half of a pair as Python has it. */
static int add_char(char *out, const char **at, const char *end)
{
    unsigned unit;
    unsigned low;
    int len;

    if (**at != '\\') {
        out[0] = *(*at)++;
        return 1;
    }
    len = djs_json_unescape(&unit, *at, end);
    if (len == 0) {
        return 0;
    }
    *at += len;
    if (unit >= 0xd800 && unit < 0xdc00 && end - *at >= 6 && **at == '\\' &&
        djs_json_unescape(&low, *at, end) == 6 && low >= 0xdc00 &&
        low < 0xe000) {
        *at += 6;
        return djs_json_utf8_write(out, 0x10000ul + ((unit & 0x3fful) << 10) +
                                            (low & 0x3fful));
    }
    return djs_json_utf8_write(out, unit);
}

static apr_status_t write_string(writer_t *w)
{
    const char *end = djs_json_skip_string(w->at, w->end);
    char *text = apr_palloc(w->p, (apr_size_t)(end - w->at) + 4);
    const char *at = w->at + 1;
    apr_size_t len = 0;

    while (at < end - 1) {
        int step = add_char(text + len, &at, end - 1);

        if (step == 0) {
            return DJS_EINVALID;
        }
        len += (apr_size_t)step;
    }
    if (len > APR_UINT32_MAX) {
        return DJS_ETOOBIG;
    }
    djs_buf_add_char(&w->out, len < 256 ? (char)0x8c : 'X');
    add_number(w, len, len < 256 ? 1 : 4);
    add(w, text, len);
    w->at = end;
    return APR_SUCCESS;
}

static apr_status_t write_integer(writer_t *w, djs_bytes_t text)
{
    djs_bytes_t bytes;
    apr_int64_t small;
    apr_status_t rv = APR_SUCCESS;

    if (djs_json_int64(&small, text) == APR_SUCCESS && small >= APR_INT32_MIN &&
        small <= APR_INT32_MAX) {
        int width = small >= 0 && small < 256     ? 1
                    : small >= 0 && small < 65536 ? 2
                                                  : 4;

        djs_buf_add_char(&w->out, width == 1 ? 'K' : width == 2 ? 'M' : 'J');
        add_number(w, (apr_uint64_t)small, width);
        return APR_SUCCESS;
    }
    rv = djs_integer_read(&bytes, text, w->p);
    if (rv == APR_SUCCESS) {
        djs_buf_add_char(&w->out, bytes.len < 256 ? (char)0x8a : (char)0x8b);
        add_number(w, bytes.len, bytes.len < 256 ? 1 : 4);
        djs_buf_add(&w->out, bytes);
    }
    return rv;
}

static apr_status_t write_float(writer_t *w, djs_bytes_t text)
{
    double value;
    apr_uint64_t bits;
    apr_status_t rv = djs_float_read(&value, text, w->p);

    if (rv != APR_SUCCESS) {
        return rv;
    }
    memcpy(&bits, &value, sizeof(bits));
    djs_buf_add_char(&w->out, 'G');
    for (int shift = 56; shift >= 0; shift -= 8) {
        djs_buf_add_char(&w->out, (char)(bits >> shift & 0xff));
    }
    return APR_SUCCESS;
}

static apr_status_t write_scalar(writer_t *w)
{
    int depth;
    const char *end = djs_json_skip_value(&depth, w->at, w->end);
    djs_bytes_t text = djs_bytes_of(w->at, (apr_size_t)(end - w->at));

    w->at = end;
    switch (djs_json_kind(text)) {
    case DJS_JSON_NULL:
        djs_buf_add_char(&w->out, 'N');
        return APR_SUCCESS;
    case DJS_JSON_TRUE:
        djs_buf_add_char(&w->out, (char)0x88);
        return APR_SUCCESS;
    case DJS_JSON_FALSE:
        djs_buf_add_char(&w->out, (char)0x89);
        return APR_SUCCESS;
    case DJS_JSON_INTEGER:
        return write_integer(w, text);
    default:
        return write_float(w, text);
    }
}

/* What closes a container is written when it is not empty. */
static apr_status_t write_opening(writer_t *w)
{
    int object = *w->at++ == '{';

    djs_buf_add_char(&w->out, object ? '}' : ']');
    if (w->depth == DJS_DJANGO_DEPTH || w->at == w->end) {
        return DJS_EINVALID;
    }
    if (*w->at == '}' || *w->at == ']') {
        w->at++;
        return APR_SUCCESS;
    }
    djs_buf_add_char(&w->out, '(');
    w->closers[w->depth++] = object ? 'u' : 'e';
    return APR_SUCCESS;
}

/* One piece of normal text: a mark between values, or a value. */
static apr_status_t write_piece(writer_t *w)
{
    switch (*w->at) {
    case ',':
    case ':':
        w->at++;
        return APR_SUCCESS;
    case '}':
    case ']':
        if (w->depth == 0) {
            return DJS_EINVALID;
        }
        w->at++;
        djs_buf_add_char(&w->out, w->closers[--w->depth]);
        return APR_SUCCESS;
    case '{':
    case '[':
        return write_opening(w);
    case '"':
        return write_string(w);
    default:
        return write_scalar(w);
    }
}

apr_status_t djs_pickle_write(djs_bytes_t *out, djs_bytes_t json,
                              apr_size_t ceiling, apr_pool_t *p)
{
    writer_t *w = apr_pcalloc(p, sizeof(*w));
    djs_bytes_t again;
    apr_status_t rv =
        djs_json_normal_deep(&again, json, json.len, DJS_DJANGO_DEPTH, p);

    *out = djs_bytes_of("", 0);
    if (rv != APR_SUCCESS || !djs_bytes_equal(again, json)) {
        return DJS_EINVALID;
    }
    if (djs_json_kind(json) != DJS_JSON_OBJECT) {
        return DJS_ETYPE;
    }
    w->at = json.data;
    w->end = json.data + json.len;
    w->p = p;
    djs_buf_init(&w->out, ceiling, p);
    add(w, "\x80\x04", 2);
    while (rv == APR_SUCCESS && w->at < w->end && !w->out.failed) {
        rv = write_piece(w);
    }
    djs_buf_add_char(&w->out, '.');
    return rv == APR_SUCCESS ? djs_buf_take(out, &w->out) : rv;
}
