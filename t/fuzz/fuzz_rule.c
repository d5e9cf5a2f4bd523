/* fuzz_rule - any text as a rule of Require djsession-key, any JSON as the
 * value: operators agree with each other, and numbers with doubles where these
 * are exact (H10). */
#include <assert.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <apr_general.h>
#include <apr_pools.h>
#include <apr_strings.h>
#include "codec/json.h"
#include "session/rule.h"

static apr_pool_t *pool;

/* Digits and a point only, few enough for a double to hold them. */
static int is_short(djs_bytes_t number)
{
    return number.len <= 9 && !memchr(number.data, 'e', number.len) &&
           !memchr(number.data, 'E', number.len);
}

static void check_numbers(djs_bytes_t a, djs_bytes_t b)
{
    int order = 77, back = 77, self = 77;
    apr_status_t rv = djs_json_compare(&order, a, b);

    assert(rv == djs_json_compare(&back, b, a));
    if (rv != APR_SUCCESS) {
        assert(rv == DJS_ETYPE && order == 0 && back == 0);
        return;
    }
    assert((order < 0) == (back > 0) && (order == 0) == (back == 0));
    assert(djs_json_compare(&self, a, a) == APR_SUCCESS && self == 0);
    if (is_short(a) && is_short(b)) {
        double x = strtod(apr_pstrmemdup(pool, a.data, a.len), NULL);
        double y = strtod(apr_pstrmemdup(pool, b.data, b.len), NULL);

        assert((x < y) == (order < 0) && (x > y) == (order > 0));
    }
}

static int holds(djs_rule_t rule, djs_rule_e op, djs_bytes_t value)
{
    rule.op = op;
    return djs_rule_holds(&rule, value);
}

static void check_operators(const djs_rule_t *rule, djs_bytes_t value)
{
    int equal = holds(*rule, DJS_RULE_EQUAL, value);
    int less = holds(*rule, DJS_RULE_LESS, value);
    int more = holds(*rule, DJS_RULE_GREATER, value);
    int unequal = holds(*rule, DJS_RULE_UNEQUAL, value);

    assert(equal + unequal <= 1);
    assert(holds(*rule, DJS_RULE_IN, value) >= equal);
    assert(!holds(*rule, DJS_RULE_MATCH, value));
    if (djs_json_kind(value) == DJS_JSON_INTEGER && equal + unequal == 1) {
        assert(equal + less + more == 1);
        assert(holds(*rule, DJS_RULE_LESS_EQUAL, value) == less + equal);
        assert(holds(*rule, DJS_RULE_GREATER_EQUAL, value) == more + equal);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    const char *text = (const char *)data;
    const char *end = size ? memchr(text, '\n', size) : NULL;
    const char *wrong;
    djs_bytes_t value;
    djs_rule_t rule;

    if (!pool) {
        apr_initialize();
        apr_pool_create(&pool, NULL);
    }
    if (end) {
        size_t rest = size - (size_t)(end + 1 - text);

        wrong = djs_rule_parse(
            &rule, apr_pstrmemdup(pool, text, (size_t)(end - text)), pool);
        assert(wrong || (rule.count > 0 && rule.key.len > 2));
        if (!wrong && djs_json_normal(&value, NULL, djs_bytes_of(end + 1, rest),
                                      65536, pool) == APR_SUCCESS) {
            check_operators(&rule, value);
            check_numbers(rule.words[0], value);
        }
    }
    apr_pool_clear(pool);
    return 0;
}
