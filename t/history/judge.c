/* judge.c - is what sixteen clients saw a history of sessions that keep their
 * promises?
 *
 *   judge dir=DIR [grace=MS] [lease=MS]
 *
 * Reads DIR/ops.NN, and DIR/wipes: a line "from to" in nanoseconds for each
 * time at which the store itself may have forgotten everything. First each key
 * is given to a life (judge.h); then it is judged who may see which life, and
 * in judge_values.c what may be seen. What has no answer, or was refused, may
 * have happened at any time after it was asked for, or never. On memcached a
 * process may believe an epoch for a lease; who revokes waits as long before he
 * says that it is done, and until then one process may find a session ended
 * that another still finds alive, but none takes a change once another one has
 * been dropped. Exits 1 when a promise was broken. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "judge.h"

#define MOST_TOLD 12
#define SLACK     20000000   /* between two clocks: 20 ms */
#define HOPS      8          /* rotations that a request follows a key over */
#define LONGEST   1000000000 /* that a refused revocation may be under way */

static const char no_key[HISTORY_KEY];

void judge_complain(history_t *h, const operation_t *op, const char *what)
{
    static const char *const names[] = { "read",      "set",   "incr",
                                         "rotate",    "login", "logout",
                                         "everywhere" };

    if (h->violations++ >= MOST_TOLD) {
        return;
    }
    printf("violation: %s", what);
    if (op != NULL) {
        printf(" (client %u, its operation %u: %s, status %u, at %.6f s)",
               op->id >> 24, op->id & 0xffffff, names[op->kind], op->status,
               (double)op->invoked / 1e9);
    }
    putchar('\n');
}

/* ---------------------------------------------------------------- reading */

int judge_is_drop(const operation_t *op)
{
    return op->came == CAME_OK && op->state == STATE_LIVE &&
           (op->kind == DO_SET || op->kind == DO_INCR) && op->got[0] == '\0';
}

static void *need(void *memory)
{
    if (memory == NULL) {
        fputs("judge: not enough memory\n", stderr);
        exit(2);
    }
    return memory;
}

static void read_client(history_t *h, const char *dir, int client)
{
    char path[256];
    FILE *in;
    operation_t op;

    snprintf(path, sizeof path, "%s/ops.%02d", dir, client);
    in = fopen(path, "rb");
    if (in == NULL) {
        perror(path);
        exit(2);
    }
    while (fread(&op, sizeof op, 1, in) == 1) {
        if ((h->count & (h->count - 1)) == 0) {
            h->ops = need(realloc(h->ops, (2 * h->count + 1) * sizeof *h->ops));
        }
        h->ops[h->count++] = op;
        h->made[client] = op.id & 0xffffff;
    }
    fclose(in);
}

static void read_wipes(history_t *h, const char *dir)
{
    char path[256];
    unsigned long long from, to;
    FILE *in;

    snprintf(path, sizeof path, "%s/wipes", dir);
    in = fopen(path, "r");
    while (in != NULL && fscanf(in, "%llu %llu", &from, &to) == 2) {
        h->wipes =
            need(realloc(h->wipes, (h->wipe_count + 1) * sizeof *h->wipes));
        h->wipes[h->wipe_count][0] = from;
        h->wipes[h->wipe_count++][1] = to;
    }
    if (in != NULL) {
        fclose(in);
    }
}

static int by_response(const void *a, const void *b)
{
    const operation_t *x = a, *y = b;

    if (x->done != y->done) {
        return x->done < y->done ? -1 : 1;
    }
    return (x->invoked > y->invoked) - (x->invoked < y->invoked);
}

static void arrange(history_t *h)
{
    qsort(h->ops, h->count, sizeof *h->ops, by_response);
    h->life = need(malloc((h->count + 1) * sizeof *h->life));
    h->seen = need(malloc((h->count + 1) * sizeof *h->seen));
    h->lives = need(malloc((h->count + 1) * sizeof *h->lives));
    for (h->key_room = 64; h->key_room < 2 * h->count; h->key_room *= 2) {
    }
    h->keys = need(malloc(h->key_room * sizeof *h->keys));
    for (size_t i = 0; i < h->key_room; i++) {
        h->keys[i].life = -1;
    }
    for (int i = 0; i < HISTORY_CLIENTS; i++) {
        h->by_id[i] = need(calloc(h->made[i] + 1, sizeof **h->by_id));
    }
    for (size_t i = 0; i < h->count; i++) {
        uint32_t id = h->ops[i].id;

        h->by_id[id >> 24][id & 0xffffff] = (uint32_t)i + 1;
    }
}

/* --------------------------------------------------------- keys and lives */

