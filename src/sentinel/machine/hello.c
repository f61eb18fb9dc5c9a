#include "sentinel/machine/hello.h"
#include "base/number.h"
#include "sentinel/machine/asked.h"
#include "sentinel/machine/attempt.h"
#include "sentinel/machine/cadence.h"
#include "sentinel/machine/complaint.h"
#include "sentinel/machine/fresh.h"
#include "sentinel/machine/outbox.h"
#include "sentinel/machine/vote.h"
#include "sentinel/machine/world_internal.h"

#include <inttypes.h>

static bool is_plain(struct slice text, size_t max) {
    if (text.size == 0 || text.size > max) return false;
    for (size_t i = 0; i < text.size; i++)
        if ((unsigned char)text.data[i] <= ' ' || (unsigned char)text.data[i] > '~') return false;
    return true;
}

static bool parse_port(struct slice text, uint16_t *port) {
    uint64_t number;
    if (!number_parse_uint(text, &number) || number == 0 || number > 65535) return false;
    *port = (uint16_t)number;
    return true;
}

static bool parse_epoch(struct slice text, uint64_t *epoch) {
    return number_parse_uint(text, epoch) && *epoch <= EPOCH_MAX;
}

/* What is wrong with it; NULL: nothing. */
static const char *problem(struct slice payload, struct hello *hello) {
    struct slice fields[8], part;
    size_t count = 0;
    if (payload.size > 2048) return "is too long";
    while (slice_split(&payload, ',', &part)) {
        if (count == COUNT_OF(fields)) return "has more than eight fields";
        fields[count++] = part;
    }
    if (count != COUNT_OF(fields)) return "has fewer than eight fields";
    hello->host = fields[0];
    hello->id = fields[2];
    hello->primary_name = fields[4];
    hello->primary_host = fields[5];
    if (!is_plain(hello->host, 255) || !parse_port(fields[1], &hello->port)) return "has a bad address of its sentinel";
    if (!id_is_valid(hello->id)) return "has an id that is not 40 hexadecimal digits";
    if (hello->primary_name.size == 0) return "names no primary";
    if (!is_plain(hello->primary_host, 255) || !parse_port(fields[6], &hello->primary_port))
        return "has a bad address of its primary";
    if (!parse_epoch(fields[3], &hello->current_epoch) || !parse_epoch(fields[7], &hello->config_epoch))
        return "has an epoch that is no number or beyond all bounds";
    return NULL;
}

bool hello_parse(struct slice payload, struct hello *hello) {
    return problem(payload, hello) == NULL;
}

bool hello_compose(const struct primary *primary, const struct instance *to, struct bytes *payload) {
    const struct world *world = primary->world;
    const char *host = world->settings.announce_ip ? world->settings.announce_ip : to->local_ip;
    uint16_t port = world->settings.announce_port ? world->settings.announce_port : world->settings.port;
    if (!host[0] || !port) return false;
    bytes_add_printf(payload, "%s,%u,%s,%" PRIu64 ",%s,%s,%u,%" PRIu64, host, port, world->id, world->current_epoch,
                     primary->name, instance_shown_host(primary->instance, world), primary->instance->port,
                     primary->config_epoch);
    return true;
}

/* A known sentinel is somewhere else now; all primaries that share it are told. */
static void on_moved(struct primary *primary, struct seat *seat, const char *host, uint16_t port) {
    struct world *world = primary->world;
    outbox_primary(primary, SENTINEL_EVENT_ADDRESS_SWITCH, "ip %s port %u for %s", host, port, seat->peer->id);
    peer_move(world, seat->peer, host, port);
    LIST_EACH(&seat->peer->seats, node) {
        struct seat *other = container_of(node, struct seat, at_peer);
        if (other != seat) outbox_instance(world, seat->peer, other->primary, SENTINEL_EVENT_ADDRESS_UPDATE, "%s", "");
        primary_changed(other->primary, STATE_PART_KNOWN, false);
    }
}

