#include "store/persist/rdb_file.h"
#include "base/crc64.h"
#include "base/file.h"
#include "base/mem.h"
#include "store/persist/rdb_save.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <unistd.h>

enum { OUT_BYTES = 256 * 1024, SYNC_BYTES = 4 * 1024 * 1024, PIECE_BYTES = 256 * 1024 };

/* ---- saving ---- */

struct sink {
    int      fd;
    int      failure; /* errno of the first write that failed */
    bool     checksum, incremental_sync;
    uint64_t crc, written, synced;
};

/* The kernel begins to write early, so that the sync at the end does not have to wait for everything. */
static void sync_some(struct sink *sink) {
    if (!sink->incremental_sync || sink->written - sink->synced < SYNC_BYTES) return;
    if (sync_file_range(sink->fd, (off_t)sink->synced, (off_t)(sink->written - sink->synced),
                        SYNC_FILE_RANGE_WAIT_BEFORE | SYNC_FILE_RANGE_WRITE) != 0 &&
        errno != ENOSYS && errno != ESPIPE && errno != EINVAL)
        sink->failure = errno;
    sink->synced = sink->written;
}

static void write_out(void *context, struct slice bytes) {
    struct sink *sink = context;
    if (sink->failure) return;
    if (sink->checksum) sink->crc = crc64_update(sink->crc, bytes);
    while (bytes.size) {
        ssize_t size = write(sink->fd, bytes.data, bytes.size);
        if (size < 0 && errno == EINTR) continue;
        if (size <= 0) {
            sink->failure = size < 0 ? errno : EIO;
            return;
        }
        bytes.data += size;
        bytes.size -= (size_t)size;
        sink->written += (uint64_t)size;
    }
    sync_some(sink);
}

static void temporary_name(char *name, size_t size, long pid) {
    snprintf(name, size, "temp-%ld.rdb", pid);
}

void rdb_file_remove_temporary(long pid) {
    char name[64];
    temporary_name(name, sizeof name, pid);
    (void)unlink(name);
}

struct source {
    rdb_file_writer *write;
    void            *context;
    bool             is_dump; /* it ends with a checksum */
};

/* False: `*what` and errno. */
static bool write_file(int fd, const struct source *source, const struct rdb_file_options *options, const char **what) {
    struct sink sink = {.fd = fd, .checksum = options->checksum, .incremental_sync = options->incremental_sync};
    struct rdb_out out;
    rdb_out_init(&out, OUT_BYTES, options->compress);
    out.drain = write_out;
    out.context = &sink;
    bool good = source->write(source->context, &out);
    rdb_out_flush(&out);
    if (source->is_dump) rdb_out_u64(&out, sink.crc); /* 0 where none is wanted */
    rdb_out_flush(&out);
    rdb_out_fini(&out);
    *what = good ? "write" : "finish";
    errno = good ? sink.failure : EINTR;
    if (errno) return false;
    *what = "sync";
    return fsync(fd) == 0;
}

static bool save_file(const char *name, const struct source *source, const struct rdb_file_options *options, struct error *err) {
    char temporary[64];
    const char *what = "open";
    temporary_name(temporary, sizeof temporary, (long)getpid());
    int fd = open(temporary, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW, 0644);
    bool good = fd >= 0 && write_file(fd, source, options, &what);
    int reason = errno;
    if (fd >= 0 && close(fd) != 0 && good) good = false, what = "close", reason = errno;
    if (good && rename(temporary, name) != 0) good = false, what = "rename", reason = errno;
    if (good && !file_sync_directory(name)) good = false, what = "sync the directory of", reason = errno;
    if (good) return true;
    if (fd >= 0) (void)unlink(temporary);
    return error_set(err, "can't %s the temporary %sfile %s for %s: %s", what, source->is_dump ? "dump " : "", temporary, name, strerror(reason));
}

struct dump {
    struct databases      *databases;
    const struct rdb_save *save;
};

static bool write_dump(void *context, struct rdb_out *out) {
    const struct dump *dump = context;
    return rdb_save_all(out, dump->databases, dump->save);
}

