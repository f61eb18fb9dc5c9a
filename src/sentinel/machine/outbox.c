#include "sentinel/machine/outbox.h"
#include "base/mem.h"

#include <inttypes.h>

/* ---- Events ---- */

static void run_notification(struct world *world, struct primary *primary, const char *name, const char *text) {
    if (!primary || !primary->options.notification_script) return;
    const char **args = actions_alloc(world->actions, 4 * sizeof args[0]);
    args[0] = actions_text(world->actions, slice_text(primary->options.notification_script));
    args[1] = name;
    args[2] = text;
    args[3] = NULL;
    struct action *action = actions_add(world->actions, ACTION_SCRIPT);
    action->script.kind = SCRIPT_NOTIFICATION;
    action->script.args = args;
}

static void publish(struct world *world, struct primary *primary, enum sentinel_event event, struct bytes *text) {
    CHECK(world->actions);
    /* What others said may be in it; nobody shall forge a line of the log or a word of a script's. */
    for (size_t i = 0; i < text->size; i++)
        if ((unsigned char)text->data[i] < ' ' || text->data[i] == 127) text->data[i] = '?';
    const char *kept = actions_text(world->actions, bytes_slice(text));
    struct action *action = actions_add(world->actions, ACTION_PUBLISH);
    action->publish.event = event;
    action->publish.name = sentinel_event_name(event);
    action->publish.text = kept;
    action->publish.primary = primary ? actions_text(world->actions, slice_text(primary->name)) : NULL;
    if (sentinel_event_level(event) == SENTINEL_LEVEL_WARNING)
        run_notification(world, primary, sentinel_event_name(event), kept);
    bytes_fini(text);
}

void outbox_event(struct world *world, struct primary *primary, enum sentinel_event event, const char *format, ...) {
    struct bytes text = {0};
    va_list args;
    va_start(args, format);
    bytes_add_vprintf(&text, format, args);
    va_end(args);
    publish(world, primary, event, &text);
}

static void add_prefix(struct bytes *text, const struct world *world, const struct instance *instance,
                       const struct primary *primary) {
    bytes_add_printf(text, "%s %s %s %u", instance_kind_name(instance->kind), instance->name,
                     instance_shown_host(instance, world), instance->port);
    if (instance->kind != INSTANCE_PRIMARY && primary)
        bytes_add_printf(text, " @ %s %s %u", primary->name, instance_shown_host(primary->instance, world),
                         primary->instance->port);
}

static void instance_event(struct world *world, const struct instance *instance, struct primary *primary,
                           enum sentinel_event event, const char *format, va_list args) {
    struct bytes text = {0};
    add_prefix(&text, world, instance, primary);
    bytes_add_char(&text, ' ');
    bytes_add_vprintf(&text, format, args);
    if (text.data[text.size - 1] == ' ') text.data[--text.size] = 0; /* nothing was added */
    publish(world, primary, event, &text);
}

void outbox_instance(struct world *world, const struct instance *instance, struct primary *primary,
                     enum sentinel_event event, const char *format, ...) {
    va_list args;
    va_start(args, format);
    instance_event(world, instance, primary ? primary : instance->primary, event, format, args);
    va_end(args);
}

void outbox_primary(struct primary *primary, enum sentinel_event event, const char *format, ...) {
    va_list args;
    va_start(args, format);
    instance_event(primary->world, primary->instance, primary, event, format, args);
    va_end(args);
}

void outbox_reconfig_script(struct primary *primary, bool leader, const char *from_host, uint16_t from_port,
                            const char *to_host, uint16_t to_port) {
    if (!primary->options.client_reconfig_script) return;
    struct actions *actions = primary->world->actions;
    const char **args = actions_alloc(actions, 9 * sizeof args[0]);
    args[0] = actions_text(actions, slice_text(primary->options.client_reconfig_script));
    args[1] = actions_text(actions, slice_text(primary->name));
    args[2] = leader ? "leader" : "observer";
    args[3] = "start";
    args[4] = actions_text(actions, slice_text(from_host));
    args[5] = actions_printf(actions, "%u", from_port);
    args[6] = actions_text(actions, slice_text(to_host));
    args[7] = actions_printf(actions, "%u", to_port);
    args[8] = NULL;
    struct action *action = actions_add(actions, ACTION_SCRIPT);
    action->script.kind = SCRIPT_RECONFIG;
    action->script.args = args;
}

/* ---- Requests ---- */

enum {
    COMMANDS_MAX = 6,
    ARGS_MAX = 6,
    PENDING_MAX = 200, /* commands on one line: a peer that does not answer must not fill our memory */
    PENDING_SENTINEL_MAX = 4000, /* all primaries may die at once, and each is asked about */
};

