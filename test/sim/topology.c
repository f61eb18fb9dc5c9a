/* The random topology of a history. */
#include "base/mem.h"
#include "sim/history_internal.h"

#include <stdio.h>

static size_t roll_sentinels(struct random *random) {
    static const int64_t usual[] = {3, 3, 3, 3, 5, 5};
    if (dice_chance(random, 850)) return (size_t)dice_pick(random, usual, COUNT_OF(usual));
    return (size_t)dice_scale(random, 1, MOST_SENTINELS);
}

static size_t roll_groups(struct random *random) {
    return dice_chance(random, 750) ? 1 : (size_t)dice_between(random, 1, MOST_GROUPS);
}

static size_t roll_servers(struct random *random) {
    static const int64_t usual[] = {2, 3, 3, 3, 4};
    if (dice_chance(random, 900)) return (size_t)dice_pick(random, usual, COUNT_OF(usual));
    return (size_t)dice_between(random, 1, MOST_SERVERS);
}

static void roll_weather(struct history *history) {
    static const int64_t latencies[] = {50, 100, 200, 500, 2000, 10000};
    struct random *random = &history->random;
    struct network_weather weather = {.latency_us = dice_pick(random, latencies, COUNT_OF(latencies))};
    weather.latency_us = MIN(weather.latency_us, history->down_after_ms * 20); /* down-after: 50 latencies */
    weather.jitter_us = weather.latency_us * dice_between(random, 1, 10) / 5;
    /* A loss is a delay of 200 ms: with a down-after that is near it every loss would be an outage. */
    if (dice_chance(random, 300) && history->down_after_ms >= 1000)
        weather.loss_permille = (unsigned)dice_scale(random, 1, 20);
    network_set_weather(history->network, &weather);
}

static void name_server(struct history *history, struct group *group, size_t number) {
    char name[32];
    snprintf(name, sizeof name, "%s.sim", group->server_names[number]);
    names_add(history->names, server_host(group->servers[number]), name, history->pods);
}

/* A name in the configuration of sentinels while everybody announces addresses is usual too. */
static void choose_primary_host(struct history *history, struct group *group) {
    const char *address = network_address(history->network, server_host(group->servers[0]));
    if (history->names && (history->pods || dice_chance(&history->random, 800)))
        snprintf(group->primary_host, sizeof group->primary_host, "%s.sim", group->server_names[0]);
    else
        snprintf(group->primary_host, sizeof group->primary_host, "%s", address);
}

/* Sentinels of a first file: the servers moved on since it was written, or nobody is a primary. */
static void move_on(struct history *history, struct group *group) {
    if (!dice_chance(&history->random, 150)) return;
    bool circle = dice_chance(&history->random, 400);
    const char *second = names_shown(history->names, history->network, server_host(group->servers[1]));
    for (size_t i = 0; i < group->count; i++) server_configure(group->servers[i], second, SERVER_PORT);
    server_configure(group->servers[1], circle ? group->primary_host : NULL, SERVER_PORT);
}

/* Who cannot write down whom it follows copies, when it is restarted, what an old primary has left: a set that promises something
 * is not run so. */
static void guard_group(struct history *history, struct group *group, struct server_traits *traits) {
    traits->rewrites = true;
    traits->sync_min = history->sync_min;
    traits->ledger = history->ledger;
    traits->group = group->name;
}

