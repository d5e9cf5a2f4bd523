/* session/update - what a program behind httpd wants done to its session.
 *
 * A member is a row: its name, a check of its value, what it does, and what is
 * said when one of the two refuses. The rows stand in the order in which they
 * are applied. Everything is checked before anything is done, and done to a
 * copy, so that a refusal in the middle leaves the session as it was. */
#include <apr_strings.h>
#include "session/update.h"

#define NORMAL_MAX  (DJS_UPDATE_MAX * 6) /* the longest normal form of it */
#define NAME_QUOTED 64                   /* of a name that a refusal cites */

typedef struct {
    djs_session_t *s; /* the copy */
    djs_bytes_t user_key;
    apr_pool_t *p;
} job_t;

/* Nonzero when `value` (normal) is what the member takes. */
typedef int (*check_fn)(djs_bytes_t value, apr_pool_t *p);
typedef apr_status_t (*apply_fn)(const job_t *job, djs_bytes_t value);

typedef struct {
    const char *name; /* normal, quoted */
    check_fn check;
    apply_fn apply;
    const char *takes; /* "... must be" this */
} row_t;

static int is_blank(char c)
{
    return c == ' ' || c == '\t' || c == '\r' || c == '\n';
}

/* The next string of a normal array of strings; 0 at its end and when there
 * is something else. `*rest` starts behind the bracket or comma. */
static int next_string(djs_bytes_t *rest, djs_bytes_t *string, apr_pool_t *p)
{
    apr_size_t used;

    if (rest->len == 0 || rest->data[0] != '"' ||
        djs_json_normal(string, &used, *rest, rest->len, p) != APR_SUCCESS) {
        return 0;
    }
    used += used < rest->len && rest->data[used] == ',';
    rest->data += used;
    rest->len -= used;
    return 1;
}

static djs_bytes_t inside(djs_bytes_t array)
{
    return djs_bytes_of(array.data + 1, array.len - 1);
}

static int takes_switch(djs_bytes_t value, apr_pool_t *p)
{
    djs_json_e kind = djs_json_kind(value);

    (void)p;
    return kind == DJS_JSON_TRUE || kind == DJS_JSON_FALSE;
}

static int takes_strings(djs_bytes_t value, apr_pool_t *p)
{
    djs_bytes_t rest, string, ignored;

    if (djs_json_kind(value) != DJS_JSON_ARRAY) {
        return 0;
    }
    rest = inside(value);
    while (next_string(&rest, &string, p)) {
        if (djs_json_text(&ignored, string, p) != APR_SUCCESS) {
            return 0;
        }
    }
    return rest.len == 1; /* the bracket */
}

static int takes_object(djs_bytes_t value, apr_pool_t *p)
{
    (void)p;
    return djs_json_kind(value) == DJS_JSON_OBJECT;
}

static int takes_integers(djs_bytes_t value, apr_pool_t *p)
{
    djs_json_object_t members;
    djs_bytes_t ignored;

    if (djs_json_object_read(&members, value, p) != APR_SUCCESS) {
        return 0;
    }
    for (int i = 0; i < members.count; i++) {
        if (djs_json_kind(members.members[i].value) != DJS_JSON_INTEGER ||
            djs_json_text(&ignored, members.members[i].key, p) != APR_SUCCESS) {
            return 0;
        }
    }
    return 1;
}

static int takes_expiry(djs_bytes_t value, apr_pool_t *p)
{
    djs_expiry_t ignored;

    (void)p;
    return djs_json_kind(value) != DJS_JSON_FLOAT &&
           djs_expiry_read(&ignored, &value) == APR_SUCCESS;
}

/* The user's id, alone or in an object beside data to set. `*data` has len 0
 * when there is none. */
static int read_login(djs_bytes_t value, djs_bytes_t *user, djs_bytes_t *data,
                      apr_pool_t *p)
{
    djs_json_object_t login;
    const djs_bytes_t *id = &value;
    const djs_bytes_t *more = NULL;

    *data = djs_bytes_of(NULL, 0);
    if (djs_json_kind(value) == DJS_JSON_OBJECT) {
        if (djs_json_object_read(&login, value, p) != APR_SUCCESS) {
            return 0;
        }
        id = djs_json_object_get(&login, djs_bytes("\"id\""));
        more = djs_json_object_get(&login, djs_bytes("\"data\""));
        if (!id || login.count != 1 + (more != NULL)) {
            return 0;
        }
    }
    if (more) {
        *data = *more;
    }
    return djs_json_text(user, *id, p) == APR_SUCCESS && user->len > 0 &&
           (!more || djs_json_kind(*more) == DJS_JSON_OBJECT);
}

