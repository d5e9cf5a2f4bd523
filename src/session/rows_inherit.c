/* session/rows_inherit.c - what a directive comes to: set, inherited, or the
 * default.
 *
 * A field is an apr_int64_t or a pointer, whatever the kind; so one pair of
 * functions inherits every row, now and forever. Requests merge the sections
 * that they match over a host into which the defaults have been filled already:
 * a bit for each row tells what was set from what was not, so that a preset of
 * such a section replaces defaults only. */
#include <string.h>
#include "session/cookie.h"
#include "session/preset.h"
#include "session/rows.h"

/* Leaves every field of the rows with `where` as nobody has set it. */
static void target_init(void *target, unsigned where)
{
    const djs_row_t *row;

    for (row = djs_rows; row->name != NULL; row++) {
        if (row->where == where && row->kind->is_number) {
            *(apr_int64_t *)((char *)target + row->field) = DJS_UNSET;
        }
    }
}

int djs_row_is_set(const djs_row_t *row, const void *target)
{
    const char *field = (const char *)target + row->field;

    return row->kind->is_number ? *(const apr_int64_t *)field != DJS_UNSET
                                : *(const void *const *)field != NULL;
}

apr_uint64_t djs_row_bit(const djs_row_t *row)
{
    return (apr_uint64_t)1 << (row - djs_rows);
}

static void copy_field(const djs_row_t *row, void *out, const void *from)
{
    memmove((char *)out + row->field, (const char *)from + row->field,
            row->kind->is_number ? sizeof(apr_int64_t) : sizeof(void *));
}

/* Returns the rows that `add` sets. */
static apr_uint64_t target_merge(void *out, const void *base, const void *add,
                                 unsigned where)
{
    const djs_row_t *row;
    apr_uint64_t given = 0;

    for (row = djs_rows; row->name != NULL; row++) {
        if (row->where == where) {
            int is_given = djs_row_is_set(row, add);

            given |= is_given ? djs_row_bit(row) : 0;
            copy_field(row, out, is_given ? add : base);
        }
    }
    return given;
}

/* Returns the rows that were unset. */
static apr_uint64_t target_default(void *target, unsigned where, apr_pool_t *p)
{
    const djs_row_t *row;
    apr_uint64_t unset = 0;

    for (row = djs_rows; row->name != NULL; row++) {
        if (row->where != where || djs_row_is_set(row, target)) {
            continue;
        }
        unset |= djs_row_bit(row);
        if (row->preset != NULL) {
            (void)djs_row_set(row, target, 1, &row->preset, p);
        }
    }
    return unset;
}

void djs_policy_init(djs_policy_t *policy)
{
    memset(policy, 0, sizeof *policy);
    target_init(policy, DJS_SVD);
}

void djs_settings_init(djs_settings_t *settings)
{
    memset(settings, 0, sizeof *settings);
    target_init(settings, DJS_SV);
}

void djs_policy_copy(djs_policy_t *policy, const djs_policy_t *from,
                     apr_uint64_t which)
{
    const djs_row_t *row;

    for (row = djs_rows; row->name != NULL; row++) {
        if (row->where == DJS_SVD && (which & djs_row_bit(row)) != 0) {
            copy_field(row, policy, from);
        }
    }
}

void djs_policy_merge(djs_policy_t *out, const djs_policy_t *base,
                      const djs_policy_t *add)
{
    int any = base->any || add->any;
    int other = base->defaults != NULL && add->preset != DJS_UNSET;
    apr_uint64_t given = target_merge(out, base, add, DJS_SVD);

    out->any = any;
    out->defaults = base->defaults;
    out->defaulted = base->defaulted & ~given;
    out->by_store = base->by_store & ~given;
    if (other) {
        djs_policy_copy(out, djs_preset_defaults(out), out->defaulted);
    }
}

void djs_settings_merge(djs_settings_t *out, const djs_settings_t *base,
                        const djs_settings_t *add)
{
    (void)target_merge(out, base, add, DJS_SV);
}

void djs_policy_default(djs_policy_t *policy, apr_pool_t *p)
{
    policy->defaulted = target_default(policy, DJS_SVD, p);
}

void djs_settings_default(djs_settings_t *settings, apr_pool_t *p)
{
    settings->defaulted = target_default(settings, DJS_SV, p);
}

const char *djs_policy_check(const djs_policy_t *policy, apr_pool_t *p)
{
    djs_cookie_t cookie;

    cookie.name = policy->cookie_name;
    cookie.domain = policy->cookie_domain;
    cookie.path = policy->cookie_path;
    cookie.secure = policy->secure == DJS_SECURE_ON;
    cookie.httponly = policy->httponly == DJS_ON;
    cookie.partitioned = policy->partitioned == DJS_ON;
    cookie.samesite = (djs_samesite_e)policy->samesite;
    return djs_cookie_check(&cookie, p);
}
