/* store/site_file.c - the files of Django's file engine.
 *
 * A session is a file, `<cookie name><key>`, in SESSION_FILE_PATH. Django
 * writes a new one beside it and renames it into place; nobody locks. Here,
 * requests of httpd take turns by a lock on the file itself (flock, which goes
 * with the open file, so threads take turns, too) and look whether it is still
 * the one in place. What is written changes places with the old file in one
 * step: that fails when the site has removed it meanwhile, so what it ended is
 * not there again. */
#include <errno.h>
#include <fcntl.h>
#include <pwd.h>
#include <stdio.h>
#include <unistd.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <apr_strings.h>
#include "base/clock.h"
#include "base/random.h"
#include "base/hex.h"
#include "store/providers.h"
#include "store/site.h"

#define PAUSE 1000 /* microseconds between two looks at a lock */

#define LEGAL                                                                  \
    "write django-file:DIR [prefix=NAME] [user=NAME]: DIR is the site's"       \
    " SESSION_FILE_PATH, prefix its SESSION_COOKIE_NAME where that is not"     \
    " DjSessionCookieName, user who runs Django where httpd may only read"

typedef struct {
    const char *dir;
    const char *prefix; /* NULL: the cookie's name */
    uid_t owner;        /* (uid_t)-1: who runs httpd */
    apr_size_t most;    /* bytes in a file that is looked at */
} files_t;

static apr_status_t trouble(void)
{
    switch (errno) {
    case ENOENT:
        return DJS_EABSENT;
    case ENOSPC:
    case EDQUOT:
        return DJS_EFULL;
    default:
        return errno;
    }
}

/* -------------------------------------------------------- configuration */

static const char *take_option(files_t *self, const char *option, apr_pool_t *p)
{
    const struct passwd *user;

    if (strncmp(option, "prefix=", 7) == 0 && option[7] != '\0' &&
        strchr(option, '/') == NULL) {
        self->prefix = apr_pstrdup(p, option + 7);
        return NULL;
    }
    if (strncmp(option, "user=", 5) == 0) {
        user = getpwnam(option + 5);
        if (user) {
            self->owner = user->pw_uid;
            return NULL;
        }
        return apr_psprintf(p, "%s: there is no such user", option);
    }
    return apr_psprintf(p, "\"%s\" is no option of it: " LEGAL, option);
}

static const char *create(void **self, const char *arg,
                          const char *const *options, apr_size_t max_value,
                          apr_pool_t *pconf)
{
    files_t *files = apr_pcalloc(pconf, sizeof *files);
    const char *wrong = NULL;

    *self = files;
    files->dir = apr_pstrdup(pconf, arg);
    files->owner = (uid_t)-1;
    files->most = 2 * max_value + 1024; /* base64, and the signature */
    if (arg[0] != '/') {
        return "django-file: says no absolute path: " LEGAL;
    }
    for (; options && *options && !wrong; options++) {
        wrong = take_option(files, *options, pconf);
    }
    return wrong;
}

/* Django makes the directory, not we. */
static const char *prepare(void *self, djs_owner_t owner, apr_pool_t *p)
{
    const files_t *files = self;
    struct stat st;

    (void)owner;
    if (stat(files->dir, &st) != 0 || !S_ISDIR(st.st_mode)) {
        return apr_psprintf(p,
                            "django-file:%s is no directory: give the site's"
                            " SESSION_FILE_PATH, and make it if Django has not"
                            " yet",
                            files->dir);
    }
    return NULL;
}

static apr_status_t open_store(void *self, apr_pool_t *pchild)
{
    (void)self;
    (void)pchild;
    return APR_SUCCESS;
}

static void about(void *self, djs_about_t *out)
{
    out->path = ((files_t *)self)->dir;
}

/* -------------------------------------------------------------- reading */

static const char *path_of(const files_t *files, djs_entry_name_t name,
                           apr_pool_t *p)
{
    const char *prefix =
        files->prefix ? files->prefix
                      : apr_pstrmemdup(p, name.cookie.data, name.cookie.len);

    return apr_pstrcat(p, files->dir, "/", prefix,
                       apr_pstrmemdup(p, name.key.data, name.key.len), NULL);
}

/* Whose files are the site's. */
static uid_t owner_of(const files_t *files)
{
    return files->owner == (uid_t)-1 ? geteuid() : files->owner;
}

/* Opens a file that Django or we have made; everything else that may lie there
 * is none of ours. */
