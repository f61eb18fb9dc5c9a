#include "store/persist/aof_manifest_file.h"
#include "base/file.h"
#include "base/mem.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

enum { MANIFEST_BYTES_MAX = AOF_FILES_MAX * AOF_LINE_MAX };

char *aof_manifest_file_path(const char *folder, const char *name) {
    return mem_printf("%s/%s", folder, name);
}

static char *manifest_path(const char *folder, const char *stem) {
    struct bytes name = {0};
    aof_manifest_print_name(&name, stem);
    char *path = aof_manifest_file_path(folder, bytes_text(&name));
    bytes_fini(&name);
    return path;
}

bool aof_manifest_file_make_folder(const char *folder, struct error *err) {
    if (mkdir(folder, 0755) == 0) {
        return file_sync_directory(folder) || error_set(err, "can't sync the directory that %s is in: %s", folder, strerror(errno));
    }
    struct stat status;
    if (errno == EEXIST && stat(folder, &status) == 0 && S_ISDIR(status.st_mode)) return true;
    return error_set(err, "can't make the folder %s for append-only files: %s", folder, strerror(errno));
}

static bool read_all(int fd, struct bytes *out) {
    char piece[16 * 1024];
    while (out->size <= MANIFEST_BYTES_MAX) {
        ssize_t size = read(fd, piece, sizeof piece);
        if (size < 0 && errno == EINTR) continue;
        if (size <= 0) return size == 0;
        bytes_add(out, piece, (size_t)size);
    }
    errno = EFBIG;
    return false;
}

struct aof_manifest *aof_manifest_file_read(const char *folder, const char *stem, bool *is_there, struct error *err) {
    char *path = manifest_path(folder, stem);
    struct bytes text = {0};
    struct aof_manifest *manifest = NULL;
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    *is_there = fd >= 0;
    if (fd < 0 && errno == ENOENT) {
        manifest = aof_manifest_new();
    } else if (fd < 0 || !read_all(fd, &text)) {
        error_set(err, "can't read the manifest %s: %s", path, strerror(errno));
    } else {
        manifest = aof_manifest_parse(bytes_slice(&text), err);
        if (!manifest) error_prefix(err, "the manifest %s is damaged", path);
    }
    if (fd >= 0) CHECK(close(fd) == 0);
    bytes_fini(&text);
    mem_free(path);
    return manifest;
}

bool aof_manifest_file_write(const char *folder, const char *stem, const struct aof_manifest *manifest, struct error *err) {
    char *path = manifest_path(folder, stem);
    struct bytes text = {0};
    aof_manifest_print(manifest, &text);
    bool good = file_replace(path, bytes_slice(&text), 0644, err);
    bytes_fini(&text);
    mem_free(path);
    return good;
}

bool aof_manifest_file_size(const char *folder, const char *name, uint64_t *bytes) {
    char *path = aof_manifest_file_path(folder, name);
    struct stat status;
    bool good = stat(path, &status) == 0;
    int reason = errno;
    mem_free(path);
    errno = reason;
    if (good) *bytes = (uint64_t)status.st_size;
    return good;
}
