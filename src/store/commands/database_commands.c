#include "store/commands/database_commands.h"
#include "core/client/client.h"
#include "core/client/reply.h"
#include "core/command/dispatch.h"
#include "core/server.h"
#include "store/commands/arguments.h"
#include "store/notify/tracking.h"
#include "store/persist/persistence.h"
#include "store/replication/following.h"
#include "store/replication/replicas.h"
#include "store/replication/replication.h"
#include "store/tx/session.h"
#include "store/tx/waiting.h"
#include "store/tx/watch.h"

#define COMMAND COMMAND_PROTOTYPE
#include "store/commands/database.def"
#undef COMMAND
#define COMMAND COMMAND_ROW
const struct command database_commands[] = {
#include "store/commands/database.def"
};
#undef COMMAND
const size_t database_command_count = COUNT_OF(database_commands);

void select_command(struct client *client) {
    int number;
    if (!argument_int32(client, 1, &number, NULL)) return;
    if (session_select(client, number))
        reply_ok(client);
    else
        reply_error(client, "ERR DB index is out of range");
}

void swapdb_command(struct client *client) {
    struct databases *databases = session_of(client)->databases;
    int first, second;
    if (!argument_int32(client, 1, &first, "ERR invalid first DB index") ||
        !argument_int32(client, 2, &second, "ERR invalid second DB index"))
        return;
    struct keyspace *a = databases_find(databases, first), *b = databases_find(databases, second);
    if (!a || !b) {
        reply_error(client, "ERR DB index is out of range");
        return;
    }
    if (a != b) {
        watch_touch_all(a, b);
        watch_touch_all(b, a);
        keyspace_swap(a, b);
        waiting_touch_all(session_of(client)->waiting, a);
        waiting_touch_all(session_of(client)->waiting, b);
        tracking_all_changed(session_of(client)->tracking);
    }
    client->server->dirty++;
    reply_ok(client);
}

void dbsize_command(struct client *client) {
    reply_uint(client, keyspace_count(session_keyspace(client)));
}

/* ASYNC, SYNC or nothing. */
static bool read_flush_mode(struct client *client, bool *async) {
    *async = session_of(client)->databases->settings.lazyfree_lazy_user_flush;
    if (client->argc == 1) return true;
    *async = slice_is_nocase(client->argv[1], "async");
    if (client->argc == 2 && (*async || slice_is_nocase(client->argv[1], "sync"))) return true;
    reply_syntax_error(client);
    return false;
}

static void flush(struct client *client, struct keyspace *keyspace, bool async) {
    watch_touch_all(keyspace, NULL);
    client->server->dirty += keyspace_clear(keyspace, async);
    waiting_touch_all(session_of(client)->waiting, keyspace);
}

void flushdb_command(struct client *client) {
    bool async;
    if (!read_flush_mode(client, &async)) return;
    flush(client, session_keyspace(client), async);
    tracking_all_changed(session_of(client)->tracking);
    dispatch_force_propagation(client);
    reply_ok(client);
}

void flushall_command(struct client *client) {
    bool async;
    if (!read_flush_mode(client, &async)) return;
    struct databases *databases = session_of(client)->databases;
    for (int i = 0; i < databases_count(databases); i++) flush(client, databases_find(databases, i), async);
    persistence_flushed(session_of(client)->persistence);
    tracking_all_changed(session_of(client)->tracking);
    dispatch_force_propagation(client);
    reply_ok(client);
}

static void reply_replica(struct client *client, const struct replica *replica) {
    char address[REPLICA_ADDRESS_SIZE];
    replicas_print_address(replica, address);
    reply_array(client, 3);
    reply_bulk_text(client, address);
    reply_bulk_int(client, replica->port);
    reply_bulk_int(client, replica->acked_offset);
}

/* Of a primary: how far it is, and who follows it. */
void role_command(struct client *client) {
    const struct replication *replication = session_of(client)->replication.replication;
    if (replication_is_replica(replication)) {
        following_reply_role(replication->following, client);
        return;
    }
    size_t count = 0;
    reply_array(client, 3);
    reply_bulk_text(client, "master");
    reply_int(client, replication->history.offset);
    struct output_hole hole = reply_later(client);
    LIST_EACH(&replication->replicas->all, node) {
        const struct replica *replica = container_of(node, struct replica, node);
        if (replica->state != REPLICA_ONLINE) continue;
        reply_replica(client, replica);
        count++;
    }
    reply_array_here(client, hole, count);
}
