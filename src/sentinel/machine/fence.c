#include "sentinel/machine/fence.h"
#include "sentinel/machine/outbox.h"
#include "sentinel/machine/world_internal.h"

#include <inttypes.h>
#include <stdio.h>

enum { LOST_MS = 2000 }; /* the driver should have told by then that it is over */

static int64_t deadline_ms(const struct primary *primary) {
    int64_t most_ms = MIN(primary->options.failover_timeout_ms, primary->world->timing.election_timeout_ms);
    return MAX(1, MIN(primary->options.pre_failover_timeout_ms, most_ms * 4 / 5));
}

void fence_reset(struct primary *primary) {
    primary->failover.fence_token = 0;
    primary->failover.fence_ms = NEVER;
    primary->failover.fenced_ms = NEVER;
    primary->failover.vetoed = false;
}

static void start(struct primary *primary) {
    struct failover *failover = &primary->failover;
    struct world *world = primary->world;
    struct actions *actions = world->actions;
    const struct instance *old = primary->instance, *target = failover->target;
    failover->fence_token = ++world->next_request;
    failover->fence_ms = world->now_ms;
    outbox_instance(world, target, primary, SENTINEL_EVENT_FENCE, "#epoch %" PRIu64, failover->epoch);
    const char **args = actions_alloc(actions, 10 * sizeof args[0]);
    args[0] = actions_text(actions, slice_text(primary->options.pre_failover_script));
    args[1] = actions_text(actions, slice_text(primary->name));
    args[2] = "leader";
    args[3] = failover->protecting ? "protect" : failover->forced ? "forced" : "odown";
    args[4] = actions_text(actions, slice_text(instance_shown_host(old, world)));
    args[5] = actions_printf(actions, "%u", old->port);
    args[6] = actions_text(actions, slice_text(instance_shown_host(target, world)));
    args[7] = actions_printf(actions, "%u", target->port);
    args[8] = actions_printf(actions, "%" PRIu64, failover->epoch);
    args[9] = NULL;
    struct action *action = actions_add(actions, ACTION_SCRIPT);
    action->script.kind = SCRIPT_PRE_FAILOVER;
    action->script.args = args;
    action->script.token = failover->fence_token;
    action->script.timeout_ms = deadline_ms(primary);
}

static void ended(struct primary *primary, bool veto, const char *how) {
    struct failover *failover = &primary->failover;
    struct world *world = primary->world;
    failover->fence_token = 0;
    failover->fenced_ms = failover->record.script_ms = world->now_ms;
    failover->vetoed = veto;
    snprintf(failover->record.script, sizeof failover->record.script, "%s after %" PRId64 " ms: %s", how,
             world->now_ms - failover->fence_ms, veto ? "veto" : "go on");
    outbox_primary(primary, SENTINEL_EVENT_FENCE_END, "#%s", failover->record.script);
    world_touch_primary(primary);
}

enum fence_verdict fence_look(struct primary *primary) {
    struct failover *failover = &primary->failover;
    if (failover->fenced_ms != NEVER) return failover->vetoed ? FENCE_VETO : FENCE_GO;
    if (failover->coordinated) return FENCE_GO;
    if (failover->fence_token) {
        if (primary->world->now_ms - failover->fence_ms < deadline_ms(primary) + LOST_MS) return FENCE_WAIT;
        ended(primary, primary->options.pre_failover_veto, "nothing was heard of it");
        return failover->vetoed ? FENCE_VETO : FENCE_GO;
    }
    if (!primary->options.pre_failover_script) return FENCE_GO;
    start(primary);
    return FENCE_WAIT;
}

void fence_on_ended(struct world *world, const struct event *event) {
    LIST_EACH(&world->primaries, node) {
        struct primary *primary = container_of(node, struct primary, node);
        if (!event->token || primary->failover.fence_token != event->token) continue;
        bool unsure = primary->options.pre_failover_veto;
        char how[64];
        switch (event->script.end) {
        case SCRIPT_END_EXIT:
            snprintf(how, sizeof how, "exit status %d", event->script.status);
            ended(primary, event->script.status == 1 || (event->script.status != 0 && unsure), how);
            break;
        case SCRIPT_END_SIGNAL:
            snprintf(how, sizeof how, "died by signal %d", event->script.status);
            ended(primary, unsure, how);
            break;
        case SCRIPT_END_TIMEOUT: ended(primary, unsure, "killed at its deadline"); break;
        case SCRIPT_END_NOT_RUN: ended(primary, unsure, "could not be run"); break;
        }
        return;
    }
}