static void build_group(struct history *history, size_t number) {
    struct random *random = &history->random;
    struct group *group = &history->groups[number];
    snprintf(group->name, sizeof group->name, "m%u", (unsigned)number + 1);
    group->count = roll_servers(random);
    if (history->options.guarded) group->count = MAX(group->count, history->sync_min + 1);
    struct server_traits traits = {
        .writes_us = dice_scale(random, 100, 100 * MILLISECOND),
        .sync_us = dice_scale(random, 1 * MILLISECOND, 2 * SECOND),
        .stream_us = dice_scale(random, 20 * MILLISECOND, 500 * MILLISECOND),
        .timeout_us = dice_between(random, 2, 20) * SECOND,
        .rewrites = dice_chance(random, 850),
        .serves_stale = dice_chance(random, 800),
        .hands_over = dice_chance(random, 700),
        .announced = true,
        .names = history->names,
    };
    if (history->options.guarded) guard_group(history, group, &traits);
    for (size_t i = 0; i < group->count; i++) {
        snprintf(group->server_names[i], sizeof group->server_names[i], "m%u-%zu", (unsigned)number + 1, i + 1);
        traits.name = group->server_names[i];
        traits.priority = dice_chance(random, 800) ? 100 : dice_between(random, 1, 200);
        /* Somebody must stay electable: the second server always is. */
        if (i > 1 && dice_chance(random, 50)) traits.priority = 0;
        group->servers[i] = server_new(history->network, &history->schedule, &history->random, &traits, SERVER_PORT);
        if (history->names) name_server(history, group, i);
        if (i == 0) choose_primary_host(history, group);
        server_configure(group->servers[i], i ? group->primary_host : NULL, SERVER_PORT);
    }
    if (!history->peer_count && group->count > 1 && !history->options.guarded) move_on(history, group);
    history->watched[number] = (struct primary_config){
        .name = group->name,
        .host = group->primary_host,
        .port = SERVER_PORT,
        .quorum = history->quorum,
        .down_after_ms = history->down_after_ms,
        .failover_timeout_ms = history->failover_timeout_ms,
        .fast_failover = history->fast,
        .fast_grace_ms = history->options.mutant == MUTANT_NO_GRACE ? 1 : history->fast_grace_ms,
        .parallel_syncs = (uint32_t)dice_between(random, 1, 3),
        .pre_failover_script = history->scripts ? "/fence" : NULL,
        .pre_failover_timeout_ms = history->script_timeout_ms,
        .pre_failover_veto = history->script_veto,
    };
    history->slowest_us = MAX(history->slowest_us, traits.sync_us + traits.timeout_us);
}

static void name_sentinel(struct history *history, size_t number) {
    struct random *random = &history->random;
    snprintf(history->host_names[number], sizeof history->host_names[number], "s%zu", number + 1);
    dice_hex(random, history->host_ids[number], 40);
}

static void build_peer(struct history *history, size_t number) {
    size_t name = history->host_count + number;
    name_sentinel(history, name);
    history->host_names[name][0] = 'r';
    struct redis_sentinel_traits traits = {
        .name = history->host_names[name],
        .id = history->host_ids[name],
        .primaries = history->watched,
        .primary_count = history->group_count,
        .port = SENTINEL_PORT,
        .trace = &history->trace,
        .invariants = history->invariants,
    };
    history->peers[number] = redis_sentinel_new(history->network, &history->schedule, &history->random, &traits);
}

static void build_host(struct history *history, size_t number) {
    struct random *random = &history->random;
    name_sentinel(history, number);
    struct sentinel_traits traits = {
        .name = history->host_names[number],
        .config = {.id = history->host_ids[number],
                   .port = SENTINEL_PORT,
                   .resolve_hostnames = history->names != NULL,
                   .announce_hostnames = history->announce_names,
                   .primaries = history->watched,
                   .primary_count = history->group_count},
        .names = history->names,
        .disk = {.sync_us = dice_scale(random, 100, 20 * MILLISECOND),
                 .slow_permille = dice_chance(random, 200) ? 20 : 0,
                 .collects_late = dice_chance(random, 500)},
        .late_us = dice_scale(random, 10, 2 * MILLISECOND),
        .mutant = history->options.mutant,
        .observer = history->observer,
        .observer_context = history->observer_context,
    };
    history->hosts[number] =
        sentinel_host_new(history->network, &history->schedule, &history->random, &history->trace, &traits);
    sentinel_host_set_drift(history->hosts[number], dice_between(random, -300, 300));
}

/* Names, in histories of kvd alone: pods announce theirs and come back with another address. */
static void roll_names(struct history *history) {
    if (history->options.guarded || history->peer_count || !dice_chance(&history->random, 250)) return;
    history->names = names_new(history->network, &history->schedule);
    history->pods = dice_chance(&history->random, 600);
    history->announce_names = dice_chance(&history->random, 600);
}

void topology_set_bounds(struct history *history) {
    size_t servers = 0;
    for (size_t i = 0; i < history->group_count; i++) servers += history->groups[i].count;
    struct invariants_bounds bounds = {
        .hosts = history->hosts,
        .host_count = history->host_count,
        .instances = servers + history->sentinel_count + (history->pods ? 50 : 8),
        .others = history->peer_count,
        .network = history->network,
        .names = history->names,
        .memory_us = 5 * SECOND + 500 * MILLISECOND,
        .fast = history->fast,
        .grace_us = (history->fast_grace_ms - 1) * MILLISECOND * 999 / 1000, /* clocks count milliseconds, and drift */
    };
    invariants_set_bounds(history->invariants, &bounds);
}

