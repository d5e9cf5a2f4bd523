/* dbm_pair.c - a shard: its lock, its two copies, and what a crash left. */
#include <errno.h>
#include <string.h>
#include <sys/statvfs.h>
#include <time.h>
#include <apr_strings.h>
#include <apr_tables.h>
#include "base/clock.h"
#include "base/status.h"
#include "store/dbm_copy.h"
#include "store/dbm_pair.h"

#define PAIR_PERM  (APR_FPROT_UREAD | APR_FPROT_UWRITE)
#define ROOM_LEAST (1024 * 1024) /* bytes that must stay free */
#define ROOM_TIMES 4             /* and so many times what is written */

/* gdbm's codes, as apr_dbm shows them, for a file that another has open */
#define GDBM_READER_SHUT_OUT (APR_OS_START_USERERR + 9)
#define GDBM_WRITER_SHUT_OUT (APR_OS_START_USERERR + 10)

apr_status_t djs_pair_status(const djs_dbm_t *dbm, apr_status_t rv)
{
    if (rv == APR_SUCCESS || (rv >= DJS_EABSENT && rv <= DJS_STATUS_LAST)) {
        return rv;
    }
    /* db passes the system's errno on in the range of its own codes */
    if (dbm->type->silent && rv > APR_OS_START_USERERR &&
        rv < APR_OS_START_USERERR + 200) {
        rv -= APR_OS_START_USERERR;
    }
    if (APR_STATUS_IS_ENOSPC(rv) || rv == EDQUOT || rv == EFBIG) {
        return DJS_EFULL;
    }
    return rv >= APR_OS_START_ERROR || APR_STATUS_IS_EAGAIN(rv) ? DJS_ETROUBLE
                                                                : rv;
}

/* Nobody else has the file open while we hold its lock, but a program that the
 * server started just now may still hold gdbm's descriptor until it execs or
 * ends: gdbm does not wait, so we do. */
static apr_status_t open_file(djs_pair_t *pair, int copy, int mode)
{
    const struct timespec pause = { 0, 1000000 };
    apr_status_t rv;

    for (;;) {
        rv = apr_dbm_open_ex(&pair->file, pair->dbm->type->name,
                             pair->copy[copy], mode, PAIR_PERM, pair->pool);
        if ((rv != GDBM_READER_SHUT_OUT && rv != GDBM_WRITER_SHUT_OUT) ||
            djs_clock_steady() >= pair->until) {
            break;
        }
        nanosleep(&pause, NULL);
    }
    pair->at = copy;
    if (rv != APR_SUCCESS) {
        pair->file = NULL;
    }
    return rv;
}

static void close_file(djs_pair_t *pair)
{
    if (pair->file) {
        apr_dbm_close(pair->file);
        pair->file = NULL;
    }
}

static djs_files_e files_of(const djs_pair_t *pair, int copy)
{
    return djs_copy_files(pair->dbm->type, pair->copy[copy]);
}

static apr_status_t copy_to(const djs_pair_t *pair, int to, int from)
{
    return djs_copy_over(pair->dbm->type, pair->copy[to], pair->copy[from]);
}

static void intent_set(djs_pair_t *pair, int intent)
{
    pair->slot->s.intent = (uint8_t)intent;
}

/* Whether every pair of `copy` can be read. */
static int copy_whole(djs_pair_t *pair, int copy)
{
    int good = pair->good;
    apr_status_t rv;

    if (files_of(pair, copy) != DJS_FILES_ALL) {
        return 0;
    }
    pair->good = copy;
    rv = djs_pair_walk(pair, ~(apr_uint64_t)0, NULL, NULL);
    pair->good = good;
    return rv == APR_SUCCESS;
}

/* Finds the copy to trust when the intent byte does not say. */
static apr_status_t find_good(djs_pair_t *pair)
{
    if (files_of(pair, DJS_COPY_A) == DJS_FILES_NONE &&
        files_of(pair, DJS_COPY_B) == DJS_FILES_NONE) {
        intent_set(pair, DJS_INTENT_NONE);
    }
    else if (copy_whole(pair, DJS_COPY_A)) {
        intent_set(pair, DJS_INTENT_B);
    }
    else if (copy_whole(pair, DJS_COPY_B)) {
        intent_set(pair, DJS_INTENT_A);
    }
    else {
        return DJS_ETROUBLE;
    }
    return APR_SUCCESS;
}

/* Makes the copies equal again, from the one that is good. Where that fails
 * (no space) the good one can still be read. */
