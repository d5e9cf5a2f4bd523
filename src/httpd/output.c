/* httpd/output.c - the way back: updates in, the save, the headers out. */
#include <apr_atomic.h>
#include <apr_strings.h>
#include <httpd.h>
#include <http_config.h>
#include <http_log.h>
#include <http_protocol.h>
#include <http_request.h>
#include <util_filter.h>
#include "base/clock.h"
#include "httpd/api.h"
#include "httpd/bridge.h"
#include "httpd/headers.h"
#include "httpd/output.h"
#include "httpd/trailers.h"
#include "session/update.h"

APLOG_USE_MODULE(djsession);

/* A child warns of the first update that nobody may ask for; a site that is set
 * up wrong would fill its log. */
static volatile apr_uint32_t told_ignored;

static ap_filter_rec_t *output_filter;

/* ------------------------------------------------------------- updates */

static int refuse_unavailable(djs_request_t *ctx, int seconds)
{
    ctx->later = seconds;
    return HTTP_SERVICE_UNAVAILABLE;
}

/* Does what `update` says to the session object. OK, or an HTTP error. */
static int apply_update(request_rec *r, djs_request_t *ctx,
                        const djs_policy_t *policy, const char *update)
{
    const char *why = NULL;
    djs_bytes_t user_key;
    apr_status_t rv;

    if (djs_request_refused(ctx, policy)) {
        ap_log_rerror(APLOG_MARK, APLOG_ERR, 0, r,
                      "DJS204: a program wants to change the session of a"
                      " plain HTTP request, which DjSessionHTTPSOnly forbids:"
                      " send its users to https");
        return refuse_unavailable(ctx, DJS_RETRY_SECONDS);
    }
    rv = djs_json_text(&user_key, djs_bytes(policy->user_key), r->pool);
    if (rv == APR_SUCCESS) {
        rv = djs_update_apply(&ctx->session, djs_bytes(update), user_key.data,
                              &why, ctx->top->pool);
    }
    if (rv == APR_SUCCESS) {
        return OK;
    }
    ctx->committed = 1; /* nothing of this request is saved any more */
    if (why != NULL) {
        ap_log_rerror(APLOG_MARK, APLOG_ERR, 0, r,
                      "DJS205: X-DjSession-Update of %s refused: %s", r->uri,
                      why);
        return HTTP_INTERNAL_SERVER_ERROR;
    }
    ap_log_rerror(APLOG_MARK, APLOG_WARNING, 0, r,
                  "DJS206: a change to a session that can not be read now was"
                  " refused; the client got 503");
    return refuse_unavailable(ctx, DJS_RETRY_SECONDS);
}

static void log_late(request_rec *r)
{
    ap_log_rerror(APLOG_MARK, APLOG_ERR, 0, r,
                  "DJS208: an update came after the response had begun and is"
                  " lost: let the program answer before the page that includes"
                  " it is sent");
}

/* What the response in `from` asks for, applied for `r` if it may ask. */
static int take_update(request_rec *from, request_rec *r)
{
    const char *update = djs_headers_take_update(from, r->pool);
    const djs_policy_t *policy = djs_server_policy(from);
    djs_request_t *ctx;
    int level;

    if (update == NULL) {
        return OK;
    }
    if (policy->enabled != DJS_ON || policy->backend_updates != DJS_ON) {
        level =
            apr_atomic_cas32(&told_ignored, 1, 0) ? APLOG_INFO : APLOG_WARNING;
        ap_log_rerror(APLOG_MARK, level, 0, r,
                      "DJS207: X-DjSession-Update of %s ignored: DjSession or"
                      " DjSessionBackendUpdates is Off there",
                      from->uri);
        return OK;
    }
    ctx = djs_request_load(r);
    if (from->status >= 500 || (ctx->committed && ctx->denied)) {
        return OK;
    }
    if (ctx->committed || ctx->begun) {
        log_late(r);
        return OK;
    }
    return apply_update(r, ctx, policy, update);
}

/* -------------------------------------------------------------- births */

/* Nonzero when a save would begin a session out of nothing. What replaces a
 * live session adds none to the store. */
static int is_birth(const djs_session_t *s)
{
    return s->state == DJS_STATE_NONE && (s->changes->nelts > 0 || !s->flushed);
}

