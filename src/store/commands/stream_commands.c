#include "store/commands/stream_commands.h"
#include "store/commands/stream_commands_internal.h"
#include "base/mem.h"
#include "core/client/client.h"
#include "core/client/reply.h"
#include "core/command/dispatch.h"
#include "core/server.h"
#include "store/commands/arguments.h"
#include "store/tx/session.h"

#define COMMAND COMMAND_ROW
const struct command stream_commands[] = {
#include "store/commands/stream.def"
};
#undef COMMAND
const size_t stream_command_count = COUNT_OF(stream_commands);

/* ---- finding ---- */

bool stream_commands_read(struct client *client, struct slice key, struct stream **stream) {
    struct record *record = keyspace_read(session_keyspace(client), key);
    if (!argument_is_type(client, record, VALUE_STREAM)) return false;
    *stream = record ? record_object(record) : NULL;
    return true;
}

bool stream_commands_open(struct client *client, struct slice key, struct spot *spot, struct stream **stream) {
    keyspace_open(session_keyspace(client), key, spot);
    if (!argument_is_type(client, spot->record, VALUE_STREAM)) return false;
    *stream = spot->record ? record_object(spot->record) : NULL;
    return true;
}

struct stream *stream_commands_make(struct client *client, struct slice key, struct spot *spot) {
    struct value value = {.type = VALUE_STREAM, .encoding = VALUE_RADIX, .form = VALUE_OBJECT};
    value.object = stream_new();
    keyspace_put(session_keyspace(client), key, spot, &value, RECORD_NEVER);
    return value.object;
}

bool stream_commands_read_group(struct client *client, int place, struct stream **stream, struct stream_group **group) {
    struct slice key = client->argv[place], name = client->argv[place + 1];
    if (!stream_commands_read(client, key, stream)) return false;
    *group = *stream ? stream_group_find(*stream, name) : NULL;
    if (*group) return true;
    reply_error(client, "NOGROUP No such key '%.*s' or consumer group '%.*s'", (int)key.size, key.data, (int)name.size, name.data);
    return false;
}

struct stream_consumer *stream_commands_consumer(struct client *client, struct slice key, struct stream_group *group,
                                                 struct slice name, bool *is_new) {
    int64_t wall_ms = client->server->wall_ms;
    struct stream_consumer *consumer = stream_group_find_consumer(group, name);
    *is_new = !consumer;
    if (consumer) {
        consumer->seen_ms = wall_ms;
        return consumer;
    }
    consumer = stream_group_add_consumer(group, name, wall_ms);
    stream_commands_changed(client, key, "xgroup-createconsumer", 1);
    return consumer;
}

/* ---- ids ---- */

void stream_commands_reply_bad_id(struct client *client) {
    reply_error(client, "ERR Invalid stream ID specified as stream command argument");
}

bool stream_commands_id(struct client *client, int place, uint64_t missing_seq, struct entry_id *id) {
    if (entry_id_parse(client->argv[place], missing_seq, id, NULL)) return true;
    stream_commands_reply_bad_id(client);
    return false;
}

bool stream_commands_id_or_edge(struct client *client, int place, uint64_t missing_seq, struct entry_id *id) {
    struct slice text = client->argv[place];
    if (text.size == 1 && text.data[0] == '-') {
        *id = ENTRY_ID_ZERO;
    } else if (text.size == 1 && text.data[0] == '+') {
        *id = ENTRY_ID_MAX;
    } else {
        return stream_commands_id(client, place, missing_seq, id);
    }
    return true;
}

/* An end of an interval: "(" excludes it. */
static bool interval_id(struct client *client, int place, uint64_t missing_seq, struct entry_id *id, bool *is_excluded) {
    struct slice text = client->argv[place];
    *is_excluded = text.size > 1 && text.data[0] == '(';
    if (!*is_excluded) return stream_commands_id_or_edge(client, place, missing_seq, id);
    if (entry_id_parse(slice_make(text.data + 1, text.size - 1), missing_seq, id, NULL)) return true;
    stream_commands_reply_bad_id(client);
    return false;
}

bool stream_commands_start(struct client *client, int place, struct entry_id *id) {
    bool is_excluded;
    if (!interval_id(client, place, 0, id, &is_excluded)) return false;
    if (!is_excluded || entry_id_increase(id)) return true;
    reply_error(client, "ERR invalid start ID for the interval");
    return false;
}

bool stream_commands_end(struct client *client, int place, struct entry_id *id) {
    bool is_excluded;
    if (!interval_id(client, place, UINT64_MAX, id, &is_excluded)) return false;
    if (!is_excluded || entry_id_decrease(id)) return true;
    reply_error(client, "ERR invalid end ID for the interval");
    return false;
}

bool stream_commands_ids(struct client *client, int first, struct stream_ids *ids) {
    size_t count = (size_t)(client->argc - first);
    ids->ids = count <= STREAM_FEW_IDS ? ids->few : mem_alloc(count * sizeof *ids->ids);
    for (size_t i = 0; i < count; i++) {
        if (stream_commands_id(client, first + (int)i, 0, &ids->ids[i])) continue;
        stream_commands_free_ids(ids);
        return false;
    }
    return true;
}