bool rdb_file_save(const char *name, struct databases *databases, const struct rdb_save *save,
                   const struct rdb_file_options *options, struct error *err) {
    struct dump dump = {databases, save};
    return save_file(name, &(struct source){write_dump, &dump, true}, options, err);
}

bool rdb_file_save_other(const char *name, rdb_file_writer *write, void *context, bool incremental_sync, struct error *err) {
    struct rdb_file_options options = {.incremental_sync = incremental_sync};
    return save_file(name, &(struct source){write, context, false}, &options, err);
}

/* ---- loading ---- */

struct rdb_file {
    struct rdb_loader *loader;
    int                fd;
    uint64_t           size, read_bytes;
    char              *buffer;
    size_t             capacity, used, wanted;
};

enum rdb_file_opened rdb_file_open(struct rdb_file **place, const char *name, struct rdb_loader **loader, struct error *err) {
    uint64_t size;
    int fd = file_open_to_read(name, &size);
    if (fd < 0 && errno == ENOENT) return RDB_FILE_ABSENT;
    if (fd < 0) {
        error_set(err, "can't open the dump file %s: %s", name, strerror(errno));
        return RDB_FILE_FAILED;
    }
    struct rdb_file *file = mem_zalloc(sizeof *file);
    *place = file;
    file->loader = *loader;
    *loader = NULL;
    file->fd = fd;
    file->size = size;
    file->capacity = PIECE_BYTES;
    file->buffer = mem_alloc(file->capacity);
    return RDB_FILE_OPEN;
}

void rdb_file_close(struct rdb_file **place) {
    struct rdb_file *file = *place;
    if (!file) return;
    *place = NULL;
    rdb_loader_free(&file->loader);
    mem_free(file->buffer);
    CHECK(close(file->fd) == 0);
    mem_free(file);
}

uint64_t rdb_file_size(const struct rdb_file *file) {
    return file->size;
}

uint64_t rdb_file_offset(const struct rdb_file *file) {
    return rdb_loader_offset(file->loader);
}

const struct rdb_loader *rdb_file_loader(const struct rdb_file *file) {
    return file->loader;
}

/* The file may have grown since, but only what is really there makes the buffer grow. False: it is too short. */
static bool make_room(struct rdb_file *file, struct error *err) {
    uint64_t left = file->size - MIN(file->size, file->read_bytes);
    if (file->wanted > file->used && file->wanted - file->used > left)
        return error_set(err, "it ends after %llu bytes, within something that needs %llu more",
                         (unsigned long long)file->size, (unsigned long long)(file->wanted - file->used - left));
    if (file->wanted <= file->capacity) return true;
    file->capacity = MAX(file->wanted, MIN(file->capacity * 2, file->used + (size_t)left));
    file->buffer = mem_realloc(file->buffer, file->capacity);
    return true;
}

/* False: it failed. */
static bool fill(struct rdb_file *file, struct error *err) {
    if (!make_room(file, err)) return false;
    while (file->used < file->capacity) {
        ssize_t size = read(file->fd, file->buffer + file->used, file->capacity - file->used);
        if (size < 0 && errno == EINTR) continue;
        if (size < 0) return error_set(err, "reading failed: %s", strerror(errno));
        if (size == 0) break;
        file->used += (size_t)size;
        file->read_bytes += (uint64_t)size;
    }
    if (file->used >= file->wanted && file->used) return true;
    return error_set(err, "it ends after %llu bytes, before its end", (unsigned long long)file->read_bytes);
}

enum rdb_result rdb_file_step(struct rdb_file *file, struct error *err) {
    if (!fill(file, err)) {
        struct bytes what = {0};
        rdb_loader_describe(file->loader, &what);
        error_prefix(err, "at offset %llu, reading %s", (unsigned long long)rdb_file_offset(file), bytes_text(&what));
        bytes_fini(&what);
        return RDB_BAD;
    }
    struct rdb_in in = {.at = file->buffer, .end = file->buffer + file->used};
    enum rdb_result result = rdb_loader_feed(file->loader, &in, err);
    size_t left = rdb_in_left(&in);
    memmove(file->buffer, in.at, left);
    file->used = left;
    file->wanted = result == RDB_MORE ? in.wanted : 0;
    return result;
}
