/* The lease and the fence of a guarded kvd server, and what it acknowledges to its clients. */
#include "base/number.h"
#include "sim/dice.h"
#include "sim/ledger.h"
#include "sim/server_model_internal.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

enum { MILLISECOND = 1000, STAMP_OLDEST_MS = 600000 };

bool server_is_promised(const struct server *server, const char *sentinel) {
    for (size_t i = 0; i < server->grant_count; i++)
        if (strcmp(server->grants[i].sentinel, sentinel) == 0)
            return server->running && !server->fence && server->grants[i].until_us > server->schedule->now_us;
    return false;
}

uint64_t server_fence(const struct server *server) {
    return server->fence;
}

uint64_t server_newest_fence(const struct server *server) {
    return server->newest_fence;
}

const char *server_history(const struct server *server) {
    return server->replication_id;
}

void server_start_guard(struct server *server) {
    server->fence = 0;
    server->grant_count = 0;
    server->was_granted = false;
    if (server->traits.sync_min) server->salt = dice_between(server->random, 1, 1000000) * 1000000000;
}

void server_new_history(struct server *server, int64_t until) {
    char old_id[SERVER_ID_SIZE];
    memcpy(old_id, server->replication_id, sizeof old_id);
    dice_hex(server->random, server->replication_id, 40);
    if (!server->traits.sync_min) return;
    memcpy(server->former_id, old_id, sizeof old_id);
    server->former_offset = until;
    if (server->traits.ledger && old_id[0]) ledger_fork(server->traits.ledger, server->replication_id, old_id, until);
}

/* ---- The lease ---- */

static void forget_expired(struct server *server) {
    size_t kept = 0;
    for (size_t i = 0; i < server->grant_count; i++)
        if (server->grants[i].until_us > server->schedule->now_us) server->grants[kept++] = server->grants[i];
    server->grant_count = kept;
}

static bool is_held(struct server *server) {
    int64_t told = 0;
    forget_expired(server);
    for (size_t i = 0; i < server->grant_count; i++) told = MAX(told, server->grants[i].sentinels);
    return (int64_t)server->grant_count > told / 2;
}

static bool is_named(const struct server *server, const struct server_client *replica) {
    char name[NETWORK_ADDRESS_SIZE + 16];
    snprintf(name, sizeof name, " %s:%u ", network_address(server->network, link_peer_host(replica->end)), server->port);
    for (size_t i = 0; i < server->grant_count; i++)
        if (!strstr(server->grants[i].names, name)) return false;
    return true;
}

static int compare(const void *a, const void *b) {
    const int64_t *x = a, *y = b;
    return *x < *y ? 1 : *x > *y ? -1 : 0;
}

/* What it has acknowledged without a lease, before the first one, nobody promised to keep. */
void server_confirm(struct server *server) {
    int64_t acked[SERVER_GRANTS];
    size_t count = 0, needed = server->traits.sync_min;
    bool stands = !server->running || server->paused_until_us > server->schedule->now_us;
    if (!needed || !server->role.primary || stands || server->fence || !server->traits.ledger || !is_held(server)) return;
    LIST_EACH(&server->clients, node) {
        const struct server_client *client = container_of(node, struct server_client, node);
        if (client->is_replica && client->synced && count < COUNT_OF(acked) && is_named(server, client)) acked[count++] = client->acked;
    }
    if (count < needed) return;
    qsort(acked, count, sizeof acked[0], compare);
    ledger_acknowledge(server->traits.ledger, server->traits.group, server->traits.name, server->replication_id,
                       MIN(acked[needed - 1], server->offset));
}

static int64_t stamp_now(const struct server *server) {
    return server->salt + (server->schedule->now_us - server->started_us) / MILLISECOND + 1;
}

static struct server_grant *grant_of(struct server *server, struct slice sentinel) {
    for (size_t i = 0; i < server->grant_count; i++)
        if (slice_is(sentinel, server->grants[i].sentinel)) return &server->grants[i];
    if (server->grant_count == SERVER_GRANTS) return NULL;
    struct server_grant *grant = &server->grants[server->grant_count++];
    *grant = (struct server_grant){0};
    snprintf(grant->sentinel, sizeof grant->sentinel, "%.*s", (int)sentinel.size, sentinel.data);
    return grant;
}

