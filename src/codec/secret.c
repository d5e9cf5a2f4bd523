/* codec/secret.c - files that hold a secret: ours, or a Django site's. */
#include "codec/secret.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>
#include <apr_strings.h>
#include <apr_time.h>
#include <openssl/crypto.h>
#include "base/hex.h"
#include "base/status.h"

#define DIGITS     (2 * DJS_SECRET_BYTES)
#define MOST_BYTES (DIGITS + 2) /* with CR LF */
#define WAITS      50           /* for another server that makes the file */
#define WAIT       (10 * 1000)  /* microseconds */

apr_status_t djs_secret_parse(unsigned char secret[DJS_SECRET_BYTES],
                              djs_bytes_t text)
{
    if (text.len > 0 && text.data[text.len - 1] == '\n') {
        text.len--;
        if (text.len > 0 && text.data[text.len - 1] == '\r') {
            text.len--;
        }
    }
    if (text.len != DIGITS ||
        djs_hex_decode(secret, DJS_SECRET_BYTES, text) != APR_SUCCESS) {
        OPENSSL_cleanse(secret, DJS_SECRET_BYTES);
        return DJS_EINVALID;
    }
    return APR_SUCCESS;
}

/* Why the file can not be opened or read, from errno `error`. */
static const char *trouble(const char *path, int error, apr_pool_t *p)
{
    char text[128];

    if (error == ENOENT) {
        return apr_psprintf(p,
                            "secret file %s does not exist: make one with "
                            "`(umask 077; openssl rand -hex 32 > %s)`",
                            path, path);
    }
    if (error == ELOOP) {
        return apr_psprintf(p,
                            "secret file %s is a symbolic link: name the file "
                            "itself",
                            path);
    }
    return apr_psprintf(
        p, "secret file %s can not be read: %s", path,
        apr_strerror(APR_FROM_OS_ERROR(error), text, sizeof(text)));
}

/* NULL when nobody else can read or replace what `st` describes. */
static const char *refusal(const char *path, const struct stat *st,
                           apr_pool_t *p)
{
    mode_t mode = st->st_mode & 07777;

    if (!S_ISREG(st->st_mode)) {
        return apr_psprintf(p, "secret file %s is not a regular file", path);
    }
    if (st->st_uid != 0 && st->st_uid != geteuid()) {
        return apr_psprintf(p,
                            "secret file %s belongs to user %ld: "
                            "`chown root %s`",
                            path, (long)st->st_uid, path);
    }
    if (mode != 0600 && mode != 0400) {
        return apr_psprintf(p,
                            "secret file %s has mode %04o, not 0600 or 0400: "
                            "`chmod 600 %s`, and make a new secret if others "
                            "have read it",
                            path, (unsigned)mode, path);
    }
    if (st->st_nlink != 1) {
        return apr_psprintf(p,
                            "secret file %s has %ld hard links, not 1: remove "
                            "the others (`find / -xdev -samefile %s`)",
                            path, (long)st->st_nlink, path);
    }
    return NULL;
}

static const char *malformed(const char *path, apr_pool_t *p)
{
    return apr_psprintf(p,
                        "secret file %s does not hold exactly %d hex digits "
                        "and an end of line: make one with "
                        "`openssl rand -hex %d > %s`",
                        path, DIGITS, DJS_SECRET_BYTES, path);
}

/* Reads to the end of the file, or `room` bytes of it; 0, or errno. */
static int read_all(char *text, apr_size_t *len, apr_size_t room, int fd)
{
    *len = 0;
    while (*len < room) {
        ssize_t got = read(fd, text + *len, room - *len);

        if (got < 0 && errno == EINTR) {
            continue;
        }
        if (got < 0) {
            return errno;
        }
        if (got == 0) {
            break;
        }
        *len += (apr_size_t)got;
    }
    return 0;
}

/* Up to `room` bytes of the file `path`, which must be fit for a secret. The
 * checks ask the open file, not the path, so nothing can change between check
 * and use; and a FIFO does not block. */
static const char *read_file(char *text, apr_size_t *len, apr_size_t room,
                             const char *path, apr_pool_t *p)
{
    const char *sentence;
    struct stat st;
    int error;
    int fd =
        open(path, O_RDONLY | O_NOFOLLOW | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);

    if (fd < 0) {
        return trouble(path, errno, p);
    }
    error = fstat(fd, &st) == 0 ? 0 : errno;
    sentence = error ? NULL : refusal(path, &st, p);
    if (!error && !sentence) {
        error = read_all(text, len, room, fd);
    }
    close(fd);
    return error ? trouble(path, error, p) : sentence;
}

const char *djs_secret_read(unsigned char secret[DJS_SECRET_BYTES],
                            const char *path, apr_pool_t *p)
{
    char text[MOST_BYTES + 1]; /* one byte more than a secret can have */
    const char *sentence;
    apr_size_t len;

    OPENSSL_cleanse(secret, DJS_SECRET_BYTES);
    sentence = read_file(text, &len, sizeof(text), path, p);
    if (!sentence &&
        djs_secret_parse(secret, djs_bytes_of(text, len)) != APR_SUCCESS) {
        sentence = malformed(path, p);
    }
    OPENSSL_cleanse(text, sizeof(text));
    return sentence;
}

