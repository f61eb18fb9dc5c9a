/* What a long-running process owes the system it runs on: detaching, supervision, pid file, title, limits.
 *
 * SPDX-License-Identifier: BSD-3-Clause */
#pragma once
#include "base/error.h"

#include <sys/types.h>

/* Forks, leaves the terminal and its session, and puts /dev/null on the standard streams. The parent exits 0. */
MUST_USE bool daemon_detach(struct error *err);

enum supervision { SUPERVISION_NONE, SUPERVISION_AUTO, SUPERVISION_SYSTEMD, SUPERVISION_UPSTART };

/* Finds out who supervises: AUTO looks at UPSTART_JOB and NOTIFY_SOCKET. SUPERVISION_NONE when what was asked for is
 * not there (logged as a warning). With upstart the process stops itself (SIGSTOP) as that protocol wants. */
enum supervision daemon_supervised_by(enum supervision wanted);
/* Sends one notification to systemd, e.g. "READY=1\n" or "STATUS=loading\nRELOADING=1\n". Harmless without systemd. */
void daemon_notify(enum supervision supervision, const char *message);

/* Writes the process id and a newline. A relative path is made absolute first, so that removal works after chdir. */
MUST_USE bool daemon_write_pid_file(const char *path, struct error *err);

/* Keeps what is needed to set the title; call first in main(). `envp` is main()'s third argument. */
void daemon_title_init(int argc, char **argv, char **envp);
void daemon_set_title(const char *title);

/* Raises the limit of open files to `wanted` or as near as the system allows; returns what is in force, `wanted` too where
 * it can't be known. Never lowers it. */
uint64_t daemon_raise_open_files(uint64_t wanted);

/* One warning about the kernel's settings, ready for the log, or false: nothing (more) to say. Start with *state = 0.
 * `backlog` is the listen backlog that was asked for; `*name` is a word for the warning, lent for good. */
MUST_USE bool daemon_kernel_warning(unsigned *state, int backlog, const char **name, char *text, size_t size);
/* Switches transparent huge pages off for this process. */
void daemon_disable_thp(void);

/* How readily the kernel kills this process when memory is out: -1000 to 1000, cut there. `relative` adds it to the value
 * that was in force at the first call. */
MUST_USE bool daemon_set_oom_score(int value, bool relative, struct error *err);
/* Gives the value of the start back. */
void daemon_restore_oom_score(void);
/* The processors that this thread may run on, as "0-3,8,10-20:2". */
MUST_USE bool daemon_set_cpus(const char *list, struct error *err);
