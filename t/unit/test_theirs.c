/* test_theirs.c - sessions of a Django site, over each of its stores:
 * session/theirs.h. */
#include "site_fixture.h"
#include <time.h>
#include "codec/django_cache.h"
#include "session/theirs.h"
#include "store/site_rows.h"

#define DAY (APR_INT64_C(86400) * APR_USEC_PER_SEC)

static djs_place_t place;
static djs_terms_t terms;
static struct djs_site site;
static djs_bytes_t secrets[2];
static apr_time_t now;

static djs_keyring_t *ring(void)
{
    unsigned char secret[1][DJS_SECRET_BYTES];
    djs_keyring_t *made;

    memset(secret, 1, sizeof secret);
    assert_null(djs_keyring_create(
        &made, (const unsigned char(*)[DJS_SECRET_BYTES])secret, 1, pool));
    return made;
}

static int begin_site(void **state)
{
    begin(state);
    if (kind == NULL) {
        return 0;
    }
    memset(&place, 0, sizeof place);
    memset(&terms, 0, sizeof terms);
    memset(&site, 0, sizeof site);
    secrets[0] = djs_bytes("the secret of the site");
    secrets[1] = djs_bytes("the one that it had before");
    site.secrets = secrets;
    site.count = 2;
    place.store = store;
    place.ring = ring();
    place.ns = djs_bytes("example.org");
    place.max_size = 4096;
    place.random = djs_random;
    place.site = &site;
    assert_int_equal(djs_commit_prepare(&place), APR_SUCCESS);
    terms.lifetime.age = 14 * DAY;
    terms.cookie = djs_bytes("sessionid");
    terms.user_key = djs_bytes("\"_auth_user_id\"");
    terms.renew.how = DJS_RENEW_OFF;
    now = apr_time_now();
    return 0;
}

static djs_call_t call(void)
{
    djs_call_t c = { now, djs_clock_steady() + 5000000, 0 };

    return c;
}

static djs_session_t *load(const char *cookie)
{
    djs_session_t *s = apr_pcalloc(pool, sizeof *s);
    djs_candidates_t sent = { 0 };

    djs_session_init(s, pool);
    if (cookie != NULL) {
        sent.keys[0] = djs_bytes(apr_pstrdup(pool, cookie));
        sent.count = sent.sent = 1;
        (void)djs_commit_load(s, &sent, &place, &terms, call());
    }
    return s;
}

static djs_saved_t saved;

static djs_did_e save(djs_session_t *s)
{
    assert_int_equal(djs_commit_save(&saved, s, &terms, &place, call()),
                     APR_SUCCESS);
    return saved.did;
}

static apr_status_t fails(djs_session_t *s)
{
    return djs_commit_save(&saved, s, &terms, &place, call());
}

/* What the cookie is after that save. */
static const char *cookie(void)
{
    return apr_pstrdup(pool, saved.value ? saved.value : saved.key);
}

static djs_session_t *set(djs_session_t *s, const char *key, const char *value)
{
    assert_int_equal(djs_session_set(s, djs_bytes(key), djs_bytes(value)),
                     APR_SUCCESS);
    return s;
}

/* A session with {"a":1}; its cookie. */
static const char *make(void)
{
    assert_int_equal(save(set(load(NULL), "a", "1")), DJS_DID_CREATE);
    return cookie();
}

static const char *body(const char *of)
{
    djs_session_t *s = load(of);

    return s->state != DJS_STATE_LIVE
               ? apr_psprintf(pool, "(%d)", s->state)
               : apr_pstrmemdup(pool, s->record.body.data, s->record.body.len);
}

static int in_cookies(void)
{
    return strcmp(kind, "cookies") == 0;
}

static void it_is_begun_changed_and_ended(void **state)
{
    const char *key;
    djs_session_t *s;

    (void)state;
    SKIP_WITHOUT_KIND();
    key = make();
    assert_int_equal(saved.max_age, 14 * 86400);
    assert_string_equal(body(key), "{\"a\":1}");
    s = load(key);
    assert_int_equal(save(s), DJS_DID_NOTHING);
    assert_int_equal(save(set(s, "b", "\"\\u00e9\"")), DJS_DID_SAVE);
    key = cookie();
    assert_non_null(strstr(body(key), "\"b\":"));
    s = load(key);
    assert_int_equal(djs_session_flush(s), APR_SUCCESS);
    assert_int_equal(save(s), DJS_DID_END);
    if (!in_cookies()) { /* there is nothing to end */
        assert_int_equal(load(key)->state, DJS_STATE_NONE);
    }
}

