#include "store/commands/hash_commands.h"
#include "base/glob.h"
#include "core/client/client.h"
#include "core/client/reply.h"
#include "core/command/dispatch.h"
#include "core/server.h"
#include "store/commands/arguments.h"
#include "store/commands/hash_commands_internal.h"
#include "store/tx/session.h"

#include <math.h>

#define COMMAND COMMAND_PROTOTYPE
#include "store/commands/hash.def"
#undef COMMAND
#define COMMAND COMMAND_ROW
const struct command hash_commands[] = {
#include "store/commands/hash.def"
};
#undef COMMAND
const size_t hash_command_count = COUNT_OF(hash_commands);

/* ---- finding ---- */

/* The hash of a record. Fields that have ended are removed, some at least; commands see none of them in any case. False:
 * that was all. */
static bool hash_of(struct client *client, const struct record *record, struct value *hash) {
    struct spot spot;
    *hash = record_value(record);
    int64_t earliest_ms = hash_value_earliest_ms(hash);
    if (LIKELY(earliest_ms == HASH_NEVER) || earliest_ms >= client->server->wall_ms) return true;
    struct keyspace *keyspace = session_keyspace(client);
    CHECK(keyspace_open(keyspace, client->argv[1], &spot));
    if (!field_expire_key(keyspace, &spot, FIELD_EXPIRE_AT_ONCE)) return false;
    *hash = record_value(spot.record);
    return true;
}

bool hash_read(struct client *client, struct value *hash, bool *is_there) {
    struct record *record = keyspace_read(session_keyspace(client), client->argv[1]);
    if (!argument_is_type(client, record, VALUE_HASH)) return false;
    *is_there = record && hash_of(client, record, hash);
    return true;
}

bool hash_edit_open(struct client *client, struct hash_edit *edit) {
    struct keyspace *keyspace = session_keyspace(client);
    keyspace_open(keyspace, client->argv[1], &edit->spot);
    if (!argument_is_type(client, edit->spot.record, VALUE_HASH)) return false;
    if (edit->spot.record && !hash_of(client, edit->spot.record, &edit->hash))
        keyspace_open(keyspace, client->argv[1], &edit->spot); /* it is gone */
    if (edit->spot.record) edit->hash = hash_value_open(&edit->hash, &edit->room);
    edit->rules = hash_rules_of(client);
    return true;
}

bool hash_edit_find(const struct hash_edit *edit, struct slice field, struct hash_item *item) {
    return edit->spot.record && hash_value_find(&edit->hash, edit->rules.now_ms, field, item);
}

struct hash_rules hash_rules_of(const struct client *client) {
    const struct databases *databases = session_of(client)->databases;
    /* Whoever repeats what happened elsewhere, or before, sees what that saw. */
    return (struct hash_rules){.max_entries = databases->settings.hash_max_listpack_entries,
                               .max_text_bytes = databases->settings.hash_max_listpack_value_bytes,
                               .hash_key = &databases->shared.hash_key,
                               .now_ms = databases->shared.sees_expired ? HASH_SEE_ALL : client->server->wall_ms};
}

void hash_edit_begin(struct hash_edit *edit) {
    if (!edit->spot.record) edit->hash = hash_value_new(&edit->room);
}

void hash_edit_store(struct client *client, struct hash_edit *edit) {
    struct keyspace *keyspace = session_keyspace(client);
    if (edit->spot.record)
        keyspace_update(keyspace, &edit->spot, &edit->hash);
    else
        keyspace_put(keyspace, client->argv[1], &edit->spot, &edit->hash, RECORD_NEVER);
    if (hash_value_has_deadlines(&edit->hash)) field_expire_file(keyspace, edit->spot.record, edit->spot.hash, false);
}

void hash_edit_drop_empty(struct client *client, struct hash_edit *edit) {
    struct keyspace *keyspace = session_keyspace(client);
    if (hash_value_count(&edit->hash)) return;
    keyspace_remove(keyspace, &edit->spot);
    keyspace_changed(keyspace, client->argv[1], KEYSPACE_GENERIC, "del");
}

