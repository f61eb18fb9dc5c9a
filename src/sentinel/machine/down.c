#include "sentinel/machine/down.h"
#include "sentinel/machine/complaint.h"
#include "sentinel/machine/facts.h"
#include "sentinel/machine/guard.h"
#include "sentinel/machine/outbox.h"
#include "sentinel/machine/world_internal.h"

#include <inttypes.h>
#include <stdio.h>

enum { OPINION_PERIODS = 5, FIRST_ASK_PAUSE_MS = 40, NOBODY_MS = 1000 };

/* ---- Subjectively ---- */

/* Whether nobody is a primary: who follows whom, as all of them said lately, goes round in a circle. */
static bool is_circle(const struct instance *start) {
    const struct primary *primary = start->primary;
    const struct instance *at = start;
    for (size_t i = 0; i <= primary->replica_count; i++) {
        if (at->facts.role != ROLE_REPLICA || at->facts.at_ms < start->role_since_ms) return false;
        if (!instance_is_connected(at) || (at != start && at->s_down)) return false;
        const struct facts *facts = &at->facts;
        if (instance_is_at(start, facts->primary_host, facts->primary_port)) return true;
        at = replica_find_at(primary, facts->primary_host, facts->primary_port);
        if (!at) return false;
    }
    return true;
}

/* Whether it follows one that says it is the primary: the servers have moved on, by an operator's FAILOVER, say, or before
 * we came. Whoever ordered a switch as a sentinel would have told us long before down-after is over. */
static bool has_moved_on(const struct instance *instance) {
    const struct primary *primary = instance->primary;
    const struct facts *facts = &instance->facts;
    if (facts->role != ROLE_REPLICA || !facts->link_up) return false;
    const struct instance *other = replica_find_at(primary, facts->primary_host, facts->primary_port);
    return other && other->facts.role == ROLE_PRIMARY && instance_is_connected(other) && !other->s_down &&
           other->facts.at_ms >= instance->role_since_ms;
}

/* A primary that has called itself a replica for so long is of no use as a primary. It may be in the middle of a switch
 * that others will tell us of, so that is long; not so where the servers themselves prove that no switch is under way. */
static int64_t role_deadline(const struct world *world, const struct instance *instance) {
    if (instance->kind != INSTANCE_PRIMARY || instance->role_reported != ROLE_REPLICA) return INT64_MAX;
    if (is_circle(instance)) return instance->role_since_ms + NOBODY_MS;
    if (has_moved_on(instance)) return instance->role_since_ms + instance->down_after_ms;
    return instance->role_since_ms + instance->down_after_ms + 2 * world->timing.info_period_ms;
}

/* Restarted, and loading for longer than the operator wants to wait. */
static int64_t reboot_deadline(const struct instance *instance) {
    if (instance->kind != INSTANCE_PRIMARY || !instance->rebooted) return INT64_MAX;
    int64_t period = instance->primary->options.reboot_down_after_ms;
    return period > 0 ? instance->rebooted_ms + period : INT64_MAX;
}

static void say(struct world *world, struct instance *instance, enum sentinel_event event) {
    if (instance->kind != INSTANCE_SENTINEL) {
        outbox_instance(world, instance, NULL, event, "%s", "");
        return;
    }
    LIST_EACH(&instance->seats, node)
    outbox_instance(world, instance, container_of(node, struct seat, at_peer)->primary, event, "%s", "");
}

int64_t down_silence_ends(const struct instance *instance) {
    int64_t deadline = instance->proof_ms + instance->down_after_ms;
    /* The time between two pings proves nothing against a replica, which is pinged as rarely as may be. */
    return instance->kind == INSTANCE_REPLICA ? deadline + instance->ping_period_ms : deadline;
}

int64_t down_look(struct world *world, struct instance *instance) {
    int64_t deadline = down_silence_ends(instance); /* D1 */
    if (instance->gone && instance->kind == INSTANCE_PRIMARY) deadline = MIN(deadline, world->now_ms);
    deadline = MIN(deadline, role_deadline(world, instance));
    deadline = MIN(deadline, reboot_deadline(instance));
    bool down = world->now_ms >= deadline;
    if (down == instance->s_down) return down ? INT64_MAX : deadline;
    if (down && world->tilt) return INT64_MAX; /* D3; the end of TILT touches everything */
    instance->s_down = down;
    world->reach_known = false;
    instance->s_down_since_ms = down ? world->now_ms : NEVER;
    if (!down) instance->script_kill_sent = false;
    say(world, instance, down ? SENTINEL_EVENT_SDOWN : SENTINEL_EVENT_SDOWN_END);
    if (instance->kind == INSTANCE_PRIMARY) {
        struct primary *primary = instance->primary;
        if (down) {
            if (primary->down_since_ms == NEVER) primary->down_since_ms = world->now_ms;
            primary->ask_ms = world->now_ms;
            primary->ask_pause_ms = FIRST_ASK_PAUSE_MS;
        } else {
            primary->down_since_ms = NEVER;
            primary->ask_ms = INT64_MAX;
        }
        world_touch_group(primary);
    }
    if (instance->kind == INSTANCE_SENTINEL)
        LIST_EACH(&instance->seats, node) world_touch_primary(container_of(node, struct seat, at_peer)->primary);
    return down ? INT64_MAX : deadline;
}

