/* test_budget - how many sessions a client may begin: K02, O11, O12. */
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
#include "session/budget.h"

#define SECOND APR_INT64_C(1000000)
#define START  (1000 * SECOND)
#define FLOOD  1000000 /* addresses */

static const unsigned char key[DJS_BUDGET_KEY] =
    "a key of thirty-two bytes, it is";
static djs_denied_t denied;

static djs_budget_t budget_of(apr_int64_t n, apr_interval_time_t d,
                              apr_size_t sets)
{
    djs_budget_t b;

    djs_budget_init(&b, (djs_limit_t){ n, d }, calloc(1, djs_budget_size(sets)),
                    sets, key);
    return b;
}

static djs_spender_t ipv4(const djs_budget_t *b, unsigned number)
{
    unsigned char a[4] = { (unsigned char)(number >> 24),
                           (unsigned char)(number >> 16),
                           (unsigned char)(number >> 8),
                           (unsigned char)number };

    return djs_budget_client(b, a, sizeof a);
}

static int take(djs_budget_t *b, djs_spender_t client, apr_time_t at)
{
    return djs_budget_take(&denied, b, client, at);
}

/* Takes as often as it works; at most `most` times. */
static int take_all(djs_budget_t *b, djs_spender_t client, apr_time_t at,
                    int most)
{
    int n = 0;

    while (n < most && take(b, client, at)) {
        n++;
    }
    return n;
}

static void n_births_at_once_then_one_by_one(void **state)
{
    djs_budget_t b = budget_of(10, 100 * SECOND, 16);
    djs_spender_t c = ipv4(&b, 1);

    (void)state;
    assert_int_equal(take_all(&b, c, START, 1000), 10);
    assert_int_equal(denied.wait, 10 * SECOND);
    assert_int_equal(take_all(&b, c, START + 10 * SECOND - 1, 1000), 0);
    assert_int_equal(denied.wait, 1);
    assert_int_equal(take_all(&b, c, START + 10 * SECOND, 1000), 1);
    assert_int_equal(take_all(&b, c, START + 45 * SECOND, 1000), 3);
    assert_int_equal(take_all(&b, c, START + 1000 * SECOND, 1000), 10);
    assert_int_equal(take_all(&b, ipv4(&b, 2), START, 1000), 10);
    free(b.memory);
}

static void the_smallest_and_the_largest_limit(void **state)
{
    djs_budget_t b = budget_of(1, SECOND, 1);
    djs_spender_t c = ipv4(&b, 1);

    (void)state;
    assert_int_equal(take_all(&b, c, START, 9), 1);
    assert_int_equal(take_all(&b, c, START + SECOND - 1, 9), 0);
    assert_int_equal(take_all(&b, c, START + SECOND, 9), 1);
    free(b.memory);
    b = budget_of(1, 86400 * SECOND, 1);
    assert_int_equal(take_all(&b, c, 0, 9), 1);
    assert_int_equal(take_all(&b, c, 86400 * SECOND - 1, 9), 0);
    assert_int_equal(take_all(&b, c, 86400 * SECOND, 9), 1);
    free(b.memory);
    b = budget_of(1000000, SECOND, 1);
    assert_int_equal(take_all(&b, c, START, 1000009), 1000000);
    assert_int_equal(take_all(&b, c, START + 5, 9), 5);
    free(b.memory);
    /* What does not divide is rounded to the client's disadvantage. */
    b = budget_of(1000000, SECOND + 1, 1);
    assert_int_equal(take_all(&b, c, START, 1000009), 1000000);
    assert_int_equal(take_all(&b, c, START + SECOND, 1000009), 500000);
    free(b.memory);
}

static void a_birth_that_failed_costs_nothing(void **state)
{
    djs_budget_t b = budget_of(2, 10 * SECOND, 4);
    djs_spender_t c = ipv4(&b, 1);

    (void)state;
    for (int i = 0; i < 100; i++) {
        assert_true(take(&b, c, START));
        djs_budget_give_back(&b, c, START);
    }
    djs_budget_give_back(&b, c, START); /* too many of them give nothing */
    djs_budget_give_back(&b, ipv4(&b, 2), START);
    assert_int_equal(take_all(&b, c, START, 9), 2);
    djs_budget_give_back(&b, c, START);
    assert_int_equal(take_all(&b, c, START, 9), 1);
    free(b.memory);
}

