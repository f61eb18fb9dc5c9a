/* The commands of lists.
 *
 * SPDX-License-Identifier: BSD-3-Clause */
#pragma once
#include "core/command/command.h"

extern const struct command list_commands[];
extern const size_t         list_command_count;
