/* session/rows.h - the directive table and what walks it.
 *
 * A row says all there is to know about a directive: the field it sets, how
 * its argument reads, its bounds, its default as an administrator would write
 * it, its help. The rows stand in session/rows.def; setting, defaulting,
 * merging, doc/directives and httpd's own command table are made from them. */
#ifndef DJS_SESSION_ROWS_H
#define DJS_SESSION_ROWS_H

#include <apr_pools.h>
#include <apr_tables.h>
#include "session/policy.h"

#define DJS_IN_SERVER    1 /* S: outside of virtual hosts */
#define DJS_IN_HOST      2 /* V: inside of virtual hosts */
#define DJS_IN_DIRECTORY 4 /* D: Directory, Location, Files, If */
#define DJS_SV           (DJS_IN_SERVER | DJS_IN_HOST)
#define DJS_SVD          (DJS_SV | DJS_IN_DIRECTORY)

typedef struct djs_row djs_row_t;

/* Reads arguments into the row's field. NULL, or what is wrong: a clause that
 * goes behind "DjSessionX: " and names the legal values. */
typedef const char *(*djs_row_read_fn)(const djs_row_t *row, void *field,
                                       int argc, const char *const *argv,
                                       apr_pool_t *p);

/* The counterpart: pushes the arguments as one would write them, a string for
 * each line that it takes, to an array of const char *. The field is set. */
typedef void (*djs_row_write_fn)(const djs_row_t *row, const void *field,
                                 apr_array_header_t *lines);

/* How a kind of argument reads and is written. */
typedef struct {
    djs_row_read_fn read;
    djs_row_write_fn write;
    int is_number; /* the field is an apr_int64_t, otherwise a pointer */
    int least;     /* arguments */
    int most;      /* arguments; 0: any number */
} djs_row_kind_t;

struct djs_row {
    const char *name;
    const char *syntax; /* the arguments, as documentation shows them */
    unsigned where;     /* DJS_SV: a field of djs_settings_t; DJS_SVD: of
                           djs_policy_t */
    const djs_row_kind_t *kind;
    apr_size_t field; /* offset */
    apr_int64_t min;  /* of a number */
    apr_int64_t max;
    const char *const *names; /* of a choice, by value, NULL at the end */
    const char *preset;       /* default, as one would write it; NULL: the
                                 server works it out */
    const char *help;
};

/* All rows, in the order of the documentation; the last one has no name. */
extern const djs_row_t djs_rows[];

/* NULL when there is no such directive (names compare without case). */
const djs_row_t *djs_row_find(const char *name);

/* Sets the row's field in `target` (a policy or settings, as row->where says).
 * NULL, or a sentence that starts with the directive's name. What it keeps is
 * copied to `p`. */
const char *djs_row_set(const djs_row_t *row, void *target, int argc,
                        const char *const *argv, apr_pool_t *p);

/* The other way round: what one would write behind the directive's name for
 * what `target` holds, a const char * for each line; empty: nothing is set.
 * Lives in p. */
const apr_array_header_t *djs_row_write(const djs_row_t *row,
                                        const void *target, apr_pool_t *p);

/* Nonzero when the row's field in `target` is set. */
int djs_row_is_set(const djs_row_t *row, const void *target);

/* The row's bit in the `defaulted` of what it belongs to. */
apr_uint64_t djs_row_bit(const djs_row_t *row);

/* A policy or settings with every field unset. */
void djs_policy_init(djs_policy_t *policy);
void djs_settings_init(djs_settings_t *settings);

/* What `add` leaves unset comes from `base`; both stay as they are. `*out` may
 * be `add`. Defaults have been filled into `base` or not, into `add` not. Where
 * they have, another preset in `add` brings its own for what is set nowhere. */
void djs_policy_merge(djs_policy_t *out, const djs_policy_t *base,
                      const djs_policy_t *add);
void djs_settings_merge(djs_settings_t *out, const djs_settings_t *base,
                        const djs_settings_t *add);

/* Gives every unset field that has a default its own, whatever the preset; the
 * fields that were unset are marked in `defaulted`. Pointers live in `p`. */
void djs_policy_default(djs_policy_t *policy, apr_pool_t *p);
void djs_settings_default(djs_settings_t *settings, apr_pool_t *p);

/* The fields of the rows in `which` become as they are in `from`. */
void djs_policy_copy(djs_policy_t *policy, const djs_policy_t *from,
                     apr_uint64_t which);

/* What contradicts itself in a complete policy: NULL, or a sentence. */
const char *djs_policy_check(const djs_policy_t *policy, apr_pool_t *p);

#endif
