/* The commands that sentinels send to the server model. */
#include "base/mem.h"
#include "base/number.h"
#include "sim/server_model_internal.h"

#include <stdio.h>

void server_free_client(struct server_client *client) {
    struct server *server = client->server;
    if (client->is_replica) server->replicas--;
    schedule_cancel(server->schedule, &client->sync);
    list_remove(&client->node);
    mem_free(client);
}

void server_kill_clients(struct server *server, bool subscribed, const struct server_client *but) {
    if (!subscribed) server->has_clients = false;
    LIST_EACH(&server->clients, node) {
        struct server_client *client = container_of(node, struct server_client, node);
        if (client == but || client->is_replica || client->subscribed != subscribed) continue;
        link_close(client->end);
        server_free_client(client);
    }
}

static bool before(const struct server *server, int64_t until_us) {
    return server->schedule->now_us < until_us;
}

static struct message *ping(struct server *server) {
    if (before(server, server->loading_until_us))
        return message_error("LOADING Redis is loading the dataset in memory");
    if (!server->role.primary && server->follow != FOLLOW_UP && !server->traits.serves_stale)
        return message_error("MASTERDOWN Link with MASTER is down and replica-serve-stale-data is set to 'no'.");
    return message_status("PONG");
}

static struct message *info(struct server *server, const struct message *message) {
    struct bytes text = {0};
    bool all = message->count == 1;
    server_write_info(server, all || message_is(message, 1, "server"), all || message_is(message, 1, "replication"),
                      &text);
    struct message *reply = message_bulk(bytes_slice(&text));
    bytes_fini(&text);
    return reply;
}

static bool port_of(struct slice text, uint16_t *port) {
    int64_t value;
    if (!number_parse_int(text, &value) || value < 0 || value > 65535) return false;
    *port = (uint16_t)value;
    return true;
}

/* What REPLICAOF answers, as an element of EXEC's array. */
static const char *replicaof(struct server *server, struct slice host, struct slice port_text) {
    uint16_t port = 0;
    if (slice_is_nocase(host, "no") && slice_is_nocase(port_text, "one")) {
        server_become_primary(server);
        return "+OK";
    }
    if (server->handing_over) return "-ERR REPLICAOF not allowed while failing over.";
    if (!port_of(port_text, &port)) return "-ERR Invalid master port";
    char address[NETWORK_ADDRESS_SIZE];
    snprintf(address, sizeof address, "%.*s", (int)host.size, host.data);
    if (!server->fence && !server->role.primary && server->role.port == port && strcmp(server->role.address, address) == 0)
        return "+OK Already connected to specified master";
    server_follow_address(server, address, port);
    return "+OK";
}

static const char *queued_command(struct server_client *client, char *line) {
    struct server *server = client->server;
    struct slice rest = slice_text(line), part, args[4] = {{0}};
    for (size_t i = 0; i < COUNT_OF(args) && slice_split(&rest, ' ', &part); i++) args[i] = part;
    if (slice_is_nocase(args[0], "slaveof") || slice_is_nocase(args[0], "replicaof"))
        return replicaof(server, args[1], args[2]);
    if (slice_is_nocase(args[0], "config")) {
        if (!server->traits.rewrites) return "-ERR The server is running without a config file";
        server->file = server->role;
        return "+OK";
    }
    if (slice_is_nocase(args[0], "client") && slice_is_nocase(args[1], "kill")) {
        server_kill_clients(server, slice_is_nocase(args[3], "pubsub"), client);
        return ":1";
    }
    return "-ERR unknown command";
}

static struct message *exec(struct server_client *client) {
    const char *results[SERVER_QUEUE];
    if (!client->in_multi) return message_error("ERR EXEC without MULTI");
    client->in_multi = false;
    if (client->multi_failed) return message_error("EXECABORT Transaction discarded because of previous errors.");
    for (size_t i = 0; i < client->queued; i++) results[i] = queued_command(client, client->queue[i]);
    return message_array(results, client->queued);
}

