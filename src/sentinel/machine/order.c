#include "sentinel/machine/order.h"
#include "base/mem.h"
#include "sentinel/machine/attempt.h"
#include "sentinel/machine/complaint.h"
#include "sentinel/machine/facts.h"
#include "sentinel/machine/guard.h"
#include "sentinel/machine/outbox.h"
#include "sentinel/machine/repoint.h"
#include "sentinel/machine/world_internal.h"

#include <stdio.h>

enum { COORDINATED_MS = 3000 }; /* at least so long may it take; by FAILOVER replicas acknowledge once a second only */

static int64_t coordinated_ms(const struct primary *primary) {
    if (primary->failover.planned) return MIN(primary->options.failover_timeout_ms, COORDINATED_MS);
    return MIN(primary->options.failover_timeout_ms, MAX(primary->options.down_after_ms, COORDINATED_MS));
}

int64_t order_patience_ms(const struct primary *primary) {
    const struct failover *failover = &primary->failover;
    if (!failover->coordinated && guard_is_on(primary))
        return guard_longest_ms(primary) / 2; /* G5: who voted for us waits no longer */
    if (!failover->coordinated) return primary->options.failover_timeout_ms;
    if (failover->by_primary) return coordinated_ms(primary) + COORDINATED_MS;
    /* What was ordered may still be executed, and its proof come. */
    bool open = failover->stopped_offset >= 0 && failover->order_request;
    return coordinated_ms(primary) / (open ? 1 : 2);
}

void order_send(struct primary *primary) {
    struct failover *failover = &primary->failover;
    struct world *world = primary->world;
    struct instance *target = failover->target;
    CHECK(primary->saved_vote_epoch >= failover->epoch); /* F1 */
    CHECK(failover->epoch > primary->config_epoch);      /* F3 */
    struct request *request;
    int64_t timeout_ms = coordinated_ms(primary);
    if (failover->coordinated && failover->by_primary) {
        request = outbox_handover(world, primary->instance, target->host, target->port, timeout_ms, failover->epoch);
    } else if (failover->coordinated && failover->stopped_offset < 0) {
        request = outbox_stop_writes(world, primary->instance, timeout_ms, failover->epoch);
        failover->stopped_until_ms = world->now_ms + timeout_ms / 2;
    } else {
        request = outbox_promote(world, target, failover->epoch);
        /* One that was a primary already, and was fenced before that was known. */
        if (target->fenced_epoch == failover->epoch && target->facts.role == ROLE_PRIMARY)
            (void)!outbox_release(world, target, failover->epoch);
    }
    if (!request) return;
    failover->ordered = true;
    failover->promoting = failover->promoting || request->kind == REQUEST_PROMOTE || failover->by_primary;
    failover->order_request = request->number;
}

void order_take_back(struct primary *primary, const char *reason) {
    struct failover *failover = &primary->failover;
    CHECK(!failover->ordered); /* F2 */
    attempt_forget_target(primary);
    sm_move(&failover->sm, FAILOVER_SELECT, primary->world->now_ms, "%s", reason);
}

bool order_needs_force(const struct primary *primary, const char **why) {
    const struct failover *failover = &primary->failover;
    const struct instance *old = primary->instance;
    if (!failover->planned || failover->promoting) return false;
    bool late = failover->ordered && failover->stopped_offset < 0 &&
                primary->world->now_ms - failover->sm.since_ms >= order_patience_ms(primary);
    *why = late ? "it did not stop its writes in time" : "it cannot be reached";
    return late || old->s_down || !instance_is_connected(old);
}

void order_force(struct primary *primary, const char *why) {
    struct failover *failover = &primary->failover;
    CHECK(failover->planned && !failover->promoting); /* F2 */
    if (failover->stopped_offset >= 0) (void)!outbox_let_write(primary->world, primary->instance);
    failover->planned = failover->coordinated = failover->by_primary = failover->ordered = false;
    failover->record.coordinated = false;
    failover->stopped_offset = -1;
    failover->order_request = 0;
    snprintf(failover->record.reason, sizeof failover->record.reason,
             "by force, the primary does not hand over: %s", why);
    outbox_primary(primary, SENTINEL_EVENT_FORCED, "%s", why);
    if (failover->sm.state == FAILOVER_WAIT_PROMOTION) order_take_back(primary, why);
    world_touch_primary(primary);
}

