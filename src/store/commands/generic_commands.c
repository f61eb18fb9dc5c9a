#include "store/commands/generic_commands.h"
#include "base/glob.h"
#include "base/mem.h"
#include "core/client/client.h"
#include "core/client/reply.h"
#include "core/command/dispatch.h"
#include "core/server.h"
#include "store/commands/arguments.h"
#include "store/tx/session.h"

#define COMMAND COMMAND_PROTOTYPE
#include "store/commands/generic.def"
#undef COMMAND
#define COMMAND COMMAND_ROW
const struct command generic_commands[] = {
#include "store/commands/generic.def"
};
#undef COMMAND
const size_t generic_command_count = COUNT_OF(generic_commands);

static void changed(struct client *client, struct keyspace *keyspace, struct slice key, const char *event) {
    keyspace_changed(keyspace, key, KEYSPACE_GENERIC, event);
    client->server->dirty++;
}

/* ---- removing and counting ---- */

static void remove_keys(struct client *client, bool async) {
    struct keyspace *keyspace = session_keyspace(client);
    int64_t removed = 0;
    bool overwriting = keyspace->shared->free_here;
    keyspace->shared->free_here = !async;
    for (int i = 1; i < client->argc; i++) {
        struct spot spot;
        if (!keyspace_open(keyspace, client->argv[i], &spot)) continue;
        keyspace_remove(keyspace, &spot);
        changed(client, keyspace, client->argv[i], "del");
        removed++;
    }
    keyspace->shared->free_here = overwriting;
    reply_int(client, removed);
}

void del_command(struct client *client) {
    remove_keys(client, session_of(client)->databases->settings.lazyfree_lazy_user_del);
}

void unlink_command(struct client *client) {
    remove_keys(client, true);
}

void exists_command(struct client *client) {
    int64_t count = 0;
    for (int i = 1; i < client->argc; i++) count += keyspace_look(session_keyspace(client), client->argv[i]) != NULL;
    reply_int(client, count);
}

void touch_command(struct client *client) {
    int64_t count = 0;
    for (int i = 1; i < client->argc; i++) count += keyspace_read(session_keyspace(client), client->argv[i]) != NULL;
    reply_int(client, count);
}

void type_command(struct client *client) {
    const struct record *record = keyspace_look(session_keyspace(client), client->argv[1]);
    reply_status(client, record ? value_type_name(record_type(record)) : "none");
}

/* ---- renaming, moving, copying ---- */

/* Puts a record's value under another key, which is not there. The value's object is taken. */
static void put_as(struct keyspace *keyspace, struct slice key, struct spot *spot, const struct value *value,
                   int64_t expires_ms) {
    CHECK(!spot->record);
    keyspace_put(keyspace, key, spot, value, expires_ms);
}

static void rename_key(struct client *client, bool only_if_absent) {
    struct keyspace *keyspace = session_keyspace(client);
    struct slice from = client->argv[1], to = client->argv[2];
    struct spot source, target;
    if (!keyspace_open(keyspace, from, &source)) {
        reply_no_such_key(client);
        return;
    }
    bool is_there = slice_equal(from, to);
    if (!is_there) {
        is_there = keyspace_open(keyspace, to, &target);
        if (!is_there || !only_if_absent) {
            if (is_there) keyspace_remove(keyspace, &target);
            /* What was removed may have moved the records' places. */
            CHECK(keyspace_open(keyspace, from, &source));
            struct record *record = keyspace_take(keyspace, &source);
            struct value value = record_value(record);
            put_as(keyspace, to, &target, &value, record_expires_ms(record));
            record_free(record);
            changed(client, keyspace, from, "rename_from");
            keyspace_changed(keyspace, to, KEYSPACE_GENERIC, "rename_to");
        }
    }
    if (only_if_absent)
        reply_int(client, !is_there);
    else
        reply_ok(client);
}

void rename_command(struct client *client) {
    rename_key(client, false);
}

void renamenx_command(struct client *client) {
    rename_key(client, true);
}

static void reply_same_object(struct client *client) {
    reply_error(client, "ERR source and destination objects are the same");
}

/* The database that argument `place` names; NULL: it has replied. */
static struct keyspace *argument_database(struct client *client, int place) {
    int number;
    if (!argument_int32(client, place, &number, NULL)) return NULL;
    struct keyspace *keyspace = databases_find(session_of(client)->databases, number);
    if (!keyspace) reply_error(client, "ERR DB index is out of range");
    return keyspace;
}

void move_command(struct client *client) {
    struct keyspace *from = session_keyspace(client), *to = argument_database(client, 2);
    struct slice key = client->argv[1];
    if (!to) return;
    if (from == to) {
        reply_same_object(client);
        return;
    }
    struct spot source, target;
    if (!keyspace_open(from, key, &source) || keyspace_open(to, key, &target)) {
        reply_int(client, 0);
        return;
    }
    struct record *record = keyspace_take(from, &source);
    struct value value = record_value(record);
    put_as(to, key, &target, &value, record_expires_ms(record));
    record_free(record);
    changed(client, from, key, "move_from");
    keyspace_changed(to, key, KEYSPACE_GENERIC, "move_to");
    reply_int(client, 1);
}

