/* test_site_spec.c - what DjSessionStore may say of a Django site's store, and
 * what is answered to the rest. */
#include "site_fixture.h"

static void a_wrong_configuration_is_a_sentence(void **state)
{
    static const struct {
        const char *spec, *option, *says;
    } rows[] = {
        { "django-cookies:x", NULL, "takes nothing" },
        { "django-cookies:", "a=b", "takes nothing" },
        { "django-file:", NULL, "absolute path" },
        { "django-file:relative", NULL, "absolute path" },
        { "django-file:/tmp", "a=b", "SESSION_FILE_PATH" },
        { "django-file:/tmp", "prefix=", "SESSION_FILE_PATH" },
        { "django-file:/tmp", "prefix=a/b", "SESSION_FILE_PATH" },
        { "django-file:/tmp", "user=nobody-has-this", "no such user" },
        { "django-file:/tmp", "user=root", NULL },
        { "django-file:/tmp", "prefix=x", NULL },
        { "django-db:x", NULL, "takes nothing" },
        { "django-db:", "a=b", "table=django_session" },
        { "django-db:", "table=", "no name of a table" },
        { "django-db:", "table=a.b.c", "no name of a table" },
        { "django-db:", "table=.a", "no name of a table" },
        { "django-db:", "table=a'b", "no name of a table" },
        { "django-db:", "table=web.sessions", NULL },
        { "django-db:", "timezone=utc", NULL },
        { "django-db:", "timezone=local", NULL },
        { "django-db:", "timezone=CET", "utc and local" },
        { "django-cache:", NULL, "needs a server" },
        { "django-cache:127.0.0.1", NULL, "no memcached server" },
        { "django-cache:127.0.0.1:1", "client=redis", "PyMemcacheCache" },
        { "django-cache:127.0.0.1:1", "client=pylibmc", NULL },
        { "django-cache:127.0.0.1:1", "client=memcache", NULL },
        { "django-cache:127.0.0.1:1", "prefix=a b", "part of a key" },
        { "django-cache:127.0.0.1:1", "version=\x7f", "part of a key" },
        { "django-cache:127.0.0.1:1", "replicas=2", "KEY_PREFIX" },
        { "django-cache:127.0.0.1:1", "max=0", "from 1 to" },
        { "django-cache:127.0.0.1:1", "ttl=3s", NULL },
        { "django-cached-db:127.0.0.1:1", "a=b", "table=django_session" },
        { "django-cached-db:127.0.0.1:1", "table=x", NULL },
    };

    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        const char *options[] = { rows[i].option, NULL };
        djs_store_t *made;
        const char *wrong =
            djs_store_create(&made, rows[i].spec, options, 4096, pool);

        if (rows[i].says == NULL ? wrong != NULL
                                 : !wrong || !strstr(wrong, rows[i].says)) {
            fail_msg("%s %s: %s", rows[i].spec,
                     rows[i].option ? rows[i].option : "",
                     wrong ? wrong : "accepted");
        }
    }
}

static void a_place_that_is_none_is_refused(void **state)
{
    djs_owner_t me = { (apr_uid_t)-1, (apr_gid_t)-1 };
    djs_store_t *made;

    (void)state;
    assert_null(djs_store_create(&made, "django-file:/nowhere/at/all", NULL,
                                 4096, pool));
    assert_non_null(
        strstr(djs_store_prepare(made, me, pool), "is no directory"));
    assert_string_equal(djs_store_about(made).path, "/nowhere/at/all");
    assert_null(djs_store_create(&made, "django-db:", NULL, 4096, pool));
    assert_int_equal(djs_store_open(made, pool), DJS_ETROUBLE);
    assert_null(djs_store_create(&made, "django-cached-db:127.0.0.1:1", NULL,
                                 4096, pool));
    assert_int_equal(djs_store_open(made, pool), DJS_ETROUBLE);
}

/* Trouble, until it is open. */
static void a_store_that_is_not_open_is_in_trouble(void **state)
{
    djs_entry_t entry;
    djs_store_t *made;

    (void)state;
    assert_null(djs_store_create(&made, "django-file:/tmp", NULL, 4096, pool));
    assert_int_equal(djs_site_get(made, named(KEY), soon(), &entry, pool),
                     DJS_ETROUBLE);
    assert_int_equal(djs_site_forms(made), DJS_FORM_SIGNED);
}

#define T(function)                                                            \
    {                                                                          \
#function, function, begin, end, (void *)(uintptr_t) "file"            \
    }

int main(void)
{
    const struct CMUnitTest tests[] = {
        T(a_wrong_configuration_is_a_sentence),
        T(a_place_that_is_none_is_refused),
        T(a_store_that_is_not_open_is_in_trouble),
    };
    int failed;

    apr_initialize();
    failed = cmocka_run_group_tests(tests, NULL, NULL);
    apr_terminate();
    return failed;
}
