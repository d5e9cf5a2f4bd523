/* test_update - the X-DjSession-Update header: what it does, what it refuses.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <cmocka.h>
#include <apr_general.h>
#include <apr_pools.h>
#include <apr_strings.h>
#include "session/update.h"

#define COUNT(a) (sizeof(a) / sizeof(*(a)))
#define KEY      "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa1"
#define BEFORE   "{\"a\":1,\"t\":\"x\",\"u\":\"7\"}"

static apr_pool_t *pool;
static djs_session_t session;
static const char *why;

static djs_session_t *live(const char *body)
{
    djs_session_init(&session, pool);
    session.state = DJS_STATE_LIVE;
    memcpy(session.key, KEY, sizeof(KEY));
    memcpy(session.loaded, KEY, sizeof(KEY));
    session.record.body = djs_bytes(body);
    return &session;
}

static apr_status_t apply(djs_session_t *s, const char *header)
{
    return djs_update_apply(s, djs_bytes(header), "u", &why, pool);
}

/* Flags as letters, then the data: "fcm {...}". */
static const char *outcome(djs_session_t *s)
{
    djs_bytes_t text;
    const djs_json_member_t *items;
    int count;

    assert_int_equal(djs_session_items(s, &items, &count), APR_SUCCESS);
    assert_int_equal(djs_json_object_write(&text, &s->data, 1 << 20, pool), 0);
    return apr_psprintf(pool, "%s%s%s%s %.*s", s->flushed ? "f" : "",
                        s->cycled ? "c" : "", s->logged_in ? "l" : "",
                        s->modified ? "m" : "", (int)text.len, text.data);
}

/* On a session of user 7 with a=1 and t="x". */
static const struct {
    const char *what, *header, *outcome;
} updates[] = {
    { "nothing", "{}", " " BEFORE },
    { "flush", "{\"flush\":true}", "fm {}" },
    { "flush: false does nothing", "{\"flush\":false}", " " BEFORE },
    { "login of another", "{\"login\":\"42\"}", "flm {\"u\":\"42\"}" },
    { "login of the same", "{\"login\":\"7\"}", "clm " BEFORE },
    { "login with data",
      "{\"login\":{\"id\":\"42\",\"data\":{\"n\":1,\"m\":[]}}}",
      "flm {\"u\":\"42\",\"n\":1,\"m\":[]}" },
    { "login as an object without data", "{\"login\":{\"id\":\"42\"}}",
      "flm {\"u\":\"42\"}" },
    { "login with no data in data", "{\"login\":{\"data\":{},\"id\":\"7\"}}",
      "clm " BEFORE },
    { "a user whose id is not ASCII", "{\"login\":\"\xc3\xa9\"}",
      "flm {\"u\":\"\\u00e9\"}" },
    { "rotate", "{\"rotate\":true}", "cm " BEFORE },
    { "rotate: false does nothing", "{\"rotate\":false}", " " BEFORE },
    { "remove", "{\"remove\":[\"a\",\"t\"]}", "m {\"u\":\"7\"}" },
    { "remove what is not there", "{\"remove\":[\"z\"]}", " " BEFORE },
    { "remove nothing", "{\"remove\":[]}", " " BEFORE },
    { "remove with escapes", "{\"remove\":[\"\\u0061\",\"\\\"],\"]}",
      "m {\"t\":\"x\",\"u\":\"7\"}" },
    { "set", "{\"set\":{\"a\":{\"b\":[1.50,null]},\"n\":\"\xc3\xa9\"}}",
      "m {\"a\":{\"b\":[1.50,null]},\"t\":\"x\",\"u\":\"7\","
      "\"n\":\"\\u00e9\"}" },
    { "incr", "{\"incr\":{\"a\":41,\"n\":-2}}",
      "m {\"a\":42,\"t\":\"x\",\"u\":\"7\",\"n\":-2}" },
    { "expiry in seconds", "{\"flush\":true,\"expiry\":3600}",
      "fm {\"_session_expiry\":3600}" },
    { "expiry with the browser", "{\"flush\":true,\"expiry\":0}",
      "fm {\"_session_expiry\":0}" },
    { "expiry by the policy",
      "{\"flush\":true,\"set\":{\"_session_expiry\":5},\"expiry\":null}",
      "fm {}" },
    { "expiry at a date",
      "{\"flush\":true,\"expiry\":\"2026-12-01T00:00:00Z\"}",
      "fm {\"_session_expiry\":\"2026-12-01T00:00:00+00:00\"}" },
    { "set after flush, however they stand",
      "{\"set\":{\"n\":1},\"flush\":true}", "fm {\"n\":1}" },
    { "the whole order, written backwards",
      "{\"expiry\":9,\"incr\":{\"a\":1},\"set\":{\"a\":5},\"remove\":[\"t\"],"
      "\"rotate\":true,\"login\":{\"id\":\"8\",\"data\":{\"t\":2,\"w\":3}},"
      "\"flush\":true}",
      "flm {\"u\":\"8\",\"w\":3,\"a\":6,\"_session_expiry\":9}" },
    { "login, then what is removed and set",
      "{\"login\":\"7\",\"remove\":[\"a\"],\"set\":{\"t\":2}}",
      "clm {\"t\":2,\"u\":\"7\"}" },
    { "blanks around", " \t{ \"set\" : { \"a\" : 2 } }\t ",
      "m {\"a\":2,\"t\":\"x\",\"u\":\"7\"}" },
    { "two headers", "{\"set\":{\"a\":2}}, {\"incr\":{\"a\":1}}",
      "m {\"a\":3,\"t\":\"x\",\"u\":\"7\"}" },
    { "three headers, without blanks",
      "{\"set\":{\"a\":\"}, {\"}},{\"flush\":true},{\"set\":{\"n\":1}}",
      "fm {\"n\":1}" },
    { "a later flush forgets an earlier login",
      "{\"login\":\"42\"}, {\"flush\":true}", "fm {}" },
    { "a member that stands twice: the last one",
      "{\"set\":{\"a\":2},\"set\":{\"a\":3}}",
      "m {\"a\":3,\"t\":\"x\",\"u\":\"7\"}" },
    { "names with escapes", "{\"\\u0073et\":{\"a\":2}}",
      "m {\"a\":2,\"t\":\"x\",\"u\":\"7\"}" },
};

