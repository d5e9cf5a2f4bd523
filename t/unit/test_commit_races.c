/* unit/test_commit_races - saves that meet others on their way, every race made
 * to happen. */
#include "commit_fixture.h"

/* L04: requests that ran at once keep each other's keys. */
static void parallel_changes_merge_key_by_key(void **state)
{
    const char *key = fresh();
    djs_session_t *one = load(key), *two = load(key);

    (void)state;
    set(one, "b", "2");
    set(two, "c", "3");
    assert_int_equal(djs_session_incr(one, djs_bytes("n"), djs_bytes("5")),
                     APR_SUCCESS);
    assert_int_equal(djs_session_incr(two, djs_bytes("n"), djs_bytes("-2")),
                     APR_SUCCESS);
    assert_int_equal(save(one).did, DJS_DID_SAVE);
    assert_int_equal(save(two).did, DJS_DID_SAVE);
    assert_string_equal(data_of(key), "{\"a\":1,\"b\":2,\"n\":3,\"c\":3}");
}

static void an_increment_of_a_text_refuses_the_save(void **state)
{
    const char *key = fresh();
    djs_session_t *one = load(key), *two = load(key);
    djs_saved_t saved;

    (void)state;
    assert_int_equal(djs_session_incr(one, djs_bytes("n"), djs_bytes("1")),
                     APR_SUCCESS);
    set(two, "n", "\"text\"");
    save(two);
    assert_int_equal(djs_commit_save(&saved, one, &terms, &place, call()),
                     DJS_ETYPE);
    assert_string_equal(data_of(key), "{\"a\":1,\"n\":\"text\"}");
}

/* C10, L01: a late save does not bring an ended session back. */
static void a_late_save_does_not_revive(void **state)
{
    const char *key = fresh();
    djs_session_t *slow = load(key), *logout = load(key);

    (void)state;
    set(slow, "b", "2");
    assert_int_equal(djs_session_flush(logout), APR_SUCCESS);
    assert_int_equal(save(logout).did, DJS_DID_END);
    assert_int_equal(save(slow).did, DJS_DID_DROP);
    assert_string_equal(data_of(key), "(not live)");
}

/* C02: the key that came to the login opens nothing afterwards. */
static void login_gives_a_new_key_and_kills_the_old(void **state)
{
    const char *key = fresh();
    djs_session_t *s = load(key);
    djs_saved_t saved;

    (void)state;
    now += DAY / 100;
    assert_int_equal(djs_session_login(s, djs_bytes("user"), djs_bytes("42")),
                     APR_SUCCESS);
    saved = save(s);
    assert_int_equal(saved.did, DJS_DID_ROTATE);
    assert_string_not_equal(saved.key, key);
    assert_string_equal(data_of(key), "(not live)");
    assert_string_equal(data_of(saved.key), "{\"a\":1,\"user\":\"42\"}");
    s = load(saved.key);
    assert_int_equal(s->record.created, START);
    assert_int_equal(s->record.keyed, now);
    assert_int_equal(s->record.authenticated, now);
    assert_string_equal(s->record.tag, saved.tag);
}

/* C04: nothing of one user is left to the next. */
static void login_of_another_user_begins_anew(void **state)
{
    djs_session_t *s = load(NULL);
    djs_saved_t first, second;

    (void)state;
    set(s, "secret", "true");
    assert_int_equal(djs_session_login(s, djs_bytes("u"), djs_bytes("ada")),
                     APR_SUCCESS);
    first = save(s);
    s = load(first.key);
    assert_int_equal(djs_session_login(s, djs_bytes("u"), djs_bytes("bob")),
                     APR_SUCCESS);
    second = save(s);
    assert_string_equal(data_of(second.key), "{\"u\":\"bob\"}");
    assert_string_equal(data_of(first.key), "(not live)");
}

static const char *raced;

static void somebody_writes(void)
{
    djs_session_t *s = load(raced);

    set(s, "late", "true");
    (void)save(s);
}

