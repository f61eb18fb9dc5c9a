#include "store/commands/hyperloglog_commands.h"
#include "base/number.h"
#include "core/client/client.h"
#include "core/client/reply.h"
#include "core/server.h"
#include "store/commands/arguments.h"
#include "store/tx/session.h"
#include "store/types/hyperloglog.h"

#define COMMAND COMMAND_PROTOTYPE
#include "store/commands/hyperloglog.def"
#undef COMMAND
#define COMMAND COMMAND_ROW
const struct command hyperloglog_commands[] = {
#include "store/commands/hyperloglog.def"
};
#undef COMMAND
const size_t hyperloglog_command_count = COUNT_OF(hyperloglog_commands);

static size_t sparse_max_bytes(const struct client *client) {
    return session_of(client)->databases->settings.hll_sparse_max_bytes;
}

static void reply_corrupt(struct client *client) {
    reply_error(client, "INVALIDOBJ Corrupted HLL object detected");
}

/* The text of a record that is a HyperLogLog; false: replied. */
static bool hyperloglog_text(struct client *client, const struct record *record, char *buffer, struct slice *text) {
    if (!argument_is_string(client, record)) return false;
    *text = record_text(record, buffer);
    if (hyperloglog_is_valid(*text)) return true;
    reply_error(client, "WRONGTYPE Key is not a valid HyperLogLog string value.");
    return false;
}

static void changed(struct client *client, int64_t changes) {
    keyspace_changed(session_keyspace(client), client->argv[1], KEYSPACE_STRING, "pfadd");
    client->server->dirty += changes;
}

/* Stores the bytes where the key was opened. */
static void store(struct client *client, struct spot *spot, const struct bytes *text) {
    struct keyspace *keyspace = session_keyspace(client);
    if (!spot->record) {
        struct value value = value_of_raw_text(bytes_slice(text));
        keyspace_put(keyspace, client->argv[1], spot, &value, RECORD_NEVER);
        return;
    }
    memcpy(keyspace_edit_text(keyspace, spot, text->size), text->data, text->size);
}

/* Adds argv[2..] to a dense one without moving it. Returns how many raised a register. */
static int64_t add_dense(struct client *client, struct spot *spot) {
    char   *text = keyspace_edit_text(session_keyspace(client), spot, HYPERLOGLOG_DENSE_BYTES);
    int64_t changes = 0;
    for (int i = 2; i < client->argc; i++) changes += hyperloglog_add_dense(text, client->argv[i]) == HYPERLOGLOG_CHANGED;
    if (changes) hyperloglog_mark_stale(text);
    return changes;
}

/* The same with one that may be absent or change its form. -1: corrupt, and nothing changed. */
static int64_t add_sparse(struct client *client, struct spot *spot, struct slice old) {
    struct bytes text = {0};
    int64_t      changes = 0;
    bool         is_corrupt = false;
    if (spot->record)
        bytes_add_slice(&text, old);
    else
        hyperloglog_create(&text), changes++;
    for (int i = 2; i < client->argc && !is_corrupt; i++) {
        enum hyperloglog_result result = hyperloglog_add(&text, client->argv[i], sparse_max_bytes(client));
        changes += result == HYPERLOGLOG_CHANGED;
        is_corrupt = result == HYPERLOGLOG_CORRUPT;
    }
    if (changes && !is_corrupt) {
        hyperloglog_mark_stale(text.data);
        store(client, spot, &text);
    }
    bytes_fini(&text);
    return is_corrupt ? -1 : changes;
}

void pfadd_command(struct client *client) {
    struct spot  spot;
    struct slice text = {0};
    char         buffer[NUMBER_TEXT_SIZE];
    keyspace_open(session_keyspace(client), client->argv[1], &spot);
    if (spot.record && !hyperloglog_text(client, spot.record, buffer, &text)) return;
    bool    is_dense = spot.record && hyperloglog_is_dense(text);
    int64_t changes = is_dense ? add_dense(client, &spot) : add_sparse(client, &spot, text);
    if (changes < 0) {
        reply_corrupt(client);
        return;
    }
    if (changes) changed(client, changes);
    reply_int(client, changes > 0);
}

/* One key: its count is kept in it until it changes, so that reading it may be a write. */
static void count_one(struct client *client) {
    struct keyspace *keyspace = session_keyspace(client);
    struct slice     text;
    char             buffer[NUMBER_TEXT_SIZE];
    uint64_t         count = 0;
    struct record   *record = keyspace_read(keyspace, client->argv[1]);
    if (record) {
        if (!hyperloglog_text(client, record, buffer, &text)) return;
        if (!hyperloglog_cached(text, &count)) {
            if (!hyperloglog_count(text, &count)) {
                reply_corrupt(client);
                return;
            }
            struct spot spot;
            CHECK(keyspace_open(keyspace, client->argv[1], &spot));
            hyperloglog_cache(keyspace_edit_text(keyspace, &spot, text.size), count);
            keyspace_touched(keyspace, client->argv[1]);
            client->server->dirty++;
        }
    }
    reply_uint(client, count);
}

/* Joins the keys argv[first..]. `any_dense` (may be NULL): one of them is. False: replied. */
static bool join(struct client *client, int first, uint8_t registers[HYPERLOGLOG_REGISTERS], bool *any_dense) {
    for (int i = first; i < client->argc; i++) {
        struct slice   text;
        char           buffer[NUMBER_TEXT_SIZE];
        struct record *record = keyspace_read(session_keyspace(client), client->argv[i]);
        if (!record) continue;
        if (!hyperloglog_text(client, record, buffer, &text)) return false;
        if (any_dense && hyperloglog_is_dense(text)) *any_dense = true;
        if (hyperloglog_join(registers, text)) continue;
        reply_corrupt(client);
        return false;
    }
    return true;
}