static void what_is_set_after_a_flush_begins_anew(void **state)
{
    const char *key, *next;
    djs_session_t *s;

    (void)state;
    SKIP_WITHOUT_KIND();
    key = make();
    s = load(key);
    assert_int_equal(djs_session_flush(s), APR_SUCCESS);
    assert_int_equal(save(set(s, "c", "2")), DJS_DID_CREATE);
    next = cookie();
    assert_string_not_equal(next, key);
    assert_string_equal(body(next), "{\"c\":2}");
}

static void a_new_key_takes_the_data_along(void **state)
{
    const char *key, *next;
    djs_session_t *s;

    (void)state;
    SKIP_WITHOUT_KIND();
    key = make();
    s = set(load(key), "b", "2");
    assert_int_equal(djs_session_cycle_key(s), APR_SUCCESS);
    assert_int_equal(save(s), in_cookies() ? DJS_DID_SAVE : DJS_DID_ROTATE);
    next = cookie();
    assert_string_not_equal(next, key);
    assert_string_equal(body(next), "{\"a\":1,\"b\":2}");
    if (!in_cookies()) {
        assert_int_equal(load(key)->state, DJS_STATE_NONE);
    }
}

/* C10: who saves late does not revive it, nor make a key for it. */
static void what_was_ended_meanwhile_stays_ended(void **state)
{
    const char *key;
    djs_session_t *late, *later, *renewal;

    (void)state;
    SKIP_WITHOUT_KIND();
    key = make();
    late = set(load(key), "b", "2");
    later = load(key);
    assert_int_equal(djs_session_cycle_key(later), APR_SUCCESS);
    renewal = load(key);
    assert_int_equal(djs_site_remove(store, named(key), soon(), pool),
                     APR_SUCCESS);
    assert_int_equal(save(late), DJS_DID_DROP);
    assert_int_equal(save(later), DJS_DID_DROP);
    assert_string_equal(saved.key, "");
    terms.renew.how = DJS_RENEW_EVERY;
    assert_int_equal(save(renewal), DJS_DID_NOTHING);
    assert_int_equal(load(key)->state, DJS_STATE_NONE);
}

static void a_renewal_gives_it_time(void **state)
{
    const char *key;

    (void)state;
    SKIP_WITHOUT_KIND();
    key = make();
    terms.renew.how = DJS_RENEW_EVERY;
    now += DAY;
    assert_int_equal(save(load(key)), DJS_DID_RENEW);
    assert_int_equal(saved.max_age, 14 * 86400);
    key = cookie();
    assert_string_equal(body(key), "{\"a\":1}");
    if (strcmp(kind, "cache") != 0) { /* which does not tell */
        now += 14 * DAY - APR_USEC_PER_SEC - 1;
        assert_string_equal(body(key), "{\"a\":1}");
        now += 3 * APR_USEC_PER_SEC;
        if (!has_cache()) {
            assert_int_equal(load(key)->state, DJS_STATE_NONE);
        }
    }
}

static void its_own_expiry_counts(void **state)
{
    djs_expiry_t hour = { DJS_EXPIRY_SECONDS, 3600, 0 };
    djs_expiry_t browser = { DJS_EXPIRY_SECONDS, 0, 0 };
    djs_session_t *s;

    (void)state;
    SKIP_WITHOUT_KIND();
    s = load(make());
    assert_int_equal(djs_session_set_expiry(s, &hour), APR_SUCCESS);
    assert_int_equal(save(s), DJS_DID_SAVE);
    assert_int_equal(saved.max_age, 3600);
    s = load(cookie());
    assert_int_equal(djs_session_set_expiry(s, &browser), APR_SUCCESS);
    assert_int_equal(save(s), DJS_DID_SAVE);
    assert_true(saved.max_age < 0);
}

/* A site ends sessions by giving their rows any time that is past. */
static void a_row_of_long_ago_is_over(void **state)
{
    static const char *const ends[] = { "1970-01-01 00:00:00",
                                        "1969-12-31 23:59:59.999999",
                                        "0001-01-01 00:00:00" };
    const char *key;

    (void)state;
    SKIP_WITHOUT_KIND();
    for (size_t i = 0; i < sizeof ends / sizeof *ends; i++) {
        key = make();
        sql(apr_pstrcat(pool, "UPDATE django_session SET expire_date = '",
                        ends[i], "'", NULL));
        assert_int_equal(load(key)->state, DJS_STATE_NONE);
    }
}

static void only_the_site_logs_in(void **state)
{
    djs_session_t *s;

    (void)state;
    SKIP_WITHOUT_KIND();
    s = load(make());
    assert_int_equal(djs_session_login(s, terms.user_key, djs_bytes("7")),
                     APR_SUCCESS);
    assert_int_equal(fails(s), DJS_ESITE);
    s = load(NULL);
    assert_int_equal(djs_session_logout_everywhere(s, terms.user_key),
                     APR_SUCCESS);
    assert_int_equal(fails(s), APR_SUCCESS); /* nobody is in */
}

