/* httpd/request.c - the session of a request, found by whoever asks first. */
#include <apr_strings.h>
#include <httpd.h>
#include <http_config.h>
#include <http_log.h>
#include <http_protocol.h>
#include <http_ssl.h>
#include "base/clock.h"
#include "httpd/account.h"
#include "httpd/api.h"
#include "httpd/hint.h"
#include "httpd/request.h"
#include "httpd/scrub.h"
#include "session/stamp.h"
#include "session/theirs.h"

APLOG_USE_MODULE(djsession);

#define BEGUN "djsession-begun" /* a note of a request */

/* A status that says something about the session, not about the store. */
static int is_answer(apr_status_t rv)
{
    return rv == APR_SUCCESS || rv == DJS_EABSENT || rv == DJS_EUNREADABLE ||
           rv == DJS_ETOOBIG || rv == DJS_ETYPE || rv == DJS_EINVALID ||
           rv == DJS_ERANDOM || rv == DJS_ESITE;
}

/* What may fail while no request does. */
static const struct {
    int ailing; /* DJS_AILING_... */
    int item;   /* DJS_HEALTH_... */
    const char *began;
    const char *ended;
} parts[] = {
    { DJS_AILING_FRONT, DJS_HEALTH_FRONT,
      "DJS106: memcached of %s is in trouble; requests go on with the DBM files"
      " alone",
      "DJS107: memcached of %s answers again after %" APR_TIME_T_FMT " ms" },
    { DJS_AILING_TWIN, DJS_HEALTH_TWIN,
      "DJS108: a server of %s is in trouble; requests go on with the one that"
      " has the same sessions, but there is no second one now",
      "DJS109: all servers of %s answer again after %" APR_TIME_T_FMT " ms" },
};

static void note_parts(request_rec *r, djs_back_t *back)
{
    int ailing = djs_store_ailing(back->store);

    for (size_t i = 0; i < sizeof parts / sizeof *parts; i++) {
        djs_health_t *health = &back->health[parts[i].item];
        apr_interval_time_t lasted = 0;
        djs_health_e what =
            ailing & parts[i].ailing
                ? djs_health_failed(health, djs_clock_steady())
                : djs_health_good(health, &lasted, djs_clock_steady());

        if (what == DJS_HEALTH_BEGAN) {
            ap_log_rerror(APLOG_MARK, APLOG_ERR, 0, r, parts[i].began,
                          djs_store_name(back->store));
        }
        else if (what == DJS_HEALTH_ENDED) {
            ap_log_rerror(APLOG_MARK, APLOG_NOTICE, 0, r, parts[i].ended,
                          djs_store_name(back->store),
                          apr_time_as_msec(lasted));
        }
    }
}

void djs_request_note_health(request_rec *r, djs_back_t *back, apr_status_t rv)
{
    djs_health_t *health = &back->health[DJS_HEALTH_STORE];
    djs_health_e what = DJS_HEALTH_AS_BEFORE;
    apr_interval_time_t lasted = 0;
    char text[160];

    note_parts(r, back);
    if (!is_answer(rv)) {
        what = djs_health_failed(health, djs_clock_steady());
    }
    else if (!(djs_store_ailing(back->store) & DJS_AILING_BACK)) {
        /* otherwise what memcached had is served; that is not all */
        what = djs_health_good(health, &lasted, djs_clock_steady());
    }
    if (what == DJS_HEALTH_BEGAN) {
        ap_log_rerror(APLOG_MARK, APLOG_ERR, 0, r,
                      "DJS101: %s is in trouble: %s; requests are answered as"
                      " DjSessionOnStoreError says",
                      djs_store_name(back->store),
                      djs_status_text(rv, text, sizeof text));
    }
    else if (what == DJS_HEALTH_ENDED) {
        ap_log_rerror(APLOG_MARK, APLOG_NOTICE, 0, r,
                      "DJS102: %s answers again after %" APR_TIME_T_FMT " ms",
                      djs_store_name(back->store), apr_time_as_msec(lasted));
    }
}

