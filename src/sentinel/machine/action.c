#include "sentinel/machine/action.h"
#include "base/mem.h"
#include "sentinel/machine/arena.h"

#include <inttypes.h>

static const struct {
    const char *name;
    enum sentinel_event_level level;
    const char *help;
} events[SENTINEL_EVENT_COUNT] = {
#define SENTINEL_EVENT(id, name, level, help) [SENTINEL_EVENT_##id] = {name, SENTINEL_LEVEL_##level, help},
#include "sentinel/machine/events.def"
#undef SENTINEL_EVENT
};

const char *sentinel_event_name(enum sentinel_event event) {
    CHECK(event < SENTINEL_EVENT_COUNT);
    return events[event].name;
}

enum sentinel_event_level sentinel_event_level(enum sentinel_event event) {
    CHECK(event < SENTINEL_EVENT_COUNT);
    return events[event].level;
}

const char *sentinel_event_help(enum sentinel_event event) {
    CHECK(event < SENTINEL_EVENT_COUNT);
    return events[event].help;
}

void actions_init(struct actions *actions) {
    *actions = (struct actions){0};
}

void actions_fini(struct actions *actions) {
    arena_free(&actions->blocks);
    mem_free(actions->items);
    *actions = (struct actions){0};
}

void actions_clear(struct actions *actions) {
    arena_clear(&actions->blocks);
    actions->count = 0;
}

struct action *actions_add(struct actions *actions, enum action_kind kind) {
    if (actions->count == actions->capacity) {
        actions->capacity = MAX(actions->capacity * 2, 16);
        actions->items = mem_realloc(actions->items, actions->capacity * sizeof actions->items[0]);
    }
    struct action *action = &actions->items[actions->count++];
    memset(action, 0, sizeof *action);
    action->kind = kind;
    return action;
}

void *actions_alloc(struct actions *actions, size_t size) {
    return arena_alloc(&actions->blocks, size);
}

char *actions_text(struct actions *actions, struct slice text) {
    return arena_text(&actions->blocks, text);
}

char *actions_printf(struct actions *actions, const char *format, ...) {
    struct bytes text = {0};
    va_list args;
    va_start(args, format);
    bytes_add_vprintf(&text, format, args);
    va_end(args);
    char *copy = actions_text(actions, bytes_slice(&text));
    bytes_fini(&text);
    return copy;
}

const char *action_kind_name(enum action_kind kind) {
    static const char *const names[ACTION_KINDS] = {
        [ACTION_CONNECT] = "connect", [ACTION_DISCONNECT] = "disconnect",
        [ACTION_FORGET] = "forget",   [ACTION_SEND] = "send",
        [ACTION_PUBLISH] = "publish", [ACTION_SAVE] = "save",
        [ACTION_ANSWER] = "answer",   [ACTION_SCRIPT] = "script",
        [ACTION_RESOLVE] = "resolve", [ACTION_EXIT] = "exit",
        [ACTION_WAKE] = "wake",
    };
    return kind < ACTION_KINDS ? names[kind] : "?";
}

const char *request_kind_name(enum request_kind kind) {
    static const char *const names[REQUEST_KINDS] = {
        [REQUEST_PING] = "ping",
        [REQUEST_INFO] = "info",
        [REQUEST_INFO_REPLICATION] = "info-replication",
        [REQUEST_HELLO] = "hello",
        [REQUEST_ASK] = "ask",
        [REQUEST_PROMOTE] = "promote",
        [REQUEST_REPOINT] = "repoint",
        [REQUEST_SETTLE] = "settle",
        [REQUEST_SCRIPT_KILL] = "script-kill",
        [REQUEST_HANDOVER] = "handover",
        [REQUEST_HANDOVER_ABORT] = "handover-abort",
        [REQUEST_IDENTIFY] = "identify",
        [REQUEST_FORGET] = "forget",
        [REQUEST_CENSUS] = "census",
        [REQUEST_LEASE] = "lease",
        [REQUEST_FENCE] = "fence",
        [REQUEST_FENCE_PRIMARY] = "fence-primary",
        [REQUEST_RELEASE] = "release",
        [REQUEST_NAMED] = "named",
        [REQUEST_ABANDON] = "abandon",
    };
    return kind < REQUEST_KINDS ? names[kind] : "?";
}

static const char *line_name(enum line_kind line) {
    return line == LINE_COMMAND ? "command" : "pubsub";
}

static void describe_commands(const struct action *action, struct bytes *out) {
    for (size_t i = 0; i < action->send.count; i++) {
        bytes_add_text(out, i ? " ;" : "");
        for (size_t j = 0; j < action->send.commands[i].count; j++) {
            bytes_add_char(out, ' ');
            bytes_add_slice(out, action->send.commands[i].args[j]);
        }
    }
}

static void describe_answer(const struct action *action, struct bytes *out) {
    bytes_add_printf(out, " %" PRIu64 ": ", action->answer.token);
    switch (action->answer.kind) {
    case ANSWER_OK: bytes_add_text(out, "OK"); break;
    case ANSWER_ERROR: bytes_add_printf(out, "error %s", action->answer.text); break;
    case ANSWER_COUNT: bytes_add_printf(out, "%" PRId64, action->answer.count); break;
    case ANSWER_VOTE:
        bytes_add_printf(out, "%s, vote %s %" PRIu64, action->answer.down ? "down" : "up", action->answer.leader,
                         action->answer.leader_epoch);
        break;
    }
}

void action_describe(const struct action *action, struct bytes *out) {
    bytes_add_text(out, action_kind_name(action->kind));
    switch (action->kind) {
    case ACTION_CONNECT:
        bytes_add_printf(out, " %s #%u %s:%u", line_name(action->connect.line), action->connect.instance,
                         action->connect.ip, action->connect.port);
        break;
    case ACTION_DISCONNECT:
        bytes_add_printf(out, " %s #%u", line_name(action->disconnect.line), action->disconnect.instance);
        break;
    case ACTION_FORGET: bytes_add_printf(out, " #%u", action->disconnect.instance); break;
    case ACTION_SEND:
        bytes_add_printf(out, " %s to #%u:", request_kind_name(action->send.request_kind), action->send.instance);
        describe_commands(action, out);
        break;
    case ACTION_PUBLISH: bytes_add_printf(out, " %s %s", action->publish.name, action->publish.text); break;
    case ACTION_SAVE:
        bytes_add_printf(out, " %" PRIu64 "%s", action->save.sequence, action->save.urgent ? " urgent" : "");
        break;
    case ACTION_ANSWER: describe_answer(action, out); break;
    case ACTION_SCRIPT:
        for (size_t i = 0; action->script.args[i]; i++) bytes_add_printf(out, " %s", action->script.args[i]);
        break;
    case ACTION_RESOLVE: bytes_add_printf(out, " %s", action->resolve.name); break;
    case ACTION_EXIT: bytes_add_printf(out, " %d %s", action->exit.status, action->exit.why); break;
    case ACTION_WAKE:
        if (action->wake.at_ms == INT64_MAX)
            bytes_add_text(out, " never");
        else
            bytes_add_printf(out, " at %" PRId64, action->wake.at_ms);
        break;
    case ACTION_KINDS: UNREACHABLE("no such action");
    }
}
