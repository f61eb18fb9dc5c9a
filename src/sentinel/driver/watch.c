#include "sentinel/driver/watch.h"
#include "base/mem.h"
#include "net/conn.h"
#include "net/link.h"
#include "net/loop.h"

#define HELLO_CHANNEL SLICE("__sentinel__:hello")

enum {
    REPLY_MAX_BYTES = 4 * 1024 * 1024, /* an INFO has a few KiB; one that never ends is no INFO */
    OUTPUT_MAX_BYTES = 4 * 1024 * 1024,
    KEEPALIVE_S = 15,
};

struct watch {
    struct loop                 *loop;
    uint32_t                     instance;
    const struct watch_handlers *handlers;
    void                        *context;
    struct link                 *links[LINE_KINDS]; /* NULL until it is dialled for the first time */
    uint64_t                     generation[LINE_KINDS]; /* of the connection: a late reply of an older one is nobody's */
};

/* One command that waits for its reply. Freed by its callback, which comes exactly once. */
struct sent {
    struct watch *watch; /* valid while the link lives, and link_free() calls back */
    uint64_t      request, generation;
    uint32_t      index;
};

static enum line_reason line_reason_of(enum link_reason reason) {
    switch (reason) {
    case LINK_NONE: return LINE_REASON_NONE;
    case LINK_REFUSED: return LINE_REFUSED;
    case LINK_RESET:
    case LINK_CLOSED: return LINE_RESET;
    case LINK_TIMED_OUT: return LINE_TIMEOUT;
    case LINK_UNREACHABLE: return LINE_TIMEOUT;
    case LINK_UNRESOLVED: return LINE_UNRESOLVED;
    case LINK_TLS_FAILED: return LINE_TLS;
    case LINK_AUTH_FAILED: return LINE_AUTH;
    case LINK_HUNG_UP: return LINE_CLOSED;
    case LINK_PROTOCOL:
    case LINK_TOO_LARGE: return LINE_GARBAGE;
    case LINK_REASONS: return LINE_OTHER;
    }
    return LINE_OTHER;
}

/* ---- what the links tell ---- */

static void on_link_down(struct link *link, void *context, enum link_reason reason, const char *text) {
    struct watch *watch = context;
    enum line_kind line = link == watch->links[LINE_PUBSUB] ? LINE_PUBSUB : LINE_COMMAND;
    watch->generation[line]++;
    watch->handlers->on_down(watch->context, watch->instance, line, line_reason_of(reason), text ? text : "");
}

static void tell_up(struct watch *watch, enum line_kind line) {
    char ip[ADDRESS_TEXT_SIZE] = "";
    struct conn *conn = link_conn(watch->links[line]);
    if (conn) address_print_ip(conn_local(conn), ip);
    watch->handlers->on_up(watch->context, watch->instance, line, ip);
}

static void on_command_up(struct link *link, void *context) {
    (void)link;
    tell_up(context, LINE_COMMAND);
}

static void on_subscribed(struct link *link, void *context, enum link_result result, const struct resp_reply *reply) {
    struct watch *watch = context;
    if (result != LINK_REPLY || reply->type != RESP_FAILURE) return; /* a link that went down tells it itself */
    /* A refused subscription (ACL) would otherwise look like a line on which nobody ever speaks. */
    char *text = slice_to_text(reply->text);
    link_hang_up(link);
    watch->generation[LINE_PUBSUB]++;
    watch->handlers->on_down(watch->context, watch->instance, LINE_PUBSUB, LINE_AUTH, text);
    mem_free(text);
}

static void on_pubsub_up(struct link *link, void *context) {
    link_subscribe(link, &HELLO_CHANNEL, 1, 0, on_subscribed, context);
    tell_up(context, LINE_PUBSUB);
}

