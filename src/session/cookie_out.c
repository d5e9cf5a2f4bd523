/* session/cookie_out - the Set-Cookie header, and what browsers ask of it. */
#include <apr_lib.h>
#include <apr_strings.h>
#include "session/civil.h"
#include "session/cookie.h"

#define NAME_MAX_LEN   128
#define PATH_MAX_LEN   1024
#define DOMAIN_MAX_LEN 253

static int is_blank(char c)
{
    return c == ' ' || c == '\t';
}

static djs_bytes_t trim(const char *start, const char *end)
{
    while (start < end && is_blank(*start)) {
        start++;
    }
    while (start < end && is_blank(end[-1])) {
        end--;
    }
    return djs_bytes_of(start, (apr_size_t)(end - start));
}

/* The attributes that a set and a delete have in common, `ages` in between. */
static const char *compose(const djs_cookie_t *c, const char *value,
                           const char *ages, apr_pool_t *p)
{
    static const char *const samesite[] = {
        [DJS_SAMESITE_LAX] = "; SameSite=Lax",
        [DJS_SAMESITE_STRICT] = "; SameSite=Strict",
        [DJS_SAMESITE_NONE] = "; SameSite=None",
        [DJS_SAMESITE_OFF] = "",
    };

    return apr_pstrcat(p, c->name, "=", value, c->domain ? "; Domain=" : "",
                       c->domain ? c->domain : "", "; Path=", c->path, ages,
                       c->secure ? "; Secure" : "",
                       c->httponly ? "; HttpOnly" : "", samesite[c->samesite],
                       c->partitioned ? "; Partitioned" : "", NULL);
}

static int has_prefix(const char *name, const char *prefix)
{
    return strncasecmp(name, prefix, strlen(prefix)) == 0;
}

static int is_token_char(char c)
{
    return c != '\0' && (apr_isalnum(c) || strchr("!#$%&'*+-.^_`|~", c)) &&
           (unsigned char)c < 0x80;
}

static const char *check_name(const char *name, apr_pool_t *p)
{
    apr_size_t len = strlen(name);
    apr_size_t good = 0;

    while (is_token_char(name[good])) {
        good++;
    }
    if (len == 0 || len > NAME_MAX_LEN || good != len) {
        return apr_psprintf(p,
                            "a cookie name must be 1 to %d characters out of "
                            "letters, digits and !#$%%&'*+-.^_`|~",
                            NAME_MAX_LEN);
    }
    return NULL;
}

static const char *check_path(const char *path, apr_pool_t *p)
{
    apr_size_t len = path ? strlen(path) : 0;
    apr_size_t good = 0;

    while (good < len && path[good] > ' ' && path[good] < 0x7f &&
           path[good] != ';' && path[good] != ',') {
        good++;
    }
    if (len == 0 || len > PATH_MAX_LEN || good != len || path[0] != '/') {
        return apr_psprintf(p,
                            "a cookie path must begin with / and be at most %d "
                            "visible ASCII characters, none of them ; or ,",
                            PATH_MAX_LEN);
    }
    return NULL;
}

/* A leading dot is allowed, as browsers do; an empty label is not. */
static const char *check_domain(const char *domain, apr_pool_t *p)
{
    const char *at = domain[0] == '.' ? domain + 1 : domain;
    char last = '.';
    apr_size_t len = strlen(at);

    for (; *at; at++) {
        int ascii = (unsigned char)*at < 0x80;

        if (!(ascii && (apr_isalnum(*at) || *at == '-' || *at == '_')) &&
            !(*at == '.' && last != '.')) {
            break;
        }
        last = *at;
    }
    if (*at || last == '.' || len > DOMAIN_MAX_LEN) {
        return apr_psprintf(p,
                            "a cookie domain must be a host name of at most %d "
                            "letters, digits, hyphens and single dots",
                            DOMAIN_MAX_LEN);
    }
    return NULL;
}

/* What a prefix promises to the server, the browser enforces: a cookie that
 * breaks the promise is dropped without a word. */
