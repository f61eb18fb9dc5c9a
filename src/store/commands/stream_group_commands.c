/* XGROUP and XACK; what is pending, and who takes it over: XPENDING, XCLAIM, XAUTOCLAIM are in stream_claim_commands.c. */
#include "core/client/client.h"
#include "core/client/reply.h"
#include "core/command/dispatch.h"
#include "core/server.h"
#include "store/commands/arguments.h"
#include "store/commands/stream_commands_internal.h"
#include "store/tx/session.h"

/* ---- XGROUP: key, group, ... from argument 2 on ---- */

struct group_options {
    bool    make_stream;
    int64_t entries_read;
};

static bool read_options(struct client *client, bool is_create, struct group_options *options) {
    *options = (struct group_options){.entries_read = STREAM_UNKNOWN};
    for (int i = 5; i < client->argc; i++) {
        if (is_create && slice_is_nocase(client->argv[i], "mkstream")) {
            options->make_stream = true;
        } else if (i + 1 < client->argc && slice_is_nocase(client->argv[i], "entriesread")) {
            if (!argument_int(client, ++i, &options->entries_read)) return false;
            if (options->entries_read >= 0 || options->entries_read == STREAM_UNKNOWN) continue;
            reply_error(client, "ERR value for ENTRIESREAD must be positive or -1");
            return false;
        } else {
            dispatch_reply_subcommand_syntax(client);
            return false;
        }
    }
    return true;
}

/* False also where there is no stream, unless `may_lack`. */
static bool open_stream(struct client *client, bool may_lack, struct spot *spot, struct stream **stream) {
    if (!stream_commands_open(client, client->argv[2], spot, stream)) return false;
    if (*stream || may_lack) return true;
    reply_error(client, "ERR The XGROUP subcommand requires the key to exist. Note that for CREATE you may want to use the "
                        "MKSTREAM option to create an empty stream automatically.");
    return false;
}

static bool open_group(struct client *client, struct stream **stream, struct stream_group **group) {
    struct spot spot;
    if (!open_stream(client, false, &spot, stream)) return false;
    struct slice key = client->argv[2], name = client->argv[3];
    *group = stream_group_find(*stream, name);
    if (*group) return true;
    reply_error(client, "NOGROUP No such consumer group '%.*s' for key name '%.*s'", (int)name.size, name.data, (int)key.size, key.data);
    return false;
}

void xgroup_create_command(struct client *client) {
    struct group_options options;
    struct spot spot;
    struct stream *stream;
    struct entry_id id;
    struct slice key = client->argv[2];
    if (!read_options(client, true, &options) || !open_stream(client, options.make_stream, &spot, &stream)) return;
    if (client->argc > 8) {
        dispatch_reply_subcommand_syntax(client);
        return;
    }
    if (slice_is(client->argv[4], "$")) {
        id = stream ? stream->last_id : ENTRY_ID_ZERO;
    } else if (!stream_commands_id(client, 4, 0, &id)) {
        return;
    }
    if (!stream) stream = stream_commands_make(client, key, &spot);
    if (!stream_group_add(stream, client->argv[3], id, options.entries_read)) {
        reply_error(client, "BUSYGROUP Consumer Group name already exists");
        return;
    }
    reply_ok(client);
    stream_commands_changed(client, key, "xgroup-create", 1);
}

void xgroup_setid_command(struct client *client) {
    struct group_options options;
    struct stream *stream;
    struct stream_group *group;
    struct entry_id id;
    if (!read_options(client, false, &options) || !open_group(client, &stream, &group)) return;
    if (client->argc > 7) {
        dispatch_reply_subcommand_syntax(client);
        return;
    }
    if (slice_is(client->argv[4], "$")) {
        id = stream->last_id;
    } else if (!stream_commands_id_or_edge(client, 4, 0, &id)) {
        return;
    }
    group->last_id = id;
    group->entries_read = options.entries_read;
    reply_ok(client);
    stream_commands_changed(client, client->argv[2], "xgroup-setid", 1);
}

void xgroup_destroy_command(struct client *client) {
    struct spot spot;
    struct stream *stream;
    if (!open_stream(client, false, &spot, &stream)) return;
    struct stream_group *group = stream_group_find(stream, client->argv[3]);
    if (group) {
        stream_group_remove(stream, group);
        stream_commands_changed(client, client->argv[2], "xgroup-destroy", 1);
    }
    reply_int(client, group != NULL);
}

void xgroup_createconsumer_command(struct client *client) {
    struct stream *stream;
    struct stream_group *group;
    if (!open_group(client, &stream, &group)) return;
    bool is_new = stream_group_add_consumer(group, client->argv[4], client->server->wall_ms) != NULL;
    if (is_new) stream_commands_changed(client, client->argv[2], "xgroup-createconsumer", 1);
    reply_int(client, is_new);
}

void xgroup_delconsumer_command(struct client *client) {
    struct stream *stream;
    struct stream_group *group;
    size_t pending = 0;
    if (!open_group(client, &stream, &group)) return;
    struct stream_consumer *consumer = stream_group_find_consumer(group, client->argv[4]);
    if (consumer) {
        pending = stream_index_count(&consumer->pending);
        stream_group_remove_consumer(group, consumer);
        stream_commands_changed(client, client->argv[2], "xgroup-delconsumer", 1);
    }
    reply_uint(client, pending);
}

void xgroup_help_command(struct client *client) {
    reply_help(client, (const char *const[]){
                           "CREATE <key> <group> <id|$> [MKSTREAM] [ENTRIESREAD <count>]",
                           "    Makes a group that reads what comes after the id; $: after the stream's last entry.",
                           "    MKSTREAM makes an empty stream where there is none. ENTRIESREAD: entries up to the id, for the lag.",
                           "CREATECONSUMER <key> <group> <consumer>", "    Makes a consumer; reading makes it too.",
                           "DELCONSUMER <key> <group> <consumer>", "    Removes a consumer and what is pending for it.",
                           "DESTROY <key> <group>", "    Removes a group.",
                           "SETID <key> <group> <id|$> [ENTRIESREAD <count>]", "    Sets the last id that the group has given out.",
                           NULL});
}

/* ---- XACK ---- */

void xack_command(struct client *client) {
    struct stream *stream;
    struct stream_ids ids;
    uint64_t acknowledged = 0;
    if (!stream_commands_read(client, client->argv[1], &stream)) return;
    struct stream_group *group = stream ? stream_group_find(stream, client->argv[2]) : NULL;
    if (!group) {
        reply_int(client, 0);
        return;
    }
    if (!stream_commands_ids(client, 3, &ids)) return;
    for (int i = 3; i < client->argc; i++) acknowledged += stream_group_acknowledge(group, ids.ids[i - 3]);
    stream_commands_free_ids(&ids);
    client->server->dirty += acknowledged;
    reply_uint(client, acknowledged);
}