void copy_command(struct client *client) {
    struct keyspace *from = session_keyspace(client), *to = from;
    bool replace = false;
    for (int i = 3; i < client->argc; i++) {
        if (slice_is_nocase(client->argv[i], "replace")) {
            replace = true;
        } else if (slice_is_nocase(client->argv[i], "db") && i + 1 < client->argc) {
            if (!(to = argument_database(client, ++i))) return;
        } else {
            reply_syntax_error(client);
            return;
        }
    }
    struct slice key = client->argv[1], new_key = client->argv[2];
    if (from == to && slice_equal(key, new_key)) {
        reply_same_object(client);
        return;
    }
    struct record *record = keyspace_read(from, key);
    struct spot target;
    if (!record || (keyspace_open(to, new_key, &target) && !replace)) {
        reply_int(client, 0);
        return;
    }
    if (target.record) keyspace_remove(to, &target);
    struct value value = record_value(record);
    if (value.form == VALUE_OBJECT)
        value.object = value_copy_object(record_type(record), record_encoding(record), value.object);
    put_as(to, new_key, &target, &value, record_expires_ms(record));
    changed(client, to, new_key, "copy_to");
    reply_int(client, 1);
}

/* ---- listing ---- */

/* Records met on a walk. They stay where they are until the walk is over, because nothing changes the table meanwhile. */
struct record_list {
    struct record **records;
    size_t          count, capacity;
};

static void add_record(struct record_list *list, struct record *record) {
    if (list->count == list->capacity) {
        list->capacity = list->capacity * 2 + 16;
        list->records = mem_realloc(list->records, list->capacity * sizeof *list->records);
    }
    list->records[list->count++] = record;
}

struct listing {
    struct keyspace   *keyspace;
    struct slice       pattern; /* data NULL: all */
    int                type;    /* -1: all */
    struct record_list found, expired;
};

static void list_record(void *context, struct record *record) {
    struct listing *listing = context;
    if (keyspace_is_expired(listing->keyspace, record)) {
        add_record(&listing->expired, record);
        return;
    }
    if (listing->type >= 0 && (int)record_type(record) != listing->type) return;
    if (listing->pattern.data && !glob_match(listing->pattern, record_key(record))) return;
    add_record(&listing->found, record);
}

/* Replies with the keys that were found, and removes those that were met past their deadline. */
static void finish(struct client *client, struct listing *listing) {
    reply_array(client, listing->found.count);
    for (size_t i = 0; i < listing->found.count; i++) reply_bulk(client, record_key(listing->found.records[i]));
    for (size_t i = 0; i < listing->expired.count; i++) {
        /* A lookup removes what has expired. The key lies in the record that goes. */
        struct bytes key = {0};
        struct spot spot;
        bytes_add_slice(&key, record_key(listing->expired.records[i]));
        CHECK(!keyspace_open(listing->keyspace, bytes_slice(&key), &spot));
        bytes_fini(&key);
    }
    mem_free(listing->found.records);
    mem_free(listing->expired.records);
}

/* A pattern without special characters matches itself alone, and "*" matches all. */
static struct slice pattern_of(struct slice pattern) {
    return slice_is(pattern, "*") ? (struct slice){0} : slice_make(pattern.data ? pattern.data : "", pattern.size);
}

void keys_command(struct client *client) {
    struct listing listing = {
        .keyspace = session_keyspace(client), .pattern = pattern_of(client->argv[1]), .type = -1};
    uint64_t cursor = 0;
    while (keyspace_scan(listing.keyspace, &cursor, list_record, &listing)) continue;
    finish(client, &listing);
}

enum { TYPE_NONE = VALUE_TYPE_COUNT }; /* a name that no value has */

static int type_by_name(struct slice name) {
    for (int type = 0; type < VALUE_TYPE_COUNT; type++)
        if (slice_is_nocase(name, value_type_name((enum value_type)type))) return type;
    return TYPE_NONE;
}

void scan_command(struct client *client) {
    struct listing listing = {.keyspace = session_keyspace(client), .type = -1};
    struct scan_options options;
    uint64_t cursor, visited = 0;
    if (!argument_cursor(client, 1, &cursor) || !argument_scan_options(client, 2, true, &options)) return;
    int64_t count = options.count;
    listing.pattern = options.pattern;
    if (options.type.data) listing.type = type_by_name(options.type);
    /* Where few keys match, COUNT also bounds the buckets that are visited. */
    uint64_t most = (uint64_t)count > UINT64_MAX / 10 ? UINT64_MAX : (uint64_t)count * 10;
    while (keyspace_scan(listing.keyspace, &cursor, list_record, &listing))
        if (++visited >= most || listing.found.count >= (uint64_t)count) break;
    reply_array(client, 2);
    reply_bulk_printf(client, "%llu", (unsigned long long)cursor);
    finish(client, &listing);
}

void randomkey_command(struct client *client) {
    struct record *record = keyspace_random(session_keyspace(client), &session_of(client)->databases->random);
    if (record)
        reply_bulk(client, record_key(record));
    else
        reply_null(client);
}
