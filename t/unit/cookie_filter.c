/* cookie_filter - reads Cookie headers for a comparison with Django's reader
 * (cookies_against_django.py).
 *
 * Reads headers from standard input, each behind its length in four bytes, the
 * high one first. Writes two parts of the same kind for each: the candidates
 * for a cookie called N, with a blank behind each of them, and "!" when there
 * were too many; and the header without that cookie. */
#include <stdio.h>
#include <stdlib.h>
#include <apr_general.h>
#include <apr_pools.h>
#include "session/cookie.h"

static void fail(const char *why)
{
    fprintf(stderr, "cookie_filter: %s\n", why);
    exit(1);
}

/* One part into `p`; 0 at the end of the input. */
static int read_part(djs_bytes_t *part, apr_pool_t *p)
{
    unsigned char length[4];
    char *data;

    if (fread(length, 1, 4, stdin) != 4) {
        return 0;
    }
    part->len = (apr_size_t)length[0] << 24 | (apr_size_t)length[1] << 16 |
                (apr_size_t)length[2] << 8 | length[3];
    data = apr_palloc(p, part->len + 1);
    part->data = data;
    if (fread(data, 1, part->len, stdin) != part->len) {
        fail("a header is shorter than its length");
    }
    return 1;
}

static void write_part(djs_bytes_t part)
{
    unsigned char length[4] = { (unsigned char)(part.len >> 24),
                                (unsigned char)(part.len >> 16),
                                (unsigned char)(part.len >> 8),
                                (unsigned char)part.len };

    if (fwrite(length, 1, 4, stdout) != 4 ||
        fwrite(part.data, 1, part.len, stdout) != part.len) {
        fail("can not write");
    }
}

static void write_candidates(djs_bytes_t header, djs_bytes_t name)
{
    char text[DJS_COOKIE_CANDIDATES * (DJS_KEY_LEN + 1) + 2];
    apr_size_t len = 0;
    djs_candidates_t c;

    djs_cookie_candidates(&c, header, name);
    for (int i = 0; i < c.count; i++) {
        memcpy(text + len, c.keys[i].data, DJS_KEY_LEN);
        len += DJS_KEY_LEN;
        text[len++] = ' ';
    }
    if (c.too_many) {
        text[len++] = '!';
    }
    write_part(djs_bytes_of(text, len));
}

int main(void)
{
    djs_bytes_t name = djs_bytes("N");
    djs_bytes_t header, hidden;
    apr_pool_t *p;

    apr_initialize();
    apr_pool_create(&p, NULL);
    while (read_part(&header, p)) {
        write_candidates(header, name);
        if (djs_cookie_hide(&hidden, header, name, p) != APR_SUCCESS) {
            fail("a cookie can not be hidden");
        }
        write_part(hidden);
        apr_pool_clear(p);
    }
    apr_terminate();
    return 0;
}
