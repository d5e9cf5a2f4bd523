/* test_session_life - what becomes of sessions: merges, rotation, logins, ends,
 * expiry. The numbers are C cases of the security catalogue. */
#include "session_fixture.h"

typedef apr_status_t (*call_fn)(djs_session_t *s);

static const djs_bytes_t *value;
static int number;
static apr_int64_t seconds;
static apr_time_t date;
static const djs_lifetime_t policy = { 1209600 * APR_INT64_C(1000000), 0 };
static const djs_expiry_t hour = { DJS_EXPIRY_SECONDS, 3600, 0 };
static const djs_expiry_t none = { DJS_EXPIRY_POLICY, 0, 0 };

static apr_status_t set(djs_session_t *s)
{
    return djs_session_set(s, b("a"), b(" [ 1 ] "));
}

static apr_status_t incr(djs_session_t *s)
{
    return djs_session_incr(s, b("a"), b("41"));
}

static apr_status_t pop(djs_session_t *s)
{
    return djs_session_pop(s, b("a"), &value);
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

/* What a save would make of `stored`, which another request may have changed
 * meanwhile; "!" when it can not. */
static const char *saved_on(djs_session_t *s, const char *stored)
{
    djs_json_object_t data;
    djs_bytes_t text;

    assert_int_equal(djs_json_object_read(&data, b(stored), pool), 0);
    if (djs_session_replay(&data, s->changes) != APR_SUCCESS) {
        return "!";
    }
    assert_int_equal(djs_json_object_write(&text, &data, 65536, pool), 0);
    return apr_pstrmemdup(pool, text.data, text.len);
}

/* Two requests of one session: what one did not touch, it does not revert. */
static const struct {
    const char *why;
    call_fn call;
    const char *stored, *merged;
} merges[] = {
    { "set replaces its key only", set, "{\"a\":9,\"x\":1}",
      "{\"a\":[1],\"x\":1}" },
    { "set brings a removed key back", set, "{\"x\":1}",
      "{\"x\":1,\"a\":[1]}" },
    { "increments of both count", incr, "{\"a\":9,\"x\":1}",
      "{\"a\":50,\"x\":1}" },
    { "an increment of what was removed", incr, "{\"x\":1}",
      "{\"x\":1,\"a\":41}" },
    { "an increment of what became text", incr, "{\"a\":\"t\"}", "!" },
    { "pop removes its key only", pop, "{\"a\":9,\"x\":1}", "{\"x\":1}" },
    { "pop of what was removed already", pop, "{\"x\":1}", "{\"x\":1}" },
    { "clear removes what it knew", djs_session_clear, "{\"a\":9,\"x\":1}",
      "{\"x\":1}" },
    { "cycle_key changes nothing", djs_session_cycle_key, "{\"a\":9,\"x\":1}",
      "{\"a\":9,\"x\":1}" },
    { "untouched values stay byte for byte", set,
      "{\"x\":1.50,\"y\":10000000000000000000000}",
      "{\"x\":1.50,\"y\":10000000000000000000000,\"a\":[1]}" },
};

static void parallel_requests_merge_key_by_key(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT(merges); i++) {
        djs_session_t *s = live("{\"a\":1}");
        const char *got;

        assert_int_equal(merges[i].call(s), APR_SUCCESS);
        got = saved_on(s, merges[i].stored);
        if (strcmp(got, merges[i].merged) != 0) {
            fail_msg("%s: %s", merges[i].why, got);
        }
    }
}

/* C15: changes are replayed in the order in which they were made. */
static void changes_are_replayed_in_order(void **state)
{
    djs_session_t *s = live("{\"a\":1}");

    (void)state;
    djs_session_set(s, b("a"), b("2"));
    djs_session_pop(s, b("a"), &value);
    djs_session_incr(s, b("a"), b("5"));
    djs_session_incr(s, b("a"), b("5"));
    assert_string_equal(saved_on(s, "{\"a\":100}"), "{\"a\":10}");
    djs_session_set(s, b("a"), b("1"));
    assert_string_equal(saved_on(s, "{\"a\":100}"), "{\"a\":1}");
    assert_string_equal(data_of(s), "\"a\":1");
}

