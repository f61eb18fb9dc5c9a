#include "sentinel/driver/scripts.h"
#include "base/bytes.h"
#include "base/list.h"
#include "base/log.h"
#include "base/mem.h"
#include "net/loop.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <spawn.h>
#include <string.h>
#include <sys/wait.h>

extern char **environ;

const struct scripts_settings scripts_defaults = {.max_runtime_ms = 60000, .retry_delay_ms = 30000};

struct script { /* owned by its queue */
    struct list_node  node;
    struct loop_child child;
    struct scripts   *scripts;
    char            **args;
    pid_t             pid;      /* 0: waits */
    int64_t           since_ms; /* runs: when it was started; waits: not before then */
    unsigned          tries;
    bool              timed_out;
    scripts_on_end   *on_end;  /* scripts_run(); else NULL */
    uint64_t          token;
    int64_t           most_ms; /* it may run */
};

struct scripts {
    struct loop            *loop;
    struct loop_timer       timer;
    struct loop_task        task;
    struct scripts_settings settings;
    scripts_on_news        *on_news;
    void                   *context;
    struct list             queue;
    unsigned                count, running;
};

static void tell(struct scripts *scripts, enum script_news news, const char *format, ...) PRINTF_LIKE(3, 4);
static void tell(struct scripts *scripts, enum script_news news, const char *format, ...) {
    struct bytes text = {0};
    va_list args;
    va_start(args, format);
    bytes_add_vprintf(&text, format, args);
    va_end(args);
    scripts->on_news(scripts->context, news, bytes_text(&text));
    bytes_fini(&text);
}

static void script_free(struct script *script) {
    if (script->pid) {
        loop_child_stop(&script->child);
        script->scripts->running--;
    }
    script->scripts->count--;
    list_remove(&script->node);
    for (char **arg = script->args; *arg; arg++) mem_free(*arg);
    mem_free(script->args);
    mem_free(script);
}

/* ---- starting and ending one ---- */

/* Tells and frees one of scripts_run(). */
static void end_once(struct script *script, enum scripts_end end, int status) {
    scripts_on_end *on_end = script->on_end;
    void *context = script->scripts->context;
    uint64_t token = script->token;
    script_free(script);
    on_end(context, token, end, status);
}

static int64_t most_ms(const struct script *script) {
    return script->on_end ? script->most_ms : script->scripts->settings.max_runtime_ms;
}

static int spawn(struct script *script, pid_t *pid) {
    posix_spawnattr_t attributes;
    posix_spawn_file_actions_t files;
    sigset_t none, all;
    sigemptyset(&none);
    sigfillset(&all);
    CHECK(posix_spawnattr_init(&attributes) == 0 && posix_spawn_file_actions_init(&files) == 0);
    CHECK(posix_spawnattr_setflags(&attributes,
                                   POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF | POSIX_SPAWN_SETPGROUP) == 0);
    CHECK(posix_spawnattr_setsigmask(&attributes, &none) == 0 && posix_spawnattr_setsigdefault(&attributes, &all) == 0);
    CHECK(posix_spawnattr_setpgroup(&attributes, 0) == 0);
    CHECK(posix_spawn_file_actions_addopen(&files, 0, "/dev/null", O_RDONLY, 0) == 0);
    CHECK(posix_spawn_file_actions_addclosefrom_np(&files, 3) == 0);
    int error = posix_spawn(pid, script->args[0], &files, &attributes, script->args, environ);
    posix_spawn_file_actions_destroy(&files);
    posix_spawnattr_destroy(&attributes);
    return error;
}

static void on_exit_of(struct loop_child *child, int status);

/* False: it could not be run and is gone. */
static bool start(struct script *script, int64_t now_ms) {
    struct scripts *scripts = script->scripts;
    pid_t pid;
    script->tries++;
    script->timed_out = false;
    int error = spawn(script, &pid);
    if (error && script->on_end) {
        LOG_WRITE(LOG_WARNING, "Cannot run the script %s: %s", script->args[0], strerror(error));
        end_once(script, SCRIPTS_NOT_RUN, 0);
        return false;
    }
    if (error == EAGAIN || error == ENOMEM) { /* the machine's fault, so it is tried again */
        LOG_WRITE(LOG_WARNING, "Cannot start the script %s now: %s", script->args[0], strerror(error));
        script->since_ms = now_ms + scripts->settings.retry_delay_ms;
        if (script->tries < SCRIPTS_TRIES_MAX) return true;
    }
    if (error) {
        LOG_WRITE(LOG_WARNING, "Cannot run the script %s: %s", script->args[0], strerror(error));
        tell(scripts, SCRIPT_FAILED, "%s %d %d", script->args[0], 0, 2);
        script_free(script);
        return false;
    }
    script->pid = pid;
    script->since_ms = now_ms;
    scripts->running++;
    loop_child_start(scripts->loop, &script->child, pid, on_exit_of);
    tell(scripts, SCRIPT_STARTED, "%ld", (long)pid);
    return true;
}

static void step(struct scripts *scripts);

