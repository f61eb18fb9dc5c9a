/* A primary that shuts down asks its sentinels to promote a replica first (store/replication/farewell.h).
 *
 * It says "kvd-handover,<its run id>" on __sentinel__:hello. What follows is a failover as by an operator's order: planned
 * (F5), elected, announced. All sentinels hear it: they begin in their ranks, so that one of them does, and none does while
 * one that it has voted for since is there to do it.
 * SPDX-License-Identifier: BSD-3-Clause */
#pragma once
#include "sentinel/machine/world.h"

/* What was heard on __sentinel__:hello of a data node. True: it was such a word, wherever it came from. */
bool asked_hear(struct world *world, struct slice payload, const struct instance *from);
/* Does as asked when it is our turn. Returns when to look again. */
int64_t asked_look(struct primary *primary);