static djs_spender_t client_of(const djs_request_t *ctx)
{
    const apr_sockaddr_t *from = ctx->top->useragent_addr;

    return djs_budget_client(ctx->host->budget, from->ipaddr_ptr,
                             (apr_size_t)from->ipaddr_len);
}

/* Takes what DjSessionCreateLimit asks for a birth. 0 when the client may have
 * one, otherwise in how many seconds. */
static int wait_for_birth(request_rec *r, djs_request_t *ctx)
{
    djs_denied_t denied;
    int seconds;

    if (ctx->host->budget == NULL ||
        djs_budget_take(&denied, ctx->host->budget, client_of(ctx),
                        djs_clock_steady())) {
        return 0;
    }
    seconds = (int)apr_time_sec(denied.wait + apr_time_from_sec(1) - 1);
    if (denied.tell) {
        ap_log_rerror(APLOG_MARK, APLOG_INFO, 0, r,
                      "DJS218: %s has begun as many sessions as"
                      " DjSessionCreateLimit allows; the next one in %d s",
                      ctx->top->useragent_ip, seconds);
    }
    return seconds;
}

static void give_back(djs_request_t *ctx)
{
    if (ctx->host->budget != NULL) {
        djs_budget_give_back(ctx->host->budget, client_of(ctx),
                             djs_clock_steady());
    }
}

/* ---------------------------------------------------------------- save */

static int save_failed(request_rec *r, djs_request_t *ctx, apr_status_t rv)
{
    char text[160];

    ctx->committed = 1;
    ctx->denied = 1;
    /* In an outage DJS101 has told of it. */
    ap_log_rerror(
        APLOG_MARK,
        djs_health_is_down(&ctx->host->back->health[DJS_HEALTH_STORE])
            ? APLOG_INFO
            : APLOG_ERR,
        0, r, "DJS209: session %s was not saved: %s",
        ctx->session.record.tag[0] != '\0' ? ctx->session.record.tag : "(new)",
        rv == DJS_ETOOBIG ? "its data would be more than DjSessionMaxSize"
                          : djs_status_text(rv, text, sizeof text));
    if (rv == DJS_ETYPE || rv == DJS_EINVALID || rv == DJS_ESITE) {
        return HTTP_INTERNAL_SERVER_ERROR;
    }
    return refuse_unavailable(ctx, DJS_RETRY_SECONDS);
}

/* Nonzero when no program wanted anything: a renewal may fail in silence, the
 * session lives on with its old deadline. */
static int nothing_asked(const djs_session_t *s)
{
    return !s->flushed && !s->cycled && !s->modified && s->changes->nelts == 0;
}

static void log_saved(request_rec *r, const djs_saved_t *saved)
{
    static const char *const what[] = { NULL,
                                        NULL,
                                        "renewed",
                                        "saved",
                                        "came under an old key",
                                        "created",
                                        "given a new key",
                                        "ended" };

    if (saved->did == DJS_DID_DROP) {
        ap_log_rerror(APLOG_MARK, APLOG_INFO, 0, r,
                      "DJS210: session %s ended while this request ran; the"
                      " change is dropped",
                      saved->tag);
    }
    else if (saved->did != DJS_DID_NOTHING) {
        ap_log_rerror(APLOG_MARK, APLOG_DEBUG, 0, r, "DJS211: session %s %s",
                      saved->tag, what[saved->did]);
    }
}

static void log_quota(request_rec *r, const djs_saved_t *saved)
{
    char text[160];

    if (saved->evicted > 0) {
        ap_log_rerror(APLOG_MARK, APLOG_INFO, 0, r,
                      "DJS216: the login to session %s ended %d older one%s of"
                      " its user: DjSessionMaxPerUser",
                      saved->tag, saved->evicted,
                      saved->evicted == 1 ? "" : "s");
    }
    if (saved->quota != APR_SUCCESS) {
        ap_log_rerror(APLOG_MARK, APLOG_WARNING, 0, r,
                      "DJS217: the sessions of the user of %s could not be"
                      " counted for DjSessionMaxPerUser: %s; his next login"
                      " will",
                      saved->tag,
                      djs_status_text(saved->quota, text, sizeof text));
    }
}

