/* mod_djstest - a module of somebody else's that uses sessions, for tests.
 *
 * SetHandler djstest: the query string is a list of operations, name=a,b; each
 * answers with a line "name status value". Behind "kept" they go through the
 * handle that the request had before an internal redirect; "redirect=/path,ops"
 * makes one; "early" asks in the hooks before the handler, into X-Early. Events
 * are counted in X-Events and logged; "meddle" has the hook try a change. The
 * store testmem: keeps its records in one process, and the others are no
 * stores. */
#include <apr_hash.h>
#include <apr_strings.h>
#include <apr_thread_mutex.h>
#include <ap_provider.h>
#include <httpd.h>
#include <http_config.h>
#include <http_core.h>
#include <http_log.h>
#include <http_protocol.h>
#include <http_request.h>
#include "mod_djsession.h"
#include "store/store.h"

extern module AP_MODULE_DECLARE_DATA djstest_module;

static APR_OPTIONAL_FN_TYPE(djsession_load) * load;
static APR_OPTIONAL_FN_TYPE(djsession_state) * state_of;
static APR_OPTIONAL_FN_TYPE(djsession_facts) * facts_of;
static APR_OPTIONAL_FN_TYPE(djsession_get) * get;
static APR_OPTIONAL_FN_TYPE(djsession_get_text) * get_text;
static APR_OPTIONAL_FN_TYPE(djsession_keys) * keys_of;
static APR_OPTIONAL_FN_TYPE(djsession_user) * user_of;
static APR_OPTIONAL_FN_TYPE(djsession_set) * set;
static APR_OPTIONAL_FN_TYPE(djsession_set_text) * set_text;
static APR_OPTIONAL_FN_TYPE(djsession_incr) * incr;
static APR_OPTIONAL_FN_TYPE(djsession_remove) * take_out;
static APR_OPTIONAL_FN_TYPE(djsession_login) * log_in;
static APR_OPTIONAL_FN_TYPE(djsession_flush) * flush;
static APR_OPTIONAL_FN_TYPE(djsession_logout_everywhere) * everywhere;
static APR_OPTIONAL_FN_TYPE(djsession_cycle_key) * cycle_key;
static APR_OPTIONAL_FN_TYPE(djsession_set_expiry) * set_expiry;
static APR_OPTIONAL_FN_TYPE(djsession_revoke) * end_all_of;

/* -------------------------------------------------------- the operations */

typedef struct {
    djsession_t *s;
    request_rec *r;
    const char *a, *b; /* arguments, or "" */
    const char *said;
} operation_t;

static apr_status_t do_state(operation_t *op)
{
    static const char *const names[] = { "live", "none", "unavailable",
                                         "unreadable" };

    op->said = names[state_of(op->s)];
    return APR_SUCCESS;
}

static apr_status_t do_facts(operation_t *op)
{
    djsession_facts_t facts;
    apr_status_t rv = facts_of(&facts, op->s);

    op->said =
        apr_psprintf(op->r->pool, "%s %d %d %d", facts.tag, facts.created > 0,
                     facts.authenticated > 0, facts.expires > facts.created);
    return rv;
}

static apr_status_t do_get(operation_t *op)
{
    return get(&op->said, op->s, op->a);
}

static apr_status_t do_get_text(operation_t *op)
{
    return get_text(&op->said, op->s, op->a);
}

static apr_status_t do_keys(operation_t *op)
{
    apr_array_header_t *keys;
    apr_status_t rv = keys_of(&keys, op->s);

    op->said = apr_array_pstrcat(op->r->pool, keys, '+');
    return rv;
}

static apr_status_t do_user(operation_t *op)
{
    return user_of(&op->said, op->s);
}

static apr_status_t do_set(operation_t *op)
{
    return set(op->s, op->a, op->b);
}

static apr_status_t do_set_text(operation_t *op)
{
    return set_text(op->s, op->a, op->b);
}

static apr_status_t do_incr(operation_t *op)
{
    return incr(op->s, op->a, apr_atoi64(op->b));
}

static apr_status_t do_remove(operation_t *op)
{
    return take_out(op->s, op->a);
}

static apr_status_t do_login(operation_t *op)
{
    return log_in(op->s, op->a);
}

static apr_status_t do_flush(operation_t *op)
{
    return flush(op->s);
}

static apr_status_t do_everywhere(operation_t *op)
{
    return everywhere(op->s);
}

static apr_status_t do_cycle(operation_t *op)
{
    return cycle_key(op->s);
}

static apr_status_t do_expiry(operation_t *op)
{
    return set_expiry(op->s, (djsession_expiry_e)atoi(op->a),
                      apr_atoi64(op->b));
}

static apr_status_t do_revoke(operation_t *op)
{
    return end_all_of(op->r, op->a);
}

