/* relay.h - stands before a memcached, keeps every byte that goes to it, and
 * loses replies when it is told to.
 *
 * A forked process that ends with its parent. A command is in the log before
 * its reply comes back, so who has an answer can read what was asked. */
#ifndef DJS_UNIT_RELAY_H
#define DJS_UNIT_RELAY_H

#include <poll.h>
#include <stdatomic.h>
#include <sys/mman.h>
#include "memcached.h"

#define RELAY_LOG   (4 << 20)
#define RELAY_PAIRS 64

/* In memory that both processes share. */
typedef struct {
    _Atomic size_t len; /* bytes in the log; the test may set it to 0 */
    _Atomic int lose;   /* so many replies to commands that begin so: */
    char verb[32];
    char log[RELAY_LOG];
} wire_t;

typedef struct {
    memcached_t self; /* its port and process */
    wire_t *wire;
} relay_t;

static inline void relay_close(struct pollfd *pair)
{
    close(pair[0].fd);
    close(pair[1].fd);
    pair[0].fd = pair[1].fd = -1;
}

/* A command: is logged, goes on, and may lose its reply with the connection. */
static inline void relay_command(wire_t *wire, struct pollfd *pair)
{
    static char buf[65536], lost[65536];
    ssize_t got = recv(pair[0].fd, buf, sizeof buf, 0);
    size_t verb = strlen(wire->verb), len = atomic_load(&wire->len);

    if (got <= 0 || len + (size_t)got > RELAY_LOG) {
        relay_close(pair);
        return;
    }
    memcpy(wire->log + len, buf, (size_t)got);
    atomic_store(&wire->len, len + (size_t)got);
    if (send(pair[1].fd, buf, (size_t)got, MSG_NOSIGNAL) != got) {
        relay_close(pair);
        return;
    }
    if (atomic_load(&wire->lose) > 0 && (size_t)got > verb &&
        memcmp(buf, wire->verb, verb) == 0) {
        (void)!recv(pair[1].fd, lost, sizeof lost, 0);
        atomic_fetch_sub(&wire->lose, 1);
        relay_close(pair);
    }
}

static inline void relay_reply(struct pollfd *pair)
{
    static char buf[65536];
    ssize_t got = recv(pair[1].fd, buf, sizeof buf, 0);

    if (got <= 0 || send(pair[0].fd, buf, (size_t)got, MSG_NOSIGNAL) != got) {
        relay_close(pair);
    }
}

static inline void relay_accept(int listener, struct pollfd *fds, int port)
{
    struct sockaddr_in in = loopback(port);
    int client = accept(listener, NULL, NULL), free = 1;
    int server = socket(AF_INET, SOCK_STREAM, 0);

    while (free < 2 * RELAY_PAIRS && fds[free].fd >= 0) {
        free += 2;
    }
    if (free > 2 * RELAY_PAIRS ||
        connect(server, (struct sockaddr *)&in, sizeof in) != 0) {
        close(client);
        close(server);
        return;
    }
    fds[free].fd = client;
    fds[free + 1].fd = server;
}

static inline void relay_serve(int listener, int port, wire_t *wire)
{
    struct pollfd fds[1 + 2 * RELAY_PAIRS];

    for (int i = 0; i < 1 + 2 * RELAY_PAIRS; i++) {
        fds[i] = (struct pollfd){ i ? -1 : listener, POLLIN, 0 };
    }
    while (poll(fds, 1 + 2 * RELAY_PAIRS, -1) > 0) {
        for (int i = 1; i < 2 * RELAY_PAIRS; i += 2) {
            if (fds[i].fd >= 0 && fds[i + 1].revents) {
                relay_reply(fds + i);
            }
            if (fds[i].fd >= 0 && fds[i].revents) {
                relay_command(wire, fds + i);
            }
        }
        if (fds[0].revents) {
            relay_accept(listener, fds, port);
        }
    }
    _exit(1);
}

static inline void relay_start(relay_t *relay, int port)
{
    struct sockaddr_in in = loopback(0);
    socklen_t len = sizeof in;
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

    relay->wire = mmap(NULL, sizeof *relay->wire, PROT_READ | PROT_WRITE,
                       MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    if (relay->wire == MAP_FAILED ||
        bind(fd, (struct sockaddr *)&in, len) != 0 || listen(fd, 64) != 0 ||
        getsockname(fd, (struct sockaddr *)&in, &len) != 0) {
        abort();
    }
    relay->self.port = ntohs(in.sin_port);
    relay->self.pid = fork();
    if (relay->self.pid == 0) {
        prctl(PR_SET_PDEATHSIG, SIGKILL);
        relay_serve(fd, port, relay->wire);
    }
    close(fd);
}

static inline void relay_stop(relay_t *relay)
{
    memcached_kill(&relay->self);
    munmap(relay->wire, sizeof *relay->wire);
}

/* Loses the next replies to commands that begin with `verb`. */
static inline void relay_lose(relay_t *relay, const char *verb, int replies)
{
    snprintf(relay->wire->verb, sizeof relay->wire->verb, "%s", verb);
    atomic_store(&relay->wire->lose, replies);
}

static inline void relay_forget(relay_t *relay)
{
    atomic_store(&relay->wire->len, 0);
}

/* How often `text` stands in what has gone to memcached. */
static inline int relay_count(relay_t *relay, const char *text)
{
    const char *at = relay->wire->log;
    const char *end = at + atomic_load(&relay->wire->len);
    int count = 0;

    for (; at + strlen(text) <= end; at++) {
        count += memcmp(at, text, strlen(text)) == 0;
    }
    return count;
}

#endif
