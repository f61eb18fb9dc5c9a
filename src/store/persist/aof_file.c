#include "store/persist/aof_file.h"
#include "base/file.h"
#include "base/mem.h"

#include <errno.h>
#include <unistd.h>

enum { PIECE_BYTES = 256 * 1024, SIGNATURE_BYTES = 5 };

/*   buffer:  [ read before | front ... used | free ... capacity ]     `base` is the offset of the buffer's first byte */
struct aof_file {
    struct aof_reader reader;
    int               fd;
    bool              is_dump; /* as its name says */
    uint64_t          size, base;
    char             *buffer;
    size_t            front, used, capacity, taken;
};

enum aof_file_opened aof_file_open(struct aof_file **place, const char *path, struct error *err) {
    uint64_t size;
    int fd = file_open_to_read(path, &size);
    if (fd < 0 && errno == ENOENT) return AOF_FILE_ABSENT;
    if (fd < 0) {
        error_set(err, "can't open %s for reading: %s", path, strerror(errno));
        return AOF_FILE_FAILED;
    }
    struct aof_file *file = *place = mem_zalloc(sizeof *file);
    file->fd = fd;
    file->size = size;
    file->is_dump = strlen(path) > 4 && strcmp(path + strlen(path) - 4, ".rdb") == 0;
    file->capacity = PIECE_BYTES;
    file->buffer = mem_alloc(file->capacity);
    return AOF_FILE_OPEN;
}

void aof_file_close(struct aof_file **place) {
    struct aof_file *file = *place;
    if (!file) return;
    *place = NULL;
    aof_reader_fini(&file->reader);
    mem_free(file->buffer);
    CHECK(close(file->fd) == 0);
    mem_free(file);
}

uint64_t aof_file_size(const struct aof_file *file) {
    return file->size;
}

const struct aof_reader *aof_file_reader(const struct aof_file *file) {
    return &file->reader;
}

uint64_t aof_file_offset(const struct aof_file *file) {
    return file->base + file->front;
}

uint64_t aof_file_next_offset(const struct aof_file *file) {
    return file->base + file->front + file->taken;
}

uint64_t aof_file_wrong_offset(const struct aof_file *file) {
    return aof_file_offset(file) + file->reader.wrong_at;
}

bool aof_file_seek(struct aof_file *file, uint64_t offset, struct error *err) {
    if (lseek(file->fd, (off_t)offset, SEEK_SET) < 0) return error_set(err, "seeking failed: %s", strerror(errno));
    file->base = offset;
    file->front = file->used = file->taken = 0;
    aof_reader_restart(&file->reader);
    return true;
}

/* Reads on until `wanted` bytes lie from the front on, or the file ends. Only what is really there makes the buffer grow. */
static bool fill(struct aof_file *file, size_t wanted, struct error *err) {
    size_t there = file->used - file->front;
    memmove(file->buffer, file->buffer + file->front, there);
    file->base += file->front;
    file->front = 0;
    file->used = there;
    uint64_t read_up_to = file->base + there, left = file->size - MIN(file->size, read_up_to);
    if (wanted > file->capacity && wanted - there <= left) {
        file->capacity = MAX(wanted, file->capacity * 2);
        file->buffer = mem_realloc(file->buffer, file->capacity);
    }
    while (file->used < file->capacity) {
        ssize_t size = read(file->fd, file->buffer + file->used, file->capacity - file->used);
        if (size < 0 && errno == EINTR) continue;
        if (size < 0) return error_set(err, "reading failed at offset %llu: %s",
                                       (unsigned long long)(file->base + file->used), strerror(errno));
        if (size == 0) break;
        file->used += (size_t)size;
    }
    return true;
}

bool aof_file_has_preamble(struct aof_file *file, bool *has, struct error *err) {
    *has = false;
    /* Redis takes it for a set without data; but no dump has no bytes, so something has happened to it. */
    if (file->is_dump && !file->size)
        return error_set(err, "it is empty, which no dump file is: it was lost. Restore it from a backup or from a replica");
    if (!fill(file, SIGNATURE_BYTES, err)) return false;
    *has = slice_starts_with(slice_make(file->buffer, file->used), "REDIS");
    return true;
}

enum aof_file_result aof_file_next(struct aof_file *file, struct error *err) {
    struct aof_reader *reader = &file->reader;
    file->front += file->taken;
    file->taken = 0;
    while (true) {
        struct slice bytes = slice_make(file->buffer + file->front, file->used - file->front);
        switch (aof_reader_step(reader, bytes)) {
        case AOF_READ_COMMAND: file->taken = reader->taken; return AOF_FILE_COMMAND;
        case AOF_READ_REMARK: file->taken = reader->taken; return AOF_FILE_REMARK;
        case AOF_READ_BAD:
            error_set(err, "at offset %llu, in the command that begins at offset %llu: %s",
                      (unsigned long long)aof_file_wrong_offset(file), (unsigned long long)aof_file_offset(file), reader->wrong);
            return AOF_FILE_BAD;
        case AOF_READ_MORE: break;
        }
        if (!fill(file, reader->wanted, err)) return AOF_FILE_UNREADABLE;
        if (file->used >= reader->wanted) continue;
        if (!file->used) return AOF_FILE_END;
        error_set(err, "it ends at offset %llu, within the command that begins at offset %llu",
                  (unsigned long long)(file->base + file->used), (unsigned long long)aof_file_offset(file));
        return AOF_FILE_SHORT;
    }
}
