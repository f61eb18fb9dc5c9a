/* What a sentinel host answers to other sentinels. */
#include "base/mem.h"
#include "base/number.h"
#include "sim/sentinel_host_internal.h"

#include <stdio.h>

static void copy_text(char *to, size_t size, struct slice text) {
    snprintf(to, size, "%.*s", (int)text.size, text.size ? text.data : "");
}

static void free_slot(struct slot *slot) {
    list_remove(&slot->node);
    if (slot->reply) message_free(slot->reply);
    mem_free(slot);
}

static void free_caller(struct caller *caller) {
    LIST_EACH(&caller->slots, node) free_slot(container_of(node, struct slot, node));
    list_remove(&caller->node);
    mem_free(caller);
}

static struct slot *add_slot(struct caller *caller) {
    struct slot *slot = mem_zalloc(sizeof *slot);
    slot->caller = caller;
    list_add(&caller->slots, &slot->node);
    return slot;
}

/* Replies leave in the order of the commands. */
static void flush(struct caller *caller) {
    LIST_EACH(&caller->slots, node) {
        struct slot *slot = container_of(node, struct slot, node);
        if (!slot->reply) return;
        link_send(caller->end, slot->reply);
        slot->reply = NULL;
        free_slot(slot);
    }
}

static void answer(struct caller *caller, struct message *reply) {
    add_slot(caller)->reply = reply;
    flush(caller);
}

static void ask_for_vote(struct caller *caller, const struct message *message) {
    struct sentinel_host *host = caller->host;
    struct event event = {.kind = EVENT_VOTE_REQUEST};
    event.vote.ip = message->args[2];
    event.vote.run_id = message->args[5];
    event.vote.client_name = slice_text(caller->name);
    if (!number_parse_int(message->args[3], &event.vote.port) ||
        !number_parse_int(message->args[4], &event.vote.epoch)) {
        answer(caller, message_error("ERR value is not an integer or out of range"));
        return;
    }
    struct slot *slot = add_slot(caller);
    slot->token = event.token = ++host->tokens;
    slot->epoch = event.vote.epoch;
    copy_text(slot->candidate, sizeof slot->candidate, event.vote.run_id);
    const struct primary *primary = world_find_primary_at(machine_world(host->machine), event.vote.ip, event.vote.port);
    if (primary) copy_text(slot->primary, sizeof slot->primary, slice_text(primary->name));
    host_step(host, &event);
}

static void hear_hello(struct caller *caller, const struct message *message) {
    struct event event = {.kind = EVENT_HELLO};
    event.hello.payload = message->args[2];
    bool deaf = caller->host->traits.mutant == MUTANT_NO_HELLO && caller->host->schedule->now_us > 15000000;
    answer(caller, message_integer(1));
    if (!deaf) host_step(caller->host, &event);
}

static void tell_count(struct caller *caller, const struct message *message) {
    const struct primary *primary = world_find_primary(machine_world(caller->host->machine), message->args[2]);
    char count[24];
    const char *fields[] = {"+num-other-sentinels", count};
    if (primary) snprintf(count, sizeof count, "+%zu", primary->seat_count);
    answer(caller, primary ? message_array(fields, COUNT_OF(fields))
                           : message_error("ERR No such master with that name"));
}

static void tell_replicas(struct caller *caller, const struct message *message) {
    const struct primary *primary = world_find_primary(machine_world(caller->host->machine), message->args[2]);
    struct message_named replicas[MESSAGE_ARGS];
    size_t count = 0;
    if (!primary) {
        answer(caller, message_error("ERR No such master with that name"));
        return;
    }
    LIST_EACH(&primary->replicas, node) {
        const struct instance *replica = container_of(node, struct instance, node);
        bool named = replica->named && caller->host->traits.mutant != MUTANT_FORGETS_NAMES;
        if (count < MESSAGE_ARGS && replica->facts.announced)
            replicas[count++] = (struct message_named){replica->ip, replica->port, named};
    }
    answer(caller, message_replicas(replicas, count, primary->guard.history));
}

static void hear_abandoned(struct caller *caller, const struct message *message) {
    struct event event = {.kind = EVENT_ABANDON};
    event.abandon.name = message->args[2];
    event.abandon.id = message->args[4];
    answer(caller, message_status("OK"));
    if (number_parse_int(message->args[3], &event.abandon.epoch)) host_step(caller->host, &event);
}

