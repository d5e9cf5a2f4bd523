/* session/rows.c - the directive table, and how arguments are read. */
#include <stddef.h>
#include <stdlib.h>
#include <apr_cstr.h>
#include <apr_lib.h>
#include <apr_network_io.h>
#include <apr_strings.h>
#include "base/units.h"
#include "codec/json.h"
#include "session/rows.h"
#include "session/rows_write.h"
#include "store/store.h"

#define MILLISECONDS(n) (APR_INT64_C(1000) * (n))
#define SECONDS(n)      (APR_INT64_C(1000000) * (n))
#define DAYS(n)         SECONDS(APR_INT64_C(86400) * (n))

static const char *const on_off[] = { "Off", "On", NULL };
static const char *const store_errors[] = { "Deny", "Anonymous", NULL };
static const char *const secures[] = { "Auto", "On", "Off", NULL };
static const char *const samesites[] = { "Lax", "Strict", "None", "Off", NULL };
static const char *const creates[] = { "OnWrite", "Always", NULL };
static const char *const replays[] = { "Log", "Flush", NULL };
static const char *const presets[] = { "django", "strict", "aal1",
                                       "aal2",   "aal3",   NULL };
static const char *const envs[] = { "Off", "Summary", "Data", NULL };

/* Environment variables that a session value must never become: programs and
 * the loader obey them, or httpd and this module set them. */
static const char *const reserved[] = { "LD_*",
                                        "HTTP_*",
                                        "SSL_*",
                                        "REDIRECT_*",
                                        "DYLD_*",
                                        "PERL*",
                                        "PYTHON*",
                                        "RUBY*",
                                        "BASH*",
                                        "NODE_*",
                                        "PATH*",
                                        "REMOTE_*",
                                        "SERVER_*",
                                        "REQUEST_*",
                                        "SCRIPT_*",
                                        "CONTENT_*",
                                        "GATEWAY_INTERFACE",
                                        "QUERY_STRING",
                                        "AUTH_TYPE",
                                        "DOCUMENT_ROOT",
                                        "IFS",
                                        "ENV",
                                        "SHELL*",
                                        "PS4",
                                        "TZ",
                                        "LOCPATH",
                                        "HTTPS",
                                        "GCONV_PATH",
                                        "MALLOC_*",
                                        "HOME",
                                        "USER",
                                        "TMPDIR",
                                        "DJSESSION_STATE",
                                        "DJSESSION_USER",
                                        "DJSESSION_TAG",
                                        "DJSESSION_CREATED",
                                        "DJSESSION_EXPIRES",
                                        "DJSESSION_DATA",
                                        NULL };

static const char *read_choice(const djs_row_t *row, void *field, int argc,
                               const char *const *argv, apr_pool_t *p)
{
    const char *legal = "";
    int i;

    (void)argc;
    for (i = 0; row->names[i] != NULL; i++) {
        if (apr_cstr_casecmp(row->names[i], argv[0]) == 0) {
            *(apr_int64_t *)field = i;
            return NULL;
        }
        legal = apr_pstrcat(p, legal, i == 0 ? "" : ", ", row->names[i], NULL);
    }
    return apr_psprintf(p, "\"%s\" is none of: %s", argv[0], legal);
}

static const char *duration_text(apr_int64_t t, apr_pool_t *p)
{
    if (t % SECONDS(1) != 0) {
        return apr_psprintf(p, "%" APR_INT64_T_FMT "ms", t / MILLISECONDS(1));
    }
    if (t % DAYS(1) == 0) {
        return apr_psprintf(p, "%" APR_INT64_T_FMT "d", t / DAYS(1));
    }
    return apr_psprintf(p, "%" APR_INT64_T_FMT "s", t / SECONDS(1));
}

static const char *read_duration(const djs_row_t *row, void *field, int argc,
                                 const char *const *argv, apr_pool_t *p)
{
    apr_interval_time_t t;

    (void)argc;
    if (djs_units_duration(&t, argv[0]) != APR_SUCCESS || t < row->min ||
        t > row->max) {
        return apr_psprintf(p,
                            "\"%s\" is no duration from %s to %s (write 90s,"
                            " 500ms, 30m, 12h, 7d or 2w)",
                            argv[0], duration_text(row->min, p),
                            duration_text(row->max, p));
    }
    *(apr_int64_t *)field = t;
    return NULL;
}

