#include "store/commands/debug_command.h"
#include "base/clock.h"
#include "base/log.h"
#include "base/mem.h"
#include "base/number.h"
#include "core/client/client.h"
#include "core/client/reply.h"
#include "core/observe/debug.h"
#include "core/server.h"
#include "store/commands/arguments.h"
#include "store/commands/object_commands.h"
#include "store/persist/aof_load.h"
#include "store/persist/digest.h"
#include "store/persist/persistence.h"
#include "store/persist/rdb_write.h"
#include "store/tx/session.h"
#include "store/tx/watch.h"

#include <errno.h>
#include <limits.h>
#include <math.h>
#include <stdio.h>
#include <time.h>

#define COMMAND COMMAND_PROTOTYPE
#include "store/commands/debug.def"
#undef COMMAND
#define COMMAND COMMAND_ROW
const struct command debug_commands[] = {
#include "store/commands/debug.def"
};
#undef COMMAND
const size_t debug_command_count = COUNT_OF(debug_commands);

/* The bytes that it takes in a dump. */
static size_t serialized_size(const struct client *client, const struct record *record) {
    struct value value = record_value(record);
    struct rdb_out out;
    rdb_out_init(&out, 256, session_of(client)->persistence->settings.compress);
    rdb_write_value(&out, &value);
    size_t size = out.size;
    rdb_out_fini(&out);
    return size;
}

static void debug_object(struct client *client) {
    struct keyspace *keyspace = session_keyspace(client);
    struct spot spot;
    bool was_quiet = keyspace->shared->no_touch;
    keyspace->shared->no_touch = true;
    bool is_there = keyspace_open(keyspace, client->argv[2], &spot);
    keyspace->shared->no_touch = was_quiet;
    if (!is_there) {
        reply_no_such_key(client);
        return;
    }
    char text[256];
    snprintf(text, sizeof text, "Value at:%p refcount:%d encoding:%s serializedlength:%zu lru:%u lru_seconds_idle:%u",
             (void *)spot.record, object_reference_count(spot.record),
             value_shown_encoding(record_type(spot.record), record_encoding(spot.record)),
             serialized_size(client, spot.record), spot.record->access, object_idle_seconds(client, spot.record));
    reply_status(client, text);
}

static void remove_everything(struct databases *databases) {
    for (int i = 0; i < databases_count(databases); i++) {
        watch_touch_all(databases_find(databases, i), NULL);
        keyspace_clear(databases_find(databases, i), false);
    }
}

/* RELOAD [NOSAVE] [NOFLUSH] [MERGE]: what is there goes through the dump file. */
static void debug_reload(struct client *client) {
    bool saves = true, flushes = true, merges = false;
    struct persistence *persistence = session_of(client)->persistence;
    struct databases *databases = session_of(client)->databases;
    struct error err;
    for (int i = 2; i < client->argc; i++) {
        if (slice_is_nocase(client->argv[i], "nosave")) saves = false;
        else if (slice_is_nocase(client->argv[i], "noflush")) flushes = false;
        else if (slice_is_nocase(client->argv[i], "merge")) merges = true;
        else {
            reply_error(client, "ERR DEBUG RELOAD only supports the MERGE, NOFLUSH and NOSAVE options.");
            return;
        }
    }
    if (saves && !saving_now(persistence->saving, &err)) {
        reply_error(client, "ERR %s", err.text);
        return;
    }
    if (flushes) remove_everything(databases);
    switch (loading_run(persistence->loading, false, merges, &err)) {
    case LOADING_DONE: reply_ok(client); return;
    case LOADING_ABSENT: error_set(&err, "there is no dump file"); break;
    case LOADING_FAILED: break;
    }
    LOG_WRITE(LOG_WARNING, "DEBUG RELOAD failed: %s", err.text);
    reply_error(client, "ERR Error trying to load the RDB dump: %s", err.text);
}

/* LOADAOF: the append-only file is written to its end, and the data becomes what it says. */
static void debug_loadaof(struct client *client) {
    struct persistence *persistence = session_of(client)->persistence;
    const struct persist_settings *settings = &persistence->settings;
    struct aof_load_options options = {
        .folder = settings->appenddirname, .stem = settings->appendfilename, .may_be_short = settings->aof_load_truncated};
    struct aof_loaded loaded;
    struct error err;
    if (client->server->call_depth > 1) { /* what the commands before it changed is not in the file yet */
        reply_error(client, "ERR DEBUG LOADAOF is not allowed in transactions and scripts");
        return;
    }
    aof_flush(persistence->aof, true);
    const char *failure = aof_failure(persistence->aof);
    if (failure) { /* it lacks what could not be written: that would be lost */
        reply_error(client, "ERR The append-only file can't be written: %s", failure);
        return;
    }
    if (aof_state(persistence->aof) == AOF_WAITS) {
        reply_error(client, "ERR The append-only file is being written for the first time: it does not hold the data yet");
        return;
    }
    remove_everything(session_of(client)->databases);
    enum loading_result result = aof_load_run(persistence->loading, &options, &loaded, &err);
    aof_manifest_free(&loaded.manifest);
    if (result == LOADING_DONE) {
        LOG_WRITE(LOG_NOTICE, "The append-only file was loaded by DEBUG LOADAOF");
        reply_ok(client);
        return;
    }
    if (result == LOADING_ABSENT) error_set(&err, "there is no append-only file");
    LOG_WRITE(LOG_WARNING, "DEBUG LOADAOF failed: %s", err.text);
    reply_error(client, "ERR Error trying to load the AOF files: %s", err.text);
}