/* The place of a key: its own, or the free one where it belongs. */
static name_t *find_key(const history_t *h, const char *key)
{
    uint64_t hash = 14695981039346656037u;

    for (int i = 0; i < HISTORY_KEY; i++) {
        hash = (hash ^ (unsigned char)key[i]) * 1099511628211u;
    }
    for (;; hash++) {
        name_t *name = &h->keys[hash & (h->key_room - 1)];

        if (name->life < 0 || memcmp(name->key, key, HISTORY_KEY) == 0) {
            return name;
        }
    }
}

static int life_of(const history_t *h, const char *key)
{
    return key[0] == '\0' ? -1 : find_key(h, key)->life;
}

static void add_key(history_t *h, const operation_t *op, int life)
{
    name_t *name = find_key(h, op->got);

    if (name->life >= 0) {
        if (name->life != life) {
            judge_complain(h, op, "two sessions were given the same key");
        }
        name->from = name->from < op->invoked ? name->from : op->invoked;
        return;
    }
    memcpy(name->key, op->got, HISTORY_KEY);
    name->life = life;
    name->from = op->invoked;
    name->may_leave = name->must_leave = name->gone = HISTORY_NEVER;
    h->lives[life].keys++;
}

static int begin_life(history_t *h, const operation_t *op, int parent)
{
    life_t *life = &h->lives[h->life_count];

    memset(life, 0, sizeof *life);
    life->parent = parent;
    life->user = op->kind == DO_LOGIN ? op->user : HISTORY_NOBODY;
    life->born_from = op->invoked;
    life->born_by = op->done;
    life->may_end = life->must_end = HISTORY_NEVER;
    life->must_move = life->otherwise = life->dropped = HISTORY_NEVER;
    return (int)h->life_count++;
}

/* Which life this answer is about, and which it began. */
static void place(history_t *h, size_t i)
{
    const operation_t *op = &h->ops[i];
    int life = life_of(h, op->used), has_key = op->got[0] != '\0';
    int writes =
        op->kind == DO_SET || op->kind == DO_INCR || op->kind == DO_LOGIN;

    h->life[i] = life;
    h->seen[i] = op->state == STATE_LIVE ? life : -1;
    if (op->state == STATE_LIVE && life < 0) {
        judge_complain(h, op, "a key that nobody was given is live (INV3)");
        return;
    }
    if (op->state == STATE_NONE || op->kind == DO_LOGIN) {
        int new = -1;

        if (writes && !has_key) {
            judge_complain(h, op,
                           "acknowledged, but no session was begun for it");
        }
        if (has_key) {
            new = begin_life(h, op, h->seen[i]);
            add_key(h, op, new);
        }
        h->life[i] = op->kind == DO_LOGIN ? life : new;
    }
    else if (has_key) {
        add_key(h, op, life);
    }
}

static void place_all(history_t *h)
{
    for (size_t i = 0; i < h->count; i++) {
        const operation_t *op = &h->ops[i];

        if (op->came == CAME_OK) {
            place(h, i);
        }
    }
    for (size_t i = 0; i < h->count; i++) {
        if (h->ops[i].came != CAME_OK) {
            h->life[i] = life_of(h, h->ops[i].used);
            h->seen[i] = -1;
        }
    }
}

/* ------------------------------------------------------- when lives end */

static void lower(uint64_t *moment, uint64_t to)
{
    if (to < *moment) {
        *moment = to;
    }
}

static void note_end(life_t *life, const operation_t *op, int sure)
{
    lower(&life->may_end, op->invoked);
    if (op->kind != DO_LOGIN || !sure || life->logins++ > 0) {
        lower(&life->otherwise, life->may_end); /* of two logins one is late */
    }
    if (sure) {
        lower(op->kind == DO_LOGIN ? &life->must_move : &life->must_end,
              op->done);
    }
}

/* Every life of this user may end with `op`; those that had begun before must.
 */
static void note_everywhere(history_t *h, const operation_t *op, int user,
                            int sure)
{
    uint64_t until = sure ? op->done : HISTORY_NEVER;

    for (size_t i = 0; i < h->life_count && user != HISTORY_NOBODY; i++) {
        life_t *life = &h->lives[i];

        if (life->user == user && life->born_from < until) {
            note_end(life, op, sure && life->born_by < op->invoked);
        }
    }
}

static void note_revocation(history_t *h, const operation_t *op, int user)
{
    size_t i = h->revoked_count++;

    h->revoked =
        need(realloc(h->revoked, h->revoked_count * sizeof *h->revoked));
    h->revoked[i].user = user;
    h->revoked[i].from = op->invoked;
    h->revoked[i].until =
        (op->came == CAME_OK ? op->done : op->invoked + LONGEST) + h->lease;
}

