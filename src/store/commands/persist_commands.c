#include "store/commands/persist_commands.h"
#include "core/client/client.h"
#include "core/client/reply.h"
#include "core/server.h"
#include "store/commands/arguments.h"
#include "store/persist/persistence.h"
#include "store/tx/session.h"

#define COMMAND COMMAND_PROTOTYPE
#include "store/commands/persist.def"
#undef COMMAND
#define COMMAND COMMAND_ROW
const struct command persist_commands[] = {
#include "store/commands/persist.def"
};
#undef COMMAND
const size_t persist_command_count = COUNT_OF(persist_commands);

static struct saving *saving_of(const struct client *client) {
    return session_of(client)->persistence->saving;
}

void save_command(struct client *client) {
    struct error err;
    if (saving_is_running(saving_of(client))) reply_error(client, "ERR Background save already in progress");
    else if (saving_now(saving_of(client), &err)) reply_ok(client);
    else reply_error(client, "ERR %s", err.text);
}

static void cancel(struct client *client) {
    struct saving *saving = saving_of(client);
    if (saving_is_running(saving)) {
        saving_kill(saving);
        reply_status(client, "Background saving cancelled");
    } else if (saving_unschedule(saving)) {
        reply_status(client, "Scheduled background saving cancelled");
    } else {
        reply_error(client, "ERR Background saving is currently not in progress or scheduled");
    }
}

static void schedule_after_child(struct client *client, bool may_wait) {
    if (!may_wait) {
        reply_error(client, "ERR Another child process is active (AOF?): can't BGSAVE right now. Use BGSAVE SCHEDULE in order "
                            "to schedule a BGSAVE whenever possible.");
        return;
    }
    saving_schedule(saving_of(client));
    reply_status(client, "Background saving scheduled");
}

void bgsave_command(struct client *client) {
    struct saving *saving = saving_of(client);
    struct error err;
    bool may_wait = client->argc > 1 && slice_is_nocase(client->argv[1], "schedule");
    if (client->argc == 2 && slice_is_nocase(client->argv[1], "cancel")) {
        cancel(client);
    } else if (client->argc > 2 || (client->argc == 2 && !may_wait)) {
        reply_syntax_error(client);
    } else if (saving_is_running(saving)) {
        reply_error(client, "ERR Background save already in progress");
    } else if (client->server->call_depth > 1) { /* within EXEC or a script: what comes after belongs to it */
        saving_schedule(saving);
        reply_status(client, "Background saving scheduled");
    } else if (child_is_running(session_of(client)->persistence->child)) {
        schedule_after_child(client, may_wait);
    } else if (saving_start(saving, &err)) {
        reply_status(client, "Background saving started");
    } else {
        reply_error(client, "ERR %s", err.text);
    }
}

void bgrewriteaof_command(struct client *client) {
    struct persistence *persistence = session_of(client)->persistence;
    struct error err;
    if (aof_rewriting_is_running(persistence->rewriting)) {
        reply_error(client, "ERR Background append only file rewriting already in progress");
    } else if (child_is_running(persistence->child) || client->server->call_depth > 1) {
        aof_rewriting_schedule(persistence->rewriting);
        reply_status(client, "Background append only file rewriting scheduled");
    } else if (aof_rewriting_start(persistence->rewriting, &err)) {
        reply_status(client, "Background append only file rewriting started");
    } else {
        reply_error(client, "ERR Can't execute an AOF background rewriting. Please check the server logs for more "
                            "information.");
    }
}

void waitaof_command(struct client *client) {
    int64_t local, replicas, timeout_ms;
    const char *out_of_range = "ERR value is out of range, must be positive";
    if (!argument_int(client, 1, &local)) return;
    if (local < 0 || local > 1) {
        reply_error(client, "ERR value is out of range, value must between 0 and 1");
        return;
    }
    if (!argument_int_within(client, 2, 0, INT64_MAX, &replicas, out_of_range) ||
        !argument_int_within(client, 3, INT64_MIN, INT64_MAX / 2, &timeout_ms, "ERR timeout is not an integer or out of range"))
        return;
    if (timeout_ms < 0) reply_error(client, "ERR timeout is negative");
    else aof_waits_start(session_of(client)->persistence->waits, client, (size_t)local, (size_t)replicas, timeout_ms);
}

void lastsave_command(struct client *client) {
    struct saving_state state;
    saving_get_state(saving_of(client), &state);
    reply_int(client, state.last_wall_s);
}
