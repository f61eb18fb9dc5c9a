#include "sim/scenario.h"
#include "base/mem.h"
#include "base/number.h"
#include "sim/scenario_internal.h"

#include <stdio.h>
#include <stdlib.h>

static const struct scenario scenarios[] = {
    {"many-20-400-17", "20 of 400 primaries die at once; 17 sentinels",
     {.sentinels = 17, .groups = 400, .servers = 2, .down_after_ms = 1000, .count = 20, .sync_us = 2000}, true,
     scenario_many},
    {"many-100-400-17", "100 of 400 primaries die at once; 17 sentinels",
     {.sentinels = 17, .groups = 400, .servers = 2, .down_after_ms = 1000, .count = 100, .sync_us = 2000}, true,
     scenario_many},
    {"many-100-100-7", "100 of 100 primaries die at once; 7 sentinels",
     {.sentinels = 7, .groups = 100, .servers = 2, .down_after_ms = 1000, .count = 100, .sync_us = 2000}, false,
     scenario_many},
    {"many-50-50-5", "50 of 50 primaries die at once; 5 sentinels",
     {.sentinels = 5, .groups = 50, .servers = 3, .down_after_ms = 1000, .count = 50, .sync_us = 2000}, false,
     scenario_many},
    {"many-50-50-7", "50 of 50 primaries die at once; 7 sentinels",
     {.sentinels = 7, .groups = 50, .servers = 3, .down_after_ms = 1000, .count = 50, .sync_us = 2000}, false,
     scenario_many},
    {"many-50-50-7-busy", "50 of 50 primaries die at once; 7 sentinels, on machines that have too much to do",
     {.sentinels = 7, .groups = 50, .servers = 3, .down_after_ms = 1000, .count = 50, .sync_us = 30000, .busy_us = 30000,
      .latency_us = 1000, .late_permille = 100, .late_us = 60000}, false, scenario_many},
    {"many-30-60-17", "30 of 60 primaries die at once; 17 sentinels",
     {.sentinels = 17, .groups = 60, .servers = 2, .down_after_ms = 1000, .count = 30, .sync_us = 2000}, false,
     scenario_many},
    {"calm-100", "100 failovers with down-after 100 ms, 5 ms of jitter; no second one within 10 s",
     {.sentinels = 3, .groups = 1, .servers = 3, .down_after_ms = 100, .latency_us = 500, .jitter_us = 5000,
      .late_permille = 5, .late_us = 20000, .count = 100, .sync_us = 2000}, false, scenario_calm},
    {"calm-1000", "1000 failovers with down-after 100 ms, 5 ms of jitter; no second one within 10 s",
     {.sentinels = 3, .groups = 1, .servers = 3, .down_after_ms = 100, .latency_us = 500, .jitter_us = 5000,
      .late_permille = 5, .late_us = 20000, .count = 1000, .sync_us = 2000}, true, scenario_calm},
    {"disturbed-1000", "a sentinel stands still, clocks jump, the name server is silent; down-after 1 s",
     {.sentinels = 3, .groups = 1, .servers = 3, .down_after_ms = 1000, .names = true, .count = 5, .sync_us = 2000},
     false, scenario_disturbed},
    {"disturbed-100", "a sentinel stands still, clocks jump, the name server is silent; down-after 100 ms",
     {.sentinels = 3, .groups = 1, .servers = 3, .down_after_ms = 100, .names = true, .count = 5, .sync_us = 2000},
     false, scenario_disturbed},
    {"leader-3", "the leader dies in each state of a failover; 3 sentinels",
     {.sentinels = 3, .groups = 1, .servers = 4, .down_after_ms = 1000, .count = 60, .sync_us = 2000}, false,
     scenario_leader},
    {"leader-5-slow", "the leader dies in each state of a failover; 5 sentinels 5 ms away from each other",
     {.sentinels = 5, .groups = 1, .servers = 4, .down_after_ms = 1000, .latency_us = 5000, .jitter_us = 1000,
      .count = 60, .sync_us = 5000}, false, scenario_leader},
    {"leader-3-long", "the leader dies in each state of a failover, 1200 times; down-after 10 s",
     {.sentinels = 3, .groups = 1, .servers = 4, .down_after_ms = 10000, .count = 1200, .sync_us = 2000}, true,
     scenario_leader},
    {"fast", "the fast path: within 50 ms of the kill; never for silence, nor for a restart within the grace",
     {.sentinels = 3, .groups = 1, .servers = 3, .down_after_ms = 2000, .count = 20, .sync_us = 2000,
      .fast_failover = true, .fast_grace_ms = 20}, false, scenario_fast},
    {"emptied", "a primary that restarts empty, or with half of its data: a replica that has more is promoted",
     {.sentinels = 3, .groups = 1, .servers = 4, .down_after_ms = 2000, .count = 100, .sync_us = 2000}, false,
     scenario_emptied},
    {"returns", "an old primary returns: a replica within 100 ms, and its clients are cut",
     {.sentinels = 3, .groups = 1, .servers = 3, .down_after_ms = 1000, .count = 40, .sync_us = 2000}, false,
     scenario_returns},
    {"mended", "an old primary behind a broken wire, which loses packets silently: a replica 100 ms after it is mended",
     {.sentinels = 3, .groups = 1, .servers = 3, .down_after_ms = 1000, .count = 60, .sync_us = 2000}, false,
     scenario_mended},
    {"mended-20", "an old primary behind a broken wire, where 19 others lost their power for good; down-after 200 ms",
     {.sentinels = 3, .groups = 20, .servers = 2, .down_after_ms = 200, .count = 10, .sync_us = 2000}, false,
     scenario_mended},
};

