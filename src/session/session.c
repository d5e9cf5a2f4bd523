/* session/session - the session object: Django's SessionBase, in C.
 *
 * Every method that looks at data starts with `look`, every one that changes
 * data ends in `record`: the change is applied to what getters see, and noted
 * for the save to replay. */
#include <apr_strings.h>
#include "session/session.h"

#define EXPIRY_KEY  "\"_session_expiry\""
#define TEST_KEY    "testcookie"
#define TEST_WORKED "worked"

static int is_expiry_key(djs_bytes_t key)
{
    return djs_bytes_equal(key, djs_bytes(EXPIRY_KEY));
}

/* The sum that an increment makes of `*now`; absent counts as 0. */
static apr_status_t sum_of(djs_bytes_t *out, const djs_bytes_t *now,
                           djs_bytes_t amount, apr_pool_t *p)
{
    return djs_json_add(out, now ? *now : djs_bytes("0"), amount, p);
}

static apr_status_t apply(djs_json_object_t *data, const djs_change_t *change)
{
    djs_bytes_t value = change->value;
    apr_status_t rv = APR_SUCCESS;

    if (change->what == DJS_CHANGE_REMOVE) {
        djs_json_object_remove(data, change->key);
        return APR_SUCCESS;
    }
    if (change->what == DJS_CHANGE_ADD) {
        rv = sum_of(&value, djs_json_object_get(data, change->key),
                    change->value, data->p);
    }
    if (rv == APR_SUCCESS) {
        djs_json_object_set(data, change->key, value);
    }
    return rv;
}

/* Fills `data` from the record; once. A body that is no object makes the
 * session unreadable: nobody shall save over it. */
static apr_status_t parse(djs_session_t *s)
{
    apr_status_t rv = APR_SUCCESS;

    s->parsed = 1;
    djs_json_object_init(&s->data, s->p);
    if (s->state == DJS_STATE_LIVE && !s->flushed) {
        rv = djs_json_object_read(&s->data, s->record.body, s->p);
    }
    if (rv != APR_SUCCESS) {
        djs_json_object_init(&s->data, s->p);
        s->state = DJS_STATE_UNREADABLE;
        return DJS_EUNREADABLE;
    }
    return djs_session_replay(&s->data, s->changes);
}

/* Somebody looks at the data: after success it is there. */
static apr_status_t look(djs_session_t *s)
{
    s->accessed = 1;
    if (s->state == DJS_STATE_UNAVAILABLE) {
        return DJS_ETROUBLE;
    }
    if (s->state == DJS_STATE_UNREADABLE) {
        return DJS_EUNREADABLE;
    }
    if (!s->parsed) {
        s->parse_error = parse(s);
    }
    return s->parse_error;
}

/* The same, and the session's key in its normal form. */
static apr_status_t look_for(djs_session_t *s, djs_bytes_t key,
                             djs_bytes_t *normal)
{
    apr_status_t rv = look(s);

    if (rv == APR_SUCCESS) {
        rv = djs_json_quote(normal, key, s->p);
    }
    return rv;
}

/* Does one thing to the data and notes it. The session's own expiry is checked
 * here: a value that no save can read would make the session useless. */
static apr_status_t record(djs_session_t *s, djs_change_e what, djs_bytes_t key,
                           djs_bytes_t value)
{
    djs_change_t change = { what, key, value };
    djs_expiry_t ignored;
    apr_status_t rv = APR_SUCCESS;

    if (what == DJS_CHANGE_SET && is_expiry_key(key)) {
        rv = djs_expiry_read(&ignored, &value);
    }
    if (rv == APR_SUCCESS) {
        rv = apply(&s->data, &change);
    }
    if (rv != APR_SUCCESS) {
        return rv;
    }
    APR_ARRAY_PUSH(s->changes, djs_change_t) = change;
    s->modified = 1;
    return APR_SUCCESS;
}

/* Nonzero when `value` is not nested too deep to be a member of the data: what
 * is saved must be readable again. */
static int fits_inside(djs_bytes_t value, apr_pool_t *p)
{
    djs_bytes_t ignored;
    const char *outer;

    if (value.data[0] != '[' && value.data[0] != '{') {
        return 1;
    }
    outer = apr_psprintf(p, "[%.*s]", (int)value.len, value.data);
    return djs_json_normal(&ignored, NULL, djs_bytes_of(outer, value.len + 2),
                           value.len + 2, p) == APR_SUCCESS;
}

/* Any JSON, made normal. A character takes at most six bytes then; how much
 * data a session may hold is decided when it is saved. */
