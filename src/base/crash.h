/* The last words of a process: a report with stack and registers when it crashes, and the watchdog's stack trace.
 *
 * Everything is written to the log's descriptor with write(2) only.
 * SPDX-License-Identifier: BSD-3-Clause */
#pragma once
#include "base/check.h"

/* Installs handlers for SIGSEGV, SIGBUS, SIGFPE, SIGILL and SIGABRT on a stack of their own. `program` ("kvd 0.1.0") must stay.
 * After the report the signal is raised again with its default action, so the exit status and core file are true. */
void crash_init(const char *program);
void crash_enable(bool enabled); /* false: no report, the default action at once */

/* Adds a part to the report, called in the order of registration while the process is dying: it should only read.
 * A crash inside a part ends the report. Up to 8 parts. */
void crash_add_part(const char *title, void (*print)(void *context), void *context);
/* For parts: writes text to the log's descriptor. */
void crash_print(const char *format, ...) PRINTF_LIKE(1, 2);

/* Logs a stack trace when watchdog_kick() was not called for `period_ms` (0: off). Uses SIGALRM. */
void watchdog_set(int period_ms);
void watchdog_kick(void);
