#include "sim/redis_sentinel_internal.h"
#include "base/mem.h"

#include <stdio.h>

enum {
    PING_MS = 1000,
    INFO_MS = 10000,
    INFO_BUSY_MS = 1000,
    HELLO_MS = 2000,
    RECONNECT_MS = 1000,
    OLD_LINE_MS = 15000,
    TICK_LOW_US = 52000,
    TICK_HIGH_US = 100000,
    CONNECT_US = 30000000,
};

void rs_say(struct redis_sentinel *sentinel, const char *event, const struct rs_primary *primary) {
    TRACE(sentinel->traits.trace, sentinel->traits.name, "%s %s %s:%u, epoch %llu", event, primary->config->name,
          primary->node->address, primary->node->port, (unsigned long long)sentinel->current_epoch);
}

/* Lines */

static void on_open(void *context, struct link_end *end) {
    struct rs_node *node = context;
    int64_t now_ms = rs_now_ms(node->self);
    if (end == node->pubsub) {
        node->pubsub_up = true;
        link_send(end, message_command_text("SUBSCRIBE __sentinel__:hello"));
        return;
    }
    node->command_up = true;
    node->connected_ms = node->available_ms = now_ms;
    node->unanswered_ms = 0;
    node->sent_count = node->sent_first = 0;
    rs_send(node, SENT_PING, message_command_text("PING"));
    node->pinged_ms = node->unanswered_ms = now_ms;
}

static void on_message(void *context, struct link_end *end, const struct message *message) {
    struct rs_node *node = context;
    struct redis_sentinel *sentinel = node->self;
    (void)end;
    if (message->kind == MESSAGE_PUSH) {
        rs_hear_hello(sentinel, message->text);
        return;
    }
    CHECK(node->sent_count > 0);
    enum sent_kind kind = (enum sent_kind)node->sent[node->sent_first];
    node->sent_first = (node->sent_first + 1) % PENDING_MAX;
    node->sent_count--;
    rs_hear_reply(node, kind, &message->reply);
}

static void on_closed(void *context, struct link_end *end, enum line_reason reason) {
    (void)reason;
    struct rs_node *node = context;
    if (end == node->pubsub) {
        node->pubsub = NULL;
        node->pubsub_up = false;
    } else {
        node->command = NULL;
        node->command_up = false;
        node->sent_count = 0;
    }
}

static const struct link_ops line_ops = {on_open, on_message, on_closed};

static struct link_end *dial(struct rs_node *node) {
    struct redis_sentinel *sentinel = node->self;
    return link_open(sentinel->network, sentinel->number, node->address, node->port, CONNECT_US, &line_ops, node);
}

static void hang_up(struct rs_node *node) {
    if (node->command) link_close(node->command);
    if (node->pubsub) link_close(node->pubsub);
    node->command = node->pubsub = NULL;
    node->command_up = node->pubsub_up = false;
    node->sent_count = 0;
}

bool rs_send(struct rs_node *node, enum sent_kind kind, struct message *message) {
    if (!node->command_up || node->sent_count == PENDING_MAX) {
        message_free(message);
        return false;
    }
    node->sent[(node->sent_first + node->sent_count++) % PENDING_MAX] = (unsigned char)kind;
    link_send(node->command, message);
    return true;
}

/* Nodes */

struct rs_node *rs_node_new(struct rs_primary *primary, enum node_kind kind, const char *address, uint16_t port) {
    struct rs_node *node = mem_zalloc(sizeof *node);
    node->self = primary->self;
    node->primary = primary;
    node->kind = kind;
    snprintf(node->address, sizeof node->address, "%s", address);
    node->port = port;
    node->priority = 100;
    node->available_ms = node->says_since_ms = rs_now_ms(primary->self);
    node->says_primary = kind == NODE_PRIMARY;
    list_node_init(&node->node);
    return node;
}

void rs_node_free(struct rs_node *node) {
    hang_up(node);
    list_remove(&node->node);
    mem_free(node);
}

