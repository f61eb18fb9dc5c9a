/* SENTINEL HISTORY: the records of failovers as replies.
 *
 * SPDX-License-Identifier: BSD-3-Clause */
#pragma once
#include "sentinel/machine/world.h"

struct client;

/* Replies an array of maps: the newest first, at most `count` of each primary. `primary` NULL: of all primaries. */
void sentinel_history_reply(struct client *client, const struct world *world, const struct primary *primary, size_t count);
