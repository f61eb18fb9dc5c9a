/* The event loop: timers, watched descriptors, signals, children, hooks around the sleep, and the time of this turn.
 *
 * It runs on libev, which no other room needs to know: everything a user embeds is declared here in full, though its
 * fields belong to the loop. A turn of the loop is:
 *
 *     tasks and before-sleep hooks -> sleep -> (now is read) after-sleep hooks -> signals and descriptors
 *     -> (now is read) timers that are due
 *
 * Timers come after descriptors: when a process was stopped or busy, what arrived meanwhile is read before anybody
 * concludes that it did not arrive. All calls are for the loop's own thread, except loop_wake_send().
 *
 * Watchers are embedded in their owner, who finds itself with container_of() in the callback. Their memory belongs to
 * the loop while they are active: stop them before it is freed. Stopping is harmless when they are not active, and
 * a zeroed watcher is a valid one that is not active.
 * SPDX-License-Identifier: BSD-3-Clause */
#pragma once
#include "base/check.h"
#include "base/heap.h"
#include "base/list.h"

#include <sys/types.h>

struct loop;

struct loop *loop_new(void);                /* gives: loop_free(). Exits when the kernel refuses. */
void         loop_free(struct loop **loop); /* takes; everything that watches must have been stopped */
void         loop_run(struct loop *loop);   /* until loop_stop() */
void         loop_stop(struct loop *loop);  /* loop_run() returns at the end of this turn */
/* One turn; with `wait` it sleeps until something happens. For tests and for serving clients during long work. */
void        loop_turn(struct loop *loop, bool wait);
const char *loop_backend(const struct loop *loop); /* "epoll": INFO's multiplexing_api */

/* ---- time: monotonic, read once after each sleep and once before timers are served ---- */
int64_t loop_now_us(const struct loop *loop);
int64_t loop_now_ms(const struct loop *loop); /* loop_now_us() / 1000 */
int64_t loop_update_now(struct loop *loop);   /* reads the clock now; returns microseconds */

struct loop_stats {
    uint64_t turns;
    int64_t  busy_us;          /* the last turn, without its sleep */
    int64_t  busy_total_us;    /* all turns */
    int64_t  longest_busy_us;  /* since the last loop_reset_peaks() */
    int64_t  stall_us;         /* for how long before this turn the loop could not have noticed anything: the work of
                                  the turn before it, and by how much the sleep outlasted the first timer (the process
                                  was stopped, or got no processor) */
    int64_t  longest_stall_us; /* since the last loop_reset_peaks() */
};
const struct loop_stats *loop_stats(const struct loop *loop); /* lends; changes every turn */
void                     loop_reset_peaks(struct loop *loop);

/* ---- timers ---- */
struct loop_timer {
    struct heap_node node; /* by deadline in microseconds */
    struct loop     *loop;
    int64_t          interval_us; /* 0: once */
    void (*on_due)(struct loop_timer *timer);
};
/* All of these (re)start a timer that may be active. Never early, measured on loop_now_us(); late by at most the
 * turn's work and a millisecond. An interval does not try to catch up for turns that were missed. */
void loop_timer_start(struct loop *loop, struct loop_timer *timer, int64_t after_ms,
                      void (*on_due)(struct loop_timer *timer));
void loop_timer_start_at(struct loop *loop, struct loop_timer *timer, int64_t at_ms, /* on the clock of loop_now_ms() */
                         void (*on_due)(struct loop_timer *timer));
void loop_timer_repeat(struct loop *loop, struct loop_timer *timer, int64_t every_ms,
                       void (*on_due)(struct loop_timer *timer));
void loop_timer_stop(struct loop_timer *timer);
static inline bool loop_timer_is_active(const struct loop_timer *timer) {
    return heap_has(&timer->node);
}

/* ---- work to be done once, before the next sleep ---- */
struct loop_task {
    struct list_node node;
    void (*run)(struct loop_task *task);
};
void loop_task_init(struct loop_task *task, void (*run)(struct loop_task *task));
void loop_task_post(struct loop *loop, struct loop_task *task); /* harmless when it is posted already */
void loop_task_cancel(struct loop_task *task);
static inline bool loop_task_is_posted(const struct loop_task *task) {
    return list_is_linked(&task->node);
}

/* ---- hooks of every turn, called in the order in which they were added ---- */
struct loop_hook {
    struct list_node node;
    void (*run)(struct loop_hook *hook);
};
void loop_before_sleep_add(struct loop *loop, struct loop_hook *hook, void (*run)(struct loop_hook *hook));
void loop_after_sleep_add(struct loop *loop, struct loop_hook *hook, void (*run)(struct loop_hook *hook));
void loop_hook_remove(struct loop_hook *hook);
/* Turns that descriptors cause begin at least so long apart (0: at once): a thousand peers that answer at about the same
 * time cost one sleep instead of a thousand. Timers are as exact as ever. */
void loop_collect(struct loop *loop, int64_t apart_us);
void loop_stay_awake(struct loop *loop); /* the next sleep only polls: there is work left */

/* ---- descriptors of others (pipes, sockets) ---- */
enum { LOOP_READ = 1, LOOP_WRITE = 2 };

struct loop_io {
    uint64_t     watcher[6]; /* libev's */
    struct loop *loop;       /* NULL: never started */
    void (*on_ready)(struct loop_io *io, unsigned ready); /* LOOP_READ and/or LOOP_WRITE; both on an error */
};
/* Level-triggered: called every turn while it is ready. Starting again changes what is watched; 0 stops. A descriptor
 * must be stopped before it is closed. Changes reach the kernel once, before the next sleep. */
void loop_io_start(struct loop *loop, struct loop_io *io, int fd, unsigned watch,
                   void (*on_ready)(struct loop_io *io, unsigned ready));
void loop_io_watch(struct loop_io *io, unsigned watch); /* other interest; only after loop_io_start() */
void loop_io_stop(struct loop_io *io);

/* ---- signals: delivered as a call from the loop; one watcher per signal and process ---- */
struct loop_signal {
    uint64_t     watcher[6]; /* libev's */
    struct loop *loop;
    void (*on_signal)(struct loop_signal *signal, int number);
};
void loop_signal_start(struct loop *loop, struct loop_signal *signal, int number,
                       void (*on_signal)(struct loop_signal *signal, int number));
void loop_signal_stop(struct loop_signal *signal);

/* ---- a child process that ends ---- */
struct loop_child {
    struct list_node node;
    struct loop     *loop;
    pid_t            pid;
    void (*on_exit)(struct loop_child *child, int status); /* waitpid()'s status; the watcher is stopped already */
};
/* Only one loop of a process may watch children (it takes SIGCHLD). The child may have ended already. */
void loop_child_start(struct loop *loop, struct loop_child *child, pid_t pid,
                      void (*on_exit)(struct loop_child *child, int status));
void loop_child_stop(struct loop_child *child); /* it will not be waited for: the caller does that */

/* ---- a call from another thread or a signal handler ---- */
struct loop_wake {
    uint64_t     watcher[6]; /* libev's */
    struct loop *loop;
    void (*on_wake)(struct loop_wake *wake); /* once for any number of sends since the last call */
};
void loop_wake_start(struct loop *loop, struct loop_wake *wake, void (*on_wake)(struct loop_wake *wake));
void loop_wake_send(struct loop_wake *wake); /* any thread; between start and stop */
void loop_wake_stop(struct loop_wake *wake);
