/* What the Redis Sentinel model hears: replies, hellos, and what other sentinels ask it. */
#include "base/mem.h"
#include "base/number.h"
#include "sim/redis_sentinel_internal.h"

#include <stdio.h>

enum { ROLE_PATIENCE_MS = 8000 };

static void copy_text(char *to, size_t size, struct slice text) {
    snprintf(to, size, "%.*s", (int)text.size, text.size ? text.data : "");
}

/* INFO */

struct info {
    bool primary, link_up;
    char id[SENTINEL_ID_SIZE], follows[NETWORK_ADDRESS_SIZE];
    int64_t port, link_down_s, priority, offset;
};

static bool field(struct slice line, const char *name, struct slice *value) {
    if (!slice_starts_with(line, name)) return false;
    size_t length = strlen(name);
    *value = slice_make(line.data + length, line.size - length);
    return true;
}

static int64_t number(struct slice text) {
    int64_t value;
    return number_parse_int(text, &value) ? value : 0;
}

/* "slave0:ip=10.7.0.3,port=6379,state=online,offset=0,lag=0" */
static void learn_replica(struct rs_node *node, struct slice line) {
    struct slice rest = line, part, value;
    char address[NETWORK_ADDRESS_SIZE] = "";
    int64_t port = 0;
    if (!slice_split(&rest, ':', &part)) return;
    while (slice_split(&rest, ',', &part)) {
        if (field(part, "ip=", &value)) copy_text(address, sizeof address, value);
        if (field(part, "port=", &value)) port = number(value);
    }
    struct rs_primary *primary = node->primary;
    if (!address[0] || rs_find(&primary->replicas, address, (uint16_t)port)) return;
    list_add(&primary->replicas, &rs_node_new(primary, NODE_REPLICA, address, (uint16_t)port)->node);
}

static void read_line(struct rs_node *node, struct slice line, struct info *info) {
    struct slice value;
    if (field(line, "role:", &value)) info->primary = slice_is(value, "master");
    if (field(line, "run_id:", &value)) copy_text(info->id, sizeof info->id, value);
    if (field(line, "master_host:", &value)) copy_text(info->follows, sizeof info->follows, value);
    if (field(line, "master_port:", &value)) info->port = number(value);
    if (field(line, "master_link_status:", &value)) info->link_up = slice_is(value, "up");
    if (field(line, "master_link_down_since_seconds:", &value)) info->link_down_s = number(value);
    if (field(line, "slave_priority:", &value)) info->priority = number(value);
    if (field(line, "slave_repl_offset:", &value)) info->offset = number(value);
    bool lists = node->kind == NODE_PRIMARY && info->primary && line.size > 7 && slice_starts_with(line, "slave");
    if (lists && line.data[5] >= '0' && line.data[5] <= '9') learn_replica(node, line);
}

/* The replica whose promotion was ordered says that it is a primary. */
static void promoted(struct rs_primary *primary, int64_t now_ms) {
    primary->config_epoch = primary->failover_epoch;
    primary->state = RS_RECONF;
    primary->change_ms = now_ms;
    rs_say(primary->self, "+promoted-slave", primary);
    struct rs_node *node = primary->promoted;
    invariants_address(primary->self->traits.invariants, primary->self->traits.name, primary->config->name,
                       primary->config_epoch, node->address, node->port);
    primary->node->hello_ms = 0;
    LIST_EACH(&primary->replicas, place) container_of(place, struct rs_node, node)->hello_ms = 0;
    LIST_EACH(&primary->sentinels, place) container_of(place, struct rs_node, node)->hello_ms = 0;
}

static bool primary_is_sane(const struct rs_primary *primary, int64_t now_ms) {
    const struct rs_node *node = primary->node;
    return node->says_primary && !node->s_down && !primary->o_down && now_ms - node->info_ms < 20000;
}

static void repair(struct rs_node *node, int64_t now_ms) {
    struct rs_primary *primary = node->primary;
    int64_t failover_timeout_ms = primary->config->failover_timeout_ms;
    if (!primary_is_sane(primary, now_ms) || node->s_down) return;
    if (node->says_primary) {
        if (now_ms - node->says_since_ms > ROLE_PATIENCE_MS) rs_order(node, primary->node);
    } else if (node->follows_port != primary->node->port || strcmp(node->follows, primary->node->address) != 0) {
        if (now_ms - node->follows_since_ms > failover_timeout_ms) rs_order(node, primary->node);
    }
}

static void follow_progress(struct rs_node *node, int64_t now_ms) {
    const struct rs_node *goal = node->primary->promoted;
    if (!goal) return;
    if (node->repointing == REPOINT_SENT && strcmp(node->follows, goal->address) == 0) {
        node->repointing = REPOINT_INPROG;
        node->repointed_ms = now_ms;
    }
    if (node->repointing == REPOINT_INPROG && node->link_up) node->repointing = REPOINT_DONE;
}

