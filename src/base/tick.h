/* A cheap reading of the monotonic clock, for who asks at every command: processor ticks counted from the last real one.
 *
 * Never further than a millisecond from a real reading, and its rate is measured again and again, so it does not drift.
 * Where the processor's counter is not steady every reading is a real one. One holder's state; not for several threads.
 * SPDX-License-Identifier: BSD-3-Clause */
#pragma once
#include "base/check.h"

struct tick_clock { /* zeroed is a valid one; the fields are tick.c's */
    uint64_t base_tick, limit_ticks; /* the last real reading, and how far it carries */
    uint64_t rate;                   /* microseconds a tick, times 2^32; 0: not known */
    int64_t  base_us;
    uint64_t anchor_tick; /* an older reading: the rate is measured from there */
    int64_t  anchor_us;
    bool     was_asked, is_steady;
};

int64_t tick_read_clock(struct tick_clock *clock); /* a real reading */

static inline uint64_t tick_counter(void) {
#if defined(__x86_64__)
    return __builtin_ia32_rdtsc();
#else
    return 0;
#endif
}

/* Microseconds on the clock of clock_now_us(), to within one or two. */
static inline int64_t tick_now_us(struct tick_clock *clock) {
    uint64_t ticks = tick_counter() - clock->base_tick;
    if (ticks >= clock->limit_ticks) return tick_read_clock(clock);
    return clock->base_us + (int64_t)((ticks * clock->rate) >> 32);
}
