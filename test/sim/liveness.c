/* Whether all is well: what must be so at the start, and again some time after the last fault (L1). */
#include "sim/history_internal.h"

#include <inttypes.h>
#include <stdio.h>

enum { WHY_SIZE = 200 };

#define REFUSE(...) (snprintf(why, WHY_SIZE, __VA_ARGS__), false)

static bool is_known(const struct primary *seen, const char *address) {
    if (strcmp(seen->instance->ip, address) == 0) return true;
    LIST_EACH(&seen->replicas, node)
    if (strcmp(container_of(node, struct instance, node)->ip, address) == 0) return true;
    return false;
}

/* All sentinels that knew it lost their disks. */
static bool is_forgotten(const struct history *history, const struct group *group, const struct server *server) {
    const char *address = network_address(history->network, server_host(server));
    if (!history->wiped || history->peer_count) return false;
    for (size_t i = 0; i < history->host_count; i++) {
        const struct world *world = sentinel_host_world(history->hosts[i]);
        const struct primary *seen = world ? world_find_primary(world, slice_text(group->name)) : NULL;
        if (!seen || is_known(seen, address)) return false;
    }
    return true;
}

static bool follows(const struct history *history, const struct server *server, const struct server *head) {
    return server_follows(server, network_address(history->network, server_host(head)), SERVER_PORT);
}

/* A forgotten server that came back as a primary, and that nobody follows: no other server's INFO names it. */
static bool is_stray(const struct history *history, const struct group *group, const struct server *server) {
    const char *address = network_address(history->network, server_host(server));
    if (!server_is_primary(server) || !is_forgotten(history, group, server)) return false;
    for (size_t i = 0; i < group->count; i++)
        if (server_is_replica_of(group->servers[i], address, SERVER_PORT)) return false;
    return true;
}

/* Strays; and a forgotten replica of a replica: no primary's INFO names it, so none finds it again, which is as it
 * should be: it may be meant to be one. */
static bool is_out_of_sight(const struct history *history, const struct group *group, const struct server *server,
                            const struct server *primary) {
    bool chained = false;
    if (is_stray(history, group, server)) return true;
    if (!is_forgotten(history, group, server)) return false;
    for (size_t i = 0; i < group->count; i++) {
        const struct server *between = group->servers[i];
        chained |= between != server && follows(history, between, primary) && follows(history, server, between);
    }
    return chained;
}

static bool servers_agree(const struct history *history, const struct group *group, const struct server **primary,
                          char *why) {
    *primary = NULL;
    for (size_t i = 0; i < group->count; i++) {
        const struct server *server = group->servers[i];
        if (!server_is_primary(server) || is_stray(history, group, server)) continue;
        if (*primary) return REFUSE("%s and %s are both primaries", server_name(*primary), server_name(server));
        *primary = server;
    }
    if (!*primary) return REFUSE("no server of %s is a primary", group->name);
    const char *address = network_address(history->network, server_host(*primary));
    for (size_t i = 0; i < group->count; i++) {
        const struct server *server = group->servers[i];
        if (server != *primary && !server_follows(server, address, server_port(*primary)) &&
            !is_out_of_sight(history, group, server, *primary))
            return REFUSE("%s does not follow %s", server_name(server), server_name(*primary));
    }
    return true;
}

/* Where sentinels announce addresses, a pod that was a primary may be remembered by one that it left. */
static bool is_left_behind(const struct history *history, const struct instance *replica) {
    unsigned host;
    return history->pods && !history->announce_names && replica->s_down &&
           network_trace_address(history->network, replica->host, &host) &&
           strcmp(network_address(history->network, host), replica->host) != 0;
}

static bool replicas_are_well(const struct history *history, const struct primary *primary, const char *who,
                              char *why) {
    LIST_EACH(&primary->replicas, node) {
        const struct instance *replica = container_of(node, struct instance, node);
        if (is_left_behind(history, replica)) continue;
        if (replica->s_down) return REFUSE("%s finds replica %s of %s down", who, replica->name, primary->name);
        if (!instance_is_connected(replica))
            return REFUSE("%s has no line to replica %s of %s", who, replica->name, primary->name);
    }
    return true;
}

static bool seats_are_well(const struct primary *primary, const char *who, char *why) {
    LIST_EACH(&primary->seats, node) {
        const struct instance *peer = container_of(node, struct seat, at_primary)->peer;
        if (peer->s_down || !instance_is_connected(peer))
            return REFUSE("%s has no line to sentinel %.8s of %s", who, peer->id, primary->name);
    }
    return true;
}

static bool sentinel_agrees(const struct history *history, struct sentinel_host *host, const struct group *group,
                            const struct server *server, uint64_t *epoch, char *why) {
    const char *who = sentinel_host_name(host);
    const struct world *world = sentinel_host_world(host);
    const struct primary *primary = world ? world_find_primary(world, slice_text(group->name)) : NULL;
    if (!primary) return REFUSE("%s does not watch %s", who, group->name);
    const struct instance *instance = primary->instance;
    if (strcmp(instance->ip, network_address(history->network, server_host(server))) != 0)
        return REFUSE("%s takes %s for the primary of %s, which is %s", who, instance->ip, group->name,
                      server_name(server));
    if (instance->s_down || primary->o_down) return REFUSE("%s finds %s down", who, group->name);
    if (!instance_is_connected(instance)) return REFUSE("%s has no line to the primary of %s", who, group->name);
    if (primary->failover.sm.state != FAILOVER_NONE) return REFUSE("%s still fails %s over", who, group->name);
    size_t replicas = primary->replica_count;
    LIST_EACH(&primary->replicas, node)
    replicas -= is_left_behind(history, container_of(node, struct instance, node));
    size_t others = group->count - 1;
    for (size_t i = 0; i < group->count; i++)
        others -= group->servers[i] != server && is_out_of_sight(history, group, group->servers[i], server);
    if (replicas != others)
        return REFUSE("%s knows %zu replicas of %s, not %zu", who, replicas, group->name,
                      others);
    if (primary_voters(primary) != history->sentinel_count)
        return REFUSE("%s knows %zu sentinels of %s, not %zu", who, primary_voters(primary), group->name,
                      history->sentinel_count);
    if (!replicas_are_well(history, primary, who, why) || !seats_are_well(primary, who, why)) return false;
    if (*epoch == UINT64_MAX) *epoch = primary->config_epoch;
    if (*epoch != primary->config_epoch)
        return REFUSE("%s has configuration epoch %" PRIu64 " of %s, others %" PRIu64, who, primary->config_epoch,
                      group->name, *epoch);
    return true;
}

bool liveness_holds(const struct history *history, char *why) {
    for (size_t i = 0; i < history->group_count; i++) {
        const struct group *group = &history->groups[i];
        const struct server *primary;
        uint64_t epoch = UINT64_MAX;
        if (!servers_agree(history, group, &primary, why)) return false;
        for (size_t j = 0; j < history->host_count; j++)
            if (!sentinel_agrees(history, history->hosts[j], group, primary, &epoch, why)) return false;
        for (size_t j = 0; j < history->peer_count; j++)
            if (!redis_sentinel_agrees(history->peers[j], group->name,
                                       network_address(history->network, server_host(primary)), epoch, group->count - 1,
                                       history->sentinel_count, why))
                return false;
    }
    return true;
}

int64_t liveness_bound_us(const struct history *history) {
    return (3 * history->failover_timeout_ms + 6 * history->down_after_ms) * MILLISECOND + 60 * SECOND +
           history->slowest_us + (history->scripts ? 10 * SECOND : 0); /* a veto counts for five */
}
