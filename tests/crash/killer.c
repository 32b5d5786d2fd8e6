/* Loaded before the C library: the process kills itself before or after the nth call that makes a file durable, or before the nth
 * that writes into one at a place, or in the middle of a plain write of so many bytes; or the disk is full from the nth write on.
 * Which and when is said by the environment. */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <unistd.h>

static void pass(atomic_int *passed, const char *name) {
    const char *armed = getenv(name);
    if (armed && atomic_fetch_add(passed, 1) + 1 == atoi(armed)) {
        kill(getpid(), SIGKILL);
        pause();
    }
}

static int synced(const char *name, int fd) {
    static atomic_int before, after;
    int (*next)(int) = (int (*)(int))dlsym(RTLD_NEXT, name);
    pass(&before, "KILL_BEFORE_SYNC");
    int done = next(fd);
    pass(&after, "KILL_AFTER_SYNC");
    return done;
}

int fsync(int fd) { return synced("fsync", fd); }
int fdatasync(int fd) { return synced("fdatasync", fd); }

static ssize_t written(const char *name, int fd, const void *bytes, size_t count, off_t at) {
    static atomic_int before;
    ssize_t (*next)(int, const void *, size_t, off_t) = (ssize_t (*)(int, const void *, size_t, off_t))dlsym(RTLD_NEXT, name);
    pass(&before, "KILL_BEFORE_WRITE");
    static atomic_int room;
    const char *full = getenv("FULL_FROM_WRITE");
    if (full && atomic_fetch_add(&room, 1) + 1 >= atoi(full)) {
        errno = ENOSPC;
        return -1;
    }
    return next(fd, bytes, count, at);
}

ssize_t pwrite(int fd, const void *bytes, size_t count, off_t at) { return written("pwrite", fd, bytes, count, at); }
ssize_t pwrite64(int fd, const void *bytes, size_t count, off_t at) { return written("pwrite64", fd, bytes, count, at); }

ssize_t write(int fd, const void *bytes, size_t count) {
    ssize_t (*next)(int, const void *, size_t) = (ssize_t (*)(int, const void *, size_t))dlsym(RTLD_NEXT, "write");
    const char *armed = getenv("KILL_IN_WRITE_OF");
    if (armed && count == (size_t)atol(armed)) {
        next(fd, bytes, count / 2);
        kill(getpid(), SIGKILL);
        pause();
    }
    return next(fd, bytes, count);
}
