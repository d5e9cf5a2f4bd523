/* store/dbm_epoch.c - the epochs of a DBM store, in a file that all map. */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include "base/status.h"
#include "store/dbm_chunk.h"
#include "store/dbm_epoch.h"

#define SIZE  4096
#define SLOTS ((SIZE - 64) / 8)
#define NAME  "epochs"
#define DRAFT "epochs.new"

static const char magic[16] = "djs epochs 1\n";

/* The file, in the machine's own order of bytes, as its mutexes are. */
struct djs_epochs {
    char magic[64];
    _Atomic apr_uint64_t slot[SLOTS];
};

_Static_assert(sizeof(struct djs_epochs) == SIZE, "a page");

/* Written beside it and renamed, so that nobody maps half a file. */
static apr_status_t write_file(int dirfd, uid_t uid, gid_t gid)
{
    static const char page[SIZE];
    int fd =
        openat(dirfd, DRAFT,
               O_WRONLY | O_CREAT | O_TRUNC | O_NOFOLLOW | O_CLOEXEC, 0600);
    apr_status_t rv = fd < 0 ? errno : APR_SUCCESS;

    if (rv == APR_SUCCESS &&
        (fchmod(fd, 0600) != 0 || write(fd, page, SIZE) != SIZE ||
         pwrite(fd, magic, sizeof magic, 0) != sizeof magic || fsync(fd) != 0 ||
         (geteuid() == 0 && fchown(fd, uid, gid) != 0))) {
        rv = errno ? errno : EIO;
    }
    if (fd >= 0) {
        close(fd);
    }
    if (rv == APR_SUCCESS && renameat(dirfd, DRAFT, dirfd, NAME) != 0) {
        rv = errno;
    }
    return rv;
}

apr_status_t djs_epochs_make(int dirfd, apr_uint32_t uid, apr_uint32_t gid)
{
    struct stat st;

    errno = 0;
    if (fstatat(dirfd, NAME, &st, AT_SYMLINK_NOFOLLOW) == 0) {
        return APR_SUCCESS;
    }
    return errno == ENOENT ? write_file(dirfd, uid, gid) : errno;
}

static apr_status_t unmap(void *data)
{
    munmap(data, SIZE);
    return APR_SUCCESS;
}

apr_status_t djs_epochs_open(djs_epochs_t **out, const char *path,
                             apr_pool_t *pool)
{
    int fd = open(path, O_RDWR | O_NOFOLLOW | O_CLOEXEC);
    void *map = MAP_FAILED;
    struct stat st;
    apr_status_t rv = APR_SUCCESS;

    *out = NULL;
    if (fd < 0 || fstat(fd, &st) != 0) {
        rv = errno;
    }
    else if (!S_ISREG(st.st_mode) || st.st_size != SIZE) {
        rv = DJS_EINVALID;
    }
    else {
        map = mmap(NULL, SIZE, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
        rv = map == MAP_FAILED ? errno : APR_SUCCESS;
    }
    if (fd >= 0) {
        close(fd);
    }
    if (rv == APR_SUCCESS && memcmp(map, magic, sizeof magic) != 0) {
        munmap(map, SIZE);
        rv = DJS_EINVALID;
    }
    if (rv == APR_SUCCESS) {
        *out = map;
        apr_pool_cleanup_register(pool, map, unmap, apr_pool_cleanup_null);
    }
    return rv;
}

static _Atomic apr_uint64_t *slot_of(djs_epochs_t *epochs, djs_bytes_t name)
{
    return &epochs->slot[djs_chunk_hash(DJS_CHUNK_HASH_START, name.data,
                                        name.len) %
                         SLOTS];
}

apr_uint64_t djs_epochs_get(djs_epochs_t *epochs, djs_bytes_t name)
{
    return atomic_load(slot_of(epochs, name));
}

apr_status_t djs_epochs_raise(djs_epochs_t *epochs, djs_bytes_t name,
                              apr_uint64_t to)
{
    _Atomic apr_uint64_t *slot = slot_of(epochs, name);
    apr_uint64_t now = atomic_load(slot);

    while (now < to && !atomic_compare_exchange_weak(slot, &now, to)) {
    }
    return msync(epochs, SIZE, MS_SYNC) == 0 ? APR_SUCCESS : errno;
}