struct rs_node *rs_find(struct list *list, const char *address, uint16_t port) {
    LIST_EACH(list, place) {
        struct rs_node *node = container_of(place, struct rs_node, node);
        if (node->port == port && strcmp(node->address, address) == 0) return node;
    }
    return NULL;
}

struct rs_node *rs_current(struct rs_primary *primary) {
    return primary->promoted && primary->state >= RS_RECONF ? primary->promoted : primary->node;
}

void rs_switch(struct rs_primary *primary, const char *to, uint16_t port) {
    char address[NETWORK_ADDRESS_SIZE]; /* `to` may be a node's own */
    snprintf(address, sizeof address, "%s", to);
    struct list old;
    list_init(&old);
    LIST_EACH(&primary->replicas, place) {
        list_remove(place);
        list_add(&old, place);
    }
    list_add(&old, &primary->node->node);
    primary->node = rs_node_new(primary, NODE_PRIMARY, address, port);
    LIST_EACH(&old, place) {
        struct rs_node *node = container_of(place, struct rs_node, node);
        bool stays = node->port != port || strcmp(node->address, address) != 0;
        if (stays) list_add(&primary->replicas, &rs_node_new(primary, NODE_REPLICA, node->address, node->port)->node);
        rs_node_free(node);
    }
    primary->promoted = NULL;
    primary->state = RS_NONE;
    primary->o_down = false;
    primary->leader[0] = 0;
    invariants_address(primary->self->traits.invariants, primary->self->traits.name, primary->config->name,
                       primary->config_epoch, address, port);
}

/* What is done for each node on each tick */

static void say_hello(struct rs_node *node) {
    struct redis_sentinel *sentinel = node->self;
    struct rs_primary *primary = node->primary;
    struct rs_node *current = rs_current(primary);
    char payload[300];
    snprintf(payload, sizeof payload, "%s,%u,%s,%llu,%s,%s,%u,%llu",
             network_address(sentinel->network, sentinel->number), sentinel->traits.port, sentinel->traits.id,
             (unsigned long long)sentinel->current_epoch, primary->config->name, current->address, current->port,
             (unsigned long long)primary->config_epoch);
    struct slice args[] = {SLICE("PUBLISH"), SLICE("__sentinel__:hello"), slice_text(payload)};
    if (rs_send(node, SENT_HELLO, message_command(args, COUNT_OF(args)))) node->hello_ms = rs_now_ms(sentinel);
    invariants_address(sentinel->traits.invariants, sentinel->traits.name, primary->config->name, primary->config_epoch,
                       current->address, current->port);
}

static void reconnect(struct rs_node *node, int64_t now_ms) {
    int64_t down_after_ms = node->primary->config->down_after_ms;
    bool stuck = node->command_up && node->unanswered_ms && now_ms - node->connected_ms > OLD_LINE_MS &&
                 now_ms - node->unanswered_ms > down_after_ms / 2;
    if (stuck) hang_up(node);
    bool wants = !node->command || (node->kind != NODE_SENTINEL && !node->pubsub);
    if (!wants || now_ms - node->tried_ms < RECONNECT_MS) return;
    node->tried_ms = now_ms;
    if (!node->command) node->command = dial(node);
    if (node->kind != NODE_SENTINEL && !node->pubsub) node->pubsub = dial(node);
}

static void poll(struct rs_node *node, int64_t now_ms) {
    const struct rs_primary *primary = node->primary;
    if (!node->command_up) return;
    bool busy = node->kind == NODE_REPLICA && (primary->o_down || primary->state != RS_NONE || !node->link_up);
    bool due = !node->info_ms || now_ms - node->info_sent_ms > (busy ? INFO_BUSY_MS : INFO_MS);
    if (node->kind != NODE_SENTINEL && due && (!node->info_sent_ms || now_ms - node->info_sent_ms > INFO_BUSY_MS)) {
        if (rs_send(node, SENT_INFO, message_command_text("INFO"))) node->info_sent_ms = now_ms;
    }
    if (now_ms - node->pinged_ms > MIN(primary->config->down_after_ms, PING_MS)) {
        if (rs_send(node, SENT_PING, message_command_text("PING"))) {
            node->pinged_ms = now_ms;
            if (!node->unanswered_ms) node->unanswered_ms = now_ms;
        }
    }
    if (now_ms - node->hello_ms > HELLO_MS) say_hello(node);
}

