/* test_revoke - what a revocation ends, and what it leaves alone; how many
 * sessions a user keeps. (C20, C21, C22, L07.) */
#include "commit_fixture.h"
#include "memcached.h"
#include "session/quota.h"
#include "session/revoke.h"

#define USER "_auth_user_id"

static djs_revoke_t asking(void)
{
    djs_revoke_t ask = { &place, call(), pool };

    return ask;
}

static apr_status_t end_all_of(const char *user)
{
    const djs_revoke_t ask = asking();

    return djs_revoke(djs_bytes(user), &ask);
}

static djs_session_t *logging_in(const char *key, const char *user)
{
    djs_session_t *s = load(key);

    assert_int_equal(djs_session_login(s, djs_bytes(USER), djs_bytes(user)),
                     APR_SUCCESS);
    return s;
}

/* A new session of that user; its key. */
static char *login(const char *user)
{
    djs_saved_t saved = save(logging_in(NULL, user));

    now += APR_USEC_PER_SEC;
    return apr_pstrdup(pool, saved.key);
}

static int lives(const char *key)
{
    return load(key)->state == DJS_STATE_LIVE;
}

/* The stores that these tests run over. */
static memcached_t servers[2];

static int on_memcached(void **state)
{
    const char *spec, *options[] = { NULL, NULL };

    setup(state);
    for (int i = 0; i < 2; i++) {
        if (!servers[i].pid) {
            memcached_start(&servers[i], servers[i].port);
        }
    }
    spec = apr_psprintf(pool, "memcache:127.0.0.1:%d,127.0.0.1:%d",
                        servers[0].port, servers[1].port);
    options[0] = apr_psprintf(pool, "prefix=%" APR_UINT64_T_FMT ":",
                              (apr_uint64_t)djs_clock_steady());
    assert_null(djs_store_create(&place.store, spec, options,
                                 djs_commit_max_value(4096), pool));
    assert_int_equal(djs_store_open(place.store, pool), APR_SUCCESS);
    now = apr_time_now();
    return 0;
}

/* In DBM files, behind the store `front` where it is not NULL. */
static int on_files(void **state, const char *front)
{
    const djs_owner_t me = { (apr_uid_t)-1, (apr_gid_t)-1 };
    const char *options[] = { NULL, NULL }, *files;
    char *dir = mkdtemp(apr_pstrdup(pool, "/tmp/djs-revoke-XXXXXX"));

    *state = apr_pstrdup(pool, dir);
    files = apr_pstrcat(pool, "dbm:", dir, "/s", NULL);
    options[0] = front ? files : NULL;
    assert_null(djs_store_create(&place.store, front ? front : files, options,
                                 djs_commit_max_value(4096), pool));
    assert_null(djs_store_prepare(place.store, me, pool));
    assert_int_equal(djs_store_open(place.store, pool), APR_SUCCESS);
    return 0;
}

static int on_dbm(void **state)
{
    setup(state);
    return on_files(state, NULL);
}

static int on_tiers(void **state)
{
    setup(state);
    if (!servers[0].pid) {
        memcached_start(&servers[0], servers[0].port);
    }
    return on_files(
        state, apr_psprintf(pool, "memcache:127.0.0.1:%d", servers[0].port));
}

static int off_dbm(void **state)
{
    int rv = system(apr_pstrcat(pool, "rm -rf ", (char *)*state, NULL));

    return teardown(state) || rv;
}

/* ---------------------------------------------------------- revocation */

static void a_user_is_logged_out_everywhere(void **state)
{
    char *ada[] = { login("ada"), login("ada"), login("ada") };
    char *bob = login("bob"), *guest = fresh();

    (void)state;
    assert_int_equal(end_all_of("ada"), APR_SUCCESS);
    for (int i = 0; i < 3; i++) {
        assert_false(lives(ada[i]));
    }
    assert_true(lives(bob));
    assert_true(lives(guest));
    assert_true(lives(login("ada")));
    assert_int_equal(end_all_of("ada"), APR_SUCCESS);
    assert_int_equal(end_all_of("bob"), APR_SUCCESS);
    assert_false(lives(bob));
    assert_true(lives(guest));
    assert_true(lives(login("ada")));
    assert_true(lives(login("bob")));
}

