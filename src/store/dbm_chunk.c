/* dbm_chunk.c - the bytes that stand before a value in a DBM file. */
#include "base/status.h"
#include "store/dbm_chunk.h"

#define HEAD_MAGIC0  'D'
#define HEAD_MAGIC1  'S'
#define HEAD_VERSION 1
#define CHECK_AT     20 /* the check word covers what stands before it */

static void write32(unsigned char *out, uint32_t n)
{
    out[0] = (unsigned char)(n >> 24);
    out[1] = (unsigned char)(n >> 16);
    out[2] = (unsigned char)(n >> 8);
    out[3] = (unsigned char)n;
}

static uint32_t read32(const char *in)
{
    const unsigned char *b = (const unsigned char *)in;

    return (uint32_t)b[0] << 24 | (uint32_t)b[1] << 16 | (uint32_t)b[2] << 8 |
           b[3];
}

uint32_t djs_chunk_hash(uint32_t hash, const char *data, apr_size_t len)
{
    for (apr_size_t i = 0; i < len; i++) {
        hash = (hash ^ (unsigned char)data[i]) * 16777619u;
    }
    return hash;
}

static uint32_t head_check(const char *head, djs_bytes_t key)
{
    uint32_t hash = djs_chunk_hash(DJS_CHUNK_HASH_START, head, CHECK_AT);

    return djs_chunk_hash(hash, key.data, key.len);
}

void djs_chunk_head_write(unsigned char *out, const djs_chunk_head_t *head,
                          djs_bytes_t key)
{
    uint64_t expires = (uint64_t)head->expires;

    out[0] = HEAD_MAGIC0;
    out[1] = HEAD_MAGIC1;
    out[2] = HEAD_VERSION;
    out[3] = (unsigned char)head->chunks;
    write32(out + 4, head->generation);
    write32(out + 8, head->length);
    write32(out + 12, (uint32_t)(expires >> 32));
    write32(out + 16, (uint32_t)expires);
    write32(out + CHECK_AT, head_check((const char *)out, key));
}

apr_status_t djs_chunk_head_read(djs_chunk_head_t *head, djs_bytes_t *data,
                                 djs_bytes_t chunk, djs_bytes_t key)
{
    const char *in = chunk.data;

    memset(head, 0, sizeof(*head));
    *data = djs_bytes_of(NULL, 0);
    if (chunk.len < DJS_CHUNK_HEAD || in[0] != HEAD_MAGIC0 ||
        in[1] != HEAD_MAGIC1 || in[2] != HEAD_VERSION ||
        read32(in + CHECK_AT) != head_check(in, key)) {
        return DJS_EUNREADABLE;
    }
    head->chunks = (unsigned char)in[3];
    head->generation = read32(in + 4);
    head->length = read32(in + 8);
    head->expires =
        (apr_time_t)((uint64_t)read32(in + 12) << 32 | read32(in + 16));
    *data = djs_bytes_of(in + DJS_CHUNK_HEAD, chunk.len - DJS_CHUNK_HEAD);

    /* one chunk holds all there is, several hold more than the first */
    if (head->chunks == 0 || head->expires < 0 || data->len > head->length ||
        (head->chunks == 1) != (data->len == head->length)) {
        return DJS_EUNREADABLE;
    }
    return APR_SUCCESS;
}

void djs_chunk_follow_write(unsigned char *out, uint32_t generation)
{
    write32(out, generation);
}

apr_status_t djs_chunk_follow_read(uint32_t *generation, djs_bytes_t *data,
                                   djs_bytes_t chunk)
{
    *generation = 0;
    *data = djs_bytes_of(NULL, 0);
    if (chunk.len <= DJS_CHUNK_FOLLOW) {
        return DJS_EUNREADABLE;
    }
    *generation = read32(chunk.data);
    *data = djs_bytes_of(chunk.data + DJS_CHUNK_FOLLOW,
                         chunk.len - DJS_CHUNK_FOLLOW);
    return APR_SUCCESS;
}
