#include "base/file.h"

#include "base/check.h"
#include "base/mem.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

static bool write_all(int fd, struct slice contents) {
    while (contents.size > 0) {
        ssize_t written = write(fd, contents.data, contents.size);
        if (written < 0 && errno == EINTR) continue;
        if (written <= 0) return false;
        contents.data += written;
        contents.size -= (size_t)written;
    }
    return true;
}

/* The new file looks like the old one to everybody. */
static bool copy_owner(int fd, const char *path, unsigned mode) {
    struct stat old;
    if (stat(path, &old) != 0) return fchmod(fd, (mode_t)mode) == 0;
    if (fchown(fd, old.st_uid, old.st_gid) != 0 && fchown(fd, (uid_t)-1, old.st_gid) != 0)
        old.st_mode &= (mode_t)~077; /* somebody else's file: at least nobody gets to read more than before */
    return fchmod(fd, old.st_mode & 07777) == 0;
}

bool file_sync_directory(const char *path) {
    const char *slash = strrchr(path, '/');
    char *directory = slash ? mem_strndup(path, slash == path ? 1 : (size_t)(slash - path)) : mem_strdup(".");
    int fd = open(directory, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    bool good = fd >= 0 && (fsync(fd) == 0 || errno == EINVAL); /* some file systems have nothing to sync */
    int reason = errno;
    if (fd >= 0) close(fd);
    errno = reason;
    mem_free(directory);
    return good;
}

bool file_replace(const char *path, struct slice contents, unsigned mode, struct error *err) {
    char real[PATH_MAX];
    char *target = realpath(path, real) ? real : NULL;
    char *temporary = mem_printf("%s.tmp-%ld", target ? target : path, (long)getpid());
    int fd = open(temporary, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0600);
    if (fd < 0 && errno == EEXIST && unlink(temporary) == 0) /* left behind by a crash of a process of our number */
        fd = open(temporary, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0600);
    bool good = fd >= 0 || error_set(err, "%s cannot be made: %s", temporary, strerror(errno));
    if (good && !(write_all(fd, contents) && copy_owner(fd, target ? target : path, mode) && fsync(fd) == 0))
        good = error_set(err, "%s cannot be written: %s", temporary, strerror(errno));
    if (fd >= 0 && close(fd) != 0 && good)
        good = error_set(err, "%s cannot be written: %s", temporary, strerror(errno));
    if (good && rename(temporary, target ? target : path) != 0)
        good = error_set(err, "%s cannot be renamed to %s: %s", temporary, target ? target : path, strerror(errno));
    if (!good && fd >= 0) unlink(temporary);
    if (good && !file_sync_directory(target ? target : path))
        good = error_set(err, "the directory of %s cannot be synced: %s", path, strerror(errno));
    mem_free(temporary);
    return good;
}

int file_open_to_read(const char *path, uint64_t *size) {
    struct stat status;
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0) return -1;
    if (fstat(fd, &status) != 0 || (!S_ISREG(status.st_mode) && (errno = EINVAL))) {
        int reason = errno;
        CHECK(close(fd) == 0);
        errno = reason;
        return -1;
    }
    (void)posix_fadvise(fd, 0, 0, POSIX_FADV_SEQUENTIAL);
    *size = (uint64_t)status.st_size;
    return fd;
}
