/* codec/json_number.c - integers of JSON, as 64 bits and of any length. */
#include "codec/json.h"
#include "codec/json_read.h"

typedef struct {
    int negative;
    const char *digits; /* without leading zeros */
    apr_size_t len;
} integer_t;

static apr_status_t take_apart(integer_t *out, djs_bytes_t value)
{
    if (value.len == 0 || djs_json_kind(value) != DJS_JSON_INTEGER) {
        return DJS_ETYPE;
    }
    out->negative = value.data[0] == '-';
    out->digits = value.data + out->negative;
    out->len = value.len - (apr_size_t)out->negative;
    while (out->len > 0 && *out->digits == '0') {
        out->digits++;
        out->len--;
    }
    return out->len > DJS_JSON_DIGITS ? DJS_ETOOBIG : APR_SUCCESS;
}

/* The digit `i` places from the right; 0 left of the first. */
static int digit(const integer_t *n, apr_size_t i)
{
    return i < n->len ? n->digits[n->len - 1 - i] - '0' : 0;
}

/* Is |a| < |b|? */
static int is_less(const integer_t *a, const integer_t *b)
{
    if (a->len != b->len) {
        return a->len < b->len;
    }
    return memcmp(a->digits, b->digits, a->len) < 0;
}

/* Writes |a| + sign * |b|, where it is not negative, to the `len` digits that
 * end at `end`; enough of them that nothing carries out. */
static void combine(char *end, apr_size_t len, const integer_t *a,
                    const integer_t *b, int sign)
{
    int carry = 0;

    for (apr_size_t i = 0; i < len; i++) {
        int sum = digit(a, i) + sign * digit(b, i) + carry;

        carry = sum < 0 ? -1 : sum / 10;
        *--end = (char)('0' + sum - 10 * carry);
    }
}

apr_status_t djs_json_int64(apr_int64_t *out, djs_bytes_t value)
{
    integer_t n;
    apr_int64_t sum = 0; /* kept negative: that side reaches one further */
    apr_status_t rv = take_apart(&n, value);

    *out = 0;
    if (rv != APR_SUCCESS) {
        return rv;
    }
    for (apr_size_t i = 0; i < n.len; i++) {
        int d = n.digits[i] - '0';

        if (sum < (APR_INT64_MIN + d) / 10) {
            return DJS_ETOOBIG;
        }
        sum = sum * 10 - d;
    }
    if (!n.negative && sum == APR_INT64_MIN) {
        return DJS_ETOOBIG;
    }
    *out = n.negative ? sum : -sum;
    return APR_SUCCESS;
}

apr_status_t djs_json_add(djs_bytes_t *out, djs_bytes_t a, djs_bytes_t b,
                          apr_pool_t *p)
{
    integer_t x;
    integer_t y;
    apr_size_t len;
    char *text;
    apr_status_t rv_a = take_apart(&x, a);
    apr_status_t rv_b = take_apart(&y, b);

    *out = djs_bytes_of("", 0);
    if (rv_a == DJS_ETYPE || rv_b == DJS_ETYPE) {
        return DJS_ETYPE;
    }
    if (rv_a != APR_SUCCESS || rv_b != APR_SUCCESS) {
        return DJS_ETOOBIG;
    }
    if (is_less(&x, &y)) {
        integer_t swap = x;

        x = y;
        y = swap;
    }
    len = x.len + 1;
    text = apr_palloc(p, len + 2); /* sign, digits, NUL */
    combine(text + 1 + len, len, &x, &y, x.negative == y.negative ? 1 : -1);
    text[1 + len] = '\0';
    text++;
    while (len > 1 && *text == '0') {
        text++;
        len--;
    }
    if (len > DJS_JSON_DIGITS) {
        return DJS_ETOOBIG;
    }
    if (x.negative && *text != '0') {
        *--text = '-';
        len++;
    }
    *out = djs_bytes_of(text, len);
    return APR_SUCCESS;
}
