/* The failover state machine: from the election to the last replica that follows the new primary.
 *
 * F1  Only the leader of (primary, epoch) orders a promotion, and only when its vote is on disk (E2, V3). A failover that
 *     an operator forced needs nobody to find the primary down, but it is elected like any other as long as a majority
 *     can be asked: else two sentinels could promote in one epoch. Only when none can be asked the operator's word is
 *     enough.
 * F2  One target per epoch: once a promotion was ordered and not certainly refused, another replica can be promoted only
 *     in a new epoch.
 * F3  The configuration epoch is the failover's epoch, and is taken only after the promotion was proved.
 * F4  An unforced failover does not order a promotion when the primary is back.
 * F5  A forced failover of a kvd that can be reached is planned: coordinated, and by force only when the primary does not
 *     hand over, never because a replica lags.
 * SPDX-License-Identifier: BSD-3-Clause */
#pragma once
#include "sentinel/machine/world.h"

extern const struct sm_table failover_table;

void failover_init(struct primary *primary);

/* Does all that can be done now. Returns when to look again. */
int64_t failover_look(struct primary *primary);

/* SENTINEL FAILOVER. `wanted`: the replica that the operator names; NULL: the best one. `unguarded`: confirmed writes may be lost by it
 * (guard.h). `reason`: for the record. False: `why` holds the error's words with their code. */
bool failover_force(struct primary *primary, bool coordinated, bool unguarded, const struct instance *wanted, const char *reason,
                    struct bytes *why);
/* A plain order would be coordinated (F5). */
bool failover_would_plan(const struct primary *primary);
void failover_plan(struct primary *primary); /* the attempt that has just begun is */
/* Whether it would begin, with no effect. */
bool failover_may_force(const struct primary *primary, bool coordinated, bool unguarded, const struct instance *wanted,
                        struct bytes *why);

/* RESET, REMOVE: stops without an event. */
void failover_drop(struct primary *primary, const char *reason);
/* RESET: no pauses, no memory of attempts; epochs and counters stay. */
void failover_reset(struct primary *primary);

/* INFO replication of every replica that has none under way, all at once. */
void failover_poll_replicas(struct primary *primary);
