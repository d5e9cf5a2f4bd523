/* codec/json_compare.c - which of two JSON numbers is larger, exactly.
 *
 * A number is taken as the decimal that its text says, never as a double: so
 * 9007199254740993 is not 9007199254740992, and 1, 1.0 and 10e-1 are one. It
 * is read as 0.DIGITS times ten to a power, the digits without zeros at either
 * end; then signs, powers and digits tell. */
#include <apr_lib.h>
#include "codec/json.h"

#define EXPONENT_DIGITS 15 /* so that sums with lengths fit 64 bits */

typedef struct {
    int sign;          /* -1, 0 or 1 */
    apr_int64_t power; /* of ten */
    const char *digits;
    apr_size_t len; /* of digits, a point among them counted too */
} decimal_t;

static apr_status_t read_exponent(apr_int64_t *out, const char *at,
                                  const char *end)
{
    int negative = 0;
    int count = 0;

    *out = 0;
    if (at < end && (*at == '-' || *at == '+')) {
        negative = *at++ == '-';
    }
    for (; at < end; at++) {
        count += count > 0 || *at != '0';
        if (!apr_isdigit(*at) || count > EXPONENT_DIGITS) {
            return DJS_ETYPE;
        }
        *out = *out * 10 + (*at - '0');
    }
    *out = negative ? -*out : *out;
    return APR_SUCCESS;
}

/* Cuts zeros (and a point between them) off both ends of the digits, and finds
 * the power that stands for the point: the distance from the first digit that
 * is no zero to the point. */
static void normalise(decimal_t *out, const char *from, const char *to)
{
    const char *point = memchr(from, '.', (apr_size_t)(to - from));
    const char *unit = point != NULL ? point : to;

    while (from < to && (*from == '0' || *from == '.')) {
        from++;
    }
    while (to > from && (to[-1] == '0' || to[-1] == '.')) {
        to--;
    }
    out->digits = from;
    out->len = (apr_size_t)(to - from);
    /* Behind the point, the point itself is no place. */
    out->power += from <= unit ? unit - from : unit - from + 1;
}

static apr_status_t take_apart(decimal_t *out, djs_bytes_t value)
{
    const char *at = value.data;
    const char *end = value.data + value.len;
    const char *stop;
    djs_json_e kind;
    apr_status_t rv = APR_SUCCESS;

    if (value.len == 0) {
        return DJS_ETYPE;
    }
    kind = djs_json_kind(value);
    if (kind != DJS_JSON_INTEGER && kind != DJS_JSON_FLOAT) {
        return DJS_ETYPE;
    }
    out->power = 0;
    out->sign = *at == '-' ? -1 : 1;
    at += *at == '-';
    for (stop = at; stop < end && (apr_isdigit(*stop) || *stop == '.');) {
        stop++;
    }
    if (stop == at) {
        return DJS_ETYPE; /* NaN, Infinity */
    }
    if (stop < end) {
        rv = read_exponent(&out->power, stop + 1, end);
    }
    normalise(out, at, stop);
    if (out->len == 0) {
        out->sign = 0;
        out->power = 0;
    }
    return rv;
}

/* Of two numbers with one sign and one power, without their signs. */
static int order_of_digits(const decimal_t *a, const decimal_t *b)
{
    apr_size_t i = 0;
    apr_size_t j = 0;

    while (1) {
        i += i < a->len && a->digits[i] == '.';
        j += j < b->len && b->digits[j] == '.';
        if (i == a->len || j == b->len) {
            return (i < a->len) - (j < b->len);
        }
        if (a->digits[i] != b->digits[j]) {
            return a->digits[i] < b->digits[j] ? -1 : 1;
        }
        i++;
        j++;
    }
}

apr_status_t djs_json_compare(int *order, djs_bytes_t a, djs_bytes_t b)
{
    decimal_t x;
    decimal_t y;
    apr_status_t rv = take_apart(&x, a);

    *order = 0;
    if (rv == APR_SUCCESS) {
        rv = take_apart(&y, b);
    }
    if (rv != APR_SUCCESS) {
        return rv;
    }
    if (x.sign != y.sign) {
        *order = x.sign < y.sign ? -1 : 1;
    }
    else if (x.power != y.power) {
        *order = (x.power < y.power ? -1 : 1) * x.sign;
    }
    else {
        *order = order_of_digits(&x, &y) * x.sign;
    }
    return APR_SUCCESS;
}
