#include "sentinel/driver/state_file.h"
#include "base/clock.h"
#include "base/mem.h"
#include "base/table.h"
#include "base/worker.h"
#include "sentinel/driver/state_text.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

enum {
    REWRITE_MIN_BYTES = 64 * 1024, /* appended bytes before the file is written anew ... */
    REWRITE_FACTOR = 4,            /* ... and at least that many times the snapshot */
    FILE_MAX_BYTES = 64 * 1024 * 1024,
};

/* What the worker is to do, and how it ended. The worker's from worker_submit() until `done`. */
struct job {
    struct worker_job  worker;
    struct state_file *file;
    bool               rewrite;
    struct bytes       text;
    uint64_t           ticket; /* state_file_durable() after success */
    int                fd;     /* in: to append to; out: the file as it is now, -1: none */
    int64_t            took_us;
    bool               failed;
    struct error       error;
};

struct state_file {
    char         *path, *temporary, *directory;
    struct table *entries; /* key to text */
    struct table *changed; /* keys that the file does not have yet; the value is unused */
    uint64_t      next_serial;
    uint64_t      committed, durable; /* tickets */
    bool          running;            /* the worker has the job */
    bool          rewrite_due;        /* the next write must be a whole file */
    int           fd;
    size_t        snapshot_bytes, file_bytes;
    bool          has_alarm;
    struct error  alarm;

    struct state_file_stats stats;

    struct worker *worker;
    struct job     job;
    bool           news; /* a write has finished since the last collect */
};

/* ---- on the worker's thread ---- */

static bool write_all(int fd, struct slice text) {
    while (text.size) {
        ssize_t n = write(fd, text.data, text.size);
        if (n < 0 && errno == EINTR) continue;
        if (n < 0) return false;
        text = slice_make(text.data + n, text.size - (size_t)n);
    }
    return true;
}

static bool fail(struct error *err, const char *what, const char *path) {
    return error_set(err, "cannot %s %s: %s", what, path, strerror(errno));
}