static apr_status_t recover(djs_pair_t *pair)
{
    int intent = pair->slot->s.intent;

    if (intent == DJS_INTENT_UNKNOWN || intent > DJS_INTENT_UNKNOWN) {
        apr_status_t rv = find_good(pair);

        if (rv != APR_SUCCESS) {
            return rv;
        }
        intent = pair->slot->s.intent;
    }
    pair->good = intent == DJS_INTENT_A ? DJS_COPY_B : DJS_COPY_A;
    pair->why = APR_SUCCESS;
    if (intent != DJS_INTENT_NONE) {
        pair->slot->s.changes++;
        pair->why = djs_pair_status(pair->dbm,
                                    copy_to(pair, 1 - pair->good, pair->good));
    }
    if (pair->why == APR_SUCCESS) {
        intent_set(pair, DJS_INTENT_NONE);
        pair->good = DJS_COPY_A;
    }
    return APR_SUCCESS;
}

apr_status_t djs_pair_enter(djs_pair_t *pair, djs_dbm_t *dbm, int shard,
                            apr_time_t until, apr_pool_t *pool)
{
    apr_status_t rv;

    memset(pair, 0, sizeof(*pair));
    pair->dbm = dbm;
    pair->copy = dbm->names + shard * DJS_COPIES;
    pair->until = until;
    pair->pool = pool;
    pair->good = DJS_COPY_A;
    rv = djs_lock_acquire(&pair->slot, dbm->lock, shard, until);
    if (rv != APR_SUCCESS) {
        return djs_pair_status(dbm, rv);
    }
    if (pair->slot->s.intent != DJS_INTENT_NONE) {
        rv = recover(pair);
        if (rv != APR_SUCCESS) {
            djs_pair_leave(pair);
        }
    }
    return rv;
}

void djs_pair_leave(djs_pair_t *pair)
{
    close_file(pair);
    djs_lock_release(pair->dbm->lock, pair->slot);
    pair->slot = NULL;
}

/* The copy `at` did not open, or could not be read, with `rv`: APR_SUCCESS when
 * it has been made good from the other and is worth a second try. */
static apr_status_t heal(djs_pair_t *pair, int at, apr_status_t rv)
{
    int other = 1 - at;
    djs_files_e here = files_of(pair, at), there = files_of(pair, other);

    if (pair->healed || pair->why != APR_SUCCESS) {
        return djs_pair_status(pair->dbm, rv);
    }
    if (here == DJS_FILES_HIDDEN || there == DJS_FILES_HIDDEN) {
        /* That is no miss, and nothing to be mended. */
        rv = djs_pair_status(pair->dbm, rv);
        return rv == APR_SUCCESS || rv == DJS_EABSENT ? DJS_ETROUBLE : rv;
    }
    pair->healed = 1;
    if (here == DJS_FILES_NONE && there == DJS_FILES_NONE) {
        return DJS_EABSENT;
    }
    if (here == DJS_FILES_ALL) {
        if (rv < APR_OS_START_ERROR && !APR_STATUS_IS_ENOSPC(rv)) {
            return djs_pair_status(pair->dbm,
                                   rv); /* the system, not the file */
        }
        intent_set(pair, DJS_INTENT_UNKNOWN);
    }
    else if (there == DJS_FILES_ALL) {
        intent_set(pair, at == DJS_COPY_A ? DJS_INTENT_A : DJS_INTENT_B);
    }
    else {
        return DJS_ETROUBLE; /* somebody removed half of both copies */
    }
    return recover(pair);
}

apr_status_t djs_pair_read(djs_pair_t *pair, djs_pair_fn fn, void *baton)
{
    apr_status_t rv, healed;

    do {
        pair->broken = 0;
        rv = open_file(pair, pair->good, APR_DBM_READONLY);
        if (rv == APR_SUCCESS) {
            rv = fn(pair, baton);
            close_file(pair);
            if (!pair->broken) {
                return rv;
            }
        }
        healed = heal(pair, pair->at, rv);
    } while (healed == APR_SUCCESS);
    return healed;
}

/* Refuses a write that a nearly full disk might cut short. Space that several
 * processes count on at once is what the margin is for. */
apr_status_t djs_pair_room(const djs_dbm_t *dbm, apr_size_t room)
{
    apr_uint64_t need = (apr_uint64_t)room * ROOM_TIMES;
    struct statvfs fs;

    if (room == 0) {
        return APR_SUCCESS;
    }
    if (statvfs(dbm->path, &fs) != 0) {
        return errno;
    }
    if (fs.f_blocks == 0) {
        return APR_SUCCESS; /* a file system without a size */
    }
    if (need < ROOM_LEAST) {
        need = ROOM_LEAST;
    }
    return (apr_uint64_t)fs.f_bavail * fs.f_frsize < need ? DJS_EFULL
                                                          : APR_SUCCESS;
}

