/* codec/json_skip.c - passes over normal values without looking into them. */
#include "codec/json.h"
#include "codec/json_skip.h"

/* Is the quote at `at` escaped? Backslashes pair up, back to `start`, which is
 * none. */
static int is_escaped(const char *start, const char *at)
{
    const char *before = at;

    while (before - 1 > start && before[-1] == '\\') {
        before--;
    }
    return (at - before) % 2 != 0;
}

const char *djs_json_skip_string(const char *at, const char *end)
{
    const char *from = at + 1;

    while (from < end) {
        const char *quote = memchr(from, '"', (apr_size_t)(end - from));

        if (quote == NULL) {
            break;
        }
        if (!is_escaped(from - 1, quote)) {
            return quote + 1;
        }
        from = quote + 1;
    }
    return end;
}

/* Numbers, true, false, null: all up to what can not belong to them. */
static const char *skip_word(const char *at, const char *end)
{
    while (at < end && *at != ',' && *at != '}' && *at != ']') {
        at++;
    }
    return at;
}

static const char *skip_container(int *depth, const char *at, const char *end)
{
    int open = 0;

    while (at < end) {
        if (*at == '"') {
            at = djs_json_skip_string(at, end);
            continue;
        }
        /* In ASCII, { and } are [ and ] with one bit more. */
        switch (*at++ | 0x20) {
        case '{':
            open++;
            *depth = open > *depth ? open : *depth;
            break;
        case '}':
            if (--open <= 0) {
                return at;
            }
            break;
        }
    }
    return end;
}

const char *djs_json_skip_value(int *depth, const char *at, const char *end)
{
    *depth = 0;
    if (at == end) {
        return end;
    }
    switch (*at) {
    case '"':
        return djs_json_skip_string(at, end);
    case '[':
    case '{':
        return skip_container(depth, at, end);
    default:
        return skip_word(at, end);
    }
}

int djs_json_depth(djs_bytes_t value)
{
    int depth = 0;

    if (value.len > 0 && (*value.data == '[' || *value.data == '{')) {
        (void)skip_container(&depth, value.data, value.data + value.len);
    }
    return depth;
}

/* Does the member that begins at `at` have this key? No string literal is the
 * beginning of another one, so a colon behind settles it. */
static int has_key(const char *at, const char *end, djs_bytes_t key)
{
    return (apr_size_t)(end - at) > key.len && at[key.len] == ':' &&
           memcmp(at, key.data, key.len) == 0;
}

int djs_json_find(djs_bytes_t *value, djs_bytes_t text, djs_bytes_t key)
{
    const char *at = text.data;
    const char *end = at + text.len;
    int depth;

    *value = djs_bytes_of("", 0);
    if (key.len < 2 || text.len < 2 || *at++ != '{') {
        return 0;
    }
    while (at < end && *at == '"') {
        int found = has_key(at, end, key);
        const char *start;

        at = found ? at + key.len : djs_json_skip_string(at, end);
        if (at == end) {
            break;
        }
        start = ++at; /* behind the colon */
        at = djs_json_skip_value(&depth, start, end);
        if (found) {
            *value = djs_bytes_of(start, (apr_size_t)(at - start));
            return 1;
        }
        at += at < end; /* the comma */
    }
    return 0;
}
