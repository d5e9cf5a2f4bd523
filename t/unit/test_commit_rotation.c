/* unit/test_commit_rotation - a session gets a new key, whoever and whatever
 * comes between, and the key before it leads there for a while. */
#include "commit_fixture.h"

#define SECOND APR_USEC_PER_SEC
#define MANY   20

/* How many records of each kind the store holds. */
typedef struct {
    int of[DJS_RECORD_LIST + 1];
} count_t;

static apr_status_t count_one(djs_bytes_t key, djs_bytes_t val,
                              apr_time_t expires, void *baton)
{
    count_t *count = baton;
    djs_record_place_t at = { place.ns, key };
    djs_record_t record;

    (void)expires;
    assert_int_equal(
        djs_record_open(&record, val, place.mode, at, place.ring, pool),
        APR_SUCCESS);
    count->of[record.kind]++;
    return APR_SUCCESS;
}

static count_t count_records(void)
{
    count_t count = { { 0 } };

    assert_int_equal(djs_store_each(store, count_one, &count, call(), pool),
                     APR_SUCCESS);
    return count;
}

/* C03: only the key changes, and the birthday of the key. */
static void a_rotation_keeps_data_birthday_and_login(void **state)
{
    djs_session_t *s = load(NULL);
    char *others = fresh(), *key;

    (void)state;
    set(s, "a", "1");
    assert_int_equal(djs_session_login(s, djs_bytes("u"), djs_bytes("ada")),
                     APR_SUCCESS);
    key = copy_of(save(s).key);
    now += DAY;
    key = rotate(load(key));
    s = load(key);
    assert_string_equal(data_of(key), "{\"a\":1,\"u\":\"ada\"}");
    assert_int_equal(s->record.created, START);
    assert_int_equal(s->record.authenticated, START);
    assert_int_equal(s->record.keyed, now);
    assert_int_equal(s->record.expires, now + 14 * DAY);
    assert_false(s->handed);
    assert_string_equal(data_of(others), "{\"a\":1}");
    assert_int_equal(count_records().of[DJS_RECORD_SESSION], 2);
    assert_int_equal(count_records().of[DJS_RECORD_ALIAS], 1);
}

/* C18: the old key leads to the new one until the grace is over. */
static void an_old_key_leads_on_for_the_grace(void **state)
{
    char *old = fresh(), *new = rotate(load(old));
    djs_session_t *s;
    djs_saved_t saved;

    (void)state;
    now += terms.grace - 1;
    s = load(old);
    assert_int_equal(s->state, DJS_STATE_LIVE);
    assert_true(s->handed);
    assert_string_equal(s->key, new);
    saved = save(s);
    assert_int_equal(saved.did, DJS_DID_HAND);
    assert_string_equal(saved.key, new);
    assert_string_equal(saved.tag, load(new)->record.tag);
    assert_int_equal(saved.max_age, 14 * 86400 - 10);
    now += 1;
    assert_string_equal(data_of(old), "(not live)");
    assert_string_equal(data_of(new), "{\"a\":1}");
}

/* C18: each rotation within the grace is one hop more. */
static void an_old_key_leads_over_many_rotations(void **state)
{
    char *old = fresh(), *key = old;

    (void)state;
    for (int i = 0; i < MANY; i++) {
        key = rotate(load(key));
    }
    assert_string_equal(load(old)->key, key);
    assert_string_equal(data_of(old), "{\"a\":1}");
}

/* C18: a rotation comes by itself when it is due, with what there is to save
 * or without. */
static void a_session_in_use_is_rotated_when_it_is_due(void **state)
{
    char *key = fresh();
    djs_session_t *s;

    (void)state;
    terms.rotate = 900 * SECOND;
    now += terms.rotate - 1;
    assert_int_equal(save(load(key)).did, DJS_DID_NOTHING);
    now += 1;
    s = load(key);
    assert_int_equal(save(s).did, DJS_DID_ROTATE);
    key = copy_of(s->key);
    assert_int_equal(save(load(key)).did, DJS_DID_NOTHING);
    now += terms.rotate;
    s = load(key);
    set(s, "b", "2");
    assert_int_equal(save(s).did, DJS_DID_ROTATE);
    assert_string_equal(data_of(s->key), "{\"a\":1,\"b\":2}");
}

