/* What must hold in histories of guarded sets, beside all the rest: watches the sentinels and looks into the servers.
 *
 *   A1  no acknowledged confirmed write is missing on the primary of the highest epoch (ledger.h): at each switch, and at the end
 *   G1  who votes has no promise out that the primary still counts on, unless that is fenced
 *   G2  when a promotion is ordered, R - n + 1 of the R replicas that the leader knows may have confirmed something were fenced in
 *       its epoch; or it hands over, and the primary itself is fenced
 *   G6  what a sentinel promises is on its disk: that the set is guarded, and each replica that it names
 *
 * Not watched any more once the disk of a sentinel, or the data of a server of the group, was lost (ledger_excuse()).
 * SPDX-License-Identifier: BSD-3-Clause */
#pragma once
#include "sim/history_internal.h"

extern const struct host_observer guard_watch_observer; /* its context is a struct history; passes on to the invariants' */

void guard_watch_end(struct history *history); /* all is well: A1 for each group's primary */
