/* codec/json_object.c - objects of JSON, taken apart and put together. */
#include "codec/json.h"
#include "codec/json_index.h"
#include "codec/json_read.h"
#include "codec/json_skip.h"

#define FIRST_ROOM 8
#define SMALL      16        /* up to so many members a search just walks */
#define LONGEST    (1 << 30) /* of a text; so that positions fit into an int */

/* Where `key` stands, or -1. */
static int find_position(const djs_json_object_t *object, djs_bytes_t key)
{
    if (object->index != NULL) {
        return djs_json_index_find(object->index, object->members, key);
    }
    for (int i = 0; i < object->count; i++) {
        if (djs_bytes_equal(object->members[i].key, key)) {
            return i;
        }
    }
    return -1;
}

static void make_room(djs_json_object_t *object)
{
    djs_json_member_t *members;
    int room = object->room > 0 ? object->room * 2 : FIRST_ROOM;

    if (object->count < object->room) {
        return;
    }
    members = apr_palloc(object->p, (apr_size_t)room * sizeof(*members));
    if (object->count > 0) {
        memcpy(members, object->members,
               (apr_size_t)object->count * sizeof(*members));
    }
    object->members = members;
    object->room = room;
}

/* A value as it stands between its neighbours; borrowed from the text. */
static djs_bytes_t since(const djs_json_reader_t *r, const char *start)
{
    return djs_bytes_of(start, (apr_size_t)(r->at - start));
}

static int read_member(djs_json_object_t *out, djs_json_reader_t *r)
{
    const char *start = r->at;
    djs_bytes_t key;

    if (!djs_json_read_string(r)) {
        return 0;
    }
    key = since(r, start);
    if (!djs_json_read_char(r, ':')) {
        return 0;
    }
    start = r->at;
    if (!djs_json_read_value(r)) {
        return 0;
    }
    djs_json_object_set(out, key, since(r, start));
    return 1;
}

/* All members after the opening brace, and the closing one. */
static int read_members(djs_json_object_t *out, djs_json_reader_t *r)
{
    r->closers[r->depth++] = '}';
    if (djs_json_read_char(r, '}')) {
        return 1;
    }
    do {
        if (!read_member(out, r)) {
            return 0;
        }
    } while (djs_json_read_char(r, ','));
    return djs_json_read_char(r, '}');
}

void djs_json_object_init(djs_json_object_t *object, apr_pool_t *p)
{
    memset(object, 0, sizeof(*object));
    object->p = p;
}

apr_status_t djs_json_object_read(djs_json_object_t *out, djs_bytes_t text,
                                  apr_pool_t *p)
{
    djs_json_reader_t r;
    apr_status_t rv = DJS_ETOOBIG;
    int read;

    djs_json_object_init(out, p);
    if (text.len > LONGEST) {
        return rv;
    }
    djs_json_reader_init(&r, text, NULL);
    if (djs_json_read_char(&r, '{')) {
        read = read_members(out, &r);
        rv = APR_SUCCESS;
    }
    else {
        read = djs_json_read_value(&r);
        rv = DJS_ETYPE;
    }
    if (!read || r.at != r.end) {
        djs_json_object_init(out, p);
        return DJS_EINVALID;
    }
    return rv;
}

const djs_bytes_t *djs_json_object_get(const djs_json_object_t *object,
                                       djs_bytes_t key)
{
    int position = find_position(object, key);

    return position < 0 ? NULL : &object->members[position].value;
}

void djs_json_object_set(djs_json_object_t *object, djs_bytes_t key,
                         djs_bytes_t value)
{
    int position = find_position(object, key);

    if (position >= 0) {
        object->members[position].value = value;
        return;
    }
    make_room(object);
    object->members[object->count].key = key;
    object->members[object->count++].value = value;
    if (object->count > SMALL && object->index == NULL) {
        object->index = djs_json_index_create(object->p);
    }
    if (object->index != NULL) {
        djs_json_index_add(object->index, object->members, object->count);
    }
}

int djs_json_object_remove(djs_json_object_t *object, djs_bytes_t key)
{
    int position = find_position(object, key);

    if (position < 0) {
        return 0;
    }
    if (object->index != NULL) {
        djs_json_index_remove(object->index, object->members, object->count,
                              position);
    }
    object->count--;
    memmove(object->members + position, object->members + position + 1,
            (apr_size_t)(object->count - position) * sizeof(*object->members));
    return 1;
}

/* The length of the object when written; 0 when that is above the ceiling, or
 * a value is nested too deep for the whole to be read again. */
static apr_size_t written_length(const djs_json_object_t *object,
                                 apr_size_t ceiling)
{
    apr_size_t len = 1; /* the opening brace; the closing one is a comma less */

    if (object->count == 0) {
        len++;
    }
    for (int i = 0; i < object->count; i++) {
        const djs_json_member_t *m = &object->members[i];

        len += m->key.len + m->value.len + 2;
        if (len > ceiling || djs_json_depth(m->value) >= DJS_JSON_DEPTH) {
            return 0;
        }
    }
    return len > ceiling ? 0 : len;
}

static char *append(char *to, djs_bytes_t bytes, char after)
{
    memcpy(to, bytes.data, bytes.len);
    to[bytes.len] = after;
    return to + bytes.len + 1;
}

apr_status_t djs_json_object_write(djs_bytes_t *out,
                                   const djs_json_object_t *object,
                                   apr_size_t ceiling, apr_pool_t *p)
{
    apr_size_t len = written_length(object, ceiling);
    char *text;
    char *to;

    *out = djs_bytes_of("", 0);
    if (len == 0) {
        return DJS_ETOOBIG;
    }
    text = to = apr_palloc(p, len + 1);
    *to++ = '{';
    for (int i = 0; i < object->count; i++) {
        to = append(to, object->members[i].key, ':');
        to = append(to, object->members[i].value, ',');
    }
    text[len - 1] = '}';
    text[len] = '\0';
    *out = djs_bytes_of(text, len);
    return APR_SUCCESS;
}
