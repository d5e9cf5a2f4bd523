/* session/rows_write.c - values as an administrator would write them. */
#include <string.h>
#include <apr_strings.h>
#include "codec/json.h"
#include "session/rows_write.h"

static void push(apr_array_header_t *lines, const char *text)
{
    APR_ARRAY_PUSH(lines, const char *) = text;
}

/* A word as httpd's configuration takes it: in quotes where it has to be. */
static const char *word(const char *text, apr_pool_t *p)
{
    char *out, *to;

    if (text[0] != '\0' && strpbrk(text, " \t\"'\\") == NULL) {
        return text;
    }
    to = out = apr_palloc(p, 2 * strlen(text) + 3);
    *to++ = '"';
    for (; *text != '\0'; text++) {
        if (*text == '"' || *text == '\\') {
            *to++ = '\\';
        }
        *to++ = *text;
    }
    *to++ = '"';
    *to = '\0';
    return out;
}

/* A key that is kept as normal JSON. */
static const char *key_word(const char *json, apr_pool_t *p)
{
    djs_bytes_t text;

    (void)djs_json_text(&text, djs_bytes(json), p);
    return word(text.data, p);
}

const char *djs_write_time(apr_int64_t t, apr_pool_t *p)
{
    static const struct {
        const char *name;
        apr_int64_t factor;
    } units[] = {
        { "w", APR_INT64_C(604800000000) }, { "d", APR_INT64_C(86400000000) },
        { "h", APR_INT64_C(3600000000) },   { "m", APR_INT64_C(60000000) },
        { "s", APR_INT64_C(1000000) },      { "ms", APR_INT64_C(1000) },
    };
    int i = 0;

    if (t == 0) {
        return "0";
    }
    while (i < 5 && (t < units[i].factor || t % units[i].factor != 0)) {
        i++;
    }
    return apr_psprintf(p, "%" APR_INT64_T_FMT "%s", t / units[i].factor,
                        units[i].name);
}

void djs_write_choice(const djs_row_t *row, const void *field,
                      apr_array_header_t *lines)
{
    push(lines, row->names[*(const apr_int64_t *)field]);
}

void djs_write_duration(const djs_row_t *row, const void *field,
                        apr_array_header_t *lines)
{
    (void)row;
    push(lines, djs_write_time(*(const apr_int64_t *)field, lines->pool));
}

void djs_write_limit(const djs_row_t *row, const void *field,
                     apr_array_header_t *lines)
{
    if (*(const apr_int64_t *)field == 0) {
        push(lines, "Off");
    }
    else {
        djs_write_duration(row, field, lines);
    }
}

void djs_write_count(const djs_row_t *row, const void *field,
                     apr_array_header_t *lines)
{
    apr_int64_t n = *(const apr_int64_t *)field;

    (void)row;
    push(lines,
         n == 0 ? "Off" : apr_psprintf(lines->pool, "%" APR_INT64_T_FMT, n));
}

void djs_write_rate(const djs_row_t *row, const void *field,
                    apr_array_header_t *lines)
{
    const djs_limit_t *limit = *(const djs_limit_t *const *)field;

    (void)row;
    push(lines, limit->count == 0
                    ? "Off"
                    : apr_psprintf(lines->pool, "%" APR_INT64_T_FMT "/%s",
                                   (apr_int64_t)limit->count,
                                   djs_write_time(limit->time, lines->pool)));
}

void djs_write_size(const djs_row_t *row, const void *field,
                    apr_array_header_t *lines)
{
    apr_int64_t size = *(const apr_int64_t *)field;
    int in_k = size != 0 && size % 1024 == 0;

    (void)row;
    push(lines, apr_psprintf(lines->pool, "%" APR_INT64_T_FMT "%s",
                             in_k ? size / 1024 : size, in_k ? "k" : ""));
}

void djs_write_text(const djs_row_t *row, const void *field,
                    apr_array_header_t *lines)
{
    (void)row;
    push(lines, word(*(const char *const *)field, lines->pool));
}

void djs_write_key(const djs_row_t *row, const void *field,
                   apr_array_header_t *lines)
{
    (void)row;
    push(lines, key_word(*(const char *const *)field, lines->pool));
}

void djs_write_list(const djs_row_t *row, const void *field,
                    apr_array_header_t *lines)
{
    const djs_list_t *list = *(const djs_list_t *const *)field;
    const char *text = "";
    int i;

    (void)row;
    for (i = 0; i < list->count; i++) {
        text = apr_pstrcat(lines->pool, text, i == 0 ? "" : " ",
                           word(list->items[i], lines->pool), NULL);
    }
    push(lines, text);
}

void djs_write_renewal(const djs_row_t *row, const void *field,
                       apr_array_header_t *lines)
{
    const djs_renew_t *renew = *(const djs_renew_t *const *)field;
    const char *text = "Off";

    (void)row;
    if (renew->how == DJS_RENEW_EVERY) {
        text = "EveryRequest";
    }
    else if (renew->how == DJS_RENEW_PERCENT) {
        text = apr_psprintf(lines->pool, "%d%%", renew->percent);
    }
    else if (renew->how == DJS_RENEW_AFTER) {
        text = djs_write_time(renew->after, lines->pool);
    }
    push(lines, text);
}

/* A line for each key: the directive adds to what is there. */
void djs_write_export(const djs_row_t *row, const void *field,
                      apr_array_header_t *lines)
{
    const djs_list_t *list = *(const djs_list_t *const *)field;
    int i;

    (void)row;
    for (i = 0; i + 1 < list->count; i += 2) {
        push(lines,
             apr_pstrcat(lines->pool, key_word(list->items[i], lines->pool),
                         " ", list->items[i + 1], NULL));
    }
}

const apr_array_header_t *djs_row_write(const djs_row_t *row,
                                        const void *target, apr_pool_t *p)
{
    apr_array_header_t *lines = apr_array_make(p, 1, sizeof(const char *));

    if (djs_row_is_set(row, target)) {
        row->kind->write(row, (const char *)target + row->field, lines);
    }
    return lines;
}
