/* Notification and client-reconfiguration scripts: a queue, a few at a time, a time limit, retries.
 *
 * At most SCRIPTS_QUEUE_MAX wait or run (the oldest waiting one makes room), SCRIPTS_RUNNING_MAX run at once. A script
 * is killed with its process group after max_runtime_ms. Exit status 1 or death by a signal: it is tried again, after
 * retry_delay_ms, then twice that and so on, SCRIPTS_TRIES_MAX times in all. Exit status 2 and more, or a program that
 * cannot be run: given up.
 * A script inherits no descriptor but standard output and error, and no signal setting of ours. Owned by the driver.
 * SPDX-License-Identifier: BSD-3-Clause */
#pragma once
#include "base/check.h"

#include <sys/types.h>

struct loop;
struct scripts;

enum { SCRIPTS_QUEUE_MAX = 256, SCRIPTS_RUNNING_MAX = 16, SCRIPTS_TRIES_MAX = 10 };

enum script_news { SCRIPT_STARTED, SCRIPT_ENDED, SCRIPT_TIMED_OUT, SCRIPT_FAILED };

struct scripts_settings {
    int64_t max_runtime_ms;
    int64_t retry_delay_ms;
};
extern const struct scripts_settings scripts_defaults; /* 60 s and 30 s */

/* Called for each piece of news with the established payload of its event. */
typedef void scripts_on_news(void *context, enum script_news news, const char *text);

struct scripts *scripts_new(struct loop *loop, scripts_on_news *on_news, void *context); /* gives: scripts_free() */
/* takes; scripts that run go on without us. */
void scripts_free(struct scripts **scripts);
void scripts_configure(struct scripts *scripts, const struct scripts_settings *settings);

enum scripts_end { SCRIPTS_EXIT, SCRIPTS_SIGNAL, SCRIPTS_TIMEOUT, SCRIPTS_NOT_RUN };
/* A script that was run by scripts_run() ended; `status`: its exit status, or the signal. */
typedef void scripts_on_end(void *context, uint64_t token, enum scripts_end end, int status);

/* Starts it before the loop sleeps, whatever else runs; killed after timeout_ms, never tried again. `on_end` is called once,
 * from the loop, unless scripts_free() comes first. */
void scripts_run(struct scripts *scripts, const char *const *args, int64_t timeout_ms, uint64_t token,
                 scripts_on_end *on_end);

/* args[0] is the path, NULL ends them; copied. Starts before the loop sleeps when there is room. */
void scripts_add(struct scripts *scripts, const char *const *args);

unsigned scripts_running(const struct scripts *scripts);
unsigned scripts_count(const struct scripts *scripts); /* waiting and running */

struct script_view { /* lent, until the loop goes on */
    const char *const *args;
    bool               is_running;
    pid_t              pid;      /* 0: not running */
    int64_t            time_ms;  /* runs since, or starts in */
    unsigned           retry_num; /* how often it was started */
};
/* In the order of the queue. */
void scripts_each(const struct scripts *scripts, void (*on_script)(void *context, const struct script_view *script),
                  void *context);
