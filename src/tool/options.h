/* tool/options.h - the words that djsessionctl is called with. */
#ifndef DJS_TOOL_OPTIONS_H
#define DJS_TOOL_OPTIONS_H

#include <apr_pools.h>

#define DJS_OPTIONS_SECRETS 16 /* --secret-file, at most */

/* What a command needs besides the store. */
enum {
    DJS_NEEDS_TAG = 1,     /* a tag */
    DJS_NEEDS_RECORDS = 2, /* secrets and a namespace: it opens records */
    DJS_NEEDS_WHOM = 4     /* --user or --all */
};

typedef struct {
    const char *command;
    const char *tag;   /* twelve hex digits, or NULL */
    const char *store; /* SPEC and options, blanks between them */
    const char *secret_files[DJS_OPTIONS_SECRETS];
    int secret_count;
    const char *name_space; /* NULL: not said */
    const char *user;       /* --user: whose sessions */
    int all;                /* --all: everybody's */
    int data;               /* --data: show what is in the session */
    int bare;               /* --bare: written with DjSessionEncrypt Off */
} djs_options_t;

/* Reads the arguments behind the program's name; what is not said gets its
 * default. Everything borrows from `argv`. NULL, or a sentence that says what
 * is wrong with them. */
const char *djs_options_read(djs_options_t *out, int argc,
                             const char *const *argv, apr_pool_t *p);

/* NULL, or a sentence: what a command with these needs lacks. */
const char *djs_options_check(const djs_options_t *options, int needs,
                              apr_pool_t *p);

#endif
