/* Which arguments of a request are secrets, for everything that shows requests: MONITOR, the slow log, crash reports.
 *
 * SPDX-License-Identifier: BSD-3-Clause */
#pragma once
#include "base/bytes.h"

struct command_entry;
struct params;

/* "(redacted)" for a secret, else argv[place]. `params` tells which values of CONFIG SET are secrets; `entry` may be
 * NULL. */
struct slice redact_argument(const struct params *params, const struct command_entry *entry, const struct slice *argv,
                             int argc, int place);
