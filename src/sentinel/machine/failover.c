/*
 *              election_plan(): o_down, our rank's turn            failover_force()
 *                                    |                                   |
 *                                    v                                   v
 *     none - attempt_begin() -> wait_start -- won, or forced ------> select_slave <-----------+
 *      ^                             |                                   | choose_replica()   | line lost before
 *      |                             | lost                              v                    | the order, or order
 *      +----- attempt_abort() <------+----- no replica, back ---- send_slaveof_noone ---------+ certainly refused
 *      |                             ^                                   | on disk: order_send()       (F2)
 *      |                             | no proof in time,                 v
 *      |                             +------ target down -------- wait_promotion
 *      |                                                                 | order.c: EXEC's reply or INFO
 *      |                                                                 v
 *      +------------------------ update_config <-- all follow ---- reconf_slaves
 */
#include "sentinel/machine/failover.h"
#include "sentinel/machine/asked.h"
#include "sentinel/machine/attempt.h"
#include "sentinel/machine/choose.h"
#include "sentinel/machine/down.h"
#include "sentinel/machine/election.h"
#include "sentinel/machine/explain.h"
#include "sentinel/machine/fence.h"
#include "sentinel/machine/fresh.h"
#include "sentinel/machine/guard.h"
#include "sentinel/machine/history.h"
#include "sentinel/machine/order.h"
#include "sentinel/machine/outbox.h"
#include "sentinel/machine/protect.h"
#include "sentinel/machine/repoint.h"
#include "sentinel/machine/world_internal.h"

#include <inttypes.h>
#include <stdio.h>

