/* unit/rows_fixture.h - directives as lines, for tests of what they come to. */
#ifndef DJS_UNIT_ROWS_FIXTURE_H
#define DJS_UNIT_ROWS_FIXTURE_H

#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>
#include <apr_general.h>
#include <apr_strings.h>
#include "session/rows.h"

static apr_pool_t *pool;

static int setup(void **state)
{
    (void)state;
    return apr_pool_create(&pool, NULL);
}

static int teardown(void **state)
{
    (void)state;
    apr_pool_destroy(pool);
    return 0;
}

/* Sets the directive in `line` ("Name arg arg") in the struct it belongs to. */
static const char *set(djs_policy_t *policy, djs_settings_t *settings,
                       const char *line)
{
    char *copy = apr_pstrdup(pool, line), *last;
    const char *argv[8];
    const djs_row_t *row = djs_row_find(apr_strtok(copy, " ", &last));
    int argc = 0;

    assert_non_null(row);
    while (argc < 8 && (argv[argc] = apr_strtok(NULL, " ", &last)) != NULL) {
        argc++;
    }
    return djs_row_set(row,
                       row->where == DJS_SV ? (void *)settings : (void *)policy,
                       argc, argv, pool);
}

#define T(test) cmocka_unit_test_setup_teardown(test, setup, teardown)

#endif
