#include "sentinel/machine/cadence.h"
#include "sentinel/machine/complaint.h"
#include "sentinel/machine/election.h"
#include "sentinel/machine/gone.h"
#include "sentinel/machine/guard.h"
#include "sentinel/machine/hello.h"
#include "sentinel/machine/instance_internal.h"
#include "sentinel/machine/order.h"
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
    OTHERS_RETURN_MS = 250,
    SOUGHT_PER_S = 400,  /* attempts altogether: the more are looked for, the more rarely each */
    ANSWER_RTTS = 4,     /* a host that answers at all does so within as many usual round trips */
    UNACKED_MIN_MS = 250, /* the kernel repeats what is lost after 200 */
    PINGS_MAX = 30,      /* commands in flight beyond which no more pings are sent */
    LEADER_PING_MS = 50, /* of the sentinel whose failover we wait for */
    WITH_PING = 2, /* ping periods that may pass until the next ping makes no difference */
    TROUBLE_MS = 5000,  /* as long as something may still come of it */
    DOWN_PING_MS = 100, /* of who is down: its return matters */
    URGENT_INFO_MS = 1000,
    AWAITED_INFO_MS = 250, /* of a replica whose confirmations do not count before it */
    LEFT_OVER_INFO_MS = 100, /* of a replica that a leader left behind */
    /* Publish periods between hellos on data nodes when all who need them are kvd's, and between unchanged ones to a
     * kvd. What every sentinel publishes every other one hears: that is what would grow with the square. */
    RARE_ON_NODES = 5,
    RARE_TO_KVD = 30,
    RARE_OF_SILENT = 15,
    SILENT_SHARES_MAX = 2, /* the more there are that keep silent, the more rarely each of them speaks */
    GRIDS = 10, /* of a period: what is due at about the same time is done in one go */
};

/* ---- Lines ---- */

static int64_t connect_timeout(const struct instance *instance) {
    return MAX(CONNECT_MIN_MS, MIN(instance->down_after_ms, CONNECT_MAX_MS));
}

/* Whose return must be seen at once: an old primary takes writes that will be lost, and the primary may still be in time. */
static bool is_sought(const struct instance *instance) {
    return instance->was_primary || instance->kind == INSTANCE_PRIMARY;
}

/* Whoever led the switch looks for the old primary most often; should it be gone, so do all. */
static int64_t return_ms(const struct instance *old) {
    const struct primary *primary = old->primary;
    if (strcmp(primary->switched_by, primary->world->id) == 0) return RETURN_MS;
    const struct seat *seat = primary_find_seat(primary, slice_text(primary->switched_by));
    bool leads = seat && !seat->peer->s_down && instance_is_connected(seat->peer);
    return leads ? OTHERS_RETURN_MS : RETURN_MS;
}

static int64_t retry_pause(const struct instance *instance) {
    int64_t usual_ms = MIN(MAX(instance->ping_period_ms, RETRY_MIN_MS), RETRY_MAX_MS);
    if (!instance->was_primary) return usual_ms;
    int64_t share_ms = (int64_t)instance->world->sought_count * 1000 / SOUGHT_PER_S;
    return MAX(return_ms(instance), MIN(share_ms, RETRY_MAX_MS));
}

static int64_t usual_rtt_ms(const struct instance *instance) {
    return (MAX(instance->usual_rtt_us, 0) + 999) / 1000;
}

/* The kernel repeats a lost SYN after a second, and then ever more rarely; a new attempt asks at once. So for whoever is sought an
 * attempt that is not answered gives way to the next one. Should the way have become longer than it was, each would be
 * given up too early: the pub/sub line, which waits as long as any, then gets through and shows it. */
