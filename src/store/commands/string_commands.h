/* The commands on strings.
 *
 * SPDX-License-Identifier: BSD-3-Clause */
#pragma once
#include "core/command/command.h"

extern const struct command string_commands[];
extern const size_t         string_command_count;

struct client;
struct record;
/* A string's text as a bulk string; long ones are not copied. NULL: null. */
void string_reply(struct client *client, const struct record *record);
