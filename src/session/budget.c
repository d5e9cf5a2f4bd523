/* session/budget.c - how many sessions a client may begin.
 *
 * A slot holds one time: when the client's bucket is full again. A token is
 * `each` of it, so taking one moves that time ahead, and it may lie `full`
 * ahead of now at most. No count needs resetting, and an old slot is a free
 * one. Two processes that want the same slot find out by compare-and-swap. */
#include <string.h>
#include <apr_atomic.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>
#include "session/budget.h"

/* A failed swap means that another birth went through, so a limit stops this
 * long before. */
#define MOST_TRIES 64

#define LINE_PAUSE apr_time_from_sec(1) /* between any two lines */

apr_size_t djs_budget_size(apr_size_t sets)
{
    /* One slot more: its `quiet` is that of all lines. */
    return (sets * DJS_BUDGET_WAYS + 1) * sizeof(djs_budget_slot_t);
}

void djs_budget_init(djs_budget_t *b, djs_limit_t limit, void *memory,
                     apr_size_t sets, const unsigned char key[DJS_BUDGET_KEY])
{
    b->limit = limit;
    b->each = (limit.time + limit.count - 1) / limit.count;
    b->full = b->each * limit.count;
    b->sets = sets;
    b->memory = memory;
    memcpy(b->key, key, sizeof b->key);
}

/* ------------------------------------------------------------- clients */

/* The part of an address that counts; returns its length. */
static apr_size_t significant(const unsigned char **out,
                              const unsigned char *address, apr_size_t len)
{
    static const unsigned char mapped[12] = { 0, 0, 0, 0, 0,    0,
                                              0, 0, 0, 0, 0xff, 0xff };

    *out = address;
    if (len == 16 && memcmp(address, mapped, sizeof mapped) == 0) {
        *out += sizeof mapped;
        return 4;
    }
    return len == 16 ? 8 : len == 4 ? 4 : 0;
}

djs_spender_t djs_budget_client(const djs_budget_t *b, const void *address,
                                apr_size_t len)
{
    djs_spender_t client = { 1, 0 };
    unsigned char hash[EVP_MAX_MD_SIZE];
    const unsigned char *bytes;
    apr_uint64_t set;
    apr_size_t n = significant(&bytes, address, len);

    if (HMAC(EVP_sha256(), b->key, sizeof b->key, bytes, n, hash, NULL) ==
        NULL) {
        return client;
    }
    memcpy(&client.who, hash, sizeof client.who);
    memcpy(&set, hash + sizeof client.who, sizeof set);
    client.who += client.who == 0;
    client.set = (apr_size_t)(set % b->sets);
    return client;
}

/* --------------------------------------------------------------- slots */

static djs_budget_slot_t *first_of(djs_budget_t *b, djs_spender_t client)
{
    return b->memory + client.set * DJS_BUDGET_WAYS;
}

/* How far ahead of now a slot's time lies. The clock does not go back; if it
 * does all the same, a bucket is empty for that much longer, but what lies two
 * buckets ahead was never a time of this table. */
static apr_interval_time_t ahead(const djs_budget_t *b, apr_uint64_t until,
                                 apr_time_t now)
{
    apr_uint64_t most = 2 * (apr_uint64_t)b->full;

    return until <= (apr_uint64_t)now || until - (apr_uint64_t)now > most
               ? 0
               : (apr_interval_time_t)(until - (apr_uint64_t)now);
}

static djs_budget_slot_t *find(djs_budget_t *b, djs_spender_t client)
{
    djs_budget_slot_t *slot = first_of(b, client);
    int i;

    for (i = 0; i < DJS_BUDGET_WAYS; i++) {
        if (apr_atomic_read64(&slot[i].who) == client.who) {
            return &slot[i];
        }
    }
    return NULL;
}

/* A slot for a client that has none: that of the one with most tokens left.
 * NULL when another process was faster. */