static void on_message(struct link *link, void *context, const struct resp_reply *message) {
    (void)link;
    struct watch *watch = context;
    const struct resp_reply *kind = resp_reply_at(message, 0), *channel = resp_reply_at(message, 1),
                            *payload = resp_reply_at(message, 2);
    if (!kind || !channel || !payload || !resp_reply_equals(kind, "message") || !resp_reply_is_text(channel) ||
        !resp_reply_is_text(payload) || !slice_equal(channel->text, HELLO_CHANNEL))
        return;
    watch->handlers->on_hello(watch->context, watch->instance, payload->text);
}

static const struct link_handlers link_handlers[LINE_KINDS] = {
    [LINE_COMMAND] = {.on_up = on_command_up, .on_down = on_link_down},
    [LINE_PUBSUB] = {.on_up = on_pubsub_up, .on_down = on_link_down, .on_message = on_message},
};

static void on_reply(struct link *link, void *context, enum link_result result, const struct resp_reply *reply) {
    (void)link;
    struct sent sent = *(struct sent *)context;
    mem_free(context);
    if (result != LINK_REPLY || sent.generation != sent.watch->generation[LINE_COMMAND]) return;
    sent.watch->handlers->on_reply(sent.watch->context, sent.watch->instance, sent.request, sent.index, reply);
}

/* ---- what the driver asks for ---- */

struct watch *watch_new(struct loop *loop, uint32_t instance, const struct watch_handlers *handlers, void *context) {
    struct watch *watch = mem_zalloc(sizeof(*watch));
    watch->loop = loop;
    watch->instance = instance;
    watch->handlers = handlers;
    watch->context = context;
    return watch;
}

void watch_free(struct watch **taken) {
    struct watch *watch = *taken;
    *taken = NULL;
    if (!watch) return;
    for (int line = 0; line < LINE_KINDS; line++)
        if (watch->links[line]) link_free(&watch->links[line]);
    mem_free(watch);
}

void watch_connect(struct watch *watch, enum line_kind line, const struct watch_target *target) {
    struct link_settings settings = {
        .tls = target->tls,
        .server_name = target->tls && strcmp(target->host, target->ip) != 0 ? target->host : NULL,
        .user = target->user,
        .password = target->password,
        .client_name = target->client_name,
        .connect_timeout_ms = target->timeout_ms,
        .answer_timeout_ms = target->answer_timeout_ms,
        .unacked_timeout_ms = target->unacked_timeout_ms,
        .keepalive_s = KEEPALIVE_S,
        .max_reply_bytes = REPLY_MAX_BYTES,
        .max_output_bytes = OUTPUT_MAX_BYTES,
    };
    if (target->source_ip && *target->source_ip && !address_parse_ip(&settings.source, target->source_ip, 0))
        settings.source = (struct address){0}; /* the configuration was checked; a name is nothing to connect from */
    watch->generation[line]++;
    if (watch->links[line]) link_configure(watch->links[line], &settings);
    else watch->links[line] = link_new(watch->loop, &settings, &link_handlers[line], watch);
    link_dial(watch->links[line], target->ip, target->port);
}

void watch_disconnect(struct watch *watch, enum line_kind line) {
    if (!watch->links[line]) return;
    watch->generation[line]++;
    link_hang_up(watch->links[line]);
}

bool watch_is_up(const struct watch *watch, enum line_kind line) {
    return watch->links[line] && link_state(watch->links[line]) == LINK_UP;
}

void watch_send(struct watch *watch, uint64_t request, const struct command_view *commands, size_t count) {
    if (!watch_is_up(watch, LINE_COMMAND)) return;
    for (size_t i = 0; i < count; i++) {
        struct sent *sent = mem_alloc(sizeof(*sent));
        *sent = (struct sent){watch, request, watch->generation[LINE_COMMAND], (uint32_t)i};
        link_call(watch->links[LINE_COMMAND], commands[i].args, commands[i].count, 0, on_reply, sent);
    }
}

void watch_flush(struct watch *watch) {
    if (watch->links[LINE_COMMAND]) link_flush(watch->links[LINE_COMMAND]);
}

size_t watch_memory(const struct watch *watch) {
    size_t size = mem_size(watch);
    for (int line = 0; line < LINE_KINDS; line++)
        if (watch->links[line]) size += link_memory(watch->links[line]);
    return size;
}
