/* When time or the process cannot be trusted.
 *
 * The machine asked for a wake-up and knows when it should have come. When it comes much later this process stood
 * still (or the machine did): nobody's silence during that time proves anything. Every deadline that counts silence
 * moves on by that time and leaves each instance at least one ping period to be heard. That is all for short stalls;
 * after long ones (tilt_trigger_ms) TILT says so and nothing is decided until all primaries had the
 * time to answer a ping, tilt_period_ms at most.
 * SPDX-License-Identifier: BSD-3-Clause */
#pragma once
#include "sentinel/machine/world.h"

/* At the beginning of each step. */
void tilt_look_at_clock(struct world *world);
/* The process stood still for so long. */
void tilt_on_stall(struct world *world, int64_t stood_ms);
/* Ends TILT when it is time. Returns when to look again. */
int64_t tilt_look(struct world *world);
