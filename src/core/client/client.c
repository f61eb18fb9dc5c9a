#include "core/client/client.h"

#include "base/clock.h"
#include "base/log.h"
#include "base/mem.h"
#include "base/number.h"
#include "base/table.h"
#include "core/acl/user.h"
#include "core/client/blocked.h"
#include "core/client/client_evict.h"
#include "core/client/client_internal.h"
#include "core/client/reply.h"
#include "core/config/core_settings.h"
#include "core/pubsub/channel.h"
#include "core/server_internal.h"
#include "net/conn.h"
#include "net/resp_write.h"

#include <stdio.h>

/* The two parts of a client in one piece. */
struct whole_client {
    struct client    client;
    struct client_io io;
};

static void on_open(struct conn *conn, void *context, int failure);
static void on_readable(struct conn *conn, void *context);
static void on_writable(struct conn *conn, void *context);
static const struct conn_handlers handlers = {on_open, on_readable, on_writable};

/* ================================ life ================================ */

static struct client *new_client(struct server *server, struct conn *conn) {
    struct whole_client *whole = mem_zalloc(sizeof(*whole));
    struct client       *client = &whole->client;
    client->io = &whole->io;
    client->io->self = client;
    client->server = server;
    client->conn = conn;
    client->id = server->next_client_id++;
    client->resp = 2;
    client->tracking_redirect = -1;
    client->user = users_default(server->users);
    client->is_authenticated = !users_must_authenticate(server->users);
    client->created_ms = client->last_ms = server->now_ms;
    list_node_init(&client->node);
    list_node_init(&client->io->write_node);
    list_node_init(&client->io->close_node);
    list_node_init(&client->io->resume_node);
    return client;
}

struct client *client_new_fake(struct server *server) {
    struct client *client = new_client(server, NULL);
    client->flags = CLIENT_IS_FAKE;
    client->is_authenticated = true;
    list_add(&server->internal->fakes, &client->node);
    SERVER_CALL_HOOKS(server, client_created, client);
    return client;
}

static struct slice id_key(const uint64_t *id) {
    return slice_make((const char *)id, sizeof *id);
}

/* Tells a peer why it is not welcome, as far as that can be told, and closes. */
static struct client *refuse(struct server *server, struct conn **conn, struct slice error) {
    size_t moved = 0;
    if (conn_is_open(*conn) && conn_write(*conn, error.data, error.size, &moved) == IO_FAILED)
        LOG_WRITE(LOG_VERBOSE, "A refused client was gone before it was told: %s", conn_error(*conn));
    server->stats.connections_rejected++;
    conn_close(conn);
    return NULL;
}

static const char denied_text[] =
    "-DENIED Redis is running in protected mode because protected mode is enabled and no password is set for the default "
    "user. In this mode connections are only accepted from the loopback interface. To be reached from other computers, "
    "do one of these: 1) set a password for the default user (requirepass, or an ACL rule); 2) send CONFIG SET "
    "protected-mode no from the loopback interface, and CONFIG REWRITE to make it last, if nobody else can reach this "
    "port; 3) put protected-mode: no into the configuration file, or start with --protected-mode no.\r\n";

static bool is_denied_by_protected_mode(struct server *server, struct conn *conn) {
    return server->settings->protected_mode && conn_kind(conn) != CONN_UNIX &&
           !address_is_loopback(conn_peer(conn)) && !users_must_authenticate(server->users);
}

static void list_client(struct client *client) {
    struct server *server = client->server;
    list_add(&server->clients, &client->node);
    table_set(server->internal->clients_by_id, id_key(&client->id), client);
    client->io->is_listed = true;
    server->client_count++;
    SERVER_CALL_HOOKS(server, client_created, client);
}

struct client *client_adopt(struct server *server, struct conn **conn) {
    struct client *client = new_client(server, *conn);
    *conn = NULL;
    client->flags = CLIENT_IS_PRIMARY | CLIENT_REPLY_OFF;
    client->is_authenticated = true;
    conn_set_handlers(client->conn, &handlers, client);
    conn_want_read(client->conn, true);
    conn_want_write(client->conn, false);
    list_client(client);
    return client;
}

