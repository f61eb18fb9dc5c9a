/* SHUTDOWN and TIME, and the list of all commands that core brings. */
#include "core/core_commands.h"

#include "base/clock.h"
#include "core/client/blocked.h"
#include "core/client/client.h"
#include "core/client/reply.h"
#include "core/command/dispatch.h"
#include "core/config/config_command.h"
#include "core/server.h"

#define COMMAND COMMAND_PROTOTYPE
#include "core/server.def"
#undef COMMAND
#define COMMAND COMMAND_ROW
const struct command server_commands[] = {
#include "core/server.def"
};
#undef COMMAND
const size_t server_command_count = COUNT_OF(server_commands);

void core_commands_add(struct server *server) {
    server_add_commands(server, connection_commands, connection_command_count);
    server_add_commands(server, pubsub_commands, pubsub_command_count);
    server_add_commands(server, command_commands, command_command_count);
    server_add_commands(server, server_commands, server_command_count);
    server_add_commands(server, config_commands, config_command_count);
}

void time_command(struct client *client) {
    int64_t now_us = clock_wall_us();
    reply_array(client, 2);
    reply_bulk_int(client, now_us / 1000000);
    reply_bulk_int(client, now_us % 1000000);
}

static bool read_shutdown_options(struct client *client, unsigned *flags, bool *is_abort) {
    for (int i = 1; i < client->argc; i++) {
        struct slice option = client->argv[i];
        if (slice_is_nocase(option, "nosave")) {
            *flags |= SERVER_SHUTDOWN_NOSAVE;
        } else if (slice_is_nocase(option, "save")) {
            *flags |= SERVER_SHUTDOWN_SAVE;
        } else if (slice_is_nocase(option, "now")) {
            *flags |= SERVER_SHUTDOWN_NOW;
        } else if (slice_is_nocase(option, "force")) {
            *flags |= SERVER_SHUTDOWN_FORCE;
        } else if (slice_is_nocase(option, "abort")) {
            *is_abort = true;
        } else {
            return false;
        }
    }
    bool is_both = (*flags & SERVER_SHUTDOWN_NOSAVE) && (*flags & SERVER_SHUTDOWN_SAVE);
    return !is_both && !(*is_abort && *flags);
}

void shutdown_command(struct client *client) {
    static const struct blocked_ops waits = {.by = BLOCKED_BY_SHUTDOWN, .can_unblock = false};
    unsigned                        flags = 0;
    bool                            is_abort = false;
    if (!read_shutdown_options(client, &flags, &is_abort)) {
        reply_syntax_error(client);
        return;
    }
    if (is_abort) {
        if (server_shutdown_abort(client->server)) {
            reply_ok(client);
        } else {
            reply_error(client, "ERR No shutdown in progress.");
        }
        return;
    }
    switch (server_shutdown(client->server, flags, NULL)) {
    case SERVER_SHUTDOWN_REFUSED: reply_error(client, "ERR Errors trying to SHUTDOWN. Check logs."); return;
    case SERVER_SHUTDOWN_WAITING:
        if (!(client->flags & CLIENT_IS_FAKE)) blocked_start(client, &waits, NULL, 0);
        return;
    case SERVER_SHUTDOWN_DONE: /* the process ends: no reply */
    case SERVER_RUNNING: return;
    }
}
