/* tool/translate.h - Django's bytes to JSON and back, from the shell. */
#ifndef DJS_TOOL_TRANSLATE_H
#define DJS_TOOL_TRANSLATE_H

#include <apr_pools.h>

/* Nonzero when `command` is one of ours: decode or encode. */
int djs_translate_knows(const char *command);

/* What --help says of them. */
const char *djs_translate_usage(void);

/* Runs decode or encode, argv[0]: standard input to standard output. The exit
 * code: 0 done, 1 failed, 2 called wrongly, and of decode the verdicts of
 * codec/django.h. Anything but 0 was explained on standard error, and nothing
 * written. */
int djs_translate_run(int argc, const char *const *argv, apr_pool_t *p);

#endif
