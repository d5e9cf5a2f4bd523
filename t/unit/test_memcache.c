/* test_memcache.c - memcached that is slow, silent, wrong, stopped or gone
 * costs its deadline at most, and is never taken for an absent record. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <apr_thread_proc.h>
#include "hostile.h"
#include "memcache_calls.h"
#include "store/memcache_envelope.h"

#define RECORD "djs:s:61" /* the key "a" */

static char line_of_5_kb[5122];

static const struct {
    const char *id;
    script_t script;
} hostile[] = {
#define REPLY(text) (text), sizeof(text) - 1
    { "I03: silent", { REPLY(""), 0, 0, 0 } },
    { "I05: drips",
      { REPLY("VALUE " RECORD " 0 5\r\nvalue\r\nEND\r\n"), 20, 0, 0 } },
    { "I05: drips a byte each 100 ms", { REPLY("END\r\n"), 100, 0, 0 } },
    { "I05: drips a byte a second", { REPLY("END\r\n"), 1000, 0, 0 } },
    { "I13: stops in a line", { REPLY("VAL"), 0, 0, 0 } },
    { "I13: stops in a value",
      { REPLY("VALUE " RECORD " 0 500\r\nval"), 0, 0, 0 } },
    { "I13: closes", { REPLY(""), 0, 1, 0 } },
    { "I12: another key",
      { REPLY("VALUE djs:s:62 0 5\r\nvalue\r\nEND\r\n"), 0, 0, 1 } },
    { "I13: no fields, R-02", { REPLY("VALUE\r\n"), 0, 0, 1 } },
    { "I13: no flags, R-02", { REPLY("VALUE " RECORD "\r\n"), 0, 0, 1 } },
    { "I13: no length", { REPLY("VALUE " RECORD " 0\r\n"), 0, 0, 1 } },
    { "I13: a length of 0",
      { REPLY("VALUE " RECORD " 0 0\r\n\r\nEND\r\n"), 0, 0, 1 } },
    { "I13: a negative length",
      { REPLY("VALUE " RECORD " 0 -5\r\nvalue\r\nEND\r\n"), 0, 0, 1 } },
    { "I13: minus two",
      { REPLY("VALUE " RECORD " 0 -2\r\nvalue\r\nEND\r\n"), 0, 0, 1 } },
    { "I13: a huge length",
      { REPLY("VALUE " RECORD " 0 99999999999999999999\r\nv\r\nEND\r\n"), 0, 0,
        1 } },
    { "I13: too short a length",
      { REPLY("VALUE " RECORD " 0 3\r\nvalue\r\nEND\r\n"), 0, 0, 1 } },
    { "I14: surplus replies",
      { REPLY("VALUE " RECORD " 0 5\r\nvalue\r\nEND\r\nSTORED\r\n"
              "VALUE x 0 1\r\ny\r\nEND\r\n"),
        0, 0, 1 } },
    { "I13: SERVER_ERROR",
      { REPLY("SERVER_ERROR out of memory\r\n"), 0, 0, 1 } },
    { "I27: CLIENT_ERROR", { REPLY("CLIENT_ERROR bad\r\n"), 0, 0, 1 } },
    { "I13: ERROR", { REPLY("ERROR\r\n"), 0, 0, 1 } },
    { "I13: only LF", { REPLY("OK\n"), 0, 0, 1 } },
    { "I13: a line of 5 KB", { line_of_5_kb, sizeof line_of_5_kb, 0, 0, 1 } },
    { "I13: 5 KB without an end", { line_of_5_kb, 5000, 0, 0, 1 } },
    { "I13: a value without END",
      { REPLY("VALUE " RECORD " 0 5\r\nvalue\r\n"), 0, 0, 0 } },
    { "I27: another protocol's error",
      { REPLY("-ERR unknown command\r\n"), 0, 0, 1 } },
    { "I13: binary", { REPLY("\0\1\2\377\r\n\0"), 0, 0, 1 } }
};

/* I03, I05, I12, I13, I14, I27: whatever a server answers, a get ends in time
 * and with trouble, never with a value and never with "absent". */