/* Exactly this header, from an address that is trusted to send it. */
static int proxy_says_tls(request_rec *r, const djs_host_t *host)
{
    const char *value;
    int i;

    if (host->proxy_header == NULL) {
        return 0;
    }
    value = apr_table_get(r->headers_in, host->proxy_header);
    if (value == NULL || strcasecmp(value, host->proxy_value) != 0) {
        return 0;
    }
    for (i = 0; i < host->trusted->nelts; i++) {
        if (apr_ipsubnet_test(APR_ARRAY_IDX(host->trusted, i, apr_ipsubnet_t *),
                              r->connection->client_addr)) {
            return 1;
        }
    }
    return 0;
}

static int came_over_tls(request_rec *r, const djs_host_t *host)
{
    conn_rec *c =
        r->connection->master != NULL ? r->connection->master : r->connection;

    return ap_ssl_conn_is_ssl(c) || proxy_says_tls(r, host);
}

static request_rec *top_of(request_rec *r)
{
    while (r->main != NULL || r->prev != NULL) {
        r = r->main != NULL ? r->main : r->prev;
    }
    return r;
}

djs_request_t *djs_request_find(request_rec *r)
{
    djs_request_t *ctx =
        ap_get_module_config(r->request_config, &djsession_module);

    if (ctx == NULL && (r->main != NULL || r->prev != NULL)) {
        ctx =
            ap_get_module_config(top_of(r)->request_config, &djsession_module);
    }
    return ctx;
}

/* Both clocks, and what is left of the request's store time. */
static djs_call_t call_now(const djs_request_t *ctx, apr_time_t steady)
{
    apr_interval_time_t left = ctx->host->settings.store_timeout - ctx->spent;
    djs_call_t call = { apr_time_now(), steady + (left > 0 ? left : 0), 0 };

    return call;
}

int djs_request_refused(const djs_request_t *ctx, const djs_policy_t *policy)
{
    return ctx->refused || (policy->https_only == DJS_ON && !ctx->tls);
}

int djs_request_hidden(const djs_request_t *ctx, const djs_policy_t *policy)
{
    djs_terms_t terms;

    if (djs_request_refused(ctx, policy)) {
        return 1;
    }
    if (ctx->session.state != DJS_STATE_LIVE || policy->absolute == 0) {
        return 0;
    }
    terms.absolute = policy->absolute;
    return djs_stamp_limit(&ctx->session.record, &terms) <= apr_time_now();
}

static djs_terms_t terms_of(const djs_request_t *ctx,
                            const djs_policy_t *policy)
{
    djs_terms_t terms;

    terms.lifetime.age = policy->cookie_age;
    terms.lifetime.browser_close = policy->browser_close == DJS_ON;
    terms.renew = *policy->renew;
    terms.absolute = policy->absolute;
    terms.rotate = policy->rotate;
    terms.grace = policy->rotate_grace;
    terms.replay_flush = policy->replay == DJS_REPLAY_FLUSH;
    terms.max_per_user = (int)ctx->host->settings.max_per_user;
    terms.user_key = djs_bytes(policy->user_key);
    terms.cookie = djs_bytes(ctx->policy->cookie_name);
    terms.create_always = policy->create == DJS_CREATE_ALWAYS &&
                          !djs_request_refused(ctx, policy);
    terms.tls = ctx->tls;
    terms.at_most = ctx->maxage;
    if (ctx->maxage > 0) {
        terms.lifetime.age = ctx->maxage;
        terms.renew.how = ctx->touched ? DJS_RENEW_EVERY : DJS_RENEW_OFF;
    }
    return terms;
}

/* What could not be used of what the client sent; the client's affair. */
static void log_refusals(request_rec *r, const djs_request_t *ctx)
{
    if (ctx->candidates.too_many) {
        ap_log_rerror(APLOG_MARK, APLOG_INFO, 0, r,
                      "DJS201: more than %d cookies of our name, none used",
                      DJS_COOKIE_CANDIDATES);
    }
    else if (ctx->session.state == DJS_STATE_NONE &&
             ctx->candidates.count > 1) {
        ap_log_rerror(APLOG_MARK, APLOG_INFO, 0, r,
                      "DJS202: %d cookies of our name, not exactly one live",
                      ctx->candidates.count);
    }
}

static void log_unreadable(request_rec *r, const djs_request_t *ctx)
{
    char tag[DJS_TAG_LEN + 1];

    if (djs_keyring_tag(ctx->host->place.ring, ctx->candidates.keys[0], tag) !=
        APR_SUCCESS) {
        tag[0] = '\0';
    }
    ap_log_rerror(APLOG_MARK, APLOG_WARNING, 0, r,
                  "DJS203: the record of session %s does not open (%s); it is"
                  " left as it is",
                  tag,
                  ctx->host->place.site != NULL
                      ? "more than DjSessionMaxSize, or not JSON: of"
                        " PickleSerializer?"
                      : "damaged, of another DjSessionEncrypt mode, or newer"
                        " than this module");
}