const struct scenario *scenario_at(size_t index) {
    return index < COUNT_OF(scenarios) ? &scenarios[index] : NULL;
}

const struct scenario *scenario_find(const char *name) {
    for (size_t i = 0; i < COUNT_OF(scenarios); i++)
        if (strcmp(scenarios[i].name, name) == 0) return &scenarios[i];
    return NULL;
}

const char *scenario_name(const struct scenario *scenario) {
    return scenario->name;
}

const char *scenario_help(const struct scenario *scenario) {
    return scenario->help;
}

bool scenario_is_long(const struct scenario *scenario) {
    return scenario->is_long;
}

/* What the hosts tell: noted, and passed on to the invariants. */

static void on_birth(void *context, struct sentinel_host *host) {
    struct stage *stage = context;
    invariants_observer.on_birth(stage->history.invariants, host);
}

static void on_publish(void *context, struct sentinel_host *host, const struct action *action) {
    struct stage *stage = context;
    enum sentinel_event event = action->publish.event;
    int64_t number, now_us = stage->history.schedule.now_us;
    invariants_observer.on_publish(stage->history.invariants, host, action);
    if (!action->publish.primary || !number_parse_int(slice_text(action->publish.primary + 1), &number)) return;
    size_t group = (size_t)number - 1;
    struct tally *tally = &stage->tallies[group];
    switch ((int)event) {
    case SENTINEL_EVENT_SDOWN:
        if (slice_starts_with(slice_text(action->publish.text), "slave")) tally->lost++;
        if (!slice_starts_with(slice_text(action->publish.text), "master")) break;
        if (!tally->downs++) tally->first_down_us = now_us;
        break;
    case SENTINEL_EVENT_TRY_FAILOVER: tally->tries++; break;
    case SENTINEL_EVENT_ELECTED: tally->elected++; break;
    case SENTINEL_EVENT_PROMOTED:
        tally->promoted++;
        tally->promoted_us = now_us;
        break;
    case SENTINEL_EVENT_SWITCH:
        tally->switches++;
        tally->last_switch_us = now_us;
        break;
    default: break;
    }
    if (stage->on_publish) stage->on_publish(stage, host, event, group);
}

static void on_hello(void *context, struct sentinel_host *host, struct slice payload) {
    struct stage *stage = context;
    invariants_observer.on_hello(stage->history.invariants, host, payload);
}

static void on_vote(void *context, struct sentinel_host *host, const char *primary, const char *leader,
                    uint64_t epoch) {
    struct stage *stage = context;
    invariants_observer.on_vote(stage->history.invariants, host, primary, leader, epoch);
}

static void on_order(void *context, struct sentinel_host *host, const struct action *action) {
    struct stage *stage = context;
    const struct instance *target = world_find_instance(sentinel_host_world(host), action->send.instance);
    struct tally *tally = &stage->tallies[0];
    invariants_observer.on_order(stage->history.invariants, host, action);
    if (!target || strcmp(target->primary->name, stage->history.groups[0].name) != 0) return;
    if (tally->epoch != target->primary->failover.epoch) tally->orders++;
    tally->epoch = target->primary->failover.epoch;
}

static void on_pong(void *context, struct sentinel_host *host, const struct instance *instance, const char *address,
                    uint16_t port, int64_t sent_us) {
    struct stage *stage = context;
    invariants_observer.on_pong(stage->history.invariants, host, instance, address, port, sent_us);
}

