/* dbm_pages.c - a look at an sdbm file that takes no lock.
 *
 * A page begins with 16-bit numbers in the machine's order: how many offsets
 * follow, then for each pair where its key and where its value begins. Pairs
 * are laid from the page's end downwards, each key before its value. */
#include <errno.h>
#include <fcntl.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>
#include "base/status.h"
#include "store/dbm_pages.h"

#define BLOCK (16 * DJS_PAGE_SIZE) /* read at once, on the stack */

static apr_size_t offset_at(const char *page, apr_size_t i)
{
    uint16_t offset;

    memcpy(&offset, page + 2 * i, sizeof(offset));
    return offset;
}

apr_status_t djs_pages_read(const char *page, djs_pair_each_fn fn, void *baton)
{
    apr_size_t count = offset_at(page, 0), end = DJS_PAGE_SIZE;
    apr_status_t rv = APR_SUCCESS;

    if (count % 2 != 0 || 2 * (count + 1) > DJS_PAGE_SIZE) {
        return APR_SUCCESS;
    }
    for (apr_size_t i = 1; rv == APR_SUCCESS && i < count; i += 2) {
        apr_size_t key = offset_at(page, i), val = offset_at(page, i + 1);

        if (key > end || val > key || val < 2 * (count + 1)) {
            return APR_SUCCESS;
        }
        rv = fn(djs_bytes_of(page + key, end - key),
                djs_bytes_of(page + val, key - val), baton);
        end = val;
    }
    return rv;
}

static apr_status_t read_range(int fd, off_t at, off_t end, djs_pair_each_fn fn,
                               void *baton)
{
    char block[BLOCK];
    apr_status_t rv = APR_SUCCESS;

    while (rv == APR_SUCCESS && at < end) {
        ssize_t got = pread(fd, block, sizeof(block), at);

        if (got < 0 && errno == EINTR) {
            continue;
        }
        if (got < DJS_PAGE_SIZE) {
            return got < 0 ? errno : APR_SUCCESS;
        }
        for (ssize_t page = 0;
             rv == APR_SUCCESS && page + DJS_PAGE_SIZE <= got && at < end;
             page += DJS_PAGE_SIZE, at += DJS_PAGE_SIZE) {
            rv = djs_pages_read(block + page, fn, baton);
        }
    }
    return rv;
}

apr_status_t djs_pages_walk(const char *path, djs_pair_each_fn fn, void *baton)
{
    apr_status_t rv = APR_SUCCESS;
    off_t at = 0, end;
    int fd = open(path, O_RDONLY | O_NOFOLLOW | O_CLOEXEC);

    if (fd < 0) {
        return errno == ENOENT ? DJS_EABSENT : errno;
    }
    end = lseek(fd, 0, SEEK_END);
    while (rv == APR_SUCCESS && at < end) {
        off_t data = lseek(fd, at, SEEK_DATA), hole;

        if (data < 0 && errno == ENXIO) {
            break;
        }
        data = data < 0 ? at : data - data % DJS_PAGE_SIZE;
        hole = lseek(fd, data, SEEK_HOLE);
        hole = hole <= data ? end : hole;
        rv = read_range(fd, data, hole, fn, baton);
        at = hole;
    }
    close(fd);
    return rv;
}
