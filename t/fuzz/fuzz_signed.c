/* fuzz_signed - any bytes as Django's signed text, as they are and as a payload
 * under a good signature: what is read is a normal object that is written and
 * read again as it was; renewing keeps it (H13 to H22). */
#include <assert.h>
#include <stdint.h>
#include <stdlib.h>
#include <apr_general.h>
#include <apr_pools.h>
#include <apr_strings.h>
#include "base/hex.h"
#include "codec/base64.h"
#include "codec/deflate.h"
#include "codec/django_sign.h"
#include "codec/json.h"

#define CEILING ((apr_size_t)65536)
#define NOW     apr_time_from_sec(1700000000)

static apr_pool_t *pool;
static djs_bytes_t secret = { "the seeds' key", 14 };

static djs_django_signer_t signer(void)
{
    djs_django_signer_t made = { &secret, 1,  djs_bytes(DJS_DJANGO_SALT),
                                 1,       -1, NOW };

    return made;
}

static djs_bytes_t sign(djs_bytes_t value)
{
    const char *hex = djs_django_salted_hmac(
        djs_bytes(DJS_DJANGO_SALT "signer"), secret, value, 0, pool);
    unsigned char raw[32];
    djs_bytes_t sum;
    char *text;

    assert(djs_hex_decode(raw, sizeof(raw), djs_bytes(hex)) == APR_SUCCESS);
    sum = djs_base64_encode(djs_bytes_of((char *)raw, sizeof(raw)),
                            DJS_BASE64_URL, pool);
    text = apr_palloc(pool, value.len + 1 + sum.len);
    memcpy(text, value.data, value.len);
    text[value.len] = ':';
    memcpy(text + value.len + 1, sum.data, sum.len);
    return djs_bytes_of(text, value.len + 1 + sum.len);
}

/* The text is read, and so is what is made of it. */
static djs_django_e check(djs_bytes_t text)
{
    djs_django_signer_t s = signer();
    djs_bytes_t json;
    djs_bytes_t made;
    djs_bytes_t again;
    djs_django_e verdict = djs_django_loads(&json, text, &s, CEILING, pool);

    if (verdict != DJS_DJANGO_OK) {
        assert(json.len == 0);
        return verdict;
    }
    assert(json.len <= CEILING && djs_json_kind(json) == DJS_JSON_OBJECT);
    assert(djs_django_dumps(&made, json, &s, pool) == APR_SUCCESS);
    assert(djs_django_loads(&again, made, &s, CEILING, pool) == DJS_DJANGO_OK);
    assert(djs_bytes_equal(again, json));
    if (djs_django_resign(&made, text, &s, pool) == DJS_DJANGO_OK) {
        assert(djs_django_loads(&again, made, &s, CEILING, pool) ==
               DJS_DJANGO_OK);
        assert(djs_bytes_equal(again, json));
    }
    return verdict;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    djs_bytes_t text = djs_bytes_of((const char *)data, size);
    djs_bytes_t out;
    djs_bytes_t payload;

    if (pool == NULL) {
        apr_initialize();
        apr_pool_create(&pool, NULL);
    }
    (void)check(text);
    /* as what stands before the signature */
    assert(check(sign(text)) != DJS_DJANGO_BAD_SIGNATURE);
    /* as what stands in the payload */
    payload = djs_base64_encode(text, DJS_BASE64_URL, pool);
    (void)check(
        sign(djs_bytes(apr_pstrcat(pool, payload.data, ":1r31eq", NULL))));
    (void)check(
        sign(djs_bytes(apr_pstrcat(pool, ".", payload.data, ":1r31eq", NULL))));
    if (djs_inflate(&out, text, CEILING, pool) == APR_SUCCESS) {
        assert(out.len <= CEILING);
    }
    apr_pool_clear(pool);
    return 0;
}
