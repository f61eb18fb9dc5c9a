/* The two clocks of one virtual host: monotonic time that drifts, and wall time that also jumps.
 *
 * SPDX-License-Identifier: BSD-3-Clause */
#pragma once
#include "base/check.h"

struct virtual_clock {
    int64_t since_us; /* of the true time */
    int64_t base_us;  /* what the monotonic clock showed then */
    int64_t drift_ppm;
    int64_t wall_offset_us;
};

int64_t virtual_clock_ms(const struct virtual_clock *clock, int64_t true_us); /* monotonic */
int64_t virtual_clock_wall_ms(const struct virtual_clock *clock, int64_t true_us);
/* The true time at which the monotonic clock will show `at_ms`. */
int64_t virtual_clock_when_us(const struct virtual_clock *clock, int64_t at_ms);
void virtual_clock_set_drift(struct virtual_clock *clock, int64_t true_us, int64_t drift_ppm);
