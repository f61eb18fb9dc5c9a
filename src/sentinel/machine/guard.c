#include "sentinel/machine/guard.h"
#include "sentinel/machine/guard_internal.h"
#include "sentinel/machine/outbox.h"
#include "sentinel/machine/world_internal.h"

#include <inttypes.h>
#include <stdio.h>

/* The promises to the primary of a guarded set. guard_fence.c has what a leader does. */

enum { PROMISE_TENTHS = 8, SLACK_MS = 1000 };

static int64_t promise_ms(const struct primary *primary) {
    return primary->options.down_after_ms * PROMISE_TENTHS / 10;
}

void guard_init(struct primary *primary) {
    primary->guard = (struct guard){.promised_ms = NEVER, .restart_ms = NEVER, .held_ms = NEVER};
}

void guard_recall(struct primary *primary, uint32_t least) {
    primary->guard.least = least;
    if (least) primary->guard.restart_ms = primary->world->now_ms;
}

bool guard_is_passing(struct slice error) {
    return slice_starts_with(error, "LOADING") || slice_starts_with(error, "BUSY") || slice_starts_with(error, "MASTERDOWN");
}

int64_t guard_longest_ms(const struct primary *primary) {
    return 2 * guard_most_ms(primary) + SLACK_MS;
}

/* ---- G1 ---- */

bool guard_may_vote(const struct primary *primary, int64_t *until_ms) {
    const struct guard *guard = &primary->guard;
    const struct instance *instance = primary->instance;
    if (until_ms) *until_ms = NEVER;
    if (guard->promised_ms == NEVER && guard->restart_ms == NEVER) return true;
    if (instance->gone || guard->unguarded) return true;
    /* One that is older than our last vote may be released at any moment. */
    uint64_t fence = instance->facts.role == ROLE_PRIMARY ? instance->facts.fence_epoch : 0;
    if (fence > primary->config_epoch && fence > primary->vote_epoch) return true;
    int64_t end_ms = guard->restart_ms == NEVER ? NEVER : guard->restart_ms + promise_ms(primary);
    bool same = strcmp(instance->facts.run_id, guard->run_id) == 0 || !instance->facts.run_id[0];
    if (same) end_ms = MAX(end_ms, guard->promised_ms);
    if (until_ms) *until_ms = end_ms;
    return primary->world->now_ms >= end_ms;
}

void guard_look_at_fence(struct primary *primary) {
    struct instance *instance = primary->instance;
    for (const struct request *request = instance->lines[LINE_COMMAND].first; request; request = request->next)
        if (request->kind == REQUEST_INFO_REPLICATION) return;
    (void)!outbox_info(primary->world, instance, true);
}

/* ---- G5, G6 ---- */

void guard_on_own_vote(struct primary *primary) {
    struct guard *guard = &primary->guard;
    struct guard_vote vote = {.epoch = primary->vote_epoch, .at_ms = primary->world->now_ms};
    snprintf(vote.leader, sizeof vote.leader, "%s", primary->vote_leader);
    if (!guard->least && !guard->vote_count) return;
    if (guard->vote_count == COUNT_OF(guard->votes)) { /* two become one that lasts as long as both */
        vote.leader[0] = 0;
        guard->vote_count--;
    }
    guard->votes[guard->vote_count++] = vote;
}

static bool votes_are_over(const struct primary *primary) {
    const struct guard *guard = &primary->guard;
    int64_t now_ms = primary->world->now_ms, longest_ms = guard_longest_ms(primary);
    /* What was voted before a restart is known by its epoch alone. */
    bool former = primary->vote_epoch > primary->config_epoch && guard->restart_ms != NEVER;
    if (former && now_ms - guard->restart_ms < longest_ms) return false;
    for (size_t i = 0; i < guard->vote_count; i++)
        if (guard->votes[i].epoch > primary->config_epoch && now_ms - guard->votes[i].at_ms < longest_ms) return false;
    return true;
}

static bool is_on_disk(const struct world *world, uint64_t sequence) {
    return world->saved_sequence >= sequence;
}

static bool may_promise(const struct primary *primary) {
    const struct guard *guard = &primary->guard;
    return guard->stamp && votes_are_over(primary) && is_on_disk(primary->world, guard->least_sequence) &&
           !primary->instance->facts.fence_epoch && !guard->forcing;
}

void guard_on_abandoned(struct primary *primary, uint64_t epoch, struct slice id) {
    struct guard *guard = &primary->guard;
    size_t kept = 0;
    for (size_t i = 0; i < guard->vote_count; i++)
        if (guard->votes[i].epoch != epoch || !slice_is(id, guard->votes[i].leader)) guard->votes[kept++] = guard->votes[i];
    guard->vote_count = kept;
}

/* It can confirm, and the disk will remember that it could. */
static bool may_be_named(const struct instance *replica) {
    const struct facts *facts = &replica->facts;
    return !replica->s_down && !replica->hearsay && facts->at_ms != NEVER && facts->at_ms >= replica->primary->switched_ms &&
           facts->is_kvd && facts->announced && facts->role == ROLE_REPLICA && facts->link_up &&
           instance_is_at(replica->primary->instance, facts->primary_host, facts->primary_port) &&
           is_on_disk(replica->world, replica->known_sequence);
}

