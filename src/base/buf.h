/* base/buf.h - a text that grows in a pool, up to a ceiling given at birth.
 *
 * Appending past the ceiling (or in a buffer that failed) only sets `failed`;
 * so a writer appends without looking and asks once at the end. The bytes are
 * NUL-terminated at all times, the NUL not counted. */
#ifndef DJS_BASE_BUF_H
#define DJS_BASE_BUF_H

#include <apr_pools.h>
#include "base/bytes.h"

typedef struct {
    apr_pool_t *p;
    char *data;
    apr_size_t len;
    apr_size_t size;
    apr_size_t ceiling; /* greatest len */
    int failed;
} djs_buf_t;

/* Empty; memory lives in `p`; `len` will never pass `ceiling`. */
void djs_buf_init(djs_buf_t *buf, apr_size_t ceiling, apr_pool_t *p);

/* Appends a copy of all of it, or sets `failed` and appends nothing. */
void djs_buf_add(djs_buf_t *buf, djs_bytes_t bytes);
void djs_buf_add_text(djs_buf_t *buf, const char *text);
void djs_buf_add_char(djs_buf_t *buf, char c);

/* DJS_ETOOBIG if anything did not fit; `*out` then is empty, otherwise it
 * views the buffer (lives in its pool, NUL-terminated). */
apr_status_t djs_buf_take(djs_bytes_t *out, const djs_buf_t *buf);

#endif
