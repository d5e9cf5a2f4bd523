/* test_memcache_wire.c - what goes to memcached: for each well-formed key one
 * command whose every byte is ours, and for anything else nothing at all.
 * DJS_WIRE_VALUES says how many random cookies are tried. */
#include "commit_fixture.h"
#include <ctype.h>
#include "relay.h"
#include "base/hex.h"
#include "session/spot.h"
#include "store/memcache_envelope.h"

#define VALUES 1000000
#define LONG   320 /* bytes of a random cookie, at most */

static memcached_t server;
static relay_t relay;
static apr_uint64_t seed = 88172645463325252u;

static unsigned below(unsigned most)
{
    seed ^= seed << 13;
    seed ^= seed >> 7;
    seed ^= seed << 17;
    return (unsigned)(seed >> 20) % most;
}

static int begin_wire(void **state)
{
    (void)setup(state);
    memcached_start(&server, 0);
    relay_start(&relay, server.port);
    assert_null(djs_store_create(
        &store, apr_psprintf(pool, "memcache:127.0.0.1:%d", relay.self.port),
        NULL, djs_commit_max_value(4096), pool));
    assert_int_equal(djs_store_open(store, pool), APR_SUCCESS);
    place.store = store;
    return 0;
}

static int end_wire(void **state)
{
    (void)teardown(state);
    relay_stop(&relay);
    memcached_kill(&server);
    return 0;
}

/* ------------------------------------------------- what visitors may send */

static const char key_letters[] = "abcdefghijklmnopqrstuvwxyz0123456789";

static size_t random_key(char *out)
{
    for (int i = 0; i < DJS_KEY_LEN; i++) {
        out[i] = key_letters[below(36)];
    }
    return DJS_KEY_LEN;
}

static size_t random_bytes(char *out, size_t len)
{
    for (size_t i = 0; i < len; i++) {
        out[i] = (char)below(256);
    }
    return len;
}

static const char *const tails[] = { "\r\nset victim 0 0 5\r\nPWNED\r\n",
                                     "\n",
                                     " 0 0 1",
                                     "\tvictim",
                                     "%0d%0a",
                                     "\r\nflush_all\r\n",
                                     "0",
                                     " a",
                                     "\"",
                                     "\\" };

/* A value: random bytes, a key, or something that is nearly a key. */
static size_t random_value(char *out)
{
    size_t len;

    switch (below(8)) {
    case 0:
        return random_bytes(out, below(LONG));
    case 1:
        len = random_key(out);
        out[below(DJS_KEY_LEN)] = (char)below(256);
        return len;
    case 2: {
        const char *tail = tails[below(sizeof tails / sizeof *tails)];

        len = random_key(out);
        memcpy(out + len, tail, strlen(tail));
        return len + strlen(tail);
    }
    case 3:
        return random_key(out) - below(DJS_KEY_LEN);
    case 4:
        len = random_key(out);
        return len + random_bytes(out + len, 1 + below(4));
    case 5:
        len = random_key(out) + random_key(out + DJS_KEY_LEN);
        out[DJS_KEY_LEN] = ";, \t\0\r\n"[below(7)];
        return len;
    case 6:
        len = random_bytes(out, 251 + below(LONG - 251));
        return len;
    default:
        return below(4) ? random_bytes(out, DJS_KEY_LEN) : random_key(out);
    }
}

/* ------------------------------------------------------ what may be asked */

/* The only command that these candidates may cause, one after the other:
 * `get`, the prefix and an HMAC in hexadecimal. */
static size_t expected(char *out, const djs_candidates_t *sent)
{
    size_t len = 0;

    for (int i = 0; i < sent->count; i++) {
        djs_spot_t spot;

        assert_int_equal(djs_spot_find(&spot, &place, 0, sent->keys[i].data),
                         APR_SUCCESS);
        memcpy(out + len, "get djs:s:", 10);
        len += 10;
        djs_hex_encode(out + len, (const unsigned char *)spot.store_key,
                       DJS_STORE_KEY_LEN);
        len += 2 * DJS_STORE_KEY_LEN;
        memcpy(out + len, "\r\n", 2);
        len += 2;
    }
    return len;
}

