/* session/cookie_last.c - the Cookie header as Django reads it.
 *
 * `;` splits, whatever is quoted; blanks around names and values do not count;
 * of a name that comes twice the last one is it; a value in double quotes is
 * taken out of them (django.http.cookie.parse_cookie). A module that took
 * another one than Django would let somebody in as somebody else. */
#include "session/cookie.h"

/* What Python's str.strip() takes off, of bytes read as Latin-1. */
static int is_space(char c)
{
    unsigned char u = (unsigned char)c;

    return u == ' ' || (u >= 0x09 && u <= 0x0d) || (u >= 0x1c && u <= 0x1f) ||
           u == 0x85 || u == 0xa0;
}

static djs_bytes_t strip(djs_bytes_t text)
{
    while (text.len > 0 && is_space(text.data[0])) {
        text.data++;
        text.len--;
    }
    while (text.len > 0 && is_space(text.data[text.len - 1])) {
        text.len--;
    }
    return text;
}

static int is_octal(const char *at)
{
    return at[0] >= '0' && at[0] <= '3' && at[1] >= '0' && at[1] <= '7' &&
           at[2] >= '0' && at[2] <= '7';
}

/* The value without its quotes (http.cookies._unquote), in `p`. */
static djs_bytes_t unquote(djs_bytes_t value, apr_pool_t *p)
{
    const char *at = value.data + 1, *end = value.data + value.len - 1;
    char *text, *to;

    if (value.len < 2 || value.data[0] != '"' || *end != '"') {
        return value;
    }
    to = text = apr_palloc(p, value.len);
    while (at < end) {
        if (*at == '\\' && end - at > 3 && is_octal(at + 1)) {
            *to++ =
                (char)((at[1] - '0') << 6 | (at[2] - '0') << 3 | (at[3] - '0'));
            at += 4;
            continue;
        }
        at += *at == '\\' && end - at > 1;
        *to++ = *at++;
    }
    return djs_bytes_of(text, (apr_size_t)(to - text));
}

/* Nonzero when the part sets `name`; `*value` is then what it says. */
static int is_ours(djs_bytes_t *value, djs_bytes_t part, djs_bytes_t name)
{
    const char *equals = part.len > 0 ? memchr(part.data, '=', part.len) : NULL;

    if (!equals) {
        return 0;
    }
    *value = strip(djs_bytes_of(
        equals + 1, (apr_size_t)(part.data + part.len - equals - 1)));
    return djs_bytes_equal(
        name, strip(djs_bytes_of(part.data, (apr_size_t)(equals - part.data))));
}

void djs_cookie_last(djs_candidates_t *out, djs_bytes_t header,
                     djs_bytes_t name, int keys, apr_pool_t *p)
{
    djs_bytes_t value = { NULL, 0 }, last = { NULL, 0 };
    const char *at = header.data, *end = header.data + header.len;

    memset(out, 0, sizeof(*out));
    if (header.len > DJS_COOKIE_CONSIDERED) {
        return; /* the last one may stand behind that */
    }
    while (at && at < end) {
        const char *stop = memchr(at, ';', (apr_size_t)(end - at));
        apr_size_t len = (apr_size_t)((stop ? stop : end) - at);

        if (is_ours(&value, djs_bytes_of(at, len), name)) {
            last = value;
            out->sent = 1;
        }
        at = stop ? stop + 1 : end;
    }
    if (!out->sent) {
        return;
    }
    last = unquote(last, p);
    if (keys ? djs_key_valid(last) : last.len > 0) {
        out->keys[0] = last;
        out->count = 1;
    }
}
