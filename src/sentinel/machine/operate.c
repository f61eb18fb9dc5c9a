#include "sentinel/machine/operate.h"
#include "base/glob.h"
#include "sentinel/machine/cadence.h"
#include "sentinel/machine/failover.h"
#include "sentinel/machine/gone.h"
#include "sentinel/machine/instance_internal.h"
#include "sentinel/machine/options.h"
#include "sentinel/machine/outbox.h"
#include "sentinel/machine/world_internal.h"

#include <inttypes.h>

enum { HELLOS_MISSED = 2 };

static struct primary *find_or_refuse(struct world *world, const struct event *event, struct slice name) {
    struct primary *primary = world_find_primary(world, name);
    if (!primary) outbox_error(world, event->token, "ERR No such master with that name");
    return primary;
}

/* A name stands in events, hellos and files, so it must not hold what separates there. */
static bool is_good_name(struct slice name) {
    if (name.size == 0 || name.size > 255) return false;
    for (size_t i = 0; i < name.size; i++) {
        unsigned char c = (unsigned char)name.data[i];
        if (c <= ' ' || c == ',' || c == 127) return false;
    }
    return true;
}

void operate_monitor(struct world *world, const struct event *event) {
    struct slice name = event->monitor.name;
    char *host = slice_to_text(event->monitor.host);
    if (event->monitor.quorum <= 0 || event->monitor.quorum > INT32_MAX)
        outbox_error(world, event->token, "ERR Quorum must be 1 or greater.");
    else if (event->monitor.port <= 0 || event->monitor.port > 65535)
        outbox_error(world, event->token, "ERR Invalid port number.");
    else if (!is_good_name(name))
        outbox_error(world, event->token, "ERR Invalid master name");
    else if (!world_may_watch(world, host))
        outbox_error(world, event->token, "ERR Invalid IP address or hostname specified");
    else if (world_find_primary(world, name))
        outbox_error(world, event->token, "ERR Duplicate master name.");
    else {
        char *text = slice_to_text(name);
        struct primary *primary = primary_new(world, text, host, (uint16_t)event->monitor.port);
        primary->options.quorum = (uint32_t)event->monitor.quorum;
        primary->at_run_time = true;
        outbox_primary(primary, SENTINEL_EVENT_MONITOR, "quorum %zu", primary_quorum(primary));
        outbox_ok(world, event->token);
        world_changed(world, true);
        mem_free(text);
    }
    mem_free(host);
}

void operate_remove(struct world *world, const struct event *event) {
    struct primary *primary = find_or_refuse(world, event, event->name);
    if (!primary) return;
    outbox_primary(primary, SENTINEL_EVENT_UNMONITOR, "%s", "");
    if (!primary->at_run_time && !removed_find(world, primary->name))
        removed_add(world, primary->name, primary->configured_host, primary->configured_port);
    failover_drop(primary, "the primary is no longer watched");
    primary_drop(primary);
    outbox_ok(world, event->token);
    world_changed(world, true);
}

/* The password or user changed: all lines are opened anew with it. */
static void dial_anew(struct world *world, struct instance *instance) {
    for (int i = 0; i < LINE_KINDS; i++) instance_hang_up(world, instance, (enum line_kind)i);
    world_touch_instance(world, instance);
}

