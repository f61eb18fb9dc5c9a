/* When an instance is dialled, pinged, asked for INFO and told hello.
 *
 * SPDX-License-Identifier: BSD-3-Clause */
#pragma once
#include "sentinel/machine/world.h"

/* How long an unchanged hello to another sentinel may take to come again. */
int64_t cadence_hello_period_ms(const struct instance *peer);

/* Does what is due on its lines. Returns when to look again. */
int64_t cadence_look(struct world *world, struct instance *instance);

void cadence_on_line_up(struct world *world, struct instance *instance, enum line_kind line, struct slice local_ip);
void cadence_on_line_down(struct world *world, struct instance *instance, enum line_kind line, enum line_reason reason,
                          struct slice detail);
/* Says hello to this other sentinel about this primary, now. Looking at what is due would go through all primaries that are shared
 * with it, for each of thousands. False: it cannot be said now. */
bool cadence_greet(struct seat *seat);
