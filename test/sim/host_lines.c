/* The lines of a sentinel host: what the machine connects to, sends, and hears back. */
#include "base/mem.h"
#include "base/number.h"
#include "sim/dice.h"
#include "sim/sentinel_host_internal.h"

#include <stdio.h>

static struct host_line *line_at(struct sentinel_host *host, uint32_t instance, enum line_kind kind) {
    size_t place = (size_t)instance * LINE_KINDS + kind;
    return place < host->line_count ? host->lines[place] : NULL;
}

static struct host_line *get_line(struct sentinel_host *host, uint32_t instance, enum line_kind kind) {
    size_t place = (size_t)instance * LINE_KINDS + kind;
    if (place >= host->line_count) {
        size_t count = MAX(host->line_count * 2, place + 16);
        host->lines = mem_realloc(host->lines, count * sizeof host->lines[0]);
        memset(host->lines + host->line_count, 0, (count - host->line_count) * sizeof host->lines[0]);
        host->line_count = count;
    }
    if (!host->lines[place]) {
        struct host_line *line = host->lines[place] = mem_zalloc(sizeof *line);
        line->host = host;
        line->instance = instance;
        line->kind = kind;
        line->last = &line->first;
    }
    return host->lines[place];
}

static void forget_awaited(struct host_line *line) {
    for (struct awaited *awaited = line->first, *next; awaited; awaited = next) {
        next = awaited->next;
        mem_free(awaited);
    }
    line->first = NULL;
    line->last = &line->first;
}

static struct awaited *await(struct host_line *line, uint64_t request, uint32_t index, enum request_kind kind) {
    struct awaited *awaited = mem_zalloc(sizeof *awaited);
    awaited->request = request;
    awaited->index = index;
    awaited->kind = kind;
    awaited->epoch = -1;
    awaited->sent_us = line->host->schedule->now_us;
    *line->last = awaited;
    line->last = &awaited->next;
    return awaited;
}

static void on_open(void *context, struct link_end *end) {
    struct host_line *line = context;
    line->up = true;
    if (line->kind == LINE_PUBSUB) {
        link_send(end, message_command_text("SUBSCRIBE __sentinel__:hello"));
    } else {
        await(line, 0, 0, REQUEST_KINDS);
        link_send(end, message_command(
                           (struct slice[]){SLICE("CLIENT"), SLICE("SETNAME"), slice_text(line->client_name)}, 3));
    }
    struct event event = {.kind = EVENT_LINE_UP};
    event.line.instance = line->instance;
    event.line.line = line->kind;
    event.line.local_ip = slice_text(link_local_address(end));
    host_step(line->host, &event);
}

static void on_closed(void *context, struct link_end *end, enum line_reason reason) {
    (void)end;
    struct host_line *line = context;
    line->end = NULL;
    line->up = false;
    forget_awaited(line);
    struct event event = {.kind = EVENT_LINE_DOWN};
    event.line.instance = line->instance;
    event.line.line = line->kind;
    event.line.reason = reason;
    host_step(line->host, &event);
}

/* What the machine calls an acceptable answer to a PING. */
static bool is_alive(const struct reply_view *reply) {
    return (reply->kind == REPLY_VIEW_STATUS && slice_is(reply->text, "PONG")) ||
           (reply->kind == REPLY_VIEW_ERROR &&
            (slice_starts_with(reply->text, "LOADING") || slice_starts_with(reply->text, "MASTERDOWN")));
}

/* The INFO with a replica that does not exist. */
static void lie(struct sentinel_host *host, struct reply_view *reply, struct bytes *text) {
    bytes_add_slice(text, reply->text);
    host->lies++;
    bytes_add_printf(text, "slave9:ip=10.9.%u.%u,port=6379,state=online,offset=0,lag=0\r\n", host->lies / 250 % 250,
                     host->lies % 250 + 1);
    reply->text = bytes_slice(text);
}

