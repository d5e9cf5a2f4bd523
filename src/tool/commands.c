/* tool/commands.c - what djsessionctl can do with the sessions of a store.
 *
 * A session is called by its tag. Keys can not be shown, for a store does not
 * know them; values are shown where --data asks for them. */
#include <stdio.h>
#include <string.h>
#include <apr_strings.h>
#include <apr_tables.h>
#include "base/clock.h"
#include "session/alias.h"
#include "session/revoke.h"
#include "tool/commands.h"

#define PATIENCE apr_time_from_sec(10) /* for one call to the store */
#define WALK     apr_time_from_sec(3600)
#define TIME_LEN 21 /* 2026-12-01T00:00:00Z and its NUL */

static djs_call_t call_within(apr_interval_time_t time)
{
    djs_call_t call = { apr_time_now(), djs_clock_steady() + time, 0 };

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

/* A session that somebody's revocation may have ended: that is looked at after
 * the walk, which may hold locks. */
typedef struct {
    const char *store_key;
    djs_record_t record;
} late_t;

/* A walk over the sessions of the namespace. */
typedef struct walk walk_t;

struct walk {
    djs_ctl_t *ctl;
    void (*each)(walk_t *walk, djs_bytes_t store_key,
                 const djs_record_t *record);
    apr_uint64_t opened;
    apr_uint64_t closed;      /* records that did not open */
    apr_array_header_t *keys; /* of char *: store keys, where they are wanted */
    djs_place_t place;
    apr_uint64_t epoch;       /* of the namespace, before the walk */
    apr_array_header_t *late; /* of late_t */
    apr_pool_t *scratch;      /* cleared after each record */
};

static void show_record(walk_t *walk, djs_bytes_t key,
                        const djs_record_t *record)
{
    walk->opened++;
    if (walk->each) {
        walk->each(walk, key, record);
    }
}

static void postpone(walk_t *walk, djs_bytes_t key, const djs_record_t *record)
{
    apr_pool_t *p = walk->late->pool;
    late_t *late = apr_array_push(walk->late);

    late->store_key = apr_pstrmemdup(p, key.data, key.len);
    late->record = *record;
    late->record.body.data =
        apr_pstrmemdup(p, record->body.data, record->body.len);
}

/* Shows those that nobody has revoked. */
static apr_status_t show_late(walk_t *walk)
{
    static const djs_bytes_t user_key = { "\"_auth_user_id\"", 15 };
    apr_status_t rv = APR_SUCCESS;

    for (int i = 0; rv == APR_SUCCESS && i < walk->late->nelts; i++) {
        late_t *late = &APR_ARRAY_IDX(walk->late, i, late_t);
        const djs_revoke_t ask = { &walk->place, call_within(PATIENCE),
                                   walk->scratch };
        djs_bytes_t key = djs_bytes(late->store_key);

        rv = djs_revoke_check(&late->record, walk->epoch, key, user_key, &ask);
        if (rv == APR_SUCCESS) {
            show_record(walk, key, &late->record);
        }
        apr_pool_clear(walk->scratch);
        rv = rv == DJS_EABSENT ? APR_SUCCESS : rv;
    }
    return rv;
}

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
        if (record.epoch < walk->epoch) {
            postpone(walk, key, &record);
        }
        else {
            show_record(walk, key, &record);
        }
    }
    apr_pool_clear(walk->scratch);
    return ferror(stdout) ? APR_EOF : APR_SUCCESS;
}

/* Where the sessions of the namespace lie. */
static apr_status_t find_place(djs_place_t *place, const djs_ctl_t *ctl)
{
    const djs_options_t *options = ctl->options;

    memset(place, 0, sizeof *place);
    place->store = ctl->store;
    place->ring = ctl->ring;
    place->mode = options->bare ? DJS_RECORD_BARE : DJS_RECORD_SEALED;
    place->ns = djs_bytes(options->name_space);
    place->random = djs_random;
    return djs_commit_prepare(place);
}

