/* Random choices of a history: all from one generator, so that a seed is a history.
 *
 * SPDX-License-Identifier: BSD-3-Clause */
#pragma once
#include "base/random.h"

int64_t dice_between(struct random *random, int64_t low, int64_t high); /* both ends included */
bool dice_chance(struct random *random, unsigned permille);             /* true in `permille` of 1000 rolls */
int64_t dice_around(struct random *random, int64_t mean);               /* exponential, cut at 20 means */
int64_t dice_scale(struct random *random, int64_t low, int64_t high);   /* logarithmic: small values as often as big */
int64_t dice_pick(struct random *random, const int64_t *values, size_t count);
void dice_hex(struct random *random, char *text, size_t count); /* `count` digits and a zero */
