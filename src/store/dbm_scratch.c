/* dbm_scratch.c - pools that are cleared and used again. */
#include <pthread.h>
#include <apr_allocator.h>
#include "store/dbm_scratch.h"

#define IDLE_MOST 1024         /* pools kept; more than threads in a process */
#define KEEP_MOST (256 * 1024) /* bytes that an idle pool keeps */

struct djs_scratch {
    pthread_mutex_t mutex;
    int idle;
    apr_pool_t *pools[IDLE_MOST];
};

static apr_status_t scratch_end(void *data)
{
    djs_scratch_t *scratch = data;

    while (scratch->idle > 0) {
        apr_pool_destroy(scratch->pools[--scratch->idle]);
    }
    pthread_mutex_destroy(&scratch->mutex);
    return APR_SUCCESS;
}

djs_scratch_t *djs_scratch_make(apr_pool_t *pool)
{
    djs_scratch_t *scratch = apr_pcalloc(pool, sizeof(*scratch));

    if (pthread_mutex_init(&scratch->mutex, NULL) != 0) {
        return NULL;
    }
    apr_pool_cleanup_register(pool, scratch, scratch_end,
                              apr_pool_cleanup_null);
    return scratch;
}

/* With an allocator of its own: no other thread's pool is touched. */
static apr_pool_t *pool_make(void)
{
    apr_pool_t *pool;

    if (apr_pool_create_unmanaged_ex(&pool, NULL, NULL) != APR_SUCCESS) {
        return NULL;
    }
    apr_allocator_max_free_set(apr_pool_allocator_get(pool), KEEP_MOST);
    return pool;
}

apr_pool_t *djs_scratch_take(djs_scratch_t *scratch)
{
    apr_pool_t *pool = NULL;

    pthread_mutex_lock(&scratch->mutex);
    if (scratch->idle > 0) {
        pool = scratch->pools[--scratch->idle];
    }
    pthread_mutex_unlock(&scratch->mutex);
    return pool ? pool : pool_make();
}

void djs_scratch_give(djs_scratch_t *scratch, apr_pool_t *pool)
{
    apr_pool_clear(pool);
    pthread_mutex_lock(&scratch->mutex);
    if (scratch->idle < IDLE_MOST) {
        scratch->pools[scratch->idle++] = pool;
        pool = NULL;
    }
    pthread_mutex_unlock(&scratch->mutex);
    if (pool) {
        apr_pool_destroy(pool);
    }
}
