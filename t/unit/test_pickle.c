/* test_pickle - pickles of plain data are read; code, and what costs too much,
 * is refused before anything is built (H23 to H32). */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <time.h>
#include <cmocka.h>
#include <apr_general.h>
#include <apr_strings.h>
#include "codec/pickle.h"
#include "codec/pynumber.h"

#define COUNT(a) (sizeof(a) / sizeof(*(a)))
#define CEILING  ((apr_size_t)1 << 20)
#define BYTES(lit)                                                             \
    {                                                                          \
        lit, sizeof(lit) - 1                                                   \
    }

static apr_pool_t *pool;

static int set_up(void **state)
{
    (void)state;
    return apr_pool_create(&pool, NULL);
}

static int tear_down(void **state)
{
    (void)state;
    apr_pool_destroy(pool);
    return 0;
}

/* A copy that ends where it ends, for the sanitizer. */
static djs_django_e read_pickle(djs_pickle_t *out, djs_bytes_t text)
{
    char *copy = malloc(text.len ? text.len : 1);
    djs_django_e verdict;

    memcpy(copy, text.data, text.len);
    verdict = djs_pickle_read(out, djs_bytes_of(copy, text.len), CEILING, pool);
    free(copy);
    return verdict;
}

typedef struct {
    const char *label;
    djs_bytes_t pickle;
    djs_django_e verdict;
    const char *json;
    int writable;
} row_t;