static void somebody_logs_out(void)
{
    djs_session_t *s = load(raced);

    (void)djs_session_flush(s);
    (void)save(s);
}

/* L05: a write that lands between the copy and the removal is not lost. */
static void rotation_takes_a_parallel_write_along(void **state)
{
    djs_session_t *s;
    djs_saved_t saved;

    (void)state;
    raced = fresh();
    s = load(raced);
    assert_int_equal(djs_session_cycle_key(s), APR_SUCCESS);
    before_update = somebody_writes;
    saved = save(s);
    assert_int_equal(saved.did, DJS_DID_ROTATE);
    assert_string_equal(data_of(saved.key), "{\"a\":1,\"late\":true}");
    assert_string_equal(data_of(raced), "{\"a\":1,\"late\":true}");
    assert_string_equal(load(saved.key)->record.tag, saved.tag);
    now += terms.grace;
    assert_string_equal(data_of(raced), "(not live)");
}

/* C10: a logout in that moment wins, and the copy is gone too. */
static void rotation_of_an_ended_session_leaves_nothing(void **state)
{
    djs_session_t *s;
    djs_saved_t saved;

    (void)state;
    raced = fresh();
    s = load(raced);
    assert_int_equal(djs_session_cycle_key(s), APR_SUCCESS);
    before_update = somebody_logs_out;
    saved = save(s);
    assert_int_equal(saved.did, DJS_DID_DROP);
    assert_string_equal(data_of(saved.key), "(not live)");
    assert_string_equal(data_of(raced), "(not live)");
}

/* L03: a login is worth a session even when the old one ended under it; of the
 * old one nothing comes along. */
static void login_on_an_ended_session_begins_anew(void **state)
{
    djs_session_t *s;
    djs_saved_t saved;

    (void)state;
    raced = fresh();
    s = load(raced);
    assert_int_equal(djs_session_login(s, djs_bytes("u"), djs_bytes("ada")),
                     APR_SUCCESS);
    before_update = somebody_logs_out;
    saved = save(s);
    assert_int_equal(saved.did, DJS_DID_CREATE);
    assert_string_equal(data_of(saved.key), "{\"u\":\"ada\"}");
}

static void what_is_set_after_a_flush_is_a_new_session(void **state)
{
    const char *key = fresh();
    djs_session_t *s = load(key);
    djs_saved_t saved;

    (void)state;
    assert_int_equal(djs_session_flush(s), APR_SUCCESS);
    set(s, "b", "2");
    saved = save(s);
    assert_int_equal(saved.did, DJS_DID_CREATE);
    assert_string_not_equal(saved.key, key);
    assert_string_equal(data_of(saved.key), "{\"b\":2}");
    assert_string_equal(data_of(key), "(not live)");
}

/* G10: an old secret still opens, and a save moves the record to the new. */
static void a_save_moves_a_record_to_the_first_secret(void **state)
{
    const char *key = fresh();
    djs_session_t *one, *two;

    (void)state;
    place.ring = ring_of(2, 1);
    one = load(key);
    two = load(key);
    assert_int_equal(one->state, DJS_STATE_LIVE);
    assert_int_equal(one->ring_index, 1);
    set(one, "b", "2");
    set(two, "c", "3");
    assert_int_equal(save(one).did, DJS_DID_SAVE);
    assert_int_equal(save(two).did, DJS_DID_SAVE);
    place.ring = ring_of(2, 0);
    assert_string_equal(data_of(key), "{\"a\":1,\"b\":2,\"c\":3}");
    place.ring = ring_of(1, 0);
    assert_string_equal(data_of(key), "(not live)");
}

/* I18: a store that was not sure of a birth is asked for another key, and for
 * the same one where that is to stay; what was added is added once. */
