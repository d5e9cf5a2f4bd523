/* fuzz_nextpath - any text as a place to go next: what is taken stays on the
 * site, as a slow and simple browser reads it, also when it is decoded once
 * more (M12); what is made of a request target can be taken. */
#include <assert.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <apr_general.h>
#include <apr_pools.h>
#include <apr_strings.h>
#include "session/nextpath.h"

static apr_pool_t *pool;

/* What a browser makes of a reference first: blanks at the ends go, tabs and
 * newlines go wherever they are, a backslash is a slash. */
static char *mended(const char *text, size_t len)
{
    char *out = apr_palloc(pool, len + 1);
    size_t n = 0;

    for (size_t i = 0; i < len; i++) {
        char c = text[i];

        if (c != '\t' && c != '\n' && c != '\r') {
            out[n++] = c;
        }
    }
    out[n] = '\0';
    while (*out != '\0' && (unsigned char)*out <= ' ') {
        out++;
    }
    for (char *c = out; *c != '\0'; c++) {
        *c = *c == '\\' ? '/' : *c;
    }
    return out;
}

static int stays(const char *text, size_t len)
{
    const char *reference = mended(text, len);

    return reference[0] == '/' && reference[1] != '/';
}

static char *decoded(const char *text, size_t len, size_t *out_len)
{
    char *out = apr_palloc(pool, len + 1);
    size_t n = 0;

    for (size_t i = 0; i < len; i++) {
        char hex[3] = { 0, 0, 0 };

        if (text[i] == '%' && i + 2 < len) {
            memcpy(hex, text + i + 1, 2);
            out[n++] = (char)strtol(hex, NULL, 16);
            i += 2;
        }
        else {
            out[n++] = text[i];
        }
    }
    *out_len = n;
    out[n] = '\0';
    return out;
}

static void check_taken(const char *text, size_t len)
{
    size_t n;
    const char *once = decoded(text, len, &n);

    assert(stays(text, len));
    assert(stays(once, n));
    assert(len <= DJS_NEXTPATH_MOST);
    assert(!memchr(text, '\r', len) && !memchr(text, '\n', len));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    const char *text = (const char *)data;
    const char *target, *next;

    if (!pool) {
        apr_initialize();
        apr_pool_create(&pool, NULL);
    }
    if (djs_nextpath_is_safe(djs_bytes_of(text, size))) {
        check_taken(text, size);
    }
    target = apr_pstrmemdup(pool, text, size);
    next = djs_nextpath_of_target(target, pool);
    assert(djs_nextpath_is_safe(djs_bytes(next)));
    target = djs_nextpath_append("/in", target, pool);
    assert(strncmp(target, "/in?next=", 9) == 0);
    assert(strspn(target + 9,
                  "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqr"
                  "stuvwxyz0123456789-._~/%") == strlen(target + 9));
    apr_pool_clear(pool);
    return 0;
}