/* Lets the response begin. */
static apr_status_t do_begin(operation_t *op)
{
    ap_rputs("begun\n", op->r);
    return ap_rflush(op->r) < 0 ? APR_EGENERAL : APR_SUCCESS;
}

static const struct {
    const char *name;
    apr_status_t (*run)(operation_t *op);
} operations[] = {
    { "state", do_state },   { "facts", do_facts },
    { "get", do_get },       { "text", do_get_text },
    { "keys", do_keys },     { "user", do_user },
    { "set", do_set },       { "set_text", do_set_text },
    { "incr", do_incr },     { "remove", do_remove },
    { "login", do_login },   { "flush", do_flush },
    { "cycle", do_cycle },   { "everywhere", do_everywhere },
    { "expiry", do_expiry }, { "revoke", do_revoke },
    { "begin", do_begin },
};

static const char *status_name(apr_status_t rv, apr_pool_t *p)
{
    static const struct {
        apr_status_t rv;
        const char *name;
    } names[] = { { APR_SUCCESS, "ok" },
                  { DJSESSION_EABSENT, "absent" },
                  { DJSESSION_ETROUBLE, "trouble" },
                  { DJSESSION_ETIMEOUT, "timeout" },
                  { DJSESSION_EUNREADABLE, "unreadable" },
                  { DJSESSION_EINVALID, "invalid" },
                  { DJSESSION_ETYPE, "type" },
                  { DJSESSION_EOFF, "off" },
                  { DJSESSION_ELATE, "late" },
                  { DJSESSION_EREFUSED, "refused" } };

    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        if (names[i].rv == rv) {
            return names[i].name;
        }
    }
    return apr_itoa(p, rv);
}

/* One "name=a,b"; percent-escapes are undone. */
static void run_one(request_rec *r, djsession_t *s, char *word)
{
    operation_t op = { s, r, "", "", NULL };
    char *a = strchr(word, '=');
    char *b = a ? strchr(a, ',') : NULL;

    if (a) {
        *a++ = '\0';
        op.a = a;
    }
    if (b) {
        *b++ = '\0';
        op.b = b;
    }
    ap_unescape_url((char *)op.a);
    ap_unescape_url((char *)op.b);
    for (size_t i = 0; i < sizeof operations / sizeof *operations; i++) {
        if (strcmp(operations[i].name, word) == 0) {
            apr_status_t rv = operations[i].run(&op);

            ap_rprintf(r, "%s %s %s\n", word, status_name(rv, r->pool),
                       op.said ? op.said : "-");
        }
    }
}

/* Nonzero when the query string has this word. */
static int is_asked(request_rec *r, const char *word)
{
    return r->args != NULL && strstr(r->args, word) != NULL;
}

static void keep_handle(request_rec *r, djsession_t *s)
{
    ap_set_module_config(r->request_config, &djstest_module, s);
}

/* What the handler before the redirect has kept. */
static djsession_t *kept(request_rec *r)
{
    return r->prev
               ? ap_get_module_config(r->prev->request_config, &djstest_module)
               : NULL;
}

static void redirect(request_rec *r, djsession_t *s, char *to)
{
    char *ops = strchr(to, ',');

    if (ops) {
        *ops = '?';
    }
    ap_unescape_url(to);
    keep_handle(r, s);
    ap_internal_redirect(to, r);
}

/* Asks as authorization or a filter would, before there is a handler. */
static int ask_early(request_rec *r)
{
    static const char *const states[] = { "live", "none", "unavailable",
                                          "unreadable" };
    djsession_t *s;
    const char *user = NULL;

    if (load && is_asked(r, "early")) {
        apr_status_t rv = load(&s, r);

        if (s) {
            (void)user_of(&user, s);
        }
        apr_table_mergen(
            r->err_headers_out, "X-Early",
            apr_psprintf(r->pool, "%s:%s:%s", status_name(rv, r->pool),
                         s ? states[state_of(s)] : "-", user ? user : "-"));
    }
    return DECLINED;
}

static int handler(request_rec *r)
{
    djsession_t *s;
    apr_status_t rv;
    char *rest, *word;

    if (!r->handler || strcmp(r->handler, "djstest") != 0) {
        return DECLINED;
    }
    ap_set_content_type(r, "text/plain");
    if (!load) {
        ap_rputs("nobody offers sessions\n", r);
        return OK;
    }
    s = is_asked(r, "kept") ? kept(r) : NULL;
    if (!s) {
        rv = load(&s, r);
        ap_rprintf(r, "load %s %s\n", status_name(rv, r->pool), s ? "s" : "-");
    }
    rest = apr_pstrdup(r->pool, r->args ? r->args : "");
    while (s && (word = apr_strtok(rest, "&", &rest)) != NULL) {
        if (strncmp(word, "redirect=", 9) == 0) {
            redirect(r, s, word + 9);
            return OK;
        }
        run_one(r, s, word);
        rest = rest ? rest : (char *)"";
    }
    return OK;
}