/* One visitor. Returns how many commands went out. */
static int visit(djs_bytes_t header, apr_pool_t *p)
{
    char wanted[DJS_COOKIE_CANDIDATES * 300];
    djs_candidates_t sent;
    djs_session_t s;
    size_t len;

    djs_cookie_candidates(&sent, header, djs_bytes("sessionid"));
    djs_session_init(&s, p);
    assert_int_equal(djs_commit_load(&s, &sent, &place, 0, call()),
                     APR_SUCCESS);
    if (sent.count == 0) {
        return 0; /* what is sent all the same is seen at the next one */
    }
    len = expected(wanted, &sent);
    assert_int_equal(atomic_load(&relay.wire->len), len);
    assert_memory_equal(relay.wire->log, wanted, len);
    for (int i = 0; i < sent.count; i++) {
        assert_null(memmem(wanted, len, sent.keys[i].data, DJS_KEY_LEN));
    }
    relay_forget(&relay);
    return sent.count;
}

/* I01, I02: a million random cookies. What is no key causes no command; a key
 * that nobody has causes one, which holds its HMAC and nothing of itself. */
static void no_byte_of_a_million_cookies_is_on_the_wire(void **state)
{
    const char *given = getenv("DJS_WIRE_VALUES");
    long values = given ? strtol(given, NULL, 10) : VALUES, asked = 0;
    char header[LONG + 64] = "sessionid=";
    apr_pool_t *p;

    (void)state;
    apr_pool_create(&p, pool);
    relay_forget(&relay);
    for (long i = 0; i < values; i++) {
        size_t len = random_value(header + 10);

        asked += visit(djs_bytes_of(header, 10 + len), p);
        apr_pool_clear(p);
    }
    print_message("%ld cookies, %ld commands\n", values, asked);
    assert_true(asked > values / 200);
    random_key(header + 10); /* and nothing had come late */
    assert_int_equal(visit(djs_bytes_of(header, 10 + DJS_KEY_LEN), p), 1);
}

/* I02: what would be a command of its own, were it passed on. */
static void what_is_no_key_is_not_asked_for(void **state)
{
    static const char *const values[] = {
        "x\r\nset victim 0 0 5\r\nPWNED\r\n",
        "x 0 0 1",
        "nokey victim",
        "a\tb",
        "",
        "flush_all",
        "0123456789abcdef0123456789abcde",
        "0123456789abcdef0123456789abcdef0",
        "0123456789ABCDEF0123456789ABCDEF",
        "0123456789abcdef 123456789abcdef",
        "0123456789abcdef\r123456789abcdef",
        "0123456789abcdef0123456789abcdef\r\nflush_all\r\n",
    };
    char header[600] = "sessionid=";

    (void)state;
    relay_forget(&relay);
    for (size_t i = 0; i < sizeof values / sizeof *values; i++) {
        size_t len = strlen(values[i]);

        memcpy(header + 10, values[i], len);
        assert_int_equal(visit(djs_bytes_of(header, 10 + len), pool), 0);
    }
    memset(header + 10, 'a', 500);
    for (size_t len = 251; len < 500; len++) {
        assert_int_equal(visit(djs_bytes_of(header, 10 + len), pool), 0);
    }
    header[26] = '\0'; /* within the length of a key */
    assert_int_equal(visit(djs_bytes_of(header, 42), pool), 0);
    random_key(header + 10);
    assert_int_equal(visit(djs_bytes_of(header, 42), pool), 1);
}

/* ----------------------------------------------- doc/formats-memcache, 1 */

typedef struct {
    char verb[8], key[256];
    int fields; /* behind the key */
    unsigned long field[3];
    const char *value;
} asked_t;

