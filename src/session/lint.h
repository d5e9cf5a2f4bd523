/* session/lint.h - what is legal and will still surprise. */
#ifndef DJS_SESSION_LINT_H
#define DJS_SESSION_LINT_H

#include <apr_pools.h>
#include <apr_tables.h>
#include "session/policy.h"

/* Pushes a sentence for each surprise in a complete policy to an array of
 * const char *, in the array's pool; a tag stands before it (doc/messages).
 * `tls`: a request can come over TLS, as far as anybody knows. Defaults alone,
 * and presets alone, are no surprise. */
void djs_lint(apr_array_header_t *lines, const djs_policy_t *policy, int tls);

#endif
