/* Which replica is promoted, and why not each of the others.
 *
 * C1  Never one that is down, disconnected, silent, unknown, of priority 0, or too long without its primary.
 * C2  Then the lowest priority, one of prefer-zone, the highest offset, the smallest run id.
 * C3  One that calls itself a primary while the primary is down was promoted already by a leader that died, if it has
 *     at least the data of every other, or was a replica of that primary until then (the leader chose it, by its
 *     priority perhaps, and clients may have found it): then it is the one. Otherwise it is a stranger or was emptied, and never
 *     chosen.
 * SPDX-License-Identifier: BSD-3-Clause */
#pragma once
#include "sentinel/machine/world.h"

enum choose_verdict {
    CHOOSE_GOOD,
    CHOOSE_DOWN,
    CHOOSE_DISCONNECTED,
    CHOOSE_SILENT,  /* no acceptable answer to PING for five ping periods */
    CHOOSE_UNKNOWN, /* no INFO yet */
    CHOOSE_STALE,   /* its last INFO is too old */
    CHOOSE_PRIORITY_0,
    CHOOSE_LINK_DOWN,   /* without its primary for too long before it went down */
    CHOOSE_OLD_PRIMARY, /* calls itself a primary, with older data than others */
    CHOOSE_LAGS,        /* more than max-replica-lag behind */
    CHOOSE_REFUSED,     /* refused the order in this failover */
};

enum choose_verdict choose_judge(const struct instance *replica);
/* NULL: none can be promoted. `count` (may be NULL): how many could be. */
struct instance *choose_replica(const struct primary *primary, size_t *count);
/* It stands in the zone that is preferred. */
bool choose_is_near(const struct instance *replica);
/* How far it is behind the furthest known, the primary included when it was heard last; -1 unknown. */
int64_t choose_lag(const struct instance *replica);
/* How far behind it may be: max-replica-lag, and less while a planned failover looks for its replica. 0: any. */
int64_t choose_most_lag(const struct primary *primary);
/* The offset that counts: what it has of the data. */
int64_t choose_offset(const struct instance *replica);
/* The furthest offset of all known replicas that are not down; -1 none known. */
int64_t choose_furthest(const struct primary *primary);