static void what_is_no_answer_is_trouble(void **state)
{
    (void)state;
    memset(line_of_5_kb, 'V', 5120);
    memcpy(line_of_5_kb + 5120, "\r\n", 2);
    for (size_t i = 0; i < sizeof hostile / sizeof *hostile; i++) {
        memcached_t server;
        apr_pool_t *p;
        djs_store_t *store;
        apr_status_t rv;

        hostile_start(&server, &hostile[i].script);
        apr_pool_create(&p, pool);
        store = make(spec_of(server.port), NULL, p);
        rv = get(store, "a");
        if (!is_trouble(rv) || took > DEADLINE + GRACE + SLACK) {
            print_error("%s: get %d in %d us\n", hostile[i].id, rv, (int)took);
        }
        assert_true(is_trouble(rv));
        assert_true(took <= DEADLINE + GRACE + SLACK);
        assert_true(is_trouble(put(store, "a", DJS_PUT_NEW)));
        assert_true(took <= DEADLINE + GRACE + SLACK);
        assert_true(is_trouble(put(store, "a", DJS_PUT_EXISTING)));
        assert_true(is_trouble(drop(store, "a")));
        apr_pool_destroy(p);
        memcached_kill(&server);
    }
}

/* I13: a good reply cut off at every byte. */
static void a_reply_may_end_at_every_byte(void **state)
{
    djs_envelope_t envelope = { 0, 1, LATER, djs_bytes("value") };
    djs_bytes_t raw = djs_envelope_pack(&envelope, djs_bytes("a"), pool);
    char reply[300];
    int len = snprintf(reply, sizeof reply, "VALUE " RECORD " 0 %d\r\n",
                       (int)raw.len);
    script_t script = { reply, 0, 0, 1, 0 };
    size_t whole;

    (void)state;
    memcpy(reply + len, raw.data, raw.len);
    memcpy(reply + len + raw.len, "\r\nEND\r\n", 7);
    whole = (size_t)len + raw.len + 7;
    for (script.len = 0; script.len <= whole; script.len++) {
        memcached_t server;
        apr_pool_t *p;
        djs_bytes_t got;
        apr_status_t rv;

        hostile_start(&server, &script);
        apr_pool_create(&p, pool);
        rv = djs_store_get(make(spec_of(server.port), NULL, p), djs_bytes("a"),
                           soon(), &got, p);
        assert_true(rv == APR_SUCCESS ? script.len >= whole - 7
                                      : is_trouble(rv));
        assert_true(script.len < whole || rv == APR_SUCCESS);
        apr_pool_destroy(p);
        memcached_kill(&server);
    }
}

/* I13: so may those to a change, which is a success at its end only. */
static void an_acknowledgement_may_end_at_every_byte(void **state)
{
    script_t script = { "STORED\r\n", 0, 0, 1, 0 };

    (void)state;
    for (int ended = 0; ended < 2; ended++) {
        script.bytes = ended ? "DELETED\r\n" : "STORED\r\n";
        for (script.len = 0; script.len <= strlen(script.bytes); script.len++) {
            memcached_t server;
            apr_pool_t *p;
            djs_store_t *store;
            apr_status_t rv;

            hostile_start(&server, &script);
            apr_pool_create(&p, pool);
            store = make(spec_of(server.port), NULL, p);
            rv = ended ? djs_store_remove(store, djs_bytes("a"), soon(), p)
                       : djs_store_put(store, djs_bytes("a"),
                                       (djs_item_t){ djs_bytes("v"), LATER },
                                       DJS_PUT_NEW, soon(), p);
            assert_true(script.len == strlen(script.bytes) ? rv == APR_SUCCESS
                                                           : is_trouble(rv));
            apr_pool_destroy(p);
            memcached_kill(&server);
        }
    }
}

/* I27: a proxy that knows nothing but END has no record, and keeps none. */
static void nothing_but_end_is_no_success(void **state)
{
    script_t script = { "END\r\n", 5, 0, 0, 1 };
    memcached_t server;
    djs_store_t *store;

    (void)state;
    hostile_start(&server, &script);
    store = make(spec_of(server.port), NULL, pool);
    assert_int_equal(get(store, "a"), DJS_EABSENT);
    assert_true(is_trouble(put(store, "a", DJS_PUT_NEW)));
    assert_true(is_trouble(put(store, "a", DJS_PUT_EXISTING)));
    assert_true(is_trouble(drop(store, "a")));
    memcached_kill(&server);
}

/* I14: bytes behind one visitor's reply, and the reply to another question,
 * are nobody's session. */
