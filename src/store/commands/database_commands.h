/* The commands on databases as a whole: choosing, swapping, counting, emptying; and ROLE.
 *
 * SPDX-License-Identifier: BSD-3-Clause */
#pragma once
#include "core/command/command.h"

extern const struct command database_commands[];
extern const size_t         database_command_count;
