#include "store/commands/guard_commands.h"
#include "core/client/reply.h"
#include "core/server.h"
#include "store/commands/arguments.h"
#include "store/replication/guard.h"
#include "store/replication/replication.h"
#include "store/tx/session.h"

#define COMMAND COMMAND_PROTOTYPE
#include "store/commands/guard.def"
#undef COMMAND
#define COMMAND COMMAND_ROW
const struct command guard_commands[] = {
#include "store/commands/guard.def"
};
#undef COMMAND
const size_t guard_command_count = COUNT_OF(guard_commands);

enum { SENTINEL_ID_SIZE = 40 };

static struct guard *guard_of(const struct client *client) {
    return session_of(client)->replication.replication->guard;
}

/* The run id of a sentinel, as every one of them has it. */
static bool is_run_id(struct slice text) {
    if (text.size != SENTINEL_ID_SIZE) return false;
    for (size_t i = 0; i < text.size; i++)
        if (!strchr("0123456789abcdef", text.data[i]) || !text.data[i]) return false;
    return true;
}

/* False: it was told. */
static bool read_run_id(struct client *client, int place) {
    if (is_run_id(client->argv[place])) return true;
    reply_error(client, "ERR the run id of a sentinel has %d hexadecimal digits", SENTINEL_ID_SIZE);
    return false;
}

/* ---- LEASE ---- */

static bool is_name(struct slice text) {
    if (!text.size || text.size > LEASE_NAME_MAX) return false;
    for (size_t i = 0; i < text.size; i++)
        if ((unsigned char)text.data[i] <= ' ') return false;
    return true;
}

enum { FIRST_REPLICA = 6 };

static bool read_offer(struct client *client, struct lease_offer *offer) {
    int64_t sentinels;
    if (!read_run_id(client, 2)) return false;
    if (!argument_int_within(client, 3, 1, LEASE_SENTINELS_MAX, &sentinels, NULL)) return false;
    if (!argument_int_within(client, 4, 0, INT64_MAX, &offer->ms, NULL)) return false;
    if (!argument_int_within(client, 5, 0, INT64_MAX, &offer->stamp, NULL)) return false;
    if (client->argc - FIRST_REPLICA > LEASE_REPLICAS_MAX) {
        reply_error(client, "ERR more than %d replicas", LEASE_REPLICAS_MAX);
        return false;
    }
    offer->sentinel = client->argv[2];
    offer->sentinels = (int)sentinels;
    offer->replicas = client->argv + FIRST_REPLICA;
    offer->count = (size_t)(client->argc - FIRST_REPLICA);
    for (size_t i = 0; i < offer->count; i++) {
        if (is_name(offer->replicas[i])) continue;
        reply_error(client, "ERR a replica is named by its address and port, as INFO names it");
        return false;
    }
    return true;
}

void guard_lease_command(struct client *client) {
    struct lease_offer offer;
    struct error err;
    int64_t stamp;
    bool    is_held;
    if (!read_offer(client, &offer)) return;
    if (!guard_take(guard_of(client), &offer, &stamp, &is_held, &err)) {
        reply_error(client, "%s", err.text);
        return;
    }
    reply_array(client, 3);
    reply_int(client, stamp);
    reply_bulk_text(client, client->server->run_id);
    reply_int(client, is_held);
}

/* ---- FENCE, RELEASE ---- */

void guard_fence_command(struct client *client) {
    struct guard *guard = guard_of(client);
    struct guard_place place;
    struct error err;
    int64_t epoch;
    if (!argument_int_within(client, 2, 1, INT64_MAX, &epoch, NULL) || !read_run_id(client, 3)) return;
    if (!guard_fence(guard, epoch, client->argv[3], &err)) {
        reply_error(client, "%s", err.text);
        return;
    }
    guard_get_place(guard, &place);
    reply_array(client, 5);
    reply_int(client, epoch);
    reply_bulk_text(client, place.id);
    reply_int(client, place.offset);
    reply_int(client, place.fsynced);
    reply_bulk_text(client, client->server->run_id);
}

void guard_release_command(struct client *client) {
    struct error err;
    int64_t epoch;
    if (!argument_int_within(client, 2, 1, INT64_MAX, &epoch, NULL)) return;
    if (guard_release(guard_of(client), epoch, &err)) reply_ok(client);
    else reply_error(client, "%s", err.text);
}

/* ---- HELP ---- */

void guard_help_command(struct client *client) {
    reply_help(client, (const char *const[]){
                           "FENCE <epoch> <leader>", "    Confirm nothing more, or acknowledge nothing more: a sentinel is about to promote somebody.",
                           "LEASE <sentinel> <sentinels> <milliseconds> <stamp> [<address:port> ...]",
                           "    A sentinel's promise not to vote for another primary, and the replicas that it knows.",
                           "RELEASE <epoch>", "    Take the fence of that epoch back.", NULL});
}