static const row_t rows[] = {
    { "H29: protocol 0", BYTES("(dp0\nVa\np1\nI1\ns."), DJS_DJANGO_OK,
      "{\"a\":1}", 1 },
    { "H29: protocol 1", BYTES("}q\0X\1\0\0\0aK\1s."), DJS_DJANGO_OK,
      "{\"a\":1}", 1 },
    { "H29: protocol 5, framed", BYTES("\x80\5\x95\6\0\0\0\0\0\0\0}\x8c\1aNs."),
      DJS_DJANGO_OK, "{\"a\":null}", 1 },
    { "H29: no protocol", BYTES("}."), DJS_DJANGO_OK, "{}", 1 },
    { "H29: protocol 6", BYTES("\x80\6}."), DJS_DJANGO_MALFORMED, "", 0 },
    { "H29: protocol 255", BYTES("\x80\xff}."), DJS_DJANGO_MALFORMED, "", 0 },
    { "H29: a frame longer than what is there",
      BYTES("\x80\5\x95\3\0\0\0\0\0\0\0}."), DJS_DJANGO_MALFORMED, "", 0 },
    { "H29: a frame of 2^64 - 1",
      BYTES("\x80\5\x95\xff\xff\xff\xff\xff\xff\xff\xff}."),
      DJS_DJANGO_MALFORMED, "", 0 },
    { "H29: a frame shorter than what it holds",
      BYTES("\x80\5\x95\1\0\0\0\0\0\0\0}."), DJS_DJANGO_OK, "{}", 1 },
    { "H32: nothing", BYTES(""), DJS_DJANGO_MALFORMED, "", 0 },
    { "H32: no STOP", BYTES("}"), DJS_DJANGO_MALFORMED, "", 0 },
    { "H32: data after STOP", BYTES("}.}"), DJS_DJANGO_MALFORMED, "", 0 },
    { "H32: a line end after STOP", BYTES("}.\n"), DJS_DJANGO_MALFORMED, "",
      0 },
    { "H26: STOP without a value", BYTES("."), DJS_DJANGO_MALFORMED, "", 0 },
    { "H26: two values", BYTES("}}."), DJS_DJANGO_MALFORMED, "", 0 },
    { "H26: a mark is left", BYTES("(}."), DJS_DJANGO_MALFORMED, "", 0 },
    { "H26: no mark", BYTES("}\x8c\1aK\1u."), DJS_DJANGO_MALFORMED, "", 0 },
    { "H26: SETITEM reaches below the mark", BYTES("}\x8c\1a(K\1s."),
      DJS_DJANGO_MALFORMED, "", 0 },
    { "H26: SETITEMS of three", BYTES("}(\x8c\1aK\1\x8c\1bu."),
      DJS_DJANGO_MALFORMED, "", 0 },
    { "H26: TUPLE3 of two", BYTES("NN\x87."), DJS_DJANGO_MALFORMED, "", 0 },
    { "H26: DUP", BYTES("}2s."), DJS_DJANGO_MALFORMED, "", 0 },
    { "H26: POP", BYTES("}N0."), DJS_DJANGO_MALFORMED, "", 0 },
    { "H26: POP_MARK", BYTES("}(1."), DJS_DJANGO_MALFORMED, "", 0 },
    { "H26: an unknown opcode", BYTES("}\xff."), DJS_DJANGO_MALFORMED, "", 0 },
    { "H24: LONG4 of 2^31", BYTES("\x8b\0\0\0\x80."), DJS_DJANGO_MALFORMED, "",
      0 },
    { "H24: BINSTRING of -1", BYTES("T\xff\xff\xff\xff."), DJS_DJANGO_MALFORMED,
      "", 0 },
    { "H24: BINUNICODE8 of 2^63", BYTES("\x8d\0\0\0\0\0\0\0\x80."),
      DJS_DJANGO_MALFORMED, "", 0 },
    { "H24: BINBYTES8 of 2^64 - 1",
      BYTES("\x8e\xff\xff\xff\xff\xff\xff\xff\xff."), DJS_DJANGO_MALFORMED, "",
      0 },
    { "H24: BYTEARRAY8 of one too many", BYTES("\x96\2\0\0\0\0\0\0\0."),
      DJS_DJANGO_MALFORMED, "", 0 },
    { "H24: BINUNICODE of one too many", BYTES("X\2\0\0\0."),
      DJS_DJANGO_MALFORMED, "", 0 },
    { "H25: LONG_BINPUT of 2^32 - 1", BYTES("}r\xff\xff\xff\xff."),
      DJS_DJANGO_MALICIOUS, "", 0 },
    { "H25: PUT of a slot beyond", BYTES("}p262144\n."), DJS_DJANGO_MALICIOUS,
      "", 0 },
    { "H25: PUT of a negative slot", BYTES("}p-1\n."), DJS_DJANGO_MALFORMED, "",
      0 },
    { "H25: PUT of more digits than a slot has",
      BYTES("}p18446744073709551616\n."), DJS_DJANGO_MALFORMED, "", 0 },
    { "H25: the last slot", BYTES("}p262143\n."), DJS_DJANGO_OK, "{}", 1 },
    { "H25: GET of an empty slot", BYTES("}q\3h\2."), DJS_DJANGO_MALFORMED, "",
      0 },
    { "H25: PUT of nothing", BYTES("q\0."), DJS_DJANGO_MALFORMED, "", 0 },
    { "H27: a list that holds itself", BYTES("}\x8c\1a]q\0h\0as."),
      DJS_DJANGO_MALICIOUS, "", 0 },
    { "H27: a dict that holds itself", BYTES("}q\0\x8c\1ah\0s."),
      DJS_DJANGO_MALICIOUS, "", 0 },
    { "H27: a list in a tuple in the list",
      BYTES("}\x8c\1a]q\0h\0\x85"
            "as."),
      DJS_DJANGO_MALICIOUS, "", 0 },
    { "H27: the same list twice is no circle", BYTES("}\x8c\1a](]q\0h\0es."),
      DJS_DJANGO_OK, "{\"a\":[[],[]]}", 1 },
    { "H28: a shared list", BYTES("}(\x8c\1a]q\0K\1a\x8c\1bh\0u."),
      DJS_DJANGO_OK, "{\"a\":[1],\"b\":[1]}", 1 },
    { "H30: bytes",
      BYTES("}\x8c\1a"
            "C\2\0\xffs."),
      DJS_DJANGO_UNSUPPORTED, "{\"a\":{\"__bytes_b64__\":\"AP8=\"}}", 0 },
    { "H30: a set", BYTES("}\x8c\1a\x8f(K\1\x90s."), DJS_DJANGO_UNSUPPORTED,
      "{\"a\":[1]}", 0 },
    { "H30: a frozenset", BYTES("}\x8c\1a(K\1\x91s."), DJS_DJANGO_UNSUPPORTED,
      "{\"a\":[1]}", 0 },
    { "H30: a key that is a number", BYTES("}K\1K\2s."), DJS_DJANGO_UNSUPPORTED,
      "{\"1\":2}", 0 },
    { "H30: keys that are None and bool", BYTES("}(NK\1\x88K\2u."),
      DJS_DJANGO_UNSUPPORTED, "{\"null\":1,\"true\":2}", 0 },
    { "H30: a key that is bytes is left out", BYTES("}(C\1aK\1\x8c\1bK\2u."),
      DJS_DJANGO_UNSUPPORTED, "{\"b\":2}", 0 },
    { "H30: a list is no key", BYTES("}]K\1s."), DJS_DJANGO_MALFORMED, "", 0 },
    { "H30: nor is a tuple that holds one", BYTES("}]\x85K\1s."),
      DJS_DJANGO_MALFORMED, "", 0 },
    { "H30: nor may a set hold one", BYTES("}\x8c\1a\x8f(]\x90s."),
      DJS_DJANGO_MALFORMED, "", 0 },
    { "H30: tuples are arrays, and stay unwritten", BYTES("}\x8c\1aK\1\x85s."),
      DJS_DJANGO_OK, "{\"a\":[1]}", 0 },
    { "H30: a str of Python 2", BYTES("}U\1aNs."), DJS_DJANGO_OK,
      "{\"a\":null}", 1 },
    { "H30: one that is not ASCII", BYTES("}U\1\xe9Ns."), DJS_DJANGO_MALFORMED,
      "", 0 },
    { "H30: the repr of one", BYTES("}S'a'\nNs."), DJS_DJANGO_UNSUPPORTED, "",
      0 },
    { "H09: a list is no session", BYTES("]."), DJS_DJANGO_NOT_OBJECT, "", 0 },
    { "H04: of two members of a name the last one counts",
      BYTES("}(\x8c\1aK\1\x8c\1bK\2\x8c\1aK\3u."), DJS_DJANGO_OK,
      "{\"a\":3,\"b\":2}", 1 },
    { "H06: half a surrogate pair", BYTES("}\x8c\1a\x8c\3\xed\xa0\xbds."),
      DJS_DJANGO_OK, "{\"a\":\"\\ud83d\"}", 1 },
    { "H05: a string that is not UTF-8", BYTES("}\x8c\1a\x8c\1\xe9s."),
      DJS_DJANGO_MALFORMED, "", 0 },
    { "H05: an overlong form", BYTES("}\x8c\1a\x8c\2\xc0\x80s."),
      DJS_DJANGO_MALFORMED, "", 0 },
    { "H06: backslashes of protocol 0", BYTES("}V\\\\u0061\nV\\u0061\\\ns."),
      DJS_DJANGO_OK, "{\"\\\\\\\\u0061\":\"a\\\\\"}", 1 },
    { "H05: a broken escape of protocol 0", BYTES("}V\\u12\nNs."),
      DJS_DJANGO_MALFORMED, "", 0 },
    { "H03: the largest numbers of each form",
      BYTES("}\x8c\1a](K\xffM\xff\xffJ\xff\xff\xff\x7fJ\0\0\0\x80"
            "\x8a\x08\0\0\0\0\0\0\0\x80\x8a\0L-5L\nI-7\nes."),
      DJS_DJANGO_OK,
      "{\"a\":[255,65535,2147483647,-2147483648,-9223372036854775808,0,-5,"
      "-7]}",
      1 },
    { "H03: a float beyond all floats", BYTES("}\x8c\1aF1e400\ns."),
      DJS_DJANGO_MALFORMED, "", 0 },
    { "H03: infinity", BYTES("}\x8c\1aFinf\ns."), DJS_DJANGO_OK,
      "{\"a\":Infinity}", 1 },
    { "H03: a number in another base", BYTES("}\x8c\1aI0x1f\ns."),
      DJS_DJANGO_MALFORMED, "", 0 },
};