static void the_reply_to_one_is_not_for_another(void **state)
{
    djs_envelope_t envelope = { 0, 1, LATER, djs_bytes("of a") };
    djs_bytes_t raw = djs_envelope_pack(&envelope, djs_bytes("a"), pool);
    char reply[600];
    int head = snprintf(reply, sizeof reply, "VALUE " RECORD " 0 %d\r\n",
                        (int)raw.len);
    script_t script = { reply, 0, 0, 0, 1 };
    memcached_t server;
    djs_store_t *store;

    (void)state;
    memcpy(reply + head, raw.data, raw.len);
    memcpy(reply + head + raw.len, "\r\nEND\r\n", 7);
    script.len = (size_t)head + raw.len + 7;
    memcpy(reply + script.len, reply, script.len); /* and once more */
    script.len *= 2;
    hostile_start(&server, &script);
    store = make(spec_of(server.port), NULL, pool);
    for (int i = 0; i < 20; i++) {
        assert_int_equal(get(store, "a"), APR_SUCCESS);
        assert_true(is_trouble(get(store, "b")));
        assert_true(took <= DEADLINE + GRACE + SLACK);
    }
    memcached_kill(&server);
}

/* I06: nobody listens: trouble at once, not an absence. */
static void a_closed_port_is_trouble(void **state)
{
    djs_store_t *store = make(spec_of(free_port()), NULL, pool);

    (void)state;
    for (int i = 0; i < 5; i++) {
        assert_int_equal(get(store, "a"), DJS_ETROUBLE);
        assert_true(took < DEADLINE);
        assert_int_equal(put(store, "a", DJS_PUT_NEW), DJS_ETROUBLE);
        assert_int_equal(drop(store, "a"), DJS_ETROUBLE);
    }
}

/* I04: the handshake is not answered: a listener whose queue is full, first
 * for the connection that apr_memcache makes, then for all. */
static void an_unanswered_handshake_costs_one_deadline(void **state)
{
    struct sockaddr_in in = loopback(0);
    socklen_t len = sizeof in;
    int fd = socket(AF_INET, SOCK_STREAM, 0);
    djs_store_t *store;

    (void)state;
    assert_int_equal(bind(fd, (struct sockaddr *)&in, len), 0);
    assert_int_equal(listen(fd, 0), 0);
    assert_int_equal(getsockname(fd, (struct sockaddr *)&in, &len), 0);
    store = make(spec_of(ntohs(in.sin_port)), NULL, pool);
    for (int i = 0; i < 2; i++) {
        assert_int_equal(get(store, "a"), DJS_ETIMEOUT);
        assert_true(took >= DEADLINE);
        assert_true(took <= DEADLINE + GRACE + SLACK);
        assert_int_equal(get(store, "a"), DJS_ETROUBLE);
        assert_true(took < GRACE);
        apr_sleep(510000);
        apr_sleep(510000);
    }
    close(fd);
}

typedef struct {
    djs_store_t *store;
    apr_status_t rv;
} job_t;

static void *APR_THREAD_FUNC get_in_thread(apr_thread_t *thread, void *data)
{
    job_t *job = data;
    apr_pool_t *p;
    djs_bytes_t got;

    (void)thread;
    apr_pool_create_unmanaged_ex(&p, NULL, NULL);
    for (int i = 0; i < 20; i++) {
        job->rv = djs_store_get(job->store, djs_bytes("a"), soon(), &got, p);
    }
    apr_pool_destroy(p);
    return NULL;
}

/* Opens as many connections as threads can. */
static void fill_pool(djs_store_t *store)
{
    apr_thread_t *threads[8];
    job_t jobs[8];

    for (int i = 0; i < 8; i++) {
        jobs[i].store = store;
        assert_int_equal(
            apr_thread_create(&threads[i], NULL, get_in_thread, &jobs[i], pool),
            APR_SUCCESS);
    }
    for (int i = 0; i < 8; i++) {
        apr_status_t rv;

        apr_thread_join(&rv, threads[i]);
        assert_int_equal(jobs[i].rv, APR_SUCCESS);
    }
}

/* I07, R-04: killed and started anew, it serves the very next call, however
 * many connections have gone stale. */
static void after_a_restart_the_next_call_is_served(void **state)
{
    memcached_t server;
    djs_store_t *store;

    (void)state;
    memcached_start(&server, 0);
    store = make(spec_of(server.port), NULL, pool);
    for (int i = 0; i < 3; i++) {
        assert_int_equal(put(store, "a", DJS_PUT_NEW), APR_SUCCESS);
        fill_pool(store);
        memcached_kill(&server);
        if (i > 0) {
            assert_int_equal(get(store, "a"), DJS_ETROUBLE);
        }
        memcached_start(&server, server.port);
        assert_int_equal(get(store, "a"), DJS_EABSENT);
        assert_true(took < DEADLINE);
    }
    memcached_kill(&server);
}

