/* A fleet of pretended data nodes in one process: what sentinels are measured and tested with where thousands are watched.
 *
 *   fleet PORT CONTROL-PORT PRIMARIES REPLICAS-OF-EACH [FIRST]
 *
 * Node n listens on PORT of 127.16.0.0 + FIRST + n; each primary is followed by its replicas. The control port takes, in
 * the servers' own protocol: KILL a [b], START a [b], HANG a [b], RESUME a [b] (nodes a to b), EVENTS (what happened:
 * "monotonic-microseconds node what"), COUNTS (commands so far), NODES.
 * SPDX-License-Identifier: BSD-3-Clause */
#include "base/clock.h"
#include "base/error.h"
#include "base/mem.h"
#include "base/number.h"
#include "fleet/node.h"
#include "net/conn.h"
#include "net/listener.h"
#include "net/loop.h"
#include "net/resp_write.h"

#include <inttypes.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/resource.h>

enum { QUEUED_MAX = 8, ARGS_MAX = 8 };

struct queued {
    struct slice args[ARGS_MAX]; /* owned */
    uint32_t     count;
};

struct door { /* where a node is called upon */
    struct fleet *fleet;
    struct node  *node;
};

struct fleet {
    struct loop      *loop;
    struct nodes      nodes;
    struct node       control; /* its clients only */
    struct door      *doors;   /* by node; the control's is the last */
    struct resp_batch batch;
    struct bytes      events;
    size_t            event_count;
    uint64_t          pings, infos, publishes, deliveries, others, accepted;
};

struct client { /* owned by its node's list */
    struct list_node   node_link;
    struct fleet      *fleet;
    struct node       *node;
    struct conn       *conn;
    struct input       input;
    struct output      output;
    struct resp_parser parser;
    struct loop_task   flush;
    struct queued      queue[QUEUED_MAX];
    uint32_t           queued;
    bool               is_subscribed, in_transaction, must_close;
};


/* ---- connections ---- */

static void clear_queue(struct client *client) {
    for (uint32_t i = 0; i < client->queued; i++)
        for (uint32_t j = 0; j < client->queue[i].count; j++) mem_free((void *)(uintptr_t)client->queue[i].args[j].data);
    client->queued = 0;
    client->in_transaction = false;
}

static void client_free(struct client *client) {
    list_remove(&client->node_link);
    loop_task_cancel(&client->flush);
    conn_close(&client->conn);
    clear_queue(client);
    input_fini(&client->input);
    output_fini(&client->output);
    resp_parser_fini(&client->parser);
    mem_free(client);
}

static void on_flush(struct loop_task *task) {
    struct client *client = container_of(task, struct client, flush);
    struct iovec parts[OUTPUT_PARTS];
    size_t moved;
    while (!output_is_empty(&client->output)) {
        int count = output_parts(&client->output, parts, OUTPUT_PARTS);
        enum io_status status = count == 1 ? conn_write(client->conn, parts[0].iov_base, parts[0].iov_len, &moved)
                                           : conn_writev(client->conn, parts, count, &moved);
        if (status != IO_DONE) {
            if (status == IO_AGAIN && !client->must_close) conn_want_write(client->conn, true);
            else client_free(client);
            return;
        }
        output_sent(&client->output, moved);
    }
    conn_want_write(client->conn, false);
    if (client->must_close) client_free(client);
}

static void flush_later(struct client *client) {
    loop_task_post(client->fleet->loop, &client->flush);
}

static void close_later(struct client *client) {
    client->must_close = true;
    flush_later(client);
}

static void note(struct fleet *fleet, const struct node *node, const char *what) {
    bytes_add_printf(&fleet->events, "%" PRId64 " %u %s\n", clock_now_us(), node->number, what);
    fleet->event_count++;
}

/* ---- what concerns other connections ---- */

static size_t deliver(struct fleet *fleet, struct node *node, struct slice channel, struct slice payload) {
    size_t count = 0;
    LIST_EACH(&node->clients, link) {
        struct client *client = container_of(link, struct client, node_link);
        if (!client->is_subscribed) continue;
        resp_write_array(&client->output, 3);
        resp_write_bulk_text(&client->output, "message");
        resp_write_bulk(&client->output, channel);
        resp_write_bulk(&client->output, payload);
        flush_later(client);
        count++;
    }
    fleet->deliveries += count;
    return count;
}