static void each_member_does_what_its_name_says(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT(updates); i++) {
        djs_session_t *s = live(BEFORE);
        apr_status_t rv = apply(s, updates[i].header);
        const char *got = outcome(s);

        if (rv != APR_SUCCESS || why || strcmp(got, updates[i].outcome)) {
            fail_msg("%s: status %d (%s), %s", updates[i].what, rv,
                     why ? why : "no reason", got);
        }
        /* A save replays the same. */
        s->parsed = 0;
        assert_string_equal(outcome(s), updates[i].outcome);
    }
}

#define NO_OBJECT "one valid JSON object"

/* Each of them is refused with a sentence that holds `says`, and leaves the
 * session as it was. */
static const struct {
    const char *what, *header;
    apr_status_t rv;
    const char *says;
} refusals[] = {
    { "an empty header", "", DJS_EINVALID, NO_OBJECT },
    { "blanks", "  ", DJS_EINVALID, NO_OBJECT },
    { "no JSON", "set a=1", DJS_EINVALID, NO_OBJECT },
    { "not closed", "{\"flush\":true", DJS_EINVALID, NO_OBJECT },
    { "a comma at the end", "{\"flush\":true,}", DJS_EINVALID, NO_OBJECT },
    { "an array", "[{\"flush\":true}]", DJS_ETYPE, NO_OBJECT },
    { "a string", "\"flush\"", DJS_ETYPE, NO_OBJECT },
    { "something behind", "{\"flush\":true} x", DJS_EINVALID, NO_OBJECT },
    { "no comma between", "{\"flush\":true} {}", DJS_EINVALID, NO_OBJECT },
    { "a comma behind the last", "{\"flush\":true},", DJS_EINVALID, NO_OBJECT },
    { "a comma before the first", ", {\"flush\":true}", DJS_EINVALID,
      NO_OBJECT },
    { "not UTF-8", "{\"set\":{\"a\":\"\xff\"}}", DJS_EINVALID, NO_OBJECT },
    { "an unknown member", "{\"flush\":true,\"sett\":{}}", DJS_EINVALID,
      "no member \"sett\"" },
    { "logout_everywhere is a switch", "{\"logout_everywhere\":1}", DJS_ETYPE,
      "\"logout_everywhere\" must be true or false" },
    { "another case", "{\"Flush\":true}", DJS_EINVALID, "no member \"Flush\"" },
    { "a control character in a name", "{\"\\n\":1}", DJS_EINVALID,
      "no member \"\\n\"" },
    { "a long name",
      "{\"aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"
      "a"
      "aaaaaa\":1}",
      DJS_EINVALID,
      "\"aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa...;" },
    { "flush: 1", "{\"flush\":1}", DJS_ETYPE, "\"flush\" must be true" },
    { "flush: null", "{\"flush\":null}", DJS_ETYPE, "\"flush\"" },
    { "rotate: a string", "{\"rotate\":\"true\"}", DJS_ETYPE, "\"rotate\"" },
    { "login: a number", "{\"login\":42}", DJS_ETYPE, "\"login\" must be" },
    { "login: nobody", "{\"login\":\"\"}", DJS_ETYPE, "\"login\"" },
    { "login: null", "{\"login\":null}", DJS_ETYPE, "\"login\"" },
    { "login: half a character", "{\"login\":\"\\ud800\"}", DJS_ETYPE,
      "\"login\"" },
    { "login without an id", "{\"login\":{\"data\":{}}}", DJS_ETYPE,
      "\"login\"" },
    { "login with a numeric id", "{\"login\":{\"id\":42}}", DJS_ETYPE,
      "\"login\"" },
    { "login with an array as data", "{\"login\":{\"id\":\"1\",\"data\":[]}}",
      DJS_ETYPE, "\"login\"" },
    { "login with an unknown member", "{\"login\":{\"id\":\"1\",\"dat\":{}}}",
      DJS_ETYPE, "\"login\"" },
    { "login with an expiry that is none",
      "{\"login\":{\"id\":\"1\",\"data\":{\"_session_expiry\":true}}}",
      DJS_ETYPE, "\"login\"" },
    { "remove: a string", "{\"remove\":\"a\"}", DJS_ETYPE, "\"remove\"" },
    { "remove: an object", "{\"remove\":{\"a\":1}}", DJS_ETYPE, "\"remove\"" },
    { "remove: numbers", "{\"remove\":[\"a\",1]}", DJS_ETYPE, "\"remove\"" },
    { "remove: half a character", "{\"remove\":[\"\\udc00\"]}", DJS_ETYPE,
      "\"remove\"" },
    { "set: an array", "{\"set\":[]}", DJS_ETYPE, "\"set\"" },
    { "set: an expiry that is none",
      "{\"set\":{\"n\":1,\"_session_expiry\":\"soon\"}}", DJS_EINVALID,
      "\"set\"" },
    { "incr: an array", "{\"incr\":[1]}", DJS_ETYPE, "\"incr\"" },
    { "incr: a float", "{\"incr\":{\"a\":1.0}}", DJS_ETYPE, "\"incr\"" },
    { "incr: a string", "{\"incr\":{\"a\":\"1\"}}", DJS_ETYPE, "\"incr\"" },
    { "incr: half a character", "{\"incr\":{\"\\ud800\":1}}", DJS_ETYPE,
      "\"incr\"" },
    { "incr of a text", "{\"incr\":{\"a\":1,\"t\":1}}", DJS_ETYPE, "\"incr\"" },
    { "incr of what the same header made a text",
      "{\"set\":{\"a\":\"x\"}}, {\"incr\":{\"a\":1}}", DJS_ETYPE, "\"incr\"" },
    { "expiry: true", "{\"expiry\":true}", DJS_ETYPE, "\"expiry\"" },
    { "expiry: a float", "{\"expiry\":1.5}", DJS_ETYPE, "\"expiry\"" },
    { "expiry: no date", "{\"expiry\":\"tomorrow\"}", DJS_ETYPE, "\"expiry\"" },
    { "expiry: a date without a zone", "{\"expiry\":\"2026-12-01T00:00:00\"}",
      DJS_ETYPE, "\"expiry\"" },
    { "expiry: an array", "{\"expiry\":[0]}", DJS_ETYPE, "\"expiry\"" },
    { "the second header is refused, so is the first",
      "{\"flush\":true}, {\"sett\":1}", DJS_EINVALID, "\"sett\"" },
};

