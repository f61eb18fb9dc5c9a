#include "sentinel/machine/vote.h"
#include "base/mem.h"
#include "sentinel/machine/complaint.h"
#include "sentinel/machine/down.h"
#include "sentinel/machine/election.h"
#include "sentinel/machine/guard.h"
#include "sentinel/machine/outbox.h"
#include "sentinel/machine/world_internal.h"

#include <inttypes.h>
#include <stdio.h>

bool vote_see_epoch(struct world *world, uint64_t epoch) {
    if (epoch > EPOCH_MAX || (epoch > world->current_epoch && epoch - world->current_epoch > EPOCH_JUMP_MAX))
        return false;
    if (epoch <= world->current_epoch) return true;
    world->current_epoch = epoch; /* V5 */
    outbox_event(world, NULL, SENTINEL_EVENT_NEW_EPOCH, "%" PRIu64, epoch);
    world_changed_self(world, false);
    return true;
}

static bool is_recent(const struct primary *primary) {
    return primary->promised_ms != NEVER && primary->world->now_ms - primary->promised_ms < election_round_ms(primary);
}

/* V7 */
static bool is_promised_to_another(const struct primary *primary, struct slice candidate) {
    if (primary->vote_epoch <= primary->config_epoch || !is_recent(primary) || slice_is(candidate, primary->vote_leader)) return false;
    if (strcmp(primary->vote_leader, primary->world->id) == 0) return primary->failover.sm.state == FAILOVER_WAIT_START;
    const struct seat *seat = primary_find_seat(primary, slice_text(primary->vote_leader));
    return seat && election_is_alive(seat->peer);
}

static void set_vote(struct primary *primary, uint64_t epoch, const char *candidate) {
    struct world *world = primary->world;
    CHECK(epoch > primary->vote_epoch);   /* V1, V5 */
    CHECK(epoch > primary->config_epoch); /* V2 */
    CHECK(guard_may_vote(primary, NULL)); /* G1 */
    if (strcmp(primary->vote_leader, candidate) != 0 || !is_recent(primary)) primary->promised_ms = world->now_ms; /* V7 */
    primary->vote_epoch = epoch;
    snprintf(primary->vote_leader, sizeof primary->vote_leader, "%s", candidate);
    primary->voted_ms = world->now_ms;
    primary->vote_sequence = world->state_sequence + 1;
    world->votes_given++;
    guard_on_own_vote(primary);
    primary_changed(primary, STATE_PART_PRIMARY, true);
    outbox_event(world, primary, SENTINEL_EVENT_VOTE, "%s %" PRIu64, candidate, epoch);
    world_touch_primary(primary);
}

void vote_for_self(struct primary *primary, uint64_t epoch) {
    CHECK(!primary->world->save_failing); /* V4 */
    set_vote(primary, epoch, primary->world->id);
}

/* Who asks believes that the primary is down: nobody asks otherwise. The candidate says who it is; others are known by
 * the name that sentinels give their connections. */
static void note_opinion(struct primary *primary, const struct event *event) {
    struct slice name = event->vote.client_name;
    LIST_EACH(&primary->seats, node) {
        struct seat *seat = container_of(node, struct seat, at_primary);
        bool same = slice_is(event->vote.run_id, seat->peer->id);
        if (!same && slice_starts_with(name, "sentinel-") && name.size >= 17)
            same = memcmp(name.data + 9, seat->peer->id, 8) == 0;
        /* What a peer that we cannot hear said may have waited in the network since long ago. */
        if (!same || seat->peer->s_down || !instance_is_connected(seat->peer)) continue;
        down_note_opinion(seat, true);
        world_touch_primary(primary);
        return;
    }
}

static bool is_leading(const struct primary *primary) {
    unsigned state = primary->failover.sm.state;
    return state == FAILOVER_SELECT || state == FAILOVER_SEND || state == FAILOVER_WAIT_PROMOTION;
}

