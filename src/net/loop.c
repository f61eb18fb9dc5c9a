#include "net/loop.h"
#include "base/clock.h"
#include "base/mem.h"

#include <ev.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/wait.h>

_Static_assert(sizeof(struct ev_io) <= sizeof(((struct loop_io *)0)->watcher), "room for libev's watcher");
_Static_assert(sizeof(struct ev_signal) <= sizeof(((struct loop_signal *)0)->watcher), "room for libev's watcher");
_Static_assert(sizeof(struct ev_async) <= sizeof(((struct loop_wake *)0)->watcher), "room for libev's watcher");

/* libev's own timers are not used for ours: a heap of absolute deadlines on our clock makes them exact against
 * loop_now_us(), and one ev_timer wakes the loop for the first of them. Within libev, priorities order a turn: the
 * check watcher runs first, the timer last. */
struct loop {
    struct ev_loop    *ev;
    struct ev_prepare  prepare;
    struct ev_check    check;
    struct ev_timer    alarm;
    struct heap        timers;
    int64_t            alarm_us; /* the deadline that the alarm is set for; 0: none */
    int64_t            now_us;
    int64_t            woke_us, slept_us; /* when this turn began, when it went to sleep */
    int64_t            pass_us;           /* not 0: timers of this time are being served */
    bool               awake, stopping;
    struct list        tasks, before_sleep, after_sleep, children;
    struct loop_signal sigchld;
    struct loop_stats  stats;
};

/* ---- time ---- */

int64_t loop_now_us(const struct loop *loop) {
    return loop->now_us;
}

int64_t loop_now_ms(const struct loop *loop) {
    return loop->now_us / 1000;
}

int64_t loop_update_now(struct loop *loop) {
    loop->now_us = clock_now_us();
    return loop->now_us;
}

const struct loop_stats *loop_stats(const struct loop *loop) {
    return &loop->stats;
}

void loop_reset_peaks(struct loop *loop) {
    loop->stats.longest_busy_us = loop->stats.longest_stall_us = 0;
}

/* ---- one turn ---- */

static void run_hooks(struct list *hooks) {
    LIST_EACH(hooks, node) {
        struct loop_hook *hook = container_of(node, struct loop_hook, node);
        hook->run(hook);
    }
}

/* Tasks that are posted meanwhile run in this pass too, so that one may hand work to another; who posts itself again
 * must not do so without end. */
static void run_tasks(struct loop *loop) {
    struct list_node *node;
    while ((node = list_first(&loop->tasks))) {
        list_remove(node);
        struct loop_task *task = container_of(node, struct loop_task, node);
        task->run(task);
    }
}

static void set_alarm(struct loop *loop) {
    struct heap_node *first = heap_first(&loop->timers);
    int64_t at_us = loop->awake ? 1 : first ? first->key : 0;
    if (at_us == loop->alarm_us) return;
    if (loop->alarm_us) ev_timer_stop(loop->ev, &loop->alarm);
    loop->alarm_us = at_us;
    if (!at_us) return;
    /* libev counts from when it woke, and so do we. */
    int64_t after_us = at_us > loop->woke_us ? at_us - loop->woke_us : 0;
    ev_timer_set(&loop->alarm, (double)after_us * 1e-6, 0.);
    ev_timer_start(loop->ev, &loop->alarm);
}

static void on_prepare(struct ev_loop *ev, struct ev_prepare *watcher, int events) {
    struct loop *loop = container_of(watcher, struct loop, prepare);
    run_tasks(loop);
    run_hooks(&loop->before_sleep);
    run_tasks(loop);
    if (loop->stopping) loop->awake = true;
    set_alarm(loop);
    loop->awake = false;
    loop->slept_us = clock_now_us();
    struct loop_stats *stats = &loop->stats;
    stats->busy_us = loop->slept_us - loop->woke_us;
    stats->busy_total_us += stats->busy_us;
    stats->longest_busy_us = MAX(stats->longest_busy_us, stats->busy_us);
}

