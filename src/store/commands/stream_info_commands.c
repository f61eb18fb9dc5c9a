/* XINFO: what a stream, its groups and their consumers are like. */
#include "core/client/client.h"
#include "core/client/reply.h"
#include "core/command/dispatch.h"
#include "core/server.h"
#include "store/commands/arguments.h"
#include "store/commands/stream_commands_internal.h"
#include "store/tx/session.h"

enum { FULL_COUNT = 10 };

/* The stream argv[2]. */
static bool look_at(struct client *client, struct stream **stream) {
    if (!stream_commands_read(client, client->argv[2], stream)) return false;
    if (*stream) return true;
    reply_no_such_key(client);
    return false;
}

/* Signed, as the established server's numbers are. */
static void reply_named_int(struct client *client, const char *name, uint64_t number) {
    reply_bulk_text(client, name);
    reply_int(client, (int64_t)number);
}

static void reply_named_id(struct client *client, const char *name, struct entry_id id) {
    reply_bulk_text(client, name);
    stream_commands_reply_id(client, id);
}

/* ---- groups ---- */

static void reply_progress(struct client *client, const struct stream *stream, const struct stream_group *group) {
    int64_t lag;
    reply_named_id(client, "last-delivered-id", group->last_id);
    reply_bulk_text(client, "entries-read");
    if (group->entries_read == STREAM_UNKNOWN)
        reply_null(client);
    else
        reply_int(client, group->entries_read);
    reply_bulk_text(client, "lag");
    if (stream_group_lag(stream, group, &lag))
        reply_int(client, lag);
    else
        reply_null(client);
}

void xinfo_groups_command(struct client *client) {
    struct stream *stream;
    if (!look_at(client, &stream)) return;
    reply_array(client, stream->group_count);
    for (uint32_t i = 0; i < stream->group_count; i++) {
        const struct stream_group *group = stream->groups[i];
        reply_map(client, 6);
        reply_bulk_text(client, "name");
        reply_bulk(client, group->name);
        reply_named_int(client, "consumers", group->consumer_count);
        reply_named_int(client, "pending", stream_index_count(&group->pending));
        reply_progress(client, stream, group);
    }
}

void xinfo_consumers_command(struct client *client) {
    struct stream *stream;
    if (!look_at(client, &stream)) return;
    struct slice key = client->argv[2], name = client->argv[3];
    const struct stream_group *group = stream_group_find(stream, name);
    if (!group) {
        reply_error(client, "NOGROUP No such consumer group '%.*s' for key name '%.*s'", (int)name.size, name.data, (int)key.size, key.data);
        return;
    }
    reply_array(client, group->consumer_count);
    for (uint32_t i = 0; i < group->consumer_count; i++) {
        const struct stream_consumer *consumer = group->consumers[i];
        reply_map(client, 3);
        reply_bulk_text(client, "name");
        reply_bulk(client, consumer->name);
        reply_named_int(client, "pending", stream_index_count(&consumer->pending));
        int64_t idle_ms = client->server->wall_ms - consumer->seen_ms;
        reply_named_int(client, "idle", idle_ms > 0 ? (uint64_t)idle_ms : 0);
    }
}

/* ---- the stream ---- */

/* Both ends of a nack's life: for a consumer's own list the consumer is left out. */
static void reply_pending(struct client *client, const struct stream_index *pending, bool with_consumer, uint64_t count) {
    struct output_hole hole = reply_later(client);
    const struct index_item *item;
    size_t found = 0;
    for (struct index_place place = stream_index_first(pending); (!count || found < count) && (item = stream_index_at(pending, place));
         place = stream_index_next(pending, place), found++) {
        const struct stream_nack *nack = item->value;
        reply_array(client, with_consumer ? 4 : 3);
        stream_commands_reply_id(client, item->id);
        if (with_consumer) reply_bulk(client, nack->consumer->name);
        reply_int(client, nack->delivered_ms);
        reply_int(client, (int64_t)nack->deliveries);
    }
    reply_array_here(client, hole, found);
}

