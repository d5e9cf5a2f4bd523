/* judge.h - what a history is made of, for the parts of the judge. */
#ifndef HISTORY_JUDGE_H
#define HISTORY_JUDGE_H

#include <stddef.h>
#include "operation.h"

/* A session from its birth, or from a login, until it ends; a rotation is part
 * of it. */
typedef struct {
    int parent; /* whose data a login took along; -1: none */
    int user;
    uint64_t born_from, born_by; /* the request that began it */
    uint64_t may_end;            /* not before this moment */
    uint64_t must_end;           /* no later than this one */
    uint64_t must_move;          /* or than this one, for a login */
    uint64_t otherwise;          /* may_end but for one login */
    uint64_t dropped; /* by when somebody's change had been dropped */
    int keys, rotations, logins;
} life_t;

typedef struct {
    char key[HISTORY_KEY];
    int life;                       /* -1: the place is free */
    uint64_t from;                  /* the request that brought it first */
    uint64_t may_leave, must_leave; /* given up for another key */
    uint64_t gone; /* when somebody had learnt that it is dead */
} name_t;

/* A rotation that was asked for. */
typedef struct {
    int life;
    uint64_t from, by;
    const char *to;
} turn_t;

typedef struct {
    operation_t *ops; /* in the order of their responses */
    int *life;        /* of each: what it changed, -1: nothing known */
    int *seen;        /* of each: what it read from, -1: nothing */
    size_t count;
    life_t *lives;
    size_t life_count;
    name_t *keys;
    size_t key_room;
    turn_t *turns; /* by life */
    size_t turn_count;
    uint32_t *by_id[HISTORY_CLIENTS]; /* place in ops + 1 of each id */
    uint32_t made[HISTORY_CLIENTS];
    uint64_t grace;
    uint64_t lease; /* how long a process may believe an epoch it knows */
    struct {
        int user;
        uint64_t from, until;
    } * revoked; /* when some users' sessions were being ended */
    size_t revoked_count;
    uint64_t (*wipes)[2]; /* when everything may have been lost */
    size_t wipe_count;
    unsigned long violations;
} history_t;

/* Nonzero when the answer says that its change came too late: the session was
 * there when the request began, and no cookie came with the answer. */
int judge_is_drop(const operation_t *op);

/* Counts a violation, and tells of it if it is one of the first. `op` may be
 * NULL. */
void judge_complain(history_t *h, const operation_t *op, const char *what);

/* Every register of every life must be linearizable, and every counter must
 * lie between what was acknowledged and what was asked for. */
void judge_registers(history_t *h);
void judge_counters(history_t *h);

#endif
