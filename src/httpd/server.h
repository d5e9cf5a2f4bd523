/* httpd/server.h - what a server or virtual host has: settings, store, keys.
 *
 * Built in post_config, opened in every child, otherwise immutable while
 * requests run. All that outlives a request and is no plain data stands here.
 */
#ifndef DJS_HTTPD_SERVER_H
#define DJS_HTTPD_SERVER_H

#include <apr_thread_mutex.h>
#include <httpd.h>
#include <http_config.h>
#include "base/health.h"
#include "session/commit.h"
#include "session/policy.h"

extern module AP_MODULE_DECLARE_DATA djsession_module;

/* What of a store may be in trouble by itself. */
enum {
    DJS_HEALTH_STORE, /* the store as a whole */
    DJS_HEALTH_FRONT, /* memcached in front of DBM files */
    DJS_HEALTH_TWIN,  /* one of servers that have the same */
    DJS_HEALTH_ITEMS  /* how many there are */
};

/* A store as hosts share it. */
typedef struct {
    djs_store_t *store;
    const char *name;                /* SPEC and options, for finding it */
    apr_interval_time_t sweep_every; /* the shortest that any host asks for */
    djs_health_t *health; /* DJS_HEALTH_ITEMS, shared by all children */
    server_rec *s;

    /* This process's: see djs_server_ready. */
    apr_pool_t *pool;           /* what the open store lives in */
    apr_thread_mutex_t *trying; /* held while the store is opened late */
    apr_time_t next_try;        /* not before, on the steady clock */
} djs_back_t;

/* The module's configuration of one server_rec. */
typedef struct {
    djs_settings_t settings;
    int used; /* some location of it may have sessions */
    djs_back_t *back;
    djs_place_t place;
    const char *proxy_header; /* NULL: no proxy is believed */
    const char *proxy_value;
    apr_array_header_t *trusted; /* of apr_ipsubnet_t * */
    djs_budget_t *budget;        /* shared by all children; NULL: no limit */
    const struct djs_query *user_query;  /* of httpd/dbd; NULL: none */
    const struct djs_query *login_query; /* the same */
    const unsigned char *forward_key;    /* DJS_SECRET_BYTES; NULL: unsigned */
} djs_host_t;

/* The four functions of httpd's module record: a djs_host_t for each server,
 * a djs_policy_t for each section, in `p`, with nothing set; what `add` leaves
 * unset comes from `base`. */
void *djs_server_create(apr_pool_t *p, server_rec *s);
void *djs_server_merge(apr_pool_t *p, void *base, void *add);
void *djs_server_create_policy(apr_pool_t *p, char *path);
void *djs_server_merge_policy(apr_pool_t *p, void *base, void *add);

/* What a server has, and what counts for a request; never NULL. */
djs_host_t *djs_server_host(const server_rec *s);
const djs_policy_t *djs_server_policy(const request_rec *r);

/* Nonzero when any host has or prepares for sessions: then every host takes our
 * names out of what clients and programs send. */
int djs_server_in_use(void);

/* Nonzero when the store is open in this process. A store that a child could
 * not open when it began is tried again here, with the first request and then
 * by one thread ten times a second at most; nobody waits for it. */
int djs_server_ready(djs_back_t *back);

/* All stores, of djs_back_t *. */
const apr_array_header_t *djs_server_backs(void);

/* Hooks. check_config finds what contradicts itself, also for configtest;
 * post_config makes stores and keys; child_init opens the stores. */
int djs_server_check_config(apr_pool_t *pconf, apr_pool_t *plog,
                            apr_pool_t *ptemp, server_rec *s);
int djs_server_post_config(apr_pool_t *pconf, apr_pool_t *plog,
                           apr_pool_t *ptemp, server_rec *s);
void djs_server_child_init(apr_pool_t *pchild, server_rec *s);

#endif