static void everybody_is_logged_out(void **state)
{
    char *ada = login("ada"), *guest = fresh(), *eve;
    djs_place_t here = place;

    (void)state;
    place.ns = djs_bytes("other.example");
    assert_int_equal(djs_commit_prepare(&place), APR_SUCCESS);
    eve = login("eve");
    place = here;
    assert_int_equal(end_all_of(""), APR_SUCCESS);
    assert_false(lives(ada));
    assert_false(lives(guest));
    assert_true(lives(fresh()));
    assert_true(lives(login("ada")));
    place.ns = djs_bytes("other.example");
    assert_int_equal(djs_commit_prepare(&place), APR_SUCCESS);
    assert_true(lives(eve));
}

static void a_number_is_a_user_too(void **state)
{
    djs_session_t *s = load(NULL);
    char *key;

    (void)state;
    set(s, USER, "42");
    key = apr_pstrdup(pool, save(s).key);
    assert_true(lives(key));
    assert_int_equal(end_all_of("42"), APR_SUCCESS);
    assert_false(lives(key));
}

/* A request that had loaded the session before. */
static void a_late_save_revives_nothing(void **state)
{
    char *key = login("ada");
    djs_session_t *writer = load(key), *mover = load(key), *user = load(key);
    djs_saved_t saved;

    (void)state;
    set(writer, "late", "true");
    assert_int_equal(djs_session_cycle_key(mover), APR_SUCCESS);
    assert_int_equal(djs_session_login(user, djs_bytes(USER), djs_bytes("ada")),
                     APR_SUCCESS);
    assert_int_equal(end_all_of("ada"), APR_SUCCESS);
    assert_int_equal(save(writer).did, DJS_DID_DROP);
    assert_int_equal(save(mover).did, DJS_DID_DROP);
    assert_false(lives(key));
    saved = save(user);
    assert_int_equal(saved.did, DJS_DID_CREATE);
    assert_true(lives(saved.key));
    assert_string_equal(data_of(saved.key), "{\"_auth_user_id\":\"ada\"}");
}

static apr_status_t count_session(djs_bytes_t key, djs_bytes_t val,
                                  apr_time_t expires, void *baton)
{
    djs_record_place_t at = { place.ns, key };
    djs_record_t record;

    (void)expires;
    /* The epoch of all is there too, and is no record. */
    if (djs_record_open(&record, val, place.mode, at, place.ring, pool) ==
        APR_SUCCESS) {
        *(int *)baton += record.kind == DJS_RECORD_SESSION;
    }
    return APR_SUCCESS;
}

/* It begins a session of its own, and the old record is not left lying. */
/* C20, L07: a request that knew an anonymous session stamps none that belongs
 * to somebody by now. */
static void a_slow_request_passes_over_no_revocation(void **state)
{
    char *key = fresh(), *moved;
    djs_session_t *slow = load(key), *slower = load(key), *setter = load(key);

    (void)state;
    set(setter, USER, "\"ada\"");
    (void)save(setter);
    now += APR_USEC_PER_SEC;
    assert_int_equal(end_all_of("ada"), APR_SUCCESS);
    assert_false(lives(key));
    set(slow, "x", "1");
    (void)save(slow);
    assert_false(lives(key));
    assert_int_equal(djs_session_cycle_key(slower), APR_SUCCESS);
    moved = copy_of(save(slower).key);
    assert_false(lives(key));
    assert_false(lives(moved));
}

/* C20: users are who any DjSessionUserKey says. */
static void a_revocation_counts_under_every_user_key(void **state)
{
    const djs_bytes_t keys[2] = { djs_bytes("\"uid\""), terms.user_key };
    char *key = fresh();
    djs_session_t *s = load(key);

    (void)state;
    place.user_keys = keys;
    place.user_key_count = 2;
    set(s, "uid", "\"bob\"");
    (void)save(s);
    s = load(key);
    set(s, "x", "1");
    now += APR_USEC_PER_SEC;
    assert_int_equal(end_all_of("bob"), APR_SUCCESS);
    assert_int_equal(save(s).did, DJS_DID_DROP);
    assert_false(lives(key));
    place.user_keys = NULL;
    place.user_key_count = 0;
}

