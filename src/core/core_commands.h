/* The commands that core brings, whatever the mode.
 *
 * SPDX-License-Identifier: BSD-3-Clause */
#pragma once
#include "core/command/command.h"

struct server;

extern const struct command connection_commands[], pubsub_commands[], command_commands[], server_commands[];
extern const size_t connection_command_count, pubsub_command_count, command_command_count, server_command_count;

/* Adds all of these to the server's table. */
void core_commands_add(struct server *server);