static int takes_login(djs_bytes_t value, apr_pool_t *p)
{
    djs_bytes_t user, data;

    return read_login(value, &user, &data, p);
}

static apr_status_t apply_flush(const job_t *job, djs_bytes_t value)
{
    if (djs_json_kind(value) == DJS_JSON_FALSE) {
        return APR_SUCCESS;
    }
    return djs_session_flush(job->s);
}

static apr_status_t apply_login(const job_t *job, djs_bytes_t value)
{
    djs_bytes_t user, data;
    apr_status_t rv;

    if (!read_login(value, &user, &data, job->p)) {
        return DJS_EINVALID;
    }
    rv = djs_session_login(job->s, job->user_key, user);
    if (rv == APR_SUCCESS && data.len) {
        rv = djs_session_update(job->s, data);
    }
    return rv;
}

static apr_status_t apply_rotate(const job_t *job, djs_bytes_t value)
{
    if (djs_json_kind(value) == DJS_JSON_FALSE) {
        return APR_SUCCESS;
    }
    return djs_session_cycle_key(job->s);
}

static apr_status_t apply_everywhere(const job_t *job, djs_bytes_t value)
{
    if (djs_json_kind(value) == DJS_JSON_FALSE) {
        return APR_SUCCESS;
    }
    return djs_session_logout_everywhere(job->s, job->user_key);
}

static apr_status_t apply_remove(const job_t *job, djs_bytes_t value)
{
    djs_bytes_t rest = inside(value);
    djs_bytes_t string, key;
    const djs_bytes_t *ignored;
    apr_status_t rv = APR_SUCCESS;

    while (rv == APR_SUCCESS && next_string(&rest, &string, job->p)) {
        rv = djs_json_text(&key, string, job->p);
        if (rv == APR_SUCCESS) {
            rv = djs_session_pop(job->s, key, &ignored);
        }
    }
    return rv;
}

static apr_status_t apply_set(const job_t *job, djs_bytes_t value)
{
    return djs_session_update(job->s, value);
}

static apr_status_t apply_incr(const job_t *job, djs_bytes_t value)
{
    djs_json_object_t members;
    djs_bytes_t key;
    apr_status_t rv = djs_json_object_read(&members, value, job->p);

    for (int i = 0; i < members.count && rv == APR_SUCCESS; i++) {
        rv = djs_json_text(&key, members.members[i].key, job->p);
        if (rv == APR_SUCCESS) {
            rv = djs_session_incr(job->s, key, members.members[i].value);
        }
    }
    return rv;
}

static apr_status_t apply_expiry(const job_t *job, djs_bytes_t value)
{
    djs_expiry_t expiry;
    apr_status_t rv = djs_expiry_read(&expiry, &value);

    if (rv == APR_SUCCESS) {
        rv = djs_session_set_expiry(job->s, &expiry);
    }
    return rv;
}

static const row_t rows[] = {
    { "\"flush\"", takes_switch, apply_flush, "true or false" },
    { "\"login\"", takes_login, apply_login,
      "a user's id, a string that is not empty, or an object of \"id\" and "
      "\"data\"" },
    { "\"rotate\"", takes_switch, apply_rotate, "true or false" },
    { "\"logout_everywhere\"", takes_switch, apply_everywhere,
      "true or false" },
    { "\"remove\"", takes_strings, apply_remove, "an array of strings" },
    { "\"set\"", takes_object, apply_set,
      "an object; a \"_session_expiry\" in it must be what \"expiry\" takes" },
    { "\"incr\"", takes_integers, apply_incr,
      "an object of integers, to be added to integers" },
    { "\"expiry\"", takes_expiry, apply_expiry,
      "whole seconds, 0, null or an ISO 8601 date with Z or an offset" },
};

#define ROWS ((int)(sizeof(rows) / sizeof(rows[0])))

static const row_t *find_row(djs_bytes_t name)
{
    for (int i = 0; i < ROWS; i++) {
        if (djs_bytes_equal(name, djs_bytes(rows[i].name))) {
            return &rows[i];
        }
    }
    return NULL;
}

static const char *refusal(const row_t *row, apr_pool_t *p)
{
    return apr_psprintf(p, "the member %s must be %s", row->name, row->takes);
}

