#include "sentinel/machine/machine.h"
#include "base/mem.h"
#include "sentinel/machine/cadence.h"
#include "sentinel/machine/down.h"
#include "sentinel/machine/failover.h"
#include "sentinel/machine/fence.h"
#include "sentinel/machine/guard.h"
#include "sentinel/machine/hello.h"
#include "sentinel/machine/instance_internal.h"
#include "sentinel/machine/listen.h"
#include "sentinel/machine/operate.h"
#include "sentinel/machine/options.h"
#include "sentinel/machine/outbox.h"
#include "sentinel/machine/recall.h"
#include "sentinel/machine/save.h"
#include "sentinel/machine/tilt.h"
#include "sentinel/machine/vote.h"
#include "sentinel/machine/world_internal.h"

#include <inttypes.h>
#include <stdio.h>

struct machine {
    struct world world;
};

void timing_defaults(struct timing *timing) {
    *timing = (struct timing){
        .info_period_ms = 10000,
        .ping_period_ms = 3000,
        .ask_period_ms = 1000,
        .publish_period_ms = 2000,
        .default_down_after_ms = DEFAULT_DOWN_AFTER_MS,
        .tilt_trigger_ms = 2000,
        .tilt_period_ms = 1000,
        .reconf_timeout_ms = 10000,
        .min_link_reconnect_period_ms = 15000,
        .default_failover_timeout_ms = DEFAULT_FAILOVER_TIMEOUT_MS,
        .election_timeout_ms = 10000,
        .script_max_runtime_ms = 60000,
        .script_retry_delay_ms = 30000,
    };
}

static char *text_or_null(const char *text) {
    return text && text[0] ? mem_strdup(text) : NULL;
}

struct machine *machine_new(const struct machine_config *config, const struct state_record *state, size_t count,
                            int64_t now_ms) {
    struct machine *machine = mem_zalloc(sizeof *machine);
    struct world *world = &machine->world;
    if (config->timing)
        world->timing = *config->timing;
    else
        timing_defaults(&world->timing);
    world_init(world, now_ms);
    world->save_ms = world->trouble_ms = NEVER;
    random_seed(&world->random, config->seed);
    world->settings = (struct settings){
        .announce_ip = text_or_null(config->announce_ip),
        .announce_port = config->announce_port,
        .port = config->port,
        .resolve_hostnames = config->resolve_hostnames,
        .announce_hostnames = config->announce_hostnames,
        .deny_scripts_reconfig = config->deny_scripts_reconfig,
        .sentinel_user = text_or_null(config->sentinel_user),
        .sentinel_pass = text_or_null(config->sentinel_pass),
    };
    CHECK(config->id && strlen(config->id) == SENTINEL_ID_SIZE - 1);
    snprintf(world->id, sizeof world->id, "%s", config->id);
    recall_state(world, config, state, count);
    return machine;
}

void machine_free(struct machine **machine) {
    if (!*machine) return;
    save_fini(&(*machine)->world);
    world_fini(&(*machine)->world);
    mem_free(*machine);
    *machine = NULL;
}

const struct world *machine_world(const struct machine *machine) {
    return &machine->world;
}

void machine_state(const struct machine *machine, struct state_records *out) {
    recall_export(&machine->world, out);
}

bool machine_take_changes(struct machine *machine, struct state_records *out) {
    return recall_take_changes(&machine->world, out);
}

/* ---- Events ---- */

static void on_start(struct world *world) {
    if (world->started) return;
    world->started = true;
    LIST_EACH(&world->primaries, node) {
        struct primary *primary = container_of(node, struct primary, node);
        outbox_primary(primary, SENTINEL_EVENT_MONITOR, "quorum %zu", primary_quorum(primary));
    }
    for (size_t i = 1; i < world->instance_count; i++) {
        struct instance *instance = world->instances[i];
        if (!instance) continue;
        instance->known_ms = instance->proof_ms = world->now_ms;
        for (int j = 0; j < LINE_KINDS; j++) instance->lines[j].retry_ms = world->now_ms;
        world_touch_instance(world, instance);
    }
    world_changed(world, true); /* our id must be on disk before anybody learns it */
}

static void on_line(struct world *world, const struct event *event) {
    struct instance *instance = world_find_instance(world, event->line.instance);
    if (!instance || event->line.line >= LINE_KINDS) return;
    if (event->kind == EVENT_LINE_UP)
        cadence_on_line_up(world, instance, event->line.line, event->line.local_ip);
    else
        cadence_on_line_down(world, instance, event->line.line, event->line.reason, event->line.detail);
}

static void on_hello(struct world *world, const struct event *event) {
    struct instance *from = NULL;
    if (event->hello.instance) {
        from = world_find_instance(world, event->hello.instance);
        if (!from) return;
        from->last_heard_ms = world->now_ms;
    }
    hello_receive(world, event->hello.payload, from);
}

