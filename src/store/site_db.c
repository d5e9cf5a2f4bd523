/* store/site_db.c - Django's db engine: the table django_session, in the
 * database that mod_dbd is configured for. */
#include <apr_strings.h>
#include "store/providers.h"
#include "store/site_rows.h"

static const char *create(void **self, const char *arg,
                          const char *const *options, apr_size_t max_value,
                          apr_pool_t *pconf)
{
    djs_rows_t *rows = apr_palloc(pconf, sizeof *rows);
    const char *wrong = NULL;

    *self = rows;
    djs_rows_init(rows, max_value);
    if (*arg != '\0') {
        return "django-db: takes nothing behind the colon: which database it is"
               " say DBDriver and DBDParams of mod_dbd; options follow behind"
               " a blank: " DJS_ROWS_LEGAL;
    }
    for (; options && *options && !wrong; options++) {
        if (!djs_rows_option(rows, &wrong, *options, pconf)) {
            wrong = apr_psprintf(pconf,
                                 "\"%s\" is no option of it: write"
                                 " django-db: " DJS_ROWS_LEGAL,
                                 *options);
        }
    }
    return wrong;
}

static apr_status_t open_store(void *self, apr_pool_t *pchild)
{
    const djs_rows_t *rows = self;

    (void)pchild;
    return rows->dbd ? APR_SUCCESS : DJS_ETROUBLE;
}

static void lend(void *self, const djs_dbd_t *dbd)
{
    ((djs_rows_t *)self)->dbd = dbd;
}

static apr_status_t get(void *self, djs_entry_name_t name, djs_call_t call,
                        djs_entry_t *out, apr_pool_t *p)
{
    return djs_rows_get(self, name.key, call, out, p);
}

static apr_status_t add(void *self, djs_entry_name_t name,
                        const djs_entry_t *entry, djs_call_t call,
                        apr_pool_t *scratch)
{
    return djs_rows_add(self, name.key, entry, call, scratch);
}

static apr_status_t change(void *self, djs_entry_name_t name, djs_entry_fn fn,
                           void *baton, djs_call_t call, apr_pool_t *scratch)
{
    return djs_rows_change(self, name.key, fn, baton, call, scratch);
}

static apr_status_t touch(void *self, djs_entry_name_t name, apr_time_t expires,
                          djs_call_t call, apr_pool_t *scratch)
{
    return djs_rows_touch(self, name.key, expires, call, scratch);
}

static apr_status_t remove_entry(void *self, djs_entry_name_t name,
                                 djs_call_t call, apr_pool_t *scratch)
{
    return djs_rows_remove(self, name.key, call, scratch);
}

static const djs_site_methods_t methods = { .forms = DJS_FORM_SIGNED,
                                            .lend = lend,
                                            .get = get,
                                            .add = add,
                                            .change = change,
                                            .touch = touch,
                                            .remove = remove_entry };

const djs_provider_t djs_site_db_provider = {
    .name = "django-db", .create = create, .open = open_store, .site = &methods
};