static void each_form_gives_its_verdict(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT(rows); i++) {
        djs_pickle_t out;
        djs_django_e verdict = read_pickle(&out, rows[i].pickle);

        if (verdict != rows[i].verdict || out.writable != rows[i].writable ||
            !djs_bytes_equal(out.json, djs_bytes(rows[i].json))) {
            fail_msg("%s: verdict %d, writable %d, %.*s", rows[i].label,
                     (int)verdict, out.writable, (int)out.json.len,
                     out.json.data);
        }
    }
}

/* H23: every opcode that could import, call, build, or reach outside. */
static void code_is_refused_at_its_opcode(void **state)
{
    static const char ops[] = "PQRbcio\x81\x82\x83\x84\x92\x93\x97\x98";

    (void)state;
    for (size_t i = 0; i < sizeof(ops) - 1; i++) {
        char alone[] = { ops[i] };
        char after[] = { '}', ops[i], 'o', 's', '\n', 'x', '\n', '.' };
        char hidden[] = { '0', '2', 's', ops[i], '.' };
        djs_pickle_t out;

        assert_int_equal(read_pickle(&out, djs_bytes_of(alone, 1)),
                         DJS_DJANGO_MALICIOUS);
        assert_int_equal(read_pickle(&out, djs_bytes_of(after, 8)),
                         DJS_DJANGO_MALICIOUS);
        /* also where the pickle is broken before it */
        assert_int_equal(read_pickle(&out, djs_bytes_of(hidden, 5)),
                         DJS_DJANGO_MALICIOUS);
        assert_int_equal(out.json.len, 0);
    }
}