/* ------------------------------------------------------------ the events */

static int note_event(request_rec *r, djsession_event_e what, djsession_t *s)
{
    static const char *const names[] = { "loaded", "created", "saved", "ended",
                                         "dropped" };

    ap_log_rerror(APLOG_MARK, APLOG_NOTICE, 0, r, "djstest: %s", names[what]);
    apr_table_mergen(
        r->err_headers_out, "X-Events",
        apr_pstrcat(r->pool, names[what], ":",
                    state_of(s) == DJSESSION_LIVE ? "live" : "none",
                    !is_asked(r, "meddle")                ? ""
                    : set(s, "m", "1") == DJSESSION_ELATE ? ":late"
                                                          : ":changed",
                    NULL));
    return OK;
}

static void find_functions(void)
{
    load = APR_RETRIEVE_OPTIONAL_FN(djsession_load);
    state_of = APR_RETRIEVE_OPTIONAL_FN(djsession_state);
    facts_of = APR_RETRIEVE_OPTIONAL_FN(djsession_facts);
    get = APR_RETRIEVE_OPTIONAL_FN(djsession_get);
    get_text = APR_RETRIEVE_OPTIONAL_FN(djsession_get_text);
    keys_of = APR_RETRIEVE_OPTIONAL_FN(djsession_keys);
    user_of = APR_RETRIEVE_OPTIONAL_FN(djsession_user);
    set = APR_RETRIEVE_OPTIONAL_FN(djsession_set);
    set_text = APR_RETRIEVE_OPTIONAL_FN(djsession_set_text);
    incr = APR_RETRIEVE_OPTIONAL_FN(djsession_incr);
    take_out = APR_RETRIEVE_OPTIONAL_FN(djsession_remove);
    log_in = APR_RETRIEVE_OPTIONAL_FN(djsession_login);
    flush = APR_RETRIEVE_OPTIONAL_FN(djsession_flush);
    everywhere = APR_RETRIEVE_OPTIONAL_FN(djsession_logout_everywhere);
    cycle_key = APR_RETRIEVE_OPTIONAL_FN(djsession_cycle_key);
    set_expiry = APR_RETRIEVE_OPTIONAL_FN(djsession_set_expiry);
    end_all_of = APR_RETRIEVE_OPTIONAL_FN(djsession_revoke);
}

/* ------------------------------------------------------ a store of its own */

typedef struct {
    apr_hash_t *records;
    apr_pool_t *pool;
    apr_thread_mutex_t *mutex;
} store_t;

typedef struct {
    apr_time_t expires;
    djs_bytes_t val;
} record_t;

static const char *store_create(void **self, const char *arg,
                                const char *const *options,
                                apr_size_t max_value, apr_pool_t *pconf)
{
    (void)max_value;
    *self = apr_pcalloc(pconf, sizeof(store_t));
    return strcmp(arg, "here") == 0 && !options
               ? NULL
               : "testmem:here is the only one there is";
}

static apr_status_t store_open(void *self, apr_pool_t *pchild)
{
    store_t *store = self;

    store->pool = pchild;
    store->records = apr_hash_make(pchild);
    return apr_thread_mutex_create(&store->mutex, APR_THREAD_MUTEX_DEFAULT,
                                   pchild);
}

static record_t *find(store_t *store, djs_bytes_t key, apr_time_t now)
{
    record_t *record =
        apr_hash_get(store->records, key.data, (apr_ssize_t)key.len);

    return record && record->expires > now ? record : NULL;
}

static void keep(store_t *store, djs_bytes_t key, djs_bytes_t val,
                 apr_time_t expires)
{
    record_t *record = apr_palloc(store->pool, sizeof *record);

    record->expires = expires;
    record->val =
        djs_bytes_of(apr_pmemdup(store->pool, val.data, val.len), val.len);
    apr_hash_set(store->records, apr_pmemdup(store->pool, key.data, key.len),
                 (apr_ssize_t)key.len, record);
}

static apr_status_t store_get(void *self, djs_bytes_t key, djs_call_t call,
                              djs_bytes_t *val, apr_pool_t *p)
{
    store_t *store = self;
    record_t *record;

    apr_thread_mutex_lock(store->mutex);
    record = find(store, key, call.now);
    if (record) {
        *val = djs_bytes_of(apr_pmemdup(p, record->val.data, record->val.len),
                            record->val.len);
    }
    apr_thread_mutex_unlock(store->mutex);
    return record ? APR_SUCCESS : DJS_EABSENT;
}

