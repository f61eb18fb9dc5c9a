#include "store/commands/following_commands.h"
#include "base/log.h"
#include "base/mem.h"
#include "core/client/client.h"
#include "core/client/reply.h"
#include "core/server.h"
#include "store/commands/arguments.h"
#include "store/replication/following.h"
#include "store/replication/guard.h"
#include "store/replication/handover.h"
#include "store/replication/replication.h"
#include "store/tx/session.h"

#define COMMAND COMMAND_PROTOTYPE
#include "store/commands/following.def"
#undef COMMAND
#define COMMAND COMMAND_ROW
const struct command following_commands[] = {
#include "store/commands/following.def"
};
#undef COMMAND
const size_t following_command_count = COUNT_OF(following_commands);

static struct following *following_of(const struct client *client) {
    return session_of(client)->replication.replication->following;
}

/* ---- REPLICAOF ---- */

static void note_order(struct client *client, const char *what) {
    struct bytes who = {0};
    client_describe(client, &who);
    LOG_WRITE(LOG_NOTICE, "%s enabled (user request from '%s')", what, bytes_text(&who));
    bytes_fini(&who);
}

static void follow(struct client *client, struct following *following) {
    int port;
    if (!argument_int32(client, 2, &port, NULL)) return;
    if (port < 0 || port > 65535) {
        reply_error(client, "ERR Invalid master port");
        return;
    }
    if (following_is_of(following, client->argv[1], port) && !guard_is_fenced(session_of(client)->replication.replication->guard)) {
        LOG_WRITE(LOG_NOTICE, "REPLICAOF would result into synchronization with the master we are already connected with. No "
                              "operation performed.");
        reply_status(client, "OK Already connected to specified master");
        return;
    }
    char *host = slice_to_text(client->argv[1]);
    note_order(client, "REPLICAOF");
    following_follow(following, host, port, false);
    mem_free(host);
    reply_ok(client);
}

void replicaof_command(struct client *client) {
    struct following *following = following_of(client);
    if (handover_state(following_handover(following)) != HANDOVER_NONE) {
        reply_error(client, "ERR REPLICAOF not allowed while failing over.");
        return;
    }
    if (!slice_is_nocase(client->argv[1], "no") || !slice_is_nocase(client->argv[2], "one")) {
        if (client->flags & CLIENT_IS_REPLICA) {
            reply_error(client, "ERR Command is not valid when client is a replica.");
            return;
        }
        follow(client, following);
        return;
    }
    if (replication_is_replica(session_of(client)->replication.replication)) {
        note_order(client, "MASTER MODE");
        following_promote(following);
    }
    reply_ok(client);
}

void slaveof_command(struct client *client) {
    replicaof_command(client);
}

/* ---- FAILOVER ---- */

static bool read_timeout(struct client *client, int place, struct handover_order *order) {
    if (!argument_int(client, place, &order->timeout_ms)) return false;
    if (order->timeout_ms > 0) return true;
    reply_error(client, "ERR FAILOVER timeout must be greater than 0");
    return false;
}

static bool read_order(struct client *client, struct handover_order *order) {
    for (int i = 1; i < client->argc; i++) {
        struct slice word = client->argv[i];
        if (slice_is_nocase(word, "timeout") && i + 1 < client->argc && !order->timeout_ms) {
            if (!read_timeout(client, ++i, order)) return false;
        } else if (slice_is_nocase(word, "to") && i + 2 < client->argc && !order->has_target) {
            if (!argument_int32(client, i + 2, &order->port, NULL)) return false;
            order->has_target = true;
            order->host = client->argv[i + 1];
            i += 2;
        } else if (slice_is_nocase(word, "force") && !order->is_forced) {
            order->is_forced = true;
        } else {
            reply_syntax_error(client);
            return false;
        }
    }
    return true;
}

void failover_command(struct client *client) {
    struct handover *handover = following_handover(following_of(client));
    struct handover_order order = {0};
    struct error err;
    bool is_abort = client->argc == 2 && slice_is_nocase(client->argv[1], "abort");
    if (!is_abort && !read_order(client, &order)) return;
    if (is_abort ? handover_abort(handover, &err) : handover_start(handover, &order, &err)) reply_ok(client);
    else reply_error(client, "%s", err.text);
}