static void debug_digest(struct client *client) {
    struct digest digest;
    char text[DIGEST_TEXT_SIZE];
    digest_of_all(&digest, session_of(client)->databases);
    digest_print(&digest, text);
    reply_status(client, text);
}

static void debug_digest_value(struct client *client) {
    reply_array(client, (size_t)client->argc - 2);
    for (int i = 2; i < client->argc; i++) {
        struct spot spot;
        struct digest digest = {0};
        char text[DIGEST_TEXT_SIZE];
        if (keyspace_open(session_keyspace(client), client->argv[i], &spot)) digest_of_value(&digest, spot.record);
        digest_print(&digest, text);
        reply_status(client, text);
    }
}

static void debug_sleep(struct client *client) {
    double seconds;
    if (!number_parse_double(client->argv[2], &seconds) || !(seconds >= 0) || seconds > 1e9) {
        reply_not_float(client);
        return;
    }
    struct timespec left = {.tv_sec = (time_t)seconds, .tv_nsec = (long)((seconds - floor(seconds)) * 1e9)};
    while (nanosleep(&left, &left) != 0 && errno == EINTR) continue;
    reply_ok(client);
}

static void debug_set_active_expire(struct client *client) {
    int64_t on;
    if (!argument_int(client, 2, &on)) return;
    session_of(client)->databases->expires_actively = on != 0;
    reply_ok(client);
}

static void print_shape(const struct keyspace *keyspace, struct bytes *out) {
    struct key_table_shape shape = {0};
    if (keyspace->table) key_table_shape(keyspace->table, &shape);
    bytes_add_printf(out, "Hash table of the keys:\n buckets: %zu\n overflow buckets: %zu\n records: %zu\n", shape.buckets,
                     shape.overflow_buckets, shape.records);
    bytes_add_printf(out, " longest chain: %zu\n memory: %zu\n expiry index memory: %zu\n keys with an expiry: %zu\n",
                     shape.longest_chain, keyspace_table_memory(keyspace), keyspace_timer_memory(keyspace),
                     keyspace->expiring);
    for (size_t i = 0; i < COUNT_OF(shape.fill); i++)
        if (shape.fill[i]) bytes_add_printf(out, "   %zu%s: %zu\n", i, i + 1 == COUNT_OF(shape.fill) ? "+" : "", shape.fill[i]);
}

static void debug_htstats(struct client *client) {
    int64_t number;
    if (!argument_int(client, 2, &number)) return;
    struct keyspace *keyspace = databases_find(session_of(client)->databases, number);
    if (!keyspace) {
        reply_error(client, "ERR Out of range database");
        return;
    }
    struct bytes text = {0};
    bytes_add_printf(&text, "[Database %d]\n", keyspace->id);
    print_shape(keyspace, &text);
    reply_verbatim(client, bytes_slice(&text), "txt");
    bytes_fini(&text);
}

/* POPULATE count [prefix] [size]: keys "prefix:0" ... with values "value:0" ..., padded with zeros to the size. */
static void debug_populate(struct client *client) {
    int64_t count, size = 0;
    if (!argument_int(client, 2, &count) || (client->argc > 4 && !argument_int(client, 4, &size))) return;
    if (count < 0 || size < 0) {
        reply_error(client, "ERR value is out of range, must be positive");
        return;
    }
    struct keyspace *keyspace = session_keyspace(client);
    struct bytes key = {0}, text = {0};
    for (int64_t i = 0; i < count; i++) {
        struct spot spot;
        bytes_clear(&key);
        bytes_clear(&text);
        bytes_add_slice(&key, client->argc > 3 ? client->argv[3] : SLICE("key"));
        bytes_add_printf(&key, ":%lld", (long long)i);
        if (keyspace_open(keyspace, bytes_slice(&key), &spot)) continue;
        bytes_add_printf(&text, "value:%lld", (long long)i);
        if (size) {
            bytes_reserve(&text, (size_t)size);
            if ((size_t)size > text.size) memset(text.data + text.size, 0, (size_t)size - text.size);
            text.size = (size_t)size;
        }
        struct value value = value_of_text(bytes_slice(&text));
        keyspace_put(keyspace, bytes_slice(&key), &spot, &value, RECORD_NEVER);
        keyspace_changed(keyspace, bytes_slice(&key), KEYSPACE_GENERIC, "set");
    }
    bytes_fini(&key);
    bytes_fini(&text);
    reply_ok(client);
}

