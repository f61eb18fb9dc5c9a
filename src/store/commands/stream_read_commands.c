/* XREAD and XREADGROUP, which may wait. */
#include "base/mem.h"
#include "core/client/client.h"
#include "core/client/reply.h"
#include "core/command/dispatch.h"
#include "core/server.h"
#include "store/commands/arguments.h"
#include "store/commands/stream_commands_internal.h"
#include "store/tx/session.h"
#include "store/tx/waiting.h"

enum { WAIT_COUNT = 1000 }; /* entries at most, where none is said, for who has waited */

/* What is asked for. Kept while the client waits; places are those of its arguments. */
struct reading {
    bool            is_group, no_ack, may_wait;
    int             group_place; /* name; the consumer follows */
    int             first_key, streams;
    int64_t         deadline_ms;
    uint64_t        count; /* 0: all */
    struct entry_id after[]; /* of each stream; the greatest id: what the group has not given to anybody (">") */
};

/* ---- arguments ---- */

static bool only_in_groups(struct client *client, const struct reading *reading, const char *option) {
    if (reading->is_group) return true;
    reply_error(client, "ERR The %s option is only supported by XREADGROUP. You called XREAD instead.", option);
    return false;
}

static bool read_block(struct client *client, int place, struct reading *reading) {
    if (client->flags & CLIENT_IN_SCRIPT) {
        reply_error(client, "ERR %.*s command is not allowed with BLOCK option from scripts", (int)client->argv[0].size,
                    client->argv[0].data);
        return false;
    }
    reading->may_wait = true;
    return waiting_deadline_of_ms(client, place, &reading->deadline_ms);
}

/* STREAMS key ... id ...: the last option. */
static bool read_streams(struct client *client, int place, struct reading *reading) {
    int count = client->argc - place;
    reading->first_key = place;
    reading->streams = count / 2;
    if (count % 2 == 0) return true;
    reply_error(client, "ERR Unbalanced XREAD list of streams: for each stream key an ID or '$' must be specified.");
    return false;
}

static bool read_options(struct client *client, struct reading *reading) {
    for (int i = 1; i < client->argc && !reading->first_key; i++) {
        struct slice word = client->argv[i];
        int more = client->argc - 1 - i;
        if (more && slice_is_nocase(word, "block")) {
            if (!read_block(client, ++i, reading)) return false;
        } else if (more && slice_is_nocase(word, "count")) {
            int64_t count;
            if (!argument_int(client, ++i, &count)) return false;
            reading->count = count > 0 ? (uint64_t)count : 0;
        } else if (more && slice_is_nocase(word, "streams")) {
            if (!read_streams(client, i + 1, reading)) return false;
        } else if (more >= 2 && slice_is_nocase(word, "group")) {
            if (!only_in_groups(client, reading, "GROUP")) return false;
            reading->group_place = i + 1;
            i += 2;
        } else if (slice_is_nocase(word, "noack")) {
            if (!only_in_groups(client, reading, "NOACK")) return false;
            reading->no_ack = true;
        } else {
            reply_syntax_error(client);
            return false;
        }
    }
    if (!reading->first_key) {
        reply_syntax_error(client);
        return false;
    }
    if (reading->is_group && !reading->group_place) {
        reply_error(client, "ERR Missing GROUP option for XREADGROUP");
        return false;
    }
    return true;
}

static bool read_id(struct client *client, int place, const struct reading *reading, const struct stream *stream, struct entry_id *id) {
    struct slice text = client->argv[place];
    if (slice_is(text, "$")) {
        if (!reading->is_group) {
            *id = stream ? stream->last_id : ENTRY_ID_ZERO;
            return true;
        }
        reply_error(client, "ERR The $ ID is meaningless in the context of XREADGROUP: you want to read the history of this "
                            "consumer by specifying a proper ID, or use the > ID to get new messages. The $ ID would just "
                            "return an empty result set.");
        return false;
    }
    if (slice_is(text, ">")) {
        *id = ENTRY_ID_MAX;
        if (reading->is_group) return true;
        reply_error(client, "ERR The > ID can be specified only when calling XREADGROUP using the GROUP <group> <consumer> option.");
        return false;
    }
    return stream_commands_id(client, place, 0, id);
}