static void a_birth_in_doubt_is_tried_again(void **state)
{
    djs_session_t *s = load(NULL);
    const char *key;

    (void)state;
    set(s, "n", "1");
    births_in_doubt = 2;
    key = apr_pstrdup(pool, save(s).key);
    assert_string_equal(data_of(key), "{\"n\":1}");
    place.ring = ring_of(2, 1);
    s = load(key);
    assert_int_equal(djs_session_incr(s, djs_bytes("n"), djs_bytes("1")),
                     APR_SUCCESS);
    births_in_doubt = 2;
    assert_int_equal(save(s).did, DJS_DID_SAVE);
    assert_int_equal(births_in_doubt, 0);
    place.ring = ring_of(2, 0);
    assert_string_equal(data_of(key), "{\"n\":2}");
}

/* L01: a logout finds the record under whichever secret it lies. */
static void a_flush_ends_a_record_under_an_old_secret(void **state)
{
    const char *key = fresh();
    djs_session_t *s;

    (void)state;
    place.ring = ring_of(2, 1);
    s = load(key);
    assert_int_equal(djs_session_flush(s), APR_SUCCESS);
    assert_int_equal(save(s).did, DJS_DID_END);
    assert_string_equal(data_of(key), "(not live)");
}

/* The session object of a saved request is what the store holds. */
static void after_a_save_the_object_is_what_was_saved(void **state)
{
    djs_session_t *s = load(NULL);
    const djs_bytes_t *value;
    djs_saved_t saved;

    (void)state;
    set(s, "a", "1");
    saved = save(s);
    assert_int_equal(s->state, DJS_STATE_LIVE);
    assert_string_equal(s->key, saved.key);
    assert_int_equal(save(s).did, DJS_DID_NOTHING);
    assert_int_equal(djs_session_get(s, djs_bytes("a"), &value), APR_SUCCESS);
    assert_non_null(value);
    set(s, "b", "2");
    assert_int_equal(save(s).did, DJS_DID_SAVE);
    assert_string_equal(data_of(saved.key), "{\"a\":1,\"b\":2}");
}

static void somebody_moves_it(void)
{
    djs_session_t *s = load(raced);

    set(s, "moved", "true");
    (void)save(s);
}

/* L01: a record that moves to the first secret while it is flushed ends. */
static void a_flush_meets_a_move_and_wins(void **state)
{
    djs_session_t *s, *mover;
    djs_saved_t saved;

    (void)state;
    raced = fresh();
    place.ring = ring_of(2, 1);
    s = load(raced);
    mover = load(raced);
    set(mover, "b", "2");
    before_update = NULL;
    before_remove = somebody_moves_it; /* before the first of two removals */
    assert_int_equal(djs_session_flush(s), APR_SUCCESS);
    assert_int_equal(save(s).did, DJS_DID_END);
    assert_string_equal(data_of(raced), "(not live)");
    assert_int_equal(djs_commit_save(&saved, mover, &terms, &place, call()),
                     APR_SUCCESS);
    assert_int_equal(saved.did, DJS_DID_DROP);
    assert_string_equal(data_of(raced), "(not live)");
}

/* G10: nor does a load miss a record that moves while it looks. */
static void a_load_finds_a_record_that_moves_meanwhile(void **state)
{
    (void)state;
    raced = fresh();
    place.ring = ring_of(2, 1);
    before_second_get = somebody_moves_it;
    assert_string_equal(data_of(raced), "{\"a\":1,\"moved\":true}");
    assert_null(before_second_get);
}

/* G10: who moved a record between secrets may die before the original has gone.
 * Once its key is given up, nobody finds that one either. */
