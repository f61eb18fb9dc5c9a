#include "core_fixture.h"

#include "base/mem.h"
#include "core/command/dispatch.h"

#include <stdio.h>

/* t.set KEY VALUE changes something, t.get KEY does not, t.types replies with every type there is. */
static void set_command(struct client *client) {
    client->server->dirty++;
    reply_ok(client);
}

static void get_command(struct client *client) {
    reply_bulk(client, client->argv[1]);
}

static void types_command(struct client *client) {
    reply_array(client, 11);
    reply_map(client, 1);
    reply_int(client, 1);
    reply_double(client, 1.5);
    reply_set(client, 1);
    reply_int(client, 3);
    reply_bool(client, true);
    reply_null(client);
    reply_null_array(client);
    reply_verbatim(client, SLICE("hi"), "txt");
    reply_bignum(client, SLICE("12345678901234567890"));
    struct output_hole map = reply_later(client);
    reply_bulk_text(client, "k");
    struct output_hole array = reply_later(client);
    reply_int(client, -7);
    reply_array_here(client, array, 1);
    reply_map_here(client, map, 1);
    struct output_hole set = reply_later(client);
    reply_set_here(client, set, 0);
    reply_push(client, 1);
    reply_uint(client, UINT64_MAX);
    reply_error(client, "ERR a\r\nb %d", 7);
}

static const struct command rows[] = {
    {.name = "tset", .arity = 3, .flags = COMMAND_WRITE, .body = set_command,
     KEYS({KEY_RW | KEY_UPDATE, KEYS_AT(1), KEYS_RANGE(0, 1, 0)})},
    {.name = "tget", .arity = 2, .flags = COMMAND_READONLY | COMMAND_FAST, .body = get_command,
     KEYS({KEY_RO | KEY_ACCESS, KEYS_AT(1), KEYS_RANGE(0, 1, 0)})},
    {.name = "ttypes", .arity = 1, .body = types_command},
};

void fixture_init(struct fixture *fixture) {
    *fixture = (struct fixture){0};
    fixture->server = server_new();
    server_add_commands(fixture->server, rows, COUNT_OF(rows));
    fixture->client = fixture_client(fixture);
}

void fixture_fini(struct fixture *fixture) {
    server_free(&fixture->server);
    bytes_fini(&fixture->text);
}

struct client *fixture_client(struct fixture *fixture) {
    return client_new_fake(fixture->server);
}

const char *fixture_output(struct fixture *fixture, struct client *client) {
    struct bytes raw = {0};
    reply_take(client, &raw);
    bytes_clear(&fixture->text);
    for (size_t i = 0; i < raw.size; i++) {
        bool is_end = raw.data[i] == '\r' && i + 1 < raw.size && raw.data[i + 1] == '\n';
        bytes_add_char(&fixture->text, is_end ? '|' : raw.data[i]);
        i += is_end;
    }
    bytes_fini(&raw);
    return bytes_text(&fixture->text);
}

const char *fixture_feed(struct fixture *fixture, struct client *client, const char *bytes) {
    client_feed(client, slice_text(bytes));
    (void)client_execute_input(client);
    return fixture_output(fixture, client);
}

const char *fixture_run(struct fixture *fixture, struct client *client, const char *words) {
    struct bytes request = {0}, body = {0};
    struct slice rest = slice_text(words), word;
    unsigned     count = 0;
    while (slice_split(&rest, ' ', &word)) {
        bytes_add_printf(&body, "$%zu\r\n%.*s\r\n", word.size, (int)word.size, word.data);
        count++;
    }
    bytes_add_printf(&request, "*%u\r\n%s", count, bytes_text(&body));
    const char *reply = fixture_feed(fixture, client, bytes_text(&request));
    bytes_fini(&request);
    bytes_fini(&body);
    return reply;
}
