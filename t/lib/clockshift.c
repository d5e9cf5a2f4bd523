/* clockshift - a time of day that a test can move: preloaded into httpd, it
 * adds the seconds that the file named by DJS_CLOCK holds. The steady clock
 * stays as it is, as it does when an administrator sets the date. */
#include <dlfcn.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/time.h>
#include <time.h>
#include <unistd.h>

static volatile long long *shift;

__attribute__((constructor)) static void map_file(void)
{
    const char *path = getenv("DJS_CLOCK");
    int fd = path ? open(path, O_RDONLY | O_CLOEXEC) : -1;
    void *at = fd < 0 ? MAP_FAILED
                      : mmap(NULL, sizeof *shift, PROT_READ, MAP_SHARED, fd, 0);

    shift = at == MAP_FAILED ? NULL : at;
    if (fd >= 0) {
        close(fd);
    }
}

static long long shifted(void)
{
    return shift ? *shift : 0;
}

int gettimeofday(struct timeval *restrict tv, void *restrict tz)
{
    static int (*real)(struct timeval *, void *);
    int rc;

    if (!real) {
        real = dlsym(RTLD_NEXT, "gettimeofday");
    }
    rc = real(tv, tz);
    tv->tv_sec += (time_t)shifted();
    return rc;
}

int clock_gettime(clockid_t clock, struct timespec *ts)
{
    static int (*real)(clockid_t, struct timespec *);
    int rc;

    if (!real) {
        real = dlsym(RTLD_NEXT, "clock_gettime");
    }
    rc = real(clock, ts);
    if (clock == CLOCK_REALTIME) {
        ts->tv_sec += (time_t)shifted();
    }
    return rc;
}

time_t time(time_t *at)
{
    struct timeval tv;

    gettimeofday(&tv, NULL);
    if (at) {
        *at = tv.tv_sec;
    }
    return tv.tv_sec;
}
