#include "store/commands/replication_commands.h"
#include "base/log.h"
#include "base/number.h"
#include "core/client/reply.h"
#include "core/server.h"
#include "net/conn.h"
#include "store/commands/arguments.h"
#include "store/replication/full_sync.h"
#include "store/replication/replicas.h"
#include "store/replication/replication.h"
#include "store/replication/sync_replies.h"
#include "store/replication/waits.h"
#include "store/tx/session.h"

#include <stdio.h>

#define COMMAND COMMAND_PROTOTYPE
#include "store/commands/replication.def"
#undef COMMAND
#define COMMAND COMMAND_ROW
const struct command replication_commands[] = {
#include "store/commands/replication.def"
};
#undef COMMAND
const size_t replication_command_count = COUNT_OF(replication_commands);

static struct replication *replication_of(const struct client *client) {
    return session_of(client)->replication.replication;
}

/* ---- PSYNC, SYNC ---- */

/* It follows us as it is: no full synchronization. False: it cannot. */
static bool resume(struct replication *replication, struct replica *replica, struct slice id, int64_t wanted) {
    struct client *client = replica->client;
    if (!replication->backlog || !history_covers(&replication->history, id, wanted)) return false;
    if (!backlog_seek(replication->backlog, &replica->cursor, wanted - 1)) return false;
    replica->state = REPLICA_ONLINE;
    replica->acked_ms = replica->progress_ms = replication->server->now_ms;
    replicas_add(replication->replicas, replica);
    char line[64];
    int  size = replica->takes_psync2 ? snprintf(line, sizeof line, "+CONTINUE %s\r\n", replication->history.id)
                                      : snprintf(line, sizeof line, "+CONTINUE\r\n");
    reply_raw(client, slice_make(line, (size_t)size));
    LOG_WRITE(LOG_NOTICE, "Partial resynchronization request accepted from client id=%llu: %lld bytes of the backlog",
              (unsigned long long)client->id, (long long)(replication->history.offset - wanted + 1));
    return true;
}

/* The first that follows us begins a history: nobody knows what was before. */
static void begin_history(struct replication *replication) {
    if (replication->backlog) return;
    history_start(&replication->history);
    replication_need_backlog(replication);
}

static bool may_follow(struct client *client) {
    const struct replication *replication = replication_of(client);
    if (client->flags & CLIENT_IS_REPLICA) return false; /* it does already */
    if (replication_is_replica(replication) && !replication_is_synchronized(replication)) {
        reply_error(client, "NOMASTERLINK Can't SYNC while not connected with my master");
        return false;
    }
    if (reply_pending_bytes(client)) {
        reply_error(client, "ERR SYNC and PSYNC are invalid with pending output");
        return false;
    }
    return true;
}

static struct replica *entry_for_sync(struct client *client) {
    struct replication *replication = replication_of(client);
    if (replication->settings.disable_nodelay && client->conn) conn_set_nodelay(client->conn, false);
    return replicas_entry(replication->replicas, client);
}

static void want_all(struct replication *replication, struct replica *replica) {
    replication->replicas->full++;
    begin_history(replication);
    full_sync_want(replication->replicas->full_sync, replica);
}

void psync_command(struct client *client) {
    struct replication *replication = replication_of(client);
    int64_t wanted;
    if (client->argc > 3 && slice_is_nocase(client->argv[3], "failover") && !replication_take_over(replication, client)) return;
    if (!may_follow(client)) return;
    if (!number_parse_int(client->argv[2], &wanted)) {
        reply_not_integer(client);
        return;
    }
    struct replica *replica = entry_for_sync(client);
    if (resume(replication, replica, client->argv[1], wanted)) {
        replication->replicas->partial++;
        return;
    }
    if (!slice_is(client->argv[1], "?")) {
        replication->replicas->refused++;
        LOG_WRITE(LOG_NOTICE, "A replica (client id=%llu) asked to go on from byte %lld of a history, which is not kept or not this one",
                  (unsigned long long)client->id, (long long)wanted);
    }
    want_all(replication, replica);
}

void sync_command(struct client *client) {
    if (!may_follow(client)) return;
    struct replica *replica = entry_for_sync(client);
    replica->is_plain_sync = true;
    want_all(replication_of(client), replica);
}

/* ---- REPLCONF ---- */

static bool take_port(struct client *client, struct replica *replica, struct slice value) {
    int64_t port;
    if (!number_parse_int(value, &port) || port < 0 || port > 65535) {
        reply_not_integer(client);
        return false;
    }
    replica->port = (int)port;
    return true;
}

static bool take_address(struct client *client, struct replica *replica, struct slice value) {
    if (value.size >= sizeof replica->address) {
        reply_error(client, "ERR REPLCONF ip-address provided by replica instance is too long: %zu bytes", value.size);
        return false;
    }
    slice_print_plain(value, replica->address, sizeof replica->address);
    return true;
}