/* Another id announces an address that we know as somebody else's: the old one is not there any more. */
static void drop_others_at(struct primary *primary, const char *id, const char *host, uint16_t port) {
    LIST_EACH(&primary->seats, node) {
        struct seat *seat = container_of(node, struct seat, at_primary);
        if (strcmp(seat->peer->id, id) == 0 || !instance_is_at(seat->peer, host, port)) continue;
        outbox_instance(primary->world, seat->peer, primary, SENTINEL_EVENT_INVALID_ADDRESS, "%s", "");
        seat_drop(seat);
        primary_changed(primary, STATE_PART_KNOWN, false);
    }
}

/* Our own address: an earlier self's words, from before our disk was lost. It is no other sentinel, and votes no more. */
static bool is_our_place(const struct primary *primary, const char *host, uint16_t port) {
    const struct settings *settings = &primary->world->settings;
    if (port != (settings->announce_port ? settings->announce_port : settings->port)) return false;
    if (settings->announce_ip) return strcmp(host, settings->announce_ip) == 0;
    return strcmp(host, primary->instance->local_ip) == 0 || strcmp(host, primary->world->local_ip) == 0;
}

static struct seat *find_or_add(struct primary *primary, const char *id, const char *host, uint16_t port) {
    struct seat *seat = primary_find_seat(primary, slice_text(id));
    if (seat) {
        if (!instance_is_at(seat->peer, host, port)) {
            drop_others_at(primary, id, host, port);
            on_moved(primary, seat, host, port);
        }
        return seat;
    }
    if (forgotten_keeps_out(primary, id, 0, 0)) return NULL; /* this hello may have been under way when it died */
    if (is_our_place(primary, host, port)) return NULL;
    if (primary->seat_count >= SENTINELS_MAX || !world_may_watch(primary->world, host)) return NULL;
    drop_others_at(primary, id, host, port);
    seat = seat_add(primary, id, host, port);
    if (!instance_is_at(seat->peer, host, port)) on_moved(primary, seat, host, port);
    outbox_instance(primary->world, seat->peer, primary, SENTINEL_EVENT_SENTINEL, "%s", "");
    /* One instance for all its primaries: this one has not heard yet that it is down, but will hear of its return. */
    if (seat->peer->s_down) outbox_instance(primary->world, seat->peer, primary, SENTINEL_EVENT_SDOWN, "%s", "");
    primary_changed(primary, STATE_PART_KNOWN, true); /* a voter that a crash forgets would make majorities smaller */
    return seat;
}

/* Who led it: whom we voted for in that epoch, since others pass on what they were told. */
static const char *leader_of(const struct primary *primary, const struct seat *seat) {
    bool voted = primary->vote_epoch == primary->config_epoch && primary->vote_leader[0] &&
                 strcmp(primary->vote_leader, primary->world->id) != 0;
    return voted ? primary->vote_leader : seat->peer->id;
}

static void adopt_config(struct primary *primary, struct seat *seat, const struct hello *hello, const char *host) {
    struct world *world = primary->world;
    CHECK(hello->config_epoch > primary->config_epoch); /* H1 */
    primary->config_epoch = hello->config_epoch;
    primary_changed(primary, STATE_PART_PRIMARY, false);
    if (instance_is_at(primary->instance, host, hello->primary_port)) {
        if (primary->failover.sm.state != FAILOVER_NONE) /* what we led is over */
            outbox_instance(world, seat->peer, primary, SENTINEL_EVENT_CONFIG_UPDATE, "%s", "");
        attempt_observe(primary, leader_of(primary, seat));
        attempt_observed(primary);
        return;
    }
    outbox_instance(world, seat->peer, primary, SENTINEL_EVENT_CONFIG_UPDATE, "%s", "");
    attempt_observe(primary, leader_of(primary, seat));
    primary_switch(primary, host, hello->primary_port, leader_of(primary, seat));
    attempt_observed(primary);
}

/* We learned of a switch by an address that its primary has left since: a pod comes back with another one. Who has the
 * same configuration names another address, and that is one of our replicas, under its name, and a primary; or nobody
 * that we know (we came when the address was still right): then it is looked at first. */