static struct stream_group *group_of(const struct client *client, const struct reading *reading, const struct stream *stream) {
    return stream ? stream_group_find(stream, client->argv[reading->group_place]) : NULL;
}

static bool read_ids(struct client *client, struct reading *reading) {
    for (int i = 0; i < reading->streams; i++) {
        struct slice key = client->argv[reading->first_key + i];
        struct stream *stream;
        if (!stream_commands_read(client, key, &stream)) return false;
        if (reading->is_group && !group_of(client, reading, stream)) {
            struct slice name = client->argv[reading->group_place];
            reply_error(client, "NOGROUP No such key '%.*s' or consumer group '%.*s' in XREADGROUP with GROUP option",
                        (int)key.size, key.data, (int)name.size, name.data);
            return false;
        }
        if (!read_id(client, reading->first_key + reading->streams + i, reading, stream, &reading->after[i])) return false;
    }
    return true;
}

/* ---- what a consumer is given ---- */

/* What is pending for it again, from `start` on. */
static void reply_history(struct client *client, const struct stream *stream, struct stream_consumer *consumer,
                          struct entry_id start, uint64_t count) {
    struct output_hole hole = reply_later(client);
    struct index_place place = stream_index_from(&consumer->pending, start);
    const struct index_item *item;
    size_t found = 0;
    for (; (!count || found < count) && (item = stream_index_at(&consumer->pending, place));
         place = stream_index_next(&consumer->pending, place), found++) {
        struct stream_entry entry;
        struct stream_nack *nack = item->value;
        if (stream_find(stream, item->id, &entry)) {
            stream_commands_reply_entry(client, &entry);
            nack->delivered_ms = client->server->wall_ms;
            nack->deliveries++;
        } else { /* it was removed meanwhile */
            reply_array(client, 2);
            stream_commands_reply_id(client, item->id);
            reply_null_array(client);
        }
    }
    reply_array_here(client, hole, found);
}

/* New entries: they are the consumer's from now on. */
static void reply_new(struct client *client, struct slice key, const struct stream *stream, struct stream_group *group,
                      struct stream_consumer *consumer, struct entry_id start, const struct reading *reading, uint64_t count) {
    struct stream_walk walk;
    struct output_hole hole = reply_later(client);
    size_t found = 0;
    bool has_advanced = false;
    int64_t wall_ms = client->server->wall_ms;
    stream_walk_start(&walk, stream, start, ENTRY_ID_MAX, false);
    while ((!count || found < count) && stream_walk_next(&walk)) {
        struct entry_id id = walk.entry.id;
        if (stream_group_advance(stream, group, id)) has_advanced = true;
        stream_commands_reply_entry(client, &walk.entry);
        if (!reading->no_ack)
            stream_commands_propagate_claim(client, key, group, id, stream_group_deliver(group, consumer, id, wall_ms));
        found++;
    }
    if (found) consumer->active_ms = wall_ms;
    if (reading->no_ack && has_advanced) stream_commands_propagate_last_id(client, key, group);
    reply_array_here(client, hole, found);
}

/* Everything after `after` of one stream. Not in a group: `group` is NULL. */
static void serve(struct client *client, struct slice key, const struct stream *stream, struct stream_group *group,
                  const struct reading *reading, struct entry_id after, bool is_history, uint64_t count) {
    struct entry_id start = after;
    bool is_new = false;
    if (!entry_id_increase(&start)) start = ENTRY_ID_ZERO; /* the established server's counting overflows, too */
    if (!group) {
        stream_commands_reply_range(client, stream, start, ENTRY_ID_MAX, false, count);
        return;
    }
    struct stream_consumer *consumer =
        stream_commands_consumer(client, key, group, client->argv[reading->group_place + 1], &is_new);
    if (is_new && reading->no_ack) stream_commands_propagate_consumer(client, key, group, consumer);
    if (is_history)
        reply_history(client, stream, consumer, start, count);
    else
        reply_new(client, key, stream, group, consumer, start, reading, count);
    client->server->dirty++;
}

