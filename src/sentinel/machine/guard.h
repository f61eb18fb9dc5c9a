/* Guarded sets: primaries that acknowledge a write only when replicas have confirmed it. What a sentinel promises to such a
 * primary, and what it asks of the replicas before another is promoted, so that no acknowledged write is lost.
 *
 *     with each ping: GUARD LEASE: no vote for another before ... --> the primary acknowledges while a majority promises
 *     elected: GUARD FENCE to the replicas --> each tells how much it has, and confirms nothing to its old primary any more
 *
 * A set is guarded while the INFO of its primary says repl_sync_min:n with n > 0: so many replicas confirm each write. Nothing
 * below happens in other sets.
 *
 * G1  No vote in a failover, not even our own, before each promise that we gave to that process is over by our own clock; a promise
 *     counts from when the answer whose stamp it gave back was received. Who was restarted has forgotten what it promised and waits
 *     as long. Not when the process is known to be gone (gone.h) or is another, nor while the primary itself is fenced.
 * G2  A leader orders a promotion when R - n + 1 of the R replicas that may have confirmed something are fenced for its epoch and
 *     have told how much they have. R are those that we, or a majority of voters who voted for us, have ever named to this primary:
 *     it counts no confirmation of others.
 * G3  Of those it promotes the one that has most of the primary's history, whatever the priorities are; these decide among equals.
 *     replica-priority 0 is never promoted, and then nobody who has less.
 * G4  While too few can be fenced nothing is promoted: the attempt ends, what it fenced is released, another follows.
 * G5  After a vote beyond our configuration nothing is promised until that failover is over: it switched, or whom we voted for gave it
 *     up, or the longest time that it can take has passed. So whatever was acknowledged was so before the votes, and by replicas that
 *     the census after these votes names.
 * G6  Nothing is promised that the disk does not know: n, and each replica that is named.
 *
 * n writes are on n of R replicas; of any R - n + 1 of them one has it. A sentinel's disk is part of this: who lost it does not name
 * what it had named. Sentinels of another make promise nothing, and get no vote of ours here, because they do not fence.
 * SPDX-License-Identifier: BSD-3-Clause */
#pragma once
#include "sentinel/machine/world.h"

void guard_init(struct primary *primary);
/* From the state: it was guarded with so many confirmations. */
void guard_recall(struct primary *primary, uint32_t least);
bool guard_is_on(const struct primary *primary); /* for what the leader does: unless an operator gave the promise up */

/* ---- promises ---- */

/* A ping was sent to this node: a promise goes with it where one is due. */
void guard_on_ping(struct instance *instance);
void guard_on_lease_reply(struct instance *instance, const struct request *request, const struct reply_view *reply);
/* INFO of the primary was read. */
void guard_on_info(struct instance *instance);
/* It follows a guarded primary and cannot be named yet: writes wait for its INFO to say that its link is up. */
bool guard_awaits(const struct instance *replica);
/* G1. `until_ms` (may be NULL): else, when it will be allowed. */
bool guard_may_vote(const struct primary *primary, int64_t *until_ms);
/* The vote in vote_epoch was given just now. */
void guard_on_own_vote(struct primary *primary);
/* Somebody asked for a vote that G1 forbids: is the primary fenced? */
void guard_look_at_fence(struct primary *primary);
/* The longest that a failover may take from the first vote until it is proved; then nothing comes of it any more. */
int64_t guard_longest_ms(const struct primary *primary);
/* SENTINEL ABANDON: the candidate `id` gave this epoch up and orders nothing in it. */
void guard_on_abandoned(struct primary *primary, uint64_t epoch, struct slice id);
/* The address of the primary has changed. */
void guard_on_switch(struct primary *primary);

/* ---- the leader ---- */

enum guard_verdict {
    GUARD_GO,   /* enough are fenced */
    GUARD_WAIT, /* `why` says for what */
    GUARD_LATE, /* G4 */
};

/* Our own or another's vote of the failover: asks that sentinel what it named, unless that is known. `least`: its n; 0 not said. */
void guard_on_vote(struct seat *seat, uint64_t request, uint32_t least);
void guard_ask_census(struct seat *seat);
void guard_on_census(struct seat *seat, const struct request *request, const struct reply_view *reply);
/* Elected: fences whom it can reach. GUARD_GO: guard_choose() may choose. */
enum guard_verdict guard_look(struct primary *primary, char *why, size_t size);
void guard_on_fence_reply(struct instance *instance, const struct request *request, const struct reply_view *reply);
/* G3. NULL: none; `why` says why not. `wanted`: only this one, if it may be. */
struct instance *guard_choose(const struct primary *primary, const struct instance *wanted, char *why, size_t size);
/* G2, at the moment of the order. */
bool guard_allows(const struct primary *primary);
/* The attempt ended without a promotion, or with one. */
void guard_end(struct primary *primary, bool promoted);

/* SENTINEL FAILOVER of a primary that has promises of ours: it is fenced first, then the failover begins. */
bool guard_must_fence_first(const struct primary *primary);
void guard_begin_force(struct primary *primary, bool coordinated, bool planned, bool protecting, uint32_t wanted, const char *reason);
void guard_on_primary_fenced(struct instance *instance, const struct request *request, const struct reply_view *reply, bool complete);
/* Returns when to look again. */
int64_t guard_look_force(struct primary *primary);

/* ---- repairs ---- */

/* Releases what a failover that is over left fenced (R4). */
void guard_repair(struct instance *instance);
bool guard_is_left_over(const struct instance *instance);