/* C18: one after the other; every second one has something to save. */
static void many_saves_on_one_old_key_make_one_successor(void **state)
{
    djs_session_t *all[MANY];
    char *old = fresh(), *heir = NULL;
    const djs_bytes_t *sum;

    (void)state;
    terms.rotate = 900 * SECOND;
    now += terms.rotate;
    for (int i = 0; i < MANY; i++) {
        all[i] = load(old);
    }
    for (int i = 0; i < MANY; i++) {
        djs_saved_t saved;

        if (i % 2) {
            assert_int_equal(
                djs_session_incr(all[i], djs_bytes("n"), djs_bytes("1")),
                APR_SUCCESS);
        }
        saved = save(all[i]);
        assert_int_equal(saved.did, i == 0  ? DJS_DID_ROTATE
                                    : i % 2 ? DJS_DID_SAVE
                                            : DJS_DID_HAND);
        heir = heir ? heir : copy_of(saved.key);
        assert_string_equal(saved.key, heir);
        assert_int_equal(saved.max_age, 14 * 86400);
    }
    assert_int_equal(djs_session_get(load(heir), djs_bytes("n"), &sum),
                     APR_SUCCESS);
    assert_true(djs_bytes_equal(*sum, djs_bytes("10")));
    assert_int_equal(count_records().of[DJS_RECORD_SESSION], 1);
    assert_int_equal(count_records().of[DJS_RECORD_ALIAS], 1);
}

static djs_session_t *nested[MANY];
static djs_saved_t outcomes[MANY];
static int begun;

/* Between its copy and the moment that counts, each one lets the next begin. */
static void the_next_one_begins(void)
{
    int mine = begun++;

    before_update = begun < MANY ? the_next_one_begins : NULL;
    outcomes[mine] = save(nested[mine]);
}

/* C18: all have made their copy when the first one gives the old key up. */
static void many_saves_at_once_make_one_successor(void **state)
{
    char *old = fresh(), *heir;

    (void)state;
    terms.rotate = 900 * SECOND;
    now += terms.rotate;
    for (int i = 0; i < MANY; i++) {
        nested[i] = load(old);
    }
    begun = 0;
    the_next_one_begins();
    assert_int_equal(begun, MANY);
    heir = outcomes[MANY - 1].key;
    assert_int_equal(outcomes[MANY - 1].did, DJS_DID_ROTATE);
    for (int i = 0; i < MANY - 1; i++) {
        assert_int_equal(outcomes[i].did, DJS_DID_HAND);
        assert_string_equal(outcomes[i].key, heir);
        assert_string_equal(outcomes[i].tag, outcomes[MANY - 1].tag);
    }
    assert_int_equal(count_records().of[DJS_RECORD_SESSION], 1);
    assert_int_equal(count_records().of[DJS_RECORD_ALIAS], 1);
    assert_string_equal(data_of(heir), "{\"a\":1}");
}

/* C18: one that asked for a new key is content with the one there is; a login
 * never is. */
static void of_two_rotations_one_is_made_but_a_login_is_another(void **state)
{
    char *old = fresh(), *heir;
    djs_session_t *late = load(old), *login = load(old);
    djs_saved_t saved;

    (void)state;
    heir = rotate(load(old));
    assert_int_equal(djs_session_cycle_key(late), APR_SUCCESS);
    assert_string_equal(save(late).key, heir);
    assert_int_equal(djs_session_login(login, djs_bytes("u"), djs_bytes("ada")),
                     APR_SUCCESS);
    saved = save(login);
    assert_int_equal(saved.did, DJS_DID_ROTATE);
    assert_string_not_equal(saved.key, heir);
    assert_string_equal(data_of(saved.key), "{\"a\":1,\"u\":\"ada\"}");
    assert_string_equal(data_of(heir), "(not live)");
    assert_string_equal(data_of(old), "(not live)");
}

/* C19: the response with the new key got lost: no key is lost for it, and no
 * browser goes round in circles. */
static void a_lost_response_costs_nothing_within_the_grace(void **state)
{
    char *old = fresh(), *new = rotate(load(old));

    (void)state;
    for (int i = 0; i < 3; i++) {
        djs_session_t *s = load(old);
        djs_saved_t saved = save(s);

        assert_int_equal(saved.did, DJS_DID_HAND);
        assert_string_equal(saved.key, new);
    }
    now += terms.grace;
    for (int i = 0; i < 3; i++) {
        djs_session_t *s = load(old);

        assert_int_equal(s->state, DJS_STATE_NONE);
        assert_int_equal(s->replay.seen, i == 0);
        assert_int_equal(save(s).did, DJS_DID_NOTHING);
    }
    assert_string_equal(data_of(new), "{\"a\":1}");
}

