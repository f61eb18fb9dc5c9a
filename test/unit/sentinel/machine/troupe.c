#include "troupe.h"
#include "base/mem.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

/* A message on its way: an event for a machine, or something to be done at a node or sentinel. */
struct message {
    struct message *next;
    int64_t at_ms;
    uint64_t order;
    enum { TO_MACHINE, AT_NODE, AT_SENTINEL } kind;
    unsigned machine;    /* whom it goes to, or who sent it */
    unsigned target;     /* node or sentinel */
    unsigned life;       /* of the machine: older ones are void after a restart */
    unsigned connection; /* its generation; 0: does not matter */
    enum line_kind line;
    struct event event;
    struct reply_view *children; /* owned */
    char *text[3];               /* owned; what slices point to */
    /* AT_NODE, AT_SENTINEL */
    uint32_t instance;
    uint64_t request;
    unsigned boots; /* of the node: a restart loses what it had not read */
    unsigned count;
    char *args[8][8]; /* owned */
    unsigned sizes[8];
};

struct connection {
    bool open, opening;
    unsigned generation;
    bool is_node;
    unsigned target;
};

struct waiting { /* a vote request that a machine will answer */
    struct waiting *next;
    uint64_t token, request;
    unsigned asker, voter, life, connection;
    uint32_t instance;
};

enum { INSTANCES = 256 };

struct inner {
    struct message *queue;
    uint64_t order, token;
    struct connection connections[TROUPE_MAX][INSTANCES][LINE_KINDS];
    int64_t wake_ms[TROUPE_MAX];
    unsigned life[TROUPE_MAX];
    unsigned generation;
    struct waiting *waiting;
};

static struct message *post(struct troupe *troupe, int64_t delay_ms) {
    struct message *message = mem_zalloc(sizeof *message);
    message->at_ms = troupe->now_ms + delay_ms;
    message->order = ++troupe->inner->order;
    struct message **at = &troupe->inner->queue;
    while (*at && (*at)->at_ms <= message->at_ms) at = &(*at)->next;
    message->next = *at;
    *at = message;
    return message;
}

static void free_message(struct message *message) {
    mem_free(message->children);
    for (int i = 0; i < 3; i++) mem_free(message->text[i]);
    for (unsigned i = 0; i < message->count; i++)
        for (unsigned j = 0; j < message->sizes[i]; j++) mem_free(message->args[i][j]);
    mem_free(message);
}

static struct message *post_event(struct troupe *troupe, unsigned machine, enum event_kind kind, int64_t delay_ms) {
    struct message *message = post(troupe, delay_ms);
    message->kind = TO_MACHINE;
    message->machine = machine;
    message->life = troupe->inner->life[machine];
    message->event.kind = kind;
    message->event.wall_ms = 1700000000000 + troupe->now_ms;
    return message;
}

static struct slice keep(struct message *message, int place, const char *text) {
    message->text[place] = mem_strdup(text);
    return slice_text(message->text[place]);
}

/* ---- Lines ---- */

static void line_down(struct troupe *troupe, unsigned machine, uint32_t instance, enum line_kind line,
                      enum line_reason reason, int64_t delay_ms) {
    struct connection *connection = &troupe->inner->connections[machine][instance][line];
    connection->open = connection->opening = false;
    struct message *message = post_event(troupe, machine, EVENT_LINE_DOWN, delay_ms);
    message->connection = connection->generation;
    message->line = line;
    message->event.line.instance = instance;
    message->event.line.line = line;
    message->event.line.reason = reason;
    message->event.line.detail = SLICE("troupe");
}

static bool find_target(const struct troupe *troupe, const char *ip, unsigned *target, bool *is_node) {
    unsigned last;
    if (sscanf(ip, "10.0.0.%u", &last) == 1 && last >= 1 && last <= troupe->nodes)
        *is_node = true;
    else if (sscanf(ip, "10.0.1.%u", &last) == 1 && last >= 1 && last <= troupe->machines)
        *is_node = false;
    else
        return false;
    *target = last - 1;
    return true;
}

