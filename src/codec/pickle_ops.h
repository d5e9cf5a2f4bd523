/* codec/pickle_ops.h - opcodes of a pickle and the arguments behind them.
 * Internal to codec/pickle. */
#ifndef DJS_CODEC_PICKLE_OPS_H
#define DJS_CODEC_PICKLE_OPS_H

#include "base/bytes.h"
#include "codec/django.h"

typedef struct {
    const char *at;
    const char *end;
    unsigned char op;
    djs_bytes_t arg; /* numbers, texts, lines without their end; borrowed */
} djs_pickle_op_t;

/* Begins before the first opcode of `pickle`, which is borrowed. */
void djs_pickle_op_init(djs_pickle_op_t *op, djs_bytes_t pickle);

/* Reads the next opcode and its argument. DJS_DJANGO_OK, with `op` and `arg`
 * set; _MALICIOUS for one that could run or build anything; _UNSUPPORTED for
 * one that Python 2 wrote; _MALFORMED for what is none, or is cut short. */
djs_django_e djs_pickle_op_next(djs_pickle_op_t *op);

/* An argument of up to 8 bytes, low byte first, without a sign. */
apr_uint64_t djs_pickle_op_number(djs_bytes_t arg);

#endif
