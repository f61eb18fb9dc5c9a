/* The log: one line an event, to standard output, a file, syslog, or several of them.
 *
 * The only mutable global beside those of main.c. Format: "pid:role day month year hh:mm:ss.mmm mark message".
 * SPDX-License-Identifier: BSD-3-Clause */
#pragma once
#include "base/check.h"

#include "base/error.h"

enum log_level { LOG_DEBUG, LOG_VERBOSE, LOG_NOTICE, LOG_WARNING, LOG_NOTHING };

#define LOG_WRITE(level, ...) (log_wants(level) ? log_write((level), __VA_ARGS__) : (void)0)

bool log_wants(enum log_level level);
void log_write(enum log_level level, const char *format, ...) PRINTF_LIKE(2, 3);

void log_set_level(enum log_level level);
enum log_level log_level(void);
void log_set_role(char role); /* M primary, S replica, X sentinel, C child */
/* "" or NULL: standard output. Opened at once to prove that it can be. On failure the old file stays. */
MUST_USE bool log_set_file(const char *path, struct error *err);
/* Opens the file anew (after it was moved away). */
void log_reopen(void);
/* NULL ident: no syslog. `facility` is a LOG_LOCAL0... constant of <syslog.h>. */
void log_set_syslog(const char *ident, int facility);
int  log_fd(void); /* the file's descriptor, for crash reports; only write(2) is used on it */