static bool sync_directory(struct state_file *file, struct error *err) {
    int fd = open(file->directory, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (fd < 0) return fail(err, "open the directory", file->directory);
    bool ok = fsync(fd) == 0 || fail(err, "sync the directory", file->directory);
    CHECK(close(fd) == 0);
    return ok;
}

/* The lock is on the new file before it has its name, so at no time can two processes hold the state. */
static bool write_whole(struct state_file *file, struct slice text, int *fd, struct error *err) {
    int fresh = open(file->temporary, O_WRONLY | O_CREAT | O_TRUNC | O_APPEND | O_CLOEXEC, 0600);
    if (fresh < 0) return fail(err, "create", file->temporary);
    bool ok = (flock(fresh, LOCK_EX | LOCK_NB) == 0 || fail(err, "lock", file->temporary)) &&
              (write_all(fresh, text) || fail(err, "write", file->temporary)) &&
              (fsync(fresh) == 0 || fail(err, "sync", file->temporary)) &&
              (rename(file->temporary, file->path) == 0 || fail(err, "put in place", file->path)) &&
              sync_directory(file, err);
    if (!ok) {
        (void)close(fresh); /* its content is given up */
        return false;
    }
    if (*fd >= 0) (void)close(*fd); /* everything it had was synced or is in the new file */
    *fd = fresh;
    return true;
}

/* What is appended to a file that was moved or removed would be lost with it. The next attempt writes a new one. */
static bool is_in_place(const struct state_file *file, int fd, struct error *err) {
    struct stat ours, there;
    if (fstat(fd, &ours) != 0) return fail(err, "look at", file->path);
    if (stat(file->path, &there) != 0) return fail(err, "append to", file->path);
    if (ours.st_ino == there.st_ino && ours.st_dev == there.st_dev) return true;
    return error_set(err, "%s is no longer the file that this sentinel wrote", file->path);
}

static void run_job(struct worker_job *worker) {
    struct job *job = container_of(worker, struct job, worker);
    struct state_file *file = job->file;
    struct slice text = bytes_slice(&job->text);
    int64_t start = clock_now_us();
    if (job->rewrite) {
        job->failed = !write_whole(file, text, &job->fd, &job->error);
    } else {
        job->failed = !(is_in_place(file, job->fd, &job->error) &&
                        (write_all(job->fd, text) || fail(&job->error, "append to", file->path)) &&
                        (fdatasync(job->fd) == 0 || fail(&job->error, "sync", file->path)));
    }
    job->took_us = clock_now_us() - start;
}

/* ---- on the loop's thread ---- */

static char *directory_of(const char *path) {
    const char *slash = strrchr(path, '/');
    if (!slash) return mem_strdup(".");
    return slash == path ? mem_strdup("/") : mem_strndup(path, (size_t)(slash - path));
}

static void on_job_done(struct worker_job *worker);

struct state_file *state_file_new(const char *path, void (*wake)(void *context), void *context) {
    struct state_file *file = mem_zalloc(sizeof(*file));
    file->path = mem_strdup(path);
    file->temporary = mem_printf("%s.tmp", path);
    file->directory = directory_of(path);
    file->entries = table_new();
    file->changed = table_new();
    file->next_serial = 1;
    file->rewrite_due = true;
    file->fd = -1;
    file->worker = worker_new("state-file", wake, context);
    file->job.file = file;
    file->job.worker.run = run_job;
    file->job.worker.done = on_job_done;
    return file;
}

const char *state_file_path(const struct state_file *file) {
    return file->path;
}

void state_file_free(struct state_file **taken) {
    struct state_file *file = *taken;
    *taken = NULL;
    if (!file) return;
    state_file_wait(file);
    worker_free(&file->worker);
    if (file->fd >= 0) (void)close(file->fd); /* what matters was synced */
    bytes_fini(&file->job.text);
    table_free(&file->entries, mem_free);
    table_free(&file->changed, NULL);
    mem_free(file->path);
    mem_free(file->temporary);
    mem_free(file->directory);
    mem_free(file);
}

static bool read_file(int fd, struct bytes *out) {
    for (;;) {
        bytes_reserve(out, 64 * 1024);
        ssize_t n = read(fd, out->data + out->size, 64 * 1024);
        if (n < 0 && errno == EINTR) continue;
        if (n < 0) return false;
        if (n == 0) return true;
        out->size += (size_t)n;
        if (out->size > FILE_MAX_BYTES) {
            errno = EFBIG;
            return false;
        }
    }
}

static void on_loaded(void *context, const char *key, const char *value) {
    struct state_file *file = context;
    struct slice name = slice_text(key);
    mem_free(value ? table_set(file->entries, name, mem_strdup(value)) : table_remove(file->entries, name));
}

enum state_file_load state_file_load(struct state_file *file, struct error *err) {
    int fd = open(file->path, O_RDWR | O_APPEND | O_CLOEXEC);
    /* A file that cannot be written can still be read; writing then raises the alarm. */
    if (fd < 0 && (errno == EACCES || errno == EROFS)) fd = open(file->path, O_RDONLY | O_CLOEXEC);
    if (fd < 0 && errno == ENOENT) return STATE_FILE_ABSENT;
    if (fd < 0) {
        error_set(err, "cannot open the state file %s: %s", file->path, strerror(errno));
        return STATE_FILE_REFUSED;
    }
    struct bytes text = {0};
    struct state_text_info info;
    enum state_file_load result = STATE_FILE_REFUSED;
    if (flock(fd, LOCK_EX | LOCK_NB) != 0) {
        error_set(err, "the state file %s is in use by another process: every sentinel needs one of its own",
                  file->path);
    } else if (!read_file(fd, &text)) {
        error_set(err, "cannot read the state file %s: %s", file->path, strerror(errno));
    } else {
        switch (state_text_read(bytes_slice(&text), on_loaded, file, &info, err)) {
        case STATE_TEXT_OK: result = STATE_FILE_OK; break;
        case STATE_TEXT_TORN: result = STATE_FILE_TAIL_LOST; break;
        case STATE_TEXT_NONE: result = STATE_FILE_LOST; break;
        case STATE_TEXT_REFUSED: break;
        }
        if (result != STATE_FILE_OK) error_prefix(err, "the state file %s", file->path);
        file->next_serial = info.last_serial + 1;
    }
    if (result == STATE_FILE_REFUSED) {
        CHECK(close(fd) == 0);
    } else {
        file->fd = fd; /* keeps the lock; the first write makes a new file in any case */
        file->file_bytes = text.size;
    }
    bytes_fini(&text);
    return result;
}

const char *state_file_find(const struct state_file *file, const char *key) {
    return table_find(file->entries, slice_text(key));
}

size_t state_file_count(const struct state_file *file) {
    return table_count(file->entries);
}

void state_file_each(const struct state_file *file, void (*on_entry)(void *, const char *, const char *),
                     void *context) {
    struct table_walk *walks = table_sorted(file->entries);
    for (size_t i = 0; i < table_count(file->entries); i++) {
        char *key = slice_to_text(walks[i].key);
        on_entry(context, key, walks[i].value);
        mem_free(key);
    }
    mem_free(walks);
}

void state_file_set(struct state_file *file, const char *key, const char *value) {
    const char *old = state_file_find(file, key);
    if (old && strcmp(old, value) == 0) return;
    mem_free(table_set(file->entries, slice_text(key), mem_strdup(value)));
    table_set(file->changed, slice_text(key), file);
}

void state_file_remove(struct state_file *file, const char *key) {
    char *old = table_remove(file->entries, slice_text(key));
    if (!old) return;
    mem_free(old);
    table_set(file->changed, slice_text(key), file);
}

static void print_record(struct state_file *file, struct bytes *out, const struct table *keys) {
    size_t start = state_text_begin(out, file->next_serial++);
    struct table_walk *walks = table_sorted(keys);
    for (size_t i = 0; i < table_count(keys); i++) {
        char *key = slice_to_text(walks[i].key);
        state_text_add(out, key, state_file_find(file, key));
        mem_free(key);
    }
    mem_free(walks);
    state_text_end(out, start);
}

static void start_job(struct state_file *file) {
    struct job *job = &file->job;
    size_t appended = file->file_bytes - file->snapshot_bytes;
    bool long_enough = appended > REWRITE_MIN_BYTES && appended > REWRITE_FACTOR * file->snapshot_bytes;
    bytes_clear(&job->text);
    job->rewrite = file->rewrite_due || long_enough;
    if (job->rewrite) {
        state_text_add_head(&job->text);
        print_record(file, &job->text, file->entries);
    } else {
        print_record(file, &job->text, file->changed);
    }
    table_clear(file->changed, NULL);
    job->ticket = file->committed;
    job->fd = file->fd;
    worker_submit(file->worker, &job->worker);
    file->running = true;
}

uint64_t state_file_commit(struct state_file *file) {
    if (table_count(file->changed) == 0 && !file->rewrite_due) return file->committed;
    file->committed++;
    if (!file->running && !file->has_alarm) start_job(file);
    return file->committed;
}

void state_file_want_whole(struct state_file *file) {
    file->rewrite_due = true;
}

uint64_t state_file_durable(const struct state_file *file) {
    return file->durable;
}

static void take_result(struct state_file *file) {
    struct job *job = &file->job;
    file->running = false;
    file->fd = job->fd;
    if (job->failed) {
        file->rewrite_due = true;
        file->stats.failures++;
        if (!file->has_alarm) file->stats.failed_since_ms = clock_now_ms();
        file->has_alarm = true;
        file->alarm = job->error;
        return;
    }
    file->has_alarm = false;
    file->stats.failed_since_ms = 0;
    file->stats.last_sync_us = job->took_us;
    file->durable = job->ticket;
    if (job->rewrite) {
        file->rewrite_due = false;
        file->stats.rewrites++;
        file->snapshot_bytes = file->file_bytes = job->text.size;
    } else {
        file->stats.appends++;
        file->file_bytes += job->text.size;
    }
}

static void on_job_done(struct worker_job *worker) {
    struct state_file *file = container_of(worker, struct job, worker)->file;
    take_result(file);
    file->news = true;
    if (!file->has_alarm && file->durable < file->committed) start_job(file);
}

bool state_file_collect(struct state_file *file) {
    worker_collect(file->worker);
    bool news = file->news;
    file->news = false;
    return news;
}

void state_file_wait(struct state_file *file) {
    while (file->running) worker_drain(file->worker);
}

const char *state_file_alarm(const struct state_file *file) {
    return file->has_alarm ? file->alarm.text : NULL;
}

void state_file_retry(struct state_file *file) {
    if (file->has_alarm && !file->running) start_job(file);
}

bool state_file_flush(struct state_file *file, struct error *err) {
    state_file_wait(file);
    file->rewrite_due = true;
    file->committed++;
    start_job(file);
    state_file_wait(file);
    return !file->has_alarm || error_set(err, "%s", file->alarm.text);
}

void state_file_read_stats(const struct state_file *file, struct state_file_stats *stats) {
    *stats = file->stats;
    stats->bytes = file->file_bytes;
}
