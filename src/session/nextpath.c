/* session/nextpath.c - where a visitor may be sent: to a path of the same site.
 */
#include <apr_lib.h>
#include <apr_strings.h>
#include "session/nextpath.h"

static int hex_value(char c)
{
    if (apr_isdigit(c)) {
        return c - '0';
    }
    return apr_isxdigit(c) ? apr_tolower(c) - 'a' + 10 : -1;
}

/* The byte at `*at`, an escape decoded; `*at` then points behind it. -1: the
 * escape is none. */
static int next_byte(djs_bytes_t path, apr_size_t *at)
{
    int high, low;
    char c = path.data[(*at)++];

    if (c != '%') {
        return (unsigned char)c;
    }
    if (path.len - *at < 2) {
        return -1;
    }
    high = hex_value(path.data[*at]);
    low = hex_value(path.data[*at + 1]);
    *at += 2;
    return high < 0 || low < 0 ? -1 : high * 16 + low;
}

/* What no URL has: a browser would mend it, each in its own way. */
static int is_odd(char c)
{
    return c <= ' ' || c >= 0x7f || strchr("\\\"<>", c) != NULL;
}

int djs_nextpath_is_safe(djs_bytes_t path)
{
    int in_path = 1;
    int before = 0;
    apr_size_t at;

    if (path.len == 0 || path.len > DJS_NEXTPATH_MOST || path.data[0] != '/') {
        return 0;
    }
    for (at = 0; at < path.len;) {
        char raw = path.data[at];
        int c = next_byte(path, &at);

        if (is_odd(raw) || c < 0) {
            return 0;
        }
        in_path = in_path && raw != '?' && raw != '#';
        if (in_path && (c < ' ' || c == 0x7f || c == '\\' ||
                        (c == '/' && before == '/'))) {
            return 0;
        }
        before = c;
    }
    return 1;
}

const char *djs_nextpath_of_target(const char *target, apr_pool_t *p)
{
    const char *path = target;

    if (target[0] != '/') {
        const char *authority = strstr(target, "://");

        path = authority == NULL ? NULL : strpbrk(authority + 3, "/?#");
    }
    if (path == NULL || !djs_nextpath_is_safe(djs_bytes(path))) {
        return "/";
    }
    return apr_pstrdup(p, path);
}

const char *djs_nextpath_append(const char *url, const char *next,
                                apr_pool_t *p)
{
    static const char digits[] = "0123456789ABCDEF";
    char *text = apr_palloc(p, strlen(next) * 3 + 1);
    char *to = text;

    for (; *next != '\0'; next++) {
        unsigned char c = (unsigned char)*next;

        if (apr_isalnum(c) || strchr("-._~/", c) != NULL) {
            *to++ = (char)c;
            continue;
        }
        *to++ = '%';
        *to++ = digits[c >> 4];
        *to++ = digits[c & 15];
    }
    *to = '\0';
    return apr_pstrcat(p, url, strchr(url, '?') != NULL ? "&" : "?",
                       "next=", text, NULL);
}