static apr_status_t normal_value(djs_bytes_t *out, djs_bytes_t text,
                                 apr_pool_t *p)
{
    return djs_json_normal(out, NULL, text, text.len * 6, p);
}

/* Of a copy that the next change does not touch. */
static const djs_bytes_t *keep(const djs_bytes_t *value, apr_pool_t *p)
{
    return value ? apr_pmemdup(p, value, sizeof(*value)) : NULL;
}

void djs_session_init(djs_session_t *s, apr_pool_t *p)
{
    memset(s, 0, sizeof(*s));
    s->p = p;
    s->state = DJS_STATE_NONE;
    s->changes = apr_array_make(p, 4, sizeof(djs_change_t));
    djs_json_object_init(&s->data, p);
}

void djs_session_copy(djs_session_t *out, const djs_session_t *s)
{
    *out = *s;
    out->changes = apr_array_copy_hdr(s->p, s->changes);
    djs_json_object_init(&out->data, s->p);
    for (int i = 0; i < s->data.count; i++) {
        djs_json_object_set(&out->data, s->data.members[i].key,
                            s->data.members[i].value);
    }
}

apr_status_t djs_session_replay(djs_json_object_t *data,
                                const apr_array_header_t *changes)
{
    for (int i = 0; i < changes->nelts; i++) {
        apr_status_t rv = apply(data, &APR_ARRAY_IDX(changes, i, djs_change_t));

        if (rv != APR_SUCCESS) {
            return rv;
        }
    }
    return APR_SUCCESS;
}

apr_status_t djs_session_get(djs_session_t *s, djs_bytes_t key,
                             const djs_bytes_t **value)
{
    djs_bytes_t normal;
    apr_status_t rv = look_for(s, key, &normal);

    *value = NULL;
    if (rv == APR_SUCCESS) {
        *value = djs_json_object_get(&s->data, normal);
    }
    return rv;
}

apr_status_t djs_session_has_key(djs_session_t *s, djs_bytes_t key, int *has)
{
    const djs_bytes_t *value;
    apr_status_t rv = djs_session_get(s, key, &value);

    *has = value != NULL;
    return rv;
}

apr_status_t djs_session_set(djs_session_t *s, djs_bytes_t key,
                             djs_bytes_t value)
{
    djs_bytes_t name, normal;
    apr_status_t rv = look_for(s, key, &name);

    if (rv == APR_SUCCESS) {
        rv = normal_value(&normal, value, s->p);
    }
    if (rv == APR_SUCCESS && !fits_inside(normal, s->p)) {
        rv = DJS_EINVALID;
    }
    if (rv == APR_SUCCESS) {
        rv = record(s, DJS_CHANGE_SET, name, normal);
    }
    return rv;
}

apr_status_t djs_session_set_text(djs_session_t *s, djs_bytes_t key,
                                  djs_bytes_t text)
{
    djs_bytes_t name, value;
    apr_status_t rv = look_for(s, key, &name);

    if (rv == APR_SUCCESS) {
        rv = djs_json_quote(&value, text, s->p);
    }
    if (rv == APR_SUCCESS) {
        rv = record(s, DJS_CHANGE_SET, name, value);
    }
    return rv;
}

apr_status_t djs_session_incr(djs_session_t *s, djs_bytes_t key,
                              djs_bytes_t amount)
{
    djs_bytes_t name, normal;
    apr_status_t rv = look_for(s, key, &name);

    if (rv == APR_SUCCESS) {
        rv = normal_value(&normal, amount, s->p);
    }
    if (rv == APR_SUCCESS && djs_json_kind(normal) != DJS_JSON_INTEGER) {
        rv = DJS_ETYPE;
    }
    if (rv == APR_SUCCESS) {
        rv = record(s, DJS_CHANGE_ADD, name, normal);
    }
    return rv;
}

/* Removes a member that is there; `*value` outlives it. */
static apr_status_t remove_known(djs_session_t *s, djs_bytes_t key,
                                 const djs_bytes_t **value)
{
    *value = keep(djs_json_object_get(&s->data, key), s->p);
    if (!*value) {
        return APR_SUCCESS;
    }
    return record(s, DJS_CHANGE_REMOVE, key, djs_bytes_of(NULL, 0));
}

apr_status_t djs_session_pop(djs_session_t *s, djs_bytes_t key,
                             const djs_bytes_t **value)
{
    djs_bytes_t normal;
    apr_status_t rv = look_for(s, key, &normal);

    *value = NULL;
    if (rv == APR_SUCCESS) {
        rv = remove_known(s, normal, value);
    }
    return rv;
}

