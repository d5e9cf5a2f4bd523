/* unit/test_commit - what is loaded, and what a save makes of it. */
#include "commit_fixture.h"

static void the_first_write_makes_a_session(void **state)
{
    const char *key = fresh();
    djs_session_t *s = load(key);

    (void)state;
    assert_int_equal(s->state, DJS_STATE_LIVE);
    assert_string_equal(data_of(key), "{\"a\":1}");
    assert_int_equal(s->record.created, START);
    assert_int_equal(s->record.expires, START + 14 * DAY);
    assert_int_equal(strlen(s->record.tag), DJS_TAG_LEN);
}

/* C06, C07, C14: reading, clearing and flushing nothing writes nothing. */
static void nothing_asked_for_is_nothing_written(void **state)
{
    djs_session_t *s = load(NULL);
    int has;

    (void)state;
    assert_int_equal(djs_session_has_key(s, djs_bytes("a"), &has), APR_SUCCESS);
    assert_int_equal(save(s).did, DJS_DID_NOTHING);
    assert_int_equal(djs_session_clear(s), APR_SUCCESS);
    assert_int_equal(save(s).did, DJS_DID_NOTHING);
    assert_int_equal(calls, 0);
    s = load(fresh());
    calls = 0;
    assert_int_equal(save(s).did, DJS_DID_NOTHING);
    assert_int_equal(calls, 0);
}

/* C14: renewed once its share of the age is over, and by one request only. */
static void use_renews_once_the_share_is_over(void **state)
{
    const char *key = fresh();
    djs_session_t *one, *two;

    (void)state;
    now = START + 14 * DAY / 10 - 1;
    assert_int_equal(save(load(key)).did, DJS_DID_NOTHING);
    now += 1;
    one = load(key);
    two = load(key);
    assert_int_equal(save(one).did, DJS_DID_RENEW);
    assert_int_equal(save(two).did, DJS_DID_NOTHING);
    one = load(key);
    assert_int_equal(one->record.expires, now + 14 * DAY);
    assert_int_equal(one->record.created, START);
    assert_string_equal(data_of(key), "{\"a\":1}");
}

/* C16: dead at the deadline, not a microsecond later. */
static void a_session_is_dead_at_its_deadline(void **state)
{
    const char *key = fresh();

    (void)state;
    now = START + 14 * DAY - 1;
    assert_string_equal(data_of(key), "{\"a\":1}");
    now += 1;
    assert_string_equal(data_of(key), "(not live)");
}

static void set_expiry_shapes_deadline_and_cookie(void **state)
{
    djs_session_t *s = load(fresh());
    djs_expiry_t expiry = { DJS_EXPIRY_SECONDS, 60, 0 };
    djs_saved_t saved;

    (void)state;
    assert_int_equal(djs_session_set_expiry(s, &expiry), APR_SUCCESS);
    saved = save(s);
    assert_int_equal(saved.max_age, 60);
    assert_int_equal(load(saved.key)->record.expires, now + 60000000);
    expiry.how = DJS_EXPIRY_BROWSER;
    s = load(saved.key);
    assert_int_equal(djs_session_set_expiry(s, &expiry), APR_SUCCESS);
    saved = save(s);
    assert_true(saved.max_age < 0);
    assert_int_equal(load(saved.key)->record.expires, now + 14 * DAY);
    expiry.how = DJS_EXPIRY_DATE;
    expiry.date = now + DAY;
    s = load(saved.key);
    assert_int_equal(djs_session_set_expiry(s, &expiry), APR_SUCCESS);
    saved = save(s);
    assert_int_equal(saved.max_age, 86400);
    now += DAY - 1;
    assert_int_equal(save(load(saved.key)).did, DJS_DID_NOTHING);
}

/* B12: a renewal keeps to the session's own expiry. */
static void a_renewal_keeps_the_sessions_own_expiry(void **state)
{
    djs_session_t *s = load(fresh());
    djs_expiry_t expiry = { DJS_EXPIRY_SECONDS, 100, 0 };
    djs_saved_t saved;

    (void)state;
    assert_int_equal(djs_session_set_expiry(s, &expiry), APR_SUCCESS);
    saved = save(s);
    now += 10 * 1000000;
    saved = save(load(saved.key));
    assert_int_equal(saved.did, DJS_DID_RENEW);
    assert_int_equal(saved.max_age, 100);
}

