/* store/site_rows.c - rows of Django's table of sessions, by apr_dbd. */
#include <time.h>
#include <apr_lib.h>
#include <apr_strings.h>
#include "base/clock.h"
#include "store/dbd_row.h"
#include "store/site_rows.h"

#define TRIES 2 /* a connection may be stale: the database was restarted */

/* What the databases have not in common. */
typedef struct {
    const char *driver;  /* apr_dbd's name */
    char quote;          /* around a table's name */
    const char *expires; /* selects expire_date, as text of UTC or local time */
    const char *as_seen; /* compares the text, byte for byte */
    const char *zone;    /* behind a time */
    int has_zone;        /* times are told with it, whatever USE_TZ is */
    const char *first;   /* said before each statement, or NULL */
} dialect_t;

static const dialect_t dialects[] = {
    /* apr_dbd waits for a lock in steps of 100 ms, sixteen times. */
    { "sqlite3", '"', "expire_date", "session_data = '%s'", "", 0,
      "PRAGMA busy_timeout = 50" },
    { "pgsql", '"',
      "to_char(expire_date AT TIME ZONE 'UTC', 'YYYY-MM-DD HH24:MI:SS.US')",
      "session_data = '%s'", "+00", 1, NULL },
    { "mysql", '`', "expire_date", "session_data = CAST('%s' AS BINARY)", "", 0,
      NULL },
};

typedef enum { VERB_GET, VERB_ADD, VERB_CHANGE, VERB_TOUCH, VERB_END } verb_e;

/* One statement, and what it did. */
typedef struct {
    const djs_rows_t *rows;
    verb_e verb;
    djs_bytes_t key;
    djs_bytes_t seen; /* the text that must be there; NULL: any */
    djs_bytes_t text;
    apr_time_t expires;
    djs_call_t call;
    apr_pool_t *p;
    int count;         /* rows that were met */
    int unsure;        /* a try before the last one may have done it */
    djs_entry_t entry; /* the row that was found */
} job_t;

/* A connection that is borrowed. */
typedef struct {
    const dialect_t *dialect;
    const apr_dbd_driver_t *driver;
    apr_dbd_t *handle;
    void *lease;
} link_t;

/* ------------------------------------------------------------- options */

void djs_rows_init(djs_rows_t *rows, apr_size_t max_value)
{
    memset(rows, 0, sizeof *rows);
    rows->table = "django_session";
    rows->most = 2 * max_value + 1024; /* base64, and the signature */
}

static int is_table(const char *name)
{
    int dots = 0;

    for (const char *c = name; *c; c++) {
        dots += *c == '.';
        if (!apr_isalnum(*c) && *c != '_' && *c != '.') {
            return 0;
        }
    }
    return *name != '\0' && *name != '.' && dots <= 1 && strlen(name) <= 128;
}

int djs_rows_option(djs_rows_t *rows, const char **wrong, const char *option,
                    apr_pool_t *p)
{
    const char *is;

    *wrong = NULL;
    if (strncmp(option, "table=", 6) == 0) {
        rows->table = apr_pstrdup(p, option + 6);
        if (!is_table(rows->table)) {
            *wrong = apr_psprintf(p,
                                  "\"%s\": no name of a table: letters,"
                                  " digits, \"_\" and one \".\" are possible",
                                  option);
        }
        return 1;
    }
    if (strncmp(option, "timezone=", 9) == 0) {
        is = option + 9;
        rows->local = strcmp(is, "local") == 0;
        if (!rows->local && strcmp(is, "utc") != 0) {
            *wrong =
                apr_psprintf(p, "\"%s\": utc and local are possible", option);
        }
        return 1;
    }
    return 0;
}

/* --------------------------------------------------------------- times */

