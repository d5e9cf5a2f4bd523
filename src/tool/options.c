/* tool/options.c - the words that djsessionctl is called with. */
#include <stdlib.h>
#include <string.h>
#include <apr_strings.h>
#include "codec/keyring.h"
#include "tool/options.h"

/* Where a value goes: one of these is set. */
typedef struct {
    const char *name;
    const char **text;
    int *flag;
} option_t;

static const char *take_secret(djs_options_t *out, const char *path)
{
    if (out->secret_count == DJS_OPTIONS_SECRETS) {
        return "--secret-file: 16 files at most";
    }
    out->secret_files[out->secret_count++] = path;
    return NULL;
}

/* One argument that begins with "--"; `*used` is how many words it took. */
static const char *take_option(djs_options_t *out, int *used, int argc,
                               const char *const *argv, apr_pool_t *p)
{
    const char *secret = NULL;
    const option_t known[] = { { "--store", &out->store, NULL },
                               { "--namespace", &out->name_space, NULL },
                               { "--secret-file", &secret, NULL },
                               { "--user", &out->user, NULL },
                               { "--all", NULL, &out->all },
                               { "--data", NULL, &out->data },
                               { "--bare", NULL, &out->bare } };
    const option_t *option = known;
    const option_t *end = known + sizeof(known) / sizeof(*known);

    while (option < end && strcmp(argv[0], option->name) != 0) {
        option++;
    }
    if (option == end) {
        return apr_psprintf(
            p,
            "%s is no option: there are --store,"
            " --secret-file, --namespace, --user, --all, --data,"
            " --bare",
            argv[0]);
    }
    *used = option->flag ? 1 : 2;
    if (option->flag) {
        *option->flag = 1;
        return NULL;
    }
    if (argc < 2) {
        return apr_psprintf(p, "%s needs a value", argv[0]);
    }
    *option->text = argv[1];
    return secret ? take_secret(out, secret) : NULL;
}

const char *djs_options_read(djs_options_t *out, int argc,
                             const char *const *argv, apr_pool_t *p)
{
    const char *wrong = NULL;
    int used;

    memset(out, 0, sizeof(*out));
    for (int i = 0; i < argc && !wrong; i += used) {
        used = 1;
        if (strncmp(argv[i], "--", 2) == 0) {
            wrong = take_option(out, &used, argc - i, argv + i, p);
        }
        else if (!out->command) {
            out->command = argv[i];
        }
        else if (!out->tag) {
            out->tag = argv[i];
        }
        else {
            wrong = apr_psprintf(p, "one word too many: %s", argv[i]);
        }
    }
    if (!wrong && !out->command) {
        wrong = "say what to do";
    }
    if (!out->store) {
        out->store = "dbm:" DJS_STATEDIR "/sessions";
    }
    if (out->secret_count == 0) {
        out->secret_files[out->secret_count++] = DJS_STATEDIR "/secret.key";
    }
    return wrong;
}

static int is_tag(const char *text)
{
    return strlen(text) == DJS_TAG_LEN &&
           strspn(text, "0123456789abcdef") == DJS_TAG_LEN;
}

const char *djs_options_check(const djs_options_t *options, int needs,
                              apr_pool_t *p)
{
    if (!(needs & DJS_NEEDS_TAG) != !options->tag) {
        return apr_psprintf(p,
                            options->tag
                                ? "%s takes no tag"
                                : "%s needs the tag of a session, as list"
                                  " and httpd's log show it",
                            options->command);
    }
    if (options->tag && !is_tag(options->tag)) {
        return apr_psprintf(p, "%s is no tag: a tag has %d hex digits",
                            options->tag, DJS_TAG_LEN);
    }
    if (options->user && options->all) {
        return "--user and --all together: say one of them";
    }
    if (!(needs & DJS_NEEDS_WHOM) != !(options->user || options->all)) {
        return apr_psprintf(p,
                            needs & DJS_NEEDS_WHOM
                                ? "%s needs --user ID, as DJSESSION_USER shows"
                                  " it, or --all"
                                : "%s takes neither --user nor --all",
                            options->command);
    }
    if (options->user && options->user[0] == '\0') {
        return "--user needs an ID that is not empty";
    }
    if ((needs & DJS_NEEDS_RECORDS) && !options->name_space) {
        return "whose sessions? --namespace NAME is the host's"
               " DjSessionNamespace, or else its ServerName";
    }
    return NULL;
}
