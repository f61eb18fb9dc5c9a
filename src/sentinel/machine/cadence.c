#include "sentinel/machine/cadence.h"
#include "sentinel/machine/complaint.h"
#include "sentinel/machine/failover.h"
#include "sentinel/machine/gone.h"
#include "sentinel/machine/hello.h"
#include "sentinel/machine/instance_internal.h"
#include "sentinel/machine/outbox.h"
#include "sentinel/machine/protect.h"
#include "sentinel/machine/repoint.h"
#include "sentinel/machine/world_internal.h"

#include <stdio.h>

enum {
    CONNECT_MIN_MS = 1000, /* a lost SYN is sent again after a second */
    CONNECT_MAX_MS = 5000,
    RETRY_MIN_MS = 20,
    RETRY_MAX_MS = 1000,
    RETURN_MS = 50,      /* an old primary is looked for this often: it must not take writes */
    PINGS_MAX = 30,      /* commands in flight beyond which no more pings are sent */
    LEADER_PING_MS = 50, /* of the sentinel whose failover we wait for */
    URGENT_INFO_MS = 1000,
    /* Publish periods between hellos on data nodes when all who need them are kvd's, and between unchanged ones to a
     * kvd. What every sentinel publishes every other one hears: that is what would grow with the square. */
    RARE_ON_NODES = 5,
    RARE_TO_KVD = 10,
};

/* ---- Lines ---- */

static int64_t connect_timeout(const struct instance *instance) {
    return MAX(CONNECT_MIN_MS, MIN(instance->down_after_ms, CONNECT_MAX_MS));
}

static int64_t retry_pause(const struct instance *instance) {
    if (instance->was_primary) return RETURN_MS;
    return MIN(MAX(instance->ping_period_ms, RETRY_MIN_MS), RETRY_MAX_MS);
}

static void note_failure(struct world *world, struct instance *instance, enum line_kind line, enum line_reason reason,
                         struct slice detail) {
    struct line *l = &instance->lines[line];
    /* A peer that accepts and hangs up, or refuses our password, must not be dialled in a tight loop. */
    bool was_open = l->phase == LINE_OPEN, worked = was_open && world->now_ms - l->since_ms >= retry_pause(instance);
    gone_on_line_down(instance, l->phase, l->since_ms, reason);
    instance_forget_requests(instance, line);
    l->phase = LINE_IDLE;
    l->since_ms = world->now_ms;
    l->reason = reason;
    slice_print_plain(detail, l->detail, sizeof l->detail);
    /* A line that worked is dialled again at once; one that could not be opened, after a pause. */
    l->failures = worked ? 0 : l->failures + 1;
    l->retry_ms = world->now_ms + (worked ? 0 : retry_pause(instance));
    /* Its replicas will copy what it has a second after it returns: we want to see it first. */
    bool guarded = instance->kind == INSTANCE_PRIMARY && instance->primary->options.protect_from_empty &&
                   instance->facts.keys > 0;
    if (guarded && line == LINE_COMMAND && !instance->s_down && (reason == LINE_REFUSED || reason == LINE_RESET))
        l->retry_ms = MIN(l->retry_ms, world->now_ms + RETURN_MS);
    if (line == LINE_COMMAND) l->retry_ms = MIN(l->retry_ms, gone_retry_ms(instance, was_open ? l->failures : 0));
    if (reason == LINE_GARBAGE)
        complain(world, COMPLAINT_LINE, instance, detail, "the %s line was cut",
                 line == LINE_COMMAND ? "command" : "pub/sub");
    if (l->failures == 1) {
        enum sentinel_event event =
            line == LINE_COMMAND ? SENTINEL_EVENT_COMMAND_RECONNECT : SENTINEL_EVENT_PUBSUB_RECONNECT;
        struct primary *primary = instance->primary;
        if (!primary && !list_is_empty(&instance->seats))
            primary = container_of(list_first(&instance->seats), struct seat, at_peer)->primary;
        outbox_instance(world, instance, primary, event, "#%s", line_reason_name(reason));
    }
}

static int64_t look_idle(struct world *world, struct instance *instance, enum line_kind line) {
    struct line *l = &instance->lines[line];
    if (l->retry_ms > world->now_ms) return l->retry_ms;
    if (line == LINE_COMMAND || !instance->ip[0]) instance_find_ip(world, instance);
    world_resolve(world, instance->host, true); /* a name may have moved; the last address serves meanwhile */
    if (!instance->ip[0]) {
        l->reason = LINE_UNRESOLVED;
        l->retry_ms = world->now_ms + RETRY_MAX_MS;
        return l->retry_ms;
    }
    l->phase = LINE_CONNECTING;
    l->since_ms = world->now_ms;
    outbox_connect(world, instance, line, connect_timeout(instance));
    return l->since_ms + 2 * connect_timeout(instance);
}

