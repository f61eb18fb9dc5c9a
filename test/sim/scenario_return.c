/* Primaries that come back: too soon to be replaced, without their data, or after they were replaced. */
#include "base/mem.h"
#include "sim/scenario_internal.h"

#include <stdio.h>

enum { FAST_MS = 50, RETURN_MS = 100, KEPT_PERMILLE = 950 };

static int64_t dice_ms(struct stage *stage, int64_t low_ms, int64_t high_ms) {
    return dice_between(&stage->history.random, low_ms * MILLISECOND, high_ms * MILLISECOND);
}

/* A round of the fast path: killed; killed and back within the grace; the power fails. */
static bool fast_round(struct stage *stage, size_t kind, int64_t *took_ms) {
    const struct scenario_shape *shape = &stage->scenario->shape;
    struct server *old = stage_primary(stage, 0);
    if (!stage_run(stage, dice_ms(stage, 0, 1000))) return false;
    stage_clear(stage);
    int64_t struck_us = stage->history.schedule.now_us, grace_ms = shape->fast_grace_ms;
    server_stop(old, kind == 2);
    if (kind == 1) {
        if (!stage_run(stage, dice_ms(stage, 1, grace_ms - 5))) return false;
        server_start(old, 0, false);
        if (!stage_run(stage, 5 * SECOND)) return false;
        if (stage->tallies[0].tries || stage->tallies[0].downs)
            stage_fail(stage, "T5", "a restart within the grace was taken for the end");
        return true;
    }
    if (!stage_run_until(stage, stage_is_switched, 20 * SECOND)) {
        stage_fail(stage, "T5", "no failover within 20 s");
        return false;
    }
    *took_ms = (stage->tallies[0].last_switch_us - struck_us) / MILLISECOND;
    int64_t early_ms = shape->down_after_ms * 3 / 4 - 50; /* pings are so rare at most */
    if (kind == 2 && *took_ms < early_ms)
        stage_fail(stage, "T5", "a silent host was replaced after %lld ms", (long long)*took_ms);
    return stage_run(stage, SECOND) && stage_restart(stage, old);
}

void scenario_fast(struct stage *stage) {
    const struct scenario_shape *shape = &stage->scenario->shape;
    int64_t *took = mem_zalloc(shape->count * sizeof took[0]), other_ms;
    size_t done = 0;
    if (!stage_start(stage)) goto out;
    for (; done < shape->count; done++) {
        if (!fast_round(stage, 0, &took[done])) goto out;
        if (!fast_round(stage, 1, &other_ms) || !fast_round(stage, 2, &other_ms)) goto out;
    }
out:
    snprintf(stage->figures, sizeof stage->figures, "announced by all %lld ms (median), %lld ms (last) after the kill",
             (long long)stage_quantile(took, done, 500), (long long)stage_quantile(took, done, 1000));
    if (done && took[done - 1] > FAST_MS)
        stage_fail(stage, "T5", "the fast path took %lld ms", (long long)took[done - 1]);
    mem_free(took);
}

/* Emptied primaries */

void scenario_emptied(struct stage *stage) {
    const struct scenario_shape *shape = &stage->scenario->shape;
    unsigned kept = 0, done = 0;
    if (!stage_start(stage)) return;
    for (; done < shape->count; done++) {
        struct server *old = stage_primary(stage, 0);
        bool empty = done % 2 == 0;
        int64_t took_us;
        if (!stage_run(stage, 12 * SECOND)) return; /* INFO of all is fresh */
        int64_t before = server_offset(old);
        server_stop(old, false);
        if (!stage_run(stage, dice_ms(stage, 5, 150))) return;
        if (!empty) server_forget(old, 500);
        server_start(old, 0, empty);
        if (!stage_run(stage, 3 * SECOND)) return;
        const struct server *now = stage_primary(stage, 0);
        kept += now && server_offset(now) * 10 >= before * 9;
        if (!history_run_until_well(&stage->history, 60 * SECOND, "an emptied primary", &took_us)) return;
    }
    snprintf(stage->figures, sizeof stage->figures, "the data survived in %u of %u", kept, done);
    /* A replica reconnects when its turn comes, once a second: all of them may do so before anybody else looks. */
    if (kept * 1000 < done * KEPT_PERMILLE)
        stage_fail(stage, "T6", "the data of an emptied primary survived in %u of %u only", kept, done);
}

/* Old primaries */

static const struct server *awaited(const struct stage *stage) {
    return stage->context;
}

static bool is_demoted(struct stage *stage) {
    const struct server *now = NULL, *old = awaited(stage);
    const struct group *group = &stage->history.groups[0];
    for (size_t i = 0; i < group->count; i++)
        if (group->servers[i] != old && server_is_primary(group->servers[i])) now = group->servers[i];
    return now && server_is_replica_of(old, network_address(stage->history.network, server_host(now)), SERVER_PORT) &&
           !server_has_clients(old);
}