/* ---- The proof ---- */

static void promoted(struct primary *primary, const char *proof) {
    struct failover *failover = &primary->failover;
    struct world *world = primary->world;
    struct instance *target = failover->target, *old = primary->instance;
    CHECK(failover->sm.state == FAILOVER_WAIT_PROMOTION);
    CHECK(failover->epoch > primary->config_epoch); /* F3 */
    bool coordinated = failover->coordinated, by_primary = failover->by_primary;
    guard_end(primary, true);
    primary->config_epoch = failover->epoch;
    failover->record.promoted_ms = world->now_ms;
    failover->count++;
    failover->order_request = 0;
    failover->tried_in_vain = false;
    outbox_instance(world, target, primary, SENTINEL_EVENT_PROMOTED, "%s", "");
    sm_move(&failover->sm, FAILOVER_RECONF, world->now_ms, "%s", proof);
    outbox_primary(primary, SENTINEL_EVENT_RECONF, "%s", "");
    attempt_crash_after(world, SIMULATE_CRASH_AFTER_PROMOTION, "PROMOTION");
    primary_switch_to(primary, target, world->id);
    CHECK(primary->instance == target);
    target->role_reported = target->facts.role = ROLE_PRIMARY;
    target->role_since_ms = target->facts.at_ms = world->now_ms;
    (void)!outbox_info(world, target, false); /* and now look at it */
    if (coordinated && by_primary) {
        (void)!outbox_settle(world, target);
        (void)!outbox_settle(world, old);
    } else if (coordinated) {
        (void)!repoint_step(primary); /* the old one first, and only then may its clients go on */
        (void)!outbox_let_write(world, old);
    }
}

/* The words of a refusal, for INFO, the log and SENTINEL's replies. */
static void refused(struct instance *instance, const struct request *request, struct slice words) {
    slice_print_plain(words, instance->refusal, sizeof instance->refusal);
    outbox_instance(instance->world, instance, NULL, SENTINEL_EVENT_REFUSED, "%s: %s", request_kind_name(request->kind),
                    instance->refusal);
}

static bool is_ok(const struct reply_view *reply) {
    return reply->kind == REPLY_VIEW_STATUS && slice_is(reply->text, "OK");
}

/* Whether the SLAVEOF of a transaction was executed. Its own reply says OK instead of QUEUED when MULTI was refused. */
enum executed { EXECUTED_NOT_KNOWN, EXECUTED_YES, EXECUTED_NO };

static enum executed was_executed(uint32_t index, const struct reply_view *reply, bool complete) {
    if (index == 1 && is_ok(reply)) return EXECUTED_YES;
    if (!complete) return EXECUTED_NOT_KNOWN;
    if (reply->kind == REPLY_VIEW_ARRAY && reply->count > 0)
        return reply->children[0].kind == REPLY_VIEW_ERROR ? EXECUTED_NO : EXECUTED_YES;
    return EXECUTED_NO;
}

static void on_promote_reply(struct instance *target, const struct request *request, uint32_t index,
                             const struct reply_view *reply, bool complete) {
    struct primary *primary = target->primary;
    struct failover *failover = primary ? &primary->failover : NULL;
    bool ours = failover && failover->sm.state == FAILOVER_WAIT_PROMOTION && failover->order_request == request->number;
    if (reply->kind == REPLY_VIEW_ERROR && !request->failed) {
        refused(target, request, reply->text);
    } else if (complete && reply->kind == REPLY_VIEW_ARRAY && reply->count &&
               reply->children[0].kind == REPLY_VIEW_ERROR) {
        refused(target, request, reply->children[0].text);
    }
    if (complete && reply->kind != REPLY_VIEW_ARRAY && reply->kind != REPLY_VIEW_ERROR)
        complain(target->world, COMPLAINT_ORDER, target, complaint_of_reply(reply), "EXEC was answered with %s",
                 reply_view_kind_name(reply->kind));
    if (!ours) return;
    attempt_crash_after(target->world, SIMULATE_CRASH_AFTER_ORDER, "ORDER");
    switch (was_executed(index, reply, complete)) {
    case EXECUTED_YES: promoted(primary, "the replica executed SLAVEOF NO ONE"); break;
    case EXECUTED_NO:
        failover->ordered = failover->promoting = false;
        if (failover->coordinated) (void)!outbox_let_write(target->world, primary->instance);
        failover->stopped_offset = -1;
        target->refused_epoch = failover->epoch;
        order_take_back(primary, "the replica refused");
        world_touch_primary(primary);
        break;
    case EXECUTED_NOT_KNOWN: break;
    }
}