static apr_status_t store_put(void *self, djs_bytes_t key, djs_item_t item,
                              djs_put_e how, djs_call_t call,
                              apr_pool_t *scratch)
{
    store_t *store = self;
    apr_status_t rv = APR_SUCCESS;

    (void)scratch;
    apr_thread_mutex_lock(store->mutex);
    if (!find(store, key, call.now) != (how == DJS_PUT_NEW)) {
        rv = how == DJS_PUT_NEW ? DJS_ETAKEN : DJS_EABSENT;
    }
    else {
        keep(store, key, item.val, item.expires);
    }
    apr_thread_mutex_unlock(store->mutex);
    return rv;
}

static apr_status_t store_update(void *self, djs_bytes_t key, djs_update_fn fn,
                                 void *baton, djs_call_t call,
                                 apr_pool_t *scratch)
{
    store_t *store = self;
    djs_update_t todo = { DJS_UPDATE_KEEP, { NULL, 0 }, 0 };
    apr_status_t rv = DJS_EABSENT;
    record_t *record;

    apr_thread_mutex_lock(store->mutex);
    record = find(store, key, call.now);
    if (record) {
        rv = fn(&todo, record->val, baton, scratch);
    }
    if (rv == APR_SUCCESS && todo.what == DJS_UPDATE_REPLACE) {
        keep(store, key, todo.val, todo.expires);
    }
    else if (rv == APR_SUCCESS && todo.what == DJS_UPDATE_REMOVE) {
        apr_hash_set(store->records, key.data, (apr_ssize_t)key.len, NULL);
    }
    apr_thread_mutex_unlock(store->mutex);
    return rv;
}

static apr_status_t store_remove(void *self, djs_bytes_t key, djs_call_t call,
                                 apr_pool_t *scratch)
{
    store_t *store = self;

    (void)call;
    (void)scratch;
    apr_thread_mutex_lock(store->mutex);
    apr_hash_set(store->records, key.data, (apr_ssize_t)key.len, NULL);
    apr_thread_mutex_unlock(store->mutex);
    return APR_SUCCESS;
}

static const djs_provider_t testmem = { .size = sizeof(djs_provider_t),
                                        .name = "testmem",
                                        .create = store_create,
                                        .open = store_open,
                                        .get = store_get,
                                        .put = store_put,
                                        .update = store_update,
                                        .remove = store_remove };
static const djs_provider_t future = { .name = "future" };

/* Each is like the one above but for one thing. */
static struct {
    const char *name;
    djs_provider_t provider;
} broken[] = { { "unsized", { 0 } },  { "older", { 0 } },
               { "getless", { 0 } },  { "epochless", { 0 } },
               { "memcache", { 0 } }, { "a/b", { 0 } } };

static apr_status_t store_raise(void *self, djs_bytes_t name, apr_uint64_t to)
{
    (void)self;
    (void)name;
    (void)to;
    return APR_ENOTIMPL;
}

static void register_broken(apr_pool_t *p)
{
    for (size_t i = 0; i < sizeof broken / sizeof *broken; i++) {
        broken[i].provider = testmem;
        broken[i].provider.name = broken[i].name;
    }
    broken[0].provider.size = 0;
    broken[1].provider.size -= sizeof(void *);
    broken[2].provider.get = NULL;
    broken[3].provider.raise = store_raise;
    for (size_t i = 0; i < sizeof broken / sizeof *broken; i++) {
        ap_register_provider(p, DJSESSION_STORE_GROUP, broken[i].name,
                             DJSESSION_STORE_VERSION, &broken[i].provider);
    }
}

static void register_hooks(apr_pool_t *p)
{
    ap_hook_header_parser(ask_early, NULL, NULL, APR_HOOK_MIDDLE);
    ap_hook_access_checker(ask_early, NULL, NULL, APR_HOOK_MIDDLE);
    ap_hook_fixups(ask_early, NULL, NULL, APR_HOOK_MIDDLE);
    ap_hook_handler(handler, NULL, NULL, APR_HOOK_MIDDLE);
    ap_hook_optional_fn_retrieve(find_functions, NULL, NULL, APR_HOOK_MIDDLE);
    APR_OPTIONAL_HOOK(djsession, djsession_event, note_event, NULL, NULL,
                      APR_HOOK_MIDDLE);
    ap_register_provider(p, DJSESSION_STORE_GROUP, testmem.name,
                         DJSESSION_STORE_VERSION, &testmem);
    ap_register_provider(p, DJSESSION_STORE_GROUP, future.name, "2", &future);
    if (ap_exists_config_define("BROKEN_STORES")) {
        register_broken(p);
    }
}

AP_DECLARE_MODULE(djstest) = {
    STANDARD20_MODULE_STUFF, NULL, NULL, NULL, NULL, NULL, register_hooks,
#if defined(AP_MODULE_FLAG_NONE)
    AP_MODULE_FLAG_NONE
#endif
};
