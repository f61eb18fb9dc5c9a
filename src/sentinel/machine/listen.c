#include "sentinel/machine/listen.h"
#include "base/mem.h"
#include "sentinel/machine/complaint.h"
#include "sentinel/machine/down.h"
#include "sentinel/machine/facts.h"
#include "sentinel/machine/fresh.h"
#include "sentinel/machine/gone.h"
#include "sentinel/machine/guard.h"
#include "sentinel/machine/instance_internal.h"
#include "sentinel/machine/order.h"
#include "sentinel/machine/outbox.h"
#include "sentinel/machine/protect.h"
#include "sentinel/machine/repoint.h"
#include "sentinel/machine/world_internal.h"

#include <stdio.h>

enum { INFO_KEPT_MAX = 256 * 1024 }; /* of a raw INFO text, for SENTINEL INFO-CACHE */

/* ---- PING ---- */

static int64_t oldest_ping(const struct instance *instance) {
    for (const struct request *request = instance->lines[LINE_COMMAND].first; request; request = request->next)
        if (request->kind == REQUEST_PING) return request->sent_ms;
    return 0;
}

/* Follows what grows slowly, and what shrinks at once. */
static void note_rtt(struct instance *instance, int64_t rtt_ms) {
    enum { WEIGHT = 8 };
    int64_t more_us = rtt_ms * 1000 - instance->usual_rtt_us;
    bool first = instance->usual_rtt_us == NEVER;
    instance->usual_rtt_us = first ? rtt_ms * 1000 : instance->usual_rtt_us + (more_us < 0 ? more_us : more_us / WEIGHT);
    instance->rtt_ms = rtt_ms;
}

static void on_ping(struct world *world, struct instance *instance, const struct request *request,
                    const struct reply_view *reply) {
    enum facts_ping ping = facts_read_ping(reply);
    instance->last_reply_ms = world->now_ms;
    bool good = ping == FACTS_PING_PONG || ping == FACTS_PING_LOADING || ping == FACTS_PING_MASTERDOWN;
    if (good) {
        instance->last_good_ms = world->now_ms;
        instance->lines[LINE_COMMAND].reason = LINE_REASON_NONE;
        instance->lines[LINE_COMMAND].detail[0] = 0;
        note_rtt(instance, world->now_ms - request->sent_ms);
        instance->proof_ms = MAX(instance->proof_ms, request->sent_ms);
        instance->ping_pending_ms = oldest_ping(instance);
        instance->last_ping_text[0] = 0;
        if (ping == FACTS_PING_PONG) instance->rebooted = false;
        bool was_gone = instance->gone;
        if (instance->lost_ms != NEVER || was_gone) gone_reset(instance); /* whatever line it lost, it is there */
        /* Of who is up, a good answer only moves deadlines on: what is due is found out when the old ones come. */
        if (!instance->s_down && !was_gone) return;
    } else {
        slice_print_plain(complaint_of_reply(reply), instance->last_ping_text, sizeof instance->last_ping_text);
        if (ping == FACTS_PING_BAD)
            complain(world, COMPLAINT_PING, instance, complaint_of_reply(reply), "PING was answered with %s",
                     reply_view_kind_name(reply->kind));
        if (ping == FACTS_PING_BUSY && instance->s_down && !instance->script_kill_sent &&
            outbox_script_kill(world, instance))
            instance->script_kill_sent = true;
    }
    world_touch_instance(world, instance);
}

/* ---- INFO ---- */

static void on_run_id(struct world *world, struct instance *instance) {
    const char *run_id = instance->facts.run_id;
    if (!run_id[0] || strcmp(run_id, instance->id) == 0) return;
    bool rebooted = instance->id[0] != 0;
    memcpy(instance->id, run_id, sizeof instance->id);
    if (!rebooted) return;
    outbox_instance(world, instance, NULL, SENTINEL_EVENT_REBOOT, "%s", "");
    if (instance->kind == INSTANCE_PRIMARY && instance->primary->options.reboot_down_after_ms > 0) {
        instance->rebooted = true;
        instance->rebooted_ms = world->now_ms;
    }
}