static void same(const djs_budget_t *b, const char *one, const char *other,
                 apr_size_t len, int equal)
{
    djs_spender_t x = djs_budget_client(b, one, len);
    djs_spender_t y = djs_budget_client(b, other, len);

    assert_int_equal(x.who == y.who && x.set == y.set, equal);
}

static void ipv6_counts_by_64_bits(void **state)
{
    djs_budget_t b = budget_of(1, SECOND, 4096);
    djs_spender_t mapped, plain;

    (void)state;
    same(&b, "\x20\x01\x0d\xb8\0\0\0\1\1\2\3\4\5\6\7\10",
         "\x20\x01\x0d\xb8\0\0\0\1\0\0\0\0\0\0\0\1", 16, 1);
    same(&b, "\x20\x01\x0d\xb8\0\0\0\1\0\0\0\0\0\0\0\1",
         "\x20\x01\x0d\xb8\0\0\0\2\0\0\0\0\0\0\0\1", 16, 0);
    same(&b, "\0\0\0\0\0\0\0\0\0\0\xff\xff\x7f\0\0\1",
         "\0\0\0\0\0\0\0\0\0\0\xff\xff\x7f\0\0\2", 16, 0);
    mapped =
        djs_budget_client(&b, "\0\0\0\0\0\0\0\0\0\0\xff\xff\x7f\0\0\1", 16);
    plain = djs_budget_client(&b, "\x7f\0\0\1", 4);
    assert_true(mapped.who == plain.who && mapped.set == plain.set);
    /* An address of another kind is some client, too. */
    assert_true(djs_budget_client(&b, "/run/x", 6).who != 0);
    assert_true(djs_budget_client(&b, NULL, 0).who != 0);
    free(b.memory);
}

/* K10: another start counts in other places. */
static void the_key_decides_who_shares_a_set(void **state)
{
    djs_budget_t a = budget_of(1, SECOND, 4096), b = a;
    int moved = 0;

    (void)state;
    b.key[0] ^= 1;
    for (unsigned i = 0; i < 1000; i++) {
        moved += ipv4(&a, i).set != ipv4(&b, i).set;
    }
    assert_in_range(moved, 990, 1000);
    free(a.memory);
}

/* K02: a flood from a million addresses neither frees the one who has used his
 * births up, nor locks anybody out. */
static void a_flood_from_everywhere(void **state)
{
    djs_budget_t b = budget_of(5, 3600 * SECOND, DJS_BUDGET_SETS);
    djs_spender_t flooder = ipv4(&b, 0xffffffffU);
    int more = 0;

    (void)state;
    assert_int_equal(take_all(&b, flooder, START, 100), 5);
    for (unsigned i = 0; i < FLOOD; i++) {
        assert_true(take(&b, ipv4(&b, i), START + i));
        if (i % 1000 == 0) {
            more += take(&b, flooder, START + i);
        }
    }
    assert_int_equal(more, 0);
    assert_true(take(&b, ipv4(&b, 0xfffffffeU), START + FLOOD));
    free(b.memory);
}

/* Friends of his who use theirs up can not aim at his set either. */
static void a_thousand_helpers(void **state)
{
    djs_budget_t b = budget_of(5, 3600 * SECOND, DJS_BUDGET_SETS);
    djs_spender_t flooder = ipv4(&b, 0xffffffffU);

    (void)state;
    assert_int_equal(take_all(&b, flooder, START, 100), 5);
    for (unsigned i = 0; i < 1000; i++) {
        assert_int_equal(take_all(&b, ipv4(&b, i), START, 100), 5);
    }
    assert_int_equal(take_all(&b, flooder, START, 100), 0);
    free(b.memory);
}

/* O11: one slot for a crowd: some begin anew too early, nobody is locked out.
 */
static void a_full_table_degrades_the_count_only(void **state)
{
    djs_budget_t b = budget_of(3, 60 * SECOND, 1);

    (void)state;
    for (unsigned i = 0; i < 1000; i++) {
        assert_int_equal(take_all(&b, ipv4(&b, i), START + i, 9), 3);
    }
    free(b.memory);
}

