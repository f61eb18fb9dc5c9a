/* What the files of the guard share.
 *
 * SPDX-License-Identifier: BSD-3-Clause */
#pragma once
#include "sentinel/machine/guard.h"

/* From the first vote to the order, and from that to the proof. */
int64_t guard_most_ms(const struct primary *primary);
/* The words of an error that has nothing to do with GUARD, and ends by itself. */
bool guard_is_passing(struct slice error);