static bool is_cut(const struct troupe *troupe, unsigned machine, const struct connection *connection) {
    if (connection->is_node)
        return troupe->cut_node[machine][connection->target] || troupe->node[connection->target].silent;
    return troupe->cut[machine][connection->target] || troupe->cut[connection->target][machine];
}

static void on_connect(struct troupe *troupe, unsigned machine, const struct action *action) {
    uint32_t instance = action->connect.instance;
    CHECK(instance < INSTANCES);
    enum line_kind line = action->connect.line;
    struct connection *connection = &troupe->inner->connections[machine][instance][line];
    troupe->dials[machine]++;
    *connection = (struct connection){.generation = ++troupe->inner->generation, .opening = true};
    if (!find_target(troupe, action->connect.ip, &connection->target, &connection->is_node)) {
        line_down(troupe, machine, instance, line, LINE_TIMEOUT, action->connect.answer_timeout_ms);
        return;
    }
    if (is_cut(troupe, machine, connection)) {
        line_down(troupe, machine, instance, line, LINE_TIMEOUT, action->connect.answer_timeout_ms);
        return;
    }
    bool alive =
        connection->is_node ? troupe->node[connection->target].alive : troupe->machine[connection->target] != NULL;
    if (!alive) {
        line_down(troupe, machine, instance, line, LINE_REFUSED, 2 * LATENCY_MS);
        return;
    }
    connection->open = true;
    struct message *message = post_event(troupe, machine, EVENT_LINE_UP, 2 * LATENCY_MS);
    message->connection = connection->generation;
    message->line = line;
    message->event.line.instance = instance;
    message->event.line.line = line;
    char ip[32];
    snprintf(ip, sizeof ip, "10.0.1.%u", machine + 1);
    message->event.line.local_ip = keep(message, 0, ip);
}

static void reset_all(struct troupe *troupe, bool is_node, unsigned target) {
    for (unsigned m = 0; m < troupe->machines; m++)
        for (uint32_t i = 1; i < INSTANCES; i++)
            for (int l = 0; l < LINE_KINDS; l++) {
                struct connection *connection = &troupe->inner->connections[m][i][l];
                if (connection->open && connection->is_node == is_node && connection->target == target &&
                    !is_cut(troupe, m, connection))
                    line_down(troupe, m, i, (enum line_kind)l, LINE_RESET, LATENCY_MS);
            }
}

/* ---- Replies ---- */

static struct message *reply(struct troupe *troupe, const struct message *to, unsigned index, enum reply_view_kind kind,
                             const char *text) {
    struct message *message = post_event(troupe, to->machine, EVENT_REPLY, LATENCY_MS);
    message->life = to->life;
    message->connection = to->connection;
    message->line = LINE_COMMAND;
    message->event.reply.instance = to->instance;
    message->event.reply.request = to->request;
    message->event.reply.index = index;
    message->event.reply.reply.kind = kind;
    if (text) message->event.reply.reply.text = keep(message, 0, text);
    return message;
}

static void hear(struct troupe *troupe, unsigned node, const char *payload) {
    for (unsigned m = 0; m < troupe->machines; m++)
        for (uint32_t i = 1; i < INSTANCES; i++) {
            struct connection *connection = &troupe->inner->connections[m][i][LINE_PUBSUB];
            if (!connection->open || !connection->is_node || connection->target != node) continue;
            if (is_cut(troupe, m, connection)) continue;
            struct message *message = post_event(troupe, m, EVENT_HELLO, LATENCY_MS);
            message->event.hello.instance = i;
            message->event.hello.payload = keep(message, 0, payload);
        }
}