/* PROTOCOL kind: one reply of that kind, for the tests of clients. */
static void debug_protocol(struct client *client) {
    struct slice kind = client->argv[2];
    if (slice_is_nocase(kind, "string")) {
        reply_bulk_text(client, "Hello World");
    } else if (slice_is_nocase(kind, "integer")) {
        reply_int(client, 12345);
    } else if (slice_is_nocase(kind, "double")) {
        reply_double(client, 3.141);
    } else if (slice_is_nocase(kind, "null")) {
        reply_null(client);
    } else if (slice_is_nocase(kind, "array")) {
        reply_array(client, 3);
        for (int i = 0; i < 3; i++) reply_int(client, i);
    } else if (slice_is_nocase(kind, "set")) {
        reply_set(client, 3);
        for (int i = 0; i < 3; i++) reply_int(client, i);
    } else if (slice_is_nocase(kind, "map")) {
        reply_map(client, 3);
        for (int i = 0; i < 3; i++) {
            reply_int(client, i);
            reply_bool(client, i == 1);
        }
    } else if (slice_is_nocase(kind, "attrib")) {
        if (reply_is_resp3(client)) {
            reply_attribute(client, 1);
            reply_bulk_text(client, "key-popularity");
            reply_array(client, 2);
            reply_bulk_text(client, "key:123");
            reply_int(client, 90);
        }
        reply_bulk_text(client, "Some real reply following the attribute");
    } else if (slice_is_nocase(kind, "push")) {
        reply_push(client, 2);
        reply_bulk_text(client, "server-cpu-usage");
        reply_int(client, 42);
    } else if (slice_is_nocase(kind, "verbatim")) {
        reply_verbatim(client, SLICE("This is a verbatim\nstring"), "txt");
    } else if (slice_is_nocase(kind, "bignum")) {
        reply_bignum(client, SLICE("1234567999999999999999999999999999999"));
    } else if (slice_is_nocase(kind, "true") || slice_is_nocase(kind, "false")) {
        reply_bool(client, slice_is_nocase(kind, "true"));
    } else {
        reply_error(client, "ERR Wrong protocol type name. Please use one of the following: "
                            "string|integer|double|null|array|set|map|attrib|push|verbatim|true|false");
    }
}

static void debug_error(struct client *client) {
    reply_error_slice(client, client->argv[2]);
}

static void debug_help(struct client *client) {
    static const char *const own[] = {
        "DIGEST",
        "    A digest of all databases, the same as another server's with the same data.",
        "DIGEST-VALUE <key> [<key> ...]",
        "    Digests of the values of keys.",
        "ERROR <string>",
        "    Return an error with the text <string>.",
        "HTSTATS <dbid>",
        "    Return how the keys of a database spread in its hash table.",
        "LOADAOF",
        "    Write the append-only file to its end, remove the data and load what the file says.",
        "OBJECT <key>",
        "    Show low level information about a key and its value.",
        "POPULATE <count> [<prefix>] [<size>]",
        "    Create <count> string keys named key:<num>.",
        "PROTOCOL <type>",
        "    Reply with a test value of the specified type.",
        "RELOAD [NOSAVE] [NOFLUSH] [MERGE]",
        "    Save the data, remove it and load it, or only some of that. MERGE: the file may have keys that are there.",
        "SET-ACTIVE-EXPIRE <0|1>",
        "    Whether expired keys are removed that nobody looks up.",
        "SLEEP <seconds>",
        "    Stop the server for <seconds>. Decimals allowed.",
    };
    const char *lines[COUNT_OF(own) + 40];
    size_t count = COUNT_OF(own);
    memcpy(lines, own, sizeof own);
    for (size_t i = 0; debug_generic_help[i]; i++) {
        CHECK(count < COUNT_OF(lines) - 1);
        lines[count++] = debug_generic_help[i];
    }
    lines[count] = NULL;
    reply_help(client, lines);
}

void debug_command(struct client *client) {
    static const struct {
        const char *name;
        int         least, most; /* arguments */
        void (*run)(struct client *client);
    } subcommands[] = {
        {"digest", 2, 2, debug_digest},     {"digest-value", 2, INT_MAX, debug_digest_value},
        {"error", 3, 3, debug_error},       {"help", 2, 2, debug_help},         {"htstats", 3, 4, debug_htstats},
        {"loadaof", 2, 2, debug_loadaof},   {"object", 3, 4, debug_object},     {"populate", 3, 5, debug_populate}, {"protocol", 3, 3, debug_protocol},
        {"reload", 2, INT_MAX, debug_reload},
        {"set-active-expire", 3, 3, debug_set_active_expire}, {"sleep", 3, 3, debug_sleep},
    };
    for (size_t i = 0; i < COUNT_OF(subcommands); i++) {
        if (!slice_is_nocase(client->argv[1], subcommands[i].name)) continue;
        if (client->argc < subcommands[i].least || client->argc > subcommands[i].most) break;
        subcommands[i].run(client);
        return;
    }
    if (!debug_generic(client)) debug_reply_unknown(client);
}