enum {
    FRESH_MS = 100, /* how long the choice waits for replicas that do not answer INFO */
    POLL_MS = 100,  /* INFO replication while somebody waits for its news */
    HANDOVER_POLL_MS = 5,
    CLOSE_ROUNDS = 10,   /* of a forced one; after that they come ever more rarely */
    IDLE_POLL_MS = 1000, /* while the primary is down and nobody leads */
    NEAR_MS = 1000, /* how long a planned failover waits for a replica that is near enough */
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

void failover_init(struct primary *primary) {
    struct failover *failover = &primary->failover;
    sm_init(&failover->sm, &failover_table, FAILOVER_NONE, primary->world->now_ms);
    failover->start_ms = failover->retry_ms = failover->polled_ms = failover->asked_ms = NEVER;
    failover->stand_ms = failover->wish_ms = INT64_MAX;
    fence_reset(primary);
    guard_init(primary);
    attempt_clear_record(&failover->record);
}

/* ---- Beginning ---- */

bool failover_may_force(const struct primary *primary, bool coordinated, bool unguarded, const struct instance *wanted,
                        struct bytes *why) {
    const struct world *world = primary->world;
    int64_t until_ms;
    if (primary->failover.sm.state != FAILOVER_NONE || primary->failover.asked_ms != NEVER || primary->guard.forcing) {
        bytes_add_text(why, "INPROG Failover already in progress");
        return false;
    }
    bool unmet = fresh_had_answer(primary) && !fresh_may_be_forced(primary); /* without an answer there is no replica */
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
    if (!unguarded && !guard_must_fence_first(primary) && !guard_may_vote(primary, &until_ms)) { /* G1 */
        bytes_add_printf(why,
                         "GUARDED The primary cannot be reached to be fenced, and was promised that no other is voted for during"
                         " the next %" PRId64 " ms. Ask again then, or give the promise up: SENTINEL FAILOVER name UNGUARDED",
                         until_ms - world->now_ms);
        return false;
    }
    if (world->save_failing || MAX(world->current_epoch, primary->vote_epoch) >= EPOCH_MAX) {
        bytes_add_printf(why, "ERR No failover while the state cannot be saved: %s", world->save_error);
        return false;
    }
    return true;
}

bool failover_would_plan(const struct primary *primary) {
    const struct instance *instance = primary->instance;
    bool reachable = !instance->s_down && instance_is_connected(instance);
    return reachable && instance->facts.is_kvd && instance->facts.role == ROLE_PRIMARY;
}

static void begin_forced(struct primary *primary, bool coordinated, bool planned, uint32_t wanted, const char *reason) {
    if (guard_must_fence_first(primary)) {
        guard_begin_force(primary, coordinated, planned, false, wanted, reason);
        return;
    }
    attempt_begin(primary, true, coordinated || planned, wanted, reason);
    if (planned) failover_plan(primary);
}

void failover_plan(struct primary *primary) {
    primary->failover.planned = true;
    (void)!outbox_info(primary->world, primary->instance, true); /* how far the replicas are behind */
}

bool failover_force(struct primary *primary, bool coordinated, bool unguarded, const struct instance *wanted, const char *reason,
                    struct bytes *why) {
    if (!failover_may_force(primary, coordinated, unguarded, wanted, why)) return false;
    primary->guard.unguarded = unguarded;
    begin_forced(primary, coordinated, !coordinated && failover_would_plan(primary), wanted ? wanted->number : 0, reason);
    primary->failover.asked_ms = primary->failover.record.asked_ms = primary->world->now_ms;
    primary->failover.asked_coordinated = coordinated;
    primary->failover.asked_unguarded = unguarded;
    return true;
}

/* The next round of a failover that an operator asked for and that was not elected yet. */
static void ask_again(struct primary *primary) {
    struct failover *failover = &primary->failover;
    struct world *world = primary->world;
    int64_t asked_ms = failover->asked_ms;
    uint32_t rounds = failover->record.rounds;
    failover->asked_ms = NEVER;
    if (world->now_ms - asked_ms >= primary->options.failover_timeout_ms) return; /* the lost round has told why */
    bool coordinated = failover->asked_coordinated, planned = !coordinated && failover_would_plan(primary);
    struct bytes why = {0};
    bool may = failover_may_force(primary, coordinated, failover->asked_unguarded, NULL, &why);
    bytes_fini(&why);
    if (may) {
        primary->guard.unguarded = failover->asked_unguarded;
        begin_forced(primary, coordinated, planned, failover->wanted, "asked for by an operator, another round");
        failover->record.rounds = rounds + 1;
        failover->record.asked_ms = asked_ms;
    } else {
        failover->retry_ms = world->now_ms + POLL_MS;
    }
    failover->asked_ms = asked_ms;
}

void failover_poll_replicas(struct primary *primary) {
    struct world *world = primary->world;
    primary->failover.polled_ms = world->now_ms;
    if (primary->failover.planned && primary->failover.sm.state == FAILOVER_SELECT)
        (void)!outbox_info(world, primary->instance, true); /* else the lag would grow by the time between */
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

void failover_drop(struct primary *primary, const char *reason) {
    primary->failover.asked_ms = NEVER;
    if (primary->failover.sm.state == FAILOVER_NONE) return;
    if (primary->failover.sm.state == FAILOVER_UPDATE_CONFIG) UNREACHABLE("update_config lasts no longer than a call");
    primary->failover.aborted++;
    attempt_end(primary, FAILOVER_SUPERSEDED, reason);
}

void failover_reset(struct primary *primary) {
    struct failover *failover = &primary->failover;
    CHECK(failover->sm.state == FAILOVER_NONE);
    failover->start_ms = failover->retry_ms = failover->polled_ms = failover->asked_ms = NEVER;
    failover->stand_ms = failover->wish_ms = INT64_MAX;
    failover->rounds = 0;
    failover->tried_in_vain = false;
}

/* ---- The states ---- */

/* A forced failover whose round was lost, or that nobody answers. True: it is over; an operator's is tried again after a pause, until its
 * failover-timeout: the others may have been started a moment ago, and vote soon. */
static bool on_forced_lost(struct primary *primary, const char *why) {
    struct failover *failover = &primary->failover;
    struct world *world = primary->world;
    bool ours = primary->vote_epoch == failover->epoch, answered = true;
    LIST_EACH(&primary->seats, node) {
        const struct seat *seat = container_of(node, struct seat, at_primary);
        if (instance_is_connected(seat->peer) && seat->answered_epoch < failover->epoch) answered = false;
    }
    if (failover->protecting) { /* P2 */
        attempt_abort(primary, FAILOVER_NOT_ELECTED, SENTINEL_EVENT_ABORT_NOT_ELECTED, why);
        return true;
    }
    bool refused_by_majority = answered && primary_usable(primary) >= primary_majority(primary);
    if (ours && !refused_by_majority && !world->save_failing) {
        failover->record.unagreed = true;
        return false;
    }
    attempt_abort(primary, FAILOVER_NOT_ELECTED, SENTINEL_EVENT_ABORT_NOT_ELECTED, why);
    if (world->save_failing) failover->asked_ms = NEVER;
    else failover->retry_ms += MAX(0, (int64_t)failover->record.rounds - CLOSE_ROUNDS) * POLL_MS;
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
        attempt_abort(primary, FAILOVER_NOT_ELECTED, SENTINEL_EVENT_ABORT_NOT_ELECTED, why);
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
    attempt_crash_after(world, SIMULATE_CRASH_AFTER_ELECTION, "ELECTION");
    sm_move(&failover->sm, FAILOVER_SELECT, world->now_ms, "%s", why);
    outbox_primary(primary, SENTINEL_EVENT_SELECT, "%s", "");
}

/* Everybody who could be chosen has told its offset since the trouble began. */
static bool offsets_are_fresh(const struct primary *primary) {
    const struct failover *failover = &primary->failover;
    int64_t since_ms = failover->start_ms;
    if (!failover->forced && primary->instance->s_down) since_ms = MIN(since_ms, primary->instance->s_down_since_ms);
    if (failover->planned && primary->instance->facts.at_ms < since_ms) return false;
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
    char why[200] = "no replica can be promoted";
    bool guarded = guard_is_on(primary);
    enum guard_verdict guard = guarded ? guard_look(primary, why, sizeof why) : GUARD_GO;
    if (guard == GUARD_WAIT) return;
    if (guard == GUARD_LATE) { /* G4 */
        history_note_replicas(primary, NULL);
        attempt_abort(primary, FAILOVER_TOO_FEW_FENCED, SENTINEL_EVENT_ABORT_TOO_FEW, why);
        return;
    }
    if (!offsets_are_fresh(primary) && world->now_ms - failover->sm.since_ms < FRESH_MS) return;
    bool by_place = guarded && !failover->coordinated; /* who hands over sees to it that the target has all */
    const struct instance *wanted = failover->wanted ? world_find_instance(world, failover->wanted) : NULL;
    struct instance *target = by_place ? guard_choose(primary, wanted, why, sizeof why) : chosen(primary);
    const char *cannot;
    if (!target && order_needs_force(primary, &cannot)) {
        order_force(primary, cannot);
        if (guarded) return; /* then replicas must be fenced: at once, in the next look */
        target = chosen(primary);
    }
    if (!target && failover->planned && world->now_ms - failover->sm.since_ms < NEAR_MS) return;
    if (target && failover->protecting && !protect_is_gain(primary, target)) target = NULL;
    history_note_replicas(primary, target);
    if (!target) {
        protect_reset(primary);
        attempt_abort(primary, FAILOVER_NO_REPLICA, SENTINEL_EVENT_ABORT_NO_REPLICA,
                      failover->planned ? "no replica can be promoted and is near enough" : why);
        return;
    }
    failover->target = target;
    target->promoted = true;
    failover->record.selected_ms = world->now_ms;
    snprintf(failover->record.to, sizeof failover->record.to, "%s:%u", instance_shown_host(target, primary->world),
             target->port);
    outbox_instance(world, target, primary, SENTINEL_EVENT_SELECTED, "%s", "");
    sm_move(&failover->sm, FAILOVER_SEND, world->now_ms, "%s:%u has priority %" PRId64 " and offset %" PRId64,
            instance_shown_host(target, primary->world), target->port, target->facts.priority, choose_offset(target));
    outbox_instance(world, target, primary, SENTINEL_EVENT_SEND_NOONE, "%s", "");
    attempt_crash_after(world, SIMULATE_CRASH_AFTER_SELECTION, "SELECTION");
}

static void look_send(struct primary *primary) {
    struct failover *failover = &primary->failover;
    struct world *world = primary->world;
    if (!instance_is_connected(failover->target) || failover->target->s_down) {
        order_take_back(primary, "the chosen replica is gone");
        return;
    }
    const char *cannot;
    if (order_needs_force(primary, &cannot)) order_force(primary, cannot);
    enum fence_verdict verdict = fence_look(primary);
    if (verdict == FENCE_WAIT) return;
    if (verdict == FENCE_VETO) {
        char why[200];
        snprintf(why, sizeof why, "the pre-failover script: %s", failover->record.script);
        attempt_abort(primary, FAILOVER_VETOED, SENTINEL_EVENT_ABORT_VETOED, why);
        return;
    }
    if (!failover->ordered && guard_is_on(primary)) { /* G2, G5: fences fall when somebody orders so, and time passes */
        if (!guard_allows(primary)) {
            order_take_back(primary, "a replica that was fenced is gone");
            return;
        }
        if (world->now_ms - failover->start_ms >= guard_longest_ms(primary) / 2) {
            attempt_abort(primary, FAILOVER_REPLICA_TIMEOUT, SENTINEL_EVENT_ABORT_REPLICA_TIMEOUT, "the order could not be sent in time");
            return;
        }
    }
    /* The others' votes may elect us before our own disk is done. */
    if (primary->saved_vote_epoch >= failover->epoch) order_send(primary); /* F1 */
    if (!failover->ordered) {
        int64_t most_ms = MIN(primary->options.failover_timeout_ms, world->timing.election_timeout_ms);
        if (world->now_ms - MAX(failover->sm.since_ms, failover->fenced_ms) >= most_ms)
            attempt_abort(primary, FAILOVER_REPLICA_TIMEOUT, SENTINEL_EVENT_ABORT_REPLICA_TIMEOUT,
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
    const char *cannot;
    if (order_needs_force(primary, &cannot)) {
        order_force(primary, cannot);
        return;
    }
    bool late = world->now_ms - failover->sm.since_ms >= order_patience_ms(primary);
    if (failover->coordinated && late) {
        char why[160] = "the primary did not hand over in time";
        int64_t lacks = failover->stopped_offset - choose_offset(target);
        if (failover->stopped_offset >= 0 && lacks > 0)
            snprintf(why, sizeof why, "the replica did not catch up in time: it lacks %" PRId64 " bytes", lacks);
        if (failover->by_primary) (void)!outbox_handover_abort(world, primary->instance);
        attempt_abort(primary, FAILOVER_PRIMARY_TIMEOUT, SENTINEL_EVENT_ABORT_PRIMARY_TIMEOUT, why);
    } else if (!failover->coordinated && (target->s_down || late)) {
        attempt_abort(primary, FAILOVER_REPLICA_TIMEOUT, SENTINEL_EVENT_ABORT_REPLICA_TIMEOUT,
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
    attempt_end(primary, in_time ? FAILOVER_DONE : FAILOVER_DONE_TIMEOUT,
                in_time ? "complete" : "ended by its timeout");
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
        if (failover_may_force(primary, false, false, NULL, &refusal) && guard_must_fence_first(primary)) {
            guard_begin_force(primary, false, false, true, 0, why);
        } else if (!primary->guard.forcing && !refusal.size) {
            attempt_begin(primary, true, false, 0, why);
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
        attempt_abort(primary, FAILOVER_PRIMARY_BACK, SENTINEL_EVENT_ABORT_BACK, "the primary is back");
        return;
    }
    switch ((enum failover_state)failover->sm.state) {
    case FAILOVER_NONE:
        if (failover->asked_ms != NEVER && failover->retry_ms <= primary->world->now_ms && !primary->guard.forcing) {
            ask_again(primary);
        } else if (failover->stand_ms <= primary->world->now_ms && election_may_stand(primary)) {
            char reason[160];
            snprintf(reason, sizeof reason, "down for %zu sentinels of %zu, quorum %zu", down_count(primary),
                     primary_voters(primary), primary_quorum(primary));
            attempt_begin(primary, false, false, 0, reason);
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
        if (primary->o_down && failover->stand_ms <= now_ms) {
            int64_t until_ms;
            next_ms = now_ms + POLL_MS;
            if (!guard_may_vote(primary, &until_ms)) next_ms = MIN(next_ms, MAX(until_ms, now_ms + 1));
        }
        if (failover->asked_ms != NEVER && !primary->guard.forcing) next_ms = MIN(next_ms, failover->retry_ms);
        break;
    case FAILOVER_WAIT_START: next_ms = failover->start_ms + election_round_ms(primary); break;
    case FAILOVER_SELECT:
        next_ms = failover->sm.since_ms + FRESH_MS;
        if (next_ms <= now_ms || guard_is_on(primary)) next_ms = now_ms + POLL_MS;
        break;
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
    int64_t wish_ms = asked_look(primary);
    int64_t protect_ms = MIN(look_protect(primary), guard_look_force(primary));
    for (unsigned before = FAILOVER_STATES, rounds = 0; before != failover->sm.state && rounds < 8; rounds++) {
        before = failover->sm.state;
        (void)election_plan(primary);
        look_once(primary);
    }
    return MIN(MIN(fresh_ms, wish_ms), MIN(protect_ms, next_look(primary)));
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
    case FAILOVER_TOO_FEW_FENCED: return "too_few_fenced";
    case FAILOVER_SUPERSEDED: return "superseded";
    case FAILOVER_PRIMARY_BACK: return "primary_back";
    }
    UNREACHABLE("no such result");
}
