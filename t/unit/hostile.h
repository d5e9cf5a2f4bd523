/* hostile.h - a memcached that does what no memcached should, from a script.
 *
 * A forked process that ends with its parent. It answers the next command on
 * each connection as the script says, as often as it is asked. */
#ifndef DJS_UNIT_HOSTILE_H
#define DJS_UNIT_HOSTILE_H

#include <poll.h>
#include "memcached.h"

typedef struct {
    const char *bytes; /* the reply; may contain NUL */
    size_t len;
    int drip;  /* milliseconds between two bytes of the reply; 0: none */
    int close; /* close after the reply; otherwise be silent for ever */
    int again; /* answer the next command too */
} script_t;

static inline void hostile_reply(int fd, const script_t *script)
{
    size_t step = script->drip ? 1 : script->len;

    for (size_t i = 0; i < script->len; i += step) {
        if (send(fd, script->bytes + i, step, MSG_NOSIGNAL) < 0) {
            return;
        }
        if (script->drip) {
            usleep((useconds_t)script->drip * 1000);
        }
    }
}

static inline void hostile_connection(int fd, const script_t *script)
{
    char buf[65536];

    while (recv(fd, buf, sizeof buf, 0) > 0) {
        hostile_reply(fd, script);
        if (script->close) {
            return;
        }
        while (!script->again && recv(fd, buf, sizeof buf, 0) > 0) {
        }
    }
}

/* Listens on `fd` until it is killed, with a process for each connection. */
static inline void hostile_serve(int fd, const script_t *script)
{
    signal(SIGCHLD, SIG_IGN);
    for (;;) {
        int client = accept(fd, NULL, NULL);

        if (client < 0) {
            _exit(1);
        }
        if (fork() == 0) {
            prctl(PR_SET_PDEATHSIG, SIGKILL);
            hostile_connection(client, script);
            _exit(0);
        }
        close(client);
    }
}

static inline void hostile_start(memcached_t *server, const script_t *script)
{
    struct sockaddr_in in = loopback(0);
    socklen_t len = sizeof in;
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

    if (bind(fd, (struct sockaddr *)&in, len) != 0 || listen(fd, 64) != 0 ||
        getsockname(fd, (struct sockaddr *)&in, &len) != 0) {
        abort();
    }
    signal(SIGPIPE, SIG_IGN);
    server->port = ntohs(in.sin_port);
    server->pid = fork();
    if (server->pid == 0) {
        prctl(PR_SET_PDEATHSIG, SIGKILL);
        hostile_serve(fd, script);
    }
    close(fd);
}

#endif
