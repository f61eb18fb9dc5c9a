#include "base/tick.h"

#include "base/clock.h"

#if defined(__x86_64__)
#include <cpuid.h>
#endif

/* The counter runs at one rate in all states of the processor ("invariant TSC"). */
static bool counter_is_steady(void) {
#if defined(__x86_64__)
    unsigned a, b, c, d;
    return __get_cpuid(0x80000007, &a, &b, &c, &d) && (d & (1u << 8));
#else
    return false;
#endif
}


enum {
    PAIR_MAX_TICKS = 20000,  /* some microseconds */
    CARRY_US = 1000,         /* a real reading is used for this long */
    MEASURE_MIN_US = 2000,   /* the least distance that gives a rate */
    MEASURE_MAX_US = 1000000 /* beyond it the next measurement begins here */
};

/* Both clocks as of one moment. When the process is put off the processor between the two readings they do not belong
 * together, so a pair that took long is read again. */
static int64_t read_pair(uint64_t *tick) {
    int64_t now_us = 0;
    for (int tries = 0; tries < 4; tries++) {
        uint64_t before = tick_counter();
        now_us = clock_now_us();
        uint64_t took = tick_counter() - before;
        *tick = before + took / 2;
        if (took < PAIR_MAX_TICKS) return now_us;
    }
    *tick = 0;
    return now_us;
}

int64_t tick_read_clock(struct tick_clock *clock) {
    if (!clock->was_asked) {
        clock->was_asked = true;
        clock->is_steady = counter_is_steady();
    }
    if (!clock->is_steady) return clock_now_us();
    uint64_t tick;
    int64_t  now_us = read_pair(&tick);
    if (!tick) { /* no pair to be had on a busy machine: the next call tries again */
        clock->limit_ticks = 0;
        return now_us;
    }
    int64_t  distance_us = now_us - clock->anchor_us;
    uint64_t distance_ticks = tick - clock->anchor_tick;
    if (!clock->anchor_us || tick <= clock->anchor_tick) { /* the first, or the counter was set back: begin anew */
        clock->anchor_us = now_us;
        clock->anchor_tick = tick;
        clock->rate = 0;
    } else if (distance_us >= MEASURE_MIN_US) {
        clock->rate = (uint64_t)(((unsigned __int128)distance_us << 32) / distance_ticks);
        if (distance_us >= MEASURE_MAX_US) {
            clock->anchor_us = now_us;
            clock->anchor_tick = tick;
        }
    }
    clock->base_us = now_us;
    clock->base_tick = tick;
    clock->limit_ticks = clock->rate ? ((uint64_t)CARRY_US << 32) / clock->rate : 0;
    return now_us;
}