/* A line that is open but dead is opened anew: some fault between us may hold only this connection. */
static bool is_stuck(const struct world *world, const struct instance *instance, enum line_kind line) {
    const struct line *l = &instance->lines[line];
    if (world->now_ms - l->since_ms < world->timing.min_link_reconnect_period_ms) return false;
    if (line == LINE_PUBSUB)
        return world->now_ms - instance->last_heard_ms > 3 * MAX(world->timing.publish_period_ms, instance->hello_gap_ms);
    int64_t half_ms = instance->down_after_ms / 2;
    return instance->ping_pending_ms && world->now_ms - instance->ping_pending_ms > half_ms &&
           world->now_ms - instance->last_reply_ms > half_ms;
}

static int64_t look_line(struct world *world, struct instance *instance, enum line_kind line) {
    struct line *l = &instance->lines[line];
    switch (l->phase) {
    case LINE_IDLE: return look_idle(world, instance, line);
    case LINE_CONNECTING: {
        /* The driver should have given up long ago. */
        int64_t until_ms = l->since_ms + 2 * connect_timeout(instance);
        if (world->now_ms < until_ms) return until_ms;
        outbox_disconnect(world, instance, line);
        note_failure(world, instance, line, LINE_TIMEOUT, SLICE("no answer to connect"));
        return l->retry_ms;
    }
    case LINE_OPEN: {
        if (!is_stuck(world, instance, line)) return world->now_ms + 1000;
        instance_hang_up(world, instance, line);
        return look_idle(world, instance, line);
    }
    }
    UNREACHABLE("no such phase");
}

void cadence_on_line_up(struct world *world, struct instance *instance, enum line_kind line, struct slice local_ip) {
    struct line *l = &instance->lines[line];
    if (l->phase != LINE_CONNECTING) return; /* we gave it up meanwhile */
    l->phase = LINE_OPEN;
    l->since_ms = world->now_ms;
    gone_on_line_up(instance);
    /* Why it was down stays until an answer proves that it works now: a refused password shows after the connect. */
    if (line == LINE_PUBSUB) {
        instance->last_heard_ms = world->now_ms;
    } else {
        if (local_ip.size < sizeof instance->local_ip)
            snprintf(instance->local_ip, sizeof instance->local_ip, "%.*s", (int)local_ip.size, local_ip.data);
        instance->last_ping_ms = instance->last_info_sent_ms = instance->last_hello_sent_ms = NEVER;
        if (instance->kind == INSTANCE_SENTINEL) {
            (void)!outbox_identify(world, instance);
            LIST_EACH(&instance->seats, node) {
                struct seat *seat = container_of(node, struct seat, at_peer);
                seat->last_hello_sent_ms = NEVER;
                /* A candidate must not wait for the next round of questions. */
                if (seat->primary->failover.sm.state == FAILOVER_WAIT_START) seat->primary->ask_ms = world->now_ms;
                world_touch_primary(seat->primary);
            }
        }
        if (instance->primary) world_touch_primary(instance->primary);
    }
    world_touch_instance(world, instance);
}

void cadence_on_line_down(struct world *world, struct instance *instance, enum line_kind line, enum line_reason reason,
                          struct slice detail) {
    if (instance->lines[line].phase == LINE_IDLE) return;
    note_failure(world, instance, line, reason, detail);
    if (line == LINE_COMMAND) {
        failover_on_line_down(instance);
        LIST_EACH(&instance->seats, node) world_touch_primary(container_of(node, struct seat, at_peer)->primary);
    }
    world_touch_instance(world, instance);
}

/* ---- What is said on the command line ---- */

static bool is_awaited_leader(const struct instance *peer) {
    LIST_EACH(&peer->seats, node) {
        const struct primary *primary = container_of(node, struct seat, at_peer)->primary;
        if (primary->o_down && strcmp(primary->vote_leader, peer->id) == 0) return true;
    }
    return false;
}

static int64_t look_ping(struct world *world, struct instance *instance) {
    int64_t period_ms = instance->ping_period_ms;
    if (instance->kind == INSTANCE_SENTINEL && is_awaited_leader(instance)) period_ms = MIN(period_ms, LEADER_PING_MS);
    if (instance->last_ping_ms != NEVER && world->now_ms - instance->last_ping_ms < period_ms)
        return instance->last_ping_ms + period_ms;
    if (instance->lines[LINE_COMMAND].pending < PINGS_MAX && outbox_ping(world, instance)) {
        instance->last_ping_ms = world->now_ms;
        if (!instance->ping_pending_ms) instance->ping_pending_ms = world->now_ms;
    }
    return world->now_ms + period_ms;
}

