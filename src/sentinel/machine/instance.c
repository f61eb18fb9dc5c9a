#include "sentinel/machine/instance.h"
#include "base/mem.h"
#include "sentinel/machine/down.h"
#include "sentinel/machine/gone.h"
#include "sentinel/machine/instance_internal.h"
#include "sentinel/machine/order.h"
#include "sentinel/machine/outbox.h"
#include "sentinel/machine/world_internal.h"

#include <stdio.h>

enum { CALM_PING_MS = 1000 };

/* ---- Life ---- */

struct instance *instance_new(struct world *world, enum instance_kind kind, struct primary *primary, const char *name,
                              const char *host, uint16_t port) {
    struct instance *instance = mem_zalloc(sizeof *instance);
    if (world->instance_count >= world->instance_capacity) {
        world->instance_capacity = MAX(world->instance_capacity * 2, 16);
        world->instances = mem_realloc(world->instances, world->instance_capacity * sizeof world->instances[0]);
        world->instances[0] = NULL; /* nobody's number */
    }
    instance->world = world;
    instance->number = (uint32_t)world->instance_count++;
    world->instances[instance->number] = instance;
    instance->kind = kind;
    instance->primary = primary;
    instance->name = mem_strdup(name);
    instance->host = mem_strdup(host);
    instance->port = port;
    list_node_init(&instance->node);
    list_init(&instance->seats);
    instance->known_ms = instance->proof_ms = world->now_ms;
    instance->last_ping_ms = instance->last_good_ms = instance->last_reply_ms = instance->usual_rtt_us = NEVER;
    instance->s_down_since_ms = NEVER;
    instance->info_ms = instance->last_info_sent_ms = NEVER;
    instance->last_hello_sent_ms = instance->last_heard_ms = instance->last_hello_ms = NEVER;
    instance->last_order_ms = instance->took_over_ms = NEVER;
    gone_reset(instance);
    instance->facts.at_ms = NEVER;
    instance->facts.priority = 100;
    instance->facts.keys = -1;
    instance->facts.announced = true;
    instance->facts.link_down_ms = instance->facts.former_offset = -1;
    instance->fenced_offset = instance->fenced_synced = -1;
    instance->fence_seen_ms = NEVER;
    instance->role_reported = kind == INSTANCE_PRIMARY ? ROLE_PRIMARY : ROLE_REPLICA;
    if (kind == INSTANCE_SENTINEL) instance->role_reported = ROLE_UNKNOWN;
    instance->role_since_ms = instance->follows_since_ms = instance->reconf_since_ms = world->now_ms;
    for (int i = 0; i < LINE_KINDS; i++)
        instance->lines[i] = (struct line){.phase = LINE_IDLE, .since_ms = world->now_ms, .retry_ms = world->now_ms};
    instance_find_ip(world, instance);
    if (primary) instance_derive(instance);
    world_touch_instance(world, instance);
    return instance;
}

void instance_drop(struct world *world, struct instance *instance) {
    for (int i = 0; i < LINE_KINDS; i++) instance_forget_requests(instance, (enum line_kind)i);
    instance_set_sought(instance, false);
    if (world->actions) actions_add(world->actions, ACTION_FORGET)->disconnect.instance = instance->number;
    heap_remove(&world->deadlines, &instance->due.node);
    list_remove(&instance->node);
    world->instances[instance->number] = NULL;
    mem_free(instance->info);
    mem_free(instance->name);
    mem_free(instance->host);
    mem_free(instance);
}

/* The period is how much of down-after a silence may lack when it is taken for down: silence counts from the last answered
 * ping. A tenth, so that a primary that stood still for nine tenths of down-after is never failed over. */
static int64_t probe_period(int64_t down_after_ms, int64_t most_ms) {
    return MAX(1, MIN(MAX(down_after_ms / 10, MIN(10, down_after_ms / 2)), most_ms));
}

/* Of whose silence nothing hangs: once a second is enough, and so is a tenth of a long down-after. */
static int64_t calm_period(int64_t wanted_ms, int64_t down_after_ms, int64_t most_ms) {
    return MAX(1, MIN(MIN(wanted_ms, MAX(CALM_PING_MS, down_after_ms / 10)), most_ms));
}

void instance_derive(struct instance *instance) {
    const struct timing *timing = &instance->world->timing;
    switch (instance->kind) {
    case INSTANCE_PRIMARY:
        instance->down_after_ms = instance->primary->options.down_after_ms;
        instance->ping_period_ms = probe_period(instance->down_after_ms, timing->ping_period_ms);
        break;
    case INSTANCE_REPLICA: /* nothing hurries when a replica is down: a failover asks for fresh facts anyway */
        instance->down_after_ms = instance->primary->options.down_after_ms;
        instance->ping_period_ms = calm_period(instance->down_after_ms, instance->down_after_ms, timing->ping_period_ms);
        break;
    case INSTANCE_SENTINEL: {
        int64_t least = INT64_MAX;
        LIST_EACH(&instance->seats, node)
        least = MIN(least, container_of(node, struct seat, at_peer)->primary->options.down_after_ms);
        instance->down_after_ms = least == INT64_MAX ? timing->default_down_after_ms : least;
        instance->ping_period_ms = calm_period(instance->down_after_ms / 3, instance->down_after_ms, timing->ping_period_ms);
        break;
    }
    }
}

void instance_find_ip(struct world *world, struct instance *instance) {
    const char *ip = world_lookup(world, instance->host);
    if (ip)
        snprintf(instance->ip, sizeof instance->ip, "%s", ip);
    else
        world_resolve(world, instance->host, false);
}

/* ---- Lines ---- */