/* CLIENT PAUSE, INFO. */
static void on_stopped_reply(struct primary *primary, uint32_t index, const struct reply_view *reply) {
    struct failover *failover = &primary->failover;
    struct world *world = primary->world;
    if (index == 0) {
        failover->by_primary = !is_ok(reply);
        return;
    }
    failover->order_request = 0;
    struct facts facts = primary->instance->facts;
    struct facts_replicas *replicas = mem_alloc(sizeof *replicas);
    bool known = reply->kind == REPLY_VIEW_BULK && facts_read_info(&facts, reply->text, world->now_ms, replicas);
    mem_free(replicas);
    if (failover->by_primary) {
        order_send(primary);
    } else if (known && facts.handover[0] && strcmp(facts.handover, "no-failover") != 0) {
        attempt_abort(primary, FAILOVER_PRIMARY_TIMEOUT, SENTINEL_EVENT_ABORT_PRIMARY_TIMEOUT, "the primary hands over by itself");
    } else if (!known || facts.role != ROLE_PRIMARY) {
        attempt_abort(primary, FAILOVER_PRIMARY_TIMEOUT, SENTINEL_EVENT_ABORT_PRIMARY_TIMEOUT,
                      "the primary did not say what it has");
    } else {
        failover->stopped_offset = facts.primary_offset;
        (void)!outbox_info(world, failover->target, true);
    }
}

static void on_handover_reply(struct instance *instance, const struct request *request, uint32_t index,
                              const struct reply_view *reply) {
    struct primary *primary = instance->primary;
    struct failover *failover = &primary->failover;
    if (failover->sm.state != FAILOVER_WAIT_PROMOTION || failover->order_request != request->number) return;
    if (request->commands > 1) {
        on_stopped_reply(primary, index, reply);
        return;
    }
    failover->order_request = 0;
    if (is_ok(reply)) return;
    refused(instance, request, reply->text);
    if (failover->planned) {
        failover->promoting = false; /* certainly not executed */
        order_force(primary, "it refused");
        return;
    }
    attempt_abort(primary, FAILOVER_PRIMARY_TIMEOUT, SENTINEL_EVENT_ABORT_PRIMARY_TIMEOUT,
                  "the primary refused to hand over");
}

void order_on_reply(struct instance *instance, const struct request *request, uint32_t index,
                    const struct reply_view *reply, bool complete) {
    if (request->kind == REQUEST_PROMOTE)
        on_promote_reply(instance, request, index, reply, complete);
    else if (request->kind == REQUEST_HANDOVER)
        on_handover_reply(instance, request, index, reply);
}

void order_on_line_down(struct instance *instance) {
    struct primary *primary = instance->primary;
    if (!primary) return;
    struct failover *failover = &primary->failover;
    /* The order went to one of them only; that the dead primary refuses another connection says nothing of it. */
    bool to_primary = failover->coordinated && (failover->by_primary || failover->stopped_offset < 0);
    const struct instance *ordered = to_primary ? primary->instance : failover->target;
    if (ordered == instance) failover->order_request = 0;
    world_touch_primary(primary);
}

void order_on_info(struct instance *instance) {
    struct primary *primary = instance->primary;
    struct failover *failover = &primary->failover;
    if (failover->sm.state != FAILOVER_WAIT_PROMOTION || failover->target != instance) return;
    if (instance->facts.role == ROLE_PRIMARY) {
        promoted(primary, "the replica says that it is a primary");
    } else if (failover->order_request || (failover->coordinated && failover->by_primary)) {
        return;
    } else if (failover->coordinated && failover->stopped_offset >= 0) {
        bool has_all = instance->facts.replica_offset >= failover->stopped_offset;
        if (has_all && primary->world->now_ms < failover->stopped_until_ms) order_send(primary);
    } else {
        order_send(
            primary); /* the line was lost before the answer, and it was not executed: again, to the same one (F2) */
    }
}
