/* session/preset.h - DjSessionPreset: other defaults, all at once.
 *
 * A preset is a list of directives as an administrator would write them. It
 * counts for what no directive sets, at the server, the host or any section on
 * the way; of several presets the innermost counts. */
#ifndef DJS_SESSION_PRESET_H
#define DJS_SESSION_PRESET_H

#include <apr_pools.h>
#include "session/policy.h"

typedef struct {
    const char *name; /* of a directive; NULL ends a list */
    const char *argument;
} djs_preset_row_t;

/* The preset's list. */
const djs_preset_row_t *djs_preset_rows(int preset);

/* The defaults of every preset and of none, for djs_preset_complete; one table
 * is enough for a configuration. Lives in p. */
const djs_policy_t *djs_preset_table(apr_pool_t *p);

/* Fills the defaults of the policy's preset into what is unset. From then on
 * djs_policy_merge knows them; `table` must live as long as the policy and all
 * that is merged from it. */
void djs_preset_complete(djs_policy_t *policy, const djs_policy_t *table);

/* The defaults of the preset that a complete policy has. Borrowed. */
const djs_policy_t *djs_preset_defaults(const djs_policy_t *policy);

#endif