static void write_info(const struct troupe *troupe, unsigned index, bool full, struct bytes *out) {
    const struct node *node = &troupe->node[index];
    if (full) bytes_add_printf(out, "# Server\r\nredis_version:7.0.15\r\n%srun_id:%038u%02u\r\n",
                               node->is_kvd ? "kvd_version:0.1\r\n" : "", node->boots, index);
    bytes_add_printf(out, "# Replication\r\nrole:%s\r\n", node->follows < 0 ? "master" : "slave");
    if (node->follows >= 0) {
        bytes_add_printf(out,
                         "master_host:10.0.0.%d\r\nmaster_port:6379\r\nmaster_link_status:%s\r\n"
                         "slave_repl_offset:%" PRId64 "\r\n",
                         node->follows + 1, node->link_up ? "up" : "down", node->offset);
        if (!node->link_up) bytes_add_text(out, "master_link_down_since_seconds:1\r\n");
        bytes_add_printf(out, "slave_priority:%" PRId64 "\r\nreplica_announced:1\r\n", node->priority);
    } else {
        unsigned count = 0;
        for (unsigned i = 0; i < troupe->nodes; i++)
            if (troupe->node[i].alive && troupe->node[i].follows == (int)index && i != index)
                bytes_add_printf(out, "slave%u:ip=10.0.0.%u,port=6379,state=online,offset=%" PRId64 ",lag=0\r\n",
                                 count++, i + 1, troupe->node[i].offset);
    }
    bytes_add_printf(out, "master_failover_state:no-failover\r\nmaster_repl_offset:%" PRId64 "\r\n", node->offset);
}

static void slaveof(struct troupe *troupe, unsigned index, const char *host) {
    struct node *node = &troupe->node[index];
    unsigned last;
    node->repointed++;
    if (strcmp(host, "NO") == 0) {
        node->follows = -1;
        node->link_up = false;
        for (unsigned i = 0; i < troupe->nodes; i++)
            if (troupe->node[i].follows == (int)index && troupe->node[i].alive) troupe->node[i].link_up = true;
        bytes_add_printf(&troupe->log, "[%" PRId64 "] N%u promoted\n", troupe->now_ms, index);
    } else if (sscanf(host, "10.0.0.%u", &last) == 1) {
        node->follows = (int)last - 1;
        node->link_up = false;
        node->link_up_at_ms = troupe->now_ms + 50;
        bytes_add_printf(&troupe->log, "[%" PRId64 "] N%u follows N%u\n", troupe->now_ms, index, last - 1);
    }
}

static void run_command(struct troupe *troupe, struct message *message, unsigned i, bool *multi, unsigned *queued) {
    unsigned index = message->target;
    struct node *node = &troupe->node[index];
    char **args = message->args[i];
    const char *name = args[0];
    if (node->refuses && strstr(node->refuses, name)) {
        reply(troupe, message, i, REPLY_VIEW_ERROR, "NOPERM this user has no permissions to run the command");
        return;
    }
    if (strcmp(name, "MULTI") == 0) {
        *multi = true;
        reply(troupe, message, i, REPLY_VIEW_STATUS, "OK");
    } else if (strcmp(name, "EXEC") == 0) {
        struct message *answer = reply(troupe, message, i, REPLY_VIEW_ARRAY, NULL);
        answer->children = mem_zalloc(sizeof answer->children[0] * 8);
        for (unsigned j = 0; j < *queued; j++)
            answer->children[j] = (struct reply_view){.kind = REPLY_VIEW_STATUS, .text = SLICE("OK")};
        answer->event.reply.reply.children = answer->children;
        answer->event.reply.reply.count = *queued;
        *multi = false;
    } else if (*multi) {
        (*queued)++;
        if (strcmp(name, "SLAVEOF") == 0) slaveof(troupe, index, args[1]);
        reply(troupe, message, i, REPLY_VIEW_STATUS, "QUEUED");
    } else if (strcmp(name, "PING") == 0) {
        if (node->ping)
            reply(troupe, message, i, REPLY_VIEW_ERROR, node->ping);
        else
            reply(troupe, message, i, REPLY_VIEW_STATUS, "PONG");
    } else if (strcmp(name, "INFO") == 0) {
        struct bytes text = {0};
        if (node->lies)
            bytes_add_text(&text, node->lies);
        else
            write_info(troupe, index, message->sizes[i] == 1, &text);
        reply(troupe, message, i, REPLY_VIEW_BULK, bytes_text(&text));
        bytes_fini(&text);
    } else if (strcmp(name, "PUBLISH") == 0) {
        hear(troupe, index, args[2]);
        for (unsigned r = 0; r < troupe->nodes; r++)
            if (node->follows < 0 && troupe->node[r].follows == (int)index && troupe->node[r].link_up)
                hear(troupe, r, args[2]);
        reply(troupe, message, i, REPLY_VIEW_INTEGER, NULL);
    } else if (strcmp(name, "FAILOVER") == 0 && message->sizes[i] > 2) {
        unsigned to;
        reply(troupe, message, i, REPLY_VIEW_STATUS, "OK");
        if (sscanf(args[2], "10.0.0.%u", &to) == 1) {
            slaveof(troupe, to - 1, "NO");
            char host[32];
            snprintf(host, sizeof host, "10.0.0.%u", to);
            slaveof(troupe, index, host);
        }
    } else {
        reply(troupe, message, i, REPLY_VIEW_STATUS, "OK");
    }
}

