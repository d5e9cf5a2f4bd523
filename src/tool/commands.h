/* tool/commands.h - what djsessionctl can do with the sessions of a store. */
#ifndef DJS_TOOL_COMMANDS_H
#define DJS_TOOL_COMMANDS_H

#include <apr_pools.h>
#include "codec/keyring.h"
#include "codec/record.h"
#include "store/store.h"
#include "tool/options.h"

/* A store that is open, and what opens its records. */
typedef struct {
    const djs_options_t *options;
    djs_store_t *store;
    djs_keyring_t *ring; /* NULL for commands that open no records */
    apr_pool_t *p;
} djs_ctl_t;

/* How a command ends. */
typedef enum {
    DJS_CTL_DONE = 0,
    DJS_CTL_FAILED = 1, /* it said why on standard error */
    DJS_CTL_USAGE = 2
} djs_ctl_e;

typedef struct {
    const char *name;
    int needs; /* DJS_NEEDS_... */
    djs_ctl_e (*run)(djs_ctl_t *ctl);
    const char *help;
} djs_command_t;

/* All commands, in the order of the help; the last one has no name. */
extern const djs_command_t djs_commands[];

/* NULL when there is no such command. */
const djs_command_t *djs_command_find(const char *name);

#endif
