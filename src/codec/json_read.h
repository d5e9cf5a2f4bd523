/* codec/json_read.h - the grammar of JSON, one small function an element.
 *
 * A reader walks over text once. What stands there in normal form already is
 * passed over; every other run of bytes is replaced in the output by its
 * normal form. Without an output nothing may need replacing, so the same
 * grammar also tells whether a text is normal. Internal to codec/json. */
#ifndef DJS_CODEC_JSON_READ_H
#define DJS_CODEC_JSON_READ_H

#include "base/buf.h"
#include "codec/json.h"

#define DJS_JSON_DIGITS 4300 /* of an integer, at most, as Python 3.11 */

typedef struct {
    const char *at; /* read up to here */
    const char *end;
    const char *kept; /* from here on the output is the input, not copied yet */
    djs_buf_t *out;   /* NULL: only normal text is accepted */
    int depth;        /* arrays and objects that are open */
    int deepest;      /* how many of them may be: DJS_JSON_DEPTH, or more */
    char closers[DJS_JSON_DEEPEST]; /* what closes each of them */
} djs_json_reader_t;

/* Begins at the start of `text`; `out` may be NULL. Both are borrowed for as
 * long as the reader is used. */
void djs_json_reader_init(djs_json_reader_t *r, djs_bytes_t text,
                          djs_buf_t *out);

/* Copies what was passed over and not replaced. */
void djs_json_reader_flush(djs_json_reader_t *r);

/* The functions below return nonzero after reading what they are named for,
 * with `at` behind it; zero if it does not stand there, or does not fit into
 * the output. */

/* Nonzero, and `c` read, when it is the next byte. */
int djs_json_read_char(djs_json_reader_t *r, char c);

/* Blanks, tabs, line ends, or nothing. */
int djs_json_read_blanks(djs_json_reader_t *r);

/* A string with its quotes. */
int djs_json_read_string(djs_json_reader_t *r);

/* Any value, without blanks around it. */
int djs_json_read_value(djs_json_reader_t *r);

#endif
