/* A background thread and its queue, for what would block the loop: fsync, name resolution, freeing.
 *
 * Jobs run one after another in the order of submission. A finished job waits until its owner's thread collects it,
 * so that its callback runs there and needs no locks.
 * SPDX-License-Identifier: BSD-3-Clause */
#pragma once
#include "base/list.h"

/* Embedded in what the job works on; the memory must stay until `done` was called (or `run` ended, without `done`). */
struct worker_job {
    struct list_node node;
    void (*run)(struct worker_job *job);  /* on the worker's thread */
    void (*done)(struct worker_job *job); /* on the collecting thread; may free the job. NULL: the job is forgotten */
};

struct worker;

/* Starts the thread (named `name`, at most 15 characters; all signals blocked). `wake(context)` is called on the worker's thread when finished
 * jobs wait to be collected: it must only make the owner call worker_collect() soon. gives: worker_free() */
struct worker *worker_new(const char *name, void (*wake)(void *context), void *context);
/* Runs what was submitted to its end, stops the thread and collects. takes */
void worker_free(struct worker **worker);

void   worker_submit(struct worker *worker, struct worker_job *job); /* keeps the job */
void   worker_collect(struct worker *worker);                        /* calls `done` of each finished job */
size_t worker_pending(struct worker *worker);                        /* jobs not finished yet */
void   worker_drain(struct worker *worker);                          /* waits until all are finished, then collects */
