/* store/site_cookies.c - Django's signed_cookies: a store that keeps nothing.
 *
 * The cookie is the session. Nothing is on the server, so nothing can be ended
 * there: who has kept an old cookie has its session until it is too old. */
#include "store/providers.h"
#include "store/site.h"

static const char *create(void **self, const char *arg,
                          const char *const *options, apr_size_t max_value,
                          apr_pool_t *pconf)
{
    (void)max_value;
    (void)pconf;
    *self = NULL;
    if (*arg != '\0' || (options && *options)) {
        return "django-cookies: takes nothing behind the colon and no options:"
               " what it must know is in DjSessionDjangoSecretFile";
    }
    return NULL;
}

static apr_status_t open_store(void *self, apr_pool_t *pchild)
{
    (void)self;
    (void)pchild;
    return APR_SUCCESS;
}

static const djs_site_methods_t methods = { .forms = DJS_FORM_COOKIE };

const djs_provider_t djs_site_cookies_provider = { .name = "django-cookies",
                                                   .create = create,
                                                   .open = open_store,
                                                   .site = &methods };
