/* test_json_object - objects of JSON: read, searched, changed, written. */
#define OPENSSL_SUPPRESS_DEPRECATED /* RAND_set_rand_method */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <openssl/rand.h>
#include <apr_general.h>
#include <apr_pools.h>
#include <apr_strings.h>
#include "base/buf.h"
#include "base/clock.h"
#include "codec/json.h"

#define COUNT(a)  (sizeof(a) / sizeof(*(a)))
#define UNLIMITED ((apr_size_t)APR_INT64_MAX)

static apr_pool_t *pool;

static int use_pool(void **state)
{
    (void)state;
    return apr_pool_create(&pool, NULL) != APR_SUCCESS;
}

static int drop_pool(void **state)
{
    (void)state;
    apr_pool_destroy(pool);
    return 0;
}

static djs_bytes_t repeat(const char *text, int times)
{
    djs_buf_t buf;
    djs_bytes_t out;

    djs_buf_init(&buf, UNLIMITED, pool);
    for (int i = 0; i < times; i++) {
        djs_buf_add_text(&buf, text);
    }
    djs_buf_take(&out, &buf);
    return out;
}

static djs_bytes_t nested(const char *open, int depth, const char *close)
{
    return djs_bytes(apr_pstrcat(pool, repeat(open, depth).data,
                                 repeat(close, depth).data, NULL));
}

static const char *written(const djs_json_object_t *object)
{
    djs_bytes_t out;

    assert_int_equal(djs_json_object_write(&out, object, UNLIMITED, pool),
                     APR_SUCCESS);
    assert_int_equal(out.len, strlen(out.data));
    return out.data;
}

static void set(djs_json_object_t *object, const char *key, const char *value)
{
    djs_json_object_set(object, djs_bytes(key), djs_bytes(value));
}

static void read_object(djs_json_object_t *object, const char *text)
{
    assert_int_equal(djs_json_object_read(object, djs_bytes(text), pool),
                     APR_SUCCESS);
}

static void an_object_is_read_and_written_unchanged(void **state)
{
    static const char *const texts[] = {
        "{}", "{\"a\":1}", "{\"\":{}}",
        "{\"b\":[1,{\"a\":2}],\"a\":1e400,\"z\":\"\\\"}\",\"n\":null}"
    };

    (void)state;
    for (size_t i = 0; i < COUNT(texts); i++) {
        djs_json_object_t object;

        read_object(&object, texts[i]);
        assert_string_equal(written(&object), texts[i]);
    }
}

static void only_normal_objects_are_taken_apart(void **state)
{
    static const char *const abnormal[] = { " {}",
                                            "{ }",
                                            "{} ",
                                            "{\"a\": 1}",
                                            "{\"a\" :1}",
                                            "{\"a\":1 }",
                                            "{\"a\":1, \"b\":2}",
                                            "{\"a\":[1, 2]}",
                                            "{\"\\u0061\":1}",
                                            "{\"a\":\"\\/\"}",
                                            "{\"a\":\"\xc3\xa9\"}",
                                            "{\"a\":\"\x7f\"}",
                                            "{\"a\":\"\\u00E9\"}",
                                            "{\"a\":1}{",
                                            "{\"a\":1},",
                                            "{\"a\"1}",
                                            "{\"a\":1\"b\":2}" };
    static const char *const others[] = { "[]",   "[1,2]", "\"{}\"", "null",
                                          "true", "0",     "-1.5" };
    djs_json_object_t object;

    (void)state;
    for (size_t i = 0; i < COUNT(abnormal); i++) {
        if (djs_json_object_read(&object, djs_bytes(abnormal[i]), pool) !=
            DJS_EINVALID) {
            fail_msg("accepted: %s", abnormal[i]);
        }
        assert_int_equal(object.count, 0);
    }
    /* H09: JSON of another type is told apart, and is no empty object. */
    for (size_t i = 0; i < COUNT(others); i++) {
        assert_int_equal(
            djs_json_object_read(&object, djs_bytes(others[i]), pool),
            DJS_ETYPE);
    }
    assert_int_equal(
        djs_json_object_read(&object, djs_bytes_of("{}", 1u << 31), pool),
        DJS_ETOOBIG);
}

