/* session/rule.c - what `Require djsession-key` asks of a value. */
#include <apr_lib.h>
#include <apr_strings.h>
#include <apr_tables.h>
#include "codec/json.h"
#include "session/rule.h"

static const char *const operators[] = { "==", "!=", "<",  "<=", ">",
                                         ">=", "=~", "in", NULL };

const char *djs_rule_word(const char **line, int *quoted, int *broken,
                          apr_pool_t *p)
{
    const char *at = *line;
    char *word, *to;
    char quote;

    *quoted = *broken = 0;
    while (apr_isspace(*at)) {
        at++;
    }
    *line = at;
    if (*at == '\0') {
        return NULL;
    }
    if (*at != '"' && *at != '\'') {
        while (**line != '\0' && !apr_isspace(**line)) {
            (*line)++;
        }
        return apr_pstrmemdup(p, at, (apr_size_t)(*line - at));
    }
    quote = *at++;
    word = to = apr_palloc(p, strlen(at) + 1);
    while (*at != '\0' && *at != quote) {
        at += *at == '\\' && (at[1] == quote || at[1] == '\\');
        *to++ = *at++;
    }
    *to = '\0';
    *quoted = 1;
    *broken = *at == '\0' || (at[1] != '\0' && !apr_isspace(at[1]));
    *line = *at == '\0' ? at : at + 1;
    return *broken ? NULL : word;
}

/* Can it be compared with numbers? NaN and Infinity can not. */
static int is_number(djs_bytes_t value)
{
    int order;

    return djs_json_compare(&order, value, value) == APR_SUCCESS;
}

/* A word as the JSON value that it stands for. */
static apr_status_t typed(djs_bytes_t *out, const char *word, int quoted,
                          apr_pool_t *p)
{
    djs_bytes_t text = djs_bytes(word);

    if (!quoted && strpbrk(word, "\"[{") == NULL &&
        djs_json_normal(out, NULL, text, text.len, p) == APR_SUCCESS &&
        (djs_json_kind(*out) != DJS_JSON_FLOAT || is_number(*out))) {
        return APR_SUCCESS;
    }
    return djs_json_quote(out, text, p);
}

/* The word that was read is an operator, or else the first value. */
static int find_operator(djs_rule_t *out, const char *word, int quoted)
{
    int i;

    for (i = 0; !quoted && operators[i] != NULL; i++) {
        if (strcmp(operators[i], word) == 0) {
            out->op = (djs_rule_e)i;
            return 1;
        }
    }
    out->op = DJS_RULE_EQUAL;
    return 0;
}

/* What the operator asks of its words. */
static const char *check(djs_rule_t *rule, const char *pattern)
{
    if (rule->count == 0) {
        return "a VALUE is missing: write KEY [==|!=|<|<=|>|>=|=~|in] VALUE";
    }
    if (rule->count > 1 && rule->op != DJS_RULE_IN) {
        return "one VALUE only (put it in quotes if it has blanks), unless the"
               " operator is in";
    }
    if (rule->op >= DJS_RULE_LESS && rule->op <= DJS_RULE_GREATER_EQUAL &&
        !is_number(rule->words[0])) {
        return "<, <=, > and >= compare with a number, written without quotes";
    }
    if (rule->op == DJS_RULE_MATCH) {
        rule->pattern = pattern;
    }
    return NULL;
}

const char *djs_rule_parse(djs_rule_t *out, const char *line, apr_pool_t *p)
{
    apr_array_header_t *words = apr_array_make(p, 2, sizeof(djs_bytes_t));
    int quoted, broken;
    const char *word = djs_rule_word(&line, &quoted, &broken, p);
    const char *last = NULL;
    djs_bytes_t value;

    memset(out, 0, sizeof *out);
    if (word == NULL || word[0] == '\0' ||
        djs_json_quote(&out->key, djs_bytes(word), p) != APR_SUCCESS) {
        return "a KEY is missing (in UTF-8): write KEY"
               " [==|!=|<|<=|>|>=|=~|in] VALUE";
    }
    word = djs_rule_word(&line, &quoted, &broken, p);
    if (word != NULL && find_operator(out, word, quoted)) {
        word = djs_rule_word(&line, &quoted, &broken, p);
    }
    while (word != NULL) {
        if (typed(&value, word, quoted, p) != APR_SUCCESS) {
            return "a VALUE must be UTF-8";
        }
        APR_ARRAY_PUSH(words, djs_bytes_t) = value;
        last = word;
        word = djs_rule_word(&line, &quoted, &broken, p);
    }
    if (broken) {
        return "a quote does not end, or something follows it without a blank";
    }
    out->words = (djs_bytes_t *)words->elts;
    out->count = words->nelts;
    return check(out, last);
}

/* false and true are two values of one type, so are all numbers. */
static djs_json_e type_of(djs_bytes_t value)
{
    djs_json_e kind = djs_json_kind(value);

    if (kind == DJS_JSON_FALSE) {
        return DJS_JSON_TRUE;
    }
    return kind == DJS_JSON_FLOAT ? DJS_JSON_INTEGER : kind;
}

/* Compares a value with a word of its own type; 0: that can not be done. */
static int compare(int *order, djs_bytes_t value, djs_bytes_t word)
{
    djs_json_e type = type_of(value);

    if (type != type_of(word) || type == DJS_JSON_ARRAY ||
        type == DJS_JSON_OBJECT) {
        return 0;
    }
    if (type == DJS_JSON_INTEGER) {
        return djs_json_compare(order, value, word) == APR_SUCCESS;
    }
    *order = !djs_bytes_equal(value, word);
    return 1;
}

int djs_rule_holds(const djs_rule_t *rule, djs_bytes_t value)
{
    int i, order;

    if (rule->op == DJS_RULE_IN) {
        for (i = 0; i < rule->count; i++) {
            if (compare(&order, value, rule->words[i]) && order == 0) {
                return 1;
            }
        }
        return 0;
    }
    if (!compare(&order, value, rule->words[0])) {
        return 0;
    }
    switch (rule->op) {
    case DJS_RULE_EQUAL:
        return order == 0;
    case DJS_RULE_UNEQUAL:
        return order != 0;
    case DJS_RULE_LESS:
        return order < 0;
    case DJS_RULE_LESS_EQUAL:
        return order <= 0;
    case DJS_RULE_GREATER:
        return order > 0;
    case DJS_RULE_GREATER_EQUAL:
        return order >= 0;
    default:
        return 0;
    }
}
