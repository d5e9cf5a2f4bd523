/* base/random.c - random bytes from OpenSSL's CSPRNG, and nothing else. */
#include <string.h>
#include <openssl/rand.h>
#include "base/random.h"
#include "base/status.h"

#define LONGEST_DRAW 65536 /* RAND_bytes counts in int */

apr_status_t djs_random(unsigned char *out, apr_size_t len)
{
    for (apr_size_t done = 0; done < len;) {
        apr_size_t draw = len - done;

        if (draw > LONGEST_DRAW) {
            draw = LONGEST_DRAW;
        }
        if (RAND_bytes(out + done, (int)draw) != 1) {
            memset(out, 0, len);
            return DJS_ERANDOM;
        }
        done += draw;
    }
    return APR_SUCCESS;
}
