/* tool/owner.c - who may touch a store: its owner, and nobody else. */
#include <errno.h>
#include <grp.h>
#include <pwd.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include <apr_strings.h>
#include "tool/owner.h"

static const char *user_name(uid_t uid, apr_pool_t *p)
{
    const struct passwd *entry = getpwuid(uid);

    return entry ? apr_pstrdup(p, entry->pw_name)
                 : apr_psprintf(p, "user %ld", (long)uid);
}

/* Gives root up; that it can not be had back is tried. */
static const char *drop_to(uid_t uid, gid_t gid, apr_pool_t *p)
{
    if (setgroups(1, &gid) != 0 || setgid(gid) != 0 || setuid(uid) != 0) {
        return apr_psprintf(p, "can not become %s: %s", user_name(uid, p),
                            strerror(errno));
    }
    if (setuid(0) == 0) {
        return "this system gives root back after it was given up";
    }
    return NULL;
}

const char *djs_owner_become(const char *path, apr_pool_t *p)
{
    struct stat st;

    if (lstat(path, &st) != 0) {
        return apr_psprintf(p, "there is no store at %s: %s", path,
                            strerror(errno));
    }
    if (!S_ISDIR(st.st_mode)) {
        return apr_psprintf(p, "%s is no directory, so no store", path);
    }
    if (st.st_uid == geteuid()) {
        return NULL;
    }
    if (geteuid() == 0) {
        return drop_to(st.st_uid, st.st_gid, p);
    }
    return apr_psprintf(p,
                        "the store at %s belongs to %s: run this as %s or"
                        " as root",
                        path, user_name(st.st_uid, p), user_name(st.st_uid, p));
}
