/* store/memcache.h - what the files of the memcached provider share.
 *
 * From the top: memcache.c (the verbs), memcache_copies.c (one record on its
 * one or two servers), memcache_lock.c (who may change it), memcache_link.c
 * (one server: connections, retries, a breaker), memcache_guard.c (ends calls
 * at their deadline), memcache_spec.c (reads the configuration). */
#ifndef DJS_STORE_MEMCACHE_H
#define DJS_STORE_MEMCACHE_H

#include <stdatomic.h>
#include <sys/socket.h>
#include <apr_memcache.h>
#include <apr_thread_cond.h>
#include <apr_thread_mutex.h>
#include "store/store.h"

#define DJS_MC_SERVERS_MAX 16
#define DJS_MC_SLOTS_MAX   1024    /* connections to one server */
#define DJS_MC_PREFIX_MAX  64      /* bytes */
#define DJS_MC_VALUE_MAX   1000000 /* below the 1 MiB of memcached's -I 1m */

typedef struct djs_guard djs_guard_t;

/* A call under way: until when, on the steady clock; 0: none. */
typedef struct {
    _Atomic apr_int64_t until;
    int next; /* of the free list */
} djs_slot_t;

#define DJS_MC_EPOCHS 16 /* namespaces whose epochs a server is asked for */

/* An epoch that the server has told; asked: 0, none. */
typedef struct {
    char name[DJS_STORE_KEY_MAX];
    apr_size_t len;
    apr_uint64_t epoch;
    apr_time_t asked; /* steady clock */
} djs_mcepoch_t;

/* One server, in this process. */
typedef struct {
    const char *name;  /* HOST:PORT or /PATH, as configured */
    const char *host;  /* an IPv4 address in digits, or the path */
    apr_port_t port;   /* 0: a unix socket */
    apr_uint64_t seed; /* of its scores */
    struct sockaddr_storage address;
    socklen_t address_len;

    apr_memcache_t *mc; /* NULL: not open */
    djs_guard_t *guard;
    apr_thread_mutex_t *mutex; /* guards the free list and the epochs */
    djs_slot_t *slots;
    djs_mcepoch_t epochs[DJS_MC_EPOCHS];
    int slot_count;
    int free;             /* the first free slot, -1: none */
    _Atomic int peak;     /* slots ever in use: that many connections linger */
    _Atomic int failing;  /* the last call to it has failed */
    _Atomic int unproven; /* connect by ourselves before apr_memcache does */
    _Atomic apr_int64_t closed_until; /* the breaker; 0: closed circuit */
} djs_link_t;

typedef struct {
    const char *prefix;
    const char *kind; /* stands behind it in the keys of records */
    int replicas;
    int keep; /* connections that stay however long they are idle */
    int most; /* connections to one server */
    apr_interval_time_t idle; /* how long the others stay */
    int server_count;
    djs_link_t servers[DJS_MC_SERVERS_MAX];
    djs_guard_t *guard; /* NULL: not open in this process */
    char tag[40];       /* owns locks: this process, until it ends */
    _Atomic unsigned locks;
} djs_memcache_t;

#endif
