/* Stands between a process and the syncs of write-ahead logs, by LD_PRELOAD.
 *
 * In the directory that SYNC_GATE names, a file `hold` makes each sync of a file whose name
 * ends in -wal wait until it is gone, and a file `fail` makes it fail with EIO. A sync that
 * begins leaves a file `reached`. Every other file is synced as ever. */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

static void in_gate(char *path, size_t size, const char *name) {
    const char *gate = getenv("SYNC_GATE");
    snprintf(path, size, "%s/%s", gate ? gate : "/nowhere", name);
}

static int there(const char *name) {
    char path[4096];
    in_gate(path, sizeof path, name);
    return access(path, F_OK) == 0;
}

static int is_log(int fd) {
    char link[64], target[4096];
    snprintf(link, sizeof link, "/proc/self/fd/%d", fd);
    ssize_t length = readlink(link, target, sizeof target);
    return length > 4 && memcmp(target + length - 4, "-wal", 4) == 0;
}

static int through_the_gate(int fd, long call) {
    if (is_log(fd)) {
        char path[4096];
        in_gate(path, sizeof path, "reached");
        int reached = open(path, O_CREAT | O_WRONLY | O_CLOEXEC, 0600);
        if (reached >= 0) close(reached);
        struct timespec pause = {0, 1000000};
        while (there("hold")) nanosleep(&pause, NULL);
        if (there("fail")) {
            errno = EIO;
            return -1;
        }
    }
    return (int)syscall(call, fd);
}

int fdatasync(int fd) { return through_the_gate(fd, SYS_fdatasync); }

int fsync(int fd) { return through_the_gate(fd, SYS_fsync); }
