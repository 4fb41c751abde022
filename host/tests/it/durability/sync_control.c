/* Delays or fails the syncs of write-ahead logs. Loaded into a process by LD_PRELOAD.
 *
 * The library reads and writes files in the directory that SYNC_CONTROL names, and affects only
 * files whose names end in -wal. When a sync begins, the library creates the file `reached`. While
 * the file `hold` exists, the sync waits. If the file `fail` exists, the sync fails with EIO. */
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

static void control_path(char *path, size_t size, const char *name) {
    const char *directory = getenv("SYNC_CONTROL");
    snprintf(path, size, "%s/%s", directory ? directory : "/nowhere", name);
}

static int exists(const char *name) {
    char path[4096];
    control_path(path, sizeof path, name);
    return access(path, F_OK) == 0;
}

static int is_log(int fd) {
    char link[64], target[4096];
    snprintf(link, sizeof link, "/proc/self/fd/%d", fd);
    ssize_t length = readlink(link, target, sizeof target);
    return length > 4 && memcmp(target + length - 4, "-wal", 4) == 0;
}

static int controlled_sync(int fd, long call) {
    if (is_log(fd)) {
        char path[4096];
        control_path(path, sizeof path, "reached");
        int reached = open(path, O_CREAT | O_WRONLY | O_CLOEXEC, 0600);
        if (reached >= 0) close(reached);
        struct timespec pause = {0, 1000000};
        while (exists("hold")) nanosleep(&pause, NULL);
        if (exists("fail")) {
            errno = EIO;
            return -1;
        }
    }
    return (int)syscall(call, fd);
}

int fdatasync(int fd) { return controlled_sync(fd, SYS_fdatasync); }

int fsync(int fd) { return controlled_sync(fd, SYS_fsync); }
