#include "store/replication/stream_in.h"
#include "base/mem.h"
#include "base/number.h"
#include "core/client/client.h"
#include "core/server.h"
#include "net/resp_write.h"

struct stream_in {
    struct server         *server;
    struct stream_in_hooks hooks;
    struct client         *client;  /* NULL: down */
    struct bytes           waiting; /* was read, and not executed (or lies in a transaction that has not ended) */
    int64_t                applied_offset;
    uint64_t               passed_bytes; /* of this client's applied_bytes */
    int64_t                synced_offset; /* is on our disk; -1: unknown */
    int64_t                told_offset, told_synced; /* to the primary; -1: nothing */
    int64_t                heard_ms;
    uint64_t               bytes;
    bool                   must_acknowledge;
};

struct stream_in *stream_in_new(struct server *server, const struct stream_in_hooks *hooks) {
    struct stream_in *stream = mem_zalloc(sizeof *stream);
    stream->server = server;
    stream->hooks = *hooks;
    return stream;
}

void stream_in_free(struct stream_in **place) {
    struct stream_in *stream = *place;
    if (!stream) return;
    *place = NULL;
    bytes_fini(&stream->waiting);
    mem_free(stream);
}

void stream_in_begin(struct stream_in *stream, struct conn **conn, int64_t offset, int db, struct slice unread) {
    CHECK(!stream->client);
    bytes_fini(&stream->waiting);
    stream->waiting = (struct bytes){0};
    stream->applied_offset = offset;
    stream->passed_bytes = 0;
    stream->synced_offset = stream->told_offset = stream->told_synced = -1;
    stream->must_acknowledge = false;
    stream->heard_ms = stream->server->now_ms;
    struct client *client = stream->client = client_adopt(stream->server, conn);
    CHECK(stream->hooks.select(stream->hooks.context, client, db) || stream->hooks.select(stream->hooks.context, client, 0));
    stream_in_acknowledge(stream);
    if (!unread.size) return;
    stream_in_said(stream, client, unread);
    client_feed(client, unread);
    (void)client_execute_input(client);
}

int stream_in_end(struct stream_in *stream) {
    struct client *client = stream->client;
    if (!client) return 0;
    int db = client->db;
    stream->client = NULL;
    if (stream->server->current_client == client) {
        client_close_asap(client);
    } else {
        client_free(&client);
    }
    return db;
}

bool stream_in_is_up(const struct stream_in *stream) {
    return stream->client != NULL;
}

struct client *stream_in_client(const struct stream_in *stream) {
    return stream->client;
}

/* ---- acknowledgements ---- */

static void tell_offset(struct stream_in *stream) {
    char digits[NUMBER_TEXT_SIZE], synced_digits[NUMBER_TEXT_SIZE];
    struct bytes text = {0};
    bool has_synced = stream->synced_offset >= 0;
    struct slice argv[] = {SLICE("REPLCONF"), SLICE("ACK"),
                           slice_make(digits, number_print_int(digits, stream->applied_offset)), SLICE("FACK"),
                           slice_make(synced_digits, number_print_int(synced_digits, stream->synced_offset))};
    resp_print_request(&text, argv, has_synced ? 5 : 3);
    client_tell(stream->client, bytes_slice(&text));
    bytes_fini(&text);
    stream->told_offset = stream->applied_offset;
    stream->told_synced = stream->synced_offset;
}

void stream_in_acknowledge(struct stream_in *stream) {
    if (!stream->client) return;
    stream->must_acknowledge = stream->server->current_client == stream->client;
    if (!stream->must_acknowledge) tell_offset(stream);
}

void stream_in_set_synced(struct stream_in *stream, int64_t offset) {
    stream->synced_offset = offset;
    if (offset > stream->told_synced && stream->told_synced < stream->told_offset) stream_in_acknowledge(stream);
}

/* ---- what happens ---- */

void stream_in_said(struct stream_in *stream, struct client *client, struct slice bytes) {
    if (client != stream->client) return;
    bytes_add_slice(&stream->waiting, bytes);
    stream->bytes += bytes.size;
    stream->heard_ms = stream->server->now_ms;
}

void stream_in_obeyed(struct stream_in *stream, struct client *client) {
    if (client != stream->client) return;
    uint64_t size = client->applied_bytes - stream->passed_bytes;
    if (size) {
        CHECK(size <= stream->waiting.size);
        stream->passed_bytes += size;
        stream->applied_offset += (int64_t)size;
        stream->hooks.applied(stream->hooks.context, slice_make(stream->waiting.data, size));
        bytes_drop_front(&stream->waiting, size);
    }
    if (!stream->must_acknowledge || client->flags & CLIENT_CLOSE_ASAP) return;
    stream->must_acknowledge = false;
    tell_offset(stream);
}

void stream_in_gone(struct stream_in *stream, struct client *client) {
    if (client != stream->client) return;
    bool is_broken = (client->flags & CLIENT_CLOSE_AFTER_REPLY) != 0;
    stream->client = NULL;
    stream->hooks.lost(stream->hooks.context, is_broken, client->db);
}

/* ---- asking ---- */

int64_t stream_in_heard_ms(const struct stream_in *stream) {
    return stream->heard_ms;
}

int64_t stream_in_read_offset(const struct stream_in *stream) {
    return stream->applied_offset + (int64_t)stream->waiting.size;
}

int64_t stream_in_applied_offset(const struct stream_in *stream) {
    return stream->applied_offset;
}

uint64_t stream_in_bytes(const struct stream_in *stream) {
    return stream->bytes;
}