void operate_set(struct world *world, const struct event *event) {
    struct primary *primary = find_or_refuse(world, event, event->set.name);
    if (!primary) return;
    struct error err;
    for (size_t i = 0; i < event->set.count; i++) {
        if (options_check(primary, &event->set.options[i], true, &err)) continue;
        outbox_error(world, event->token, "%s", err.text);
        return;
    }
    bool anew = false;
    for (size_t i = 0; i < event->set.count; i++) {
        const struct option_change *change = &event->set.options[i];
        if (options_change(primary, change)) anew = true;
        bool secret = slice_is_nocase(change->name, "auth-pass");
        outbox_primary(primary, SENTINEL_EVENT_SET, "%.*s %s%.*s%s%.*s", (int)change->name.size, change->name.data,
                       secret ? "******" : "", secret ? 0 : (int)change->value.size,
                       change->value.data ? change->value.data : "", change->second.size ? " " : "",
                       (int)change->second.size, change->second.data ? change->second.data : "");
    }
    if (anew) {
        dial_anew(world, primary->instance);
        LIST_EACH(&primary->replicas, node) dial_anew(world, container_of(node, struct instance, node));
    }
    outbox_ok(world, event->token);
    world_changed(world, true);
}

/* Whoever is there and belongs here would be found again in a moment; without it we could not fail over until then, nor
 * at all when the primary is what is gone. So RESET forgets the others. */
static bool is_there(const struct instance *replica) {
    const struct facts *facts = &replica->facts;
    return !replica->s_down && instance_is_connected(replica) && facts->at_ms != NEVER && facts->role == ROLE_REPLICA &&
           instance_is_at(replica->primary->instance, facts->primary_host, facts->primary_port);
}

static bool sits_here(const struct seat *seat) {
    const struct world *world = seat->primary->world;
    return !seat->peer->s_down && instance_is_connected(seat->peer) && seat->last_hello_ms != NEVER &&
           world->now_ms - seat->last_hello_ms < HELLOS_MISSED * cadence_hello_period_ms(seat->peer);
}

static void reset(struct primary *primary) {
    struct world *world = primary->world;
    struct instance *instance = primary->instance;
    failover_drop(primary, "reset by an operator");
    LIST_EACH(&primary->replicas, node) {
        struct instance *replica = container_of(node, struct instance, node);
        if (!is_there(replica)) replica_drop(replica);
    }
    LIST_EACH(&primary->seats, node) {
        struct seat *seat = container_of(node, struct seat, at_primary);
        if (!sits_here(seat)) seat_drop(seat);
    }
    instance->s_down = primary->o_down = false;
    instance->s_down_since_ms = primary->o_down_since_ms = primary->down_since_ms = NEVER;
    instance->proof_ms = world->now_ms;
    instance->ping_pending_ms = 0;
    instance->script_kill_sent = instance->rebooted = false;
    gone_reset(instance);
    primary->ask_ms = INT64_MAX;
    primary->voted_ms = NEVER;
    failover_reset(primary);
    /* What was forgotten is learned again at once: RESET must not blind us until the next INFO and hello. */
    instance->last_info_sent_ms = instance->last_hello_sent_ms = instance->last_ping_ms = NEVER;
    instance->hello_look_ms = 0;
    for (int i = 0; i < LINE_KINDS; i++)
        if (instance->lines[i].phase == LINE_IDLE) instance->lines[i].retry_ms = world->now_ms;
    outbox_primary(primary, SENTINEL_EVENT_RESET, "%s", "");
    world_touch_group(primary);
}

void operate_reset(struct world *world, const struct event *event) {
    int64_t count = 0;
    LIST_EACH(&world->primaries, node) {
        struct primary *primary = container_of(node, struct primary, node);
        if (!glob_match(event->name, slice_text(primary->name))) continue;
        reset(primary);
        count++;
    }
    if (count) world_changed(world, true);
    outbox_count(world, event->token, count);
}

static bool forget_replica(struct primary *primary, const char *host, int64_t port) {
    struct instance *replica = replica_find_at(primary, host, port);
    if (!replica) return false;
    outbox_instance(primary->world, replica, NULL, SENTINEL_EVENT_FORGET, "%s", "");
    forgotten_add(primary, replica->host, replica->ip, replica->port);
    replica_drop(replica);
    return true;
}

