/* drive.c - sixteen browsers that share sessions, and write down what they saw.
 *
 *   drive port=N dir=DIR [ops=10000] [seed=1]
 *
 * Four clients at a time share one cookie jar, as the tabs of a browser do.
 * Half of the jars are in haste, and end their sessions soon; the others keep
 * them for long. They read, set unique values, count, rotate, log in and out,
 * all at once, and take up new keys as responses bring them, some a little
 * late. Each writes its operations to DIR/ops.NN. */
#include <arpa/inet.h>
#include <netinet/tcp.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <time.h>
#include <unistd.h>
#include "operation.h"

#define GROUPS    4
#define USERS     2
#define OLD       16 /* keys of the past that a jar remembers */
#define PATIENCE  5  /* seconds until an answer is given up */
#define MOST_HEAD 8192

typedef struct {
    pthread_mutex_t lock;
    char key[HISTORY_KEY];
    char first[HISTORY_KEY]; /* that this session had */
    char old[OLD][HISTORY_KEY];
    unsigned olds;
} jar_t;

typedef struct {
    unsigned number, random;
    uint32_t made; /* operations */
    int sock;
    FILE *out;
    jar_t *jar;
    char key[HISTORY_KEY]; /* the one it uses, the jar's or one before */
} client_t;

static jar_t jars[GROUPS];
static const char no_key[HISTORY_KEY];
static unsigned port;
static long budget; /* operations that are still to be made */

static unsigned draw(unsigned *x, unsigned below)
{
    *x ^= *x << 13;
    *x ^= *x >> 17;
    *x ^= *x << 5;
    return *x % below;
}

static uint64_t now(void)
{
    struct timespec t;

    clock_gettime(CLOCK_MONOTONIC, &t);
    return (uint64_t)t.tv_sec * 1000000000 + (uint64_t)t.tv_nsec;
}

static void rest(unsigned ms)
{
    usleep(ms * 1000);
}

/* -------------------------------------------------------------- the wire */