/* H04: as in Python, where the dict keeps the first place, the last value. */
static void the_last_of_equal_keys_counts(void **state)
{
    djs_json_object_t object;

    (void)state;
    read_object(&object, "{\"a\":1,\"b\":2,\"a\":3,\"c\":4,\"a\":5}");
    assert_string_equal(written(&object), "{\"a\":5,\"b\":2,\"c\":4}");
}

/* H07 */
static void keys_are_compared_to_their_end(void **state)
{
    djs_json_object_t object;

    (void)state;
    read_object(&object, "{\"admin\\u0000x\":1,\"admi\":2,\"\":3}");
    assert_null(djs_json_object_get(&object, djs_bytes("\"admin\"")));
    assert_null(djs_json_object_get(&object, djs_bytes("\"admin\\u0000\"")));
    assert_string_equal(djs_json_object_get(&object, djs_bytes("\"\""))->data,
                        "3}");
}

static void members_are_set_and_removed(void **state)
{
    djs_json_object_t object;

    (void)state;
    djs_json_object_init(&object, pool);
    assert_string_equal(written(&object), "{}");
    assert_false(djs_json_object_remove(&object, djs_bytes("\"a\"")));
    set(&object, "\"a\"", "1");
    set(&object, "\"b\"", "[2]");
    set(&object, "\"c\"", "3");
    set(&object, "\"a\"", "\"one\"");
    assert_string_equal(written(&object), "{\"a\":\"one\",\"b\":[2],\"c\":3}");
    assert_true(djs_json_object_remove(&object, djs_bytes("\"b\"")));
    assert_false(djs_json_object_remove(&object, djs_bytes("\"b\"")));
    set(&object, "\"b\"", "4");
    assert_string_equal(written(&object), "{\"a\":\"one\",\"c\":3,\"b\":4}");
    assert_true(djs_json_object_remove(&object, djs_bytes("\"b\"")));
    assert_true(djs_json_object_remove(&object, djs_bytes("\"c\"")));
    assert_true(djs_json_object_remove(&object, djs_bytes("\"a\"")));
    assert_string_equal(written(&object), "{}");
}

static void what_is_written_stays_under_its_ceiling(void **state)
{
    static const char *const texts[] = { "{}", "{\"a\":1}",
                                         "{\"a\":1,\"b\":[2,3]}" };

    (void)state;
    for (size_t i = 0; i < COUNT(texts); i++) {
        djs_json_object_t object;
        djs_bytes_t out;
        apr_size_t len = strlen(texts[i]);

        read_object(&object, texts[i]);
        for (apr_size_t ceiling = 0; ceiling < len; ceiling++) {
            assert_int_equal(
                djs_json_object_write(&out, &object, ceiling, pool),
                DJS_ETOOBIG);
            assert_int_equal(out.len, 0);
        }
        assert_int_equal(djs_json_object_write(&out, &object, len, pool),
                         APR_SUCCESS);
    }
}

/* A value may be as deep as any text; an object around it would be deeper
 * than what can be read. */
static void an_object_too_deep_to_be_read_again_is_not_written(void **state)
{
    djs_json_object_t object;
    djs_bytes_t out;

    (void)state;
    djs_json_object_init(&object, pool);
    djs_json_object_set(&object, djs_bytes("\"a\""), nested("[", 63, "]"));
    assert_int_equal(djs_json_object_write(&out, &object, UNLIMITED, pool),
                     APR_SUCCESS);
    assert_int_equal(djs_json_object_read(&object, out, pool), APR_SUCCESS);
    djs_json_object_set(&object, djs_bytes("\"a\""), nested("[", 64, "]"));
    assert_int_equal(djs_json_object_write(&out, &object, (apr_size_t)-1, pool),
                     DJS_ETOOBIG);
    /* Brackets in strings do not count. */
    set(&object, "\"a\"",
        apr_pstrcat(pool, "[\"\\\"", repeat("[", 99).data, "\"]", NULL));
    assert_int_equal(djs_json_object_write(&out, &object, UNLIMITED, pool),
                     APR_SUCCESS);
}

static djs_bytes_t number_key(int i)
{
    return djs_bytes(apr_psprintf(pool, "\"k%d\"", i));
}

