/* test_secret - a secret file is read when nobody else can know it (G12). */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <signal.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <fcntl.h>
#include <unistd.h>
#include <cmocka.h>
#include <apr_general.h>
#include <apr_strings.h>
#include "base/hex.h"
#include "base/status.h"
#include "codec/secret.h"

#define COUNT(a) (sizeof(a) / sizeof(*(a)))
#define MAKERS   16
#define HALF     "00112233445566778899aabbccddeeff"
#define GOOD     HALF "0123456789abcdefABCDEF9876543210"

static apr_pool_t *pool;
static char *dir; /* ours, empty before each test */
static const unsigned char zeros[DJS_SECRET_BYTES];

static const char *in_dir(const char *name)
{
    return apr_pstrcat(pool, dir, "/", name, NULL);
}

static const char *write_file(const char *name, const char *text, size_t len,
                              mode_t mode)
{
    const char *path = in_dir(name);
    int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC, 0600);

    assert_true(fd >= 0);
    assert_int_equal(write(fd, text, len), len);
    assert_int_equal(fchmod(fd, mode), 0);
    close(fd);
    return path;
}

static int make_dir(void **state)
{
    (void)state;
    dir = mkdtemp(apr_pstrdup(pool, "/tmp/test_secret.XXXXXX"));
    return dir ? 0 : -1;
}

static int remove_dir(void **state)
{
    (void)state;
    return system(apr_pstrcat(pool, "rm -rf ", dir, NULL));
}

/* What a file may hold, byte by byte; good is 1 when it is a secret. */
static const struct {
    const char *why, *text;
    size_t len;
    int good;
} contents[] = {
    { "64 hex digits", GOOD, 64, 1 },
    { "and LF", GOOD "\n", 65, 1 },
    { "and CR LF, from another system", GOOD "\r\n", 66, 1 },
    { "empty", "", 0, 0 },
    { "an end of line only", "\n", 1, 0 },
    { "62 digits: 31 bytes", GOOD, 62, 0 },
    { "63 digits, an odd number", GOOD, 63, 0 },
    { "65 digits, an odd number", GOOD "0", 65, 0 },
    { "66 digits", GOOD "00", 66, 0 },
    { "a BOM before", "\xef\xbb\xbf" GOOD, 67, 0 },
    { "a blank before", " " GOOD, 65, 0 },
    { "a blank after", GOOD " ", 65, 0 },
    { "a blank before LF", GOOD " \n", 66, 0 },
    { "CR alone", GOOD "\r", 65, 0 },
    { "two LF", GOOD "\n\n", 66, 0 },
    { "LF CR", GOOD "\n\r", 66, 0 },
    { "CR CR LF", GOOD "\r\r\n", 67, 0 },
    { "a second line", GOOD "\n" GOOD "\n", 130, 0 },
    { "a NUL after", GOOD "\0", 65, 0 },
    { "a NUL in the middle",
      "00112233445566778899aabbccddeef\0"
      "00112233445566778899aabbccddeeff",
      64, 0 },
    { "0x before",
      "0x112233445566778899aabbccddeeff0123456789abcdefABCDEF9876543210", 64,
      0 },
    { "a letter that is no digit",
      "0g112233445566778899aabbccddeeff0123456789abcdefABCDEF9876543210", 64,
      0 },
    { "32 raw bytes", GOOD, 32, 0 },
};

static void exactly_64_hex_digits_are_a_secret(void **state)
{
    unsigned char secret[DJS_SECRET_BYTES], want[DJS_SECRET_BYTES];

    (void)state;
    djs_hex_decode(want, sizeof(want), djs_bytes(GOOD));
    for (size_t i = 0; i < COUNT(contents); i++) {
        apr_status_t rv;

        memset(secret, 'x', sizeof(secret));
        rv = djs_secret_parse(secret,
                              djs_bytes_of(contents[i].text, contents[i].len));
        if (rv != (contents[i].good ? APR_SUCCESS : DJS_EINVALID)) {
            fail_msg("%s: %d", contents[i].why, rv);
        }
        assert_memory_equal(secret, contents[i].good ? want : zeros,
                            sizeof(secret));
    }
}