const char *djs_rows_time_text(apr_time_t when, int local, apr_pool_t *p)
{
    apr_time_exp_t t;
    char fraction[16] = "";
    apr_status_t rv;

    if (when > DJS_STORE_FOREVER) {
        when = DJS_STORE_FOREVER;
    }
    rv = local ? apr_time_exp_lt(&t, when) : apr_time_exp_gmt(&t, when);
    if (rv != APR_SUCCESS || when < 0) {
        return NULL;
    }
    if (t.tm_usec != 0) {
        apr_snprintf(fraction, sizeof fraction, ".%06d", t.tm_usec);
    }
    return apr_psprintf(p, "%04d-%02d-%02d %02d:%02d:%02d%s", t.tm_year + 1900,
                        t.tm_mon + 1, t.tm_mday, t.tm_hour, t.tm_min, t.tm_sec,
                        fraction);
}

/* As many digits as `form` has of a letter become numbers; the rest of it must
 * be there as it is. */
static int digits_of(int field[6], const char *text)
{
    static const char form[] = "0000-11-22 33:44:55";

    memset(field, 0, 6 * sizeof *field);
    for (int i = 0; form[i]; i++) {
        if (!apr_isdigit(form[i])) {
            if (text[i] != form[i]) {
                return 0;
            }
        }
        else if (!apr_isdigit(text[i])) {
            return 0;
        }
        else {
            field[form[i] - '0'] = 10 * field[form[i] - '0'] + text[i] - '0';
        }
    }
    return (int)sizeof form - 1;
}

static int is_moment(const int field[6])
{
    return field[1] >= 1 && field[1] <= 12 && field[2] >= 1 && field[2] <= 31 &&
           field[3] <= 23 && field[4] <= 59 && field[5] <= 60;
}

int djs_rows_time_read(apr_time_t *when, const char *text, int local)
{
    apr_time_exp_t t;
    struct tm tm;
    int field[6], used = digits_of(field, text), usec = 0;

    if (used == 0 || !is_moment(field)) {
        return 0;
    }
    text += used;
    if (*text == '.') {
        for (int i = 0, unit = 100000; i < 6 && apr_isdigit(*++text); i++) {
            usec += (*text - '0') * unit;
            unit /= 10;
        }
        text += apr_isdigit(*text) ? 1 : 0;
    }
    if (*text != '\0') {
        return 0;
    }
    *when = 1; /* long ago; 0 would be no end at all */
    if (field[0] < 1970) {
        return 1;
    }
    memset(&t, 0, sizeof t);
    memset(&tm, 0, sizeof tm);
    tm.tm_year = t.tm_year = field[0] - 1900;
    tm.tm_mon = t.tm_mon = field[1] - 1;
    tm.tm_mday = t.tm_mday = field[2];
    tm.tm_hour = t.tm_hour = field[3];
    tm.tm_min = t.tm_min = field[4];
    tm.tm_sec = t.tm_sec = field[5];
    if (local) {
        tm.tm_isdst = -1; /* an hour that comes twice: the library's choice */
        *when = apr_time_from_sec(mktime(&tm)) + usec;
    }
    else {
        t.tm_usec = usec;
        if (apr_time_exp_gmt_get(when, &t) != APR_SUCCESS) {
            return 0;
        }
    }
    *when = *when > 0 ? *when : 1;
    return 1;
}

/* ---------------------------------------------------------- statements */

/* What may stand in a statement as it is: signed texts have nothing else. */
static int is_plain(djs_bytes_t text)
{
    for (apr_size_t i = 0; i < text.len; i++) {
        char c = text.data[i];

        if (!apr_isalnum(c) && (c == '\0' || !strchr("-_.:+/=", c))) {
            return 0;
        }
    }
    return 1;
}

/* A schema and a name are quoted each, or PostgreSQL would fold their case. */
static const char *table_of(const job_t *job, char quote)
{
    const char *name = job->rows->table, *dot = strchr(name, '.');

    return dot ? apr_psprintf(job->p, "%c%.*s%c.%c%s%c", quote,
                              (int)(dot - name), name, quote, quote, dot + 1,
                              quote)
               : apr_psprintf(job->p, "%c%s%c", quote, name, quote);
}

