#include "store/commands/string_commands.h"
#include "base/mem.h"
#include "base/number.h"
#include "core/client/client.h"
#include "core/client/reply.h"
#include "core/command/dispatch.h"
#include "core/command/keyspec.h"
#include "core/server.h"
#include "store/commands/arguments.h"
#include "store/tx/session.h"
#include "store/types/str.h"

#include <math.h>

static bool find_set_keys(const struct command *row, const struct slice *argv, int argc, struct keyspec_result *result);

#define COMMAND COMMAND_PROTOTYPE
#include "store/commands/string.def"
#undef COMMAND
#define COMMAND COMMAND_ROW
const struct command string_commands[] = {
#include "store/commands/string.def"
};
#undef COMMAND
const size_t string_command_count = COUNT_OF(string_commands);

/* SET reads its key only with GET. */
static bool find_set_keys(const struct command *row, const struct slice *argv, int argc, struct keyspec_result *result) {
    unsigned flags = KEY_OW | KEY_UPDATE;
    for (int i = 3; i < argc; i++)
        if (slice_is_nocase(argv[i], "get")) flags = KEY_RW | KEY_ACCESS | KEY_UPDATE;
    keyspec_add(result, 1, flags);
    return true;
}

static void release_str(void *str) {
    str_release(str);
}

void string_reply(struct client *client, const struct record *record) {
    char buffer[NUMBER_TEXT_SIZE];
    if (!record) {
        reply_null(client);
        return;
    }
    struct slice text = record_text(record, buffer);
    if (LIKELY(record_is_inline(record)))
        reply_bulk(client, text);
    else
        reply_bulk_shared(client, text, release_str, str_share(record_object(record)));
}

/* The value that argument `place` is stored as. A large one is taken over where it lies. */
static struct value take_value(struct client *client, int place) {
    struct slice text = client->argv[place];
    if (LIKELY(text.size <= VALUE_INLINE_MAX)) return value_of_text(text);
    size_t headroom = 0;
    char *block = client_take_argument(client, place, &headroom);
    if (!block) return value_of_text(text);
    struct value value = {.type = VALUE_STRING, .encoding = VALUE_RAW, .form = VALUE_OBJECT};
    if (headroom == STR_HEADROOM) {
        value.object = str_adopt(&block, text.size, STR_HEADROOM + text.size + 2);
    } else {
        value.object = str_new(text);
        mem_free(block);
    }
    return value;
}

static void changed(struct client *client, struct slice key, const char *event) {
    keyspace_changed(session_keyspace(client), key, KEYSPACE_STRING, event);
    client->server->dirty++;
}

/* The value of `key` becomes argument `place`, whatever it was. */
static void assign(struct client *client, struct slice key, struct spot *spot, int place, int64_t expires_ms) {
    struct value value = take_value(client, place);
    keyspace_put(session_keyspace(client), key, spot, &value, expires_ms);
    changed(client, key, "set");
    if (expires_ms >= 0) keyspace_changed(session_keyspace(client), key, KEYSPACE_GENERIC, "expire");
}

/* ---- reading ---- */

/* Replies with the string, null or WRONGTYPE; false: the latter. */
static bool get(struct client *client) {
    struct record *record = keyspace_read(session_keyspace(client), client->argv[1]);
    if (!argument_is_string(client, record)) return false;
    string_reply(client, record);
    return true;
}

void get_command(struct client *client) {
    (void)get(client);
}

void mget_command(struct client *client) {
    struct keyspace *keyspace = session_keyspace(client);
    reply_array(client, (size_t)client->argc - 1);
    for (int i = 1; i < client->argc; i++) {
        struct record *record = keyspace_read(keyspace, client->argv[i]);
        string_reply(client, record && record_type(record) == VALUE_STRING ? record : NULL);
    }
}

void strlen_command(struct client *client) {
    struct record *record = keyspace_read(session_keyspace(client), client->argv[1]);
    if (!argument_is_string(client, record)) return;
    reply_int(client, record ? (int64_t)record_text_size(record) : 0);
}

