/* unit/test_commit_trouble - whichever call to the store fails, nobody loses a
 * session, and nobody is told of what was not done. */
#include "commit_fixture.h"

/* INV5: a replay that can not be acted upon is trouble, and told of later. */
static void trouble_forgets_no_replay(void **state)
{
    char *old = fresh(), *new = rotate(load(old));

    (void)state;
    terms.replay_flush = 1;
    now += terms.grace;
    for (int at = 1; at <= 3; at++) { /* read the alias; end; forget it */
        calls = 0;
        fail_with = DJS_ETIMEOUT;
        fail_at = at;
        assert_int_equal(load(old)->state, DJS_STATE_UNAVAILABLE);
        fail_with = APR_SUCCESS;
    }
    assert_true(load(old)->replay.seen);
    assert_string_equal(data_of(new), "(not live)");
}

/* What gives a session a new key, and where its record lies before. */
static const struct {
    const char *why;
    int due;    /* by DjSessionRotate, instead of asked for */
    int moves;  /* it lies under an old secret */
    int writes; /* there is something to save, too */
} rotations[] = { { "asked for", 0, 0, 0 },
                  { "asked for, with data", 0, 0, 1 },
                  { "due", 1, 0, 0 },
                  { "due, with data", 1, 0, 1 },
                  { "asked for, under an old secret", 0, 1, 1 },
                  { "due, under an old secret", 1, 1, 0 } };

/* Rotates a fresh session of that row; the n-th call to the store fails, in
 * that way. What the browser has in the end; `*failed`, did the save? */
static char *rotate_in_trouble(size_t row, int n, int late, int *failed)
{
    djs_session_t *s;
    djs_saved_t saved;
    char *key;

    place.ring = ring_of(1, 0);
    key = fresh();
    place.ring = rotations[row].moves ? ring_of(2, 1) : place.ring;
    terms.rotate = rotations[row].due ? 900 * APR_USEC_PER_SEC : 0;
    now += 900 * APR_USEC_PER_SEC;
    s = load(key);
    if (rotations[row].writes) {
        set(s, "b", "2");
    }
    s->cycled = !rotations[row].due;
    calls = 0;
    fail_at = n;
    fail_late = late;
    fail_with = DJS_ETIMEOUT;
    *failed = djs_commit_save(&saved, s, &terms, &place, call()) != APR_SUCCESS;
    fail_with = APR_SUCCESS;
    assert_true(*failed || saved.did == DJS_DID_ROTATE);
    return *failed ? key : copy_of(saved.key);
}

/* INV5, C19: whichever call to the store fails, or is done and its answer lost,
 * the browser's key leads to the session, with all of the save or nothing of
 * it; the next save goes through. */
static void trouble_during_a_rotation_loses_no_session(void **state)
{
    (void)state;
    for (size_t row = 0; row < sizeof rotations / sizeof *rotations; row++) {
        for (int way = 0, n = 1, failed = 1; way < 2; way += !failed) {
            char *key = rotate_in_trouble(row, n, way, &failed);
            const char *data = data_of(key);
            djs_session_t *s = load(key);

            if (strcmp(data, "{\"a\":1}") != 0 &&
                strcmp(data, "{\"a\":1,\"b\":2}") != 0) {
                fail_msg("%s: lost by call %d, way %d: %s", rotations[row].why,
                         n, way, data);
            }
            assert_true(failed || rotations[row].writes == (data[6] == ','));
            set(s, "c", "3");
            assert_non_null(strstr(data_of(save(s).key), "\"c\":3"));
            assert_true(n < 10 && (failed || n > 2)); /* get, put, update */
            n = failed ? n + 1 : 1;
        }
    }
}

/* INV5: a logout that is told as done is done, whichever call failed. */
static void trouble_during_a_logout_is_no_logout(void **state)
{
    (void)state;
    for (int late = 0; late < 2; late++) {
        int failures = 0;

        for (int n = 1; n < 6; n++) {
            char *old = fresh(), *new;
            djs_session_t *s = load(old);
            djs_saved_t saved;

            new = rotate(load(old));
            assert_int_equal(djs_session_flush(s), APR_SUCCESS);
            calls = 0;
            fail_at = n;
            fail_late = late;
            fail_with = DJS_ETIMEOUT;
            if (djs_commit_save(&saved, s, &terms, &place, call())) {
                failures++;
                fail_with = APR_SUCCESS;
                (void)log_out(load(old)); /* the browser tries again */
            }
            fail_with = APR_SUCCESS;
            assert_string_equal(data_of(new), "(not live)");
            assert_string_equal(data_of(old), "(not live)");
        }
        /* The old key's alias is read, the successor's record removed; to be
         * told of the alias is no change, so that answer can not get lost. */
        assert_int_equal(failures, late ? 1 : 2);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        T(trouble_forgets_no_replay),
        T(trouble_during_a_rotation_loses_no_session),
        T(trouble_during_a_logout_is_no_logout),
    };

    apr_initialize();
    return cmocka_run_group_tests_name("commit trouble", tests, NULL, NULL);
}