/* Nonzero when the save changed nothing that a page could show: it was use
 * alone that called for it. */
static int is_upkeep(const djs_saved_t *saved, int unasked)
{
    return saved->did == DJS_DID_RENEW || saved->did == DJS_DID_HAND ||
           (saved->did == DJS_DID_ROTATE && unasked);
}

/* What the response, whichever it will be, has to say of the cookie. */
static void note_cookie(djs_request_t *ctx, const djs_policy_t *policy,
                        const djs_saved_t *saved, int unasked)
{
    if (saved->did == DJS_DID_NOTHING || saved->did == DJS_DID_DROP) {
        return;
    }
    /* The cookie that the session came with is the one to answer: under another
     * name or path its key would get where it was not meant to be. */
    ctx->cookie = *saved;
    if (saved->did == DJS_DID_CREATE && !ctx->live) {
        ctx->policy = apr_pmemdup(ctx->top->pool, policy, sizeof *policy);
        ctx->live = 1;
    }
    ctx->cookie_policy = ctx->live ? ctx->policy : policy;
    ctx->depends |= !is_upkeep(saved, unasked);
    if (saved->did == DJS_DID_END &&
        (!ctx->candidates.sent || ctx->candidates.too_many ||
         ctx->session.passed_over > 0)) {
        ctx->cookie.did = DJS_DID_NOTHING; /* none there, or not ours to end */
    }
}

static void tell_saved(request_rec *r, djs_request_t *ctx,
                       const djs_saved_t *saved)
{
    switch (saved->did) {
    case DJS_DID_CREATE:
        djs_api_tell(r, DJSESSION_EVENT_CREATED, ctx);
        break;
    case DJS_DID_RENEW:
    case DJS_DID_SAVE:
    case DJS_DID_ROTATE:
        djs_api_tell(r, DJSESSION_EVENT_SAVED, ctx);
        break;
    case DJS_DID_END:
        djs_api_tell(r, DJSESSION_EVENT_ENDED, ctx);
        break;
    case DJS_DID_DROP:
        djs_api_tell(r, DJSESSION_EVENT_DROPPED, ctx);
        break;
    case DJS_DID_NOTHING:
    case DJS_DID_HAND:
    default:
        break;
    }
}

/* Saves what there is to save; a session that only expressions have looked at
 * is not in use here. OK, or an HTTP error. */
static int save(request_rec *r, djs_request_t *ctx, const djs_policy_t *policy)
{
    djs_saved_t saved;
    int unasked = nothing_asked(&ctx->session);
    int birth = is_birth(&ctx->session), wait;
    apr_status_t rv;

    if (ctx->tentative || !djs_request_due(ctx, policy) ||
        (unasked && djs_request_refused(ctx, policy))) {
        return OK;
    }
    wait = birth ? wait_for_birth(r, ctx) : 0;
    if (wait > 0) {
        ctx->committed = 1;
        ctx->denied = !unasked;
        return unasked ? OK : refuse_unavailable(ctx, wait);
    }
    rv = djs_request_save(&saved, ctx, policy);
    if (birth && (rv != APR_SUCCESS || saved.did != DJS_DID_CREATE)) {
        give_back(ctx);
    }
    if (rv != APR_SUCCESS) {
        return unasked && (ctx->live || policy->on_error == DJS_ERROR_ANONYMOUS)
                   ? OK
                   : save_failed(r, ctx, rv);
    }
    log_saved(r, &saved);
    log_quota(r, &saved);
    tell_saved(r, ctx, &saved);
    note_cookie(ctx, policy, &saved, unasked);
    return OK;
}

/* -------------------------------------------------------------- filter */

/* Django has set the cookie of its own session: that one is to go out. Who only
 * uses a session then has nothing to renew, for Django has just saved it. */
static int site_answers(const request_rec *r, const djs_request_t *ctx)
{
    return ctx != NULL && ctx->host->place.site != NULL &&
           djs_headers_sets_cookie(r, ctx->policy->cookie_name);
}

/* Takes out what programs set under our name, or under the name of the cookie
 * that the session came with. */