void getrange_command(struct client *client) {
    int64_t start, end;
    if (!argument_int(client, 2, &start) || !argument_int(client, 3, &end)) return;
    struct record *record = keyspace_read(session_keyspace(client), client->argv[1]);
    if (!argument_is_string(client, record)) return;
    char buffer[NUMBER_TEXT_SIZE];
    struct slice text = record ? record_text(record, buffer) : (struct slice){0};
    int64_t size = (int64_t)text.size;
    bool is_reversed = start < 0 && end < 0 && start > end;
    if (start < 0) start = MAX(start + size, 0);
    if (end < 0) end = MAX(end + size, 0);
    if (end >= size) end = size - 1;
    if (is_reversed || start > end || size == 0)
        reply_empty_bulk(client);
    else
        reply_bulk(client, slice_make(text.data + start, (size_t)(end - start + 1)));
}

void substr_command(struct client *client) {
    getrange_command(client);
}

/* ---- setting ---- */

/* What is passed on instead of SET with a relative expiry or GET: SET key value [PXAT ms | KEEPTTL]. */
static void rewrite_set(struct client *client, struct slice key, struct slice value, int64_t expires_ms) {
    char number[NUMBER_TEXT_SIZE];
    struct slice argv[5] = {SLICE("SET"), key, value};
    int argc = 3;
    if (expires_ms == KEYSPACE_KEEP_TTL) {
        argv[argc++] = SLICE("KEEPTTL");
    } else if (expires_ms != RECORD_NEVER) {
        argv[argc++] = SLICE("PXAT");
        argv[argc++] = slice_make(number, number_print_int(number, expires_ms));
    }
    dispatch_rewrite(client, argc, argv);
}

/* SET's conditions. False: it is not to be done, and unless SET_GET has replied already, the reply is null. */
static bool may_set(struct client *client, const struct set_options *options, const struct spot *spot) {
    if (options->flags & SET_NX && spot->record) return false;
    if (options->flags & SET_XX && !spot->record) return false;
    if (!(options->flags & SET_IFEQ)) return true;
    char buffer[NUMBER_TEXT_SIZE];
    return spot->record && slice_equal(record_text(spot->record, buffer), client->argv[options->ifeq_place]);
}

void set_command(struct client *client) {
    struct keyspace *keyspace = session_keyspace(client);
    struct slice key = client->argv[1];
    struct spot spot;
    if (LIKELY(client->argc == 3)) {
        keyspace_open(keyspace, key, &spot);
        assign(client, key, &spot, 2, RECORD_NEVER);
        reply_ok(client);
        return;
    }
    struct set_options options;
    int64_t expires_ms = RECORD_NEVER;
    const unsigned allowed = SET_NX | SET_XX | SET_IFEQ | SET_GET | SET_KEEPTTL | SET_EXPIRY;
    if (!argument_set_options(client, 3, allowed, &options)) return;
    if (options.flags & SET_EXPIRY && !argument_deadline(client, options.expiry_place, options.flags, &expires_ms)) return;
    if (options.flags & SET_KEEPTTL) expires_ms = KEYSPACE_KEEP_TTL;
    if (options.flags & SET_GET && !get(client)) return;
    keyspace_open(keyspace, key, &spot);
    if (options.flags & SET_IFEQ && !argument_is_string(client, spot.record)) return;
    if (!may_set(client, &options, &spot)) {
        if (!(options.flags & SET_GET)) reply_null(client);
        return;
    }
    assign(client, key, &spot, 2, expires_ms);
    if (options.flags & ~(unsigned)(SET_PXAT | SET_KEEPTTL))
        rewrite_set(client, key, client->argv[2], expires_ms);
    if (!(options.flags & SET_GET)) reply_ok(client);
}

void setnx_command(struct client *client) {
    struct spot spot;
    bool is_there = keyspace_open(session_keyspace(client), client->argv[1], &spot);
    if (!is_there) assign(client, client->argv[1], &spot, 2, RECORD_NEVER);
    reply_int(client, !is_there);
}

static void set_with_expiry(struct client *client, unsigned unit) {
    int64_t expires_ms;
    if (!argument_deadline(client, 2, unit, &expires_ms)) return;
    struct spot spot;
    keyspace_open(session_keyspace(client), client->argv[1], &spot);
    assign(client, client->argv[1], &spot, 3, expires_ms);
    rewrite_set(client, client->argv[1], client->argv[3], expires_ms);
    reply_ok(client);
}