static void on_step(void *context, struct sentinel_host *host, const struct event *event) {
    struct stage *stage = context;
    invariants_observer.on_step(stage->history.invariants, host, event);
}

static void on_breach(void *context, struct sentinel_host *host, const char *what) {
    struct stage *stage = context;
    invariants_observer.on_breach(stage->history.invariants, host, what);
}

static const struct host_observer observer = {
    .on_birth = on_birth,
    .on_publish = on_publish,
    .on_hello = on_hello,
    .on_vote = on_vote,
    .on_order = on_order,
    .on_pong = on_pong,
    .on_step = on_step,
    .on_breach = on_breach,
};

/* The stage */

static void build_group(struct history *history, const struct scenario_shape *shape, size_t number) {
    struct group *group = &history->groups[number];
    struct server_traits traits = {
        .priority = 100,
        .writes_us = 50 * MILLISECOND,
        .sync_us = 20 * MILLISECOND,
        .stream_us = 200 * MILLISECOND,
        .timeout_us = 60 * SECOND,
        .announced = true,
        .rewrites = true,
        .serves_stale = true,
        .hands_over = true,
        .names = history->names,
    };
    snprintf(group->name, sizeof group->name, "m%u", (unsigned)number % 100000 + 1);
    group->count = shape->servers;
    for (size_t i = 0; i < group->count; i++) {
        snprintf(group->server_names[i], sizeof group->server_names[i], "m%u-%u", (unsigned)number % 100000 + 1,
                 (unsigned)i + 1);
        traits.name = group->server_names[i];
        group->servers[i] = server_new(history->network, &history->schedule, &history->random, &traits, SERVER_PORT);
        if (history->names) {
            char name[32];
            snprintf(name, sizeof name, "%s.sim", group->server_names[i]);
            names_add(history->names, server_host(group->servers[i]), name, false);
        }
        if (i == 0)
            snprintf(group->primary_host, sizeof group->primary_host, "%s%s",
                     history->names ? group->server_names[0]
                                    : network_address(history->network, server_host(group->servers[0])),
                     history->names ? ".sim" : "");
        server_configure(group->servers[i], i ? group->primary_host : NULL, SERVER_PORT);
    }
    history->watched[number] = (struct primary_config){
        .name = group->name,
        .host = group->primary_host,
        .port = SERVER_PORT,
        .quorum = history->quorum,
        .down_after_ms = history->down_after_ms,
        .failover_timeout_ms = history->failover_timeout_ms,
        .parallel_syncs = (uint32_t)shape->servers, /* nobody waits for a turn */
        .fast_failover = shape->fast_failover,
        .fast_grace_ms = shape->fast_grace_ms,
        .unprotected = history->options.mutant == MUTANT_UNPROTECTED,
    };
}

static void build_host(struct history *history, const struct scenario_shape *shape, size_t number) {
    snprintf(history->host_names[number], sizeof history->host_names[number], "s%u", (unsigned)number % 100 + 1);
    dice_hex(&history->random, history->host_ids[number], SENTINEL_ID_SIZE - 1);
    struct sentinel_traits traits = {
        .name = history->host_names[number],
        .config = {.id = history->host_ids[number],
                   .port = SENTINEL_PORT,
                   .resolve_hostnames = history->names != NULL,
                   .primaries = history->watched,
                   .primary_count = history->group_count},
        .names = history->names,
        .disk = {.sync_us = shape->sync_us, .collects_late = true},
        .late_us = shape->busy_us ? shape->busy_us : 50,
        .mutant = history->options.mutant,
        .observer = history->observer,
        .observer_context = history->observer_context,
    };
    history->hosts[number] =
        sentinel_host_new(history->network, &history->schedule, &history->random, &history->trace, &traits);
}

static void build(struct history *history, const struct scenario_shape *shape) {
    history->sentinel_count = history->host_count = shape->sentinels;
    history->quorum = (unsigned)shape->sentinels / 2 + 1;
    history->down_after_ms = shape->down_after_ms;
    history->failover_timeout_ms = 60000;
    history->fast = shape->fast_failover;
    history->fast_grace_ms = shape->fast_grace_ms;
    if (shape->names) history->names = names_new(history->network, &history->schedule);
    topology_make_room(history, shape->groups);
    for (size_t i = 0; i < shape->groups; i++) build_group(history, shape, i);
    for (size_t i = 0; i < shape->sentinels; i++) build_host(history, shape, i);
    network_set_weather(history->network, &(struct network_weather){
                                              .latency_us = shape->latency_us ? shape->latency_us : 100,
                                              .jitter_us = shape->jitter_us ? shape->jitter_us : 50,
                                              .late_permille = shape->late_permille,
                                              .late_us = shape->late_us,
                                          });
    topology_set_bounds(history);
}

