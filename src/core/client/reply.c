#include "core/client/reply.h"

#include "base/log.h"
#include "base/mem.h"
#include "base/number.h"
#include "core/client/client_internal.h"
#include "core/server_internal.h"
#include "net/resp_write.h"

#include <stdio.h>
#include <stdlib.h>

/* Where a reply goes; NULL: it is swallowed. */
static inline struct output *prepare(struct client *client) {
    struct client_io *io = client->io;
    if (UNLIKELY(client->flags & CLIENT_MUTE)) {
        bool may_push = (client->flags & CLIENT_PUSHING) && !(client->flags & CLIENT_CLOSE_ASAP);
        if (!may_push) return NULL;
    }
    if (!list_is_linked(&io->write_node) && client->conn)
        list_add(&client->server->internal->writes, &io->write_node);
    return &io->output;
}

static inline void add_literal(struct client *client, struct slice text) {
    struct output *out = prepare(client);
    if (!out) return;
    memcpy(output_room(out, text.size), text.data, text.size);
    output_filled(out, text.size);
}

/* ---- simple strings and errors ---- */

void reply_ok(struct client *client) {
    add_literal(client, SLICE("+OK\r\n"));
}

void reply_status_slice(struct client *client, struct slice text) {
    struct output *out = prepare(client);
    if (out) resp_write_status(out, text);
}

void reply_status(struct client *client, const char *text) {
    reply_status_slice(client, slice_text(text));
}

/* An error to our primary or to a replica means that the two disagree about the data. */
static void note_unexpected(struct client *client, struct slice text) {
    const char *who = (client->flags & CLIENT_IS_PRIMARY) ? "primary" : "replica";
    client->server->stats.unexpected_error_replies++;
    LOG_WRITE(LOG_WARNING, "An error was sent to our %s: '%.*s' after processing the command '%s'", who, (int)text.size,
              text.data, client_last_command(client));
    if (!(client->flags & CLIENT_IS_PRIMARY) || !client->server->stops_on_primary_errors) return;
    LOG_WRITE(LOG_WARNING, "This replica stops because its data is not its primary's (propagation-error-behavior)");
    abort();
}

void reply_error_slice(struct client *client, struct slice text) {
    struct slice rest = text, code;
    if (!slice_split(&rest, ' ', &code)) code = SLICE("ERR");
    server_count_error(client->server, code);
    if (UNLIKELY(client->flags & (CLIENT_IS_PRIMARY | CLIENT_IS_REPLICA)) && !(client->flags & CLIENT_IS_MONITOR))
        note_unexpected(client, text);
    struct output *out = prepare(client);
    if (out) resp_write_error(out, text);
}

static void error_vprintf(struct client *client, const char *format, va_list args) {
    char    text[512];
    va_list again;
    va_copy(again, args);
    int size = vsnprintf(text, sizeof(text), format, args);
    if (size < (int)sizeof(text)) {
        reply_error_slice(client, slice_make(text, (size_t)size));
    } else {
        struct bytes long_text = {0};
        bytes_add_vprintf(&long_text, format, again);
        reply_error_slice(client, bytes_slice(&long_text));
        bytes_fini(&long_text);
    }
    va_end(again);
}

void reply_error(struct client *client, const char *format, ...) {
    va_list args;
    va_start(args, format);
    error_vprintf(client, format, args);
    va_end(args);
}

void reply_error_uncounted(struct client *client, const char *format, ...) {
    va_list args;
    va_start(args, format);
    error_vprintf(client, format, args);
    va_end(args);
}

void reply_syntax_error(struct client *client) {
    reply_error_slice(client, SLICE("ERR syntax error"));
}

void reply_wrong_type(struct client *client) {
    reply_error_slice(client, SLICE("WRONGTYPE Operation against a key holding the wrong kind of value"));
}

void reply_not_integer(struct client *client) {
    reply_error_slice(client, SLICE("ERR value is not an integer or out of range"));
}

void reply_not_float(struct client *client) {
    reply_error_slice(client, SLICE("ERR value is not a valid float"));
}

void reply_no_such_key(struct client *client) {
    reply_error_slice(client, SLICE("ERR no such key"));
}

void reply_wrong_arguments(struct client *client) {
    reply_error(client, "ERR wrong number of arguments for '%s' command", client->entry->name);
}

/* ---- numbers, strings, null ---- */

void reply_int(struct client *client, int64_t value) {
    if (value == 0 || value == 1) {
        add_literal(client, value ? SLICE(":1\r\n") : SLICE(":0\r\n"));
        return;
    }
    struct output *out = prepare(client);
    if (out) resp_write_int(out, value);
}

void reply_uint(struct client *client, uint64_t value) {
    struct output *out = prepare(client);
    if (!out) return;
    if (value <= INT64_MAX) {
        resp_write_int(out, (int64_t)value);
        return;
    }
    char text[NUMBER_TEXT_SIZE + 3] = ":";
    size_t size = 1 + number_print_uint(text + 1, value);
    memcpy(text + size, "\r\n", 2);
    output_add(out, text, size + 2);
}

void reply_bulk(struct client *client, struct slice value) {
    struct output *out = prepare(client);
    if (out) resp_write_bulk(out, value);
}

