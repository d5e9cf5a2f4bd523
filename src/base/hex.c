/* base/hex.c - lower-case hexadecimal, both ways. */
#include "base/hex.h"
#include "base/status.h"

static int digit_value(char c)
{
    if (c >= '0' && c <= '9') {
        return c - '0';
    }
    if (c >= 'a' && c <= 'f') {
        return c - 'a' + 10;
    }
    if (c >= 'A' && c <= 'F') {
        return c - 'A' + 10;
    }
    return -1;
}

void djs_hex_encode(char *out, const unsigned char *data, apr_size_t len)
{
    static const char digits[] = "0123456789abcdef";

    for (apr_size_t i = 0; i < len; i++) {
        *out++ = digits[data[i] >> 4];
        *out++ = digits[data[i] & 15];
    }
    *out = '\0';
}

apr_status_t djs_hex_decode(unsigned char *out, apr_size_t len,
                            djs_bytes_t text)
{
    if (text.len / 2 != len || text.len % 2 != 0) {
        goto refuse;
    }
    for (apr_size_t i = 0; i < len; i++) {
        int high = digit_value(text.data[2 * i]);
        int low = digit_value(text.data[2 * i + 1]);

        if (high < 0 || low < 0) {
            goto refuse;
        }
        out[i] = (unsigned char)(high << 4 | low);
    }
    return APR_SUCCESS;

refuse:
    /* Half a key must not be mistaken for one. */
    if (len > 0) {
        memset(out, 0, len);
    }
    return DJS_EINVALID;
}
