#include "store/commands/list_commands.h"
#include "store/commands/list_commands_internal.h"
#include "core/client/client.h"
#include "core/client/reply.h"
#include "core/command/dispatch.h"
#include "core/server.h"
#include "store/commands/arguments.h"
#include "store/tx/session.h"
#include "store/types/list_value.h"

#define COMMAND COMMAND_PROTOTYPE
#include "store/commands/list.def"
#undef COMMAND
#define COMMAND COMMAND_ROW
const struct command list_commands[] = {
#include "store/commands/list.def"
};
#undef COMMAND
const size_t list_command_count = COUNT_OF(list_commands);

/* ---- finding and telling ---- */

struct list_rules list_commands_rules(const struct client *client) {
    const struct keyspace_settings *settings = &session_of(client)->databases->settings;
    return (struct list_rules){.max_listpack_size = (int32_t)settings->list_max_listpack_size,
                               .compress_depth = (uint32_t)settings->list_compress_depth};
}

/* False: WRONGTYPE. Type and object are zero for an absent key. */
static bool read_list(struct client *client, struct value *list) {
    struct record *record = keyspace_read(session_keyspace(client), client->argv[1]);
    *list = (struct value){0};
    if (!argument_is_type(client, record, VALUE_LIST)) return false;
    if (record) *list = record_value(record);
    return true;
}

bool list_commands_open(struct client *client, struct slice key, struct spot *spot, struct value *list) {
    keyspace_open(session_keyspace(client), key, spot);
    *list = (struct value){0};
    if (!argument_is_type(client, spot->record, VALUE_LIST)) return false;
    if (spot->record) *list = record_value(spot->record);
    return true;
}

void list_commands_changed(struct client *client, struct slice key, const struct spot *spot, const struct value *list,
                           const char *event, uint64_t changes) {
    record_update_object(spot->record, list);
    keyspace_changed(session_keyspace(client), key, KEYSPACE_LIST, event);
    client->server->dirty += changes;
}

void list_commands_drop_if_empty(struct client *client, struct slice key, const struct value *list) {
    if (list_value_count(list)) return;
    struct keyspace *keyspace = session_keyspace(client);
    struct spot spot;
    if (!keyspace_open(keyspace, key, &spot)) return;
    keyspace_remove(keyspace, &spot);
    keyspace_changed(keyspace, key, KEYSPACE_GENERIC, "del");
}

static void reply_place(struct client *client, const struct value *list, struct list_place place) {
    char buffer[NUMBER_TEXT_SIZE];
    reply_bulk(client, list_value_text(list, place, buffer));
}

bool list_commands_argument_at_least(struct client *client, int place, int64_t least, int64_t *out, const char *error) {
    if (number_parse_int(client->argv[place], out) && *out >= least) return true;
    reply_error(client, "%s", error);
    return false;
}

/* ---- reading ---- */

void llen_command(struct client *client) {
    struct value list;
    if (read_list(client, &list)) reply_int(client, list.object ? (int64_t)list_value_count(&list) : 0);
}

void lindex_command(struct client *client) {
    struct value list;
    int64_t index;
    if (!read_list(client, &list)) return;
    if (!list.object) {
        reply_null(client);
        return;
    }
    if (!argument_int(client, 2, &index)) return;
    struct list_place place = list_value_at(&list, index);
    if (place.entry)
        reply_place(client, &list, place);
    else
        reply_null(client);
    list_value_tidy(&list, false);
}

/* Start and end as they are meant; false: nothing lies between. */
static bool clamp(int64_t count, int64_t *start, int64_t *end) {
    if (*start < 0) *start = MAX(*start + count, 0);
    if (*end < 0) *end += count;
    *end = MIN(*end, count - 1);
    return *start <= *end;
}

void lrange_command(struct client *client) {
    struct value list;
    int64_t start, end;
    if (!argument_int(client, 2, &start) || !argument_int(client, 3, &end) || !read_list(client, &list)) return;
    if (!list.object || !clamp((int64_t)list_value_count(&list), &start, &end)) {
        reply_empty_array(client);
        return;
    }
    reply_array(client, (size_t)(end - start + 1));
    struct list_walk walk;
    struct slice text;
    list_walk_start(&walk, &list, (size_t)start);
    for (; start <= end && list_walk_next(&walk, &text); start++) reply_bulk(client, text);
    list_walk_end(&walk);
}

struct search {
    int64_t rank, count, most; /* count -1: one, and not as an array; 0 of either: no limit */
};

static bool search_options(struct client *client, struct search *search) {
    *search = (struct search){.rank = 1, .count = -1};
    for (int i = 3; i < client->argc; i += 2) {
        bool has_value = i + 1 < client->argc;
        if (has_value && slice_is_nocase(client->argv[i], "rank")) {
            if (!argument_int(client, i + 1, &search->rank)) return false;
            if (search->rank == INT64_MIN) {
                reply_error(client, "ERR value is out of range, value must between %lld and %lld", -(long long)INT64_MAX,
                            (long long)INT64_MAX);
                return false;
            }
            if (search->rank) continue;
            reply_error(client, "ERR RANK can't be zero: use 1 to start from the first match, 2 from the second ... or use "
                                "negative to start from the end of the list");
            return false;
        }
        if (has_value && slice_is_nocase(client->argv[i], "count")) {
            if (!list_commands_argument_at_least(client, i + 1, 0, &search->count, "ERR COUNT can't be negative")) return false;
        } else if (has_value && slice_is_nocase(client->argv[i], "maxlen")) {
            if (!list_commands_argument_at_least(client, i + 1, 0, &search->most, "ERR MAXLEN can't be negative")) return false;
        } else {
            reply_syntax_error(client);
            return false;
        }
    }
    return true;
}

