/* session_fixture.h - what the tests of the session object begin with. */
#ifndef DJS_UNIT_SESSION_FIXTURE_H
#define DJS_UNIT_SESSION_FIXTURE_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <cmocka.h>
#include <apr_general.h>
#include <apr_pools.h>
#include <apr_strings.h>
#include "session/session.h"

#define COUNT(a) (sizeof(a) / sizeof(*(a)))
#define KEY      "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa1"

static apr_pool_t *pool;
static djs_session_t session;

static inline djs_bytes_t b(const char *text)
{
    return djs_bytes(text);
}

/* A session as session/commit hands it over. */
static inline djs_session_t *live(const char *body)
{
    djs_session_init(&session, pool);
    session.state = DJS_STATE_LIVE;
    memcpy(session.key, KEY, sizeof(KEY));
    memcpy(session.loaded, KEY, sizeof(KEY));
    session.record.body = b(body);
    return &session;
}

static inline djs_session_t *anonymous(void)
{
    djs_session_init(&session, pool);
    return &session;
}

/* All data as text, read through the object. */
static inline const char *data_of(djs_session_t *s)
{
    const djs_json_member_t *items;
    const char *text = "";
    int count;

    assert_int_equal(djs_session_items(s, &items, &count), APR_SUCCESS);
    for (int i = 0; i < count; i++) {
        text = apr_psprintf(pool, "%s%s%.*s:%.*s", text, i ? "," : "",
                            (int)items[i].key.len, items[i].key.data,
                            (int)items[i].value.len, items[i].value.data);
    }
    return text;
}

static inline int setup(void **state)
{
    (void)state;
    apr_initialize();
    return apr_pool_create(&pool, NULL) != APR_SUCCESS;
}

static inline int teardown(void **state)
{
    (void)state;
    apr_pool_destroy(pool);
    apr_terminate();
    return 0;
}

#endif
