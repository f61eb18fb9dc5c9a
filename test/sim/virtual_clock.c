#include "sim/virtual_clock.h"

enum { MILLION = 1000000 };

static int64_t shown_us(const struct virtual_clock *clock, int64_t true_us) {
    int64_t passed = true_us - clock->since_us;
    return clock->base_us + passed + passed * clock->drift_ppm / MILLION;
}

int64_t virtual_clock_ms(const struct virtual_clock *clock, int64_t true_us) {
    return shown_us(clock, true_us) / 1000;
}

int64_t virtual_clock_wall_ms(const struct virtual_clock *clock, int64_t true_us) {
    return (true_us + clock->wall_offset_us) / 1000;
}

int64_t virtual_clock_when_us(const struct virtual_clock *clock, int64_t at_ms) {
    if (at_ms >= INT64_MAX / 2000) return INT64_MAX / 2;
    int64_t ahead = at_ms * 1000 - clock->base_us;
    int64_t when = clock->since_us + ahead * MILLION / (MILLION + clock->drift_ppm);
    while (shown_us(clock, when) < at_ms * 1000) when++; /* the division rounds down */
    return when;
}

void virtual_clock_set_drift(struct virtual_clock *clock, int64_t true_us, int64_t drift_ppm) {
    clock->base_us = shown_us(clock, true_us);
    clock->since_us = true_us;
    clock->drift_ppm = drift_ppm;
}