/* Shows every session (with a tag: that one) to walk->each. */
static apr_status_t go(walk_t *walk, djs_ctl_t *ctl)
{
    apr_pool_t *pool;
    apr_status_t rv;

    walk->ctl = ctl;
    apr_pool_create(&walk->scratch, ctl->p);
    apr_pool_create(&pool, ctl->p);
    walk->late = apr_array_make(pool, 16, sizeof(late_t));
    rv = find_place(&walk->place, ctl);
    if (rv == APR_SUCCESS) {
        const djs_revoke_t ask = { &walk->place, call_within(PATIENCE), pool };

        rv = djs_revoke_epoch(&walk->epoch, djs_bytes_of("", 0), &ask);
    }
    if (rv == APR_SUCCESS) {
        rv = djs_store_each(ctl->store, open_record, walk, call_within(WALK),
                            pool);
    }
    if (rv == APR_SUCCESS) {
        rv = show_late(walk);
    }
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
            " ServerName), are sealed under another secret (--secret-file,"
            " as in DjSessionSecretFile) or in another mode (--bare, for"
            " DjSessionEncrypt Off); if not, they are damaged\n",
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
    int ended = 0;

    walk.keys = apr_array_make(ctl->p, 1, sizeof(char *));
    rv = go(&walk, ctl);
    for (int i = 0; rv == APR_SUCCESS && i < walk.keys->nelts; i++) {
        /* It may have got a new key meanwhile. */
        rv = djs_alias_end(&walk.place, APR_ARRAY_IDX(walk.keys, i, char *),
                           call_within(PATIENCE), NULL, ctl->p);
        ended += rv == APR_SUCCESS;
        rv = rv == DJS_EABSENT ? APR_SUCCESS : rv;
    }
    if (rv != APR_SUCCESS) {
        return failed(ctl, rv);
    }
    if (ended == 0) {
        return not_there(ctl, &walk);
    }
    printf("session %s is removed\n", ctl->options->tag);
    return DJS_CTL_DONE;
}

static apr_status_t stop_at_once(djs_bytes_t key, djs_bytes_t val,
                                 apr_time_t expires, void *baton)
{
    walk_t *walk = baton;
    const djs_record_place_t place = { walk->place.ns, key };
    djs_record_t record;
    apr_status_t rv = djs_record_open(&record, val, walk->place.mode, place,
                                      walk->place.ring, walk->scratch);

    (void)expires;
    apr_pool_clear(walk->scratch);
    if (rv == APR_SUCCESS && record.kind != DJS_RECORD_MARK) {
        walk->opened++;
        return APR_EOF;
    }
    walk->closed += rv != APR_SUCCESS;
    return APR_SUCCESS;
}

/* A mark under a wrong name ends nobody's session, and looks like a right one.
 * Where a store can list, it must know the namespace and the secret, unless it
 * is empty. */
static int is_known(djs_ctl_t *ctl)
{
    walk_t walk = { .ctl = ctl };

    if (find_place(&walk.place, ctl) != APR_SUCCESS) {
        return 1;
    }
    apr_pool_create(&walk.scratch, ctl->p);
    (void)djs_store_each(ctl->store, stop_at_once, &walk, call_within(WALK),
                         ctl->p);
    if (walk.opened > 0 || walk.closed == 0) {
        return 1;
    }
    fprintf(stderr,
            "djsessionctl: nothing was done: no record of the store opens in"
            " namespace %s with this secret; is --namespace right, and"
            " --secret-file?\n",
            ctl->options->name_space);
    return 0;
}

/* After it no request finds one of them alive. */
static djs_ctl_e revoke_sessions(djs_ctl_t *ctl)
{
    const djs_options_t *options = ctl->options;
    djs_place_t place;
    const djs_revoke_t ask = { &place, call_within(PATIENCE), ctl->p };
    apr_status_t rv = find_place(&place, ctl);

    if (rv == APR_SUCCESS && !is_known(ctl)) {
        return DJS_CTL_FAILED;
    }
    if (rv == APR_SUCCESS) {
        rv = djs_revoke(djs_bytes(options->all ? "" : options->user), &ask);
    }
    if (rv != APR_SUCCESS) {
        (void)failed(ctl, rv);
        fprintf(stderr, "djsessionctl: some of the sessions may live on: run"
                        " this again when the whole store answers\n");
        return DJS_CTL_FAILED;
    }
    printf("every session of %s%s that this secret opens has ended\n",
           options->all ? "" : "that user in ", options->name_space);
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
