/* tool/djsessionctl.c - the sessions of a store, from the shell.
 *
 * The same code as the module's, and the same locks: it may run while httpd
 * does. Secrets are read first, then root is given up for the store's owner;
 * only then is the store touched. */
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include <openssl/crypto.h>
#include <apr_general.h>
#include <apr_strings.h>
#include "codec/secret.h"
#include "session/commit.h"
#include "tool/commands.h"
#include "tool/owner.h"
#include "tool/translate.h"

#define MAX_SIZE 65536 /* of session data; the tool writes none */

static djs_ctl_e complain(const char *sentence)
{
    fprintf(stderr, "djsessionctl: %s\n", sentence);
    return DJS_CTL_FAILED;
}

static djs_ctl_e usage(FILE *out, djs_ctl_e status)
{
    fprintf(out, "usage: djsessionctl COMMAND [TAG] [OPTIONS]\n\n");
    for (const djs_command_t *row = djs_commands; row->name; row++) {
        fprintf(out, "  %-6s %-5s %s\n", row->name,
                row->needs & DJS_NEEDS_TAG ? "TAG" : "", row->help);
    }
    fprintf(out,
            "\n  --store 'SPEC...'   as DjSessionStore has it, with options;\n"
            "                      default: dbm:%s/sessions\n"
            "  --secret-file FILE  as in DjSessionSecretFile, and as often;\n"
            "                      default: %s/secret.key\n"
            "  --namespace NAME    DjSessionNamespace, or else the ServerName\n"
            "  --bare              the store is of DjSessionEncrypt Off\n"
            "  --data              show values\n"
            "  --user ID, --all    whose sessions to revoke\n",
            DJS_STATEDIR, DJS_STATEDIR);
    fputs(djs_translate_usage(), out);
    return status;
}

static const char *read_secrets(djs_ctl_t *ctl)
{
    const djs_options_t *options = ctl->options;
    unsigned char secrets[DJS_OPTIONS_SECRETS][DJS_SECRET_BYTES];
    const char *wrong = NULL;

    for (int i = 0; i < options->secret_count && !wrong; i++) {
        const char *path = options->secret_files[i];

        /* what djs_secret_read says of a missing file is for httpd */
        wrong = access(path, F_OK) == 0
                    ? djs_secret_read(secrets[i], path, ctl->p)
                    : apr_psprintf(ctl->p,
                                   "no secret file %s: --secret-file FILE says"
                                   " which one httpd uses",
                                   path);
    }
    if (!wrong) {
        wrong = djs_keyring_create(
            &ctl->ring, (const unsigned char(*)[DJS_SECRET_BYTES])secrets,
            options->secret_count, ctl->p);
    }
    OPENSSL_cleanse(secrets, sizeof(secrets));
    return wrong;
}

/* What --store says: words as in DjSessionStore, the first one a SPEC. */
static const char *create_store(djs_ctl_t *ctl)
{
    const char *text = ctl->options->store;
    char **words;

    if (apr_tokenize_to_argv(text, &words, ctl->p) != APR_SUCCESS ||
        !words[0]) {
        return "--store needs a SPEC, as in --store dbm:/var/lib/djsession";
    }
    if (strncmp(words[0], "django-", 7) == 0) {
        return "a Django site's own sessions are for the site to list and to "
               "end (its shell, manage.py clearsessions); `djsessionctl "
               "decode` shows what one of them holds";
    }
    return djs_store_create(&ctl->store, words[0],
                            (const char *const *)words + 1,
                            djs_commit_max_value(MAX_SIZE), ctl->p);
}

/* The store, open, as the owner of its files. */
static const char *open_store(djs_ctl_t *ctl)
{
    const char *wrong = create_store(ctl);
    char text[160];
    apr_status_t rv;

    if (!wrong && djs_store_about(ctl->store).path) {
        wrong = djs_owner_become(djs_store_about(ctl->store).path, ctl->p);
    }
    if (wrong) {
        return wrong;
    }
    rv = djs_store_open(ctl->store, ctl->p);
    return rv == APR_SUCCESS
               ? NULL
               : apr_psprintf(ctl->p, "can not open %s: %s",
                              djs_store_name(ctl->store),
                              djs_status_text(rv, text, sizeof(text)));
}

static djs_ctl_e run(int argc, const char *const *argv, apr_pool_t *p)
{
    djs_options_t options;
    djs_ctl_t ctl = { &options, NULL, NULL, p };
    const char *wrong = djs_options_read(&options, argc - 1, argv + 1, p);
    const djs_command_t *command =
        wrong ? NULL : djs_command_find(options.command);
    djs_ctl_e status;

    if (argc == 2 && strcmp(argv[1], "--help") == 0) {
        return usage(stdout, DJS_CTL_DONE);
    }
    if (!wrong) {
        wrong = command ? djs_options_check(&options, command->needs, p)
                        : apr_psprintf(p, "%s is no command", options.command);
    }
    if (wrong) {
        complain(wrong);
        fprintf(stderr, "djsessionctl --help says more\n");
        return DJS_CTL_USAGE;
    }
    if (command->needs & DJS_NEEDS_RECORDS) {
        wrong = read_secrets(&ctl);
    }
    if (!wrong) {
        wrong = open_store(&ctl);
    }
    if (wrong) {
        return complain(wrong);
    }
    status = command->run(&ctl);
    if (fflush(stdout) != 0 || ferror(stdout)) {
        return complain("the output could not be written");
    }
    return status;
}

int main(int argc, const char *const *argv)
{
    apr_pool_t *p;
    int status;

    signal(SIGPIPE, SIG_IGN);
    umask(077);
    if (apr_app_initialize(&argc, &argv, NULL) != APR_SUCCESS) {
        return DJS_CTL_FAILED;
    }
    apr_pool_create(&p, NULL);
    status = argc > 1 && djs_translate_knows(argv[1])
                 ? djs_translate_run(argc - 1, argv + 1, p)
                 : (int)run(argc, argv, p);
    apr_pool_destroy(p); /* wipes the keys */
    apr_terminate();
    return status;
}
