#include "sim/guard_watch.h"
#include "base/mem.h"
#include "sim/ledger.h"

#include <inttypes.h>
#include <stdio.h>

static const struct group *group_of(const struct history *history, const char *name) {
    for (size_t i = 0; i < history->group_count; i++)
        if (strcmp(history->groups[i].name, name) == 0) return &history->groups[i];
    return NULL;
}

static const struct server *server_at(const struct history *history, const struct group *group, const char *address) {
    for (size_t i = 0; group && i < group->count; i++)
        if (strcmp(network_address(history->network, server_host(group->servers[i])), address) == 0) return group->servers[i];
    return NULL;
}

/* ---- G1 ---- */

/* When it decides: told it may be much later, when the disk is done and that failover over. */
static void check_vote(struct history *history, struct sentinel_host *host, const struct primary *primary, const struct group *group) {
    const struct server *server = server_at(history, group, primary->instance->ip);
    if (!server || !server_is_promised(server, sentinel_host_id(host))) return;
    verdict_fail(&history->verdict, "G1", "%s votes for another than %s of %s in epoch %" PRIu64 ", which still counts on its promise",
                 sentinel_host_name(host), server_name(server), group->name, primary->vote_epoch);
}

/* ---- A1 ---- */

static void check(struct history *history, const struct group *group, const struct server *server, uint64_t epoch) {
    ledger_check(history->ledger, group->name, epoch, server_name(server), server_history(server), server_offset(server));
}

void guard_watch_end(struct history *history) {
    for (size_t i = 0; i < history->group_count; i++) {
        const struct group *group = &history->groups[i];
        for (size_t j = 0; j < group->count; j++)
            if (server_is_running(group->servers[j]) && server_is_primary(group->servers[j]))
                check(history, group, group->servers[j], UINT64_MAX);
    }
}

static void on_publish(void *context, struct sentinel_host *host, const struct action *action) {
    struct history *history = context;
    const char *name = action->publish.primary;
    invariants_observer.on_publish(history->invariants, host, action);
    const struct primary *primary = name ? world_find_primary(sentinel_host_world(host), slice_text(name)) : NULL;
    const struct group *group = primary ? group_of(history, name) : NULL;
    if (!group) return;
    if (action->publish.event == SENTINEL_EVENT_ABORT_TOO_FEW) history->too_few++;
    if (action->publish.event == SENTINEL_EVENT_VOTE) check_vote(history, host, primary, group);
    if (action->publish.event != SENTINEL_EVENT_SWITCH) return;
    const struct server *server = server_at(history, group, primary->instance->ip);
    /* Who hears late of one that was superseded, or died, says nothing of the newest. */
    if (server && server_is_running(server) && server_is_primary(server)) check(history, group, server, primary->config_epoch);
}

static void on_vote(void *context, struct sentinel_host *host, const char *primary, const char *leader, uint64_t epoch) {
    struct history *history = context;
    invariants_observer.on_vote(history->invariants, host, primary, leader, epoch);
}

/* ---- G2 ---- */

static void check_order(struct history *history, struct sentinel_host *host, const struct primary *primary) {
    const struct group *group = group_of(history, primary->name);
    uint64_t epoch = primary->failover.epoch;
    const struct server *old = server_at(history, group, primary->instance->ip);
    if (!group || primary->guard.unguarded) return;
    if (primary->failover.coordinated && old && server_newest_fence(old) >= primary->guard.primary_epoch) return;
    size_t all = 0, fenced = 0, least = history->sync_min;
    LIST_EACH(&primary->replicas, node) {
        const struct instance *replica = container_of(node, struct instance, node);
        const struct server *server = server_at(history, group, replica->ip);
        if (!server || (!replica->named && replica->named_epoch != epoch)) continue;
        all++;
        fenced += server_newest_fence(server) >= epoch || replica->facts.role == ROLE_PRIMARY;
    }
    if (fenced + least < all + 1)
        verdict_fail(&history->verdict, "G2", "%s orders a promotion in %s epoch %" PRIu64 ", but only %zu of %zu replicas are fenced; n is %zu",
                     sentinel_host_name(host), primary->name, epoch, fenced, all, least);
}

static void on_order(void *context, struct sentinel_host *host, const struct action *action) {
    struct history *history = context;
    const struct world *world = sentinel_host_world(host);
    invariants_observer.on_order(history->invariants, host, action);
    LIST_EACH(&world->primaries, node) {
        const struct primary *primary = container_of(node, struct primary, node);
        if (primary->failover.target && primary->failover.target->number == action->send.instance) check_order(history, host, primary);
    }
}

/* ---- G6 ---- */

static bool is_on_disk(const struct state_records *records, const char *primary, const char *host, uint16_t port) {
    for (size_t i = 0; i < records->count; i++) {
        const struct state_record *record = &records->items[i];
        if (strcmp(record->name, primary) != 0) continue;
        if (!host && record->kind == STATE_PRIMARY) return record->guarded > 0;
        if (host && record->kind == STATE_REPLICA && record->port == port && strcmp(record->host, host) == 0) return true;
    }
    return false;
}

static void on_lease(void *context, struct sentinel_host *host, const struct instance *instance) {
    struct history *history = context;
    const struct primary *primary = instance->primary;
    const struct state_records *records = sentinel_host_durable(host);
    if (!is_on_disk(records, primary->name, NULL, 0))
        verdict_fail(&history->verdict, "G6", "%s gives a promise, but its disk does not say that %s is guarded", sentinel_host_name(host),
                     primary->name);
    LIST_EACH(&primary->replicas, node) {
        const struct instance *replica = container_of(node, struct instance, node);
        if (replica->named && !is_on_disk(records, primary->name, replica->host, replica->port))
            verdict_fail(&history->verdict, "G6", "%s names %s of %s, which its disk does not know", sentinel_host_name(host), replica->name,
                         primary->name);
    }
}

/* ---- The rest is the invariants' ---- */

static void on_birth(void *context, struct sentinel_host *host) {
    struct history *history = context;
    invariants_observer.on_birth(history->invariants, host);
}

static void on_hello(void *context, struct sentinel_host *host, struct slice payload) {
    struct history *history = context;
    invariants_observer.on_hello(history->invariants, host, payload);
}

static void on_pong(void *context, struct sentinel_host *host, const struct instance *instance, const char *address, uint16_t port,
                    int64_t sent_us) {
    struct history *history = context;
    invariants_observer.on_pong(history->invariants, host, instance, address, port, sent_us);
}

static void on_step(void *context, struct sentinel_host *host, const struct event *event) {
    struct history *history = context;
    invariants_observer.on_step(history->invariants, host, event);
}

static void on_breach(void *context, struct sentinel_host *host, const char *what) {
    struct history *history = context;
    invariants_observer.on_breach(history->invariants, host, what);
}

const struct host_observer guard_watch_observer = {
    .on_birth = on_birth,
    .on_publish = on_publish,
    .on_hello = on_hello,
    .on_vote = on_vote,
    .on_order = on_order,
    .on_lease = on_lease,
    .on_pong = on_pong,
    .on_step = on_step,
    .on_breach = on_breach,
};