void client_tell(struct client *client, struct slice bytes) {
    uint64_t was = client->flags & CLIENT_PUSHING;
    client->flags |= CLIENT_PUSHING;
    reply_raw(client, bytes);
    client->flags = (client->flags & ~CLIENT_PUSHING) | was;
}

struct client *client_accept(struct server *server, struct conn **conn) {
    if (server->client_count >= server->settings->maxclients)
        return refuse(server, conn, SLICE("-ERR max number of clients reached\r\n"));
    if (is_denied_by_protected_mode(server, *conn))
        return refuse(server, conn, slice_make(denied_text, sizeof(denied_text) - 1));

    struct client *client = new_client(server, *conn);
    *conn = NULL;
    conn_set_handlers(client->conn, &handlers, client);
    conn_set_nodelay(client->conn, true);
    if (server->settings->tcp_keepalive_s) conn_set_keepalive(client->conn, (int)server->settings->tcp_keepalive_s);
    if (conn_kind(client->conn) == CONN_UNIX) client->flags |= CLIENT_UNIX_SOCKET;
    server->stats.connections_received++;
    list_client(client);
    server->stats.peak_clients = MAX(server->stats.peak_clients, server->client_count);
    return client;
}

static void free_buffers(struct client_io *io) {
    input_fini(&io->input);
    output_fini(&io->output);
    resp_parser_fini(&io->parser);
    mem_free(io->held);
    list_remove(&io->write_node);
    list_remove(&io->close_node);
    list_remove(&io->resume_node);
}

void client_free(struct client **freed) {
    struct client *client = *freed;
    *freed = NULL;
    struct server *server = client->server;
    client->flags |= CLIENT_CLOSE_ASAP; /* whatever the hooks reply goes nowhere */
    if (blocked_is(client)) blocked_end(client);
    SERVER_CALL_HOOKS(server, client_freed, client);
    channel_forget_client(client);
    server->client_memory[client->memory_class] -= client->memory_bytes;
    if (server->current_client == client) server->current_client = NULL;
    if (server->internal->cron_next == &client->node) server->internal->cron_next = client->node.next;
    list_remove(&client->node);
    if (client->io->is_listed) {
        server->client_count--;
        table_remove(server->internal->clients_by_id, id_key(&client->id));
    }
    if (client->conn) conn_close(&client->conn);
    free_buffers(client->io);
    mem_free(client->blocked);
    mem_free(client->name);
    mem_free(client->lib_name);
    mem_free(client->lib_version);
    mem_free(client);
}

void client_close_asap(struct client *client) {
    if (client->flags & CLIENT_CLOSE_ASAP) return;
    client->flags |= CLIENT_CLOSE_ASAP;
    if (client->flags & CLIENT_IS_FAKE) return;
    list_add(&client->server->internal->closes, &client->io->close_node);
    if (client->conn) {
        conn_want_read(client->conn, false);
        conn_want_write(client->conn, false);
    }
    server_dont_sleep(client->server);
}

void client_close_after_reply(struct client *client) {
    struct client_io *io = client->io;
    client->flags |= CLIENT_CLOSE_AFTER_REPLY;
    if (client->conn && !list_is_linked(&io->write_node) && !io->wants_writable) {
        list_add(&client->server->internal->writes, &io->write_node); /* writing nothing is what closes it */
        server_dont_sleep(client->server);
    }
}

/* ================================ reading ================================ */

static void on_open(struct conn *conn, void *context, int failure) {
    struct client *client = context;
    if (!failure) return;
    LOG_WRITE(LOG_VERBOSE, "Error accepting a client connection: %s", conn_error(conn));
    client_free(&client);
}

/* A buffer that the last client has emptied serves the next one: idle clients hold none, and it is warm in the cache. */
static void borrow_input(struct client *client) {
    struct input *spare = &client->server->internal->spare_input;
    if (client->io->input.data || !spare->data) return;
    client->io->input = *spare;
    memset(spare, 0, sizeof(*spare));
}