static bool has_after(const struct stream *stream, struct entry_id after) {
    return stream->length && entry_id_compare(stream_last_valid(stream), after) > 0;
}

/* ---- now, or later ---- */

/* How many streams had something. */
static size_t serve_now(struct client *client, const struct reading *reading) {
    size_t served = 0;
    struct output_hole hole = {0};
    for (int i = 0; i < reading->streams; i++) {
        struct slice key = client->argv[reading->first_key + i];
        struct entry_id after = reading->after[i];
        struct stream *stream;
        if (!stream_commands_read(client, key, &stream) || !stream) continue; /* the type was checked before */
        struct stream_group *group = reading->is_group ? group_of(client, reading, stream) : NULL;
        bool is_history = group && entry_id_compare(after, ENTRY_ID_MAX) != 0;
        if (group && !is_history) after = group->last_id;
        if (!is_history && !has_after(stream, after)) continue;
        if (!served++) hole = reply_later(client);
        if (!reply_is_resp3(client)) reply_array(client, 2);
        reply_bulk(client, key);
        serve(client, key, stream, group, reading, after, is_history, reading->count);
    }
    if (served && reply_is_resp3(client))
        reply_map_here(client, hole, served);
    else if (served)
        reply_array_here(client, hole, served);
    return served;
}

static bool serve_later(struct client *client, int place, struct record *record, void *context) {
    const struct reading *reading = context;
    struct stream *stream = record && record_type(record) == VALUE_STREAM ? record_object(record) : NULL;
    struct entry_id after = reading->after[place - reading->first_key];
    struct stream_group *group = NULL;
    if (reading->is_group && !stream) {
        reply_error(client, "UNBLOCKED the stream key no longer exists");
        return true;
    }
    if (reading->is_group) {
        group = group_of(client, reading, stream);
        if (!group) {
            reply_error(client, "NOGROUP the consumer group this client was blocked on no longer exists");
            return true;
        }
        after = group->last_id;
    }
    if (!has_after(stream, after)) return false;
    if (reply_is_resp3(client)) {
        reply_map(client, 1);
    } else {
        reply_array(client, 1);
        reply_array(client, 2);
    }
    reply_bulk(client, client->argv[place]);
    serve(client, client->argv[place], stream, group, reading, after, false, reading->count ? reading->count : WAIT_COUNT);
    if (group) dispatch_prevent_propagation(client);
    return true;
}

static void read_or_wait(struct client *client, bool is_group) {
    static const struct waiting_kind of_all = {.type = VALUE_STREAM, .try_serve = serve_later, .free_context = mem_free};
    static const struct waiting_kind of_group = {
        .type = VALUE_STREAM, .when_gone = true, .try_serve = serve_later, .free_context = mem_free};
    /* At most half of the arguments are ids. */
    struct reading *reading = mem_zalloc(sizeof *reading + (size_t)client->argc / 2 * sizeof *reading->after);
    reading->is_group = is_group;
    if (!read_options(client, reading) || !read_ids(client, reading)) {
        mem_free(reading);
        return;
    }
    if (serve_now(client, reading)) {
        /* Deliveries are told one by one; the command itself means something else to whoever reads it later. */
        if (is_group) dispatch_prevent_propagation(client);
    } else if (!reading->may_wait) {
        reply_null_array(client);
    } else {
        int first = reading->first_key, count = reading->streams;
        int64_t deadline_ms = reading->deadline_ms;
        if (!waiting_start(client, is_group ? &of_group : &of_all, first, count, deadline_ms, reading)) reply_null_array(client);
        return; /* which has taken it */
    }
    mem_free(reading);
}

void xread_command(struct client *client) {
    read_or_wait(client, false);
}

void xreadgroup_command(struct client *client) {
    read_or_wait(client, true);
}
