/* session/forward.c - the session as headers that a back end can believe. */
#include "session/forward.h"

#include <string.h>
#include <apr_strings.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>
#include "base/hex.h"
#include "base/status.h"

#define MAC_BYTES 32

const char *const djs_forward_names[DJS_FORWARD_ITEMS] = {
    "X-DjSession-State",   "X-DjSession-User",    "X-DjSession-Tag",
    "X-DjSession-Created", "X-DjSession-Expires", "X-DjSession-Data",
};

int djs_forward_can_hold(const char *text)
{
    apr_size_t len = strlen(text), i;

    for (i = 0; i < len; i++) {
        unsigned char c = (unsigned char)text[i];

        if (c < ' ' || c == 0x7f) {
            return 0;
        }
    }
    return len > 0 && text[0] != ' ' && text[len - 1] != ' ';
}

const char *djs_forward_too_long(apr_size_t *len, const djs_forward_t *headers,
                                 apr_size_t most)
{
    int i;

    for (i = 0; i < DJS_FORWARD_ITEMS; i++) {
        if (headers->values[i] != NULL) {
            *len = strlen(djs_forward_names[i]) + strlen(": ") +
                   strlen(headers->values[i]);
            if (*len > most) {
                return djs_forward_names[i];
            }
        }
    }
    return NULL;
}

apr_status_t djs_forward_sign(const char **signature,
                              const djs_forward_t *headers,
                              const unsigned char key[DJS_FORWARD_KEY_BYTES],
                              apr_time_t now, apr_pool_t *p)
{
    const char *seconds = apr_off_t_toa(p, apr_time_sec(now));
    const char *const *v = headers->values;
    const char *text = seconds;
    unsigned char mac[MAC_BYTES];
    char hex[2 * MAC_BYTES + 1];
    unsigned len = 0;
    int i;

    for (i = 0; i < DJS_FORWARD_ITEMS; i++) {
        text = apr_pstrcat(p, text, "\n", v[i] != NULL ? v[i] : "", NULL);
    }
    if (HMAC(EVP_sha256(), key, DJS_FORWARD_KEY_BYTES,
             (const unsigned char *)text, strlen(text), mac, &len) == NULL ||
        len != MAC_BYTES) {
        ERR_clear_error();
        return DJS_ETROUBLE;
    }
    djs_hex_encode(hex, mac, MAC_BYTES);
    *signature = apr_pstrcat(p, "t=", seconds, ",v1=", hex, NULL);
    return APR_SUCCESS;
}