/* Either its response got lost and the browser came back late, or somebody has
 * kept a key that he should not have. */
static void log_replay(request_rec *r, const djs_replay_t *replay)
{
    ap_log_rerror(APLOG_MARK, APLOG_WARNING, 0, r,
                  "DJS215: the key of session %s was sent again after it had"
                  " been replaced and DjSessionRotateGrace was over; %s%s",
                  replay->tag,
                  replay->ended[0] != '\0' ? "ended session "
                                           : "no session was ended for it",
                  replay->ended);
}

static djs_hint_t hint; /* of cookies that are not signed by the site */

/* What is said of a site's session that was, or was not, found. */
static void log_theirs(request_rec *r, const djs_request_t *ctx)
{
    if (ctx->session.state == DJS_STATE_LIVE) {
        djs_hint_good(&hint);
    }
    else if (ctx->session.state == DJS_STATE_NONE && !ctx->session.forged) {
        ap_log_rerror(APLOG_MARK, APLOG_DEBUG, 0, r,
                      "DJS225: %s has no live session under the key that was"
                      " sent",
                      djs_store_name(ctx->host->back->store));
    }
}

/* Anybody may send a cookie; what lies in the site's store should be signed. */
static void log_forged(request_rec *r, const djs_request_t *ctx)
{
    if (djs_site_forms(ctx->host->place.store) & DJS_FORM_COOKIE) {
        int level = djs_hint_level(&hint);

        ap_log_rerror(APLOG_MARK, level, 0, r,
                      "DJS220: a session cookie is not signed by the site%s",
                      level != APLOG_WARNING
                          ? ""
                          : ". If this is said of every one, compare"
                            " DjSessionDjangoSecretFile with SECRET_KEY and"
                            " SECRET_KEY_FALLBACKS, and DjSessionDjangoSalt");
        return;
    }
    ap_log_rerror(APLOG_MARK, APLOG_WARNING, 0, r,
                  "DJS219: a session in %s is not signed with any key of"
                  " DjSessionDjangoSecretFile; the visitor counts as logged out"
                  ", as he does for Django. If this is said of every session,"
                  " compare the files with SECRET_KEY and"
                  " SECRET_KEY_FALLBACKS",
                  djs_store_name(ctx->host->place.store));
}

static void look_up(request_rec *r, djs_request_t *ctx)
{
    djs_terms_t terms = terms_of(ctx, ctx->policy);
    apr_time_t start = djs_clock_steady();
    apr_status_t rv;

    (void)djs_server_ready(ctx->host->back); /* if not, the store says so */
    rv = djs_commit_load(&ctx->session, &ctx->candidates, &ctx->host->place,
                         &terms, call_now(ctx, start));
    ctx->spent += djs_clock_steady() - start;
    djs_request_note_health(r, ctx->host->back, rv);
    if (ctx->session.state == DJS_STATE_UNREADABLE) {
        log_unreadable(r, ctx);
    }
    if (ctx->session.forged) {
        log_forged(r, ctx);
    }
    if (ctx->host->place.site != NULL) {
        log_theirs(r, ctx);
    }
    if (ctx->session.replay.seen) {
        log_replay(r, &ctx->session.replay);
    }
    djs_account_verify(r, ctx);
}

int djs_request_depends(const djs_policy_t *policy)
{
    return policy->env != DJS_ENV_OFF || policy->exports != NULL ||
           policy->forward != DJS_ENV_OFF || policy->backend_updates == DJS_ON;
}

static int depends_anyway(const request_rec *r)
{
    const djs_policy_t *policy = djs_server_policy(r);

    return policy->enabled == DJS_ON && djs_request_depends(policy);
}

int djs_request_is_plain(request_rec *r, const djs_policy_t *policy)
{
    if (r->main != NULL &&
        (djs_request_find(r) != NULL ||
         (djs_request_depends(policy) && !depends_anyway(r->main)))) {
        return 0; /* what includes it depends on the session, too: say so */
    }
    return top_of(r)->next == NULL && r->prev == NULL &&
           policy->create == DJS_CREATE_ON_WRITE &&
           apr_table_get(r->headers_in, "Cookie") == NULL;
}