/* C02: a login leaves no alias: the key before it opens nothing, at once, not
 * even for a save that had begun. */
static void a_login_leaves_no_alias(void **state)
{
    char *old = fresh();
    djs_session_t *slow = load(old), *s = load(old);
    djs_saved_t saved;

    (void)state;
    set(slow, "evil", "true");
    assert_int_equal(djs_session_login(s, djs_bytes("u"), djs_bytes("ada")),
                     APR_SUCCESS);
    saved = save(s);
    assert_int_equal(saved.did, DJS_DID_ROTATE);
    assert_int_equal(count_records().of[DJS_RECORD_ALIAS], 0);
    assert_string_equal(data_of(old), "(not live)");
    assert_false(load(old)->replay.seen);
    assert_int_equal(save(slow).did, DJS_DID_DROP);
    assert_string_equal(data_of(saved.key), "{\"a\":1,\"u\":\"ada\"}");
}

/* C02: the same when somebody else has logged him in: the data stays. */
static void a_login_elsewhere_leaves_no_alias(void **state)
{
    char *old = fresh();
    djs_session_t *s = load(old);
    djs_saved_t saved;

    (void)state;
    assert_int_equal(djs_session_note_login(s), APR_SUCCESS);
    set(s, "realm-user", "\"ada\"");
    saved = save(s);
    assert_int_equal(saved.did, DJS_DID_ROTATE);
    assert_int_equal(count_records().of[DJS_RECORD_ALIAS], 0);
    assert_string_equal(data_of(old), "(not live)");
    assert_string_equal(data_of(saved.key), "{\"a\":1,\"realm-user\":\"ada\"}");
    assert_int_equal(load(saved.key)->record.authenticated, now);
}

/* L05: whenever the save comes, with one key in between or more. */
static void a_save_on_an_old_key_lands_in_the_successor(void **state)
{
    char *old = fresh(), *new;
    djs_session_t *slow = load(old), *slower = load(old);
    djs_saved_t saved;

    (void)state;
    set(slow, "b", "2");
    set(slower, "c", "3");
    new = rotate(load(old));
    saved = save(slow);
    assert_int_equal(saved.did, DJS_DID_SAVE);
    assert_string_equal(saved.key, new);
    now += SECOND;
    new = rotate(load(new));
    now += 2 * terms.grace;
    saved = save(slower);
    assert_int_equal(saved.did, DJS_DID_SAVE);
    assert_string_equal(saved.key, new);
    assert_string_equal(data_of(new), "{\"a\":1,\"b\":2,\"c\":3}");
    assert_string_equal(data_of(old), "(not live)");
}

/* C10: under an old key one logs out as well. */
static void a_logout_on_an_old_key_ends_the_successor(void **state)
{
    char *old = fresh(), *new;
    djs_session_t *began = load(old);

    (void)state;
    new = rotate(load(old));
    assert_int_equal(log_out(load(old)).did, DJS_DID_END);
    assert_string_equal(data_of(new), "(not live)");
    assert_string_equal(data_of(old), "(not live)");
    old = fresh();
    began = load(old);
    new = rotate(load(old));
    assert_int_equal(log_out(began).did, DJS_DID_END);
    assert_string_equal(data_of(new), "(not live)");
    assert_int_equal(count_records().of[DJS_RECORD_SESSION], 0);
}

static char *raced;    /* key of the session that others get at meanwhile */
static char *raced_to; /* and what they made of it */

static void somebody_rotates(void)
{
    raced_to = rotate(load(raced));
}

static void somebody_rotates_twice(void)
{
    raced_to = rotate(load(raced));
    raced = raced_to;
    before_update = somebody_rotates;
}

static void somebody_logs_out(void)
{
    assert_int_equal(log_out(load(raced)).did, DJS_DID_END);
}

