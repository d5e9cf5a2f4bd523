/* session/rule.h - what `Require djsession-key` asks of a value, and whether
 * a value answers it.
 *
 * A configured word has a type: in quotes it is a string; without, it is a
 * number, true, false or null when it reads as such in JSON, and otherwise a
 * string. A value of another type than the word answers no operator, not even
 * != ; so does a key that is not there. Strings compare byte by byte, numbers
 * as exact decimals; only numbers have an order. */
#ifndef DJS_SESSION_RULE_H
#define DJS_SESSION_RULE_H

#include <apr_pools.h>
#include "base/bytes.h"

typedef enum {
    DJS_RULE_EQUAL,
    DJS_RULE_UNEQUAL,
    DJS_RULE_LESS,
    DJS_RULE_LESS_EQUAL,
    DJS_RULE_GREATER,
    DJS_RULE_GREATER_EQUAL,
    DJS_RULE_MATCH, /* =~: the caller's affair, who has a regex */
    DJS_RULE_IN
} djs_rule_e;

typedef struct {
    djs_bytes_t key; /* normal JSON, with its quotes */
    djs_rule_e op;
    djs_bytes_t *words; /* normal JSON; for =~ none */
    int count;
    const char *pattern; /* of =~, as configured; otherwise NULL */
} djs_rule_t;

/* The next word of `*line`, in `p`, and whether it stood in quotes ("a b",
 * 'a b'; a backslash inside stands for the quote or backslash behind it).
 * `*line` then points behind it. NULL: there is none, or with `*broken` set,
 * its quote does not end. */
const char *djs_rule_word(const char **line, int *quoted, int *broken,
                          apr_pool_t *p);

/* Reads `KEY [==|!=|<|<=|>|>=|=~|in] VALUE...`; no operator means ==. NULL, or
 * what is wrong, a sentence. All lives in `p`. */
const char *djs_rule_parse(djs_rule_t *out, const char *line, apr_pool_t *p);

/* Nonzero when `value`, normal JSON, answers the rule; not for =~. */
int djs_rule_holds(const djs_rule_t *rule, djs_bytes_t value);

#endif
