/* json_filter - shows what codec/json makes of many texts, for a comparison
 * with Python's (json_against_python.py).
 *
 * Reads texts from standard input, each behind its length (4 bytes, low byte
 * first), and writes five answers for each in the same manner: the text made
 * normal; as an object, written again; quoted; the text of a string; the sum
 * of an array of two integers. A length of 0xffffffff: refused. */
#include <stdio.h>
#include <stdlib.h>
#include <apr_general.h>
#include <apr_pools.h>
#include "codec/json.h"

#define UNLIMITED ((apr_size_t)APR_INT64_MAX)
#define REFUSED   0xffffffffu

static void put_length(apr_size_t len)
{
    for (int i = 0; i < 4; i++, len >>= 8) {
        putchar((int)(len & 255));
    }
}

static void answer(apr_status_t rv, djs_bytes_t text)
{
    put_length(rv == APR_SUCCESS ? text.len : REFUSED);
    if (rv == APR_SUCCESS) {
        fwrite(text.data, 1, text.len, stdout);
    }
}

static apr_status_t as_object(djs_bytes_t *out, djs_bytes_t normal,
                              apr_pool_t *p)
{
    djs_json_object_t object;
    apr_status_t rv = djs_json_object_read(&object, normal, p);

    if (rv != APR_SUCCESS) {
        return rv;
    }
    return djs_json_object_write(out, &object, UNLIMITED, p);
}

/* [1,2] */
static apr_status_t as_sum(djs_bytes_t *out, djs_bytes_t normal, apr_pool_t *p)
{
    const char *comma = normal.len > 4 && normal.data[0] == '['
                            ? memchr(normal.data, ',', normal.len)
                            : NULL;
    apr_size_t left;

    if (comma == NULL) {
        return DJS_ETYPE;
    }
    left = (apr_size_t)(comma - normal.data) - 1;
    return djs_json_add(out, djs_bytes_of(normal.data + 1, left),
                        djs_bytes_of(comma + 1, normal.len - left - 3), p);
}

static void show(djs_bytes_t text, apr_pool_t *p)
{
    djs_bytes_t normal;
    djs_bytes_t out;
    apr_status_t rv = djs_json_normal(&normal, NULL, text, UNLIMITED, p);
    apr_status_t rv_out;

    answer(rv, normal);
    rv_out = as_object(&out, normal, p);
    answer(rv_out, out);
    rv_out = djs_json_quote(&out, text, p);
    answer(rv_out, out);
    rv_out = djs_json_text(&out, normal, p);
    answer(rv_out, out);
    rv_out = as_sum(&out, normal, p);
    answer(rv_out, out);
}

int main(void)
{
    unsigned char head[4];
    apr_pool_t *p;

    apr_initialize();
    apr_pool_create(&p, NULL);
    while (fread(head, 1, 4, stdin) == 4) {
        apr_size_t len = (apr_size_t)head[0] | (apr_size_t)head[1] << 8 |
                         (apr_size_t)head[2] << 16;
        char *text = malloc(len + 1); /* not in the pool, for the sanitizer */

        if (text == NULL || fread(text, 1, len, stdin) != len) {
            return 1;
        }
        show(djs_bytes_of(text, len), p);
        free(text);
        apr_pool_clear(p);
    }
    apr_terminate();
    return 0;
}