void pfcount_command(struct client *client) {
    if (client->argc == 2) {
        count_one(client);
        return;
    }
    uint8_t registers[HYPERLOGLOG_REGISTERS] = {0};
    if (join(client, 1, registers, NULL)) reply_uint(client, hyperloglog_count_registers(registers));
}

void pfmerge_command(struct client *client) {
    uint8_t registers[HYPERLOGLOG_REGISTERS] = {0};
    bool    any_dense = false;
    if (!join(client, 1, registers, &any_dense)) return;
    struct spot  spot;
    struct bytes text = {0};
    char         buffer[NUMBER_TEXT_SIZE];
    if (keyspace_open(session_keyspace(client), client->argv[1], &spot))
        bytes_add_slice(&text, record_text(spot.record, buffer));
    else
        hyperloglog_create(&text);
    if (hyperloglog_raise(&text, registers, any_dense, sparse_max_bytes(client))) {
        hyperloglog_mark_stale(text.data);
        store(client, &spot, &text);
        changed(client, 1);
        reply_ok(client);
    } else {
        reply_corrupt(client);
    }
    bytes_fini(&text);
}

/* ---- PFDEBUG, PFSELFTEST ---- */

static void show_registers(struct client *client, struct slice text) {
    uint8_t registers[HYPERLOGLOG_REGISTERS] = {0};
    if (!hyperloglog_join(registers, text)) {
        reply_corrupt(client);
        return;
    }
    reply_array(client, HYPERLOGLOG_REGISTERS);
    for (int i = 0; i < HYPERLOGLOG_REGISTERS; i++) reply_int(client, registers[i]);
}

static void show_runs(struct client *client, struct slice text) {
    struct bytes out = {0};
    if (hyperloglog_is_dense(text))
        reply_error(client, "ERR HLL encoding is not sparse");
    else if (hyperloglog_print_runs(text, &out))
        reply_bulk(client, bytes_slice(&out));
    else
        reply_corrupt(client);
    bytes_fini(&out);
}

/* False: corrupt. `text`: of the record at `spot`. */
static bool make_dense(struct client *client, struct spot *spot, struct slice text) {
    uint8_t      registers[HYPERLOGLOG_REGISTERS] = {0};
    struct bytes dense = {0};
    bytes_add_slice(&dense, text);
    bool good = hyperloglog_join(registers, text) && hyperloglog_raise(&dense, registers, true, 0);
    if (good) store(client, spot, &dense);
    bytes_fini(&dense);
    return good;
}

static void to_dense(struct client *client, struct spot *spot, struct slice text) {
    bool was_sparse = !hyperloglog_is_dense(text);
    if (was_sparse && !make_dense(client, spot, text)) {
        reply_corrupt(client);
        return;
    }
    if (was_sparse) {
        keyspace_touched(session_keyspace(client), client->argv[2]);
        client->server->dirty++;
    }
    reply_int(client, was_sparse);
}

void pfdebug_command(struct client *client) {
    struct spot  spot;
    struct slice text, what = client->argv[1];
    char         buffer[NUMBER_TEXT_SIZE];
    if (!keyspace_open(session_keyspace(client), client->argv[2], &spot)) {
        reply_error(client, "ERR The specified key does not exist");
        return;
    }
    if (!hyperloglog_text(client, spot.record, buffer, &text)) return;
    if (slice_is_nocase(what, "getreg"))
        show_registers(client, text);
    else if (slice_is_nocase(what, "decode"))
        show_runs(client, text);
    else if (slice_is_nocase(what, "encoding"))
        reply_status(client, hyperloglog_is_dense(text) ? "dense" : "sparse");
    else if (slice_is_nocase(what, "todense"))
        to_dense(client, &spot, text);
    else
        reply_error(client, "ERR Unknown PFDEBUG subcommand '%.*s'", (int)what.size, what.data);
}

/* The standard error is 1.04 / sqrt(registers), 0.8 %; five times that is never seen. */
static bool is_near(uint64_t estimate, uint64_t truth) {
    double error = truth > estimate ? (double)(truth - estimate) : (double)(estimate - truth);
    return error <= 5 * 1.04 / 128 * (double)truth + 1;
}

void pfselftest_command(struct client *client) {
    enum { ELEMENTS = 1000000 };
    struct bytes sparse = {0}, dense = {0};
    uint8_t      registers[HYPERLOGLOG_REGISTERS] = {0};
    hyperloglog_create(&sparse);
    hyperloglog_create(&dense);
    bool good = hyperloglog_raise(&dense, registers, true, 0);
    for (uint64_t i = 1, check = 1; i <= ELEMENTS && good; i++) {
        uint64_t     element = i * 0x9e3779b97f4a7c15u, of_sparse, of_dense;
        struct slice bytes = slice_make((const char *)&element, sizeof element);
        good = hyperloglog_add(&sparse, bytes, sparse_max_bytes(client)) != HYPERLOGLOG_CORRUPT &&
               hyperloglog_add_dense(dense.data, bytes) != HYPERLOGLOG_CORRUPT;
        if (!good || i != check) continue;
        check *= 10;
        good = hyperloglog_count(bytes_slice(&sparse), &of_sparse) && hyperloglog_count(bytes_slice(&dense), &of_dense) &&
               of_sparse == of_dense && is_near(of_dense, i);
        if (!good) reply_error(client, "ERR TESTFAILED wrong estimate of %llu elements", (unsigned long long)i);
    }
    if (good) reply_ok(client);
    bytes_fini(&sparse);
    bytes_fini(&dense);
}
