/* tool/commands.c - what djsessionctl can do with the sessions of a store.
 *
 * A session is called by its tag. Keys can not be shown, for a store does not
 * know them; values are shown where --data asks for them. */
#include <stdio.h>
#include <string.h>
#include <apr_strings.h>
#include <apr_tables.h>
#include "base/clock.h"
#include "session/revoke.h"
#include "tool/commands.h"

#define PATIENCE apr_time_from_sec(10) /* for one call to the store */
#define WALK     apr_time_from_sec(3600)
#define TIME_LEN 21 /* 2026-12-01T00:00:00Z and its NUL */

static djs_call_t call_within(apr_interval_time_t time)
{
    djs_call_t call = { apr_time_now(), djs_clock_steady() + time };

    return call;
}

static djs_ctl_e failed(const djs_ctl_t *ctl, apr_status_t rv)
{
    char text[160];

    if (rv == APR_ENOTIMPL) {
        fprintf(stderr,
                "djsessionctl: %s: memcached can not list what it keeps, so"
                " its sessions can not be found by tag or counted; with DBM"
                " files behind it they can\n",
                djs_store_name(ctl->store));
        return DJS_CTL_FAILED;
    }
    fprintf(stderr, "djsessionctl: %s: %s\n", djs_store_name(ctl->store),
            djs_status_text(rv, text, sizeof(text)));
    return DJS_CTL_FAILED;
}

/* A time of day as RFC 3339 writes it; "-" for never. */
static const char *day(char out[TIME_LEN], apr_time_t when)
{
    apr_time_exp_t at;

    if (when == 0 || apr_time_exp_gmt(&at, when) != APR_SUCCESS) {
        return "-";
    }
    apr_snprintf(out, TIME_LEN, "%04d-%02d-%02dT%02d:%02d:%02dZ",
                 (at.tm_year + 1900) % 10000, at.tm_mon + 1, at.tm_mday,
                 at.tm_hour, at.tm_min, at.tm_sec);
    return out;
}

/* ------------------------------------------------------------ the records */

/* A walk over the sessions of the namespace. */
typedef struct walk walk_t;

struct walk {
    djs_ctl_t *ctl;
    void (*each)(walk_t *walk, djs_bytes_t store_key,
                 const djs_record_t *record);
    apr_uint64_t opened;
    apr_uint64_t closed;      /* records that did not open */
    apr_array_header_t *keys; /* of char *: store keys, where they are wanted */
    apr_pool_t *scratch;      /* cleared after each record */
};

static apr_status_t open_record(djs_bytes_t key, djs_bytes_t val,
                                apr_time_t expires, void *baton)
{
    walk_t *walk = baton;
    const djs_options_t *options = walk->ctl->options;
    const djs_record_place_t place = { djs_bytes(options->name_space), key };
    djs_record_t record;
    apr_status_t rv;

    (void)expires; /* the record's own deadline is authenticated */
    rv = djs_record_open(&record, val,
                         options->bare ? DJS_RECORD_BARE : DJS_RECORD_SEALED,
                         place, walk->ctl->ring, walk->scratch);
    if (rv != APR_SUCCESS) {
        walk->closed++;
    }
    else if (record.kind != DJS_RECORD_SESSION) {
        /* an alias, a mark or a list: no session, but all is well */
    }
    else if (!options->tag || strcmp(record.tag, options->tag) == 0) {
        walk->opened++;
        if (walk->each) {
            walk->each(walk, key, &record);
        }
    }
    apr_pool_clear(walk->scratch);
    return ferror(stdout) ? APR_EOF : APR_SUCCESS;
}

/* Shows every session (with a tag: that one) to walk->each. */
static apr_status_t go(walk_t *walk, djs_ctl_t *ctl)
{
    apr_pool_t *pool;
    apr_status_t rv;

    walk->ctl = ctl;
    apr_pool_create(&walk->scratch, ctl->p);
    apr_pool_create(&pool, ctl->p);
    rv = djs_store_each(ctl->store, open_record, walk, call_within(WALK), pool);
    apr_pool_destroy(pool);
    return rv;
}

/* How a command ends that has seen all it asked for, but for the records that
 * do not open: those are a failure, and what they most likely are is said. */
static djs_ctl_e tell_closed(const walk_t *walk)
{
    if (walk->closed == 0) {
        return DJS_CTL_DONE;
    }
    fprintf(stderr,
            "djsessionctl: %" APR_UINT64_T_FMT
            " records do not open: they belong to another namespace"
            " (--namespace is the host's DjSessionNamespace, or else its"
            " ServerName) or are sealed under another secret (--secret-file,"
            " as in DjSessionSecretFile); if not, they are damaged\n",
            walk->closed);
    return DJS_CTL_FAILED;
}

