#include "base/mem.h"
#include "base/number.h"
#include "sentinel/machine/attempt.h"
#include "sentinel/machine/choose.h"
#include "sentinel/machine/election.h"
#include "sentinel/machine/failover.h"
#include "sentinel/machine/guard_internal.h"
#include "sentinel/machine/outbox.h"
#include "sentinel/machine/vote.h"
#include "sentinel/machine/world_internal.h"

#include <inttypes.h>
#include <stdio.h>

/* What the leader of a guarded set's failover does: it learns who may have confirmed something, fences these and chooses. */

enum {
    STRAGGLERS_MS = 100, /* enough are fenced: how long it waits for the others that it can reach */
    FORCE_MS = 1000,     /* for the primary to be fenced when an operator orders a failover */
    SAY_MS = 500,        /* it has waited so long that it says so */
};

int64_t guard_most_ms(const struct primary *primary) {
    return MIN(primary->options.failover_timeout_ms, primary->world->timing.election_timeout_ms);
}

bool guard_is_on(const struct primary *primary) {
    const struct guard *guard = &primary->guard;
    return !guard->unguarded && (guard->least || (primary->failover.sm.state != FAILOVER_NONE && guard->leader_least));
}

static uint32_t least(const struct primary *primary) {
    uint32_t own = primary->guard.least, others = primary->guard.leader_least;
    return own && others ? MIN(own, others) : MAX(own, others);
}

/* ---- Who may have confirmed ---- */

void guard_ask_census(struct seat *seat) {
    const struct request *request = outbox_named(seat->primary->world, seat->peer, seat->primary);
    if (request) seat->census_asked = request->number;
}

void guard_on_vote(struct seat *seat, uint64_t request, uint32_t told) {
    struct primary *primary = seat->primary;
    struct guard *guard = &primary->guard;
    if (told) guard->leader_least = guard->leader_least ? MIN(guard->leader_least, told) : told;
    if (!seat->vote_request) seat->vote_request = request;
    if (guard_is_on(primary) && seat->census_asked < seat->vote_request) guard_ask_census(seat);
}

static bool voted_for_us(const struct seat *seat) {
    return seat->leader_epoch == seat->primary->failover.epoch && strcmp(seat->leader, seat->primary->world->id) == 0;
}

/* What it said before its vote may leave out whom it named since: a census counts when it was asked after that. */
static size_t census_size(const struct primary *primary) {
    size_t size = 1; /* ourselves */
    LIST_EACH(&primary->seats, node) {
        const struct seat *seat = container_of(node, struct seat, at_primary);
        if (voted_for_us(seat) && seat->vote_request && seat->census_request > seat->vote_request) size++;
    }
    return size;
}

static struct slice field_of(const struct reply_view *map, const char *name) {
    for (size_t i = 0; i + 1 < map->count; i += 2)
        if (slice_is(map->children[i].text, name)) return map->children[i + 1].text;
    return (struct slice){0};
}

static void note_named(struct primary *primary, const struct reply_view *map) {
    struct slice ip = field_of(map, "ip"), port_text = field_of(map, "port");
    int64_t port;
    if (!slice_is(field_of(map, "guard-named"), "yes") || ip.size == 0 || ip.size > 255) return;
    if (!number_parse_int(port_text, &port) || port < 1 || port > 65535) return;
    char *host = slice_to_text(ip);
    struct instance *replica = replica_find_at(primary, host, port);
    bool ours = instance_is_at(primary->instance, host, port);
    if (!replica && !ours && primary->replica_count < REPLICAS_MAX && world_may_watch(primary->world, host)) {
        replica = replica_add(primary, host, (uint16_t)port);
        outbox_instance(primary->world, replica, NULL, SENTINEL_EVENT_REPLICA, "%s", "");
        primary_changed(primary, STATE_PART_KNOWN, false);
        replica->known_sequence = primary->world->state_sequence;
    }
    if (replica) replica->named_epoch = primary->failover.epoch;
    mem_free(host);
}