/* A request that is being put together. */
struct draft {
    struct actions *actions;
    const struct primary *renames; /* whose rename-command applies; NULL none */
    struct command_view *commands;
    size_t count;
    struct slice *args; /* of the command that is being added; room for so many: */
    size_t most;
};

static struct draft draft_start(struct world *world, const struct primary *renames) {
    struct draft draft = {.actions = world->actions, .renames = renames};
    draft.commands = actions_alloc(world->actions, COMMANDS_MAX * sizeof draft.commands[0]);
    return draft;
}

static const char *renamed(const struct primary *primary, const char *name) {
    if (!primary) return name;
    for (size_t i = 0; i < primary->options.rename_count; i++)
        if (slice_is_nocase(slice_text(primary->options.renames[i].from), name)) return primary->options.renames[i].to;
    return name;
}

static void draft_arg(struct draft *draft, struct slice arg) {
    struct command_view *command = &draft->commands[draft->count - 1];
    CHECK(command->count < draft->most);
    draft->args[command->count++] = slice_make(actions_text(draft->actions, arg), arg.size);
}

static void draft_command_of(struct draft *draft, const char *name, size_t args) {
    CHECK(draft->count < COMMANDS_MAX);
    draft->args = actions_alloc(draft->actions, args * sizeof draft->args[0]);
    draft->most = args;
    draft->commands[draft->count++] = (struct command_view){draft->args, 0};
    draft_arg(draft, slice_text(renamed(draft->renames, name)));
}

static void draft_command(struct draft *draft, const char *name) {
    draft_command_of(draft, name, ARGS_MAX);
}

static void draft_text(struct draft *draft, const char *text) {
    draft_arg(draft, slice_text(text));
}

static void draft_int(struct draft *draft, int64_t value) {
    draft_text(draft, actions_printf(draft->actions, "%" PRId64, value));
}

static bool may_send(const struct instance *instance, size_t commands) {
    const struct line *line = &instance->lines[LINE_COMMAND];
    size_t most = instance->kind == INSTANCE_SENTINEL ? PENDING_SENTINEL_MAX : PENDING_MAX;
    return line->phase == LINE_OPEN && line->pending + commands <= most;
}

static struct request *draft_send(struct draft *draft, struct world *world, struct instance *instance,
                                  enum request_kind kind) {
    struct request *request = mem_zalloc(sizeof *request);
    request->number = ++world->next_request;
    request->kind = kind;
    request->sent_ms = world->now_ms;
    request->commands = (uint32_t)draft->count;
    struct line *line = &instance->lines[LINE_COMMAND];
    if (line->last)
        line->last->next = request;
    else
        line->first = request;
    line->last = request;
    line->pending += request->commands;

    struct action *action = actions_add(world->actions, ACTION_SEND);
    action->send.instance = instance->number;
    action->send.request_kind = kind;
    action->send.request = request->number;
    action->send.commands = draft->commands;
    action->send.count = draft->count;
    return request;
}

struct request *outbox_ping(struct world *world, struct instance *instance) {
    if (!may_send(instance, 1)) return NULL;
    struct draft draft = draft_start(world, instance->primary);
    draft_command(&draft, "PING");
    return draft_send(&draft, world, instance, REQUEST_PING);
}

struct request *outbox_info(struct world *world, struct instance *instance, bool replication_only) {
    if (!may_send(instance, 1)) return NULL;
    struct draft draft = draft_start(world, instance->primary);
    draft_command(&draft, "INFO");
    if (replication_only) draft_text(&draft, "replication");
    return draft_send(&draft, world, instance, replication_only ? REQUEST_INFO_REPLICATION : REQUEST_INFO);
}

struct request *outbox_forget(struct world *world, struct instance *peer, const struct primary *primary,
                              struct slice host, int64_t port) {
    if (!may_send(peer, 1)) return NULL;
    struct draft draft = draft_start(world, NULL);
    draft_command(&draft, "SENTINEL");
    draft_text(&draft, "FORGET");
    draft_text(&draft, primary->name);
    draft_arg(&draft, host);
    if (port) draft_int(&draft, port);
    draft_text(&draft, "LOCAL");
    return draft_send(&draft, world, peer, REQUEST_FORGET);
}

