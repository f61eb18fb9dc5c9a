/* The two clocks: monotonic time for every decision, wall time for people and files.
 *
 * Only drivers read them; state machines are told the time.
 * SPDX-License-Identifier: BSD-3-Clause */
#pragma once
#include "base/check.h"

int64_t clock_now_us(void);  /* monotonic */
int64_t clock_now_ms(void);  /* monotonic */
int64_t clock_wall_us(void); /* since 1970 */
int64_t clock_wall_ms(void);
