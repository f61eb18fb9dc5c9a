/* OBJECT and MEMORY USAGE: what a value is on the inside.
 *
 * SPDX-License-Identifier: BSD-3-Clause */
#pragma once
#include "core/command/command.h"

extern const struct command object_commands[];
extern const size_t         object_command_count;
extern const struct command memory_usage_commands[1]; /* a subcommand of core's MEMORY */

struct client;
struct record;
/* Seconds since the key was used. */
uint32_t object_idle_seconds(const struct client *client, const struct record *record);
/* Strings of small integers count as shared by everybody, as in the established servers: INT_MAX. */
int object_reference_count(const struct record *record);
