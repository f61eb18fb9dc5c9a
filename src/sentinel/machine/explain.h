/* Decisions in words that an operator can act on.
 *
 * SPDX-License-Identifier: BSD-3-Clause */
#pragma once
#include "base/bytes.h"
#include "sentinel/machine/world.h"

/* Whether this replica could be promoted now. True: `text` says how it stands ("priority 100, offset 5003, lag 0 bytes
 * behind the furthest replica"); false: why not ("disconnected: refused", "priority 0", ...). */
bool explain_replica(const struct instance *replica, int64_t now_ms, struct bytes *text);
/* How many bytes it is behind the furthest known replica of its primary; -1 unknown. */
int64_t explain_lag(const struct instance *replica);
/* Replicas of the primary that could be promoted now. */
size_t explain_electable(const struct primary *primary, int64_t now_ms);
/* Why the instance is, or is not, down: "no answer for 1012 of 1000 ms; connection refused". */
void explain_down(const struct instance *instance, int64_t now_ms, struct bytes *text);
/* What a primary waits for now: "nothing", "2 more sentinels to agree", "votes: 1 of 2", ... */
void explain_waiting(const struct primary *primary, int64_t now_ms, struct bytes *text);
/* SENTINEL FAILOVER ... DRYRUN: a line for what would be done, or why nothing, then one for each replica.
 * `wanted`: the replica that the operator names; NULL: the choice is ours. */
void explain_plan(const struct primary *primary, bool coordinated, const struct instance *wanted, int64_t now_ms,
                  struct bytes *lines);