static void publish(struct fleet *fleet, struct client *client, const struct slice *argv) {
    struct node *node = client->node;
    fleet->publishes++;
    resp_write_int(&client->output, (int64_t)deliver(fleet, node, argv[1], argv[2]));
    size_t group = node->number - node->number % (fleet->nodes.replicas + 1);
    for (size_t i = group; node->is_primary && i <= group + fleet->nodes.replicas; i++) {
        struct node *other = &fleet->nodes.items[i];
        if (other->follows == node && other->is_alive) (void)deliver(fleet, other, argv[1], argv[2]);
    }
}

static void subscribe(struct client *client, const struct slice *argv, uint32_t argc) {
    client->is_subscribed = true;
    for (uint32_t i = 1; i < argc; i++) {
        resp_write_array(&client->output, 3);
        resp_write_bulk_text(&client->output, "subscribe");
        resp_write_bulk(&client->output, argv[i]);
        resp_write_int(&client->output, i);
    }
}

static void kill_clients(struct client *by, bool subscribed) {
    int64_t count = 0;
    LIST_EACH(&by->node->clients, link) {
        struct client *client = container_of(link, struct client, node_link);
        if (client == by || client->is_subscribed != subscribed) continue;
        close_later(client);
        count++;
    }
    resp_write_int(&by->output, count);
}

/* ---- commands ---- */

static void execute(struct client *client, const struct slice *argv, uint32_t argc);

static void transaction(struct client *client, struct slice word) {
    if (slice_is_nocase(word, "multi")) {
        client->in_transaction = true;
        resp_write_status(&client->output, SLICE("OK"));
        return;
    }
    if (!client->in_transaction) {
        resp_write_error(&client->output, SLICE("ERR EXEC without MULTI"));
        return;
    }
    client->in_transaction = false;
    if (slice_is_nocase(word, "exec")) {
        resp_write_array(&client->output, client->queued);
        for (uint32_t i = 0; i < client->queued; i++) execute(client, client->queue[i].args, client->queue[i].count);
    } else {
        resp_write_status(&client->output, SLICE("OK"));
    }
    clear_queue(client);
}

static bool queue(struct client *client, const struct slice *argv, uint32_t argc) {
    if (!client->in_transaction || slice_is_nocase(argv[0], "exec") || slice_is_nocase(argv[0], "discard")) return false;
    if (client->queued == QUEUED_MAX || argc > ARGS_MAX) {
        resp_write_error(&client->output, SLICE("ERR too much for a pretended server"));
        return true;
    }
    struct queued *queued = &client->queue[client->queued++];
    queued->count = argc;
    for (uint32_t i = 0; i < argc; i++) queued->args[i] = slice_make(mem_strndup(argv[i].data, argv[i].size), argv[i].size);
    resp_write_status(&client->output, SLICE("QUEUED"));
    return true;
}

static void count(struct fleet *fleet, struct slice word) {
    if (slice_is_nocase(word, "ping")) fleet->pings++;
    else if (slice_is_nocase(word, "info")) fleet->infos++;
    else if (!slice_is_nocase(word, "publish")) fleet->others++;
}

static void execute(struct client *client, const struct slice *argv, uint32_t argc) {
    struct fleet *fleet = client->fleet;
    struct node *node = client->node;
    if (queue(client, argv, argc)) return;
    count(fleet, argv[0]);
    switch (node_execute(&fleet->nodes, node, argv, argc, clock_now_ms(), &client->output)) {
    case OUTCOME_ANSWERED: break;
    case OUTCOME_PUBLISH: publish(fleet, client, argv); break;
    case OUTCOME_SUBSCRIBE: subscribe(client, argv, argc); break;
    case OUTCOME_KILL: kill_clients(client, slice_is_nocase(argv[3], "pubsub")); break;
    case OUTCOME_REPLICAOF: note(fleet, node, node->is_primary ? "promoted" : "follows"); break;
    case OUTCOME_TRANSACTION: transaction(client, argv[0]); break;
    }
}

