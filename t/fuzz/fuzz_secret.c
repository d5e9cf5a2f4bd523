/* fuzz_secret - a secret is 64 hex digits and an end of line, nothing else. */
#include <stdint.h>
#include <stdlib.h>
#include <openssl/crypto.h>
#include "base/hex.h"
#include "base/status.h"
#include "codec/secret.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static int is_digit(uint8_t c)
{
    return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'f') ||
           (c >= 'A' && c <= 'F');
}

/* The rule as a reader of the manual would put it. */
static int is_secret(const uint8_t *data, size_t size)
{
    if (size < 64 || size > 66) {
        return 0;
    }
    for (size_t i = 0; i < 64; i++) {
        if (!is_digit(data[i])) {
            return 0;
        }
    }
    return size == 64 || (size == 65 && data[64] == '\n') ||
           (size == 66 && data[64] == '\r' && data[65] == '\n');
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const unsigned char zeros[DJS_SECRET_BYTES];
    djs_bytes_t text = { (const char *)data, size };
    unsigned char secret[DJS_SECRET_BYTES] = "something old";
    char hex[2 * DJS_SECRET_BYTES + 1];
    apr_status_t rv = djs_secret_parse(secret, text);

    if ((rv == APR_SUCCESS) != is_secret(data, size)) {
        abort();
    }
    if (rv != APR_SUCCESS &&
        (rv != DJS_EINVALID || CRYPTO_memcmp(secret, zeros, sizeof(zeros)))) {
        abort();
    }
    djs_hex_encode(hex, secret, sizeof(secret));
    for (size_t i = 0; rv == APR_SUCCESS && i < 64; i++) {
        if (hex[i] !=
            (char)(data[i] >= 'A' && data[i] <= 'F' ? data[i] | 32 : data[i])) {
            abort();
        }
    }
    return 0;
}
