#include "sentinel/machine/attempt.h"
#include "sentinel/machine/choose.h"
#include "sentinel/machine/down.h"
#include "sentinel/machine/election.h"
#include "sentinel/machine/failover.h"
#include "sentinel/machine/fence.h"
#include "sentinel/machine/guard.h"
#include "sentinel/machine/history.h"
#include "sentinel/machine/outbox.h"
#include "sentinel/machine/vote.h"
#include "sentinel/machine/world_internal.h"

#include <inttypes.h>
#include <stdio.h>

enum {
    VETO_PAUSE_MS = 5000,
    PAUSE_MS = 500, /* after a failover that found no replica */
};

void attempt_clear_record(struct failover_record *record) {
    *record = (struct failover_record){
        .down_ms = NEVER,
        .odown_ms = NEVER,
        .asked_ms = NEVER,
        .started_ms = NEVER,
        .elected_ms = NEVER,
        .selected_ms = NEVER,
        .ordered_ms = NEVER,
        .promoted_ms = NEVER,
        .ended_ms = NEVER,
        .script_ms = NEVER,
        .lost_bytes = -1,
    };
}

void attempt_crash_after(struct world *world, unsigned point, const char *name) {
    if (!(world->simulate & point)) return;
    struct action *action = actions_add(world->actions, ACTION_EXIT);
    action->exit.status = 99;
    action->exit.why = actions_printf(world->actions, "SENTINEL SIMULATE-FAILURE CRASH-AFTER-%s", name);
}

void attempt_begin(struct primary *primary, bool forced, bool coordinated, uint32_t wanted, const char *reason) {
    struct failover *failover = &primary->failover;
    struct failover_record *record = &failover->record;
    struct world *world = primary->world;
    uint64_t epoch = MAX(world->current_epoch, MAX(primary->vote_epoch, primary->config_epoch)) + 1;

    uint32_t rounds = forced || record->down_ms != primary->down_since_ms ? 0 : record->rounds;
    attempt_clear_record(record);
    history_forget_notes(primary);
    record->rounds = rounds + 1;
    record->epoch = epoch;
    record->started_wall_ms = world->wall_ms;
    record->down_ms = primary->down_since_ms;
    record->odown_ms = primary->o_down ? primary->o_down_since_ms : NEVER;
    record->started_ms = world->now_ms;
    record->forced = forced;
    record->coordinated = coordinated;
    record->voters = (uint32_t)primary_voters(primary);
    snprintf(record->reason, sizeof record->reason, "%s", reason);
    snprintf(record->leader, sizeof record->leader, "%s", world->id);
    snprintf(record->from, sizeof record->from, "%s:%u", instance_shown_host(primary->instance, primary->world),
             primary->instance->port);

    failover->epoch = epoch;
    failover->asked_ms = NEVER;
    failover->forced = forced;
    failover->protecting = false;
    failover->wanted = wanted;
    failover->coordinated = coordinated;
    failover->planned = failover->by_primary = false;
    failover->stopped_offset = -1;
    failover->ordered = failover->promoting = false;
    failover->order_request = 0;
    failover->target = NULL;
    fence_reset(primary);
    primary->guard.leader_least = 0;
    LIST_EACH(&primary->seats, node) {
        struct seat *seat = container_of(node, struct seat, at_primary);
        seat->vote_request = seat->census_request = seat->census_asked = 0;
    }
    failover->start_ms = world->now_ms;
    failover->stand_ms = INT64_MAX;
    failover->attempts++;
    world->elections++;
    sm_move(&failover->sm, FAILOVER_WAIT_START, world->now_ms, "%s", reason);
    CHECK(vote_see_epoch(world, epoch));
    outbox_primary(primary, SENTINEL_EVENT_TRY_FAILOVER, "%s", "");
    vote_for_self(primary, epoch);
    failover_poll_replicas(primary);
    primary->ask_pause_ms = world->timing.ask_period_ms;
    down_ask(primary); /* for their votes, while ours goes to the disk */
    attempt_crash_after(world, SIMULATE_CRASH_AFTER_CANDIDACY, "CANDIDACY");
    world_touch_primary(primary);
}

void attempt_forget_target(struct primary *primary) {
    struct failover *failover = &primary->failover;
    if (failover->target) failover->target->promoted = false;
    failover->target = NULL;
    failover->order_request = 0;
}

void attempt_end(struct primary *primary, enum failover_result result, const char *reason) {
    struct failover *failover = &primary->failover;
    bool stopped = failover->coordinated && !failover->by_primary && failover->sm.state == FAILOVER_WAIT_PROMOTION;
    if (stopped) (void)!outbox_let_write(primary->world, primary->instance);
    if (failover->record.promoted_ms == NEVER) guard_end(primary, false);
    attempt_forget_target(primary);
    failover->record.result = result;
    failover->record.ended_ms = primary->world->now_ms;
    if (!failover->noted_replicas.size) history_note_replicas(primary, NULL);
    history_add(primary, reason);
    failover->forced = failover->coordinated = failover->planned = false;
    if (result != FAILOVER_NOT_ELECTED) failover->asked_ms = NEVER;
    sm_move(&failover->sm, FAILOVER_NONE, primary->world->now_ms, "%s", reason);
    world_touch_group(primary);
}

void attempt_abort(struct primary *primary, enum failover_result result, enum sentinel_event event,
                   const char *reason) {
    struct failover *failover = &primary->failover;
    failover->aborted++;
    attempt_end(primary, result, reason);
    outbox_primary(primary, event, "%s", "");
    if (result == FAILOVER_NO_REPLICA) {
        failover->tried_in_vain = true;
        failover->retry_ms = primary->world->now_ms + PAUSE_MS;
    } else if (result == FAILOVER_TOO_FEW_FENCED) {
        failover->retry_ms = primary->world->now_ms + PAUSE_MS;
    } else if (result == FAILOVER_VETOED) {
        failover->retry_ms = primary->world->now_ms + MIN(VETO_PAUSE_MS, primary->options.failover_timeout_ms);
    } else {
        election_pause(primary);
    }
}

void attempt_observe(struct primary *primary, const char *by) {
    failover_drop(primary, "a newer configuration was announced");
    struct failover_record *record = &primary->failover.record;
    struct failover *failover = &primary->failover;
    int64_t down_ms = primary->down_since_ms, odown_ms = primary->o_down ? primary->o_down_since_ms : NEVER;
    attempt_clear_record(record);
    record->epoch = primary->config_epoch;
    record->as_observer = true;
    record->down_ms = down_ms;
    record->odown_ms = odown_ms;
    record->started_wall_ms = primary->world->wall_ms;
    record->started_ms = primary->world->now_ms;
    record->promoted_ms = record->ended_ms = primary->world->now_ms;
    record->result = FAILOVER_DONE;
    snprintf(record->leader, sizeof record->leader, "%s", by);
    snprintf(record->reason, sizeof record->reason, "announced by another sentinel");
    history_note_votes(primary);
    history_note_replicas(primary, NULL);
    snprintf(record->from, sizeof record->from, "%s:%u", instance_shown_host(primary->instance, primary->world),
             primary->instance->port);
    failover->rounds = 0;
    failover->tried_in_vain = false;
    failover->retry_ms = NEVER;
}

void attempt_observed(struct primary *primary) {
    struct failover_record *record = &primary->failover.record;
    snprintf(record->to, sizeof record->to, "%s:%u", instance_shown_host(primary->instance, primary->world),
             primary->instance->port);
    history_add(primary, record->reason);
}