/* The same changes, many keys: the index agrees with what is written. */
static void a_large_object_behaves_like_a_small_one(void **state)
{
    enum { MANY = 1000 };
    djs_json_object_t object;
    char gone[MANY] = { 0 };
    unsigned random = 1;

    (void)state;
    djs_json_object_init(&object, pool);
    for (int i = 0; i < MANY; i++) {
        djs_json_object_set(&object, number_key(i), number_key(i));
    }
    for (int round = 0; round < 5 * MANY; round++) {
        int i = (int)((random = random * 1103515245 + 12345) >> 8) % MANY;

        if (round % 3 == 0) {
            djs_json_object_set(&object, number_key(i), number_key(i));
            gone[i] = 0;
        }
        else {
            assert_int_equal(djs_json_object_remove(&object, number_key(i)),
                             !gone[i]);
            gone[i] = 1;
        }
    }
    for (int i = 0; i < MANY; i++) {
        const djs_bytes_t *got = djs_json_object_get(&object, number_key(i));

        assert_int_equal(got == NULL, gone[i]);
        assert_true(got == NULL || djs_bytes_equal(*got, number_key(i)));
    }
    for (int i = 0; i < MANY; i++) {
        djs_json_object_remove(&object, number_key(i));
    }
    assert_string_equal(written(&object), "{}");
}

static djs_bytes_t many_members(int count, const char *prefix)
{
    djs_buf_t buf;
    djs_bytes_t out;

    djs_buf_init(&buf, UNLIMITED, pool);
    for (int i = 0; i < count; i++) {
        djs_buf_add_text(&buf, apr_psprintf(pool, "%c\"%s%05d\":%d",
                                            i == 0 ? '{' : ',', prefix, i, i));
    }
    djs_buf_add_char(&buf, '}');
    djs_buf_take(&out, &buf);
    return out;
}

/* H02: milliseconds, also where every key has the same length and beginning;
 * the bound leaves room for sanitizers and a busy machine. */
static void twenty_thousand_members_are_read_in_no_time(void **state)
{
    djs_bytes_t text = many_members(20000, "the same beginning ");
    djs_json_object_t object;
    apr_time_t start = djs_clock_steady();

    (void)state;
    assert_int_equal(djs_json_object_read(&object, text, pool), APR_SUCCESS);
    assert_int_equal(object.count, 20000);
    for (int i = 0; i < object.count; i++) {
        assert_ptr_equal(djs_json_object_get(&object, object.members[i].key),
                         &object.members[i].value);
    }
    assert_string_equal(written(&object), text.data);
    assert_true(djs_clock_steady() - start < apr_time_from_sec(1));
}

/* H02: one key over and over makes no large object. */
static void one_key_a_hundred_thousand_times_is_one_member(void **state)
{
    djs_bytes_t many = repeat("\"a\":1,", 100000);
    djs_json_object_t object;

    (void)state;
    read_object(&object, apr_pstrcat(pool, "{", many.data, "\"a\":2}", NULL));
    assert_int_equal(object.count, 1);
    assert_string_equal(written(&object), "{\"a\":2}");
}

/* H02: positions given up are used again. */
static void a_key_that_comes_and_goes_leaves_nothing_behind(void **state)
{
    djs_json_object_t object;

    (void)state;
    assert_int_equal(djs_json_object_read(&object, many_members(20, "k"), pool),
                     APR_SUCCESS);
    for (int i = 0; i < 10000; i++) {
        set(&object, "\"new\"", "1");
        assert_true(djs_json_object_remove(&object, djs_bytes("\"new\"")));
    }
    assert_null(djs_json_object_get(&object, djs_bytes("\"new\"")));
    assert_string_equal(written(&object), many_members(20, "k").data);
}

static int no_bytes(unsigned char *out, int len)
{
    memset(out, 0, (size_t)len);
    return 0;
}

static int no_status(void)
{
    return 0;
}

/* The index needs a seed; without one, searches are slower and as right. */
static void objects_work_while_the_generator_fails(void **state)
{
    static const RAND_METHOD failing = { NULL, no_bytes, NULL,
                                         NULL, no_bytes, no_status };
    djs_bytes_t text = many_members(100, "k");
    djs_json_object_t object;

    (void)state;
    assert_int_equal(RAND_set_rand_method(&failing), 1);
    assert_int_equal(djs_json_object_read(&object, text, pool), APR_SUCCESS);
    RAND_set_rand_method(NULL);
    assert_int_equal(object.count, 100);
    assert_non_null(djs_json_object_get(&object, djs_bytes("\"k00099\"")));
    /* A seed that can be drawn later is used from then on. */
    set(&object, "\"k00050\"", "0");
    set(&object, "\"new\"", "1");
    assert_int_equal(object.count, 101);
    assert_true(djs_json_object_remove(&object, djs_bytes("\"k00000\"")));
    assert_string_equal(
        djs_json_object_get(&object, djs_bytes("\"k00050\""))->data, "0");
}

