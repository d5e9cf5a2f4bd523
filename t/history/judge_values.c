/* judge_values.c - may the values that were seen have been there?
 *
 * A register whose values are all different is linearizable exactly if the
 * zones of its values agree (Gibbons and Korach, Testing Shared Memories,
 * 1997). A value's zone runs from the first end of an operation on it to the
 * last beginning of one: where that is forward, the value was there all the
 * time, so that no two such zones may overlap; where it is backward, the value
 * was there at some moment within, which must not lie in another's zone. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "judge.h"

/* A value that was written, or seen. */
typedef struct {
    int life;
    uint32_t value;
    uint64_t from, by;
    uint8_t slot, is_write;
} use_t;

typedef struct {
    uint64_t from, by;
    uint32_t value;
} zone_t;

typedef struct {
    use_t *all;
    size_t count, room;
    zone_t *ahead, *back;
    size_t aheads, backs;
} uses_t;

static void add_use(uses_t *u, use_t use)
{
    if (u->count == u->room) {
        u->room = u->room ? 2 * u->room : 1024;
        u->all = realloc(u->all, u->room * sizeof *u->all);
        if (u->all == NULL) {
            fputs("judge: not enough memory\n", stderr);
            exit(2);
        }
    }
    u->all[u->count++] = use;
}

static const operation_t *writer(const history_t *h, uint32_t value, int *life)
{
    uint32_t client = value >> 24, id = value & 0xffffff, at;

    if (client >= HISTORY_CLIENTS || id > h->made[client] ||
        (at = h->by_id[client][id]) == 0) {
        return NULL;
    }
    *life = h->life[at - 1];
    return &h->ops[at - 1];
}

/* One look at a register: the value must be of this life, or of one that it
 * comes from by logins; then it was there at each login, and at the beginning
 * of each life since. */
static void add_read(history_t *h, uses_t *u, size_t i, uint8_t slot)
{
    const operation_t *op = &h->ops[i], *by = NULL;
    use_t use = { h->seen[i], op->k[slot], op->invoked, op->done, slot, 0 };
    int origin = -1;

    if (use.value != 0) {
        by = writer(h, use.value, &origin);
        if (by == NULL || by->kind != DO_SET || by->slot != slot ||
            judge_is_drop(by)) {
            judge_complain(h, op, "a value that nobody wrote there");
            return;
        }
    }
    for (;;) {
        const life_t *life = &h->lives[use.life];

        add_use(u, use);
        if (use.life == origin) {
            return;
        }
        use.is_write = 1; /* it was there from the beginning */
        add_use(u, (use_t){ use.life, use.value, 0, 0, slot, 1 });
        if (life->parent < 0 ||
            (use.value == 0 &&
             h->lives[life->parent].otherwise < life->born_by)) {
            break;
        }
        use.life = life->parent;
        use.from = life->born_from;
        use.by = life->born_by;
    }
    if (use.value != 0) {
        judge_complain(h, op, "a value of another session (INV1)");
    }
}

static void collect(history_t *h, uses_t *u)
{
    for (size_t i = 0; i < h->count; i++) {
        const operation_t *op = &h->ops[i];

        if (op->kind == DO_SET && h->life[i] >= 0 && !judge_is_drop(op)) {
            add_use(u, (use_t){ h->life[i], op->id, op->invoked,
                                op->came == CAME_OK ? op->done : HISTORY_NEVER,
                                op->slot, 1 });
        }
        for (uint8_t k = 0; k < HISTORY_SLOTS && h->seen[i] >= 0; k++) {
            add_read(h, u, i, k);
        }
    }
}

static int by_value(const void *a, const void *b)
{
    const use_t *x = a, *y = b;

    if (x->life != y->life) {
        return x->life < y->life ? -1 : 1;
    }
    if (x->slot != y->slot) {
        return x->slot - y->slot;
    }
    return (x->value > y->value) - (x->value < y->value);
}