static void what_is_too_big_is_not_saved(void **state)
{
    char *big = apr_palloc(pool ? pool : NULL, 5000);
    djs_session_t *s;

    (void)state;
    SKIP_WITHOUT_KIND();
    memset(big, 'x', 4999);
    big[0] = big[4997] = '"';
    big[4998] = '\0';
    s = set(load(make()), "big", big);
    assert_int_equal(fails(s), DJS_ETOOBIG);
}

static void nothing_is_created_unless_asked(void **state)
{
    (void)state;
    SKIP_WITHOUT_KIND();
    assert_int_equal(save(load(NULL)), DJS_DID_NOTHING);
    terms.create_always = 1;
    assert_int_equal(save(load(NULL)), DJS_DID_CREATE);
    assert_string_equal(body(cookie()), "{}");
}

/* What lies there, whoever put it. */
static void lay(const char *key, const char *text, apr_uint32_t flags)
{
    djs_entry_t entry = entry_of(text);

    entry.expires = now + DAY;
    entry.flags = flags;
    assert_int_equal(djs_site_add(store, named(key), &entry, call(), pool),
                     APR_SUCCESS);
}

/* H13, H34: what the site has not signed is nobody's; what it has signed and
 * can not be read is left as it is. */
static void what_is_odd_is_left_alone(void **state)
{
    djs_bytes_t list;
    djs_django_signer_t signer = { secrets, 1,  djs_bytes(DJS_DJANGO_SALT),
                                   0,       -1, now };
    djs_session_t *s;

    (void)state;
    SKIP_WITHOUT_KIND();
    lay(KEY, "it:is:nothing", 1);
    s = load(KEY);
    assert_int_equal(s->state, DJS_STATE_NONE);
    assert_true(s->forged);
    assert_int_equal(save(set(s, "a", "1")), DJS_DID_CREATE);
    assert_string_not_equal(saved.key, KEY);
    assert_string_equal(says(KEY), "it:is:nothing");
    assert_int_equal(djs_django_dumps(&list, djs_bytes("[1]"), &signer, pool),
                     APR_SUCCESS);
    lay(OTHER, apr_pstrmemdup(pool, list.data, list.len), 1);
    s = load(OTHER);
    assert_int_equal(s->state, DJS_STATE_UNREADABLE);
    s->flushed = 1;
    assert_int_equal(fails(s), DJS_EUNREADABLE);
}

/* H35: with USE_TZ = False Django writes dates without a zone. */
static void a_date_of_the_sites_own_zone_counts(void **state)
{
    djs_django_signer_t signer = { secrets, 1,  djs_bytes(DJS_DJANGO_SALT),
                                   0,       -1, now };
    apr_time_t then = now + DAY / 24;
    djs_bytes_t text;
    char *json;

    (void)state;
    SKIP_WITHOUT_KIND();
    setenv("TZ", "Asia/Tokyo", 1);
    tzset();
    json = apr_pstrcat(pool, "{\"_session_expiry\":\"",
                       djs_rows_time_text(then, 1, pool), "\"}", NULL);
    *strchr(json, ' ') = 'T';
    assert_int_equal(djs_django_dumps(&text, djs_bytes(json), &signer, pool),
                     APR_SUCCESS);
    lay(KEY, apr_pstrmemdup(pool, text.data, text.len), 1);
    assert_int_equal(save(set(load(KEY), "a", "1")), DJS_DID_SAVE);
    assert_true(saved.max_age == 3599 || saved.max_age == 3600);
    assert_int_equal(load(KEY)->state, DJS_STATE_LIVE);
    now = then;
    assert_int_equal(load(KEY)->state, DJS_STATE_NONE);
    unsetenv("TZ");
    tzset();
}

/* Signed with a key that has gone into the fallbacks, and with a salt of the
 * site's own. */
static void fallbacks_and_salts_count(void **state)
{
    const char *key;

    (void)state;
    SKIP_WITHOUT_KIND();
    secrets[0] = secrets[1];
    key = make();
    secrets[0] = djs_bytes("the secret of the site");
    assert_string_equal(body(key), "{\"a\":1}");
    site.count = 1;
    assert_int_equal(load(key)->state, DJS_STATE_NONE);
    site.salt = "django.contrib.sessions.MyStore";
    key = make();
    assert_string_equal(body(key), "{\"a\":1}");
    site.salt = NULL;
    assert_true(load(key)->forged);
}

