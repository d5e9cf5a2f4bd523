/* test_session - the session object's methods, one by one, against the rules of
 * Django's SessionBase. */
#include "session_fixture.h"

/* Rule 4: a session that nobody looked at is neither accessed nor modified,
 * and its data was not even parsed. */
static void nothing_is_parsed_that_nobody_asked_for(void **state)
{
    djs_session_t *s = live("{\"a\":1}");

    (void)state;
    assert_false(djs_session_is_empty(s));
    assert_false(s->accessed || s->modified || s->parsed);
}

/* Each method once; the flags it leaves are Django's (rules 5 and 6). */
typedef apr_status_t (*call_fn)(djs_session_t *s);

static const djs_bytes_t *value;
static int number;
static apr_int64_t seconds;
static apr_time_t date;
static const djs_lifetime_t policy = { 1209600 * APR_INT64_C(1000000), 0 };
static const djs_expiry_t hour = { DJS_EXPIRY_SECONDS, 3600, 0 };
static const djs_expiry_t none = { DJS_EXPIRY_POLICY, 0, 0 };

static apr_status_t get(djs_session_t *s)
{
    return djs_session_get(s, b("a"), &value);
}

static apr_status_t has_key(djs_session_t *s)
{
    return djs_session_has_key(s, b("a"), &number);
}

static apr_status_t set(djs_session_t *s)
{
    return djs_session_set(s, b("a"), b(" [ 1 ] "));
}

static apr_status_t set_text(djs_session_t *s)
{
    return djs_session_set_text(s, b("b"), b("\xc3\xa9"));
}

static apr_status_t incr(djs_session_t *s)
{
    return djs_session_incr(s, b("a"), b("41"));
}

static apr_status_t pop(djs_session_t *s)
{
    return djs_session_pop(s, b("a"), &value);
}

static apr_status_t pop_absent(djs_session_t *s)
{
    return djs_session_pop(s, b("z"), &value);
}

static apr_status_t setdefault(djs_session_t *s)
{
    return djs_session_setdefault(s, b("z"), b("26"), &value);
}

static apr_status_t setdefault_present(djs_session_t *s)
{
    return djs_session_setdefault(s, b("a"), b("2"), &value);
}

static apr_status_t update(djs_session_t *s)
{
    return djs_session_update(s, b("{\"c\": 3, \"a\": null}"));
}

static apr_status_t update_nothing(djs_session_t *s)
{
    return djs_session_update(s, b("{}"));
}

static apr_status_t login(djs_session_t *s)
{
    return djs_session_login(s, b("u"), b("42"));
}

static apr_status_t set_expiry(djs_session_t *s)
{
    return djs_session_set_expiry(s, &hour);
}

static apr_status_t set_expiry_none(djs_session_t *s)
{
    return djs_session_set_expiry(s, &none);
}

static apr_status_t get_expiry_age(djs_session_t *s)
{
    return djs_session_get_expiry_age(s, &policy, 0, &seconds);
}

static apr_status_t get_expiry_date(djs_session_t *s)
{
    return djs_session_get_expiry_date(s, &policy, 0, &date);
}

static apr_status_t browser_close(djs_session_t *s)
{
    return djs_session_get_expire_at_browser_close(s, &policy, &number);
}

static apr_status_t test_cookie_worked(djs_session_t *s)
{
    return djs_session_test_cookie_worked(s, &number);
}

static apr_status_t items(djs_session_t *s)
{
    const djs_json_member_t *members;

    return djs_session_items(s, &members, &number);
}

