#include "sim/server_model_internal.h"
#include "base/mem.h"
#include "sim/dice.h"

#include <stdio.h>

static void on_message(void *context, struct link_end *end, const struct message *message) {
    struct server_client *client = context;
    CHECK(client->end == end);
    switch (message->kind) {
    case MESSAGE_COMMAND: server_take_command(client, message); break;
    case MESSAGE_PSYNC: server_take_psync(client, message); break;
    case MESSAGE_ACK:
        client->acked = message->number;
        server_confirm(client->server);
        break;
    default: UNREACHABLE("clients send commands");
    }
}

static void on_closed(void *context, struct link_end *end, enum line_reason reason) {
    (void)end;
    (void)reason;
    server_free_client(context);
}

static void *on_accept(void *process, struct link_end *end) {
    struct server *server = process;
    struct server_client *client = mem_zalloc(sizeof *client);
    client->server = server;
    client->end = end;
    list_add(&server->clients, &client->node);
    return client;
}

static const struct link_ops client_ops = {.on_message = on_message, .on_closed = on_closed};
static const struct listener_ops listener_ops = {.ops = &client_ops, .accept = on_accept};

struct server *server_new(struct network *network, struct schedule *schedule, struct random *random,
                          const struct server_traits *traits, uint16_t port) {
    struct server *server = mem_zalloc(sizeof *server);
    server->network = network;
    server->schedule = schedule;
    server->random = random;
    server->traits = *traits;
    server->host = network_add_host(network);
    server->port = port;
    server->file.primary = true;
    list_init(&server->clients);
    server_init_follow(server);
    return server;
}

static void forget_clients(struct server *server) {
    LIST_EACH(&server->clients, node) server_free_client(container_of(node, struct server_client, node));
}

void server_free(struct server **server) {
    forget_clients(*server);
    server_end_follow(*server);
    mem_free(*server);
    *server = NULL;
}

void server_configure(struct server *server, const char *primary, uint16_t port) {
    server->file = (struct server_role){.primary = !primary, .port = port};
    if (primary) snprintf(server->file.address, sizeof server->file.address, "%s", primary);
}

void server_start(struct server *server, int64_t loading_us, bool empty) {
    int64_t now_us = server->schedule->now_us;
    server->running = true;
    server->started_us = server->offset_us = server->link_down_us = now_us;
    server->loading_until_us = now_us + loading_us;
    server->paused_until_us = server->script_until_us = server->writes_stop_until_us = 0;
    if (empty) server->offset = 0;
    dice_hex(server->random, server->run_id, 40);
    if (empty || server->file.primary || !server->replication_id[0]) server_new_history(server, server->offset);
    server_start_guard(server);
    network_start_process(server->network, server->host, server->port, &listener_ops, server);
    server->role = server->file;
    if (!server->role.primary) {
        struct server_role role = server->role;
        server_follow_address(server, role.address, role.port);
    }
}

void server_forget(struct server *server, unsigned permille) {
    CHECK(!server->running);
    server->offset -= server->offset * permille / 1000;
}

void server_add_client(struct server *server) {
    server->has_clients = true;
}

bool server_has_clients(const struct server *server) {
    return server->has_clients;
}

void server_stop(struct server *server, bool power_lost) {
    server_advance(server);
    server->running = server->has_clients = false;
    network_stop_process(server->network, server->host, power_lost);
    LIST_EACH(&server->clients, node) container_of(node, struct server_client, node)->end = NULL;
    forget_clients(server);
    server->upstream = NULL;
    server_end_follow(server);
}

void server_pause(struct server *server, int64_t until_us) {
    server_advance(server);
    server->paused_until_us = MAX(server->paused_until_us, until_us);
    network_pause_process(server->network, server->host, until_us);
}

void server_run_script(struct server *server, int64_t until_us, bool killable) {
    server->script_until_us = until_us;
    server->script_killable = killable;
}

unsigned server_host(const struct server *server) {
    return server->host;
}

uint16_t server_port(const struct server *server) {
    return server->port;
}

const char *server_name(const struct server *server) {
    return server->traits.name;
}

bool server_is_running(const struct server *server) {
    return server->running;
}

bool server_is_paused(const struct server *server) {
    return server->paused_until_us > server->schedule->now_us;
}

bool server_is_primary(const struct server *server) {
    return server->role.primary;
}

bool server_is_announced(const struct server *server) {
    return server->traits.announced;
}

int64_t server_offset(const struct server *server) {
    return server->offset;
}

bool server_is_replica_of(const struct server *server, const char *address, uint16_t port) {
    return !server->role.primary && server->role.port == port && server_lookup(server, server->role.address) &&
           strcmp(server_lookup(server, server->role.address), address) == 0;
}

bool server_follows(const struct server *server, const char *address, uint16_t port) {
    return server->follow == FOLLOW_UP && server_is_replica_of(server, address, port);
}

int64_t server_promotions(const struct server *server) {
    return server->promotions;
}
