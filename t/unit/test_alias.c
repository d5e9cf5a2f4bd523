/* unit/test_alias - a key that was given up leads to the one in its place, and
 * only whoever has it gets there. */
#include "commit_fixture.h"
#include "session/alias.h"
#include "session/spot.h"

static const char old_key[] = "0123456789abcdefghijklmnopqrstuv";
static const char new_key[] = "vutsrqponmlkjihgfedcba9876543210";

static djs_spot_t spot_of(const char *key)
{
    djs_spot_t spot;

    assert_int_equal(djs_spot_find(&spot, &place, 0, key), APR_SUCCESS);
    return spot;
}

/* An alias from `from` to `to`, given up now. */
static djs_record_t alias_of(const char *from, const char *to)
{
    djs_record_t record = { .tag = "0123456789ab",
                            .flags = DJS_RECORD_TLS,
                            .created = START,
                            .saved = now,
                            .expires = now + DAY,
                            .age = terms.grace };
    djs_alias_t successor;

    memcpy(successor.key, to, sizeof successor.key);
    memcpy(successor.store_key, spot_of(to).store_key,
           sizeof successor.store_key);
    assert_int_equal(djs_alias_make(&record, &successor, from, &place, pool),
                     APR_SUCCESS);
    return record;
}

/* Puts it where the session of `key` lies; the bytes that are stored. */
static djs_bytes_t store_at(const char *key, const djs_record_t *record)
{
    djs_spot_t spot = spot_of(key);
    djs_bytes_t bytes;

    spot.at.store_key = djs_bytes_of(spot.store_key, DJS_STORE_KEY_LEN);
    assert_int_equal(
        djs_record_seal(&bytes, record, place.mode, spot.at, place.ring, pool),
        APR_SUCCESS);
    (void)djs_store_remove(store, spot.at.store_key, call(), pool);
    assert_int_equal(djs_store_put(store, spot.at.store_key,
                                   (djs_item_t){ bytes, record->expires },
                                   DJS_PUT_NEW, call(), pool),
                     APR_SUCCESS);
    return bytes;
}

static void an_alias_leads_from_the_old_key_to_the_new(void **state)
{
    djs_record_t record = alias_of(old_key, new_key);
    djs_alias_t to;

    (void)state;
    assert_int_equal(record.kind, DJS_RECORD_ALIAS);
    assert_int_equal(record.flags, DJS_RECORD_TLS);
    assert_int_equal(record.created, START);
    assert_int_equal(djs_alias_read(&to, &record, old_key, &place),
                     APR_SUCCESS);
    assert_string_equal(to.key, new_key);
    assert_string_equal(to.store_key, spot_of(new_key).store_key);
}

static void without_the_old_key_only_the_place_is_known(void **state)
{
    djs_record_t record = alias_of(old_key, new_key);
    djs_alias_t to;

    (void)state;
    assert_int_equal(djs_alias_read(&to, &record, NULL, &place), APR_SUCCESS);
    assert_string_equal(to.key, "");
    assert_string_equal(to.store_key, spot_of(new_key).store_key);
}

/* Bytes that are no key come of it: by chance they would be one in (36/256)^32,
 * so none of these is. */
static void another_old_key_leads_nowhere(void **state)
{
    djs_record_t record = alias_of(old_key, new_key);
    static const djs_alias_t nothing;
    djs_alias_t to;

    (void)state;
    for (int i = 0; i < 1000; i++) {
        char wrong[DJS_KEY_LEN + 1];

        assert_int_equal(djs_key_make(wrong, djs_random), APR_SUCCESS);
        assert_int_equal(djs_alias_read(&to, &record, wrong, &place),
                         DJS_EUNREADABLE);
        assert_memory_equal(to.key, nothing.key, sizeof to.key);
    }
    place.ring = ring_of(2, 0);
    assert_int_equal(djs_alias_read(&to, &record, old_key, &place),
                     DJS_EUNREADABLE);
}

/* The mask is made under the secret that sealed the alias, the first then. */
static void an_alias_outlives_a_change_of_secrets(void **state)
{
    djs_record_t record = alias_of(old_key, new_key);
    djs_alias_t to;

    (void)state;
    place.ring = ring_of(2, 1);
    record.secret = 1; /* as djs_record_open says */
    assert_int_equal(djs_alias_read(&to, &record, old_key, &place),
                     APR_SUCCESS);
    assert_string_equal(to.key, new_key);
    record.secret = 0;
    assert_int_equal(djs_alias_read(&to, &record, old_key, &place),
                     DJS_EUNREADABLE);
    record.secret = 2;
    assert_int_not_equal(djs_alias_read(&to, &record, old_key, &place),
                         APR_SUCCESS);
}

