#include "solo.h"

#include <stdio.h>

void solo_init(struct solo *solo) {
    *solo = (struct solo){0};
    solo->config = (struct primary_config){.name = "mymaster",
                                           .host = "10.0.0.1",
                                           .port = 6379,
                                           .quorum = 2,
                                           .down_after_ms = 1000,
                                           .failover_timeout_ms = 10000};
    solo->base = (struct machine_config){.seed = 1,
                                         .id = ID_A,
                                         .port = 26379,
                                         .announce_ip = "10.0.1.1",
                                         .primaries = &solo->config,
                                         .primary_count = 1};
    actions_init(&solo->actions);
}

void solo_start(struct solo *solo, const struct state_record *state, size_t count) {
    solo->machine = machine_new(&solo->base, state, count, 0);
    if (!solo->is_fresh)
        LIST_EACH(&solo_world(solo)->primaries, node) container_of(node, struct primary, node)->fresh = false;
    (void)solo_at(solo, 0, &(struct event){.kind = EVENT_START});
    (void)solo_saved(solo, 0, true);
}

void solo_fini(struct solo *solo) {
    machine_free(&solo->machine);
    actions_fini(&solo->actions);
    bytes_fini(&solo->text);
}

static bool is_told(enum action_kind kind) {
    return kind == ACTION_PUBLISH || kind == ACTION_SAVE || kind == ACTION_ANSWER || kind == ACTION_SCRIPT ||
           kind == ACTION_EXIT || kind == ACTION_RESOLVE;
}

static void step(struct solo *solo, int64_t now_ms, const struct event *event) {
    actions_clear(&solo->actions);
    solo->now_ms = now_ms;
    machine_step(solo->machine, now_ms, event, &solo->actions);
    for (size_t i = 0; i < solo->actions.count; i++) {
        const struct action *action = &solo->actions.items[i];
        if (!is_told(action->kind)) continue;
        if (solo->text.size) bytes_add_text(&solo->text, " ; ");
        if (action->kind == ACTION_SAVE) {
            bytes_add_text(&solo->text, "save");
        } else if (action->kind == ACTION_PUBLISH) {
            bytes_add_printf(&solo->text, "%s %s", action->publish.name, action->publish.text);
        } else {
            action_describe(action, &solo->text);
        }
    }
}

const char *solo_at(struct solo *solo, int64_t now_ms, const struct event *event) {
    bytes_clear(&solo->text);
    step(solo, now_ms, event);
    return bytes_text(&solo->text);
}

const char *solo_vote(struct solo *solo, int64_t now_ms, const char *id, int64_t epoch) {
    return solo_at(
        solo, now_ms,
        &(struct event){.kind = EVENT_VOTE_REQUEST,
                        .token = 1,
                        .vote = {.ip = SLICE("10.0.0.1"), .port = 6379, .epoch = epoch, .run_id = slice_text(id)}});
}

const char *solo_saved(struct solo *solo, int64_t now_ms, bool ok) {
    return solo_at(solo, now_ms,
                   &(struct event){.kind = EVENT_SAVED,
                                   .saved = {.sequence = machine_world(solo->machine)->save_sequence,
                                             .ok = ok,
                                             .error = SLICE("No space left on device")}});
}

const char *solo_hello(struct solo *solo, int64_t now_ms, const char *payload) {
    return solo_at(solo, now_ms, &(struct event){.kind = EVENT_HELLO, .hello = {.payload = slice_text(payload)}});
}

const char *solo_run(struct solo *solo, int64_t until_ms) {
    bytes_clear(&solo->text);
    while (machine_world(solo->machine)->wake_ms <= until_ms)
        step(solo, machine_world(solo->machine)->wake_ms, &(struct event){.kind = EVENT_TIMER});
    return bytes_text(&solo->text);
}

void solo_connect_all(struct solo *solo, int64_t now_ms) {
    const struct world *world = machine_world(solo->machine);
    for (uint32_t i = 1; i < world->instance_count; i++)
        for (int line = 0; line < LINE_KINDS; line++) {
            const struct instance *instance = world_find_instance(world, i);
            if (!instance || instance->lines[line].phase != LINE_CONNECTING) continue;
            (void)solo_at(
                solo, now_ms,
                &(struct event){.kind = EVENT_LINE_UP,
                                .line = {.instance = i, .line = (enum line_kind)line, .local_ip = SLICE("10.0.1.1")}});
        }
}

bool solo_reply_at(struct solo *solo, int64_t now_ms, uint32_t instance, enum request_kind kind, uint32_t index,
                   struct reply_view reply) {
    const struct instance *from = world_find_instance(machine_world(solo->machine), instance);
    const struct request *request = from ? from->lines[LINE_COMMAND].first : NULL;
    while (request && request->kind != kind) request = request->next;
    if (!request) return false;
    (void)solo_at(
        solo, now_ms,
        &(struct event){.kind = EVENT_REPLY,
                        .reply = {.instance = instance, .request = request->number, .index = index, .reply = reply}});
    return true;
}

bool solo_reply(struct solo *solo, int64_t now_ms, uint32_t instance, enum request_kind kind, struct reply_view reply) {
    return solo_reply_at(solo, now_ms, instance, kind, 0, reply);
}

struct world *solo_world(struct solo *solo) {
    return (struct world *)machine_world(solo->machine);
}

struct primary *solo_primary(struct solo *solo) {
    return world_find_primary(machine_world(solo->machine), SLICE("mymaster"));
}
