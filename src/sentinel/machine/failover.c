/*
 *              election_plan(): o_down, our rank's turn            failover_force()
 *                                    |                                   |
 *                                    v                                   v
 *     none ------ stand() ----> wait_start -- won, or forced ------> select_slave <-----------+
 *      ^                             |                                   | choose_replica()   | line lost before
 *      |                             | lost                              v                    | the order, or order
 *      +------------- abort() <------+----- no replica, back ---- send_slaveof_noone ---------+ certainly refused
 *      |                             ^                                   | on disk: outbox_promote()   (F2)
 *      |                             | no proof in time,                 v
 *      |                             +------ target down -------- wait_promotion
 *      |                                                                 | promoted(): EXEC's reply or INFO
 *      |                                                                 v
 *      +------------------------ update_config <-- all follow ---- reconf_slaves
 */
#include "sentinel/machine/complaint.h"
#include "sentinel/machine/failover.h"
#include "sentinel/machine/choose.h"
#include "sentinel/machine/down.h"
#include "sentinel/machine/election.h"
#include "sentinel/machine/explain.h"
#include "sentinel/machine/facts.h"
#include "sentinel/machine/fence.h"
#include "sentinel/machine/fresh.h"
#include "sentinel/machine/history.h"
#include "sentinel/machine/outbox.h"
#include "sentinel/machine/protect.h"
#include "sentinel/machine/repoint.h"
#include "sentinel/machine/vote.h"
#include "sentinel/machine/world_internal.h"

#include <inttypes.h>
#include <stdio.h>

enum {
    FRESH_MS = 100, /* how long the choice waits for replicas that do not answer INFO */
    POLL_MS = 100,  /* INFO replication while somebody waits for its news */
    HANDOVER_POLL_MS = 5,
    IDLE_POLL_MS = 1000, /* while the primary is down and nobody leads */
    FORCED_ROUNDS = 4,
    VETO_PAUSE_MS = 5000,
    PAUSE_MS = 500,        /* after a failover that found no replica */
    COORDINATED_MS = 3000, /* at least so long may it take; by FAILOVER replicas acknowledge once a second only */
};

static const struct sm_state states[FAILOVER_STATES] = {
    [FAILOVER_NONE] = {"none", SM_TO(FAILOVER_WAIT_START)},
    [FAILOVER_WAIT_START] = {"wait_start", SM_TO(FAILOVER_SELECT) | SM_TO(FAILOVER_NONE)},
    [FAILOVER_SELECT] = {"select_slave", SM_TO(FAILOVER_SEND) | SM_TO(FAILOVER_NONE)},
    [FAILOVER_SEND] = {"send_slaveof_noone",
                       SM_TO(FAILOVER_WAIT_PROMOTION) | SM_TO(FAILOVER_SELECT) | SM_TO(FAILOVER_NONE)},
    [FAILOVER_WAIT_PROMOTION] = {"wait_promotion",
                                 SM_TO(FAILOVER_RECONF) | SM_TO(FAILOVER_SELECT) | SM_TO(FAILOVER_NONE)},
    [FAILOVER_RECONF] = {"reconf_slaves", SM_TO(FAILOVER_UPDATE_CONFIG) | SM_TO(FAILOVER_NONE)},
    [FAILOVER_UPDATE_CONFIG] = {"update_config", SM_TO(FAILOVER_NONE)},
};

const struct sm_table failover_table = {"failover", states, FAILOVER_STATES};