static int by_beginning(const void *a, const void *b)
{
    const zone_t *x = a, *y = b;

    return (x->from > y->from) - (x->from < y->from);
}

/* The zone of the value at all[at], which is that of the `count` uses there. */
static void add_zone(history_t *h, uses_t *u, size_t at, size_t count)
{
    uint64_t first_end = HISTORY_NEVER, last_start = 0;
    uint64_t written = HISTORY_NEVER, read_by = HISTORY_NEVER;

    for (size_t i = at; i < at + count; i++) {
        const use_t *use = &u->all[i];
        uint64_t *least = use->is_write ? &written : &read_by;
        uint64_t moment = use->is_write ? use->from : use->by;

        *least = moment < *least ? moment : *least;
        first_end = use->by < first_end ? use->by : first_end;
        last_start = use->from > last_start ? use->from : last_start;
    }
    if (read_by < written) {
        judge_complain(h, NULL, "a value was seen before it was written");
    }
    if (first_end < last_start) {
        u->ahead[u->aheads++] =
            (zone_t){ first_end, last_start, u->all[at].value };
    }
    else if (first_end != HISTORY_NEVER) {
        u->back[u->backs++] =
            (zone_t){ last_start, first_end, u->all[at].value };
    }
}

static void judge_zones(history_t *h, uses_t *u)
{
    int life;

    qsort(u->ahead, u->aheads, sizeof *u->ahead, by_beginning);
    for (size_t i = 1; i < u->aheads; i++) {
        if (u->ahead[i - 1].by > u->ahead[i].from) {
            judge_complain(h, writer(h, u->ahead[i].value, &life),
                           "an older value came back over this one");
        }
    }
    for (size_t i = 0; i < u->backs; i++) {
        size_t low = 0, high = u->aheads;

        while (low < high) {
            size_t middle = (low + high) / 2;

            if (u->ahead[middle].from < u->back[i].from) {
                low = middle + 1;
            }
            else {
                high = middle;
            }
        }
        if (low > 0 && u->ahead[low - 1].by > u->back[i].by) {
            judge_complain(h, writer(h, u->back[i].value, &life),
                           "an acknowledged write was lost (INV8)");
        }
    }
    u->aheads = u->backs = 0;
}

void judge_registers(history_t *h)
{
    uses_t u;
    size_t next;

    memset(&u, 0, sizeof u);
    collect(h, &u);
    qsort(u.all, u.count, sizeof *u.all, by_value);
    u.ahead = malloc((u.count + 1) * sizeof *u.ahead);
    u.back = malloc((u.count + 1) * sizeof *u.back);
    for (size_t i = 0; u.ahead && u.back && i < u.count; i = next) {
        for (next = i + 1;
             next < u.count && by_value(&u.all[i], &u.all[next]) == 0; next++) {
        }
        add_zone(h, &u, i, next - i);
        if (next == u.count || u.all[next].life != u.all[i].life ||
            u.all[next].slot != u.all[i].slot) {
            judge_zones(h, &u);
        }
    }
    free(u.all);
    free(u.ahead);
    free(u.back);
}

/* --------------------------------------------------------------- counters */

/* What a counter was asked to do, in two orders, and what it showed. */
typedef struct {
    uint64_t *asked, *acked;
    size_t asks, acks;
    const operation_t **reads;
    size_t read_count;
    uint32_t least, most; /* that it may have begun with */
} counter_t;

static int by_moment(const void *a, const void *b)
{
    const uint64_t *x = a, *y = b;

    return (*x > *y) - (*x < *y);
}

static int by_invocation(const void *a, const void *b)
{
    const operation_t *const *x = a, *const *y = b;

    return ((*x)->invoked > (*y)->invoked) - ((*x)->invoked < (*y)->invoked);
}