static void take(struct server *server, const struct message *message) {
    int64_t sentinels, ms, stamp;
    if (!number_parse_int(message->args[3], &sentinels) || !number_parse_int(message->args[4], &ms) ||
        !number_parse_int(message->args[5], &stamp))
        return;
    if (stamp <= server->salt || stamp > stamp_now(server) || stamp_now(server) - stamp > STAMP_OLDEST_MS) return;
    int64_t until_us = server->started_us + (stamp - server->salt - 1 + ms - ms / 16) * MILLISECOND;
    if (until_us <= server->schedule->now_us) return;
    struct server_grant *grant = grant_of(server, message->args[2]);
    if (!grant) return;
    grant->until_us = MAX(grant->until_us, until_us);
    grant->sentinels = sentinels;
    struct bytes names = {0};
    for (size_t i = 6; i < message->count; i++)
        bytes_add_printf(&names, " %.*s ", (int)message->args[i].size, message->args[i].data);
    snprintf(grant->names, sizeof grant->names, "%s", bytes_text(&names));
    bytes_fini(&names);
    server->was_granted = true;
}

static struct message *lease(struct server *server, const struct message *message) {
    forget_expired(server);
    if (server->role.primary) take(server, message);
    server_confirm(server);
    char stamp[32], run_id[SERVER_ID_SIZE + 1], held[4], least[16];
    snprintf(stamp, sizeof stamp, ":%lld", (long long)stamp_now(server));
    snprintf(run_id, sizeof run_id, "+%s", server->run_id);
    snprintf(held, sizeof held, ":%d", is_held(server));
    snprintf(least, sizeof least, ":%u", server->traits.sync_min);
    const char *elements[] = {stamp, run_id, held, least};
    return message_array(elements, COUNT_OF(elements));
}

/* ---- The fence ---- */

/* PEEK, which no real server knows, answers alike and fences nothing: for a planted bug. */
static struct message *fence(struct server *server, const struct message *message, bool peeks) {
    int64_t epoch;
    char text[64];
    if (!number_parse_int(message->args[2], &epoch) || epoch <= 0) return message_error("ERR epoch must be a number greater than 0");
    bool is_others = (uint64_t)epoch == server->fence && !slice_is(message->args[3], server->fence_leader);
    if ((uint64_t)epoch < server->fence || is_others) {
        snprintf(text, sizeof text, "FENCED %llu", (unsigned long long)server->fence);
        return message_error(text);
    }
    server_advance(server);
    if (!peeks) {
        server->fence = (uint64_t)epoch;
        snprintf(server->fence_leader, sizeof server->fence_leader, "%.*s", (int)message->args[3].size, message->args[3].data);
        server->newest_fence = MAX(server->newest_fence, server->fence);
        if (!server->role.primary) server_drop_upstream(server);
    }
    char number[32], id[SERVER_ID_SIZE + 1], offset[32], run_id[SERVER_ID_SIZE + 1];
    snprintf(number, sizeof number, ":%lld", (long long)epoch);
    snprintf(id, sizeof id, "+%s", server->replication_id);
    snprintf(offset, sizeof offset, ":%lld", (long long)server->offset);
    snprintf(run_id, sizeof run_id, "+%s", server->run_id);
    const char *elements[] = {number, id, offset, ":-1", run_id};
    return message_array(elements, COUNT_OF(elements));
}

static struct message *release(struct server *server, const struct message *message) {
    int64_t epoch;
    if (!number_parse_int(message->args[2], &epoch) || !server->fence || (uint64_t)epoch != server->fence)
        return message_error("ERR there is no such fence");
    server->fence = 0;
    if (!server->role.primary) {
        struct server_role role = server->role;
        server_follow_address(server, role.address, role.port);
    }
    return message_status("OK");
}

struct message *server_guard_command(struct server *server, const struct message *message) {
    if (message_is(message, 1, "lease") && message->count >= 6) return lease(server, message);
    if (message_is(message, 1, "fence") && message->count == 4) return fence(server, message, false);
    if (message_is(message, 1, "peek") && message->count == 4) return fence(server, message, true);
    if (message_is(message, 1, "release") && message->count == 3) return release(server, message);
    return message_error("ERR wrong number of arguments for 'guard' command");
}