static void clear_record(struct failover_record *record) {
    *record = (struct failover_record){
        .down_ms = NEVER,
        .odown_ms = NEVER,
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

void failover_init(struct primary *primary) {
    struct failover *failover = &primary->failover;
    sm_init(&failover->sm, &failover_table, FAILOVER_NONE, primary->world->now_ms);
    failover->start_ms = failover->retry_ms = failover->polled_ms = NEVER;
    failover->stand_ms = INT64_MAX;
    fence_reset(primary);
    clear_record(&failover->record);
}

static const char *shown(const struct instance *instance) {
    return instance_shown_host(instance, instance->world);
}

/* SENTINEL SIMULATE-FAILURE */
static void crash_after(struct world *world, unsigned point, const char *name) {
    if (!(world->simulate & point)) return;
    struct action *action = actions_add(world->actions, ACTION_EXIT);
    action->exit.status = 99;
    action->exit.why = actions_printf(world->actions, "SENTINEL SIMULATE-FAILURE CRASH-AFTER-%s", name);
}

/* ---- Beginning ---- */

static void stand(struct primary *primary, bool forced, bool coordinated, uint32_t wanted, const char *reason) {
    struct failover *failover = &primary->failover;
    struct failover_record *record = &failover->record;
    struct world *world = primary->world;
    uint64_t epoch = MAX(world->current_epoch, MAX(primary->vote_epoch, primary->config_epoch)) + 1;

    uint32_t rounds = forced || record->down_ms != primary->down_since_ms ? 0 : record->rounds;
    clear_record(record);
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
    snprintf(record->from, sizeof record->from, "%s:%u", shown(primary->instance), primary->instance->port);

    failover->epoch = epoch;
    failover->forced = forced;
    failover->protecting = false;
    failover->wanted = wanted;
    failover->coordinated = coordinated;
    failover->by_primary = false;
    failover->stopped_offset = -1;
    failover->ordered = false;
    failover->order_request = 0;
    failover->target = NULL;
    fence_reset(primary);
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
    crash_after(world, SIMULATE_CRASH_AFTER_CANDIDACY, "CANDIDACY");
    world_touch_primary(primary);
}

bool failover_may_force(const struct primary *primary, bool coordinated, const struct instance *wanted,
                        struct bytes *why) {
    const struct world *world = primary->world;
    if (primary->failover.sm.state != FAILOVER_NONE) {
        bytes_add_text(why, "INPROG Failover already in progress");
        return false;
    }
    bool unmet = fresh_had_answer(primary) && !fresh_may_stand(primary); /* without an answer there is no replica */
    if (unmet && world->now_ms < fresh_until_ms(primary)) {              /* N1 */
        size_t needed, heard = fresh_heard(primary, &needed);
        bytes_add_printf(why,
                         "ERR This sentinel has no memory of that primary and has heard %zu of %zu other sentinels. Ask"
                         " another one, or again in %" PRId64 " ms",
                         heard, needed, fresh_until_ms(primary) - world->now_ms);
        return false;
    }
    if (wanted && choose_judge(wanted) != CHOOSE_GOOD) {
        bytes_add_text(why, "NOGOODSLAVE That replica cannot be promoted: ");
        (void)explain_replica(wanted, world->now_ms, why);
        return false;
    }
    if (!wanted && !choose_replica(primary, NULL)) {
        bytes_add_text(why, "NOGOODSLAVE No suitable replica to promote");
        return false;
    }
    if (coordinated && (!instance_is_connected(primary->instance) || primary->instance->s_down)) {
        bytes_add_text(why, "NOGOODMASTER The primary is not reachable, so it cannot hand over");
        return false;
    }
    if (world->save_failing || MAX(world->current_epoch, primary->vote_epoch) >= EPOCH_MAX) {
        bytes_add_printf(why, "ERR No failover while the state cannot be saved: %s", world->save_error);
        return false;
    }
    return true;
}

bool failover_force(struct primary *primary, bool coordinated, const struct instance *wanted, struct bytes *why) {
    if (!failover_may_force(primary, coordinated, wanted, why)) return false;
    stand(primary, true, coordinated, wanted ? wanted->number : 0,
          coordinated ? "asked for by an operator, coordinated" : "asked for by an operator");
    return true;
}

void failover_poll_replicas(struct primary *primary) {
    struct world *world = primary->world;
    primary->failover.polled_ms = world->now_ms;
    LIST_EACH(&primary->replicas, node) {
        struct instance *replica = container_of(node, struct instance, node);
        const struct request *request = replica->lines[LINE_COMMAND].first;
        while (request && request->kind != REQUEST_INFO_REPLICATION) request = request->next;
        /* One that waits unanswered was asked before; what it says may be older than what is wanted now. */
        if (request && request->sent_ms == world->now_ms) continue;
        if (request && request->sent_ms >= primary->failover.start_ms && replica->s_down) continue;
        (void)!outbox_info(world, replica, true);
    }
}

/* ---- Ends ---- */

static void forget_target(struct primary *primary) {
    struct failover *failover = &primary->failover;
    if (failover->target) failover->target->promoted = false;
    failover->target = NULL;
    failover->order_request = 0;
}

static void finish(struct primary *primary, enum failover_result result, const char *reason) {
    struct failover *failover = &primary->failover;
    bool stopped = failover->coordinated && !failover->by_primary && failover->sm.state == FAILOVER_WAIT_PROMOTION;
    if (stopped) (void)!outbox_let_write(primary->world, primary->instance);
    forget_target(primary);
    failover->record.result = result;
    failover->record.ended_ms = primary->world->now_ms;
    if (!failover->noted_replicas.size) history_note_replicas(primary, NULL);
    history_add(primary, reason);
    failover->forced = failover->coordinated = false;
    sm_move(&failover->sm, FAILOVER_NONE, primary->world->now_ms, "%s", reason);
    world_touch_group(primary);
}

static void abort_with(struct primary *primary, enum failover_result result, enum sentinel_event event,
                       const char *reason) {
    struct failover *failover = &primary->failover;
    failover->aborted++;
    finish(primary, result, reason);
    outbox_primary(primary, event, "%s", "");
    if (result == FAILOVER_NO_REPLICA) {
        failover->tried_in_vain = true;
        failover->retry_ms = primary->world->now_ms + PAUSE_MS;
    } else if (result == FAILOVER_VETOED) {
        failover->retry_ms = primary->world->now_ms + MIN(VETO_PAUSE_MS, primary->options.failover_timeout_ms);
    } else {
        election_pause(primary);
    }
}

void failover_drop(struct primary *primary, const char *reason) {
    if (primary->failover.sm.state == FAILOVER_NONE) return;
    if (primary->failover.sm.state == FAILOVER_UPDATE_CONFIG) UNREACHABLE("update_config lasts no longer than a call");
    primary->failover.aborted++;
    finish(primary, FAILOVER_SUPERSEDED, reason);
}

void failover_reset(struct primary *primary) {
    struct failover *failover = &primary->failover;
    CHECK(failover->sm.state == FAILOVER_NONE);
    failover->start_ms = failover->retry_ms = failover->polled_ms = NEVER;
    failover->stand_ms = INT64_MAX;
    failover->rounds = 0;
    failover->tried_in_vain = false;
}

void failover_on_newer_config(struct primary *primary, const char *by) {
    failover_drop(primary, "a newer configuration was announced");
    struct failover_record *record = &primary->failover.record;
    struct failover *failover = &primary->failover;
    int64_t down_ms = primary->down_since_ms, odown_ms = primary->o_down ? primary->o_down_since_ms : NEVER;
    clear_record(record);
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
    snprintf(record->from, sizeof record->from, "%s:%u", shown(primary->instance), primary->instance->port);
    failover->rounds = 0;
    failover->tried_in_vain = false;
    failover->retry_ms = NEVER;
}

void failover_observed(struct primary *primary) {
    struct failover_record *record = &primary->failover.record;
    snprintf(record->to, sizeof record->to, "%s:%u", shown(primary->instance), primary->instance->port);
    history_add(primary, record->reason);
}

/* ---- The states ---- */

/* A forced failover whose round was lost, or that nobody answers. True: it is over, or begins anew. */
static bool on_forced_lost(struct primary *primary, const char *why) {
    struct failover *failover = &primary->failover;
    struct world *world = primary->world;
    uint32_t wanted = failover->wanted;
    bool coordinated = failover->coordinated, ours = primary->vote_epoch == failover->epoch, answered = true;
    LIST_EACH(&primary->seats, node) {
        const struct seat *seat = container_of(node, struct seat, at_primary);
        if (instance_is_connected(seat->peer) && seat->answered_epoch < failover->epoch) answered = false;
    }
    if (failover->protecting) { /* P2 */
        abort_with(primary, FAILOVER_NOT_ELECTED, SENTINEL_EVENT_ABORT_NOT_ELECTED, why);
        return true;
    }
    bool refused_by_majority = answered && primary_usable(primary) >= primary_majority(primary);
    if (ours && !refused_by_majority && !world->save_failing) {
        failover->record.unagreed = true;
        return false;
    }
    uint32_t rounds = failover->record.rounds;
    abort_with(primary, FAILOVER_NOT_ELECTED, SENTINEL_EVENT_ABORT_NOT_ELECTED, why);
    if (world->save_failing || rounds >= FORCED_ROUNDS) return true;
    stand(primary, true, coordinated, wanted, "asked for by an operator, another round");
    failover->record.rounds = rounds + 1;
    return true;
}

static void look_wait_start(struct primary *primary) {
    struct failover *failover = &primary->failover;
    struct world *world = primary->world;
    char why[128] = "";
    enum election_outcome outcome = election_look(primary, why, sizeof why);
    if (outcome == ELECTION_OPEN) return;
    size_t needed;
    failover->record.votes = (uint32_t)election_votes(primary, &needed);
    history_note_votes(primary);
    if (outcome == ELECTION_WON) {
        snprintf(why, sizeof why, "elected by %u of %u", failover->record.votes, failover->record.voters);
    } else if (!failover->forced) {
        abort_with(primary, FAILOVER_NOT_ELECTED, SENTINEL_EVENT_ABORT_NOT_ELECTED, why);
        return;
    } else {
        /* Without a majority to ask, the own vote must still be on disk. */
        bool ours = primary->vote_epoch == failover->epoch;
        if (ours && primary->saved_vote_epoch < failover->epoch && !world->save_failing) return;
        if (on_forced_lost(primary, why)) return;
        snprintf(why, sizeof why, "forced, without agreement: %u of %zu votes", failover->record.votes, needed);
    }
    failover->record.elected_ms = world->now_ms;
    failover->rounds = 0;
    outbox_primary(primary, SENTINEL_EVENT_ELECTED, "%s", "");
    crash_after(world, SIMULATE_CRASH_AFTER_ELECTION, "ELECTION");
    sm_move(&failover->sm, FAILOVER_SELECT, world->now_ms, "%s", why);
    outbox_primary(primary, SENTINEL_EVENT_SELECT, "%s", "");
}

/* Everybody who could be chosen has told its offset since the trouble began. */
static bool offsets_are_fresh(const struct primary *primary) {
    const struct failover *failover = &primary->failover;
    int64_t since_ms = failover->start_ms;
    if (!failover->forced && primary->instance->s_down) since_ms = MIN(since_ms, primary->instance->s_down_since_ms);
    LIST_EACH(&primary->replicas, node) {
        const struct instance *replica = container_of(node, struct instance, node);
        if (replica->s_down || !instance_is_connected(replica)) continue;
        if (replica->facts.at_ms < since_ms) return false;
    }
    return true;
}

/* The operator's choice, or ours. */
static struct instance *chosen(const struct primary *primary) {
    uint32_t wanted = primary->failover.wanted;
    if (!wanted) return choose_replica(primary, NULL);
    struct instance *replica = world_find_instance(primary->world, wanted);
    bool there = replica && replica->kind == INSTANCE_REPLICA && replica->primary == primary;
    return there && choose_judge(replica) == CHOOSE_GOOD ? replica : NULL;
}

static void look_select(struct primary *primary) {
    struct failover *failover = &primary->failover;
    struct world *world = primary->world;
    if (!offsets_are_fresh(primary) && world->now_ms - failover->sm.since_ms < FRESH_MS) return;
    struct instance *target = chosen(primary);
    if (target && failover->protecting && !protect_is_gain(primary, target)) target = NULL;
    history_note_replicas(primary, target);
    if (!target) {
        protect_reset(primary);
        abort_with(primary, FAILOVER_NO_REPLICA, SENTINEL_EVENT_ABORT_NO_REPLICA, "no replica can be promoted");
        return;
    }
    failover->target = target;
    target->promoted = true;
    failover->record.selected_ms = world->now_ms;
    snprintf(failover->record.to, sizeof failover->record.to, "%s:%u", shown(target), target->port);
    outbox_instance(world, target, primary, SENTINEL_EVENT_SELECTED, "%s", "");
    sm_move(&failover->sm, FAILOVER_SEND, world->now_ms, "%s:%u has priority %" PRId64 " and offset %" PRId64,
            shown(target), target->port, target->facts.priority, choose_offset(target));
    outbox_instance(world, target, primary, SENTINEL_EVENT_SEND_NOONE, "%s", "");
    crash_after(world, SIMULATE_CRASH_AFTER_SELECTION, "SELECTION");
}

static int64_t coordinated_ms(const struct primary *primary) {
    return MIN(primary->options.failover_timeout_ms, MAX(primary->options.down_after_ms, COORDINATED_MS));
}

/* A coordinated failover stops the primary's writes, waits until the replica has them all, and promotes it: three round
 * trips. FAILOVER, which does the same on the primary's side, waits for an acknowledgement that replicas send once a
 * second; it is for primaries that refuse CLIENT PAUSE. */
static void order(struct primary *primary) {
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
    }
    if (!request) return;
    failover->ordered = true;
    failover->order_request = request->number;
}

static void back_to_select(struct primary *primary, const char *reason) {
    struct failover *failover = &primary->failover;
    CHECK(!failover->ordered); /* F2 */
    forget_target(primary);
    sm_move(&failover->sm, FAILOVER_SELECT, primary->world->now_ms, "%s", reason);
}

static void look_send(struct primary *primary) {
    struct failover *failover = &primary->failover;
    struct world *world = primary->world;
    if (!instance_is_connected(failover->target) || failover->target->s_down) {
        back_to_select(primary, "the chosen replica is gone");
        return;
    }
    enum fence_verdict verdict = fence_look(primary);
    if (verdict == FENCE_WAIT) return;
    if (verdict == FENCE_VETO) {
        char why[200];
        snprintf(why, sizeof why, "the pre-failover script: %s", failover->record.script);
        abort_with(primary, FAILOVER_VETOED, SENTINEL_EVENT_ABORT_VETOED, why);
        return;
    }
    /* The others' votes may elect us before our own disk is done. */
    if (primary->saved_vote_epoch >= failover->epoch) order(primary); /* F1 */
    if (!failover->ordered) {
        int64_t most_ms = MIN(primary->options.failover_timeout_ms, world->timing.election_timeout_ms);
        if (world->now_ms - MAX(failover->sm.since_ms, failover->fenced_ms) >= most_ms)
            abort_with(primary, FAILOVER_REPLICA_TIMEOUT, SENTINEL_EVENT_ABORT_REPLICA_TIMEOUT,
                       "the order could not be sent");
        return;
    }
    failover->record.ordered_ms = world->now_ms;
    sm_move(&failover->sm, FAILOVER_WAIT_PROMOTION, world->now_ms,
            failover->coordinated ? "the primary hands over" : "ordered");
    outbox_instance(world, failover->target, primary, SENTINEL_EVENT_WAIT_PROMOTION, "%s", "");
}

static void look_wait_promotion(struct primary *primary) {
    struct failover *failover = &primary->failover;
    struct world *world = primary->world;
    struct instance *target = failover->target;
    int64_t waited_ms = world->now_ms - failover->sm.since_ms;
    if (failover->coordinated) {
        bool stopped = !failover->by_primary;
        /* What was ordered may still be executed, and its proof come. */
        bool open = stopped && failover->stopped_offset >= 0 && failover->order_request;
        int64_t most_ms = stopped ? coordinated_ms(primary) / (open ? 1 : 2) : coordinated_ms(primary) + COORDINATED_MS;
        if (waited_ms < most_ms) return;
        if (!stopped) (void)!outbox_handover_abort(world, primary->instance);
        abort_with(primary, FAILOVER_PRIMARY_TIMEOUT, SENTINEL_EVENT_ABORT_PRIMARY_TIMEOUT,
                   "the primary did not hand over in time");
    } else if (target->s_down || waited_ms >= primary->options.failover_timeout_ms) {
        abort_with(primary, FAILOVER_REPLICA_TIMEOUT, SENTINEL_EVENT_ABORT_REPLICA_TIMEOUT,
                   target->s_down ? "the replica went down before its promotion was proved"
                                  : "the replica's promotion was not proved in time");
    }
}

static void end(struct primary *primary, bool in_time) {
    struct failover *failover = &primary->failover;
    struct world *world = primary->world;
    if (!in_time) outbox_primary(primary, SENTINEL_EVENT_FAILOVER_END_TIMEOUT, "%s", "");
    outbox_primary(primary, SENTINEL_EVENT_FAILOVER_END, "%s", "");
    sm_move(&failover->sm, FAILOVER_UPDATE_CONFIG, world->now_ms, in_time ? "all replicas follow" : "time is up");
    if (!in_time) repoint_best_effort(primary);
    finish(primary, in_time ? FAILOVER_DONE : FAILOVER_DONE_TIMEOUT, in_time ? "complete" : "ended by its timeout");
    failover->retry_ms = NEVER;
}

static void look_reconf(struct primary *primary) {
    struct failover *failover = &primary->failover;
    struct world *world = primary->world;
    if (repoint_step(primary)) {
        end(primary, true);
    } else if (primary->o_down || world->now_ms - failover->sm.since_ms >= primary->options.failover_timeout_ms) {
        end(primary, false);
    }
}

static bool is_back(const struct primary *primary) {
    const struct failover *failover = &primary->failover;
    unsigned state = failover->sm.state;
    bool early = state == FAILOVER_WAIT_START || state == FAILOVER_SELECT || state == FAILOVER_SEND;
    return early && !failover->forced && !primary->instance->s_down;
}

/* P1, P2: the restarted primary has lost data that a replica still has. */
static int64_t look_protect(struct primary *primary) {
    struct failover *failover = &primary->failover;
    char why[128];
    int64_t next_ms = INT64_MAX;
    struct bytes refusal = {0};
    if (failover->sm.state == FAILOVER_NONE && protect_is_due(primary, why, sizeof why, &next_ms)) {
        if (failover_may_force(primary, false, NULL, &refusal)) {
            stand(primary, true, false, 0, why);
            failover->protecting = true;
        }
        next_ms = primary->protect.stand_ms;
    }
    bytes_fini(&refusal);
    return next_ms;
}

static void look_once(struct primary *primary) {
    struct failover *failover = &primary->failover;
    if (is_back(primary)) { /* F4 */
        abort_with(primary, FAILOVER_PRIMARY_BACK, SENTINEL_EVENT_ABORT_BACK, "the primary is back");
        return;
    }
    switch ((enum failover_state)failover->sm.state) {
    case FAILOVER_NONE:
        if (failover->stand_ms <= primary->world->now_ms && election_may_stand(primary)) {
            char reason[160];
            snprintf(reason, sizeof reason, "down for %zu sentinels of %zu, quorum %zu", down_count(primary),
                     primary_voters(primary), primary_quorum(primary));
            stand(primary, false, false, 0, reason);
        }
        break;
    case FAILOVER_WAIT_START: look_wait_start(primary); break;
    case FAILOVER_SELECT: look_select(primary); break;
    case FAILOVER_SEND: look_send(primary); break;
    case FAILOVER_WAIT_PROMOTION: look_wait_promotion(primary); break;
    case FAILOVER_RECONF: look_reconf(primary); break;
    case FAILOVER_UPDATE_CONFIG: UNREACHABLE("update_config lasts no longer than a call");
    case FAILOVER_STATES: UNREACHABLE("no such state");
    }
}

static int64_t poll_period(const struct primary *primary) {
    switch ((enum failover_state)primary->failover.sm.state) {
    case FAILOVER_NONE: return primary->instance->s_down ? IDLE_POLL_MS : 0;
    case FAILOVER_WAIT_PROMOTION: return primary->failover.coordinated ? HANDOVER_POLL_MS : POLL_MS;
    case FAILOVER_WAIT_START:
    case FAILOVER_SELECT:
    case FAILOVER_SEND:
    case FAILOVER_RECONF: return POLL_MS;
    case FAILOVER_UPDATE_CONFIG:
    case FAILOVER_STATES: break;
    }
    return 0;
}

static int64_t next_look(struct primary *primary) {
    const struct failover *failover = &primary->failover;
    int64_t now_ms = primary->world->now_ms, next_ms = election_plan(primary);
    switch ((enum failover_state)failover->sm.state) {
    case FAILOVER_NONE:
        /* Our turn came but E1 does not hold: its conditions touch us when they change; this is for those that do not.
         */
        if (primary->o_down && failover->stand_ms <= now_ms) next_ms = now_ms + POLL_MS;
        break;
    case FAILOVER_WAIT_START: next_ms = failover->start_ms + election_round_ms(primary); break;
    case FAILOVER_SELECT: next_ms = failover->sm.since_ms + FRESH_MS; break;
    case FAILOVER_SEND:
    case FAILOVER_WAIT_PROMOTION:
    case FAILOVER_RECONF: next_ms = now_ms + POLL_MS; break;
    case FAILOVER_UPDATE_CONFIG:
    case FAILOVER_STATES: break;
    }
    int64_t period_ms = poll_period(primary);
    if (period_ms) next_ms = MIN(next_ms, failover->polled_ms == NEVER ? now_ms : failover->polled_ms + period_ms);
    return next_ms;
}

int64_t failover_look(struct primary *primary) {
    struct failover *failover = &primary->failover;
    int64_t fresh_ms = fresh_look(primary);
    if (primary->world->tilt && failover->sm.state == FAILOVER_NONE) return fresh_ms;
    if (!primary->o_down) failover->tried_in_vain = false;
    int64_t period_ms = poll_period(primary);
    if (period_ms && (failover->polled_ms == NEVER || primary->world->now_ms - failover->polled_ms >= period_ms))
        failover_poll_replicas(primary);
    int64_t protect_ms = look_protect(primary);
    for (unsigned before = FAILOVER_STATES, rounds = 0; before != failover->sm.state && rounds < 8; rounds++) {
        before = failover->sm.state;
        (void)election_plan(primary);
        look_once(primary);
    }
    return MIN(fresh_ms, MIN(protect_ms, next_look(primary)));
}

/* ---- Proof ---- */

static void promoted(struct primary *primary, const char *proof) {
    struct failover *failover = &primary->failover;
    struct world *world = primary->world;
    struct instance *target = failover->target, *old = primary->instance;
    CHECK(failover->sm.state == FAILOVER_WAIT_PROMOTION);
    CHECK(failover->epoch > primary->config_epoch); /* F3 */
    bool coordinated = failover->coordinated, by_primary = failover->by_primary;
    primary->config_epoch = failover->epoch;
    failover->record.promoted_ms = world->now_ms;
    failover->count++;
    failover->order_request = 0;
    failover->tried_in_vain = false;
    outbox_instance(world, target, primary, SENTINEL_EVENT_PROMOTED, "%s", "");
    sm_move(&failover->sm, FAILOVER_RECONF, world->now_ms, "%s", proof);
    outbox_primary(primary, SENTINEL_EVENT_RECONF, "%s", "");
    crash_after(world, SIMULATE_CRASH_AFTER_PROMOTION, "PROMOTION");
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
    crash_after(target->world, SIMULATE_CRASH_AFTER_ORDER, "ORDER");
    switch (was_executed(index, reply, complete)) {
    case EXECUTED_YES: promoted(primary, "the replica executed SLAVEOF NO ONE"); break;
    case EXECUTED_NO:
        failover->ordered = false;
        if (failover->coordinated) (void)!outbox_let_write(target->world, primary->instance);
        failover->stopped_offset = -1;
        target->refused_epoch = failover->epoch;
        back_to_select(primary, "the replica refused");
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
        order(primary);
    } else if (!known || facts.role != ROLE_PRIMARY) {
        abort_with(primary, FAILOVER_PRIMARY_TIMEOUT, SENTINEL_EVENT_ABORT_PRIMARY_TIMEOUT,
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
    abort_with(primary, FAILOVER_PRIMARY_TIMEOUT, SENTINEL_EVENT_ABORT_PRIMARY_TIMEOUT,
               "the primary refused to hand over");
}

void failover_on_order_reply(struct instance *instance, const struct request *request, uint32_t index,
                             const struct reply_view *reply, bool complete) {
    if (request->kind == REQUEST_PROMOTE)
        on_promote_reply(instance, request, index, reply, complete);
    else if (request->kind == REQUEST_HANDOVER)
        on_handover_reply(instance, request, index, reply);
}

void failover_on_line_down(struct instance *instance) {
    struct primary *primary = instance->primary;
    if (!primary) return;
    struct failover *failover = &primary->failover;
    /* The order went to one of them only; that the dead primary refuses another connection says nothing of it. */
    bool to_primary = failover->coordinated && (failover->by_primary || failover->stopped_offset < 0);
    const struct instance *ordered = to_primary ? primary->instance : failover->target;
    if (ordered == instance) failover->order_request = 0;
    world_touch_primary(primary);
}

void failover_on_info(struct instance *instance) {
    struct primary *primary = instance->primary;
    struct failover *failover = &primary->failover;
    if (failover->sm.state != FAILOVER_WAIT_PROMOTION || failover->target != instance) return;
    if (instance->facts.role == ROLE_PRIMARY) {
        promoted(primary, "the replica says that it is a primary");
    } else if (failover->order_request || (failover->coordinated && failover->by_primary)) {
        return;
    } else if (failover->coordinated && failover->stopped_offset >= 0) {
        bool has_all = instance->facts.replica_offset >= failover->stopped_offset;
        if (has_all && primary->world->now_ms < failover->stopped_until_ms) order(primary);
    } else {
        order(primary); /* the line was lost before the answer, and it was not executed: again, to the same one (F2) */
    }
}

const char *failover_result_name(enum failover_result result) {
    switch (result) {
    case FAILOVER_RESULT_NONE: return "running";
    case FAILOVER_DONE: return "done";
    case FAILOVER_DONE_TIMEOUT: return "done_timeout";
    case FAILOVER_NOT_ELECTED: return "not_elected";
    case FAILOVER_NO_REPLICA: return "no_replica";
    case FAILOVER_REPLICA_TIMEOUT: return "replica_timeout";
    case FAILOVER_PRIMARY_TIMEOUT: return "primary_timeout";
    case FAILOVER_VETOED: return "vetoed";
    case FAILOVER_SUPERSEDED: return "superseded";
    case FAILOVER_PRIMARY_BACK: return "primary_back";
    }
    UNREACHABLE("no such result");
}
