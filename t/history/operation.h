/* operation.h - one request as its client saw it, as drive writes and judge
 * reads it.
 *
 * Times are nanoseconds of CLOCK_MONOTONIC. A file holds the operations of one
 * client in the order in which it made them. */
#ifndef HISTORY_OPERATION_H
#define HISTORY_OPERATION_H

#include <stdint.h>

#define HISTORY_CLIENTS 16
#define HISTORY_SLOTS   8 /* the registers k1 to k8 of a session */
#define HISTORY_KEY     32
#define HISTORY_NEVER   UINT64_MAX
#define HISTORY_NOBODY  255

enum {
    DO_READ,
    DO_SET,
    DO_INCR,
    DO_ROTATE,
    DO_LOGIN,
    DO_LOGOUT,
    DO_EVERYWHERE,
    DO_COUNT
};

/* What came back. REFUSED: 503, so that nobody knows what it did; UNKNOWN: no
 * answer; ODD: an answer that must not be. */
enum { CAME_OK, CAME_REFUSED, CAME_UNKNOWN, CAME_ODD };

enum { STATE_NONE, STATE_LIVE, STATE_OTHER };

typedef struct {
    uint64_t invoked, done;    /* done: HISTORY_NEVER without an answer */
    uint32_t id;               /* the value that a set writes, never 0 */
    uint32_t k[HISTORY_SLOTS]; /* the registers as seen, 0: absent */
    uint32_t n;                /* the counter as seen */
    char used[HISTORY_KEY];    /* key sent; zeros: none */
    char got[HISTORY_KEY];     /* key received; zeros: none */
    uint8_t kind, came, state;
    uint8_t slot;    /* of a set */
    uint8_t user;    /* of a login */
    uint8_t deleted; /* the response took the cookie away */
    uint16_t status;
} operation_t;

#endif
