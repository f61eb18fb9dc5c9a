/* One attempt at a failover: how it begins and ends, and the record it leaves (history.h).
 *
 * SPDX-License-Identifier: BSD-3-Clause */
#pragma once
#include "sentinel/machine/world.h"

/* All times NEVER. */
void attempt_clear_record(struct failover_record *record);

/* We stand in a new epoch: votes for ourselves, asks for votes and for fresh offsets. `wanted`: the replica that the
 * operator chose, 0 none. */
void attempt_begin(struct primary *primary, bool forced, bool coordinated, uint32_t wanted, const char *reason);
/* It is over, with no event; a primary whose writes we stopped may write again. */
void attempt_end(struct primary *primary, enum failover_result result, const char *reason);
/* In vain: with that event, and not again at once. */
void attempt_abort(struct primary *primary, enum failover_result result, enum sentinel_event event, const char *reason);
/* No replica is chosen (any more). */
void attempt_forget_target(struct primary *primary);

/* A configuration with a newer epoch was heard from the sentinel `by`; what runs is over. Before primary_switch(). */
void attempt_observe(struct primary *primary, const char *by);
/* And after it. */
void attempt_observed(struct primary *primary);

/* SENTINEL SIMULATE-FAILURE: stops the process when that point (SIMULATE_...) is the one asked for. */
void attempt_crash_after(struct world *world, unsigned point, const char *name);