void lpos_command(struct client *client) {
    struct search search;
    struct value list;
    if (!search_options(client, &search) || !read_list(client, &list)) return;
    bool backwards = search.rank < 0, as_array = search.count >= 0;
    int64_t skip = (backwards ? -search.rank : search.rank) - 1, index = 0;
    size_t found = 0;
    struct output_hole hole = {0};
    if (as_array) hole = reply_later(client);
    struct list_place place = {0};
    if (list.object) place = list_value_at(&list, backwards ? -1 : 0);
    for (; place.entry && (!search.most || index < search.most); place = list_value_step(&list, place, backwards), index++) {
        if (!list_value_is(&list, place, client->argv[2]) || skip-- > 0) continue;
        reply_int(client, backwards ? (int64_t)list_value_count(&list) - 1 - index : index);
        found++;
        if (!as_array || (search.count && found == (uint64_t)search.count)) break;
    }
    if (list.object) list_value_tidy(&list, false);
    if (as_array)
        reply_array_here(client, hole, found);
    else if (!found)
        reply_null(client);
}

/* ---- editing ---- */

void lset_command(struct client *client) {
    struct spot spot;
    struct value list;
    struct list_rules rules = list_commands_rules(client);
    int64_t index;
    if (!list_commands_open(client, client->argv[1], &spot, &list)) return;
    if (!spot.record) {
        reply_no_such_key(client);
        return;
    }
    if (!argument_int(client, 2, &index)) return;
    struct list_place place = list_value_at(&list, index);
    if (!place.entry) {
        reply_error(client, "ERR index out of range");
        return;
    }
    list_value_replace(&list, &rules, place, client->argv[3]);
    list_value_tidy(&list, false);
    reply_ok(client);
    list_commands_changed(client, client->argv[1], &spot, &list, "lset", 1);
}

void linsert_command(struct client *client) {
    struct spot spot;
    struct value list;
    struct list_rules rules = list_commands_rules(client);
    bool after = slice_is_nocase(client->argv[2], "after");
    if (!after && !slice_is_nocase(client->argv[2], "before")) {
        reply_syntax_error(client);
        return;
    }
    if (!list_commands_open(client, client->argv[1], &spot, &list)) return;
    if (!spot.record) {
        reply_int(client, 0);
        return;
    }
    struct list_place place = list_value_at(&list, 0);
    while (place.entry && !list_value_is(&list, place, client->argv[3])) place = list_value_step(&list, place, false);
    if (!place.entry) {
        list_value_tidy(&list, false);
        reply_int(client, -1);
        return;
    }
    list_value_insert(&list, &rules, place, after, client->argv[4]);
    list_value_tidy(&list, false);
    list_commands_changed(client, client->argv[1], &spot, &list, "linsert", 1);
    reply_uint(client, list_value_count(&list));
}

void lrem_command(struct client *client) {
    enum { MANY = 64 };
    struct spot spot;
    struct value list;
    int64_t count;
    uint64_t removed = 0;
    if (!argument_int(client, 2, &count) || !list_commands_open(client, client->argv[1], &spot, &list)) return;
    bool backwards = count < 0;
    uint64_t most = backwards ? 0 - (uint64_t)count : (uint64_t)count;
    struct list_place place = {0};
    if (spot.record) place = list_value_at(&list, backwards ? -1 : 0);
    while (place.entry && (!most || removed < most)) {
        if (list_value_is(&list, place, client->argv[3])) {
            place = list_value_remove(&list, place, backwards);
            removed++;
        } else {
            place = list_value_step(&list, place, backwards);
        }
    }
    if (spot.record) list_value_tidy(&list, removed > MANY);
    if (removed) {
        list_commands_changed(client, client->argv[1], &spot, &list, "lrem", removed);
        list_commands_drop_if_empty(client, client->argv[1], &list);
    }
    reply_uint(client, removed);
}

void ltrim_command(struct client *client) {
    struct spot spot;
    struct value list;
    int64_t start, end;
    if (!argument_int(client, 2, &start) || !argument_int(client, 3, &end)) return;
    if (!list_commands_open(client, client->argv[1], &spot, &list)) return;
    if (spot.record) {
        int64_t count = (int64_t)list_value_count(&list);
        if (!clamp(count, &start, &end)) start = count, end = count - 1;
        list_value_remove_range(&list, (size_t)end + 1, (size_t)(count - end - 1));
        list_value_remove_range(&list, 0, (size_t)start);
        list_value_tidy(&list, false);
        list_commands_changed(client, client->argv[1], &spot, &list, "ltrim", (uint64_t)(count - (end - start + 1)));
        list_commands_drop_if_empty(client, client->argv[1], &list);
    }
    reply_ok(client);
}
