/* SORT and SORT_RO: a collection's elements in the order of their values, or of other keys' values.
 *
 * SPDX-License-Identifier: BSD-3-Clause */
#pragma once
#include "core/command/command.h"

extern const struct command sort_commands[];
extern const size_t         sort_command_count;
