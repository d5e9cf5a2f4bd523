/* store/store.h - a place that keeps sealed sessions until they expire.
 *
 * A store sees opaque keys and opaque bytes: no cookie, no plaintext, no
 * request. So httpd, the command-line tool and the tests share it. The
 * functions may run in many threads and processes at once. They log nothing:
 * the caller decides who hears of a status.
 *
 * Three answers, never mixed up: APR_SUCCESS (hit), DJS_EABSENT (certainly no
 * such record), anything else (trouble: nobody knows). */
#ifndef DJS_STORE_STORE_H
#define DJS_STORE_STORE_H

#include <apr_pools.h>
#include <apr_time.h>
#include <apr_user.h>
#include "base/bytes.h"
#include "base/status.h"

#define DJS_STORE_KEY_MAX 64 /* bytes in a key; session/commit uses 40 */

typedef struct djs_store djs_store_t;

/* Until the end of the year 9999: for what must outlive every session. */
#define DJS_STORE_FOREVER                                                      \
    ((apr_time_t)(APR_INT64_C(253402300799) * APR_USEC_PER_SEC))

/* When a call happens: `now` is the time of day that decides what is expired,
 * `until` (on base/clock's steady clock) is when the call must have given up,
 * lock waits and retries included. `fresh`: an epoch that this process
 * remembers is not good enough. */
typedef struct {
    apr_time_t now;
    apr_time_t until;
    int fresh;
} djs_call_t;

/* What is to be kept, and until when; `val` is borrowed. */
typedef struct {
    djs_bytes_t val;
    apr_time_t expires;
} djs_item_t;

typedef enum {
    DJS_PUT_NEW,     /* DJS_ETAKEN when a live record has that key, or when the
                        same put may happen once more, late: then use another */
    DJS_PUT_EXISTING /* DJS_EABSENT when none has */
} djs_put_e;

/* What the function given to djs_store_update wants done. */
typedef enum {
    DJS_UPDATE_KEEP,    /* leave the record as it is */
    DJS_UPDATE_REPLACE, /* store `val` until `expires` */
    DJS_UPDATE_REMOVE   /* delete the record */
} djs_update_e;

typedef struct {
    djs_update_e what;
    djs_bytes_t val;
    apr_time_t expires;
} djs_update_t;

/* Looks at the current value and says what becomes of it. Runs with the
 * record locked: quick, no I/O, no call into any store; `current` is borrowed;
 * what `*todo` points to lives in `scratch`. A status other than APR_SUCCESS
 * changes nothing and is what djs_store_update returns. May be called again
 * in the same update where a store has to try twice. */
typedef apr_status_t (*djs_update_fn)(djs_update_t *todo, djs_bytes_t current,
                                      void *baton, apr_pool_t *scratch);

/* One record as djs_store_each shows it; borrowed. A status other than
 * APR_SUCCESS ends the walk. */
typedef apr_status_t (*djs_each_fn)(djs_bytes_t key, djs_bytes_t val,
                                    apr_time_t expires, void *baton);

/* What one slice of sweeping did; counts add up over slices. */
typedef struct {
    apr_uint64_t seen;                /* records looked at */
    apr_uint64_t removed;             /* expired records removed */
    apr_uint64_t compacted;           /* files rewritten smaller */
    apr_interval_time_t longest_hold; /* longest time one lock was held */
} djs_sweep_t;

/* Who shall own what `prepare` makes; (uid_t)-1: whoever runs. */
typedef struct {
    apr_uid_t uid;
    apr_gid_t gid;
} djs_owner_t;

/* What a configuration is judged by. */
typedef struct {
    const char *path;   /* where it keeps files, or NULL */
    const char *remote; /* a server of its that is on another host, or NULL */
} djs_about_t;

/* What of a store did not answer when it was asked last, of two tiers or of
 * servers that have the same. */
enum {
    DJS_AILING_FRONT = 1,
    DJS_AILING_BACK = 2,
    DJS_AILING_TWIN = 4 /* a server, where another one has the same */
};