static void a_refusal_names_the_member_and_does_nothing(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT(refusals); i++) {
        djs_session_t *s = live(BEFORE);
        apr_status_t rv = apply(s, refusals[i].header);

        if (rv != refusals[i].rv || !why || !strstr(why, refusals[i].says) ||
            strchr(why, '\n')) {
            fail_msg("%s: status %d (%s)", refusals[i].what, rv,
                     why ? why : "no reason");
        }
        assert_string_equal(outcome(s), " " BEFORE);
        assert_int_equal(s->changes->nelts, 0);
    }
}

/* No value of a session or of an update reaches the log. */
static void a_refusal_never_cites_a_value(void **state)
{
    static const char *const headers[] = {
        "{\"flush\":\"SECRET\"}",
        "{\"login\":{\"id\":\"SECRET\",\"SECRET\":1}}",
        "{\"remove\":[\"SECRET\",1]}",
        "{\"set\":\"SECRET\"}",
        "{\"set\":{\"_session_expiry\":\"SECRET\"}}",
        "{\"incr\":{\"SECRET\":\"SECRET\"}}",
        "{\"expiry\":\"SECRET\"}",
        "SECRET",
        "{\"set\":{\"a\":\"SECRET\"}} SECRET",
    };

    (void)state;
    for (size_t i = 0; i < COUNT(headers); i++) {
        assert_int_not_equal(apply(live(BEFORE), headers[i]), APR_SUCCESS);
        assert_non_null(why);
        assert_null(strstr(why, "SECRET"));
    }
}