static bool may_grant(const struct primary *primary, uint64_t epoch) {
    return !primary->fresh &&                                              /* N1 */
           epoch > primary->vote_epoch && epoch > primary->config_epoch && /* V1, V2 */
           !primary->world->save_failing &&                                /* V4 */
           !is_leading(primary) &&                                         /* V6 */
           !(primary->options.maintenance && primary->instance->s_down);   /* only what an operator forces */
}

static void hold(struct primary *primary, uint64_t token, bool down) {
    struct held_answer *held = mem_zalloc(sizeof *held);
    held->token = token;
    held->down = down;
    held->epoch = primary->vote_epoch;
    held->sequence = primary->vote_sequence;
    held->next = primary->held;
    primary->held = held;
}

void vote_on_request(struct world *world, const struct event *event) {
    struct primary *primary = world_find_primary_at(world, event->vote.ip, event->vote.port);
    if (!primary) {
        outbox_no_vote(world, event->token, false);
        return;
    }
    note_opinion(primary, event);
    bool down = primary->instance->s_down && !world->tilt && !primary->options.maintenance;
    if (slice_is(event->vote.run_id, "*")) {
        outbox_no_vote(world, event->token, down);
        return;
    }
    uint64_t epoch = event->vote.epoch < 0 ? UINT64_MAX : (uint64_t)event->vote.epoch;
    bool valid = id_is_valid(event->vote.run_id);
    if (!valid)
        complain(world, COMPLAINT_CANDIDATE, NULL, event->vote.run_id,
                 "a vote for %s was asked for a candidate whose id is not 40 hexadecimal digits", primary->name);
    else if (!vote_see_epoch(world, epoch)) {
        valid = false;
        complain(world, COMPLAINT_EPOCH, NULL, event->vote.run_id,
                 "a vote for %s was asked in epoch %" PRIu64 ", which is too far ahead of %" PRIu64 ", by", primary->name,
                 epoch, world->current_epoch);
    }
    if (valid && may_grant(primary, epoch) && !guard_may_vote(primary, NULL)) { /* G1 */
        guard_look_at_fence(primary);
    } else if (valid && may_grant(primary, epoch) && !is_promised_to_another(primary, event->vote.run_id)) {
        char *candidate = slice_to_text(event->vote.run_id);
        set_vote(primary, epoch, candidate);
        mem_free(candidate);
    }
    bool on_disk = primary->saved_vote_epoch >= primary->vote_epoch;
    if (!on_disk && !world->save_failing && event->vote.can_hold)
        outbox_vote(primary, event->token, down, primary->vote_sequence); /* V3, by the driver's hand */
    else if (!on_disk && !world->save_failing)
        hold(primary, event->token, down); /* V3 */
    else if (!on_disk || !primary->vote_leader[0])
        outbox_no_vote(world, event->token, down);
    else
        outbox_vote(primary, event->token, down, 0);
}

void vote_on_saved(struct world *world, bool ok) {
    LIST_EACH(&world->primaries, node) {
        struct primary *primary = container_of(node, struct primary, node);
        if (primary->saved_vote_epoch < primary->vote_epoch && primary->vote_sequence <= world->saved_sequence) {
            primary->saved_vote_epoch = primary->vote_epoch;
            world_touch_primary(primary);
        }
        struct held_answer **at = &primary->held;
        while (*at) {
            struct held_answer *held = *at;
            bool saved = held->sequence <= world->saved_sequence;
            if (ok && !saved) {
                at = &held->next;
                continue;
            }
            /* A newer vote may have taken its place meanwhile; that one has its own answer to wait for. */
            if (saved && held->epoch == primary->vote_epoch)
                outbox_vote(primary, held->token, held->down, 0);
            else
                outbox_no_vote(world, held->token, held->down);
            *at = held->next;
            mem_free(held);
        }
    }
}

void vote_drop_held(struct primary *primary) {
    while (primary->held) {
        struct held_answer *held = primary->held;
        primary->held = held->next;
        if (primary->world->actions) outbox_no_vote(primary->world, held->token, false);
        mem_free(held);
    }
}
