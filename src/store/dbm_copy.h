/* store/dbm_copy.h - the files of one DBM: are they there, copy, remove. */
#ifndef DJS_STORE_DBM_COPY_H
#define DJS_STORE_DBM_COPY_H

#include <apr_pools.h>
#include "store/dbm.h"

/* What there is of a DBM's files (sdbm has two). HIDDEN: nobody can tell, as
 * when the directory may not be searched. */
typedef enum {
    DJS_FILES_NONE,
    DJS_FILES_SOME,
    DJS_FILES_ALL,
    DJS_FILES_HIDDEN
} djs_files_e;

/* Looks, and follows no link. */
djs_files_e djs_copy_files(const djs_dbm_type_t *type, const char *name);

/* Bytes the files take on the disk, holes not counted. */
apr_uint64_t djs_copy_allocated(const djs_dbm_type_t *type, const char *name);

/* Makes the files of `to` equal to those of `from`, with their holes; where
 * `from` has none, `to` has none afterwards. DJS_ETROUBLE: what `from` has can
 * not be told; `to` is as it was. */
apr_status_t djs_copy_over(const djs_dbm_type_t *type, const char *to,
                           const char *from);

/* Removing what is not there succeeds. */
apr_status_t djs_copy_remove(const djs_dbm_type_t *type, const char *name);

/* Renames file by file. */
apr_status_t djs_copy_rename(const djs_dbm_type_t *type, const char *to,
                             const char *from);

/* Before files are made: removes what a making that was cut off has left (db
 * waits for ever for its temporary file to go away), and gives the first file
 * its first size, see djs_dbm_type_t. */
apr_status_t djs_copy_begin(const djs_dbm_type_t *type, const char *name);

#endif
