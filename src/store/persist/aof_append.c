#include "store/persist/aof_append.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

bool aof_append_open(struct aof_append *file, const char *path, bool empties, struct error *err) {
    struct stat status;
    int fd = open(path, O_WRONLY | O_CREAT | O_CLOEXEC | (empties ? O_TRUNC : 0), 0644);
    if (fd < 0 || fstat(fd, &status) != 0 || lseek(fd, 0, SEEK_END) < 0) {
        error_set(err, "can't open the append-only file %s: %s", path, strerror(errno));
        if (fd >= 0) close(fd);
        return false;
    }
    *file = (struct aof_append){.fd = fd, .size = (uint64_t)status.st_size};
    return true;
}

bool aof_append_cut(struct aof_append *file, uint64_t size) {
    int result;
    do result = ftruncate(file->fd, (off_t)size);
    while (result != 0 && errno == EINTR);
    if (result != 0 || lseek(file->fd, (off_t)size, SEEK_SET) < 0) return false;
    file->size = size;
    return true;
}

/* How much was written; `*reason`: errno where that is not all. */
static size_t write_all(int fd, struct slice bytes, int *reason) {
    size_t done = 0;
    while (done < bytes.size) {
        ssize_t size = write(fd, bytes.data + done, bytes.size - done);
        if (size < 0 && errno == EINTR) continue;
        if (size <= 0) {
            *reason = size < 0 ? errno : ENOSPC;
            break;
        }
        done += (size_t)size;
    }
    return done;
}

bool aof_append_write(struct aof_append *file, struct slice bytes, size_t *taken, struct error *err) {
    int reason = 0;
    size_t done = write_all(file->fd, bytes, &reason);
    uint64_t before = file->size;
    *taken = done;
    if (!reason) {
        file->size += done;
        return true;
    }
    error_set(err, "wrote %zu of %zu bytes: %s", done, bytes.size, strerror(reason));
    if (done && aof_append_cut(file, before)) *taken = 0;
    else file->size += done; /* it can't be cut off: what is missing will be written behind it */
    errno = reason;
    return false;
}