/* ----------------------------------------------------------- the commands */

static void list_one(walk_t *walk, djs_bytes_t store_key,
                     const djs_record_t *record)
{
    char created[TIME_LEN], saved[TIME_LEN], expires[TIME_LEN];

    (void)walk;
    (void)store_key;
    printf("%s  %-20s  %-20s  %-20s  %6" APR_SIZE_T_FMT "\n", record->tag,
           day(created, record->created), day(saved, record->saved),
           day(expires, record->expires), record->body.len);
}

static djs_ctl_e list(djs_ctl_t *ctl)
{
    walk_t walk = { .each = list_one };
    apr_status_t rv;

    printf("%-12s  %-20s  %-20s  %-20s  %6s\n", "TAG", "CREATED", "SAVED",
           "EXPIRES", "BYTES");
    rv = go(&walk, ctl);
    return rv == APR_SUCCESS ? tell_closed(&walk) : failed(ctl, rv);
}

static void show_one(walk_t *walk, djs_bytes_t store_key,
                     const djs_record_t *record)
{
    char text[TIME_LEN];

    (void)store_key;
    printf("tag            %s\n", record->tag);
    printf("created        %s\n", day(text, record->created));
    printf("key given      %s\n", day(text, record->keyed));
    printf("last login     %s\n", day(text, record->authenticated));
    printf("saved          %s\n", day(text, record->saved));
    printf("expires        %s\n", day(text, record->expires));
    printf("lifetime       %" APR_INT64_T_FMT " s\n",
           apr_time_sec(record->age));
    printf("saves          %" APR_UINT64_T_FMT "\n", record->version);
    printf("born over TLS  %s\n",
           record->flags & DJS_RECORD_TLS ? "yes" : "no");
    printf("ends with      %s\n",
           record->flags & DJS_RECORD_BROWSER ? "the browser" : "its deadline");
    printf("bytes          %" APR_SIZE_T_FMT "\n", record->body.len);
    if (walk->ctl->options->data) {
        printf("data           %.*s\n", (int)record->body.len,
               record->body.data);
    }
}

static djs_ctl_e not_there(const djs_ctl_t *ctl, const walk_t *walk)
{
    (void)tell_closed(walk);
    fprintf(stderr, "djsessionctl: no session %s\n", ctl->options->tag);
    return DJS_CTL_FAILED;
}

static djs_ctl_e show(djs_ctl_t *ctl)
{
    walk_t walk = { .each = show_one };
    apr_status_t rv = go(&walk, ctl);

    if (rv != APR_SUCCESS) {
        return failed(ctl, rv);
    }
    return walk.opened ? DJS_CTL_DONE : not_there(ctl, &walk);
}

/* What is found is removed after the walk: it may hold locks. */
static void note_key(walk_t *walk, djs_bytes_t store_key,
                     const djs_record_t *record)
{
    (void)record;
    APR_ARRAY_PUSH(walk->keys, char *) =
        apr_pstrmemdup(walk->ctl->p, store_key.data, store_key.len);
}

static djs_ctl_e remove_session(djs_ctl_t *ctl)
{
    walk_t walk = { .each = note_key };
    apr_status_t rv;

    walk.keys = apr_array_make(ctl->p, 1, sizeof(char *));
    rv = go(&walk, ctl);
    for (int i = 0; rv == APR_SUCCESS && i < walk.keys->nelts; i++) {
        rv = djs_store_remove(ctl->store,
                              djs_bytes(APR_ARRAY_IDX(walk.keys, i, char *)),
                              call_within(PATIENCE), ctl->p);
    }
    if (rv != APR_SUCCESS) {
        return failed(ctl, rv);
    }
    if (walk.opened == 0) {
        return not_there(ctl, &walk);
    }
    printf("session %s is removed\n", ctl->options->tag);
    return DJS_CTL_DONE;
}