static void take_command(struct caller *caller, const struct message *message) {
    bool asks = message_is(message, 0, "sentinel") && message->count == 6;
    if (message_is(message, 0, "ping")) {
        answer(caller, message_status("PONG"));
    } else if (message_is(message, 0, "publish") && message->count == 3) {
        hear_hello(caller, message);
    } else if (asks && (message_is(message, 1, "is-master-down-by-addr") ||
                        message_is(message, 1, "is-primary-down-by-addr"))) {
        ask_for_vote(caller, message);
    } else if (message_is(message, 0, "sentinel") && message_is(message, 1, "master") && message->count == 3) {
        tell_count(caller, message);
    } else if (message_is(message, 0, "sentinel") && message_is(message, 1, "replicas") && message->count == 3) {
        tell_replicas(caller, message);
    } else if (message_is(message, 0, "sentinel") && message_is(message, 1, "abandon") && message->count == 5) {
        hear_abandoned(caller, message);
    } else if (message_is(message, 0, "info")) {
        answer(caller, message_bulk(SLICE("# Server\r\nredis_version:7.0.15\r\nkvd_version:0.1.0\r\n"
                                          "redis_mode:sentinel\r\n")));
    } else if (message_is(message, 0, "client") && message->count == 3) {
        copy_text(caller->name, sizeof caller->name, message->args[2]);
        answer(caller, message_status("OK"));
    } else {
        answer(caller, message_error("ERR unknown command"));
    }
}

static void on_message(void *context, struct link_end *end, const struct message *message) {
    (void)end;
    struct caller *caller = context;
    CHECK(message->kind == MESSAGE_COMMAND);
    if (host_hears(caller->host)) take_command(caller, message);
}

static void on_closed(void *context, struct link_end *end, enum line_reason reason) {
    (void)end;
    (void)reason;
    free_caller(context);
}

static void *on_accept(void *process, struct link_end *end) {
    struct sentinel_host *host = process;
    struct caller *caller = mem_zalloc(sizeof *caller);
    caller->host = host;
    caller->end = end;
    list_init(&caller->slots);
    list_add(&host->callers, &caller->node);
    return caller;
}

static const struct link_ops caller_ops = {.on_message = on_message, .on_closed = on_closed};
const struct listener_ops host_listener_ops = {.ops = &caller_ops, .accept = on_accept};

static struct slot *find_slot(struct sentinel_host *host, uint64_t token) {
    LIST_EACH(&host->callers, node) {
        LIST_EACH(&container_of(node, struct caller, node)->slots, slot_node) {
            struct slot *slot = container_of(slot_node, struct slot, node);
            if (slot->token == token) return slot;
        }
    }
    return NULL;
}

/* A planted bug promises what the machine did not. */
static void mutate(const struct slot *slot, enum mutant mutant, const char **leader, uint64_t *epoch) {
    bool asked = slot->candidate[0] && slot->candidate[0] != '*' && slot->primary[0];
    bool twice = mutant == MUTANT_DOUBLE_VOTE;
    bool stale = mutant == MUTANT_STALE_EPOCH && slot->epoch < (int64_t)*epoch;
    if (!asked || !(twice || stale)) return;
    *leader = slot->candidate;
    *epoch = (uint64_t)slot->epoch;
}

void host_answer(struct sentinel_host *host, const struct action *action) {
    struct slot *slot = find_slot(host, action->answer.token);
    if (!slot) return; /* an operator's, or the caller is gone */
    slot->token = 0;
    if (action->answer.kind != ANSWER_VOTE) {
        slot->reply = message_error(action->answer.kind == ANSWER_ERROR ? action->answer.text : "ERR no vote");
    } else {
        const char *leader = action->answer.leader;
        uint64_t epoch = action->answer.leader_epoch;
        mutate(slot, host->traits.mutant, &leader, &epoch);
        slot->reply = message_vote(action->answer.down, leader, (int64_t)epoch, action->answer.least);
        if (strcmp(leader, "*") != 0 && slot->primary[0])
            host->traits.observer->on_vote(host->traits.observer_context, host, slot->primary, leader, epoch);
    }
    flush(slot->caller);
}

void host_end_callers(struct sentinel_host *host) {
    LIST_EACH(&host->callers, node) free_caller(container_of(node, struct caller, node));
}
