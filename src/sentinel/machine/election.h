/* When to stand for leader of a failover, in which rank, and who has won.
 *
 * E1  We stand only for a primary that is objectively down, and only while enough sentinels for a majority and for the
 *     quorum are connected.
 * E2  Won is an election with votes of a majority of all known sentinels, and of at least the quorum, all for us and all
 *     in the epoch of this failover; our own vote counts when it is on disk.
 * E3  Who voted for somebody else waits for that one: as long as it is alive for an election timeout, and when it is
 *     gone only for a moment.
 * E4  The order of the candidates is one that each can compute, but only who finds the primary down can stand, and nobody
 *     knows beforehand who will. A down state is told at once; let T be the moment at which a quorum of them is there, h
 *     longer than two messages in a row take, s longer than h and an election. Who knows that it is down waits h from
 *     then on, and s for each better one that says so too. The best of those who know it at T has heard from all better
 *     ones when it stands at T + h, and all who know it have heard from it: they are s behind. A better one who finds it
 *     down after T is heard before T + h, and gets its turn; or hears at T + h + a message of the candidacy, before it
 *     stands itself: it waits h too. So there is one candidacy unless something fails. Who is the best of
 *     all and did not come late need not wait: nobody else stands before T + h.
 * SPDX-License-Identifier: BSD-3-Clause */
#pragma once
#include "sentinel/machine/world.h"

enum election_outcome { ELECTION_OPEN, ELECTION_WON, ELECTION_LOST };

/* Decides anew when to stand (failover.stand_ms). Returns when to look again. */
int64_t election_plan(struct primary *primary);
/* E1 and that there is somebody to promote. */
bool election_may_stand(const struct primary *primary);
/* Votes for us in the running epoch; `needed` is how many it takes. */
size_t election_votes(const struct primary *primary, size_t *needed);
enum election_outcome election_look(const struct primary *primary, char *why, size_t size);
/* After a lost round: a pause, at random, longer with each round up to about a second. */
void election_pause(struct primary *primary);
/* When a round that nobody answers is given up. */
int64_t election_round_ms(const struct primary *primary);
/* The time that one rank waits for the one before: enough for its votes to arrive (s of E4). */
int64_t election_slot_ms(const struct primary *primary);
/* It is there, as far as its line and its answers to pings tell: what it leads is left to it. */
bool election_is_alive(const struct instance *peer);
/* Our rank among the usable sentinels, from 0; differs from primary to primary and from epoch to epoch. */
size_t election_rank(const struct primary *primary);