/* I03: SIGSTOP costs one call its deadline, the others nothing; SIGCONT is
 * noticed within a second. */
static void a_stopped_server_costs_one_deadline(void **state)
{
    memcached_t server;
    djs_store_t *store;
    apr_time_t end;

    (void)state;
    memcached_start(&server, 0);
    store = make(spec_of(server.port), NULL, pool);
    assert_int_equal(put(store, "a", DJS_PUT_NEW), APR_SUCCESS);
    memcached_freeze(&server);
    assert_int_equal(get(store, "a"), DJS_ETIMEOUT);
    assert_true(took >= DEADLINE);
    assert_true(took <= DEADLINE + GRACE + SLACK);
    for (int i = 0; i < 20; i++) {
        assert_int_equal(get(store, "a"), DJS_ETROUBLE);
        assert_true(took < GRACE);
    }
    kill(server.pid, SIGCONT);
    end = djs_clock_steady() + 2 * APR_USEC_PER_SEC;
    while (get(store, "a") != APR_SUCCESS) {
        assert_true(djs_clock_steady() < end);
        apr_sleep(20000);
    }
    memcached_kill(&server);
}

/* I19: one of two twins dies: nothing is lost, and what was removed while it
 * was away stays removed when its memory comes back. */
static void a_twin_that_was_away_revives_nothing(void **state)
{
    memcached_t twins[2];
    const char *spec;
    djs_store_t *store;

    (void)state;
    memcached_start(&twins[0], 0);
    memcached_start(&twins[1], 0);
    spec = apr_psprintf(pool, "memcache:127.0.0.1:%d,127.0.0.1:%d",
                        twins[0].port, twins[1].port);
    for (int i = 0; i < 2; i++) {
        apr_pool_t *p;
        djs_bytes_t got;

        apr_pool_create(&p, pool);
        store = make(spec, "replicas=2", p);
        assert_int_equal(put(store, "gone", DJS_PUT_NEW), APR_SUCCESS);
        assert_int_equal(put(store, "kept", DJS_PUT_NEW), APR_SUCCESS);
        memcached_freeze(&twins[i]);
        while (drop(store, "gone") != APR_SUCCESS) {
        }
        assert_int_equal(get(store, "gone"), DJS_EABSENT);
        assert_int_equal(
            djs_store_put(store, djs_bytes("kept"),
                          (djs_item_t){ djs_bytes("newer"), LATER },
                          DJS_PUT_EXISTING, soon(), p),
            APR_SUCCESS);
        kill(twins[i].pid, SIGCONT);
        apr_pool_destroy(p);
        apr_pool_create(&p, pool);
        store = make(spec, "replicas=2", p);
        assert_int_equal(get(store, "gone"), DJS_EABSENT);
        assert_int_equal(
            djs_store_put(store, djs_bytes("gone"),
                          (djs_item_t){ djs_bytes("late"), LATER },
                          DJS_PUT_EXISTING, soon(), p),
            DJS_EABSENT); /* once the lock that came too late is forgotten */
        assert_int_equal(
            djs_store_get(store, djs_bytes("kept"), soon(), &got, p),
            APR_SUCCESS);
        assert_true(djs_bytes_equal(got, djs_bytes("newer")));
        assert_int_equal(drop(store, "kept"), APR_SUCCESS);
        apr_pool_destroy(p);
    }
    memcached_kill(&twins[0]);
    memcached_kill(&twins[1]);
}

/* I06, I19: what one twin lacks the other may have: no absence is certain
 * while it does not answer; and one that comes back empty is filled. */
static void absence_needs_both_twins(void **state)
{
    memcached_t twins[2];
    djs_store_t *store;

    (void)state;
    memcached_start(&twins[0], 0);
    memcached_start(&twins[1], 0);
    store = make(apr_psprintf(pool, "memcache:127.0.0.1:%d,127.0.0.1:%d",
                              twins[0].port, twins[1].port),
                 "replicas=2", pool);
    assert_int_equal(put(store, "a", DJS_PUT_NEW), APR_SUCCESS);
    for (int i = 0; i < 2; i++) {
        memcached_kill(&twins[i]);
        assert_int_equal(get(store, "a"), APR_SUCCESS);
        assert_true(is_trouble(get(store, "nobody")));
        memcached_start(&twins[i], twins[i].port);
        assert_int_equal(get(store, "nobody"), DJS_EABSENT);
        assert_int_equal(get(store, "a"), APR_SUCCESS);
    }
    memcached_kill(&twins[0]);
    memcached_kill(&twins[1]);
}

