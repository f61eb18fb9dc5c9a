#include "sentinel/machine/tilt.h"
#include "sentinel/machine/outbox.h"
#include "sentinel/machine/world_internal.h"

enum { LATE_MS = 30 }; /* what scheduling alone may cost */

/* A ping goes out within its period (not all at once: with thousands of instances that would be the next stall); its
 * answer gets at least this long. */
static int64_t grace(const struct instance *instance) {
    return MIN(instance->ping_period_ms + 2 * LATE_MS, instance->down_after_ms);
}

static void forgive(struct world *world, struct instance *instance, int64_t stood_ms) {
    if (instance->s_down) return;
    int64_t now_ms = world->now_ms;
    int64_t proof_ms = MIN(instance->proof_ms + stood_ms, now_ms);
    instance->proof_ms = MAX(proof_ms, now_ms - instance->down_after_ms + grace(instance));
    if (instance->last_heard_ms != NEVER) instance->last_heard_ms = now_ms;
    /* A connect that seems to take long may long have been answered: the event waits behind this one. */
    for (int i = 0; i < LINE_KINDS; i++)
        if (instance->lines[i].phase == LINE_CONNECTING)
            instance->lines[i].since_ms = MIN(instance->lines[i].since_ms + stood_ms, now_ms);
    if (instance->ping_pending_ms) instance->ping_pending_ms = MIN(instance->ping_pending_ms + stood_ms, now_ms);
    world_touch_instance(world, instance);
}

void tilt_on_stall(struct world *world, int64_t stood_ms) {
    world->stalls++;
    world->stalled_ms += stood_ms;
    for (size_t i = 1; i < world->instance_count; i++)
        if (world->instances[i]) forgive(world, world->instances[i], stood_ms);
    if (stood_ms < world->timing.tilt_trigger_ms) return;
    if (!world->tilt) {
        outbox_event(world, NULL, SENTINEL_EVENT_TILT, "#tilt mode entered");
        world->tilts++;
    }
    world->tilt = true;
    world->tilt_since_ms = world->now_ms;
    world->tilt_lasts_ms = 0;
    LIST_EACH(&world->primaries, node) {
        const struct instance *instance = container_of(node, struct primary, node)->instance;
        world->tilt_lasts_ms = MAX(world->tilt_lasts_ms, grace(instance));
    }
    world->tilt_lasts_ms = MIN(world->tilt_lasts_ms, world->timing.tilt_period_ms);
}

void tilt_look_at_clock(struct world *world) {
    if (world->wake_ms == INT64_MAX) return;
    int64_t late_ms = world->now_ms - MAX(world->wake_ms, world->last_step_ms);
    if (late_ms > LATE_MS) tilt_on_stall(world, late_ms);
}

int64_t tilt_look(struct world *world) {
    if (!world->tilt) return INT64_MAX;
    int64_t end_ms = world->tilt_since_ms + world->tilt_lasts_ms;
    if (world->now_ms < end_ms) return end_ms;
    world->tilt = false;
    outbox_event(world, NULL, SENTINEL_EVENT_TILT_END, "#tilt mode exited");
    LIST_EACH(&world->primaries, node) {
        struct primary *primary = container_of(node, struct primary, node);
        world_touch_group(primary);
        LIST_EACH(&primary->seats, other)
        world_touch_instance(world, container_of(other, struct seat, at_primary)->peer);
    }
    return INT64_MAX;
}