/* 16 KiB of an object are accepted, as ASCII or UTF-8; one byte more is not. */
static void an_object_has_16_kib_at_most(void **state)
{
    static const char head[] = "{\"set\":{\"a\":\"";
    static char text[2 * DJS_UPDATE_MAX + 100];
    const apr_size_t start = sizeof(head) - 1;

    (void)state;
    memset(text, 'x', sizeof(text));
    memcpy(text, head, start);
    memcpy(text + DJS_UPDATE_MAX - 3, "\"}}", 4);
    assert_int_equal(apply(live("{}"), text), APR_SUCCESS);

    for (apr_size_t i = start; i + 2 < DJS_UPDATE_MAX - 3; i += 2) {
        memcpy(text + i, "\xc3\xa9", 2);
    }
    assert_int_equal(apply(live("{}"), text), APR_SUCCESS);

    memcpy(text + DJS_UPDATE_MAX - 3, "x\"}}", 5);
    assert_int_equal(apply(live("{}"), text), DJS_ETOOBIG);
    assert_non_null(strstr(why, "16384 bytes"));
    assert_false(session.modified);

    /* Each of two objects has its own measure. */
    memset(text, 'x', sizeof(text));
    memcpy(text, head, start);
    memcpy(text + 9000, "\"}}, ", 5);
    memcpy(text + 9005, head, start);
    memcpy(text + 18000, "\"}}", 4);
    assert_int_equal(apply(live("{}"), text), APR_SUCCESS);

    /* Nor does a normal form beyond all measure pass. */
    memset(text, 0x01, sizeof(text));
    memcpy(text, head, start);
    for (apr_size_t i = start; i + 2 < sizeof(text); i += 2) {
        memcpy(text + i, "\xc3\xa9", 2);
    }
    text[sizeof(text) - 1] = '\0';
    assert_int_not_equal(apply(live("{}"), text), APR_SUCCESS);
}

static void the_session_s_own_trouble_is_told(void **state)
{
    static const struct {
        djs_state_e state;
        const char *body;
        apr_status_t rv;
    } rows[] = {
        { DJS_STATE_UNAVAILABLE, "{}", DJS_ETROUBLE },
        { DJS_STATE_UNREADABLE, "{}", DJS_EUNREADABLE },
        { DJS_STATE_LIVE, "[]", DJS_EUNREADABLE },
    };

    (void)state;
    for (size_t i = 0; i < COUNT(rows); i++) {
        djs_session_t *s = live(rows[i].body);

        s->state = rows[i].state;
        assert_int_equal(apply(s, "{\"flush\":true}"), rows[i].rv);
        assert_null(why);
        assert_false(s->modified || s->flushed);
        assert_string_equal(s->key, KEY);
    }
}

/* C06, C09: an anonymous visitor gets a session by what is set, and none by a
 * logout. */
static void a_visitor_without_a_session_can_be_updated(void **state)
{
    (void)state;
    djs_session_init(&session, pool);
    assert_int_equal(apply(&session, "{\"flush\":true}"), APR_SUCCESS);
    assert_true(djs_session_is_empty(&session));
    djs_session_init(&session, pool);
    assert_int_equal(apply(&session, "{\"rotate\":true}"), APR_SUCCESS);
    assert_true(djs_session_is_empty(&session));
    assert_false(session.modified || session.cycled);
    assert_int_equal(apply(&session, "{\"login\":\"42\"}"), APR_SUCCESS);
    assert_string_equal(outcome(&session), "lm {\"u\":\"42\"}");
}

static int setup(void **state)
{
    (void)state;
    apr_initialize();
    return apr_pool_create(&pool, NULL) != APR_SUCCESS;
}

static int teardown(void **state)
{
    (void)state;
    apr_pool_destroy(pool);
    apr_terminate();
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(each_member_does_what_its_name_says),
        cmocka_unit_test(a_refusal_names_the_member_and_does_nothing),
        cmocka_unit_test(a_refusal_never_cites_a_value),
        cmocka_unit_test(an_object_has_16_kib_at_most),
        cmocka_unit_test(the_session_s_own_trouble_is_told),
        cmocka_unit_test(a_visitor_without_a_session_can_be_updated),
    };

    return cmocka_run_group_tests(tests, setup, teardown);
}
