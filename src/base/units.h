/* base/units.h - durations and sizes as administrators write them.
 *
 * 90, 90s, 500ms, 30m, 12h, 7d, 2w, 1y; 65536, 64k, 1m. Digits, then at most
 * one unit, nothing else; what does not fit into 64 bits is refused. */
#ifndef DJS_BASE_UNITS_H
#define DJS_BASE_UNITS_H

#include <apr_time.h>

/* Microseconds. DJS_EINVALID (and 0) for anything but a duration. */
apr_status_t djs_units_duration(apr_interval_time_t *out, const char *text);

/* Bytes. DJS_EINVALID (and 0) for anything but a size. */
apr_status_t djs_units_size(apr_size_t *out, const char *text);

#endif