/* We may not have looked at the primary since it is one: of those who promised it something each has. */
static void note_history(struct guard *guard, const struct reply_view *map) {
    struct slice history = field_of(map, "guard-history");
    if (guard->history[0] || !id_is_valid(history)) return;
    snprintf(guard->history, sizeof guard->history, "%.*s", (int)history.size, history.data);
}

void guard_on_census(struct seat *seat, const struct request *request, const struct reply_view *reply) {
    struct primary *primary = seat->primary;
    if (reply->kind != REPLY_VIEW_ARRAY || primary->failover.sm.state == FAILOVER_NONE) return;
    for (size_t i = 0; i < reply->count; i++)
        if (reply->children[i].kind == REPLY_VIEW_ARRAY) {
            note_named(primary, &reply->children[i]);
            note_history(&primary->guard, &reply->children[i]);
        }
    seat->census_request = request->number;
    world_touch_primary(primary);
}

/* ---- The fence ---- */

/* Where the primary was not looked at since it is one, whoever followed the former one may have what that had acknowledged. */
static bool may_have_confirmed(const struct instance *replica) {
    bool unknown = !replica->primary->guard.history[0] && !(replica->info_ms != NEVER && !replica->facts.is_kvd);
    return replica->named || unknown || (replica->named_epoch && replica->named_epoch == replica->primary->failover.epoch);
}

/* Promoted already, by a leader that died: it confirms nothing to the old primary. */
static bool was_promoted(const struct instance *replica) {
    return replica->facts.role == ROLE_PRIMARY && replica->facts.at_ms != NEVER &&
           replica->facts.at_ms >= replica->primary->failover.start_ms;
}

static bool can_be_reached(const struct instance *replica) {
    return instance_is_connected(replica) && !replica->s_down;
}

static bool is_other_make(const struct instance *replica) {
    return replica->info_ms != NEVER && !replica->facts.is_kvd;
}

static bool is_fenced(const struct instance *replica) {
    return replica->fenced_epoch && replica->fenced_epoch == replica->primary->failover.epoch;
}

/* Of which history one must have as much as can be; NULL: they are of several, and nobody knows which is the primary's. What its
 * INFO has told nobody since it is the primary is taken from those that are fenced, when they agree. */
static const char *history_of(const struct primary *primary) {
    const char *common = NULL;
    if (primary->guard.history[0]) return primary->guard.history;
    LIST_EACH(&primary->replicas, node) {
        const struct instance *replica = container_of(node, struct instance, node);
        if (!is_fenced(replica) || !can_be_reached(replica)) continue;
        if (common && strcmp(common, replica->fenced_history) != 0) return NULL;
        common = replica->fenced_history;
    }
    return common;
}

/* How much of the primary's history it has; -1: nothing, or it cannot be known. */
static int64_t place_of(const struct instance *replica, const char *id) {
    if (!id || !can_be_reached(replica)) return -1;
    if (was_promoted(replica)) {
        const struct facts *facts = &replica->facts;
        if (!replica->primary->guard.history[0]) return -1; /* nothing tells it from a stranger */
        return strcmp(facts->former_id, id) == 0 ? facts->former_offset : strcmp(facts->replication_id, id) == 0 ? facts->primary_offset : -1;
    }
    if (!is_fenced(replica) || strcmp(replica->fenced_history, id) != 0) return -1;
    return replica->fenced_offset;
}

/* R, and how many of these are fenced and have something. */
static size_t count_fenced(const struct primary *primary, size_t *all) {
    const char *history = history_of(primary);
    size_t fenced = 0;
    *all = 0;
    LIST_EACH(&primary->replicas, node) {
        const struct instance *replica = container_of(node, struct instance, node);
        if (!may_have_confirmed(replica)) continue;
        ++*all;
        if (place_of(replica, history) >= 0) fenced++;
    }
    return fenced;
}

