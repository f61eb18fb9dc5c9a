/* Failovers that are not followed by another, and disturbances that are no reason for one. */
#include "base/mem.h"
#include "sim/scenario_internal.h"

#include <stdio.h>

enum { CALM_US = 10 * SECOND, STAND_US = 5 * SECOND, HOLE_US = 60 * SECOND, HOUR_US = 3600, LATE_MS = 25 };

/* Kills the primary, waits until all have announced the next one, and then for a while. */
static bool one_round(struct stage *stage, int64_t *took_ms) {
    struct server *old = stage_primary(stage, 0);
    const struct scenario_shape *shape = &stage->scenario->shape;
    stage_clear(stage);
    int64_t struck_us = stage->history.schedule.now_us;
    server_stop(old, false);
    if (!stage_run_until(stage, stage_is_switched, 20 * SECOND)) {
        stage_fail(stage, "T2", "no failover within 20 s");
        return false;
    }
    *took_ms = (stage->tallies[0].last_switch_us - struck_us) / MILLISECOND - shape->down_after_ms;
    if (!stage_run(stage, SECOND) || !stage_restart(stage, old)) return false;
    return stage_run(stage, struck_us + CALM_US - stage->history.schedule.now_us);
}

void scenario_calm(struct stage *stage) {
    const struct scenario_shape *shape = &stage->scenario->shape;
    int64_t *took = mem_zalloc(shape->count * sizeof took[0]);
    unsigned again = 0, tries = 0;
    size_t done = 0;
    if (!stage_start(stage)) goto out;
    for (; done < shape->count; done++) {
        if (!one_round(stage, &took[done])) goto out;
        const struct tally *tally = &stage->tallies[0];
        tries += tally->tries;
        again += tally->promoted != 1 || tally->switches != shape->sentinels;
        if (tally->promoted != 1)
            stage_fail(stage, "T2", "failover %u was followed by another one", (unsigned)done);
        else if (tally->switches != shape->sentinels)
            stage_fail(stage, "T2", "failover %u was announced %u times", (unsigned)done, tally->switches);
    }
out:
    snprintf(stage->figures, sizeof stage->figures,
             "%u failovers, %u with a second one; announced by all %lld ms (median), %lld ms (p99) after down-after; %u "
             "candidacies",
             (unsigned)done, again, (long long)stage_quantile(took, done, 500),
             (long long)stage_quantile(took, done, 990), tries);
    mem_free(took);
}

/* Disturbances */

struct watch {
    const struct sentinel_host *host;
    int64_t down_us; /* when it found the primary down, or was told of its successor; 0 not */
    unsigned accused; /* +sdown of anybody, by it */
};

static void note(struct stage *stage, struct sentinel_host *host, enum sentinel_event event, size_t group) {
    struct watch *watch = stage->context;
    (void)group;
    if (host != watch->host) return;
    if (event == SENTINEL_EVENT_SDOWN) watch->accused++;
    bool knows = (event == SENTINEL_EVENT_SDOWN && stage->tallies[0].downs) || event == SENTINEL_EVENT_SWITCH;
    if (!watch->down_us && knows) watch->down_us = stage->history.schedule.now_us;
}

static const char *const disturbances[] = {"it was told that it stood still", "it stood still", "the clock went on by an hour",
                                           "the clock went back by an hour", "the name server was silent"};

/* Ends when the disturbance is over. */
static bool disturb(struct stage *stage, struct sentinel_host *host, size_t kind) {
    int64_t now_us = stage->history.schedule.now_us;
    switch (kind) {
    case 0:
    case 1:
        sentinel_host_pause(host, now_us + STAND_US, kind == 0);
        return stage_run(stage, STAND_US);
    case 2: sentinel_host_jump_wall(host, (int64_t)HOUR_US * SECOND); return true;
    case 3: sentinel_host_jump_wall(host, -(int64_t)HOUR_US * SECOND); return true;
    default:
        names_stop_answering(stage->history.names, now_us + HOLE_US);
        return stage_run(stage, HOLE_US - 2 * SECOND);
    }
}

static bool nobody_is_down(struct stage *stage, const struct watch *watch, const char *what) {
    if (!stage->tallies[0].downs && !stage->tallies[0].lost && !watch->accused) return true;
    stage_fail(stage, "T3", "%s, and %u found the primary down, %u a replica; it accused %u", what,
               stage->tallies[0].downs, stage->tallies[0].lost, watch->accused);
    return false;
}

void scenario_disturbed(struct stage *stage) {
    const struct scenario_shape *shape = &stage->scenario->shape;
    int64_t down_after_us = shape->down_after_ms * MILLISECOND, worst_ms = INT64_MIN;
    struct watch watch = {.host = stage->history.hosts[0]};
    struct sentinel_host *host = stage->history.hosts[0];
    stage->on_publish = note;
    stage->context = &watch;
    if (!stage_start(stage)) return;
    for (size_t kind = 0; kind < shape->count; kind++) {
        watch = (struct watch){.host = host};
        stage_clear(stage);
        if (!disturb(stage, host, kind) || !stage_run(stage, 5 * SECOND)) return;
        if (!nobody_is_down(stage, &watch, disturbances[kind])) return;
        /* Once more, and the primary dies when it is over. */
        watch = (struct watch){.host = host};
        stage_clear(stage);
        if (!disturb(stage, host, kind) || !nobody_is_down(stage, &watch, disturbances[kind])) return;
        struct server *old = stage_primary(stage, 0);
        int64_t struck_us = stage->history.schedule.now_us;
        server_stop(old, false);
        if (!stage_run(stage, down_after_us + 2 * SECOND)) return;
        int64_t took_ms = watch.down_us ? (watch.down_us - struck_us - down_after_us) / MILLISECOND : 9999;
        const struct world *world = sentinel_host_world(host);
        const struct primary *primary = world_find_primary(world, SLICE("m1"));
        int64_t most_ms = primary->instance->ping_period_ms + LATE_MS;
        worst_ms = MAX(worst_ms, took_ms);
        if (took_ms > most_ms)
            stage_fail(stage, "T3", "%s, and it was blind for %lld ms", disturbances[kind], (long long)took_ms);
        if (!stage_is_switched(stage)) stage_fail(stage, "T3", "%s: no failover", disturbances[kind]);
        if (!stage_run(stage, 5 * SECOND) || !stage_restart(stage, old)) return;
        if (!stage_run(stage, kind == shape->count - 1 ? HOLE_US : SECOND)) return;
    }
    snprintf(stage->figures, sizeof stage->figures, "nobody accused; +sdown at most %lld ms later than down-after",
             (long long)worst_ms);
}