/* A planted bug changes what is heard. False: nothing is. */
static bool mutate(struct host_line *line, const struct awaited *awaited, struct reply_view *reply,
                   struct reply_view *children, struct bytes *text) {
    struct sentinel_host *host = line->host;
    bool info = awaited->kind == REQUEST_INFO || awaited->kind == REQUEST_INFO_REPLICATION;
    if (host->traits.mutant == MUTANT_LIAR && info && reply->kind == REPLY_VIEW_BULK) lie(host, reply, text);
    if (host->traits.mutant == MUTANT_COUNTED_TWICE && awaited->epoch >= 0 && reply->count == 3) {
        children[0] = (struct reply_view){.kind = REPLY_VIEW_INTEGER, .integer = 1};
        children[1] = (struct reply_view){.kind = REPLY_VIEW_BULK, .text = slice_text(host->traits.config.id)};
        children[2] = (struct reply_view){.kind = REPLY_VIEW_INTEGER, .integer = awaited->epoch};
        reply->children = children;
    }
    if (host->traits.mutant == MUTANT_BLIND && awaited->kind == REQUEST_FENCE && reply->count == 5) {
        memcpy(children, reply->children, 5 * sizeof children[0]);
        children[2].integer = 1000000000000 - children[2].integer;
        reply->children = children;
    }
    const struct world *world = machine_world(host->machine);
    const struct instance *instance = world_find_instance(world, line->instance);
    bool deaf = host->traits.mutant == MUTANT_DEAF && host->schedule->now_us % 60000000 > 30000000;
    return !(deaf && awaited->kind == REQUEST_PING && instance && instance->kind == INSTANCE_PRIMARY);
}

static void on_reply(struct host_line *line, const struct message *message) {
    struct sentinel_host *host = line->host;
    struct awaited *awaited = line->first;
    CHECK(awaited);
    line->first = awaited->next;
    if (!line->first) line->last = &line->first;
    const struct instance *instance = world_find_instance(machine_world(host->machine), line->instance);
    if (awaited->kind == REQUEST_PING && is_alive(&message->reply) && instance)
        host->traits.observer->on_pong(host->traits.observer_context, host, instance, line->address, line->port,
                                       awaited->sent_us);
    struct event event = {.kind = EVENT_REPLY};
    event.reply.instance = line->instance;
    event.reply.request = awaited->request;
    event.reply.index = awaited->index;
    event.reply.reply = message->reply;
    struct reply_view children[5];
    struct bytes text = {0};
    if (awaited->request && mutate(line, awaited, &event.reply.reply, children, &text)) host_step(host, &event);
    bytes_fini(&text);
    mem_free(awaited);
}

static void on_message(void *context, struct link_end *end, const struct message *message) {
    (void)end;
    struct host_line *line = context;
    if (!host_hears(line->host)) return;
    if (message->kind == MESSAGE_REPLY) {
        on_reply(line, message);
        return;
    }
    CHECK(message->kind == MESSAGE_PUSH);
    bool deaf = line->host->traits.mutant == MUTANT_NO_HELLO && line->host->schedule->now_us > 15000000;
    if (deaf) return;
    struct event event = {.kind = EVENT_HELLO};
    event.hello.instance = line->instance;
    event.hello.payload = message->text;
    host_step(line->host, &event);
    if (dice_chance(line->host->random, 10)) host_step(line->host, &event); /* heard twice */
}

static const struct link_ops line_ops = {on_open, on_message, on_closed};

static void close_line(struct host_line *line) {
    if (line->end) link_close(line->end);
    line->end = NULL;
    line->up = false;
    forget_awaited(line);
}

