/* codec/pynumber.c - numbers as Python writes them. */
#include "codec/pynumber.h"

#include <locale.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <strings.h>
#include <apr_strings.h>
#include <openssl/bn.h>
#include "codec/json_read.h"

#define DIGITS     17   /* tell any two floats apart */
#define MOST_BYTES 1790 /* of an integer with 4300 digits */

/* ----------------------------------------------------------------- floats */

/* The value of a plain number, whatever the locale's decimal point. */
static double value_of(const char *text)
{
    locale_t c = newlocale(LC_ALL_MASK, "C", (locale_t)0);
    double value = c ? strtod_l(text, NULL, c) : strtod(text, NULL);

    if (c) {
        freelocale(c);
    }
    return value;
}

/* The digits of |value| rounded to `count` of them, and the power of ten that
 * the first one stands for. */
static int round_to(char digits[DIGITS + 1], double value, int count)
{
    char text[DJS_FLOAT_LEN];
    const char *at = text;
    int len = 0;

    snprintf(text, sizeof(text), "%.*e", count - 1, value);
    for (; *at != 'e'; at++) {
        if (*at >= '0' && *at <= '9' && len < DIGITS) {
            digits[len++] = *at;
        }
    }
    digits[len] = '\0';
    return (int)strtol(at + 1, NULL, 10);
}

static int reads_as(const char *digits, int exponent, double value)
{
    char text[DJS_FLOAT_LEN];

    snprintf(text, sizeof(text), "%se%d", digits,
             exponent - (int)strlen(digits) + 1);
    return value_of(text) == value;
}

/* Next to a power of two the gap below is half the gap above, so that the
 * nearest text may fail where the one above it does not. */
static int count_up(char *digits)
{
    size_t len = strlen(digits);

    if (digits[len - 1] == '9') {
        return 0;
    }
    digits[len - 1]++;
    return 1;
}

/* The fewest digits that read as `value` again. Up to 15 of them survive every
 * normal double, so that fewer show as zeros at the end; others are tried. */
static int shortest(char digits[DIGITS + 1], double value)
{
    int count = isnormal(value) ? 15 : 1;
    int exponent;
    size_t len;

    for (;; count++) {
        exponent = round_to(digits, value, count);
        if (count == DIGITS || reads_as(digits, exponent, value) ||
            (count_up(digits) && reads_as(digits, exponent, value))) {
            break;
        }
    }
    len = strlen(digits);
    while (len > 1 && digits[len - 1] == '0') {
        digits[--len] = '\0';
    }
    return exponent;
}

/* 123.0, 0.00123 */
static int lay_out(char *out, const char *digits, int exponent)
{
    int len = (int)strlen(digits);
    int at = 0;

    if (exponent < 0) {
        return snprintf(out, DJS_FLOAT_LEN, "0.%.*s%s", -exponent - 1, "000",
                        digits);
    }
    for (int i = 0; i <= exponent; i++) {
        out[at++] = i < len ? digits[i] : '0';
    }
    return at + snprintf(out + at, DJS_FLOAT_LEN - (size_t)at, ".%s",
                         len > exponent + 1 ? digits + exponent + 1 : "0");
}

int djs_float_write(char out[DJS_FLOAT_LEN], double value)
{
    char digits[DIGITS + 1];
    int sign = signbit(value) && !isnan(value);
    int exponent;

    if (isnan(value) || isinf(value)) {
        return snprintf(out, DJS_FLOAT_LEN, "%s",
                        isnan(value) ? "NaN"
                        : sign       ? "-Infinity"
                                     : "Infinity");
    }
    value = fabs(value);
    out[0] = '-';
    if (value == 0) {
        return sign + snprintf(out + sign, DJS_FLOAT_LEN - 1, "0.0");
    }
    exponent = shortest(digits, value);
    if (exponent >= -4 && exponent < 16) {
        return sign + lay_out(out + sign, digits, exponent);
    }
    return sign + snprintf(out + sign, DJS_FLOAT_LEN - 1, "%c%s%s%s%02d",
                           digits[0], digits[1] ? "." : "", digits + 1,
                           exponent < 0 ? "e-" : "e+", abs(exponent));
}

/* Digits from `at` on: how many. */
static apr_size_t digits_at(const char *at)
{
    return strspn(at, "0123456789");
}

/* Is it all of [+-]digits[.digits][e[+-]digits], with digits at either side of
 * the point? */