static const struct {
    const char *name;
    call_fn call;
    int modified;
    const char *data; /* afterwards; before: "a":1 */
} methods[] = {
    { "get", get, 0, "\"a\":1" },
    { "has_key", has_key, 0, "\"a\":1" },
    { "items", items, 0, "\"a\":1" },
    { "set", set, 1, "\"a\":[1]" },
    { "set_text", set_text, 1, "\"a\":1,\"b\":\"\\u00e9\"" },
    { "incr", incr, 1, "\"a\":42" },
    { "pop", pop, 1, "" },
    { "pop of what is not there", pop_absent, 0, "\"a\":1" },
    { "setdefault", setdefault, 1, "\"a\":1,\"z\":26" },
    { "setdefault of what is there", setdefault_present, 0, "\"a\":1" },
    { "update", update, 1, "\"a\":null,\"c\":3" },
    { "update with nothing", update_nothing, 1, "\"a\":1" },
    { "clear", djs_session_clear, 1, "" },
    { "flush", djs_session_flush, 1, "" },
    { "cycle_key", djs_session_cycle_key, 1, "\"a\":1" },
    { "login", login, 1, "\"a\":1,\"u\":\"42\"" },
    { "set_expiry", set_expiry, 1, "\"a\":1,\"_session_expiry\":3600" },
    { "set_expiry(None), nothing set", set_expiry_none, 0, "\"a\":1" },
    { "get_expiry_age", get_expiry_age, 0, "\"a\":1" },
    { "get_expiry_date", get_expiry_date, 0, "\"a\":1" },
    { "get_expire_at_browser_close", browser_close, 0, "\"a\":1" },
    { "set_test_cookie", djs_session_set_test_cookie, 1,
      "\"a\":1,\"testcookie\":\"worked\"" },
    { "test_cookie_worked", test_cookie_worked, 0, "\"a\":1" },
    { "delete_test_cookie, none set", djs_session_delete_test_cookie, 0,
      "\"a\":1" },
};

static void flags_and_data_follow_django(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT(methods); i++) {
        djs_session_t *s = live("{\"a\":1}");
        apr_status_t rv = methods[i].call(s);

        if (rv != APR_SUCCESS || !s->accessed ||
            s->modified != methods[i].modified ||
            strcmp(data_of(s), methods[i].data) != 0) {
            fail_msg("%s: status %d, modified %d, data %s", methods[i].name, rv,
                     s->modified, data_of(s));
        }
        /* The list says the same as the data. */
        s->parsed = 0;
        assert_string_equal(data_of(s), methods[i].data);
    }
}

/* INV8: an outage and a broken record are neither read as empty nor changed. */
static void trouble_is_never_an_empty_session(void **state)
{
    static const struct {
        djs_state_e state;
        const char *body;
        apr_status_t rv;
    } rows[] = {
        { DJS_STATE_UNAVAILABLE, "{\"a\":1}", DJS_ETROUBLE },
        { DJS_STATE_UNREADABLE, "{\"a\":1}", DJS_EUNREADABLE },
        { DJS_STATE_LIVE, "[1]", DJS_EUNREADABLE },
        { DJS_STATE_LIVE, "{\"a\":1", DJS_EUNREADABLE },
        { DJS_STATE_LIVE, "", DJS_EUNREADABLE },
    };

    (void)state;
    for (size_t row = 0; row < COUNT(rows); row++) {
        for (size_t i = 0; i < COUNT(methods); i++) {
            djs_session_t *s = live(rows[row].body);

            s->state = rows[row].state;
            assert_int_equal(methods[i].call(s), rows[row].rv);
            assert_int_equal(methods[i].call(s), rows[row].rv);
            assert_true(s->accessed);
            assert_false(s->modified || s->flushed || s->cycled);
            assert_int_equal(s->changes->nelts, 0);
            assert_int_not_equal(s->state, DJS_STATE_LIVE);
            assert_false(djs_session_is_empty(s));
        }
    }
}