/* The sentence says where, why and what to do, and nothing of the content. */
static void assert_refused(const char *path, const char *why)
{
    unsigned char secret[DJS_SECRET_BYTES];
    const char *sentence;

    memset(secret, 'x', sizeof(secret));
    sentence = djs_secret_read(secret, path, pool);
    assert_memory_equal(secret, zeros, sizeof(secret));
    if (!sentence || !strstr(sentence, path) || !strstr(sentence, why)) {
        fail_msg("%s, not \"%s\"", sentence ? sentence : "read", why);
    }
    assert_null(strstr(sentence, "00112233"));
    assert_null(strchr(sentence, '\n'));
}

static void a_file_is_read_as_its_content_is_parsed(void **state)
{
    unsigned char secret[DJS_SECRET_BYTES], want[DJS_SECRET_BYTES];

    (void)state;
    djs_hex_decode(want, sizeof(want), djs_bytes(GOOD));
    for (size_t i = 0; i < COUNT(contents); i++) {
        const char *path =
            write_file("secret", contents[i].text, contents[i].len, 0600);

        if (contents[i].good) {
            assert_null(djs_secret_read(secret, path, pool));
            assert_memory_equal(secret, want, sizeof(secret));
        }
        else {
            assert_refused(path, "does not hold exactly 64 hex digits");
        }
    }
}

static void a_file_without_end_is_not_read_to_it(void **state)
{
    const char *path = write_file("secret", GOOD, 64, 0600);

    (void)state;
    assert_int_equal(truncate(path, (off_t)1 << 40), 0);
    assert_refused(path, "does not hold exactly 64 hex digits");
}

/* Nobody but the owner, who may not even write; no other bit at all. */
static void only_modes_0600_and_0400_are_read(void **state)
{
    unsigned char secret[DJS_SECRET_BYTES];

    (void)state;
    for (mode_t mode = 0; mode <= 07777; mode++) {
        const char *path = write_file("secret", GOOD, 64, mode);

        if (mode == 0600 || mode == 0400) {
            assert_null(djs_secret_read(secret, path, pool));
        }
        else if (geteuid() == 0) {
            assert_refused(path, apr_psprintf(pool,
                                              "mode %04o, not 0600 or "
                                              "0400: `chmod 600",
                                              (unsigned)mode));
        }
        unlink(path);
    }
}

static void what_is_no_regular_file_is_refused(void **state)
{
    const char *file = write_file("secret", GOOD, 64, 0600);

    (void)state;
    assert_refused(in_dir("missing"), "openssl rand -hex 32");
    assert_refused(in_dir("no/where"), "does not exist");
    assert_refused(in_dir("secret/below"), "can not be read");
    assert_int_equal(symlink(file, in_dir("link")), 0);
    assert_refused(in_dir("link"), "symbolic link");
    assert_int_equal(symlink("/nowhere", in_dir("dangling")), 0);
    assert_refused(in_dir("dangling"), "symbolic link");
    assert_int_equal(mkfifo(in_dir("fifo"), 0600), 0);
    assert_refused(in_dir("fifo"), "not a regular file");
    assert_int_equal(mkdir(in_dir("dir"), 0600), 0);
    assert_refused(in_dir("dir"), "not a regular file");
    assert_refused("/dev/null", "not a regular file");
}

static void a_second_hard_link_is_refused(void **state)
{
    const char *path = write_file("secret", GOOD, 64, 0600);

    (void)state;
    assert_int_equal(link(path, in_dir("other")), 0);
    assert_refused(path, "2 hard links");
}

/* Only root can give files away, so only root can run this. */
static void a_file_of_another_user_is_refused(void **state)
{
    const char *path = write_file("secret", GOOD, 64, 0600);

    (void)state;
    if (geteuid() != 0) {
        skip();
    }
    assert_int_equal(chown(path, 12345, 0), 0);
    assert_refused(path, "belongs to user 12345");
}

static apr_status_t no_random(unsigned char *out, apr_size_t len)
{
    memset(out, 0, len);
    return DJS_ERANDOM;
}

