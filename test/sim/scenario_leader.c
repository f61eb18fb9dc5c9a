/* The sentinel that leads a failover dies in the middle of it. */
#include "base/mem.h"
#include "sim/scenario_internal.h"

#include <stdio.h>

enum { BOUND_MS = 500, KINDS = 6, DELAY_MAX_US = 3000 };

/* The event after which it dies: one for each state, and the end of the election. */
static const struct {
    enum sentinel_event event;
    const char *name;
} kinds[KINDS] = {
    {SENTINEL_EVENT_TRY_FAILOVER, "wait_start"},       {SENTINEL_EVENT_SELECT, "select_slave"},
    {SENTINEL_EVENT_SEND_NOONE, "send_slaveof_noone"}, {SENTINEL_EVENT_WAIT_PROMOTION, "wait_promotion"},
    {SENTINEL_EVENT_PROMOTED, "promoted"},             {SENTINEL_EVENT_RECONF_SENT, "reconf_slaves"},
};

struct murder {
    struct stage *stage;
    size_t kind;
    struct sentinel_host *victim;
    struct happening strike;
    int64_t at_us; /* 0: not yet */
};

static void on_strike(struct happening *happening) {
    struct murder *murder = container_of(happening, struct murder, strike);
    if (sentinel_host_is_running(murder->victim)) sentinel_host_crash(murder->victim, false);
}

/* Dies between two actions of the step that said so, or a little later. */
static void note(struct stage *stage, struct sentinel_host *host, enum sentinel_event event, size_t group) {
    struct murder *murder = stage->context;
    struct random *random = &stage->history.random;
    (void)group;
    if (murder->victim || event != kinds[murder->kind].event) return;
    murder->victim = host;
    if (dice_chance(random, 500))
        sentinel_host_crash_within(host, (unsigned)dice_between(random, 1, 8));
    else
        schedule_after(&stage->history.schedule, &murder->strike, dice_between(random, 0, DELAY_MAX_US));
}

static bool is_dead(struct stage *stage) {
    struct murder *murder = stage->context;
    if (!murder->victim || sentinel_host_is_running(murder->victim)) return false;
    if (!murder->at_us) murder->at_us = stage->history.schedule.now_us;
    return true;
}

static int64_t promotions(const struct stage *stage) {
    const struct group *group = &stage->history.groups[0];
    int64_t sum = 0;
    for (size_t i = 0; i < group->count; i++) sum += server_promotions(group->servers[i]);
    return sum;
}

static void finish_off(struct sentinel_host *host) {
    sentinel_host_crash_within(host, 0);
    if (sentinel_host_is_born(host) && !sentinel_host_is_running(host)) sentinel_host_crash(host, false);
}

/* False: it cannot go on. */
static bool one_round(struct stage *stage, struct murder *murder, int64_t *took_ms) {
    struct server *old = stage_primary(stage, 0);
    int64_t before = promotions(stage);
    murder->victim = NULL;
    murder->at_us = 0;
    stage_clear(stage);
    stage->on_publish = note;
    int64_t due_us = stage->history.schedule.now_us + stage->scenario->shape.down_after_ms * MILLISECOND; /* nobody is late before */
    server_stop(old, false);
    if (!stage_run_until(stage, is_dead, 2 * stage->scenario->shape.down_after_ms * MILLISECOND + 10 * SECOND)) {
        stage_fail(stage, "T4", "nobody died after %s", kinds[murder->kind].name);
        return false;
    }
    finish_off(murder->victim);
    if (!stage_run_until(stage, stage_is_done, 20 * SECOND)) {
        stage_fail(stage, "T4", "nobody finished the failover whose leader died in %s", kinds[murder->kind].name);
        return false;
    }
    stage->on_publish = NULL;
    *took_ms = (stage->history.schedule.now_us - MAX(murder->at_us, due_us)) / MILLISECOND;
    if (!stage_run(stage, SECOND)) return false;
    int64_t promoted = promotions(stage) - before;
    if (promoted > stage->tallies[0].orders)
        stage_fail(stage, "T4", "%d replicas were promoted in %u epochs", (int)promoted, stage->tallies[0].orders);
    sentinel_host_start(murder->victim);
    return stage_restart(stage, old);
}

void scenario_leader(struct stage *stage) {
    const struct scenario_shape *shape = &stage->scenario->shape;
    size_t rounds = shape->count / KINDS;
    struct murder murder = {.stage = stage, .strike.run = on_strike};
    int64_t *took = mem_zalloc(rounds * sizeof took[0]);
    int at = 0;
    stage->context = &murder;
    if (!stage_start(stage)) goto out;
    for (murder.kind = 0; murder.kind < KINDS; murder.kind++) {
        for (size_t i = 0; i < rounds; i++)
            if (!one_round(stage, &murder, &took[i])) goto out;
        int64_t median_ms = stage_quantile(took, rounds, 500), most_ms = took[rounds - 1];
        at += snprintf(stage->figures + at, sizeof stage->figures - (size_t)at, "%s%s %lld/%lld", at ? ", " : "finished ms (median/max) after: ",
                       kinds[murder.kind].name, (long long)median_ms, (long long)most_ms);
        if (most_ms > BOUND_MS)
            stage_fail(stage, "T4", "%lld ms after its leader died in %s the failover was finished",
                       (long long)most_ms, kinds[murder.kind].name);
    }
out:
    schedule_cancel(&stage->history.schedule, &murder.strike);
    mem_free(took);
}
