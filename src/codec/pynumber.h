/* codec/pynumber.h - numbers as Python writes them: repr of a float, integers
 * of any length in two's complement. No locale has a say in it. */
#ifndef DJS_CODEC_PYNUMBER_H
#define DJS_CODEC_PYNUMBER_H

#include <apr_pools.h>
#include "base/bytes.h"
#include "base/status.h"

#define DJS_FLOAT_LEN 32 /* of a float's text, with its NUL */

/* What json.dumps writes: the shortest text that reads as `value` again, with
 * a point or an exponent; NaN, Infinity, -Infinity. Returns its length. */
int djs_float_write(char out[DJS_FLOAT_LEN], double value);

/* A decimal number, or inf, infinity, nan in any case, with or without a sign
 * (NaN and Infinity as JSON has them are among these). DJS_EINVALID for all
 * else: blanks, hexadecimal, underscores. Too large is infinity. */
apr_status_t djs_float_read(double *out, djs_bytes_t text, apr_pool_t *p);

/* Two's complement, low byte first (none: 0), as decimal digits in `p`.
 * DJS_ETOOBIG: more than 4300 digits, which Python does not write either. */
apr_status_t djs_integer_write(djs_bytes_t *out, djs_bytes_t bytes,
                               apr_pool_t *p);

/* Digits, a '-' before them or not, as the shortest two's complement, low byte
 * first, in `p`; zero has one byte. DJS_EINVALID: something else;
 * DJS_ETOOBIG: more than 4300 digits; DJS_ETROUBLE: no memory. */
apr_status_t djs_integer_read(djs_bytes_t *out, djs_bytes_t text,
                              apr_pool_t *p);

#endif