/* Who logs two users out in one request means both. */
static void two_users_are_logged_out_everywhere(void **state)
{
    char *ada = login("ada"), *bob = login("bob");
    djs_session_t *s = logging_in(login("ada"), "ada");

    (void)state;
    assert_int_equal(djs_session_logout_everywhere(s, djs_bytes(USER)),
                     APR_SUCCESS);
    assert_int_equal(djs_session_login(s, djs_bytes(USER), djs_bytes("bob")),
                     APR_SUCCESS);
    assert_int_equal(djs_session_logout_everywhere(s, djs_bytes(USER)),
                     APR_SUCCESS);
    (void)save(s);
    assert_false(lives(ada));
    assert_false(lives(bob));
}

/* A mark that was left under the other DjSessionEncrypt is nobody's affair. */
static void marks_of_each_mode_are_apart(void **state)
{
    char *key;

    (void)state;
    for (int i = 0; i < 2; i++) {
        now += APR_USEC_PER_SEC;
        assert_int_equal(end_all_of(""), APR_SUCCESS);
        place.mode =
            place.mode == DJS_RECORD_BARE ? DJS_RECORD_SEALED : DJS_RECORD_BARE;
        now += APR_USEC_PER_SEC;
        key = login("bob");
        assert_int_equal(end_all_of("ada"), APR_SUCCESS);
        assert_true(lives(key));
        assert_int_equal(end_all_of("bob"), APR_SUCCESS);
        assert_false(lives(key));
    }
}

static void a_login_removes_the_session_that_was_revoked(void **state)
{
    djs_session_t *user = load(login("ada"));
    int sessions = 0;

    (void)state;
    assert_int_equal(djs_session_login(user, djs_bytes(USER), djs_bytes("ada")),
                     APR_SUCCESS);
    assert_int_equal(end_all_of("ada"), APR_SUCCESS);
    assert_int_equal(save(user).did, DJS_DID_CREATE);
    assert_int_equal(
        djs_store_each(store, count_session, &sessions, call(), pool),
        APR_SUCCESS);
    assert_int_equal(sessions, 1);
}

/* A session that goes on after somebody else's revocation is not asked about
 * again once it has been saved. */
static void a_save_brings_the_epoch_up_to_date(void **state)
{
    char *bob = login("bob");
    djs_session_t *s;
    int before;

    (void)state;
    assert_int_equal(end_all_of("ada"), APR_SUCCESS);
    before = calls;
    assert_true(lives(bob));
    assert_int_equal(calls - before, 4); /* record, epoch, two marks */
    s = load(bob);
    set(s, "a", "1");
    assert_int_equal(save(s).did, DJS_DID_SAVE);
    before = calls;
    assert_true(lives(bob));
    assert_int_equal(calls - before, 2);
    assert_int_equal(end_all_of("bob"), APR_SUCCESS);
    assert_false(lives(bob));
}

static void a_mark_of_an_older_secret_counts(void **state)
{
    char *ada = login("ada"), *bob = login("bob");

    (void)state;
    assert_int_equal(end_all_of("ada"), APR_SUCCESS);
    place.ring = ring_of(2, 1);
    assert_false(lives(ada));
    assert_true(lives(bob));
    assert_int_equal(end_all_of("bob"), APR_SUCCESS);
    assert_false(lives(bob));
}

static void a_revocation_that_fails_says_so(void **state)
{
    char *ada = login("ada");

    (void)state;
    fail_with = DJS_ETROUBLE;
    assert_int_equal(end_all_of("ada"), DJS_ETROUBLE);
    fail_with = APR_SUCCESS;
    assert_true(lives(ada));
    assert_int_equal(end_all_of("ada"), APR_SUCCESS);
    assert_false(lives(ada));
}