static bool take_filter(struct client *client, struct replica *replica, struct slice value) {
    struct slice part;
    replica->without_keys = value.size > 0;
    while (value.size && slice_split(&value, ' ', &part)) {
        if (part.size == 0 || slice_is_nocase(part, "functions")) continue;
        reply_error(client, "ERR Unsupported rdb-filter-only option: %.*s", (int)MIN(part.size, 128u), part.data);
        return false;
    }
    return true;
}

/* False: it replied an error. */
static bool take_option(struct client *client, struct replica *replica, struct slice name, struct slice value) {
    int64_t flag;
    if (slice_is_nocase(name, "listening-port")) return take_port(client, replica, value);
    if (slice_is_nocase(name, "ip-address")) return take_address(client, replica, value);
    if (slice_is_nocase(name, "rdb-filter-only")) return take_filter(client, replica, value);
    if (slice_is_nocase(name, "capa")) { /* others are ignored: those who know more do so too */
        replica->takes_eof |= slice_is_nocase(value, "eof");
        replica->takes_psync2 |= slice_is_nocase(value, "psync2");
        return true;
    }
    if (slice_is_nocase(name, "rdb-only")) {
        if (!number_parse_int(value, &flag)) {
            reply_not_integer(client);
            return false;
        }
        replica->only_rdb = flag == 1;
        return true;
    }
    reply_error(client, "ERR Unrecognized REPLCONF option: %.*s", (int)MIN(name.size, 128u), name.data);
    return false;
}

/* ACK offset [FACK offset]: nothing is replied. */
static void take_ack(struct client *client) {
    struct replicas *replicas = replication_of(client)->replicas;
    int64_t offset, fsynced = -1;
    if (!(client->flags & CLIENT_IS_REPLICA) || !number_parse_int(client->argv[2], &offset)) return;
    if (client->argc > 4 && slice_is_nocase(client->argv[3], "fack") && !number_parse_int(client->argv[4], &fsynced)) return;
    replicas_acked(replicas, replicas_entry(replicas, client), offset, fsynced);
}

void replconf_command(struct client *client) {
    struct replication *replication = replication_of(client);
    if (client->argc % 2 == 0) {
        reply_syntax_error(client);
        return;
    }
    if (client->argc > 1 && slice_is_nocase(client->argv[1], "ack")) {
        take_ack(client);
        return;
    }
    if (client->argc > 1 && slice_is_nocase(client->argv[1], "getack")) {
        replication_acknowledge(replication);
        return;
    }
    for (int i = 1; i < client->argc; i += 2)
        if (!take_option(client, replicas_entry(replication->replicas, client), client->argv[i], client->argv[i + 1])) return;
    reply_ok(client);
}

/* ---- WAIT ---- */

void wait_command(struct client *client) {
    struct replication *replication = replication_of(client);
    int64_t wanted, timeout_ms;
    if (replication_is_replica(replication)) {
        reply_error(client, "ERR WAIT cannot be used with replica instances. Please also note that since Redis 4.0 if a replica is "
                            "configured to be writable (which is not the default) writes to replicas are just local and are not "
                            "propagated.");
        return;
    }
    if (!number_parse_int(client->argv[1], &wanted) || !number_parse_int(client->argv[2], &timeout_ms)) {
        reply_not_integer(client);
        return;
    }
    if (timeout_ms < 0) {
        reply_error(client, "ERR timeout is negative");
        return;
    }
    waits_start(replication->waits, client, wanted < 0 ? 0 : (size_t)wanted, timeout_ms);
}

/* ---- CLIENT CAPA, READONLY, READWRITE: what following.c redirects ---- */

void client_capa_command(struct client *client) {
    for (int i = 2; i < client->argc; i++) /* what we do not know we never send */
        if (slice_is_nocase(client->argv[i], "redirect")) client->flags |= CLIENT_REDIRECTS;
    reply_ok(client);
}

static void want_reads_here(struct client *client, bool here) {
    if (!(client->flags & CLIENT_REDIRECTS)) {
        reply_error(client, "ERR This instance has cluster support disabled");
        return;
    }
    if (here) client->flags |= CLIENT_READONLY;
    else client->flags &= ~CLIENT_READONLY;
    reply_ok(client);
}

void readonly_command(struct client *client) {
    want_reads_here(client, true);
}

void readwrite_command(struct client *client) {
    want_reads_here(client, false);
}

/* ---- CLIENT SYNC-REPLICAS ---- */

void client_sync_replicas_command(struct client *client) {
    int64_t wanted = -1;
    if (!slice_is_nocase(client->argv[2], "default")) {
        if (!number_parse_int(client->argv[2], &wanted)) {
            reply_not_integer(client);
            return;
        }
        if (wanted < 0 || wanted > INT32_MAX) {
            reply_error(client, "ERR the number of replicas must be from 0 to %d", INT32_MAX);
            return;
        }
    }
    sync_replies_choose(replication_of(client)->sync, client, wanted);
    reply_ok(client);
}
