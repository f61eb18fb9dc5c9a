/* Replication of the server model: the side that follows and the side that feeds. */
#include "sim/dice.h"
#include "sim/server_model_internal.h"

#include <stdio.h>

enum { MILLISECOND = 1000, SECOND = 1000 * MILLISECOND, ENTRY_BYTES = 60, HANDOVER_POLL_US = 2 * MILLISECOND };

static bool is_paused(const struct server *server) {
    return server->paused_until_us > server->schedule->now_us;
}

void server_advance(struct server *server) {
    int64_t from_us = MAX(server->offset_us, MIN(server->paused_until_us, server->schedule->now_us));
    int64_t entries = (server->schedule->now_us - from_us) / server->traits.writes_us;
    bool stopped = server->handing_over || server->writes_stop_until_us > server->schedule->now_us;
    bool writable = server->running && server->role.primary && !stopped && !is_paused(server);
    if (writable && entries > 0) {
        server->offset += entries * ENTRY_BYTES;
        server->offset_us = from_us + entries * server->traits.writes_us;
    } else if (!writable) {
        server->offset_us = server->schedule->now_us;
    }
}

/* Feeding */

static void drop_client(struct server_client *client) {
    link_close(client->end);
    client->end = NULL;
    server_free_client(client);
}

void server_drop_replicas(struct server *server) {
    LIST_EACH(&server->clients, node) {
        struct server_client *client = container_of(node, struct server_client, node);
        if (client->is_replica) drop_client(client);
    }
}

static bool may_feed(const struct server *server) {
    if (server->loading_until_us > server->schedule->now_us) return false;
    return server->role.primary || server->follow == FOLLOW_UP;
}

static void on_sync_done(struct happening *happening) {
    struct server_client *client = container_of(happening, struct server_client, sync);
    struct server *server = client->server;
    if (is_paused(server)) {
        schedule_at(server->schedule, &client->sync, server->paused_until_us + 1);
        return;
    }
    server_advance(server);
    struct message *message = message_new(MESSAGE_SYNCED);
    message->number = server->offset;
    message->flag = client->full_sync;
    memcpy(message->id, server->replication_id, sizeof message->id);
    client->synced = true;
    link_send(client->end, message);
    if (!schedule_has(&server->stream)) schedule_after(server->schedule, &server->stream, server->traits.stream_us);
}

void server_take_psync(struct server_client *client, const struct message *message) {
    struct server *server = client->server;
    if (!may_feed(server) && !message->flag) { /* NOMASTERLINK, LOADING */
        drop_client(client);
        return;
    }
    if (message->flag) { /* PSYNC FAILOVER: the primary asks us to take over */
        if (!server->role.primary && strcmp(message->id, server->replication_id) == 0) server_become_primary(server);
        if (!server->role.primary) {
            drop_client(client);
            return;
        }
    }
    client->is_replica = true;
    client->full_sync = !message->flag && strcmp(message->id, server->replication_id) != 0;
    client->sync.run = on_sync_done;
    server->replicas++;
    int64_t takes_us = client->full_sync ? dice_between(server->random, 1, server->traits.sync_us) : MILLISECOND;
    schedule_after(server->schedule, &client->sync, takes_us);
}

static void send_to_replicas(struct server *server, struct slice payload) {
    LIST_EACH(&server->clients, node) {
        struct server_client *client = container_of(node, struct server_client, node);
        if (client->is_replica && client->synced) link_send(client->end, message_stream(server->offset, payload));
    }
}

static void on_stream(struct happening *happening) {
    struct server *server = container_of(happening, struct server, stream);
    if (!server->running || !server->replicas) return;
    if (!is_paused(server)) {
        server_advance(server);
        send_to_replicas(server, (struct slice){0});
    }
    schedule_after(server->schedule, &server->stream, server->traits.stream_us);
}

static void push_to_subscribers(struct server *server, struct slice payload) {
    LIST_EACH(&server->clients, node) {
        struct server_client *client = container_of(node, struct server_client, node);
        if (client->subscribed) link_send(client->end, message_push(payload));
    }
}

/* What is published on a replica stays there. */
void server_publish(struct server *server, struct slice payload) {
    push_to_subscribers(server, payload);
    if (!server->role.primary) return;
    server_advance(server);
    server->offset += (int64_t)payload.size;
    send_to_replicas(server, payload);
}

/* Following */

static void connect_upstream(struct server *server);

static void retry_later(struct server *server) {
    server->follow = FOLLOW_RETRY;
    schedule_after(server->schedule, &server->cron, dice_between(server->random, 1, SECOND));
}

static void on_upstream_open(void *context, struct link_end *end) {
    struct server *server = context;
    struct message *message = message_new(MESSAGE_PSYNC);
    memcpy(message->id, server->replication_id, sizeof message->id);
    message->number = server->offset;
    message->flag = server->handing_over;
    server->handing_over = false;
    server->follow = FOLLOW_SYNCING;
    server->heard_us = server->schedule->now_us;
    link_send(end, message);
}

static void send_ack(const struct server *server, struct link_end *end) {
    struct message *ack = message_new(MESSAGE_ACK);
    ack->number = server->offset;
    link_send(end, ack);
}

