/* The commands on sets.
 *
 * SPDX-License-Identifier: BSD-3-Clause */
#pragma once
#include "core/command/command.h"

extern const struct command set_commands[];
extern const size_t         set_command_count;