/* An empty file is a session that Django has just begun. */
static void an_empty_file_has_no_data(void **state)
{
    (void)state;
    lay(KEY, "", 1);
    assert_string_equal(body(KEY), "{}");
}

/* H30: what JSON has no form for is read, and never written back. */
static void a_pickle_of_more_than_json_is_read_only(void **state)
{
    djs_session_t *s;

    (void)state;
    lay(KEY,
        "\x80\x04}(\x8c\x01"
        "aK\x01\x85\x8c\x01"
        "bK\x02u.",
        1);
    s = load(KEY);
    assert_int_equal(s->state, DJS_STATE_LIVE);
    assert_int_equal(fails(set(s, "c", "3")), DJS_ESITE);
    lay(OTHER, "no pickle", 1);
    assert_int_equal(load(OTHER)->state, DJS_STATE_UNREADABLE);
}

static void trouble_is_no_logout(void **state)
{
    const char *key;
    djs_session_t *s;

    (void)state;
    SKIP_WITHOUT_KIND();
    key = make();
    s = set(load(key), "b", "2");
    refuse = 1000;
    assert_int_equal(load(key)->state, DJS_STATE_UNAVAILABLE);
    assert_int_equal(fails(load(key)), APR_SUCCESS); /* nothing to do */
    assert_int_not_equal(fails(s), APR_SUCCESS);
    assert_int_not_equal(fails(set(load(NULL), "a", "1")), APR_SUCCESS);
    refuse = 0;
    assert_string_equal(body(key), "{\"a\":1}");
}

static void an_unavailable_session_saves_nothing(void **state)
{
    djs_session_t *s;

    (void)state;
    SKIP_WITHOUT_KIND();
    refuse = 1000;
    s = load(KEY);
    refuse = 0;
    s->flushed = 1;
    assert_int_equal(fails(s), DJS_ETROUBLE);
}

/* More than browsers keep of a cookie. */
static void a_cookie_has_its_limit(void **state)
{
    char *big = apr_palloc(pool, 7000);
    djs_session_t *s;

    (void)state;
    place.max_size = 8192;
    srand(1);
    for (int i = 1; i < 6990; i++) {
        big[i] = "0123456789abcdefghijklmnopqrstuvwxyz"[rand() % 36];
    }
    big[0] = big[6990] = '"';
    big[6991] = '\0';
    s = set(load(NULL), "big", big);
    assert_int_equal(fails(s), DJS_ETOOBIG);
}

static void an_old_cookie_is_none(void **state)
{
    const char *value = make();

    (void)state;
    now += 14 * DAY - 2 * APR_USEC_PER_SEC;
    assert_string_equal(body(value), "{\"a\":1}");
    now += 4 * APR_USEC_PER_SEC;
    assert_int_equal(load(value)->state, DJS_STATE_NONE);
    assert_false(load(value)->forged);
}

#define T(function, of)                                                        \
    {                                                                          \
        of ": " #function, function, begin_site, end, (void *)(uintptr_t)of    \
    }
#define ALL(of)                                                                \
    T(it_is_begun_changed_and_ended, of),                                      \
        T(what_is_set_after_a_flush_begins_anew, of),                          \
        T(a_new_key_takes_the_data_along, of), T(a_renewal_gives_it_time, of), \
        T(its_own_expiry_counts, of), T(only_the_site_logs_in, of),            \
        T(what_is_too_big_is_not_saved, of),                                   \
        T(nothing_is_created_unless_asked, of)
#define KEPT(of) ALL(of), T(what_was_ended_meanwhile_stays_ended, of)

int main(void)
{
    const struct CMUnitTest tests[] = {
        KEPT("file"),
        T(what_is_odd_is_left_alone, "file"),
        T(fallbacks_and_salts_count, "file"),
        T(an_empty_file_has_no_data, "file"),
        T(a_date_of_the_sites_own_zone_counts, "file"),
        KEPT("db"),
        T(what_is_odd_is_left_alone, "db"),
        T(a_date_of_the_sites_own_zone_counts, "db"),
        T(a_row_of_long_ago_is_over, "db"),
        T(trouble_is_no_logout, "db"),
        T(an_unavailable_session_saves_nothing, "db"),
        KEPT("cache"),
        T(a_pickle_of_more_than_json_is_read_only, "cache"),
        KEPT("cached_db"),
        ALL("cookies"),
        T(a_cookie_has_its_limit, "cookies"),
        T(an_old_cookie_is_none, "cookies"),
        T(fallbacks_and_salts_count, "cookies"),
    };
    int failed;

    apr_initialize();
    failed = cmocka_run_group_tests(tests, NULL, NULL);
    if (cache.pid) {
        memcached_kill(&cache);
    }
    apr_terminate();
    return failed;
}
