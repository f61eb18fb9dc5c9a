/* CLIENT TRACKING, TRACKINGINFO, CACHING and GETREDIR.
 *
 * SPDX-License-Identifier: BSD-3-Clause */
#pragma once
#include "core/command/command.h"

extern const struct command tracking_commands[];
extern const size_t         tracking_command_count;