void reply_bulk_text(struct client *client, const char *text) {
    reply_bulk(client, slice_text(text));
}

void reply_bulk_int(struct client *client, int64_t value) {
    struct output *out = prepare(client);
    if (out) resp_write_bulk_int(out, value);
}

void reply_bulk_printf(struct client *client, const char *format, ...) {
    struct bytes text = {0};
    va_list      args;
    va_start(args, format);
    bytes_add_vprintf(&text, format, args);
    va_end(args);
    reply_bulk(client, bytes_slice(&text));
    bytes_fini(&text);
}

/* Below this a copy is cheaper than a block of its own and one more part for writev. */
enum { SHARED_MIN_BYTES = 2 * 1024 };

void reply_bulk_shared(struct client *client, struct slice value, void (*release)(void *owner), void *owner) {
    struct output *out = prepare(client);
    if (out && value.size >= SHARED_MIN_BYTES) {
        resp_write_bulk_reference(out, value, release, owner);
        return;
    }
    if (out) resp_write_bulk(out, value);
    if (release) release(owner);
}

void reply_null(struct client *client) {
    add_literal(client, client->resp == 2 ? SLICE("$-1\r\n") : SLICE("_\r\n"));
}

void reply_null_array(struct client *client) {
    add_literal(client, client->resp == 2 ? SLICE("*-1\r\n") : SLICE("_\r\n"));
}

void reply_empty_bulk(struct client *client) {
    add_literal(client, SLICE("$0\r\n\r\n"));
}

void reply_bool(struct client *client, bool value) {
    struct output *out = prepare(client);
    if (out) resp_write_bool(out, client->resp, value);
}

void reply_double(struct client *client, double value) {
    struct output *out = prepare(client);
    if (out) resp_write_double(out, client->resp, value);
}

void reply_bignum(struct client *client, struct slice digits) {
    struct output *out = prepare(client);
    if (out) resp_write_big_number(out, client->resp, digits);
}

void reply_verbatim(struct client *client, struct slice text, const char *format3) {
    struct output *out = prepare(client);
    if (out) resp_write_verbatim(out, client->resp, format3, text);
}

/* ---- aggregates ---- */

void reply_array(struct client *client, size_t count) {
    struct output *out = prepare(client);
    if (out) resp_write_array(out, count);
}

void reply_map(struct client *client, size_t pairs) {
    struct output *out = prepare(client);
    if (out) resp_write_map(out, client->resp, pairs);
}

void reply_set(struct client *client, size_t count) {
    struct output *out = prepare(client);
    if (out) resp_write_set(out, client->resp, count);
}

void reply_push(struct client *client, size_t count) {
    struct output *out = prepare(client);
    if (out) resp_write_push(out, client->resp, count);
}

void reply_attribute(struct client *client, size_t pairs) {
    CHECK(client->resp == 3);
    struct output *out = prepare(client);
    if (out) resp_write_attribute(out, pairs);
}

void reply_empty_array(struct client *client) {
    add_literal(client, SLICE("*0\r\n"));
}

void reply_help(struct client *client, const char *const *lines) {
    size_t count = 0;
    while (lines[count]) count++;
    char name[64] = {0};
    for (size_t i = 0; i < client->argv[0].size && i < sizeof(name) - 1; i++) {
        char c = client->argv[0].data[i];
        name[i] = (c >= 'a' && c <= 'z') ? (char)(c - 32) : c;
    }
    char head[160];
    snprintf(head, sizeof(head), "%s <subcommand> [<arg> [value] [opt] ...]. Subcommands are:", name);
    reply_array(client, count + 3);
    reply_status(client, head);
    for (size_t i = 0; i < count; i++) reply_status(client, lines[i]);
    reply_status(client, "HELP");
    reply_status(client, "    Prints this help.");
}

struct output_hole reply_later(struct client *client) {
    struct output *out = prepare(client);
    return out ? resp_write_head_later(out) : (struct output_hole){0};
}

static void fill(struct client *client, struct output_hole hole, char kind, size_t count) {
    if (hole.block) resp_write_head_now(&client->io->output, hole, client->resp, kind, count);
}

void reply_array_here(struct client *client, struct output_hole hole, size_t count) {
    fill(client, hole, '*', count);
}

void reply_map_here(struct client *client, struct output_hole hole, size_t pairs) {
    fill(client, hole, '%', pairs);
}

void reply_set_here(struct client *client, struct output_hole hole, size_t count) {
    fill(client, hole, '~', count);
}

void reply_raw(struct client *client, struct slice resp) {
    struct output *out = prepare(client);
    if (out) output_add(out, resp.data, resp.size);
}

void reply_raw_shared(struct client *client, struct slice resp, void (*release)(void *owner), void *owner) {
    struct output *out = prepare(client);
    if (out) output_add_reference(out, resp.data, resp.size, release, owner);
    else release(owner);
}

/* ---- asking ---- */

bool reply_is_resp3(const struct client *client) {
    return client->resp == 3;
}

size_t reply_pending_bytes(const struct client *client) {
    return output_size(&client->io->output);
}

void reply_take(struct client *client, struct bytes *out) {
    output_copy(&client->io->output, out);
    output_clear(&client->io->output);
    list_remove(&client->io->write_node);
}
