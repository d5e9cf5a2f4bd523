/* record_filter - seals and opens records for a comparison with Python's
 * (record_against_python.py).
 *
 * Reads cases from standard input, seven parts each: secret; namespace; session
 * key; "1" sealed or "2" bare; kind, flags, version, six times and epoch, eight
 * bytes each; body; and a record of all that. Writes three: the store key; the
 * record that we make; and, from theirs, these numbers, tag and body. Each part
 * stands behind its length. Numbers have the high byte first. */
#include <stdio.h>
#include <stdlib.h>
#include <apr_general.h>
#include "codec/record.h"

enum { SECRET, NS, SESSION_KEY, MODE, NUMBERS, BODY, THEIRS, PARTS };

#define NUMBER_COUNT 10

static void fail(const char *why)
{
    fprintf(stderr, "record_filter: %s\n", why);
    exit(1);
}

/* One part into `p`; 0 at the end of the input. */
static int read_part(djs_bytes_t *part, apr_pool_t *p)
{
    unsigned char length[4];
    char *data;

    if (fread(length, 1, 4, stdin) != 4) {
        return 0;
    }
    part->len = (apr_size_t)length[0] << 24 | (apr_size_t)length[1] << 16 |
                (apr_size_t)length[2] << 8 | length[3];
    data = apr_palloc(p, part->len + 1);
    part->data = data;
    return fread(data, 1, part->len, stdin) == part->len;
}

static int read_case(djs_bytes_t *parts, apr_pool_t *p)
{
    for (int i = 0; i < PARTS; i++) {
        if (!read_part(&parts[i], p)) {
            return 0;
        }
    }
    return 1;
}

static void put_number(apr_uint64_t number, int bytes)
{
    while (bytes-- > 0) {
        putchar((int)(number >> 8 * bytes & 255));
    }
}

static void put_part(djs_bytes_t part)
{
    put_number(part.len, 4);
    fwrite(part.data, 1, part.len, stdout);
}

static apr_int64_t number(djs_bytes_t numbers, int which)
{
    apr_uint64_t sum = 0;

    for (int i = 8 * which; i < 8 * (which + 1); i++) {
        sum = sum << 8 | (unsigned char)numbers.data[i];
    }
    return (apr_int64_t)sum;
}

static void set_numbers(djs_record_t *record, djs_bytes_t numbers)
{
    record->kind = (djs_record_kind_e)number(numbers, 0);
    record->flags = (unsigned)number(numbers, 1);
    record->version = (apr_uint64_t)number(numbers, 2);
    record->created = number(numbers, 3);
    record->keyed = number(numbers, 4);
    record->authenticated = number(numbers, 5);
    record->saved = number(numbers, 6);
    record->expires = number(numbers, 7);
    record->age = number(numbers, 8);
    record->epoch = (apr_uint64_t)number(numbers, 9);
}

static void put_record(const djs_record_t *record)
{
    put_number(8 * NUMBER_COUNT + DJS_TAG_LEN + record->body.len, 4);
    put_number(record->kind, 8);
    put_number(record->flags, 8);
    put_number(record->version, 8);
    put_number((apr_uint64_t)record->created, 8);
    put_number((apr_uint64_t)record->keyed, 8);
    put_number((apr_uint64_t)record->authenticated, 8);
    put_number((apr_uint64_t)record->saved, 8);
    put_number((apr_uint64_t)record->expires, 8);
    put_number((apr_uint64_t)record->age, 8);
    put_number(record->epoch, 8);
    fwrite(record->tag, 1, DJS_TAG_LEN, stdout);
    fwrite(record->body.data, 1, record->body.len, stdout);
}

static void run_case(const djs_bytes_t *parts, apr_pool_t *p)
{
    djs_record_mode_e mode =
        parts[MODE].data[0] == '1' ? DJS_RECORD_SEALED : DJS_RECORD_BARE;
    djs_record_t record = { .body = parts[BODY] };
    char store_key[DJS_STORE_KEY_LEN + 1];
    djs_record_place_t place;
    djs_keyring_t *ring = NULL;
    djs_bytes_t ours;

    if (parts[SECRET].len != DJS_SECRET_BYTES ||
        parts[NUMBERS].len != 8 * NUMBER_COUNT ||
        djs_keyring_create(&ring, (const void *)parts[SECRET].data, 1, p) ||
        djs_keyring_store_key(ring, 0, parts[NS], parts[SESSION_KEY],
                              store_key) ||
        djs_keyring_tag(ring, parts[SESSION_KEY], record.tag)) {
        fail("no such case");
    }
    place.ns = parts[NS];
    place.store_key = djs_bytes(store_key);
    put_part(place.store_key);
    set_numbers(&record, parts[NUMBERS]);
    if (djs_record_seal(&ours, &record, mode, place, ring, p)) {
        fail("not sealed");
    }
    put_part(ours);
    if (djs_record_open(&record, parts[THEIRS], mode, place, ring, p)) {
        fail("not opened");
    }
    put_record(&record);
}

int main(void)
{
    djs_bytes_t parts[PARTS];
    apr_pool_t *top, *p;

    apr_initialize();
    apr_pool_create(&top, NULL);
    apr_pool_create(&p, top);
    while (read_case(parts, p)) {
        run_case(parts, p);
        apr_pool_clear(p);
    }
    apr_pool_destroy(top);
    return ferror(stdout) || fflush(stdout) ? 1 : 0;
}
