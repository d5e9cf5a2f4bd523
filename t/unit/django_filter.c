/* django_filter - asks the code that reads and writes Django's bytes many
 * questions in one process (pickle_against_python.py, django_both_ways.py, and
 * t/82, which puts Django's own cases to it).
 *
 * A question is a number of fields, each behind its length, the first of them
 * its name; numbers are four bytes, low byte first. The answer is a number (a
 * verdict, a status, an index), then bytes behind their length. */
#include <stdio.h>
#include <stdlib.h>
#include <time.h>
#include <apr_general.h>
#include <apr_pools.h>
#include <apr_strings.h>
#include "codec/django_auth.h"
#include "codec/django_cache.h"
#include "codec/django_sign.h"
#include "codec/pickle.h"
#include "codec/pynumber.h"
#include "session/cookie.h"
#include "session/theirs.h"
#include "store/site_rows.h"

#define UNLIMITED ((apr_size_t)1 << 26)
#define FIELDS    16

typedef struct {
    djs_bytes_t field[FIELDS];
    int count;
    djs_bytes_t answer;
    apr_pool_t *p;
} question_t;

static const char *text_of(question_t *q, int i)
{
    return apr_pstrmemdup(q->p, q->field[i].data, q->field[i].len);
}

static apr_int64_t number_of(question_t *q, int i)
{
    return apr_strtoi64(text_of(q, i), NULL, 10);
}

/* pickle: one byte says whether it may be written again, then JSON. */
static int show_pickle(question_t *q, djs_django_e verdict,
                       const djs_pickle_t *read)
{
    char *text = apr_palloc(q->p, read->json.len + 1);

    text[0] = read->writable ? '1' : '0';
    if (read->json.len > 0) {
        memcpy(text + 1, read->json.data, read->json.len);
    }
    q->answer = djs_bytes_of(text, read->json.len + 1);
    return (int)verdict;
}

static int ask_pickle(question_t *q)
{
    djs_pickle_t read;
    djs_django_e verdict = djs_pickle_read(&read, q->field[1], UNLIMITED, q->p);

    return show_pickle(q, verdict, &read);
}

static int ask_pickled(question_t *q)
{
    return djs_pickle_write(&q->answer, q->field[1], UNLIMITED, q->p);
}

static int ask_flagged(question_t *q)
{
    djs_pickle_t read;
    djs_django_e verdict = djs_django_flagged_read(
        &read, q->field[1], (apr_uint32_t)number_of(q, 2), UNLIMITED, q->p);

    return show_pickle(q, verdict, &read);
}

static int ask_file(question_t *q)
{
    djs_pickle_t read;
    djs_django_e verdict = djs_django_file_read(
        &read, q->field[1], number_of(q, 2), UNLIMITED, q->p);

    return show_pickle(q, verdict, &read);
}

static int ask_filed(question_t *q)
{
    return djs_django_file_write(&q->answer, q->field[1], number_of(q, 2),
                                 q->p);
}

static int ask_row(question_t *q)
{
    djs_pickle_t read;
    djs_django_e verdict =
        djs_django_row_read(&read, q->field[1], UNLIMITED, q->p);

    return show_pickle(q, verdict, &read);
}

/* Fields 2 to 5 are salt, time, greatest age (both in microseconds) and
 * whether SHA-1 counts; then the secrets. */
static djs_django_signer_t signer_of(question_t *q)
{
    djs_django_signer_t signer = { q->field + 6,    q->count - 6,
                                   q->field[2],     (int)number_of(q, 5),
                                   number_of(q, 4), number_of(q, 3) };

    return signer;
}

static int ask_loads(question_t *q)
{
    const djs_django_signer_t signer = signer_of(q);

    return (int)djs_django_loads(&q->answer, q->field[1], &signer, UNLIMITED,
                                 q->p);
}

static int ask_dumps(question_t *q)
{
    const djs_django_signer_t signer = signer_of(q);

    return djs_django_dumps(&q->answer, q->field[1], &signer, q->p);
}

static int ask_resign(question_t *q)
{
    const djs_django_signer_t signer = signer_of(q);

    return (int)djs_django_resign(&q->answer, q->field[1], &signer, q->p);
}

/* The session's hash, the stored password, whether SHA-1 counts, secrets. */
static int ask_auth(question_t *q)
{
    return (int)djs_django_auth_hash(q->field[1], q->field[2], q->field + 4,
                                     q->count - 4, (int)number_of(q, 3), q->p);
}

static int ask_password(question_t *q)
{
    return (int)djs_django_password(q->field[1], q->field[2], q->p);
}

/* 0 pymemcache, 1 pylibmc, 2 python-memcached; the entry's name; servers. */
static int ask_server(question_t *q)
{
    const char *servers[FIELDS];

    for (int i = 3; i < q->count; i++) {
        servers[i - 3] = text_of(q, i);
    }
    return djs_django_server((djs_django_client_e)number_of(q, 1), servers,
                             q->count - 3, q->field[2], q->p);
}

/* Prefix, version, engine, session key: the entry's name, a blank, its file. */
static int ask_names(question_t *q)
{
    const char *key = djs_django_cache_key(text_of(q, 1), text_of(q, 2),
                                           text_of(q, 3), q->field[4], q->p);

    q->answer = djs_bytes(apr_pstrcat(
        q->p, key, " ", djs_django_file_name(djs_bytes(key), q->p), NULL));
    return 0;
}

/* The text of a number: what is read, written again. */
static int ask_float(question_t *q)
{
    char *text = apr_palloc(q->p, DJS_FLOAT_LEN);
    double value;
    apr_status_t rv = djs_float_read(&value, q->field[1], q->p);

    if (rv == APR_SUCCESS) {
        q->answer =
            djs_bytes_of(text, (apr_size_t)djs_float_write(text, value));
    }
    return rv;
}