/* The policy that counts: a subrequest is part of the request that asks for
 * it (httpd looks up path infos and directory indexes so, before the request's
 * own fixups), unless only the subrequest has sessions. */
static const djs_policy_t *governing(const request_rec *r)
{
    const djs_policy_t *policy = djs_server_policy(r);

    for (r = r->main; r != NULL; r = r->main) {
        if (djs_policy_serves(djs_server_policy(r))) {
            policy = djs_server_policy(r);
        }
    }
    return policy;
}

static void read_cookies(request_rec *r, djs_request_t *ctx, djs_bytes_t header)
{
    djs_bytes_t name = djs_bytes(ctx->policy->cookie_name);

    if (ctx->host->place.site != NULL) {
        djs_cookie_last(
            &ctx->candidates, header, name,
            !(djs_site_forms(ctx->host->place.store) & DJS_FORM_COOKIE),
            ctx->top->pool);
    }
    else {
        djs_cookie_candidates(&ctx->candidates, header, name);
    }
    if (header.len > DJS_COOKIE_CONSIDERED) {
        ap_log_rerror(APLOG_MARK, APLOG_INFO, 0, r,
                      "DJS214: of a Cookie header of %" APR_SIZE_T_FMT
                      " bytes only the first %d were considered",
                      header.len, DJS_COOKIE_CONSIDERED);
    }
}

/* `first`: the look-up that this one stands for, which may have hidden the
 * cookie since; or NULL. */
static djs_request_t *make(request_rec *r, request_rec *top,
                           const djs_request_t *first)
{
    djs_request_t *ctx = apr_pcalloc(top->pool, sizeof *ctx);
    const char *header =
        first != NULL ? first->header : djs_scrub_cookies_of(r, top->pool);

    ctx->top = top;
    ctx->header = header;
    ctx->spent = first != NULL ? first->spent : 0;
    ctx->host = djs_server_host(r->server);
    /* A copy: merged policies live in their request's pool, which a subrequest
     * takes away with it; what they point to lives as long as the server. */
    ctx->policy = apr_pmemdup(top->pool, governing(r), sizeof *ctx->policy);
    ctx->tls = came_over_tls(r, ctx->host);
    ctx->refused = ctx->policy->https_only == DJS_ON && !ctx->tls;
    djs_session_init(&ctx->session, top->pool);
    ap_set_module_config(top->request_config, &djsession_module, ctx);
    if (header != NULL && !ctx->refused) {
        read_cookies(r, ctx, djs_bytes(header));
    }
    if (ctx->candidates.count > 0) {
        look_up(r, ctx);
    }
    if (ctx->candidates.sent) {
        log_refusals(r, ctx);
    }
    ctx->live = ctx->session.state == DJS_STATE_LIVE;
    ctx->begun = apr_table_get(top->notes, BEGUN) != NULL;
    return ctx;
}

void djs_request_begun(request_rec *r)
{
    apr_table_setn(top_of(r)->notes, BEGUN, "1");
}

void djs_request_arrived(request_rec *r)
{
    djs_request_t *ctx = r->prev == NULL ? djs_request_find(r) : NULL;

    if (ctx != NULL && ctx->bridge == NULL && !ctx->committed &&
        ctx->cookie.did == DJS_DID_NOTHING && !ctx->session.modified &&
        !ctx->session.flushed) {
        ctx->tentative = 1;
    }
}

/* Tells that a session was found; `first` is the look-up that this one stands
 * for, or NULL. The same session is told of once. */
static void tell_loaded(request_rec *r, djs_request_t *ctx,
                        const djs_request_t *first)
{
    if (ctx->live &&
        (first == NULL || !first->live ||
         strcmp(first->session.record.tag, ctx->session.record.tag) != 0)) {
        djs_api_tell(r, DJSESSION_EVENT_LOADED, ctx);
    }
}

/* Nonzero when an internal redirect leads from a location that found no session
 * to one whose cookie has another name: it has not been looked for yet. */