void client_return_input(struct client *client) {
    struct input *input = &client->io->input, *spare = &client->server->internal->spare_input;
    if (!input->data || input->block || input_waiting(input)) return;
    if (spare->data || input->capacity > 4 * INPUT_FIRST_BYTES) {
        input_fini(input);
    } else {
        *spare = *input;
        spare->begin = spare->end = 0;
    }
    memset(input, 0, sizeof(*input));
}

static bool is_over_query_limit(struct client *client) {
    struct client_io *io = client->io;
    uint64_t          limit = client->server->settings->client_query_buffer_limit_bytes;
    size_t            waiting = input_waiting(&io->input) + (io->input.block ? io->input.block_end : 0);
    if (LIKELY(waiting <= limit) || (client->flags & CLIENT_IS_PRIMARY)) return false;
    struct bytes line = {0};
    client_describe(client, &line);
    LOG_WRITE(LOG_WARNING, "Closing client that reached max query buffer length: %s", bytes_text(&line));
    bytes_fini(&line);
    client->server->stats.query_buffer_disconnections++;
    return true;
}

static void note_input(struct client *client, size_t size) {
    struct server *server = client->server;
    client->last_ms = server->now_ms;
    client->bytes_in += size;
    server->stats.net_input_bytes += size;
    server->stats.reads_processed++;
    server->stats.max_input_buffer = MAX(server->stats.max_input_buffer, client->io->input.capacity);
}

static void on_readable(struct conn *conn, void *context) {
    struct client    *client = context;
    struct client_io *io = client->io;
    if (io->is_executing) { /* a command of it runs and serves the loop meanwhile: its arguments must stay */
        conn_want_read(conn, false);
        io->is_read_paused = true;
        return;
    }
    size_t size, moved;
    borrow_input(client);
    char *space = input_space(&io->input, &size);
    if (!space) {
        LOG_WRITE(LOG_WARNING, "No memory for a request of client id=%llu", (unsigned long long)client->id);
        client_free(&client);
        return;
    }
    enum io_status status = conn_read(conn, space, size, &moved);
    if (status == IO_DONE) {
        if (UNLIKELY(client->flags & CLIENT_IS_PRIMARY))
            SERVER_CALL_HOOKS(client->server, primary_said, client, slice_make(space, moved));
        input_added(&io->input, moved);
        note_input(client, moved);
        if (is_over_query_limit(client)) {
            client_free(&client);
            return;
        }
        if (!client_execute_input(client)) return;
        if (UNLIKELY(client_evict_has_limit(client->server))) (void)client_memory(client);
    } else if (status != IO_AGAIN) {
        LOG_WRITE(LOG_VERBOSE, status == IO_CLOSED ? "Client closed connection id=%llu" : "Error reading from client id=%llu: %s",
                  (unsigned long long)client->id, conn_error(conn));
        client_free(&client);
        return;
    }
    client_return_input(client);
}

void client_feed(struct client *client, struct slice bytes) {
    while (bytes.size) {
        size_t size;
        char  *space = input_space(&client->io->input, &size);
        CHECK(space != NULL);
        size = MIN(size, bytes.size);
        memcpy(space, bytes.data, size);
        input_added(&client->io->input, size);
        bytes.data += size;
        bytes.size -= size;
    }
    note_input(client, 0);
}

/* ================================ writing ================================ */

/* Bytes that may be sent now: all, or those before the first reply that is held back. */
static size_t sendable(const struct client *client) {
    size_t waiting = output_size(&client->io->output);
    const struct client_io *io = client->io;
    if (LIKELY(io->held_begin == io->held_end)) return waiting;
    return MIN(waiting, io->held[io->held_begin].from - io->sent_total);
}

