/* DUMP and RESTORE.
 *
 * SPDX-License-Identifier: BSD-3-Clause */
#pragma once
#include "core/command/command.h"

extern const struct command dump_commands[];
extern const size_t         dump_command_count;