/* Copy A, open for writing; DJS_EABSENT when there is none and none is to be
 * made. From the first file made on, the intent says that A is not to be
 * trusted. */
static apr_status_t open_first(djs_pair_t *pair, int create)
{
    apr_status_t rv, healed;

    do {
        rv = open_file(pair, DJS_COPY_A, APR_DBM_READWRITE);
        if (rv == APR_SUCCESS) {
            return rv;
        }
        healed = heal(pair, DJS_COPY_A, rv);
    } while (healed == APR_SUCCESS && pair->why == APR_SUCCESS);
    if (healed != DJS_EABSENT || !create) {
        return healed == APR_SUCCESS ? pair->why : healed;
    }
    intent_set(pair, DJS_INTENT_A);
    pair->slot->s.changes++;
    rv = djs_copy_begin(pair->dbm->type, pair->copy[DJS_COPY_A]);
    if (rv == APR_SUCCESS) {
        rv = open_file(pair, DJS_COPY_A, APR_DBM_RWCREATE);
    }
    return djs_pair_status(pair->dbm, rv);
}

static apr_status_t checked(djs_pair_t *pair, int copy, djs_pair_fn check,
                            void *baton)
{
    apr_status_t rv;

    close_file(pair);
    if (!check || !pair->dbm->type->silent) {
        return APR_SUCCESS;
    }
    rv = open_file(pair, copy, APR_DBM_READONLY);
    if (rv == APR_SUCCESS) {
        rv = check(pair, baton);
    }
    close_file(pair);
    return rv;
}

/* A has changed and is whole: the same for B. Whatever goes wrong with B, the
 * change is made; the next holder copies A over B if we can not. */
static void write_second(djs_pair_t *pair, djs_pair_fn fn, djs_pair_fn check,
                         void *baton)
{
    apr_status_t rv;

    intent_set(pair, DJS_INTENT_B);
    rv = open_file(pair, DJS_COPY_B, APR_DBM_READWRITE);
    if (rv == APR_SUCCESS) {
        rv = fn(pair, baton);
        close_file(pair);
        if (rv == APR_SUCCESS) {
            rv = checked(pair, DJS_COPY_B, check, baton);
        }
    }
    if (rv != APR_SUCCESS) {
        rv = copy_to(pair, DJS_COPY_B, DJS_COPY_A);
    }
    if (rv == APR_SUCCESS) {
        intent_set(pair, DJS_INTENT_NONE);
    }
}

apr_status_t djs_pair_write(djs_pair_t *pair, int create, apr_size_t room,
                            djs_pair_fn fn, djs_pair_fn check, void *baton)
{
    apr_status_t rv = pair->why;

    if (rv == APR_SUCCESS) {
        rv = djs_pair_room(pair->dbm, room);
    }
    if (rv != APR_SUCCESS) {
        return rv;
    }
    rv = open_first(pair, create);
    pair->changed = 0;
    if (rv == APR_SUCCESS) {
        rv = fn(pair, baton);
        close_file(pair);
        if (rv == APR_SUCCESS && pair->changed) {
            rv = checked(pair, DJS_COPY_A, check, baton);
        }
    }
    if (rv == APR_SUCCESS && pair->changed) {
        write_second(pair, fn, check, baton);
    }
    else if (pair->slot->s.intent == DJS_INTENT_A &&
             copy_to(pair, DJS_COPY_A, DJS_COPY_B) == APR_SUCCESS) {
        intent_set(pair, DJS_INTENT_NONE);
    }
    return djs_pair_status(pair->dbm, rv);
}

static void mark_change(djs_pair_t *pair)
{
    if (!pair->changed && pair->at == DJS_COPY_A) {
        intent_set(pair, DJS_INTENT_A);
        pair->slot->s.changes++;
    }
    pair->changed = 1;
}

apr_status_t djs_pair_store(djs_pair_t *pair, apr_datum_t key, apr_datum_t val)
{
    mark_change(pair);
    return djs_pair_status(pair->dbm, apr_dbm_store(pair->file, key, val));
}

apr_status_t djs_pair_delete(djs_pair_t *pair, apr_datum_t key)
{
    if (!apr_dbm_exists(pair->file, key)) {
        return APR_SUCCESS;
    }
    mark_change(pair);
    return djs_pair_status(pair->dbm, apr_dbm_delete(pair->file, key));
}

