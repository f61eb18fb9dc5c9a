/* Epochs, and one vote per primary and epoch.
 *
 * V1  In one epoch we vote for one candidate per primary: a vote is given only in an epoch greater than the last one.
 * V2  No vote in an epoch that is not greater than the configuration we hold: that one was elected already.
 * V3  A vote leaves this process (in an answer, or counted by ourselves) only after it is on disk.
 * V4  While the state cannot be saved nothing is voted, not even for ourselves.
 * V5  Vote epochs and the current epoch never go back.
 * V6  While we lead a failover and may have ordered a promotion, no other candidate of that primary gets our vote.
 * V7  Who gave its vote, to itself or to a candidate that is alive, keeps to it for the time that a round takes at most: on busy machines
 *     the next in rank stands before it has heard of the first, and would win as well. The time isn't begun anew when the same one
 *     repeats its round: candidates that hold half of the votes each don't block one another for ever.
 * SPDX-License-Identifier: BSD-3-Clause */
#pragma once
#include "sentinel/machine/world.h"

/* Somebody spoke of this epoch: ours becomes at least that. False: it is absurdly far ahead and ignored. */
bool vote_see_epoch(struct world *world, uint64_t epoch);

/* SENTINEL IS-MASTER-DOWN-BY-ADDR: answers, now or after the save. */
void vote_on_request(struct world *world, const struct event *event);

/* We stand: our vote in this epoch (greater than any before) is our own. It counts when saved_vote_epoch has reached
 * the epoch. */
void vote_for_self(struct primary *primary, uint64_t epoch);

/* A save ended: votes that it holds are given, or refused when it failed. */
void vote_on_saved(struct world *world, bool ok);

/* The primary goes away: those who wait are told that we do not know it. */
void vote_drop_held(struct primary *primary);
