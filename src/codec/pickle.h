/* codec/pickle.h - Python's pickles of plain data, without a Python.
 *
 * A pickle is a program. It is walked over once before anything is built: an
 * opcode that could import, call or build an object, or that reaches outside
 * the pickle, is found there and ends it. What is left only makes strings,
 * numbers and containers. Nothing recurses; memo, nesting, values and size are
 * bounded. Protocols 0 to 5 are read. */
#ifndef DJS_CODEC_PICKLE_H
#define DJS_CODEC_PICKLE_H

#include <apr_pools.h>
#include "base/bytes.h"
#include "base/status.h"
#include "codec/django.h"

#define DJS_PICKLE_VALUES 262144 /* made, on the stack, written, at most */
#define DJS_PICKLE_MEMO   262144 /* slots */

typedef struct {
    djs_bytes_t json; /* normal text of a dict (codec/json.h); may be empty */
    int writable;     /* nonzero: written as a pickle again, it is the same */
} djs_pickle_t;

/* Reads a pickled dict; `out->json` lives in `p` and has at most `ceiling`
 * bytes. Numbers stand there as Python's json writes them.
 *
 * DJS_DJANGO_OK: it is JSON. If it held tuples, they are arrays now, and it is
 * not writable. DJS_DJANGO_UNSUPPORTED: it holds what JSON has no form for.
 * Unless `json` is empty it can be read all the same, and must not be written:
 * bytes are {"__bytes_b64__":"..."}, sets are arrays, keys that are numbers,
 * bool or None are their text, members with other keys are left out. Else:
 * DJS_DJANGO_NOT_OBJECT, _MALFORMED, _MALICIOUS (code, a cycle, or over a
 * bound), _TROUBLE, and `json` is empty. */
djs_django_e djs_pickle_read(djs_pickle_t *out, djs_bytes_t pickle,
                             apr_size_t ceiling, apr_pool_t *p);

/* Walks over a pickle and builds nothing: DJS_DJANGO_OK, _MALFORMED,
 * _UNSUPPORTED or _MALICIOUS. What is OK here may still be broken. */
djs_django_e djs_pickle_scan(djs_bytes_t pickle);

/* Writes a normal JSON object as a pickle of protocol 4, which Python 3.4 and
 * later load, to `*out` in `p`. DJS_ETYPE: no object. DJS_EINVALID: not normal
 * text, or nested too deep. DJS_ETOOBIG: more than `ceiling` bytes. */
apr_status_t djs_pickle_write(djs_bytes_t *out, djs_bytes_t json,
                              apr_size_t ceiling, apr_pool_t *p);

#endif
