/* A sentinel that knows nothing of its past about a primary: it may be new, or it may have lost its disk, and with it
 * the votes that it gave.
 *
 * N1  While a primary is fresh no vote is given in it, and we do not stand: a second vote in an epoch could make two
 *     leaders of it.
 * N2  It ends when enough others have spoken to us directly since then: so many that one of them is among the voters of
 *     every election that our forgotten vote may have decided, and at least the quorum (who knows nothing does not know
 *     how many there are). Where the quorum is all that are known, that can never be: those who spoke are
 *     asked how many there are, and when they know of no more, it is enough as well. Who is known and can be reached but
 *     has not spoken is waited for, for an election timeout.
 * N3  What they said bounds what we may have done: no vote in an epoch that is not beyond all that were heard of.
 * N4  Who is alone and whose quorum is 1 has nobody to disagree with and acts at once. But sentinels meet on data nodes:
 *     whom the primary never answered cannot know whether it is alone. It knows of no replica either, so there is
 *     nothing that it could do before.
 *
 * N5  Nor does anybody act, but by an operator's word, who has not listened on one of its data nodes for a moment.
 *     Whoever is subscribed there hears of a new sentinel at once, and kvd's answer. Else two that met first could take
 *     themselves for all there are and elect a leader, while two others who met as well elect another one in the same
 *     epoch, when the quorum is half of the sentinels or less. (A majority of all as the quorum makes that impossible
 *     whoever knows whom: the set of known sentinels is then only what a candidate must have at least.)
 *
 * Hellos on data nodes do not count: a lagging replica may pass on what was said before we forgot.
 * SPDX-License-Identifier: BSD-3-Clause */
#pragma once
#include "sentinel/machine/world.h"

/* The other sentinel of this seat spoke to us directly. */
void fresh_on_hello(struct seat *seat);
/* Its answer to REQUEST_CENSUS. */
void fresh_on_census(struct seat *seat, const struct reply_view *reply);
/* Looks whether it is over. Returns when to look again. */
int64_t fresh_look(struct primary *primary);
/* N1, N4, N5: we may vote for ourselves. (Others get no vote while primary->fresh.) */
bool fresh_may_stand(const struct primary *primary);
/* An operator orders a failover. */
bool fresh_may_be_forced(const struct primary *primary);
/* N4: the primary has answered, in this life or in one that the state remembers. */
bool fresh_had_answer(const struct primary *primary);
/* Others that were heard, and how many it takes now. */
size_t fresh_heard(const struct primary *primary, size_t *needed);
/* When an operator's word is enough: nobody may be left to ask. */
int64_t fresh_until_ms(const struct primary *primary);