static size_t needed_fences(const struct primary *primary, size_t all) {
    uint32_t n = least(primary);
    return all >= n ? all - n + 1 : 0;
}

static bool fence_all(struct primary *primary) {
    bool open = false; /* somebody who can be reached has not answered */
    LIST_EACH(&primary->replicas, node) {
        struct instance *replica = container_of(node, struct instance, node);
        if (!can_be_reached(replica) || is_other_make(replica) || was_promoted(replica) || is_fenced(replica)) continue;
        uint64_t epoch = primary->failover.epoch;
        if (replica->fence_asked != epoch && outbox_fence(primary->world, replica, epoch)) replica->fence_asked = epoch;
        open = true;
    }
    return open;
}

enum guard_verdict guard_look(struct primary *primary, char *why, size_t size) {
    struct failover *failover = &primary->failover;
    int64_t now_ms = primary->world->now_ms, waited_ms = now_ms - failover->sm.since_ms;
    if (failover->coordinated && primary->guard.primary_fenced) return GUARD_GO; /* it has stopped, and the target gets all it has */
    bool open = fence_all(primary);
    size_t all, fenced = count_fenced(primary, &all), needed = needed_fences(primary, all);
    size_t census = census_size(primary), majority = primary_majority(primary);
    if (census < majority)
        snprintf(why, size, "%zu of %zu sentinels have said which replicas may have confirmed writes", census, majority);
    else if (fenced < needed)
        snprintf(why, size, "%zu of %zu replicas are fenced, %zu must be: acknowledged writes might be on the others only", fenced, all,
                 needed);
    else if (!open || waited_ms >= STRAGGLERS_MS)
        return GUARD_GO;
    else
        snprintf(why, size, "replicas are being fenced");
    if (now_ms - failover->start_ms >= guard_most_ms(primary)) return GUARD_LATE;
    if (waited_ms >= SAY_MS && !primary->guard.waits) {
        primary->guard.waits = true;
        outbox_primary(primary, SENTINEL_EVENT_GUARD_WAIT, "#%s", why);
    }
    return GUARD_WAIT;
}

void guard_on_fence_reply(struct instance *instance, const struct request *request, const struct reply_view *reply) {
    const struct reply_view *parts = reply->children;
    if (reply->kind == REPLY_VIEW_ERROR) {
        if (guard_is_passing(reply->text)) {
            instance->fence_asked = 0; /* again */
            return;
        }
        slice_print_plain(reply->text, instance->refusal, sizeof instance->refusal);
        outbox_instance(instance->world, instance, NULL, SENTINEL_EVENT_REFUSED, "%s: %s", request_kind_name(request->kind),
                        instance->refusal);
        return;
    }
    if (!instance->primary || reply->kind != REPLY_VIEW_ARRAY || reply->count < 5 || parts[0].kind != REPLY_VIEW_INTEGER ||
        (uint64_t)parts[0].integer != request->epoch || !id_is_valid(parts[1].text))
        return;
    instance->fenced_epoch = request->epoch;
    snprintf(instance->fenced_history, sizeof instance->fenced_history, "%.*s", (int)parts[1].text.size, parts[1].text.data);
    instance->fenced_offset = parts[2].kind == REPLY_VIEW_INTEGER ? parts[2].integer : -1;
    instance->fenced_synced = parts[3].kind == REPLY_VIEW_INTEGER ? parts[3].integer : -1;
    world_touch_primary(instance->primary);
}

/* ---- The choice ---- */

static bool may_be_promoted(const struct instance *replica) {
    switch (choose_judge(replica)) {
    case CHOOSE_GOOD:
    case CHOOSE_LINK_DOWN: /* what it has is known */
    case CHOOSE_OLD_PRIMARY:
    case CHOOSE_SILENT: /* it has answered the fence */
    case CHOOSE_STALE: return true;
    case CHOOSE_DOWN:
    case CHOOSE_DISCONNECTED:
    case CHOOSE_UNKNOWN:
    case CHOOSE_PRIORITY_0:
    case CHOOSE_LAGS:
    case CHOOSE_REFUSED: return false;
    }
    UNREACHABLE("no such verdict");
}

