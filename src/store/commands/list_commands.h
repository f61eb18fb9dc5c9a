/* The commands of lists that do not wait.
 *
 * SPDX-License-Identifier: BSD-3-Clause */
#pragma once
#include "core/command/command.h"

extern const struct command list_commands[];
extern const size_t         list_command_count;