static bool forget_sentinel(struct primary *primary, struct slice id) {
    struct seat *seat = primary_find_seat(primary, id);
    if (!seat) return false;
    outbox_instance(primary->world, seat->peer, primary, SENTINEL_EVENT_FORGET, "%s", "");
    forgotten_add(primary, seat->peer->id, "", 0);
    seat_drop(seat);
    return true;
}

void operate_forget(struct world *world, const struct event *event) {
    struct primary *primary = find_or_refuse(world, event, event->forget.name);
    if (!primary) return;
    if (primary->failover.sm.state != FAILOVER_NONE) { /* its votes and its target are counted on */
        outbox_error(world, event->token, "INPROG Failover in progress, try again when it is over");
        return;
    }
    struct slice who = event->forget.host;
    char *host = slice_to_text(who);
    bool known = event->forget.port ? forget_replica(primary, host, event->forget.port) : forget_sentinel(primary, who);
    mem_free(host);
    /* The others may know one that we do not know (any more). */
    size_t told = 0;
    LIST_EACH(&primary->seats, node) {
        const struct seat *seat = container_of(node, struct seat, at_primary);
        if (event->forget.here || !seat->peer->is_kvd || slice_is(who, seat->peer->id)) continue;
        if (outbox_forget(world, seat->peer, primary, who, event->forget.port)) told++;
    }
    if (!known && !told) {
        outbox_error(world, event->token, "ERR No such %s", event->forget.port ? "replica" : "sentinel");
        return;
    }
    outbox_ok(world, event->token);
    if (known) {
        world_touch_primary(primary);
        world_changed(world, true);
    }
}

/* The replica that FAILOVER ... TO names. False: there is none of that address, and it was said. */
static bool find_wanted(struct world *world, const struct event *event, const struct primary *primary,
                        struct instance **wanted) {
    *wanted = NULL;
    if (!event->failover.to_host.size) return true;
    char *host = slice_to_text(event->failover.to_host);
    *wanted = replica_find_at(primary, host, event->failover.to_port);
    if (!*wanted)
        outbox_error(world, event->token, "NOGOODSLAVE %s:%" PRId64 " is no known replica of %s", host,
                     event->failover.to_port, primary->name);
    mem_free(host);
    return *wanted != NULL;
}

void operate_failover(struct world *world, const struct event *event) {
    struct primary *primary = find_or_refuse(world, event, event->failover.name);
    struct instance *wanted;
    bool coordinated = event->failover.coordinated;
    if (!primary || !find_wanted(world, event, primary, &wanted)) return;
    struct bytes why = {0};
    const char *reason = event->failover.unguarded ? "asked for by an operator, who gave the promise of confirmed writes up"
                         : coordinated             ? "asked for by an operator, coordinated"
                                                   : "asked for by an operator";
    if (failover_force(primary, coordinated, event->failover.unguarded, wanted, reason, &why))
        outbox_ok(world, event->token);
    else
        outbox_error(world, event->token, "%s", bytes_text(&why));
    bytes_fini(&why);
}

void operate_config_set(struct world *world, const struct event *event) {
    struct error err;
    for (size_t i = 0; i < event->set.count; i++) {
        if (settings_check(&event->set.options[i], &err)) continue;
        outbox_error(world, event->token, "%s", err.text);
        return;
    }
    bool anew = false;
    for (size_t i = 0; i < event->set.count; i++)
        if (settings_change(world, &event->set.options[i])) anew = true;
    if (anew) LIST_EACH(&world->peers, node) dial_anew(world, container_of(node, struct instance, node));
    outbox_ok(world, event->token);
    world_changed(world, true);
}

void operate_debug_set(struct world *world, const struct event *event) {
    struct error err;
    for (size_t i = 0; i < event->set.count; i++) {
        if (timing_check(&event->set.options[i], &err)) continue;
        outbox_error(world, event->token, "%s", err.text);
        return;
    }
    for (size_t i = 0; i < event->set.count; i++) timing_apply(world, &event->set.options[i]);
    outbox_ok(world, event->token);
}
