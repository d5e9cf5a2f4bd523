/* dbm_copy.c - the files of one DBM: are they there, copy, remove. */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include "base/status.h"
#include "store/dbm_copy.h"

#define NAME_ROOM  4096  /* a path and its suffix */
#define COPY_BLOCK 16384 /* on the stack of a thread of the server */

static int file_name(char out[NAME_ROOM], const char *name, const char *suffix)
{
    int len = snprintf(out, NAME_ROOM, "%s%s", name, suffix);

    return len > 0 && len < NAME_ROOM;
}

djs_files_e djs_copy_files(const djs_dbm_type_t *type, const char *name)
{
    char path[NAME_ROOM];
    int there = 0, i;

    for (i = 0; type->suffix[i]; i++) {
        struct stat st;

        if (!file_name(path, name, type->suffix[i])) {
            return DJS_FILES_HIDDEN;
        }
        if (lstat(path, &st) == 0) {
            there++;
        }
        else if (errno != ENOENT) {
            return DJS_FILES_HIDDEN;
        }
    }
    return there == i ? DJS_FILES_ALL
                      : (there ? DJS_FILES_SOME : DJS_FILES_NONE);
}

apr_uint64_t djs_copy_allocated(const djs_dbm_type_t *type, const char *name)
{
    char path[NAME_ROOM];
    apr_uint64_t sum = 0;

    for (int i = 0; type->suffix[i]; i++) {
        struct stat st;

        if (file_name(path, name, type->suffix[i]) && lstat(path, &st) == 0) {
            sum += (apr_uint64_t)st.st_blocks * 512;
        }
    }
    return sum;
}

static apr_status_t write_all(int fd, const char *data, size_t len, off_t at)
{
    while (len > 0) {
        ssize_t n = pwrite(fd, data, len, at);

        if (n < 0 && errno == EINTR) {
            continue;
        }
        if (n <= 0) {
            return n == 0 ? APR_EGENERAL : errno;
        }
        data += n;
        at += n;
        len -= (size_t)n;
    }
    return APR_SUCCESS;
}

static apr_status_t copy_range(int to, int from, off_t at, off_t end)
{
    char block[COPY_BLOCK];

    while (at < end) {
        size_t want = end - at < COPY_BLOCK ? (size_t)(end - at) : COPY_BLOCK;
        ssize_t n = pread(from, block, want, at);
        apr_status_t rv;

        if (n < 0 && errno == EINTR) {
            continue;
        }
        if (n <= 0) {
            return n == 0 ? APR_EOF : errno;
        }
        rv = write_all(to, block, (size_t)n, at);
        if (rv != APR_SUCCESS) {
            return rv;
        }
        at += n;
    }
    return APR_SUCCESS;
}

/* Only what has data: an sdbm file of 1 MB may be 200 MB long. A file system
 * that can not tell shows the whole file as data. */
static apr_status_t copy_data(int to, int from, off_t size)
{
    off_t at = 0;

    while (at < size) {
        off_t data = lseek(from, at, SEEK_DATA);
        off_t hole;
        apr_status_t rv;

        if (data < 0 && errno == ENXIO) {
            break;
        }
        hole = data < 0 ? size : lseek(from, data, SEEK_HOLE);
        if (data < 0) {
            data = at;
        }
        if (hole < 0) {
            hole = size;
        }
        rv = copy_range(to, from, data, hole < size ? hole : size);
        if (rv != APR_SUCCESS) {
            return rv;
        }
        at = hole;
    }
    return ftruncate(to, size) == 0 ? APR_SUCCESS : errno;
}

static apr_status_t copy_file(const char *to, const char *from)
{
    struct stat st;
    apr_status_t rv;
    int out, in = open(from, O_RDONLY | O_NOFOLLOW | O_CLOEXEC);

    if (in < 0) {
        return errno;
    }
    out = open(to, O_WRONLY | O_CREAT | O_TRUNC | O_NOFOLLOW | O_CLOEXEC, 0600);
    if (out < 0) {
        rv = errno;
        close(in);
        return rv;
    }
    rv = fstat(in, &st) == 0 ? copy_data(out, in, st.st_size) : errno;
    if (close(out) != 0 && rv == APR_SUCCESS) {
        rv = errno;
    }
    close(in);
    return rv;
}

apr_status_t djs_copy_over(const djs_dbm_type_t *type, const char *to,
                           const char *from)
{
    char source[NAME_ROOM], target[NAME_ROOM];
    djs_files_e there = djs_copy_files(type, from);

    if (there == DJS_FILES_HIDDEN) {
        return DJS_ETROUBLE;
    }
    if (there == DJS_FILES_NONE) {
        return djs_copy_remove(type, to);
    }
    for (int i = 0; type->suffix[i]; i++) {
        apr_status_t rv = APR_ENAMETOOLONG;

        if (file_name(source, from, type->suffix[i]) &&
            file_name(target, to, type->suffix[i])) {
            rv = copy_file(target, source);
        }
        if (rv != APR_SUCCESS) {
            return rv;
        }
    }
    return APR_SUCCESS;
}

static apr_status_t remove_file(const char *path)
{
    return unlink(path) == 0 || errno == ENOENT ? APR_SUCCESS : errno;
}

static apr_status_t remove_temp(const djs_dbm_type_t *type, const char *name)
{
    const char *base = strrchr(name, '/');
    char path[NAME_ROOM];
    int len;

    if (!type->temp || !base) {
        return APR_SUCCESS;
    }
    len = snprintf(path, sizeof(path), "%.*s/%s%s", (int)(base - name), name,
                   type->temp, base + 1);
    return len > 0 && len < NAME_ROOM ? remove_file(path) : APR_ENAMETOOLONG;
}

apr_status_t djs_copy_remove(const djs_dbm_type_t *type, const char *name)
{
    char path[NAME_ROOM];
    apr_status_t rv = remove_temp(type, name);

    for (int i = 0; rv == APR_SUCCESS && type->suffix[i]; i++) {
        rv = file_name(path, name, type->suffix[i]) ? remove_file(path)
                                                    : APR_ENAMETOOLONG;
    }
    return rv;
}

apr_status_t djs_copy_rename(const djs_dbm_type_t *type, const char *to,
                             const char *from)
{
    char source[NAME_ROOM], target[NAME_ROOM];

    for (int i = 0; type->suffix[i]; i++) {
        if (!file_name(source, from, type->suffix[i]) ||
            !file_name(target, to, type->suffix[i])) {
            return APR_ENAMETOOLONG;
        }
        if (rename(source, target) != 0) {
            return errno;
        }
    }
    return APR_SUCCESS;
}

apr_status_t djs_copy_begin(const djs_dbm_type_t *type, const char *name)
{
    char path[NAME_ROOM];
    apr_status_t rv = djs_copy_remove(type, name);
    int fd;

    if (rv != APR_SUCCESS || type->presize == 0) {
        return rv;
    }
    if (!file_name(path, name, type->suffix[0])) {
        return APR_ENAMETOOLONG;
    }
    fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);
    if (fd < 0) {
        return errno;
    }
    if (ftruncate(fd, type->presize) != 0) {
        rv = errno;
    }
    close(fd);
    return rv;
}