/* C10, L01: the logout comes before the old key is given up. */
static void a_logout_during_a_rotation_leaves_nothing(void **state)
{
    djs_session_t *s;

    (void)state;
    raced = fresh();
    terms.rotate = 900 * SECOND;
    now += terms.rotate;
    s = load(raced);
    before_update = somebody_logs_out;
    assert_int_equal(save(s).did, DJS_DID_DROP);
    assert_int_equal(count_records().of[DJS_RECORD_SESSION], 0);
    assert_int_equal(count_records().of[DJS_RECORD_ALIAS], 0);
}

/* C10, L01: the old key is given up before the logout removes it; and once
 * more while the logout goes from key to key. */
static void a_rotation_during_a_logout_saves_nothing(void **state)
{
    static void (*const who[])(void) = { somebody_rotates,
                                         somebody_rotates_twice };

    (void)state;
    for (size_t i = 0; i < 2; i++) {
        char *old = fresh();
        djs_session_t *s = load(old);

        raced = old;
        raced_to = NULL;
        before_update = who[i];
        assert_int_equal(log_out(s).did, DJS_DID_END);
        assert_null(before_update);
        assert_string_equal(data_of(raced_to), "(not live)");
        assert_string_equal(data_of(old), "(not live)");
        assert_int_equal(count_records().of[DJS_RECORD_SESSION], 0);
    }
}

/* C18: a key sent after its grace is told of once; Log touches nothing. */
static void a_replayed_key_is_told_of_once(void **state)
{
    char *old = fresh(), *new;
    char tag[DJS_TAG_LEN + 1];
    djs_session_t *s = load(old);

    (void)state;
    memcpy(tag, s->record.tag, sizeof tag);
    new = rotate(s);
    now += terms.grace;
    s = load(old);
    assert_int_equal(s->state, DJS_STATE_NONE);
    assert_true(s->replay.seen);
    assert_string_equal(s->replay.tag, tag);
    assert_string_equal(s->replay.ended, "");
    assert_false(load(old)->replay.seen);
    assert_string_equal(data_of(new), "{\"a\":1}");
}

/* C18: Flush ends the session that the key had led to, some keys on. */
static void a_replayed_key_ends_its_session_with_flush(void **state)
{
    char *old = fresh(), *new = rotate(load(old));
    char tag[DJS_TAG_LEN + 1];
    djs_session_t *s;

    (void)state;
    now += terms.grace;
    new = rotate(load(new));
    memcpy(tag, load(new)->record.tag, sizeof tag);
    terms.replay_flush = 1;
    s = load(old);
    assert_int_equal(s->state, DJS_STATE_NONE);
    assert_true(s->replay.seen);
    assert_string_equal(s->replay.ended, tag);
    assert_string_equal(data_of(new), "(not live)");
    assert_false(load(old)->replay.seen);
}

/* N01: a clock that goes back far makes no key a replayed one. */
static void a_clock_that_went_back_ends_no_session(void **state)
{
    char *old = fresh(), *new;

    (void)state;
    now += 10 * terms.grace;
    new = rotate(load(old));
    now -= 5 * terms.grace;
    terms.replay_flush = 1;
    assert_int_equal(load(old)->state, DJS_STATE_NONE);
    assert_false(load(old)->replay.seen);
    assert_string_equal(data_of(new), "{\"a\":1}");
    now += 5 * terms.grace;
    assert_string_equal(data_of(old), "{\"a\":1}");
}

/* C18: within the grace, and beside a key that is live, no key is replayed. */
static void a_key_beside_a_live_one_is_no_replay(void **state)
{
    char *old = fresh(), *new = rotate(load(old));
    djs_candidates_t sent = { 0 };
    djs_session_t s;

    (void)state;
    terms.replay_flush = 1;
    assert_false(load(old)->replay.seen);
    now += terms.grace;
    for (int i = 0; i < 2; i++) {
        sent.keys[i] = djs_bytes(old);
        sent.keys[1 - i] = djs_bytes(new);
        sent.count = sent.sent = 2;
        djs_session_init(&s, pool);
        assert_int_equal(djs_commit_load(&s, &sent, &place, &terms, call()),
                         APR_SUCCESS);
        assert_int_equal(s.state, DJS_STATE_LIVE);
        assert_string_equal(s.key, new);
        assert_false(s.replay.seen);
    }
}

static void somebody_moves_it(void)
{
    djs_session_t *s = load(raced);

    set(s, "moved", "true");
    assert_int_equal(save(s).did, DJS_DID_SAVE);
}

