/* session/key - session keys, drawn evenly from a-z0-9. */
#include <openssl/crypto.h>
#include "base/status.h"
#include "session/key.h"

#define KEY_ALPHABET 36
#define KEY_ACCEPTED 252 /* 7 * 36: the bytes that spread evenly over it */
#define KEY_BATCH    48  /* random bytes a round; 32 would be refused often */
#define KEY_ROUNDS   16  /* a generator that fills none of them is broken */

static const char alphabet[KEY_ALPHABET + 1] =
    "abcdefghijklmnopqrstuvwxyz0123456789";

/* Writes characters from `pool` to out[have...]; returns how many stand there
 * then. */
static int key_draw(char *out, int have, const unsigned char *pool)
{
    for (int i = 0; i < KEY_BATCH && have < DJS_KEY_LEN; i++) {
        if (pool[i] < KEY_ACCEPTED) {
            out[have++] = alphabet[pool[i] % KEY_ALPHABET];
        }
    }
    return have;
}

int djs_key_valid(djs_bytes_t text)
{
    unsigned bad = 0;

    if (text.len != DJS_KEY_LEN) {
        return 0;
    }
    for (int i = 0; i < DJS_KEY_LEN; i++) {
        unsigned c = (unsigned char)text.data[i];

        bad |= (unsigned)(c - 'a' > 'z' - 'a') & (unsigned)(c - '0' > 9);
    }
    return !bad;
}

apr_status_t djs_key_make(char out[DJS_KEY_LEN + 1], djs_random_fn random)
{
    unsigned char pool[KEY_BATCH];
    apr_status_t rv = APR_SUCCESS;
    int have = 0;

    for (int i = 0; i < KEY_ROUNDS && have < DJS_KEY_LEN; i++) {
        rv = random(pool, sizeof(pool));
        if (rv != APR_SUCCESS) {
            break;
        }
        have = key_draw(out, have, pool);
    }
    OPENSSL_cleanse(pool, sizeof(pool));

    if (have < DJS_KEY_LEN) {
        OPENSSL_cleanse(out, DJS_KEY_LEN + 1);
        return DJS_ERANDOM;
    }
    out[DJS_KEY_LEN] = '\0';
    return APR_SUCCESS;
}
