/* base/hex.h - lower-case hexadecimal, both ways. */
#ifndef DJS_BASE_HEX_H
#define DJS_BASE_HEX_H

#include <apr_errno.h>
#include "base/bytes.h"

/* Writes 2 * len digits and a NUL to `out`. */
void djs_hex_encode(char *out, const unsigned char *data, apr_size_t len);

/* Exactly 2 * len digits (either case) to `out`, else DJS_EINVALID. */
apr_status_t djs_hex_decode(unsigned char *out, apr_size_t len,
                            djs_bytes_t text);

#endif
