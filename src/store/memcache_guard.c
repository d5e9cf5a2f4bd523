/* memcache_guard.c - ends calls to memcached at their deadline.
 *
 * The thread looks every few milliseconds while calls come in, and sleeps
 * without waking when there were none for a second: an idle child costs
 * nothing. */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <apr_thread_proc.h>
#include "base/clock.h"
#include "store/memcache_guard.h"

#define TICK (8 * 1000)       /* microseconds between two looks */
#define DOZE APR_USEC_PER_SEC /* without a call, until it sleeps */
#define FDS  65536            /* looked at where /proc is not mounted */

struct djs_guard {
    djs_memcache_t *owner;
    apr_thread_t *thread;
    apr_thread_mutex_t *mutex; /* guards what stands below */
    apr_thread_cond_t *wake;
    _Atomic int asleep;
    _Atomic int stop;
    apr_thread_mutex_t *cutting; /* one walk at a time */
    DIR *fds;                    /* /proc/self/fd, or NULL */
    int spare; /* a descriptor to look through, so that none must be had */
};

/* Is this socket still connecting to that server? It has no peer to name yet,
 * so the kernel's table is asked: it is seldom. */
static int is_connecting(const djs_link_t *link, int fd)
{
    const struct sockaddr_in *to = (const void *)&link->address;
    struct tcp_info info;
    socklen_t len = sizeof info;
    char line[256];
    struct stat st;
    FILE *table;
    int found = 0;

    if (link->address.ss_family != AF_INET ||
        getsockopt(fd, IPPROTO_TCP, TCP_INFO, &info, &len) != 0 ||
        info.tcpi_state != TCP_SYN_SENT || fstat(fd, &st) != 0) {
        return 0;
    }
    table = fopen("/proc/self/net/tcp", "re");
    while (table && !found && fgets(line, sizeof line, table)) {
        unsigned address, port;
        unsigned long inode;

        found = sscanf(line,
                       "%*d: %*x:%*x %x:%x %*x %*x:%*x %*x:%*x %*x %*u %*u %lu",
                       &address, &port, &inode) == 3 &&
                inode == (unsigned long)st.st_ino &&
                address == to->sin_addr.s_addr && port == ntohs(to->sin_port);
    }
    if (table) {
        fclose(table);
    }
    return found;
}

static int same_peer(const djs_link_t *link, int fd)
{
    struct sockaddr_storage peer = { 0 };
    socklen_t len = sizeof peer;

    if (getpeername(fd, (struct sockaddr *)&peer, &len) != 0) {
        return errno == ENOTCONN && is_connecting(link, fd);
    }
    if (peer.ss_family != link->address.ss_family) {
        return 0;
    }
    if (peer.ss_family == AF_UNIX) {
        return strncmp(((struct sockaddr_un *)&peer)->sun_path, link->host,
                       sizeof(((struct sockaddr_un *)&peer)->sun_path)) == 0;
    }
    else {
        const struct sockaddr_in *a = (const void *)&peer;
        const struct sockaddr_in *b = (const void *)&link->address;

        return a->sin_port == b->sin_port &&
               a->sin_addr.s_addr == b->sin_addr.s_addr;
    }
}

/* The check and the act refer to one socket: that of the spare descriptor,
 * whatever becomes of `fd` meanwhile. */
static void cut_one(const djs_link_t *link, int fd)
{
    int spare = link->guard->spare;

    if (fd != spare && same_peer(link, fd) &&
        dup3(fd, spare, O_CLOEXEC) == spare && same_peer(link, spare)) {
        struct linger now = { 1, 0 }; /* what is not sent yet never will be */

        (void)setsockopt(spare, SOL_SOCKET, SO_LINGER, &now, sizeof now);
        (void)shutdown(spare, SHUT_RDWR);
    }
}

/* The spare descriptor lets go of the socket it looked at last. */
static void free_spare(djs_guard_t *guard)
{
    int null = open("/dev/null", O_RDONLY | O_CLOEXEC);

    if (null >= 0) {
        (void)dup3(null, guard->spare, O_CLOEXEC);
        (void)close(null);
    }
}

void djs_guard_cut(djs_link_t *link)
{
    djs_guard_t *guard = link->guard;

    apr_thread_mutex_lock(guard->cutting);
    if (guard->fds) {
        struct dirent *entry;

        rewinddir(guard->fds);
        while ((entry = readdir(guard->fds)) != NULL) {
            if (entry->d_name[0] != '.') {
                cut_one(link, (int)strtol(entry->d_name, NULL, 10));
            }
        }
    }
    else {
        long most = sysconf(_SC_OPEN_MAX);

        for (int fd = 0; fd < FDS && fd < most; fd++) {
            cut_one(link, fd);
        }
    }
    free_spare(guard);
    apr_thread_mutex_unlock(guard->cutting);
}

void djs_guard_settle(djs_link_t *link)
{
    apr_thread_mutex_lock(link->guard->cutting);
    apr_thread_mutex_unlock(link->guard->cutting);
}