bool guard_awaits(const struct instance *replica) {
    const struct primary *primary = replica->primary;
    if (replica->kind != INSTANCE_REPLICA || !primary->guard.least || replica->named) return false;
    bool can = replica->info_ms == NEVER || (replica->facts.is_kvd && replica->facts.announced);
    return can && !replica->hearsay && !replica->s_down && !primary->instance->s_down;
}

static void send_lease(struct primary *primary) {
    struct guard *guard = &primary->guard;
    bool promises = may_promise(primary);
    int64_t ms = promises ? promise_ms(primary) : 0;
    LIST_EACH(&primary->replicas, node) {
        struct instance *replica = container_of(node, struct instance, node);
        if (promises && may_be_named(replica)) replica->named = true;
    }
    if (!outbox_lease(primary, ms, promises ? guard->stamp : 0)) return;
    if (promises) guard->promised_ms = MAX(guard->promised_ms, guard->stamp_ms + ms);
}

static bool is_wanted(const struct primary *primary) {
    const struct facts *facts = &primary->instance->facts;
    return primary->guard.least && facts->sync_min && facts->role == ROLE_PRIMARY && facts->at_ms != NEVER &&
           facts->at_ms >= primary->switched_ms && !primary->fresh &&
           /* One that is watched under two names gets one promise of us: it counts sentinels. */
           world_find_primary_at(primary->world, slice_text(primary->instance->ip), primary->instance->port) == primary;
}

void guard_on_ping(struct instance *instance) {
    if (instance->kind != INSTANCE_PRIMARY || !is_wanted(instance->primary) || instance->primary->guard.told_refused) return;
    send_lease(instance->primary);
}

static void set_least(struct primary *primary, uint32_t least) {
    if (primary->guard.least == least) return;
    primary->guard.least = least;
    primary_changed(primary, STATE_PART_PRIMARY, true);
    primary->guard.least_sequence = primary->world->state_sequence;
}

void guard_on_info(struct instance *instance) {
    if (instance->kind != INSTANCE_PRIMARY || instance->facts.role != ROLE_PRIMARY) return;
    struct primary *primary = instance->primary;
    set_least(primary, instance->facts.sync_min);
    memcpy(primary->guard.history, instance->facts.replication_id, sizeof primary->guard.history);
    if (instance->facts.fence_epoch) world_touch_primary(primary);
    if (primary->guard.told_refused && is_wanted(primary)) send_lease(primary); /* a right that it lacked may be given by now */
}

static void refused(struct primary *primary, const struct request *request, struct slice words) {
    struct instance *instance = primary->instance;
    primary->guard.stamp = 0;
    if (primary->guard.told_refused) return;
    primary->guard.told_refused = true;
    slice_print_plain(words, instance->refusal, sizeof instance->refusal);
    outbox_primary(primary, SENTINEL_EVENT_REFUSED, "%s: %s", request_kind_name(request->kind), instance->refusal);
}

void guard_on_lease_reply(struct instance *instance, const struct request *request, const struct reply_view *reply) {
    if (instance->kind != INSTANCE_PRIMARY) return;
    struct primary *primary = instance->primary;
    struct guard *guard = &primary->guard;
    if (reply->kind == REPLY_VIEW_ERROR) {
        if (!guard_is_passing(reply->text)) refused(primary, request, reply->text);
        return;
    }
    const struct reply_view *parts = reply->children;
    bool good = reply->kind == REPLY_VIEW_ARRAY && reply->count >= 3 && parts[0].kind == REPLY_VIEW_INTEGER && parts[0].integer > 0 &&
                id_is_valid(parts[1].text);
    if (!good) return;
    guard->told_refused = false;
    if (!slice_is(parts[1].text, guard->run_id)) {
        guard->promised_ms = NEVER; /* who got it is another process, and gone */
        snprintf(guard->run_id, sizeof guard->run_id, "%.*s", (int)parts[1].text.size, parts[1].text.data);
        if (strcmp(guard->run_id, instance->facts.run_id) != 0) (void)!outbox_info(primary->world, instance, false);
    }
    guard->stamp = parts[0].integer;
    guard->stamp_ms = primary->world->now_ms;
    if (parts[2].kind == REPLY_VIEW_INTEGER && parts[2].integer) guard->held_ms = primary->world->now_ms;
    if (reply->count < 4 || parts[3].kind != REPLY_VIEW_INTEGER || parts[3].integer <= 0 || parts[3].integer > INT32_MAX) return;
    set_least(primary, instance->facts.sync_min = (uint32_t)parts[3].integer);
}

void guard_on_switch(struct primary *primary) {
    struct guard *guard = &primary->guard;
    guard->run_id[0] = guard->history[0] = 0;
    guard->stamp = 0;
    guard->vote_count = 0;
    guard->promised_ms = guard->restart_ms = guard->held_ms = NEVER;
    guard->told_refused = false;
    primary->instance->named = false;
    LIST_EACH(&primary->replicas, node) {
        struct instance *replica = container_of(node, struct instance, node);
        replica->named = false;
        replica->named_epoch = 0;
        replica->known_sequence = MAX(replica->known_sequence, primary->world->state_sequence);
    }
}
