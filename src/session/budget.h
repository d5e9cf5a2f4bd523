/* session/budget.h - how many sessions a client may begin, counted in a table
 * of fixed size that several processes share.
 *
 * Each client has a bucket of N tokens that fills at N in a time D: N births
 * at once, then one each D/N, never more than 2N within any D. The table is
 * made of sets of few slots; a keyed hash, drawn anew at each start, says in
 * which set a client is counted, so nobody can aim at somebody else's.
 *
 * A full set gives up the slot of the client with most tokens left. A crowd
 * with few births each thus displaces its own kind, not the one that has used
 * its tokens up; and a newcomer is always counted, never locked out. The price:
 * with more clients at a time than there are slots, some begin anew too early.
 *
 * The words are atomic, there is no lock, and nothing in them is trusted:
 * whatever they hold, the worst is that a client has more or fewer births
 * than it should for the time of two D. */
#ifndef DJS_SESSION_BUDGET_H
#define DJS_SESSION_BUDGET_H

#include <apr_time.h>

#define DJS_BUDGET_KEY  32 /* bytes */
#define DJS_BUDGET_SETS 4096
#define DJS_BUDGET_WAYS 8 /* slots of a set */

/* N in a time D; a count of 0 is no limit at all. */
typedef struct {
    apr_int64_t count;
    apr_interval_time_t time;
} djs_limit_t;

typedef struct {
    volatile apr_uint64_t who;   /* a client's hash; 0: nobody's */
    volatile apr_uint64_t until; /* its bucket is full again */
    volatile apr_uint64_t quiet; /* nothing more is told of it till then */
} djs_budget_slot_t;

/* One limit and its table. The struct itself is private to a process and does
 * not change; `memory` is what is shared. */
typedef struct {
    djs_limit_t limit;
    apr_interval_time_t each; /* the time of one token */
    apr_interval_time_t full; /* the time of all */
    apr_size_t sets;
    djs_budget_slot_t *memory;
    unsigned char key[DJS_BUDGET_KEY];
} djs_budget_t;

/* A client as the table knows it. */
typedef struct {
    apr_uint64_t who;
    apr_size_t set;
} djs_spender_t;

/* What there is to say of a birth over the limit. */
typedef struct {
    apr_interval_time_t wait; /* then there is a token again */
    int tell;                 /* log it: once a client and D, and once a second
                                 at most, whatever comes */
} djs_denied_t;

/* Bytes of memory that `sets` take. */
apr_size_t djs_budget_size(apr_size_t sets);

/* A table of `sets` in `memory`, which is zeroed or in use by others who gave
 * the same limit, sets and key, and which outlives `b`. */
void djs_budget_init(djs_budget_t *b, djs_limit_t limit, void *memory,
                     apr_size_t sets, const unsigned char key[DJS_BUDGET_KEY]);

/* The client at an address of 4 or 16 bytes in network order: the /64 of an
 * IPv6 address, an IPv4-mapped one as IPv4. All else is one client. */
djs_spender_t djs_budget_client(const djs_budget_t *b, const void *address,
                                apr_size_t len);

/* Takes a token for a birth at `now` (of djs_clock_steady). Nonzero when there
 * was one, otherwise `*denied` is set. */
int djs_budget_take(djs_denied_t *denied, djs_budget_t *b, djs_spender_t client,
                    apr_time_t now);

/* The birth did not come about: the token goes back. */
void djs_budget_give_back(djs_budget_t *b, djs_spender_t client,
                          apr_time_t now);

#endif