static void look_node(struct rs_node *node) {
    int64_t now_ms = rs_now_ms(node->self);
    reconnect(node, now_ms);
    poll(node, now_ms);
}

static void on_tick(struct happening *happening) {
    struct redis_sentinel *sentinel = container_of(happening, struct redis_sentinel, tick);
    if (sentinel->paused_until_us > sentinel->schedule->now_us) {
        schedule_at(sentinel->schedule, &sentinel->tick, sentinel->paused_until_us + 1);
        return;
    }
    for (size_t i = 0; i < sentinel->traits.primary_count; i++) {
        struct rs_primary *primary = &sentinel->primaries[i];
        look_node(primary->node);
        LIST_EACH(&primary->replicas, place) look_node(container_of(place, struct rs_node, node));
        LIST_EACH(&primary->sentinels, place) look_node(container_of(place, struct rs_node, node));
        rs_look(primary);
    }
    schedule_after(sentinel->schedule, &sentinel->tick, dice_between(sentinel->random, TICK_LOW_US, TICK_HIGH_US));
}

/* Life and death */

struct redis_sentinel *redis_sentinel_new(struct network *network, struct schedule *schedule, struct random *random,
                                          const struct redis_sentinel_traits *traits) {
    struct redis_sentinel *sentinel = mem_zalloc(sizeof *sentinel);
    sentinel->network = network;
    sentinel->schedule = schedule;
    sentinel->random = random;
    sentinel->traits = *traits;
    sentinel->number = network_add_host(network);
    sentinel->tick.run = on_tick;
    list_init(&sentinel->callers);
    sentinel->primaries = mem_zalloc(traits->primary_count * sizeof sentinel->primaries[0]);
    for (size_t i = 0; i < traits->primary_count; i++) {
        struct rs_primary *primary = &sentinel->primaries[i];
        primary->self = sentinel;
        primary->config = &traits->primaries[i];
        list_init(&primary->replicas);
        list_init(&primary->sentinels);
        primary->node = rs_node_new(primary, NODE_PRIMARY, primary->config->host, primary->config->port);
    }
    return sentinel;
}

/* Its lines are gone already. */
static void abandon_lines(struct rs_node *node) {
    node->command = node->pubsub = NULL;
    node->command_up = node->pubsub_up = false;
    node->sent_count = 0;
}

static void abandon_all(struct redis_sentinel *sentinel) {
    for (size_t i = 0; i < sentinel->traits.primary_count; i++) {
        struct rs_primary *primary = &sentinel->primaries[i];
        abandon_lines(primary->node);
        LIST_EACH(&primary->replicas, place) abandon_lines(container_of(place, struct rs_node, node));
        LIST_EACH(&primary->sentinels, place) abandon_lines(container_of(place, struct rs_node, node));
    }
}

void redis_sentinel_free(struct redis_sentinel **taken) {
    struct redis_sentinel *sentinel = *taken;
    schedule_cancel(sentinel->schedule, &sentinel->tick);
    rs_end_callers(sentinel);
    abandon_all(sentinel);
    for (size_t i = 0; i < sentinel->traits.primary_count; i++) {
        struct rs_primary *primary = &sentinel->primaries[i];
        LIST_EACH(&primary->replicas, place) rs_node_free(container_of(place, struct rs_node, node));
        LIST_EACH(&primary->sentinels, place) rs_node_free(container_of(place, struct rs_node, node));
        rs_node_free(primary->node);
    }
    mem_free(sentinel->primaries);
    mem_free(sentinel);
    *taken = NULL;
}

