/* unit/record_fixture.h - a ring of a known secret, and a record to put under
 * it. */
#ifndef DJS_UNIT_RECORD_FIXTURE_H
#define DJS_UNIT_RECORD_FIXTURE_H

#define OPENSSL_SUPPRESS_DEPRECATED
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <cmocka.h>
#include <apr_general.h>
#include <apr_strings.h>
#include <openssl/err.h>
#include <openssl/rand.h>
#include "base/hex.h"
#include "codec/record.h"

#define COUNT(a)   (sizeof(a) / sizeof(*(a)))
#define HEADER_LEN 86
#define SECOND     APR_INT64_C(1000000)

static apr_pool_t *pool;
static djs_keyring_t *ring; /* secret 0 is 00 01 .. 1f */
static unsigned char secrets[3][DJS_SECRET_BYTES];

static const djs_record_mode_e modes[] = { DJS_RECORD_SEALED, DJS_RECORD_BARE };

static inline djs_record_place_t place_of(const char *ns, const char *store_key)
{
    djs_record_place_t place = { djs_bytes(ns), djs_bytes(store_key) };

    return place;
}

static djs_record_place_t home(void)
{
    return place_of("www.example.com",
                    "bf59bc80ade5fd038eacb07114a1419bc50eb38d");
}

static djs_record_t record_of(djs_bytes_t body)
{
    djs_record_t record = { .kind = DJS_RECORD_SESSION,
                            .flags = DJS_RECORD_TLS,
                            .tag = "90f0671d553d",
                            .created = 1767225600 * SECOND,
                            .keyed = 1767229200 * SECOND,
                            .authenticated = 1767229200 * SECOND,
                            .saved = 1767232800 * SECOND + SECOND / 4,
                            .expires = 1768442400 * SECOND + SECOND / 4,
                            .age = 1209600 * SECOND,
                            .version = 3,
                            .epoch = 1767222000 * (apr_uint64_t)SECOND,
                            .body = body };

    return record;
}

static inline djs_bytes_t seal(const djs_record_t *record,
                               djs_record_mode_e mode, djs_record_place_t place)
{
    djs_bytes_t out;

    assert_int_equal(djs_record_seal(&out, record, mode, place, ring, pool),
                     APR_SUCCESS);
    return out;
}

static void assert_same(const djs_record_t *a, const djs_record_t *b)
{
    assert_int_equal(a->kind, b->kind);
    assert_int_equal(a->flags, b->flags);
    assert_string_equal(a->tag, b->tag);
    assert_int_equal(a->created, b->created);
    assert_int_equal(a->keyed, b->keyed);
    assert_int_equal(a->authenticated, b->authenticated);
    assert_int_equal(a->saved, b->saved);
    assert_int_equal(a->expires, b->expires);
    assert_int_equal(a->age, b->age);
    assert_int_equal(a->version, b->version);
    assert_int_equal(a->epoch, b->epoch);
    assert_true(djs_bytes_equal(a->body, b->body));
    assert_int_equal(b->body.data[b->body.len], '\0');
}

static inline void assert_opens(djs_bytes_t bytes, djs_record_mode_e mode,
                                const djs_record_t *want)
{
    djs_record_t got;

    assert_int_equal(djs_record_open(&got, bytes, mode, home(), ring, pool),
                     APR_SUCCESS);
    assert_same(want, &got);
}

/* One class of error, nothing handed out, nothing in OpenSSL's queue. The
 * bytes are copied to a place of their size, so that ASan sees over-reads. */
static void assert_unreadable_at(djs_bytes_t bytes, djs_record_mode_e mode,
                                 djs_record_place_t place)
{
    static const djs_record_t nothing;
    char *copy = malloc(bytes.len ? bytes.len : 1);
    djs_record_t got;
    apr_pool_t *p;

    memcpy(copy, bytes.data, bytes.len);
    apr_pool_create(&p, pool);
    assert_int_equal(djs_record_open(&got, djs_bytes_of(copy, bytes.len), mode,
                                     place, ring, p),
                     DJS_EUNREADABLE);
    assert_memory_equal(&got, &nothing, sizeof(got));
    assert_int_equal(ERR_peek_error(), 0);
    apr_pool_destroy(p);
    free(copy);
}

static inline void assert_unreadable(djs_bytes_t bytes, djs_record_mode_e mode)
{
    assert_unreadable_at(bytes, mode, home());
}

static inline djs_bytes_t filled(size_t len)
{
    char *data = apr_palloc(pool, len + 1);

    for (size_t i = 0; i < len; i++) {
        data[i] = (char)(i * 7 + i / 256);
    }
    return djs_bytes_of(data, len);
}

static inline void assert_one_value_only(djs_bytes_t bytes, size_t at,
                                         djs_record_mode_e mode)
{
    unsigned char *byte = (unsigned char *)bytes.data + at;
    unsigned char right = *byte;

    for (int value = 0; value < 256; value++) {
        *byte = (unsigned char)value;
        if (value != right) {
            assert_unreadable(bytes, mode);
        }
    }
    *byte = right;
}

static inline int seeded(void)
{
    return 1;
}

static inline void use_random(int (*bytes)(unsigned char *, int))
{
    static RAND_METHOD method;

    method.bytes = method.pseudorand = bytes;
    method.status = seeded;
    RAND_set_rand_method(bytes ? &method : NULL);
}

static inline int start(void)
{
    apr_initialize();
    apr_pool_create(&pool, NULL);
    for (int i = 0; i < DJS_SECRET_BYTES; i++) {
        secrets[0][i] = (unsigned char)i;
    }
    memset(secrets[1], 0xff, sizeof(secrets[1]));
    if (djs_keyring_create(&ring, (const void *)secrets, 1, pool)) {
        return 1;
    }
    return 0;
}

static inline void stop(void)
{
    apr_pool_destroy(pool);
    apr_terminate();
}

#endif
