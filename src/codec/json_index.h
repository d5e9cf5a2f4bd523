/* codec/json_index.h - finds the members of a large object by their keys.
 *
 * An open hash table of positions. The hash is SipHash-1-3 under a seed drawn
 * for each index, because who writes the keys must not choose which of them
 * collide. Internal to codec/json. */
#ifndef DJS_CODEC_JSON_INDEX_H
#define DJS_CODEC_JSON_INDEX_H

#include "codec/json.h"

/* Begins an index in `p`. NULL when no seed can be drawn: do without. */
djs_json_index_t *djs_json_index_create(apr_pool_t *p);

/* Takes the last of `count` members in; the others must be known already, or
 * be the first call. Their keys must differ. Cost is constant on average. */
void djs_json_index_add(djs_json_index_t *index,
                        const djs_json_member_t *members, int count);

/* The position of `key`, or -1. */
int djs_json_index_find(const djs_json_index_t *index,
                        const djs_json_member_t *members, djs_bytes_t key);

/* Forgets the member at `position` of `count`, whose key still stands there;
 * those after it are about to move down by one. Cost is constant for the last
 * one, and otherwise that of a walk over the index. */
void djs_json_index_remove(djs_json_index_t *index,
                           const djs_json_member_t *members, int count,
                           int position);

#endif
