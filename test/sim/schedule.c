#include "sim/schedule.h"

void schedule_init(struct schedule *schedule) {
    heap_init(&schedule->heap);
    schedule->now_us = 0;
    schedule->count = 0;
}

void schedule_fini(struct schedule *schedule) {
    heap_fini(&schedule->heap);
}

void schedule_at(struct schedule *schedule, struct happening *happening, int64_t at_us) {
    heap_set(&schedule->heap, &happening->node, MAX(at_us, schedule->now_us));
}

void schedule_after(struct schedule *schedule, struct happening *happening, int64_t delay_us) {
    schedule_at(schedule, happening, schedule->now_us + delay_us);
}

void schedule_cancel(struct schedule *schedule, struct happening *happening) {
    heap_remove(&schedule->heap, &happening->node);
}

bool schedule_has(const struct happening *happening) {
    return heap_has(&happening->node);
}

bool schedule_step(struct schedule *schedule, int64_t until_us) {
    struct heap_node *first = heap_first(&schedule->heap);
    if (!first || first->key > until_us) {
        schedule->now_us = MAX(schedule->now_us, until_us);
        return false;
    }
    schedule->now_us = first->key;
    heap_remove(&schedule->heap, first);
    schedule->count++;
    struct happening *happening = container_of(first, struct happening, node);
    happening->run(happening);
    return true;
}
