/* httpd/dbd.c - the site's database, through mod_dbd.
 *
 * mod_dbd is found by its optional functions: who needs no database need not
 * load it. */
#include <stdatomic.h>
#include <apr_dbd.h>
#include <apr_lib.h>
#include <apr_optional.h>
#include <apr_strings.h>
#include <httpd.h>
#include <http_config.h>
#include <http_log.h>
#include <mod_dbd.h>
#include "base/clock.h"
#include "httpd/dbd.h"
#include "store/dbd_row.h"

extern module AP_MODULE_DECLARE_DATA djsession_module;
APLOG_USE_MODULE(djsession);

#define QUICK      (50 * 1000) /* microseconds: a stale connection is found */
#define TRIES      3 /* mod_dbd drops a stale connection and has another one */
#define TELL_EVERY apr_time_from_sec(10)
#define WORD_MOST  23 /* a longer word may be a key or a signature */

static APR_OPTIONAL_FN_TYPE(ap_dbd_open) * dbd_open;
static APR_OPTIONAL_FN_TYPE(ap_dbd_close) * dbd_close;

/* When this process last said what a database says. */
static atomic_llong told;

int djs_dbd_find(void)
{
    dbd_open = APR_RETRIEVE_OPTIONAL_FN(ap_dbd_open);
    dbd_close = APR_RETRIEVE_OPTIONAL_FN(ap_dbd_close);
    return dbd_open && dbd_close;
}

static ap_dbd_t *connect_to(server_rec *s, apr_pool_t *p)
{
    apr_time_t began = djs_clock_steady();
    ap_dbd_t *dbd = dbd_open(p, s);

    for (int i = 1; i < TRIES && !dbd && djs_clock_steady() - began < QUICK;
         i++) {
        dbd = dbd_open(p, s);
    }
    return dbd;
}

/* The first line, with dots in the place of words that could be a secret. */
static const char *harmless(const char *text, apr_pool_t *p)
{
    char *out = apr_palloc(p, strlen(text) + 1), *to = out, *word = out;
    int len = 0; /* of the word, as far as it has been seen */

    for (; *text && *text != '\n'; text++) {
        if (!apr_isalnum(*text) && !strchr("-_:.", *text)) {
            *to++ = apr_isprint(*text) ? *text : '?';
            word = to;
            len = 0;
        }
        else if (++len <= WORD_MOST) {
            *to++ = *text;
        }
        else {
            memcpy(word, "...", 3); /* and nothing of the rest of it */
            to = word + 3;
        }
    }
    *to = '\0';
    return out;
}

/* An outage has many requests, and each would say the same. */
static void tell(void *baton, const char *text, apr_pool_t *p)
{
    server_rec *s = baton;
    long long now = djs_clock_steady(), last = atomic_load(&told);

    if (last != 0 && now - last < TELL_EVERY) {
        return;
    }
    if (atomic_compare_exchange_strong(&told, &last, now)) {
        ap_log_error(APLOG_MARK, APLOG_ERR, 0, s,
                     "DJS221: the database says: %s",
                     harmless(text ? text : "nothing", p));
    }
}

/* --------------------------------------------------------- for a store */

static apr_status_t lend_open(void *baton, const apr_dbd_driver_t **driver,
                              apr_dbd_t **handle, void **lease, apr_pool_t *p)
{
    ap_dbd_t *dbd = connect_to(baton, p);

    if (!dbd) {
        tell(baton,
             "mod_dbd has no connection: see its own lines here, and DBDriver"
             " and DBDParams",
             p);
        return DJS_ETROUBLE;
    }
    *driver = dbd->driver;
    *handle = dbd->handle;
    *lease = dbd;
    return APR_SUCCESS;
}

static void lend_close(void *baton, void *lease)
{
    dbd_close(baton, lease);
}

const djs_dbd_t *djs_dbd_lend(server_rec *s, apr_pool_t *p)
{
    djs_dbd_t *dbd = apr_palloc(p, sizeof *dbd);

    dbd->open = lend_open;
    dbd->close = lend_close;
    dbd->tell = tell;
    dbd->baton = s;
    return dbd;
}

/* ------------------------------------------------------------ accounts */

const djs_query_t *djs_dbd_query(const char *text, apr_pool_t *p)
{
    static atomic_int count; /* labels of one connection must differ */
    djs_query_t *query = apr_palloc(p, sizeof *query);

    query->text = text;
    query->label = apr_psprintf(p, "djsession_%d", ++count);
    return query;
}

/* Whatever the database calls true, or false. */
static int is_true(const char *text)
{
    return strcmp(text, "1") == 0 || strcmp(text, "t") == 0 ||
           strcasecmp(text, "true") == 0;
}

static int is_false(const char *text)
{
    return strcmp(text, "0") == 0 || strcmp(text, "f") == 0 ||
           strcasecmp(text, "false") == 0;
}

