/* store/site_cached_db.c - Django's cached_db engine: a row, and an entry of
 * the cache before it.
 *
 * The entry counts while it is there, as for Django; the row is the truth. So a
 * change reads and writes the row, and then the entry, if there is one, under
 * the entry's lock; an end ends both. A cache that can not be reached leaves an
 * older copy behind which may come back: then a change has failed. */
#include <string.h>
#include <apr_strings.h>
#include "store/providers.h"
#include "store/site_cache.h"
#include "store/site_rows.h"

typedef struct {
    djs_cache_t cache;
    djs_rows_t rows;
} both_t;

static const char *create(void **self, const char *arg,
                          const char *const *options, apr_size_t max_value,
                          apr_pool_t *pconf)
{
    both_t *both = apr_palloc(pconf, sizeof *both);
    const char *wrong = NULL;

    *self = both;
    djs_cache_init(&both->cache, "cached_db");
    djs_rows_init(&both->rows, max_value);
    for (; options && *options && !wrong; options++) {
        if (!djs_cache_option(&both->cache, &wrong, *options, pconf) &&
            !djs_rows_option(&both->rows, &wrong, *options, pconf)) {
            wrong = apr_psprintf(pconf,
                                 "\"%s\" is no option of it: write"
                                 " django-cached-db:" DJS_CACHE_LEGAL
                                 "; " DJS_ROWS_LEGAL,
                                 *options);
        }
    }
    return wrong ? wrong : djs_cache_servers(&both->cache, arg, pconf);
}

static apr_status_t open_store(void *self, apr_pool_t *pchild)
{
    both_t *both = self;

    return both->rows.dbd ? djs_cache_open(&both->cache, pchild) : DJS_ETROUBLE;
}

static void lend(void *self, const djs_dbd_t *dbd)
{
    ((both_t *)self)->rows.dbd = dbd;
}

/* As Django: a cache in trouble is passed over. */
static apr_status_t get(void *self, djs_entry_name_t name, djs_call_t call,
                        djs_entry_t *out, apr_pool_t *p)
{
    both_t *both = self;
    djs_cached_t c;

    djs_cached_init(&c, &both->cache, name.key, call, p);
    c.call.until = djs_mclock_share(call.until, 2);
    if (djs_cached_get(out, &c) == APR_SUCCESS) {
        return APR_SUCCESS;
    }
    return djs_rows_get(&both->rows, name.key, call, out, p);
}

/* Without its entry Django finds the row, so that is what counts. */
static apr_status_t add(void *self, djs_entry_name_t name,
                        const djs_entry_t *entry, djs_call_t call,
                        apr_pool_t *scratch)
{
    both_t *both = self;
    djs_cached_t c;
    apr_status_t rv = djs_rows_add(&both->rows, name.key, entry, call, scratch);

    if (rv == APR_SUCCESS) {
        djs_cached_init(&c, &both->cache, name.key, call, scratch);
        (void)djs_cached_put(&c, DJS_MC_SET, entry);
    }
    return rv;
}

/* What the entry shall be after the row was written. */
typedef struct {
    djs_entry_fn fn;
    void *baton;
    djs_cached_t *cached;
    djs_entry_t next;
} change_t;

static apr_status_t note(djs_entry_t *next, const djs_entry_t *current,
                         void *baton, apr_pool_t *scratch)
{
    change_t *change = baton;
    apr_status_t rv = change->fn(next, current, change->baton, scratch);

    change->next = *next;
    if (rv == APR_SUCCESS && next->gone) {
        /* Before the row: if this fails, nothing has happened yet. */
        rv = djs_cached_delete(change->cached);
    }
    return rv;
}

static apr_status_t change_locked(both_t *both, djs_cached_t *c, change_t *what,
                                  djs_bytes_t key)
{
    apr_status_t rv =
        djs_rows_change(&both->rows, key, note, what, c->call, c->p);

    if (rv == APR_SUCCESS && what->next.gone) {
        (void)djs_cached_delete(c); /* a reader may have put it back */
    }
    else if (rv == APR_SUCCESS && what->next.pickle.data) {
        rv = djs_cached_put(c, DJS_MC_REPLACE, &what->next);
        if (rv == DJS_ETOOBIG) { /* Django then has none, either */
            rv = djs_cached_delete(c);
        }
        rv = rv == DJS_EABSENT ? APR_SUCCESS : rv;
    }
    return rv;
}

static apr_status_t change(void *self, djs_entry_name_t name, djs_entry_fn fn,
                           void *baton, djs_call_t call, apr_pool_t *scratch)
{
    djs_cached_t c;
    change_t what = { .fn = fn, .baton = baton, .cached = &c };
    both_t *both = self;
    apr_status_t rv;

    djs_cached_init(&c, &both->cache, name.key, call, scratch);
    rv = djs_cached_lock(&c);
    if (rv == APR_SUCCESS) {
        rv = change_locked(both, &c, &what, name.key);
        djs_cached_unlock(&c);
    }
    return rv;
}

static apr_status_t touch_locked(both_t *both, djs_cached_t *c, djs_bytes_t key,
                                 apr_time_t expires)
{
    djs_entry_t entry;
    apr_status_t rv = djs_rows_touch(&both->rows, key, expires, c->call, c->p);

    memset(&entry, 0, sizeof entry);
    if (rv == APR_SUCCESS) {
        rv = djs_cached_get(&entry, c);
        if (rv == APR_SUCCESS) {
            entry.expires = expires;
            rv = djs_cached_put(c, DJS_MC_REPLACE, &entry);
        }
        rv = rv == DJS_EABSENT ? APR_SUCCESS : rv;
    }
    return rv;
}

static apr_status_t touch(void *self, djs_entry_name_t name, apr_time_t expires,
                          djs_call_t call, apr_pool_t *scratch)
{
    both_t *both = self;
    djs_cached_t c;
    apr_status_t rv;

    djs_cached_init(&c, &both->cache, name.key, call, scratch);
    rv = djs_cached_lock(&c);
    if (rv == APR_SUCCESS) {
        rv = touch_locked(both, &c, name.key, expires);
        djs_cached_unlock(&c);
    }
    return rv;
}

/* The row first: an entry that is gone would be made again from it. */
static apr_status_t remove_entry(void *self, djs_entry_name_t name,
                                 djs_call_t call, apr_pool_t *scratch)
{
    both_t *both = self;
    djs_cached_t c;
    apr_status_t rv = djs_rows_remove(&both->rows, name.key, call, scratch);

    djs_cached_init(&c, &both->cache, name.key, call, scratch);
    return rv == APR_SUCCESS ? djs_cached_delete(&c) : rv;
}

static const djs_site_methods_t methods = { .forms = DJS_FORM_SIGNED |
                                                     DJS_FORM_PICKLE,
                                            .lend = lend,
                                            .get = get,
                                            .add = add,
                                            .change = change,
                                            .touch = touch,
                                            .remove = remove_entry };

const djs_provider_t djs_site_cached_db_provider = { .name = "django-cached-db",
                                                     .create = create,
                                                     .open = open_store,
                                                     .site = &methods };
