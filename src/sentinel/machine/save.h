/* When the state is written, and what follows from that.
 *
 * S1  One save at a time; it promises everything up to its sequence number.
 * S2  What somebody waits for (votes) is saved at once, the rest within SAVE_BATCH_MS; a failed save is tried again
 *     every second.
 * SPDX-License-Identifier: BSD-3-Clause */
#pragma once
#include "sentinel/machine/world.h"

/* At the end of each step. Returns when to look again. */
int64_t save_look(struct world *world);
void save_on_saved(struct world *world, uint64_t sequence, bool ok, struct slice error);
void save_flush(struct world *world, uint64_t token); /* SENTINEL FLUSHCONFIG */
void save_fini(struct world *world);
