/* codec/pickle_value.c - what a pickle builds, and JSON from it. */
#include "codec/pickle_value.h"

#include <apr_strings.h>
#include "base/buf.h"

/* A container that is being written, and how far. */
typedef struct {
    djs_pickle_value_t *value;
    int next;
} frame_t;

typedef struct {
    djs_buf_t buf;
    frame_t frames[DJS_DJANGO_DEPTH];
    int depth;
    int written; /* values, counted as often as they are written */
    int lists;   /* tuples became arrays */
    int foreign; /* something JSON has no form for */
    apr_pool_t *p;
} writer_t;

djs_pickle_value_t *djs_pickle_scalar(djs_pickle_e kind, djs_bytes_t text,
                                      apr_pool_t *p)
{
    djs_pickle_value_t *value = apr_pcalloc(p, sizeof(*value));

    value->kind = kind;
    value->hashable = kind != DJS_PICKLE_BYTEARRAY;
    value->text = text;
    return value;
}

static int all_hashable(djs_pickle_value_t *const *item, int count)
{
    for (int i = 0; i < count; i++) {
        if (!item[i]->hashable) {
            return 0;
        }
    }
    return 1;
}

djs_pickle_value_t *djs_pickle_container(djs_pickle_e kind,
                                         djs_pickle_value_t *const *item,
                                         int count, apr_pool_t *p)
{
    djs_pickle_value_t *value = apr_pcalloc(p, sizeof(*value));

    value->kind = kind;
    djs_pickle_append(value, item, count, p);
    value->hashable = kind == DJS_PICKLE_FROZENSET ||
                      (kind == DJS_PICKLE_TUPLE && all_hashable(item, count));
    return value;
}

void djs_pickle_append(djs_pickle_value_t *container,
                       djs_pickle_value_t *const *item, int count,
                       apr_pool_t *p)
{
    apr_size_t size = sizeof(*container->item);

    if (count == 0) {
        return;
    }
    if (container->room - container->count < count) {
        djs_pickle_value_t **old = container->item;

        container->room = container->count * 2 + count;
        container->item = apr_palloc(p, (apr_size_t)container->room * size);
        if (old) {
            memcpy(container->item, old, (apr_size_t)container->count * size);
        }
    }
    memcpy(container->item + container->count, item, (apr_size_t)count * size);
    container->count += count;
}

/* Nonzero, and the member's name, when JSON can say the key. */
static int key_text(djs_bytes_t *out, writer_t *w,
                    const djs_pickle_value_t *key)
{
    if (key->kind != DJS_PICKLE_STRING) {
        w->foreign = 1;
    }
    *out = key->text;
    if (key->kind == DJS_PICKLE_NUMBER) {
        *out = djs_bytes(
            apr_psprintf(w->p, "\"%.*s\"", (int)key->text.len, key->text.data));
    }
    return key->kind == DJS_PICKLE_STRING || key->kind == DJS_PICKLE_NUMBER;
}

/* The members of a dict, no key twice: of two the last value counts, at the
 * place of the first. A member's value is a view of the item's own bytes. */
static const djs_json_object_t *members_of(writer_t *w,
                                           djs_pickle_value_t *dict)
{
    if (dict->members) {
        return dict->members;
    }
    dict->members = apr_palloc(w->p, sizeof(*dict->members));
    djs_json_object_init(dict->members, w->p);
    for (int i = 0; i + 1 < dict->count; i += 2) {
        djs_bytes_t key;

        if (key_text(&key, w, dict->item[i])) {
            djs_json_object_set(dict->members, key,
                                djs_bytes_of((const char *)&dict->item[i + 1],
                                             sizeof(dict->item[i + 1])));
        }
    }
    return dict->members;
}

static djs_pickle_value_t *value_of(const djs_json_member_t *member)
{
    djs_pickle_value_t *value;

    memcpy(&value, member->value.data, sizeof(value));
    return value;
}

static void write_scalar(writer_t *w, const djs_pickle_value_t *value)
{
    if (value->kind == DJS_PICKLE_BYTES ||
        value->kind == DJS_PICKLE_BYTEARRAY) {
        w->foreign = 1;
        djs_buf_add_text(&w->buf, "{\"__bytes_b64__\":");
        djs_buf_add(&w->buf, value->text);
        djs_buf_add_char(&w->buf, '}');
    }
    else {
        djs_buf_add(&w->buf, value->text);
    }
}

/* Begins a value; zero when a bound is passed, or it is inside itself. */
static int begin(writer_t *w, djs_pickle_value_t *value)
{
    if (++w->written > DJS_PICKLE_VALUES || w->buf.failed) {
        return 0;
    }
    if (value->kind < DJS_PICKLE_LIST) {
        write_scalar(w, value);
        return 1;
    }
    if (value->open || w->depth == DJS_DJANGO_DEPTH) {
        return 0;
    }
    w->lists |= value->kind == DJS_PICKLE_TUPLE;
    w->foreign |=
        value->kind == DJS_PICKLE_SET || value->kind == DJS_PICKLE_FROZENSET;
    value->open = 1;
    w->frames[w->depth].value = value;
    w->frames[w->depth++].next = 0;
    djs_buf_add_char(&w->buf, value->kind == DJS_PICKLE_DICT ? '{' : '[');
    return 1;
}

static void end(writer_t *w, djs_pickle_value_t *value)
{
    djs_buf_add_char(&w->buf, value->kind == DJS_PICKLE_DICT ? '}' : ']');
    value->open = 0;
    w->depth--;
}

/* The next item of the innermost container, or its end. */
static int go_on(writer_t *w)
{
    frame_t *frame = &w->frames[w->depth - 1];
    djs_pickle_value_t *value = frame->value;
    const djs_json_object_t *members =
        value->kind == DJS_PICKLE_DICT ? members_of(w, value) : NULL;
    int i = frame->next++;

    if (i == (members ? members->count : value->count)) {
        end(w, value);
        return 1;
    }
    if (i > 0) {
        djs_buf_add_char(&w->buf, ',');
    }
    if (!members) {
        return begin(w, value->item[i]);
    }
    djs_buf_add(&w->buf, members->members[i].key);
    djs_buf_add_char(&w->buf, ':');
    return begin(w, value_of(&members->members[i]));
}

djs_django_e djs_pickle_value_write(djs_pickle_t *out,
                                    djs_pickle_value_t *value,
                                    apr_size_t ceiling, apr_pool_t *p)
{
    writer_t *w = apr_pcalloc(p, sizeof(*w));
    int good;

    djs_buf_init(&w->buf, ceiling, p);
    w->p = p;
    good = begin(w, value);
    while (good && w->depth > 0) {
        good = go_on(w);
    }
    if (!good || djs_buf_take(&out->json, &w->buf) != APR_SUCCESS) {
        out->json = djs_bytes_of("", 0);
        out->writable = 0;
        return DJS_DJANGO_MALICIOUS;
    }
    out->writable = !w->lists && !w->foreign;
    return w->foreign ? DJS_DJANGO_UNSUPPORTED : DJS_DJANGO_OK;
}