static void follow_moved(struct primary *primary, struct seat *seat, const struct hello *hello, const char *host) {
    struct instance *old = primary->instance;
    const struct instance *moved = replica_find_at(primary, host, hello->primary_port);
    if (!primary->world->settings.resolve_hostnames || !old->s_down || !host_is_ip(old->host)) return;
    if (!moved && primary->replica_count < REPLICAS_MAX && world_may_watch(primary->world, host) &&
        !world_find_primary_at(primary->world, slice_text(host), hello->primary_port)) {
        struct instance *other = replica_add(primary, host, hello->primary_port);
        other->hearsay = true;
        outbox_instance(primary->world, other, NULL, SENTINEL_EVENT_REPLICA, "%s", "");
        return;
    }
    if (!moved || (host_is_ip(moved->host) && !moved->hearsay)) return;
    if (!instance_is_connected(moved) || moved->s_down) return;
    if (moved->facts.role != ROLE_PRIMARY || primary->failover.sm.state != FAILOVER_NONE) return;
    outbox_instance(primary->world, seat->peer, primary, SENTINEL_EVENT_CONFIG_UPDATE, "%s", "");
    attempt_observe(primary, seat->peer->id);
    primary_switch(primary, host, hello->primary_port, seat->peer->id);
    replica_drop(old); /* one configuration has one primary: it was the same process */
}

/* Whoever says hello on a data node may be looking for others, and whoever is behind must not stay it until our next
 * regular hello (cadence.c): it hears from us now. */
static void greet_back(struct seat *seat, const struct hello *hello, bool on_node) {
    const struct primary *primary = seat->primary;
    struct world *world = primary->world;
    bool behind = hello->config_epoch < primary->config_epoch || hello->current_epoch < world->current_epoch;
    if (!on_node && !behind) return;
    if (seat->last_hello_sent_ms == NEVER ||
        world->now_ms - seat->last_hello_sent_ms < world->timing.publish_period_ms)
        return;
    if (cadence_greet(seat)) return;
    seat->last_hello_sent_ms = NEVER;
    seat->peer->hello_look_ms = 0;
    world_touch_instance(world, seat->peer);
}

void hello_receive(struct world *world, struct slice payload, const struct instance *from) {
    struct hello hello;
    if (asked_hear(world, payload, from)) return;
    world->hellos_heard++;
    const char *wrong = problem(payload, &hello);
    if (wrong) { /* H2 */
        world->hellos_bad++;
        complain(world, COMPLAINT_HELLO, from, payload, "a hello %s", wrong);
        return;
    }
    struct primary *primary = world_find_primary(world, hello.primary_name);
    if (!primary) {
        complain(world, COMPLAINT_STRANGER, from, hello.primary_name, "a hello of a primary that is not watched here");
        return;
    }
    if (slice_is(hello.id, world->id)) {
        /* Our own words, heard through the primary. From another port they are somebody else's with our id. */
        uint16_t port = world->settings.announce_port ? world->settings.announce_port : world->settings.port;
        if (hello.port != port && !world->duplicate_id) {
            world->duplicate_id = true;
            outbox_event(world, NULL, SENTINEL_EVENT_DUPLICATE_ID, "%s is also announced by %.*s:%u", world->id,
                         (int)hello.host.size, hello.host.data, hello.port);
        }
        return;
    }
    char *host = slice_to_text(hello.host), *primary_host = slice_to_text(hello.primary_host);
    char *id = slice_to_text(hello.id);
    struct seat *seat = find_or_add(primary, id, host, hello.port);
    if (seat) {
        seat->last_hello_ms = seat->peer->last_hello_ms = world->now_ms;
        /* No configuration may be ahead of the current epoch, or the next election would repeat one. */
        if (!vote_see_epoch(world, MAX(hello.current_epoch, hello.config_epoch))) { /* H3 */
            world->hellos_bad++;
            complain(world, COMPLAINT_EPOCH, seat->peer, payload, "a hello of an epoch that is too far ahead");
        } else if (hello.config_epoch > primary->config_epoch && world_may_watch(world, primary_host)) {
            adopt_config(primary, seat, &hello, primary_host);
        } else {
            if (hello.config_epoch == primary->config_epoch) follow_moved(primary, seat, &hello, primary_host);
            greet_back(seat, &hello, from != NULL);
        }
        if (!from) fresh_on_hello(seat);
    }
    mem_free(host);
    mem_free(primary_host);
    mem_free(id);
}
