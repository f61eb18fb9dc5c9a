#include "store/keyspace/usage.h"
#include "base/check.h"

uint32_t usage_idle_seconds(uint32_t access, uint32_t clock_s) {
    return (clock_s - access) & 0xffffff;
}

uint32_t usage_of_idle(uint32_t idle_s, uint32_t clock_s) {
    return (clock_s - MIN(idle_s, 0xfffffeu)) & 0xffffff;
}

static uint32_t minutes(int64_t wall_ms) {
    return (uint32_t)(wall_ms / 60000) & 0xffff;
}

uint32_t usage_of_count(unsigned count, int64_t wall_ms) {
    return minutes(wall_ms) << 8 | MIN(count, (unsigned)USAGE_MAX_COUNT);
}

unsigned usage_count(uint32_t access, int64_t wall_ms, const struct usage_rules *rules) {
    unsigned count = access & 255;
    uint64_t unused = (minutes(wall_ms) - (access >> 8)) & 0xffff;
    uint64_t lost = rules->decay_minutes ? unused / rules->decay_minutes : 0;
    return lost > count ? 0 : count - (unsigned)lost;
}

uint32_t usage_used(uint32_t access, int64_t wall_ms, const struct usage_rules *rules, struct random *random) {
    unsigned count = usage_count(access, wall_ms, rules);
    if (count < USAGE_MAX_COUNT) {
        /* With chance 1 / (above * factor + 1). */
        uint64_t above = count > USAGE_NEW_COUNT ? count - USAGE_NEW_COUNT : 0;
        uint64_t factor = MIN(rules->log_factor, UINT64_MAX / 512);
        if (random_below(random, above * factor + 1) == 0) count++;
    }
    return usage_of_count(count, wall_ms);
}
