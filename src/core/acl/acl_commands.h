/* The ACL command: its rows and bodies.
 *
 * SPDX-License-Identifier: BSD-3-Clause */
#pragma once
#include "core/command/command.h"

extern const struct command acl_commands[];
extern const size_t         acl_command_count;
