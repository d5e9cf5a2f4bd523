/* unit/test_commit - loading and saving, with every race made to happen.
 *
 * A store in memory stands behind a provider of this file that can be told to
 * fail, or to let somebody else in at the worst moment. Time is a variable. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>
#include <apr_general.h>
#include <apr_strings.h>
#include "base/clock.h"
#include "session/commit.h"
#include "store/providers.h"

#define DAY   (APR_INT64_C(86400) * 1000000)
#define START (APR_INT64_C(1800000000) * 1000000)

static apr_pool_t *pool;
static djs_store_t *store;
static djs_place_t place;
static djs_terms_t terms;
static apr_time_t now;

/* What the provider in between does. */
static apr_status_t fail_with;      /* every call, unless APR_SUCCESS */
static void (*before_update)(void); /* called once, then forgotten */
static int calls;                   /* to the store */
static djs_provider_t between;      /* memory's verbs, watched */
static const djs_provider_t *const real = &djs_store_memory_provider;

static apr_status_t watched_get(void *self, djs_bytes_t key, djs_call_t call,
                                djs_bytes_t *val, apr_pool_t *p)
{
    calls++;
    return fail_with ? fail_with : real->get(self, key, call, val, p);
}

static apr_status_t watched_put(void *self, djs_bytes_t key, djs_bytes_t val,
                                apr_time_t expires, djs_put_e how,
                                djs_call_t call, apr_pool_t *scratch)
{
    calls++;
    return fail_with ? fail_with
                     : real->put(self, key, val, expires, how, call, scratch);
}

static apr_status_t watched_update(void *self, djs_bytes_t key,
                                   djs_update_fn fn, void *baton,
                                   djs_call_t call, apr_pool_t *scratch)
{
    void (*hook)(void) = before_update;

    calls++;
    before_update = NULL;
    if (hook) {
        hook();
    }
    return fail_with ? fail_with
                     : real->update(self, key, fn, baton, call, scratch);
}

static apr_status_t watched_remove(void *self, djs_bytes_t key, djs_call_t call,
                                   apr_pool_t *scratch)
{
    calls++;
    return fail_with ? fail_with : real->remove(self, key, call, scratch);
}

static djs_call_t call(void)
{
    djs_call_t c;

    c.now = now;
    c.until = djs_clock_steady() + 5000000;
    return c;
}

static djs_keyring_t *ring_of(int first, int second)
{
    unsigned char secrets[2][DJS_SECRET_BYTES];
    djs_keyring_t *ring;

    memset(secrets[0], first, DJS_SECRET_BYTES);
    memset(secrets[1], second, DJS_SECRET_BYTES);
    assert_null(djs_keyring_create(
        &ring, (const unsigned char(*)[DJS_SECRET_BYTES])secrets,
        second ? 2 : 1, pool));
    return ring;
}

static int setup(void **state)
{
    (void)state;
    apr_pool_create(&pool, NULL);
    between = *real;
    between.get = watched_get;
    between.put = watched_put;
    between.update = watched_update;
    between.remove = watched_remove;
    assert_null(djs_store_create_with(&store, &between, "", NULL,
                                      djs_commit_max_value(4096), pool));
    assert_int_equal(djs_store_open(store, pool), APR_SUCCESS);
    place.store = store;
    place.ring = ring_of(1, 0);
    place.mode = DJS_RECORD_SEALED;
    place.ns = djs_bytes("example.org");
    place.max_size = 4096;
    place.random = djs_random;
    terms.lifetime.age = 14 * DAY;
    terms.lifetime.browser_close = 0;
    terms.renew.how = DJS_RENEW_PERCENT;
    terms.renew.percent = 10;
    terms.create_always = 0;
    terms.tls = 0;
    now = START;
    fail_with = APR_SUCCESS;
    before_update = NULL;
    calls = 0;
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    apr_pool_destroy(pool);
    return 0;
}