static int open_connection(void)
{
    struct sockaddr_in to = { .sin_family = AF_INET,
                              .sin_port = htons((uint16_t)port) };
    struct timeval patience = { PATIENCE, 0 };
    int one = 1, sock = socket(AF_INET, SOCK_STREAM, 0);

    to.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    setsockopt(sock, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof patience);
    setsockopt(sock, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
    if (connect(sock, (struct sockaddr *)&to, sizeof to) != 0) {
        close(sock);
        return -1;
    }
    return sock;
}

/* A whole response into `buf`, as text. 0: it did not come. */
static int read_response(int sock, char *buf)
{
    size_t have = 0;

    for (;;) {
        char *end, *length;
        ssize_t n = recv(sock, buf + have, MOST_HEAD - 1 - have, 0);

        if (n <= 0) {
            return 0;
        }
        have += (size_t)n;
        buf[have] = '\0';
        end = strstr(buf, "\r\n\r\n");
        length = strstr(buf, "\r\nContent-Length: ");
        if (end != NULL && length != NULL && length < end &&
            have >= (size_t)(end + 4 - buf) + strtoul(length + 18, NULL, 10)) {
            end[2] = '\0';
            return 1;
        }
    }
}

/* The number behind `"name":` in the data; 0 when it is not there. */
static uint32_t number_of(const char *data, const char *name)
{
    char quoted[16];
    const char *at;

    snprintf(quoted, sizeof quoted, "\"%s\":", name);
    at = strstr(data, quoted);
    return at == NULL ? 0 : (uint32_t)strtoul(at + strlen(quoted), NULL, 10);
}

static void read_data(operation_t *op, const char *data)
{
    for (int i = 0; i < HISTORY_SLOTS; i++) {
        char name[4];

        snprintf(name, sizeof name, "k%d", i + 1);
        op->k[i] = number_of(data, name);
    }
    op->n = number_of(data, "n");
}

static void understand(operation_t *op, char *head)
{
    char *state = strstr(head, "\r\nX-State: ");
    char *data = strstr(head, "\r\nX-Data: ");
    char *cookie = strstr(head, "\r\nSet-Cookie: sessionid=");

    op->status = (uint16_t)strtoul(head + 9, NULL, 10);
    op->came = op->status == 200   ? CAME_OK
               : op->status == 503 ? CAME_REFUSED
                                   : CAME_ODD;
    op->state = STATE_OTHER;
    if (state != NULL) {
        op->state = memcmp(state + 11, "live\r", 5) == 0   ? STATE_LIVE
                    : memcmp(state + 11, "none\r", 5) == 0 ? STATE_NONE
                                                           : STATE_OTHER;
    }
    if (data != NULL) {
        char *end = strchr(data + 2, '\r');

        *end = '\0';
        read_data(op, data);
        *end = '\r';
    }
    if (cookie != NULL) {
        char *value = cookie + 24;

        op->deleted = strcspn(value, ";") != HISTORY_KEY;
        if (!op->deleted) {
            memcpy(op->got, value, HISTORY_KEY);
        }
    }
}

/* ------------------------------------------------------------- operations */

static unsigned choose_kind(client_t *c)
{
    static const unsigned hasty[DO_COUNT] = {
        4520, 3200, 2100, 60, 60, 40, 20
    };
    static const unsigned steady[DO_COUNT] = { 4564, 3200, 2200, 30, 3, 2, 1 };
    const unsigned *weight = c->number % GROUPS < GROUPS / 2 ? hasty : steady;
    unsigned dice = draw(&c->random, 10000), kind = 0;

    while (dice >= weight[kind]) {
        dice -= weight[kind++];
    }
    return kind;
}

/* The update that asks for it, as the request's header line. */
static void write_update(char *to, size_t room, const operation_t *op)
{
    switch (op->kind) {
    case DO_SET:
        snprintf(to, room, "X-Do: {\"set\":{\"k%d\":%u}}\r\n", op->slot + 1,
                 op->id);
        break;
    case DO_INCR:
        snprintf(to, room, "X-Do: {\"incr\":{\"n\":1}}\r\n");
        break;
    case DO_ROTATE:
        snprintf(to, room, "X-Do: {\"rotate\":true}\r\n");
        break;
    case DO_LOGIN:
        snprintf(to, room, "X-Do: {\"login\":\"u%d\"}\r\n", op->user);
        break;
    case DO_LOGOUT:
        snprintf(to, room, "X-Do: {\"flush\":true}\r\n");
        break;
    case DO_EVERYWHERE:
        snprintf(to, room, "X-Do: {\"logout_everywhere\":true}\r\n");
        break;
    default:
        to[0] = '\0';
    }
}

/* Most use the jar's key, some the one they had, few an old one, and now and
 * then somebody guesses. */
static void choose_key(client_t *c, char *key)
{
    jar_t *jar = c->jar;
    unsigned dice = draw(&c->random, 1000);

    pthread_mutex_lock(&jar->lock);
    if (dice < 750) {
        memcpy(c->key, jar->key, HISTORY_KEY);
    }
    memcpy(key, c->key, HISTORY_KEY);
    if (dice >= 985) {
        memcpy(key, jar->first, HISTORY_KEY);
    }
    else if (dice >= 970 && jar->olds > 0) {
        unsigned known = jar->olds < OLD ? jar->olds : OLD;
        unsigned age = draw(&c->random, known) + 1;

        memcpy(key, jar->old[(jar->olds - age) % OLD], HISTORY_KEY);
    }
    pthread_mutex_unlock(&jar->lock);
    for (int i = 0; dice == 969 && i < HISTORY_KEY; i++) {
        key[i] = (char)('a' + draw(&c->random, 26));
    }
}

static void replace_key(jar_t *jar, const char *key)
{
    if (memcmp(jar->key, no_key, HISTORY_KEY) != 0) {
        memcpy(jar->old[jar->olds++ % OLD], jar->key, HISTORY_KEY);
    }
    memcpy(jar->key, key, HISTORY_KEY);
}

/* What a browser does with the response's cookie. */
static void learn(client_t *c, const operation_t *op)
{
    jar_t *jar = c->jar;
    int has_key = memcmp(op->got, no_key, HISTORY_KEY) != 0;

    if (op->came != CAME_OK) {
        return;
    }
    pthread_mutex_lock(&jar->lock);
    if (has_key && (op->kind == DO_LOGIN ||
                    memcmp(jar->key, op->used, HISTORY_KEY) == 0)) {
        replace_key(jar, op->got);
        if (op->kind == DO_LOGIN || op->state == STATE_NONE) {
            memcpy(jar->first, op->got, HISTORY_KEY);
        }
    }
    else if ((op->deleted || op->state == STATE_NONE) &&
             memcmp(jar->key, op->used, HISTORY_KEY) == 0) {
        replace_key(jar, no_key);
    }
    pthread_mutex_unlock(&jar->lock);
}

static void prepare(client_t *c, operation_t *op)
{
    memset(op, 0, sizeof *op);
    op->id = (c->number << 24) + ++c->made;
    op->kind = (uint8_t)choose_kind(c);
    op->slot = (uint8_t)draw(&c->random, HISTORY_SLOTS);
    op->user = (uint8_t)(c->number % GROUPS / USERS);
    choose_key(c, op->used);
}

/* One request and what came of it. 0: it could not even be sent. */
static int perform(client_t *c, operation_t *op)
{
    char update[128], request[512], cookie[64] = "";
    static __thread char buf[MOST_HEAD];
    int len, came;

    if (c->sock < 0 && (c->sock = open_connection()) < 0) {
        return 0;
    }
    write_update(update, sizeof update, op);
    if (op->used[0] != '\0') {
        snprintf(cookie, sizeof cookie, "Cookie: sessionid=%.32s\r\n",
                 op->used);
    }
    len = snprintf(request, sizeof request,
                   "GET /%s HTTP/1.1\r\nHost: localhost\r\n%s%s\r\n",
                   update[0] ? "do" : "see", cookie, update);
    op->invoked = now();
    came = send(c->sock, request, (size_t)len, MSG_NOSIGNAL) == len &&
           read_response(c->sock, buf);
    op->done = now();
    if (came) {
        understand(op, buf);
    }
    if (!came || strstr(buf, "\r\nConnection: close") != NULL) {
        close(c->sock);
        c->sock = -1;
    }
    if (!came) {
        op->came = CAME_UNKNOWN;
        op->done = HISTORY_NEVER;
    }
    return 1;
}

static void *run(void *baton)
{
    client_t *c = baton;

    while (__sync_sub_and_fetch(&budget, 1) >= 0) {
        operation_t op;

        prepare(c, &op);
        while (!perform(c, &op)) {
            rest(20);
        }
        learn(c, &op);
        if (fwrite(&op, sizeof op, 1, c->out) != 1) {
            perror("drive: can not write the history");
            exit(1);
        }
        if (op.came != CAME_OK) {
            rest(5); /* an outage is not to be all of the history */
        }
    }
    return NULL;
}

static long argument(int argc, char **argv, const char *name, long otherwise)
{
    for (int i = 1; i < argc; i++) {
        size_t len = strlen(name);

        if (strncmp(argv[i], name, len) == 0 && argv[i][len] == '=') {
            return strtol(argv[i] + len + 1, NULL, 10);
        }
    }
    return otherwise;
}

static int start(client_t *c, unsigned number, const char *dir, long seed)
{
    char path[256];

    memset(c, 0, sizeof *c);
    c->number = number;
    c->random = (unsigned)(seed * 7919 + number * 104729 + 1);
    c->sock = -1;
    c->jar = &jars[number % GROUPS];
    snprintf(path, sizeof path, "%s/ops.%02u", dir, number);
    c->out = fopen(path, "wb");
    return c->out != NULL;
}

int main(int argc, char **argv)
{
    client_t clients[HISTORY_CLIENTS];
    pthread_t threads[HISTORY_CLIENTS];
    const char *dir = NULL;

    for (int i = 1; i < argc; i++) {
        dir = strncmp(argv[i], "dir=", 4) == 0 ? argv[i] + 4 : dir;
    }
    port = (unsigned)argument(argc, argv, "port", 0);
    budget = argument(argc, argv, "ops", 10000);
    if (dir == NULL || port == 0) {
        fputs("usage: drive port=N dir=DIR [ops=10000] [seed=1]\n", stderr);
        return 2;
    }
    for (unsigned i = 0; i < GROUPS; i++) {
        pthread_mutex_init(&jars[i].lock, NULL);
    }
    for (unsigned i = 0; i < HISTORY_CLIENTS; i++) {
        if (!start(&clients[i], i, dir, argument(argc, argv, "seed", 1))) {
            perror("drive: can not write to dir");
            return 1;
        }
    }
    for (unsigned i = 0; i < HISTORY_CLIENTS; i++) {
        pthread_create(&threads[i], NULL, run, &clients[i]);
    }
    for (unsigned i = 0; i < HISTORY_CLIENTS; i++) {
        pthread_join(threads[i], NULL);
        fclose(clients[i].out);
    }
    return 0;
}