/* I12, I26: what is no envelope for this key is not opened. */
static void an_envelope_opens_for_its_own_key_only(void **state)
{
    djs_envelope_t envelope = { 0, 7, LATER, djs_bytes("value") }, got;
    djs_bytes_t raw = djs_envelope_pack(&envelope, djs_bytes("ab"), pool);

    (void)state;
    assert_int_equal(djs_envelope_open(&got, raw, djs_bytes("ab")),
                     APR_SUCCESS);
    assert_true(djs_bytes_equal(got.val, djs_bytes("value")));
    assert_int_equal(got.version, 7);
    assert_int_equal(got.expires, LATER);
    assert_int_equal(djs_envelope_open(&got, raw, djs_bytes("ac")),
                     DJS_EUNREADABLE);
    assert_int_equal(djs_envelope_open(&got, raw, djs_bytes("a")),
                     DJS_EUNREADABLE);
    for (; raw.len > 0; raw.len--) {
        djs_bytes_t shorter = { raw.data, raw.len - 1 };

        assert_int_equal(djs_envelope_open(&got, shorter, djs_bytes("ab")),
                         DJS_EUNREADABLE);
    }
}

#define TEN "0123456789"
#define SIXTEEN                                                                \
    "127.0.0.1:1,127.0.0.1:2,127.0.0.1:3,127.0.0.1:4,127.0.0.1:5,127.0.0.1:6," \
    "127.0.0.1:7,127.0.0.1:8,127.0.0.1:9,127.0.0.1:10,127.0.0.1:11,"           \
    "127.0.0.1:12,127.0.0.1:13,127.0.0.1:14,127.0.0.1:15,127.0.0.1:16,"

/* Every refusal is a sentence that names what is legal. */
static void a_wrong_configuration_is_refused_with_a_sentence(void **state)
{
    static const struct {
        const char *spec, *option, *says;
    } rows[] = { { "memcache:", NULL, "needs a server" },
                 { "memcache:localhost", NULL, "HOST:PORT" },
                 { "memcache:127.0.0.1:0", NULL, "1 to 65535" },
                 { "memcache:127.0.0.1:65536", NULL, "1 to 65535" },
                 { "memcache:127.0.0.1:1,", NULL, "HOST:PORT" },
                 { "memcache:127.0.0.1:1,127.0.0.1:1", NULL, "twice" },
                 { "memcache:[::1]:11211", NULL, "IPv6" }, /* I24 */
                 { "memcache:::1:11211", NULL, "IPv6" },
                 { "memcache:/" TEN TEN TEN TEN TEN TEN TEN TEN TEN TEN TEN,
                   NULL, "at most 107" }, /* I24 */
                 { "memcache:" SIXTEEN "127.0.0.1:17", NULL,
                   "more than 16 servers" },
                 { "memcache:127.0.0.1:1", "replicas=2", "two servers" },
                 { "memcache:127.0.0.1:1", "replicas=3", "replicas=1" },
                 { "memcache:127.0.0.1:1", "prefix=", "1 to 64" },
                 { "memcache:127.0.0.1:1", "prefix=a b", "1 to 64" }, /* I01 */
                 { "memcache:127.0.0.1:1", "max=0", "1 to 1024" },
                 { "memcache:127.0.0.1:1", "min=65", "max=64" },
                 { "memcache:127.0.0.1:1", "ttl=0", "up to an hour" },
                 { "memcache:127.0.0.1:1", "colour=red", "prefix=P" } };
    djs_store_t *most;

    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        const char *options[] = { rows[i].option, NULL };
        djs_store_t *store;
        const char *said =
            djs_store_create(&store, rows[i].spec, options, VALUE_MAX, pool);

        assert_non_null(said);
        if (!strstr(said, rows[i].says)) {
            fail_msg("%s: %s", rows[i].spec, said);
        }
    }
    assert_null(djs_store_create(
        &most, apr_pstrmemdup(pool, "memcache:" SIXTEEN, sizeof SIXTEEN + 7),
        NULL, VALUE_MAX, pool));
}

