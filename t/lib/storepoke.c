/* storepoke - lets a test look at the records of a store, and tamper with them.
 *
 *   storepoke SPEC [option=value]... VERB [KEY [SECONDS]]
 *
 * list: a line "KEY EXPIRES HEX" for each record. put: replaces KEY's record by
 * the hexadecimal bytes on standard input, to expire at SECONDS. remove: ends
 * KEY. hold: keeps KEY's record locked for SECONDS, after saying "held". */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <apr_general.h>
#include <apr_strings.h>
#include "base/clock.h"
#include "store/store.h"

#define LONGEST (1024 * 1024)

static djs_call_t call(void)
{
    djs_call_t c = { apr_time_now(), 0, 0 };

    c.until = djs_clock_steady() + apr_time_from_sec(5);
    return c;
}

static apr_status_t show(djs_bytes_t key, djs_bytes_t val, apr_time_t expires,
                         void *baton)
{
    apr_size_t i;

    (void)baton;
    printf("%.*s %ld ", (int)key.len, key.data, (long)apr_time_sec(expires));
    for (i = 0; i < val.len; i++) {
        printf("%02x", (unsigned char)val.data[i]);
    }
    putchar('\n');
    return APR_SUCCESS;
}

static djs_bytes_t standard_input(apr_pool_t *p)
{
    djs_bytes_t out = { NULL, 0 };
    char *bytes = apr_palloc(p, LONGEST);
    unsigned value;

    while (out.len < LONGEST && scanf("%2x", &value) == 1) {
        bytes[out.len++] = (char)value;
    }
    out.data = bytes;
    return out;
}

static apr_status_t hold(djs_update_t *todo, djs_bytes_t current, void *baton,
                         apr_pool_t *scratch)
{
    (void)current;
    (void)scratch;
    puts("held");
    fflush(stdout);
    sleep((unsigned)atoi(baton));
    todo->what = DJS_UPDATE_KEEP;
    return APR_SUCCESS;
}

static apr_status_t act(djs_store_t *store, const char *verb, char **rest,
                        int count, apr_pool_t *p)
{
    djs_bytes_t key = { NULL, 0 };
    apr_status_t rv;

    if (strcmp(verb, "list") == 0) {
        return djs_store_each(store, show, NULL, call(), p);
    }
    if (count < 1) {
        return APR_EINVAL;
    }
    key.data = rest[0];
    key.len = strlen(rest[0]);
    if (strcmp(verb, "remove") == 0) {
        return djs_store_remove(store, key, call(), p);
    }
    if (count < 2) {
        return APR_EINVAL;
    }
    if (strcmp(verb, "hold") == 0) {
        return djs_store_update(store, key, hold, rest[1], call(), p);
    }
    rv = djs_store_remove(store, key, call(), p);
    return rv != APR_SUCCESS
               ? rv
               : djs_store_put(store, key,
                               (djs_item_t){ standard_input(p),
                                             apr_time_from_sec(atol(rest[1])) },
                               DJS_PUT_NEW, call(), p);
}

int main(int argc, char **argv)
{
    const char **options;
    const char *wrong;
    djs_store_t *store;
    apr_status_t rv;
    apr_pool_t *p;
    char text[160];
    int at;

    apr_initialize();
    atexit(apr_terminate);
    apr_pool_create(&p, NULL);
    options = apr_pcalloc(p, (apr_size_t)argc * sizeof *options);
    for (at = 2; at < argc && strchr(argv[at], '=') != NULL; at++) {
        options[at - 2] = argv[at];
    }
    if (at >= argc) {
        fputs("storepoke SPEC [option=value]... VERB [KEY [SECONDS]]\n",
              stderr);
        return 2;
    }
    wrong = djs_store_create(&store, argv[1], options, 65536 + 1024, p);
    if (wrong != NULL) {
        fprintf(stderr, "%s\n", wrong);
        return 2;
    }
    rv = djs_store_open(store, p);
    if (rv == APR_SUCCESS) {
        rv = act(store, argv[at], argv + at + 1, argc - at - 1, p);
    }
    if (rv != APR_SUCCESS) {
        fprintf(stderr, "%s\n", djs_status_text(rv, text, sizeof text));
        return 1;
    }
    return 0;
}
