/* bench_codec - what one step of a lookup costs.
 *
 *   bench_codec STEP N [BYTES]
 *
 * does STEP (key, open, seal, tag; openbare, sealbare) N times on a body of
 * BYTES bytes (290: a sealed record of 408). Run it under callgrind with N and
 * with 0: the difference over N is the number of instructions of one. */
#include <stdio.h>
#include <stdlib.h>
#include <apr_general.h>
#include "codec/record.h"

static djs_keyring_t *ring;
static apr_pool_t *scratch;
static djs_record_place_t place;
static djs_record_t record;
static djs_bytes_t sealed, bare;

static apr_status_t do_key(void)
{
    char key[DJS_STORE_KEY_LEN + 1];

    return djs_keyring_store_key(
        ring, 0, place.ns, djs_bytes("0123456789abcdefghijklmnopqrstuv"), key);
}

static apr_status_t do_tag(void)
{
    char tag[DJS_TAG_LEN + 1];

    return djs_keyring_tag(ring, djs_bytes("0123456789abcdefghijklmnopqrstuv"),
                           tag);
}

static apr_status_t do_open(void)
{
    djs_record_t out;

    return djs_record_open(&out, sealed, DJS_RECORD_SEALED, place, ring,
                           scratch);
}

static apr_status_t do_seal(void)
{
    djs_bytes_t out;

    return djs_record_seal(&out, &record, DJS_RECORD_SEALED, place, ring,
                           scratch);
}

static apr_status_t do_openbare(void)
{
    djs_record_t out;

    return djs_record_open(&out, bare, DJS_RECORD_BARE, place, ring, scratch);
}

static apr_status_t do_sealbare(void)
{
    djs_bytes_t out;

    return djs_record_seal(&out, &record, DJS_RECORD_BARE, place, ring,
                           scratch);
}

static const struct {
    const char *name;
    apr_status_t (*run)(void);
} steps[] = {
    { "key", do_key },           { "tag", do_tag },
    { "open", do_open },         { "seal", do_seal },
    { "openbare", do_openbare }, { "sealbare", do_sealbare },
};

static apr_status_t prepare(apr_pool_t *p, apr_size_t bytes)
{
    static const unsigned char secret[1][DJS_SECRET_BYTES] = { "bench" };
    char *body = apr_palloc(p, bytes + 1);
    apr_status_t rv;

    memset(body, 'x', bytes);
    if (djs_keyring_create(&ring, secret, 1, p)) {
        return DJS_ETROUBLE;
    }
    place.ns = djs_bytes("localhost");
    place.store_key = djs_bytes("0123456789012345678901234567890123456789");
    record.kind = DJS_RECORD_SESSION;
    memcpy(record.tag, "0123456789ab", sizeof(record.tag));
    record.body = djs_bytes_of(body, bytes);
    rv = djs_record_seal(&sealed, &record, DJS_RECORD_SEALED, place, ring, p);
    if (rv == APR_SUCCESS) {
        rv = djs_record_seal(&bare, &record, DJS_RECORD_BARE, place, ring, p);
    }
    return rv;
}

int main(int argc, char **argv)
{
    const int count = (int)(sizeof(steps) / sizeof(*steps));
    apr_pool_t *p;
    int step = 0;
    long n;

    while (step < count && argc > 2 && strcmp(argv[1], steps[step].name)) {
        step++;
    }
    if (argc < 3 || step == count) {
        fputs("usage: bench_codec key|tag|open|seal|openbare|sealbare N"
              " [BYTES]\n",
              stderr);
        return 2;
    }
    n = strtol(argv[2], NULL, 10);
    apr_initialize();
    apr_pool_create(&p, NULL);
    apr_pool_create(&scratch, p);
    if (prepare(p, argc > 3 ? strtoul(argv[3], NULL, 10) : 290)) {
        return 1;
    }
    for (long i = 0; i < n; i++) {
        if (steps[step].run() != APR_SUCCESS) {
            return 1;
        }
        apr_pool_clear(scratch);
    }
    apr_pool_destroy(p);
    apr_terminate();
    return 0;
}
