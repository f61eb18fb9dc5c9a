/* The CONFIG command: GET, SET, REWRITE, RESETSTAT, HELP.
 *
 * SPDX-License-Identifier: BSD-3-Clause */
#pragma once
#include "core/command/command.h"

extern const struct command config_commands[];
extern const size_t config_command_count;
