/* store/site.h - where a Django site keeps its sessions, in its own bytes.
 *
 * Such a store is the site's, not ours: other programs read, write and remove
 * what lies in it at any moment, by rules that are Django's. It sees entries,
 * opaque ones, under the session key itself; session/site makes sessions of
 * them. What the site has removed is never written again.
 *
 * An entry has one form or two: the signed text of rows and files, the pickle
 * of caches. The answers are those of store/store.h: hit, DJS_EABSENT, and
 * everything else is trouble. */
#ifndef DJS_STORE_SITE_H
#define DJS_STORE_SITE_H

#include <apr_dbd.h>
#include "store/store.h"

/* Forms of an entry. */
#define DJS_FORM_SIGNED 1u
#define DJS_FORM_PICKLE 2u
#define DJS_FORM_COOKIE 4u /* there is no store: the cookie is the entry */

typedef struct {
    djs_bytes_t text;   /* signed; data is NULL when it has no such form */
    djs_bytes_t pickle; /* the same for a cache */
    apr_uint32_t flags; /* memcached's, of the pickle */
    apr_time_t expires; /* when the store ends it; 0: it does not tell */
    apr_time_t written; /* when it was last written; 0: it does not tell */
    int gone;           /* of what shall stand there: nothing */
} djs_entry_t;

/* What names an entry: Django's session key, and the name of the cookie that it
 * came in, for stores that file by it. Both borrowed. */
typedef struct {
    djs_bytes_t cookie;
    djs_bytes_t key;
} djs_entry_name_t;

/* Looks at an entry as it is and fills `*next`, whose forms live in `scratch`,
 * with what shall stand there; no form: it stays as it is, or with `gone` it
 * is removed. `current` is borrowed. A status other than APR_SUCCESS changes
 * nothing and is handed on. May be called again in the same change. It may
 * call the store for another key. */
typedef apr_status_t (*djs_entry_fn)(djs_entry_t *next,
                                     const djs_entry_t *current, void *baton,
                                     apr_pool_t *scratch);

/* Lends a connection of the server's pool, for a store that is a database.
 * `close` gives it back; both may wait. `tell` is for what a database says of a
 * statement that it refuses. `close` and `tell` may be NULL. */
typedef struct {
    apr_status_t (*open)(void *baton, const apr_dbd_driver_t **driver,
                         apr_dbd_t **handle, void **lease, apr_pool_t *p);
    void (*close)(void *baton, void *lease);
    void (*tell)(void *baton, const char *text, apr_pool_t *p);
    void *baton;
} djs_dbd_t;

/* What a provider of a site's store has besides `create`, `prepare`, `open`
 * and `about`: the methods are as the djs_site_* function of the same name
 * says. `lend` is NULL unless it needs a database; with DJS_FORM_COOKIE all are
 * NULL. */
typedef struct djs_site_methods {
    unsigned forms; /* that an entry must have to be written */
    void (*lend)(void *self, const djs_dbd_t *dbd);
    apr_status_t (*get)(void *self, djs_entry_name_t name, djs_call_t call,
                        djs_entry_t *out, apr_pool_t *p);
    apr_status_t (*add)(void *self, djs_entry_name_t name,
                        const djs_entry_t *entry, djs_call_t call,
                        apr_pool_t *scratch);
    apr_status_t (*change)(void *self, djs_entry_name_t name, djs_entry_fn fn,
                           void *baton, djs_call_t call, apr_pool_t *scratch);
    apr_status_t (*touch)(void *self, djs_entry_name_t name, apr_time_t expires,
                          djs_call_t call, apr_pool_t *scratch);
    apr_status_t (*remove)(void *self, djs_entry_name_t name, djs_call_t call,
                           apr_pool_t *scratch);
} djs_site_methods_t;

/* The forms that entries of the store must have; 0: it is no site's store, and
 * none of the functions below may be called. */
unsigned djs_site_forms(const djs_store_t *store);

/* Once, before djs_store_open: where connections come from. Lives as long as
 * the store. Nonzero when the store needs one. */
int djs_site_lend(djs_store_t *store, const djs_dbd_t *dbd);

/* `*out` lives in `p`; zeroed unless APR_SUCCESS. An entry whose end is past
 * may be handed out: the caller looks at `expires`. */
apr_status_t djs_site_get(djs_store_t *store, djs_entry_name_t name,
                          djs_call_t call, djs_entry_t *out, apr_pool_t *p);

/* DJS_ETAKEN: something, dead or alive, has that key. `entry` has all forms
 * and its end in `expires`. */
apr_status_t djs_site_add(djs_store_t *store, djs_entry_name_t name,
                          const djs_entry_t *entry, djs_call_t call,
                          apr_pool_t *scratch);

/* Reads, lets `fn` decide, writes; other requests of httpd change nothing in
 * between, the site hardly. DJS_EABSENT: nothing is there, or was removed
 * meanwhile. */
apr_status_t djs_site_change(djs_store_t *store, djs_entry_name_t name,
                             djs_entry_fn fn, void *baton, djs_call_t call,
                             apr_pool_t *scratch);

/* Gives an entry a new end, its bytes as they are. DJS_EABSENT as above. */
apr_status_t djs_site_touch(djs_store_t *store, djs_entry_name_t name,
                            apr_time_t expires, djs_call_t call,
                            apr_pool_t *scratch);

/* Removing what is not there succeeds. */
apr_status_t djs_site_remove(djs_store_t *store, djs_entry_name_t name,
                             djs_call_t call, apr_pool_t *scratch);

#endif