static void find_gives_the_value_of_a_top_level_key(void **state)
{
    static const char text[] =
        "{\"x\":{\"a\":0,\"b\":[\"a\",{\"a\":1}]},\"s\":\"\\\"a\\\":2\","
        "\"\\\\\":\"\\\\\",\"\\\"a\":3,\"a\\\"\":4,\"aa\":5,\"\":6,"
        "\"t\":\"\\\\\\\"\",\"a\":[{},\"]\"],\"n\":-1.5,\"o\":{},\"z\":null}";
    static const struct {
        const char *key, *value;
    } rows[] = {
        { "\"a\"", "[{},\"]\"]" },
        { "\"s\"", "\"\\\"a\\\":2\"" },
        { "\"\\\\\"", "\"\\\\\"" },
        { "\"\\\"a\"", "3" },
        { "\"a\\\"\"", "4" },
        { "\"aa\"", "5" },
        { "\"\"", "6" },
        { "\"t\"", "\"\\\\\\\"\"" },
        { "\"x\"", "{\"a\":0,\"b\":[\"a\",{\"a\":1}]}" },
        { "\"n\"", "-1.5" },
        { "\"o\"", "{}" },
        { "\"z\"", "null" },
        { "\"b\"", NULL },
        { "\"y\"", NULL },
        { "\"", NULL },
        { "", NULL },
    };

    (void)state;
    for (size_t i = 0; i < COUNT(rows); i++) {
        djs_bytes_t value;
        int found =
            djs_json_find(&value, djs_bytes(text), djs_bytes(rows[i].key));

        assert_int_equal(found, rows[i].value != NULL);
        if (found && !djs_bytes_equal(value, djs_bytes(rows[i].value))) {
            fail_msg("%s gave %.*s", rows[i].key, (int)value.len, value.data);
        }
    }
}

static void find_stays_within_text_that_is_cut_off(void **state)
{
    static const char text[] =
        "{\"x\":[\"\\\"]\",{}],\"y\":12,\"a\":\"b\\\\\"}";

    (void)state;
    for (apr_size_t len = 0; len < sizeof(text) - 1; len++) {
        char *cut = malloc(len + 1); /* for the sanitizer to watch */
        djs_bytes_t value;
        djs_bytes_t begun;

        assert_non_null(cut);
        memcpy(cut + 1, text, len);
        begun = djs_bytes_of(cut + 1, len);
        if (djs_json_find(&value, begun, djs_bytes("\"a\""))) {
            assert_true(value.data + value.len <= cut + 1 + len);
        }
        assert_false(djs_json_find(&value, begun, djs_bytes("\"q\"")));
        free(cut);
    }
    {
        djs_bytes_t value;

        assert_false(
            djs_json_find(&value, djs_bytes("[\"a\":1]"), djs_bytes("\"a\"")));
        assert_false(
            djs_json_find(&value, djs_bytes("{}"), djs_bytes("\"a\"")));
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(an_object_is_read_and_written_unchanged),
        cmocka_unit_test(only_normal_objects_are_taken_apart),
        cmocka_unit_test(the_last_of_equal_keys_counts),
        cmocka_unit_test(keys_are_compared_to_their_end),
        cmocka_unit_test(members_are_set_and_removed),
        cmocka_unit_test(what_is_written_stays_under_its_ceiling),
        cmocka_unit_test(an_object_too_deep_to_be_read_again_is_not_written),
        cmocka_unit_test(a_large_object_behaves_like_a_small_one),
        cmocka_unit_test(twenty_thousand_members_are_read_in_no_time),
        cmocka_unit_test(one_key_a_hundred_thousand_times_is_one_member),
        cmocka_unit_test(a_key_that_comes_and_goes_leaves_nothing_behind),
        cmocka_unit_test(objects_work_while_the_generator_fails),
        cmocka_unit_test(find_gives_the_value_of_a_top_level_key),
        cmocka_unit_test(find_stays_within_text_that_is_cut_off),
    };
    int failures;

    apr_initialize();
    failures =
        cmocka_run_group_tests_name("json objects", tests, use_pool, drop_pool);
    apr_terminate();
    return failures;
}
