/* What goes wrong in a history: random faults at random times, each undone after a while, and all of them at the end. */
#include "base/mem.h"
#include "sim/history_internal.h"
#include "sim/ledger.h"

#include <stdio.h>

/* A fault in force. Owned by the history's list. */
struct fault {
    struct history *history;
    struct list_node node;
    struct happening end;
    void (*undo)(struct fault *fault);
    struct server *server;
    struct sentinel_host *host;
    struct redis_sentinel *peer;
    unsigned from, to; /* hosts of the network */
    bool both_ways;
    int64_t loading_us;
    bool empty;
    bool moves; /* it comes back at another address */
};

static void undo(struct fault *fault) {
    schedule_cancel(&fault->history->schedule, &fault->end);
    list_remove(&fault->node);
    fault->undo(fault);
    mem_free(fault);
}

static void on_end(struct happening *happening) {
    undo(container_of(happening, struct fault, end));
}

static struct fault *add(struct history *history, int64_t lasts_us, void (*undo_it)(struct fault *fault)) {
    struct fault *fault = mem_zalloc(sizeof *fault);
    fault->history = history;
    fault->undo = undo_it;
    fault->end.run = on_end;
    list_add(&history->faults, &fault->node);
    schedule_after(&history->schedule, &fault->end, lasts_us);
    return fault;
}

/* Most faults last about as long as it takes to notice them. */
static int64_t roll_length(struct history *history) {
    int64_t down_after_us = history->down_after_ms * MILLISECOND;
    return dice_scale(&history->random, down_after_us / 20, down_after_us * 8);
}

/* Of one that ends by itself: with the others at the latest. */
static int64_t roll_end(struct history *history) {
    int64_t until_us = history->schedule.now_us + roll_length(history);
    return MIN(until_us, history->heal_us);
}

static struct group *any_group(struct history *history) {
    return &history->groups[random_below(&history->random, history->group_count)];
}

static struct server *any_server(struct history *history) {
    struct group *group = any_group(history);
    return group->servers[random_below(&history->random, group->count)];
}

static struct server *any_primary(struct history *history) {
    struct group *group = any_group(history);
    for (size_t i = 0; i < group->count; i++)
        if (server_is_running(group->servers[i]) && server_is_primary(group->servers[i])) return group->servers[i];
    return group->servers[0];
}

static struct sentinel_host *any_sentinel(struct history *history) {
    return history->hosts[random_below(&history->random, history->host_count)];
}

static struct redis_sentinel *any_peer(struct history *history) {
    return history->peers[random_below(&history->random, history->peer_count)];
}

/* A host of the network: of a server or of a sentinel. */
static unsigned any_host(struct history *history) {
    if (dice_chance(&history->random, 200) && history->peer_count) return redis_sentinel_number(any_peer(history));
    if (dice_chance(&history->random, 500)) return sentinel_host_number(any_sentinel(history));
    return server_host(any_server(history));
}

/* Servers */

/* What is lost with a disk was promised by nobody. */
static void excuse_all(struct history *history) {
    for (size_t i = 0; i < history->group_count; i++) ledger_excuse(history->ledger, history->groups[i].name);
}

static void start_server(struct fault *fault) {
    if (server_is_running(fault->server)) return;
    if (fault->moves) network_change_address(fault->history->network, server_host(fault->server));
    TRACE(&fault->history->trace, server_name(fault->server), "starts%s at %s", fault->empty ? " empty" : "",
          network_address(fault->history->network, server_host(fault->server)));
    if (fault->empty && fault->history->ledger) excuse_all(fault->history);
    server_start(fault->server, fault->loading_us, fault->empty);
}

