/* What must hold at every moment of a history, numbered; and the watcher that checks it.
 *
 *   S1  at most one leader is elected per (primary, epoch), counted over all sentinels and all their lives
 *   S2  a sentinel never votes for two candidates in one (primary, epoch), not even across crashes
 *   S3  the epochs and votes of a sentinel never go back, not even across restarts
 *   S4  one address per (primary, configuration epoch), in every sentinel's belief and in every hello
 *   S5  nobody is elected (but by an operator) unless at least a quorum of sentinels were without an answer from the
 *       primary for down-after, at some moment not longer ago than their word counts; or unless, where fast-failover
 *       is on, the process was in truth gone, and its host there to say so, for the grace
 *   S6  no vote is answered, no promotion ordered before the state that says so was on disk
 *   S7  events come in an order that the real Sentinel could emit (event_order.h)
 *   S8  a sentinel's memory is bounded: instances, waiting requests, held answers, actions of a step; and so are
 *       its steps in a second
 *   S9  the machine keeps the contract of action.h
 *   L1  after healing, within a bound: one primary per group, followed by all its replicas, known to all sentinels
 *   L2  after that, nothing changes any more
 *   D1  a seed is a history: the same run twice is the same
 *
 * Forced failovers skip the agreement, so S5 does not hold for them.
 * SPDX-License-Identifier: BSD-3-Clause */
#pragma once
#include "sim/sentinel_host.h"

struct invariants;

/* The first thing that was violated. */
struct verdict {
    bool failed;
    char invariant[4]; /* "S1" */
    char text[400];
    const char *only; /* "S2 S3": no other is checked; NULL: all are */
};

void verdict_fail(struct verdict *verdict, const char *invariant, const char *format, ...) PRINTF_LIKE(3, 4);

/* Keeps both. Gives: invariants_free(). */
struct invariants *invariants_new(struct schedule *schedule, struct verdict *verdict);
void invariants_free(struct invariants **invariants); /* takes */

extern const struct host_observer invariants_observer; /* its context is a struct invariants */

/* What S5 and S8 measure against. Hosts are all sentinel hosts of the history, in any order. */
struct invariants_bounds {
    struct sentinel_host *const *hosts;
    size_t host_count;
    size_t instances;  /* at most so many in one sentinel */
    int64_t memory_us; /* S5: how long the word of a sentinel counts */
    struct network *network;   /* S4: whom an address or a name means */
    const struct names *names; /* NULL none */
    bool fast;         /* S5: fast-failover is on: who refused connections for the grace may be found down */
    int64_t grace_us;
    size_t others;     /* sentinels of another make: they may always think it down */
};
void invariants_set_bounds(struct invariants *invariants, const struct invariants_bounds *bounds);

/* The same facts about sentinels of another make. */
void invariants_elected(struct invariants *invariants, const char *id, const char *primary, uint64_t epoch);
void invariants_voted(struct invariants *invariants, const char *id, const char *primary, uint64_t epoch,
                      const char *leader);
void invariants_address(struct invariants *invariants, const char *who, const char *primary, uint64_t epoch,
                        const char *address, uint16_t port);
/* What is known of that epoch cannot be counted on: a forced failover used it, or a sentinel of another make was
 * elected by counting votes of a newer epoch. */
void invariants_taint(struct invariants *invariants, const char *primary, uint64_t epoch);
bool invariants_is_tainted(const struct invariants *invariants); /* anything was */

/* Its disk was wiped: what it promised is not in its memory any more (but still binds it). */
void invariants_wiped(struct invariants *invariants, struct sentinel_host *host);

uint64_t invariants_failovers(const struct invariants *invariants); /* promotions that were proved */
uint64_t invariants_switches(const struct invariants *invariants);  /* +switch-master, by all */
