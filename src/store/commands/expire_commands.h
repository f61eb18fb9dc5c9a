/* The commands that set, remove and tell when keys end.
 *
 * SPDX-License-Identifier: BSD-3-Clause */
#pragma once
#include "core/command/command.h"

extern const struct command expire_commands[];
extern const size_t         expire_command_count;