static struct message *queue(struct server_client *client, const struct message *message) {
    bool is_order = message_is(message, 0, "slaveof") || message_is(message, 0, "replicaof");
    if (client->queued == SERVER_QUEUE || (is_order && before(client->server, client->server->loading_until_us))) {
        client->multi_failed = true;
        return message_error("LOADING Redis is loading the dataset in memory");
    }
    struct bytes line = {0};
    for (size_t i = 0; i < message->count; i++) {
        if (i) bytes_add_char(&line, ' ');
        bytes_add_slice(&line, message->args[i]);
    }
    snprintf(client->queue[client->queued++], sizeof client->queue[0], "%s", bytes_text(&line));
    bytes_fini(&line);
    return message_status("QUEUED");
}

static struct message *failover(struct server *server, const struct message *message) {
    int64_t timeout_ms = 60000;
    uint16_t port;
    if (!server->traits.hands_over) return message_error("ERR unknown command 'FAILOVER'");
    if (message_is(message, 1, "abort")) {
        if (!server->handing_over) return message_error("ERR No failover in progress.");
        server->handing_over = false;
        return message_status("OK");
    }
    if (!server->role.primary) return message_error("ERR FAILOVER is not valid when server is a replica.");
    if (server->handing_over) return message_error("ERR FAILOVER already in progress.");
    if (!server->replicas) return message_error("ERR FAILOVER requires connected replicas.");
    if (message->count < 4 || !port_of(message->args[3], &port)) return message_error("ERR syntax error");
    if (message->count >= 6 && !number_parse_int(message->args[5], &timeout_ms))
        return message_error("ERR FAILOVER timeout must be greater than 0");
    char address[NETWORK_ADDRESS_SIZE];
    snprintf(address, sizeof address, "%.*s", (int)message->args[2].size, message->args[2].data);
    server_start_handover(server, address, port, timeout_ms * 1000);
    return message_status("OK");
}

/* CLIENT SETNAME; CLIENT PAUSE milliseconds WRITE and CLIENT UNPAUSE. */
static struct message *client_command(struct server *server, const struct message *message) {
    int64_t pause_ms;
    bool unpause = message_is(message, 1, "unpause");
    if (!unpause && !message_is(message, 1, "pause")) return message_status("OK");
    if (!server->traits.hands_over) return message_error("NOPERM this user has no permissions to run the command");
    server_advance(server);
    if (unpause) pause_ms = 0;
    else if (message->count < 4 || !number_parse_int(message->args[2], &pause_ms)) return message_error("ERR syntax error");
    server->writes_stop_until_us = server->schedule->now_us + pause_ms * 1000;
    return message_status("OK");
}

static struct message *script(struct server *server) {
    if (!before(server, server->script_until_us)) return message_error("NOTBUSY No scripts in execution right now.");
    if (!server->script_killable)
        return message_error("UNKILLABLE Sorry the script already executed write commands against the dataset.");
    server->script_until_us = 0;
    return message_status("OK");
}

static struct message *execute(struct server_client *client, const struct message *message) {
    struct server *server = client->server;
    if (message_is(message, 0, "script")) return script(server);
    if (before(server, server->script_until_us)) {
        client->multi_failed = true;
        return message_error("BUSY Redis is busy running a script. You can only call SCRIPT KILL.");
    }
    if (message_is(message, 0, "exec")) return exec(client);
    if (client->in_multi) return queue(client, message);
    if (message_is(message, 0, "ping")) return ping(server);
    if (message_is(message, 0, "info")) return info(server, message);
    if (message_is(message, 0, "failover")) return failover(server, message);
    if (message_is(message, 0, "client")) return client_command(server, message);
    if (message_is(message, 0, "multi")) {
        client->in_multi = true;
        client->multi_failed = false;
        client->queued = 0;
        return message_status("OK");
    }
    if (message_is(message, 0, "guard") && server->traits.sync_min) return server_guard_command(server, message);
    if (message_is(message, 0, "publish") && message->count == 3) {
        server_publish(server, message->args[2]);
        return message_integer(1);
    }
    return message_error("ERR unknown command");
}

void server_take_command(struct server_client *client, const struct message *message) {
    if (message_is(message, 0, "subscribe")) {
        client->subscribed = true;
        return;
    }
    link_send(client->end, execute(client, message));
}
