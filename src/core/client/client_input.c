/* Executes what stands in a client's query buffer: parse a batch ahead, look up, let the mode prefetch, dispatch. */
#include "core/client/client_internal.h"

#include "base/log.h"
#include "base/mem.h"
#include "core/acl/user.h"
#include "core/client/reply.h"
#include "core/command/dispatch.h"
#include "core/config/core_settings.h"
#include "core/server_internal.h"
#include "net/conn.h"

static struct resp_batch *acquire_batch(struct server_internal *internal) {
    unsigned depth = internal->batch_depth++;
    CHECK(depth < SERVER_BATCHES);
    if (!internal->batches[depth]) internal->batches[depth] = mem_zalloc(sizeof(struct resp_batch));
    return internal->batches[depth];
}

static struct resp_limits limits_of(const struct client *client) {
    bool is_primary = (client->flags & CLIENT_IS_PRIMARY) != 0;
    return (struct resp_limits){
        .block_headroom = CLIENT_ARGUMENT_HEADROOM,
        .max_bulk_bytes = is_primary ? INT64_MAX : (int64_t)client->server->settings->proto_max_bulk_len_bytes,
        .unauthenticated = !client->is_authenticated && users_must_authenticate(client->server->users),
        .no_inline = is_primary,
    };
}

static void protocol_error(struct client *client) {
    const char *why = client->io->parser.error;
    if (log_wants(LOG_VERBOSE)) {
        struct bytes line = {0}, input = {0};
        struct slice waiting = input_slice(&client->io->input);
        client_describe(client, &line);
        bytes_add_quoted(&input, slice_make(waiting.data, MIN(waiting.size, 128)));
        LOG_WRITE(LOG_VERBOSE, "Protocol error (%s) from client: %s. Query buffer: %s", why, bytes_text(&line),
                  client->server->settings->hide_user_data_from_log ? "*redacted*" : bytes_text(&input));
        bytes_fini(&line);
        bytes_fini(&input);
    }
    reply_error(client, "ERR Protocol error: %s", why);
    client_close_after_reply(client);
}

/* A primary's stream is resumed, and told on, before a transaction or behind it. */
static void note_executed(struct client *client, size_t size) {
    client->executed_bytes += size;
    if (!(client->flags & CLIENT_IN_MULTI)) client->applied_bytes = client->executed_bytes;
}

/* One parsed request; false: stop executing (the request itself stays in the input when it is to be postponed). */
static bool execute(struct client *client, struct resp_request *request, struct command_entry *entry) {
    struct client_io *io = client->io;
    client->argc = (int)request->argc;
    client->argv = request->argv;
    client->bytes = request->raw;
    io->request = request;
    enum dispatch_result result = dispatch_request(client, entry);
    io->request = NULL;
    client->argv = NULL;
    client->argc = 0;
    if (result == DISPATCH_LATER) return false;
    input_drop(&io->input, request->wire_bytes);
    if (UNLIKELY(client->flags & CLIENT_IS_PRIMARY)) note_executed(client, request->wire_bytes + request->block_bytes);
    resp_request_done(&io->parser);
    return result == DISPATCH_DONE;
}

static bool execute_batch(struct client *client, struct resp_batch *batch) {
    struct server         *server = client->server;
    struct server_request  requests[RESP_BATCH];
    struct server_internal *internal = server->internal;
    for (uint32_t i = 0; i < batch->count; i++) {
        struct resp_request *parsed = &batch->requests[i];
        requests[i] = (struct server_request){command_find_request(server->commands, parsed->argv, (int)parsed->argc),
                                              parsed->argv, (int)parsed->argc};
    }
    if (batch->count > 1 && internal->on_parsed.count) SERVER_CALL_HOOKS(server, parsed, client, requests, batch->count);
    for (uint32_t i = 0; i < batch->count; i++)
        if (!execute(client, &batch->requests[i], requests[i].entry)) return false;
    return true;
}

bool client_execute_input(struct client *client) {
    struct server     *server = client->server;
    struct client_io  *io = client->io;
    struct client     *outer = server->current_client;
    if (client->flags & CLIENT_STOPPED) return !(client->flags & CLIENT_CLOSE_ASAP);
    struct resp_batch *batch = acquire_batch(server->internal);
    io->is_executing = true;
    server->internal->is_clock_fresh = false;
    while (!(client->flags & CLIENT_STOPPED) && input_waiting(&io->input)) {
        struct resp_limits limits = limits_of(client);
        enum resp_status   status = resp_parse_requests(&io->parser, &io->input, &limits, batch,
                                                        limits.unauthenticated ? 1 : RESP_BATCH);
        if (UNLIKELY(batch->dropped_bytes) && client->flags & CLIENT_IS_PRIMARY) note_executed(client, batch->dropped_bytes);
        if (status == RESP_ERROR) protocol_error(client);
        if (status != RESP_OK) break;
        server->current_client = client;
        if (!execute_batch(client, batch)) break;
    }
    io->is_executing = false;
    server->current_client = outer;
    server->internal->batch_depth--;
    if (UNLIKELY(client->flags & CLIENT_IS_PRIMARY)) SERVER_CALL_HOOKS(server, primary_obeyed, client);
    if (UNLIKELY(io->is_read_paused) && !(client->flags & CLIENT_CLOSE_ASAP)) {
        io->is_read_paused = false;
        conn_want_read(client->conn, true);
    }
    return !(client->flags & CLIENT_CLOSE_ASAP);
}

char *client_take_argument(struct client *client, int place, size_t *headroom) {
    if (!client->io->request || client->argv != client->io->request->argv) return NULL; /* EXEC's, a script's */
    *headroom = CLIENT_ARGUMENT_HEADROOM;
    return resp_request_take_block(&client->io->parser, client->io->request, (uint32_t)place);
}
