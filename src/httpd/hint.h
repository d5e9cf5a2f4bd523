/* httpd/hint.h - what is nobody's fault, unless it is said of everybody.
 *
 * Of a process that has seen nothing good of the kind yet, the first failure is
 * a warning: then the configuration may be at fault. */
#ifndef DJS_HTTPD_HINT_H
#define DJS_HTTPD_HINT_H

#include <apr_atomic.h>
#include <http_log.h>

/* Static, and zero to begin with: nonzero when all is well, or was told of. */
typedef volatile apr_uint32_t djs_hint_t;

static inline void djs_hint_good(djs_hint_t *hint)
{
    apr_atomic_set32(hint, 1);
}

/* The level of this line of the log. */
static inline int djs_hint_level(djs_hint_t *hint)
{
    return apr_atomic_cas32(hint, 1, 0) ? APLOG_INFO : APLOG_WARNING;
}

#endif