/* Epochs, addresses, replicas and sentinels were written when they changed; all else is lost. */
static void forget(struct rs_primary *primary) {
    struct rs_node *current = rs_current(primary);
    rs_switch(primary, current->address, current->port);
    LIST_EACH(&primary->sentinels, place) {
        struct rs_node *known = container_of(place, struct rs_node, node);
        struct rs_node *fresh = rs_node_new(primary, NODE_SENTINEL, known->address, known->port);
        snprintf(fresh->id, sizeof fresh->id, "%s", known->id);
        list_insert_before(&known->node, &fresh->node);
        rs_node_free(known);
    }
    primary->start_ms = primary->change_ms = 0;
}

void redis_sentinel_start(struct redis_sentinel *sentinel) {
    CHECK(!sentinel->running);
    sentinel->running = true;
    sentinel->paused_until_us = 0;
    for (size_t i = 0; i < sentinel->traits.primary_count; i++) forget(&sentinel->primaries[i]);
    network_start_process(sentinel->network, sentinel->number, sentinel->traits.port, &rs_listener_ops, sentinel);
    schedule_after(sentinel->schedule, &sentinel->tick, dice_between(sentinel->random, 1, TICK_HIGH_US));
}

void redis_sentinel_crash(struct redis_sentinel *sentinel, bool power_lost) {
    CHECK(sentinel->running);
    TRACE(sentinel->traits.trace, sentinel->traits.name, "is gone");
    sentinel->running = false;
    schedule_cancel(sentinel->schedule, &sentinel->tick);
    network_stop_process(sentinel->network, sentinel->number, power_lost);
    rs_end_callers(sentinel);
    abandon_all(sentinel);
}

void redis_sentinel_pause(struct redis_sentinel *sentinel, int64_t until_us) {
    sentinel->paused_until_us = MAX(sentinel->paused_until_us, until_us);
    network_pause_process(sentinel->network, sentinel->number, until_us);
}

unsigned redis_sentinel_number(const struct redis_sentinel *sentinel) {
    return sentinel->number;
}

bool redis_sentinel_is_running(const struct redis_sentinel *sentinel) {
    return sentinel->running;
}

#define REFUSE(...) (snprintf(why, 200, __VA_ARGS__), false)

static size_t length(const struct list *list) {
    size_t count = 0;
    LIST_EACH(list, place) count++;
    return count;
}

bool redis_sentinel_agrees(const struct redis_sentinel *sentinel, const char *name, const char *address,
                           uint64_t config_epoch, size_t replicas, size_t sentinels, char *why) {
    const char *who = sentinel->traits.name;
    if (!sentinel->running) return REFUSE("%s does not run", who);
    for (size_t i = 0; i < sentinel->traits.primary_count; i++) {
        const struct rs_primary *primary = &sentinel->primaries[i];
        if (strcmp(primary->config->name, name) != 0) continue;
        if (strcmp(primary->node->address, address) != 0)
            return REFUSE("%s takes %s for the primary of %s", who, primary->node->address, name);
        if (primary->node->s_down || primary->o_down || !primary->node->command_up)
            return REFUSE("%s finds %s down", who, name);
        if (primary->state != RS_NONE) return REFUSE("%s still fails %s over", who, name);
        if (primary->config_epoch != config_epoch)
            return REFUSE("%s has configuration epoch %llu of %s", who, (unsigned long long)primary->config_epoch,
                          name);
        if (length(&primary->replicas) != replicas)
            return REFUSE("%s knows %zu replicas of %s, not %zu", who, length(&primary->replicas), name, replicas);
        if (length(&primary->sentinels) + 1 != sentinels)
            return REFUSE("%s knows %zu sentinels of %s, not %zu", who, length(&primary->sentinels) + 1, name,
                          sentinels);
    }
    return true;
}