static void the_clock_goes_back(void **state)
{
    djs_budget_t b = budget_of(2, 10 * SECOND, 1);
    djs_spender_t c = ipv4(&b, 1);

    (void)state;
    assert_int_equal(take_all(&b, c, START, 9), 2);
    assert_int_equal(take_all(&b, c, START - 5 * SECOND, 9), 0);
    assert_int_equal(denied.wait, 10 * SECOND);
    /* An hour back: nobody waits an hour for it. */
    assert_int_equal(take_all(&b, c, START - 900 * SECOND, 9), 2);
    assert_int_equal(take_all(&b, c, 0, 9), 2);
    assert_int_equal(take_all(&b, c, 0, 9), 0);
    free(b.memory);
}

/* O12: whatever is written over the table, calls return and it recovers. */
static void nonsense_in_memory_is_survived(void **state)
{
    djs_budget_t b = budget_of(3, 60 * SECOND, 4);

    (void)state;
    srand(3);
    for (int round = 0; round < 3000; round++) {
        unsigned char *byte = (unsigned char *)b.memory;
        int n;

        for (size_t i = 0; i < djs_budget_size(4); i++) {
            byte[i] = (unsigned char)(round % 2 ? rand() : 0xff);
        }
        for (unsigned i = 0; i < 20; i++) {
            n = take_all(&b, ipv4(&b, i), START, 9);
            assert_in_range(n, 0, 3);
            djs_budget_give_back(&b, ipv4(&b, i), START);
        }
        n = take_all(&b, ipv4(&b, 1), START + 300 * SECOND, 9);
        assert_int_equal(n, 3);
    }
    free(b.memory);
}

static void a_line_a_client_and_window_one_a_second(void **state)
{
    djs_budget_t b = budget_of(1, 60 * SECOND, 64);
    djs_spender_t c = ipv4(&b, 1);
    int told = 0;

    (void)state;
    for (int i = 0; i < 120000; i++) {
        told += !take(&b, c, START + i * 1000) && denied.tell;
    }
    assert_in_range(told, 2, 3); /* two minutes: twice */
    told = 0;
    for (int i = 0; i < 10000; i++) {
        djs_spender_t other = ipv4(&b, 2 + (unsigned)i % 50);

        told +=
            !take(&b, other, START + 120 * SECOND + i * 1000) && denied.tell;
    }
    assert_in_range(told, 9, 11); /* ten seconds, fifty clients */
    free(b.memory);
}

static djs_budget_t shared;
static volatile apr_uint32_t granted;

static void *child(void *number)
{
    for (int i = 0; i < 20000; i++) {
        djs_denied_t no;

        if (djs_budget_take(&no, &shared, ipv4(&shared, (unsigned)i % 5),
                            START)) {
            apr_atomic_inc32(&granted);
        }
    }
    return number;
}

/* K02: many at once get no more than one after the other. */
static void threads_count_together(void **state)
{
    pthread_t threads[8];

    (void)state;
    shared = budget_of(1000, 60 * SECOND, 64);
    for (int i = 0; i < 8; i++) {
        assert_int_equal(pthread_create(&threads[i], NULL, child, NULL), 0);
    }
    for (int i = 0; i < 8; i++) {
        pthread_join(threads[i], NULL);
    }
    assert_int_equal(granted, 5000);
    free(shared.memory);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(n_births_at_once_then_one_by_one),
        cmocka_unit_test(the_smallest_and_the_largest_limit),
        cmocka_unit_test(a_birth_that_failed_costs_nothing),
        cmocka_unit_test(ipv6_counts_by_64_bits),
        cmocka_unit_test(the_key_decides_who_shares_a_set),
        cmocka_unit_test(a_flood_from_everywhere),
        cmocka_unit_test(a_thousand_helpers),
        cmocka_unit_test(a_full_table_degrades_the_count_only),
        cmocka_unit_test(the_clock_goes_back),
        cmocka_unit_test(nonsense_in_memory_is_survived),
        cmocka_unit_test(a_line_a_client_and_window_one_a_second),
        cmocka_unit_test(threads_count_together),
    };

    apr_initialize();
    return cmocka_run_group_tests(tests, NULL, NULL);
}