/* Every member must be known and of the type that its row takes. */
static apr_status_t check(const djs_json_object_t *object, const char **why,
                          apr_pool_t *p)
{
    for (int i = 0; i < object->count; i++) {
        const djs_json_member_t *member = &object->members[i];
        const row_t *row = find_row(member->key);

        if (!row) {
            apr_size_t len = member->key.len;

            *why = apr_psprintf(
                p,
                "there is no member %.*s%s; known are flush, login, "
                "rotate, logout_everywhere, remove, set, incr, expiry",
                (int)(len > NAME_QUOTED ? NAME_QUOTED : len), member->key.data,
                len > NAME_QUOTED ? "..." : "");
            return DJS_EINVALID;
        }
        if (!row->check(member->value, p)) {
            *why = refusal(row, p);
            return DJS_ETYPE;
        }
    }
    return APR_SUCCESS;
}

/* One object off the front of `*rest`. */
static apr_status_t read_object(djs_json_object_t *object, djs_bytes_t *rest,
                                const char **why, apr_pool_t *p)
{
    djs_bytes_t normal;
    apr_size_t used;
    apr_status_t rv = djs_json_normal(&normal, &used, *rest, NORMAL_MAX, p);

    if (rv == DJS_ETOOBIG || used > DJS_UPDATE_MAX) {
        *why = apr_psprintf(p, "an update is longer than %d bytes",
                            DJS_UPDATE_MAX);
        return DJS_ETOOBIG;
    }
    if (rv == APR_SUCCESS) {
        rv = djs_json_object_read(object, normal, p);
    }
    if (rv != APR_SUCCESS) {
        *why = "the header must be one valid JSON object";
        return rv;
    }
    rest->data += used;
    rest->len -= used;
    return check(object, why, p);
}

static void skip_blanks(djs_bytes_t *rest)
{
    while (rest->len && is_blank(rest->data[0])) {
        rest->data++;
        rest->len--;
    }
}

/* All objects of the header, checked, to `objects`. */
static apr_status_t read_header(apr_array_header_t *objects, djs_bytes_t rest,
                                const char **why, apr_pool_t *p)
{
    apr_status_t rv;

    for (;;) {
        skip_blanks(&rest);
        rv = read_object(apr_array_push(objects), &rest, why, p);
        if (rv != APR_SUCCESS) {
            return rv;
        }
        skip_blanks(&rest);
        if (rest.len == 0) {
            return APR_SUCCESS;
        }
        if (rest.data[0] != ',') {
            *why = "the header must be one valid JSON object";
            return DJS_EINVALID;
        }
        rest.data++;
        rest.len--;
    }
}

/* Does what the object says, in the order of the rows. */
static apr_status_t apply(const job_t *job, const djs_json_object_t *object,
                          const char **why)
{
    for (int i = 0; i < ROWS; i++) {
        const djs_bytes_t *value =
            djs_json_object_get(object, djs_bytes(rows[i].name));
        apr_status_t rv = value ? rows[i].apply(job, *value) : APR_SUCCESS;

        if (rv == DJS_EINVALID || rv == DJS_ETYPE || rv == DJS_ETOOBIG) {
            *why = refusal(&rows[i], job->p);
        }
        if (rv != APR_SUCCESS) {
            return rv;
        }
    }
    return APR_SUCCESS;
}

apr_status_t djs_update_apply(djs_session_t *s, djs_bytes_t header,
                              const char *user_key, const char **why,
                              apr_pool_t *p)
{
    apr_array_header_t *objects =
        apr_array_make(p, 1, sizeof(djs_json_object_t));
    const djs_json_member_t *ignored;
    djs_session_t trial;
    job_t job = { &trial, djs_bytes(user_key), p };
    int count;
    apr_status_t rv;

    *why = NULL;
    rv = read_header(objects, header, why, p);
    if (rv == APR_SUCCESS) {
        /* Its data must be there: then the copy need not read it again. */
        rv = djs_session_items(s, &ignored, &count);
    }
    if (rv != APR_SUCCESS) {
        return rv;
    }

    djs_session_copy(&trial, s);
    for (int i = 0; i < objects->nelts && rv == APR_SUCCESS; i++) {
        rv = apply(&job, &APR_ARRAY_IDX(objects, i, djs_json_object_t), why);
    }
    if (rv == APR_SUCCESS) {
        *s = trial;
    }
    return rv;
}
