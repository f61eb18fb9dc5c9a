/* The process around a server: log, title, pid file, supervision, signals, crash report, as its settings say.
 *
 * SPDX-License-Identifier: BSD-3-Clause */
#pragma once
#include "base/error.h"

struct process;
struct server;

/* Binds the parameters that change the process (loglevel, dir, watchdog-period, ...) to their effects. Keeps the server.
 * gives: process_free() */
struct process *process_new(struct server *server);
/* Removes the pid file and says goodbye to the supervisor. takes */
void process_free(struct process **process);

/* Working directory, log, syslog, locale, processors: what must be in force before anything else is said or opened. */
MUST_USE bool process_enter(struct process *process, struct error *err);
/* Into the background when `daemonize` says so, under the supervisor when there is one; pid file, title, signals. */
MUST_USE bool process_detach(struct process *process, struct error *err);
/* The kernel's settings that will hurt, as warnings in the log. */
void process_warn_of_kernel(struct process *process);
/* It is ready to serve: the supervisor is told. */
void process_is_ready(struct process *process);
