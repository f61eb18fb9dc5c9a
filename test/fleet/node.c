#include "fleet/node.h"
#include "base/number.h"
#include "base/random.h"
#include "net/resp_write.h"

#include <inttypes.h>
#include <stdio.h>

enum { BYTES_PER_SECOND = 100, FILLER_FIELDS = 110 };

void node_init(struct nodes *nodes, size_t index, const char *ip, uint16_t port, int64_t now_ms) {
    struct node *node = &nodes->items[index];
    *node = (struct node){.number = (uint32_t)index, .port = port, .keys = 10, .offset_base = 1000, .offset_since_ms = now_ms};
    snprintf(node->ip, sizeof node->ip, "%s", ip);
    random_os_hex(node->run_id, RUN_ID_SIZE - 1);
    random_os_hex(node->replication_id, RUN_ID_SIZE - 1);
    list_init(&node->clients);
    node->is_primary = index % (nodes->replicas + 1) == 0;
    if (node->is_primary) return;
    node->follows = &nodes->items[index - index % (nodes->replicas + 1)];
    snprintf(node->follows_host, sizeof node->follows_host, "%s", node->follows->ip);
    node->follows_port = node->follows->port;
    memcpy(node->replication_id, node->follows->replication_id, RUN_ID_SIZE);
}

struct node *node_at(const struct nodes *nodes, struct slice host, uint16_t port) {
    for (size_t i = 0; i < nodes->count; i++)
        if (nodes->items[i].port == port && slice_is(host, nodes->items[i].ip)) return &nodes->items[i];
    return NULL;
}

bool node_link_is_up(const struct node *node) {
    return node->follows && node->follows->is_alive;
}

static int64_t offset_of(struct node *node, int64_t now_ms, unsigned depth) {
    if (node->is_primary) return node->offset_base + (now_ms - node->offset_since_ms) * BYTES_PER_SECOND / 1000;
    if (node_link_is_up(node) && depth < 8) node->offset = offset_of(node->follows, now_ms, depth + 1);
    return node->offset;
}

void node_ends(struct nodes *nodes, struct node *node, int64_t now_ms) {
    for (size_t i = 0; i < nodes->count; i++)
        if (nodes->items[i].follows == node) (void)offset_of(&nodes->items[i], now_ms, 0);
    node->is_alive = false;
    node->ended_ms = now_ms;
}

void node_begins(struct node *node, int64_t now_ms) {
    node->is_alive = true;
    node->offset_since_ms = now_ms;
    random_os_hex(node->run_id, RUN_ID_SIZE - 1);
}

/* ---- INFO ---- */

static void add_replicas(struct nodes *nodes, struct node *node, int64_t now_ms, struct bytes *text) {
    size_t count = 0, at;
    bytes_add_text(text, "connected_slaves:");
    at = text->size;
    bytes_add_text(text, "00\r\n");
    size_t group = node->number - node->number % (nodes->replicas + 1);
    for (size_t i = group; i <= group + nodes->replicas && i < nodes->count; i++) {
        struct node *other = &nodes->items[i];
        if (other->follows != node || !other->is_alive) continue;
        bytes_add_printf(text, "slave%zu:ip=%s,port=%u,state=online,offset=%" PRId64 ",lag=0\r\n", count, other->ip, other->port,
                         offset_of(other, now_ms, 0));
        count++;
    }
    text->data[at] = (char)('0' + count / 10 % 10);
    text->data[at + 1] = (char)('0' + count % 10);
}

static void add_replication(struct nodes *nodes, struct node *node, int64_t now_ms, struct bytes *text) {
    bytes_add_printf(text, "# Replication\r\nrole:%s\r\n", node->is_primary ? "master" : "slave");
    int64_t offset = offset_of(node, now_ms, 0);
    if (!node->is_primary) {
        bool up = node_link_is_up(node);
        bytes_add_printf(text, "master_host:%s\r\nmaster_port:%u\r\nmaster_link_status:%s\r\n", node->follows_host, node->follows_port,
                         up ? "up" : "down");
        bytes_add_printf(text, "master_last_io_seconds_ago:%d\r\nmaster_sync_in_progress:0\r\nslave_read_repl_offset:%" PRId64
                         "\r\nslave_repl_offset:%" PRId64 "\r\n", up ? 0 : -1, offset, offset);
        if (!up)
            bytes_add_printf(text, "master_link_down_since_seconds:%" PRId64 "\r\n",
                             node->follows ? (now_ms - node->follows->ended_ms) / 1000 : -1);
        bytes_add_text(text, "slave_priority:100\r\nslave_read_only:1\r\nreplica_announced:1\r\n");
    }
    add_replicas(nodes, node, now_ms, text);
    bytes_add_printf(text, "master_failover_state:no-failover\r\nmaster_replid:%s\r\nmaster_replid2:%040d\r\nmaster_repl_offset:%" PRId64
                     "\r\nsecond_repl_offset:-1\r\nrepl_backlog_active:1\r\nrepl_backlog_size:1048576\r\n", node->replication_id, 0, offset);
}