/* As a literal of SQL; NULL: it has none. */
static const char *time_text(const job_t *job, const dialect_t *dialect,
                             apr_time_t when)
{
    const char *text = djs_rows_time_text(
        when, job->rows->local && !dialect->has_zone, job->p);

    return text ? apr_pstrcat(job->p, "'", text, dialect->zone, "'", NULL)
                : NULL;
}

static const char *statement(const job_t *job, const dialect_t *dialect)
{
    apr_pool_t *p = job->p;
    const char *table = table_of(job, dialect->quote);
    const char *key = apr_pstrmemdup(p, job->key.data, job->key.len);
    const char *text = apr_pstrmemdup(p, job->text.data, job->text.len);
    const char *where = apr_psprintf(p, "session_key = '%s'", key);
    const char *until, *now;

    if (job->verb == VERB_GET) {
        return apr_psprintf(p, "SELECT session_data, %s FROM %s WHERE %s",
                            dialect->expires, table, where);
    }
    if (job->seen.data) {
        where = apr_pstrcat(
            p, where, " AND ",
            apr_psprintf(p, dialect->as_seen,
                         apr_pstrmemdup(p, job->seen.data, job->seen.len)),
            NULL);
    }
    if (job->verb == VERB_END) {
        return apr_psprintf(p, "DELETE FROM %s WHERE %s", table, where);
    }
    until = time_text(job, dialect, job->expires);
    now = time_text(job, dialect, job->call.now);
    if (until == NULL || now == NULL) {
        return NULL;
    }
    switch (job->verb) {
    case VERB_ADD:
        return apr_psprintf(p,
                            "INSERT INTO %s (session_key, session_data,"
                            " expire_date) VALUES ('%s', '%s', %s)",
                            table, key, text, until);
    case VERB_CHANGE:
        return apr_psprintf(p,
                            "UPDATE %s SET session_data = '%s',"
                            " expire_date = %s WHERE %s",
                            table, text, until, where);
    case VERB_TOUCH:
    case VERB_GET:
    case VERB_END:
    default:
        return apr_psprintf(p,
                            "UPDATE %s SET expire_date = %s WHERE %s AND"
                            " expire_date > %s",
                            table, until, where, now);
    }
}

static void tell(const job_t *job, const char *text)
{
    const djs_dbd_t *dbd = job->rows->dbd;

    if (dbd->tell) {
        dbd->tell(dbd->baton, text, job->p);
    }
}

/* ---------------------------------------------------------- connections */

static void close_link(const djs_dbd_t *dbd, link_t *link)
{
    if (dbd->close) {
        dbd->close(dbd->baton, link->lease);
    }
}

static apr_status_t open_link(link_t *link, const job_t *job)
{
    const djs_dbd_t *dbd = job->rows->dbd;
    const char *name;
    apr_status_t rv;

    memset(link, 0, sizeof *link);
    rv = dbd->open(dbd->baton, &link->driver, &link->handle, &link->lease,
                   job->p);
    if (rv != APR_SUCCESS) {
        return rv;
    }
    name = apr_dbd_name(link->driver);
    for (apr_size_t i = 0; i < sizeof dialects / sizeof *dialects; i++) {
        if (strcmp(name, dialects[i].driver) == 0) {
            link->dialect = &dialects[i];
            return APR_SUCCESS;
        }
    }
    tell(job, apr_pstrcat(job->p, "DBDriver ", name,
                          " is none that Django uses: sqlite3, pgsql and mysql"
                          " are",
                          NULL));
    close_link(dbd, link);
    return DJS_ETROUBLE;
}