/* ---- Objectively ---- */

static int64_t opinion_ms(const struct world *world) {
    return OPINION_PERIODS * world->timing.ask_period_ms;
}

bool down_seat_agrees(const struct seat *seat) {
    const struct world *world = seat->primary->world;
    return seat->says_down && seat->said_ms != NEVER && world->now_ms - seat->said_ms < opinion_ms(world);
}

void down_note_opinion(struct seat *seat, bool down) {
    int64_t now_ms = seat->primary->world->now_ms;
    if (down && !down_seat_agrees(seat)) seat->says_down_since_ms = now_ms;
    seat->says_down = down;
    seat->said_ms = now_ms;
}

size_t down_count(const struct primary *primary) {
    size_t count = primary->instance->s_down ? 1 : 0;
    LIST_EACH(&primary->seats, node)
    if (down_seat_agrees(container_of(node, struct seat, at_primary))) count++;
    return count;
}

/* When the first of the opinions that we rest on grows old. */
static int64_t oldest_opinion(const struct primary *primary) {
    int64_t oldest = INT64_MAX;
    LIST_EACH(&primary->seats, node) {
        const struct seat *seat = container_of(node, struct seat, at_primary);
        if (down_seat_agrees(seat)) oldest = MIN(oldest, seat->said_ms + opinion_ms(primary->world));
    }
    return oldest;
}

void down_ask(struct primary *primary) {
    struct world *world = primary->world;
    bool vote = primary->failover.sm.state == FAILOVER_WAIT_START;
    uint64_t epoch = vote ? primary->failover.epoch : world->current_epoch;
    LIST_EACH(&primary->seats, node) {
        struct seat *seat = container_of(node, struct seat, at_primary);
        if (!outbox_ask(world, seat->peer, primary, epoch, vote)) continue;
        seat->asked_ms = world->now_ms;
        if (vote && guard_is_on(primary)) guard_ask_census(seat); /* after its vote, in the same packet */
    }
    primary->ask_ms = world->now_ms + primary->ask_pause_ms;
    primary->ask_pause_ms = MIN(primary->ask_pause_ms * 2, world->timing.ask_period_ms);
}

int64_t down_look_objectively(struct primary *primary) {
    struct world *world = primary->world;
    if (world->tilt) return INT64_MAX;
    bool down = primary->instance->s_down && down_count(primary) >= primary_quorum(primary); /* D2 */
    if (down != primary->o_down) {
        primary->o_down = down;
        primary->o_down_since_ms = down ? world->now_ms : NEVER;
        if (down)
            outbox_primary(primary, SENTINEL_EVENT_ODOWN, "#quorum %zu/%zu", down_count(primary),
                           primary_quorum(primary));
        else
            outbox_primary(primary, SENTINEL_EVENT_ODOWN_END, "%s", "");
    }
    if (!primary->instance->s_down) return INT64_MAX;
    world->trouble_ms = world->now_ms;
    if (primary->ask_ms <= world->now_ms) down_ask(primary);
    return MIN(primary->ask_ms, oldest_opinion(primary));
}

void down_on_opinion(struct world *world, struct instance *peer, const struct request *request,
                     const struct reply_view *reply) {
    struct facts_opinion opinion;
    if (!facts_read_opinion(reply, &opinion)) {
        complain(world, COMPLAINT_OPINION, peer, complaint_of_reply(reply),
                 "is-master-down-by-addr was answered with %s that is no opinion", reply_view_kind_name(reply->kind));
        return;
    }
    if (opinion.leader_epoch > world->current_epoch && opinion.leader_epoch - world->current_epoch > EPOCH_JUMP_MAX) {
        complain(world, COMPLAINT_EPOCH, peer, opinion.leader, "it says to have voted in epoch %" PRIu64
                 ", which is too far ahead, for", opinion.leader_epoch);
        return;
    }
    LIST_EACH(&peer->seats, node) {
        struct seat *seat = container_of(node, struct seat, at_peer);
        struct primary *primary = seat->primary;
        if (primary->number != request->primary) continue;
        bool current = primary->switched_ms < request->sent_ms || primary->switched_ms == NEVER; /* else: of the old one */
        /* It may have answered before it found the primary down and asked us, over its own line. */
        bool overtaken = !opinion.down && seat->says_down && seat->said_ms >= request->sent_ms;
        if (current && !overtaken) down_note_opinion(seat, opinion.down);
        if (opinion.leader.size && opinion.leader_epoch >= seat->leader_epoch) {
            seat->leader_epoch = opinion.leader_epoch;
            snprintf(seat->leader, sizeof seat->leader, "%.*s", (int)opinion.leader.size, opinion.leader.data);
        }
        bool for_us = request->epoch && request->epoch == primary->failover.epoch && opinion.leader_epoch == request->epoch &&
                      slice_is(opinion.leader, world->id);
        if (for_us) guard_on_vote(seat, request->number, opinion.least);
        if (request->epoch) seat->answered_epoch = MAX(seat->answered_epoch, request->epoch);
        world_touch_primary(primary);
        return;
    }
}
