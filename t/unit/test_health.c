/* test_health - when an outage begins and ends for all children together. */
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>
#include <apr_atomic.h>
#include <apr_general.h>
#include "base/health.h"

#define START APR_INT64_C(5000000000)
#define MS    APR_INT64_C(1000)

static apr_interval_time_t lasted;

static djs_health_e good(djs_health_t *h, apr_time_t at)
{
    return djs_health_good(h, &lasted, at);
}

static void good_calls_say_nothing(void **state)
{
    djs_health_t h = { 0 };

    (void)state;
    for (int i = 0; i < 1000; i++) {
        assert_int_equal(good(&h, START + i), DJS_HEALTH_AS_BEFORE);
    }
    assert_false(djs_health_is_down(&h));
}

static void an_outage_begins_and_ends_once(void **state)
{
    djs_health_t h = { 0 };
    apr_time_t at = START;

    (void)state;
    assert_int_equal(djs_health_failed(&h, at), DJS_HEALTH_BEGAN);
    for (int i = 0; i < 500; i++) {
        at += 10 * MS;
        assert_int_equal(djs_health_failed(&h, at), DJS_HEALTH_AS_BEFORE);
        assert_true(djs_health_is_down(&h));
    }
    assert_int_equal(good(&h, at + 20 * MS), DJS_HEALTH_AS_BEFORE);
    assert_int_equal(good(&h, at + 999 * MS), DJS_HEALTH_AS_BEFORE);
    assert_int_equal(good(&h, at + 1000 * MS), DJS_HEALTH_ENDED);
    assert_int_equal(lasted, 5020 * MS);
    assert_false(djs_health_is_down(&h));
    assert_int_equal(good(&h, at + 1001 * MS), DJS_HEALTH_AS_BEFORE);
}

static void the_length_is_that_of_the_trouble(void **state)
{
    djs_health_t h = { 0 };

    (void)state;
    djs_health_failed(&h, START);
    good(&h, START + 100 * MS);
    djs_health_failed(&h, START + 200 * MS);
    /* Nobody came for an hour: then the first success ends it. */
    assert_int_equal(good(&h, START + 3600000 * MS), DJS_HEALTH_ENDED);
    assert_int_equal(lasted, 3600000 * MS);
}

/* One child fails every `pause`, the others succeed every 10 ms, for an hour:
 * how many lines? */
static int lines_of(apr_interval_time_t pause)
{
    djs_health_t h = { 0 };
    int began = 0, ended = 0;
    apr_time_t at, last = 0, next = START;

    for (at = START; at < START + 3600000 * MS; at += 10 * MS) {
        djs_health_e what = good(&h, at);

        ended += what == DJS_HEALTH_ENDED;
        if (at >= next) {
            what = djs_health_failed(&h, at);
            if (what == DJS_HEALTH_BEGAN) {
                assert_true(last == 0 || at - last >= 1000 * MS);
                last = at;
                began++;
            }
            next += pause;
        }
    }
    assert_in_range(began - ended, 0, 1);
    return began;
}

static void one_child_in_trouble_is_no_flapping(void **state)
{
    (void)state;
    assert_int_equal(lines_of(10 * MS), 1);
    assert_int_equal(lines_of(500 * MS), 1);
    assert_in_range(lines_of(1500 * MS), 1, 2);
    assert_in_range(lines_of(5000 * MS), 1, 5);
    assert_in_range(lines_of(20000 * MS), 1, 7);
    assert_in_range(lines_of(50000 * MS), 1, 8);
    /* Rare ones are told one by one. */
    assert_int_equal(lines_of(600000 * MS), 6);
}

/* O12: whatever the words hold, calls return, and things come right again. */
static void nonsense_in_memory_is_survived(void **state)
{
    (void)state;
    srand(7);
    for (int round = 0; round < 20000; round++) {
        djs_health_t h;
        unsigned char *byte = (unsigned char *)&h;
        apr_time_t at = START;

        for (size_t i = 0; i < sizeof h; i++) {
            byte[i] = (unsigned char)(round % 3 == 0   ? rand()
                                      : round % 3 == 1 ? 0xff
                                                       : rand() % 2);
        }
        good(&h, at);
        djs_health_failed(&h, at);
        good(&h, at + 1);
        at += 2 * DJS_HEALTH_MOST_CALM;
        good(&h, at);
        at += 2 * DJS_HEALTH_MOST_CALM;
        good(&h, at);
        assert_false(djs_health_is_down(&h));
        assert_int_equal(djs_health_failed(&h, at + 1), DJS_HEALTH_BEGAN);
    }
}

static void clocks_of_children_may_differ_a_little(void **state)
{
    djs_health_t h = { 0 };

    (void)state;
    assert_int_equal(djs_health_failed(&h, START + 50), DJS_HEALTH_BEGAN);
    assert_int_equal(djs_health_failed(&h, START), DJS_HEALTH_AS_BEFORE);
    assert_int_equal(good(&h, START), DJS_HEALTH_AS_BEFORE);
    assert_true(djs_health_is_down(&h));
    assert_int_equal(good(&h, START + 1000 * MS), DJS_HEALTH_ENDED);
    assert_int_equal(djs_health_failed(&h, 0), DJS_HEALTH_BEGAN);
    assert_int_equal(djs_health_failed(&h, 0), DJS_HEALTH_AS_BEFORE);
}

static djs_health_t shared;
static volatile apr_uint32_t ticks, began, ended;

/* Forty seconds in all: a thread that sleeps meanwhile is less than a minute
 * behind. */
static void *child(void *number)
{
    apr_interval_time_t how_long;

    for (int i = 0; i < 100000; i++) {
        apr_time_t now = apr_atomic_inc32(&ticks);
        apr_time_t at = START + now * MS / 10;
        int sick = now / 50000 % 2 == 0;

        if (sick && djs_health_failed(&shared, at) == DJS_HEALTH_BEGAN) {
            apr_atomic_inc32(&began);
        }
        if (!sick &&
            djs_health_good(&shared, &how_long, at) == DJS_HEALTH_ENDED) {
            apr_atomic_inc32(&ended);
        }
    }
    return number;
}

static void threads_tell_in_turns(void **state)
{
    pthread_t threads[4];

    (void)state;
    for (int i = 0; i < 4; i++) {
        assert_int_equal(pthread_create(&threads[i], NULL, child, NULL), 0);
    }
    for (int i = 0; i < 4; i++) {
        pthread_join(threads[i], NULL);
    }
    assert_true(began > 0);
    assert_in_range(began - ended, 0, 1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(good_calls_say_nothing),
        cmocka_unit_test(an_outage_begins_and_ends_once),
        cmocka_unit_test(the_length_is_that_of_the_trouble),
        cmocka_unit_test(one_child_in_trouble_is_no_flapping),
        cmocka_unit_test(nonsense_in_memory_is_survived),
        cmocka_unit_test(clocks_of_children_may_differ_a_little),
        cmocka_unit_test(threads_tell_in_turns),
    };

    apr_initialize();
    return cmocka_run_group_tests(tests, NULL, NULL);
}
