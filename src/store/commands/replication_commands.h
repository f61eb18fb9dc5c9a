/* The table of the commands of replication.
 * SPDX-License-Identifier: BSD-3-Clause */
#pragma once
#include "core/command/command.h"

extern const struct command replication_commands[];
extern const size_t         replication_command_count;