apr_status_t djs_session_setdefault(djs_session_t *s, djs_bytes_t key,
                                    djs_bytes_t value,
                                    const djs_bytes_t **now_there)
{
    apr_status_t rv = djs_session_get(s, key, now_there);

    if (rv == APR_SUCCESS && !*now_there) {
        rv = djs_session_set(s, key, value);
        if (rv == APR_SUCCESS) {
            rv = djs_session_get(s, key, now_there);
        }
    }
    return rv;
}

apr_status_t djs_session_update(djs_session_t *s, djs_bytes_t object)
{
    djs_json_object_t members;
    djs_session_t trial;
    djs_bytes_t normal;
    apr_status_t rv = look(s);

    if (rv == APR_SUCCESS) {
        rv = normal_value(&normal, object, s->p);
    }
    if (rv == APR_SUCCESS) {
        rv = djs_json_object_read(&members, normal, s->p);
    }
    if (rv != APR_SUCCESS) {
        return rv;
    }

    djs_session_copy(&trial, s);
    for (int i = 0; i < members.count && rv == APR_SUCCESS; i++) {
        rv = record(&trial, DJS_CHANGE_SET, members.members[i].key,
                    members.members[i].value);
    }
    if (rv == APR_SUCCESS) {
        *s = trial;
        s->modified = 1;
    }
    return rv;
}

apr_status_t djs_session_items(djs_session_t *s,
                               const djs_json_member_t **items, int *count)
{
    apr_status_t rv = look(s);

    *items = rv == APR_SUCCESS ? s->data.members : NULL;
    *count = rv == APR_SUCCESS ? s->data.count : 0;
    return rv;
}

apr_status_t djs_session_clear(djs_session_t *s)
{
    const djs_bytes_t nothing = { NULL, 0 };
    apr_status_t rv = look(s);

    if (rv != APR_SUCCESS) {
        return rv;
    }
    /* One removal for each key that is known: what a parallel request added
     * meanwhile was not touched here, so it stays. */
    for (int i = 0; i < s->data.count; i++) {
        djs_change_t change = { DJS_CHANGE_REMOVE, s->data.members[i].key,
                                nothing };

        APR_ARRAY_PUSH(s->changes, djs_change_t) = change;
    }
    djs_json_object_init(&s->data, s->p);
    s->modified = 1;
    return APR_SUCCESS;
}

apr_status_t djs_session_flush(djs_session_t *s)
{
    apr_status_t rv = look(s);

    if (rv != APR_SUCCESS) {
        return rv;
    }
    s->changes = apr_array_make(s->p, 4, sizeof(djs_change_t));
    djs_json_object_init(&s->data, s->p);
    s->key[0] = '\0';
    s->flushed = 1;
    s->cycled = 0;
    s->logged_in = 0;
    s->modified = 1;
    return APR_SUCCESS;
}

/* The user of the data as it is now, or of a session that was flushed in the
 * same breath. */
static apr_status_t find_user(djs_bytes_t *text, djs_session_t *s,
                              djs_bytes_t user_key)
{
    djs_bytes_t name, loaded;
    apr_status_t rv = look_for(s, user_key, &name);
    const djs_bytes_t *value =
        rv == APR_SUCCESS ? djs_json_object_get(&s->data, name) : NULL;

    if (rv == APR_SUCCESS && !value && s->flushed &&
        djs_json_find(&loaded, s->record.body, name)) {
        value = &loaded;
    }
    *text = djs_session_user_text(value, s->p);
    return rv;
}

djs_bytes_t djs_session_user_text(const djs_bytes_t *value, apr_pool_t *p)
{
    djs_bytes_t text = { "", 0 };

    if (!value || djs_json_kind(*value) == DJS_JSON_NULL) {
        return text;
    }
    if (djs_json_kind(*value) != DJS_JSON_STRING ||
        djs_json_text(&text, *value, p) != APR_SUCCESS) {
        return djs_bytes_of(apr_pstrmemdup(p, value->data, value->len),
                            value->len);
    }
    return text;
}

apr_status_t djs_session_logout_everywhere(djs_session_t *s,
                                           djs_bytes_t user_key)
{
    djs_bytes_t user;
    apr_status_t rv = find_user(&user, s, user_key);

    if (rv == APR_SUCCESS) {
        rv = djs_session_flush(s);
    }
    if (rv == APR_SUCCESS && user.len > 0) {
        /* A copy: what an update tries out may have to be forgotten. */
        s->everywhere = s->everywhere
                            ? apr_array_copy(s->p, s->everywhere)
                            : apr_array_make(s->p, 1, sizeof(djs_bytes_t));
        APR_ARRAY_PUSH(s->everywhere, djs_bytes_t) = user;
    }
    return rv;
}