static void at_node(struct troupe *troupe, struct message *message) {
    const struct node *node = &troupe->node[message->target];
    bool multi = false;
    unsigned queued = 0;
    if (!node->alive || node->boots != message->boots) return;
    for (unsigned i = 0; i < message->count; i++) run_command(troupe, message, i, &multi, &queued);
}

static void at_sentinel(struct troupe *troupe, struct message *message) {
    unsigned target = message->target;
    char **args = message->args[0];
    if (!troupe->machine[target]) return;
    if (strcmp(args[0], "PING") == 0) {
        reply(troupe, message, 0, REPLY_VIEW_STATUS, "PONG");
    } else if (strcmp(args[0], "INFO") == 0) {
        reply(troupe, message, 0, REPLY_VIEW_BULK, "# Server\r\nkvd_version:0.1\r\n");
    } else if (strcmp(args[0], "PUBLISH") == 0) {
        struct message *hello = post_event(troupe, target, EVENT_HELLO, 0);
        hello->event.hello.payload = keep(hello, 0, args[2]);
        reply(troupe, message, 0, REPLY_VIEW_INTEGER, NULL);
    } else if (strcmp(args[0], "SENTINEL") == 0 && strcmp(args[1], "MASTER") == 0) {
        reply(troupe, message, 0, REPLY_VIEW_ERROR, "ERR No such master with that name");
    } else if (strcmp(args[0], "SENTINEL") == 0) {
        struct waiting *waiting = mem_zalloc(sizeof *waiting);
        *waiting = (struct waiting){.next = troupe->inner->waiting,
                                    .token = ++troupe->inner->token,
                                    .request = message->request,
                                    .asker = message->machine,
                                    .voter = target,
                                    .life = message->life,
                                    .connection = message->connection,
                                    .instance = message->instance};
        troupe->inner->waiting = waiting;
        struct message *vote = post_event(troupe, target, EVENT_VOTE_REQUEST, 0);
        vote->event.token = waiting->token;
        vote->event.vote.ip = keep(vote, 0, args[2]);
        vote->event.vote.port = atoll(args[3]);
        vote->event.vote.epoch = atoll(args[4]);
        vote->event.vote.run_id = keep(vote, 1, args[5]);
        char name[64];
        snprintf(name, sizeof name, "sentinel-%08x-cmd", message->machine + 1);
        vote->event.vote.client_name = keep(vote, 2, name);
    }
}

/* ---- Actions ---- */

static void on_send(struct troupe *troupe, unsigned machine, const struct action *action) {
    struct connection *connection = &troupe->inner->connections[machine][action->send.instance][LINE_COMMAND];
    CHECK(connection->generation);
    if (!connection->open || is_cut(troupe, machine, connection)) return;
    struct message *message = post(troupe, LATENCY_MS);
    message->kind = connection->is_node ? AT_NODE : AT_SENTINEL;
    message->machine = machine;
    message->life = troupe->inner->life[machine];
    message->target = connection->target;
    message->connection = connection->generation;
    if (connection->is_node) message->boots = troupe->node[connection->target].boots;
    message->instance = action->send.instance;
    message->request = action->send.request;
    message->count = (unsigned)action->send.count;
    for (unsigned i = 0; i < message->count; i++) {
        message->sizes[i] = (unsigned)action->send.commands[i].count;
        for (unsigned j = 0; j < message->sizes[i]; j++)
            message->args[i][j] = slice_to_text(action->send.commands[i].args[j]);
    }
}

