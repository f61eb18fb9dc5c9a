#include "sentinel/machine/asked.h"
#include "sentinel/machine/complaint.h"
#include "sentinel/machine/election.h"
#include "sentinel/machine/failover.h"
#include "sentinel/machine/outbox.h"
#include "sentinel/machine/world_internal.h"

enum {
    RANK_MS = 300,
    PATIENCE_MS = 1500, /* soon after that it hands over by itself */
};

#define WORD "kvd-handover,"

bool asked_hear(struct world *world, struct slice payload, const struct instance *from) {
    if (!slice_starts_with(payload, WORD)) return false;
    struct slice run_id = slice_make(payload.data + sizeof WORD - 1, payload.size - (sizeof WORD - 1));
    struct primary *primary = from ? from->primary : NULL;
    /* Replicas pass on what is published on their primary, and anybody may publish: it is its own word about itself. */
    if (!primary || primary->instance != from || !from->facts.is_kvd || !slice_is(run_id, from->facts.run_id)) {
        complain(world, COMPLAINT_HELLO, from, payload, "a wish to hand over of somebody else");
        return true;
    }
    if (primary->options.maintenance || primary->failover.sm.state != FAILOVER_NONE) return true;
    struct failover *failover = &primary->failover;
    outbox_primary(primary, SENTINEL_EVENT_HANDOVER_ASKED, "%s", "");
    failover->wish_of = from->number;
    failover->wish_since_ms = world->now_ms;
    failover->wish_ms = world->now_ms + (int64_t)election_rank(primary) * RANK_MS;
    world_touch_primary(primary);
    return true;
}

/* Somebody else was elected, or stands, and is there to do it. */
static bool is_led(const struct primary *primary) {
    if (primary->voted_ms < primary->failover.wish_since_ms) return false;
    const struct seat *seat = primary_find_seat(primary, slice_text(primary->vote_leader));
    return seat && election_is_alive(seat->peer);
}

int64_t asked_look(struct primary *primary) {
    struct failover *failover = &primary->failover;
    int64_t now_ms = primary->world->now_ms;
    if (failover->wish_ms == INT64_MAX) return INT64_MAX;
    bool is_over = primary->instance->number != failover->wish_of || failover->sm.state != FAILOVER_NONE ||
                   now_ms - failover->wish_since_ms >= PATIENCE_MS;
    if (!is_over && now_ms < failover->wish_ms) return failover->wish_ms;
    if (!is_over && is_led(primary)) return failover->wish_ms = now_ms + RANK_MS;
    failover->wish_ms = INT64_MAX;
    struct bytes why = {0};
    if (!is_over && !failover_force(primary, false, false, NULL, "asked for by the primary, which shuts down", &why))
        outbox_primary(primary, SENTINEL_EVENT_HANDOVER_REFUSED, "%s", bytes_text(&why));
    bytes_fini(&why);
    return INT64_MAX;
}
