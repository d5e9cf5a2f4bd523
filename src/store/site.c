/* store/site.c - checks what a Django site's store is asked. */
#include "base/clock.h"
#include "store/providers.h"
#include "store/site.h"

unsigned djs_site_forms(const djs_store_t *store)
{
    void *self;
    const djs_site_methods_t *site = djs_store_site(store, &self);

    return site ? site->forms : 0;
}

int djs_site_lend(djs_store_t *store, const djs_dbd_t *dbd)
{
    void *self;
    const djs_site_methods_t *site = djs_store_site(store, &self);

    if (!site || !site->lend) {
        return 0;
    }
    site->lend(self, dbd);
    return 1;
}

/* Keys become names of files and parts of statements: letters and digits, as
 * Django makes them, and nothing else. */
static apr_status_t check(djs_store_t *store, djs_entry_name_t name,
                          djs_call_t call)
{
    if (!djs_store_is_open(store)) {
        return DJS_ETROUBLE;
    }
    if (name.key.len == 0 || name.key.len > DJS_STORE_KEY_MAX) {
        return APR_EINVAL;
    }
    for (apr_size_t i = 0; i < name.key.len; i++) {
        char c = name.key.data[i];

        if (!(c >= 'a' && c <= 'z') && !(c >= '0' && c <= '9')) {
            return APR_EINVAL;
        }
    }
    return call.until > djs_clock_steady() ? APR_SUCCESS : DJS_ETIMEOUT;
}

apr_status_t djs_site_get(djs_store_t *store, djs_entry_name_t name,
                          djs_call_t call, djs_entry_t *out, apr_pool_t *p)
{
    void *self;
    const djs_site_methods_t *site = djs_store_site(store, &self);
    apr_status_t rv = check(store, name, call);

    memset(out, 0, sizeof *out);
    if (rv == APR_SUCCESS) {
        rv = site->get(self, name, call, out, p);
    }
    if (rv != APR_SUCCESS) {
        memset(out, 0, sizeof *out);
    }
    return rv;
}

apr_status_t djs_site_add(djs_store_t *store, djs_entry_name_t name,
                          const djs_entry_t *entry, djs_call_t call,
                          apr_pool_t *scratch)
{
    void *self;
    const djs_site_methods_t *site = djs_store_site(store, &self);
    apr_status_t rv = check(store, name, call);

    return rv == APR_SUCCESS ? site->add(self, name, entry, call, scratch) : rv;
}

apr_status_t djs_site_change(djs_store_t *store, djs_entry_name_t name,
                             djs_entry_fn fn, void *baton, djs_call_t call,
                             apr_pool_t *scratch)
{
    void *self;
    const djs_site_methods_t *site = djs_store_site(store, &self);
    apr_status_t rv = check(store, name, call);

    return rv == APR_SUCCESS
               ? site->change(self, name, fn, baton, call, scratch)
               : rv;
}

apr_status_t djs_site_touch(djs_store_t *store, djs_entry_name_t name,
                            apr_time_t expires, djs_call_t call,
                            apr_pool_t *scratch)
{
    void *self;
    const djs_site_methods_t *site = djs_store_site(store, &self);
    apr_status_t rv = check(store, name, call);

    return rv == APR_SUCCESS ? site->touch(self, name, expires, call, scratch)
                             : rv;
}

apr_status_t djs_site_remove(djs_store_t *store, djs_entry_name_t name,
                             djs_call_t call, apr_pool_t *scratch)
{
    void *self;
    const djs_site_methods_t *site = djs_store_site(store, &self);
    apr_status_t rv = check(store, name, call);

    return rv == APR_SUCCESS ? site->remove(self, name, call, scratch) : rv;
}
