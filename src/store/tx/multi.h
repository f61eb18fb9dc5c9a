/* MULTI and EXEC: commands that are queued and run as one.
 *
 * SPDX-License-Identifier: BSD-3-Clause */
#pragma once
#include "core/command/command.h"
#include "core/server.h"

struct client;

extern const struct command multi_commands[]; /* MULTI EXEC DISCARD WATCH UNWATCH */
extern const size_t         multi_command_count;

/* Hooks: queues a command of a client that is in MULTI; a refused command makes EXEC fail; ends without executing. */
enum server_verdict multi_take(struct client *client, const struct command_entry *entry);
void                multi_rejected(struct client *client);
void                multi_discard(struct client *client);
size_t              multi_memory(const struct client *client); /* bytes of the queue */
