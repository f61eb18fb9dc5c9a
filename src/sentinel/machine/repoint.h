/* Who must be told to follow whom, and when.
 *
 * After a promotion that we led: every replica, parallel_syncs at a time. At any time: an old primary that is back, an
 * instance that calls itself a primary and should not, a replica of the wrong primary.
 *
 * R1  Repairs are made only while the primary looks sane to us: up, and saying itself that it is a primary.
 * R2  No repair while a failover of that primary runs here.
 * R4  Who is fenced for a failover that is over, or that can come to nothing any more, is released (guard.h).
 * SPDX-License-Identifier: BSD-3-Clause */
#pragma once
#include "sentinel/machine/world.h"

/* While our failover is in reconf_slaves: sends what may be sent now. True: nothing is left to be done. */
bool repoint_step(struct primary *primary);
/* At the end of a failover whose time is up: all that were not told, at once. */
void repoint_best_effort(struct primary *primary);
/* A data node's INFO was read: its progress, or that it must be repaired. */
void repoint_on_info(struct instance *instance);
/* One reply of a REQUEST_REPOINT. */
void repoint_on_reply(struct instance *instance, const struct request *request, const struct reply_view *reply,
                      bool complete);
/* It is not what it should be, so ask for INFO more often. */
bool repoint_is_wrong(const struct instance *instance);
/* It follows the wrong one since a switch that was lately: whoever led that, or we when it is gone, will tell it. */
bool repoint_is_left_over(const struct instance *instance);
/* And we may be the ones, since the leader is gone. */
bool repoint_is_ours(const struct instance *instance);
/* The primary has such replicas, so their leader is watched closely. */
bool repoint_has_left_over(const struct primary *primary);