static void what_is_no_alias_is_read_as_none(void **state)
{
    static const djs_record_kind_e others[] = { DJS_RECORD_SESSION,
                                                DJS_RECORD_MARK,
                                                DJS_RECORD_LIST };
    djs_record_t record = alias_of(old_key, new_key);
    djs_alias_t to;

    (void)state;
    for (size_t i = 0; i < 3; i++) {
        record.kind = others[i];
        assert_int_equal(djs_alias_read(&to, &record, old_key, &place),
                         DJS_EUNREADABLE);
    }
    record.kind = DJS_RECORD_ALIAS;
    for (size_t len = 0; len < 60; len++) {
        record.body = djs_bytes_of(apr_pcalloc(pool, len + 1), len);
        if (len != 52) {
            assert_int_equal(djs_alias_read(&to, &record, NULL, &place),
                             DJS_EUNREADABLE);
        }
    }
}

static void a_successor_without_a_store_key_makes_no_alias(void **state)
{
    djs_alias_t to = { "vutsrqponmlkjihgfedcba9876543210", "no hex" };
    djs_record_t record = { 0 };

    (void)state;
    assert_int_equal(djs_alias_make(&record, &to, old_key, &place, pool),
                     DJS_EINVALID);
}

/* C18, N01: a grace ends on the microsecond; a clock that goes back by less
 * than the grace neither ends nor prolongs it for long. */
static void the_grace_has_two_ends(void **state)
{
    djs_record_t record = alias_of(old_key, new_key);
    apr_interval_time_t grace = terms.grace;

    (void)state;
    assert_true(djs_alias_in_grace(&record, now));
    assert_true(djs_alias_in_grace(&record, now + grace - 1));
    assert_false(djs_alias_in_grace(&record, now + grace));
    assert_false(djs_alias_in_grace(&record, now + DAY));
    assert_true(djs_alias_in_grace(&record, now - grace + 1));
    assert_false(djs_alias_in_grace(&record, now - grace));
    assert_false(djs_alias_in_grace(&record, 0));
    record.age = 0;
    assert_false(djs_alias_in_grace(&record, now));
}

static int stands_in(djs_bytes_t bytes, const void *what, size_t len)
{
    for (size_t at = 0; at + len <= bytes.len; at++) {
        if (memcmp(bytes.data + at, what, len) == 0) {
            return 1;
        }
    }
    return 0;
}

/* G17: with DjSessionEncrypt Off the body can be read; still neither key is
 * there, nor what secret and store give: every mask that can be made of what
 * the store holds leads nowhere. */
static void the_store_gives_nobody_the_successors_key(void **state)
{
    djs_record_t record;
    djs_bytes_t bytes;
    djs_alias_t to;

    (void)state;
    place.mode = DJS_RECORD_BARE;
    record = alias_of(old_key, new_key);
    bytes = store_at(old_key, &record);
    assert_true(stands_in(bytes, record.body.data, record.body.len));
    for (size_t at = 0; at + 8 <= DJS_KEY_LEN; at++) {
        assert_false(stands_in(bytes, new_key + at, 8));
        assert_false(stands_in(bytes, old_key + at, 8));
    }
    for (size_t at = 0; at + DJS_KEY_LEN <= bytes.len; at++) {
        char guess[DJS_KEY_LEN + 1] = "";

        memcpy(guess, bytes.data + at, DJS_KEY_LEN);
        assert_int_equal(djs_alias_read(&to, &record, guess, &place),
                         DJS_EUNREADABLE);
    }
    assert_int_equal(
        djs_alias_read(&to, &record, spot_of(old_key).store_key, &place),
        DJS_EUNREADABLE);
    assert_int_equal(
        djs_alias_read(&to, &record, spot_of(new_key).store_key, &place),
        DJS_EUNREADABLE);
}

/* Ends what lies under `key`, and says how. */
static apr_status_t end_from(const char *key, char tag[DJS_TAG_LEN + 1])
{
    djs_spot_t spot = spot_of(key);

    return djs_alias_end(&place, spot.store_key, call(), tag, pool);
}