/* One look at all calls. Returns nonzero when there was one. */
static int look(djs_guard_t *guard)
{
    apr_time_t now = djs_clock_steady();
    int busy = 0;

    for (int i = 0; i < guard->owner->server_count; i++) {
        djs_link_t *link = &guard->owner->servers[i];
        int peak = atomic_load(&link->peak), overdue = 0;

        for (int j = 0; j < peak; j++) {
            apr_int64_t until = atomic_load(&link->slots[j].until);

            busy |= until != 0;
            overdue |= until != 0 && until <= now;
        }
        if (overdue) {
            djs_guard_cut(link);
        }
    }
    return busy;
}

/* Nobody has called for long: wait to be woken. A call that began meanwhile
 * has either seen `asleep` or is seen here. */
static void sleep_deep(djs_guard_t *guard)
{
    apr_thread_mutex_lock(guard->mutex);
    atomic_store(&guard->asleep, 1);
    if (!look(guard)) {
        while (atomic_load(&guard->asleep) && !atomic_load(&guard->stop)) {
            apr_thread_cond_wait(guard->wake, guard->mutex);
        }
    }
    atomic_store(&guard->asleep, 0);
    apr_thread_mutex_unlock(guard->mutex);
}

static void *APR_THREAD_FUNC watch(apr_thread_t *thread, void *data)
{
    djs_guard_t *guard = data;
    apr_time_t seen = djs_clock_steady();

    (void)thread;
    while (!atomic_load(&guard->stop)) {
        apr_sleep(TICK); /* whatever is done to the clock on the wall */
        if (look(guard)) {
            seen = djs_clock_steady();
        }
        else if (djs_clock_steady() - seen > DOZE) {
            sleep_deep(guard);
            seen = djs_clock_steady();
        }
    }
    return NULL;
}

static void close_files(djs_guard_t *guard)
{
    if (guard->fds) {
        closedir(guard->fds);
    }
    if (guard->spare >= 0) {
        close(guard->spare);
    }
}

static apr_status_t guard_stop(void *data)
{
    djs_guard_t *guard = data;
    apr_status_t rv;

    apr_thread_mutex_lock(guard->mutex);
    atomic_store(&guard->stop, 1);
    apr_thread_cond_signal(guard->wake);
    apr_thread_mutex_unlock(guard->mutex);
    if (guard->thread) {
        apr_thread_join(&rv, guard->thread);
    }
    guard->owner->guard = NULL;
    for (int i = 0; i < guard->owner->server_count; i++) {
        guard->owner->servers[i].mc = NULL;
    }
    close_files(guard);
    return APR_SUCCESS;
}

/* The thread takes no signals: they are the server's. */
static apr_status_t start_thread(djs_guard_t *guard, apr_pool_t *p)
{
    sigset_t all, old;
    apr_status_t rv;

    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &old);
    rv = apr_thread_create(&guard->thread, NULL, watch, guard, p);
    pthread_sigmask(SIG_SETMASK, &old, NULL);
    if (rv != APR_SUCCESS) {
        guard->thread = NULL; /* APR leaves something there */
    }
    return rv;
}

apr_status_t djs_guard_start(djs_memcache_t *self, apr_pool_t *pchild)
{
    djs_guard_t *guard = apr_pcalloc(pchild, sizeof *guard);
    apr_status_t rv;

    guard->owner = self;
    guard->fds = opendir("/proc/self/fd");
    guard->spare = open("/dev/null", O_RDONLY | O_CLOEXEC);
    rv = apr_thread_mutex_create(&guard->mutex, APR_THREAD_MUTEX_DEFAULT,
                                 pchild);
    if (rv == APR_SUCCESS) {
        rv = apr_thread_mutex_create(&guard->cutting, APR_THREAD_MUTEX_DEFAULT,
                                     pchild);
    }
    if (rv == APR_SUCCESS) {
        rv = apr_thread_cond_create(&guard->wake, pchild);
    }
    if (rv != APR_SUCCESS || guard->spare < 0) {
        close_files(guard);
        return rv != APR_SUCCESS ? rv : APR_EMFILE;
    }
    apr_pool_pre_cleanup_register(pchild, guard, guard_stop);
    rv = start_thread(guard, pchild);
    if (rv != APR_SUCCESS) {
        return rv; /* without it nobody would end a call */
    }
    for (int i = 0; i < self->server_count; i++) {
        self->servers[i].guard = guard;
    }
    self->guard = guard;
    return APR_SUCCESS;
}

void djs_guard_enter(djs_link_t *link, djs_slot_t *slot, apr_time_t until)
{
    djs_guard_t *guard = link->guard;

    atomic_store(&slot->until, until);
    if (atomic_load(&guard->asleep)) {
        apr_thread_mutex_lock(guard->mutex);
        atomic_store(&guard->asleep, 0);
        apr_thread_cond_signal(guard->wake);
        apr_thread_mutex_unlock(guard->mutex);
    }
}

void djs_guard_leave(djs_slot_t *slot)
{
    atomic_store_explicit(&slot->until, 0, memory_order_release);
}
