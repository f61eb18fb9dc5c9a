/* What the replies of an instance change in what we believe.
 *
 * SPDX-License-Identifier: BSD-3-Clause */
#pragma once
#include "sentinel/machine/world.h"

/* One command of a request was answered. Replies to requests that we do not know (any more) are ignored. */
void listen_on_reply(struct world *world, const struct event *event);
