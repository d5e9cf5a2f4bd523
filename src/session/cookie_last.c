/* session/cookie_last.c - the Cookie header as Django reads it.
 *
 * `;` splits, whatever is quoted; blanks around names and values do not count;
 * of a name that comes twice the last one is it; a value in double quotes is
 * taken out of them (django.http.cookie.parse_cookie). A module that took
 * another one than Django would let somebody in as somebody else. */
#include "session/cookie.h"

/* How Django has decoded the header: as UTF-8 under WSGI, Latin-1 under ASGI.
 */
enum { UTF8, LATIN1, CODINGS };

/* What Python's str.strip() takes off. */
static const char *const ascii[] = { " ",  "\t",   "\n",   "\v",   "\f",
                                     "\r", "\x1c", "\x1d", "\x1e", "\x1f" };
static const char *const latin1[] = { "\x85", "\xa0" };
static const char *const utf8[] = {
    "\xc2\x85",     "\xc2\xa0",     "\xe1\x9a\x80", "\xe2\x80\x80",
    "\xe2\x80\x81", "\xe2\x80\x82", "\xe2\x80\x83", "\xe2\x80\x84",
    "\xe2\x80\x85", "\xe2\x80\x86", "\xe2\x80\x87", "\xe2\x80\x88",
    "\xe2\x80\x89", "\xe2\x80\x8a", "\xe2\x80\xa8", "\xe2\x80\xa9",
    "\xe2\x80\xaf", "\xe2\x81\x9f", "\xe3\x80\x80",
};

#define COUNT(array) (sizeof(array) / sizeof *(array))

/* How long the blank of the list is with which the text begins, or ends; 0:
 * none. */
static apr_size_t blank_of(djs_bytes_t text, int at_end,
                           const char *const *list, apr_size_t count)
{
    for (apr_size_t i = 0; i < count; i++) {
        apr_size_t len = strlen(list[i]);

        if (len <= text.len &&
            memcmp(at_end ? text.data + text.len - len : text.data, list[i],
                   len) == 0) {
            return len;
        }
    }
    return 0;
}

static apr_size_t blank(djs_bytes_t text, int at_end, int coding)
{
    char edge = text.len > 0 ? text.data[at_end ? text.len - 1 : 0] : 'x';
    apr_size_t len;

    if (edge > ' ' && edge < 0x7f) {
        return 0; /* no blank begins or ends so, and nearly all texts do */
    }
    len = blank_of(text, at_end, ascii, COUNT(ascii));
    return len > 0          ? len
           : coding == UTF8 ? blank_of(text, at_end, utf8, COUNT(utf8))
                            : blank_of(text, at_end, latin1, COUNT(latin1));
}

static djs_bytes_t strip(djs_bytes_t text, int coding)
{
    apr_size_t len;

    while ((len = blank(text, 0, coding)) > 0) {
        text.data += len;
        text.len -= len;
    }
    while ((len = blank(text, 1, coding)) > 0) {
        text.len -= len;
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
static int is_ours(djs_bytes_t *value, djs_bytes_t part, djs_bytes_t name,
                   int coding)
{
    const char *equals = part.len > 0 ? memchr(part.data, '=', part.len) : NULL;

    if (!equals) {
        return 0;
    }
    *value = strip(djs_bytes_of(equals + 1, (apr_size_t)(part.data + part.len -
                                                         equals - 1)),
                   coding);
    return djs_bytes_equal(
        name, strip(djs_bytes_of(part.data, (apr_size_t)(equals - part.data)),
                    coding));
}

void djs_cookie_last(djs_candidates_t *out, djs_bytes_t header,
                     djs_bytes_t name, int keys, apr_pool_t *p)
{
    djs_bytes_t value = { NULL, 0 }, last[CODINGS] = { { "", 0 }, { "", 0 } };
    const char *at = header.data, *end = header.data + header.len;

    memset(out, 0, sizeof(*out));
    if (header.len > DJS_COOKIE_CONSIDERED) {
        return; /* the last one may stand behind that */
    }
    while (at && at < end) {
        const char *stop = memchr(at, ';', (apr_size_t)(end - at));
        apr_size_t len = (apr_size_t)((stop ? stop : end) - at);

        for (int i = 0; i < CODINGS; i++) {
            if (is_ours(&value, djs_bytes_of(at, len), name, i)) {
                last[i] = value;
                out->sent = 1;
            }
        }
        at = stop ? stop + 1 : end;
    }
    if (!out->sent || !djs_bytes_equal(last[UTF8], last[LATIN1])) {
        return; /* none, or nobody can tell which one Django takes */
    }
    value = unquote(last[UTF8], p);
    if (keys ? djs_key_valid(value) : value.len > 0) {
        out->keys[0] = value;
        out->count = 1;
    }
}
