/* dbm_dir.c - the directory of a DBM store: whose, how safe, what kind.
 *
 * The parent runs this as root in a directory that belongs to a lesser user.
 * So nothing is looked at by name and then used by name: what is used was
 * opened without following a link, and is judged and changed by descriptor. */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <sys/vfs.h>
#include <unistd.h>
#include <apr_dbm.h>
#include <apr_strings.h>
#include "base/status.h"
#include "store/dbm_dir.h"

#define FORMAT_VERSION 1
#define FORMAT_ROOM    256 /* bytes in the file `format` */

/* File systems where a mutex in a shared mapping excludes nobody elsewhere. */
#define FS_NFS  0x6969
#define FS_SMB  0x517b
#define FS_CIFS 0xff534d42
#define FS_SMB2 0xfe534d42

typedef struct {
    djs_dbm_t *dbm;
    uid_t uid;
    gid_t gid;
    int fd;
    apr_pool_t *p;
} dir_t;

static const char *failed(const dir_t *dir, const char *what, int err)
{
    char text[128];

    return apr_psprintf(dir->p, "%s: %s failed: %s", dir->dbm->path, what,
                        apr_strerror(err, text, sizeof(text)));
}

const char *djs_dir_check_size(const djs_dbm_t *dbm, apr_pool_t *p)
{
    apr_size_t most = dbm->type ? dbm->type->value_max : DJS_DBM_VALUE_MAX;

    if (dbm->max_value <= most) {
        return NULL;
    }
    if (most < DJS_DBM_VALUE_MAX && dbm->max_value <= DJS_DBM_VALUE_MAX) {
        return apr_psprintf(p,
                            "%s: type=%s keeps sessions of at most %lu bytes, "
                            "and %lu are wanted: use type=gdbm or type=db, or "
                            "a smaller DjSessionMaxSize",
                            dbm->path, dbm->type->name, (unsigned long)most,
                            (unsigned long)dbm->max_value);
    }
    return apr_psprintf(p,
                        "%s: a DBM store keeps sessions of at most %d bytes, "
                        "and %lu are wanted: use a smaller DjSessionMaxSize",
                        dbm->path, DJS_DBM_VALUE_MAX,
                        (unsigned long)dbm->max_value);
}