static void who_asks_for_it_is_logged_out_too(void **state)
{
    char *one = login("ada"), *two = login("ada");
    djs_session_t *s = load(one);
    djs_saved_t saved;

    (void)state;
    assert_int_equal(djs_session_logout_everywhere(s, djs_bytes(USER)),
                     APR_SUCCESS);
    set(s, "bye", "1");
    saved = save(s);
    assert_int_equal(saved.did, DJS_DID_CREATE);
    assert_false(lives(one));
    assert_false(lives(two));
    assert_string_equal(data_of(saved.key), "{\"bye\":1}");
    s = load(saved.key);
    assert_int_equal(djs_session_logout_everywhere(s, djs_bytes(USER)),
                     APR_SUCCESS);
    assert_int_equal(save(s).did, DJS_DID_END);
    assert_false(lives(saved.key));
}

/* Servers that lose all they have, or do not answer. */
static void a_server_loses_marks_and_sessions_together(void **state)
{
    char *ada[20], *bob[20];
    int alive = 0;

    (void)state;
    for (int i = 0; i < 20; i++) {
        ada[i] = login("ada");
        bob[i] = login("bob");
    }
    assert_int_equal(end_all_of("ada"), APR_SUCCESS);
    memcached_kill(&servers[1]);
    memcached_start(&servers[1], servers[1].port);
    for (int i = 0; i < 20; i++) {
        assert_false(lives(ada[i]));
        alive += lives(bob[i]);
    }
    assert_in_range(alive, 1, 19);
    for (int i = 0; i < 20; i++) {
        assert_true(lives(login("bob")));
        assert_true(lives(login("ada")));
    }
}

static void a_server_that_is_away_is_not_passed_over(void **state)
{
    (void)state;
    (void)login("ada");
    memcached_freeze(&servers[1]);
    assert_int_not_equal(end_all_of("ada"), APR_SUCCESS);
    kill(servers[1].pid, SIGCONT);
    for (int i = 0; i < 100 && end_all_of("ada") != APR_SUCCESS; i++) {
        usleep(50000);
    }
    assert_int_equal(end_all_of("ada"), APR_SUCCESS);
}

/* --------------------------------------------------------------- quota */

static void the_oldest_session_makes_room(void **state)
{
    char *key[5];
    djs_saved_t saved;

    (void)state;
    terms.max_per_user = 3;
    for (int i = 0; i < 4; i++) {
        key[i] = login("ada");
    }
    assert_false(lives(key[0]));
    assert_true(lives(key[1]) && lives(key[2]) && lives(key[3]));
    assert_true(lives(login("bob")));
    (void)djs_session_flush(load(key[1]));
    saved = save(logging_in(key[3], "ada")); /* again, in the same session */
    assert_int_equal(saved.evicted, 0);
    assert_true(lives(key[1]) && lives(key[2]) && lives(saved.key));
}

static void a_new_key_does_not_save_an_old_session(void **state)
{
    char *first, *second;
    djs_session_t *s;
    djs_saved_t saved;

    (void)state;
    terms.max_per_user = 1;
    first = login("ada");
    s = load(first);
    assert_int_equal(djs_session_cycle_key(s), APR_SUCCESS);
    saved = save(s);
    first = apr_pstrdup(pool, saved.key);
    assert_true(lives(first));
    second = login("ada");
    assert_false(lives(first));
    assert_true(lives(second));
}

/* A session that got new keys is one session, and no younger for it. */
static void a_session_with_a_new_key_counts_once(void **state)
{
    char *key[3];
    djs_saved_t saved;

    (void)state;
    for (terms.max_per_user = 1; terms.max_per_user <= 3;
         terms.max_per_user++) {
        const char *user = apr_itoa(pool, terms.max_per_user);

        for (int i = 0; i < terms.max_per_user; i++) {
            key[i] = login(user);
        }
        terms.grace = terms.lifetime.age;
        key[0] = rotate(load(key[0]));
        now += terms.lifetime.age / 5;
        saved = save(load(key[0]));
        assert_int_equal(saved.did, DJS_DID_RENEW);
        assert_int_equal(saved.evicted, 0);
        for (int i = 0; i < terms.max_per_user; i++) {
            assert_true(lives(key[i]));
        }
        (void)login(user);
        assert_false(lives(key[0]));
        for (int i = 1; i < terms.max_per_user; i++) {
            assert_true(lives(key[i]));
        }
    }
}

