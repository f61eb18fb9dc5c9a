#include "lib/unit.h"
#include "sim/virtual_clock.h"

UNIT_TEST(virtual_clock, is_never_early) {
    static const int64_t drifts[] = {-1000, -300, 0, 17, 300, 1000};
    for (size_t i = 0; i < COUNT_OF(drifts); i++) {
        struct virtual_clock clock = {.since_us = 12345, .base_us = 777, .drift_ppm = drifts[i]};
        for (int64_t at_ms = 1; at_ms < 100000; at_ms = at_ms * 3 + 1) {
            int64_t when_us = virtual_clock_when_us(&clock, at_ms);
            CU_ASSERT_EQUAL(virtual_clock_ms(&clock, when_us), at_ms);
            CU_ASSERT_TRUE(virtual_clock_ms(&clock, when_us - 1) < at_ms);
        }
    }
}

UNIT_TEST(virtual_clock, goes_on_where_it_was_when_the_drift_changes) {
    struct virtual_clock clock = {0};
    int64_t before_ms = virtual_clock_ms(&clock, 5000000);
    virtual_clock_set_drift(&clock, 5000000, 1000);
    CU_ASSERT_EQUAL(virtual_clock_ms(&clock, 5000000), before_ms);
    CU_ASSERT_EQUAL(virtual_clock_ms(&clock, 1005000000), 1006000);
}
