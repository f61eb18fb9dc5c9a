#include "store/commands/object_commands.h"
#include "core/client/client.h"
#include "core/client/reply.h"
#include "core/server.h"
#include "store/commands/arguments.h"
#include "store/tx/session.h"

#include <limits.h>

#define COMMAND COMMAND_PROTOTYPE
#include "store/commands/object.def"
#undef COMMAND
#define COMMAND COMMAND_ROW
const struct command object_commands[] = {
#include "store/commands/object.def"
};
#undef COMMAND
const size_t object_command_count = COUNT_OF(object_commands);

#define COMMAND COMMAND_PROTOTYPE
#include "store/commands/memory_usage.def"
#undef COMMAND
#define COMMAND COMMAND_ROW
const struct command memory_usage_commands[] = {
#include "store/commands/memory_usage.def"
};
#undef COMMAND

uint32_t object_idle_seconds(const struct client *client, const struct record *record) {
    return usage_idle_seconds(record->access, client->server->lru_clock);
}

int object_reference_count(const struct record *record) {
    enum { SHARED_INTEGERS = 10000 };
    if (!record_is_number(record)) return 1;
    int64_t number = record_number(record);
    return number >= 0 && number < SHARED_INTEGERS ? INT_MAX : 1;
}

/* NULL: there is no such key, and it has replied. */
static const struct record *look(struct client *client) {
    const struct record *record = keyspace_inspect(session_keyspace(client), client->argv[2]);
    if (!record) reply_null(client);
    return record;
}

void object_encoding_command(struct client *client) {
    const struct record *record = look(client);
    if (record) reply_bulk_text(client, value_shown_encoding(record_type(record), record_encoding(record)));
}

void object_refcount_command(struct client *client) {
    const struct record *record = look(client);
    if (record) reply_int(client, object_reference_count(record));
}

void object_idletime_command(struct client *client) {
    const struct record *record = look(client);
    if (!record) return;
    if (session_of(client)->databases->shared.counts_uses)
        reply_error(client, "ERR An LFU maxmemory policy is selected, idle time not tracked. Please note that when "
                            "switching between policies at runtime LRU and LFU data will take some time to adjust.");
    else
        reply_int(client, object_idle_seconds(client, record));
}

void object_freq_command(struct client *client) {
    const struct keyspace_shared *shared = &session_of(client)->databases->shared;
    const struct record *record = look(client);
    if (record && shared->counts_uses)
        reply_int(client, usage_count(record->access, *shared->wall_ms, &shared->usage));
    else if (record)
        reply_error(client, "ERR An LFU maxmemory policy is not selected, access frequency not tracked. Please note that "
                            "when switching between policies at runtime LRU and LFU data will take some time to adjust.");
}

void object_help_command(struct client *client) {
    reply_help(client, (const char *const[]){"ENCODING <key>", "    How the value is kept in memory.",
                                             "FREQ <key>", "    How often the key is used; only with an LFU policy.",
                                             "IDLETIME <key>", "    Seconds since the key was used.",
                                             "REFCOUNT <key>", "    References to the value.", NULL});
}

void memory_usage_command(struct client *client) {
    for (int i = 3; i < client->argc; i += 2) {
        int64_t samples;
        if (!slice_is_nocase(client->argv[i], "samples") || i + 1 == client->argc) {
            reply_syntax_error(client);
            return;
        }
        if (!argument_int(client, i + 1, &samples)) return;
        if (samples < 0) {
            reply_syntax_error(client);
            return;
        }
    }
    const struct record *record = look(client);
    /* The record, what it owns, and its slot in the table. */
    if (record) reply_uint(client, record_memory(record) + sizeof(uint64_t));
}