static void on_check(struct ev_loop *ev, struct ev_check *watcher, int events) {
    struct loop *loop = container_of(watcher, struct loop, check);
    loop->woke_us = loop_update_now(loop);
    struct loop_stats *stats = &loop->stats;
    struct heap_node *first = heap_first(&loop->timers);
    int64_t due_us = first ? MAX(first->key, loop->slept_us) : loop->woke_us;
    stats->turns++;
    stats->stall_us = stats->busy_us + MAX(loop->woke_us - due_us, 0);
    stats->longest_stall_us = MAX(stats->longest_stall_us, stats->stall_us);
    run_hooks(&loop->after_sleep);
}

/* Serves what was due when it began. Who starts a timer without delay meanwhile is served next turn. */
static void on_alarm(struct ev_loop *ev, struct ev_timer *watcher, int events) {
    struct loop *loop = container_of(watcher, struct loop, alarm);
    loop->alarm_us = 0;
    int64_t now_us = loop_update_now(loop);
    loop->pass_us = now_us;
    struct heap_node *node;
    while ((node = heap_first(&loop->timers)) && node->key <= now_us) {
        struct loop_timer *timer = container_of(node, struct loop_timer, node);
        if (timer->interval_us) {
            int64_t next_us = node->key + timer->interval_us;
            heap_set(&loop->timers, node, next_us > now_us ? next_us : now_us + timer->interval_us);
        } else {
            heap_remove(&loop->timers, node);
        }
        timer->on_due(timer);
    }
    loop->pass_us = 0;
}

struct loop *loop_new(void) {
    struct loop *loop = mem_zalloc(sizeof *loop);
    loop->ev = ev_loop_new(EVFLAG_AUTO | EVFLAG_NOENV);
    if (!loop->ev) {
        fputs("the kernel offers no way to wait for events\n", stderr);
        exit(1);
    }
    heap_init(&loop->timers);
    list_init(&loop->tasks);
    list_init(&loop->before_sleep);
    list_init(&loop->after_sleep);
    list_init(&loop->children);
    ev_prepare_init(&loop->prepare, on_prepare);
    ev_check_init(&loop->check, on_check);
    ev_timer_init(&loop->alarm, on_alarm, 0., 0.);
    ev_set_priority(&loop->check, EV_MAXPRI);
    ev_set_priority(&loop->alarm, EV_MINPRI);
    ev_prepare_start(loop->ev, &loop->prepare);
    ev_check_start(loop->ev, &loop->check);
    loop->woke_us = loop->slept_us = loop_update_now(loop);
    return loop;
}

void loop_free(struct loop **loop) {
    struct loop *l = *loop;
    if (!l) return;
    *loop = NULL;
    CHECK(list_is_empty(&l->children));
    CHECK(heap_first(&l->timers) == NULL);
    ev_loop_destroy(l->ev);
    heap_fini(&l->timers);
    mem_free(l);
}

void loop_run(struct loop *loop) {
    loop->stopping = false;
    while (!loop->stopping) ev_run(loop->ev, EVRUN_ONCE);
}

void loop_stop(struct loop *loop) {
    loop->stopping = true;
}

void loop_turn(struct loop *loop, bool wait) {
    ev_run(loop->ev, wait ? EVRUN_ONCE : EVRUN_NOWAIT);
}

const char *loop_backend(const struct loop *loop) {
    switch (ev_backend(loop->ev)) {
    case EVBACKEND_EPOLL: return "epoll";
    case EVBACKEND_KQUEUE: return "kqueue";
    case EVBACKEND_POLL: return "poll";
    case EVBACKEND_SELECT: return "select";
    default: return "other";
    }
}

/* ---- timers ---- */

