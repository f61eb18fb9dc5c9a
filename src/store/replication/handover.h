/* FAILOVER: a primary waits until a replica has everything, then follows it and asks it to take over.
 *
 *     no-failover --start()--> waiting-for-sync --a replica is there--> failover-in-progress --it accepts--> no-failover
 *                                   |  time is up, no FORCE                  |  it refuses, ABORT
 *                                   +-------> no-failover <------------------+ (a primary again)
 *
 * Writes are paused meanwhile. The replicas are asked at once how far they are (REPLCONF GETACK), so that it takes a round
 * trip and not up to a second.
 * SPDX-License-Identifier: BSD-3-Clause */
#pragma once
#include "base/bytes.h"
#include "base/error.h"

struct following;
struct handover;

enum handover_state { HANDOVER_NONE, HANDOVER_WAITING, HANDOVER_RUNNING };

struct handover *handover_new(struct following *following); /* keeps. gives: handover_free() */
void             handover_free(struct handover **handover);

struct handover_order {
    struct slice host; /* to whom; size 0: whoever is there first */
    int          port;
    bool         has_target, is_forced;
    int64_t      timeout_ms; /* 0: for ever */
};
/* False: `err`, in the established words. */
MUST_USE bool handover_start(struct handover *handover, const struct handover_order *order, struct error *err);
MUST_USE bool handover_abort(struct handover *handover, struct error *err); /* FAILOVER ABORT; false: none runs */

enum handover_state handover_state(const struct handover *handover);
const char         *handover_state_name(const struct handover *handover); /* INFO's master_failover_state */
void                handover_cron(struct handover *handover);
void                handover_before_sleep(struct handover *handover);
void                handover_answered(struct handover *handover, const char *why); /* by the target; NULL: it takes over */