static void note_ends(history_t *h)
{
    for (size_t i = 0; i < h->count; i++) {
        const operation_t *op = &h->ops[i];
        int life = h->life[i];
        int sure = op->came == CAME_OK;

        if (op->kind < DO_LOGIN || life < 0 ||
            (sure && op->state != STATE_LIVE)) {
            continue;
        }
        note_end(&h->lives[life], op, sure);
        if (op->kind == DO_EVERYWHERE) {
            note_everywhere(h, op, h->lives[life].user, sure);
            note_revocation(h, op, h->lives[life].user);
        }
    }
}

/* A key that somebody was given another one for has been given up. */
static void note_rotations(history_t *h)
{
    for (size_t i = 0; i < h->count; i++) {
        const operation_t *op = &h->ops[i];
        int life = h->life[i];

        if (life < 0) {
            continue;
        }
        h->lives[life].rotations += op->kind == DO_ROTATE;
        if (h->seen[i] >= 0 && op->kind != DO_LOGIN && op->got[0] != '\0' &&
            memcmp(op->got, op->used, HISTORY_KEY) != 0) {
            lower(&find_key(h, op->used)->must_leave, op->done);
        }
    }
}

static int by_life(const void *a, const void *b)
{
    const turn_t *x = a, *y = b;

    return x->life != y->life ? x->life - y->life
                              : (x->from > y->from) - (x->from < y->from);
}

/* Whichever key of the session it came under, a rotation may have been what a
 * key was given up by: unless it had ended before the key was there, or is what
 * brought it. */
static void note_turns(history_t *h)
{
    turn_t *turns = need(malloc((h->count + 1) * sizeof *turns));
    size_t *first = need(malloc((h->life_count + 1) * sizeof *first));
    size_t count = 0;

    for (size_t i = 0; i < h->count; i++) {
        if (h->ops[i].kind == DO_ROTATE && h->life[i] >= 0) {
            turns[count++] = (turn_t){ h->life[i], h->ops[i].invoked,
                                       h->ops[i].done, h->ops[i].got };
        }
    }
    qsort(turns, count, sizeof *turns, by_life);
    for (size_t l = 0, i = 0; l <= h->life_count; l++) {
        while (i < count && turns[i].life < (int)l) {
            i++;
        }
        first[l] = i;
    }
    for (size_t k = 0; k < h->key_room; k++) {
        name_t *name = &h->keys[k];
        size_t i = name->life < 0 ? count : first[name->life];

        for (; i < count && turns[i].life == name->life; i++) {
            if (turns[i].by >= name->from &&
                memcmp(turns[i].to, name->key, HISTORY_KEY) != 0) {
                lower(&name->may_leave, turns[i].from);
            }
        }
    }
    free(first);
    h->turns = turns;
    h->turn_count = count;
}

static void note_wipes(history_t *h)
{
    for (size_t i = 0; i < h->life_count; i++) {
        life_t *life = &h->lives[i];

        for (size_t w = 0; w < h->wipe_count; w++) {
            if (h->wipes[w][1] > life->born_from) {
                lower(&life->may_end, h->wipes[w][0]);
                lower(&life->otherwise, h->wipes[w][0]);
            }
        }
    }
}

/* ------------------------------------------------------- who is let in */

static void judge_answer(history_t *h, const operation_t *op)
{
    if (op->came == CAME_ODD) {
        judge_complain(h, op, "an answer that is neither 200 nor 503");
    }
    if (op->came == CAME_OK && op->state == STATE_OTHER) {
        judge_complain(h, op, "a state other than live and none");
    }
    if (op->came == CAME_REFUSED && (op->got[0] != '\0' || op->deleted)) {
        judge_complain(h, op, "an outage touched the cookie");
    }
    if (op->deleted && op->kind != DO_LOGOUT && op->kind != DO_EVERYWHERE) {
        judge_complain(h, op, "a cookie was deleted, and nobody had asked");
    }
}

/* Has the life had so many rotations in the grace that nobody follows them all?
 */
static int is_far_behind(const history_t *h, const operation_t *op, int life)
{
    int turns = 0;

    for (size_t i = 0; i < h->turn_count; i++) {
        turns += h->turns[i].life == life && h->turns[i].from < op->done &&
                 h->turns[i].by + h->grace + SLACK > op->invoked;
    }
    return turns > HOPS;
}

/* May the key have led nowhere any more, while its session went on? */
static int is_late(const history_t *h, const operation_t *op,
                   const name_t *name)
{
    return (name->may_leave != HISTORY_NEVER &&
            op->done + SLACK >= name->may_leave + h->grace) ||
           is_far_behind(h, op, name->life);
}

/* `name` opened nothing: had it, or its session, been given up? */
static void judge_absent(history_t *h, const operation_t *op,
                         const name_t *name)
{
    if (h->lives[name->life].may_end > op->done && !is_late(h, op, name)) {
        judge_complain(h, op, "a session is gone that nobody ended (INV8)");
    }
}