/* Of two that have as much. */
static bool is_preferred(const struct instance *a, const struct instance *b) {
    if (was_promoted(a) != was_promoted(b)) return was_promoted(a);
    if (a->facts.priority != b->facts.priority) return a->facts.priority < b->facts.priority;
    if (choose_is_near(a) != choose_is_near(b)) return choose_is_near(a);
    if (a->fenced_synced != b->fenced_synced) return a->fenced_synced > b->fenced_synced;
    return strcmp(a->facts.run_id, b->facts.run_id) < 0;
}

struct instance *guard_choose(const struct primary *primary, const struct instance *wanted, char *why, size_t size) {
    const char *history = history_of(primary);
    int64_t most = -1;
    struct instance *best = NULL;
    LIST_EACH(&primary->replicas, node) most = MAX(most, place_of(container_of(node, struct instance, node), history));
    LIST_EACH(&primary->replicas, node) {
        struct instance *replica = container_of(node, struct instance, node);
        if (place_of(replica, history) != most || most < 0 || !may_be_promoted(replica)) continue;
        if (wanted ? replica == wanted : !best || is_preferred(replica, best)) best = replica;
    }
    if (best) return best;
    if (wanted) snprintf(why, size, "the replica that was asked for cannot be promoted, or has less than another");
    else if (most < 0) snprintf(why, size, "no fenced replica has the primary's history");
    else snprintf(why, size, "the replica that has all acknowledged writes (offset %" PRId64 ") cannot be promoted", most);
    return NULL;
}

bool guard_allows(const struct primary *primary) {
    if (!guard_is_on(primary) || (primary->failover.coordinated && primary->guard.primary_fenced)) return true;
    size_t all, fenced = count_fenced(primary, &all);
    return fenced >= needed_fences(primary, all) && census_size(primary) >= primary_majority(primary);
}

/* ---- Ends ---- */

static void release(struct instance *instance, uint64_t epoch) {
    if (instance_is_connected(instance)) (void)!outbox_release(instance->world, instance, epoch);
}

void guard_end(struct primary *primary, bool promoted) {
    struct guard *guard = &primary->guard;
    struct world *world = primary->world;
    uint64_t epoch = primary->failover.epoch;
    bool on = guard_is_on(primary);
    LIST_EACH(&primary->replicas, node) {
        struct instance *replica = container_of(node, struct instance, node);
        if (replica->fence_asked == epoch && !promoted) release(replica, epoch); /* G4 */
    }
    if (guard->primary_epoch && !promoted) release(primary->instance, guard->primary_epoch);
    guard->primary_epoch = 0;
    guard->primary_fenced = guard->unguarded = guard->waits = false;
    if (!on || promoted) return;
    guard_on_abandoned(primary, epoch, slice_text(world->id)); /* G5 */
    LIST_EACH(&primary->seats, node) {
        const struct seat *seat = container_of(node, struct seat, at_primary);
        if (seat->peer->is_kvd) (void)!outbox_abandon(world, seat->peer, primary, epoch);
    }
}

/* ---- An operator's failover ---- */

bool guard_must_fence_first(const struct primary *primary) {
    const struct instance *instance = primary->instance;
    return guard_is_on(primary) && instance_is_connected(instance) && !instance->s_down && instance->facts.role == ROLE_PRIMARY;
}

static void stop_forcing(struct primary *primary, const char *why) {
    struct guard *guard = &primary->guard;
    if (guard->primary_epoch) release(primary->instance, guard->primary_epoch);
    if (guard->force_coordinated) (void)!outbox_let_write(primary->world, primary->instance);
    guard->forcing = false;
    guard->primary_epoch = 0;
    primary->failover.asked_ms = NEVER;
    outbox_primary(primary, SENTINEL_EVENT_ABORT_UNFENCED, "#%s", why);
}