static int files_in_dir(void)
{
    FILE *list = popen(apr_pstrcat(pool, "ls -A ", dir, " | wc -l", NULL), "r");
    int count = -1;

    assert_int_equal(fscanf(list, "%d", &count), 1);
    pclose(list);
    return count;
}

static void a_made_secret_can_be_read_and_stays(void **state)
{
    unsigned char first[DJS_SECRET_BYTES], second[DJS_SECRET_BYTES];
    const char *path = in_dir("secret");
    struct stat st;
    mode_t mask;

    (void)state;
    mask = umask(0777); /* an odd umask must not matter */
    assert_null(djs_secret_make(path, djs_random, pool));
    umask(mask);
    assert_null(djs_secret_read(first, path, pool));
    assert_memory_not_equal(first, zeros, sizeof(first));
    assert_int_equal(lstat(path, &st), 0);
    assert_int_equal(st.st_mode, S_IFREG | 0600);
    assert_int_equal(st.st_nlink, 1);

    assert_null(djs_secret_make(path, djs_random, pool));
    assert_null(djs_secret_read(second, path, pool));
    assert_memory_equal(first, second, sizeof(first));
    assert_int_equal(files_in_dir(), 1);
}

static void what_lies_there_is_not_replaced(void **state)
{
    const char *path = write_file("secret", "keep", 4, 0644);

    (void)state;
    assert_null(djs_secret_make(path, djs_random, pool));
    assert_refused(path, "mode 0644");
    assert_int_equal(symlink("/nowhere", in_dir("link")), 0);
    assert_null(djs_secret_make(in_dir("link"), djs_random, pool));
    assert_refused(in_dir("link"), "symbolic link");
    assert_int_equal(files_in_dir(), 2);
}

/* G16: a failing generator, a directory that is not there. */
static void a_failure_leaves_no_file_and_says_why(void **state)
{
    const char *sentence;

    (void)state;
    sentence = djs_secret_make(in_dir("secret"), no_random, pool);
    assert_non_null(strstr(sentence, "the random generator fails"));
    assert_int_equal(files_in_dir(), 0);
    sentence = djs_secret_make(in_dir("no/secret"), djs_random, pool);
    assert_non_null(strstr(sentence, "can not be made"));
    assert_non_null(strstr(sentence, in_dir("no/secret")));
}

/* G16: what can not be written whole is not left behind in part. */
static void a_full_disk_leaves_no_file_and_says_why(void **state)
{
    struct rlimit none, before;
    const char *sentence;

    (void)state;
    getrlimit(RLIMIT_FSIZE, &before);
    none = before;
    none.rlim_cur = 0;
    signal(SIGXFSZ, SIG_IGN);
    setrlimit(RLIMIT_FSIZE, &none);
    sentence = djs_secret_make(in_dir("secret"), djs_random, pool);
    setrlimit(RLIMIT_FSIZE, &before);
    signal(SIGXFSZ, SIG_DFL);
    assert_non_null(sentence);
    assert_non_null(strstr(sentence, "can not be made"));
    assert_int_equal(files_in_dir(), 0);
}

/* Another maker has linked the file and not yet removed its own name. */
static void a_maker_waits_until_the_file_has_one_name(void **state)
{
    unsigned char secret[DJS_SECRET_BYTES];
    const char *path = write_file("secret", GOOD, 64, 0600);
    const char *beside = in_dir("secret.0123456789abcdef");

    (void)state;
    assert_int_equal(link(path, beside), 0);
    if (fork() == 0) {
        apr_sleep(50 * 1000);
        _exit(unlink(beside));
    }
    assert_null(djs_secret_make(path, djs_random, pool));
    assert_null(djs_secret_read(secret, path, pool));
    wait(NULL);
}

static void make_and_tell(const char *path, int fd)
{
    unsigned char secret[DJS_SECRET_BYTES];

    if (djs_secret_make(path, djs_random, pool) ||
        djs_secret_read(secret, path, pool) ||
        write(fd, secret, sizeof(secret)) != sizeof(secret)) {
        _exit(1);
    }
    _exit(0);
}