static apr_status_t fetch(job_t *job, const link_t *link, const char *sql)
{
    int local = job->rows->local && !link->dialect->has_zone;
    apr_dbd_results_t *results = NULL;
    const char *texts[2]; /* session_data, expire_date */
    apr_pool_t *scratch;
    apr_status_t rv = DJS_ETROUBLE;
    int failed;

    apr_pool_create(&scratch, job->p);
    failed = apr_dbd_select(link->driver, scratch, link->handle, &results, sql,
                            djs_dbd_random(link->driver));
    if (failed) {
        tell(job, apr_dbd_error(link->driver, link->handle, failed));
    }
    else {
        rv = djs_dbd_first(texts, 2, link->driver, link->handle, results,
                           job->p);
    }
    apr_pool_destroy(scratch);
    if (rv == APR_SUCCESS &&
        (!texts[0] || !texts[1] ||
         !djs_rows_time_read(&job->entry.expires, texts[1], local))) {
        rv = DJS_EUNREADABLE;
    }
    if (rv == APR_SUCCESS) {
        job->entry.text = djs_bytes(texts[0]);
    }
    return rv;
}

/* What fails of an INSERT may be for the caller. */
static apr_status_t query(job_t *job, const link_t *link, const char *sql)
{
    int failed = apr_dbd_query(link->driver, link->handle, &job->count, sql);

    if (failed && job->verb != VERB_ADD) {
        tell(job, apr_dbd_error(link->driver, link->handle, failed));
    }
    return failed ? DJS_ETROUBLE : APR_SUCCESS;
}

static apr_status_t ask_once(job_t *job)
{
    const char *sql;
    link_t link;
    apr_status_t rv = open_link(&link, job);

    if (rv != APR_SUCCESS) {
        return rv;
    }
    job->count = 0;
    if (link.dialect->first) {
        int none;

        (void)apr_dbd_query(link.driver, link.handle, &none,
                            link.dialect->first);
    }
    sql = statement(job, link.dialect);
    rv = sql == NULL             ? DJS_EINVALID
         : job->verb == VERB_GET ? fetch(job, &link, sql)
                                 : query(job, &link, sql);
    close_link(job->rows->dbd, &link);
    return rv;
}

/* An INSERT is not repeated blindly: djs_rows_add looks what became of it. */
static apr_status_t ask(job_t *job)
{
    apr_status_t rv = DJS_ETROUBLE;
    int tries = job->verb == VERB_ADD ? 1 : TRIES;

    job->unsure = 0;
    for (int i = 0; i < tries && rv == DJS_ETROUBLE; i++) {
        job->unsure = i > 0;
        if (djs_clock_steady() >= job->call.until) {
            return DJS_ETIMEOUT;
        }
        rv = ask_once(job);
    }
    return rv;
}

/* --------------------------------------------------------------- methods */

static job_t job_of(const djs_rows_t *rows, verb_e verb, djs_bytes_t key,
                    djs_call_t call, apr_pool_t *p)
{
    job_t job;

    memset(&job, 0, sizeof job);
    job.rows = rows;
    job.verb = verb;
    job.key = key;
    job.call = call;
    job.p = p;
    return job;
}

apr_status_t djs_rows_get(const djs_rows_t *rows, djs_bytes_t key,
                          djs_call_t call, djs_entry_t *out, apr_pool_t *p)
{
    job_t job = job_of(rows, VERB_GET, key, call, p);
    apr_status_t rv = ask(&job);

    if (rv != APR_SUCCESS) {
        return rv;
    }
    *out = job.entry;
    return out->text.len > rows->most ? DJS_ETOOBIG : APR_SUCCESS;
}

static int same(djs_bytes_t a, djs_bytes_t b)
{
    return a.len == b.len && memcmp(a.data, b.data, a.len) == 0;
}