static const char *check_prefix(const djs_cookie_t *c, apr_pool_t *p)
{
    static const struct {
        const char *prefix;
        int host; /* Path=/ and no Domain */
        int http; /* HttpOnly */
    } rows[] = {
        { "__Host-Http-", 1, 1 },
        { "__Host-", 1, 0 },
        { "__Http-", 0, 1 },
        { "__Secure-", 0, 0 },
    };

    for (apr_size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        const char *prefix = rows[i].prefix;

        if (!has_prefix(c->name, prefix)) {
            continue;
        }
        if (!c->secure) {
            return apr_psprintf(p,
                                "a cookie named %s... must be Secure: set "
                                "DjSessionCookieSecure On",
                                prefix);
        }
        if (rows[i].http && !c->httponly) {
            return apr_psprintf(p,
                                "a cookie named %s... must be HttpOnly: set "
                                "DjSessionCookieHttpOnly On",
                                prefix);
        }
        if (rows[i].host && (c->domain || strcmp(c->path, "/") != 0)) {
            return apr_psprintf(p,
                                "a cookie named %s... must have the path / "
                                "and no domain",
                                prefix);
        }
        return NULL;
    }
    return NULL;
}

int djs_cookie_sets(djs_bytes_t header, djs_bytes_t name)
{
    const char *end, *stop, *equals;
    djs_bytes_t head;

    if (header.len == 0) {
        return 0; /* data may be NULL then */
    }
    end = header.data + header.len;
    stop = memchr(header.data, ';', header.len);
    head = trim(header.data, stop ? stop : end);
    end = head.data + head.len;

    /* Browsers keep "=N=x" as a cookie without a name and send it back as
     * "N=x", which is ours then. */
    if (head.len && head.data[0] == '=') {
        head = trim(head.data + 1, end);
    }
    equals = head.len ? memchr(head.data, '=', head.len) : NULL;
    return equals && djs_bytes_equal(trim(head.data, equals), name);
}

const char *djs_cookie_set(const djs_cookie_t *cookie, const char *value,
                           apr_int64_t max_age, apr_time_t now, apr_pool_t *p)
{
    char date[30];
    apr_int64_t age =
        max_age > DJS_COOKIE_MAX_AGE ? DJS_COOKIE_MAX_AGE : max_age;
    apr_time_t expires;

    if (age < 0) {
        return compose(cookie, value, "", p);
    }
    if (__builtin_add_overflow(now, age * APR_USEC_PER_SEC, &expires)) {
        expires = DJS_CIVIL_LAST;
    }
    djs_cookie_date(date, expires);
    return compose(
        cookie, value,
        apr_psprintf(p, "; Expires=%s; Max-Age=%" APR_INT64_T_FMT, date, age),
        p);
}

const char *djs_cookie_delete(const djs_cookie_t *cookie, apr_pool_t *p)
{
    return compose(cookie, "",
                   "; Expires=Thu, 01 Jan 1970 00:00:00 GMT; Max-Age=0", p);
}

const char *djs_cookie_check(const djs_cookie_t *cookie, apr_pool_t *p)
{
    const char *why = check_name(cookie->name, p);

    if (!why) {
        why = check_path(cookie->path, p);
    }
    if (!why && cookie->domain) {
        why = check_domain(cookie->domain, p);
    }
    if (!why) {
        why = check_prefix(cookie, p);
    }
    if (!why && cookie->samesite == DJS_SAMESITE_NONE && !cookie->secure) {
        why = "SameSite=None needs a Secure cookie: set DjSessionCookieSecure "
              "On, or SameSite to Lax, Strict or Off";
    }
    if (!why && cookie->partitioned && !cookie->secure) {
        why = "a Partitioned cookie must be Secure: set DjSessionCookieSecure "
              "On, or DjSessionCookiePartitioned Off";
    }
    return why;
}

void djs_cookie_date(char out[30], apr_time_t t)
{
    static const char days[] = "SunMonTueWedThuFriSat";
    static const char months[] = "JanFebMarAprMayJunJulAugSepOctNovDec";
    djs_civil_t c;

    djs_civil_split(&c, t);
    apr_snprintf(out, 30, "%.3s, %02d %.3s %04d %02d:%02d:%02d GMT",
                 days + 3 * c.weekday, c.day, months + 3 * (c.month - 1),
                 c.year, c.hour, c.minute, c.second);
}
