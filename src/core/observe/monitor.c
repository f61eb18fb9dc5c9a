#include "core/observe/monitor.h"

#include "base/clock.h"
#include "base/list.h"
#include "base/mem.h"
#include "core/client/client.h"
#include "core/client/reply.h"
#include "core/config/core_settings.h"
#include "core/observe/redact.h"
#include "core/server.h"

#define COMMAND COMMAND_PROTOTYPE
#include "core/observe/observe.def"
#undef COMMAND

struct monitor {
    struct list_node node; /* in server->monitors */
    struct client   *client;
};

/* "+1795505050.269785 [0 127.0.0.1:35484] "set" "a" "1"" */
static void describe(struct client *client, const struct command_entry *entry, struct bytes *out) {
    int64_t wall_us = clock_wall_us();
    char    peer[CLIENT_ADDRESS_SIZE];
    bytes_add_printf(out, "+%lld.%06lld [%d ", (long long)(wall_us / 1000000), (long long)(wall_us % 1000000),
                     client->db);
    if ((client->flags & CLIENT_IN_SCRIPT) != 0) {
        bytes_add_text(out, "lua");
    } else if ((client->flags & CLIENT_UNIX_SOCKET) != 0) {
        bytes_add_printf(out, "unix:%s", client->server->settings->unixsocket);
    } else {
        client_peer_text(client, peer);
        bytes_add_text(out, peer);
    }
    bytes_add_text(out, "]");
    for (int i = 0; i < client->argc; i++) {
        bytes_add_char(out, ' ');
        bytes_add_quoted(out, redact_argument(client->server->params, entry, client->argv, client->argc, i));
    }
    bytes_add_text(out, "\r\n");
}

void monitor_show(struct client *client, const struct command_entry *entry) {
    struct server *server = client->server;
    if (LIKELY(list_is_empty(&server->monitors)) || server->is_loading) return;
    struct bytes line = {0};
    describe(client, entry, &line);
    LIST_EACH(&server->monitors, node) reply_raw(container_of(node, struct monitor, node)->client, bytes_slice(&line));
    bytes_fini(&line);
}

void monitor_note(struct client *client, const struct command_entry *entry) {
    if (LIKELY(list_is_empty(&client->server->monitors))) return;
    if ((entry->flags & (COMMAND_SKIP_MONITOR | COMMAND_ADMIN)) == 0) monitor_show(client, entry);
}

void monitor_remove(struct client *client) {
    if ((client->flags & CLIENT_IS_MONITOR) == 0) return;
    client->flags &= ~CLIENT_IS_MONITOR;
    LIST_EACH(&client->server->monitors, node) {
        struct monitor *monitor = container_of(node, struct monitor, node);
        if (monitor->client != client) continue;
        list_remove(&monitor->node);
        mem_free(monitor);
        return;
    }
}

void monitor_command(struct client *client) {
    if ((client->flags & (CLIENT_IN_MULTI | CLIENT_IN_SCRIPT)) != 0) {
        reply_error(client, "ERR MONITOR isn't allowed for DENY BLOCKING client");
        return;
    }
    if ((client->flags & (CLIENT_IS_MONITOR | CLIENT_IS_REPLICA)) == 0) {
        struct monitor *monitor = mem_zalloc(sizeof *monitor);
        monitor->client = client;
        client->flags |= CLIENT_IS_MONITOR;
        list_add(&client->server->monitors, &monitor->node);
    }
    reply_ok(client);
}
