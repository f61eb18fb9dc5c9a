#include "sentinel/machine/repoint.h"
#include "sentinel/machine/complaint.h"
#include "sentinel/machine/election.h"
#include "sentinel/machine/guard.h"
#include "sentinel/machine/outbox.h"
#include "sentinel/machine/world_internal.h"

#include <stdio.h>

enum {
    AGAIN_MS = 1000,       /* between two orders to one instance */
    LEADER_GONE_MS = 100, /* the failover's leader died: its replicas are repaired by the others after this */
    RANK_MS = 100,        /* and the next one after this, since each looks so often only */
};

static bool send(struct instance *replica, uint64_t epoch) {
    const struct instance *primary = replica->primary->instance;
    return outbox_repoint(replica->world, replica, instance_shown_host(primary, replica->world), primary->port, epoch);
}

static bool follows(const struct instance *replica) {
    return replica->facts.role == ROLE_REPLICA &&
           instance_is_at(replica->primary->instance, replica->facts.primary_host, replica->facts.primary_port);
}

/* ---- After our promotion ---- */

static void set_reconf(struct instance *replica, enum reconf reconf, enum sentinel_event event) {
    replica->reconf = reconf;
    replica->reconf_since_ms = replica->world->now_ms;
    outbox_instance(replica->world, replica, NULL, event, "%s", "");
}

static void advance(struct instance *replica) {
    /* What it said before it was told proves nothing. */
    if (replica->facts.at_ms < replica->reconf_since_ms || !follows(replica)) return;
    if (replica->reconf == RECONF_SENT) set_reconf(replica, RECONF_INPROG, SENTINEL_EVENT_RECONF_INPROG);
    if (replica->reconf == RECONF_INPROG && replica->facts.link_up)
        set_reconf(replica, RECONF_DONE, SENTINEL_EVENT_RECONF_DONE);
}

static bool tell(struct instance *replica) {
    if (!send(replica, replica->primary->failover.epoch)) return false;
    set_reconf(replica, RECONF_SENT, SENTINEL_EVENT_RECONF_SENT);
    return true;
}

bool repoint_step(struct primary *primary) {
    struct world *world = primary->world;
    size_t under_way = 0, left = 0;
    LIST_EACH(&primary->replicas, node) {
        struct instance *replica = container_of(node, struct instance, node);
        if (replica->reconf == RECONF_SENT &&
            world->now_ms - replica->reconf_since_ms >= world->timing.reconf_timeout_ms)
            set_reconf(replica, RECONF_DONE, SENTINEL_EVENT_RECONF_TIMEOUT);
        if (replica->reconf == RECONF_SENT || replica->reconf == RECONF_INPROG) {
            if (replica->s_down) continue;
            left++;
            if (!replica->was_primary) under_way++;
        }
    }
    LIST_EACH(&primary->replicas, node) {
        struct instance *replica = container_of(node, struct instance, node);
        if (replica->reconf != RECONF_NONE || replica->s_down) continue;
        left++;
        /* The old primary, when it lives, takes writes that will be lost: it is not made to wait for its turn. */
        bool free_place = replica->was_primary || under_way < primary->options.parallel_syncs;
        if (free_place && tell(replica) && !replica->was_primary) under_way++;
    }
    return left == 0;
}

void repoint_best_effort(struct primary *primary) {
    LIST_EACH(&primary->replicas, node) {
        struct instance *replica = container_of(node, struct instance, node);
        if (replica->reconf == RECONF_DONE || replica->reconf == RECONF_SENT || replica->reconf == RECONF_INPROG)
            continue;
        if (send(replica, primary->failover.epoch)) set_reconf(replica, RECONF_SENT, SENTINEL_EVENT_RECONF_SENT_BE);
    }
}

/* ---- Repairs ---- */

static bool looks_sane(const struct primary *primary) { /* R1 */
    const struct instance *instance = primary->instance;
    const struct world *world = primary->world;
    return !instance->s_down && !primary->o_down && !world->tilt && instance_is_connected(instance) &&
           instance->role_reported == ROLE_PRIMARY && instance->facts.at_ms != NEVER &&
           instance->facts.role == ROLE_PRIMARY &&
           world->now_ms - instance->facts.at_ms < 2 * world->timing.info_period_ms;
}

/* The leader of the last switch is there to do its work. */
static bool leader_lives(const struct primary *primary) {
    if (strcmp(primary->switched_by, primary->world->id) == 0) return false; /* we are done with it: R2 */
    const struct seat *seat = primary_find_seat(primary, slice_text(primary->switched_by));
    return seat && election_is_alive(seat->peer);
}

static bool is_recent(const struct primary *primary) {
    return primary->switched_ms != NEVER &&
           primary->world->now_ms - primary->switched_ms < primary->options.failover_timeout_ms;
}

/* When an instance that calls itself a primary is demoted. */
static int64_t convert_ms(const struct instance *instance) {
    const struct world *world = instance->world;
    const struct primary *primary = instance->primary;
    /* We know who it is and who took its place: at once, as long as we are not the ones that are cut off. The others'
     * sentinels may know better about a stranger: their hello gets the time to reach us. */
    if (instance->was_primary && primary_usable(primary) >= primary_majority(primary)) return instance->role_since_ms;
    return instance->role_since_ms + 4 * world->timing.publish_period_ms;
}