/* A duration, or Off: 0. */
static const char *read_limit(const djs_row_t *row, void *field, int argc,
                              const char *const *argv, apr_pool_t *p)
{
    const char *wrong;

    if (apr_cstr_casecmp(argv[0], "Off") == 0) {
        *(apr_int64_t *)field = 0;
        return NULL;
    }
    wrong = read_duration(row, field, argc, argv, p);
    return wrong == NULL ? NULL : apr_pstrcat(p, wrong, ", nor Off", NULL);
}

static const char *read_size(const djs_row_t *row, void *field, int argc,
                             const char *const *argv, apr_pool_t *p)
{
    apr_size_t size;

    (void)argc;
    if (djs_units_size(&size, argv[0]) != APR_SUCCESS ||
        size < (apr_size_t)row->min || size > (apr_size_t)row->max) {
        return apr_psprintf(p,
                            "\"%s\" is no size from %" APR_INT64_T_FMT
                            " to %" APR_INT64_T_FMT
                            " bytes (write 65536, 64k or 1m)",
                            argv[0], row->min, row->max);
    }
    *(apr_int64_t *)field = (apr_int64_t)size;
    return NULL;
}

/* A number, or Off: 0. */
static const char *read_count(const djs_row_t *row, void *field, int argc,
                              const char *const *argv, apr_pool_t *p)
{
    apr_size_t len = strlen(argv[0]);
    apr_int64_t n = 0;

    (void)argc;
    if (apr_cstr_casecmp(argv[0], "Off") != 0) {
        n = len <= 9 && strspn(argv[0], "0123456789") == len
                ? apr_atoi64(argv[0])
                : 0;
        if (n < row->min || n > row->max) {
            return apr_psprintf(p,
                                "\"%s\" is neither Off nor a number from"
                                " %" APR_INT64_T_FMT " to %" APR_INT64_T_FMT,
                                argv[0], row->min, row->max);
        }
    }
    *(apr_int64_t *)field = n;
    return NULL;
}

/* Between min and max bytes, none of them a control character or blank. */
static const char *read_text(const djs_row_t *row, void *field, int argc,
                             const char *const *argv, apr_pool_t *p)
{
    apr_size_t len = strlen(argv[0]), i;

    (void)argc;
    for (i = 0; i < len; i++) {
        if ((unsigned char)argv[0][i] <= ' ' || argv[0][i] == 0x7f) {
            return "blanks and control characters are not allowed in it";
        }
    }
    if (len < (apr_size_t)row->min || len > (apr_size_t)row->max) {
        return apr_psprintf(p,
                            "it must have from %" APR_INT64_T_FMT
                            " to %" APR_INT64_T_FMT " characters",
                            row->min, row->max);
    }
    *(const char **)field = apr_pstrdup(p, argv[0]);
    return NULL;
}

/* With one parameter, as apr_dbd writes them; "%%" is a percent sign. */
static const char *read_query(const djs_row_t *row, void *field, int argc,
                              const char *const *argv, apr_pool_t *p)
{
    const char *c;
    int count = 0;

    (void)argc;
    for (c = strchr(argv[0], '%'); c != NULL; c = strchr(c + 1, '%')) {
        count += c[1] == 's' || c[1] == 'd' ? 1 : 2;
        if (c[1] == '%') {
            count -= 2;
            c++;
        }
    }
    if (count != 1 || strlen(argv[0]) > (apr_size_t)row->max) {
        return "it must be one query in quotes, with one %s (for a text) or %d"
               " (for a number) where the user's name or id belongs";
    }
    *(const char **)field = apr_pstrdup(p, argv[0]);
    return NULL;
}

/* A path of this host, or a whole http or https URL: nothing that a browser
 * could take for something else. */
static const char *read_url(const djs_row_t *row, void *field, int argc,
                            const char *const *argv, apr_pool_t *p)
{
    const char *url = argv[0];
    const char *rest = strstr(url, "://");
    const char *c;
    int ok = url[0] == '/' && url[1] != '/';

    if (apr_cstr_casecmpn(url, "http://", 7) == 0 ||
        apr_cstr_casecmpn(url, "https://", 8) == 0) {
        ok = apr_isalnum(rest[3]) || rest[3] == '[';
    }
    for (c = url; *c != '\0' && ok; c++) {
        ok = *c > ' ' && *c < 0x7f && strchr("\\\"<>#", *c) == NULL;
    }
    if (!ok) {
        return apr_psprintf(p,
                            "\"%s\" is neither a path that begins with one"
                            " slash nor a URL with http:// or https:// and a"
                            " host (in ASCII, without blanks, quotes, <, >, #"
                            " and backslashes)",
                            url);
    }
    return read_text(row, field, argc, argv, p);
}

