/* GUARD: what kvd's sentinels say to servers whose acknowledged writes must survive a failover.
 *
 * SPDX-License-Identifier: BSD-3-Clause */
#pragma once
#include "core/command/command.h"

extern const struct command guard_commands[];
extern const size_t         guard_command_count;