static void on_answer(struct troupe *troupe, unsigned machine, const struct action *action) {
    if (action->answer.kind != ANSWER_VOTE) {
        bytes_add_printf(&troupe->log, "[%" PRId64 "] S%u ", troupe->now_ms, machine + 1);
        action_describe(action, &troupe->log);
        bytes_add_char(&troupe->log, '\n');
        return;
    }
    struct waiting **at = &troupe->inner->waiting;
    while (*at && (*at)->token != action->answer.token) at = &(*at)->next;
    if (!*at) return;
    struct waiting *waiting = *at;
    *at = waiting->next;
    struct message *message = post_event(troupe, waiting->asker, EVENT_REPLY, LATENCY_MS);
    message->life = waiting->life;
    message->connection = waiting->connection;
    message->line = LINE_COMMAND;
    message->event.reply.instance = waiting->instance;
    message->event.reply.request = waiting->request;
    message->event.reply.reply.kind = REPLY_VIEW_ARRAY;
    message->children = mem_zalloc(3 * sizeof message->children[0]);
    message->children[0] = (struct reply_view){.kind = REPLY_VIEW_INTEGER, .integer = action->answer.down};
    message->children[1] =
        (struct reply_view){.kind = REPLY_VIEW_BULK, .text = keep(message, 0, action->answer.leader)};
    message->children[2] =
        (struct reply_view){.kind = REPLY_VIEW_INTEGER, .integer = (int64_t)action->answer.leader_epoch};
    message->event.reply.reply.children = message->children;
    message->event.reply.reply.count = 3;
    mem_free(waiting);
}

static void on_save(struct troupe *troupe, unsigned machine, const struct action *action) {
    struct message *message = post_event(troupe, machine, EVENT_SAVED, DISK_MS);
    message->event.saved.sequence = action->save.sequence;
    message->event.saved.ok = !troupe->disk_fails[machine];
    message->event.saved.error = SLICE("No space left on device");
    if (troupe->disk_fails[machine]) return;
    state_records_clear(&troupe->saved[machine]);
    machine_state(troupe->machine[machine], &troupe->saved[machine]);
}

static void carry_out(struct troupe *troupe, unsigned machine, const struct actions *actions) {
    for (size_t i = 0; i < actions->count; i++) {
        const struct action *action = &actions->items[i];
        switch (action->kind) {
        case ACTION_CONNECT: on_connect(troupe, machine, action); break;
        case ACTION_DISCONNECT: {
            struct connection *connection =
                &troupe->inner->connections[machine][action->disconnect.instance][action->disconnect.line];
            connection->open = false;
            connection->generation = ++troupe->inner->generation;
            break;
        }
        case ACTION_FORGET:
            for (int l = 0; l < LINE_KINDS; l++)
                troupe->inner->connections[machine][action->disconnect.instance][l] = (struct connection){0};
            break;
        case ACTION_SEND: on_send(troupe, machine, action); break;
        case ACTION_ANSWER: on_answer(troupe, machine, action); break;
        case ACTION_SAVE: on_save(troupe, machine, action); break;
        case ACTION_WAKE: troupe->inner->wake_ms[machine] = action->wake.at_ms; break;
        case ACTION_EXIT: troupe->exited[machine] = action->exit.status; break;
        case ACTION_PUBLISH:
            bytes_add_printf(&troupe->log, "[%" PRId64 "] S%u %s %s\n", troupe->now_ms, machine + 1,
                             action->publish.name, action->publish.text);
            break;
        case ACTION_SCRIPT:
        case ACTION_RESOLVE:
            bytes_add_printf(&troupe->log, "[%" PRId64 "] S%u ", troupe->now_ms, machine + 1);
            action_describe(action, &troupe->log);
            bytes_add_char(&troupe->log, '\n');
            break;
        case ACTION_KINDS: UNREACHABLE("no such action");
        }
    }
    if (troupe->exited[machine] && troupe->machine[machine]) troupe_kill_machine(troupe, machine);
}