/* A session key, kept as normal JSON: so requests need not quote it. */
static const char *read_key(const djs_row_t *row, void *field, int argc,
                            const char *const *argv, apr_pool_t *p)
{
    const char *text;
    const char *wrong = read_text(row, &text, argc, argv, p);
    djs_bytes_t quoted;

    if (wrong != NULL) {
        return wrong;
    }
    if (djs_json_quote(&quoted, djs_bytes(text), p) != APR_SUCCESS) {
        return "it must be UTF-8";
    }
    *(const char **)field = quoted.data;
    return NULL;
}

static const djs_list_t *list_make(int count, const char *const *items,
                                   apr_pool_t *p)
{
    djs_list_t *list = apr_palloc(p, sizeof *list);
    const char **copy = apr_pcalloc(p, ((apr_size_t)count + 1) * sizeof *copy);
    int i;

    for (i = 0; i < count; i++) {
        copy[i] = apr_pstrdup(p, items[i]);
    }
    list->count = count;
    list->items = copy;
    return list;
}

static const char *read_list(const djs_row_t *row, void *field, int argc,
                             const char *const *argv, apr_pool_t *p)
{
    (void)row;
    *(const djs_list_t **)field = list_make(argc, argv, p);
    return NULL;
}

/* The SPEC's own reader (the provider) judges it when the server starts. */
static const char *read_store(const djs_row_t *row, void *field, int argc,
                              const char *const *argv, apr_pool_t *p)
{
    int i;

    if (!djs_store_is_spec(argv[0])) {
        return apr_psprintf(p,
                            "\"%s\" is no store: write dbm:PATH"
                            " [type=sdbm|gdbm|db] [shards=N],"
                            " memcache:HOST:PORT[,HOST:PORT...] [option=value],"
                            " or both, memcache: first; for a Django site's own"
                            " sessions see doc/guide, 13",
                            argv[0]);
    }
    for (i = 1; i < argc; i++) {
        if (!djs_store_is_spec(argv[i]) && strchr(argv[i], '=') == NULL) {
            return apr_psprintf(p,
                                "\"%s\" is no option: dbm:PATH takes"
                                " type=sdbm|gdbm|db and shards=N,"
                                " memcache:HOST:PORT takes prefix=P,"
                                " replicas=1|2, min=N, max=N and ttl=SECONDS;"
                                " for django- stores see doc/guide",
                                argv[i]);
        }
    }
    return read_list(row, field, argc, argv, p);
}

static const char *read_networks(const djs_row_t *row, void *field, int argc,
                                 const char *const *argv, apr_pool_t *p)
{
    apr_ipsubnet_t *subnet;
    int i;

    for (i = 0; i < argc; i++) {
        char *address = apr_pstrdup(p, argv[i]);
        char *bits = strchr(address, '/');

        if (bits != NULL) {
            *bits++ = '\0';
        }
        if (strpbrk(address, ".:") == NULL ||
            apr_ipsubnet_create(&subnet, address, bits, p) != APR_SUCCESS) {
            return apr_psprintf(p,
                                "\"%s\" is no address or network: write"
                                " 192.0.2.7, 192.0.2.0/24 or 2001:db8::/32",
                                argv[i]);
        }
    }
    return read_list(row, field, argc, argv, p);
}

static const char *read_pair(const djs_row_t *row, void *field, int argc,
                             const char *const *argv, apr_pool_t *p)
{
    apr_size_t i, len = strlen(argv[0]);

    for (i = 0; i < len; i++) {
        if (!apr_isalnum(argv[0][i]) && argv[0][i] != '-') {
            return apr_psprintf(p,
                                "\"%s\" is no header name: write for example"
                                " X-Forwarded-Proto https",
                                argv[0]);
        }
    }
    return read_list(row, field, argc, argv, p);
}

