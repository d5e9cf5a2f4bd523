/* build/gen-directives - writes doc/directives from the directive table. */
#include <stdio.h>
#include <string.h>
#include "session/rows.h"

#define WIDTH 78

/* Prints `text` in lines of at most WIDTH bytes, each behind four blanks. */
static void print_wrapped(const char *text)
{
    size_t column = 0;

    while (*text != '\0') {
        size_t len = strcspn(text, " ");

        if (column > 0 && column + 1 + len > WIDTH) {
            putchar('\n');
            column = 0;
        }
        column += (size_t)printf(column == 0 ? "    " : " ");
        column += (size_t)printf("%.*s", (int)len, text);
        text += len + (text[len] == ' ');
    }
    putchar('\n');
}

/* The default as documentation shows it, whatever configure was told. */
static const char *preset_of(const djs_row_t *row)
{
    if (strcmp(row->name, "DjSessionNamespace") == 0) {
        return "the host's ServerName";
    }
    if (row->preset == NULL) {
        return "none";
    }
    if (strstr(row->preset, DJS_STATEDIR "/sessions") != NULL) {
        return "dbm:STATEDIR/sessions";
    }
    return strstr(row->preset, DJS_STATEDIR) != NULL ? "STATEDIR/secret.key"
                                                     : row->preset;
}

int main(void)
{
    const djs_row_t *row;

    printf("Directives of mod_djsession\n"
           "===========================\n\n"
           "Made from src/session/rows.def by `make doc`; do not edit.\n\n");
    print_wrapped("S: server config, V: virtual host, D: Directory, Location,"
                  " Files, If. None is allowed in .htaccess. Every directive"
                  " is inherited and overridden one by one. Durations: 90,"
                  " 90s, 500ms, 30m, 12h, 7d, 2w; sizes: 65536, 64k, 1m.");
    for (row = djs_rows; row->name != NULL; row++) {
        printf("\n%s %s\n", row->name, row->syntax);
        printf("    Where: %s   Default: %s\n",
               row->where == DJS_SV ? "SV " : "SVD", preset_of(row));
        print_wrapped(row->help);
    }
    printf("\nSTATEDIR is what configure was told by --with-statedir.\n");
    return ferror(stdout) ? 1 : 0;
}
