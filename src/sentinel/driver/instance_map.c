#include "sentinel/driver/instance_map.h"
#include "core/client/reply.h"

/* A map under construction. */
struct map {
    struct client     *client;
    struct output_hole hole;
    size_t             pairs;
};

static struct map map_begin(struct client *client) {
    return (struct map){client, reply_later(client), 0};
}

static void map_end(struct map *map) {
    reply_map_here(map->client, map->hole, map->pairs);
}

static void add_text(struct map *map, const char *field, const char *text) {
    reply_bulk_text(map->client, field);
    reply_bulk_text(map->client, text);
    map->pairs++;
}

static void add_int(struct map *map, const char *field, int64_t value) {
    reply_bulk_text(map->client, field);
    reply_bulk_int(map->client, value);
    map->pairs++;
}

/* Whole milliseconds since; 0 for what has not happened. */
static int64_t age(int64_t at_ms, int64_t now_ms) {
    return at_ms == NEVER ? 0 : MAX(0, now_ms - at_ms);
}

static int64_t age_or(int64_t at_ms, int64_t otherwise_ms, int64_t now_ms) {
    return age(at_ms == NEVER ? otherwise_ms : at_ms, now_ms);
}

static void add_identity(struct map *map, const struct instance *instance, const struct primary *primary) {
    struct bytes flags = {0};
    bool is_primary = instance->kind == INSTANCE_PRIMARY;
    add_text(map, "name", is_primary ? primary->name : instance->name);
    add_text(map, "ip", instance_shown_host(instance, primary->world));
    add_int(map, "port", instance->port);
    add_text(map, "runid", instance->id);
    instance_flags(instance, &flags);
    add_text(map, "flags", bytes_text(&flags));
    bytes_fini(&flags);
}

static int64_t count_seats(const struct instance *peer) {
    int64_t count = 0;
    LIST_EACH(&peer->seats, node) count++;
    return count;
}

static void add_link(struct map *map, const struct instance *instance, const struct primary *primary, int64_t now_ms) {
    bool is_primary = instance->kind == INSTANCE_PRIMARY;
    add_int(map, "link-pending-commands", instance->lines[LINE_COMMAND].pending);
    add_int(map, "link-refcount", instance->kind == INSTANCE_SENTINEL ? count_seats(instance) : 1);
    if (is_primary && primary->failover.sm.state != FAILOVER_NONE)
        add_text(map, "failover-state", sm_name(&primary->failover.sm));
    add_int(map, "last-ping-sent", instance->ping_pending_ms ? age(instance->ping_pending_ms, now_ms) : 0);
    add_int(map, "last-ok-ping-reply", age_or(instance->last_good_ms, instance->known_ms, now_ms));
    add_int(map, "last-ping-reply", age_or(instance->last_reply_ms, instance->known_ms, now_ms));
    if (instance->s_down) add_int(map, "s-down-time", age(instance->s_down_since_ms, now_ms));
    if (is_primary && primary->o_down) add_int(map, "o-down-time", age(primary->o_down_since_ms, now_ms));
    add_int(map, "down-after-milliseconds", instance->down_after_ms);
}

static void add_role(struct map *map, const struct instance *instance, int64_t now_ms) {
    const char *role = instance->role_reported == ROLE_UNKNOWN ? instance_kind_name(instance->kind)
                                                               : role_name(instance->role_reported);
    add_int(map, "info-refresh", age(instance->info_ms, now_ms));
    add_text(map, "role-reported", role);
    add_int(map, "role-reported-time", age_or(instance->role_since_ms, instance->known_ms, now_ms));
}

void instance_map_reply_primary(struct client *client, const struct primary *primary, int64_t now_ms) {
    struct map map = map_begin(client);
    const struct primary_options *options = &primary->options;
    add_identity(&map, primary->instance, primary);
    add_link(&map, primary->instance, primary, now_ms);
    add_role(&map, primary->instance, now_ms);
    add_int(&map, "config-epoch", (int64_t)primary->config_epoch);
    add_int(&map, "num-slaves", (int64_t)primary->replica_count);
    add_int(&map, "num-other-sentinels", (int64_t)primary->seat_count);
    add_int(&map, "quorum", (int64_t)primary_quorum(primary));
    add_int(&map, "failover-timeout", options->failover_timeout_ms);
    add_int(&map, "parallel-syncs", options->parallel_syncs);
    if (primary->guard.least) {
        add_int(&map, "guard-confirmations", primary->guard.least);
        add_text(&map, "guard-promises", primary->guard.promised_ms != NEVER && primary->guard.promised_ms > now_ms ? "yes" : "no");
    }
    if (options->notification_script) add_text(&map, "notification-script", options->notification_script);
    if (options->client_reconfig_script) add_text(&map, "client-reconfig-script", options->client_reconfig_script);
    if (options->pre_failover_script) add_text(&map, "pre-failover-script", options->pre_failover_script);
    map_end(&map);
}

void instance_map_reply_replica(struct client *client, const struct instance *replica, int64_t now_ms) {
    struct map map = map_begin(client);
    const struct facts *facts = &replica->facts;
    add_identity(&map, replica, replica->primary);
    add_link(&map, replica, replica->primary, now_ms);
    add_role(&map, replica, now_ms);
    add_int(&map, "master-link-down-time", MAX(0, facts->link_down_ms));
    add_text(&map, "master-link-status", facts->link_up ? "ok" : "err");
    add_text(&map, "master-host", *facts->primary_host ? facts->primary_host : "?");
    add_int(&map, "master-port", facts->primary_port);
    add_int(&map, "slave-priority", facts->priority);
    add_int(&map, "slave-repl-offset", facts->replica_offset);
    add_int(&map, "replica-announced", facts->announced);
    const struct guard *guard = &replica->primary->guard;
    if (guard->least) add_text(&map, "guard-named", replica->named ? "yes" : "no");
    if (guard->least && guard->history[0]) add_text(&map, "guard-history", guard->history);
    map_end(&map);
}

void instance_map_reply_sentinel(struct client *client, const struct seat *seat, int64_t now_ms) {
    struct map map = map_begin(client);
    add_identity(&map, seat->peer, seat->primary);
    add_link(&map, seat->peer, seat->primary, now_ms);
    add_int(&map, "last-hello-message", age(seat->last_hello_ms, now_ms));
    add_text(&map, "voted-leader", *seat->leader ? seat->leader : "?");
    add_int(&map, "voted-leader-epoch", (int64_t)seat->leader_epoch);
    map_end(&map);
}
