/* session/rows_write.h - values as an administrator would write them: each the
 * counterpart of a reader in session/rows.c. */
#ifndef DJS_SESSION_ROWS_WRITE_H
#define DJS_SESSION_ROWS_WRITE_H

#include "session/rows.h"

/* djs_row_write_fn: what the reader of this kind would read the same from. */
void djs_write_choice(const djs_row_t *row, const void *field,
                      apr_array_header_t *lines);
void djs_write_duration(const djs_row_t *row, const void *field,
                        apr_array_header_t *lines);
void djs_write_limit(const djs_row_t *row, const void *field,
                     apr_array_header_t *lines);
void djs_write_count(const djs_row_t *row, const void *field,
                     apr_array_header_t *lines);
void djs_write_rate(const djs_row_t *row, const void *field,
                    apr_array_header_t *lines);
void djs_write_size(const djs_row_t *row, const void *field,
                    apr_array_header_t *lines);
void djs_write_text(const djs_row_t *row, const void *field,
                    apr_array_header_t *lines);
void djs_write_key(const djs_row_t *row, const void *field,
                   apr_array_header_t *lines);
void djs_write_list(const djs_row_t *row, const void *field,
                    apr_array_header_t *lines);
void djs_write_renewal(const djs_row_t *row, const void *field,
                       apr_array_header_t *lines);
void djs_write_export(const djs_row_t *row, const void *field,
                      apr_array_header_t *lines);

/* `t` (0 or more) with the largest unit in which it is whole. In p. */
const char *djs_write_time(apr_int64_t t, apr_pool_t *p);

#endif