static void kill_server(struct history *history, struct server *server) {
    if (!server_is_running(server)) return;
    bool power = dice_chance(&history->random, 250);
    TRACE(&history->trace, server_name(server), "is killed%s", power ? " (power)" : "");
    server_stop(server, power);
    struct fault *fault = add(history, roll_length(history), start_server);
    fault->server = server;
    fault->loading_us = dice_chance(&history->random, 300) ? dice_around(&history->random, SECOND) : 0;
    fault->empty = dice_chance(&history->random, history->ledger ? 5 : 100);
    fault->moves = history->pods && dice_chance(&history->random, 600);
}

static void kill_first(struct fault *fault) {
    kill_server(fault->history, fault->server);
}

void faults_kill_soon(struct history *history, size_t group) {
    add(history, dice_scale(&history->random, 100, 300 * MILLISECOND), kill_first)->server =
        history->groups[group].servers[0];
}

static void strike_primary(struct history *history) {
    kill_server(history, any_primary(history));
}

static void strike_server(struct history *history) {
    kill_server(history, any_server(history));
}

static void strike_group(struct history *history) {
    struct group *group = any_group(history);
    for (size_t i = 0; i < group->count; i++) kill_server(history, group->servers[i]);
}

static void strike_pause_server(struct history *history) {
    struct server *server = dice_chance(&history->random, 600) ? any_primary(history) : any_server(history);
    int64_t until_us = roll_end(history);
    if (!server_is_running(server)) return;
    TRACE(&history->trace, server_name(server), "stands still for %lld ms",
          (long long)((until_us - history->schedule.now_us) / MILLISECOND));
    server_pause(server, until_us);
}

static void strike_script(struct history *history) {
    struct server *server = any_primary(history);
    int64_t until_us = roll_end(history);
    TRACE(&history->trace, server_name(server), "runs a long script");
    server_run_script(server, until_us, dice_chance(&history->random, 500));
}

/* Sentinels */

static void start_sentinel(struct fault *fault) {
    struct sentinel_host *host = fault->host;
    sentinel_host_crash_within(host, 0);
    if (sentinel_host_is_born(host) && !sentinel_host_is_running(host)) sentinel_host_crash(host, false);
    if (!sentinel_host_is_born(host)) sentinel_host_start(host);
}

static void strike_sentinel(struct history *history) {
    struct sentinel_host *host = any_sentinel(history);
    if (!sentinel_host_is_running(host)) return;
    sentinel_host_crash(host, dice_chance(&history->random, 250));
    add(history, roll_length(history), start_sentinel)->host = host;
}

static void start_peer(struct fault *fault) {
    if (!redis_sentinel_is_running(fault->peer)) redis_sentinel_start(fault->peer);
}

static void strike_peer(struct history *history) {
    if (!history->peer_count) return;
    struct redis_sentinel *peer = any_peer(history);
    if (!redis_sentinel_is_running(peer)) return;
    if (dice_chance(&history->random, 500)) {
        redis_sentinel_pause(peer, roll_end(history));
        return;
    }
    redis_sentinel_crash(peer, dice_chance(&history->random, 250));
    add(history, roll_length(history), start_peer)->peer = peer;
}

/* Dies in the middle of some step soon, perhaps between two actions that belong together. */
static void strike_within(struct history *history) {
    struct sentinel_host *host = any_sentinel(history);
    if (!sentinel_host_is_running(host)) return;
    sentinel_host_crash_within(host, (unsigned)dice_scale(&history->random, 1, 3000));
    add(history, roll_length(history) * 2, start_sentinel)->host = host;
}

static void strike_pause_sentinel(struct history *history) {
    struct sentinel_host *host = any_sentinel(history);
    int64_t until_us = roll_end(history);
    if (!sentinel_host_is_running(host)) return;
    TRACE(&history->trace, sentinel_host_name(host), "stands still for %lld ms",
          (long long)((until_us - history->schedule.now_us) / MILLISECOND));
    sentinel_host_pause(host, until_us, dice_chance(&history->random, 300));
}

