/* loadgen - asks httpd on many connections at once, and says how long it took.
 *
 *   loadgen PORT CONNECTIONS SECONDS PAUSE PATH [COOKIE]
 *
 * Each connection sends its next request PAUSE microseconds after the answer to
 * the last one. Prints one line: requests, answers 200 and 503, other answers,
 * broken connections; p50, p99, p99.9 and the longest in milliseconds; and when
 * (seconds since 1970) the last request that did not get 200 had begun. */
#include <arpa/inet.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>
#include <netinet/tcp.h>

#define CONNECTIONS 256
#define REQUESTS    200000 /* of one connection, at most */

typedef struct {
    pthread_t thread;
    int fd;
    float *took; /* milliseconds */
    int requests, good, unavailable, other, broken;
    double last_bad;
} client_t;

static int port, pause_us;
static double until;
static char request[4096];
static size_t request_len;

static double seconds(clockid_t clock)
{
    struct timespec now;

    clock_gettime(clock, &now);
    return (double)now.tv_sec + (double)now.tv_nsec / 1e9;
}

static int open_connection(void)
{
    struct sockaddr_in in = { 0 };
    int fd = socket(AF_INET, SOCK_STREAM, 0), on = 1;

    in.sin_family = AF_INET;
    in.sin_port = htons((unsigned short)port);
    in.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
    if (connect(fd, (struct sockaddr *)&in, sizeof in) != 0) {
        close(fd);
        return -1;
    }
    return fd;
}

/* Reads one response whole. Returns its status, 0 when it is cut short;
 * `*stays` says whether the connection does. */
static int read_response(int fd, int *stays)
{
    char buf[65536];
    size_t have = 0, want = 0;

    while (have < sizeof buf - 1) {
        ssize_t got = recv(fd, buf + have, sizeof buf - 1 - have, 0);
        const char *end, *length;

        if (got <= 0) {
            return 0;
        }
        have += (size_t)got;
        buf[have] = '\0';
        end = strstr(buf, "\r\n\r\n");
        if (!end) {
            continue;
        }
        length = strcasestr(buf, "\r\nContent-Length:");
        want = (size_t)(end + 4 - buf) +
               (length && length < end ? strtoul(length + 17, NULL, 10) : 0);
        if (have >= want) {
            *stays = !strcasestr(buf, "\r\nConnection: close");
            return atoi(buf + 9);
        }
    }
    return 0;
}

/* A connection that httpd has closed between two requests is opened anew. */
static int ask(client_t *client)
{
    int status = 0, stays = 0;

    for (int tries = 0; tries < 2 && !status; tries++) {
        int fresh = client->fd < 0;

        if (fresh) {
            client->fd = open_connection();
        }
        if (client->fd >= 0 &&
            send(client->fd, request, request_len, 0) == (ssize_t)request_len) {
            status = read_response(client->fd, &stays);
        }
        if (!status || !stays) {
            close(client->fd);
            client->fd = -1;
        }
        if (fresh) {
            break;
        }
    }
    return status;
}

static void *run(void *data)
{
    client_t *client = data;

    while (client->requests < REQUESTS && seconds(CLOCK_MONOTONIC) < until) {
        double when = seconds(CLOCK_REALTIME), began = seconds(CLOCK_MONOTONIC);
        int status = ask(client);

        client->took[client->requests++] =
            (float)((seconds(CLOCK_MONOTONIC) - began) * 1e3);
        client->good += status == 200;
        client->unavailable += status == 503;
        client->broken += status == 0;
        client->other += status != 200 && status != 503 && status != 0;
        if (status != 200) {
            client->last_bad = when;
        }
        if (pause_us > 0) {
            usleep((useconds_t)pause_us);
        }
    }
    return NULL;
}

static int compare(const void *a, const void *b)
{
    float x = *(const float *)a, y = *(const float *)b;

    return (x > y) - (x < y);
}

static void tell(const client_t *clients, int count)
{
    client_t sum = { 0 };
    float *all;
    int n = 0;

    for (int i = 0; i < count; i++) {
        sum.requests += clients[i].requests;
        sum.good += clients[i].good;
        sum.unavailable += clients[i].unavailable;
        sum.other += clients[i].other;
        sum.broken += clients[i].broken;
        if (clients[i].last_bad > sum.last_bad) {
            sum.last_bad = clients[i].last_bad;
        }
    }
    all = malloc(((size_t)sum.requests + 1) * sizeof *all);
    for (int i = 0; i < count; i++) {
        memcpy(all + n, clients[i].took,
               (size_t)clients[i].requests * sizeof *all);
        n += clients[i].requests;
    }
    qsort(all, (size_t)n, sizeof *all, compare);
    printf("requests=%d good=%d unavailable=%d other=%d broken=%d p50=%.1f"
           " p99=%.1f p999=%.1f max=%.1f last_bad=%.3f\n",
           n, sum.good, sum.unavailable, sum.other, sum.broken,
           (double)all[n / 2], (double)all[(long)n * 99 / 100],
           (double)all[(long)n * 999 / 1000], (double)all[n - 1], sum.last_bad);
    free(all);
}

int main(int argc, char **argv)
{
    static client_t clients[CONNECTIONS];
    int count = argc > 2 ? atoi(argv[2]) : 0;

    if (argc < 6 || count < 1 || count > CONNECTIONS) {
        fputs("loadgen PORT CONNECTIONS SECONDS PAUSE PATH [COOKIE]\n", stderr);
        return 2;
    }
    signal(SIGPIPE, SIG_IGN);
    port = atoi(argv[1]);
    pause_us = atoi(argv[4]);
    request_len =
        (size_t)snprintf(request, sizeof request,
                         "GET %s HTTP/1.1\r\nHost: localhost\r\n%s%s%s\r\n",
                         argv[5], argc > 6 ? "Cookie: " : "",
                         argc > 6 ? argv[6] : "", argc > 6 ? "\r\n" : "");
    until = seconds(CLOCK_MONOTONIC) + strtod(argv[3], NULL);
    for (int i = 0; i < count; i++) {
        clients[i].fd = -1;
        clients[i].took = malloc(REQUESTS * sizeof *clients[i].took);
        pthread_create(&clients[i].thread, NULL, run, &clients[i]);
    }
    for (int i = 0; i < count; i++) {
        pthread_join(clients[i].thread, NULL);
    }
    tell(clients, count);
    return 0;
}