static enum io_status send_some(struct client *client, size_t limit, size_t *moved) {
    struct iovec parts[OUTPUT_PARTS];
    int          count = output_parts(&client->io->output, parts, OUTPUT_PARTS);
    size_t       sum = 0;
    for (int i = 0; i < count; i++) {
        if (parts[i].iov_len >= limit - sum) {
            parts[i].iov_len = limit - sum;
            count = i + 1;
        }
        sum += parts[i].iov_len;
    }
    if (count == 1) return conn_write(client->conn, parts[0].iov_base, parts[0].iov_len, moved);
    return conn_writev(client->conn, parts, count, moved);
}

/* One client may not keep the loop busy with its output; its replica may. */
enum { WRITE_STEP_BYTES = 256 * 1024 };

bool client_write(struct client *client) {
    struct client_io *io = client->io;
    struct server    *server = client->server;
    size_t            limit, budget = (client->flags & CLIENT_IS_REPLICA) ? SIZE_MAX : WRITE_STEP_BYTES;
    bool              is_full = false;
    server->stats.writes_processed++;
    while (!is_full && budget && (limit = MIN(sendable(client), budget)) > 0) {
        size_t         moved = 0;
        enum io_status status = send_some(client, limit, &moved);
        if (status == IO_DONE) {
            output_sent(&io->output, moved);
            io->sent_total += moved;
            client->bytes_out += moved;
            server->stats.net_output_bytes += moved;
            budget -= moved;
        } else if (status == IO_AGAIN) {
            is_full = true;
        } else {
            LOG_WRITE(LOG_VERBOSE, "Error writing to client id=%llu: %s", (unsigned long long)client->id,
                      conn_error(client->conn));
            client_free(&client);
            return false;
        }
    }
    bool has_more = sendable(client) > 0;
    if (!has_more && (client->flags & CLIENT_CLOSE_AFTER_REPLY) && output_is_empty(&io->output)) {
        client_free(&client);
        return false;
    }
    if (has_more != io->wants_writable) {
        io->wants_writable = has_more;
        conn_want_write(client->conn, has_more);
    }
    return true;
}

static void on_writable(struct conn *conn, void *context) {
    struct client *client = context;
    if (client_write(client)) client_check_output_limits(client);
}

/* ================================ limits and accounting ================================ */

enum client_class client_class(const struct client *client) {
    if (client->flags & CLIENT_IS_PRIMARY) return CLIENT_PRIMARY;
    if ((client->flags & CLIENT_IS_REPLICA) && !(client->flags & CLIENT_IS_MONITOR)) return CLIENT_REPLICA;
    if (client_has_subscriptions(client)) return CLIENT_PUBSUB;
    return CLIENT_NORMAL;
}

bool client_has_subscriptions(const struct client *client) {
    return client->channels && (channel_count_of(client) || channel_shards_of(client));
}

/* A peer that has not said who it is needs to be told little. */
enum { UNAUTHENTICATED_OUTPUT_BYTES = 64 * 1024 };

static bool is_over_output_limit(struct client *client) {
    enum client_class class = client_class(client);
    size_t            used = class == CLIENT_REPLICA ? client->stream_waiting : output_size(&client->io->output);
    if (class == CLIENT_PRIMARY) return false;
    if (!client->is_authenticated && users_must_authenticate(client->server->users) && used > UNAUTHENTICATED_OUTPUT_BYTES)
        return true;
    struct output_limit limit = client->server->internal->output_limits[class];
    if (class == CLIENT_REPLICA && limit.hard_bytes) limit.hard_bytes = MAX(limit.hard_bytes, client->server->replica_limit_floor);
    if (limit.hard_bytes && used >= limit.hard_bytes) return true;
    if (!limit.soft_bytes || used < limit.soft_bytes) {
        client->soft_limit_since_ms = 0;
        return false;
    }
    int64_t now_ms = client->server->now_ms;
    if (!client->soft_limit_since_ms) client->soft_limit_since_ms = now_ms;
    return now_ms - client->soft_limit_since_ms > (int64_t)limit.soft_seconds * 1000;
}

