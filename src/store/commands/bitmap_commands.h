/* The commands on the bits of strings.
 *
 * SPDX-License-Identifier: BSD-3-Clause */
#pragma once
#include "core/command/command.h"

extern const struct command bitmap_commands[];
extern const size_t         bitmap_command_count;
