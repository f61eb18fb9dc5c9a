#include "store/persist/aof_sync.h"
#include "base/mem.h"
#include "base/worker.h"
#include "net/loop.h"

#include <errno.h>
#include <unistd.h>

struct job {
    struct worker_job work;
    struct aof_sync  *sync;
    int               fd;
    uint64_t          offset;
    int               failure;
};

struct aof_sync {
    struct loop     *loop;
    struct worker   *syncing, *closing; /* NULL: not needed yet */
    struct loop_wake wake;
    void (*on_end)(void *context);
    void    *context;
    size_t   running;
    uint64_t offset;
    int      failure;
    bool     has_gap;
    uint64_t failures;
};

struct aof_sync *aof_sync_new(struct loop *loop, void (*on_end)(void *context), void *context) {
    struct aof_sync *sync = mem_zalloc(sizeof *sync);
    sync->loop = loop;
    sync->on_end = on_end;
    sync->context = context;
    return sync;
}

void aof_sync_free(struct aof_sync **place) {
    struct aof_sync *sync = *place;
    if (!sync) return;
    *place = NULL;
    if (sync->syncing) {
        worker_free(&sync->syncing);
        loop_wake_stop(&sync->wake);
    }
    if (sync->closing) worker_free(&sync->closing);
    mem_free(sync);
}

/* ---- on the threads ---- */

static void run_sync(struct worker_job *work) {
    struct job *job = container_of(work, struct job, work);
    int result;
    do result = fdatasync(job->fd);
    while (result != 0 && errno == EINTR);
    /* Something that cannot be synced (a pipe, in a test) is as good as it gets. */
    job->failure = result != 0 && errno != EINVAL && errno != EROFS ? errno : 0;
}

static void run_close(struct worker_job *work) {
    struct job *job = container_of(work, struct job, work);
    (void)close(job->fd); /* what was in it is synced, or of no use */
    mem_free(job);
}

static void wake(void *context) {
    loop_wake_send(&((struct aof_sync *)context)->wake);
}

/* ---- on the loop ---- */

void aof_sync_note(struct aof_sync *sync, uint64_t offset, int failure) {
    sync->failure = failure;
    sync->has_gap |= failure != 0;
    sync->failures += failure != 0;
    if (!sync->has_gap) sync->offset = MAX(sync->offset, offset);
}

static void done(struct worker_job *work) {
    struct job *job = container_of(work, struct job, work);
    struct aof_sync *sync = job->sync;
    aof_sync_note(sync, job->offset, job->failure);
    sync->running--;
    mem_free(job);
    sync->on_end(sync->context);
}

static void on_wake(struct loop_wake *watcher) {
    worker_collect(container_of(watcher, struct aof_sync, wake)->syncing);
}

static struct job *new_job(struct aof_sync *sync, int fd) {
    struct job *job = mem_zalloc(sizeof *job);
    job->sync = sync;
    job->fd = fd;
    return job;
}

void aof_sync_start(struct aof_sync *sync, int fd, uint64_t offset) {
    struct job *job = new_job(sync, fd);
    job->offset = offset;
    job->work = (struct worker_job){.run = run_sync, .done = done};
    if (!sync->syncing) {
        loop_wake_start(sync->loop, &sync->wake, on_wake);
        sync->syncing = worker_new("aof-fsync", wake, sync);
    }
    sync->running++;
    worker_submit(sync->syncing, &job->work);
}

static void close_on(struct aof_sync *sync, struct worker *worker, int fd) {
    struct job *job = new_job(sync, fd);
    job->work = (struct worker_job){.run = run_close};
    worker_submit(worker, &job->work);
}

void aof_sync_close(struct aof_sync *sync, int fd) {
    if (sync->syncing) close_on(sync, sync->syncing, fd);
    else CHECK(close(fd) == 0);
}

void aof_sync_close_gone(struct aof_sync *sync, int fd) {
    if (!sync->closing) sync->closing = worker_new("aof-close", NULL, NULL);
    close_on(sync, sync->closing, fd);
}

size_t aof_sync_running(const struct aof_sync *sync) {
    return sync->running;
}

uint64_t aof_sync_offset(const struct aof_sync *sync) {
    return sync->offset;
}

int aof_sync_failure(const struct aof_sync *sync) {
    return sync->failure;
}

bool aof_sync_has_gap(const struct aof_sync *sync) {
    return sync->has_gap;
}

uint64_t aof_sync_failures(const struct aof_sync *sync) {
    return sync->failures;
}

void aof_sync_forgive(struct aof_sync *sync, uint64_t offset) {
    sync->has_gap = false;
    sync->failure = 0;
    sync->offset = MAX(sync->offset, offset);
}

void aof_sync_drain(struct aof_sync *sync) {
    if (sync->syncing) worker_drain(sync->syncing);
}