/* ---- control ---- */

static bool start(struct fleet *fleet, struct node *node);

static void end_node(struct fleet *fleet, struct node *node) {
    listener_free((struct listener **)&node->listener);
    LIST_EACH(&node->clients, link) client_free(container_of(link, struct client, node_link));
    node_ends(&fleet->nodes, node, clock_now_ms());
    note(fleet, node, "killed");
}

static void hang(struct fleet *fleet, struct node *node, bool on) {
    LIST_EACH(&node->clients, link) conn_want_read(container_of(link, struct client, node_link)->conn, !on);
    note(fleet, node, on ? "hung" : "resumed");
}

static bool control_one(struct fleet *fleet, struct node *node, struct slice word) {
    if (slice_is_nocase(word, "kill")) {
        if (node->is_alive) end_node(fleet, node);
    } else if (slice_is_nocase(word, "start")) {
        if (!node->is_alive && !start(fleet, node)) return false;
    } else if (slice_is_nocase(word, "hang") || slice_is_nocase(word, "resume")) {
        hang(fleet, node, slice_is_nocase(word, "hang"));
    } else {
        return false;
    }
    return true;
}

static void control_range(struct fleet *fleet, struct client *client, const struct slice *argv, uint32_t argc) {
    int64_t from = -1, to = -1;
    bool ok = argc >= 2 && number_parse_int(argv[1], &from);
    to = from;
    if (ok && argc > 2) ok = number_parse_int(argv[2], &to);
    ok = ok && from >= 0 && to < (int64_t)fleet->nodes.count;
    for (int64_t i = from; ok && i <= to; i++) ok = control_one(fleet, &fleet->nodes.items[i], argv[0]);
    if (ok) resp_write_status(&client->output, SLICE("OK"));
    else resp_write_error(&client->output, SLICE("ERR not understood, or not possible"));
}

static void control(struct fleet *fleet, struct client *client, const struct slice *argv, uint32_t argc) {
    struct bytes text = {0};
    if (slice_is_nocase(argv[0], "ping")) {
        resp_write_status(&client->output, SLICE("PONG"));
    } else if (slice_is_nocase(argv[0], "events")) {
        resp_write_bulk(&client->output, bytes_slice(&fleet->events));
    } else if (slice_is_nocase(argv[0], "counts")) {
        bytes_add_printf(&text, "pings:%" PRIu64 "\ninfos:%" PRIu64 "\npublishes:%" PRIu64 "\ndeliveries:%" PRIu64 "\nothers:%" PRIu64
                         "\naccepted:%" PRIu64 "\n", fleet->pings, fleet->infos, fleet->publishes, fleet->deliveries, fleet->others,
                         fleet->accepted);
        resp_write_bulk(&client->output, bytes_slice(&text));
    } else if (slice_is_nocase(argv[0], "nodes")) {
        for (size_t i = 0; i < fleet->nodes.count; i++) {
            const struct node *node = &fleet->nodes.items[i];
            bytes_add_printf(&text, "%zu %s %u %s %s %s %u\n", i, node->ip, node->port, node->is_alive ? "alive" : "dead",
                             node->is_primary ? "master" : "slave", node->is_primary ? "-" : node->follows_host, node->follows_port);
        }
        resp_write_bulk(&client->output, bytes_slice(&text));
    } else {
        control_range(fleet, client, argv, argc);
    }
    bytes_fini(&text);
}

/* ---- reading ---- */

static void on_readable(struct conn *conn, void *context) {
    struct client *client = context;
    struct fleet *fleet = client->fleet;
    size_t room, moved;
    char *at = input_space(&client->input, &room);
    enum io_status status = conn_read(conn, at, room, &moved);
    if (status == IO_AGAIN || client->must_close) return;
    if (status != IO_DONE) {
        client_free(client);
        return;
    }
    input_added(&client->input, moved);
    struct resp_limits limits = {.max_bulk_bytes = 1 << 20};
    while (resp_parse_requests(&client->parser, &client->input, &limits, &fleet->batch, 1) == RESP_OK) {
        struct resp_request *request = &fleet->batch.requests[0];
        if (client->node == &fleet->control) control(fleet, client, request->argv, request->argc);
        else execute(client, request->argv, request->argc);
        input_drop(&client->input, request->wire_bytes);
        resp_request_done(&client->parser);
    }
    if (input_waiting(&client->input) == 0) input_shrink(&client->input);
    flush_later(client);
}