static djs_budget_slot_t *claim(djs_budget_t *b, djs_spender_t client,
                                apr_time_t now)
{
    djs_budget_slot_t *slot = first_of(b, client), *best = slot;
    apr_uint64_t owner, until;
    int i;

    for (i = 1; i < DJS_BUDGET_WAYS; i++) {
        if (ahead(b, apr_atomic_read64(&slot[i].until), now) <
            ahead(b, apr_atomic_read64(&best->until), now)) {
            best = &slot[i];
        }
    }
    until = apr_atomic_read64(&best->until);
    owner = apr_atomic_read64(&best->who);
    if (apr_atomic_cas64(&best->who, client.who, owner) != owner) {
        return NULL;
    }
    if (owner == client.who) {
        return best; /* got it meanwhile, in another process */
    }
    /* Unless the client has taken a token meanwhile, elsewhere. */
    (void)apr_atomic_cas64(&best->until, (apr_uint64_t)now, until);
    apr_atomic_set64(&best->quiet, 0);
    return best;
}

/* Nonzero for the one who may tell: neither of this slot nor of any other has
 * been told lately. Both are decided by a swap, since the others' `now` may be
 * a little later than ours. */
static int may_tell(djs_budget_t *b, djs_budget_slot_t *slot, apr_time_t now)
{
    djs_budget_slot_t *all = b->memory + b->sets * DJS_BUDGET_WAYS;
    apr_uint64_t mine = apr_atomic_read64(&slot->quiet);
    apr_uint64_t any = apr_atomic_read64(&all->quiet);
    apr_uint64_t mine_next = (apr_uint64_t)(now + b->full);

    if (ahead(b, mine, now) > 0 ||
        (any > (apr_uint64_t)now &&
         any - (apr_uint64_t)now <= 2 * LINE_PAUSE) ||
        apr_atomic_cas64(&slot->quiet, mine_next, mine) != mine) {
        return 0;
    }
    if (apr_atomic_cas64(&all->quiet, (apr_uint64_t)(now + LINE_PAUSE), any) !=
        any) {
        (void)apr_atomic_cas64(&slot->quiet, mine, mine_next);
        return 0;
    }
    return 1;
}

/* --------------------------------------------------------------- tokens */

int djs_budget_take(djs_denied_t *denied, djs_budget_t *b, djs_spender_t client,
                    apr_time_t now)
{
    int i;

    for (i = 0; i < MOST_TRIES; i++) {
        djs_budget_slot_t *slot = find(b, client);
        apr_uint64_t until, next;
        apr_interval_time_t spent;

        if (slot == NULL) {
            slot = claim(b, client, now);
        }
        if (slot == NULL) {
            continue;
        }
        until = apr_atomic_read64(&slot->until);
        spent = ahead(b, until, now);
        if (spent + b->each > b->full) {
            denied->wait = spent + b->each - b->full;
            denied->tell = may_tell(b, slot, now);
            return 0;
        }
        next = (apr_uint64_t)(now + spent + b->each);
        if (apr_atomic_cas64(&slot->until, next, until) != until) {
            continue;
        }
        if (apr_atomic_read64(&slot->who) == client.who) {
            return 1;
        }
        /* Somebody else has got the slot: it is not for him to pay. */
        (void)apr_atomic_cas64(&slot->until, until, next);
    }
    return 1;
}

void djs_budget_give_back(djs_budget_t *b, djs_spender_t client, apr_time_t now)
{
    djs_budget_slot_t *slot = find(b, client);
    int i;

    for (i = 0; slot != NULL && i < MOST_TRIES; i++) {
        apr_uint64_t until = apr_atomic_read64(&slot->until);
        apr_interval_time_t spent = ahead(b, until, now);

        if (spent == 0 ||
            apr_atomic_cas64(&slot->until,
                             spent > b->each ? until - (apr_uint64_t)b->each
                                             : (apr_uint64_t)now,
                             until) == until) {
            return;
        }
    }
}
