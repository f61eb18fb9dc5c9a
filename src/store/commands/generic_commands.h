/* The commands on keys of any type: removing, renaming, copying, listing, walking.
 *
 * SPDX-License-Identifier: BSD-3-Clause */
#pragma once
#include "core/command/command.h"

extern const struct command generic_commands[];
extern const size_t         generic_command_count;
