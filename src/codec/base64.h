/* codec/base64.h - base64 as Python writes it, and as leniently as it reads.
 *
 * What Django hands to base64 stands under a good signature, or came from its
 * own store; so texts are read as binascii.a2b_base64 reads them, and a
 * session that Django opens opens here. Nothing is secret about the text. */
#ifndef DJS_CODEC_BASE64_H
#define DJS_CODEC_BASE64_H

#include <apr_pools.h>
#include "base/bytes.h"
#include "base/status.h"

typedef enum {
    DJS_BASE64_STANDARD, /* + and /, padded */
    DJS_BASE64_URL       /* - and _, not padded */
} djs_base64_e;

/* Bytes behind `text`, in `p`. As in Python bytes outside the alphabet are
 * passed over, reading ends at complete padding, and with DJS_BASE64_URL both
 * alphabets count and what is missing of the padding is added, as Django's
 * b64_decode does. DJS_EINVALID: it does not end where base64 can end. */
apr_status_t djs_base64_decode(djs_bytes_t *out, djs_bytes_t text,
                               djs_base64_e form, apr_pool_t *p);

/* `data` as text in `p`, NUL-terminated. */
djs_bytes_t djs_base64_encode(djs_bytes_t data, djs_base64_e form,
                              apr_pool_t *p);

#endif
