/* One history: a random topology from a seed, faults, healing, and the verdict.
 *
 *   1. Everything starts; all sentinels find each other and all servers.
 *   2. Faults strike (faults.h) while S1 to S9 are checked after every step.
 *   3. Everything is healed: within a bound the group must be whole again (L1) and stay so (L2).
 * SPDX-License-Identifier: BSD-3-Clause */
#pragma once
#include "sim/invariants.h"

struct history_options {
    uint64_t seed;
    bool trace;
    enum mutant mutant;
    bool guarded; /* sets of kvd alone that acknowledge what replicas have confirmed (guard_watch.h) */
};

struct history_result {
    struct verdict verdict;
    uint64_t failovers, switches; /* promotions; +switch-master, of all sentinels */
    uint64_t acknowledged, too_few; /* guarded: confirmations that told clients more; attempts that fenced too few */
    uint64_t steps, happenings;
    int64_t virtual_us;
    int64_t healed_us;    /* L1: how long it took after healing */
    char missed[200];     /* and what came last */
    uint64_t fingerprint; /* equal for equal histories */
    char shape[160];      /* "3 sentinels, 1 primary with 2 replicas, ..." */
};

void history_run(const struct history_options *options, struct history_result *result);
