/* Many primaries die at the same moment. */
#include "base/mem.h"
#include "sim/scenario_internal.h"

#include <stdio.h>

enum { BOUND_MS = 250, BUSY_BOUND_MS = 2000 /* rounds may be lost then, but nobody is elected twice */, CALM_US = 3 * SECOND };

static bool all_are_switched(struct stage *stage) {
    const struct scenario_shape *shape = &stage->scenario->shape;
    for (size_t i = 0; i < shape->count; i++)
        if (stage->tallies[i].switches < shape->sentinels) return false;
    return true;
}

static void judge(struct stage *stage) {
    const struct scenario_shape *shape = &stage->scenario->shape;
    for (size_t i = 0; i < shape->groups; i++) {
        const struct tally *tally = &stage->tallies[i];
        bool died = i < shape->count;
        if (tally->promoted != died || tally->elected != died)
            stage_fail(stage, "T1", "%s was failed over %u times in %u elections", stage->history.groups[i].name,
                       tally->promoted, tally->elected);
        else if (!shape->busy_us && tally->tries != died)
            stage_fail(stage, "T1", "%s had %u candidacies", stage->history.groups[i].name, tally->tries);
    }
}

void scenario_many(struct stage *stage) {
    const struct scenario_shape *shape = &stage->scenario->shape;
    if (!stage_start(stage) || !stage_run(stage, SECOND)) return;
    int64_t struck_us = stage->history.schedule.now_us;
    for (size_t i = 0; i < shape->count; i++) server_stop(stage_primary(stage, i), false);
    bool done = stage_run_until(stage, all_are_switched, shape->down_after_ms * MILLISECOND + 10 * SECOND);
    int64_t *took = mem_alloc(shape->count * sizeof took[0]);
    unsigned tries = 0, elected = 0;
    for (size_t i = 0; i < shape->count; i++) {
        took[i] = (stage->tallies[i].last_switch_us - struck_us) / MILLISECOND - shape->down_after_ms;
        tries += stage->tallies[i].tries;
        elected += stage->tallies[i].elected;
    }
    int64_t median_ms = stage_quantile(took, shape->count, 500), last_ms = took[shape->count - 1];
    mem_free(took);
    snprintf(stage->figures, sizeof stage->figures,
             "announced by all %lld ms (median), %lld ms (last) after down-after; %u candidacies, %u elected for %u primaries",
             (long long)median_ms, (long long)last_ms, tries, elected, (unsigned)shape->count);
    if (!done && !stage->history.verdict.failed)
        stage_fail(stage, "T1", "not all were failed over in 10 s: %s", stage->figures);
    if (last_ms > (shape->busy_us ? BUSY_BOUND_MS : BOUND_MS)) stage_fail(stage, "T1", "the last one %lld ms after down-after", (long long)last_ms);
    if (!stage_run(stage, CALM_US)) return;
    judge(stage);
}
