/* codec/pickle_value.h - what a pickle builds, and JSON from it.
 *
 * Values form a graph: the memo lets two containers hold the same third one,
 * or one hold itself. All of them live in one pool and are never freed alone.
 * Internal to codec/pickle. */
#ifndef DJS_CODEC_PICKLE_VALUE_H
#define DJS_CODEC_PICKLE_VALUE_H

#include <apr_pools.h>
#include "codec/json.h"
#include "codec/pickle.h"

typedef enum {
    DJS_PICKLE_STRING,
    DJS_PICKLE_NUMBER, /* int, float, bool, None */
    DJS_PICKLE_BYTES,
    DJS_PICKLE_BYTEARRAY,
    DJS_PICKLE_LIST,
    DJS_PICKLE_TUPLE,
    DJS_PICKLE_SET,
    DJS_PICKLE_FROZENSET,
    DJS_PICKLE_DICT
} djs_pickle_e;

typedef struct djs_pickle_value djs_pickle_value_t;

struct djs_pickle_value {
    djs_pickle_e kind;
    int hashable;              /* may be a key, or in a set */
    int open;                  /* being written just now */
    djs_bytes_t text;          /* of what is no container: JSON */
    djs_pickle_value_t **item; /* of a dict: key, value, key, value, ... */
    int count;
    int room;
    djs_json_object_t *members; /* of a dict, once it is written */
};

/* A value that is no container; `text` is borrowed. */
djs_pickle_value_t *djs_pickle_scalar(djs_pickle_e kind, djs_bytes_t text,
                                      apr_pool_t *p);

/* A container that holds the `count` values at `item`, which are copied. */
djs_pickle_value_t *djs_pickle_container(djs_pickle_e kind,
                                         djs_pickle_value_t *const *item,
                                         int count, apr_pool_t *p);

/* Appends to a container. */
void djs_pickle_append(djs_pickle_value_t *container,
                       djs_pickle_value_t *const *item, int count,
                       apr_pool_t *p);

/* The value as normal JSON, as djs_pickle_read() promises it. DJS_DJANGO_OK or
 * _UNSUPPORTED, _MALICIOUS for a cycle or more than the bounds allow. */
djs_django_e djs_pickle_value_write(djs_pickle_t *out,
                                    djs_pickle_value_t *value,
                                    apr_size_t ceiling, apr_pool_t *p);

#endif