static struct line_patience patience_for(const struct instance *instance, enum line_kind line) {
    struct line_patience patience = {.connect_ms = connect_timeout(instance)};
    const struct line *pubsub = &instance->lines[LINE_PUBSUB];
    bool is_further = pubsub->phase == LINE_OPEN && pubsub->since_ms > instance->last_reply_ms;
    bool quick = line == LINE_COMMAND && is_sought(instance) && instance->usual_rtt_us != NEVER && !is_further;
    int64_t quick_ms = MAX(MAX(RETURN_MS, retry_pause(instance)), ANSWER_RTTS * usual_rtt_ms(instance));
    patience.answer_ms = quick ? MIN(quick_ms, patience.connect_ms) : patience.connect_ms;
    patience.unacked_ms = MAX(UNACKED_MIN_MS + ANSWER_RTTS * usual_rtt_ms(instance), instance->down_after_ms / 2);
    return patience;
}

/* What the pub/sub line says is that it is open, and it may say so for long where packets vanish. */
static void doubt_pubsub(struct world *world, struct instance *instance) {
    struct line *pubsub = &instance->lines[LINE_PUBSUB];
    if (pubsub->phase == LINE_OPEN && pubsub->since_ms <= instance->last_reply_ms) instance_hang_up(world, instance, LINE_PUBSUB);
}

static void note_failure(struct world *world, struct instance *instance, enum line_kind line, enum line_reason reason,
                         struct slice detail) {
    struct line *l = &instance->lines[line];
    /* A peer that accepts and hangs up, or refuses our password, must not be dialled in a tight loop. */
    bool was_open = l->phase == LINE_OPEN, unanswered = !was_open && reason == LINE_TIMEOUT;
    bool worked = was_open && world->now_ms - l->since_ms >= retry_pause(instance);
    int64_t was_since_ms = l->since_ms;
    gone_on_line_down(instance, l->phase, was_since_ms, reason);
    instance_forget_requests(instance, line);
    if (line == LINE_COMMAND) instance_set_sought(instance, is_sought(instance));
    l->phase = LINE_IDLE;
    l->since_ms = world->now_ms;
    l->reason = reason;
    slice_print_plain(detail, l->detail, sizeof l->detail);
    /* A line that worked is dialled again at once; one that could not be opened, after a pause. */
    l->failures = worked ? 0 : l->failures + 1;
    l->retry_ms = world->now_ms + (worked ? 0 : retry_pause(instance));
    if (instance->is_sought && unanswered && line == LINE_COMMAND) /* the attempt was the pause */
        l->retry_ms = MAX(world->now_ms, was_since_ms + retry_pause(instance));
    if (instance->is_sought && reason == LINE_TIMEOUT && line == LINE_COMMAND) doubt_pubsub(world, instance);
    /* Its replicas will copy what it has a second after it returns: we want to see it first. */
    bool guarded = instance->kind == INSTANCE_PRIMARY && instance->primary->options.protect_from_empty &&
                   instance->facts.keys > 0;
    if (guarded && line == LINE_COMMAND && !instance->s_down && (reason == LINE_REFUSED || reason == LINE_RESET))
        l->retry_ms = MIN(l->retry_ms, world->now_ms + RETURN_MS);
    /* A line that answered was of use, however short it was: after a failover all lines are new. Once. */
    uint32_t hung_up = !was_open ? 0 : instance->last_good_ms >= was_since_ms && l->failures ? l->failures - 1 : l->failures;
    if (line == LINE_COMMAND) l->retry_ms = MIN(l->retry_ms, gone_retry_ms(instance, hung_up));
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
    /* Nobody answers there: one line is enough to find out when that ends. */
    const struct line *command = &instance->lines[LINE_COMMAND];
    bool answers = command->phase == LINE_OPEN || command->failures == 0;
    if (line == LINE_PUBSUB && !answers && !(instance->is_sought && command->reason == LINE_TIMEOUT)) return INT64_MAX;
    if (line == LINE_COMMAND || !instance->ip[0]) instance_find_ip(world, instance);
    world_resolve(world, instance->host, true); /* a name may have moved; the last address serves meanwhile */
    if (!instance->ip[0]) {
        l->reason = LINE_UNRESOLVED;
        l->retry_ms = world->now_ms + RETRY_MAX_MS;
        return l->retry_ms;
    }
    l->phase = LINE_CONNECTING;
    l->since_ms = world->now_ms;
    struct line_patience patience = patience_for(instance, line);
    outbox_connect(world, instance, line, &patience);
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
    if (l->reason == LINE_REFUSED || l->reason == LINE_TIMEOUT) l->failures = 0; /* it was away and is back: no flapping yet */
    gone_on_line_up(instance);
    /* Why it was down stays until an answer proves that it works now: a refused password shows after the connect. */
    if (line == LINE_PUBSUB) {
        instance->last_heard_ms = world->now_ms;
        if (instance->primary && instance->primary->fresh) world_touch_primary(instance->primary); /* N5 */
    } else {
        instance_set_sought(instance, false);
        /* Its SYN may be lost, and comes again in a second: now there is somebody who answers a new one. */
        if (instance->lines[LINE_PUBSUB].phase == LINE_CONNECTING && instance->lines[LINE_PUBSUB].since_ms < world->now_ms)
            instance_hang_up(world, instance, LINE_PUBSUB);
        if (local_ip.size < sizeof instance->local_ip)
            snprintf(instance->local_ip, sizeof instance->local_ip, "%.*s", (int)local_ip.size, local_ip.data);
        memcpy(world->local_ip, instance->local_ip, sizeof world->local_ip);
        instance->last_ping_ms = instance->last_info_sent_ms = instance->last_hello_sent_ms = NEVER;
        instance->hello_look_ms = 0;
        instance->fence_asked = instance->fenced_epoch = 0; /* it may be another process */
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
        order_on_line_down(instance);
        LIST_EACH(&instance->seats, node) world_touch_primary(container_of(node, struct seat, at_peer)->primary);
    }
    world_touch_instance(world, instance);
}