void scenario_returns(struct stage *stage) {
    const struct scenario_shape *shape = &stage->scenario->shape;
    int64_t *took = mem_zalloc(shape->count * sizeof took[0]);
    size_t done = 0;
    if (!stage_start(stage)) goto out;
    for (; done < shape->count; done++) {
        struct server *old = stage_primary(stage, 0);
        bool hangs = done % 2; /* it stood still and goes on, with its clients; or it was killed */
        int64_t away_us = (shape->down_after_ms + 500) * MILLISECOND + dice_ms(stage, 0, 2000);
        int64_t took_us;
        stage_clear(stage);
        stage->context = old;
        server_add_client(old);
        if (hangs)
            server_pause(old, stage->history.schedule.now_us + away_us);
        else
            server_stop(old, false);
        if (!stage_run(stage, away_us)) goto out;
        if (!stage_is_switched(stage)) stage_fail(stage, "T7", "no failover");
        if (!hangs) server_start(old, 0, false);
        server_add_client(old); /* clients that know no better */
        int64_t back_us = stage->history.schedule.now_us;
        if (!stage_run_until(stage, is_demoted, 10 * SECOND)) {
            stage_fail(stage, "T7", "an old primary was never demoted");
            goto out;
        }
        took[done] = (stage->history.schedule.now_us - back_us) / MILLISECOND;
        if (!history_run_until_well(&stage->history, 60 * SECOND, "the return", &took_us)) goto out;
    }
out:
    snprintf(stage->figures, sizeof stage->figures, "a replica, its clients cut, %lld ms (median), %lld ms (last) after its return",
             (long long)stage_quantile(took, done, 500), (long long)stage_quantile(took, done, 1000));
    if (done && took[done - 1] > RETURN_MS)
        stage_fail(stage, "T7", "%lld ms after its return an old primary was demoted", (long long)took[done - 1]);
    mem_free(took);
}

/* Broken wires */

static void cut_off(struct stage *stage, const struct server *server, bool cut) {
    struct history *history = &stage->history;
    unsigned here = server_host(server);
    for (unsigned other = 0; other < network_hosts(history->network); other++) {
        if (other == here) continue;
        network_cut(history->network, here, other, cut);
        network_cut(history->network, other, here, cut);
    }
}

/* All primaries but that of group 0 lose their power for good. */
static bool bury_others(struct stage *stage) {
    struct history *history = &stage->history;
    for (size_t i = 1; i < history->group_count; i++) server_stop(stage_primary(stage, i), true);
    return history->group_count == 1 || stage_run(stage, stage->scenario->shape.down_after_ms * MILLISECOND + 5 * SECOND);
}

void scenario_mended(struct stage *stage) {
    const struct scenario_shape *shape = &stage->scenario->shape;
    struct network *network = stage->history.network;
    int64_t *took = mem_zalloc(shape->count * sizeof took[0]), cut_us = 0;
    uint64_t dials = 0;
    size_t done = 0;
    if (!stage_start(stage) || !bury_others(stage)) goto out;
    for (; done < shape->count; done++) {
        struct server *old = stage_primary(stage, 0);
        /* Mended at any time after the switch; the lines are younger or older than what makes them give up. */
        int64_t away_us = (shape->down_after_ms + 50) * MILLISECOND + dice_ms(stage, 0, done % 2 ? 500 : 10000);
        stage_clear(stage);
        stage->context = old;
        server_add_client(old);
        uint64_t dials_before = network_dials(network, server_host(old));
        cut_off(stage, old, true);
        if (!stage_run(stage, away_us)) goto out;
        dials += network_dials(network, server_host(old)) - dials_before;
        cut_us += away_us;
        if (!stage_is_switched(stage)) stage_fail(stage, "T8", "no failover");
        cut_off(stage, old, false);
        int64_t back_us = stage->history.schedule.now_us;
        if (!stage_run_until(stage, is_demoted, 20 * SECOND)) {
            stage_fail(stage, "T8", "an old primary was never demoted");
            goto out;
        }
        took[done] = (stage->history.schedule.now_us - back_us) / MILLISECOND;
        if (!stage_run(stage, 3 * SECOND + dice_ms(stage, 0, done % 3 ? 1000 : 20000))) goto out;
    }
out:
    snprintf(stage->figures, sizeof stage->figures,
             "a replica, its clients cut, %lld ms (median), %lld ms (last) after the wire was mended; dialled %.0f times a second meanwhile",
             (long long)stage_quantile(took, done, 500), (long long)stage_quantile(took, done, 1000),
             cut_us ? (double)dials * SECOND / (double)cut_us : 0);
    if (done && took[done - 1] > RETURN_MS)
        stage_fail(stage, "T8", "%lld ms after the wire was mended an old primary was demoted", (long long)took[done - 1]);
    mem_free(took);
}