static void strike_clock(struct history *history) {
    struct sentinel_host *host = any_sentinel(history);
    if (dice_chance(&history->random, 500)) {
        sentinel_host_jump_wall(host, dice_between(&history->random, -3600, 3600) * SECOND);
    } else {
        sentinel_host_set_drift(host, dice_between(&history->random, -1000, 1000));
    }
}

static bool remembers(const struct history *history, const struct sentinel_host *host) {
    const struct state_records *records = sentinel_host_durable(host);
    size_t count = 0;
    for (size_t i = 0; i < records->count; i++)
        count += records->items[i].kind == STATE_PRIMARY && !records->items[i].fresh;
    return count >= history->group_count;
}

/* It comes back with an empty disk; under its old name (myid in its configuration) or a new one. The others must
 * remember in its place, and a quorum that is no majority cannot be asked: then nobody may lose anything. */
static void strike_wipe(struct history *history) {
    size_t number = (size_t)random_below(&history->random, history->host_count);
    struct sentinel_host *host = history->hosts[number];
    if (history->quorum <= history->sentinel_count / 2) return;
    if (history->ledger && dice_chance(&history->random, 900)) return;
    for (size_t i = 0; i < history->host_count; i++)
        if (!remembers(history, history->hosts[i])) return;
    if (!sentinel_host_is_running(host)) return;
    sentinel_host_crash(host, dice_chance(&history->random, 250));
    sentinel_host_wipe_disk(host);
    if (history->ledger) excuse_all(history);
    invariants_wiped(history->invariants, host);
    history->wiped = true;
    if (!history->peer_count && dice_chance(&history->random, 500)) dice_hex(&history->random, history->host_ids[number], 40);
    TRACE(&history->trace, sentinel_host_name(host), "loses its disk; it will be %.8s", history->host_ids[number]);
    bool soon = dice_chance(&history->random, 500);
    add(history, soon ? dice_scale(&history->random, MILLISECOND, SECOND) : roll_length(history), start_sentinel)->host =
        host;
}

static void mend_disk(struct fault *fault) {
    sentinel_host_fail_disk(fault->host, false);
}

static void strike_disk(struct history *history) {
    struct sentinel_host *host = any_sentinel(history);
    TRACE(&history->trace, sentinel_host_name(host), "its disk is full");
    sentinel_host_fail_disk(host, true);
    add(history, roll_length(history), mend_disk)->host = host;
}

static void mend_scripts(struct fault *fault) {
    sentinel_host_fail_scripts(fault->host, false);
}

static void strike_scripts(struct history *history) {
    struct sentinel_host *host = any_sentinel(history);
    if (!history->scripts) return;
    TRACE(&history->trace, sentinel_host_name(host), "its scripts veto, fail or hang");
    sentinel_host_fail_scripts(host, true);
    add(history, roll_length(history), mend_scripts)->host = host;
}

/* The network */

static void mend_cut(struct fault *fault) {
    network_cut(fault->history->network, fault->from, fault->to, false);
    if (fault->both_ways) network_cut(fault->history->network, fault->to, fault->from, false);
}

static void cut_pair(struct history *history, unsigned from, unsigned to, bool both_ways, int64_t lasts_us) {
    if (from == to) return;
    network_cut(history->network, from, to, true);
    if (both_ways) network_cut(history->network, to, from, true);
    struct fault *fault = add(history, lasts_us, mend_cut);
    fault->from = from;
    fault->to = to;
    fault->both_ways = both_ways;
}

static void strike_cut(struct history *history) {
    unsigned from = any_host(history), to = any_host(history);
    bool both_ways = dice_chance(&history->random, 500);
    TRACE(&history->trace, "network", "cut %s %s %s", network_address(history->network, from), both_ways ? "<->" : "->",
          network_address(history->network, to));
    cut_pair(history, from, to, both_ways, roll_length(history));
}

