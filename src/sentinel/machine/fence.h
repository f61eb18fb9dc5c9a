/* The pre-failover script: what the leader asks before it orders a promotion, so that the old primary can be fenced.
 *
 * It is run once a failover, by the leader, when the replica is chosen. Exit status 0: go on. 1: veto, the failover is
 * aborted and tried again later. Everything else, and no end within the deadline (then it is killed), is no answer: we go
 * on, or veto, as pre-failover-veto-on-timeout says. Not for coordinated failovers, where the primary itself hands over.
 * The deadline is at most four fifths of the time for which the others wait for a leader, so that no second one begins.
 * SPDX-License-Identifier: BSD-3-Clause */
#pragma once
#include "sentinel/machine/world.h"

enum fence_verdict { FENCE_GO, FENCE_WAIT, FENCE_VETO };

void fence_reset(struct primary *primary);
/* Starts the script when that is due. */
enum fence_verdict fence_look(struct primary *primary);
/* EVENT_SCRIPT_ENDED */
void fence_on_ended(struct world *world, const struct event *event);
