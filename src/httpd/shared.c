/* httpd/shared.c - what the children of one httpd know together.
 *
 * The memory is cut up once, here, in the parent: first the health of all
 * stores, then one table for each limit. Where things lie is kept in memory of
 * the parent's own, which children can not reach. */
#include <apr_shm.h>
#include <apr_strings.h>
#include <httpd.h>
#include <http_log.h>
#include "base/random.h"
#include "httpd/shared.h"

APLOG_USE_MODULE(djsession);

#define TABLE_SIZE APR_ALIGN(djs_budget_size(DJS_BUDGET_SETS), 64)

static const djs_limit_t *limit_of(const djs_host_t *host)
{
    const djs_limit_t *limit = host->used ? host->settings.create_limit : NULL;

    return limit == NULL || limit->count == 0 ? NULL : limit;
}

/* Hosts with the same limit count together. */
static djs_budget_t *budget_for(const apr_array_header_t *budgets,
                                const djs_limit_t *limit)
{
    int i;

    for (i = 0; i < budgets->nelts; i++) {
        djs_budget_t *b = APR_ARRAY_IDX(budgets, i, djs_budget_t *);

        if (b->limit.count == limit->count && b->limit.time == limit->time) {
            return b;
        }
    }
    return NULL;
}

/* Gives each host its budget; without a table as yet. */
static apr_array_header_t *plan_budgets(server_rec *s, apr_pool_t *p)
{
    apr_array_header_t *budgets = apr_array_make(p, 1, sizeof(djs_budget_t *));

    for (; s != NULL; s = s->next) {
        djs_host_t *host = djs_server_host(s);
        const djs_limit_t *limit = limit_of(host);

        if (limit == NULL) {
            continue;
        }
        host->budget = budget_for(budgets, limit);
        if (host->budget == NULL) {
            host->budget = apr_pcalloc(p, sizeof *host->budget);
            host->budget->limit = *limit;
            APR_ARRAY_PUSH(budgets, djs_budget_t *) = host->budget;
        }
    }
    return budgets;
}

/* Zeroed memory for all children, or for each one where there is none. */
static char *get_memory(apr_size_t size, server_rec *s, apr_pool_t *p)
{
    apr_shm_t *shm;
    apr_status_t rv = apr_shm_create(&shm, size, NULL, p);

    if (rv == APR_SUCCESS) {
        return memset(apr_shm_baseaddr_get(shm), 0, size);
    }
    ap_log_error(APLOG_MARK, APLOG_STARTUP | APLOG_WARNING, rv, s,
                 "DJS010: no shared memory of %" APR_SIZE_T_FMT " bytes: each"
                 " child tells of outages and counts DjSessionCreateLimit for"
                 " itself",
                 size);
    return apr_pcalloc(p, size);
}

int djs_shared_make(server_rec *main_server, const apr_array_header_t *backs,
                    apr_pool_t *pconf)
{
    apr_array_header_t *budgets = plan_budgets(main_server, pconf);
    apr_size_t health_size = APR_ALIGN(
        (apr_size_t)backs->nelts * DJS_HEALTH_ITEMS * sizeof(djs_health_t), 64);
    unsigned char key[DJS_BUDGET_KEY];
    char *memory;
    int i;

    if (backs->nelts == 0) {
        return OK;
    }
    if (djs_random(key, sizeof key) != APR_SUCCESS) {
        ap_log_error(APLOG_MARK, APLOG_STARTUP | APLOG_EMERG, 0, main_server,
                     "DJS002: the random generator failed");
        return HTTP_INTERNAL_SERVER_ERROR;
    }
    memory = get_memory(health_size + (apr_size_t)budgets->nelts * TABLE_SIZE,
                        main_server, pconf);
    for (i = 0; i < backs->nelts; i++) {
        APR_ARRAY_IDX(backs, i, djs_back_t *)->health =
            (djs_health_t *)memory + i * DJS_HEALTH_ITEMS;
    }
    for (i = 0; i < budgets->nelts; i++) {
        djs_budget_t *b = APR_ARRAY_IDX(budgets, i, djs_budget_t *);

        djs_budget_init(b, b->limit,
                        memory + health_size + (apr_size_t)i * TABLE_SIZE,
                        DJS_BUDGET_SETS, key);
    }
    return OK;
}
