/* When an instance is down: for us (subjectively), and for enough sentinels (objectively).
 *
 * D1  An instance is down when no acceptable answer to a ping sent within the last down_after_ms has come; a primary
 *     also when its process is known to be gone and its operator wants that to count (gone.h).
 * D2  A primary is objectively down when we and enough others, a quorum with us, find it down; what a peer said counts
 *     for five ask periods.
 * D3  Nothing is found down during TILT.
 * SPDX-License-Identifier: BSD-3-Clause */
#pragma once
#include "sentinel/machine/world.h"

/* D1: when it is down if it goes on being silent. */
int64_t down_silence_ends(const struct instance *instance);
/* Looks at one instance; publishes +sdown and -sdown. Returns when it must be looked at again (INT64_MAX never). */
int64_t down_look(struct world *world, struct instance *instance);
/* Looks at a primary's +odown and -odown, and asks the peers as long as we find it down. Returns when to look again. */
int64_t down_look_objectively(struct primary *primary);
/* How many find it down now, ourselves included. */
size_t down_count(const struct primary *primary);
/* The peer said that the primary is down, not too long ago. */
bool down_seat_agrees(const struct seat *seat);
/* The peer says, now, that the primary is down or that it is not. */
void down_note_opinion(struct seat *seat, bool down);
/* Asks all peers at once: for their opinion, and while we stand for their votes. */
void down_ask(struct primary *primary);
/* The answer to a question of ours. */
void down_on_opinion(struct world *world, struct instance *peer, const struct request *request,
                     const struct reply_view *reply);