/* Reads one command of the log from `at`; what is behind it. */
static const char *read_command(asked_t *out, const char *at, const char *end)
{
    const char *eol = memmem(at, (size_t)(end - at), "\r\n", 2);
    char line[400];
    int n = 0;

    assert_non_null(eol);
    assert_true(eol - at < (long)sizeof line);
    memcpy(line, at, (size_t)(eol - at));
    line[eol - at] = '\0';
    memset(out, 0, sizeof *out);
    assert_true(sscanf(line, "%7[a-z] %255[^ ]%n", out->verb, out->key, &n) ==
                2);
    while (line[n] == ' ' && out->fields < 3) {
        char *stop;

        assert_true(isdigit((unsigned char)line[n + 1]));
        out->field[out->fields++] = strtoul(line + n + 1, &stop, 10);
        n = (int)(stop - line);
    }
    assert_string_equal(line + n, out->fields == 3 ? " " : "");
    at = eol + 2;
    if (out->fields == 3) { /* FLAGS SECONDS LENGTH */
        out->value = at;
        at += out->field[2];
        assert_true(at + 2 <= end && memcmp(at, "\r\n", 2) == 0);
        at += 2;
    }
    return at;
}

static void check_command(const asked_t *asked)
{
    static const char *const verbs[] = { "get", "add", "set", "replace",
                                         "delete" };
    const char *hex = asked->key + 6;
    int known = 0, stores;

    for (size_t i = 0; i < sizeof verbs / sizeof *verbs; i++) {
        known += strcmp(asked->verb, verbs[i]) == 0;
    }
    assert_int_equal(known, 1);
    stores =
        strcmp(asked->verb, "get") != 0 && strcmp(asked->verb, "delete") != 0;
    assert_int_equal(asked->fields == 3, stores);
    assert_true(strlen(asked->key) <= 250);
    assert_true(memcmp(asked->key, "djs:s:", 6) == 0 ||
                memcmp(asked->key, "djs:l:", 6) == 0);
    assert_int_equal(strlen(hex), 2 * DJS_STORE_KEY_LEN);
    assert_int_equal(strspn(hex, "0123456789abcdef"), strlen(hex));
    assert_int_equal(asked->field[0], 0);
}

/* Every command in the log is one that the format allows. */
static int check_log(void)
{
    const char *at = relay.wire->log;
    const char *end = at + atomic_load(&relay.wire->len);
    int count = 0;
    asked_t asked;

    for (; at < end; count++) {
        at = read_command(&asked, at, end);
        check_command(&asked);
    }
    return count;
}

/* I01: a whole life: birth, changes, renewal, login, logout; a key that is
 * used for something is not on the wire either. */
static void a_whole_life_speaks_the_format_only(void **state)
{
    char *key = fresh();
    djs_session_t *s;
    djs_saved_t saved;

    (void)state;
    relay_forget(&relay);
    for (int i = 0; i < 50; i++) {
        s = load(key);
        set(s, "a", i % 2 ? "\"x\\r\\nget y\"" : "[1]");
        saved = save(s);
        assert_int_equal(saved.did, DJS_DID_SAVE);
        s = load(key);
        assert_int_equal(djs_session_login(s, djs_bytes("user"),
                                           djs_bytes(i % 2 ? "1" : "2")),
                         APR_SUCCESS);
        saved = save(s);
        assert_null(memmem(relay.wire->log, atomic_load(&relay.wire->len), key,
                           DJS_KEY_LEN));
        key = apr_pstrdup(pool, saved.key);
    }
    s = load(key);
    assert_int_equal(djs_session_flush(s), APR_SUCCESS);
    saved = save(s);
    assert_int_equal(saved.did, DJS_DID_END);
    assert_true(check_log() > 300);
    assert_null(memmem(relay.wire->log, atomic_load(&relay.wire->len), key,
                       DJS_KEY_LEN));
}

/* ------------------------------------------------------------------- time */

#define SECONDS(n) ((apr_time_t)(n)*APR_USEC_PER_SEC)
#define LIMIT      APR_INT64_C(2147483647) /* of memcached's dates, seconds */

