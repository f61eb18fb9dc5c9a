/* A primary that was restarted and came back empty, or with older data than its replicas: one of them is promoted before
 * they copy the loss.
 *
 * P1  Only a process that was seen before and after its restart is judged (another run id at the same address), and only
 *     once it has loaded: its dataset has fewer keys than it had, and its offset is behind that of a replica.
 * P2  The failover is elected like any other; nobody promotes without a majority. The target must have more than the
 *     primary, as asked for in this failover: where the replicas have copied already nothing is gained.
 * P3  The sentinels stand one after the other, for a few seconds only; who voted for another waits.
 * SPDX-License-Identifier: BSD-3-Clause */
#pragma once
#include "sentinel/machine/world.h"

/* INFO of a primary was read; `before` is what it said until then. */
void protect_on_info(struct instance *instance, const struct facts *before);
/* Whether to stand now. `*why` holds the reason then; else `*next_ms` is moved to when to ask again. */
bool protect_is_due(struct primary *primary, char *why, size_t size, int64_t *next_ms);
/* INFO is wanted at once, again and again: it was restarted and has not loaded yet. */
bool protect_waits(const struct primary *primary);
/* The target of the failover that began for this has more data than the primary (P2). */
bool protect_is_gain(const struct primary *primary, const struct instance *target);
void protect_reset(struct primary *primary);