/* What another sentinel knows of this primary. */
static struct request *ask_peer(struct world *world, struct instance *peer, const struct primary *primary, const char *what,
                                enum request_kind kind) {
    if (!may_send(peer, 1)) return NULL;
    struct draft draft = draft_start(world, NULL);
    draft_command(&draft, "SENTINEL");
    draft_text(&draft, what);
    draft_text(&draft, primary->name);
    struct request *request = draft_send(&draft, world, peer, kind);
    request->primary = primary->number;
    return request;
}

struct request *outbox_census(struct world *world, struct instance *peer, const struct primary *primary) {
    return ask_peer(world, peer, primary, "MASTER", REQUEST_CENSUS);
}

struct request *outbox_identify(struct world *world, struct instance *peer) {
    if (!may_send(peer, 1)) return NULL;
    struct draft draft = draft_start(world, NULL);
    draft_command(&draft, "INFO");
    draft_text(&draft, "server");
    return draft_send(&draft, world, peer, REQUEST_IDENTIFY);
}

struct request *outbox_publish(struct world *world, struct instance *instance, struct primary *primary,
                               struct slice payload) {
    if (!may_send(instance, 1)) return NULL;
    struct draft draft = draft_start(world, instance->primary);
    draft_command(&draft, "PUBLISH");
    draft_text(&draft, "__sentinel__:hello");
    draft_arg(&draft, payload);
    struct request *request = draft_send(&draft, world, instance, REQUEST_HELLO);
    request->primary = primary->number;
    return request;
}

struct request *outbox_ask(struct world *world, struct instance *peer, struct primary *primary, uint64_t epoch,
                           bool vote) {
    if (!may_send(peer, 1)) return NULL;
    struct draft draft = draft_start(world, NULL);
    draft_command(&draft, "SENTINEL");
    draft_text(&draft, "is-master-down-by-addr");
    draft_text(&draft, instance_shown_host(primary->instance, world));
    draft_int(&draft, primary->instance->port);
    draft_int(&draft, (int64_t)epoch);
    draft_text(&draft, vote ? world->id : "*");
    struct request *request = draft_send(&draft, world, peer, REQUEST_ASK);
    request->primary = primary->number;
    request->epoch = vote ? epoch : 0;
    return request;
}

static void draft_settle(struct draft *draft) {
    draft_command(draft, "CONFIG");
    draft_text(draft, "REWRITE");
    draft_command(draft, "CLIENT");
    draft_text(draft, "KILL");
    draft_text(draft, "TYPE");
    draft_text(draft, "normal");
    draft_command(draft, "CLIENT");
    draft_text(draft, "KILL");
    draft_text(draft, "TYPE");
    draft_text(draft, "pubsub");
}

static struct request *send_slaveof(struct world *world, struct instance *instance, const char *host, const char *port,
                                    enum request_kind kind) {
    if (!may_send(instance, 6)) return NULL;
    struct draft draft = draft_start(world, instance->primary);
    draft_command(&draft, "MULTI");
    draft_command(&draft, "SLAVEOF");
    draft_text(&draft, host);
    draft_text(&draft, port);
    draft_settle(&draft);
    draft_command(&draft, "EXEC");
    struct request *request = draft_send(&draft, world, instance, kind);
    if (instance->primary) request->primary = instance->primary->number;
    instance->last_order_ms = world->now_ms;
    return request;
}

struct request *outbox_promote(struct world *world, struct instance *replica, uint64_t epoch) {
    struct request *request = send_slaveof(world, replica, "NO", "ONE", REQUEST_PROMOTE);
    if (request) request->epoch = epoch;
    return request;
}

struct request *outbox_repoint(struct world *world, struct instance *replica, const char *host, uint16_t port,
                               uint64_t epoch) {
    struct request *request =
        send_slaveof(world, replica, host, actions_printf(world->actions, "%u", port), REQUEST_REPOINT);
    if (request) request->epoch = epoch;
    return request;
}

struct request *outbox_settle(struct world *world, struct instance *instance) {
    if (!may_send(instance, 5)) return NULL;
    struct draft draft = draft_start(world, instance->primary);
    draft_command(&draft, "MULTI");
    draft_settle(&draft);
    draft_command(&draft, "EXEC");
    return draft_send(&draft, world, instance, REQUEST_SETTLE);
}

struct request *outbox_script_kill(struct world *world, struct instance *instance) {
    if (!may_send(instance, 1)) return NULL;
    struct draft draft = draft_start(world, instance->primary);
    draft_command(&draft, "SCRIPT");
    draft_text(&draft, "KILL");
    return draft_send(&draft, world, instance, REQUEST_SCRIPT_KILL);
}

