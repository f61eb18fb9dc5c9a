/* How lately or how often a key was used: what the 24 bits of a record's `access` mean.
 *
 * By time: seconds of a clock that wraps after 194 days. By count (LFU policies): minutes of such a clock in the high 16
 * bits, and in the low 8 a counter that grows with the logarithm of the uses and shrinks with time, as Redis 4 does it
 * (Morris 1978: counting large numbers of events in small registers).
 * SPDX-License-Identifier: BSD-3-Clause */
#pragma once
#include "base/random.h"

enum { USAGE_NEW_COUNT = 5, USAGE_MAX_COUNT = 255 };

struct usage_rules { /* lfu-log-factor, lfu-decay-time */
    uint64_t log_factor;
    uint64_t decay_minutes; /* without use after which the count shrinks by one; 0: never */
};

/* Seconds since it was used. */
uint32_t usage_idle_seconds(uint32_t access, uint32_t clock_s);
uint32_t usage_of_idle(uint32_t idle_s, uint32_t clock_s);

/* Of a new key. */
uint32_t usage_of_count(unsigned count, int64_t wall_ms);
/* Its count, less what the time without use took. */
unsigned usage_count(uint32_t access, int64_t wall_ms, const struct usage_rules *rules);
/* It is used now. */
uint32_t usage_used(uint32_t access, int64_t wall_ms, const struct usage_rules *rules, struct random *random);