/* Rotates the session of `key` n times, a second apart; its last key. */
static char *rotated(const char *key, int times)
{
    char *last = apr_pstrdup(pool, key);

    for (int i = 0; i < times; i++) {
        djs_session_t *s = load(last);

        now += APR_USEC_PER_SEC;
        assert_int_equal(djs_session_cycle_key(s), APR_SUCCESS);
        last = apr_pstrdup(pool, save(s).key);
    }
    return last;
}

/* C18: the session ends, however many keys ago the one given was. */
static void a_chain_of_any_length_is_followed_to_its_end(void **state)
{
    static const int lengths[] = { 0, 1, 2, 3, 8, 9, 50, 199 };

    (void)state;
    for (size_t i = 0; i < sizeof lengths / sizeof *lengths; i++) {
        char *first = fresh(), *last = rotated(first, lengths[i]);
        char tag[DJS_TAG_LEN + 1] = "", want[DJS_TAG_LEN + 1];

        memcpy(want, load(last)->record.tag, sizeof want);
        assert_int_equal(end_from(first, tag), APR_SUCCESS);
        assert_string_equal(tag, want);
        assert_string_equal(data_of(last), "(not live)");
        assert_int_equal(end_from(first, tag), DJS_EABSENT);
        assert_int_equal(end_from(last, NULL), DJS_EABSENT);
    }
}

static void a_ring_of_aliases_is_trouble_not_a_loop(void **state)
{
    djs_record_t there = alias_of(old_key, new_key);
    djs_record_t back = alias_of(new_key, old_key);

    (void)state;
    store_at(old_key, &there);
    store_at(new_key, &back);
    assert_int_equal(end_from(old_key, NULL), DJS_ETROUBLE);
    assert_int_equal(load(old_key)->state, DJS_STATE_NONE);
}

/* H34: no record of another kind ends for it. */
static void marks_and_lists_are_left_alone(void **state)
{
    djs_record_t record = alias_of(old_key, new_key);
    djs_bytes_t bytes, still;
    char tag[DJS_TAG_LEN + 1] = "";

    (void)state;
    for (int kind = DJS_RECORD_MARK; kind <= DJS_RECORD_LIST; kind++) {
        djs_spot_t spot = spot_of(old_key);

        record.kind = (djs_record_kind_e)kind;
        bytes = store_at(old_key, &record);
        assert_int_equal(end_from(old_key, tag), DJS_EUNREADABLE);
        assert_string_equal(tag, "");
        assert_int_equal(
            djs_store_get(store,
                          djs_bytes_of(spot.store_key, DJS_STORE_KEY_LEN),
                          call(), &still, pool),
            APR_SUCCESS);
        assert_true(djs_bytes_equal(still, bytes));
        assert_int_equal(load(old_key)->state, DJS_STATE_UNREADABLE);
    }
}

/* INV5: trouble on the way is trouble, and the place where it was is told. */
static void trouble_on_the_way_is_told_with_its_place(void **state)
{
    char *first = fresh(), *last = rotated(first, 2);
    djs_spot_t spot = spot_of(first);
    djs_record_t record = alias_of(old_key, new_key);

    (void)state;
    record.kind = DJS_RECORD_LIST;
    store_at(last, &record);
    assert_int_equal(djs_alias_end(&place, spot.store_key, call(), NULL, pool),
                     DJS_EUNREADABLE);
    assert_string_equal(spot.store_key, spot_of(last).store_key);
    fail_with = DJS_ETIMEOUT;
    spot = spot_of(first);
    assert_int_equal(djs_alias_end(&place, spot.store_key, call(), NULL, pool),
                     DJS_ETIMEOUT);
    assert_string_equal(spot.store_key, spot_of(first).store_key);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        T(an_alias_leads_from_the_old_key_to_the_new),
        T(without_the_old_key_only_the_place_is_known),
        T(another_old_key_leads_nowhere),
        T(an_alias_outlives_a_change_of_secrets),
        T(what_is_no_alias_is_read_as_none),
        T(a_successor_without_a_store_key_makes_no_alias),
        T(the_grace_has_two_ends),
        T(the_store_gives_nobody_the_successors_key),
        T(a_chain_of_any_length_is_followed_to_its_end),
        T(a_ring_of_aliases_is_trouble_not_a_loop),
        T(marks_and_lists_are_left_alone),
        T(trouble_on_the_way_is_told_with_its_place),
    };

    apr_initialize();
    return cmocka_run_group_tests_name("alias", tests, NULL, NULL);
}