static void drop_theirs(request_rec *r, const djs_request_t *ctx,
                        const djs_policy_t *policy)
{
    int dropped = 0;

    if (djs_server_host(r->server)->place.site != NULL) {
        return;
    }
    if (policy->enabled == DJS_ON ||
        (policy->modsession == DJS_ON && ctx != NULL && ctx->bridge != NULL)) {
        dropped = djs_headers_drop_cookie(r, policy->cookie_name);
    }
    if (ctx != NULL && ctx->live) {
        dropped += djs_headers_drop_cookie(r, ctx->policy->cookie_name);
    }
    if (dropped > 0) {
        ap_log_rerror(APLOG_MARK, APLOG_INFO, 0, r,
                      "DJS212: a program's own Set-Cookie of our name was"
                      " taken out");
    }
}

/* Only for a session that has ended, not for one that could not be ended. */
static void clear_site_data(request_rec *r, const djs_request_t *ctx)
{
    if (ctx->clear) {
        apr_table_setn(r->err_headers_out, "Clear-Site-Data",
                       "\"cache\", \"cookies\", \"storage\"");
    }
}

/* mod_include sends what stands before a directive before it evaluates that;
 * and what it includes may have sessions where the page has none. */
static int may_still_ask(const request_rec *r)
{
    const ap_filter_t *f;

    if (!djs_server_host(r->server)->used) {
        return 0;
    }
    for (f = r->output_filters; f != NULL; f = f->next) {
        if (strcmp(f->frec->name, "includes") == 0) {
            return 1;
        }
    }
    return 0;
}

/* Everything that must happen before the first byte leaves. */
static int before_first_byte(request_rec *r)
{
    const djs_policy_t *policy = djs_server_policy(r);
    int status = take_update(r, r);
    djs_request_t *ctx = djs_request_find(r);
    int gives_way = site_answers(r, ctx);

    if (ctx != NULL && ctx->failure != OK) {
        status = ctx->failure;
        ctx->failure = OK;
    }
    if (r->main != NULL) {
        return status;
    }
    if (ctx != NULL && ctx->later && r->status == HTTP_SERVICE_UNAVAILABLE) {
        apr_table_unset(r->headers_out, "Retry-After");
        apr_table_setn(r->err_headers_out, "Retry-After",
                       apr_ltoa(r->pool, ctx->later));
    }
    drop_theirs(r, ctx, policy);
    if (ctx != NULL && status == OK && !ctx->committed) {
        status = djs_bridge_collect(r, ctx);
    }
    if (ctx != NULL && status == OK && !ctx->committed &&
        !(gives_way && nothing_asked(&ctx->session)) &&
        (r->status < 500 || ctx->told)) {
        status = save(r, ctx, djs_policy_serves(policy) ? policy : ctx->policy);
        if (status == OK) {
            clear_site_data(r, ctx);
        }
    }
    if (ctx != NULL) {
        ctx->committed = 1;
        if (ctx->cookie.did != DJS_DID_NOTHING && !gives_way) {
            djs_headers_cookie(r, ctx, ctx->cookie_policy, &ctx->cookie);
        }
    }
    else {
        djs_request_begun(r);
    }
    if ((ctx != NULL && ctx->depends) ||
        (policy->enabled == DJS_ON && djs_request_depends(policy)) ||
        may_still_ask(r)) {
        djs_headers_vary(r);
        /* With the cookie hidden, a cache in this httpd could not tell the
         * visitors apart: it would file one's page under "no cookie". And with
         * it a cached page would outlive the logout for whoever has the old
         * key. */
        apr_table_setn(r->subprocess_env, "no-cache", "session");
    }
    return status;
}

/* The response is to be an error all the same: then this is not its start. */
static int holds_error(apr_bucket_brigade *bb)
{
    apr_bucket *e;

    for (e = APR_BRIGADE_FIRST(bb); e != APR_BRIGADE_SENTINEL(bb);
         e = APR_BUCKET_NEXT(e)) {
        if (AP_BUCKET_IS_ERROR(e)) {
            return 1;
        }
        if (!APR_BUCKET_IS_METADATA(e)) {
            return 0;
        }
    }
    return 0;
}

/* Nonzero when the brigade is nothing but empty data: the text before the very
 * first directive of a page, which mod_include passes on all the same. Passed
 * on it would send the headers. */