/* C06, rule 13: clear keeps the session, only flush ends it. */
static void clear_keeps_the_session_and_flush_ends_it(void **state)
{
    djs_session_t *s = live("{\"a\":1,\"b\":2}");

    (void)state;
    djs_session_set(s, b("c"), b("3"));
    assert_int_equal(djs_session_clear(s), APR_SUCCESS);
    assert_false(djs_session_is_empty(s) || s->flushed);
    assert_string_equal(s->key, KEY);
    assert_string_equal(saved_on(s, "{\"a\":1,\"b\":2}"), "{}");

    djs_session_set(s, b("d"), b("4"));
    assert_int_equal(djs_session_cycle_key(s), APR_SUCCESS);
    assert_int_equal(djs_session_login(s, b("u"), b("1")), APR_SUCCESS);
    assert_int_equal(djs_session_flush(s), APR_SUCCESS);
    assert_true(djs_session_is_empty(s));
    assert_true(s->flushed && s->modified);
    assert_false(s->cycled || s->logged_in);
    assert_string_equal(s->key, "");
    assert_string_equal(s->loaded, KEY);
    assert_int_equal(s->changes->nelts, 0);
    assert_string_equal(data_of(s), "");

    /* What comes later belongs to a new session. */
    djs_session_set(s, b("e"), b("5"));
    assert_false(djs_session_is_empty(s));
    assert_string_equal(saved_on(s, "{}"), "{\"e\":5}");
    s->parsed = 0;
    assert_string_equal(data_of(s), "\"e\":5");
}

/* Rule 8; and a session without a key has no data to begin with. */
static void empty_is_a_session_without_key_and_data(void **state)
{
    djs_session_t *s = anonymous();

    (void)state;
    assert_true(djs_session_is_empty(s));
    assert_string_equal(data_of(s), "");
    assert_true(djs_session_is_empty(s));
    djs_session_set(s, b("a"), b("1"));
    assert_false(djs_session_is_empty(s));
    djs_session_pop(s, b("a"), &value);
    assert_true(djs_session_is_empty(s));
    assert_true(s->modified);

    /* C09: a logout without a session is a logout all the same. */
    s = anonymous();
    assert_int_equal(djs_session_flush(s), APR_SUCCESS);
    assert_true(djs_session_is_empty(s) && s->flushed);

    /* What is not in the state live has no data, whatever lies there. */
    s = anonymous();
    s->record.body = b("{\"a\":1}");
    assert_string_equal(data_of(s), "");
}

static void only_a_session_with_a_key_is_rotated(void **state)
{
    djs_session_t *s = anonymous();

    (void)state;
    assert_int_equal(djs_session_cycle_key(s), APR_SUCCESS);
    assert_true(s->accessed);
    assert_false(s->cycled || s->modified);
    s = live("{}");
    assert_int_equal(djs_session_cycle_key(s), APR_SUCCESS);
    assert_true(s->cycled && s->modified);
    assert_string_equal(s->key, KEY);
}

/* C02, C04: interface section 6, login. */
static const struct {
    const char *why, *body;
    int flushed, cycled;
    const char *data;
} logins[] = {
    { "C02: an anonymous session keeps its data under a new key",
      "{\"cart\":3}", 0, 1, "\"cart\":3,\"u\":\"42\"" },
    { "the same user: rotated all the same", "{\"u\":\"42\",\"cart\":3}", 0, 1,
      "\"u\":\"42\",\"cart\":3" },
    { "C04: another user's data is gone", "{\"u\":\"7\",\"cart\":3}", 1, 0,
      "\"u\":\"42\"" },
    { "C04: a user id of another type is another user", "{\"u\":42,\"cart\":3}",
      1, 0, "\"u\":\"42\"" },
};

static void a_login_rotates_and_flushes_another_user(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT(logins); i++) {
        djs_session_t *s = live(logins[i].body);

        assert_int_equal(djs_session_login(s, b("u"), b("42")), APR_SUCCESS);
        if (s->flushed != logins[i].flushed || s->cycled != logins[i].cycled ||
            !s->logged_in || !s->modified ||
            strcmp(data_of(s), logins[i].data) != 0) {
            fail_msg("%s: flushed %d, cycled %d, data %s", logins[i].why,
                     s->flushed, s->cycled, data_of(s));
        }
    }
    /* No session yet: it will get a new key anyway. */
    assert_int_equal(djs_session_login(anonymous(), b("u"), b("42")), 0);
    assert_false(session.cycled || session.flushed);
    assert_true(session.logged_in);
    assert_string_equal(data_of(&session), "\"u\":\"42\"");
}