static void start_timer(struct loop *loop, struct loop_timer *timer, int64_t at_us, int64_t interval_us,
                        void (*on_due)(struct loop_timer *timer)) {
    CHECK(timer->loop == loop || !heap_has(&timer->node));
    timer->loop = loop;
    timer->on_due = on_due;
    timer->interval_us = interval_us;
    if (at_us <= loop->pass_us) at_us = loop->pass_us + 1;
    heap_set(&loop->timers, &timer->node, at_us > 1 ? at_us : 2); /* 1 is the alarm of loop_stay_awake() */
}

void loop_timer_start(struct loop *loop, struct loop_timer *timer, int64_t after_ms,
                      void (*on_due)(struct loop_timer *timer)) {
    start_timer(loop, timer, loop->now_us + MAX(after_ms, 0) * 1000, 0, on_due);
}

void loop_timer_start_at(struct loop *loop, struct loop_timer *timer, int64_t at_ms,
                         void (*on_due)(struct loop_timer *timer)) {
    start_timer(loop, timer, at_ms * 1000, 0, on_due);
}

void loop_timer_repeat(struct loop *loop, struct loop_timer *timer, int64_t every_ms,
                       void (*on_due)(struct loop_timer *timer)) {
    CHECK(every_ms > 0);
    start_timer(loop, timer, loop->now_us + every_ms * 1000, every_ms * 1000, on_due);
}

void loop_timer_stop(struct loop_timer *timer) {
    if (timer->loop) heap_remove(&timer->loop->timers, &timer->node);
}

/* ---- tasks and hooks ---- */

void loop_task_init(struct loop_task *task, void (*run)(struct loop_task *task)) {
    list_node_init(&task->node);
    task->run = run;
}

void loop_task_post(struct loop *loop, struct loop_task *task) {
    if (!list_is_linked(&task->node)) list_add(&loop->tasks, &task->node);
}

void loop_task_cancel(struct loop_task *task) {
    if (task->node.next) list_remove(&task->node);
}

void loop_before_sleep_add(struct loop *loop, struct loop_hook *hook, void (*run)(struct loop_hook *hook)) {
    hook->run = run;
    list_add(&loop->before_sleep, &hook->node);
}

void loop_after_sleep_add(struct loop *loop, struct loop_hook *hook, void (*run)(struct loop_hook *hook)) {
    hook->run = run;
    list_add(&loop->after_sleep, &hook->node);
}

void loop_hook_remove(struct loop_hook *hook) {
    if (hook->node.next) list_remove(&hook->node);
}

void loop_collect(struct loop *loop, int64_t apart_us) {
    ev_set_io_collect_interval(loop->ev, (double)apart_us * 1e-6);
}

void loop_stay_awake(struct loop *loop) {
    loop->awake = true;
}

/* ---- descriptors ---- */

static struct ev_io *ev_io_of(struct loop_io *io) {
    return (struct ev_io *)io->watcher;
}

static void on_io(struct ev_loop *ev, struct ev_io *watcher, int events) {
    struct loop_io *io = container_of((uint64_t *)watcher, struct loop_io, watcher);
    unsigned ready = (events & EV_READ ? LOOP_READ : 0u) | (events & EV_WRITE ? LOOP_WRITE : 0u);
    io->on_ready(io, ready ? ready : LOOP_READ | LOOP_WRITE);
}

static int ev_events(unsigned watch) {
    return (watch & LOOP_READ ? EV_READ : 0) | (watch & LOOP_WRITE ? EV_WRITE : 0);
}

void loop_io_start(struct loop *loop, struct loop_io *io, int fd, unsigned watch,
                   void (*on_ready)(struct loop_io *io, unsigned ready)) {
    if (io->loop) loop_io_stop(io);
    io->loop = loop;
    io->on_ready = on_ready;
    ev_io_init(ev_io_of(io), on_io, fd, ev_events(watch));
    if (watch) ev_io_start(loop->ev, ev_io_of(io));
}