static bool has_request(const struct instance *instance, enum request_kind kind) {
    for (const struct request *request = instance->lines[LINE_COMMAND].first; request; request = request->next)
        if (request->kind == kind) return true;
    return false;
}

static int64_t look_info(struct world *world, struct instance *instance) {
    if (instance->kind == INSTANCE_SENTINEL) return INT64_MAX;
    int64_t period_ms = world->timing.info_period_ms;
    if (instance->kind == INSTANCE_PRIMARY && protect_waits(instance->primary)) period_ms = MIN(period_ms, RETURN_MS);
    if (repoint_is_wrong(instance)) period_ms = MIN(period_ms, URGENT_INFO_MS);
    if (instance->last_info_sent_ms != NEVER && world->now_ms - instance->last_info_sent_ms < period_ms)
        return instance->last_info_sent_ms + period_ms;
    if (!has_request(instance, REQUEST_INFO) && outbox_info(world, instance, false))
        instance->last_info_sent_ms = world->now_ms;
    return world->now_ms + MIN(period_ms, URGENT_INFO_MS);
}

static bool say_hello(struct world *world, struct instance *instance, struct primary *primary) {
    struct bytes payload = {0};
    bool sent = hello_compose(primary, instance, &payload) &&
                outbox_publish(world, instance, primary, bytes_slice(&payload)) != NULL;
    bytes_fini(&payload);
    return sent;
}

static bool is_due(const struct world *world, int64_t last_ms, int64_t period_ms, int64_t *next_ms) {
    int64_t due_ms = last_ms == NEVER ? world->now_ms : last_ms + period_ms;
    if (due_ms <= world->now_ms) {
        *next_ms = MIN(*next_ms, world->now_ms + world->timing.publish_period_ms);
        return true;
    }
    *next_ms = MIN(*next_ms, due_ms);
    return false;
}

/* All other sentinels of this primary hear from us directly and at once whatever changes. Who is alone says hello often,
 * to be found. */
static bool is_among_kvd(const struct primary *primary) {
    if (!primary->seat_count) return false;
    LIST_EACH(&primary->seats, node) {
        const struct instance *peer = container_of(node, struct seat, at_primary)->peer;
        if (!peer->is_kvd || peer->s_down || !instance_is_connected(peer)) return false;
    }
    return true;
}

static int64_t look_hello_on_node(struct world *world, struct instance *instance) {
    int64_t next_ms = INT64_MAX, period_ms = world->timing.publish_period_ms;
    if (!is_due(world, instance->last_hello_sent_ms, period_ms, &next_ms)) return next_ms;
    if (is_among_kvd(instance->primary) &&
        !is_due(world, instance->last_hello_sent_ms, RARE_ON_NODES * period_ms, &next_ms))
        return next_ms;
    if (!say_hello(world, instance, instance->primary)) return next_ms;
    int64_t gap_ms = instance->last_hello_sent_ms == NEVER ? 0 : world->now_ms - instance->last_hello_sent_ms;
    instance->hello_gap_ms = MIN(MAX(gap_ms, period_ms), RARE_ON_NODES * period_ms);
    if (is_among_kvd(instance->primary)) instance->hello_gap_ms = RARE_ON_NODES * period_ms;
    instance->last_hello_sent_ms = world->now_ms;
    return next_ms;
}

static int64_t look_hello(struct world *world, struct instance *instance) {
    if (instance->kind != INSTANCE_SENTINEL) return look_hello_on_node(world, instance);
    int64_t next_ms = INT64_MAX, period_ms = world->timing.publish_period_ms * (instance->is_kvd ? RARE_TO_KVD : 1);
    LIST_EACH(&instance->seats, node) {
        struct seat *seat = container_of(node, struct seat, at_peer);
        if (is_due(world, seat->last_hello_sent_ms, period_ms, &next_ms) && say_hello(world, instance, seat->primary))
            seat->last_hello_sent_ms = world->now_ms;
    }
    return next_ms;
}

int64_t cadence_look(struct world *world, struct instance *instance) {
    int64_t next_ms = look_line(world, instance, LINE_COMMAND);
    if (instance->kind != INSTANCE_SENTINEL) next_ms = MIN(next_ms, look_line(world, instance, LINE_PUBSUB));
    if (!instance_is_connected(instance)) return next_ms;
    next_ms = MIN(next_ms, look_ping(world, instance));
    next_ms = MIN(next_ms, look_info(world, instance));
    return MIN(next_ms, look_hello(world, instance));
}
