/* A library to be preloaded (LD_PRELOAD): a disk that fails, lies, takes long, or a process that is killed at a chosen call.
 *
 * The file named by DISK_FAULT says what is to happen; it is read at each call, so that a test can change it:
 *
 *     CALL MATCH NTH ACTION      write incr.aof 3 kill       the third such call since this line was written
 *                                fdatasync incr.aof 1+ EIO   the first and all that follow
 *                                any /srv/data 1+ slow=200   each call, 200 ms more
 *     fork child 1+ ENOMEM                               there is no room for another process
 *
 * CALL: write, fsync, fdatasync, rename, unlink, ftruncate, "sync" (fsync and fdatasync) or "any" of these; fork. MATCH is a part of
 * the file's path ("child" of a fork). Actions: kill (before the call), kill-after, tear (half of it is written, then kill), short (half of it is
 * written, then ENOSPC), ENOSPC, EIO, slow (it takes a second), slow=MS. "kill" ends the process that loaded this, whichever of
 * its children makes the call. The file DISK_SYNCED gets a line "inode size" with each good fsync.
 * SPDX-License-Identifier: BSD-3-Clause */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

struct fault {
    char call[16], match[128], nth[16], action[16];
};

static const char   *control, *synced;
static pid_t         owner;
static atomic_long   calls;
static char          seen[256]; /* the line that is counted for */

__attribute__((constructor)) static void begin(void) {
    /* Copies: the process's title may be written over its environment. */
    if (getenv("DISK_FAULT")) control = strdup(getenv("DISK_FAULT"));
    if (getenv("DISK_SYNCED")) synced = strdup(getenv("DISK_SYNCED"));
    owner = getpid();
}

static bool read_fault(struct fault *fault) {
    char line[256] = "";
    if (!control) return false;
    int fd = (int)syscall(SYS_openat, AT_FDCWD, control, O_RDONLY | O_CLOEXEC);
    if (fd < 0) return false;
    long size = syscall(SYS_read, fd, line, sizeof line - 1);
    syscall(SYS_close, fd);
    if (size <= 0) return false;
    if (strcmp(line, seen) != 0) {
        strcpy(seen, line);
        calls = 0;
    }
    return sscanf(line, "%15s %127s %15s %15s", fault->call, fault->match, fault->nth, fault->action) == 4;
}

static bool is_meant(const char *wanted, const char *call) {
    return strcmp(wanted, call) == 0 || strcmp(wanted, "any") == 0 || (strcmp(wanted, "sync") == 0 && strstr(call, "sync"));
}

/* What is to happen to this call; "": nothing. */
static const char *action_for(const char *call, const char *path, struct fault *fault) {
    if (!read_fault(fault) || !is_meant(fault->call, call) || !strstr(path, fault->match)) return "";
    long count = ++calls, nth = atol(fault->nth);
    return count == nth || (count > nth && strchr(fault->nth, '+')) ? fault->action : "";
}

static void path_of(int fd, char *path) {
    char link[64];
    snprintf(link, sizeof link, "/proc/self/fd/%d", fd);
    ssize_t size = readlink(link, path, PATH_MAX - 1);
    path[size > 0 ? size : 0] = 0;
}

static void die(void) {
    kill(owner, SIGKILL);
    for (;;) pause();
}

static bool is(const char *action, const char *what) {
    return strcmp(action, what) == 0;
}

/* False: the call fails with errno. */
static bool before(const char *action) {
    if (is(action, "kill")) die();
    if (strncmp(action, "slow", 4) == 0) {
        long ms = action[4] ? atol(action + 5) : 1000;
        nanosleep(&(struct timespec){.tv_sec = ms / 1000, .tv_nsec = ms % 1000 * 1000000}, NULL);
    }
    errno = is(action, "ENOSPC") ? ENOSPC : is(action, "EIO") ? EIO : 0;
    return errno == 0;
}

#define REAL(name) ((__typeof__(&name))dlsym(RTLD_NEXT, #name))

ssize_t write(int fd, const void *data, size_t size) {
    struct fault fault;
    char path[PATH_MAX];
    static ssize_t (*real)(int, const void *, size_t);
    if (!real) real = REAL(write);
    if (!control) return real(fd, data, size);
    int reason = errno;
    path_of(fd, path);
    const char *action = action_for("write", path, &fault);
    if (!before(action)) return -1;
    errno = reason;
    if (is(action, "short") || is(action, "tear")) {
        ssize_t done = size > 1 ? real(fd, data, size / 2) : 0;
        if (is(action, "tear")) die();
        if (done > 0) return done; /* the next call is to fail: test with NTH+ */
        errno = ENOSPC;
        return -1;
    }
    ssize_t done = real(fd, data, size);
    if (is(action, "kill-after")) die();
    return done;
}

static void note_synced(const struct stat *status) {
    char line[64];
    if (!synced || !S_ISREG(status->st_mode)) return;
    int to = (int)syscall(SYS_openat, AT_FDCWD, synced, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0644);
    int size = snprintf(line, sizeof line, "%lu %lld\n", (unsigned long)status->st_ino, (long long)status->st_size);
    syscall(SYS_write, to, line, (size_t)size);
    syscall(SYS_close, to);
}

static int sync_with(const char *call, int (*real)(int), int fd) {
    struct fault fault;
    char path[PATH_MAX];
    struct stat status;
    path_of(fd, path);
    const char *action = action_for(call, path, &fault);
    if (!before(action)) return -1;
    /* What is written while it runs need not be on the disk. */
    bool is_known = fstat(fd, &status) == 0;
    int result = real(fd);
    if (result == 0 && is_known) note_synced(&status);
    if (is(action, "kill-after")) die();
    return result;
}

int fdatasync(int fd) {
    static int (*real)(int);
    if (!real) real = REAL(fdatasync);
    return sync_with("fdatasync", real, fd);
}

int fsync(int fd) {
    static int (*real)(int);
    if (!real) real = REAL(fsync);
    return sync_with("fsync", real, fd);
}

int rename(const char *from, const char *to) {
    struct fault fault;
    static int (*real)(const char *, const char *);
    if (!real) real = REAL(rename);
    const char *action = action_for("rename", from, &fault);
    if (!before(action)) return -1;
    int result = real(from, to);
    if (is(action, "kill-after")) die();
    return result;
}

int unlink(const char *path) {
    struct fault fault;
    static int (*real)(const char *);
    if (!real) real = REAL(unlink);
    const char *action = action_for("unlink", path, &fault);
    if (!before(action)) return -1;
    int result = real(path);
    if (is(action, "kill-after")) die();
    return result;
}

static int truncate_with(const char *call, int (*real)(int, off_t), int fd, off_t size) {
    struct fault fault;
    char path[PATH_MAX];
    path_of(fd, path);
    const char *action = action_for(call, path, &fault);
    if (!before(action)) return -1;
    int result = real(fd, size);
    if (is(action, "kill-after")) die();
    return result;
}

int ftruncate(int fd, off_t size) {
    static int (*real)(int, off_t);
    if (!real) real = REAL(ftruncate);
    return truncate_with("ftruncate", real, fd, size);
}

int ftruncate64(int fd, off64_t size) {
    static int (*real)(int, off64_t);
    if (!real) real = REAL(ftruncate64);
    return truncate_with("ftruncate", real, fd, size);
}

pid_t fork(void) {
    static pid_t (*real)(void);
    struct fault fault;
    if (!real) *(void **)&real = dlsym(RTLD_NEXT, "fork");
    if (is(action_for("fork", "child", &fault), "ENOMEM")) {
        errno = ENOMEM;
        return -1;
    }
    return real();
}