/* I11, I25: what the rest of the configuration is judged by. */
static void a_store_says_how_much_it_takes_and_where_it_lies(void **state)
{
    static const struct {
        const char *spec, *remote;
    } rows[] = { { "memcache:127.0.0.1:1,127.0.0.2:1", NULL },
                 { "memcache:/run/memcached.sock", NULL },
                 { "memcache:127.0.0.1:1,192.0.2.1:5", "192.0.2.1:5" } };
    djs_store_t *store;

    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        const char *remote;

        assert_null(
            djs_store_create(&store, rows[i].spec, NULL, 1000000, pool));
        remote = djs_store_about(store).remote;
        assert_int_equal(remote == NULL, rows[i].remote == NULL);
        assert_true(!remote || strcmp(remote, rows[i].remote) == 0);
    }
    assert_non_null(
        strstr(djs_store_create(&store, rows[0].spec, NULL, 1000001, pool),
               "lower DjSessionMaxSize"));
}

/* I09: a memcached that is full and gives nothing up says no: that is no
 * success, and what was there before stays. */
static void a_full_server_refuses_and_keeps_what_it_has(void **state)
{
    djs_item_t item = { noise(20000, 1, pool), LATER };
    apr_status_t rv = APR_SUCCESS;
    int kept = 0, twins = *(int *)*state;
    memcached_t full[2];
    djs_store_t *store;

    memcached_start_with(&full[0], 0, "2", "-M");
    memcached_start_with(&full[1], 0, "2", "-M");
    store =
        make(twins ? apr_psprintf(pool, "memcache:127.0.0.1:%d,127.0.0.1:%d",
                                  full[0].port, full[1].port)
                   : spec_of(full[0].port),
             twins ? "replicas=2" : NULL, pool);
    assert_int_equal(put(store, "a", DJS_PUT_NEW), APR_SUCCESS);
    while (rv == APR_SUCCESS && kept < 10000) {
        djs_bytes_t key = djs_bytes(apr_psprintf(pool, "k%d", kept++));

        rv = djs_store_put(store, key, item, DJS_PUT_NEW, soon(), pool);
    }
    assert_int_equal(rv, DJS_ETROUBLE);
    assert_true(kept > 1);
    rv = djs_store_put(store, djs_bytes("k0"),
                       (djs_item_t){ noise(20000, 2, pool), LATER },
                       DJS_PUT_EXISTING, soon(), pool);
    assert_int_equal(rv, DJS_ETROUBLE);
    assert_int_equal(get_named_as(store, "k0", item.val), APR_SUCCESS);
    assert_string_equal(value_of(store, "a"), "value");
    memcached_kill(&full[0]);
    memcached_kill(&full[1]);
}

int main(void)
{
    static int one = 0, two = 1;
    const struct CMUnitTest tests[] = {
        { "a_full_server_refuses_and_keeps_what_it_has",
          a_full_server_refuses_and_keeps_what_it_has, NULL, NULL, &one },
        { "full_twins_refuse_and_keep_what_they_have",
          a_full_server_refuses_and_keeps_what_it_has, NULL, NULL, &two },
        cmocka_unit_test(a_store_says_how_much_it_takes_and_where_it_lies),
        cmocka_unit_test(a_wrong_configuration_is_refused_with_a_sentence),
        cmocka_unit_test(an_envelope_opens_for_its_own_key_only),
        cmocka_unit_test(what_is_no_answer_is_trouble),
        cmocka_unit_test(a_reply_may_end_at_every_byte),
        cmocka_unit_test(an_acknowledgement_may_end_at_every_byte),
        cmocka_unit_test(nothing_but_end_is_no_success),
        cmocka_unit_test(the_reply_to_one_is_not_for_another),
        cmocka_unit_test(a_closed_port_is_trouble),
        cmocka_unit_test(an_unanswered_handshake_costs_one_deadline),
        cmocka_unit_test(after_a_restart_the_next_call_is_served),
        cmocka_unit_test(a_stopped_server_costs_one_deadline),
        cmocka_unit_test(a_twin_that_was_away_revives_nothing),
        cmocka_unit_test(absence_needs_both_twins)
    };
    int failed;

    apr_initialize();
    failed = cmocka_run_group_tests(tests, begin_pool, end_pool);
    apr_terminate();
    return failed;
}
