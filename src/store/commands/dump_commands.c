#include "store/commands/dump_commands.h"
#include "base/mem.h"
#include "core/acl/user.h"
#include "core/client/client.h"
#include "core/client/reply.h"
#include "core/command/dispatch.h"
#include "core/server.h"
#include "store/commands/arguments.h"
#include "store/persist/dump_payload.h"
#include "store/persist/persistence.h"
#include "store/persist/rdb_rules.h"
#include "store/tx/session.h"

#define COMMAND COMMAND_PROTOTYPE
#include "store/commands/dump.def"
#undef COMMAND
#define COMMAND COMMAND_ROW
const struct command dump_commands[] = {
#include "store/commands/dump.def"
};
#undef COMMAND
const size_t dump_command_count = COUNT_OF(dump_commands);

enum { DUMP_CAPACITY = 256 };

void dump_command(struct client *client) {
    const struct record *record = keyspace_read(session_keyspace(client), client->argv[1]);
    if (!record) {
        reply_null(client);
        return;
    }
    struct value value = record_value(record);
    struct rdb_out out;
    rdb_out_init(&out, DUMP_CAPACITY, session_of(client)->persistence->settings.compress);
    dump_payload_write(&out, &value);
    reply_bulk_shared(client, slice_make(out.data, out.size), mem_free, out.data);
}

/* ---- RESTORE ---- */

struct restore {
    int64_t ttl_ms;
    int64_t idle_s, frequency; /* -1: not said */
    bool    replace, is_absolute;
};

/* What the options are; false: it has replied. */
static bool read_options(struct client *client, struct restore *restore) {
    for (int i = 4; i < client->argc; i++) {
        struct slice option = client->argv[i];
        bool has_more = i + 1 < client->argc;
        if (slice_is_nocase(option, "replace")) {
            restore->replace = true;
        } else if (slice_is_nocase(option, "absttl")) {
            restore->is_absolute = true;
        } else if (slice_is_nocase(option, "idletime") && has_more && restore->frequency < 0) {
            if (!argument_int(client, ++i, &restore->idle_s)) return false;
            if (restore->idle_s < 0) {
                reply_error(client, "ERR Invalid IDLETIME value, must be >= 0");
                return false;
            }
        } else if (slice_is_nocase(option, "freq") && has_more && restore->idle_s < 0) {
            if (!argument_int(client, ++i, &restore->frequency)) return false;
            if (restore->frequency < 0 || restore->frequency > 255) {
                reply_error(client, "ERR Invalid FREQ value, must be >= 0 and <= 255");
                return false;
            }
        } else {
            reply_syntax_error(client);
            return false;
        }
    }
    return true;
}

static bool read_ttl(struct client *client, struct restore *restore) {
    if (!argument_int(client, 2, &restore->ttl_ms)) return false;
    if (restore->ttl_ms >= 0) return true;
    reply_error(client, "ERR Invalid TTL value, must be >= 0");
    return false;
}

static bool is_to_be_sanitized(const struct client *client) {
    switch ((enum persist_sanitize)session_of(client)->persistence->settings.sanitize) {
    case PERSIST_SANITIZE_NO: return false;
    case PERSIST_SANITIZE_YES: return true;
    case PERSIST_SANITIZE_CLIENTS: return client->user->sanitize >= 0;
    }
    UNREACHABLE("a way to sanitize");
}

static bool read_payload(struct client *client, struct value *value, char **memory) {
    struct slice body;
    if (!dump_payload_open(client->argv[3], &body)) {
        reply_error(client, "ERR DUMP payload version or checksum are wrong");
        return false;
    }
    struct rdb_rules rules = rdb_rules_of(session_of(client)->databases);
    rules.deep = is_to_be_sanitized(client);
    if (dump_payload_read(body, &rules, value, memory)) {
        session_of(client)->persistence->sanitized += rules.deep;
        return true;
    }
    reply_error(client, "ERR Bad data format");
    return false;
}

/* What it would create is past its deadline: the old key is gone, a new one never comes. */
static void remove_old(struct client *client, struct spot *spot) {
    struct slice key = client->argv[1];
    if (!spot->record) return;
    keyspace_remove(session_keyspace(client), spot);
    keyspace_changed(session_keyspace(client), key, KEYSPACE_GENERIC, "del");
    dispatch_rewrite(client, 2, (struct slice[]){session_keyspace(client)->shared->free_here ? SLICE("DEL") : SLICE("UNLINK"), key});
    client->server->dirty++;
}

/* A relative deadline is told as an absolute one. */
static void propagate_absolute(struct client *client, int64_t deadline_ms) {
    struct slice *argv = mem_alloc(((size_t)client->argc + 1) * sizeof *argv);
    char number[NUMBER_TEXT_SIZE];
    memcpy(argv, client->argv, (size_t)client->argc * sizeof *argv);
    argv[2] = slice_make(number, number_print_int(number, deadline_ms));
    argv[client->argc] = SLICE("ABSTTL");
    dispatch_rewrite(client, client->argc + 1, argv);
    mem_free(argv);
}

/* IDLETIME and FREQ, each with the policies that it belongs to. */
static void put(struct client *client, const struct restore *restore, struct spot *spot, const struct value *value,
                int64_t deadline_ms) {
    struct keyspace *keyspace = session_keyspace(client);
    struct slice key = client->argv[1];
    if (spot->record) { /* nothing of it stays, so that the new one is a new record */
        keyspace_remove(keyspace, spot);
        (void)keyspace_open(keyspace, key, spot);
    }
    keyspace_put(keyspace, key, spot, value, deadline_ms);
    keyspace_set_usage(keyspace, spot->record, restore->idle_s, (int)restore->frequency);
    keyspace_changed(keyspace, key, KEYSPACE_GENERIC, "restore");
    client->server->dirty++;
    if (deadline_ms != RECORD_NEVER && !restore->is_absolute) propagate_absolute(client, deadline_ms);
}

void restore_command(struct client *client) {
    struct restore restore = {.idle_s = -1, .frequency = -1};
    struct keyspace *keyspace = session_keyspace(client);
    struct spot spot;
    struct value value;
    char *memory;
    if (!read_options(client, &restore)) return;
    if (keyspace_open(keyspace, client->argv[1], &spot) && !restore.replace) {
        reply_error(client, "BUSYKEY Target key name already exists.");
        return;
    }
    if (!read_ttl(client, &restore) || !read_payload(client, &value, &memory)) return;
    int64_t deadline_ms = RECORD_NEVER;
    if (restore.ttl_ms) {
        bool overflows = !restore.is_absolute && restore.ttl_ms > INT64_MAX - client->server->wall_ms;
        deadline_ms = restore.is_absolute ? restore.ttl_ms : overflows ? INT64_MAX : restore.ttl_ms + client->server->wall_ms;
    }
    if (deadline_ms != RECORD_NEVER && session_is_past(client, deadline_ms)) {
        if (value.form == VALUE_OBJECT) value_free_object(value.type, value.encoding, value.object);
        remove_old(client, &spot);
    } else {
        put(client, &restore, &spot, &value, deadline_ms);
    }
    mem_free(memory);
    reply_ok(client);
}
