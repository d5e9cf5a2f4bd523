/* base/django_memcached.c - what Django's clients of memcached agree on, or do
 * not. */
#include <string.h>
#include <apr_strings.h>
#include <zlib.h>
#include "base/django_memcached.h"

const char *djs_django_cache_key(const char *prefix, const char *version,
                                 const char *engine, djs_bytes_t session_key,
                                 apr_pool_t *p)
{
    return apr_pstrcat(
        p, prefix, ":", version, ":django.contrib.sessions.", engine,
        apr_pstrmemdup(p, session_key.data, session_key.len), NULL);
}

/* ------------------------------------------------------------------ servers */

static apr_uint32_t rotate(apr_uint32_t n, int by)
{
    return n << by | n >> (32 - by);
}

static apr_uint32_t scramble(apr_uint32_t k)
{
    return rotate(k * 0xcc9e2d51u, 15) * 0x1b873593u;
}

/* MurmurHash3, x86, 32 bits, seed 0. */
static apr_uint32_t murmur3(const unsigned char *data, apr_size_t len)
{
    apr_uint32_t hash = 0;
    apr_uint32_t rest = 0;
    apr_size_t i;

    for (i = 0; i + 4 <= len; i += 4) {
        apr_uint32_t k = data[i] | (apr_uint32_t)data[i + 1] << 8 |
                         (apr_uint32_t)data[i + 2] << 16 |
                         (apr_uint32_t)data[i + 3] << 24;

        hash = rotate(hash ^ scramble(k), 13) * 5 + 0xe6546b64u;
    }
    for (apr_size_t k = len; k > i; k--) {
        rest = rest << 8 | data[k - 1];
    }
    hash ^= scramble(rest);
    hash ^= (apr_uint32_t)len;
    hash = (hash ^ hash >> 16) * 0x85ebca6bu;
    hash = (hash ^ hash >> 13) * 0xc2b2ae35u;
    return hash ^ hash >> 16;
}

/* Jenkins' one-at-a-time, which libmemcached has by default. */
static apr_uint32_t one_at_a_time(djs_bytes_t key)
{
    apr_uint32_t hash = 0;

    for (apr_size_t i = 0; i < key.len; i++) {
        hash += (unsigned char)key.data[i];
        hash += hash << 10;
        hash ^= hash >> 6;
    }
    hash += hash << 3;
    hash ^= hash >> 11;
    return hash + (hash << 15);
}

/* The server whose name with the key hashes highest; of two, the greater. */
static int rendezvous(const char *const *servers, int count, djs_bytes_t key,
                      apr_pool_t *p)
{
    const char *text = apr_pstrmemdup(p, key.data, key.len);
    apr_uint32_t highest = 0;
    int winner = 0;

    for (int i = 0; i < count; i++) {
        const char *node = apr_pstrcat(p, servers[i], "-", text, NULL);
        apr_uint32_t score = murmur3((const unsigned char *)node, strlen(node));

        if (i == 0 || score > highest ||
            (score == highest && strcmp(servers[i], servers[winner]) > 0)) {
            highest = score;
            winner = i;
        }
    }
    return winner;
}

int djs_django_server(djs_django_client_e client, const char *const *servers,
                      int count, djs_bytes_t cache_key, apr_pool_t *p)
{
    apr_uint32_t hash;

    switch (client) {
    case DJS_CLIENT_PYMEMCACHE:
        return rendezvous(servers, count, cache_key, p);
    case DJS_CLIENT_PYLIBMC:
        hash = one_at_a_time(cache_key);
        break;
    default:
        hash = (apr_uint32_t)crc32(0, (const Bytef *)cache_key.data,
                                   (uInt)cache_key.len);
        hash = hash >> 16 & 0x7fff;
        hash = hash ? hash : 1;
        break;
    }
    return (int)(hash % (apr_uint32_t)count);
}