static djs_session_t *load_tls(const char *key, int tls)
{
    djs_session_t *s = apr_pcalloc(pool, sizeof *s);
    djs_candidates_t sent = { 0 };

    djs_session_init(s, pool);
    if (key != NULL) {
        sent.keys[0] = djs_bytes(apr_pstrdup(pool, key));
        sent.count = sent.sent = 1;
    }
    (void)djs_commit_load(s, &sent, &place, tls, call());
    return s;
}

static djs_session_t *load(const char *key)
{
    return load_tls(key, 0);
}

static djs_saved_t save(djs_session_t *s)
{
    djs_saved_t saved;

    assert_int_equal(djs_commit_save(&saved, s, &terms, &place, call()),
                     APR_SUCCESS);
    return saved;
}

static void set(djs_session_t *s, const char *key, const char *json)
{
    assert_int_equal(djs_session_set(s, djs_bytes(key), djs_bytes(json)),
                     APR_SUCCESS);
}

/* A session {"a":1} in the store; its key. */
static char *fresh(void)
{
    djs_session_t *s = load(NULL);
    djs_saved_t saved;

    set(s, "a", "1");
    saved = save(s);
    assert_int_equal(saved.did, DJS_DID_CREATE);
    return apr_pstrdup(pool, saved.key);
}

static const char *data_of(const char *key)
{
    djs_session_t *s = load(key);

    if (s->state != DJS_STATE_LIVE) {
        return "(not live)";
    }
    return apr_pstrmemdup(pool, s->record.body.data, s->record.body.len);
}

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
    assert_string_equal(data_of(raced), "(not live)");
    assert_string_equal(load(saved.key)->record.tag, saved.tag);
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
    assert_int_equal(djs_commit_load(&s, &sent, &place, 0, call()),
                     APR_SUCCESS);
    assert_int_equal(s.state, DJS_STATE_LIVE);
    sent.keys[0] = djs_bytes(fresh());
    djs_session_init(&s, pool);
    assert_int_equal(djs_commit_load(&s, &sent, &place, 0, call()),
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
                     DJS_ERANDOM);
    assert_string_equal(data_of(first), "{\"a\":1}");
    place.random = broken;
    assert_int_equal(djs_commit_save(&saved, s, &terms, &place, call()),
                     DJS_ERANDOM);
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

#define T(test) cmocka_unit_test_setup_teardown(test, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        T(the_first_write_makes_a_session),
        T(nothing_asked_for_is_nothing_written),
        T(parallel_changes_merge_key_by_key),
        T(an_increment_of_a_text_refuses_the_save),
        T(a_late_save_does_not_revive),
        T(login_gives_a_new_key_and_kills_the_old),
        T(login_of_another_user_begins_anew),
        T(rotation_takes_a_parallel_write_along),
        T(rotation_of_an_ended_session_leaves_nothing),
        T(login_on_an_ended_session_begins_anew),
        T(what_is_set_after_a_flush_is_a_new_session),
        T(use_renews_once_the_share_is_over),
        T(a_session_is_dead_at_its_deadline),
        T(set_expiry_shapes_deadline_and_cookie),
        T(a_renewal_keeps_the_sessions_own_expiry),
        T(exactly_one_live_candidate_counts),
        T(namespaces_do_not_see_each_other),
        T(a_session_born_over_tls_is_none_in_the_clear),
        T(a_taken_key_is_tried_again_and_then_given_up),
        T(a_save_moves_a_record_to_the_first_secret),
        T(a_flush_ends_a_record_under_an_old_secret),
        T(an_unreadable_record_is_left_alone),
        T(trouble_is_told_as_trouble),
        T(too_much_data_leaves_the_old_record),
        T(a_cleared_session_stays_with_no_data),
        T(create_always_makes_an_empty_session),
        T(after_a_save_the_object_is_what_was_saved),
    };

    apr_initialize();
    return cmocka_run_group_tests_name("commit", tests, NULL, NULL);
}