apr_status_t djs_rows_add(const djs_rows_t *rows, djs_bytes_t key,
                          const djs_entry_t *entry, djs_call_t call,
                          apr_pool_t *scratch)
{
    job_t job = job_of(rows, VERB_ADD, key, call, scratch);
    djs_entry_t there;
    apr_status_t rv;

    job.text = entry->text;
    job.expires = entry->expires;
    rv = ask(&job);
    if (rv != DJS_ETROUBLE) {
        return rv;
    }
    rv = djs_rows_get(rows, key, call, &there, scratch);
    if (rv == DJS_EABSENT) { /* nothing is in its way, and it failed */
        return ask(&job);
    }
    if (rv == APR_SUCCESS && same(there.text, entry->text)) {
        return APR_SUCCESS; /* ours, whose answer was lost */
    }
    return rv == APR_SUCCESS || rv == DJS_EUNREADABLE || rv == DJS_ETOOBIG
               ? DJS_ETAKEN
               : rv;
}

/* Two requests that do the same write the same text, but not in the same
 * microsecond. */
static int is_as(const djs_entry_t *a, const djs_entry_t *b)
{
    return same(a->text, b->text) && a->expires == b->expires;
}

/* Writes, or ends, what is as `current` says. APR_EAGAIN: it is not so. */
static apr_status_t replace(job_t *job, const djs_entry_t *current,
                            const djs_entry_t *next)
{
    djs_entry_t there;
    apr_status_t rv;
    int unsure;

    job->verb = next->gone ? VERB_END : VERB_CHANGE;
    job->seen = current->text;
    job->text = next->text;
    job->expires = next->expires;
    if (!is_plain(job->seen)) {
        return DJS_EUNREADABLE; /* then nobody has signed it */
    }
    rv = ask(job);
    if (rv != APR_SUCCESS || job->count > 0) {
        return rv;
    }
    if (!next->gone && is_as(current, next)) {
        return APR_SUCCESS; /* MySQL counts no row that stays as it is */
    }
    unsure = job->unsure;
    rv = djs_rows_get(job->rows, job->key, job->call, &there, job->p);
    if (rv == APR_SUCCESS && unsure && is_as(&there, next)) {
        return APR_SUCCESS; /* ours, whose answer was lost */
    }
    return rv == APR_SUCCESS ? APR_EAGAIN : rv;
}

apr_status_t djs_rows_change(const djs_rows_t *rows, djs_bytes_t key,
                             djs_entry_fn fn, void *baton, djs_call_t call,
                             apr_pool_t *scratch)
{
    job_t job = job_of(rows, VERB_CHANGE, key, call, scratch);
    djs_entry_t current, next;
    apr_status_t rv;

    do {
        memset(&next, 0, sizeof next);
        rv = djs_rows_get(rows, key, call, &current, scratch);
        if (rv == DJS_ETOOBIG) {
            rv = DJS_EUNREADABLE;
        }
        if (rv == APR_SUCCESS) {
            rv = fn(&next, &current, baton, scratch);
        }
        if (rv == APR_SUCCESS && (next.gone || next.text.data)) {
            rv = replace(&job, &current, &next);
        }
        if (rv == APR_EAGAIN && djs_clock_steady() >= call.until) {
            rv = DJS_ETIMEOUT;
        }
    } while (rv == APR_EAGAIN);
    return rv;
}

apr_status_t djs_rows_touch(const djs_rows_t *rows, djs_bytes_t key,
                            apr_time_t expires, djs_call_t call,
                            apr_pool_t *scratch)
{
    job_t job = job_of(rows, VERB_TOUCH, key, call, scratch);
    djs_entry_t there;
    apr_status_t rv;

    job.expires = expires;
    rv = ask(&job);
    if (rv == APR_SUCCESS && job.count == 0) { /* gone, or as it is already */
        rv = djs_rows_get(rows, key, call, &there, scratch);
        if (rv == APR_SUCCESS && there.expires <= call.now) {
            rv = DJS_EABSENT; /* the site has ended it by its date */
        }
    }
    return rv;
}

apr_status_t djs_rows_remove(const djs_rows_t *rows, djs_bytes_t key,
                             djs_call_t call, apr_pool_t *scratch)
{
    job_t job = job_of(rows, VERB_END, key, call, scratch);

    return ask(&job);
}
