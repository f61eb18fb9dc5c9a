/* The commands on streams: XADD, XRANGE, XREADGROUP and their like.
 *
 * SPDX-License-Identifier: BSD-3-Clause */
#pragma once
#include "core/command/command.h"

extern const struct command stream_commands[];
extern const size_t         stream_command_count;
