#include "store/keyspace/lazy_free.h"
#include "base/mem.h"
#include "base/worker.h"

#include <stdatomic.h>
#include <sys/resource.h>

struct lazy_free {
    struct worker   *worker; /* NULL until needed */
    _Atomic uint64_t pending, done;
    bool             is_nice; /* the thread's own */
};

struct job {
    struct worker_job   job;
    struct lazy_free   *lazy;
    struct key_table   *table;  /* either this */
    void               *object; /* or this */
    enum value_type     type;
    enum value_encoding encoding;
    uint64_t            count;
};

struct lazy_free *lazy_free_new(void) {
    return mem_zalloc(sizeof(struct lazy_free));
}

void lazy_free_free(struct lazy_free **place) {
    struct lazy_free *lazy = *place;
    if (!lazy) return;
    *place = NULL;
    if (lazy->worker) worker_free(&lazy->worker);
    mem_free(lazy);
}

void lazy_free_collect(struct lazy_free *lazy) {
    if (lazy->worker) worker_collect(lazy->worker);
}

/* Nobody waits for what was freed: lazy_free_collect() comes by. */
static void on_worker_wake(void *context) {
}

enum { NICENESS = 10 };

/* This thread has time; where there is no processor for both, the loop comes first. (On Linux a thread has its own.) */
static void step_back(struct lazy_free *lazy) {
    if (lazy->is_nice) return;
    lazy->is_nice = true;
    (void)setpriority(PRIO_PROCESS, 0, NICENESS);
}

static void run(struct worker_job *base) {
    struct job *job = container_of(base, struct job, job);
    step_back(job->lazy);
    if (job->table) key_table_free(&job->table);
    if (job->object) value_free_object(job->type, job->encoding, job->object);
    atomic_fetch_sub(&job->lazy->pending, job->count);
    atomic_fetch_add(&job->lazy->done, job->count);
}

static void on_done(struct worker_job *base) {
    mem_free(container_of(base, struct job, job));
}

static void submit(struct lazy_free *lazy, struct job what) {
    if (!lazy->worker) lazy->worker = worker_new("kvd-lazyfree", on_worker_wake, NULL);
    struct job *job = mem_alloc(sizeof *job);
    *job = what;
    job->job = (struct worker_job){.run = run, .done = on_done};
    job->lazy = lazy;
    atomic_fetch_add(&lazy->pending, job->count);
    worker_submit(lazy->worker, &job->job);
}

void lazy_free_object(struct lazy_free *lazy, enum value_type type, enum value_encoding encoding, void *object) {
    if (value_free_effort(type, encoding, object) > LAZY_FREE_EFFORT_MIN)
        submit(lazy, (struct job){.object = object, .type = type, .encoding = encoding, .count = 1});
    else
        value_free_object(type, encoding, object);
}

void lazy_free_record(struct lazy_free *lazy, struct record *record) {
    void *object = record_object(record);
    if (object) lazy_free_object(lazy, record_type(record), record_encoding(record), object);
    record_free(record);
}

void lazy_free_table(struct lazy_free *lazy, struct key_table **table) {
    if (!*table) return;
    struct job job = {.table = *table, .count = key_table_count(*table)};
    if (job.count <= LAZY_FREE_EFFORT_MIN) {
        key_table_free(table);
        return;
    }
    *table = NULL;
    submit(lazy, job);
}

uint64_t lazy_free_pending(const struct lazy_free *lazy) {
    return atomic_load(&lazy->pending);
}

uint64_t lazy_free_done(const struct lazy_free *lazy) {
    return atomic_load(&lazy->done);
}

void lazy_free_reset(struct lazy_free *lazy) {
    atomic_store(&lazy->done, 0);
}