void hash_changed(struct client *client, const char *event, uint64_t changes) {
    keyspace_changed(session_keyspace(client), client->argv[1], KEYSPACE_HASH, event);
    client->server->dirty += changes;
}

static void set_one(struct client *client, struct hash_edit *edit, struct slice text, int64_t deadline_ms,
                    const char *event) {
    hash_edit_begin(edit);
    (void)hash_value_put(&edit->hash, &edit->rules, client->argv[2], text, deadline_ms);
    hash_edit_store(client, edit);
    hash_changed(client, event, 1);
}

/* ---- setting ---- */

/* Returns how many fields are new; -1: it has replied. */
static int64_t set_pairs(struct client *client) {
    if (client->argc % 2) {
        reply_wrong_arguments(client);
        return -1;
    }
    struct hash_edit edit;
    if (!hash_edit_open(client, &edit)) return -1;
    int64_t added = 0;
    hash_edit_begin(&edit);
    for (int i = 2; i < client->argc; i += 2)
        added += hash_value_set(&edit.hash, &edit.rules, client->argv[i], client->argv[i + 1]);
    hash_edit_store(client, &edit);
    hash_changed(client, "hset", (uint64_t)(client->argc - 2) / 2);
    return added;
}

void hset_command(struct client *client) {
    int64_t added = set_pairs(client);
    if (added >= 0) reply_int(client, added);
}

void hmset_command(struct client *client) {
    if (set_pairs(client) >= 0) reply_ok(client);
}

void hsetnx_command(struct client *client) {
    struct hash_edit edit;
    struct hash_item item;
    if (!hash_edit_open(client, &edit)) return;
    bool is_there = hash_edit_find(&edit, client->argv[2], &item);
    if (!is_there) set_one(client, &edit, client->argv[3], HASH_NEVER, "hset");
    reply_int(client, !is_there);
}

void hincrby_command(struct client *client) {
    int64_t by, number = 0;
    struct hash_edit edit;
    struct hash_item item;
    char buffer[NUMBER_TEXT_SIZE];
    if (!argument_int(client, 3, &by) || !hash_edit_open(client, &edit)) return;
    if (hash_edit_find(&edit, client->argv[2], &item) && !number_parse_int(item.text, &number)) {
        reply_error(client, "ERR hash value is not an integer");
        return;
    }
    if (__builtin_add_overflow(number, by, &number)) {
        reply_error(client, "ERR increment or decrement would overflow");
        return;
    }
    set_one(client, &edit, slice_make(buffer, number_print_int(buffer, number)), HASH_KEEP_TTL, "hincrby");
    reply_int(client, number);
}

void hincrbyfloat_command(struct client *client) {
    long double by, number = 0;
    struct hash_edit edit;
    struct hash_item item;
    char result[5200];
    if (!number_parse_long_double(client->argv[3], &by)) {
        reply_not_float(client);
        return;
    }
    if (isinf(by) || isnan(by)) {
        reply_error(client, "ERR value is NaN or Infinity");
        return;
    }
    if (!hash_edit_open(client, &edit)) return;
    if (hash_edit_find(&edit, client->argv[2], &item) && !number_parse_long_double(item.text, &number)) {
        reply_error(client, "ERR hash value is not a float");
        return;
    }
    number += by;
    if (isinf(number) || isnan(number)) {
        reply_error(client, "ERR increment would produce NaN or Infinity");
        return;
    }
    struct slice sum = slice_make(result, number_print_long_double(result, number));
    set_one(client, &edit, sum, HASH_KEEP_TTL, "hincrbyfloat");
    reply_bulk(client, sum);
    /* Other machines may compute another last digit: the result is passed on. */
    dispatch_rewrite(client, 4, (const struct slice[]){SLICE("HSET"), client->argv[1], client->argv[2], sum});
}

/* ---- removing ---- */