/* A provider: one kind of store. Methods are as the djs_store_* function of
 * the same name says; store.c has checked the arguments: a key of 1 to
 * DJS_STORE_KEY_MAX bytes, a value within max_value, a time left.
 * `prepare` is NULL where nothing is to be made, `sweep` where the store
 * expires records by itself, `each` where it can not list;
 * `about` fills what is not NULL for this store. `get_beside` and `everywhere`
 * are NULL where all records lie in one place; `epoch` and `raise` where epochs
 * are kept like records, `ailing` where there is one tier. A store of another
 * module leaves `site` NULL, and `size` is how it says which form of this
 * struct it was compiled with. */
typedef struct {
    apr_size_t size;  /* sizeof(djs_provider_t) */
    const char *name; /* the word before the colon of a SPEC */
    const char *(*create)(void **self, const char *arg,
                          const char *const *options, apr_size_t max_value,
                          apr_pool_t *pconf);
    const char *(*prepare)(void *self, djs_owner_t owner, apr_pool_t *p);
    apr_status_t (*open)(void *self, apr_pool_t *pchild);
    apr_status_t (*get)(void *self, djs_bytes_t key, djs_call_t call,
                        djs_bytes_t *val, apr_pool_t *p);
    apr_status_t (*put)(void *self, djs_bytes_t key, djs_item_t item,
                        djs_put_e how, djs_call_t call, apr_pool_t *scratch);
    apr_status_t (*update)(void *self, djs_bytes_t key, djs_update_fn fn,
                           void *baton, djs_call_t call, apr_pool_t *scratch);
    apr_status_t (*remove)(void *self, djs_bytes_t key, djs_call_t call,
                           apr_pool_t *scratch);
    apr_status_t (*sweep)(void *self, djs_sweep_t *did, djs_call_t call,
                          apr_pool_t *scratch);
    apr_status_t (*each)(void *self, djs_each_fn fn, void *baton,
                         djs_call_t call, apr_pool_t *scratch);
    void (*about)(void *self, djs_about_t *out);
    apr_status_t (*epoch)(void *self, djs_bytes_t name, djs_bytes_t beside,
                          djs_call_t call, apr_uint64_t *epoch, apr_pool_t *p);
    apr_status_t (*raise)(void *self, djs_bytes_t name, apr_uint64_t to);
    apr_status_t (*get_beside)(void *self, djs_bytes_t key, djs_bytes_t beside,
                               djs_call_t call, djs_bytes_t *val,
                               apr_pool_t *p);
    apr_status_t (*everywhere)(void *self, djs_bytes_t key, djs_update_fn fn,
                               void *baton, djs_call_t call,
                               apr_pool_t *scratch);
    int (*ailing)(void *self);
    apr_interval_time_t lease; /* how old an epoch may be that it tells */
    /* NULL: it keeps our records. Otherwise it is a Django site's, and has only
     * `create`, `prepare`, `open` and `about` of the above. */
    const struct djs_site_methods *site;
} djs_provider_t;

/* Nonzero when `text` begins with the name of a store that a configuration may
 * have, and a colon. */
int djs_store_is_spec(const char *text);

/* Finds the provider of `spec` ("dbm:PATH") and has it read `options`, a
 * NULL-terminated list of "name=value" (may be NULL). A second SPEC among them
 * and its options behind it make a store of two tiers: "memcache:HOST:PORT",
 * ..., "dbm:PATH", .... Opens nothing: configtest runs this. `max_value` is the
 * longest value that will ever be put. The store lives in `pconf`. NULL, or a
 * sentence for the administrator with the legal values. */
const char *djs_store_create(djs_store_t **out, const char *spec,
                             const char *const *options, apr_size_t max_value,
                             apr_pool_t *pconf);

/* Once, in the parent, with its privileges: makes what the store needs on disk
 * for `owner`, refuses what is unsafe. NULL, or a sentence. Idempotent. */
const char *djs_store_prepare(djs_store_t *store, djs_owner_t owner,
                              apr_pool_t *p);

/* Once per process that will use the store (after every fork). What it opens
 * is closed when `pchild` is destroyed. After a failure, and after `pchild` was
 * cleared, it may be tried again, by one thread at a time; others may use the
 * store meanwhile, and are told DJS_ETROUBLE, as they are before any try. */
apr_status_t djs_store_open(djs_store_t *store, apr_pool_t *pchild);

