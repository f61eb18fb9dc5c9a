#include "lib/unit.h"
#include "net/loop.h"

#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

static struct loop *loop;
static char         trace[200];

static void note(char c) {
    size_t size = strlen(trace);
    trace[size] = c;
    trace[size + 1] = 0;
}

static struct loop_timer first, second, third, again;
static void on_first(struct loop_timer *timer) {
    note('1');
}
static void on_zero(struct loop_timer *timer) {
    note('0');
    if (strlen(trace) < 3) loop_timer_start(loop, timer, 0, on_zero);
    else loop_stop(loop);
}
static void on_second(struct loop_timer *timer) {
    note('2');
    loop_timer_stop(&third);
    loop_timer_start(loop, &first, 0, on_zero);
}
static void on_third(struct loop_timer *timer) {
    note('3');
}

UNIT_TEST(loop, timers_in_order_and_never_early) {
    loop = loop_new();
    trace[0] = 0;
    loop_timer_start(loop, &third, 4, on_third);
    loop_timer_start(loop, &second, 3, on_second);
    loop_timer_start(loop, &first, 1, on_first);
    int64_t began_us = loop_now_us(loop);
    loop_run(loop);
    EXPECT_TEXT(trace, "120");
    CU_ASSERT(loop_now_us(loop) - began_us >= 3000);
    CU_ASSERT_FALSE(loop_timer_is_active(&third));
    CU_ASSERT(loop_stats(loop)->turns >= 2);
    loop_free(&loop);
    CU_ASSERT_PTR_NULL(loop);
}

static void on_again(struct loop_timer *timer) {
    note('r');
    if (strlen(trace) == 3) {
        loop_timer_stop(timer);
        loop_stop(loop);
    }
}

UNIT_TEST(loop, repeats_until_stopped) {
    loop = loop_new();
    trace[0] = 0;
    loop_timer_repeat(loop, &again, 1, on_again);
    loop_run(loop);
    EXPECT_TEXT(trace, "rrr");
    loop_free(&loop);
}

static struct loop_task task, other_task;
static struct loop_hook before, after;
static void on_other_task(struct loop_task *t) {
    note('u');
}
static void on_task(struct loop_task *t) {
    note('t');
    loop_task_post(loop, &other_task);
}
static void on_before(struct loop_hook *hook) {
    note('b');
    loop_stay_awake(loop);
}
static void on_after(struct loop_hook *hook) {
    note('a');
}

UNIT_TEST(loop, tasks_and_hooks_around_the_sleep) {
    loop = loop_new();
    trace[0] = 0;
    loop_task_init(&task, on_task);
    loop_task_init(&other_task, on_other_task);
    loop_before_sleep_add(loop, &before, on_before);
    loop_after_sleep_add(loop, &after, on_after);
    loop_task_post(loop, &task);
    loop_task_post(loop, &task);
    loop_turn(loop, true);
    loop_turn(loop, true);
    EXPECT_TEXT(trace, "tubaba");
    loop_task_post(loop, &task);
    loop_task_cancel(&task);
    loop_hook_remove(&before);
    loop_hook_remove(&after);
    loop_turn(loop, false);
    EXPECT_TEXT(trace, "tubaba");
    loop_free(&loop);
}

static void on_io(struct loop_io *io, unsigned ready) {
    if (ready & LOOP_READ) note('R');
    if (ready & LOOP_WRITE) note('W');
}

UNIT_TEST(loop, descriptors_before_timers) {
    int ends[2];
    struct loop_io io = {0};
    struct loop_timer timer = {0};
    loop = loop_new();
    trace[0] = 0;
    CU_ASSERT_EQUAL_FATAL(pipe(ends), 0);
    loop_io_start(loop, &io, ends[0], LOOP_READ, on_io);
    loop_turn(loop, false);
    EXPECT_TEXT(trace, "");
    CU_ASSERT_EQUAL(write(ends[1], "x", 1), 1);
    loop_timer_start_at(loop, &timer, 1, on_first); /* long due */
    loop_turn(loop, true);
    EXPECT_TEXT(trace, "R1");
    loop_io_watch(&io, 0);
    loop_turn(loop, false);
    EXPECT_TEXT(trace, "R1");
    loop_io_stop(&io);
    loop_io_start(loop, &io, ends[1], LOOP_WRITE, on_io);
    loop_turn(loop, false);
    EXPECT_TEXT(trace, "R1W");
    loop_io_stop(&io);
    close(ends[0]);
    close(ends[1]);
    loop_free(&loop);
}

static void on_signal(struct loop_signal *signal, int number) {
    note(number == SIGUSR1 ? 's' : '?');
}

static int exit_status;
static void on_exit_of_child(struct loop_child *child, int status) {
    exit_status = WEXITSTATUS(status);
    note('x');
    loop_stop(loop);
}

UNIT_TEST(loop, signals_and_children) {
    struct loop_signal signal = {0};
    struct loop_child child = {0}, never = {0};
    loop = loop_new();
    trace[0] = 0;
    loop_signal_start(loop, &signal, SIGUSR1, on_signal);
    raise(SIGUSR1);
    loop_turn(loop, true);
    EXPECT_TEXT(trace, "s");
    loop_signal_stop(&signal);
    pid_t pid = fork();
    if (pid == 0) _exit(7);
    loop_child_start(loop, &child, pid, on_exit_of_child);
    loop_run(loop);
    EXPECT_TEXT(trace, "sx");
    CU_ASSERT_EQUAL(exit_status, 7);
    pid = fork();
    if (pid == 0) _exit(9);
    loop_child_start(loop, &never, pid, on_exit_of_child);
    loop_child_stop(&never);
    CU_ASSERT_EQUAL(waitpid(pid, NULL, 0), pid);
    loop_free(&loop);
}

static void on_wake(struct loop_wake *wake) {
    note('w');
    loop_stop(loop);
}

static void *send_wake(void *wake) {
    loop_wake_send(wake);
    return NULL;
}

UNIT_TEST(loop, is_woken_by_another_thread) {
    struct loop_wake wake = {0};
    pthread_t thread;
    loop = loop_new();
    trace[0] = 0;
    loop_wake_start(loop, &wake, on_wake);
    CU_ASSERT_EQUAL_FATAL(pthread_create(&thread, NULL, send_wake, &wake), 0);
    loop_run(loop);
    pthread_join(thread, NULL);
    EXPECT_TEXT(trace, "w");
    loop_wake_stop(&wake);
    loop_free(&loop);
}

static void on_sleep_too_long(struct loop_timer *timer) {
    usleep(20000); /* the loop is kept busy on purpose */
    note('z');
}

UNIT_TEST(loop, notices_that_it_stalled) {
    struct loop_timer slow = {0}, next = {0};
    loop = loop_new();
    trace[0] = 0;
    loop_timer_start(loop, &slow, 0, on_sleep_too_long);
    while (!trace[0]) loop_turn(loop, true);
    loop_timer_start(loop, &next, 0, on_first);
    loop_turn(loop, true);
    CU_ASSERT(loop_stats(loop)->longest_busy_us >= 20000);
    CU_ASSERT(loop_stats(loop)->longest_stall_us >= 20000);
    loop_reset_peaks(loop);
    CU_ASSERT_EQUAL(loop_stats(loop)->longest_stall_us, 0);
    loop_timer_stop(&next);
    loop_free(&loop);
}