/* May `op` have been answered by a process that knew more than others do? */
static int is_early(const history_t *h, const operation_t *op, int user)
{
    for (size_t i = 0; h->lease > 0 && i < h->revoked_count; i++) {
        if (h->revoked[i].user == user && h->revoked[i].from < op->done &&
            op->invoked < h->revoked[i].until) {
            return 1;
        }
    }
    return 0;
}

static void judge_live(history_t *h, const operation_t *op, const name_t *name)
{
    const life_t *life = &h->lives[name->life];

    /* A login that finds its session revoked leaves it to the revocation. */
    if (op->invoked > life->must_end ||
        (op->invoked > life->must_move && !is_early(h, op, life->user))) {
        judge_complain(h, op, "a session that had ended is live (INV2)");
    }
    else if (op->invoked > name->gone) {
        judge_complain(h, op, "a key that was dead is live again (INV2)");
    }
    else if (name->must_leave != HISTORY_NEVER &&
             op->invoked > name->must_leave + h->grace + SLACK) {
        judge_complain(h, op, "an old key is live after its grace (INV2)");
    }
}

/* A change that was dropped is one of a session that ends, and the last; but
 * for one that came under a key whose grace was over before it was saved. */
static void note_drops(history_t *h)
{
    for (size_t i = 0; i < h->count; i++) {
        const operation_t *op = &h->ops[i];

        const name_t *name =
            judge_is_drop(op) && h->seen[i] >= 0 ? find_key(h, op->used) : NULL;

        if (name != NULL) {
            judge_absent(h, op, name);
        }
        if (name != NULL && !is_late(h, op, name)) {
            lower(&h->lives[h->seen[i]].dropped, op->done);
        }
    }
}

static void judge_change(history_t *h, const operation_t *op, int life)
{
    if (op->came == CAME_OK && op->state == STATE_LIVE && !judge_is_drop(op) &&
        (op->kind == DO_SET || op->kind == DO_INCR) &&
        op->invoked > h->lives[life].dropped) {
        judge_complain(h, op, "a change was taken after one was dropped");
    }
}

static void judge_access(history_t *h)
{
    note_drops(h);
    for (size_t i = 0; i < h->count; i++) {
        const operation_t *op = &h->ops[i];
        name_t *name;

        judge_answer(h, op);
        if (op->came != CAME_OK || memcmp(op->used, no_key, HISTORY_KEY) == 0) {
            continue;
        }
        name = find_key(h, op->used);
        if (name->life >= 0 && op->state == STATE_NONE) {
            judge_absent(h, op, name);
            if (!is_early(h, op, h->lives[name->life].user)) {
                lower(&name->gone, op->done);
            }
        }
    }
    for (size_t i = 0; i < h->count; i++) {
        if (h->seen[i] >= 0) {
            judge_live(h, &h->ops[i], find_key(h, h->ops[i].used));
            judge_change(h, &h->ops[i], h->seen[i]);
        }
    }
    for (size_t i = 0; i < h->life_count; i++) {
        if (h->lives[i].keys > 1 + h->lives[i].rotations) {
            judge_complain(h, NULL, "more successors than rotations");
        }
    }
}

/* -------------------------------------------------------------------- main */

static void summarize(const history_t *h)
{
    unsigned long came[4] = { 0 };

    for (size_t i = 0; i < h->count; i++) {
        came[h->ops[i].came]++;
    }
    printf("operations %zu (answered %lu, refused %lu, no answer %lu), "
           "sessions %zu, violations %lu\n",
           h->count, came[CAME_OK] + came[CAME_ODD], came[CAME_REFUSED],
           came[CAME_UNKNOWN], h->life_count, h->violations);
}

int main(int argc, char **argv)
{
    static history_t h;
    const char *dir = NULL;

    h.grace = 1000000000;
    for (int i = 1; i < argc; i++) {
        if (strncmp(argv[i], "dir=", 4) == 0) {
            dir = argv[i] + 4;
        }
        else if (strncmp(argv[i], "grace=", 6) == 0) {
            h.grace = strtoull(argv[i] + 6, NULL, 10) * 1000000;
        }
        else if (strncmp(argv[i], "lease=", 6) == 0) {
            h.lease = strtoull(argv[i] + 6, NULL, 10) * 1000000;
        }
    }
    if (dir == NULL) {
        fputs("usage: judge dir=DIR [grace=MS] [lease=MS]\n", stderr);
        return 2;
    }
    for (int i = 0; i < HISTORY_CLIENTS; i++) {
        read_client(&h, dir, i);
    }
    read_wipes(&h, dir);
    arrange(&h);
    place_all(&h);
    note_ends(&h);
    note_rotations(&h);
    note_turns(&h);
    note_wipes(&h);
    judge_access(&h);
    judge_registers(&h);
    judge_counters(&h);
    summarize(&h);
    return h.violations > 0;
}
