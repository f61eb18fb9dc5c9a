#include "sentinel/machine/protect.h"
#include "sentinel/machine/choose.h"
#include "sentinel/machine/election.h"
#include "sentinel/machine/outbox.h"
#include "sentinel/machine/world_internal.h"

#include <inttypes.h>
#include <stdio.h>

enum { TRY_MS = 5000, OTHERS_TURN_MS = 1000 };

void protect_reset(struct primary *primary) {
    primary->protect.restarted = false;
    primary->protect.stand_ms = INT64_MAX;
}

bool protect_waits(const struct primary *primary) {
    return primary->protect.restarted && primary->protect.stand_ms == INT64_MAX;
}

static bool has_lost(const struct primary *primary) { /* P1 */
    const struct facts *facts = &primary->instance->facts;
    return facts->keys >= 0 && facts->keys < primary->protect.keys_before &&
           facts->primary_offset < choose_furthest(primary);
}

void protect_on_info(struct instance *instance, const struct facts *before) {
    struct primary *primary = instance->primary;
    struct protect *protect = &primary->protect;
    struct world *world = primary->world;
    const struct facts *facts = &instance->facts;
    if (!primary->options.protect_from_empty) return;
    if (before->run_id[0] && facts->run_id[0] && strcmp(before->run_id, facts->run_id) != 0) {
        protect_reset(primary);
        protect->restarted = before->keys > 0 && before->role == ROLE_PRIMARY;
        protect->keys_before = before->keys;
    }
    if (!protect_waits(primary) || facts->loading) return;
    if (facts->role != ROLE_PRIMARY || !has_lost(primary)) {
        protect_reset(primary);
        return;
    }
    protect->until_ms = world->now_ms + TRY_MS;
    protect->stand_ms = world->now_ms + (int64_t)election_rank(primary) * election_slot_ms(primary);
    outbox_primary(primary, SENTINEL_EVENT_EMPTIED, "#keys %" PRId64 " of %" PRId64 ", offset %" PRId64 " of %" PRId64,
                   facts->keys, protect->keys_before, facts->primary_offset, choose_furthest(primary));
    world_touch_primary(primary);
}

bool protect_is_due(struct primary *primary, char *why, size_t size, int64_t *next_ms) {
    struct protect *protect = &primary->protect;
    struct world *world = primary->world;
    if (!protect->restarted || protect->stand_ms == INT64_MAX) return false;
    if (world->now_ms >= protect->until_ms || !has_lost(primary) || primary->options.maintenance) {
        protect_reset(primary);
        return false;
    }
    bool voted = primary->vote_epoch > primary->config_epoch && primary->voted_ms != NEVER &&
                 strcmp(primary->vote_leader, world->id) != 0;
    if (voted) protect->stand_ms = MAX(protect->stand_ms, primary->voted_ms + OTHERS_TURN_MS); /* P3 */
    if (protect->stand_ms > world->now_ms) {
        *next_ms = MIN(*next_ms, protect->stand_ms);
        return false;
    }
    protect->stand_ms = world->now_ms + (int64_t)(election_rank(primary) + 1) * election_round_ms(primary);
    snprintf(why, size, "restarted with %" PRId64 " of %" PRId64 " keys", primary->instance->facts.keys,
             protect->keys_before);
    return true;
}

bool protect_is_gain(const struct primary *primary, const struct instance *target) {
    return choose_offset(target) > primary->instance->facts.primary_offset;
}