void instance_forget_requests(struct instance *instance, enum line_kind line) {
    struct line *l = &instance->lines[line];
    for (struct request *request = l->first, *next; request; request = next) {
        next = request->next;
        mem_free(request);
    }
    l->first = l->last = NULL;
    l->pending = 0;
}

void instance_set_sought(struct instance *instance, bool is_sought) {
    if (instance->is_sought == is_sought) return;
    instance->is_sought = is_sought;
    if (is_sought) instance->world->sought_count++;
    else instance->world->sought_count--;
}

void instance_hang_up(struct world *world, struct instance *instance, enum line_kind line) {
    struct line *l = &instance->lines[line];
    if (l->phase == LINE_IDLE) return;
    instance_forget_requests(instance, line);
    outbox_disconnect(world, instance, line);
    world->reach_known = false;
    l->phase = LINE_IDLE;
    l->since_ms = world->now_ms;
    l->retry_ms = world->now_ms;
    l->reason = LINE_CLOSED;
    l->detail[0] = 0;
    if (line == LINE_COMMAND) order_on_line_down(instance);
}

/* Answers come in order, so what was sent before an answered request and is still open will never be answered. */
static void drop_until(struct instance *instance, const struct request *request) {
    struct line *line = &instance->lines[LINE_COMMAND];
    while (line->first != request) {
        struct request *lost = line->first;
        bool order = lost->kind == REQUEST_PROMOTE || lost->kind == REQUEST_HANDOVER;
        line->first = lost->next;
        line->pending -= lost->commands - lost->answered;
        mem_free(lost);
        if (order) order_on_line_down(instance);
    }
}

struct request *instance_take_request(struct instance *instance, uint64_t number, uint32_t index, bool *complete) {
    struct line *line = &instance->lines[LINE_COMMAND];
    struct request *request = line->first;
    while (request && request->number != number) request = request->next;
    if (!request || index >= request->commands || index < request->answered) return NULL;
    drop_until(instance, request);
    line->pending -= index + 1 - request->answered;
    request->answered = index + 1;
    *complete = request->answered == request->commands;
    if (!*complete) return request;
    line->first = request->next;
    if (!line->first) line->last = NULL;
    request->next = NULL;
    return request;
}

/* ---- Questions ---- */

int64_t instance_silent_ms(const struct instance *instance, int64_t now_ms) {
    return MAX(0, now_ms - instance->proof_ms);
}

size_t instance_memory(const struct instance *instance) {
    size_t size = mem_size(instance) + mem_size(instance->name) + mem_size(instance->host);
    if (instance->info) size += mem_size(instance->info);
    for (const struct request *request = instance->lines[LINE_COMMAND].first; request; request = request->next)
        size += mem_size(request);
    return size;
}

bool instance_is_connected(const struct instance *instance) {
    return instance->lines[LINE_COMMAND].phase == LINE_OPEN;
}

const char *instance_shown_host(const struct instance *instance, const struct world *world) {
    if (world->settings.resolve_hostnames && world->settings.announce_hostnames) return instance->host;
    return instance->ip[0] ? instance->ip : instance->host;
}

static void add_flag(struct bytes *out, size_t start, bool set, const char *flag) {
    if (!set) return;
    if (out->size > start) bytes_add_char(out, ',');
    bytes_add_text(out, flag);
}

void instance_flags(const struct instance *instance, struct bytes *out) {
    size_t start = out->size;
    const struct primary *primary = instance->primary;
    bool is_primary = instance->kind == INSTANCE_PRIMARY, is_replica = instance->kind == INSTANCE_REPLICA;
    const struct failover *failover = primary ? &primary->failover : NULL;
    bool running = failover && failover->sm.state != FAILOVER_NONE;
    bool master_down = false;
    if (instance->kind == INSTANCE_SENTINEL)
        LIST_EACH(&instance->seats, node) master_down |= down_seat_agrees(container_of(node, struct seat, at_peer));

    add_flag(out, start, instance->s_down, "s_down");
    add_flag(out, start, is_primary && primary->o_down, "o_down");
    add_flag(out, start, true, instance_kind_name(instance->kind));
    add_flag(out, start, !instance_is_connected(instance), "disconnected");
    add_flag(out, start, master_down, "master_down");
    add_flag(out, start, is_primary && running, "failover_in_progress");
    add_flag(out, start, is_primary && primary->guard.least, "guarded");
    add_flag(out, start, is_primary && running && primary->guard.waits, "waits_for_fences");
    add_flag(out, start, instance->kind != INSTANCE_SENTINEL && instance->facts.fence_epoch, "fenced");
    add_flag(out, start, instance->promoted, "promoted");
    add_flag(out, start, is_replica && instance->reconf == RECONF_SENT, "reconf_sent");
    add_flag(out, start, is_replica && instance->reconf == RECONF_INPROG, "reconf_inprog");
    add_flag(out, start, is_replica && instance->reconf == RECONF_DONE, "reconf_done");
    add_flag(out, start, is_primary && running && failover->forced, "force_failover");
    add_flag(out, start, instance->script_kill_sent, "script_kill_sent");
    add_flag(out, start, is_primary && instance->rebooted, "master_reboot");
}

const char *role_name(enum role role) {
    switch (role) {
    case ROLE_UNKNOWN: return "unknown";
    case ROLE_PRIMARY: return "master";
    case ROLE_REPLICA: return "slave";
    }
    return "?";
}

const char *instance_kind_name(enum instance_kind kind) {
    switch (kind) {
    case INSTANCE_PRIMARY: return "master";
    case INSTANCE_REPLICA: return "slave";
    case INSTANCE_SENTINEL: return "sentinel";
    }
    return "?";
}