/* G10, L05: while a rotation gives up the record under an old secret, another
 * request moves it to the first. */
static void
a_rotation_finds_a_record_that_moves_to_the_first_secret(void **state)
{
    djs_session_t *s;
    char *new;

    (void)state;
    raced = fresh();
    place.ring = ring_of(2, 1);
    s = load(raced);
    set(s, "b", "2");
    before_update = somebody_moves_it;
    new = rotate(s);
    assert_string_equal(data_of(new), "{\"a\":1,\"moved\":true,\"b\":2}");
    assert_true(load(raced)->handed);
    assert_string_equal(load(raced)->key, new);
    place.ring = ring_of(2, 0);
    assert_string_equal(data_of(new), "{\"a\":1,\"moved\":true,\"b\":2}");
    assert_string_equal(load(raced)->key, new);
}

static djs_session_t *other; /* loaded before the record moves */

static void the_other_rotates(void)
{
    raced_to = rotate(other);
}

/* G10, L05: and the other way round: the move gives way. */
static void a_move_finds_a_record_that_gets_a_new_key(void **state)
{
    djs_session_t *mover;
    djs_saved_t saved;

    (void)state;
    raced = fresh();
    place.ring = ring_of(2, 1);
    mover = load(raced);
    other = load(raced);
    set(mover, "b", "2");
    before_update = the_other_rotates;
    saved = save(mover);
    assert_int_equal(saved.did, DJS_DID_SAVE);
    assert_string_equal(saved.key, raced_to);
    assert_string_equal(data_of(raced_to), "{\"a\":1,\"b\":2}");
    assert_string_equal(load(raced)->key, raced_to);
    assert_int_equal(count_records().of[DJS_RECORD_SESSION], 1);
}

/* G10, L05: nor is anything lost when the copy under the first secret gets a
 * new key before the original has gone. */
static void a_copy_under_way_gets_a_new_key(void **state)
{
    djs_session_t *mover;

    (void)state;
    raced = fresh();
    place.ring = ring_of(2, 1);
    mover = load(raced);
    set(mover, "b", "2");
    before_update = somebody_rotates;
    assert_int_equal(save(mover).did, DJS_DID_SAVE);
    assert_string_equal(data_of(raced_to), "{\"a\":1,\"b\":2}");
    assert_string_equal(load(raced)->key, raced_to);
    assert_int_equal(count_records().of[DJS_RECORD_SESSION], 1);
}

/* C17: a new key is no new life. */
static void a_rotation_prolongs_no_session_over_its_limit(void **state)
{
    char *key;

    (void)state;
    terms.absolute = DAY;
    key = fresh();
    now = START + DAY - SECOND;
    key = rotate(load(key));
    assert_int_equal(load(key)->record.expires, START + DAY);
    now = START + DAY - 1;
    assert_string_equal(data_of(key), "{\"a\":1}");
    now = START + DAY;
    assert_string_equal(data_of(key), "(not live)");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        T(a_rotation_keeps_data_birthday_and_login),
        T(an_old_key_leads_on_for_the_grace),
        T(an_old_key_leads_over_many_rotations),
        T(a_session_in_use_is_rotated_when_it_is_due),
        T(many_saves_on_one_old_key_make_one_successor),
        T(many_saves_at_once_make_one_successor),
        T(of_two_rotations_one_is_made_but_a_login_is_another),
        T(a_lost_response_costs_nothing_within_the_grace),
        T(a_login_leaves_no_alias),
        T(a_login_elsewhere_leaves_no_alias),
        T(a_save_on_an_old_key_lands_in_the_successor),
        T(a_logout_on_an_old_key_ends_the_successor),
        T(a_logout_during_a_rotation_leaves_nothing),
        T(a_rotation_during_a_logout_saves_nothing),
        T(a_replayed_key_is_told_of_once),
        T(a_replayed_key_ends_its_session_with_flush),
        T(a_clock_that_went_back_ends_no_session),
        T(a_key_beside_a_live_one_is_no_replay),
        T(a_rotation_finds_a_record_that_moves_to_the_first_secret),
        T(a_move_finds_a_record_that_gets_a_new_key),
        T(a_copy_under_way_gets_a_new_key),
        T(a_rotation_prolongs_no_session_over_its_limit),
    };

    apr_initialize();
    return cmocka_run_group_tests_name("commit rotation", tests, NULL, NULL);
}
