/* httpd/request.h - the session of a request, found by whoever asks first.
 *
 * One session object serves a request, its subrequests, internal redirects
 * and error documents: it hangs on the request that the client sent. Loading
 * is lazy and happens once; the policy that counts is that of the location
 * which asked first. */
#ifndef DJS_HTTPD_REQUEST_H
#define DJS_HTTPD_REQUEST_H

#include <httpd.h>
#include "httpd/server.h"
#include "session/commit.h"

#define DJS_RETRY_SECONDS 5   /* until a client that got 503 comes back */
#define DJS_RETRY_AFTER   "5" /* the same, as the header says it */

struct djs_bridge;

/* Lives as long as the client's request. */
typedef struct {
    request_rec *top; /* the request that the client sent */
    djs_host_t *host;
    const djs_policy_t *policy; /* of the location that asked first, a copy */
    int live;                   /* a live session was found */
    const char *header;         /* Cookie, as the client sent it; NULL: none */
    djs_candidates_t candidates;
    djs_session_t session;
    int tls;       /* the request came over TLS */
    int refused;   /* HTTPSOnly and not TLS: no session here */
    int denied;    /* answered 503 already: its error page may pass */
    int depends;   /* what the client gets may depend on the session */
    int tentative; /* only an expression has asked so far: see below */
    int unsure;    /* access was refused because the store is in trouble */
    int clear;     /* a logout that asks for Clear-Site-Data */
    int later;     /* seconds: a 503 of ours says when to come back */
    int failure; /* an error to answer with, found before there was a filter */
    struct djs_bridge *bridge; /* what mod_session was given; NULL: nothing */
    void *veil; /* a session_rec: what it gets where HTTPSOnly hides ours */
    apr_interval_time_t maxage; /* SessionMaxAge, where mod_session decides how
                                   long the session lives; otherwise 0 */
    int touched;                /* mod_session wants a fresh deadline */
    int telling;   /* a module is being told what happened: no changes now */
    int told;      /* mod_session was told that its changes will be saved */
    int begun;     /* the response had begun before anybody asked: too late */
    int committed; /* saved, or there was nothing to save */
    apr_interval_time_t spent; /* in the store so far */
    djs_saved_t cookie;        /* what the final response says of the cookie */
    const djs_policy_t *cookie_policy; /* and with which attributes */
} djs_request_t;

/* Nonzero when what a location with this policy serves could depend on the
 * session: its environment, what back ends are told, or what its programs do to
 * it. */
int djs_request_depends(const djs_policy_t *policy);

/* Nonzero when the request brings no cookie and follows no other one, so that
 * there is nothing to load and nothing to share. */
int djs_request_is_plain(request_rec *r, const djs_policy_t *policy);

/* The session of `r`, loaded. Never NULL; the state says what came of it. */
djs_request_t *djs_request_load(request_rec *r);

/* The same for an expression, which may be evaluated before httpd knows the
 * location: if that turns out to look up otherwise (another cookie, HTTPSOnly,
 * another DjSessionAbsoluteTimeout), it is done anew for whoever asks next. */
djs_request_t *djs_request_load_early(request_rec *r);

/* The same if somebody asked before, otherwise NULL. */
djs_request_t *djs_request_find(request_rec *r);

/* The session object of the client's request as it is now: the one given, or
 * the one of a look-up that has taken its place since. */
djs_request_t *djs_request_now(djs_request_t *ctx);

/* Saves what was done to the session under the terms of `policy`; counts
 * against the request's store time. Statuses as djs_commit_save. */
apr_status_t djs_request_save(djs_saved_t *out, djs_request_t *ctx,
                              const djs_policy_t *policy);

/* Nonzero when DjSessionHTTPSOnly keeps the session from a location with this
 * policy, or kept it from the first one. */
int djs_request_refused(const djs_request_t *ctx, const djs_policy_t *policy);

/* The same, or the session is older than DjSessionAbsoluteTimeout there: to
 * who asks there, it is none. */
int djs_request_hidden(const djs_request_t *ctx, const djs_policy_t *policy);

/* The client's request knows its place only now: what was looked up before, for
 * a subrequest of a rewrite rule, may have been under other terms. */
void djs_request_arrived(request_rec *r);

/* The response of a request that has no session object begins: from now on
 * nothing can be saved. */
void djs_request_begun(request_rec *r);

/* Nonzero when djs_request_save would have something to do. */
int djs_request_due(const djs_request_t *ctx, const djs_policy_t *policy);

/* Logs that a host's store is in trouble, once an outage for all children, and
 * that the outage is over, with its length. */
void djs_request_note_health(request_rec *r, djs_back_t *back, apr_status_t rv);

#endif