/* Engine, text, now, greatest age (both in microseconds), when it was written
 * (the same; of a file) or the text of expire_date, the site's time zone where
 * its times are local, the secret: 1 when it is alive, and its data. */
static int ask_alive(question_t *q)
{
    int is_file = djs_bytes_equal(q->field[1], djs_bytes("file"));
    struct djs_site site = { &q->field[7], 1, NULL, 0 };
    djs_place_t place = { .max_size = UNLIMITED, .site = &site };
    djs_terms_t terms = { .lifetime = { number_of(q, 4), 0 } };
    djs_theirs_t job = { &place, &terms, { number_of(q, 3), 0, 0 }, q->p };
    djs_entry_t entry = { .text = q->field[2] };
    djs_record_t record;
    int writable;

    if (djs_store_create(&place.store, is_file ? "django-file:/" : "django-db:",
                         NULL, 4096, q->p) != NULL) {
        return 2;
    }
    if (is_file) {
        entry.written = number_of(q, 5);
    }
    else {
        setenv("TZ", text_of(q, 6), 1);
        tzset();
        if (!djs_rows_time_read(&entry.expires, text_of(q, 5),
                                q->field[6].len > 0)) {
            return 2;
        }
    }
    if (djs_theirs_open(&record, &writable, &entry, &job) != APR_SUCCESS) {
        return 0;
    }
    q->answer = record.body;
    return 1;
}

/* A Cookie header: whether it has a key, and which. */
static int ask_last(question_t *q)
{
    djs_candidates_t sent;

    djs_cookie_last(&sent, q->field[1], djs_bytes("sessionid"), 1, q->p);
    q->answer = sent.count > 0 ? sent.keys[0] : djs_bytes("");
    return sent.count;
}

/* The data of a session that is saved, its key, now and its age (both in
 * microseconds), whether it ends with the browser: the Set-Cookie. */
static int ask_set_cookie(question_t *q)
{
    const djs_cookie_t cookie = { "sessionid",     NULL, "/", 0, 1, 0,
                                  DJS_SAMESITE_LAX };
    djs_terms_t terms = { .lifetime = { number_of(q, 4),
                                        (int)number_of(q, 5) } };
    djs_record_t record = { .body = q->field[1] };
    apr_time_t now = number_of(q, 3);
    apr_int64_t max_age;

    djs_theirs_stamp(&record, &max_age, &terms, now);
    q->answer =
        djs_bytes(djs_cookie_set(&cookie, text_of(q, 2), max_age, now, q->p));
    return 0;
}

static const struct {
    const char *name;
    int fields; /* at least so many, with the name */
    int (*ask)(question_t *q);
} questions[] = {
    { "pickle", 2, ask_pickle },        { "pickled", 2, ask_pickled },
    { "flagged", 3, ask_flagged },      { "file", 3, ask_file },
    { "filed", 3, ask_filed },          { "row", 2, ask_row },
    { "loads", 7, ask_loads },          { "dumps", 7, ask_dumps },
    { "resign", 7, ask_resign },        { "auth", 5, ask_auth },
    { "password", 3, ask_password },    { "server", 4, ask_server },
    { "names", 5, ask_names },          { "float", 2, ask_float },
    { "alive", 8, ask_alive },          { "last", 2, ask_last },
    { "setcookie", 6, ask_set_cookie },
};

static int get_number(apr_uint32_t *out)
{
    unsigned char b[4];

    if (fread(b, 1, 4, stdin) != 4) {
        return 0;
    }
    *out = b[0] | (apr_uint32_t)b[1] << 8 | (apr_uint32_t)b[2] << 16 |
           (apr_uint32_t)b[3] << 24;
    return 1;
}

static void put_number(apr_uint32_t number)
{
    for (int i = 0; i < 4; i++, number >>= 8) {
        putchar((int)(number & 255));
    }
}

/* Fields are not in the pool, so that a sanitizer sees where they end. */
static int read_question(question_t *q)
{
    apr_uint32_t count;
    apr_uint32_t len;

    if (!get_number(&count) || count > FIELDS) {
        return 0;
    }
    for (q->count = 0; q->count < (int)count; q->count++) {
        char *data;

        if (!get_number(&len)) {
            return 0;
        }
        data = malloc(len ? len : 1);
        if (!data || fread(data, 1, len, stdin) != len) {
            free(data);
            return 0;
        }
        q->field[q->count] = djs_bytes_of(data, len);
    }
    return 1;
}

static int answer(question_t *q)
{
    for (size_t i = 0; i < sizeof(questions) / sizeof(*questions); i++) {
        if (djs_bytes_equal(q->field[0], djs_bytes(questions[i].name)) &&
            q->count >= questions[i].fields) {
            int number = questions[i].ask(q);

            put_number((apr_uint32_t)number);
            put_number((apr_uint32_t)q->answer.len);
            fwrite(q->answer.data, 1, q->answer.len, stdout);
            return 1;
        }
    }
    return 0;
}

int main(void)
{
    question_t q = { .count = 0 };
    int good = 1;

    apr_initialize();
    apr_pool_create(&q.p, NULL);
    while (good && read_question(&q)) {
        q.answer = djs_bytes("");
        good = answer(&q);
        fflush(stdout);
        for (int i = 0; i < q.count; i++) {
            free((void *)q.field[i].data);
        }
        apr_pool_clear(q.p);
    }
    apr_terminate();
    return good ? 0 : 1;
}