static size_t all_hosts(const struct history *history, unsigned *out) {
    size_t count = 0;
    for (size_t i = 0; i < history->host_count; i++) out[count++] = sentinel_host_number(history->hosts[i]);
    for (size_t i = 0; i < history->peer_count; i++) out[count++] = redis_sentinel_number(history->peers[i]);
    for (size_t i = 0; i < history->group_count; i++)
        for (size_t j = 0; j < history->groups[i].count; j++) out[count++] = server_host(history->groups[i].servers[j]);
    return count;
}

static void strike_isolate(struct history *history) {
    unsigned hosts[128], lonely = any_host(history);
    size_t count = all_hosts(history, hosts);
    int way = (int)dice_between(&history->random, 0, 3); /* both (twice as often), only out, only in */
    int64_t lasts_us = roll_length(history);
    TRACE(&history->trace, "network", "isolate %s (%s)", network_address(history->network, lonely),
          way == 0   ? "it hears nothing"
          : way == 1 ? "it is not heard"
                     : "both ways");
    for (size_t i = 0; i < count; i++)
        cut_pair(history, way == 1 ? lonely : hosts[i], way == 1 ? hosts[i] : lonely, way > 1, lasts_us);
}

static void strike_halves(struct history *history) {
    unsigned hosts[128];
    bool side[128];
    size_t count = all_hosts(history, hosts);
    int64_t lasts_us = roll_length(history);
    for (size_t i = 0; i < count; i++) side[i] = dice_chance(&history->random, 500);
    TRACE(&history->trace, "network", "falls into two halves");
    for (size_t i = 0; i < count; i++)
        for (size_t j = i + 1; j < count; j++)
            if (side[i] != side[j]) cut_pair(history, hosts[i], hosts[j], true, lasts_us);
}

static void mend_slow(struct fault *fault) {
    network_set_slow(fault->history->network, fault->from, 0);
}

static void strike_slow(struct history *history) {
    unsigned host = any_host(history);
    int64_t more_us = dice_scale(&history->random, 100, history->down_after_ms * MILLISECOND);
    TRACE(&history->trace, "network", "%s is slow by %lld us", network_address(history->network, host),
          (long long)more_us);
    network_set_slow(history->network, host, more_us);
    add(history, roll_length(history), mend_slow)->from = host;
}

/* Names */

static void strike_name(struct history *history) {
    if (!history->names) return;
    int64_t until_us = history->schedule.now_us + roll_length(history);
    if (dice_chance(&history->random, 500)) {
        struct server *server = any_server(history);
        TRACE(&history->trace, "names", "%s does not resolve", server_name(server));
        names_fail(history->names, server_host(server), until_us);
    } else {
        unsigned asker = any_host(history);
        TRACE(&history->trace, "names", "%s hears former addresses", network_address(history->network, asker));
        names_fall_behind(history->names, asker, until_us);
    }
}

/* Operators */

static void order_failover(struct history *history, struct sentinel_host *host, const char *primary) {
    struct event event = {.kind = EVENT_FAILOVER};
    event.failover.name = slice_text(primary);
    event.failover.coordinated = dice_chance(&history->random, 300);
    sentinel_host_order(host, &event);
}

/* Who is away during a RESET is forgotten, whoever it is, and a sentinel that forgot the others may elect itself: that is
 * what RESET means, so it is said only when all is well and others remember. */
static void order_reset(const struct history *history, struct sentinel_host *host, const char *primary) {
    char why[200];
    if (!liveness_holds(history, why) || history->quorum <= history->sentinel_count / 2) return;
    if (history->sentinel_count < 3) return;
    struct event event = {.kind = EVENT_RESET};
    event.name = slice_text(primary);
    sentinel_host_order(host, &event);
}

/* A value that changes nothing in the end: the same for all, or a limit of repointing. */
static void order_set(struct history *history, struct sentinel_host *host, const char *primary) {
    char value[32];
    struct option_change change = {.name = SLICE("parallel-syncs")};
    struct event event = {.kind = EVENT_SET};
    snprintf(value, sizeof value, "%lld", (long long)dice_between(&history->random, 1, 4));
    change.value = slice_text(value);
    event.set.name = slice_text(primary);
    event.set.options = &change;
    event.set.count = 1;
    sentinel_host_order(host, &event);
}

