/* codec/json_skip.h - passes over normal values without looking into them.
 *
 * Brackets are counted and strings jumped over; that is right for what was
 * read and made normal before, and stays within bounds for all else. Internal
 * to codec/json. */
#ifndef DJS_CODEC_JSON_SKIP_H
#define DJS_CODEC_JSON_SKIP_H

#include "base/bytes.h"

/* The end of the string whose opening quote stands at `at`; `end` if it does
 * not end before that. */
const char *djs_json_skip_string(const char *at, const char *end);

/* The end of the value at `at`; `end` if it does not end before that. The
 * depth to which it is nested in `*depth`, 0 for a scalar. */
const char *djs_json_skip_value(int *depth, const char *at, const char *end);

/* How deep `value` is nested: 0 for a scalar, 1 for [1]. */
int djs_json_depth(djs_bytes_t value);

#endif