static void on_abandoned(struct world *world, const struct event *event) {
    struct primary *primary = world_find_primary(world, event->abandon.name);
    if (primary && event->abandon.epoch > 0) guard_on_abandoned(primary, (uint64_t)event->abandon.epoch, event->abandon.id);
}

static void on_event(struct world *world, const struct event *event) {
    switch (event->kind) {
    case EVENT_START: on_start(world); break;
    case EVENT_TIMER: break;
    case EVENT_LINE_UP:
    case EVENT_LINE_DOWN: on_line(world, event); break;
    case EVENT_REPLY: listen_on_reply(world, event); break;
    case EVENT_HELLO: on_hello(world, event); break;
    case EVENT_VOTE_REQUEST: vote_on_request(world, event); break;
    case EVENT_RESOLVED: world_on_resolved(world, event->resolved.name, event->resolved.ip); break;
    case EVENT_SAVED: save_on_saved(world, event->saved.sequence, event->saved.ok, event->saved.error); break;
    case EVENT_STALL: tilt_on_stall(world, MAX(0, event->stall.stood_ms)); break;
    case EVENT_MONITOR: operate_monitor(world, event); break;
    case EVENT_REMOVE: operate_remove(world, event); break;
    case EVENT_SET: operate_set(world, event); break;
    case EVENT_RESET: operate_reset(world, event); break;
    case EVENT_FAILOVER: operate_failover(world, event); break;
    case EVENT_CONFIG_SET: operate_config_set(world, event); break;
    case EVENT_DEBUG_SET: operate_debug_set(world, event); break;
    case EVENT_SIMULATE_FAILURE:
        world->simulate = event->simulate;
        outbox_ok(world, event->token);
        break;
    case EVENT_FORGET: operate_forget(world, event); break;
    case EVENT_FLUSH: save_flush(world, event->token); break;
    case EVENT_ABANDON: on_abandoned(world, event); break;
    case EVENT_SCRIPT_ENDED: fence_on_ended(world, event); break;
    case EVENT_KINDS: UNREACHABLE("no such event");
    }
}

/* ---- The work list ---- */

static void tend_instance(struct world *world, struct instance *instance) {
    int64_t next_ms = cadence_look(world, instance);
    next_ms = MIN(next_ms, down_look(world, instance));
    /* What touched it meanwhile (its own +sdown, say) leaves it on the list for this step. */
    if (heap_has(&instance->due.node)) next_ms = MIN(next_ms, instance->due.node.key);
    if (next_ms != INT64_MAX) heap_set(&world->deadlines, &instance->due.node, next_ms);
}

static void tend_primary(struct world *world, struct primary *primary) {
    int64_t next_ms = down_look_objectively(primary);
    next_ms = MIN(next_ms, failover_look(primary));
    if (heap_has(&primary->due.node)) next_ms = MIN(next_ms, primary->due.node.key);
    if (next_ms != INT64_MAX) heap_set(&world->deadlines, &primary->due.node, next_ms);
}

/* Tends whatever is due. Nothing it does may be due again at once for ever; should it be, the bound turns that into a
 * wake-up a millisecond later instead of a loop. */
static void tend(struct world *world) {
    size_t bound = 100 + 20 * world->deadlines.count;
    while (bound-- > 0) {
        struct heap_node *node = heap_first(&world->deadlines);
        if (!node || node->key > world->now_ms) return;
        struct deadline *deadline = container_of(node, struct deadline, node);
        heap_remove(&world->deadlines, node);
        if (deadline->of_primary)
            tend_primary(world, container_of(deadline, struct primary, due));
        else
            tend_instance(world, container_of(deadline, struct instance, due));
    }
}

void machine_step(struct machine *machine, int64_t now_ms, const struct event *event, struct actions *actions) {
    struct world *world = &machine->world;
    CHECK(event->kind < EVENT_KINDS);
    world->now_ms = MAX(now_ms, world->last_step_ms);
    world->wall_ms = event->wall_ms;
    world->actions = actions;
    world->reach_known = false;
    if (world->started) tilt_look_at_clock(world);
    on_event(world, event);
    int64_t wake_ms = tilt_look(world);
    if (world->started) {
        tend(world);
        wake_ms = MIN(wake_ms, save_look(world));
        struct heap_node *first = heap_first(&world->deadlines);
        if (first) wake_ms = MIN(wake_ms, MAX(first->key, world->now_ms + 1));
    }
    if (wake_ms != world->wake_ms) actions_add(actions, ACTION_WAKE)->wake.at_ms = wake_ms;
    world->wake_ms = wake_ms;
    world->last_step_ms = world->now_ms;
    world->actions = NULL;
}

/* ---- Tables ---- */

void machine_dump_tables(struct bytes *out) {
    sm_print_table(&failover_table, out);
}
