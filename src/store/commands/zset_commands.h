/* The commands on sorted sets: their rows, and those that name members.
 *
 * Ranges are in zset_range_commands.c, what takes from the ends in zset_pop_commands.c, several sets in
 * zset_combine_commands.c.
 * SPDX-License-Identifier: BSD-3-Clause */
#pragma once
#include "core/command/command.h"

#define COMMAND COMMAND_PROTOTYPE
#include "store/commands/zset.def"
#undef COMMAND

extern const struct command zset_commands[];
extern const size_t         zset_command_count;
