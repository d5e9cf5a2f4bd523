/* memcache_spec.c - reads `memcache:...` and its options. */
#include <stdlib.h>
#include <string.h>
#include <sys/un.h>
#include <netinet/in.h>
#include <apr_network_io.h>
#include <apr_strings.h>
#include "base/units.h"
#include "store/memcache_spec.h"

#define LEGAL "prefix=P, replicas=1|2, min=N, max=N and ttl=SECONDS"

static const char *read_path(djs_link_t *link, const char *path, apr_pool_t *p)
{
    struct sockaddr_un *un = (struct sockaddr_un *)&link->address;

    if (strlen(path) >= sizeof un->sun_path) {
        return apr_psprintf(p,
                            "\"%s\" is too long for a unix socket: at most %d"
                            " bytes",
                            path, (int)sizeof un->sun_path - 1);
    }
    un->sun_family = AF_UNIX;
    memcpy(un->sun_path, path, strlen(path) + 1);
    link->address_len = sizeof *un;
    link->host = link->name;
    return NULL;
}

static const char *resolve(djs_link_t *link, const char *host, apr_pool_t *p)
{
    struct sockaddr_in *in = (struct sockaddr_in *)&link->address;
    apr_sockaddr_t *found;
    char *digits;

    if (apr_sockaddr_info_get(&found, host, APR_INET, link->port, 0, p) !=
            APR_SUCCESS ||
        apr_sockaddr_ip_get(&digits, found) != APR_SUCCESS) {
        return apr_psprintf(p,
                            "the memcached server \"%s\" has no IPv4 address"
                            " that can be found now: write one as in"
                            " memcache:192.0.2.7:11211",
                            link->name);
    }
    *in = found->sa.sin;
    link->address_len = sizeof *in;
    link->host = digits;
    return NULL;
}

static const char *read_server(djs_link_t *link, const char *text,
                               apr_pool_t *p)
{
    const char *colon = strrchr(text, ':');
    apr_size_t digits = colon ? strlen(colon + 1) : 0;
    long port = 0;

    link->name = text;
    if (text[0] == '/') {
        return read_path(link, text, p);
    }
    if (text[0] == '[' || (colon && strchr(text, ':') != colon)) {
        return apr_psprintf(p,
                            "the memcached server \"%s\" looks like IPv6,"
                            " which apr_memcache 1.6 does not speak: give its"
                            " IPv4 address, or a unix socket as in"
                            " memcache:/run/memcached.sock",
                            text);
    }
    if (digits > 0 && digits <= 5 &&
        strspn(colon + 1, "0123456789") == digits) {
        port = strtol(colon + 1, NULL, 10);
    }
    if (colon == text || port < 1 || port > 65535) {
        return apr_psprintf(p,
                            "\"%s\" is no memcached server: use HOST:PORT with"
                            " a port from 1 to 65535, as in"
                            " memcache:127.0.0.1:11211, or the path of a unix"
                            " socket, as in memcache:/run/memcached.sock",
                            text);
    }
    link->port = (apr_port_t)port;
    return resolve(link, apr_pstrmemdup(p, text, (apr_size_t)(colon - text)),
                   p);
}

/* FNV-1a: the same on every host that knows the server by this name. */
static apr_uint64_t seed_of(const char *name)
{
    apr_uint64_t hash = 14695981039346656037u;

    for (; *name; name++) {
        hash = (hash ^ (unsigned char)*name) * 1099511628211u;
    }
    return hash;
}

static const char *read_servers(djs_memcache_t *out, const char *arg,
                                apr_pool_t *p)
{
    const char *rest = arg, *wrong = NULL;

    while (!wrong && *rest) {
        const char *name = apr_pstrmemdup(p, rest, strcspn(rest, ","));
        djs_link_t *link = &out->servers[out->server_count];

        if (out->server_count == DJS_MC_SERVERS_MAX) {
            return apr_psprintf(p, "\"memcache:%s\" names more than %d servers",
                                arg, DJS_MC_SERVERS_MAX);
        }
        rest += strlen(name);
        rest += *rest == ',' && rest[1];
        wrong = read_server(link, name, p);
        link->seed = seed_of(name);
        for (int i = 0; !wrong && i < out->server_count; i++) {
            if (out->servers[i].address_len == link->address_len &&
                memcmp(&out->servers[i].address, &link->address,
                       link->address_len) == 0) {
                wrong = apr_psprintf(p,
                                     "the memcached server %s stands there"
                                     " twice",
                                     name);
            }
        }
        out->server_count++;
    }
    return wrong || out->server_count > 0
               ? wrong
               : "a memcached store needs a server: memcache:HOST:PORT"
                 "[,HOST:PORT...] or memcache:/PATH-OF-SOCKET";
}