void host_connect(struct sentinel_host *host, const struct action *action) {
    struct host_line *line = get_line(host, action->connect.instance, action->connect.line);
    close_line(line);
    snprintf(line->address, sizeof line->address, "%s", action->connect.ip);
    line->port = action->connect.port;
    snprintf(line->client_name, sizeof line->client_name, "%s", action->connect.client_name);
    if (action->connect.timeout_ms <= 0 || action->connect.answer_timeout_ms <= 0)
        host_breach(host, "a connect without a time limit");
    /* There is no TLS here: who answers is connected. */
    line->end = link_open(host->network, host->number, line->address, line->port, action->connect.answer_timeout_ms * 1000,
                          &line_ops, line);
    link_set_unacked_timeout(line->end, action->connect.unacked_timeout_ms * 1000);
}

void host_disconnect(struct sentinel_host *host, uint32_t instance, enum line_kind kind) {
    struct host_line *line = line_at(host, instance, kind);
    if (line) close_line(line);
}

/* The payload with its last field, the configuration epoch, one lower. */
static struct slice lower_epoch(struct slice payload, struct bytes *text) {
    struct slice rest = payload, part;
    int64_t epoch = 0;
    size_t at = 0;
    while (slice_split(&rest, ',', &part)) at = part.size;
    if (!number_parse_int(slice_make(payload.data + payload.size - at, at), &epoch) || epoch == 0) return payload;
    bytes_add(text, payload.data, payload.size - at);
    bytes_add_printf(text, "%lld", (long long)epoch - 1);
    return bytes_slice(text);
}

static void send_command(struct host_line *line, const struct action *action, uint32_t index) {
    struct sentinel_host *host = line->host;
    const struct command_view *command = &action->send.commands[index];
    struct awaited *awaited = await(line, action->send.request, index, action->send.request_kind);
    struct slice args[MESSAGE_ARGS];
    struct bytes text = {0};
    CHECK(command->count <= MESSAGE_ARGS);
    for (size_t i = 0; i < command->count; i++) args[i] = command->args[i];
    if (action->send.request_kind == REQUEST_HELLO) {
        if (host->traits.mutant == MUTANT_SAME_EPOCH) args[2] = lower_epoch(args[2], &text);
        host->traits.observer->on_hello(host->traits.observer_context, host, args[2]);
    }
    if (action->send.request_kind == REQUEST_LEASE && host->traits.mutant == MUTANT_FAITHLESS) {
        bytes_add_text(&text, "1000000");
        args[4] = bytes_slice(&text);
    }
    if (action->send.request_kind == REQUEST_FENCE && host->traits.mutant == MUTANT_FORGED_FENCE) args[1] = SLICE("PEEK");
    if (action->send.request_kind == REQUEST_ASK && command->count == 6 && !slice_is(args[5], "*"))
        CHECK(number_parse_int(args[4], &awaited->epoch));
    link_send(line->end, message_command(args, command->count));
    bytes_fini(&text);
}

void host_send(struct sentinel_host *host, const struct action *action) {
    struct host_line *line = line_at(host, action->send.instance, LINE_COMMAND);
    if (!line || !line->up) {
        host_breach(host, "a request on a line that is not up");
        return;
    }
    if (action->send.request_kind == REQUEST_PROMOTE) {
        const struct instance *target = world_find_instance(machine_world(host->machine), action->send.instance);
        host->traits.observer->on_order(host->traits.observer_context, host, action);
        if (target && target->primary) host_check_script(host, target->primary);
    }
    if (action->send.request_kind == REQUEST_LEASE && host->traits.observer->on_lease && !slice_is(action->send.commands[0].args[5], "0"))
        host->traits.observer->on_lease(host->traits.observer_context, host,
                                        world_find_instance(machine_world(host->machine), action->send.instance));
    for (uint32_t i = 0; i < action->send.count; i++) send_command(line, action, i);
}

void host_end_lines(struct sentinel_host *host) {
    for (size_t i = 0; i < host->line_count; i++) {
        if (!host->lines[i]) continue;
        forget_awaited(host->lines[i]);
        mem_free(host->lines[i]);
    }
    mem_free(host->lines);
    host->lines = NULL;
    host->line_count = 0;
}