void hdel_command(struct client *client) {
    struct hash_edit edit;
    int64_t removed = 0;
    if (!hash_edit_open(client, &edit)) return;
    size_t left = edit.spot.record ? hash_value_count(&edit.hash) : 0;
    for (int i = 2; i < client->argc && left; i++) {
        if (!hash_value_remove(&edit.hash, edit.rules.now_ms, client->argv[i])) continue;
        removed++;
        left--;
    }
    if (removed) {
        hash_edit_store(client, &edit);
        hash_changed(client, "hdel", (uint64_t)removed);
        hash_edit_drop_empty(client, &edit);
    }
    reply_int(client, removed);
}

/* ---- reading one ---- */

/* False: it has replied WRONGTYPE. */
static bool read_field(struct client *client, struct hash_item *item, bool *is_there) {
    struct value hash;
    if (!hash_read(client, &hash, is_there)) return false;
    *is_there = *is_there && hash_value_find(&hash, client->server->wall_ms, client->argv[2], item);
    return true;
}

void hget_command(struct client *client) {
    struct hash_item item;
    bool is_there;
    if (!read_field(client, &item, &is_there)) return;
    if (is_there)
        reply_bulk(client, item.text);
    else
        reply_null(client);
}

void hstrlen_command(struct client *client) {
    struct hash_item item;
    bool is_there;
    if (read_field(client, &item, &is_there)) reply_int(client, is_there ? (int64_t)item.text.size : 0);
}

void hexists_command(struct client *client) {
    struct hash_item item;
    bool is_there;
    if (read_field(client, &item, &is_there)) reply_int(client, is_there);
}

void hlen_command(struct client *client) {
    struct value hash;
    bool is_there;
    if (hash_read(client, &hash, &is_there)) reply_int(client, is_there ? (int64_t)hash_value_count(&hash) : 0);
}

void hmget_command(struct client *client) {
    struct value hash;
    bool is_there;
    if (!hash_read(client, &hash, &is_there)) return;
    reply_array(client, (size_t)client->argc - 2);
    for (int i = 2; i < client->argc; i++) {
        struct hash_item item;
        if (is_there && hash_value_find(&hash, client->server->wall_ms, client->argv[i], &item))
            reply_bulk(client, item.text);
        else
            reply_null(client);
    }
}

/* ---- reading all ---- */

static void reply_item(void *context, const struct hash_item *item) {
    reply_bulk(context, item->field);
    reply_bulk(context, item->text);
}

static void reply_field(void *context, const struct hash_item *item) {
    reply_bulk(context, item->field);
}

static void reply_text(void *context, const struct hash_item *item) {
    reply_bulk(context, item->text);
}

void hgetall_command(struct client *client) {
    struct value hash;
    bool is_there;
    if (!hash_read(client, &hash, &is_there)) return;
    int64_t now_ms = client->server->wall_ms;
    reply_map(client, is_there ? hash_value_live_count(&hash, now_ms) : 0);
    if (is_there) hash_value_walk(&hash, now_ms, reply_item, client);
}

static void reply_all(struct client *client, hash_each *each) {
    struct value hash;
    bool is_there;
    if (!hash_read(client, &hash, &is_there)) return;
    int64_t now_ms = client->server->wall_ms;
    reply_array(client, is_there ? hash_value_live_count(&hash, now_ms) : 0);
    if (is_there) hash_value_walk(&hash, now_ms, each, client);
}

void hkeys_command(struct client *client) {
    reply_all(client, reply_field);
}

void hvals_command(struct client *client) {
    reply_all(client, reply_text);
}

/* What a scan met, as the bulk strings that will be sent: the cursor comes before them and is known after them. */
struct scan {
    struct slice pattern;
    uint64_t     met; /* fields */
    struct bytes strings;
    size_t       count;
};

static void add_bulk(struct scan *scan, struct slice text) {
    bytes_add_printf(&scan->strings, "$%zu\r\n", text.size);
    bytes_add_slice(&scan->strings, text);
    bytes_add_text(&scan->strings, "\r\n");
    scan->count++;
}

static void scan_item(void *context, const struct hash_item *item) {
    struct scan *scan = context;
    scan->met++;
    if (scan->pattern.data && !glob_match(scan->pattern, item->field)) return;
    add_bulk(scan, item->field);
    add_bulk(scan, item->text);
}

