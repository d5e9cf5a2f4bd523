/* fuzz_chunk - what stands before a value in a DBM file is read as written, or
 * not at all. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include "base/status.h"
#include "store/dbm_chunk.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define KEY "0123456789abcdef0123456789abcdef01234567"

static void must(int truth)
{
    if (!truth) {
        abort();
    }
}

/* Any bytes: what is taken for a head is one, and would be written so. */
static void read_any(djs_bytes_t chunk, djs_bytes_t key)
{
    unsigned char again[DJS_CHUNK_HEAD];
    djs_chunk_head_t head;
    djs_bytes_t part;
    apr_status_t rv = djs_chunk_head_read(&head, &part, chunk, key);

    must(rv == APR_SUCCESS || rv == DJS_EUNREADABLE);
    if (rv == APR_SUCCESS) {
        djs_chunk_head_write(again, &head, key);
        must(memcmp(again, chunk.data, sizeof(again)) == 0);
        must(part.data == chunk.data + DJS_CHUNK_HEAD);
        must(part.len == chunk.len - DJS_CHUNK_HEAD);
        must(part.len <= head.length && head.chunks >= 1 && head.expires >= 0);
    }
}

/* A head of any content, with the right check word: taken exactly when it
 * makes sense; and never for another key, or with one bit turned over. */
static void read_written(const uint8_t *data, size_t size, djs_bytes_t key)
{
    char chunk[DJS_CHUNK_HEAD + 300];
    djs_chunk_head_t head, got;
    djs_bytes_t part, whole;
    size_t body = size - 18;
    int sound;

    body = body > 300 ? 300 : body;
    head.chunks = data[1];
    memcpy(&head.generation, data + 2, 4);
    memcpy(&head.length, data + 6, 4);
    memcpy(&head.expires, data + 10, 8);
    if (data[0] & 1) {
        head.length = (uint32_t)body + (data[0] >> 4);
    }
    djs_chunk_head_write((unsigned char *)chunk, &head, key);
    memcpy(chunk + DJS_CHUNK_HEAD, data + 18, body);
    whole = djs_bytes_of(chunk, DJS_CHUNK_HEAD + body);
    sound = head.chunks >= 1 && head.expires >= 0 &&
            (head.chunks == 1 ? body == head.length : body < head.length);
    must((djs_chunk_head_read(&got, &part, whole, key) == APR_SUCCESS) ==
         sound);
    if (sound) {
        must(got.chunks == head.chunks && got.generation == head.generation);
        must(got.length == head.length && got.expires == head.expires);
    }
    must(djs_chunk_head_read(&got, &part, whole, djs_bytes("another")) !=
         APR_SUCCESS);
    chunk[data[17] % DJS_CHUNK_HEAD] ^= (char)(1 << (data[16] & 7));
    must(djs_chunk_head_read(&got, &part, whole, key) != APR_SUCCESS);
}

static void read_follow(djs_bytes_t chunk)
{
    unsigned char again[DJS_CHUNK_FOLLOW];
    uint32_t generation;
    djs_bytes_t part;
    apr_status_t rv = djs_chunk_follow_read(&generation, &part, chunk);

    must((rv == APR_SUCCESS) == (chunk.len > DJS_CHUNK_FOLLOW));
    if (rv == APR_SUCCESS) {
        djs_chunk_follow_write(again, generation);
        must(memcmp(again, chunk.data, sizeof(again)) == 0);
        must(part.data + part.len == chunk.data + chunk.len);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    djs_bytes_t chunk = { (const char *)data, size };
    djs_bytes_t key = { KEY, sizeof(KEY) - 1 };

    read_any(chunk, key);
    read_follow(chunk);
    if (size >= 18) {
        read_written(data, size, key);
    }
    return 0;
}