/* However far the end of a session is, it counts. */
static void a_session_without_end_counts(void **state)
{
    const djs_expiry_t far = { DJS_EXPIRY_SECONDS, APR_INT64_C(9000000000000),
                               0 };
    djs_session_t *s = logging_in(NULL, "ada");
    char *first;

    (void)state;
    terms.max_per_user = 1;
    assert_int_equal(djs_session_set_expiry(s, &far), APR_SUCCESS);
    first = copy_of(save(s).key);
    assert_true(lives(first));
    (void)login("ada");
    assert_false(lives(first));
}

/* What the list does not know any more comes back to it. */
static void a_list_that_was_lost_heals(void **state)
{
    char *old, *young;
    djs_session_t *s;

    (void)state;
    old = login("ada"); /* before there was a limit: on no list */
    terms.max_per_user = 2;
    now += terms.lifetime.age / 5;
    s = load(old);
    assert_int_equal(save(s).did, DJS_DID_RENEW);
    young = login("ada");
    assert_true(lives(old) && lives(young));
    (void)login("ada");
    assert_false(lives(old));
    assert_true(lives(young));
}

/* The login counts though the counting fails. */
static void trouble_in_counting_costs_nobody_a_login(void **state)
{
    char *one;
    djs_session_t *s;
    djs_saved_t saved;

    (void)state;
    terms.max_per_user = 1;
    one = login("ada");
    s = logging_in(NULL, "ada");
    fail_after = calls + 2; /* the epoch and the new record */
    saved = save(s);
    fail_after = 0;
    assert_int_equal(saved.did, DJS_DID_CREATE);
    assert_int_equal(saved.quota, DJS_ETROUBLE);
    assert_true(lives(saved.key));
    assert_true(lives(one));
    (void)login("ada");
    assert_true(!lives(one) || !lives(saved.key));
}

#define D(test) cmocka_unit_test_setup_teardown(test, on_dbm, off_dbm)
#define B(test) cmocka_unit_test_setup_teardown(test, on_tiers, off_dbm)
#define M(test) cmocka_unit_test_setup_teardown(test, on_memcached, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        T(a_user_is_logged_out_everywhere),
        D(a_user_is_logged_out_everywhere),
        B(a_user_is_logged_out_everywhere),
        M(a_user_is_logged_out_everywhere),
        T(everybody_is_logged_out),
        D(everybody_is_logged_out),
        B(everybody_is_logged_out),
        M(everybody_is_logged_out),
        T(a_number_is_a_user_too),
        T(a_late_save_revives_nothing),
        D(a_late_save_revives_nothing),
        B(a_late_save_revives_nothing),
        M(a_late_save_revives_nothing),
        T(a_slow_request_passes_over_no_revocation),
        T(a_revocation_counts_under_every_user_key),
        T(two_users_are_logged_out_everywhere),
        T(marks_of_each_mode_are_apart),
        T(a_login_removes_the_session_that_was_revoked),
        T(a_save_brings_the_epoch_up_to_date),
        T(a_mark_of_an_older_secret_counts),
        T(a_revocation_that_fails_says_so),
        T(who_asks_for_it_is_logged_out_too),
        D(who_asks_for_it_is_logged_out_too),
        B(who_asks_for_it_is_logged_out_too),
        M(who_asks_for_it_is_logged_out_too),
        M(a_server_loses_marks_and_sessions_together),
        M(a_server_that_is_away_is_not_passed_over),
        T(the_oldest_session_makes_room),
        D(the_oldest_session_makes_room),
        B(the_oldest_session_makes_room),
        M(the_oldest_session_makes_room),
        T(a_new_key_does_not_save_an_old_session),
        D(a_new_key_does_not_save_an_old_session),
        B(a_new_key_does_not_save_an_old_session),
        T(a_session_with_a_new_key_counts_once),
        T(a_session_without_end_counts),
        T(a_list_that_was_lost_heals),
        T(trouble_in_counting_costs_nobody_a_login),
    };

    apr_initialize();
    return cmocka_run_group_tests_name("revoke", tests, NULL, NULL);
}
