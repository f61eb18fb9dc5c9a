/* The commands of hashes.
 *
 * SPDX-License-Identifier: BSD-3-Clause */
#pragma once
#include "core/command/command.h"

extern const struct command hash_commands[];
extern const size_t         hash_command_count;