static void a_move_that_was_cut_short_leaves_nothing(void **state)
{
    djs_saved_t saved;
    djs_session_t *s;
    char *key;

    (void)state;
    for (int how = 0; how < 3; how++) {
        place.ring = ring_of(1, 0);
        key = fresh();
        place.ring = ring_of(2, 1);
        s = load(key);
        set(s, "b", "2");
        calls = 0;
        fail_with = DJS_ETROUBLE;
        fail_at = 4;
        (void)djs_commit_save(&saved, s, &terms, &place, call());
        fail_at = 0;
        fail_with = APR_SUCCESS;
        s = load(key);
        assert_int_equal(s->ring_index, 0);
        if (how == 0) {
            assert_int_equal(log_out(s).did, DJS_DID_END);
        }
        else if (how == 1) {
            terms.grace = 0;
            key = copy_of(key);
            (void)rotate(s);
            now += APR_USEC_PER_SEC;
            terms.replay_flush = 1;
            (void)load(key); /* and the alias goes, as well */
            terms.replay_flush = 0;
        }
        else {
            assert_int_equal(djs_session_login(s, djs_bytes("_auth_user_id"),
                                               djs_bytes("ada")),
                             APR_SUCCESS);
            assert_int_equal(save(s).did, DJS_DID_ROTATE);
        }
        assert_string_equal(data_of(key), "(not live)");
        place.ring = ring_of(1, 0);
        assert_string_equal(data_of(key), "(not live)");
    }
}

/* B07, C18: a session that was born over TLS is none in a plain request, and no
 * key beside it is a replayed one. */
static void a_session_of_tls_stays_beside_an_old_key(void **state)
{
    djs_session_t *s = load_tls(NULL, 1);
    djs_candidates_t sent = { 0 };
    char *old = fresh(), *secure;

    (void)state;
    (void)rotate(load(old));
    terms.tls = 1;
    set(s, "a", "1");
    secure = copy_of(save(s).key);
    terms.tls = 0;
    now += terms.grace + 1;
    terms.replay_flush = 1;
    s = apr_pcalloc(pool, sizeof *s);
    djs_session_init(s, pool);
    sent.keys[0] = djs_bytes(old);
    sent.keys[1] = djs_bytes(secure);
    sent.count = sent.sent = 2;
    assert_int_equal(djs_commit_load(s, &sent, &place, &terms, call()),
                     APR_SUCCESS);
    assert_int_equal(s->state, DJS_STATE_NONE);
    assert_false(s->replay.seen);
    assert_int_equal(s->passed_over, 1);
    assert_int_equal(load_tls(secure, 1)->state, DJS_STATE_LIVE);
}

/* C18, G10: a key that was given up ends, with Flush, the session that it had
 * led to, even where that has got to another secret since. */
static void a_replayed_key_ends_a_session_that_has_moved(void **state)
{
    char *old = fresh(), *new = rotate(load(old));
    djs_session_t *s;

    (void)state;
    new = rotate(load(new));
    now += terms.grace / 2;
    place.ring = ring_of(2, 1);
    s = load(new);
    set(s, "b", "2");
    assert_int_equal(save(s).did, DJS_DID_SAVE);
    now += terms.grace;
    terms.replay_flush = 1;
    s = load(old);
    assert_true(s->replay.seen);
    assert_string_not_equal(s->replay.ended, "");
    assert_string_equal(data_of(new), "(not live)");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        T(parallel_changes_merge_key_by_key),
        T(an_increment_of_a_text_refuses_the_save),
        T(a_late_save_does_not_revive),
        T(login_gives_a_new_key_and_kills_the_old),
        T(login_of_another_user_begins_anew),
        T(rotation_takes_a_parallel_write_along),
        T(rotation_of_an_ended_session_leaves_nothing),
        T(login_on_an_ended_session_begins_anew),
        T(what_is_set_after_a_flush_is_a_new_session),
        T(a_save_moves_a_record_to_the_first_secret),
        T(a_birth_in_doubt_is_tried_again),
        T(a_flush_ends_a_record_under_an_old_secret),
        T(a_flush_meets_a_move_and_wins),
        T(a_load_finds_a_record_that_moves_meanwhile),
        T(a_move_that_was_cut_short_leaves_nothing),
        T(a_session_of_tls_stays_beside_an_old_key),
        T(a_replayed_key_ends_a_session_that_has_moved),
        T(after_a_save_the_object_is_what_was_saved),
    };

    apr_initialize();
    return cmocka_run_group_tests_name("commit races", tests, NULL, NULL);
}