/* A primary beside the others, watched by one sentinel for a while. */
static void order_monitor(struct history *history, struct sentinel_host *host) {
    struct event event = {.kind = EVENT_MONITOR};
    bool known = world_find_primary(sentinel_host_world(host), SLICE("extra"));
    if (known) {
        event.kind = EVENT_REMOVE;
        event.name = SLICE("extra");
    } else {
        event.monitor.name = SLICE("extra");
        event.monitor.host = slice_text(network_address(history->network, server_host(history->groups[0].servers[0])));
        event.monitor.port = SERVER_PORT;
        event.monitor.quorum = MOST_SENTINELS; /* it is never failed over */
    }
    sentinel_host_order(host, &event);
}

static void strike_operator(struct history *history) {
    struct sentinel_host *host = any_sentinel(history);
    const char *primary = any_group(history)->name;
    if (!sentinel_host_is_running(host) || sentinel_host_is_paused(host)) return;
    switch (dice_between(&history->random, 0, 5)) {
    case 0: order_reset(history, host, primary); break;
    case 1: order_set(history, host, primary); break;
    case 2: order_monitor(history, host); break;
    default: order_failover(history, host, primary); break;
    }
}

static const struct {
    unsigned weight;
    void (*strike)(struct history *history);
} strikes[] = {
    {30, strike_primary}, {8, strike_server},    {2, strike_group},  {12, strike_pause_server},
    {4, strike_script},   {10, strike_sentinel}, {8, strike_within}, {8, strike_pause_sentinel},
    {4, strike_clock},    {4, strike_disk},      {8, strike_peer},   {8, strike_cut},
    {10, strike_isolate}, {4, strike_halves},    {6, strike_slow},
    {8, strike_name},     {6, strike_wipe},          {20, strike_scripts},
};

static void on_strike(struct happening *happening) {
    struct history *history = container_of(happening, struct history, strike);
    unsigned sum = 0;
    for (size_t i = 0; i < COUNT_OF(strikes); i++) sum += strikes[i].weight;
    int64_t roll = dice_between(&history->random, 0, sum - 1);
    size_t chosen = 0;
    while (roll >= strikes[chosen].weight) roll -= strikes[chosen++].weight;
    if (history->options.mutant == MUTANT_FORGETFUL && dice_chance(&history->random, 500))
        strike_wipe(history); /* it shows only where a disk is lost between two votes: rare without this */
    else if (dice_chance(&history->random, history->operators_permille))
        strike_operator(history);
    else
        strikes[chosen].strike(history);
    schedule_after(&history->schedule, &history->strike, dice_around(&history->random, history->pace_us));
}

void faults_begin(struct history *history, int64_t duration_us) {
    history->heal_us = history->schedule.now_us + duration_us;
    history->strike.run = on_strike;
    int64_t down_after_us = history->down_after_ms * MILLISECOND;
    history->pace_us = dice_scale(&history->random, down_after_us / 2 + 50 * MILLISECOND, down_after_us * 8 + SECOND);
    schedule_after(&history->schedule, &history->strike, dice_around(&history->random, history->pace_us));
}

void faults_end(struct history *history) {
    schedule_cancel(&history->schedule, &history->strike);
    network_heal(history->network);
    if (history->names) names_heal(history->names);
    LIST_EACH(&history->faults, node) undo(container_of(node, struct fault, node));
}

void faults_free(struct history *history) {
    schedule_cancel(&history->schedule, &history->strike);
    LIST_EACH(&history->faults, node) {
        struct fault *fault = container_of(node, struct fault, node);
        schedule_cancel(&history->schedule, &fault->end);
        list_remove(&fault->node);
        mem_free(fault);
    }
}