static void on_upstream_message(void *context, struct link_end *end, const struct message *message) {
    struct server *server = context;
    server->heard_us = server->schedule->now_us;
    if (message->kind == MESSAGE_SYNCED) {
        server->follow = FOLLOW_UP;
        bool changed = strcmp(server->replication_id, message->id) != 0;
        memcpy(server->replication_id, message->id, sizeof server->replication_id);
        if (changed) server_drop_replicas(server);
    } else if (message->text.size && message->number > server->offset) { /* else: a cycle of replicas brings it again */
        server->offset = message->number;
        push_to_subscribers(server, message->text);
        send_to_replicas(server, message->text);
    }
    server->offset = message->number;
    send_ack(server, end);
}

static void on_upstream_closed(void *context, struct link_end *end, enum line_reason reason) {
    (void)end;
    (void)reason;
    struct server *server = context;
    server->upstream = NULL;
    if (server->follow == FOLLOW_UP) server->link_down_us = server->schedule->now_us;
    server->handing_over = false;
    retry_later(server);
}

static const struct link_ops upstream_ops = {on_upstream_open, on_upstream_message, on_upstream_closed};

const char *server_lookup(const struct server *server, const char *host) {
    return server->traits.names ? names_lookup(server->traits.names, server->host, host) : host;
}

static void connect_upstream(struct server *server) {
    const char *address = server_lookup(server, server->role.address);
    if (!address) {
        retry_later(server);
        return;
    }
    server->follow = FOLLOW_CONNECTING;
    server->upstream = link_open(server->network, server->host, address, server->role.port,
                                 server->traits.timeout_us, &upstream_ops, server);
    schedule_after(server->schedule, &server->cron, SECOND);
}

void server_drop_upstream(struct server *server) {
    if (server->upstream) link_close(server->upstream);
    server->upstream = NULL;
    server->follow = FOLLOW_NONE;
    schedule_cancel(server->schedule, &server->cron);
}

static void on_cron(struct happening *happening) {
    struct server *server = container_of(happening, struct server, cron);
    if (is_paused(server)) {
        schedule_at(server->schedule, &server->cron, server->paused_until_us + 1);
    } else if (server->follow == FOLLOW_RETRY) {
        connect_upstream(server);
    } else if (server->schedule->now_us - server->heard_us > server->traits.timeout_us &&
               server->follow != FOLLOW_CONNECTING) {
        if (server->follow == FOLLOW_UP) server->link_down_us = server->schedule->now_us;
        server_drop_upstream(server);
        retry_later(server);
    } else {
        if (server->follow == FOLLOW_UP) send_ack(server, server->upstream);
        schedule_after(server->schedule, &server->cron, SECOND);
    }
}

void server_follow_address(struct server *server, const char *address, uint16_t port) {
    server_advance(server);
    server_drop_upstream(server);
    server_drop_replicas(server);
    server->grant_count = 0;
    server->fence = 0;
    server->role = (struct server_role){.port = port};
    snprintf(server->role.address, sizeof server->role.address, "%s", address);
    server->link_down_us = server->schedule->now_us;
    connect_upstream(server);
}

void server_become_primary(struct server *server) {
    if (server->role.primary) return;
    server_drop_upstream(server);
    server->role = (struct server_role){.primary = true};
    server->offset_us = server->schedule->now_us;
    server->promotions++;
    server->fence = 0;
    server_new_history(server, server->offset);
    server_drop_replicas(server);
}

/* FAILOVER: writes stop; when the chosen replica has everything it is asked to take over. */
static void on_handover(struct happening *happening) {
    struct server *server = container_of(happening, struct server, handover);
    unsigned target;
    if (!server->running || !server->handing_over || !server->role.primary) return;
    if (server->schedule->now_us > server->handover_until_us ||
        !names_identify(server->traits.names, server->network, server->handover_address, &target)) {
        server->handing_over = false;
        return;
    }
    bool ready = false;
    if (!is_paused(server)) {
        send_to_replicas(server, (struct slice){0});
        LIST_EACH(&server->clients, node) {
            struct server_client *client = container_of(node, struct server_client, node);
            ready |= client->synced && client->acked == server->offset && link_peer_host(client->end) == target;
        }
    }
    if (!ready) {
        schedule_after(server->schedule, &server->handover, HANDOVER_POLL_US);
        return;
    }
    server_follow_address(server, server->handover_address, server->handover_port);
}

void server_start_handover(struct server *server, const char *address, uint16_t port, int64_t timeout_us) {
    server_advance(server);
    server->handing_over = true;
    snprintf(server->handover_address, sizeof server->handover_address, "%s", address);
    server->handover_port = port;
    server->handover_until_us = server->schedule->now_us + timeout_us;
    schedule_after(server->schedule, &server->handover, HANDOVER_POLL_US);
}

void server_init_follow(struct server *server) {
    server->stream.run = on_stream;
    server->cron.run = on_cron;
    server->handover.run = on_handover;
}

void server_end_follow(struct server *server) {
    server->follow = FOLLOW_NONE;
    server->handing_over = false;
    schedule_cancel(server->schedule, &server->stream);
    schedule_cancel(server->schedule, &server->cron);
    schedule_cancel(server->schedule, &server->handover);
}