bool stage_start(struct stage *stage) {
    struct history *history = &stage->history;
    int64_t took_us;
    topology_start_servers(history);
    if (!history_run_until(history, 2 * SECOND)) return false;
    for (size_t i = 0; i < history->host_count; i++) { /* their pings fall at different times */
        sentinel_host_start(history->hosts[i]);
        if (!stage_run(stage, dice_between(&history->random, 0, 100) * MILLISECOND)) return false;
    }
    if (!history_run_until_well(history, 60 * SECOND, "the start", &took_us)) return false;
    stage_clear(stage);
    TRACE(&history->trace, "history", "all is well; the scenario begins");
    return true;
}

void stage_clear(struct stage *stage) {
    memset(stage->tallies, 0, stage->history.group_count * sizeof stage->tallies[0]);
}

struct server *stage_primary(const struct stage *stage, size_t group) {
    const struct group *g = &stage->history.groups[group];
    for (size_t i = 0; i < g->count; i++)
        if (server_is_running(g->servers[i]) && server_is_primary(g->servers[i])) return g->servers[i];
    return NULL;
}

bool stage_is_switched(struct stage *stage) {
    return stage->tallies[0].switches >= stage->scenario->shape.sentinels;
}

bool stage_is_done(struct stage *stage) {
    const struct history *history = &stage->history;
    const struct group *group = &history->groups[0];
    const struct server *primary = stage_primary(stage, 0);
    if (!primary) return false;
    const char *address = network_address(history->network, server_host(primary));
    for (size_t i = 0; i < group->count; i++) {
        const struct server *server = group->servers[i];
        if (server == primary || !server_is_running(server)) continue;
        if (!server_is_replica_of(server, address, SERVER_PORT)) return false;
    }
    for (size_t i = 0; i < history->host_count; i++) {
        const struct world *world = sentinel_host_world(history->hosts[i]);
        if (!world) continue;
        if (strcmp(world_find_primary(world, slice_text(group->name))->instance->ip, address) != 0) return false;
    }
    return true;
}

bool stage_restart(struct stage *stage, struct server *server) {
    int64_t took_us;
    server_start(server, 0, false);
    return history_run_until_well(&stage->history, 60 * SECOND, "the return of the old primary", &took_us);
}

bool stage_run(struct stage *stage, int64_t for_us) {
    return history_run_until(&stage->history, stage->history.schedule.now_us + for_us);
}

bool stage_run_until(struct stage *stage, bool (*is)(struct stage *stage), int64_t most_us) {
    int64_t until_us = stage->history.schedule.now_us + most_us;
    while (!is(stage)) {
        if (stage->history.schedule.now_us >= until_us || !stage_run(stage, MILLISECOND)) return false;
    }
    return true;
}

void stage_fail(struct stage *stage, const char *invariant, const char *format, ...) {
    char text[300];
    va_list args;
    va_start(args, format);
    vsnprintf(text, sizeof text, format, args);
    va_end(args);
    verdict_fail(&stage->history.verdict, invariant, "%s", text);
}

static int compare(const void *a, const void *b) {
    int64_t x = *(const int64_t *)a, y = *(const int64_t *)b;
    return (x > y) - (x < y);
}

int64_t stage_quantile(int64_t *values, size_t count, unsigned permille) {
    if (!count) return -1;
    qsort(values, count, sizeof values[0], compare);
    return values[MIN(count * permille / 1000, count - 1)];
}

void scenario_run(const struct scenario *scenario, const struct history_options *options,
                  struct scenario_result *result) {
    struct stage *stage = mem_zalloc(sizeof *stage);
    *result = (struct scenario_result){0};
    history_init(&stage->history, options);
    stage->scenario = scenario;
    stage->tallies = mem_zalloc(scenario->shape.groups * sizeof stage->tallies[0]);
    stage->history.observer = &observer;
    stage->history.observer_context = stage;
    build(&stage->history, &scenario->shape);
    scenario->run(stage);
    result->verdict = stage->history.verdict;
    result->failovers = invariants_failovers(stage->history.invariants);
    snprintf(result->figures, sizeof result->figures, "%s", stage->figures);
    history_fini(&stage->history);
    mem_free(stage->tallies);
    mem_free(stage);
}