void stream_commands_free_ids(struct stream_ids *ids) {
    if (ids->ids != ids->few) mem_free(ids->ids);
}

/* ---- replying ---- */

void stream_commands_reply_id(struct client *client, struct entry_id id) {
    char text[ENTRY_ID_TEXT_SIZE];
    reply_bulk(client, slice_make(text, entry_id_print(text, id)));
}

static void reply_element(struct client *client, const struct listpack_entry *element) {
    char buffer[NUMBER_TEXT_SIZE];
    reply_bulk(client, listpack_text(element, buffer));
}

void stream_commands_reply_entry(struct client *client, const struct stream_entry *entry) {
    reply_array(client, 2);
    stream_commands_reply_id(client, entry->id);
    reply_array(client, 2 * entry->field_count);
    struct stream_fields fields = stream_node_fields(entry);
    while (stream_node_next_field(&fields)) {
        reply_element(client, fields.name);
        reply_element(client, fields.value);
    }
}

void stream_commands_reply_range(struct client *client, const struct stream *stream, struct entry_id start, struct entry_id end,
                                 bool backwards, uint64_t count) {
    struct stream_walk walk;
    struct output_hole hole = reply_later(client);
    size_t found = 0;
    stream_walk_start(&walk, stream, start, end, backwards);
    while ((!count || found < count) && stream_walk_next(&walk)) {
        stream_commands_reply_entry(client, &walk.entry);
        found++;
    }
    reply_array_here(client, hole, found);
}

/* ---- telling ---- */

void stream_commands_changed(struct client *client, struct slice key, const char *event, uint64_t changes) {
    keyspace_changed(session_keyspace(client), key, KEYSPACE_STREAM, event);
    client->server->dirty += changes;
}

static struct slice id_text(char *text, struct entry_id id) {
    return slice_make(text, entry_id_print(text, id));
}

void stream_commands_propagate_claim(struct client *client, struct slice key, const struct stream_group *group,
                                     struct entry_id id, const struct stream_nack *nack) {
    char entry[ENTRY_ID_TEXT_SIZE], last[ENTRY_ID_TEXT_SIZE], time[NUMBER_TEXT_SIZE], count[NUMBER_TEXT_SIZE];
    struct slice argv[] = {SLICE("XCLAIM"), key, group->name, nack->consumer->name, SLICE("0"), id_text(entry, id),
                           SLICE("TIME"), slice_make(time, number_print_int(time, nack->delivered_ms)),
                           SLICE("RETRYCOUNT"), slice_make(count, number_print_uint(count, nack->deliveries)),
                           SLICE("FORCE"), SLICE("JUSTID"), SLICE("LASTID"), id_text(last, group->last_id)};
    dispatch_also_propagate(client, session_keyspace(client)->id, COUNT_OF(argv), argv);
}

void stream_commands_propagate_last_id(struct client *client, struct slice key, const struct stream_group *group) {
    char last[ENTRY_ID_TEXT_SIZE], read[NUMBER_TEXT_SIZE];
    struct slice argv[] = {SLICE("XGROUP"), SLICE("SETID"), key, group->name, id_text(last, group->last_id),
                           SLICE("ENTRIESREAD"), slice_make(read, number_print_int(read, group->entries_read))};
    dispatch_also_propagate(client, session_keyspace(client)->id, COUNT_OF(argv), argv);
}

void stream_commands_propagate_consumer(struct client *client, struct slice key, const struct stream_group *group,
                                        const struct stream_consumer *consumer) {
    struct slice argv[] = {SLICE("XGROUP"), SLICE("CREATECONSUMER"), key, group->name, consumer->name};
    dispatch_also_propagate(client, session_keyspace(client)->id, COUNT_OF(argv), argv);
}

/* ---- reading ---- */

void xlen_command(struct client *client) {
    struct stream *stream;
    if (stream_commands_read(client, client->argv[1], &stream)) reply_uint(client, stream ? stream->length : 0);
}

static void reply_interval(struct client *client, bool backwards) {
    struct entry_id start, end;
    struct stream *stream;
    int64_t count = -1;
    if (!stream_commands_start(client, backwards ? 3 : 2, &start) || !stream_commands_end(client, backwards ? 2 : 3, &end)) return;
    for (int i = 4; i < client->argc; i += 2) {
        if (!slice_is_nocase(client->argv[i], "count") || i + 1 == client->argc) {
            reply_syntax_error(client);
            return;
        }
        if (!argument_int(client, i + 1, &count)) return;
        if (count < 0) count = 0;
    }
    if (!stream_commands_read(client, client->argv[1], &stream)) return;
    if (!stream)
        reply_empty_array(client);
    else if (count == 0)
        reply_null_array(client);
    else
        stream_commands_reply_range(client, stream, start, end, backwards, count < 0 ? 0 : (uint64_t)count);
}

void xrange_command(struct client *client) {
    reply_interval(client, false);
}

void xrevrange_command(struct client *client) {
    reply_interval(client, true);
}