/* A03, A06: exactly one live key counts; two are nobody's. */
static void exactly_one_live_candidate_counts(void **state)
{
    djs_candidates_t sent = { 0 };
    djs_session_t s;

    (void)state;
    sent.keys[0] = djs_bytes("0123456789abcdefghijklmnopqrstuv");
    sent.keys[1] = djs_bytes(fresh());
    sent.count = 2;
    djs_session_init(&s, pool);
    assert_int_equal(djs_commit_load(&s, &sent, &place, &terms, call()),
                     APR_SUCCESS);
    assert_int_equal(s.state, DJS_STATE_LIVE);
    sent.keys[0] = djs_bytes(fresh());
    djs_session_init(&s, pool);
    assert_int_equal(djs_commit_load(&s, &sent, &place, &terms, call()),
                     APR_SUCCESS);
    assert_int_equal(s.state, DJS_STATE_NONE);
    assert_string_equal(s.key, "");
    assert_string_equal(data_of(sent.keys[0].data), "{\"a\":1}");
    assert_string_equal(data_of(sent.keys[1].data), "{\"a\":1}");
}

/* C23: another namespace knows nothing of it. */
static void namespaces_do_not_see_each_other(void **state)
{
    const char *key = fresh();

    (void)state;
    place.ns = djs_bytes("example.com");
    assert_string_equal(data_of(key), "(not live)");
}

/* B07: what was born over TLS stays there. */
static void a_session_born_over_tls_is_none_in_the_clear(void **state)
{
    const char *key;

    (void)state;
    terms.tls = 1;
    key = fresh();
    assert_int_equal(load_tls(key, 1)->state, DJS_STATE_LIVE);
    assert_int_equal(load_tls(key, 0)->state, DJS_STATE_NONE);
    assert_int_equal(load_tls(key, 1)->state, DJS_STATE_LIVE);
}

/* B07: a login over TLS makes it a session of TLS. */
static void a_rotation_over_tls_takes_the_session_there(void **state)
{
    djs_session_t *s = load_tls(fresh(), 1);
    djs_saved_t saved;

    (void)state;
    terms.tls = 1;
    assert_int_equal(djs_session_login(s, djs_bytes("u"), djs_bytes("ada")),
                     APR_SUCCESS);
    saved = save(s);
    assert_int_equal(saved.did, DJS_DID_ROTATE);
    assert_int_equal(load_tls(saved.key, 0)->state, DJS_STATE_NONE);
    assert_int_equal(load_tls(saved.key, 1)->state, DJS_STATE_LIVE);
}

static int random_left;

/* Ever the same key until random_left is used up. */
static apr_status_t stuck(unsigned char *out, apr_size_t len)
{
    if (random_left-- > 0) {
        memset(out, 7, len);
        return APR_SUCCESS;
    }
    return djs_random(out, len);
}

static apr_status_t broken(unsigned char *out, apr_size_t len)
{
    memset(out, 0, len);
    return DJS_ERANDOM;
}

/* C11, C12: a taken key is not shared, a broken generator makes no session. */
static void a_taken_key_is_tried_again_and_then_given_up(void **state)
{
    djs_session_t *s = load(NULL);
    djs_saved_t saved;
    char *first;

    (void)state;
    place.random = stuck;
    random_left = 1;
    first = fresh();
    random_left = 1;
    assert_string_not_equal(fresh(), first);
    random_left = 1000;
    set(s, "b", "2");
    assert_int_equal(djs_commit_save(&saved, s, &terms, &place, call()),
                     DJS_ETROUBLE);
    assert_string_equal(data_of(first), "{\"a\":1}");
    place.random = broken;
    assert_int_equal(djs_commit_save(&saved, s, &terms, &place, call()),
                     DJS_ERANDOM);
}