/* `count` times `piece`, between `head` and `tail`. */
static djs_bytes_t repeated(const char *head, djs_bytes_t piece, size_t count,
                            const char *tail)
{
    size_t first = strlen(head);
    char *text = apr_palloc(pool, first + piece.len * count + strlen(tail) + 1);

    memcpy(text, head, first);
    for (size_t i = 0; i < count; i++) {
        memcpy(text + first + i * piece.len, piece.data, piece.len);
    }
    memcpy(text + first + count * piece.len, tail, strlen(tail) + 1);
    return djs_bytes_of(text, first + piece.len * count + strlen(tail));
}

static const struct {
    const char *label, *head;
    djs_bytes_t piece;
    size_t count;
    const char *tail;
} floods[] = {
    { "H31: a million lists inside each other", "}\x8c\1a", BYTES("]"), 1000000,
      "." },
    { "H31: a hundred thousand tuples", "}\x8c\1a)", BYTES("\x85"), 100000,
      "s." },
    { "H26: a million values on the stack", "", BYTES("N"), 1000000, "." },
    { "H26: a million marks", "", BYTES("("), 1000000, "." },
    { "H25: a million slots", "}", BYTES("\x94"), 1000000, "." },
};

/* Time is the process's own: others may be busy. */
static void floods_are_refused_at_once(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT(floods); i++) {
        djs_pickle_t out;
        clock_t start = clock();
        djs_django_e verdict =
            read_pickle(&out, repeated(floods[i].head, floods[i].piece,
                                       floods[i].count, floods[i].tail));

        if (verdict != DJS_DJANGO_MALICIOUS &&
            verdict != DJS_DJANGO_MALFORMED) {
            fail_msg("%s: %d", floods[i].label, (int)verdict);
        }
        assert_true(clock() - start < CLOCKS_PER_SEC);
        apr_pool_clear(pool);
    }
}

/* H28: twenty lists, each holding the one before it ten times, as the value of
 * a dict: 10^20 values if they were all written out. */
static void laughs_end_at_the_budget(void **state)
{
    char *text = apr_pstrdup(pool, "}\x8c\1a");
    djs_pickle_t out;

    (void)state;
    /* the outer lists first, so that none is left on the stack */
    for (int i = 20; i > 0; i--) {
        text = apr_pstrcat(pool, text, "](", NULL);
    }
    text = apr_pstrcat(pool, text, "]p0\n", NULL);
    for (int i = 0; i < 20; i++) {
        for (int k = 0; k < 9; k++) {
            text = apr_psprintf(pool, "%sg%d\n", text, i);
        }
        text = apr_psprintf(pool, "%sep%d\n", text, i + 1);
    }
    text = apr_pstrcat(pool, text, "s.", NULL);
    assert_int_equal(read_pickle(&out, djs_bytes(text)), DJS_DJANGO_MALICIOUS);
}

static void the_ceiling_is_exact(void **state)
{
    djs_bytes_t pickle = BYTES("}\x8c\1a\x8c\1bs.");
    djs_bytes_t json = djs_bytes("{\"a\":\"b\"}");
    djs_bytes_t out;
    djs_pickle_t read;

    (void)state;
    assert_int_equal(djs_pickle_read(&read, pickle, 9, pool), DJS_DJANGO_OK);
    assert_int_equal(djs_pickle_read(&read, pickle, 8, pool),
                     DJS_DJANGO_MALICIOUS);
    assert_int_equal(djs_pickle_write(&out, json, CEILING, pool), APR_SUCCESS);
    assert_int_equal(out.len, 12);
    assert_int_equal(djs_pickle_write(&out, json, 11, pool), DJS_ETOOBIG);
}

