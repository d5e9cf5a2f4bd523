/* memcached.h - a real memcached for a test, gone with it. */
#ifndef DJS_UNIT_MEMCACHED_H
#define DJS_UNIT_MEMCACHED_H

#include <arpa/inet.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

/* ThreadSanitizer, where it is built in, takes the guard's look at all
 * descriptors of the process for a race about them, which it is meant to be. */
const char *__tsan_default_suppressions(void);
const char *__tsan_default_options(void);
const char *__tsan_default_suppressions(void)
{
    return "race:djs_guard_cut\n";
}

/* Tests fork while a guard runs; the child starts its own. */
const char *__tsan_default_options(void)
{
    return "die_after_fork=0";
}

typedef struct {
    pid_t pid; /* 0: not running */
    int port;
} memcached_t;

static inline struct sockaddr_in loopback(int port)
{
    struct sockaddr_in in;

    memset(&in, 0, sizeof in);
    in.sin_family = AF_INET;
    in.sin_port = htons((unsigned short)port);
    in.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    return in;
}

/* A port that nobody listens on just now, and none of those that the system
 * gives to clients, as a rule: one of them might have taken it meanwhile. */
static inline int free_port(void)
{
    static unsigned next;
    int tries = 100, done = -1;
    struct sockaddr_in in;

    next = next ? next : (unsigned)getpid() * 7919u;
    while (done != 0 && tries-- > 0) {
        int fd = socket(AF_INET, SOCK_STREAM, 0);

        in = loopback((int)(10240 + (next += 97) % 20000));
        done = bind(fd, (struct sockaddr *)&in, sizeof in);
        close(fd);
    }
    if (done != 0) {
        abort();
    }
    return ntohs(in.sin_port);
}

static inline int answers(int port)
{
    struct sockaddr_in in = loopback(port);
    int fd = socket(AF_INET, SOCK_STREAM, 0);
    int rv = connect(fd, (struct sockaddr *)&in, sizeof in);

    close(fd);
    return rv == 0;
}

/* Starts it on `port`, or on a free one when that is 0, with `megabytes` and
 * one more option (or NULL), and waits until it answers. It ends with this
 * process, whatever ends that. */
static inline void memcached_start_with(memcached_t *server, int port,
                                        const char *megabytes,
                                        const char *option)
{
    char text[16];

    server->port = port ? port : free_port();
    snprintf(text, sizeof text, "%d", server->port);
    signal(SIGPIPE, SIG_IGN);
    server->pid = fork();
    if (server->pid == 0) {
        prctl(PR_SET_PDEATHSIG, SIGKILL);
        (void)!freopen("/dev/null", "w", stderr);
        execlp("memcached", "memcached", "-l", "127.0.0.1", "-p", text, "-U",
               "0", "-u", "root", "-t", "2", "-m", megabytes, option,
               (char *)NULL);
        _exit(127);
    }
    for (int i = 0; i < 500 && !answers(server->port); i++) {
        usleep(10000);
    }
}

static inline void memcached_start(memcached_t *server, int port)
{
    memcached_start_with(server, port, "64", NULL);
}

static inline void memcached_kill(memcached_t *server)
{
    if (server->pid) {
        kill(server->pid, SIGKILL);
        waitpid(server->pid, NULL, 0);
        server->pid = 0;
    }
}

/* Stops it, and comes back when it has stopped. */
static inline void memcached_freeze(const memcached_t *server)
{
    int status;

    kill(server->pid, SIGSTOP);
    (void)waitpid(server->pid, &status, WUNTRACED);
}

#endif