/* G07, H34: what does not open is not overwritten. */
static void an_unreadable_record_is_left_alone(void **state)
{
    const char *key = fresh();
    djs_session_t *s;
    djs_saved_t saved;

    (void)state;
    place.mode = DJS_RECORD_BARE;
    s = load(key);
    assert_int_equal(s->state, DJS_STATE_UNREADABLE);
    assert_int_not_equal(djs_session_set(s, djs_bytes("b"), djs_bytes("2")),
                         APR_SUCCESS);
    assert_int_equal(djs_commit_save(&saved, s, &terms, &place, call()),
                     APR_SUCCESS);
    assert_int_equal(saved.did, DJS_DID_NOTHING);
    s->flushed = 1;
    assert_int_equal(djs_commit_save(&saved, s, &terms, &place, call()),
                     DJS_EUNREADABLE);
    place.mode = DJS_RECORD_SEALED;
    assert_string_equal(data_of(key), "{\"a\":1}");
}

/* INV5: trouble is neither a miss nor a success. */
static void trouble_is_told_as_trouble(void **state)
{
    const char *key = fresh();
    djs_session_t *s = load(key);
    djs_saved_t saved;

    (void)state;
    set(s, "b", "2");
    fail_with = DJS_ETIMEOUT;
    assert_int_equal(load(key)->state, DJS_STATE_UNAVAILABLE);
    assert_int_equal(djs_commit_save(&saved, s, &terms, &place, call()),
                     DJS_ETIMEOUT);
    assert_int_equal(djs_session_flush(s), APR_SUCCESS);
    assert_int_equal(djs_commit_save(&saved, s, &terms, &place, call()),
                     DJS_ETIMEOUT);
    fail_with = APR_SUCCESS;
    assert_string_equal(data_of(key), "{\"a\":1}");
}

/* D17: too much is refused, the old data stays. */
static void too_much_data_leaves_the_old_record(void **state)
{
    const char *key = fresh();
    djs_session_t *s = load(key);
    djs_saved_t saved;
    char big[5000];

    (void)state;
    memset(big, 'x', sizeof big);
    big[sizeof big - 1] = '\0';
    assert_int_equal(djs_session_set_text(s, djs_bytes("b"), djs_bytes(big)),
                     APR_SUCCESS);
    assert_int_equal(djs_commit_save(&saved, s, &terms, &place, call()),
                     DJS_ETOOBIG);
    assert_string_equal(data_of(key), "{\"a\":1}");
}

/* C25: deleting the last value keeps the session (Django: only flush ends). */
static void a_cleared_session_stays_with_no_data(void **state)
{
    const char *key = fresh();
    djs_session_t *s = load(key);

    (void)state;
    assert_int_equal(djs_session_clear(s), APR_SUCCESS);
    assert_int_equal(save(s).did, DJS_DID_SAVE);
    assert_string_equal(data_of(key), "{}");
}

static void create_always_makes_an_empty_session(void **state)
{
    djs_saved_t saved;

    (void)state;
    terms.create_always = 1;
    saved = save(load(NULL));
    assert_int_equal(saved.did, DJS_DID_CREATE);
    assert_string_equal(data_of(saved.key), "{}");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        T(the_first_write_makes_a_session),
        T(nothing_asked_for_is_nothing_written),
        T(use_renews_once_the_share_is_over),
        T(a_session_is_dead_at_its_deadline),
        T(set_expiry_shapes_deadline_and_cookie),
        T(a_renewal_keeps_the_sessions_own_expiry),
        T(exactly_one_live_candidate_counts),
        T(namespaces_do_not_see_each_other),
        T(a_session_born_over_tls_is_none_in_the_clear),
        T(a_rotation_over_tls_takes_the_session_there),
        T(a_taken_key_is_tried_again_and_then_given_up),
        T(an_unreadable_record_is_left_alone),
        T(trouble_is_told_as_trouble),
        T(too_much_data_leaves_the_old_record),
        T(a_cleared_session_stays_with_no_data),
        T(create_always_makes_an_empty_session),
    };

    apr_initialize();
    return cmocka_run_group_tests_name("commit", tests, NULL, NULL);
}
