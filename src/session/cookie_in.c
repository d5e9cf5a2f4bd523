/* session/cookie_in - the Cookie header: which keys came, and hiding them.
 *
 * A header is a row of parts between `;`, a part a row of pieces between `, `.
 * A piece is a cookie. Whether a `, ` was put there by httpd, between two
 * lines, or belongs to the value of another cookie, nobody can tell any more.
 * So a piece behind it that has our name is ours, with one exception: inside a
 * double quote that another cookie opened, only a well-formed key is. */
#include "session/cookie.h"

typedef struct {
    const char *at;      /* the next piece; NULL: there is none */
    const char *end;     /* of what is read */
    const char *stop;    /* end of the present part; NULL: a new one begins */
    const char *counted; /* double quotes are counted up to here */
    int quoted;          /* inside a double quote at `counted` */
    int cut;             /* the header went on behind `end` */
    int after_comma;     /* the piece stands behind a `, ` */
    djs_bytes_t piece;   /* without blanks around it */
} reader_t;

static void reader_start(reader_t *r, djs_bytes_t header, apr_size_t most)
{
    memset(r, 0, sizeof(*r));
    r->at = header.len ? header.data : NULL;
    r->cut = header.len > most;
    r->end = r->at ? r->at + (r->cut ? most : header.len) : NULL;
}

static int is_blank(char c)
{
    return c == ' ' || c == '\t';
}

/* The first `, ` between `at` and `stop`, or NULL. */
static const char *find_comma(const char *at, const char *stop)
{
    while ((at = memchr(at, ',', (apr_size_t)(stop - at))) != NULL) {
        at++;
        if (at < stop && *at == ' ') {
            return at - 1;
        }
    }
    return NULL;
}

/* The first `;` from the reader's place on, or its end. */
static const char *find_stop(const reader_t *r)
{
    const char *stop = memchr(r->at, ';', (apr_size_t)(r->end - r->at));

    return stop ? stop : r->end;
}

/* Moves to the next piece; 0 when there is none. A piece that the limit cuts
 * is none: its beginning may look like something that it is not. */
static int reader_next(reader_t *r)
{
    const char *start = r->at;
    const char *end;
    const char *comma;

    if (!start) {
        return 0;
    }
    r->after_comma = r->stop != NULL;
    if (!r->stop) {
        r->stop = find_stop(r);
        r->counted = start;
        r->quoted = 0;
    }
    comma = find_comma(start, r->stop);
    end = comma ? comma : r->stop;

    if (comma) {
        r->at = comma + 2;
    }
    else {
        r->at = r->stop < r->end ? r->stop + 1 : NULL;
        r->stop = NULL;
    }
    if (end == r->end && r->cut) {
        return 0;
    }

    while (start < end && is_blank(*start)) {
        start++;
    }
    while (start < end && is_blank(end[-1])) {
        end--;
    }
    r->piece = djs_bytes_of(start, (apr_size_t)(end - start));
    return 1;
}

/* Nonzero when a double quote is open where the piece begins. Quotes in
 * cookies of ours do not count: they are taken out. */
static int reader_in_quotes(reader_t *r)
{
    const char *at = r->counted;

    while ((at = memchr(at, '"', (apr_size_t)(r->piece.data - at))) != NULL) {
        r->quoted = !r->quoted;
        at++;
    }
    r->counted = r->piece.data;
    return r->quoted;
}

/* Nonzero when the piece is a cookie of ours; `*value` is then what it says. */
static int reader_is_ours(reader_t *r, djs_bytes_t name, djs_bytes_t *value)
{
    djs_bytes_t piece = r->piece;
    int quoted;

    if (piece.len <= name.len || piece.data[name.len] != '=' ||
        memcmp(piece.data, name.data, name.len) != 0) {
        return 0;
    }
    value->data = piece.data + name.len + 1;
    value->len = piece.len - name.len - 1;

    quoted = reader_in_quotes(r);
    if (r->after_comma && quoted && !djs_key_valid(*value)) {
        return 0;
    }
    r->counted = piece.data + piece.len;
    return 1;
}

static int is_known(const djs_candidates_t *c, djs_bytes_t key)
{
    for (int i = 0; i < c->count; i++) {
        if (djs_bytes_equal(c->keys[i], key)) {
            return 1;
        }
    }
    return 0;
}

void djs_cookie_candidates(djs_candidates_t *out, djs_bytes_t header,
                           djs_bytes_t name)
{
    reader_t r;
    djs_bytes_t value;

    memset(out, 0, sizeof(*out));
    reader_start(&r, header, DJS_COOKIE_CONSIDERED);
    while (reader_next(&r)) {
        if (!reader_is_ours(&r, name, &value)) {
            continue;
        }
        out->sent = 1;
        if (!djs_key_valid(value) || is_known(out, value)) {
            continue;
        }
        if (out->count == DJS_COOKIE_CANDIDATES) {
            out->count = 0;
            out->too_many = 1;
            return;
        }
        out->keys[out->count++] = value;
    }
}

/* Appends `bytes` at `to`, returns the end. */
static char *append(char *to, const char *bytes, apr_size_t len)
{
    memcpy(to, bytes, len);
    return to + len;
}

/* Nonzero when any piece of `header` is ours. */
static int has_ours(djs_bytes_t header, djs_bytes_t name)
{
    reader_t r;
    djs_bytes_t value;

    reader_start(&r, header, header.len);
    while (reader_next(&r)) {
        if (reader_is_ours(&r, name, &value)) {
            return 1;
        }
    }
    return 0;
}

apr_status_t djs_cookie_hide(djs_bytes_t *out, djs_bytes_t header,
                             djs_bytes_t name, apr_pool_t *p)
{
    reader_t r;
    djs_bytes_t value;
    const char *kept = NULL; /* end of the last piece that stays */
    int removed = 0;         /* something of ours stood since then */
    int stops = 0;           /* and a `;` as well */
    char *start, *to;

    *out = header;
    if (!has_ours(header, name)) {
        return APR_SUCCESS;
    }

    /* Never longer than before: what joins two pieces stood between them. */
    start = to = apr_palloc(p, header.len + 1);
    reader_start(&r, header, header.len);
    while (reader_next(&r)) {
        stops |= !r.after_comma;
        if (reader_is_ours(&r, name, &value)) {
            removed = 1;
            continue;
        }
        if (r.piece.len == 0) {
            continue;
        }
        if (kept && removed) {
            to = append(to, stops ? "; " : ", ", 2);
        }
        else if (kept) {
            to = append(to, kept, (apr_size_t)(r.piece.data - kept));
        }
        to = append(to, r.piece.data, r.piece.len);
        kept = r.piece.data + r.piece.len;
        removed = stops = 0;
    }
    *to = '\0';
    *out = djs_bytes_of(start, (apr_size_t)(to - start));
    return APR_SUCCESS;
}
