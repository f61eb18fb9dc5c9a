#include "store/persist/child.h"
#include "base/clock.h"
#include "base/daemon.h"
#include "base/log.h"
#include "base/mem.h"
#include "core/config/core_settings.h"
#include "core/observe/latency.h"
#include "core/server.h"
#include "net/loop.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

enum { TELL_EVERY_MS = 100, COW_EVERY = 10 /* tellings */ };

/* One message of the pipe; smaller than PIPE_BUF, so it comes as a whole. */
struct message {
    uint64_t done;
    uint64_t cow_bytes;
    bool     is_last, is_good;
    char     why[512];
};

struct child_pipe {
    int            fd;
    int64_t        told_ms;
    unsigned       tellings;
    struct message message;
};

struct child {
    struct server    *server;
    struct loop_child watcher;
    struct loop_io    io;
    int               fd;
    pid_t             pid; /* 0: none runs */
    struct child_job  job;
    struct message    last;
    int64_t           cow_told_ms;
    uint64_t          cow_peak_bytes, last_cow_bytes, forks;
    int64_t           fork_us;
};

struct child *child_new(struct server *server) {
    struct child *child = mem_zalloc(sizeof *child);
    child->server = server;
    child->fd = -1;
    return child;
}

bool child_is_running(const struct child *child) {
    return child->pid != 0;
}

enum child_purpose child_purpose(const struct child *child) {
    return child->pid ? child->job.purpose : CHILD_NONE;
}

long child_pid(const struct child *child) {
    return (long)child->pid;
}

/* ---- in the child ---- */

/* Pages that only this process has: those that were copied since the fork. 0: the kernel does not tell. */
static uint64_t private_dirty_bytes(void) {
    FILE *file = fopen("/proc/self/smaps_rollup", "re");
    if (!file) return 0;
    char line[256];
    unsigned long long kib, sum = 0;
    while (fgets(line, sizeof line, file))
        if (sscanf(line, "Private_Dirty: %llu kB", &kib) == 1) sum += kib * 1024;
    return fclose(file) == 0 ? sum : 0;
}

static void send_message(struct child_pipe *pipe) {
    ssize_t size;
    do size = write(pipe->fd, &pipe->message, sizeof pipe->message);
    while (size < 0 && errno == EINTR);
    /* Where the parent is gone nobody waits for this; where the pipe is full the next message says more. */
}

void child_tell(struct child_pipe *pipe, uint64_t done) {
    int64_t now_ms = clock_now_ms();
    if (now_ms - pipe->told_ms < TELL_EVERY_MS) return;
    pipe->told_ms = now_ms;
    pipe->message.done = done;
    if (pipe->tellings++ % COW_EVERY == 0) pipe->message.cow_bytes = private_dirty_bytes();
    send_message(pipe);
}

static void set_signals(void) {
    static const int to_default[] = {SIGTERM, SIGHUP, SIGUSR1, SIGCHLD, SIGALRM};
    for (size_t i = 0; i < COUNT_OF(to_default); i++) CHECK(signal(to_default[i], SIG_DFL) != SIG_ERR);
    /* A Ctrl-C at the terminal is for the parent, which decides. A log's reader that is gone must not end this. */
    CHECK(signal(SIGINT, SIG_IGN) != SIG_ERR);
    CHECK(signal(SIGPIPE, SIG_IGN) != SIG_ERR);
}

static void close_others(int pipe, int job) {
    int kept[] = {pipe, job, log_fd()};
    int from = STDERR_FILENO + 1;
    for (;;) {
        int next = INT_MAX;
        for (size_t i = 0; i < COUNT_OF(kept); i++)
            if (kept[i] >= from) next = MIN(next, kept[i]);
        if (next == INT_MAX) break;
        if (next > from) (void)close_range((unsigned)from, (unsigned)next - 1, 0);
        from = next + 1;
    }
    (void)close_range((unsigned)from, ~0u, 0);
}

static void adjust_oom_score(const struct core_settings *settings) {
    struct error err;
    if (settings->oom_score_adj == OOM_ADJUST_NO || settings->oom_score_adj_values.count < 3) return;
    int value = atoi(settings->oom_score_adj_values.items[2].text);
    if (!daemon_set_oom_score(value, settings->oom_score_adj == OOM_ADJUST_RELATIVE, &err)) LOG_WRITE(LOG_WARNING, "%s", err.text);
}

static NORETURN void run(const struct server *server, pid_t parent, int fd, const struct child_job *job) {
    struct child_pipe pipe = {.fd = fd};
    struct error err = {""};
    if (prctl(PR_SET_PDEATHSIG, SIGKILL) != 0 || getppid() != parent) _exit(1); /* it died meanwhile */
    log_set_role('C');
    set_signals();
    close_others(fd, job->fd);
    adjust_oom_score(server->settings);
    if (server->settings->set_proc_title) daemon_set_title(job->title);
    pipe.told_ms = clock_now_ms();
    bool good = job->work(job->context, &pipe, &err);
    pipe.message.is_last = true;
    pipe.message.is_good = good;
    pipe.message.cow_bytes = private_dirty_bytes();
    memcpy(pipe.message.why, err.text, sizeof pipe.message.why - 1); /* what is too long is cut */
    if (fcntl(fd, F_SETFL, 0) != 0) _exit(1); /* the last message waits for room */
    send_message(&pipe);
    _exit(good ? 0 : 1);
}