static int looked_elsewhere(request_rec *r, const djs_request_t *ctx)
{
    const djs_policy_t *policy = djs_server_policy(r);

    return r->main == NULL && r->prev != NULL && djs_policy_serves(policy) &&
           ctx->bridge == NULL && ctx->session.state == DJS_STATE_NONE &&
           !ctx->live && !ctx->committed &&
           ctx->cookie.did == DJS_DID_NOTHING && !ctx->session.modified &&
           !ctx->session.flushed &&
           strcmp(policy->cookie_name, ctx->policy->cookie_name) != 0;
}

/* Nonzero when the session that was found is too old for the place where the
 * request is now, and nothing was done to it: there it is none. */
static int too_old_here(request_rec *r, const djs_request_t *ctx)
{
    const djs_policy_t *policy = djs_server_policy(r);

    return r->main == NULL && djs_policy_serves(policy) && ctx->live &&
           ctx->bridge == NULL && !ctx->committed && !ctx->begun &&
           ctx->cookie.did == DJS_DID_NOTHING && !ctx->session.modified &&
           !ctx->session.flushed && !djs_request_refused(ctx, policy) &&
           djs_request_hidden(ctx, policy);
}

/* Nonzero when only an expression has asked, under other terms than those of
 * the place where the request is now. */
static int looked_too_early(const request_rec *r, const djs_request_t *ctx)
{
    const djs_policy_t *policy = governing(r);

    return ctx->tentative && !ctx->committed && djs_policy_serves(policy) &&
           (strcmp(policy->cookie_name, ctx->policy->cookie_name) != 0 ||
            policy->https_only != ctx->policy->https_only ||
            policy->absolute != ctx->policy->absolute ||
            strcmp(policy->user_key, ctx->policy->user_key) != 0 ||
            policy->rotate_grace != ctx->policy->rotate_grace ||
            policy->replay != ctx->policy->replay);
}

/* A look-up that takes the place of the first one. */
static djs_request_t *make_anew(request_rec *r, const djs_request_t *first)
{
    djs_request_t *ctx = make(r, top_of(r), first);

    ctx->depends |= first->depends;
    ctx->denied |= first->denied;
    ctx->unsure |= first->unsure;
    return ctx;
}

djs_request_t *djs_request_now(djs_request_t *ctx)
{
    djs_request_t *now =
        ap_get_module_config(ctx->top->request_config, &djsession_module);

    return now != NULL ? now : ctx;
}

djs_request_t *djs_request_load_early(request_rec *r)
{
    djs_request_t *first = djs_request_find(r);
    djs_request_t *ctx = first;

    if (ctx == NULL) {
        ctx = make(r, top_of(r), NULL);
        ctx->tentative = 1;
    }
    else if (looked_too_early(r, ctx)) {
        ctx = make_anew(r, ctx);
        ctx->tentative = 1;
    }
    else if (looked_elsewhere(r, ctx) || too_old_here(r, ctx)) {
        ctx = make_anew(r, ctx);
    }
    if (r != ctx->top) {
        ap_set_module_config(r->request_config, &djsession_module, ctx);
    }
    if (ctx != first) {
        tell_loaded(r, ctx, first);
    }
    return ctx;
}

djs_request_t *djs_request_load(request_rec *r)
{
    djs_request_t *ctx = djs_request_load_early(r);

    if (ctx->tentative) {
        /* The policy that counts is that of the first location to ask. */
        ctx->policy =
            apr_pmemdup(ctx->top->pool, governing(r), sizeof *ctx->policy);
        ctx->tentative = 0;
    }
    return ctx;
}

int djs_request_due(const djs_request_t *ctx, const djs_policy_t *policy)
{
    djs_terms_t terms = terms_of(ctx, policy);

    if (ctx->host->place.site != NULL) {
        return djs_theirs_due(&ctx->session, &terms, apr_time_now());
    }
    return djs_commit_due(&ctx->session, &terms, apr_time_now());
}

apr_status_t djs_request_save(djs_saved_t *out, djs_request_t *ctx,
                              const djs_policy_t *policy)
{
    djs_terms_t terms = terms_of(ctx, policy);
    apr_time_t start = djs_clock_steady();
    apr_status_t rv;

    (void)djs_server_ready(ctx->host->back);
    rv = djs_commit_save(out, &ctx->session, &terms, &ctx->host->place,
                         call_now(ctx, start));
    ctx->spent += djs_clock_steady() - start;
    djs_request_note_health(ctx->top, ctx->host->back, rv);
    return rv;
}
