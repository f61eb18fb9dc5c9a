/* The commands on HyperLogLogs.
 *
 * SPDX-License-Identifier: BSD-3-Clause */
#pragma once
#include "core/command/command.h"

extern const struct command hyperloglog_commands[];
extern const size_t         hyperloglog_command_count;