static void hear_info(struct rs_node *node, struct slice text) {
    struct rs_primary *primary = node->primary;
    int64_t now_ms = rs_now_ms(node->self);
    struct info info = {.priority = 100};
    struct slice rest = text, line;
    while (slice_split(&rest, '\n', &line)) read_line(node, slice_trim(line), &info);
    node->info_ms = now_ms;
    if (info.primary != node->says_primary) {
        node->says_primary = info.primary;
        node->says_since_ms = now_ms;
        if (!info.primary) node->follows_since_ms = now_ms;
    }
    if (info.id[0]) memcpy(node->id, info.id, sizeof node->id);
    if (!info.primary) {
        if (node->follows_port != info.port || strcmp(node->follows, info.follows) != 0)
            node->follows_since_ms = now_ms;
        node->follows_port = (uint16_t)info.port;
        memcpy(node->follows, info.follows, sizeof node->follows);
        node->link_up = info.link_up;
        node->link_down_ms = info.link_down_s * 1000;
        node->priority = info.priority;
        node->offset = info.offset;
    }
    if (node->kind != NODE_REPLICA) return;
    bool awaited = node == primary->promoted && primary->state == RS_WAIT_PROMOTION;
    if (awaited && info.primary)
        promoted(primary, now_ms);
    else if (node != primary->promoted)
        repair(node, now_ms);
    follow_progress(node, now_ms);
}

/* Other replies */

static void hear_opinion(struct rs_node *node, const struct reply_view *reply) {
    if (reply->kind != REPLY_VIEW_ARRAY || reply->count != 3) return;
    node->said_ms = rs_now_ms(node->self);
    node->says_down = reply->children[0].integer == 1;
    if (slice_is(reply->children[1].text, "*")) return;
    copy_text(node->leader, sizeof node->leader, reply->children[1].text);
    node->leader_epoch = (uint64_t)reply->children[2].integer;
}

void rs_hear_reply(struct rs_node *node, enum sent_kind kind, const struct reply_view *reply) {
    if (kind == SENT_INFO && reply->kind == REPLY_VIEW_BULK) hear_info(node, reply->text);
    if (kind == SENT_ASK) hear_opinion(node, reply);
    if (kind != SENT_PING) return;
    node->answered_ms = rs_now_ms(node->self);
    bool alive = slice_is(reply->text, "PONG") || slice_starts_with(reply->text, "LOADING") ||
                 slice_starts_with(reply->text, "MASTERDOWN");
    if (!alive) return;
    node->available_ms = node->answered_ms;
    node->unanswered_ms = 0;
}

/* Hello: ip, port, id, current epoch, name, ip, port, configuration epoch */

static void learn_sentinel(struct rs_primary *primary, const char *address, uint16_t port, const char *id) {
    struct rs_node *known = rs_find(&primary->sentinels, address, port);
    if (known && strcmp(known->id, id) == 0) return;
    LIST_EACH(&primary->sentinels, place) {
        struct rs_node *node = container_of(place, struct rs_node, node);
        if (strcmp(node->id, id) == 0 || node == known) rs_node_free(node);
    }
    struct rs_node *node = rs_node_new(primary, NODE_SENTINEL, address, port);
    snprintf(node->id, sizeof node->id, "%s", id);
    list_add(&primary->sentinels, &node->node);
}

static struct rs_primary *find_primary(struct redis_sentinel *sentinel, struct slice name) {
    for (size_t i = 0; i < sentinel->traits.primary_count; i++)
        if (slice_is(name, sentinel->primaries[i].config->name)) return &sentinel->primaries[i];
    return NULL;
}

void rs_hear_hello(struct redis_sentinel *sentinel, struct slice payload) {
    struct slice rest = payload, part, fields[8];
    size_t count = 0;
    while (count < 8 && slice_split(&rest, ',', &part)) fields[count++] = part;
    struct rs_primary *primary = count == 8 ? find_primary(sentinel, fields[4]) : NULL;
    if (!primary || slice_is(fields[2], sentinel->traits.id)) return;
    char address[NETWORK_ADDRESS_SIZE], id[SENTINEL_ID_SIZE], to[NETWORK_ADDRESS_SIZE];
    copy_text(address, sizeof address, fields[0]);
    copy_text(id, sizeof id, fields[2]);
    copy_text(to, sizeof to, fields[5]);
    learn_sentinel(primary, address, (uint16_t)number(fields[1]), id);
    sentinel->current_epoch = MAX(sentinel->current_epoch, (uint64_t)number(fields[3]));
    uint64_t epoch = (uint64_t)number(fields[7]);
    if (epoch <= primary->config_epoch) return;
    primary->config_epoch = epoch;
    struct rs_node *node = primary->node;
    if (node->port == number(fields[6]) && strcmp(node->address, to) == 0) {
        /* Back to whom its own failover leaves: it goes on, and announces its own choice under this epoch (README). */
        if (primary->promoted && primary->state >= RS_RECONF)
            invariants_taint(sentinel->traits.invariants, primary->config->name, epoch);
        return;
    }
    rs_switch(primary, to, (uint16_t)number(fields[6]));
    rs_say(sentinel, "+switch-master (told)", primary);
}

