/* httpd/news.h - what mod_session's users have done to the table that they were
 * given, as changes of our session. */
#ifndef DJS_HTTPD_NEWS_H
#define DJS_HTTPD_NEWS_H

#include <httpd.h>
#include <mod_session.h>
#include "httpd/request.h"

/* What a request's session was shown as, and what it was then. */
struct djs_bridge {
    session_rec *z;
    apr_table_t *given; /* z->entries as they were when last looked at */
    apr_time_t expiry;  /* z->expiry, the same */
    int posted;         /* the client has sent a form, or its like */
};

/* Nonzero for a key that is mod_session's own affair. */
int djs_news_is_kept_back(const char *key);

/* Nonzero when nothing is in the table; mod_session's own deadline is no
 * content. */
int djs_news_is_empty(const session_rec *z);

/* Nonzero when mod_session's users have done something. */
int djs_news_any(const struct djs_bridge *bridge);

/* From here on what is in the table is what the session has. */
void djs_news_settle(struct djs_bridge *bridge);

/* Does to the session what they have done. DJS_EINVALID, DJS_ETYPE: a key or a
 * text is not UTF-8, or an expiry is no date; otherwise trouble. */
apr_status_t djs_news_take(request_rec *r, djs_request_t *ctx);

#endif
