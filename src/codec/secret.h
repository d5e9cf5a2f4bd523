/* codec/secret.h - files that hold 32 random bytes as 64 hex digits, or a
 * Django site's SECRET_KEY. */
#ifndef DJS_CODEC_SECRET_H
#define DJS_CODEC_SECRET_H

#include <apr_pools.h>
#include <apr_user.h>
#include "base/bytes.h"
#include "base/random.h"

#define DJS_SECRET_BYTES 32
#define DJS_SECRET_LINE  4096

/* What the file holds: 64 hex digits of either case, then at most one LF or
 * CR LF. DJS_EINVALID for anything else (a BOM, blanks, 63 digits, ...);
 * `secret` is zeroed then. */
apr_status_t djs_secret_parse(unsigned char secret[DJS_SECRET_BYTES],
                              djs_bytes_t text);

/* Reads the regular file `path`: mode 0600 or 0400, owned by root or by who
 * runs, no symbolic link, no second hard link. NULL, or a sentence that names
 * path and reason, and never the content; `secret` is zeroed then. */
const char *djs_secret_read(unsigned char secret[DJS_SECRET_BYTES],
                            const char *path, apr_pool_t *p);

/* Reads the first line of such a file, as Django's SECRET_KEY: bytes of UTF-8
 * as they are, without the end of the line (LF or CR LF). `*line` lives in `p`
 * and is wiped with it. NULL, or a sentence: also for an empty line, and for
 * more than DJS_SECRET_LINE bytes. */
const char *djs_secret_read_line(djs_bytes_t *line, const char *path,
                                 apr_pool_t *p);

/* Makes `path` with mode 0600 from fresh random bytes unless something is
 * there already (two servers starting at once agree on one secret: written
 * beside, then linked into place). What is there already is not looked into:
 * djs_secret_read judges it. NULL, or a sentence. */
const char *djs_secret_make(const char *path, djs_random_fn random,
                            apr_pool_t *p);

#endif