/* Votes */

void rs_vote(struct rs_primary *primary, uint64_t epoch, const char *candidate) {
    struct redis_sentinel *sentinel = primary->self;
    sentinel->current_epoch = MAX(sentinel->current_epoch, epoch);
    if (primary->leader_epoch >= epoch || sentinel->current_epoch > epoch) return;
    snprintf(primary->leader, sizeof primary->leader, "%s", candidate);
    primary->leader_epoch = epoch;
    if (strcmp(candidate, sentinel->traits.id) != 0)
        primary->start_ms = rs_now_ms(sentinel) + dice_between(sentinel->random, 0, 999);
    invariants_voted(sentinel->traits.invariants, sentinel->traits.id, primary->config->name, epoch, candidate);
    rs_say(sentinel, "+vote-for-leader", primary);
}

/* What others ask */

struct rs_caller {
    struct redis_sentinel *sentinel;
    struct list_node node;
};

static struct message *answer_question(struct redis_sentinel *sentinel, const struct message *message) {
    struct rs_primary *primary = NULL;
    char candidate[SENTINEL_ID_SIZE], address[NETWORK_ADDRESS_SIZE];
    copy_text(address, sizeof address, message->args[2]);
    copy_text(candidate, sizeof candidate, message->args[5]);
    for (size_t i = 0; i < sentinel->traits.primary_count; i++) {
        const struct rs_node *node = sentinel->primaries[i].node;
        if (strcmp(node->address, address) == 0 && node->port == number(message->args[3]))
            primary = &sentinel->primaries[i];
    }
    if (!primary) return message_vote(false, "*", 0, 0);
    if (strcmp(candidate, "*") == 0) return message_vote(primary->node->s_down, "*", 0, 0);
    rs_vote(primary, (uint64_t)number(message->args[4]), candidate);
    return message_vote(primary->node->s_down, primary->leader[0] ? primary->leader : "*",
                        (int64_t)primary->leader_epoch, 0);
}

static struct message *tell_count(const struct redis_sentinel *sentinel, const struct message *message) {
    for (size_t i = 0; i < sentinel->traits.primary_count; i++) {
        const struct rs_primary *primary = &sentinel->primaries[i];
        if (!slice_is(message->args[2], sentinel->traits.primaries[i].name)) continue;
        char count[24];
        size_t others = 0;
        LIST_EACH(&primary->sentinels, place) others++;
        snprintf(count, sizeof count, "+%zu", others);
        const char *fields[] = {"+num-other-sentinels", count};
        return message_array(fields, COUNT_OF(fields));
    }
    return message_error("ERR No such master with that name");
}

static void on_message(void *context, struct link_end *end, const struct message *message) {
    struct rs_caller *caller = context;
    bool asks = message_is(message, 0, "sentinel") && message->count == 6;
    if (message_is(message, 0, "ping")) {
        link_send(end, message_status("PONG"));
    } else if (asks && message_is(message, 1, "is-master-down-by-addr")) {
        link_send(end, answer_question(caller->sentinel, message));
    } else if (message_is(message, 0, "publish") && message->count == 3) {
        link_send(end, message_integer(1));
        rs_hear_hello(caller->sentinel, message->args[2]);
    } else if (message_is(message, 0, "sentinel") && message_is(message, 1, "master") && message->count == 3) {
        link_send(end, tell_count(caller->sentinel, message));
    } else if (message_is(message, 0, "info")) {
        link_send(end, message_bulk(SLICE("# Server\r\nredis_version:7.0.15\r\nredis_mode:sentinel\r\n")));
    } else {
        link_send(end, message_is(message, 0, "client") ? message_status("OK") : message_error("ERR unknown command"));
    }
}

static void on_closed(void *context, struct link_end *end, enum line_reason reason) {
    (void)end;
    (void)reason;
    struct rs_caller *caller = context;
    list_remove(&caller->node);
    mem_free(caller);
}

static void *on_accept(void *process, struct link_end *end) {
    (void)end;
    struct redis_sentinel *sentinel = process;
    struct rs_caller *caller = mem_zalloc(sizeof *caller);
    caller->sentinel = sentinel;
    list_add(&sentinel->callers, &caller->node);
    return caller;
}

static const struct link_ops caller_ops = {.on_message = on_message, .on_closed = on_closed};
const struct listener_ops rs_listener_ops = {.ops = &caller_ops, .accept = on_accept};

void rs_end_callers(struct redis_sentinel *sentinel) {
    LIST_EACH(&sentinel->callers, place) {
        struct rs_caller *caller = container_of(place, struct rs_caller, node);
        list_remove(&caller->node);
        mem_free(caller);
    }
}