/* What memcached is told about a record that is put at `at` until `expires`. */
static unsigned long told(apr_time_t at, apr_time_t expires)
{
    static int records;
    djs_call_t when = { at, djs_clock_steady() + SECONDS(5), 0 };
    asked_t asked;

    relay_forget(&relay);
    assert_int_equal(
        djs_store_put(store, djs_bytes(apr_psprintf(pool, "%040d", ++records)),
                      (djs_item_t){ djs_bytes("value"), expires }, DJS_PUT_NEW,
                      when, pool),
        APR_SUCCESS);
    (void)read_command(&asked, relay.wire->log,
                       relay.wire->log + atomic_load(&relay.wire->len));
    assert_string_equal(asked.verb, "add");
    return asked.field[1];
}

/* I16, R-05: whatever is left of a life, memcached keeps the record a second
 * longer, or as long as it can say. */
static void every_lifetime_is_said_as_memcached_reads_it(void **state)
{
    static const struct {
        apr_time_t now, left; /* seconds */
        unsigned long told;
    } rows[] = { { 1700000000, 0, 1 },
                 { 1700000000, -1, 1 },
                 { 1700000000, -1700000000 + 1, 1 },
                 { 1700000000, 1, 3 },
                 { 1700000000, 2591998, 2592000 },
                 { 1700000000, 2592000, 2592000 },
                 { 1700000000, 2592001, 1702592003 },
                 { 1700000000, 400 * 86400, 1734560002 },
                 { 1700000000, LIMIT - 1700000000 - 2, LIMIT },
                 { 1700000000, LIMIT - 1700000000, LIMIT },
                 { 1700000000, APR_INT64_C(9000000000), LIMIT },
                 { LIMIT + 1, 100, 102 },
                 { LIMIT + 1, 400 * 86400, 2592000 } };

    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        unsigned long said =
            told(SECONDS(rows[i].now), SECONDS(rows[i].now + rows[i].left));

        if (said != rows[i].told) {
            fail_msg("%ld s left: told %lu", (long)rows[i].left, said);
        }
    }
}

/* The seconds that memcached itself gives an item; -1: it has none. */
static long kept(const char *name)
{
    struct sockaddr_in in = loopback(server.port);
    char text[400], answer[100] = "";
    int fd = socket(AF_INET, SOCK_STREAM, 0);
    long seconds = -1;

    assert_int_equal(connect(fd, (struct sockaddr *)&in, sizeof in), 0);
    snprintf(text, sizeof text, "mg %s t\r\n", name);
    assert_true(send(fd, text, strlen(text), 0) > 0);
    assert_true(recv(fd, answer, sizeof answer - 1, 0) > 0);
    close(fd);
    (void)sscanf(answer, "HD t%ld", &seconds);
    return seconds;
}

/* I16: so a real memcached has it for that long; I17: the record's own end
 * decides all the same, whatever the clocks of httpd and memcached say. */
static void a_real_memcached_keeps_it_that_long(void **state)
{
    static const apr_time_t lives[] = {
        1, 100, 2591998, 2592000, 2592001, 400 * 86400, 30 * 365 * 86400
    };
    apr_time_t real = apr_time_now();

    (void)state;
    for (size_t i = 0; i < sizeof lives / sizeof *lives; i++) {
        for (int skew = -3600; skew <= 3600; skew += 3600) {
            const char *key = apr_psprintf(pool, "k%d%+05d", (int)i, skew);
            apr_time_t at = real + SECONDS(skew);
            djs_call_t when = { at, djs_clock_steady() + SECONDS(5), 0 };
            djs_item_t item = { djs_bytes("v"), at + SECONDS(lives[i]) };
            char hex[40] = "";
            djs_bytes_t got;
            long left, most = LIMIT - apr_time_sec(real), want;

            assert_int_equal(djs_store_put(store, djs_bytes(key), item,
                                           DJS_PUT_NEW, when, pool),
                             APR_SUCCESS);
            djs_hex_encode(hex, (const unsigned char *)key, strlen(key));
            left = kept(apr_pstrcat(pool, "djs:s:", hex, NULL));
            want = lives[i] < most ? (long)lives[i] : most;
            if (left < 0 || left < want - 3600 || left > want + 3605) {
                fail_msg("%ld s: kept for %ld", (long)lives[i], left);
            }
            assert_int_equal(
                djs_store_get(store, djs_bytes(key), when, &got, pool),
                APR_SUCCESS);
            when.now = item.expires;
            assert_int_equal(
                djs_store_get(store, djs_bytes(key), when, &got, pool),
                DJS_EABSENT);
        }
    }
}