/* When a replica that follows the wrong one is told the right one. */
static int64_t fix_ms(const struct instance *instance) {
    const struct world *world = instance->world;
    const struct primary *primary = instance->primary;
    int64_t since_ms = MAX(instance->follows_since_ms, primary->switched_ms);
    int64_t timeout_ms = primary->options.failover_timeout_ms;
    bool recent = is_recent(primary);
    if (recent && leader_lives(primary)) return since_ms + timeout_ms;
    int64_t wait_ms =
        recent ? LEADER_GONE_MS + (int64_t)election_rank(primary) * RANK_MS : 4 * world->timing.publish_period_ms;
    return since_ms + MIN(wait_ms, timeout_ms);
}

bool repoint_is_wrong(const struct instance *instance) {
    if (guard_is_left_over(instance)) return true;
    if (instance->kind == INSTANCE_PRIMARY)
        return instance->facts.at_ms != NEVER && instance->facts.role == ROLE_REPLICA;
    if (instance->kind != INSTANCE_REPLICA || instance->facts.at_ms == NEVER) return false;
    if (instance->primary->instance->role_reported == ROLE_REPLICA) return true;
    return instance->was_primary || !follows(instance) || !instance->facts.link_up;
}

bool repoint_is_left_over(const struct instance *instance) {
    const struct primary *primary = instance->primary;
    if (instance->kind != INSTANCE_REPLICA || !is_recent(primary) || primary->failover.sm.state != FAILOVER_NONE) return false;
    if (!instance_is_connected(instance) || instance->s_down) return false;
    /* What it said before the switch, perhaps of the same primary, is no news. */
    return instance->facts.at_ms < primary->switched_ms || (repoint_is_wrong(instance) && !follows(instance));
}

bool repoint_is_ours(const struct instance *instance) {
    return repoint_is_left_over(instance) && !leader_lives(instance->primary);
}

bool repoint_has_left_over(const struct primary *primary) {
    if (!is_recent(primary)) return false;
    LIST_EACH(&primary->replicas, node)
    if (repoint_is_left_over(container_of(node, struct instance, node))) return true;
    return false;
}

static void repair(struct instance *instance) {
    struct primary *primary = instance->primary;
    struct world *world = instance->world;
    if (primary->options.maintenance) return;
    if (primary->failover.sm.state != FAILOVER_NONE || !looks_sane(primary)) return; /* R1, R2 */
    if (instance->hearsay) return;
    if (instance->last_order_ms != NEVER && world->now_ms - instance->last_order_ms < AGAIN_MS) return;
    /* Who follows the wrong one, or nobody, stays fenced until it is told whom to follow. */
    if (guard_is_left_over(instance) && follows(instance)) guard_repair(instance); /* R4 */
    if (instance->facts.role == ROLE_PRIMARY) {
        if (world->now_ms >= convert_ms(instance) && send(instance, primary->config_epoch))
            outbox_instance(world, instance, NULL, SENTINEL_EVENT_CONVERT, "%s", "");
    } else if (!follows(instance)) {
        const char *host = instance->facts.primary_host;
        if (!host_is_ip(host) && !world_lookup(world, host)) world_resolve(world, host, true);
        if (world->now_ms >= fix_ms(instance) && send(instance, primary->config_epoch))
            outbox_instance(world, instance, NULL, SENTINEL_EVENT_FIX_CONFIG, "%s", "");
    }
}

void repoint_on_info(struct instance *instance) {
    if (instance->kind == INSTANCE_PRIMARY && guard_is_left_over(instance)) guard_repair(instance); /* R4 */
    if (instance->kind != INSTANCE_REPLICA) return;
    if (instance->was_primary && follows(instance) && instance->facts.link_up) instance->was_primary = false;
    if (instance->primary->failover.sm.state == FAILOVER_RECONF) {
        advance(instance);
        world_touch_primary(instance->primary);
    } else {
        repair(instance);
    }
}

void repoint_on_reply(struct instance *instance, const struct request *request, const struct reply_view *reply,
                      bool complete) {
    struct slice words = {0};
    if (reply->kind == REPLY_VIEW_ERROR && !request->failed)
        words = reply->text;
    else if (complete && reply->kind == REPLY_VIEW_ARRAY && reply->count && reply->children[0].kind == REPLY_VIEW_ERROR)
        words = reply->children[0].text;
    if (words.size) {
        slice_print_plain(words, instance->refusal, sizeof instance->refusal);
        outbox_instance(instance->world, instance, NULL, SENTINEL_EVENT_REFUSED, "%s: %s",
                        request_kind_name(request->kind), instance->refusal);
    } else if (complete) {
        if (reply->kind != REPLY_VIEW_ARRAY && reply->kind != REPLY_VIEW_ERROR)
            complain(instance->world, COMPLAINT_ORDER, instance, complaint_of_reply(reply), "EXEC was answered with %s",
                     reply_view_kind_name(reply->kind));
        instance->refusal[0] = 0;
        (void)!outbox_info(instance->world, instance, true); /* what has become of it */
    }
}