/* ---- What is said on the command line ---- */

static bool is_awaited_leader(const struct instance *peer) {
    const struct world *world = peer->world;
    if (world->trouble_ms == NEVER || world->now_ms - world->trouble_ms > TROUBLE_MS) return false;
    LIST_EACH(&peer->seats, node) {
        const struct primary *primary = container_of(node, struct seat, at_peer)->primary;
        if (primary->o_down && strcmp(primary->vote_leader, peer->id) == 0) return true;
        if (strcmp(primary->switched_by, peer->id) == 0 && repoint_has_left_over(primary)) return true;
    }
    return false;
}

/* Instances that were connected at the same time do not stay in step: thousands of pings in one go would take so long
 * that deadlines pass meanwhile. But those of some milliseconds go out together: one sleep less for each. */
static int64_t spread(const struct instance *instance, int64_t period_ms) {
    return (int64_t)(instance->number * (uint64_t)2654435761u >> 16) % period_ms;
}

static int64_t on_grid(int64_t at_ms, int64_t period_ms) {
    int64_t grid_ms = MAX(1, period_ms / GRIDS);
    return at_ms - at_ms % grid_ms;
}

static int64_t look_ping(struct world *world, struct instance *instance) {
    int64_t period_ms = instance->ping_period_ms;
    if (instance->kind == INSTANCE_SENTINEL && is_awaited_leader(instance)) period_ms = MIN(period_ms, LEADER_PING_MS);
    if (instance->s_down) period_ms = MIN(period_ms, DOWN_PING_MS);
    bool first = instance->last_ping_ms == NEVER;
    int64_t due_ms = first ? world->now_ms : on_grid(instance->last_ping_ms + period_ms, period_ms);
    if (world->now_ms < due_ms) return due_ms;
    if (instance->lines[LINE_COMMAND].pending < PINGS_MAX && outbox_ping(world, instance)) {
        instance->last_ping_ms = world->now_ms - (first ? spread(instance, period_ms) : 0);
        if (!instance->ping_pending_ms) instance->ping_pending_ms = world->now_ms;
        guard_on_ping(instance);
        return MAX(on_grid(instance->last_ping_ms + period_ms, period_ms), world->now_ms + 1);
    }
    return world->now_ms + period_ms;
}