/* A number from `low` to `high`, or -1. */
static int number(const char *text, int low, int high)
{
    apr_size_t len = strlen(text);
    long value = len > 0 && len <= 7 && strspn(text, "0123456789") == len
                     ? strtol(text, NULL, 10)
                     : -1;

    return value >= low && value <= high ? (int)value : -1;
}

static const char *read_prefix(djs_memcache_t *out, const char *text,
                               apr_pool_t *p)
{
    static const char legal[] = "abcdefghijklmnopqrstuvwxyz"
                                "ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_.:-";
    apr_size_t len = strlen(text);

    out->prefix = text;
    return len > 0 && len <= DJS_MC_PREFIX_MAX && strspn(text, legal) == len
               ? NULL
               : apr_psprintf(p,
                              "prefix=%s is not possible: use 1 to %d of the"
                              " letters A to Z and a to z, digits and _ . : -",
                              text, DJS_MC_PREFIX_MAX);
}

static const char *read_option(djs_memcache_t *out, const char *option,
                               apr_pool_t *p)
{
    if (strncmp(option, "prefix=", 7) == 0) {
        return read_prefix(out, option + 7, p);
    }
    if (strncmp(option, "replicas=", 9) == 0) {
        out->replicas = number(option + 9, 1, 2);
        return out->replicas > 0
                   ? NULL
                   : apr_psprintf(p,
                                  "%s is not possible: use replicas=1 or"
                                  " replicas=2",
                                  option);
    }
    if (strncmp(option, "min=", 4) == 0 || strncmp(option, "max=", 4) == 0) {
        int least = option[1] == 'a';
        int n = number(option + 4, least, DJS_MC_SLOTS_MAX);

        *(least ? &out->most : &out->keep) = n;
        return n >= 0 ? NULL
                      : apr_psprintf(p,
                                     "%s is not possible: use a number of"
                                     " connections from %d to %d",
                                     option, least, DJS_MC_SLOTS_MAX);
    }
    if (strncmp(option, "ttl=", 4) == 0) {
        if (djs_units_duration(&out->idle, option + 4) == APR_SUCCESS &&
            out->idle > 0 && out->idle <= apr_time_from_sec(3600)) {
            return NULL;
        }
        return apr_psprintf(p,
                            "%s is not possible: use how long a connection"
                            " may be idle, up to an hour, as in ttl=15s",
                            option);
    }
    return apr_psprintf(
        p, "a memcached store has no option \"%s\": it has " LEGAL, option);
}

const char *djs_mcspec_read(djs_memcache_t *out, const char *arg,
                            const char *const *options, apr_pool_t *p)
{
    const char *wrong = read_servers(out, arg, p);

    out->prefix = "djs:";
    out->kind = "s:";
    out->replicas = 1;
    out->most = 64;
    out->idle = apr_time_from_sec(15);
    for (; !wrong && options && *options; options++) {
        wrong = read_option(out, *options, p);
    }
    if (!wrong && out->replicas > out->server_count) {
        wrong = "replicas=2 needs two servers: memcache:HOST:PORT,HOST:PORT";
    }
    if (!wrong && out->keep > out->most) {
        wrong =
            apr_psprintf(p, "min=%d is more than max=%d", out->keep, out->most);
    }
    return wrong;
}

const char *djs_mcspec_remote(const djs_memcache_t *self)
{
    for (int i = 0; i < self->server_count; i++) {
        const djs_link_t *link = &self->servers[i];

        if (link->port && strncmp(link->host, "127.", 4) != 0) {
            return link->name;
        }
    }
    return NULL;
}