struct request *outbox_handover(struct world *world, struct instance *primary, const char *host, uint16_t port,
                                int64_t timeout_ms, uint64_t epoch) {
    if (!may_send(primary, 1)) return NULL;
    struct draft draft = draft_start(world, primary->primary);
    draft_command(&draft, "FAILOVER");
    draft_text(&draft, "TO");
    draft_text(&draft, host);
    draft_int(&draft, port);
    draft_text(&draft, "TIMEOUT");
    draft_int(&draft, timeout_ms);
    struct request *request = draft_send(&draft, world, primary, REQUEST_HANDOVER);
    request->primary = primary->primary->number;
    request->epoch = epoch;
    return request;
}

struct request *outbox_stop_writes(struct world *world, struct instance *primary, int64_t for_ms, uint64_t epoch) {
    if (!may_send(primary, 2)) return NULL;
    struct draft draft = draft_start(world, primary->primary);
    draft_command(&draft, "CLIENT");
    draft_text(&draft, "PAUSE");
    draft_int(&draft, for_ms);
    draft_text(&draft, "WRITE");
    draft_command(&draft, "INFO");
    draft_text(&draft, "replication");
    struct request *request = draft_send(&draft, world, primary, REQUEST_HANDOVER);
    request->primary = primary->primary->number;
    request->epoch = epoch;
    return request;
}

struct request *outbox_let_write(struct world *world, struct instance *instance) {
    if (!may_send(instance, 1)) return NULL;
    struct draft draft = draft_start(world, instance->primary);
    draft_command(&draft, "CLIENT");
    draft_text(&draft, "UNPAUSE");
    return draft_send(&draft, world, instance, REQUEST_HANDOVER_ABORT);
}

struct request *outbox_handover_abort(struct world *world, struct instance *primary) {
    if (!may_send(primary, 1)) return NULL;
    struct draft draft = draft_start(world, primary->primary);
    draft_command(&draft, "FAILOVER");
    draft_text(&draft, "ABORT");
    return draft_send(&draft, world, primary, REQUEST_HANDOVER_ABORT);
}

/* ---- Guarded sets ---- */

enum { NAMED_MAX = 256 }; /* as many as the server takes */

static void add_names(struct draft *draft, const struct instance *replica) {
    draft_text(draft, actions_printf(draft->actions, "%s:%u", replica->host, replica->port));
    /* The primary may know it by the one or by the other. */
    if (replica->ip[0] && strcmp(replica->ip, replica->host) != 0)
        draft_text(draft, actions_printf(draft->actions, "%s:%u", replica->ip, replica->port));
}

struct request *outbox_lease(struct primary *primary, int64_t ms, int64_t stamp) {
    struct world *world = primary->world;
    size_t named = 0;
    if (!may_send(primary->instance, 1)) return NULL;
    struct draft draft = draft_start(world, primary);
    draft_command_of(&draft, "GUARD", 6 + 2 * MIN(primary->replica_count, (size_t)NAMED_MAX));
    draft_text(&draft, "LEASE");
    draft_text(&draft, world->id);
    draft_int(&draft, (int64_t)primary_voters(primary));
    draft_int(&draft, ms);
    draft_int(&draft, stamp);
    LIST_EACH(&primary->replicas, node) {
        const struct instance *replica = container_of(node, struct instance, node);
        if (replica->named && named++ < NAMED_MAX / 2) add_names(&draft, replica);
    }
    struct request *request = draft_send(&draft, world, primary->instance, REQUEST_LEASE);
    request->primary = primary->number;
    return request;
}

static void draft_fence(struct draft *draft, const char *what, uint64_t epoch) {
    draft_command(draft, "GUARD");
    draft_text(draft, what);
    draft_int(draft, (int64_t)epoch);
}

struct request *outbox_fence(struct world *world, struct instance *replica, uint64_t epoch) {
    if (!may_send(replica, 1)) return NULL;
    struct draft draft = draft_start(world, replica->primary);
    draft_fence(&draft, "FENCE", epoch);
    draft_text(&draft, world->id);
    struct request *request = draft_send(&draft, world, replica, REQUEST_FENCE);
    request->epoch = epoch;
    return request;
}

struct request *outbox_fence_primary(struct world *world, struct instance *primary, uint64_t epoch, int64_t pause_ms) {
    if (!may_send(primary, 2)) return NULL;
    struct draft draft = draft_start(world, primary->primary);
    if (pause_ms) {
        draft_command(&draft, "CLIENT");
        draft_text(&draft, "PAUSE");
        draft_int(&draft, pause_ms);
        draft_text(&draft, "WRITE");
    }
    draft_fence(&draft, "FENCE", epoch);
    draft_text(&draft, world->id);
    struct request *request = draft_send(&draft, world, primary, REQUEST_FENCE_PRIMARY);
    request->epoch = epoch;
    return request;
}