static apr_status_t wipe_line(void *data)
{
    OPENSSL_cleanse(data, DJS_SECRET_LINE + 2);
    return APR_SUCCESS;
}

const char *djs_secret_read_line(djs_bytes_t *line, const char *path,
                                 apr_pool_t *p)
{
    char *text = apr_palloc(p, DJS_SECRET_LINE + 2); /* CR LF behind it */
    const char *end;
    const char *sentence;
    apr_size_t len;

    *line = djs_bytes_of("", 0);
    apr_pool_cleanup_register(p, text, wipe_line, apr_pool_cleanup_null);
    if (access(path, F_OK) != 0 && errno == ENOENT) {
        return apr_psprintf(
            p,
            "secret file %s does not exist: write the site's SECRET_KEY there, "
            "`(umask 077; python3 manage.py shell -c 'from django.conf import "
            "settings; print(settings.SECRET_KEY)' > %s)`",
            path, path);
    }
    sentence = read_file(text, &len, DJS_SECRET_LINE + 2, path, p);
    if (sentence) {
        return sentence;
    }
    end = memchr(text, '\n', len);
    len = end ? (apr_size_t)(end - text) : len;
    if (end && len > 0 && text[len - 1] == '\r') {
        len--;
    }
    if (len == 0 || len > DJS_SECRET_LINE) {
        return apr_psprintf(p,
                            "secret file %s: the first line has %s; write the "
                            "site's SECRET_KEY there",
                            path, len == 0 ? "no bytes" : "too many bytes");
    }
    *line = djs_bytes_of(text, len);
    return NULL;
}

/* 0, or errno. */
static int write_all(int fd, const char *text, apr_size_t len)
{
    while (len > 0) {
        ssize_t put = write(fd, text, len);

        if (put < 0 && errno == EINTR) {
            continue;
        }
        if (put <= 0) {
            return put < 0 ? errno : EIO;
        }
        text += put;
        len -= (apr_size_t)put;
    }
    return 0;
}

/* Makes the new file `path` with the whole text on disk; 0, or errno, and no
 * file is left then. */
static int write_file(const char *path, const char *text, apr_size_t len)
{
    int fd =
        open(path, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);
    int error;

    if (fd < 0) {
        return errno;
    }
    error = fchmod(fd, 0600) == 0 ? write_all(fd, text, len) : errno;
    if (!error && fsync(fd) != 0) {
        error = errno;
    }
    if (close(fd) != 0 && !error) {
        error = errno;
    }
    if (error) {
        unlink(path);
    }
    return error;
}

/* The new name must survive a crash as the bytes do. A file system that can
 * not sync a directory has promised nothing, so the answer does not count. */
static void sync_directory(const char *path, apr_pool_t *p)
{
    const char *slash = strrchr(path, '/');
    const char *dir =
        slash ? apr_pstrmemdup(p, path,
                               (apr_size_t)(slash - path) + (slash == path))
              : ".";
    int fd = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);

    if (fd >= 0) {
        (void)fsync(fd);
        close(fd);
    }
}

/* Writes beside `path`, then links: the name appears with the whole content,
 * and only one of several makers succeeds. 0, EEXIST, or errno. */
static int make_file(const char *path, const char *beside, const char *text,
                     apr_pool_t *p)
{
    int error = write_file(beside, text, strlen(text));

    if (error) {
        return error;
    }
    error = link(beside, path) == 0 ? 0 : errno;
    unlink(beside);
    sync_directory(path, p);
    return error;
}

/* Between link and unlink the file of another maker has two names, which
 * djs_secret_read refuses: waits until it has one, a while at most. */
static int there_already(const char *path)
{
    struct stat st;

    for (int i = 0; i < WAITS; i++) {
        if (lstat(path, &st) != 0) {
            return 0;
        }
        if (!S_ISREG(st.st_mode) || st.st_nlink == 1) {
            break;
        }
        apr_sleep(WAIT);
    }
    return 1;
}

const char *djs_secret_make(const char *path, djs_random_fn random,
                            apr_pool_t *p)
{
    unsigned char bytes[DJS_SECRET_BYTES + 8];
    char text[DIGITS + 2];
    char suffix[2 * 8 + 1];
    char why[128];
    int error;

    if (there_already(path)) {
        return NULL;
    }
    if (random(bytes, sizeof(bytes)) != APR_SUCCESS) {
        return apr_psprintf(p,
                            "secret file %s can not be made: the random "
                            "generator fails",
                            path);
    }
    djs_hex_encode(text, bytes, DJS_SECRET_BYTES);
    djs_hex_encode(suffix, bytes + DJS_SECRET_BYTES, 8);
    OPENSSL_cleanse(bytes, sizeof(bytes));
    text[DIGITS] = '\n';
    text[DIGITS + 1] = '\0';

    error = make_file(path, apr_pstrcat(p, path, ".", suffix, NULL), text, p);
    OPENSSL_cleanse(text, sizeof(text));
    if (error == 0 || (error == EEXIST && there_already(path))) {
        return NULL;
    }
    return apr_psprintf(
        p,
        "secret file %s can not be made: %s; make its directory (mkdir -p), or "
        "name another file",
        path, apr_strerror(APR_FROM_OS_ERROR(error), why, sizeof(why)));
}