static int holds_nothing(apr_bucket_brigade *bb)
{
    apr_bucket *e;

    for (e = APR_BRIGADE_FIRST(bb); e != APR_BRIGADE_SENTINEL(bb);
         e = APR_BUCKET_NEXT(e)) {
        if (APR_BUCKET_IS_METADATA(e) || e->length != 0) {
            return 0;
        }
    }
    return 1;
}

static apr_status_t answer(ap_filter_t *f, apr_bucket_brigade *bb)
{
    request_rec *r = f->r;
    ap_filter_t *next = f->next;
    apr_bucket_alloc_t *alloc = r->connection->bucket_alloc;
    int status;

    if (holds_error(bb)) {
        return ap_pass_brigade(next, bb);
    }
    if (holds_nothing(bb)) {
        return apr_brigade_cleanup(bb);
    }
    ap_remove_output_filter(f);
    status = before_first_byte(r);
    if (status != OK) {
        apr_brigade_cleanup(bb);
        APR_BRIGADE_INSERT_TAIL(
            bb, ap_bucket_error_create(status, NULL, r->pool, alloc));
        APR_BRIGADE_INSERT_TAIL(bb, apr_bucket_eos_create(alloc));
    }
    return ap_pass_brigade(next, bb);
}

void djs_output_register(void)
{
    output_filter = ap_register_output_filter("DJSESSION_OUT", answer, NULL,
                                              AP_FTYPE_CONTENT_SET);
    djs_trailers_register();
}

void djs_output_insert(request_rec *r)
{
    if (!djs_server_in_use()) {
        return;
    }
    ap_add_output_filter_handle(output_filter, NULL, r, r->connection);
    if (r->main == NULL) {
        djs_trailers_insert(r);
    }
}

/* A handler that answers with an HTTP error may have set the update header; it
 * is thrown away with its other headers before our filter sees the page. */
void djs_output_insert_error(request_rec *r)
{
    djs_request_t *ctx;
    int status;

    if (!djs_server_in_use()) {
        return;
    }
    djs_output_insert(r);
    status = take_update(r, r);
    ctx = djs_request_find(r);
    if (ctx == NULL) {
        return;
    }
    if (status != OK) {
        ctx->failure = status;
    }
    else if (ctx->unsure && r->main == NULL &&
             r->status == HTTP_INTERNAL_SERVER_ERROR) {
        ctx->failure = refuse_unavailable(
            ctx, DJS_RETRY_SECONDS); /* httpd knows only 500 */
    }
}

int djs_output_end(request_rec *r)
{
    djs_request_t *ctx = djs_request_load(r);
    int status =
        apply_update(r, ctx, djs_server_policy(r), "{\"flush\": true}");

    ctx->depends = 1;
    return status;
}

int djs_output_redirected(request_rec *r)
{
    int status = take_update(r->prev, r);
    djs_request_t *ctx = djs_request_find(r);

    if (status == OK && r->main == NULL && ctx != NULL && !ctx->committed &&
        !nothing_asked(&ctx->session) && r->prev->status < 500) {
        const djs_policy_t *policy = djs_server_policy(r->prev);

        status = save(r, ctx, djs_policy_serves(policy) ? policy : ctx->policy);
    }
    return status;
}

void djs_output_renew(request_rec *r, djs_request_t *ctx)
{
    djs_policy_t here = *ctx->policy;

    /* A new key may never reach the browser this way. */
    here.rotate = 0;
    if (ctx->live && nothing_asked(&ctx->session)) {
        (void)save(r, ctx, &here);
    }
}

void djs_output_leftovers(request_rec *r)
{
    djs_request_t *ctx = djs_request_find(r);

    if (ctx == NULL) {
        return;
    }
    if (ctx->committed) {
        djs_bridge_leftovers(r, ctx);
        return;
    }
    (void)djs_bridge_collect(r, ctx);
    ctx->committed = 1;
    if (nothing_asked(&ctx->session)) {
        djs_output_renew(r, ctx);
    }
    else if (ctx->session.modified || ctx->session.flushed) {
        ap_log_rerror(APLOG_MARK, APLOG_ERR, 0, r,
                      "DJS213: a change to session %s is lost: the response"
                      " went out past our filter",
                      ctx->session.record.tag);
    }
}
