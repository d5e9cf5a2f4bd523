/* fuzz_cookie - any bytes as a Cookie header: the keys found are those that a
 * slow and simple reader finds, and hiding removes ours and nothing else
 * (A01 to A27). The same bytes as a Set-Cookie header: what does not set a
 * cookie of ours does not come back as one. */
#include <assert.h>
#include <stdint.h>
#include <stdlib.h>
#include <apr_general.h>
#include <apr_pools.h>
#include <apr_tables.h>
#include "session/cookie.h"

static apr_pool_t *pool;

typedef struct {
    djs_bytes_t text; /* trimmed */
    int behind_comma;
    int ours;
} piece_t;

static djs_bytes_t name(void)
{
    return djs_bytes("N");
}

static djs_bytes_t trimmed(djs_bytes_t text)
{
    while (text.len && (text.data[0] == ' ' || text.data[0] == '\t')) {
        text.data++;
        text.len--;
    }
    while (text.len && (text.data[text.len - 1] == ' ' ||
                        text.data[text.len - 1] == '\t')) {
        text.len--;
    }
    return text;
}

static djs_bytes_t value_of(djs_bytes_t piece)
{
    return djs_bytes_of(piece.data + 2, piece.len - 2);
}

/* Byte by byte, with a state of its own for quotes. */
static apr_array_header_t *split(djs_bytes_t header)
{
    apr_array_header_t *pieces = apr_array_make(pool, 8, sizeof(piece_t));
    apr_size_t start = 0;
    int quoted = 0, comma = 0;

    for (apr_size_t i = 0; i <= header.len; i++) {
        int stop = i == header.len || header.data[i] == ';';
        int next = !stop && header.data[i] == ',' && i + 1 < header.len &&
                   header.data[i + 1] == ' ';
        piece_t *piece;

        if (!stop && !next) {
            continue;
        }
        piece = apr_array_push(pieces);
        piece->text = trimmed(djs_bytes_of(header.data + start, i - start));
        piece->behind_comma = comma;
        piece->ours =
            piece->text.len >= 2 && memcmp(piece->text.data, "N=", 2) == 0 &&
            (!comma || !quoted || djs_key_valid(value_of(piece->text)));
        for (apr_size_t k = 0; k < piece->text.len && !piece->ours; k++) {
            quoted ^= piece->text.data[k] == '"';
        }
        quoted = stop ? 0 : quoted;
        comma = next;
        start = i + (next ? 2 : 1);
    }
    return pieces;
}

static void check_candidates(djs_bytes_t header)
{
    apr_array_header_t *pieces = split(header);
    djs_candidates_t got;
    djs_bytes_t keys[DJS_COOKIE_CANDIDATES + 1];
    int count = 0, sent = 0;

    for (int i = 0; i < pieces->nelts && count <= DJS_COOKIE_CANDIDATES; i++) {
        piece_t *piece = &APR_ARRAY_IDX(pieces, i, piece_t);
        int known = 0;

        sent |= piece->ours;
        if (!piece->ours || !djs_key_valid(value_of(piece->text))) {
            continue;
        }
        for (int k = 0; k < count; k++) {
            known |= djs_bytes_equal(keys[k], value_of(piece->text));
        }
        if (!known) {
            keys[count++] = value_of(piece->text);
        }
    }

    djs_cookie_candidates(&got, header, name());
    assert(got.sent == sent);
    assert(got.too_many == (count > DJS_COOKIE_CANDIDATES));
    assert(got.count == (got.too_many ? 0 : count));
    for (int k = 0; k < got.count; k++) {
        assert(got.keys[k].data == keys[k].data);
        assert(got.keys[k].len == DJS_KEY_LEN);
    }
}

/* The cookies of others, in order. */
static apr_array_header_t *others(djs_bytes_t header)
{
    apr_array_header_t *pieces = split(header);
    apr_array_header_t *rest = apr_array_make(pool, 8, sizeof(piece_t));

    for (int i = 0; i < pieces->nelts; i++) {
        piece_t piece = APR_ARRAY_IDX(pieces, i, piece_t);

        if (!piece.ours && piece.text.len) {
            APR_ARRAY_PUSH(rest, piece_t) = piece;
        }
    }
    return rest;
}

/* As Django reads it: one well-formed key, or any text, or nothing. */
static void check_last(djs_bytes_t header)
{
    djs_candidates_t c;

    djs_cookie_last(&c, header, name(), 1, pool);
    assert(c.count == 0 || (c.count == 1 && djs_key_valid(c.keys[0])));
    djs_cookie_last(&c, header, name(), 0, pool);
    assert(c.count == 0 || (c.count == 1 && c.keys[0].len > 0 &&
                            c.keys[0].len < header.len && c.sent));
}

static void check_hide(djs_bytes_t header)
{
    apr_array_header_t *before = others(header);
    apr_array_header_t *after;
    djs_candidates_t left;
    djs_bytes_t out, again;

    assert(djs_cookie_hide(&out, header, name(), pool) == APR_SUCCESS);
    djs_cookie_candidates(&left, out, name());
    assert(!left.sent && !left.count && !left.too_many);
    assert(out.len <= header.len);

    after = others(out);
    assert(after->nelts == before->nelts);
    for (int i = 0; i < after->nelts; i++) {
        assert(djs_bytes_equal(APR_ARRAY_IDX(after, i, piece_t).text,
                               APR_ARRAY_IDX(before, i, piece_t).text));
    }
    if (out.data != header.data) {
        assert((out.len == 0) == (before->nelts == 0));
        assert(out.len == trimmed(out).len);
    }
    djs_cookie_hide(&again, out, name(), pool);
    assert(again.data == out.data && again.len == out.len);
}

/* A browser keeps name and value trimmed; a cookie without a name comes back
 * as its value alone. (A value with `, ` inside can look like two lines.) */
static void check_sets(djs_bytes_t header)
{
    const char *stop = header.len ? memchr(header.data, ';', header.len) : NULL;
    djs_bytes_t pair = header, left, right = { "", 0 };
    djs_candidates_t back;
    const char *equals;
    char *sent;

    pair.len = stop ? (apr_size_t)(stop - header.data) : header.len;
    equals = pair.len ? memchr(pair.data, '=', pair.len) : NULL;
    left = pair;
    if (equals) {
        left.len = (apr_size_t)(equals - pair.data);
        right = djs_bytes_of(equals + 1, pair.len - left.len - 1);
    }
    left = trimmed(left);
    right = trimmed(right);
    sent = apr_palloc(pool, header.len + 2);
    memcpy(sent, left.data ? left.data : "", left.len);
    if (equals && left.len) {
        sent[left.len++] = '=';
    }
    memcpy(sent + left.len, right.data, right.len);

    for (apr_size_t i = 0; i + 1 < left.len + right.len; i++) {
        if (sent[i] == ',' && sent[i + 1] == ' ') {
            return;
        }
    }
    djs_cookie_candidates(&back, djs_bytes_of(sent, left.len + right.len),
                          name());
    assert(!back.sent || djs_cookie_sets(header, name()));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    /* Exactly as long as it says, so that a read behind it is noticed. */
    char *bytes = malloc(size ? size : 1);
    djs_bytes_t header = { bytes, size };

    if (!pool) {
        apr_initialize();
        apr_pool_create(&pool, NULL);
    }
    memcpy(bytes, data, size);
    if (size <= DJS_COOKIE_CONSIDERED) {
        check_candidates(header);
    }
    check_hide(header);
    check_last(header);
    check_sets(header);
    free(bytes);
    apr_pool_clear(pool);
    return 0;
}