void hscan_command(struct client *client) {
    uint64_t cursor, visited = 0;
    struct value hash;
    struct scan_options options = {.count = 10};
    bool is_there;
    if (!argument_cursor(client, 2, &cursor) || !hash_read(client, &hash, &is_there)) return;
    /* An absent key's options are not looked at. */
    if (is_there && !argument_scan_options(client, 3, false, &options)) return;
    struct scan scan = {.pattern = options.pattern};
    /* Where few fields are in a bucket, COUNT also bounds the buckets that are visited. */
    uint64_t count = (uint64_t)options.count, most = count > UINT64_MAX / 10 ? UINT64_MAX : count * 10;
    if (!is_there) cursor = 0;
    while (is_there && hash_value_scan(&hash, client->server->wall_ms, &cursor, scan_item, &scan))
        if (++visited >= most || scan.met >= count) break;
    reply_array(client, 2);
    reply_bulk_printf(client, "%llu", (unsigned long long)cursor);
    reply_array(client, scan.count);
    reply_raw(client, bytes_slice(&scan.strings));
    bytes_fini(&scan.strings);
}

/* ---- chance ---- */

struct draw {
    struct client *client;
    bool           with_texts;
};

static void reply_draw(void *context, const struct hash_item *item) {
    const struct draw *draw = context;
    if (draw->with_texts && reply_is_resp3(draw->client)) reply_array(draw->client, 2);
    reply_bulk(draw->client, item->field);
    if (draw->with_texts) reply_bulk(draw->client, item->text);
}

static void random_fields(struct client *client, int64_t count, bool with_texts) {
    struct value hash;
    bool is_there;
    if (!hash_read(client, &hash, &is_there)) return;
    if (!is_there || count == 0) {
        reply_empty_array(client);
        return;
    }
    struct random *random = &session_of(client)->databases->random;
    struct draw draw = {client, with_texts};
    int64_t now_ms = client->server->wall_ms;
    size_t live = hash_value_live_count(&hash, now_ms);
    if (!live) {
        reply_empty_array(client);
        return;
    }
    uint64_t wanted = count < 0 ? (uint64_t)-count : MIN((uint64_t)count, (uint64_t)live);
    reply_array(client, with_texts && !reply_is_resp3(client) ? wanted * 2 : wanted);
    if (count > 0) {
        hash_value_sample(&hash, now_ms, random, wanted, reply_draw, &draw);
        return;
    }
    /* With repetitions. */
    for (; wanted && !(client->flags & CLIENT_CLOSE_ASAP); wanted--) {
        struct hash_item item;
        CHECK(hash_value_random(&hash, now_ms, random, &item));
        reply_draw(&draw, &item);
        if (wanted % 1024 == 0) client_check_output_limits(client);
    }
}

void hrandfield_command(struct client *client) {
    struct value hash;
    struct hash_item item;
    bool is_there;
    if (client->argc == 2) {
        if (!hash_read(client, &hash, &is_there)) return;
        struct random *random = &session_of(client)->databases->random;
        if (is_there && hash_value_random(&hash, client->server->wall_ms, random, &item))
            reply_bulk(client, item.field);
        else
            reply_null(client);
        return;
    }
    int64_t count;
    if (!argument_int(client, 2, &count)) return;
    if (count < -INT64_MAX) {
        reply_error(client, "ERR value is out of range, value must between %lld and %lld", -(long long)INT64_MAX,
                    (long long)INT64_MAX);
        return;
    }
    bool with_texts = client->argc == 4 && slice_is_nocase(client->argv[3], "withvalues");
    if (client->argc > 4 || (client->argc == 4 && !with_texts)) {
        reply_syntax_error(client);
        return;
    }
    if (with_texts && (count < -INT64_MAX / 2 || count > INT64_MAX / 2)) {
        reply_error(client, "ERR value is out of range");
        return;
    }
    random_fields(client, count, with_texts);
}