static void reply_full_group(struct client *client, const struct stream *stream, const struct stream_group *group, uint64_t count) {
    reply_map(client, 7);
    reply_bulk_text(client, "name");
    reply_bulk(client, group->name);
    reply_progress(client, stream, group);
    reply_named_int(client, "pel-count", stream_index_count(&group->pending));
    reply_bulk_text(client, "pending");
    reply_pending(client, &group->pending, true, count);
    reply_bulk_text(client, "consumers");
    reply_array(client, group->consumer_count);
    for (uint32_t i = 0; i < group->consumer_count; i++) {
        const struct stream_consumer *consumer = group->consumers[i];
        reply_map(client, 4);
        reply_bulk_text(client, "name");
        reply_bulk(client, consumer->name);
        reply_named_int(client, "seen-time", (uint64_t)consumer->seen_ms);
        reply_named_int(client, "pel-count", stream_index_count(&consumer->pending));
        reply_bulk_text(client, "pending");
        reply_pending(client, &consumer->pending, false, count);
    }
}

static void reply_edge(struct client *client, const struct stream *stream, const char *name, bool is_last) {
    struct stream_walk walk;
    reply_bulk_text(client, name);
    stream_walk_start(&walk, stream, ENTRY_ID_ZERO, ENTRY_ID_MAX, is_last);
    if (stream_walk_next(&walk))
        stream_commands_reply_entry(client, &walk.entry);
    else
        reply_null(client);
}

/* [FULL [COUNT n]]. False: replied. */
static bool read_options(struct client *client, bool *is_full, int64_t *count) {
    *count = FULL_COUNT;
    *is_full = client->argc > 3;
    bool is_good = client->argc == 3 || ((client->argc == 4 || client->argc == 6) && slice_is_nocase(client->argv[3], "full"));
    if (is_good && client->argc == 6) {
        is_good = slice_is_nocase(client->argv[4], "count");
        if (is_good && !argument_int(client, 5, count)) return false;
        if (*count < 0) *count = FULL_COUNT;
    }
    if (!is_good) dispatch_reply_subcommand_syntax(client);
    return is_good;
}

void xinfo_stream_command(struct client *client) {
    struct stream *stream;
    bool is_full;
    int64_t count;
    if (!look_at(client, &stream) || !read_options(client, &is_full, &count)) return;
    reply_map(client, is_full ? 9 : 10);
    reply_named_int(client, "length", stream->length);
    /* The established names of what it takes to find nodes: here the nodes, and the leaves of their index with its root. */
    reply_named_int(client, "radix-tree-keys", stream_index_count(&stream->nodes));
    reply_named_int(client, "radix-tree-nodes", stream_index_leaves(&stream->nodes) + 1);
    reply_named_id(client, "last-generated-id", stream->last_id);
    reply_named_id(client, "max-deleted-entry-id", stream->max_deleted_id);
    reply_named_int(client, "entries-added", stream->entries_added);
    reply_named_id(client, "recorded-first-entry-id", stream->first_id);
    if (!is_full) {
        reply_named_int(client, "groups", stream->group_count);
        reply_edge(client, stream, "first-entry", false);
        reply_edge(client, stream, "last-entry", true);
        return;
    }
    reply_bulk_text(client, "entries");
    stream_commands_reply_range(client, stream, ENTRY_ID_ZERO, ENTRY_ID_MAX, false, (uint64_t)count);
    reply_bulk_text(client, "groups");
    reply_array(client, stream->group_count);
    for (uint32_t i = 0; i < stream->group_count; i++) reply_full_group(client, stream, stream->groups[i], (uint64_t)count);
}

void xinfo_help_command(struct client *client) {
    reply_help(client, (const char *const[]){"CONSUMERS <key> <group>", "    The consumers of a group.",
                                             "GROUPS <key>", "    The groups of a stream.",
                                             "STREAM <key> [FULL [COUNT <count>]]",
                                             "    The stream; FULL: with entries, groups and what is pending, at most COUNT of each.",
                                             NULL});
}
