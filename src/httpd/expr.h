/* httpd/expr.h - the session in expressions and log formats. */
#ifndef DJS_HTTPD_EXPR_H
#define DJS_HTTPD_EXPR_H

#include <ap_expr.h>
#include <httpd.h>

/* Offers djsession('key') and %{DJSESSION:key} to every expression: the value
 * as text, as DJSESSION_ variables hold it; empty when there is none. */
int djs_expr_lookup(ap_expr_lookup_parms *parms);

/* At the end of the request: djsession-state, -user and -tag as notes of the
 * request that is logged, if somebody has loaded the session. */
void djs_expr_notes(request_rec *r);

#endif