static const char *read_rate(const djs_row_t *row, void *field, int argc,
                             const char *const *argv, apr_pool_t *p)
{
    djs_limit_t *limit = apr_pcalloc(p, sizeof *limit);
    const char *slash = strchr(argv[0], '/');
    const char *c;
    int ok = slash != NULL && slash != argv[0] && slash - argv[0] <= 7;

    (void)row;
    (void)argc;
    for (c = argv[0]; ok && c < slash; c++) {
        ok = apr_isdigit(*c);
        limit->count = 10 * limit->count + (*c - '0');
    }
    if (apr_cstr_casecmp(argv[0], "Off") != 0 &&
        (!ok || limit->count < 1 || limit->count > 1000000 ||
         djs_units_duration(&limit->time, slash + 1) != APR_SUCCESS ||
         limit->time < SECONDS(1) || limit->time > DAYS(1))) {
        return apr_psprintf(p,
                            "\"%s\" is neither Off nor N/DURATION: a number"
                            " from 1 to 1000000 and a duration from 1s to 1d"
                            " (write 10/1h)",
                            argv[0]);
    }
    *(const djs_limit_t **)field = limit;
    return NULL;
}

static const char *read_percent(djs_renew_t *renew, const char *text,
                                apr_size_t len)
{
    char *end;
    long n = strtol(text, &end, 10);

    if (!apr_isdigit(text[0]) || end != text + len - 1 || n < 1 || n > 100) {
        return "no percentage";
    }
    renew->how = DJS_RENEW_PERCENT;
    renew->percent = (int)n;
    return NULL;
}

static const char *read_renewal(const djs_row_t *row, void *field, int argc,
                                const char *const *argv, apr_pool_t *p)
{
    djs_renew_t *renew = apr_pcalloc(p, sizeof *renew);
    apr_size_t len = strlen(argv[0]);
    int ok;

    (void)row;
    (void)argc;
    if (apr_cstr_casecmp(argv[0], "Off") == 0) {
        renew->how = DJS_RENEW_OFF;
        ok = 1;
    }
    else if (apr_cstr_casecmp(argv[0], "EveryRequest") == 0) {
        renew->how = DJS_RENEW_EVERY;
        ok = 1;
    }
    else if (len > 1 && argv[0][len - 1] == '%') {
        ok = read_percent(renew, argv[0], len) == NULL;
    }
    else {
        renew->how = DJS_RENEW_AFTER;
        ok = djs_units_duration(&renew->after, argv[0]) == APR_SUCCESS &&
             renew->after >= SECONDS(1) && renew->after <= DAYS(3650);
    }
    if (!ok) {
        return apr_psprintf(p,
                            "\"%s\" is none of: Off, EveryRequest, 1%% to"
                            " 100%%, a duration from 1s to 3650d",
                            argv[0]);
    }
    *(const djs_renew_t **)field = renew;
    return NULL;
}

static int is_reserved(const char *name)
{
    int i;

    for (i = 0; reserved[i] != NULL; i++) {
        apr_size_t len = strlen(reserved[i]);

        if (reserved[i][len - 1] == '*'
                ? strncmp(reserved[i], name, len - 1) == 0
                : strcmp(reserved[i], name) == 0) {
            return 1;
        }
    }
    return 0;
}

/* "cart-items" -> DJSESSION_CART_ITEMS; NULL when that is no good name. */
static const char *export_name(const char *key, apr_pool_t *p)
{
    char *name = apr_pstrcat(p, "DJSESSION_", key, NULL);
    char *c;

    if (strlen(key) > 64) {
        return NULL;
    }
    for (c = name; *c != '\0'; c++) {
        if (apr_isalnum(*c)) {
            *c = (char)apr_toupper(*c);
        }
        else if (*c == '_' || *c == '-' || *c == '.') {
            *c = '_';
        }
        else {
            return NULL;
        }
    }
    return name;
}

static int is_variable(const char *name)
{
    const char *c;

    for (c = name; *c != '\0'; c++) {
        if (!apr_isalnum(*c) && *c != '_') {
            return 0;
        }
    }
    return c != name && c - name <= 74 && !apr_isdigit(name[0]);
}