void troupe_event(struct troupe *troupe, unsigned machine, const struct event *event) {
    if (!troupe->machine[machine]) return;
    struct actions actions;
    actions_init(&actions);
    machine_step(troupe->machine[machine], troupe->now_ms, event, &actions);
    carry_out(troupe, machine, &actions);
    actions_fini(&actions);
}

/* ---- Running ---- */

static bool is_void(const struct troupe *troupe, const struct message *message) {
    if (message->kind != TO_MACHINE) return false;
    if (message->life != troupe->inner->life[message->machine]) return true;
    if (!message->connection) return false;
    uint32_t instance =
        message->event.kind == EVENT_REPLY ? message->event.reply.instance : message->event.line.instance;
    const struct connection *connection = &troupe->inner->connections[message->machine][instance][message->line];
    if (connection->generation != message->connection) return true;
    return message->event.kind != EVENT_LINE_DOWN &&
           (!connection->open || is_cut(troupe, message->machine, connection));
}

static void deliver(struct troupe *troupe, struct message *message) {
    if (message->kind == AT_NODE)
        at_node(troupe, message);
    else if (message->kind == AT_SENTINEL)
        at_sentinel(troupe, message);
    else if (!is_void(troupe, message))
        troupe_event(troupe, message->machine, &message->event);
}

/* Replies come in order, so a connection whose vote is not answered yet gets nothing else answered. */
static bool is_behind_a_vote(const struct troupe *troupe, const struct message *message) {
    for (const struct waiting *waiting = troupe->inner->waiting; waiting; waiting = waiting->next)
        if (waiting->asker == message->machine && waiting->connection == message->connection) return true;
    return false;
}

static void one_ms(struct troupe *troupe) {
    struct message **at = &troupe->inner->queue;
    while (*at && (*at)->at_ms <= troupe->now_ms) {
        struct message *message = *at;
        bool waits = message->kind == TO_MACHINE ? troupe->paused[message->machine]
                     : message->kind == AT_NODE  ? troupe->node[message->target].hung
                                                 : troupe->paused[message->target] || is_behind_a_vote(troupe, message);
        if (waits) {
            at = &message->next;
            continue;
        }
        *at = message->next;
        deliver(troupe, message);
        free_message(message);
        at = &troupe->inner->queue;
    }
    for (unsigned m = 0; m < troupe->machines; m++) {
        if (!troupe->machine[m] || troupe->paused[m] || troupe->inner->wake_ms[m] > troupe->now_ms) continue;
        troupe->inner->wake_ms[m] = INT64_MAX;
        troupe_event(troupe, m, &(struct event){.kind = EVENT_TIMER});
    }
    for (unsigned i = 0; i < troupe->nodes; i++) {
        struct node *node = &troupe->node[i];
        if (node->link_up_at_ms && troupe->now_ms >= node->link_up_at_ms) {
            node->link_up_at_ms = 0;
            node->link_up = node->follows >= 0 && troupe->node[node->follows].alive;
        }
    }
    troupe->now_ms++;
}

void troupe_run(struct troupe *troupe, int64_t ms) {
    for (int64_t i = 0; i < ms; i++) one_ms(troupe);
}

bool troupe_until(struct troupe *troupe, const char *text, int64_t ms) {
    size_t from = troupe->log.size;
    for (int64_t i = 0; i < ms; i++) {
        one_ms(troupe);
        if (troupe->log.size > from && strstr(troupe->log.data + from, text)) return true;
    }
    return false;
}

unsigned troupe_count(const struct troupe *troupe, const char *text) {
    unsigned count = 0;
    for (const char *at = bytes_text(&troupe->log); (at = strstr(at, text)); at++) count++;
    return count;
}

/* ---- Stage directions ---- */

