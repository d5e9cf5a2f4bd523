/* httpd/trailers.c - what comes behind a body has none of our names, either. */
#include <httpd.h>
#include <http_config.h>
#include <http_log.h>
#include <util_filter.h>
#include "httpd/backend.h"
#include "httpd/scrub.h"
#include "httpd/trailers.h"

APLOG_USE_MODULE(djsession);

static ap_filter_rec_t *in_filter;
static ap_filter_rec_t *out_filter;

/* Trailers come with the end of the body: nobody may read ours there. What we
 * have told a back end, f->ctx, stays: it may be sent only now. */
static apr_status_t watch_in(ap_filter_t *f, apr_bucket_brigade *bb,
                             ap_input_mode_t mode, apr_read_type_e block,
                             apr_off_t bytes)
{
    apr_status_t rv = ap_get_brigade(f->next, bb, mode, block, bytes);

    if (rv == APR_SUCCESS && !APR_BRIGADE_EMPTY(bb) &&
        APR_BUCKET_IS_EOS(APR_BRIGADE_LAST(bb))) {
        djs_scrub_trailers(f->r, f->ctx);
    }
    return rv;
}

/* A back end's trailers go out with the end of the body, over HTTP/2. */
static apr_status_t watch_out(ap_filter_t *f, apr_bucket_brigade *bb)
{
    if (!APR_BRIGADE_EMPTY(bb) && APR_BUCKET_IS_EOS(APR_BRIGADE_LAST(bb)) &&
        djs_scrub_trailers_out(f->r)) {
        ap_log_rerror(APLOG_MARK, APLOG_ERR, 0, f->r,
                      "DJS208: an update came behind the response, as a"
                      " trailer, and is lost: let the back end send it before"
                      " its body");
    }
    return ap_pass_brigade(f->next, bb);
}

void djs_trailers_register(void)
{
    in_filter = ap_register_input_filter("DJSESSION_TRAILERS", watch_in, NULL,
                                         AP_FTYPE_PROTOCOL - 1);
    out_filter = ap_register_output_filter("DJSESSION_TRAILERS_OUT", watch_out,
                                           NULL, AP_FTYPE_PROTOCOL - 1);
}

void djs_trailers_insert(request_rec *r)
{
    if (djs_backend_is_proxied(r)) {
        ap_add_output_filter_handle(out_filter, NULL, r, r->connection);
    }
    if (r->proto_num >= HTTP_VERSION(2, 0) ||
        apr_table_get(r->headers_in, "Transfer-Encoding")) {
        ap_add_input_filter_handle(in_filter, djs_scrub_ours(r), r,
                                   r->connection);
    }
}