/* ---- in the parent ---- */

static void take_messages(struct child *child) {
    struct message message;
    for (;;) {
        ssize_t size = read(child->fd, &message, sizeof message);
        if (size < 0 && errno == EINTR) continue;
        if (size == 0) loop_io_watch(&child->io, 0);
        if (size != (ssize_t)sizeof message) return;
        child->last = message;
        child->last.why[sizeof message.why - 1] = 0;
        child->cow_peak_bytes = MAX(child->cow_peak_bytes, message.cow_bytes);
        child->cow_told_ms = child->server->now_ms;
    }
}

static void on_message(struct loop_io *io, unsigned ready) {
    take_messages(container_of(io, struct child, io));
}

static void forget(struct child *child) {
    take_messages(child);
    loop_io_stop(&child->io);
    CHECK(close(child->fd) == 0);
    child->fd = -1;
    child->pid = 0;
    child->last_cow_bytes = child->last.cow_bytes;
}

static void on_exit_of(struct loop_child *watcher, int status) {
    struct child *child = container_of(watcher, struct child, watcher);
    long pid = (long)child->pid;
    char why[600] = "";
    forget(child);
    bool good = WIFEXITED(status) && WEXITSTATUS(status) == 0 && child->last.is_last && child->last.is_good;
    if (WIFSIGNALED(status)) snprintf(why, sizeof why, "it was ended by signal %d (%s)", WTERMSIG(status), strsignal(WTERMSIG(status)));
    else if (!good) snprintf(why, sizeof why, "%s", *child->last.why ? child->last.why : "it ended without saying why");
    child->job.on_end(child->job.context, good ? CHILD_SUCCEEDED : CHILD_FAILED, pid, why);
}

static bool open_pipe(int fds[2], struct error *err) {
    if (pipe2(fds, O_CLOEXEC | O_NONBLOCK) == 0) return true;
    return error_set(err, "can't open a pipe to a child process: %s", strerror(errno));
}

bool child_start(struct child *child, const struct child_job *job, struct error *err) {
    int fds[2];
    CHECK(!child->pid);
    if (!open_pipe(fds, err)) return false;
    pid_t parent = getpid();
    int64_t start_us = clock_now_us();
    pid_t pid = fork();
    if (pid == 0) run(child->server, parent, fds[1], job);
    int reason = errno;
    child->fork_us = clock_now_us() - start_us;
    CHECK(close(fds[1]) == 0);
    if (pid < 0) {
        CHECK(close(fds[0]) == 0);
        return error_set(err, "can't fork a child process: %s", strerror(reason));
    }
    latency_add_sample(child->server, "fork", child->fork_us / 1000);
    child->forks++;
    child->pid = pid;
    child->fd = fds[0];
    child->job = *job;
    child->last = (struct message){0};
    child->cow_peak_bytes = 0;
    child->cow_told_ms = child->server->now_ms;
    loop_io_start(child->server->loop, &child->io, child->fd, LOOP_READ, on_message);
    loop_child_start(child->server->loop, &child->watcher, pid, on_exit_of);
    return true;
}

static void end_now(struct child *child) {
    loop_child_stop(&child->watcher);
    if (kill(child->pid, SIGKILL) != 0 && errno != ESRCH) CHECK(errno == ESRCH);
    while (waitpid(child->pid, NULL, 0) < 0 && errno == EINTR) continue;
    forget(child);
}

void child_kill(struct child *child) {
    if (!child->pid) return;
    long pid = (long)child->pid;
    end_now(child);
    child->job.on_end(child->job.context, CHILD_KILLED, pid, "");
}

void child_free(struct child **place) {
    struct child *child = *place;
    if (!child) return;
    *place = NULL;
    if (child->pid) end_now(child);
    mem_free(child);
}

void child_get_state(const struct child *child, struct child_state *state) {
    bool runs = child->pid != 0;
    *state = (struct child_state){
        .done = runs ? child->last.done : 0,
        .total = runs ? child->job.total : 0,
        .cow_bytes = runs ? child->last.cow_bytes : 0,
        .cow_peak_bytes = runs ? child->cow_peak_bytes : 0,
        .cow_age_ms = runs ? child->server->now_ms - child->cow_told_ms : 0,
        .last_cow_bytes = child->last_cow_bytes,
        .fork_us = child->fork_us,
        .forks = child->forks,
    };
}

double child_percent(const struct child_state *state) {
    return state->total ? (double)state->done * 100 / (double)state->total : 0;
}
