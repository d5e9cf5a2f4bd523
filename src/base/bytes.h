/* base/bytes.h - a run of bytes and its length, borrowed from somebody.
 *
 * Text is UTF-8 and need not end in NUL. Whoever hands a djs_bytes_t out says
 * how long it lives: during the call, in a pool, or as long as its owner. */
#ifndef DJS_BASE_BYTES_H
#define DJS_BASE_BYTES_H

#include <string.h>
#include <apr.h>

typedef struct {
    const char *data; /* may be NULL when len is 0 */
    apr_size_t len;
} djs_bytes_t;

/* A view of the NUL-terminated `text`; lives as long as `text`. */
static inline djs_bytes_t djs_bytes(const char *text)
{
    djs_bytes_t b = { text, strlen(text) };
    return b;
}

/* A view of `len` bytes at `data`; lives as long as they do. */
static inline djs_bytes_t djs_bytes_of(const char *data, apr_size_t len)
{
    djs_bytes_t b = { data, len };
    return b;
}

/* Nonzero when both runs hold the same bytes. Not for secrets: time varies. */
static inline int djs_bytes_equal(djs_bytes_t a, djs_bytes_t b)
{
    return a.len == b.len && (a.len == 0 || memcmp(a.data, b.data, a.len) == 0);
}

#endif