/* Rules 20 to 23, through the object. */
static void expiry_is_kept_in_the_data(void **state)
{
    const djs_expiry_t browser = { .how = DJS_EXPIRY_BROWSER };
    const djs_expiry_t moment = { DJS_EXPIRY_DATE, 0,
                                  1796083200 * APR_USEC_PER_SEC };
    djs_session_t *s = anonymous();
    djs_expiry_t got;

    (void)state;
    assert_int_equal(djs_session_set_expiry(s, &hour), APR_SUCCESS);
    assert_int_equal(get_expiry_age(s), APR_SUCCESS);
    assert_int_equal(seconds, 3600);
    assert_int_equal(get_expiry_date(s), APR_SUCCESS);
    assert_int_equal(date, 3600 * APR_USEC_PER_SEC);
    assert_int_equal(browser_close(s), APR_SUCCESS);
    assert_false(number);

    assert_int_equal(djs_session_set_expiry(s, &browser), APR_SUCCESS);
    assert_int_equal(browser_close(s), APR_SUCCESS);
    assert_true(number);
    assert_int_equal(get_expiry_age(s), APR_SUCCESS);
    assert_int_equal(seconds, 1209600);

    assert_int_equal(djs_session_set_expiry(s, &moment), APR_SUCCESS);
    assert_string_equal(data_of(s),
                        "\"_session_expiry\":\"2026-12-01T00:00:00+00:00\"");
    assert_int_equal(djs_session_expiry(s, &got), APR_SUCCESS);
    assert_int_equal(got.how, DJS_EXPIRY_DATE);

    assert_int_equal(djs_session_set_expiry(s, &none), APR_SUCCESS);
    assert_string_equal(data_of(s), "");
    assert_string_equal(saved_on(s, "{\"_session_expiry\":1,\"x\":2}"),
                        "{\"x\":2}");

    /* A site's own nonsense is told, not guessed at. */
    s = live("{\"_session_expiry\":\"soon\"}");
    assert_int_equal(djs_session_expiry(s, &got), DJS_EINVALID);
    assert_int_equal(got.how, DJS_EXPIRY_POLICY);
    assert_int_equal(get_expiry_age(s), DJS_EINVALID);
    assert_int_equal(seconds, 1209600);
}

/* Rule 34. */
static void the_test_cookie_works(void **state)
{
    djs_session_t *s = anonymous();

    (void)state;
    assert_int_equal(test_cookie_worked(s), APR_SUCCESS);
    assert_false(number);
    assert_int_equal(djs_session_set_test_cookie(s), APR_SUCCESS);
    assert_int_equal(test_cookie_worked(s), APR_SUCCESS);
    assert_true(number);
    assert_int_equal(djs_session_delete_test_cookie(s), APR_SUCCESS);
    assert_int_equal(test_cookie_worked(s), APR_SUCCESS);
    assert_false(number);
    assert_int_equal(djs_session_set(s, b("testcookie"), b("1")), APR_SUCCESS);
    assert_int_equal(test_cookie_worked(s), APR_SUCCESS);
    assert_false(number);
}

/* The copy on which updates are tried leaves the original alone. */
static void a_copy_is_changed_apart(void **state)
{
    djs_session_t *s = live("{\"a\":1}");
    djs_session_t copy;
    char name[8];

    (void)state;
    djs_session_set(s, b("b"), b("2"));
    djs_session_copy(&copy, s);
    for (int i = 0; i < 40; i++) {
        apr_snprintf(name, sizeof(name), "k%d", i);
        djs_session_set(&copy, b(name), b("0"));
    }
    djs_session_pop(&copy, b("a"), &value);
    assert_string_equal(data_of(s), "\"a\":1,\"b\":2");
    assert_int_equal(s->changes->nelts, 1);

    djs_session_copy(&copy, s);
    djs_session_flush(&copy);
    djs_session_set(&copy, b("z"), b("0"));
    assert_string_equal(data_of(s), "\"a\":1,\"b\":2");
    assert_string_equal(saved_on(s, "{}"), "{\"b\":2}");
    assert_string_equal(s->key, KEY);
    *s = copy;
    assert_string_equal(data_of(s), "\"z\":0");
}

/* A save that adds up more digits than Python reads is refused. */
static void a_sum_without_end_is_refused(void **state)
{
    djs_session_t *s = anonymous();
    char digits[4301];

    (void)state;
    memset(digits, '9', 4300);
    digits[4300] = '\0';
    assert_int_equal(djs_session_incr(s, b("a"), b(digits)), APR_SUCCESS);
    assert_int_equal(djs_session_incr(s, b("a"), b("1")), DJS_ETOOBIG);
    assert_int_equal(s->changes->nelts, 1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(parallel_requests_merge_key_by_key),
        cmocka_unit_test(changes_are_replayed_in_order),
        cmocka_unit_test(clear_keeps_the_session_and_flush_ends_it),
        cmocka_unit_test(empty_is_a_session_without_key_and_data),
        cmocka_unit_test(only_a_session_with_a_key_is_rotated),
        cmocka_unit_test(a_login_rotates_and_flushes_another_user),
        cmocka_unit_test(expiry_is_kept_in_the_data),
        cmocka_unit_test(the_test_cookie_works),
        cmocka_unit_test(a_copy_is_changed_apart),
        cmocka_unit_test(a_sum_without_end_is_refused),
    };

    return cmocka_run_group_tests(tests, setup, teardown);
}
