/* base/buf.c - a text that grows in a pool, up to a ceiling given at birth. */
#include "base/buf.h"
#include "base/status.h"

#define FIRST_SIZE 128

/* Makes room for `more` bytes and the NUL, at least doubling what there is, so
 * that all copies together are no longer than the text. */
static int make_room(djs_buf_t *buf, apr_size_t more)
{
    apr_size_t size = buf->size;
    char *data;

    if (buf->failed || more > buf->ceiling - buf->len) {
        buf->failed = 1;
        return 0;
    }
    if (more < size - buf->len) {
        return 1;
    }
    size = size > buf->ceiling / 2 ? buf->ceiling + 1 : size * 2;
    if (size - buf->len <= more) {
        size = buf->len + more + 1;
    }
    data = apr_palloc(buf->p, size);
    memcpy(data, buf->data, buf->len + 1);
    buf->data = data;
    buf->size = size;
    return 1;
}

void djs_buf_init(djs_buf_t *buf, apr_size_t ceiling, apr_pool_t *p)
{
    /* One byte is kept for the NUL, whatever the ceiling. */
    if (ceiling > (apr_size_t)APR_INT64_MAX) {
        ceiling = (apr_size_t)APR_INT64_MAX;
    }
    buf->p = p;
    buf->len = 0;
    buf->size = ceiling < FIRST_SIZE ? ceiling + 1 : FIRST_SIZE;
    buf->data = apr_palloc(p, buf->size);
    buf->data[0] = '\0';
    buf->ceiling = ceiling;
    buf->failed = 0;
}

void djs_buf_add(djs_buf_t *buf, djs_bytes_t bytes)
{
    if (bytes.len > 0 && make_room(buf, bytes.len)) {
        memcpy(buf->data + buf->len, bytes.data, bytes.len);
        buf->len += bytes.len;
        buf->data[buf->len] = '\0';
    }
}

void djs_buf_add_text(djs_buf_t *buf, const char *text)
{
    djs_buf_add(buf, djs_bytes(text));
}

void djs_buf_add_char(djs_buf_t *buf, char c)
{
    if (make_room(buf, 1)) {
        buf->data[buf->len++] = c;
        buf->data[buf->len] = '\0';
    }
}

apr_status_t djs_buf_take(djs_bytes_t *out, const djs_buf_t *buf)
{
    if (buf->failed) {
        *out = djs_bytes_of("", 0);
        return DJS_ETOOBIG;
    }
    *out = djs_bytes_of(buf->data, buf->len);
    return APR_SUCCESS;
}