void guard_begin_force(struct primary *primary, bool coordinated, bool planned, bool protecting, uint32_t wanted, const char *reason) {
    struct guard *guard = &primary->guard;
    struct world *world = primary->world;
    if (guard->forcing) return;
    uint64_t epoch = MAX(world->current_epoch, MAX(primary->vote_epoch, primary->config_epoch)) + 1;
    const struct request *request = outbox_fence_primary(world, primary->instance, epoch, coordinated || planned ? 2 * FORCE_MS : 0);
    if (!request) {
        outbox_primary(primary, SENTINEL_EVENT_ABORT_UNFENCED, "#the fence could not be sent");
        return;
    }
    guard->forcing = true;
    guard->force_coordinated = coordinated || planned;
    guard->force_planned = planned;
    guard->force_protecting = protecting;
    guard->force_wanted = wanted;
    guard->force_until_ms = world->now_ms + FORCE_MS;
    guard->force_request = request->number;
    guard->primary_epoch = epoch;
    snprintf(guard->force_reason, sizeof guard->force_reason, "%s", reason);
    world_touch_primary(primary);
}

void guard_on_primary_fenced(struct instance *instance, const struct request *request, const struct reply_view *reply, bool complete) {
    struct primary *primary = instance->primary;
    if (!primary || !complete || !primary->guard.forcing || primary->guard.force_request != request->number) return;
    struct guard *guard = &primary->guard;
    if (reply->kind != REPLY_VIEW_ARRAY) {
        slice_print_plain(reply->text, instance->refusal, sizeof instance->refusal);
        guard->primary_epoch = 0; /* the fence that it has is another's */
        stop_forcing(primary, instance->refusal);
        return;
    }
    uint64_t epoch = guard->primary_epoch;
    instance->facts.fence_epoch = epoch;
    /* Meanwhile another failover may have begun, or got our vote, or the disk be full. */
    if (primary->failover.sm.state != FAILOVER_NONE || primary->world->save_failing || !guard_may_vote(primary, NULL)) {
        stop_forcing(primary, "something else has happened meanwhile");
        return;
    }
    guard->forcing = false;
    int64_t asked_ms = primary->failover.asked_ms;
    attempt_begin(primary, true, guard->force_coordinated, guard->force_wanted, guard->force_reason);
    primary->failover.protecting = guard->force_protecting;
    if (guard->force_planned) failover_plan(primary);
    primary->failover.asked_ms = primary->failover.record.asked_ms = asked_ms;
    guard->primary_fenced = true;
    guard->primary_epoch = epoch;
    primary->ask_ms = MIN(primary->ask_ms, primary->world->now_ms + 10);
    primary->ask_pause_ms = 20; /* the voters look at the fence meanwhile */
}

int64_t guard_look_force(struct primary *primary) {
    struct guard *guard = &primary->guard;
    if (!guard->forcing) return INT64_MAX;
    if (primary->world->now_ms < guard->force_until_ms) return guard->force_until_ms;
    stop_forcing(primary, "the primary did not answer the fence");
    return INT64_MAX;
}

/* ---- Repairs ---- */

bool guard_is_left_over(const struct instance *instance) {
    return instance->kind != INSTANCE_SENTINEL && instance->facts.at_ms != NEVER && instance->facts.fence_epoch;
}

void guard_repair(struct instance *instance) {
    struct primary *primary = instance->primary;
    uint64_t epoch = instance->facts.fence_epoch;
    int64_t now_ms = primary->world->now_ms;
    if (instance->fence_seen != epoch) {
        instance->fence_seen = epoch;
        instance->fence_seen_ms = now_ms;
    }
    if (!epoch || primary->guard.forcing || primary->failover.sm.state != FAILOVER_NONE) return;
    /* Whoever fenced it may still be about to promote another, unless we know better. */
    if (epoch <= primary->config_epoch || now_ms - instance->fence_seen_ms >= guard_longest_ms(primary)) release(instance, epoch);
}