/* Opens the parent, and says what is wrong with it. */
static const char *open_parent(int *out, const char **base, const dir_t *dir)
{
    const char *path = dir->dbm->path, *slash = strrchr(path, '/');
    const char *parent =
        slash == path
            ? "/"
            : apr_pstrmemdup(dir->p, path, (apr_size_t)(slash - path));
    struct stat st;

    *base = slash + 1;
    *out = open(parent, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (*out < 0) {
        return apr_psprintf(dir->p,
                            "%s: its parent directory can not be opened (%s): "
                            "make it first",
                            path, strerror(errno));
    }
    if (fstat(*out, &st) != 0) {
        return failed(dir, "fstat of the parent", errno);
    }
    if ((st.st_mode & S_IWOTH) && !(st.st_mode & S_ISVTX)) {
        return apr_psprintf(dir->p,
                            "%s: its parent directory is writable for "
                            "everybody: choose another place, or run "
                            "chmod o-w %s",
                            path, parent);
    }
    return NULL;
}

static const char *wrong_kind(const dir_t *dir, int parent, const char *base,
                              int err)
{
    struct stat st;

    if (fstatat(parent, base, &st, AT_SYMLINK_NOFOLLOW) == 0) {
        if (S_ISLNK(st.st_mode)) {
            return apr_psprintf(dir->p,
                                "%s: is a symbolic link: give the path of the "
                                "directory itself",
                                dir->dbm->path);
        }
        if (!S_ISDIR(st.st_mode)) {
            return apr_psprintf(dir->p,
                                "%s: is not a directory: give another path, or "
                                "remove it",
                                dir->dbm->path);
        }
    }
    return failed(dir, "opening the directory", err);
}

/* Opens or makes the directory itself. */
static const char *open_dir(dir_t *dir)
{
    const char *base, *error;
    int parent, made;

    error = open_parent(&parent, &base, dir);
    if (error) {
        if (parent >= 0) {
            close(parent);
        }
        return error;
    }
    made = mkdirat(parent, base, 0700) == 0;
    if (!made && errno != EEXIST) {
        error = failed(dir, "making the directory", errno);
        close(parent);
        return error;
    }
    dir->fd =
        openat(parent, base, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    if (dir->fd < 0) {
        error = wrong_kind(dir, parent, base, errno);
    }
    else if (made && (fchmod(dir->fd, 0700) != 0 ||
                      fchown(dir->fd, dir->uid, dir->gid) != 0)) {
        error = failed(dir, "giving the directory to its owner", errno);
    }
    close(parent);
    return error;
}

static const char *judge_dir(const dir_t *dir)
{
    const char *path = dir->dbm->path;
    struct statfs fs;
    struct stat st;

    if (fstat(dir->fd, &st) != 0 || fstatfs(dir->fd, &fs) != 0) {
        return failed(dir, "fstat", errno);
    }
    if (st.st_uid != dir->uid) {
        return apr_psprintf(dir->p,
                            "%s: belongs to user %lu and must belong to user "
                            "%lu: run chown -R %lu %s, or give another path",
                            path, (unsigned long)st.st_uid,
                            (unsigned long)dir->uid, (unsigned long)dir->uid,
                            path);
    }
    if (st.st_mode & (S_IRWXG | S_IRWXO)) {
        return apr_psprintf(dir->p,
                            "%s: is open to others (mode %04o): run chmod 0700 "
                            "%s",
                            path, (unsigned)st.st_mode & 07777, path);
    }
    switch ((unsigned long)fs.f_type & 0xffffffffUL) {
    case FS_NFS:
    case FS_SMB:
    case FS_CIFS:
    case FS_SMB2:
        return apr_psprintf(dir->p,
                            "%s: is on a network file system, where locks do "
                            "not hold: give a path on a local disk",
                            path);
    default:
        return NULL;
    }
}

static const char *judge_file(const dir_t *dir, const char *name)
{
    const char *path = dir->dbm->path;
    struct stat st;

    if (fstatat(dir->fd, name, &st, AT_SYMLINK_NOFOLLOW) != 0) {
        return errno == ENOENT ? NULL : failed(dir, name, errno);
    }
    if (!S_ISREG(st.st_mode)) {
        return apr_psprintf(dir->p,
                            "%s/%s: is not a plain file, and does not belong "
                            "into a store: remove it",
                            path, name);
    }
    if (st.st_nlink > 1) {
        return apr_psprintf(dir->p,
                            "%s/%s: has a second name (hard link) elsewhere: "
                            "remove one of them",
                            path, name);
    }
    if (st.st_uid != dir->uid) {
        return apr_psprintf(dir->p,
                            "%s/%s: belongs to user %lu and must belong to "
                            "user %lu: chown or remove it",
                            path, name, (unsigned long)st.st_uid,
                            (unsigned long)dir->uid);
    }
    if (st.st_mode & (S_IRWXG | S_IRWXO)) {
        return apr_psprintf(dir->p, "%s/%s: is open to others: run chmod 0600",
                            path, name);
    }
    return NULL;
}

static const char *judge_files(const dir_t *dir)
{
    const char *error = NULL;
    struct dirent *entry;
    DIR *list;
    int fd = openat(dir->fd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);

    list = fd < 0 ? NULL : fdopendir(fd);
    if (!list) {
        error = failed(dir, "reading the directory", errno);
        if (fd >= 0) {
            close(fd);
        }
        return error;
    }
    while (!error && (entry = readdir(list)) != NULL) {
        if (strcmp(entry->d_name, ".") != 0 &&
            strcmp(entry->d_name, "..") != 0) {
            error = judge_file(dir, entry->d_name);
        }
    }
    closedir(list);
    return error;
}

/* Reads `format` in the directory `dirfd`. DJS_EINVALID: not as we write it. */
static apr_status_t read_format(int dirfd, const djs_dbm_type_t **type,
                                int *shards)
{
    char text[FORMAT_ROOM], word[16];
    int version, end = 0;
    ssize_t len;
    int fd =
        openat(dirfd, "format", O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);

    *type = NULL;
    *shards = 0;
    if (fd < 0) {
        return errno;
    }
    len = read(fd, text, sizeof(text) - 1);
    close(fd);
    if (len < 0) {
        return errno;
    }
    text[len] = '\0';
    if (sscanf(text, "djsession-store %d\ntype %15[a-z]\nshards %d\n%n",
               &version, word, shards, &end) != 3 ||
        end != len || version != FORMAT_VERSION || *shards < 1 ||
        *shards > DJS_DBM_SHARDS_MAX || (*shards & (*shards - 1)) != 0) {
        return DJS_EINVALID;
    }
    *type = djs_dbm_type(word);
    return *type ? APR_SUCCESS : DJS_EINVALID;
}

static const char *write_format(const dir_t *dir)
{
    const djs_dbm_t *dbm = dir->dbm;
    char text[FORMAT_ROOM];
    int len =
        snprintf(text, sizeof(text), "djsession-store %d\ntype %s\nshards %d\n",
                 FORMAT_VERSION, dbm->type->name, dbm->shards);
    int fd, ok;

    if (unlinkat(dir->fd, "format.new", 0) != 0 && errno != ENOENT) {
        return failed(dir, "removing format.new", errno);
    }
    fd = openat(dir->fd, "format.new",
                O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);
    if (fd < 0) {
        return failed(dir, "making its file format", errno);
    }
    ok = write(fd, text, (size_t)len) == len && fchmod(fd, 0600) == 0 &&
         fchown(fd, dir->uid, dir->gid) == 0 && fsync(fd) == 0 &&
         renameat(dir->fd, "format.new", dir->fd, "format") == 0;
    close(fd);
    return ok ? NULL : failed(dir, "writing its file format", errno);
}

/* Whether what is asked for is what there is; fills in what was not given. */
static int take_format(djs_dbm_t *dbm, const djs_dbm_type_t *type, int shards)
{
    if ((dbm->type && dbm->type != type) ||
        (dbm->shards != 0 && dbm->shards != shards)) {
        return 0;
    }
    dbm->type = type;
    dbm->shards = shards;
    return 1;
}

static const char *prepare_format(const dir_t *dir)
{
    djs_dbm_t *dbm = dir->dbm;
    const djs_dbm_type_t *type;
    int shards;
    apr_status_t rv = read_format(dir->fd, &type, &shards);

    if (rv == APR_ENOENT) {
        dbm->type = dbm->type ? dbm->type : djs_dbm_type(NULL);
        dbm->shards = dbm->shards ? dbm->shards : DJS_DBM_SHARDS;
        return write_format(dir);
    }
    if (rv == DJS_EINVALID) {
        return apr_psprintf(dir->p,
                            "%s/format: is not the format of a store that this "
                            "version reads: give another path, or remove the "
                            "store",
                            dbm->path);
    }
    if (rv != APR_SUCCESS) {
        return failed(dir, "reading its file format", rv);
    }
    if (!take_format(dbm, type, shards)) {
        return apr_psprintf(dir->p,
                            "%s: is a store of type=%s shards=%d, and type=%s "
                            "shards=%d is asked for: give what it has, another "
                            "path, or remove it (which ends its sessions)",
                            dbm->path, type->name, shards,
                            dbm->type ? dbm->type->name : type->name,
                            dbm->shards ? dbm->shards : shards);
    }
    return NULL;
}

/* The first use of a type loads its driver: better now than in a request. */
static const char *load_driver(const dir_t *dir)
{
    const char *first, *second;
    const char *name = dir->dbm->type->name;
    apr_status_t rv =
        apr_dbm_get_usednames_ex(dir->p, name, dir->dbm->path, &first, &second);

    return rv == APR_SUCCESS
               ? NULL
               : apr_psprintf(dir->p,
                              "%s: APR has no driver for type=%s here: install "
                              "it (part of apr-util), or use type=sdbm",
                              dir->dbm->path, name);
}

static const char *prepare_lock(const dir_t *dir)
{
    const djs_dbm_t *dbm = dir->dbm;
    const char *path = apr_pstrcat(dir->p, dbm->path, "/lock", NULL);
    djs_lock_t *lock;
    apr_pool_t *scratch;
    apr_status_t rv = djs_lock_make(dir->fd, dbm->shards, dir->uid, dir->gid);

    if (rv != APR_SUCCESS) {
        return failed(dir, "making its file lock", rv);
    }
    if (apr_pool_create(&scratch, dir->p) != APR_SUCCESS) {
        return failed(dir, "making a pool", APR_ENOMEM);
    }
    rv = djs_lock_open(&lock, path, dbm->shards, scratch);
    apr_pool_destroy(scratch);
    if (rv == DJS_EINVALID) {
        return apr_psprintf(dir->p,
                            "%s: was made by another version or for another "
                            "number of shards: stop whatever uses the store "
                            "and remove this file",
                            path);
    }
    return rv == APR_SUCCESS ? NULL : failed(dir, "opening its file lock", rv);
}

/* What revocations are told by; a file that is not ours is not guessed at. */
static const char *prepare_epochs(const dir_t *dir)
{
    const char *path = apr_pstrcat(dir->p, dir->dbm->path, "/epochs", NULL);
    djs_epochs_t *epochs;
    apr_pool_t *scratch;
    apr_status_t rv = djs_epochs_make(dir->fd, dir->uid, dir->gid);

    if (rv != APR_SUCCESS) {
        return failed(dir, "making its file epochs", rv);
    }
    if (apr_pool_create(&scratch, dir->p) != APR_SUCCESS) {
        return failed(dir, "making a pool", APR_ENOMEM);
    }
    rv = djs_epochs_open(&epochs, path, scratch);
    apr_pool_destroy(scratch);
    if (rv == DJS_EINVALID) {
        return apr_psprintf(dir->p,
                            "%s: is damaged: stop whatever uses the store and"
                            " remove this file; sessions that were revoked may"
                            " live again, so remove the store, too, if that"
                            " must not be",
                            path);
    }
    return rv == APR_SUCCESS ? NULL
                             : failed(dir, "opening its file epochs", rv);
}

static const char *prepare_inside(const dir_t *dir)
{
    const char *error;

    /* two servers may start at once */
    if (flock(dir->fd, LOCK_EX) != 0) {
        return failed(dir, "locking the directory", errno);
    }
    error = judge_dir(dir);
    if (!error) {
        error = judge_files(dir);
    }
    if (!error) {
        error = prepare_format(dir);
    }
    if (!error) {
        error = djs_dir_check_size(dir->dbm, dir->p);
    }
    if (!error) {
        error = load_driver(dir);
    }
    if (!error) {
        error = prepare_lock(dir);
    }
    return error ? error : prepare_epochs(dir);
}

const char *djs_dir_prepare(djs_dbm_t *dbm, apr_uid_t uid, apr_gid_t gid,
                            apr_pool_t *p)
{
    dir_t dir = { dbm, uid, gid, -1, p };
    const char *error;

    if (uid == (uid_t)-1) {
        dir.uid = geteuid();
        dir.gid = getegid();
    }
    error = open_dir(&dir);
    if (!error) {
        error = prepare_inside(&dir);
    }
    if (dir.fd >= 0) {
        close(dir.fd);
    }
    return error;
}

apr_status_t djs_dir_open(djs_dbm_t *dbm, apr_pool_t *p)
{
    const djs_dbm_type_t *type;
    struct stat st;
    apr_status_t rv;
    int shards;
    int fd = open(dbm->path, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);

    (void)p;
    if (fd < 0) {
        return errno;
    }
    rv = fstat(fd, &st) == 0 ? APR_SUCCESS : errno;
    if (rv == APR_SUCCESS && st.st_uid != geteuid()) {
        rv = APR_EACCES; /* files made here would be of the wrong owner */
    }
    if (rv == APR_SUCCESS) {
        rv = read_format(fd, &type, &shards);
    }
    close(fd);
    if (rv == APR_SUCCESS && !take_format(dbm, type, shards)) {
        rv = DJS_EINVALID;
    }
    return rv;
}
