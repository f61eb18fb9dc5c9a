/* DEBUG: what test suites and people who look for faults ask of the store.
 *
 * SPDX-License-Identifier: BSD-3-Clause */
#pragma once
#include "core/command/command.h"

extern const struct command debug_commands[];
extern const size_t         debug_command_count;