static apr_status_t open_file(int *fd, struct stat *st, const files_t *files,
                              const char *path)
{
    apr_status_t rv = APR_SUCCESS;

    *fd = open(path, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
    if (*fd < 0) {
        return errno == ELOOP ? DJS_EUNREADABLE : trouble();
    }
    if (fstat(*fd, st) != 0) {
        rv = trouble();
    }
    else if (!S_ISREG(st->st_mode) || st->st_uid != owner_of(files)) {
        rv = DJS_EUNREADABLE;
    }
    else if (st->st_size < 0 || (apr_size_t)st->st_size > files->most) {
        rv = DJS_ETOOBIG;
    }
    if (rv != APR_SUCCESS) {
        close(*fd);
        *fd = -1;
    }
    return rv;
}

static apr_status_t read_all(djs_bytes_t *out, int fd, apr_size_t size,
                             apr_pool_t *p)
{
    char *text = apr_palloc(p, size + 1);
    apr_size_t len = 0;

    while (len < size) {
        ssize_t n = pread(fd, text + len, size - len, (off_t)len);

        if (n < 0 && errno != EINTR) {
            return trouble();
        }
        if (n == 0) {
            break;
        }
        len += n > 0 ? (apr_size_t)n : 0;
    }
    text[len] = '\0';
    *out = djs_bytes_of(text, len);
    return APR_SUCCESS;
}

static apr_status_t read_entry(djs_entry_t *out, int fd, const struct stat *st,
                               apr_pool_t *p)
{
    memset(out, 0, sizeof *out);
    out->written =
        apr_time_from_sec(st->st_mtim.tv_sec) + st->st_mtim.tv_nsec / 1000;
    return read_all(&out->text, fd, (apr_size_t)st->st_size, p);
}

static apr_status_t get(void *self, djs_entry_name_t name, djs_call_t call,
                        djs_entry_t *out, apr_pool_t *p)
{
    const files_t *files = self;
    struct stat st;
    int fd;
    apr_status_t rv = open_file(&fd, &st, files, path_of(files, name, p));

    (void)call;
    if (rv == APR_SUCCESS) {
        rv = read_entry(out, fd, &st, p);
        close(fd);
    }
    return rv;
}

/* -------------------------------------------------------------- writing */

/* Writes a file beside `path`, which shall have the mtime `now`. EACCES: what
 * we write would not be Django's. */
static apr_status_t write_beside(const char **beside, const files_t *files,
                                 const char *path, djs_bytes_t text,
                                 apr_time_t now, apr_pool_t *p)
{
    const struct timespec at = { (time_t)apr_time_sec(now),
                                 (long)apr_time_usec(now) * 1000 };
    const struct timespec times[2] = { at, at };
    unsigned char random[8];
    char hex[2 * sizeof random + 1];
    apr_size_t done = 0;
    apr_status_t rv = djs_random(random, sizeof random);
    int fd;

    if (rv != APR_SUCCESS) {
        return rv;
    }
    if (owner_of(files) != geteuid()) {
        return EACCES;
    }
    djs_hex_encode(hex, random, sizeof random);
    *beside = apr_pstrcat(p, path, "_out_", hex, NULL);
    fd = open(*beside, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC,
              0600);
    if (fd < 0) {
        return trouble() == DJS_EABSENT ? DJS_ETROUBLE : trouble();
    }
    while (done < text.len && rv == APR_SUCCESS) {
        ssize_t n = write(fd, text.data + done, text.len - done);

        if (n < 0 && errno != EINTR) {
            rv = trouble();
        }
        done += n > 0 ? (apr_size_t)n : 0;
    }
    if (rv == APR_SUCCESS && futimens(fd, times) != 0) {
        rv = trouble();
    }
    if (close(fd) != 0 && rv == APR_SUCCESS) {
        rv = trouble();
    }
    if (rv != APR_SUCCESS) {
        (void)unlink(*beside);
    }
    return rv;
}

static apr_status_t add(void *self, djs_entry_name_t name,
                        const djs_entry_t *entry, djs_call_t call,
                        apr_pool_t *scratch)
{
    const char *path = path_of(self, name, scratch), *beside;
    apr_status_t rv =
        write_beside(&beside, self, path, entry->text, call.now, scratch);

    if (rv != APR_SUCCESS) {
        return rv;
    }
    if (link(beside, path) != 0) {
        rv = errno == EEXIST   ? DJS_ETAKEN
             : errno == ENOENT ? DJS_ETROUBLE /* no absence of anything */
                               : trouble();
    }
    (void)unlink(beside);
    return rv;
}

/* ------------------------------------------------------------- in turns */

/* A file that no other request of httpd changes until it is closed. */
typedef struct {
    const files_t *files;
    const char *path;
    int fd;
    struct stat st;
} held_t;

static int is_in_place(const held_t *held)
{
    struct stat now;

    return lstat(held->path, &now) == 0 && now.st_ino == held->st.st_ino &&
           now.st_dev == held->st.st_dev;
}

/* Waits for the lock while the file is in place. APR_EAGAIN: it is not any
 * more, there is another one to wait for. */
static apr_status_t wait_for(const held_t *held, apr_time_t until)
{
    while (flock(held->fd, LOCK_EX | LOCK_NB) != 0) {
        if (errno != EINTR && errno != EWOULDBLOCK) {
            return trouble();
        }
        if (djs_clock_steady() >= until) {
            return DJS_ETIMEOUT;
        }
        if (!is_in_place(held)) {
            return APR_EAGAIN;
        }
        apr_sleep(PAUSE);
    }
    return is_in_place(held) ? APR_SUCCESS : APR_EAGAIN;
}

static apr_status_t hold(held_t *held, apr_time_t until)
{
    apr_status_t rv;

    do {
        rv = open_file(&held->fd, &held->st, held->files, held->path);
        if (rv != APR_SUCCESS) {
            return rv;
        }
        rv = wait_for(held, until);
        if (rv == APR_SUCCESS && fstat(held->fd, &held->st) != 0) {
            rv = trouble();
        }
        if (rv != APR_SUCCESS) {
            close(held->fd);
        }
    } while (rv == APR_EAGAIN);
    return rv;
}

static int swap(const char *a, const char *b)
{
    return renameat2(AT_FDCWD, a, AT_FDCWD, b, RENAME_EXCHANGE);
}

/* Puts the file `beside` in the place of the held one. APR_EAGAIN: the site
 * has written another one meanwhile, and that one stays. */
static apr_status_t replace(const held_t *held, const char *beside)
{
    struct stat old;
    apr_status_t rv = APR_SUCCESS;

    if (swap(beside, held->path) != 0) {
        if (errno != EINVAL && errno != ENOSYS) {
            rv = trouble();
        }
        else if (!is_in_place(held)) {
            rv = APR_EAGAIN;
        }
        else if (rename(beside, held->path) != 0) { /* not that file system */
            rv = trouble();
        }
        return rv;
    }
    if (lstat(beside, &old) == 0 && old.st_ino != held->st.st_ino) {
        rv = swap(beside, held->path) == 0 ? APR_EAGAIN : DJS_EABSENT;
    }
    return rv;
}

static apr_status_t change_once(const held_t *held, djs_entry_fn fn,
                                void *baton, djs_call_t call,
                                apr_pool_t *scratch)
{
    djs_entry_t current, next;
    const char *beside;
    apr_status_t rv = read_entry(&current, held->fd, &held->st, scratch);

    memset(&next, 0, sizeof next);
    if (rv == APR_SUCCESS) {
        rv = fn(&next, &current, baton, scratch);
    }
    if (rv == APR_SUCCESS && next.gone) {
        return unlink(held->path) == 0 ? APR_SUCCESS : trouble();
    }
    if (rv != APR_SUCCESS || next.text.data == NULL) {
        return rv;
    }
    rv = write_beside(&beside, held->files, held->path, next.text, call.now,
                      scratch);
    if (rv == APR_SUCCESS) {
        rv = replace(held, beside);
        (void)unlink(beside);
    }
    return rv;
}

static apr_status_t change(void *self, djs_entry_name_t name, djs_entry_fn fn,
                           void *baton, djs_call_t call, apr_pool_t *scratch)
{
    held_t held = { .files = self, .path = path_of(self, name, scratch) };
    apr_status_t rv = APR_EAGAIN;

    while (rv == APR_EAGAIN && djs_clock_steady() < call.until) {
        rv = hold(&held, call.until);
        if (rv == APR_SUCCESS) {
            rv = change_once(&held, fn, baton, call, scratch);
            close(held.fd);
        }
    }
    return rv == APR_EAGAIN ? DJS_ETIMEOUT : rv;
}

/* The mtime is what the file engine counts from. */
static apr_status_t touch(void *self, djs_entry_name_t name, apr_time_t expires,
                          djs_call_t call, apr_pool_t *scratch)
{
    const struct timespec at = { (time_t)apr_time_sec(call.now),
                                 (long)apr_time_usec(call.now) * 1000 };
    const struct timespec times[2] = { at, at };
    const files_t *files = self;
    struct stat st;
    int fd;
    apr_status_t rv = open_file(&fd, &st, files, path_of(files, name, scratch));

    (void)expires;
    if (rv == APR_SUCCESS) {
        if (futimens(fd, times) != 0) {
            rv = trouble();
        }
        close(fd);
    }
    return rv;
}

static apr_status_t remove_entry(void *self, djs_entry_name_t name,
                                 djs_call_t call, apr_pool_t *scratch)
{
    const char *path = path_of(self, name, scratch);

    (void)call;
    return unlink(path) == 0 || errno == ENOENT ? APR_SUCCESS : trouble();
}

static const djs_site_methods_t methods = { .forms = DJS_FORM_SIGNED,
                                            .get = get,
                                            .add = add,
                                            .change = change,
                                            .touch = touch,
                                            .remove = remove_entry };

const djs_provider_t djs_site_file_provider = { .name = "django-file",
                                                .create = create,
                                                .prepare = prepare,
                                                .open = open_store,
                                                .about = about,
                                                .site = &methods };
