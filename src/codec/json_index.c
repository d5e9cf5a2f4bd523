/* codec/json_index.c - finds the members of a large object by their keys. */
#include "base/random.h"
#include "codec/json_index.h"

#define FREE       0u
#define LEFT       1u /* was in use: a search goes on behind it */
#define TAKEN      2u /* position 0; greater numbers are greater positions */
#define FIRST_SIZE 64u

struct djs_json_index {
    apr_pool_t *p;
    apr_uint64_t seed[2];
    apr_uint32_t *slots;
    apr_uint32_t size; /* a power of two; 0: nothing was taken in yet */
    apr_uint32_t used; /* slots that are not free; at most half of them */
};

static apr_uint64_t rotate(apr_uint64_t x, int bits)
{
    return x << bits | x >> (64 - bits);
}

static void sip_round(apr_uint64_t v[4])
{
    v[0] += v[1];
    v[2] += v[3];
    v[1] = rotate(v[1], 13) ^ v[0];
    v[3] = rotate(v[3], 16) ^ v[2];
    v[0] = rotate(v[0], 32);
    v[2] += v[1];
    v[0] += v[3];
    v[1] = rotate(v[1], 17) ^ v[2];
    v[3] = rotate(v[3], 21) ^ v[0];
    v[2] = rotate(v[2], 32);
}

static void sip_absorb(apr_uint64_t v[4], apr_uint64_t word)
{
    v[3] ^= word;
    sip_round(v);
    v[0] ^= word;
}

/* SipHash-1-3 (Aumasson and Bernstein); words in the machine's own order,
 * for the value never leaves the process. */
static apr_uint64_t hash(const apr_uint64_t seed[2], djs_bytes_t key)
{
    apr_uint64_t v[4] = { seed[0] ^ APR_UINT64_C(0x736f6d6570736575),
                          seed[1] ^ APR_UINT64_C(0x646f72616e646f6d),
                          seed[0] ^ APR_UINT64_C(0x6c7967656e657261),
                          seed[1] ^ APR_UINT64_C(0x7465646279746573) };
    apr_size_t left = key.len;
    const char *at = key.data;
    apr_uint64_t word;

    for (; left >= sizeof(word); left -= sizeof(word), at += sizeof(word)) {
        memcpy(&word, at, sizeof(word));
        sip_absorb(v, word);
    }
    word = 0;
    if (left > 0) {
        memcpy(&word, at, left);
    }
    sip_absorb(v, word ^ (apr_uint64_t)key.len << 56);
    v[2] ^= 0xff;
    sip_round(v);
    sip_round(v);
    sip_round(v);
    return v[0] ^ v[1] ^ v[2] ^ v[3];
}

/* The slot that a search for `key` begins with. */
static apr_uint32_t first_slot(const djs_json_index_t *index, djs_bytes_t key)
{
    return (apr_uint32_t)hash(index->seed, key) & (index->size - 1);
}

static void put(djs_json_index_t *index, djs_bytes_t key, int position)
{
    apr_uint32_t slot = first_slot(index, key);

    while (index->slots[slot] != FREE) {
        slot = (slot + 1) & (index->size - 1);
    }
    index->slots[slot] = TAKEN + (apr_uint32_t)position;
    index->used++;
}

/* A fresh table for `count` members, large enough to last a while. */
static void rebuild(djs_json_index_t *index, const djs_json_member_t *members,
                    int count)
{
    apr_uint32_t size = FIRST_SIZE;

    while (size / 4 < (apr_uint32_t)count) {
        size *= 2;
    }
    if (size > index->size) {
        index->slots = apr_palloc(index->p, size * sizeof(*index->slots));
    }
    else {
        size = index->size;
    }
    memset(index->slots, 0, size * sizeof(*index->slots));
    index->size = size;
    index->used = 0;
    for (int i = 0; i < count; i++) {
        put(index, members[i].key, i);
    }
}

djs_json_index_t *djs_json_index_create(apr_pool_t *p)
{
    djs_json_index_t *index = apr_pcalloc(p, sizeof(*index));

    index->p = p;
    if (djs_random((unsigned char *)index->seed, sizeof(index->seed)) !=
        APR_SUCCESS) {
        return NULL;
    }
    return index;
}

void djs_json_index_add(djs_json_index_t *index,
                        const djs_json_member_t *members, int count)
{
    if (index->used + 1 > index->size / 2) {
        rebuild(index, members, count);
    }
    else {
        put(index, members[count - 1].key, count - 1);
    }
}

/* The slot that holds `key`, or a free one. */
static apr_uint32_t search(const djs_json_index_t *index,
                           const djs_json_member_t *members, djs_bytes_t key)
{
    apr_uint32_t slot = first_slot(index, key);

    while (index->slots[slot] != FREE) {
        apr_uint32_t n = index->slots[slot];

        if (n >= TAKEN && djs_bytes_equal(members[n - TAKEN].key, key)) {
            break;
        }
        slot = (slot + 1) & (index->size - 1);
    }
    return slot;
}

int djs_json_index_find(const djs_json_index_t *index,
                        const djs_json_member_t *members, djs_bytes_t key)
{
    apr_uint32_t n = index->slots[search(index, members, key)];

    return n == FREE ? -1 : (int)(n - TAKEN);
}

void djs_json_index_remove(djs_json_index_t *index,
                           const djs_json_member_t *members, int count,
                           int position)
{
    apr_uint32_t gone = TAKEN + (apr_uint32_t)position;

    index->slots[search(index, members, members[position].key)] = LEFT;
    if (position == count - 1) {
        return;
    }
    for (apr_uint32_t i = 0; i < index->size; i++) {
        index->slots[i] -= index->slots[i] > gone;
    }
}