static void on_writable(struct conn *conn, void *context) {
    (void)conn;
    flush_later(context);
}

static const struct conn_handlers handlers = {NULL, on_readable, on_writable};

static void add_client(struct fleet *fleet, struct node *node, struct conn **conn) {
    struct client *client = mem_zalloc(sizeof *client);
    client->fleet = fleet;
    client->node = node;
    client->conn = *conn;
    *conn = NULL;
    loop_task_init(&client->flush, on_flush);
    list_add(&node->clients, &client->node_link);
    conn_set_handlers(client->conn, &handlers, client);
    conn_set_nodelay(client->conn, true);
    conn_want_read(client->conn, true);
    fleet->accepted++;
}

/* ---- life ---- */

static void on_accept(void *context, struct conn **conn) {
    struct door *door = context;
    add_client(door->fleet, door->node, conn);
}

static bool open_door(struct fleet *fleet, struct node *node, size_t index, const char *ip, uint16_t port, void **listener) {
    struct error err;
    fleet->doors[index] = (struct door){fleet, node};
    const char *addresses[] = {ip};
    struct listener_settings settings = {.addresses = addresses, .count = 1, .port = port, .backlog = 511};
    *listener = listener_new(fleet->loop, &settings, on_accept, &fleet->doors[index], &err);
    if (!*listener) fprintf(stderr, "%s\n", err.text);
    return *listener != NULL;
}

static bool start(struct fleet *fleet, struct node *node) {
    if (!open_door(fleet, node, node->number, node->ip, node->port, &node->listener)) return false;
    node_begins(node, clock_now_ms());
    note(fleet, node, "started");
    return true;
}

static long number_of(const char *text) {
    int64_t number;
    if (!number_parse_int(slice_text(text), &number) || number < 0 || number > 1000000) {
        fprintf(stderr, "'%s' is no number from 0 to 1000000\n", text);
        exit(2);
    }
    return (long)number;
}

int main(int argc, char **argv) {
    if (argc < 5) {
        fprintf(stderr, "usage: fleet PORT CONTROL-PORT PRIMARIES REPLICAS-OF-EACH [FIRST]\n");
        return 2;
    }
    signal(SIGPIPE, SIG_IGN);
    struct rlimit files;
    if (getrlimit(RLIMIT_NOFILE, &files) == 0) {
        files.rlim_cur = files.rlim_max;
        (void)setrlimit(RLIMIT_NOFILE, &files);
    }
    struct fleet fleet = {.loop = loop_new()};
    uint16_t port = (uint16_t)number_of(argv[1]);
    long primaries = number_of(argv[3]), first = argc > 5 ? number_of(argv[5]) : 0;
    fleet.nodes.replicas = (size_t)number_of(argv[4]);
    fleet.nodes.count = (size_t)primaries * (fleet.nodes.replicas + 1);
    fleet.nodes.items = mem_zalloc((fleet.nodes.count + 1) * sizeof *fleet.nodes.items);
    fleet.doors = mem_zalloc((fleet.nodes.count + 1) * sizeof *fleet.doors);
    list_init(&fleet.control.clients);
    for (size_t i = 0; i < fleet.nodes.count; i++) {
        char ip[16];
        size_t place = (size_t)first + i;
        snprintf(ip, sizeof ip, "127.%u.%u.%u", 16 + (unsigned)(place >> 16 & 63), (unsigned)(place >> 8 & 255), (unsigned)(place & 255));
        node_init(&fleet.nodes, i, ip, port, clock_now_ms());
        if (!start(&fleet, &fleet.nodes.items[i])) return 1;
    }
    void *listener;
    if (!open_door(&fleet, &fleet.control, fleet.nodes.count, "127.0.0.1", (uint16_t)number_of(argv[2]), &listener)) return 1;
    loop_run(fleet.loop);
    return 0;
}
