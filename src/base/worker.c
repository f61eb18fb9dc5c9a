#include "base/worker.h"
#include "base/mem.h"

#include <pthread.h>
#include <signal.h>

struct worker {
    pthread_t       thread;
    pthread_mutex_t lock;
    pthread_cond_t  changed; /* a job came, one finished, or the end was asked for */
    struct list     waiting, finished;
    size_t          pending;
    bool            stop;
    void (*wake)(void *context);
    void *context;
};

static struct worker_job *job_of(struct list_node *node) {
    return container_of(node, struct worker_job, node);
}

static void *run_jobs(void *argument) {
    struct worker *worker = argument;
    mem_thread_begin();
    pthread_mutex_lock(&worker->lock);
    for (;;) {
        struct list_node *node = list_first(&worker->waiting);
        if (!node && worker->stop) break;
        if (!node) {
            pthread_cond_wait(&worker->changed, &worker->lock);
            continue;
        }
        list_remove(node);
        struct worker_job *job = job_of(node);
        bool collected = job->done != NULL; /* read before run(), which may free a job that nobody collects */
        pthread_mutex_unlock(&worker->lock);
        job->run(job);
        pthread_mutex_lock(&worker->lock);
        bool first = collected && list_is_empty(&worker->finished);
        if (collected) list_add(&worker->finished, &job->node);
        worker->pending--;
        pthread_cond_broadcast(&worker->changed);
        if (first && worker->wake) worker->wake(worker->context);
    }
    pthread_mutex_unlock(&worker->lock);
    mem_thread_end();
    return NULL;
}

struct worker *worker_new(const char *name, void (*wake)(void *context), void *context) {
    struct worker *worker = mem_zalloc(sizeof *worker);
    list_init(&worker->waiting);
    list_init(&worker->finished);
    worker->wake = wake;
    worker->context = context;
    pthread_mutex_init(&worker->lock, NULL);
    pthread_cond_init(&worker->changed, NULL);
    sigset_t all, before;
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &before);
    int failed = pthread_create(&worker->thread, NULL, run_jobs, worker);
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    CHECK(!failed);
    pthread_setname_np(worker->thread, name);
    return worker;
}

void worker_submit(struct worker *worker, struct worker_job *job) {
    list_node_init(&job->node);
    pthread_mutex_lock(&worker->lock);
    list_add(&worker->waiting, &job->node);
    worker->pending++;
    pthread_cond_broadcast(&worker->changed);
    pthread_mutex_unlock(&worker->lock);
}

void worker_collect(struct worker *worker) {
    for (;;) {
        pthread_mutex_lock(&worker->lock);
        struct list_node *node = list_first(&worker->finished);
        if (node) list_remove(node);
        pthread_mutex_unlock(&worker->lock);
        if (!node) return;
        struct worker_job *job = job_of(node);
        job->done(job);
    }
}

size_t worker_pending(struct worker *worker) {
    pthread_mutex_lock(&worker->lock);
    size_t pending = worker->pending;
    pthread_mutex_unlock(&worker->lock);
    return pending;
}

void worker_drain(struct worker *worker) {
    pthread_mutex_lock(&worker->lock);
    while (worker->pending) pthread_cond_wait(&worker->changed, &worker->lock);
    pthread_mutex_unlock(&worker->lock);
    worker_collect(worker);
}

void worker_free(struct worker **worker) {
    if (!*worker) return;
    pthread_mutex_lock(&(*worker)->lock);
    (*worker)->stop = true;
    pthread_cond_broadcast(&(*worker)->changed);
    pthread_mutex_unlock(&(*worker)->lock);
    pthread_join((*worker)->thread, NULL);
    worker_collect(*worker);
    pthread_mutex_destroy(&(*worker)->lock);
    pthread_cond_destroy(&(*worker)->changed);
    mem_free(*worker);
    *worker = NULL;
}