/* After it no request finds one of them alive. */
static djs_ctl_e revoke_sessions(djs_ctl_t *ctl)
{
    const djs_options_t *options = ctl->options;
    djs_place_t place = { .store = ctl->store,
                          .ring = ctl->ring,
                          .mode = options->bare ? DJS_RECORD_BARE
                                                : DJS_RECORD_SEALED,
                          .ns = djs_bytes(options->name_space),
                          .random = djs_random };
    const djs_revoke_t ask = { &place, call_within(PATIENCE), ctl->p };
    apr_status_t rv = djs_commit_prepare(&place);

    if (rv == APR_SUCCESS) {
        rv = djs_revoke(djs_bytes(options->all ? "" : options->user), &ask);
    }
    if (rv != APR_SUCCESS) {
        (void)failed(ctl, rv);
        fprintf(stderr, "djsessionctl: some of the sessions may live on: run"
                        " this again when the whole store answers\n");
        return DJS_CTL_FAILED;
    }
    if (options->all) {
        printf("every session of %s has ended\n", options->name_space);
    }
    else {
        printf("every session of that user in %s has ended\n",
               options->name_space);
    }
    return DJS_CTL_DONE;
}

static djs_ctl_e check(djs_ctl_t *ctl)
{
    walk_t walk = { 0 };
    apr_status_t rv = go(&walk, ctl);

    printf("%" APR_UINT64_T_FMT " sessions open, %" APR_UINT64_T_FMT
           " records do not\n",
           walk.opened, walk.closed);
    if (rv != APR_SUCCESS) {
        return failed(ctl, rv);
    }
    return tell_closed(&walk);
}

static djs_ctl_e sweep(djs_ctl_t *ctl)
{
    djs_sweep_t did = { 0 };
    apr_pool_t *pool;
    apr_status_t rv;

    apr_pool_create(&pool, ctl->p);
    do {
        rv = djs_store_sweep(ctl->store, &did, call_within(PATIENCE), pool);
        apr_pool_clear(pool);
    } while (rv == APR_EAGAIN);
    if (rv == DJS_EABSENT) {
        printf("another process sweeps this store now\n");
        return DJS_CTL_DONE;
    }
    if (rv != APR_SUCCESS) {
        return failed(ctl, rv);
    }
    printf("%" APR_UINT64_T_FMT " expired records of %" APR_UINT64_T_FMT
           " removed, %" APR_UINT64_T_FMT " files rewritten\n",
           did.removed, did.seen, did.compacted);
    return DJS_CTL_DONE;
}

typedef struct {
    apr_uint64_t count;
    apr_uint64_t bytes;
    apr_time_t first;
    apr_time_t last;
} sum_t;

static apr_status_t add_up(djs_bytes_t key, djs_bytes_t val, apr_time_t expires,
                           void *baton)
{
    sum_t *sum = baton;

    (void)key;
    sum->count++;
    sum->bytes += val.len;
    sum->first = sum->count == 1 || expires < sum->first ? expires : sum->first;
    if (expires < DJS_STORE_FOREVER) { /* a revocation's mark */
        sum->last = expires > sum->last ? expires : sum->last;
    }
    return APR_SUCCESS;
}

static djs_ctl_e stat_store(djs_ctl_t *ctl)
{
    sum_t sum = { 0 };
    char text[TIME_LEN];
    apr_status_t rv =
        djs_store_each(ctl->store, add_up, &sum, call_within(WALK), ctl->p);

    if (rv != APR_SUCCESS) {
        return failed(ctl, rv);
    }
    printf("records        %" APR_UINT64_T_FMT "\n", sum.count);
    printf("bytes          %" APR_UINT64_T_FMT "\n", sum.bytes);
    printf("first expires  %s\n", day(text, sum.first));
    printf("last expires   %s\n", day(text, sum.last));
    return DJS_CTL_DONE;
}

const djs_command_t djs_commands[] = {
    { "list", DJS_NEEDS_RECORDS, list, "the sessions of a namespace" },
    { "show", DJS_NEEDS_RECORDS | DJS_NEEDS_TAG, show,
      "one session; with --data what is in it" },
    { "remove", DJS_NEEDS_RECORDS | DJS_NEEDS_TAG, remove_session,
      "end a session" },
    { "revoke", DJS_NEEDS_RECORDS | DJS_NEEDS_WHOM, revoke_sessions,
      "end all sessions of a user (--user ID), or everybody's (--all)" },
    { "check", DJS_NEEDS_RECORDS, check, "do all records open?" },
    { "sweep", 0, sweep, "remove what has expired" },
    { "stat", 0, stat_store, "how many records, and how large" },
    { NULL, 0, NULL, NULL }
};

const djs_command_t *djs_command_find(const char *name)
{
    for (const djs_command_t *row = djs_commands; row->name; row++) {
        if (strcmp(row->name, name) == 0) {
            return row;
        }
    }
    return NULL;
}