/* What is due now and then goes out with the next ping, in the same packet. */
static bool may_wait_for_ping(const struct world *world, const struct instance *instance, int64_t last_ms, int64_t period_ms) {
    return last_ms != NEVER && instance->last_ping_ms != world->now_ms && period_ms >= WITH_PING * instance->ping_period_ms &&
           instance->lines[LINE_COMMAND].pending < PINGS_MAX;
}

/* So until that ping nothing has to be looked at for its sake: a wake-up of its own for each would cost more than the pings. */
static int64_t look_with_ping(const struct instance *instance, int64_t due_ms, int64_t period_ms) {
    return period_ms >= WITH_PING * instance->ping_period_ms ? INT64_MAX : due_ms;
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
    if (guard_awaits(instance)) period_ms = MIN(period_ms, AWAITED_INFO_MS);
    if (repoint_is_wrong(instance)) period_ms = MIN(period_ms, URGENT_INFO_MS);
    if (repoint_is_ours(instance)) period_ms = MIN(period_ms, LEFT_OVER_INFO_MS);
    int64_t most_ms = repoint_is_left_over(instance) ? world->now_ms + LEFT_OVER_INFO_MS : INT64_MAX; /* the leader's fate */
    if (instance->last_info_sent_ms != NEVER && world->now_ms - instance->last_info_sent_ms < period_ms)
        return MIN(most_ms, look_with_ping(instance, instance->last_info_sent_ms + period_ms, period_ms));
    if (may_wait_for_ping(world, instance, instance->last_info_sent_ms, period_ms)) return most_ms;
    bool first = instance->last_info_sent_ms == NEVER;
    if (!has_request(instance, REQUEST_INFO) && outbox_info(world, instance, false))
        instance->last_info_sent_ms = world->now_ms - (first ? spread(instance, period_ms) : 0);
    return MIN(most_ms, world->now_ms + MIN(period_ms, URGENT_INFO_MS));
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

static bool is_within_reach(const struct instance *peer) {
    return peer->is_kvd && !peer->s_down && instance_is_connected(peer);
}

/* Sentinels are the same for most primaries, and each of thousands of instances asks: all of them are looked at once. */
static bool all_are_within_reach(struct world *world) {
    if (world->reach_known) return world->all_within_reach;
    world->reach_known = world->all_within_reach = true;
    LIST_EACH(&world->peers, node) world->all_within_reach &= is_within_reach(container_of(node, struct instance, node));
    return world->all_within_reach;
}

/* All other sentinels of this primary hear from us directly and at once whatever changes. Who is alone says hello often,
 * to be found. */
static bool is_among_kvd(const struct primary *primary) {
    if (!primary->seat_count || primary->fresh) return false;
    if (all_are_within_reach(primary->world)) return true;
    LIST_EACH(&primary->seats, node)
    if (!is_within_reach(container_of(node, struct seat, at_primary)->peer)) return false;
    return true;
}

/* Where one that need not speak does so now and then: who knows all that he knows may still not know him. On a replica
 * only who listens there hears it; what is said on the primary is heard on each replica again. */
static bool is_quiet_place(const struct instance *instance) {
    const struct primary *primary = instance->primary;
    LIST_EACH(&primary->replicas, node) {
        const struct instance *replica = container_of(node, struct instance, node);
        if (!replica->s_down && instance_is_connected(replica)) return replica == instance;
    }
    return primary->instance == instance;
}

/* Among kvd's one is enough to keep the nodes' lines alive and to be found by who is new: the first in the order that
 * all of them know. The others, and he, are told directly. */
static int64_t look_hello_on_node(struct world *world, struct instance *instance) {
    int64_t next_ms = INT64_MAX, period_ms = world->timing.publish_period_ms;
    bool among_kvd = is_among_kvd(instance->primary), said = instance->last_hello_sent_ms != NEVER;
    if (among_kvd) instance->hello_gap_ms = RARE_ON_NODES * period_ms;
    int64_t rarely = among_kvd ? RARE_ON_NODES : 1;
    if (among_kvd && said && election_rank(instance->primary) > 0) {
        if (!is_quiet_place(instance)) return world->now_ms + period_ms;
        rarely = RARE_OF_SILENT * MIN(MAX(instance->primary->seat_count / 2, 1), SILENT_SHARES_MAX);
    }
    if (!is_due(world, instance->last_hello_sent_ms, rarely * period_ms, &next_ms))
        return MIN(next_ms, world->now_ms + period_ms); /* by then there may be others */
    if (may_wait_for_ping(world, instance, instance->last_hello_sent_ms, rarely * period_ms)) return world->now_ms;
    if (!say_hello(world, instance, instance->primary)) return next_ms;
    int64_t gap_ms = said ? world->now_ms - instance->last_hello_sent_ms : 0;
    instance->hello_gap_ms = among_kvd ? RARE_ON_NODES * period_ms : MIN(MAX(gap_ms, period_ms), RARE_ON_NODES * period_ms);
    instance->last_hello_sent_ms = world->now_ms - (said ? 0 : spread(instance, period_ms));
    return next_ms;
}

int64_t cadence_hello_period_ms(const struct instance *peer) {
    return peer->world->timing.publish_period_ms * (peer->is_kvd ? RARE_TO_KVD : 1);
}

static int64_t look_hello_to_peer(struct world *world, struct instance *peer) {
    int64_t next_ms = INT64_MAX, period_ms = cadence_hello_period_ms(peer);
    LIST_EACH(&peer->seats, node) {
        struct seat *seat = container_of(node, struct seat, at_peer);
        if (is_due(world, seat->last_hello_sent_ms, period_ms, &next_ms) && say_hello(world, peer, seat->primary))
            seat->last_hello_sent_ms = world->now_ms;
    }
    return next_ms;
}

bool cadence_greet(struct seat *seat) {
    struct world *world = seat->primary->world;
    if (!say_hello(world, seat->peer, seat->primary)) return false;
    seat->last_hello_sent_ms = world->now_ms;
    return true;
}

/* How often somebody must be told hello at least: who that is, and whether it is due, is looked at with the pings where
 * these are more frequent. */
static int64_t hello_period(const struct world *world, const struct instance *instance) {
    if (instance->kind == INSTANCE_SENTINEL) return cadence_hello_period_ms(instance);
    return world->timing.publish_period_ms * (is_among_kvd(instance->primary) ? RARE_ON_NODES : 1);
}

static int64_t look_hello(struct world *world, struct instance *instance) {
    int64_t period_ms = hello_period(world, instance);
    if (instance->hello_look_ms > world->now_ms) return look_with_ping(instance, instance->hello_look_ms, period_ms);
    bool to_peer = instance->kind == INSTANCE_SENTINEL;
    instance->hello_look_ms = to_peer ? look_hello_to_peer(world, instance) : look_hello_on_node(world, instance);
    return instance->hello_look_ms > world->now_ms ? look_with_ping(instance, instance->hello_look_ms, period_ms)
                                                   : INT64_MAX; /* with the next ping */
}

int64_t cadence_look(struct world *world, struct instance *instance) {
    int64_t next_ms = look_line(world, instance, LINE_COMMAND);
    if (instance->kind != INSTANCE_SENTINEL) next_ms = MIN(next_ms, look_line(world, instance, LINE_PUBSUB));
    if (!instance_is_connected(instance)) return next_ms;
    next_ms = MIN(next_ms, look_ping(world, instance));
    next_ms = MIN(next_ms, look_info(world, instance));
    return MIN(next_ms, look_hello(world, instance));
}