void loop_io_watch(struct loop_io *io, unsigned watch) {
    CHECK(io->loop != NULL);
    struct ev_io *watcher = ev_io_of(io);
    int wanted = ev_events(watch);
    if (ev_is_active(watcher)) {
        if ((watcher->events & (EV_READ | EV_WRITE)) == wanted) return;
        ev_io_stop(io->loop->ev, watcher);
    }
    ev_io_set(watcher, watcher->fd, wanted);
    if (wanted) ev_io_start(io->loop->ev, watcher);
}

void loop_io_stop(struct loop_io *io) {
    if (io->loop) ev_io_stop(io->loop->ev, ev_io_of(io));
}

/* ---- signals ---- */

static void on_signal(struct ev_loop *ev, struct ev_signal *watcher, int events) {
    struct loop_signal *signal = container_of((uint64_t *)watcher, struct loop_signal, watcher);
    signal->on_signal(signal, watcher->signum);
}

void loop_signal_start(struct loop *loop, struct loop_signal *signal, int number,
                       void (*on)(struct loop_signal *signal, int number)) {
    loop_signal_stop(signal);
    struct ev_signal *watcher = (struct ev_signal *)signal->watcher;
    signal->loop = loop;
    signal->on_signal = on;
    ev_signal_init(watcher, on_signal, number);
    ev_signal_start(loop->ev, watcher);
}

void loop_signal_stop(struct loop_signal *signal) {
    if (signal->loop) ev_signal_stop(signal->loop->ev, (struct ev_signal *)signal->watcher);
}

/* ---- children ---- */

/* Each child is waited for by its own id, so children that nobody watches stay with whoever started them. */
static void on_sigchld(struct loop_signal *signal, int number) {
    struct loop *loop = signal->loop;
    bool found = true;
    while (found) { /* a callback may stop or free any other watcher: begin anew after each */
        found = false;
        LIST_EACH(&loop->children, node) {
            struct loop_child *child = container_of(node, struct loop_child, node);
            int status = 0;
            pid_t ended = waitpid(child->pid, &status, WNOHANG);
            if (ended == 0) continue;
            list_remove(node);
            if (list_is_empty(&loop->children)) loop_signal_stop(&loop->sigchld);
            child->on_exit(child, ended == child->pid ? status : 0);
            found = true;
            break;
        }
    }
}

void loop_child_start(struct loop *loop, struct loop_child *child, pid_t pid,
                      void (*on_exit)(struct loop_child *child, int status)) {
    if (list_is_empty(&loop->children)) loop_signal_start(loop, &loop->sigchld, SIGCHLD, on_sigchld);
    child->loop = loop;
    child->pid = pid;
    child->on_exit = on_exit;
    list_add(&loop->children, &child->node);
    ev_feed_event(loop->ev, loop->sigchld.watcher, EV_SIGNAL); /* it may have ended before we listened */
}

void loop_child_stop(struct loop_child *child) {
    if (!child->loop || !child->node.next || !list_is_linked(&child->node)) return;
    list_remove(&child->node);
    if (list_is_empty(&child->loop->children)) loop_signal_stop(&child->loop->sigchld);
}

/* ---- calls from other threads ---- */

static void on_async(struct ev_loop *ev, struct ev_async *watcher, int events) {
    struct loop_wake *wake = container_of((uint64_t *)watcher, struct loop_wake, watcher);
    wake->on_wake(wake);
}

void loop_wake_start(struct loop *loop, struct loop_wake *wake, void (*on_wake)(struct loop_wake *wake)) {
    struct ev_async *watcher = (struct ev_async *)wake->watcher;
    loop_wake_stop(wake);
    wake->loop = loop;
    wake->on_wake = on_wake;
    ev_async_init(watcher, on_async);
    ev_async_start(loop->ev, watcher);
}

void loop_wake_send(struct loop_wake *wake) {
    ev_async_send(wake->loop->ev, (struct ev_async *)wake->watcher);
}

void loop_wake_stop(struct loop_wake *wake) {
    if (wake->loop) ev_async_stop(wake->loop->ev, (struct ev_async *)wake->watcher);
}
