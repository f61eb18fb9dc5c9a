/* SAVE, BGSAVE and LASTSAVE.
 *
 * SPDX-License-Identifier: BSD-3-Clause */
#pragma once
#include "core/command/command.h"

extern const struct command persist_commands[];
extern const size_t         persist_command_count;
