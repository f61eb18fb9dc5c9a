/* DEBUG's subcommands that need no data: crashing on purpose, logging. The mode's DEBUG command calls them.
 *
 * SPDX-License-Identifier: BSD-3-Clause */
#pragma once
#include "base/check.h"

struct client;

/* Runs client->argv as one of them. False: it is none, or has the wrong number of arguments; nothing was replied. */
bool debug_generic(struct client *client);
/* Their help, in pairs of lines; ended by NULL. */
extern const char *const debug_generic_help[];
/* "ERR unknown subcommand or wrong number of arguments for 'x'. Try DEBUG HELP." */
void debug_reply_unknown(struct client *client);
