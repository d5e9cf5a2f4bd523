/* codec/pickle_text.h - strings as pickles have them, as normal JSON. Internal
 * to codec/pickle. */
#ifndef DJS_CODEC_PICKLE_TEXT_H
#define DJS_CODEC_PICKLE_TEXT_H

#include <apr_pools.h>
#include "base/bytes.h"

typedef enum {
    DJS_PICKLE_UTF8, /* halves of surrogate pairs too, as Python has them */
    DJS_PICKLE_RAW,  /* Latin-1 with \uXXXX and \UXXXXXXXX: protocol 0 */
    DJS_PICKLE_ASCII /* str of Python 2, which Python 3 reads as ASCII */
} djs_pickle_text_e;

/* Nonzero with `bytes` as a normal string in `p`; zero when they are not of
 * that form. */
int djs_pickle_text(djs_bytes_t *json, djs_bytes_t bytes,
                    djs_pickle_text_e form, apr_pool_t *p);

#endif