static void getters_answer(void **state)
{
    djs_session_t *s = live("{\"a\":1,\"b\":\"\\u00e9\",\"\\u00e9\":2}");
    const djs_json_member_t *members;
    const djs_bytes_t *v;
    int has;

    (void)state;
    assert_int_equal(djs_session_get(s, b("b"), &v), APR_SUCCESS);
    assert_true(djs_bytes_equal(*v, b("\"\\u00e9\"")));
    assert_int_equal(djs_session_get(s, b("\xc3\xa9"), &v), APR_SUCCESS);
    assert_true(djs_bytes_equal(*v, b("2")));
    assert_int_equal(djs_session_get(s, b("c"), &v), APR_SUCCESS);
    assert_null(v);
    assert_int_equal(djs_session_get(s, b("\xff"), &v), DJS_EINVALID);
    assert_null(v);
    assert_int_equal(djs_session_has_key(s, b("a"), &has), APR_SUCCESS);
    assert_true(has);
    assert_int_equal(djs_session_has_key(s, b("c"), &has), APR_SUCCESS);
    assert_false(has);
    assert_int_equal(djs_session_items(s, &members, &has), APR_SUCCESS);
    assert_int_equal(has, 3);

    s = live("x");
    assert_int_equal(djs_session_items(s, &members, &has), DJS_EUNREADABLE);
    assert_int_equal(has, 0);
    assert_null(members);
    assert_int_equal(djs_session_has_key(s, b("a"), &has), DJS_EUNREADABLE);
    assert_false(has);
}

static void what_is_no_value_is_refused(void **state)
{
    djs_session_t *s = live("{\"a\":1,\"s\":\"x\"}");

    (void)state;
    assert_int_equal(djs_session_set(s, b("a"), b("tru")), DJS_EINVALID);
    assert_int_equal(djs_session_set(s, b("a"), b("1 2")), DJS_EINVALID);
    assert_int_equal(djs_session_set(s, b("a"), b("")), DJS_EINVALID);
    assert_int_equal(djs_session_set(s, b("\xff"), b("1")), DJS_EINVALID);
    assert_int_equal(djs_session_set_text(s, b("a"), b("\xff")), DJS_EINVALID);
    assert_int_equal(djs_session_set_text(s, b("\xff"), b("")), DJS_EINVALID);
    assert_int_equal(djs_session_update(s, b("[]")), DJS_ETYPE);
    assert_int_equal(djs_session_update(s, b("{")), DJS_EINVALID);
    assert_int_equal(djs_session_login(s, b("u"), b("\xff")), DJS_EINVALID);
    assert_int_equal(djs_session_incr(s, b("s"), b("1")), DJS_ETYPE);
    assert_int_equal(djs_session_incr(s, b("a"), b("1.0")), DJS_ETYPE);
    assert_int_equal(djs_session_incr(s, b("a"), b("\"1\"")), DJS_ETYPE);
    assert_int_equal(djs_session_incr(s, b("a"), b("x")), DJS_EINVALID);
    assert_int_equal(djs_session_pop(s, b("\xff"), &value), DJS_EINVALID);
    assert_null(value);
    assert_int_equal(djs_session_setdefault(s, b("z"), b("x"), &value),
                     DJS_EINVALID);
    /* An expiry that no save could read. */
    assert_int_equal(djs_session_set(s, b("_session_expiry"), b("\"x\"")),
                     DJS_EINVALID);
    assert_int_equal(
        djs_session_update(s, b("{\"n\":1,\"_session_expiry\":[]}")),
        DJS_ETYPE);
    assert_false(s->modified);
    assert_int_equal(s->changes->nelts, 0);
    assert_string_equal(data_of(s), "\"a\":1,\"s\":\"x\"");
}

static void values_of_any_kind_and_size_go_in_and_out(void **state)
{
    static const struct {
        const char *in, *out;
    } rows[] = {
        { " { \"b\" : [ 1.50, -0, 1e400, NaN ] } ",
          "{\"b\":[1.50,-0,1e400,NaN]}" },
        { "123456789012345678901234567890", "123456789012345678901234567890" },
        { "\"\xf0\x9f\x98\x80\"", "\"\\ud83d\\ude00\"" },
        { "\"\\ud800\"", "\"\\ud800\"" },
        { "null", "null" },
    };
    const djs_bytes_t *v;

    (void)state;
    for (size_t i = 0; i < COUNT(rows); i++) {
        djs_session_t *s = anonymous();

        assert_int_equal(djs_session_set(s, b("k"), b(rows[i].in)), 0);
        assert_int_equal(djs_session_get(s, b("k"), &v), APR_SUCCESS);
        assert_true(djs_bytes_equal(*v, b(rows[i].out)));
    }
}