static void on_role(struct world *world, struct instance *instance) {
    enum role role = instance->facts.role;
    if (role == instance->role_reported) return;
    enum role expected = instance->kind == INSTANCE_PRIMARY ? ROLE_PRIMARY : ROLE_REPLICA;
    instance->role_reported = role;
    instance->role_since_ms = instance->follows_since_ms = world->now_ms;
    outbox_instance(world, instance, NULL, role == expected ? SENTINEL_EVENT_ROLE_CHANGE : SENTINEL_EVENT_ROLE_MISMATCH,
                    "new reported role is %s", role_name(role));
}

/* Somebody promoted it: one that was restarted, empty or not, would have fallen behind itself. */
static void note_take_over(struct instance *instance, const struct facts *before) {
    const struct facts *now = &instance->facts;
    if (now->role != ROLE_PRIMARY) {
        instance->took_over_ms = NEVER;
    } else if (before->at_ms != NEVER && before->role == ROLE_REPLICA && now->primary_offset >= before->replica_offset &&
               instance_is_at(instance->primary->instance, before->primary_host, before->primary_port)) {
        instance->took_over_ms = now->at_ms;
    } else if (now->primary_offset < before->primary_offset) {
        instance->took_over_ms = NEVER;
    }
}

static void discover(struct world *world, struct instance *instance, const struct facts_replicas *replicas) {
    struct primary *primary = instance->primary;
    for (size_t i = 0; i < replicas->count; i++) {
        char *host = slice_to_text(replicas->items[i].host);
        uint16_t port = replicas->items[i].port;
        world_resolve(world, host, true); /* a name that we know by its last address may have moved */
        bool known = instance_is_at(instance, host, port) || replica_find_at(primary, host, port);
        if (!known && forgotten_keeps_out(primary, host, port, replicas->items[i].lag_s)) known = true;
        if (!known && primary->replica_count < REPLICAS_MAX && world_may_watch(world, host)) {
            struct instance *replica = replica_add(primary, host, port);
            outbox_instance(world, replica, NULL, SENTINEL_EVENT_REPLICA, "%s", "");
            primary_changed(primary, STATE_PART_KNOWN, primary->guard.least > 0);
            replica->known_sequence = world->state_sequence;
        }
        mem_free(host);
    }
}

/* The configured primary was a replica when we first saw it: whom it follows is looked at, unless that belongs to
 * another group. Should it turn out to be a primary after all, the other one is a stranger again. */
static void look_beyond(struct world *world, struct instance *instance) {
    struct primary *primary = instance->primary;
    const struct facts *facts = &instance->facts;
    if (facts->role == ROLE_PRIMARY) {
        primary->was_seen = true;
        LIST_EACH(&primary->replicas, node) {
            struct instance *replica = container_of(node, struct instance, node);
            if (replica->hearsay && replica != primary->failover.target) replica_drop(replica);
        }
        return;
    }
    if (primary->was_seen || primary->config_epoch || primary->replica_count >= REPLICAS_MAX) return;
    if (!facts->primary_port || !world_may_watch(world, facts->primary_host)) return;
    if (instance_is_at(instance, facts->primary_host, facts->primary_port) ||
        replica_find_at(primary, facts->primary_host, facts->primary_port) ||
        world_find_primary_at(world, slice_text(facts->primary_host), facts->primary_port))
        return;
    struct instance *other = replica_add(primary, facts->primary_host, facts->primary_port);
    other->hearsay = true;
    outbox_instance(world, other, NULL, SENTINEL_EVENT_REPLICA, "%s", "");
}

static void keep_text(struct world *world, struct instance *instance, struct slice text) {
    size_t size = MIN(text.size, (size_t)INFO_KEPT_MAX);
    mem_free(instance->info);
    instance->info = mem_strndup(text.data, size);
    instance->info_size = size;
    instance->info_ms = world->now_ms;
}