void topology_make_room(struct history *history, size_t groups) {
    history->group_count = groups;
    history->groups = mem_zalloc(groups * sizeof history->groups[0]);
    history->watched = mem_zalloc(groups * sizeof history->watched[0]);
}

void topology_build(struct history *history) {
    struct random *random = &history->random;
    static const int64_t timeouts[] = {500, 1000, 2000, 5000, 10000, 20000};
    history->sentinel_count = history->host_count = roll_sentinels(random);
    topology_make_room(history, roll_groups(random));
    if (history->options.guarded) history->sync_min = dice_chance(random, 700) ? 1 : 2;
    if (!history->options.guarded && dice_chance(random, 150) && history->host_count >= 3) {
        history->peer_count = (size_t)dice_between(random, 1, (int64_t)history->host_count - 1);
        history->host_count -= history->peer_count;
    }
    size_t majority = history->sentinel_count / 2 + 1;
    history->quorum =
        (unsigned)(dice_chance(random, 700) ? majority
                                            : (size_t)dice_between(random, 1, (int64_t)history->sentinel_count));
    if (history->options.guarded) history->quorum = MAX(history->quorum, (unsigned)majority);
    history->down_after_ms = dice_chance(random, 900) ? dice_scale(random, 100, 5000) : dice_scale(random, 5000, 30000);
    /* Redis Sentinel does not settle with less. */
    if (history->peer_count) history->down_after_ms = MAX(history->down_after_ms, 2000);
    history->failover_timeout_ms = dice_pick(random, timeouts, COUNT_OF(timeouts));
    history->failover_timeout_ms = MAX(history->failover_timeout_ms, history->down_after_ms);
    roll_names(history);
    history->fast = dice_chance(random, 250);
    history->fast_grace_ms = dice_scale(random, 5, 300);
    history->scripts = dice_chance(random, 150);
    history->script_timeout_ms = dice_scale(random, 50, 5000);
    history->script_veto = dice_chance(random, 500);
    if (history->options.mutant == MUTANT_REJECTED) network_reject_for_silent(history->network);
    for (size_t i = 0; i < history->group_count; i++) build_group(history, i);
    for (size_t i = 0; i < history->host_count; i++) build_host(history, i);
    for (size_t i = 0; i < history->peer_count; i++) build_peer(history, i);
    roll_weather(history);
    if (dice_chance(random, 300)) history->operators_permille = (unsigned)dice_scale(random, 20, 300);
    topology_set_bounds(history);
}

void topology_start_servers(struct history *history) {
    for (size_t i = 0; i < history->group_count; i++)
        for (size_t j = 0; j < history->groups[i].count; j++) server_start(history->groups[i].servers[j], 0, false);
}

void topology_start_sentinels(struct history *history) {
    for (size_t i = 0; i < history->host_count; i++) sentinel_host_start(history->hosts[i]);
    for (size_t i = 0; i < history->peer_count; i++) redis_sentinel_start(history->peers[i]);
}

void topology_free(struct history *history) {
    for (size_t i = 0; i < history->host_count; i++) sentinel_host_free(&history->hosts[i]);
    for (size_t i = 0; i < history->peer_count; i++) redis_sentinel_free(&history->peers[i]);
    for (size_t i = 0; i < history->group_count; i++)
        for (size_t j = 0; j < history->groups[i].count; j++) server_free(&history->groups[i].servers[j]);
    mem_free(history->groups);
    mem_free(history->watched);
}

void topology_describe(const struct history *history, char *text, size_t size) {
    int at = snprintf(text, size,
                      "%zu sentinels (%zu of Redis%s%s%s), quorum %u, down-after %lld ms, failover-timeout %lld ms, servers",
                      history->sentinel_count, history->peer_count,
                      history->pods    ? "; pods"
                      : history->names ? "; names"
                                       : "",
                      history->fast ? "; fast" : "", history->scripts ? "; scripts" : "",
                      history->quorum, (long long)history->down_after_ms,
                      (long long)history->failover_timeout_ms);
    for (size_t i = 0; i < history->group_count && at > 0 && (size_t)at < size; i++)
        at += snprintf(text + at, size - (size_t)at, "%s%zu", i ? "+" : " ", history->groups[i].count);
}