struct request *outbox_release(struct world *world, struct instance *instance, uint64_t epoch) {
    if (!may_send(instance, 1)) return NULL;
    struct draft draft = draft_start(world, instance->primary);
    draft_fence(&draft, "RELEASE", epoch);
    return draft_send(&draft, world, instance, REQUEST_RELEASE);
}

struct request *outbox_named(struct world *world, struct instance *peer, const struct primary *primary) {
    return ask_peer(world, peer, primary, "REPLICAS", REQUEST_NAMED);
}

struct request *outbox_abandon(struct world *world, struct instance *peer, const struct primary *primary, uint64_t epoch) {
    if (!may_send(peer, 1)) return NULL;
    struct draft draft = draft_start(world, NULL);
    draft_command(&draft, "SENTINEL");
    draft_text(&draft, "ABANDON");
    draft_text(&draft, primary->name);
    draft_int(&draft, (int64_t)epoch);
    draft_text(&draft, world->id);
    return draft_send(&draft, world, peer, REQUEST_ABANDON);
}

/* ---- Lines ---- */

void outbox_connect(struct world *world, struct instance *instance, enum line_kind line, const struct line_patience *patience) {
    struct actions *actions = world->actions;
    bool is_sentinel = instance->kind == INSTANCE_SENTINEL;
    const char *user = is_sentinel ? world->settings.sentinel_user : instance->primary->options.auth_user;
    const char *password = is_sentinel ? world->settings.sentinel_pass : instance->primary->options.auth_pass;
    struct action *action = actions_add(actions, ACTION_CONNECT);
    action->connect.instance = instance->number;
    action->connect.line = line;
    action->connect.is_sentinel = is_sentinel;
    action->connect.ip = actions_text(actions, slice_text(instance->ip));
    action->connect.host = actions_text(actions, slice_text(instance->host));
    action->connect.port = instance->port;
    action->connect.user = user && password ? actions_text(actions, slice_text(user)) : NULL;
    action->connect.password = password ? actions_text(actions, slice_text(password)) : NULL;
    action->connect.client_name =
        actions_printf(actions, "sentinel-%.8s-%s", world->id, line == LINE_COMMAND ? "cmd" : "pubsub");
    action->connect.timeout_ms = patience->connect_ms;
    action->connect.answer_timeout_ms = patience->answer_ms;
    action->connect.unacked_timeout_ms = patience->unacked_ms;
}

void outbox_disconnect(struct world *world, struct instance *instance, enum line_kind line) {
    struct action *action = actions_add(world->actions, ACTION_DISCONNECT);
    action->disconnect.instance = instance->number;
    action->disconnect.line = line;
}

/* ---- Answers ---- */

static struct action *answer(struct world *world, uint64_t token, enum answer_kind kind) {
    struct action *action = actions_add(world->actions, ACTION_ANSWER);
    action->answer.token = token;
    action->answer.kind = kind;
    action->answer.text = "";
    action->answer.leader = "*";
    return action;
}

void outbox_ok(struct world *world, uint64_t token) {
    answer(world, token, ANSWER_OK);
}

void outbox_error(struct world *world, uint64_t token, const char *format, ...) {
    struct bytes text = {0};
    va_list args;
    va_start(args, format);
    bytes_add_vprintf(&text, format, args);
    va_end(args);
    answer(world, token, ANSWER_ERROR)->answer.text = actions_text(world->actions, bytes_slice(&text));
    bytes_fini(&text);
}

void outbox_count(struct world *world, uint64_t token, int64_t count) {
    answer(world, token, ANSWER_COUNT)->answer.count = count;
}

static struct action *answer_vote(struct world *world, uint64_t token, bool down, const char *leader, uint64_t leader_epoch) {
    const char *kept = actions_text(world->actions, slice_text(leader));
    struct action *action = answer(world, token, ANSWER_VOTE);
    action->answer.down = down;
    action->answer.leader = kept;
    action->answer.leader_epoch = leader_epoch;
    return action;
}

void outbox_no_vote(struct world *world, uint64_t token, bool down) {
    answer_vote(world, token, down, "*", 0);
}

void outbox_vote(struct primary *primary, uint64_t token, bool down, uint64_t sequence) {
    struct action *action = answer_vote(primary->world, token, down, primary->vote_leader, primary->vote_epoch);
    action->answer.after = sequence;
    action->answer.least = primary->guard.least;
}