/* Nonzero when it is open in this process. */
int djs_store_is_open(djs_store_t *store);

/* `*val` lives in `p`. DJS_EABSENT: no record, or it has expired. */
apr_status_t djs_store_get(djs_store_t *store, djs_bytes_t key, djs_call_t call,
                           djs_bytes_t *val, apr_pool_t *p);

/* Keeps the item. On any failure the old record, if there was one, is as it
 * was. DJS_ETOOBIG when the value is longer than the store takes. */
apr_status_t djs_store_put(djs_store_t *store, djs_bytes_t key, djs_item_t item,
                           djs_put_e how, djs_call_t call, apr_pool_t *scratch);

/* Reads, lets `fn` decide, writes: nobody else changes the record in between.
 * DJS_EABSENT (fn is not called) when there is no live record. */
apr_status_t djs_store_update(djs_store_t *store, djs_bytes_t key,
                              djs_update_fn fn, void *baton, djs_call_t call,
                              apr_pool_t *scratch);

/* The same, for a record that may be new: where there is none `fn` is called
 * with an empty `current`, and what it wants stored is put. */
apr_status_t djs_store_change(djs_store_t *store, djs_bytes_t key,
                              djs_update_fn fn, void *baton, djs_call_t call,
                              apr_pool_t *scratch);

/* Removing what is not there succeeds: logout must be repeatable. */
apr_status_t djs_store_remove(djs_store_t *store, djs_bytes_t key,
                              djs_call_t call, apr_pool_t *scratch);

/* One slice of removing expired records; APR_SUCCESS when a whole round is
 * complete, APR_EAGAIN when there is more to do (call again), DJS_EABSENT when
 * another process is sweeping this store. Adds to `*did`. */
apr_status_t djs_store_sweep(djs_store_t *store, djs_sweep_t *did,
                             djs_call_t call, apr_pool_t *scratch);

/* Shows every live record to `fn`, in no order; what changes during the walk
 * may or may not be seen. APR_ENOTIMPL where a store can not list. */
apr_status_t djs_store_each(djs_store_t *store, djs_each_fn fn, void *baton,
                            djs_call_t call, apr_pool_t *scratch);

/* What goes with records wherever they lie. A store may be several servers,
 * each of which can lose all it has: so something that must be known wherever a
 * record is known is kept on all of them, and asked for where the record is. */

/* As djs_store_get, of something that djs_store_everywhere has written, from
 * the place where a record of key `beside` lies. */
apr_status_t djs_store_get_beside(djs_store_t *store, djs_bytes_t key,
                                  djs_bytes_t beside, djs_call_t call,
                                  djs_bytes_t *val, apr_pool_t *p);

/* As djs_store_change, in every place where records may lie. APR_SUCCESS: it
 * was done in all of them. Otherwise in some of them, or none: to be done
 * again. */
apr_status_t djs_store_everywhere(djs_store_t *store, djs_bytes_t key,
                                  djs_update_fn fn, void *baton,
                                  djs_call_t call, apr_pool_t *scratch);

/* An epoch is a number under a name, which only rises; 0 when nobody raised it.
 * `*epoch` is the one that holds where a record of key `beside` lies (an empty
 * key: the highest anywhere). It may be another name's, and too high, never too
 * low, unless it was raised within the provider's lease and the call does not
 * ask for a fresh one. */
apr_status_t djs_store_epoch(apr_uint64_t *epoch, djs_store_t *store,
                             djs_bytes_t name, djs_bytes_t beside,
                             djs_call_t call, apr_pool_t *scratch);

/* Raises the epoch to `to` everywhere, unless it is higher. */
apr_status_t djs_store_raise(djs_store_t *store, djs_bytes_t name,
                             apr_uint64_t to, djs_call_t call,
                             apr_pool_t *scratch);

/* What a configuration is judged by; lives as long as the store. */
djs_about_t djs_store_about(const djs_store_t *store);

/* In this process; 0 when all is well, or when there is one tier. A call that
 * one tier has served may have succeeded all the same. */
int djs_store_ailing(const djs_store_t *store);

/* The SPEC as given, or both, for messages; lives as long as the store. */
const char *djs_store_name(const djs_store_t *store);

#endif