/* --------------------------------------------------------------- tampering */

/* Puts `val` in the record's place, as who may write to memcached can. */
static void plant(const char *name, djs_bytes_t val)
{
    struct sockaddr_in in = loopback(server.port);
    int fd = socket(AF_INET, SOCK_STREAM, 0);
    char head[400], answer[100];

    assert_int_equal(connect(fd, (struct sockaddr *)&in, sizeof in), 0);
    snprintf(head, sizeof head, "set %s 0 0 %d\r\n", name, (int)val.len);
    assert_true(send(fd, head, strlen(head), 0) > 0);
    assert_int_equal(send(fd, val.data, val.len, 0), val.len);
    assert_int_equal(send(fd, "\r\n", 2, 0), 2);
    assert_true(recv(fd, answer, sizeof answer, 0) > 0);
    assert_memory_equal(answer, "STORED\r\n", 8);
    close(fd);
}

/* I26: who may write to memcached makes no session and changes none: a bit of
 * the record or of what stands around it, other bytes, another's record. */
static void planted_bytes_are_no_session(void **state)
{
    char *key = fresh(), *other = fresh(), hex[2 * DJS_STORE_KEY_LEN + 1];
    djs_bytes_t value, theirs, raw;
    djs_envelope_t envelope;
    djs_spot_t spot, far;
    const char *name;

    (void)state;
    assert_int_equal(djs_spot_find(&spot, &place, 0, key), APR_SUCCESS);
    assert_int_equal(djs_spot_find(&far, &place, 0, other), APR_SUCCESS);
    assert_int_equal(
        djs_store_get(store, spot.at.store_key, call(), &value, pool),
        APR_SUCCESS);
    assert_int_equal(
        djs_store_get(store, far.at.store_key, call(), &theirs, pool),
        APR_SUCCESS);
    djs_hex_encode(hex, (const unsigned char *)spot.store_key,
                   DJS_STORE_KEY_LEN);
    name = apr_pstrcat(pool, "djs:s:", hex, NULL);
    envelope = (djs_envelope_t){ 0, 1, now + DAY, theirs };
    plant(name, djs_envelope_pack(&envelope, spot.at.store_key, pool));
    assert_string_equal(data_of(key), "(not live)");
    for (size_t bit = 0; bit < 8 * value.len; bit++) {
        char *bad = apr_pmemdup(pool, value.data, value.len);

        bad[bit / 8] ^= (char)(1 << bit % 8);
        envelope.val = djs_bytes_of(bad, value.len);
        plant(name, djs_envelope_pack(&envelope, spot.at.store_key, pool));
        assert_string_equal(data_of(key), "(not live)");
    }
    for (int i = 0; i < 300; i++) {
        char bytes[LONG];
        size_t len = random_bytes(bytes, below(LONG));

        raw = djs_bytes_of(bytes, len);
        envelope.val = raw;
        plant(name,
              i % 2 ? raw
                    : djs_envelope_pack(&envelope, spot.at.store_key, pool));
        assert_string_equal(data_of(key), "(not live)");
    }
    envelope.val = value; /* and the true one is */
    plant(name, djs_envelope_pack(&envelope, spot.at.store_key, pool));
    assert_string_equal(data_of(key), "{\"a\":1}");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(no_byte_of_a_million_cookies_is_on_the_wire),
        cmocka_unit_test(what_is_no_key_is_not_asked_for),
        cmocka_unit_test(a_whole_life_speaks_the_format_only),
        cmocka_unit_test(every_lifetime_is_said_as_memcached_reads_it),
        cmocka_unit_test(a_real_memcached_keeps_it_that_long),
        cmocka_unit_test(planted_bytes_are_no_session)
    };
    int failed;

    apr_initialize();
    failed = cmocka_run_group_tests(tests, begin_wire, end_wire);
    apr_terminate();
    return failed;
}