static void on_exit_of(struct loop_child *child, int status) {
    struct script *script = container_of(child, struct script, child);
    struct scripts *scripts = script->scripts;
    int by_signal = WIFSIGNALED(status) ? WTERMSIG(status) : 0, code = WIFEXITED(status) ? WEXITSTATUS(status) : 0;
    tell(scripts, SCRIPT_ENDED, "%ld %d %d", (long)script->pid, code, by_signal);
    script->pid = 0;
    scripts->running--;
    if (script->on_end) {
        enum scripts_end end = script->timed_out ? SCRIPTS_TIMEOUT : by_signal ? SCRIPTS_SIGNAL : SCRIPTS_EXIT;
        end_once(script, end, by_signal ? by_signal : code);
        step(scripts);
        return;
    }
    if ((by_signal || code == 1) && script->tries < SCRIPTS_TRIES_MAX) {
        int64_t delay_ms = scripts->settings.retry_delay_ms << (script->tries - 1);
        script->since_ms = loop_now_ms(scripts->loop) + delay_ms;
    } else {
        if (by_signal || code) tell(scripts, SCRIPT_FAILED, "%s %d %d", script->args[0], by_signal, code);
        script_free(script);
    }
    step(scripts);
}

/* ---- the queue ---- */

static void kill_if_late(struct script *script, int64_t now_ms) {
    if (script->timed_out || now_ms - script->since_ms < most_ms(script)) return;
    script->timed_out = true;
    tell(script->scripts, SCRIPT_TIMED_OUT, "%s %ld", script->args[0], (long)script->pid);
    (void)kill(-script->pid, SIGKILL); /* its whole group; it may just have ended */
}

static void on_timer(struct loop_timer *timer) {
    step(container_of(timer, struct scripts, timer));
}

static void on_task(struct loop_task *task) {
    step(container_of(task, struct scripts, task));
}

/* Kills what is late, starts what is due, and sets the timer for the next of either. */
static void step(struct scripts *scripts) {
    int64_t now_ms = loop_now_ms(scripts->loop), next_ms = INT64_MAX;
    LIST_EACH(&scripts->queue, node) {
        struct script *script = container_of(node, struct script, node);
        if (script->pid) kill_if_late(script, now_ms);
        else if (script->since_ms <= now_ms && (script->on_end || scripts->running < SCRIPTS_RUNNING_MAX) &&
                 !start(script, now_ms)) continue;
        if (script->pid && !script->timed_out)
            next_ms = MIN(next_ms, script->since_ms + most_ms(script));
        if (!script->pid && script->since_ms > now_ms) next_ms = MIN(next_ms, script->since_ms);
    }
    loop_timer_stop(&scripts->timer);
    if (next_ms != INT64_MAX) loop_timer_start_at(scripts->loop, &scripts->timer, next_ms, on_timer);
}

struct scripts *scripts_new(struct loop *loop, scripts_on_news *on_news, void *context) {
    struct scripts *scripts = mem_zalloc(sizeof(*scripts));
    scripts->loop = loop;
    scripts->settings = scripts_defaults;
    scripts->on_news = on_news;
    scripts->context = context;
    list_init(&scripts->queue);
    loop_task_init(&scripts->task, on_task);
    return scripts;
}

void scripts_free(struct scripts **taken) {
    struct scripts *scripts = *taken;
    *taken = NULL;
    if (!scripts) return;
    LIST_EACH(&scripts->queue, node) script_free(container_of(node, struct script, node));
    loop_timer_stop(&scripts->timer);
    loop_task_cancel(&scripts->task);
    mem_free(scripts);
}

void scripts_configure(struct scripts *scripts, const struct scripts_settings *settings) {
    scripts->settings = *settings;
    loop_task_post(scripts->loop, &scripts->task);
}

static void drop_oldest_waiting(struct scripts *scripts) {
    LIST_EACH(&scripts->queue, node) {
        struct script *script = container_of(node, struct script, node);
        if (script->pid || script->on_end) continue;
        LOG_WRITE(LOG_WARNING, "The queue of scripts is full: %s (waiting the longest) is dropped", script->args[0]);
        script_free(script);
        return;
    }
}

static struct script *add(struct scripts *scripts, const char *const *args) {
    size_t count = 0;
    while (args[count]) count++;
    struct script *script = mem_zalloc(sizeof(*script));
    script->scripts = scripts;
    script->args = mem_zalloc((count + 1) * sizeof(*script->args));
    for (size_t i = 0; i < count; i++) script->args[i] = mem_strdup(args[i]);
    script->since_ms = loop_now_ms(scripts->loop);
    if (scripts->count >= SCRIPTS_QUEUE_MAX) drop_oldest_waiting(scripts);
    list_add(&scripts->queue, &script->node);
    scripts->count++;
    loop_task_post(scripts->loop, &scripts->task);
    return script;
}

void scripts_add(struct scripts *scripts, const char *const *args) {
    (void)!add(scripts, args);
}

void scripts_run(struct scripts *scripts, const char *const *args, int64_t timeout_ms, uint64_t token,
                 scripts_on_end *on_end) {
    struct script *script = add(scripts, args);
    script->on_end = on_end;
    script->token = token;
    script->most_ms = timeout_ms;
}

unsigned scripts_running(const struct scripts *scripts) {
    return scripts->running;
}

unsigned scripts_count(const struct scripts *scripts) {
    return scripts->count;
}

void scripts_each(const struct scripts *scripts, void (*on_script)(void *, const struct script_view *),
                  void *context) {
    int64_t now_ms = loop_now_ms(scripts->loop);
    LIST_EACH(&scripts->queue, node) {
        const struct script *script = container_of(node, struct script, node);
        struct script_view view = {
            .args = (const char *const *)script->args,
            .is_running = script->pid != 0,
            .pid = script->pid,
            .time_ms = MAX(0, script->pid ? now_ms - script->since_ms : script->since_ms - now_ms),
            .retry_num = script->tries,
        };
        on_script(context, &view);
    }
}