void setex_command(struct client *client) {
    set_with_expiry(client, SET_EX);
}

void psetex_command(struct client *client) {
    set_with_expiry(client, SET_PX);
}

void getset_command(struct client *client) {
    if (!get(client)) return;
    struct spot spot;
    keyspace_open(session_keyspace(client), client->argv[1], &spot);
    assign(client, client->argv[1], &spot, 2, RECORD_NEVER);
    rewrite_set(client, client->argv[1], client->argv[2], RECORD_NEVER);
}

static void remove_key(struct client *client, struct spot *spot) {
    keyspace_remove(session_keyspace(client), spot);
    keyspace_changed(session_keyspace(client), client->argv[1], KEYSPACE_GENERIC, "del");
    client->server->dirty++;
    dispatch_rewrite(client, 2, (struct slice[]){SLICE("DEL"), client->argv[1]});
}

void getdel_command(struct client *client) {
    if (!get(client)) return;
    struct spot spot;
    if (keyspace_open(session_keyspace(client), client->argv[1], &spot)) remove_key(client, &spot);
}

void getex_command(struct client *client) {
    struct set_options options;
    if (!argument_set_options(client, 2, SET_PERSIST | SET_EXPIRY, &options)) return;
    struct keyspace *keyspace = session_keyspace(client);
    struct record *record = keyspace_read(keyspace, client->argv[1]);
    if (!record || !argument_is_string(client, record)) {
        if (!record) reply_null(client);
        return;
    }
    int64_t expires_ms = RECORD_NEVER;
    if (options.flags & SET_EXPIRY && !argument_deadline(client, options.expiry_place, options.flags, &expires_ms)) return;
    string_reply(client, record);
    struct spot spot;
    CHECK(keyspace_open(keyspace, client->argv[1], &spot));
    if (options.flags & (SET_EXAT | SET_PXAT) && session_is_past(client, expires_ms)) {
        remove_key(client, &spot);
    } else if (options.flags & SET_EXPIRY) {
        keyspace_set_expires(keyspace, &spot, expires_ms);
        keyspace_changed(keyspace, client->argv[1], KEYSPACE_GENERIC, "expire");
        client->server->dirty++;
        char number[NUMBER_TEXT_SIZE];
        struct slice at = slice_make(number, number_print_int(number, expires_ms));
        dispatch_rewrite(client, 3, (struct slice[]){SLICE("PEXPIREAT"), client->argv[1], at});
    } else if (options.flags & SET_PERSIST && record_expires_ms(spot.record) != RECORD_NEVER) {
        keyspace_set_expires(keyspace, &spot, RECORD_NEVER);
        keyspace_changed(keyspace, client->argv[1], KEYSPACE_GENERIC, "persist");
        client->server->dirty++;
        dispatch_rewrite(client, 2, (struct slice[]){SLICE("PERSIST"), client->argv[1]});
    }
}

/* ---- several at once ---- */

static void set_all(struct client *client) {
    for (int i = 1; i < client->argc; i += 2) {
        struct spot spot;
        keyspace_open(session_keyspace(client), client->argv[i], &spot);
        assign(client, client->argv[i], &spot, i + 1, RECORD_NEVER);
    }
}

void mset_command(struct client *client) {
    if (client->argc % 2 == 0) {
        reply_wrong_arguments(client);
        return;
    }
    set_all(client);
    reply_ok(client);
}

void msetnx_command(struct client *client) {
    if (client->argc % 2 == 0) {
        reply_wrong_arguments(client);
        return;
    }
    struct spot spot;
    for (int i = 1; i < client->argc; i += 2) {
        if (!keyspace_open(session_keyspace(client), client->argv[i], &spot)) continue;
        reply_int(client, 0);
        return;
    }
    set_all(client);
    reply_int(client, 1);
}

/* ---- numbers ---- */

