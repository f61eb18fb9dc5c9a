/* The clocks: monotonic time for every decision, wall time for people and files.
 *
 * Only drivers read them; state machines are told the time.
 * SPDX-License-Identifier: BSD-3-Clause */
#pragma once
#include "base/check.h"

int64_t clock_now_us(void);  /* monotonic */
int64_t clock_now_ms(void);  /* monotonic */
int64_t clock_boot_ms(void); /* monotonic, and goes on while the machine is suspended: for what was promised for some time */
int64_t clock_wall_us(void); /* since 1970 */
int64_t clock_wall_ms(void);
