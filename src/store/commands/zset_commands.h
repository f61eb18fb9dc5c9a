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

enum zset_add_flags {
    ZSET_ADD_NX = 1 << 0,
    ZSET_ADD_XX = 1 << 1,
    ZSET_ADD_GT = 1 << 2,
    ZSET_ADD_LT = 1 << 3,
    ZSET_ADD_CH = 1 << 4,
    ZSET_ADD_INCR = 1 << 5
};
/* What ZADD adds to the set of argument 1. */
struct zset_addition {
    unsigned      flags;
    int           first_member, stride, count; /* members are every stride-th argument */
    const double *scores;
};
/* Adds and replies. True: something was changed. */
bool zset_commands_add(struct client *client, const struct zset_addition *addition);