static const char *read_export(const djs_row_t *row, void *field, int argc,
                               const char *const *argv, apr_pool_t *p)
{
    const djs_list_t *old = *(const djs_list_t **)field;
    int count = old == NULL ? 0 : old->count, i;
    const char **items =
        apr_pcalloc(p, ((apr_size_t)count + 2) * sizeof *items);
    const char *name = argc > 1 ? argv[1] : export_name(argv[0], p);
    djs_bytes_t key;

    (void)row;
    if (djs_json_quote(&key, djs_bytes(argv[0]), p) != APR_SUCCESS) {
        return "the key must be UTF-8";
    }
    if (name == NULL || !is_variable(name) || argv[0][0] == '\0') {
        return apr_psprintf(p,
                            "no variable can be made of \"%s\": give a NAME"
                            " of letters, digits and _ as second argument",
                            argc > 1 ? argv[1] : argv[0]);
    }
    if (is_reserved(name)) {
        return apr_psprintf(p,
                            "%s is a variable that httpd, programs or this"
                            " module give a meaning to: choose another NAME",
                            name);
    }
    for (i = 0; i < count; i++) {
        items[i] = old->items[i];
        if (i % 2 == 1 && strcmp(old->items[i], name) == 0 &&
            strcmp(old->items[i - 1], key.data) != 0) {
            return apr_psprintf(p,
                                "%s is the variable of key %s already:"
                                " choose another NAME",
                                name, old->items[i - 1]);
        }
    }
    items[count] = key.data;
    items[count + 1] = name;
    *(const djs_list_t **)field = list_make(count + 2, items, p);
    return NULL;
}

static const djs_row_kind_t kind_choice = { read_choice, djs_write_choice, 1, 1,
                                            1 };
static const djs_row_kind_t kind_duration = { read_duration, djs_write_duration,
                                              1, 1, 1 };
static const djs_row_kind_t kind_limit = { read_limit, djs_write_limit, 1, 1,
                                           1 };
static const djs_row_kind_t kind_count = { read_count, djs_write_count, 1, 1,
                                           1 };
static const djs_row_kind_t kind_size = { read_size, djs_write_size, 1, 1, 1 };
static const djs_row_kind_t kind_text = { read_text, djs_write_text, 0, 1, 1 };
static const djs_row_kind_t kind_query = { read_query, djs_write_text, 0, 1,
                                           1 };
static const djs_row_kind_t kind_url = { read_url, djs_write_text, 0, 1, 1 };
static const djs_row_kind_t kind_key = { read_key, djs_write_key, 0, 1, 1 };
static const djs_row_kind_t kind_store = { read_store, djs_write_list, 0, 1,
                                           0 };
static const djs_row_kind_t kind_files = { read_list, djs_write_list, 0, 1,
                                           16 };
static const djs_row_kind_t kind_file = { read_list, djs_write_list, 0, 1, 1 };
static const djs_row_kind_t kind_pair = { read_pair, djs_write_list, 0, 2, 2 };
static const djs_row_kind_t kind_networks = { read_networks, djs_write_list, 0,
                                              1, 0 };
static const djs_row_kind_t kind_renewal = { read_renewal, djs_write_renewal, 0,
                                             1, 1 };
static const djs_row_kind_t kind_export = { read_export, djs_write_export, 0, 1,
                                            2 };
static const djs_row_kind_t kind_rate = { read_rate, djs_write_rate, 0, 1, 1 };

#define ROW(name, syntax, where, kind, type, field, min, max, names, preset,   \
            help)                                                              \
    { name, syntax, where, &kind_##kind, offsetof(type, field),                \
      min,  max,    names, preset,       help },
/* clang-format off */
const djs_row_t djs_rows[] = {
#include "session/rows.def"
    { NULL, NULL, 0, NULL, 0, 0, 0, NULL, NULL, NULL }
};
/* clang-format on */

_Static_assert(sizeof djs_rows / sizeof *djs_rows <= 65,
               "djs_row_bit has 64 bits");

const djs_row_t *djs_row_find(const char *name)
{
    const djs_row_t *row;

    for (row = djs_rows; row->name != NULL; row++) {
        if (apr_cstr_casecmp(row->name, name) == 0) {
            return row;
        }
    }
    return NULL;
}

const char *djs_row_set(const djs_row_t *row, void *target, int argc,
                        const char *const *argv, apr_pool_t *p)
{
    const char *wrong;

    if (argc < row->kind->least ||
        (row->kind->most > 0 && argc > row->kind->most)) {
        return apr_psprintf(p, "%s: its arguments are: %s", row->name,
                            row->syntax);
    }
    wrong = row->kind->read(row, (char *)target + row->field, argc, argv, p);
    return wrong == NULL ? NULL : apr_pstrcat(p, row->name, ": ", wrong, NULL);
}