static void add_info(struct nodes *nodes, struct node *node, bool whole, int64_t now_ms, struct output *out) {
    struct bytes text = {0};
    if (whole)
        bytes_add_printf(&text, "# Server\r\nredis_version:7.0.15\r\nredis_mode:standalone\r\nrun_id:%s\r\ntcp_port:%u\r\n"
                         "loading:0\r\n", node->run_id, node->port);
    /* As long as a real one, which has some 180 lines and 5 KiB. */
    for (int i = 0; whole && i < FILLER_FIELDS; i++) bytes_add_printf(&text, "a_field_of_some_other_part_%d:%d\r\n", i, i * 7919);
    add_replication(nodes, node, now_ms, &text);
    if (whole)
        bytes_add_printf(&text, "# CPU\r\nused_cpu_sys:1.2\r\n# Errorstats\r\n# Cluster\r\ncluster_enabled:0\r\n# Keyspace\r\n"
                         "db0:keys=%" PRIu64 ",expires=0,avg_ttl=0\r\n", node->keys);
    resp_write_bulk(out, bytes_slice(&text));
    bytes_fini(&text);
}

static void add_role(struct nodes *nodes, struct node *node, int64_t now_ms, struct output *out) {
    if (node->is_primary) {
        resp_write_array(out, 3);
        resp_write_bulk_text(out, "master");
        resp_write_int(out, offset_of(node, now_ms, 0));
        resp_write_array(out, 0);
        return;
    }
    resp_write_array(out, 5);
    resp_write_bulk_text(out, "slave");
    resp_write_bulk_text(out, node->follows_host);
    resp_write_int(out, node->follows_port);
    resp_write_bulk_text(out, node_link_is_up(node) ? "connected" : "connect");
    resp_write_int(out, offset_of(node, now_ms, 0));
}

/* ---- commands ---- */

static enum outcome replicaof(struct nodes *nodes, struct node *node, const struct slice *argv, int64_t now_ms, struct output *out) {
    int64_t offset = offset_of(node, now_ms, 0), port = 0;
    if (slice_is_nocase(argv[1], "no")) {
        if (!node->is_primary) random_os_hex(node->replication_id, RUN_ID_SIZE - 1);
        node->is_primary = true;
        node->follows = NULL;
        node->offset_base = offset;
        node->offset_since_ms = now_ms;
    } else if (!number_parse_int(argv[2], &port) || port < 1 || port > 65535) {
        resp_write_error(out, SLICE("ERR Invalid master port"));
        return OUTCOME_ANSWERED;
    } else {
        node->is_primary = false;
        node->offset = offset;
        node->follows = node_at(nodes, argv[1], (uint16_t)port);
        slice_print_plain(argv[1], node->follows_host, sizeof node->follows_host);
        node->follows_port = (uint16_t)port;
    }
    resp_write_status(out, SLICE("OK"));
    return OUTCOME_REPLICAOF;
}

static bool is(const struct slice *argv, uint32_t argc, uint32_t at, const char *word) {
    return at < argc && slice_is_nocase(argv[at], word);
}

enum outcome node_execute(struct nodes *nodes, struct node *node, const struct slice *argv, uint32_t argc, int64_t now_ms,
                          struct output *out) {
    if (is(argv, argc, 0, "ping")) {
        resp_write_status(out, SLICE("PONG"));
    } else if (is(argv, argc, 0, "info")) {
        add_info(nodes, node, argc == 1 || !slice_is_nocase(argv[1], "replication"), now_ms, out);
    } else if (is(argv, argc, 0, "publish") && argc == 3) {
        return OUTCOME_PUBLISH;
    } else if (is(argv, argc, 0, "subscribe") && argc > 1) {
        return OUTCOME_SUBSCRIBE;
    } else if (is(argv, argc, 0, "role")) {
        add_role(nodes, node, now_ms, out);
    } else if ((is(argv, argc, 0, "slaveof") || is(argv, argc, 0, "replicaof")) && argc == 3) {
        return replicaof(nodes, node, argv, now_ms, out);
    } else if (is(argv, argc, 0, "multi") || is(argv, argc, 0, "exec") || is(argv, argc, 0, "discard")) {
        return OUTCOME_TRANSACTION;
    } else if (is(argv, argc, 0, "client") && is(argv, argc, 1, "kill") && is(argv, argc, 2, "type") && argc == 4) {
        return OUTCOME_KILL;
    } else if (is(argv, argc, 0, "set") && !node->is_primary) {
        resp_write_error(out, SLICE("READONLY You can't write against a read only replica."));
    } else if (is(argv, argc, 0, "set") || is(argv, argc, 0, "auth") || (is(argv, argc, 0, "client") && is(argv, argc, 1, "setname")) ||
               (is(argv, argc, 0, "config") && is(argv, argc, 1, "rewrite"))) {
        resp_write_status(out, SLICE("OK"));
    } else {
        resp_write_error_printf(out, "ERR unknown command '%.*s'", (int)MIN(argv[0].size, (size_t)60), argv[0].data);
    }
    return OUTCOME_ANSWERED;
}