static int is_decimal(const char *at)
{
    apr_size_t before;
    apr_size_t after = 0;

    at += *at == '+' || *at == '-';
    before = digits_at(at);
    at += before;
    if (*at == '.') {
        after = digits_at(++at);
        at += after;
    }
    if (before + after == 0) {
        return 0;
    }
    if (*at == 'e' || *at == 'E') {
        at++;
        at += *at == '+' || *at == '-';
        if (digits_at(at) == 0) {
            return 0;
        }
        at += digits_at(at);
    }
    return *at == '\0';
}

static int is_word(double *out, const char *at)
{
    double sign = *at == '-' ? -1 : 1;

    at += *at == '+' || *at == '-';
    if (strcasecmp(at, "nan") == 0) {
        *out = NAN;
        return 1;
    }
    *out = sign * INFINITY;
    return strcasecmp(at, "inf") == 0 || strcasecmp(at, "infinity") == 0;
}

apr_status_t djs_float_read(double *out, djs_bytes_t text, apr_pool_t *p)
{
    const char *copy;

    if (text.len > 0 && memchr(text.data, '\0', text.len)) {
        return DJS_EINVALID;
    }
    copy = apr_pstrmemdup(p, text.data, text.len);
    if (is_word(out, copy)) {
        return APR_SUCCESS;
    }
    if (!is_decimal(copy)) {
        return DJS_EINVALID;
    }
    *out = value_of(copy);
    return APR_SUCCESS;
}

/* --------------------------------------------------------------- integers */

/* Minus the number, in the same bytes. */
static void negate(unsigned char *bytes, apr_size_t len)
{
    unsigned carry = 1;

    for (apr_size_t i = 0; i < len; i++) {
        carry += (unsigned)(unsigned char)~bytes[i];
        bytes[i] = (unsigned char)carry;
        carry >>= 8;
    }
}

apr_status_t djs_integer_write(djs_bytes_t *out, djs_bytes_t bytes,
                               apr_pool_t *p)
{
    unsigned char copy[MOST_BYTES];
    BIGNUM *n;
    char *digits = NULL;
    int negative;

    *out = djs_bytes_of("", 0);
    if (bytes.len > MOST_BYTES) {
        return DJS_ETOOBIG;
    }
    if (bytes.len > 0) {
        memcpy(copy, bytes.data, bytes.len);
    }
    negative = bytes.len > 0 && (copy[bytes.len - 1] & 0x80);
    if (negative) {
        negate(copy, bytes.len);
    }
    n = BN_lebin2bn(copy, (int)bytes.len, NULL);
    if (n) {
        BN_set_negative(n, negative);
        digits = BN_bn2dec(n);
        BN_free(n);
    }
    if (!digits) {
        return DJS_ETROUBLE;
    }
    *out = djs_bytes(apr_pstrdup(p, digits));
    OPENSSL_free(digits);
    if (out->len - (apr_size_t)negative > DJS_JSON_DIGITS) {
        *out = djs_bytes_of("", 0);
        return DJS_ETOOBIG;
    }
    return APR_SUCCESS;
}

/* The number in one byte more than its magnitude may need, then without the
 * bytes that only repeat the sign. */
static djs_bytes_t two_complement(const BIGNUM *n, apr_pool_t *p)
{
    apr_size_t len = (apr_size_t)BN_num_bytes(n) + 1;
    unsigned char *bytes = apr_palloc(p, len);
    unsigned char sign = BN_is_negative(n) ? 0xff : 0;

    BN_bn2lebinpad(n, bytes, (int)len);
    if (sign) {
        negate(bytes, len);
    }
    while (len > 1 && bytes[len - 1] == sign &&
           (bytes[len - 2] & 0x80) == (sign & 0x80)) {
        len--;
    }
    return djs_bytes_of((const char *)bytes, len);
}

apr_status_t djs_integer_read(djs_bytes_t *out, djs_bytes_t text, apr_pool_t *p)
{
    const char *copy;
    const char *digits;
    BIGNUM *n = NULL;

    *out = djs_bytes_of("", 0);
    if (text.len > DJS_JSON_DIGITS + 1) {
        return DJS_ETOOBIG;
    }
    copy = apr_pstrmemdup(p, text.data, text.len);
    digits = copy + (*copy == '-');
    if (*digits == '\0' ||
        digits_at(digits) != text.len - (apr_size_t)(digits - copy)) {
        return DJS_EINVALID;
    }
    if (strlen(digits) > DJS_JSON_DIGITS) {
        return DJS_ETOOBIG;
    }
    if (!BN_dec2bn(&n, copy)) {
        return DJS_ETROUBLE;
    }
    *out = two_complement(n, p);
    BN_free(n);
    return APR_SUCCESS;
}
