#include "sim/history_internal.h"
#include "base/mem.h"
#include "sim/guard_watch.h"
#include "sim/ledger.h"

#include <stdio.h>

enum {
    POLL_US = 20 * MILLISECOND,
    RARE_POLL_US = 200 * MILLISECOND,
    MANY_GROUPS = 20
}; /* looking at many takes its time */

bool history_run_until(struct history *history, int64_t until_us) {
    while (!history->verdict.failed && schedule_step(&history->schedule, until_us)) {
    }
    return !history->verdict.failed;
}

/* What was held back may still find somebody down, so it must have been well for a while. */
bool history_run_until_well(struct history *history, int64_t bound_us, const char *phase, int64_t *took_us) {
    int64_t begin_us = history->schedule.now_us, well_us = INT64_MAX;
    int64_t settle_us = history->down_after_ms * MILLISECOND + 1500 * MILLISECOND;
    int64_t poll_us = history->group_count > MANY_GROUPS ? RARE_POLL_US : POLL_US;
    char *why = history->missed;
    why[0] = 0;
    while (history->schedule.now_us < begin_us + bound_us) {
        if (!history_run_until(history, history->schedule.now_us + poll_us)) return false;
        if (!liveness_holds(history, why))
            well_us = INT64_MAX;
        else
            well_us = MIN(well_us, history->schedule.now_us);
        if (history->schedule.now_us - settle_us < well_us) continue;
        *took_us = well_us - begin_us;
        return true;
    }
    if (invariants_is_tainted(history->invariants))
        return false; /* equal epochs may stand against each other for ever */
    verdict_fail(&history->verdict, "L1", "%lld s after %s: %s", (long long)(bound_us / SECOND), phase, why);
    return false;
}

/* L2: it stays as it is. */
static void run_calm(struct history *history) {
    uint64_t switches = invariants_switches(history->invariants);
    uint64_t failovers = invariants_failovers(history->invariants);
    char why[200] = "";
    int64_t calm_us = MIN(5 * history->down_after_ms * MILLISECOND, 3 * SECOND) + 2 * SECOND;
    if (!history_run_until(history, history->schedule.now_us + calm_us)) return;
    if (invariants_switches(history->invariants) != switches || invariants_failovers(history->invariants) != failovers)
        verdict_fail(&history->verdict, "L2", "another switch after everything was well");
    else if (!liveness_holds(history, why))
        verdict_fail(&history->verdict, "L2", "no longer well: %s", why);
}

static int64_t roll_duration(struct history *history) {
    int64_t pace_us = MAX(history->down_after_ms * MILLISECOND, 500 * MILLISECOND);
    int64_t duration_us = pace_us * dice_between(&history->random, 8, 40);
    return MIN(duration_us, 120 * SECOND);
}

/* The first start of all, one after the other, while primaries die: who meets whom before that differs. */
static bool start_in_trouble(struct history *history) {
    struct random *random = &history->random;
    history->wiped = true;
    for (size_t i = 0; i < history->group_count; i++) faults_kill_soon(history, i);
    for (size_t i = 0; i < history->host_count; i++) {
        sentinel_host_start(history->hosts[i]);
        int64_t pause_us = dice_chance(random, 500) ? 0 : dice_scale(random, 100, 100 * MILLISECOND);
        if (!history_run_until(history, history->schedule.now_us + pause_us)) return false;
    }
    for (size_t i = 0; i < history->peer_count; i++) redis_sentinel_start(history->peers[i]);
    return true;
}

static void run(struct history *history, struct history_result *result) {
    topology_start_servers(history);
    if (!history_run_until(history, 2 * SECOND)) return; /* replicas attach */
    int64_t took_us;
    /* Redis Sentinels do not listen first: alone with a quorum of 1 one elects itself before it has met anybody. */
    bool safe = !history->peer_count || history->quorum > history->sentinel_count / 2;
    if (dice_chance(&history->random, 80) && safe) {
        if (!start_in_trouble(history)) return;
    } else {
        topology_start_sentinels(history);
        if (!history_run_until_well(history, liveness_bound_us(history), "the start", &took_us)) return;
    }
    TRACE(&history->trace, "history", "faults begin");
    int64_t duration_us = roll_duration(history);
    faults_begin(history, duration_us);
    if (!history_run_until(history, history->schedule.now_us + duration_us)) return;
    faults_end(history);
    TRACE(&history->trace, "history", "everything is healed");
    if (!history_run_until_well(history, liveness_bound_us(history), "healing", &result->healed_us)) return;
    TRACE(&history->trace, "history", "all is well after %lld ms", (long long)(result->healed_us / MILLISECOND));
    run_calm(history);
    if (history->ledger) guard_watch_end(history);
}

void history_init(struct history *history, const struct history_options *options) {
    memset(history, 0, sizeof *history);
    history->options = *options;
    history->verdict.only = mutant_expects(options->mutant);
    random_seed(&history->random, options->seed);
    schedule_init(&history->schedule);
    history->trace = (struct trace){.schedule = &history->schedule, .prints = options->trace};
    history->network = network_new(&history->schedule, &history->random);
    history->invariants = invariants_new(&history->schedule, &history->verdict);
    history->observer = &invariants_observer;
    history->observer_context = history->invariants;
    if (options->guarded) {
        history->ledger = ledger_new(&history->verdict);
        history->observer = &guard_watch_observer;
        history->observer_context = history;
    }
    list_init(&history->faults);
}

void history_fini(struct history *history) {
    faults_free(history);
    topology_free(history);
    invariants_free(&history->invariants);
    if (history->ledger) ledger_free(&history->ledger);
    if (history->names) names_free(&history->names);
    network_free(&history->network);
    schedule_fini(&history->schedule);
}

void history_run(const struct history_options *options, struct history_result *result) {
    struct history *history = mem_alloc(sizeof *history);
    *result = (struct history_result){0};
    history_init(history, options);
    topology_build(history);
    topology_describe(history, result->shape, sizeof result->shape);
    TRACE(&history->trace, "history", "seed %llu: %s", (unsigned long long)options->seed, result->shape);
    run(history, result);
    result->verdict = history->verdict;
    memcpy(result->missed, history->missed, sizeof result->missed);
    result->failovers = invariants_failovers(history->invariants);
    result->switches = invariants_switches(history->invariants);
    result->happenings = history->schedule.count;
    result->virtual_us = history->schedule.now_us;
    result->acknowledged = history->ledger ? ledger_count(history->ledger) : 0;
    result->too_few = history->too_few;
    result->fingerprint = history->trace.fingerprint;
    for (size_t i = 0; i < history->host_count; i++) result->steps += sentinel_host_steps(history->hosts[i]);
    history_fini(history);
    mem_free(history);
}