static void on_info(struct world *world, struct instance *instance, const struct request *request,
                    const struct reply_view *reply) {
    if (instance->kind == INSTANCE_SENTINEL) return;
    if ((reply->kind != REPLY_VIEW_BULK && reply->kind != REPLY_VIEW_STATUS) || !reply->text.size) {
        complain(world, COMPLAINT_INFO, instance, complaint_of_reply(reply), "INFO was answered with %s",
                 reply_view_kind_name(reply->kind));
        return;
    }
    struct facts_replicas *replicas = mem_alloc(sizeof *replicas);
    struct facts before = instance->facts;
    if (request->kind == REQUEST_INFO) keep_text(world, instance, reply->text);
    if (facts_read_info(&instance->facts, reply->text, world->now_ms, replicas)) {
        on_run_id(world, instance);
        on_role(world, instance);
        note_take_over(instance, &before);
        if (strcmp(before.primary_host, instance->facts.primary_host) != 0 ||
            before.primary_port != instance->facts.primary_port)
            instance->follows_since_ms = world->now_ms;
        if (instance->kind == INSTANCE_PRIMARY && instance->facts.role == ROLE_PRIMARY)
            discover(world, instance, replicas);
        if (instance->kind == INSTANCE_PRIMARY) look_beyond(world, instance);
        struct instance *head = instance->primary->instance;
        if (instance->hearsay && instance->facts.role == ROLE_REPLICA &&
            instance_is_at(head, instance->facts.primary_host, instance->facts.primary_port)) {
            instance->hearsay = false; /* it belongs to us */
            primary_changed(instance->primary, STATE_PART_KNOWN, false);
        }
        if (head->role_reported == ROLE_REPLICA) world_touch_instance(world, head); /* what others say decides */
        if (instance->kind == INSTANCE_PRIMARY) protect_on_info(instance, &before);
        guard_on_info(instance);
        order_on_info(instance); /* may make it the primary */
        repoint_on_info(instance);
        world_touch_instance(world, instance);
        if (instance->primary->failover.sm.state != FAILOVER_NONE) world_touch_primary(instance->primary);
    } else {
        complain(world, COMPLAINT_INFO, instance, reply->text, "INFO names no role");
    }
    mem_free(replicas);
}

/* ---- All ---- */

void listen_on_reply(struct world *world, const struct event *event) {
    struct instance *instance = world_find_instance(world, event->reply.instance);
    if (!instance) return;
    bool complete = false;
    struct request *request = instance_take_request(instance, event->reply.request, event->reply.index, &complete);
    if (!request) return;
    const struct reply_view *reply = &event->reply.reply;
    switch (request->kind) {
    case REQUEST_PING: on_ping(world, instance, request, reply); break;
    case REQUEST_INFO:
    case REQUEST_INFO_REPLICATION: on_info(world, instance, request, reply); break;
    case REQUEST_ASK: down_on_opinion(world, instance, request, reply); break;
    case REQUEST_PROMOTE:
    case REQUEST_HANDOVER: order_on_reply(instance, request, event->reply.index, reply, complete); break;
    case REQUEST_REPOINT: repoint_on_reply(instance, request, reply, complete); break;
    case REQUEST_LEASE: guard_on_lease_reply(instance, request, reply); break;
    case REQUEST_FENCE: guard_on_fence_reply(instance, request, reply); break;
    case REQUEST_FENCE_PRIMARY: guard_on_primary_fenced(instance, request, reply, complete); break;
    case REQUEST_NAMED:
        LIST_EACH(&instance->seats, node) {
            struct seat *seat = container_of(node, struct seat, at_peer);
            if (seat->primary->number == request->primary) guard_on_census(seat, request, reply);
        }
        break;
    case REQUEST_RELEASE:
        if (reply->kind != REPLY_VIEW_ERROR) (void)!outbox_info(world, instance, true);
        break;
    case REQUEST_IDENTIFY:
        if (reply->kind == REPLY_VIEW_BULK) instance->is_kvd = facts_is_kvd(reply->text);
        break;
    case REQUEST_HELLO:
        if (reply->kind != REPLY_VIEW_INTEGER)
            complain(world, COMPLAINT_PUBLISH, instance, complaint_of_reply(reply), "PUBLISH was answered with %s",
                     reply_view_kind_name(reply->kind));
        break;
    case REQUEST_CENSUS:
        LIST_EACH(&instance->seats, node) {
            struct seat *seat = container_of(node, struct seat, at_peer);
            if (seat->primary->number == request->primary) fresh_on_census(seat, reply);
        }
        break;
    case REQUEST_ABANDON:
    case REQUEST_SETTLE:
    case REQUEST_SCRIPT_KILL:
    case REQUEST_FORGET: /* OK; or an error: it did not know it */
    case REQUEST_HANDOVER_ABORT:
    case REQUEST_KINDS: break;
    }
    if (reply->kind == REPLY_VIEW_ERROR) request->failed = true;
    if (complete) mem_free(request);
}
