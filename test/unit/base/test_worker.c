#include "lib/unit.h"
#include "base/worker.h"

struct counted {
    struct worker_job job;
    int              *next, order, done;
};

static void run(struct worker_job *job) {
    struct counted *counted = container_of(job, struct counted, job);
    counted->order = (*counted->next)++;
}

static void done(struct worker_job *job) {
    container_of(job, struct counted, job)->done++;
}

UNIT_TEST(worker, runs_in_order_and_hands_back_once) {
    enum { N = 500 };
    struct counted jobs[N];
    int next = 0;
    struct worker *worker = worker_new("test", NULL, NULL);
    for (int i = 0; i < N; i++) {
        jobs[i] = (struct counted){.job = {.run = run, .done = done}, .next = &next, .order = -1};
        worker_submit(worker, &jobs[i].job);
    }
    worker_drain(worker);
    CU_ASSERT_EQUAL(worker_pending(worker), 0);
    for (int i = 0; i < N; i++) {
        CU_ASSERT_EQUAL(jobs[i].order, i);
        CU_ASSERT_EQUAL(jobs[i].done, 1);
    }
    worker_free(&worker);
    CU_ASSERT_PTR_NULL(worker);
}

UNIT_TEST(worker, finishes_its_queue_before_it_ends) {
    struct counted jobs[50];
    int next = 0;
    struct worker *worker = worker_new("test", NULL, NULL);
    for (int i = 0; i < 50; i++) {
        jobs[i] = (struct counted){.job = {.run = run, .done = done}, .next = &next};
        worker_submit(worker, &jobs[i].job);
    }
    worker_free(&worker);
    CU_ASSERT_EQUAL(next, 50);
    for (int i = 0; i < 50; i++) CU_ASSERT_EQUAL(jobs[i].done, 1);
}