/* How many of these moments lie before `end`. */
static uint32_t before(const uint64_t *moments, size_t count, uint64_t end)
{
    size_t low = 0;

    while (low < count) {
        size_t middle = (low + count) / 2;

        if (moments[middle] < end) {
            low = middle + 1;
        }
        else {
            count = middle;
        }
    }
    return (uint32_t)low;
}

static counter_t *collect_counters(const history_t *h)
{
    counter_t *all = calloc(h->life_count + 1, sizeof *all);
    uint64_t *moments;
    const operation_t **reads;

    for (size_t i = 0; i < h->count; i++) {
        const operation_t *op = &h->ops[i];

        if (op->kind == DO_INCR && h->life[i] >= 0) {
            all[h->life[i]].asks++;
        }
        if (h->seen[i] >= 0) {
            all[h->seen[i]].read_count++;
        }
    }
    moments = malloc((2 * h->count + 1) * sizeof *moments);
    reads = malloc((h->count + 1) * sizeof(*reads));
    for (size_t l = 0; l < h->life_count; l++) {
        all[l].asked = moments;
        all[l].acked = moments + all[l].asks;
        moments += 2 * all[l].asks;
        all[l].reads = reads;
        reads += all[l].read_count;
        all[l].asks = all[l].read_count = 0;
    }
    for (size_t i = 0; i < h->count; i++) {
        const operation_t *op = &h->ops[i];
        counter_t *c = h->life[i] >= 0 ? &all[h->life[i]] : NULL;

        if (op->kind == DO_INCR && c != NULL && !judge_is_drop(op)) {
            c->asked[c->asks++] = op->invoked;
            if (op->came == CAME_OK) {
                c->acked[c->acks++] = op->done;
            }
        }
        if (h->seen[i] >= 0) {
            c = &all[h->seen[i]];
            c->reads[c->read_count++] = op;
        }
    }
    return all;
}

/* Reads are in the order of their responses, until they are sorted: what was
 * seen before a read began is a floor under it. */
static void judge_order(history_t *h, counter_t *c)
{
    const operation_t **ended = malloc((c->read_count + 1) * sizeof(*ended));
    uint32_t floor = 0;
    size_t e = 0;

    memcpy(ended, c->reads, c->read_count * sizeof(*ended));
    qsort(c->reads, c->read_count, sizeof(*c->reads), by_invocation);
    for (size_t i = 0; i < c->read_count; i++) {
        const operation_t *op = c->reads[i];

        for (; e < c->read_count && ended[e]->done < op->invoked; e++) {
            floor = ended[e]->n > floor ? ended[e]->n : floor;
        }
        if (op->n < floor) {
            judge_complain(h, op, "a counter went back (INV8)");
        }
    }
    free(ended);
}

static void judge_counter(history_t *h, counter_t *c)
{
    for (size_t i = 0; i < c->read_count; i++) {
        const operation_t *op = c->reads[i];

        if (op->n < c->least + before(c->acked, c->acks, op->invoked)) {
            judge_complain(h, op, "an acknowledged increment was lost (INV8)");
        }
        if (op->n > c->most + before(c->asked, c->asks, op->done)) {
            judge_complain(h, op, "a counter has more than was added to it");
        }
    }
    judge_order(h, c);
}

void judge_counters(history_t *h)
{
    counter_t *all = collect_counters(h);

    for (size_t l = 0; l < h->life_count; l++) {
        const life_t *life = &h->lives[l];
        counter_t *c = &all[l];

        qsort(c->asked, c->asks, sizeof *c->asked, by_moment);
        qsort(c->acked, c->acks, sizeof *c->acked, by_moment);
        if (life->parent >= 0) {
            const counter_t *from = &all[life->parent];

            c->most =
                from->most + before(from->asked, from->asks, life->born_by);
            if (h->lives[life->parent].otherwise >= life->born_by) {
                c->least = from->least +
                           before(from->acked, from->acks, life->born_from);
            }
        }
        judge_counter(h, c);
    }
    free(all);
}