void client_check_output_limits(struct client *client) {
    if (LIKELY(client->io->output.block_count <= 1 && !client->stream_waiting) || !client->conn || (client->flags & CLIENT_CLOSE_ASAP)) return;
    client->server->stats.max_output_buffer =
        MAX(client->server->stats.max_output_buffer, output_size(&client->io->output));
    if (!is_over_output_limit(client)) return;
    struct bytes line = {0};
    client_describe(client, &line);
    LOG_WRITE(LOG_WARNING, "Client %s scheduled to be closed ASAP for overcoming of output buffer limits.",
              bytes_text(&line));
    bytes_fini(&line);
    client->server->stats.output_buffer_disconnections++;
    client_close_asap(client);
}

size_t client_memory(struct client *client) {
    struct server    *server = client->server;
    struct client_io *io = client->io;
    size_t sum = mem_size(client) + input_memory(&io->input) + output_memory(&io->output) +
                 resp_parser_memory(&io->parser) + io->held_capacity * sizeof(*io->held);
    if (client->name) sum += mem_size(client->name);
    const struct hook_list *hooks = &server->internal->on_client_memory;
    for (unsigned i = 0; i < hooks->count; i++) sum += hooks->hooks[i]->client_memory(hooks->hooks[i]->context, client);
    enum client_class class = client_class(client);
    server->client_memory[client->memory_class] -= client->memory_bytes;
    server->client_memory[class] += sum;
    client->memory_bytes = sum;
    client->memory_class = (uint8_t)class;
    return sum;
}

/* Buffers of a client that has been quiet this long are given back. */
enum { SHRINK_AFTER_MS = 2000 };

bool client_cron(struct client *client) {
    struct server *server = client->server;
    int64_t        idle_ms = server->now_ms - client->last_ms;
    uint64_t       timeout_s = server->settings->timeout_s;
    bool           may_time_out = !(client->flags & (CLIENT_IS_REPLICA | CLIENT_IS_PRIMARY | CLIENT_BLOCKED)) &&
                        !client_has_subscriptions(client);
    if (timeout_s && may_time_out && idle_ms > (int64_t)timeout_s * 1000) {
        LOG_WRITE(LOG_VERBOSE, "Closing idle client");
        client_free(&client);
        return false;
    }
    if (idle_ms > SHRINK_AFTER_MS) {
        if (!client->io->is_executing) input_shrink(&client->io->input);
        if (output_is_empty(&client->io->output) && !list_is_linked(&client->io->write_node))
            output_fini(&client->io->output);
    }
    client_memory(client);
    client_check_output_limits(client);
    return true;
}

/* ================================ state ================================ */

void client_set_request(struct client *client, int argc, const struct slice *argv, struct slice bytes) {
    client->argc = argc;
    client->argv = argv;
    client->bytes = bytes;
}

void client_reset(struct client *client) {
    struct server *server = client->server;
    SERVER_CALL_HOOKS(server, client_reset, client);
    channel_forget_client(client);
    client->user = users_default(server->users);
    client->is_authenticated = !users_must_authenticate(server->users);
    client->resp = 2;
    mem_free(client->name);
    client->name = NULL;
    client->flags &= ~(CLIENT_REPLY_OFF | CLIENT_REPLY_SKIP | CLIENT_REPLY_SKIP_NEXT | CLIENT_NO_EVICT | CLIENT_NO_TOUCH |
                       CLIENT_READONLY | CLIENT_REDIRECTS);
}

bool client_set_name(struct client *client, struct slice name) {
    for (size_t i = 0; i < name.size; i++)
        if (name.data[i] < '!' || name.data[i] > '~') return false;
    mem_free(client->name);
    client->name = name.size ? slice_to_text(name) : NULL;
    return true;
}

struct client *client_find(const struct server *server, uint64_t id) {
    return table_find(server->internal->clients_by_id, id_key(&id));
}

void client_resume_later(struct client *client) {
    list_remove(&client->io->resume_node);
    list_add(&client->server->internal->resumes, &client->io->resume_node);
    server_dont_sleep(client->server);
}