static void servers_that_start_at_once_agree_on_one_secret(void **state)
{
    unsigned char secrets[MAKERS][DJS_SECRET_BYTES];
    int fds[2], status;

    (void)state;
    for (int round = 0; round < 10; round++) {
        const char *path = in_dir(apr_itoa(pool, round));

        assert_int_equal(pipe(fds), 0);
        for (int i = 0; i < MAKERS; i++) {
            if (fork() == 0) {
                make_and_tell(path, fds[1]);
            }
        }
        for (int i = 0; i < MAKERS; i++) {
            wait(&status);
            assert_int_equal(status, 0);
            assert_int_equal(read(fds[0], secrets[i], DJS_SECRET_BYTES),
                             DJS_SECRET_BYTES);
            assert_memory_equal(secrets[0], secrets[i], DJS_SECRET_BYTES);
        }
        close(fds[0]);
        close(fds[1]);
    }
    assert_int_equal(files_in_dir(), 10);
}

/* The first line of a file, as SECRET_KEY of a Django site. */
static const struct {
    const char *text, *line; /* NULL: refused */
} lines[] = {
    { "a key\n", "a key" },
    { "a key", "a key" },
    { "a key\r\nsecond", "a key" },
    { " a key \n\n", " a key " },
    { "cl\xc3\xa9\n", "cl\xc3\xa9" },
    { "k\r", "k\r" },
    { "", NULL },
    { "\nk", NULL },
    { "\r\n", NULL },
};

static void a_first_line_is_read_as_it_stands(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT(lines); i++) {
        const char *path =
            write_file("line", lines[i].text, strlen(lines[i].text), 0600);
        djs_bytes_t line;
        const char *said = djs_secret_read_line(&line, path, pool);

        if (lines[i].line) {
            assert_null(said);
            assert_true(djs_bytes_equal(line, djs_bytes(lines[i].line)));
        }
        else {
            assert_non_null(strstr(said, "the first line has no bytes"));
            assert_int_equal(line.len, 0);
        }
    }
}

static void a_first_line_is_kept_from_others_and_bounded(void **state)
{
    char *text = apr_pcalloc(pool, DJS_SECRET_LINE + 3);
    djs_bytes_t line;

    (void)state;
    assert_non_null(strstr(
        djs_secret_read_line(&line, write_file("line", "k", 1, 0644), pool),
        "mode 0644"));
    memset(text, 'k', DJS_SECRET_LINE + 1);
    text[DJS_SECRET_LINE] = '\n';
    assert_null(djs_secret_read_line(
        &line, write_file("long", text, DJS_SECRET_LINE + 1, 0600), pool));
    assert_int_equal(line.len, DJS_SECRET_LINE);
    text[DJS_SECRET_LINE] = 'k';
    assert_non_null(strstr(
        djs_secret_read_line(
            &line, write_file("long", text, DJS_SECRET_LINE + 1, 0600), pool),
        "too many bytes"));
}

#define WITH_DIR(test)                                                         \
    cmocka_unit_test_setup_teardown(test, make_dir, remove_dir)

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(exactly_64_hex_digits_are_a_secret),
        WITH_DIR(a_file_is_read_as_its_content_is_parsed),
        WITH_DIR(a_file_without_end_is_not_read_to_it),
        WITH_DIR(a_first_line_is_read_as_it_stands),
        WITH_DIR(a_first_line_is_kept_from_others_and_bounded),
        WITH_DIR(only_modes_0600_and_0400_are_read),
        WITH_DIR(what_is_no_regular_file_is_refused),
        WITH_DIR(a_second_hard_link_is_refused),
        WITH_DIR(a_file_of_another_user_is_refused),
        WITH_DIR(a_made_secret_can_be_read_and_stays),
        WITH_DIR(what_lies_there_is_not_replaced),
        WITH_DIR(a_failure_leaves_no_file_and_says_why),
        WITH_DIR(a_full_disk_leaves_no_file_and_says_why),
        WITH_DIR(a_maker_waits_until_the_file_has_one_name),
        WITH_DIR(servers_that_start_at_once_agree_on_one_secret),
    };
    int failures;

    apr_initialize();
    apr_pool_create(&pool, NULL);
    failures = cmocka_run_group_tests_name("secret", tests, NULL, NULL);
    apr_pool_destroy(pool);
    apr_terminate();
    return failures;
}
