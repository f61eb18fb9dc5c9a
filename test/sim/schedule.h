/* Virtual time: what happens next, and when.
 *
 * A happening lives inside its owner (found back with container_of). Time is in microseconds since the history began.
 * SPDX-License-Identifier: BSD-3-Clause */
#pragma once
#include "base/heap.h"

struct happening {
    struct heap_node node;
    void (*run)(struct happening *happening);
};

struct schedule {
    struct heap heap;
    int64_t now_us;
    uint64_t count; /* happenings so far */
};

void schedule_init(struct schedule *schedule);
void schedule_fini(struct schedule *schedule);

/* Adds it, or moves it. A time that has passed means at once. */
void schedule_at(struct schedule *schedule, struct happening *happening, int64_t at_us);
void schedule_after(struct schedule *schedule, struct happening *happening, int64_t delay_us);
void schedule_cancel(struct schedule *schedule, struct happening *happening); /* harmless when it is not scheduled */
bool schedule_has(const struct happening *happening);

/* Runs the next happening. False: there is none up to `until_us`, which is the time now. */
bool schedule_step(struct schedule *schedule, int64_t until_us);