static const struct {
    const char *json;
    djs_bytes_t pickle;
} written[] = {
    { "{}", BYTES("\x80\4}.") },
    { "{\"a\":1,\"b\":\"x\"}", BYTES("\x80\4}(\x8c\1aK\1\x8c\1b\x8c\1xu.") },
    { "{\"a\":[],\"b\":[null,true,false]}",
      BYTES("\x80\4}(\x8c\1a]\x8c\1b](N\x88\x89"
            "eu.") },
    { "{\"a\":[256,-1,65536,4294967296]}",
      BYTES("\x80\4}(\x8c\1a](M\0\1J\xff\xff\xff\xffJ\0\0\1\0\x8a\5\0\0\0\0\1"
            "eu.") },
    { "{\"\\ud83d\\ude00\":\"\\ud83d\"}",
      BYTES("\x80\4}(\x8c\4\xf0\x9f\x98\x80\x8c\3\xed\xa0\xbdu.") },
    { "{\"a\":0.5}", BYTES("\x80\4}(\x8c\1aG?\xe0\0\0\0\0\0\0u.") },
};

static void what_is_written_is_protocol_4_without_frames(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT(written); i++) {
        djs_bytes_t out;

        assert_int_equal(
            djs_pickle_write(&out, djs_bytes(written[i].json), CEILING, pool),
            APR_SUCCESS);
        assert_int_equal(out.len, written[i].pickle.len);
        assert_memory_equal(out.data, written[i].pickle.data, out.len);
    }
}

static void only_a_normal_object_is_written(void **state)
{
    djs_bytes_t out;

    (void)state;
    assert_int_equal(djs_pickle_write(&out, djs_bytes("[]"), CEILING, pool),
                     DJS_ETYPE);
    assert_int_equal(djs_pickle_write(&out, djs_bytes("{ }"), CEILING, pool),
                     DJS_EINVALID);
    assert_int_equal(
        djs_pickle_write(&out, djs_bytes("{\"a\":}"), CEILING, pool),
        DJS_EINVALID);
    assert_int_equal(djs_pickle_write(&out, djs_bytes("{\"a\":\"\xc3\xa9\"}"),
                                      CEILING, pool),
                     DJS_EINVALID);
}

static void floats_are_written_as_python_writes_them(void **state)
{
    static const struct {
        double value;
        const char *text;
    } floats[] = { { 0.1, "0.1" },
                   { 1e16, "1e+16" },
                   { 1e15, "1000000000000000.0" },
                   { 0.0001, "0.0001" },
                   { 0.00001, "1e-05" },
                   { -0.0, "-0.0" },
                   { 5e-324, "5e-324" },
                   { 1.7976931348623157e308, "1.7976931348623157e+308" },
                   { 5.684341886080802e-14, "5.684341886080802e-14" },
                   { 9007199254740993.0, "9007199254740992.0" },
                   { 123456789.125, "123456789.125" } };

    (void)state;
    for (size_t i = 0; i < COUNT(floats); i++) {
        char text[DJS_FLOAT_LEN];
        int len = djs_float_write(text, floats[i].value);

        assert_string_equal(text, floats[i].text);
        assert_int_equal(len, strlen(text));
    }
}

#define WITH_POOL(test) cmocka_unit_test_setup_teardown(test, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        WITH_POOL(each_form_gives_its_verdict),
        WITH_POOL(code_is_refused_at_its_opcode),
        WITH_POOL(floods_are_refused_at_once),
        WITH_POOL(laughs_end_at_the_budget),
        WITH_POOL(the_ceiling_is_exact),
        WITH_POOL(what_is_written_is_protocol_4_without_frames),
        WITH_POOL(only_a_normal_object_is_written),
        WITH_POOL(floats_are_written_as_python_writes_them),
    };
    int failures;

    apr_initialize();
    failures = cmocka_run_group_tests_name("pickle", tests, NULL, NULL);
    apr_terminate();
    return failures;
}
