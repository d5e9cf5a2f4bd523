/* codec/json_escape.h - characters as JSON escapes and as UTF-8.
 *
 * JSON's escapes speak of UTF-16 code units: a character beyond U+FFFF is two
 * of them, and half of such a pair may stand alone. Internal to codec/json. */
#ifndef DJS_CODEC_JSON_ESCAPE_H
#define DJS_CODEC_JSON_ESCAPE_H

#include <apr.h>

#define DJS_JSON_UNIT_LEN 6  /* the longest form of a code unit */
#define DJS_JSON_CHAR_LEN 12 /* the longest form of a character */

/* Nonzero for a byte that stands for itself in a normal string: 0x20 to 0x7e
 * without quote and backslash. */
extern const unsigned char djs_json_plain[256];

/* Reads one escape at `at`, a backslash before `end`. Returns its length and
 * the code unit in `*unit`; 0 when it is none of JSON's. */
int djs_json_unescape(unsigned *unit, const char *at, const char *end);

/* Writes the normal form of a code unit to `out` (DJS_JSON_UNIT_LEN bytes, no
 * NUL) and returns its length. */
int djs_json_escape(char *out, unsigned unit);

/* Writes the normal form of a character to `out` (DJS_JSON_CHAR_LEN bytes, no
 * NUL) and returns its length. */
int djs_json_escape_char(char *out, unsigned long c);

/* Reads one UTF-8 character at `at`, before `end`: shortest form, no
 * surrogates, nothing above U+10FFFF (RFC 3629). Returns its length, or 0. */
int djs_json_utf8_read(unsigned long *c, const char *at, const char *end);

/* Writes a character that is no surrogate as UTF-8 to `out` (4 bytes) and
 * returns its length. */
int djs_json_utf8_write(char *out, unsigned long c);

#endif
