/* REPLICAOF, SLAVEOF and FAILOVER: whom a server follows.
 *
 * SPDX-License-Identifier: BSD-3-Clause */
#pragma once
#include "core/command/command.h"

extern const struct command following_commands[];
extern const size_t         following_command_count;