void troupe_init(struct troupe *troupe, unsigned machines, unsigned nodes) {
    CHECK(machines <= TROUPE_MAX && nodes <= NODES_MAX);
    *troupe = (struct troupe){.now_ms = 1000, .machines = machines, .nodes = nodes};
    troupe->inner = mem_zalloc(sizeof *troupe->inner);
    troupe->config = (struct primary_config){.name = "mymaster",
                                             .host = "10.0.0.1",
                                             .port = 6379,
                                             .quorum = 2,
                                             .down_after_ms = 1000,
                                             .failover_timeout_ms = 10000,
                                             .parallel_syncs = 1};
    troupe->base = (struct machine_config){.port = 26379, .primaries = &troupe->config, .primary_count = 1};
    for (unsigned i = 0; i < nodes; i++)
        troupe->node[i] =
            (struct node){.alive = true, .follows = i ? 0 : -1, .offset = 1000, .priority = 100, .link_up = i > 0};
}

static void birth(struct troupe *troupe, unsigned machine) {
    char id[SENTINEL_ID_SIZE];
    snprintf(id, sizeof id, "%08x%032x", machine + 1, machine + 1);
    struct machine_config config = troupe->base;
    config.seed = machine + 7;
    config.id = id;
    troupe->inner->wake_ms[machine] = INT64_MAX;
    troupe->machine[machine] =
        machine_new(&config, troupe->saved[machine].items, troupe->saved[machine].count, troupe->now_ms);
    troupe_event(troupe, machine, &(struct event){.kind = EVENT_START, .wall_ms = 1700000000000});
}

void troupe_start(struct troupe *troupe) {
    for (unsigned m = 0; m < troupe->machines; m++) {
        state_records_init(&troupe->saved[m]);
        birth(troupe, m);
    }
}

void troupe_fini(struct troupe *troupe) {
    for (unsigned m = 0; m < troupe->machines; m++) {
        machine_free(&troupe->machine[m]);
        state_records_fini(&troupe->saved[m]);
    }
    while (troupe->inner->queue) {
        struct message *message = troupe->inner->queue;
        troupe->inner->queue = message->next;
        free_message(message);
    }
    while (troupe->inner->waiting) {
        struct waiting *waiting = troupe->inner->waiting;
        troupe->inner->waiting = waiting->next;
        mem_free(waiting);
    }
    mem_free(troupe->inner);
    bytes_fini(&troupe->log);
}

void troupe_kill(struct troupe *troupe, unsigned node) {
    troupe->node[node].alive = false;
    for (unsigned i = 0; i < troupe->nodes; i++)
        if (troupe->node[i].follows == (int)node) troupe->node[i].link_up = false;
    reset_all(troupe, true, node);
}

void troupe_return(struct troupe *troupe, unsigned node, int follows) {
    struct node *back = &troupe->node[node];
    back->alive = true;
    back->hung = back->silent = false;
    back->follows = follows;
    back->link_up = follows >= 0;
    back->boots++;
}

void troupe_kill_machine(struct troupe *troupe, unsigned machine) {
    machine_free(&troupe->machine[machine]);
    troupe->inner->life[machine]++;
    struct waiting **at = &troupe->inner->waiting;
    while (*at) {
        struct waiting *waiting = *at;
        if (waiting->voter != machine) {
            at = &waiting->next;
            continue;
        }
        *at = waiting->next;
        mem_free(waiting);
    }
    memset(troupe->inner->connections[machine], 0, sizeof troupe->inner->connections[machine]);
    bytes_add_printf(&troupe->log, "[%" PRId64 "] S%u gone\n", troupe->now_ms, machine + 1);
    reset_all(troupe, false, machine);
}

void troupe_restart_machine(struct troupe *troupe, unsigned machine) {
    if (troupe->machine[machine]) troupe_kill_machine(troupe, machine);
    troupe->exited[machine] = 0;
    birth(troupe, machine);
}

struct primary *troupe_primary(struct troupe *troupe, unsigned machine) {
    return world_find_primary(machine_world(troupe->machine[machine]), SLICE("mymaster"));
}

int troupe_believes(struct troupe *troupe, unsigned machine) {
    unsigned last = 0;
    struct primary *primary = troupe_primary(troupe, machine);
    if (!primary || sscanf(primary->instance->ip, "10.0.0.%u", &last) != 1) return -1;
    return (int)last - 1;
}
