/* codec/json.h - JSON that keeps what it does not touch.
 *
 * Input is read as strictly as Python's json.loads reads it (so NaN, Infinity
 * and lone surrogate escapes pass, trailing commas and raw control characters
 * do not), except that bytes outside ASCII must be valid UTF-8. What is kept
 * is *normal*: compact, pure ASCII, strings escaped as json.dumps escapes
 * them, numbers the text they were. Two normal strings are equal when their
 * bytes are; a normal text inside a larger one is never rewritten.
 *
 * Nothing recurses: nesting is counted against DJS_JSON_DEPTH. */
#ifndef DJS_CODEC_JSON_H
#define DJS_CODEC_JSON_H

#include <apr_pools.h>
#include "base/bytes.h"
#include "base/status.h"

#define DJS_JSON_DEPTH   64 /* arrays and objects inside each other, at most */
#define DJS_JSON_DEEPEST 1000 /* for who asks for more, as Python does */

typedef enum {
    DJS_JSON_NULL,
    DJS_JSON_FALSE,
    DJS_JSON_TRUE,
    DJS_JSON_INTEGER, /* digits only, any length */
    DJS_JSON_FLOAT,   /* fraction, exponent, NaN, Infinity */
    DJS_JSON_STRING,
    DJS_JSON_ARRAY,
    DJS_JSON_OBJECT
} djs_json_e;

/* A member of an object: both parts normal text, the key with its quotes. */
typedef struct {
    djs_bytes_t key;
    djs_bytes_t value;
} djs_json_member_t;

typedef struct djs_json_index djs_json_index_t;

/* An object, taken apart at its top level only; in insertion order, no key
 * twice. Members are read freely, and changed by the functions below. */
typedef struct {
    apr_pool_t *p;
    djs_json_member_t *members;
    int count;
    int room;
    djs_json_index_t *index; /* keys of a large object; NULL while small */
} djs_json_object_t;

/* Reads one JSON value at the start of `text` (blanks before it skipped) and
 * writes it normal to `*out`, which lives in `p`. `*used`, unless NULL, is
 * where reading stopped; with `used` NULL anything but blanks after the value
 * is refused. DJS_EINVALID: not JSON, not UTF-8, or nested too deep;
 * DJS_ETOOBIG: more than `ceiling` bytes when normal. Linear in text.len.
 * A key that stands twice in one object stays so until it is taken apart. */
apr_status_t djs_json_normal(djs_bytes_t *out, apr_size_t *used,
                             djs_bytes_t text, apr_size_t ceiling,
                             apr_pool_t *p);

/* As djs_json_normal() of a whole text, but `depth` says how deep it may be
 * nested, up to DJS_JSON_DEEPEST. All other functions refuse a text that is
 * deeper than DJS_JSON_DEPTH. */
apr_status_t djs_json_normal_deep(djs_bytes_t *out, djs_bytes_t text,
                                  apr_size_t ceiling, int depth, apr_pool_t *p);

/* The kind of a normal value. */
djs_json_e djs_json_kind(djs_bytes_t value);

/* An object without members. */
void djs_json_object_init(djs_json_object_t *object, apr_pool_t *p);

/* Takes a normal text apart; members borrow from `text`. Of a key that stands
 * twice the last value counts, at the place of the first (as Python). DJS_ETYPE
 * when it is JSON but no object. The text need not be trusted: what is not
 * normal JSON is DJS_EINVALID. */
apr_status_t djs_json_object_read(djs_json_object_t *out, djs_bytes_t text,
                                  apr_pool_t *p);

/* The value of `key` (normal, quoted), or NULL. Borrowed from the object. */
const djs_bytes_t *djs_json_object_get(const djs_json_object_t *object,
                                       djs_bytes_t key);

/* Sets `key` to `value`, both normal, both borrowed for as long as the object
 * lives; a new key goes to the end, a known one keeps its place. */
void djs_json_object_set(djs_json_object_t *object, djs_bytes_t key,
                         djs_bytes_t value);

/* Nonzero when `key` was there. Those behind it move up, so who removes many
 * from a large object begins at its end. */
int djs_json_object_remove(djs_json_object_t *object, djs_bytes_t key);

/* The object as normal text, in `p`; DJS_ETOOBIG above `ceiling`, or when a
 * value set into it is so deep that the text could not be read again. */
apr_status_t djs_json_object_write(djs_bytes_t *out,
                                   const djs_json_object_t *object,
                                   apr_size_t ceiling, apr_pool_t *p);

/* Finds the value of one top-level member without taking the text apart:
 * `text` must be a normal object that we wrote ourselves. Nonzero when found;
 * `*value` borrows from `text`. No allocation, one pass. */
int djs_json_find(djs_bytes_t *value, djs_bytes_t text, djs_bytes_t key);

/* UTF-8 `text` as a normal quoted string in `p`. DJS_EINVALID: not UTF-8. */
apr_status_t djs_json_quote(djs_bytes_t *out, djs_bytes_t text, apr_pool_t *p);

/* The UTF-8 text of a normal string, in `p`, NUL-terminated (a \u0000 inside
 * counts in len). DJS_ETYPE: no string. DJS_EINVALID: it holds a lone
 * surrogate, which has no UTF-8 form. */
apr_status_t djs_json_text(djs_bytes_t *out, djs_bytes_t value, apr_pool_t *p);

/* A normal integer as 64 bits. DJS_ETYPE: no integer. DJS_ETOOBIG: more. */
apr_status_t djs_json_int64(apr_int64_t *out, djs_bytes_t value);

/* Sum of two normal integers of any length (at most 4300 digits, as Python),
 * in `p`. DJS_ETYPE: one is no integer. DJS_ETOOBIG: too many digits. */
apr_status_t djs_json_add(djs_bytes_t *out, djs_bytes_t a, djs_bytes_t b,
                          apr_pool_t *p);

/* Compares two normal numbers exactly, as the decimals that their texts say:
 * `*order` is below, equal to or above 0. DJS_ETYPE: one is no number, NaN,
 * infinite, or has an exponent of more than 15 digits. Linear. */
apr_status_t djs_json_compare(int *order, djs_bytes_t a, djs_bytes_t b);

#endif