apr_status_t djs_pair_fetch(djs_pair_t *pair, apr_datum_t key, apr_datum_t *val)
{
    apr_status_t rv = apr_dbm_fetch(pair->file, key, val);

    if (rv != APR_SUCCESS) {
        pair->broken = 1;
        val->dptr = NULL;
        return rv >= APR_OS_START_ERROR || APR_STATUS_IS_ENOSPC(rv)
                   ? DJS_ETROUBLE
                   : rv;
    }
    return val->dptr ? APR_SUCCESS : DJS_EABSENT;
}

void djs_pair_free(djs_pair_t *pair, apr_datum_t val)
{
    apr_dbm_freedatum(pair->file, val);
}

typedef struct {
    apr_uint64_t limit;
    djs_pair_each_fn fn;
    void *baton;
} walk_t;

/* The keys first, each once or, where a killed writer left a copy that can not
 * be reached, twice: fetching in between would turn sdbm's page over. */
static apr_status_t walk_keys(apr_array_header_t *keys, djs_pair_t *pair,
                              apr_uint64_t limit)
{
    apr_datum_t key, last;
    apr_status_t rv = apr_dbm_firstkey(pair->file, &key);

    if (APR_STATUS_IS_EOF(rv)) {
        return APR_SUCCESS;
    }
    while (rv == APR_SUCCESS && key.dptr && (apr_uint64_t)keys->nelts < limit) {
        djs_bytes_t *copy = apr_array_push(keys);

        *copy = djs_bytes_of(apr_pmemdup(keys->pool, key.dptr, key.dsize),
                             key.dsize);
        last = key;
        rv = apr_dbm_nextkey(pair->file, &key);
        apr_dbm_freedatum(pair->file, last);
    }
    return rv;
}

static apr_status_t walk_file(djs_pair_t *pair, void *baton)
{
    walk_t *walk = baton;
    apr_array_header_t *keys =
        apr_array_make(pair->pool, 64, sizeof(djs_bytes_t));
    apr_status_t rv = walk_keys(keys, pair, walk->limit);

    for (int i = 0; rv == APR_SUCCESS && i < keys->nelts; i++) {
        djs_bytes_t key = APR_ARRAY_IDX(keys, i, djs_bytes_t);
        apr_datum_t name = { (char *)key.data, key.len }, val;

        rv = djs_pair_fetch(pair, name, &val);
        if (rv == DJS_EABSENT) {
            rv = APR_SUCCESS; /* unreachable: not a record */
            continue;
        }
        if (rv == APR_SUCCESS) {
            if (walk->fn) {
                rv = walk->fn(key, djs_bytes_of(val.dptr, val.dsize),
                              walk->baton);
            }
            djs_pair_free(pair, val);
        }
    }
    return rv;
}

apr_status_t djs_pair_walk(djs_pair_t *pair, apr_uint64_t limit,
                           djs_pair_each_fn fn, void *baton)
{
    walk_t walk = { limit, fn, baton };
    apr_status_t rv = open_file(pair, pair->good, APR_DBM_READONLY);

    if (rv != APR_SUCCESS) {
        return files_of(pair, pair->good) == DJS_FILES_NONE
                   ? DJS_EABSENT
                   : djs_pair_status(pair->dbm, rv);
    }
    rv = walk_file(pair, &walk);
    close_file(pair);
    return rv;
}

apr_status_t djs_pair_replace(djs_pair_t *pair)
{
    const djs_dbm_type_t *type = pair->dbm->type;
    apr_status_t rv;

    intent_set(pair, DJS_INTENT_A);
    pair->slot->s.changes++;
    rv = djs_copy_rename(type, pair->copy[DJS_COPY_A],
                         pair->copy[DJS_COPY_BUILD]);
    if (rv == APR_SUCCESS) {
        intent_set(pair, DJS_INTENT_B);
        rv = djs_copy_rename(type, pair->copy[DJS_COPY_B],
                             pair->copy[DJS_COPY_DRAFT]);
        if (rv != APR_SUCCESS) {
            rv = copy_to(pair, DJS_COPY_B, DJS_COPY_A);
        }
    }
    else {
        rv = copy_to(pair, DJS_COPY_A, DJS_COPY_B);
    }
    if (rv == APR_SUCCESS) {
        intent_set(pair, DJS_INTENT_NONE);
    }
    return djs_pair_status(pair->dbm, rv);
}
