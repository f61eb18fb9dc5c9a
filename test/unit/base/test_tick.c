#include "base/tick.h"

#include "base/clock.h"
#include "lib/unit.h"

UNIT_TEST(tick, stays_with_the_clock) {
    struct tick_clock clock = {0};
    int64_t           end_us = clock_now_us() + 30000, worst_us = 0;
    while (clock_now_us() < end_us) {
        int64_t before_us = clock_now_us(), now_us = tick_now_us(&clock), after_us = clock_now_us();
        if (before_us - now_us > worst_us) worst_us = before_us - now_us;
        if (now_us - after_us > worst_us) worst_us = now_us - after_us;
    }
    CU_ASSERT(worst_us < 500); /* a microsecond or two, unless the machine stood still between the readings */
}

UNIT_TEST(tick, a_clock_that_lay_still_is_read_anew) {
    struct tick_clock clock = {0};
    for (int i = 0; i < 3; i++) {
        int64_t until_us = clock_now_us() + 3000;
        (void)tick_now_us(&clock);
        while (clock_now_us() < until_us) {}
    }
    int64_t now_us = tick_now_us(&clock);
    CU_ASSERT(clock_now_us() - now_us < 1000);
}