/* H01: a value may be as deep as the data that holds it can be read again, and
 * no deeper: otherwise the next request finds an unreadable session. */
static void what_is_set_can_be_read_again(void **state)
{
    char deep[2 * DJS_JSON_DEPTH + 1];
    djs_session_t *s = anonymous();
    djs_json_object_t again;
    djs_bytes_t text;

    (void)state;
    for (int depth = DJS_JSON_DEPTH - 1; depth <= DJS_JSON_DEPTH; depth++) {
        memset(deep, '[', (size_t)depth);
        memset(deep + depth, ']', (size_t)depth);
        assert_int_equal(
            djs_session_set(s, b("a"), djs_bytes_of(deep, (size_t)depth * 2)),
            depth < DJS_JSON_DEPTH ? APR_SUCCESS : DJS_EINVALID);
    }
    assert_int_equal(djs_json_object_write(&text, &s->data, 65536, pool), 0);
    assert_int_equal(djs_json_object_read(&again, text, pool), APR_SUCCESS);
    assert_int_equal(again.count, 1);
}

/* What pop returns outlives whatever is done next. */
static void pop_returns_the_value_for_good(void **state)
{
    djs_session_t *s = live("{\"a\":1,\"b\":2,\"c\":3}");
    const djs_bytes_t *a, *c;

    (void)state;
    assert_int_equal(djs_session_pop(s, b("a"), &a), APR_SUCCESS);
    assert_int_equal(djs_session_pop(s, b("c"), &c), APR_SUCCESS);
    assert_int_equal(djs_session_set(s, b("d"), b("4")), APR_SUCCESS);
    assert_true(djs_bytes_equal(*a, b("1")));
    assert_true(djs_bytes_equal(*c, b("3")));
    assert_string_equal(data_of(s), "\"b\":2,\"d\":4");
}

static void setdefault_tells_what_is_there_now(void **state)
{
    djs_session_t *s = live("{\"a\":1}");
    const djs_bytes_t *v;

    (void)state;
    assert_int_equal(djs_session_setdefault(s, b("a"), b("7"), &v), 0);
    assert_true(djs_bytes_equal(*v, b("1")));
    assert_int_equal(djs_session_setdefault(s, b("n"), b("7"), &v), 0);
    assert_true(djs_bytes_equal(*v, b("7")));
    assert_int_equal(s->changes->nelts, 1);
}

static void increments_add_up(void **state)
{
    djs_session_t *s = live("{\"big\":99999999999999999999,\"a\":5}");

    (void)state;
    assert_int_equal(djs_session_incr(s, b("big"), b("1")), APR_SUCCESS);
    assert_int_equal(djs_session_incr(s, b("a"), b("-7")), APR_SUCCESS);
    assert_int_equal(djs_session_incr(s, b("n"), b("3")), APR_SUCCESS);
    assert_int_equal(djs_session_incr(s, b("n"), b("-0")), APR_SUCCESS);
    assert_string_equal(data_of(s),
                        "\"big\":100000000000000000000,\"a\":-2,\"n\":3");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(nothing_is_parsed_that_nobody_asked_for),
        cmocka_unit_test(flags_and_data_follow_django),
        cmocka_unit_test(trouble_is_never_an_empty_session),
        cmocka_unit_test(getters_answer),
        cmocka_unit_test(what_is_no_value_is_refused),
        cmocka_unit_test(values_of_any_kind_and_size_go_in_and_out),
        cmocka_unit_test(what_is_set_can_be_read_again),
        cmocka_unit_test(pop_returns_the_value_for_good),
        cmocka_unit_test(setdefault_tells_what_is_there_now),
        cmocka_unit_test(increments_add_up),
    };

    return cmocka_run_group_tests(tests, setup, teardown);
}