/* NULL, or what is wrong with the columns. */
static const char *take_row(djs_account_t *out, const char *const texts[2])
{
    if (!texts[1] || (!is_true(texts[1]) && !is_false(texts[1]))) {
        return "the second column of the query of users is neither true nor"
               " false: it must find password and is_active, in this order";
    }
    out->password = djs_bytes(texts[0] ? texts[0] : "");
    out->active = is_true(texts[1]);
    return NULL;
}

/* A statement of one connection, for all its life but for that. */
typedef struct {
    apr_dbd_prepared_t *statement;
    apr_pool_t *pool;
} prepared_t;

static int prepare(prepared_t **out, const ap_dbd_t *dbd,
                   const djs_query_t *query)
{
    apr_pool_t *pool;
    int failed;

    *out = apr_hash_get(dbd->prepared, query->label, APR_HASH_KEY_STRING);
    if (*out) {
        return 0;
    }
    apr_pool_create(&pool, dbd->pool);
    *out = apr_pcalloc(pool, sizeof **out);
    (*out)->pool = pool;
    failed = apr_dbd_prepare(dbd->driver, pool, dbd->handle, query->text, NULL,
                             &(*out)->statement);
    if (failed) {
        apr_pool_destroy(pool);
        return failed;
    }
    apr_hash_set(dbd->prepared, query->label, APR_HASH_KEY_STRING, *out);
    return 0;
}

/* The drivers of pgsql and mysql make a broken connection anew by themselves,
 * which then has prepared nothing, and mod_dbd does not hear of it. sqlite3's
 * holds on to its statements until it is closed; one that met a lock is good,
 * one of before a table was made or changed is not. */
static void forget(prepared_t *prepared, const ap_dbd_t *dbd,
                   const djs_query_t *query, int failed)
{
    int is_sqlite = strcmp(apr_dbd_name(dbd->driver), "sqlite3") == 0;
    const char *error = apr_dbd_error(dbd->driver, dbd->handle, failed);

    if (!is_sqlite || !error || !strstr(error, "locked")) {
        apr_hash_set(dbd->prepared, query->label, APR_HASH_KEY_STRING, NULL);
    }
    if (!is_sqlite) {
        apr_pool_destroy(prepared->pool);
    }
}

static int run(apr_dbd_results_t **results, const ap_dbd_t *dbd,
               const djs_query_t *query, const char *argument, apr_pool_t *p)
{
    prepared_t *prepared;
    int failed = prepare(&prepared, dbd, query);

    if (failed) {
        return failed;
    }
    failed = apr_dbd_pvselect(dbd->driver, p, dbd->handle, results,
                              prepared->statement, djs_dbd_random(dbd->driver),
                              argument, NULL);
    if (failed) {
        forget(prepared, dbd, query, failed);
    }
    return failed;
}

static apr_status_t ask(djs_account_t *out, const ap_dbd_t *dbd,
                        const djs_query_t *query, const char *argument,
                        const char **error, apr_pool_t *p)
{
    apr_dbd_results_t *results = NULL;
    const char *texts[2]; /* password, is_active */
    const char *wrong;
    apr_pool_t *scratch;
    apr_status_t rv = DJS_ETROUBLE;
    int failed;

    apr_pool_create(&scratch, p);
    failed = run(&results, dbd, query, argument, scratch);
    if (failed) {
        *error =
            apr_pstrdup(p, apr_dbd_error(dbd->driver, dbd->handle, failed));
    }
    else if (apr_dbd_num_cols(dbd->driver, results) != 2) {
        *error = "the query of users does not find two columns: password and"
                 " is_active";
    }
    else {
        rv = djs_dbd_first(texts, 2, dbd->driver, dbd->handle, results, p);
    }
    apr_pool_destroy(scratch);
    if (rv == APR_SUCCESS && (wrong = take_row(out, texts)) != NULL) {
        *error = wrong;
        rv = DJS_ETROUBLE;
    }
    return rv;
}

apr_status_t djs_dbd_account(djs_account_t *out, server_rec *s,
                             const djs_query_t *query, const char *argument,
                             apr_pool_t *p)
{
    const char *error = "the query of users can not be asked";
    apr_time_t began = djs_clock_steady();
    apr_status_t rv = DJS_ETROUBLE;
    ap_dbd_t *dbd;

    for (int i = 0; i < TRIES && rv == DJS_ETROUBLE &&
                    (i == 0 || djs_clock_steady() - began < QUICK);
         i++) {
        memset(out, 0, sizeof *out);
        dbd = connect_to(s, p);
        if (!dbd) {
            error = "mod_dbd has no connection: see its own lines here";
            break;
        }
        rv = ask(out, dbd, query, argument, &error, p);
        dbd_close(s, dbd);
    }
    if (rv == DJS_ETROUBLE) {
        tell(s, error, p);
    }
    return rv;
}