static void add(struct client *client, int64_t by) {
    struct keyspace *keyspace = session_keyspace(client);
    struct spot spot;
    keyspace_open(keyspace, client->argv[1], &spot);
    if (!argument_is_string(client, spot.record)) return;
    int64_t number = 0;
    char buffer[NUMBER_TEXT_SIZE];
    if (spot.record && record_is_number(spot.record)) {
        number = record_number(spot.record);
    } else if (spot.record && !number_parse_int(record_text(spot.record, buffer), &number)) {
        reply_not_integer(client);
        return;
    }
    if (__builtin_add_overflow(number, by, &number)) {
        reply_error(client, "ERR increment or decrement would overflow");
        return;
    }
    if (spot.record && record_is_number(spot.record)) {
        record_set_number(spot.record, number);
    } else {
        struct value value = value_of_int(number);
        keyspace_put(keyspace, client->argv[1], &spot, &value, KEYSPACE_KEEP_TTL);
    }
    changed(client, client->argv[1], "incrby");
    reply_int(client, number);
}

void incr_command(struct client *client) {
    add(client, 1);
}

void decr_command(struct client *client) {
    add(client, -1);
}

void incrby_command(struct client *client) {
    int64_t by;
    if (argument_int(client, 2, &by)) add(client, by);
}

void decrby_command(struct client *client) {
    int64_t by;
    if (!argument_int(client, 2, &by)) return;
    if (by == INT64_MIN)
        reply_error(client, "ERR decrement would overflow");
    else
        add(client, -by);
}

void incrbyfloat_command(struct client *client) {
    struct keyspace *keyspace = session_keyspace(client);
    struct spot spot;
    keyspace_open(keyspace, client->argv[1], &spot);
    if (!argument_is_string(client, spot.record)) return;
    char buffer[NUMBER_TEXT_SIZE], text[5200];
    long double number = 0, by;
    if ((spot.record && !number_parse_long_double(record_text(spot.record, buffer), &number)) ||
        !number_parse_long_double(client->argv[2], &by)) {
        reply_not_float(client);
        return;
    }
    number += by;
    if (isnan(number) || isinf(number)) {
        reply_error(client, "ERR increment would produce NaN or Infinity");
        return;
    }
    struct slice result = slice_make(text, number_print_long_double(text, number));
    struct value value = value_of_plain_text(result);
    keyspace_put(keyspace, client->argv[1], &spot, &value, KEYSPACE_KEEP_TTL);
    changed(client, client->argv[1], "incrbyfloat");
    reply_bulk(client, result);
    /* Other machines may compute another last digit: the result is passed on. */
    rewrite_set(client, client->argv[1], result, KEYSPACE_KEEP_TTL);
}

/* ---- editing ---- */

void append_command(struct client *client) {
    struct keyspace *keyspace = session_keyspace(client);
    struct slice key = client->argv[1], more = client->argv[2];
    struct spot spot;
    size_t size = more.size;
    if (!keyspace_open(keyspace, key, &spot)) {
        struct value value = take_value(client, 2);
        keyspace_put(keyspace, key, &spot, &value, RECORD_NEVER);
    } else {
        if (!argument_is_string(client, spot.record)) return;
        size_t old = record_text_size(spot.record);
        size += old;
        if (!argument_length_allowed(client, size)) return;
        char *text = keyspace_edit_text(keyspace, &spot, size);
        if (more.size) memcpy(text + old, more.data, more.size);
    }
    changed(client, key, "append");
    reply_int(client, (int64_t)size);
}

void setrange_command(struct client *client) {
    struct keyspace *keyspace = session_keyspace(client);
    struct slice key = client->argv[1], part = client->argv[3];
    int64_t offset;
    if (!argument_int(client, 2, &offset)) return;
    if (offset < 0) {
        reply_error(client, "ERR offset is out of range");
        return;
    }
    struct spot spot;
    keyspace_open(keyspace, key, &spot);
    if (!argument_is_string(client, spot.record)) return;
    size_t old = spot.record ? record_text_size(spot.record) : 0;
    if (part.size == 0) {
        reply_int(client, (int64_t)old);
        return;
    }
    uint64_t end = (uint64_t)offset + part.size;
    if (!argument_length_allowed(client, end)) return;
    if (!spot.record) {
        struct value value = value_of_raw_text((struct slice){0});
        keyspace_put(keyspace, key, &spot, &value, RECORD_NEVER);
    }
    char *text = keyspace_edit_text(keyspace, &spot, MAX((size_t)end, old));
    memcpy(text + offset, part.data, part.size);
    changed(client, key, "setrange");
    reply_int(client, (int64_t)MAX((size_t)end, old));
}