apr_status_t djs_session_cycle_key(djs_session_t *s)
{
    apr_status_t rv = look(s);

    /* Without a key there is none to change: what is saved gets a new one. */
    if (rv == APR_SUCCESS && s->key[0]) {
        s->cycled = 1;
        s->modified = 1;
    }
    return rv;
}

apr_status_t djs_session_login(djs_session_t *s, djs_bytes_t user_key,
                               djs_bytes_t user)
{
    const djs_bytes_t *before;
    djs_bytes_t name, value;
    apr_status_t rv = look_for(s, user_key, &name);

    if (rv == APR_SUCCESS) {
        rv = djs_json_quote(&value, user, s->p);
    }
    if (rv != APR_SUCCESS) {
        return rv;
    }

    before = djs_json_object_get(&s->data, name);
    if (before && !djs_bytes_equal(*before, value)) {
        rv = djs_session_flush(s);
    }
    else {
        rv = djs_session_cycle_key(s);
    }
    if (rv == APR_SUCCESS) {
        rv = record(s, DJS_CHANGE_SET, name, value);
    }
    if (rv == APR_SUCCESS) {
        s->logged_in = 1;
    }
    return rv;
}

apr_status_t djs_session_note_login(djs_session_t *s)
{
    apr_status_t rv = djs_session_cycle_key(s);

    if (rv == APR_SUCCESS) {
        s->logged_in = 1;
    }
    return rv;
}

int djs_session_is_empty(djs_session_t *s)
{
    if (s->key[0]) {
        return 0;
    }
    return s->parsed ? s->data.count == 0 : s->changes->nelts == 0;
}

apr_status_t djs_session_set_expiry(djs_session_t *s,
                                    const djs_expiry_t *expiry)
{
    const djs_bytes_t key = djs_bytes(EXPIRY_KEY);
    const djs_bytes_t *ignored;
    djs_bytes_t value;
    apr_status_t rv = look(s);

    if (rv != APR_SUCCESS) {
        return rv;
    }
    if (expiry->how == DJS_EXPIRY_POLICY) {
        return remove_known(s, key, &ignored);
    }
    djs_expiry_write(&value, expiry, s->p);
    return record(s, DJS_CHANGE_SET, key, value);
}

apr_status_t djs_session_expiry(djs_session_t *s, djs_expiry_t *expiry)
{
    const djs_bytes_t key = djs_bytes(EXPIRY_KEY);
    apr_status_t rv = look(s);

    if (rv != APR_SUCCESS) {
        djs_expiry_read(expiry, NULL);
        return rv;
    }
    return djs_expiry_read(expiry, djs_json_object_get(&s->data, key));
}

apr_status_t djs_session_get_expiry_age(djs_session_t *s,
                                        const djs_lifetime_t *policy,
                                        apr_time_t now, apr_int64_t *seconds)
{
    djs_expiry_t expiry;
    apr_status_t rv = djs_session_expiry(s, &expiry);

    *seconds = djs_expiry_age(&expiry, policy, now);
    return rv;
}

apr_status_t djs_session_get_expiry_date(djs_session_t *s,
                                         const djs_lifetime_t *policy,
                                         apr_time_t now, apr_time_t *date)
{
    djs_expiry_t expiry;
    apr_status_t rv = djs_session_expiry(s, &expiry);

    *date = djs_expiry_deadline(&expiry, policy, now);
    return rv;
}

apr_status_t
djs_session_get_expire_at_browser_close(djs_session_t *s,
                                        const djs_lifetime_t *policy, int *yes)
{
    djs_expiry_t expiry;
    apr_status_t rv = djs_session_expiry(s, &expiry);

    *yes = djs_expiry_browser_close(&expiry, policy);
    return rv;
}

apr_status_t djs_session_set_test_cookie(djs_session_t *s)
{
    return djs_session_set_text(s, djs_bytes(TEST_KEY), djs_bytes(TEST_WORKED));
}

apr_status_t djs_session_test_cookie_worked(djs_session_t *s, int *worked)
{
    const djs_bytes_t *value;
    apr_status_t rv = djs_session_get(s, djs_bytes(TEST_KEY), &value);

    *worked =
        value && djs_bytes_equal(*value, djs_bytes("\"" TEST_WORKED "\""));
    return rv;
}

apr_status_t djs_session_delete_test_cookie(djs_session_t *s)
{
    const djs_bytes_t *ignored;

    return djs_session_pop(s, djs_bytes(TEST_KEY), &ignored);
}
