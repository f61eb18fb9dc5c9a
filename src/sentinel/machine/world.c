#include "sentinel/machine/world.h"
#include "sentinel/machine/down.h"
#include "sentinel/machine/failover.h"
#include "sentinel/machine/gone.h"
#include "sentinel/machine/guard.h"
#include "sentinel/machine/history.h"
#include "sentinel/machine/instance_internal.h"
#include "sentinel/machine/outbox.h"
#include "sentinel/machine/protect.h"
#include "sentinel/machine/vote.h"
#include "sentinel/machine/world_internal.h"

#include <arpa/inet.h>
#include <ctype.h>
#include <stdio.h>

struct resolved {
    char ip[46]; /* "" none */
    bool pending;
    int64_t at_ms;
};

void world_init(struct world *world, int64_t now_ms) {
    list_init(&world->primaries);
    list_init(&world->dirty);
    world->dirty_whole = true;
    list_init(&world->peers);
    list_init(&world->removed);
    heap_init(&world->deadlines);
    world->by_name = table_new();
    world->peers_by_id = table_new();
    world->addresses = table_new();
    world->changed_settings = table_new();
    world->original_settings = table_new();
    world->instance_count = 1; /* no instance has number 0 */
    world->now_ms = world->last_step_ms = now_ms;
    world->wake_ms = INT64_MAX;
    world->tilt_since_ms = NEVER;
    for (size_t i = 0; i < COMPLAINT_KINDS; i++) world->complaints[i].at_ms = NEVER;
}

void world_fini(struct world *world) {
    LIST_EACH(&world->primaries, node) primary_drop(container_of(node, struct primary, node));
    LIST_EACH(&world->removed, node) removed_drop(container_of(node, struct removed, node));
    CHECK(list_is_empty(&world->peers));
    table_free(&world->by_name, NULL);
    table_free(&world->peers_by_id, NULL);
    table_free(&world->addresses, mem_free);
    table_free(&world->changed_settings, mem_free);
    table_free(&world->original_settings, mem_free);
    heap_fini(&world->deadlines);
    mem_free(world->instances);
    mem_free(world->settings.announce_ip);
    mem_free(world->settings.sentinel_user);
    mem_free(world->settings.sentinel_pass);
}

/* ---- The work list ---- */

void world_touch_instance(struct world *world, struct instance *instance) {
    heap_set(&world->deadlines, &instance->due.node, world->now_ms);
}

void world_touch_primary(struct primary *primary) {
    heap_set(&primary->world->deadlines, &primary->due.node, primary->world->now_ms);
}

void world_touch_group(struct primary *primary) {
    world_touch_primary(primary);
    world_touch_instance(primary->world, primary->instance);
    LIST_EACH(&primary->replicas, node)
    world_touch_instance(primary->world, container_of(node, struct instance, node));
}

void world_changed(struct world *world, bool urgent) {
    world_changed_self(world, urgent);
    world->dirty_whole = true;
}

void world_changed_self(struct world *world, bool urgent) {
    world->state_sequence++;
    if (urgent) world->save_urgent = true;
}

void primary_changed(struct primary *primary, unsigned parts, bool urgent) {
    world_changed_self(primary->world, urgent);
    if (!primary->dirty) list_add(&primary->world->dirty, &primary->at_dirty);
    primary->dirty |= parts | STATE_PART_PRIMARY;
}

/* ---- Addresses ---- */

bool host_is_ip(const char *host) {
    unsigned char binary[16];
    return inet_pton(AF_INET, host, binary) == 1 || inet_pton(AF_INET6, host, binary) == 1;
}

bool id_is_valid(struct slice id) {
    if (id.size != SENTINEL_ID_SIZE - 1) return false;
    for (size_t i = 0; i < id.size; i++)
        if (!isxdigit((unsigned char)id.data[i])) return false;
    return true;
}

bool world_may_watch(const struct world *world, const char *host) {
    return host[0] && strlen(host) < 256 && (host_is_ip(host) || world->settings.resolve_hostnames);
}

const char *world_lookup(struct world *world, const char *host) {
    if (host_is_ip(host)) return host;
    struct resolved *known = table_find(world->addresses, slice_text(host));
    return known && known->ip[0] ? known->ip : NULL;
}

void world_resolve(struct world *world, const char *host, bool again) {
    if (!world->settings.resolve_hostnames || !world->actions || host_is_ip(host)) return;
    struct resolved *known = table_find(world->addresses, slice_text(host));
    if (known && (known->pending || !again || world->now_ms - known->at_ms < 1000)) return;
    if (!known) {
        known = mem_zalloc(sizeof *known);
        table_set(world->addresses, slice_text(host), known);
    }
    known->pending = true;
    known->at_ms = world->now_ms;
    actions_add(world->actions, ACTION_RESOLVE)->resolve.name = actions_text(world->actions, slice_text(host));
}

static void adopt_address(struct world *world, struct instance *instance, const char *host, const char *ip) {
    if (strcmp(instance->host, host) != 0 || strcmp(instance->ip, ip) == 0) return;
    /* A line that is open stays, and so does its address: the name moved (or the answer is old), but the process that
     * answers there has not gone. When the line breaks, it is dialled where the name says then. */
    if (instance_is_connected(instance)) return;
    bool first = !instance->ip[0];
    snprintf(instance->ip, sizeof instance->ip, "%s", ip);
    for (int i = 0; i < LINE_KINDS; i++) {
        if (instance->lines[i].phase == LINE_CONNECTING) instance_hang_up(world, instance, (enum line_kind)i);
        if (instance->lines[i].phase == LINE_IDLE) instance->lines[i].retry_ms = world->now_ms;
    }
    if (first && !instance->s_down) instance->proof_ms = world->now_ms;
    world_touch_instance(world, instance);
}

static char *address_name(const char *host, uint16_t port) {
    return strchr(host, ':') ? mem_printf("[%s]:%u", host, port) : mem_printf("%s:%u", host, port);
}

static void rename_instance(struct instance *instance, char *name) {
    mem_free(instance->name);
    instance->name = name;
}

static struct instance *find_twin(const struct instance *instance) {
    struct instance *primary = instance->primary->instance;
    LIST_EACH(&instance->primary->replicas, node) {
        struct instance *other = container_of(node, struct instance, node);
        if (other == instance || other->port != instance->port || strcmp(other->ip, instance->ip) != 0) continue;
        if (host_is_ip(other->host)) return other;
    }
    bool same = primary != instance && primary->port == instance->port && strcmp(primary->ip, instance->ip) == 0;
    return same && host_is_ip(primary->host) ? primary : NULL;
}

/* One process may be known by its address before its name resolves, or moves, to it: both entries become one, which
 * goes by the name, since addresses pass. Two names of one address stay two entries: one of them may be about to move. */
static void merge_twin(struct instance *instance) {
    if (instance->kind == INSTANCE_SENTINEL || host_is_ip(instance->host)) return;
    struct instance *twin = find_twin(instance);
    if (!twin) return;
    struct primary *primary = instance->primary;
    bool twin_stays = twin->kind == INSTANCE_PRIMARY || twin == primary->failover.target;
    struct instance *stays = twin_stays ? twin : instance, *goes = twin_stays ? instance : twin;
    if (goes == primary->failover.target) return; /* once more when the name is asked for again */
    stays->was_primary |= goes->was_primary && stays->kind == INSTANCE_REPLICA;
    if (twin_stays) {
        mem_free(stays->host);
        stays->host = mem_strdup(goes->host);
        if (stays->kind == INSTANCE_REPLICA) rename_instance(stays, address_name(stays->host, stays->port));
    }
    if (twin_stays && stays->kind == INSTANCE_REPLICA && stays->s_down)
        outbox_instance(primary->world, stays, primary, SENTINEL_EVENT_SDOWN, "%s", ""); /* by its new name */
    replica_drop(goes);
    world_changed(primary->world, false);
    world_touch_group(primary);
}

void world_on_resolved(struct world *world, struct slice name, struct slice ip) {
    struct resolved *known = table_find(world->addresses, name);
    if (!known) return; /* not asked for */
    known->pending = false;
    known->at_ms = world->now_ms;
    char *text = slice_to_text(ip);
    /* A name that stops resolving keeps its last address: the name server may be what is down. */
    if (host_is_ip(text)) {
        snprintf(known->ip, sizeof known->ip, "%s", text);
        char *host = slice_to_text(name);
        for (size_t i = 1; i < world->instance_count; i++)
            if (world->instances[i]) adopt_address(world, world->instances[i], host, known->ip);
        for (size_t i = 1; i < world->instance_count; i++)
            if (world->instances[i] && strcmp(world->instances[i]->host, host) == 0) merge_twin(world->instances[i]);
        mem_free(host);
    }
    mem_free(text);
}

bool instance_is_at(const struct instance *instance, const char *host, int64_t port) {
    if (port != instance->port) return false;
    if (strcmp(host, instance->host) == 0 || strcmp(host, instance->ip) == 0) return true;
    if (host_is_ip(host) || !instance->ip[0]) return false;
    const char *ip = world_lookup(instance->world, host);
    return ip && strcmp(ip, instance->ip) == 0;
}

/* ---- Parts ---- */

struct primary *primary_new(struct world *world, const char *name, const char *host, uint16_t port) {
    struct primary *primary = mem_zalloc(sizeof *primary);
    primary->world = world;
    primary->number = ++world->next_primary;
    primary->name = mem_strdup(name);
    primary->configured_host = mem_strdup("");
    primary->due.of_primary = true;
    primary->changed = table_new();
    primary->original = table_new();
    list_init(&primary->replicas);
    list_init(&primary->seats);
    list_init(&primary->forgotten);
    list_init(&primary->history);
    primary->options = (struct primary_options){
        .down_after_ms = world->timing.default_down_after_ms,
        .failover_timeout_ms = world->timing.default_failover_timeout_ms,
        .quorum = 1,
        .parallel_syncs = 1,
        .protect_from_empty = true,
        .fast_grace_ms = DEFAULT_FAST_GRACE_MS,
        .pre_failover_timeout_ms = DEFAULT_PRE_FAILOVER_MS,
    };
    primary->fresh = true; /* until something is known of it */
    primary->fresh_since_ms = world->now_ms;
    primary->fresh_asked_ms = NEVER;
    primary->voted_ms = primary->promised_ms = primary->switched_ms = primary->down_since_ms = NEVER;
    primary->o_down_since_ms = NEVER;
    primary->ask_ms = INT64_MAX;
    protect_reset(primary);
    failover_init(primary);
    primary->instance = instance_new(world, INSTANCE_PRIMARY, primary, name, host, port);
    list_add(&world->primaries, &primary->node);
    world->primary_count++;
    CHECK(table_set(world->by_name, slice_text(name), primary) == NULL);
    world_touch_group(primary);
    return primary;
}

static void free_options(struct primary_options *options) {
    mem_free(options->prefer_zone);
    mem_free(options->replica_zones);
    mem_free(options->auth_user);
    mem_free(options->auth_pass);
    mem_free(options->notification_script);
    mem_free(options->client_reconfig_script);
    mem_free(options->pre_failover_script);
    for (size_t i = 0; i < options->rename_count; i++) {
        mem_free(options->renames[i].from);
        mem_free(options->renames[i].to);
    }
    mem_free(options->renames);
}

void primary_drop(struct primary *primary) {
    struct world *world = primary->world;
    vote_drop_held(primary);
    LIST_EACH(&primary->replicas, node) replica_drop(container_of(node, struct instance, node));
    LIST_EACH(&primary->seats, node) seat_drop(container_of(node, struct seat, at_primary));
    LIST_EACH(&primary->forgotten, node) forgotten_drop(container_of(node, struct forgotten, node));
    history_free(primary);
    instance_drop(world, primary->instance);
    heap_remove(&world->deadlines, &primary->due.node);
    if (primary->dirty) list_remove(&primary->at_dirty);
    world->dirty_whole = true;
    list_remove(&primary->node);
    world->primary_count--;
    table_remove(world->by_name, slice_text(primary->name));
    table_free(&primary->changed, mem_free);
    table_free(&primary->original, mem_free);
    free_options(&primary->options);
    mem_free(primary->name);
    mem_free(primary->configured_host);
    mem_free(primary);
}

struct instance *replica_add(struct primary *primary, const char *host, uint16_t port) {
    char *name = address_name(host, port);
    struct instance *replica = instance_new(primary->world, INSTANCE_REPLICA, primary, name, host, port);
    mem_free(name);
    list_add(&primary->replicas, &replica->node);
    primary->replica_count++;
    instance_derive(replica);
    return replica;
}

struct instance *replica_find_at(const struct primary *primary, const char *host, int64_t port) {
    LIST_EACH(&primary->replicas, node) {
        struct instance *replica = container_of(node, struct instance, node);
        if (instance_is_at(replica, host, port)) return replica;
    }
    return NULL;
}

void replica_drop(struct instance *replica) {
    CHECK(replica->kind == INSTANCE_REPLICA);
    CHECK(replica->primary->failover.target != replica || !replica->primary->world->actions);
    replica->primary->replica_count--;
    instance_drop(replica->world, replica);
}

struct seat *seat_add(struct primary *primary, const char *id, const char *host, uint16_t port) {
    struct world *world = primary->world;
    struct instance *peer = table_find(world->peers_by_id, slice_text(id));
    if (!peer) {
        peer = instance_new(world, INSTANCE_SENTINEL, NULL, id, host, port);
        snprintf(peer->id, sizeof peer->id, "%s", id);
        list_add(&world->peers, &peer->node);
        table_set(world->peers_by_id, slice_text(id), peer);
    }
    struct seat *seat = mem_zalloc(sizeof *seat);
    seat->primary = primary;
    seat->peer = peer;
    seat->said_ms = seat->asked_ms = seat->last_hello_ms = seat->last_hello_sent_ms = NEVER;
    list_add(&primary->seats, &seat->at_primary);
    list_add(&peer->seats, &seat->at_peer);
    primary->seat_count++;
    world->reach_known = false;
    instance_derive(peer);
    peer->hello_look_ms = 0;
    world_touch_instance(world, peer);
    return seat;
}

void seat_drop(struct seat *seat) {
    struct instance *peer = seat->peer;
    list_remove(&seat->at_primary);
    list_remove(&seat->at_peer);
    seat->primary->seat_count--;
    peer->world->reach_known = false;
    mem_free(seat);
    if (!list_is_empty(&peer->seats)) {
        instance_derive(peer);
        return;
    }
    table_remove(peer->world->peers_by_id, slice_text(peer->id));
    instance_drop(peer->world, peer);
}

void peer_move(struct world *world, struct instance *peer, const char *host, uint16_t port) {
    CHECK(peer->kind == INSTANCE_SENTINEL);
    instance_hang_up(world, peer, LINE_COMMAND);
    mem_free(peer->host);
    peer->host = mem_strdup(host);
    peer->port = port;
    peer->ip[0] = 0;
    instance_find_ip(world, peer);
    peer->proof_ms = world->now_ms;
    peer->s_down = false;
    peer->lines[LINE_COMMAND].retry_ms = world->now_ms;
    world_touch_instance(world, peer);
}

void forgotten_add(struct primary *primary, const char *host, const char *ip, uint16_t port) {
    struct forgotten *forgotten = mem_zalloc(sizeof *forgotten);
    forgotten->host = mem_strdup(host);
    forgotten->ip = mem_strdup(ip);
    forgotten->port = port;
    forgotten->at_ms = primary->world->now_ms;
    list_add(&primary->forgotten, &forgotten->node);
}

void forgotten_drop(struct forgotten *forgotten) {
    list_remove(&forgotten->node);
    mem_free(forgotten->host);
    mem_free(forgotten->ip);
    mem_free(forgotten);
}

bool forgotten_keeps_out(struct primary *primary, const char *host, uint16_t port, int64_t lag_s) {
    int64_t now_ms = primary->world->now_ms;
    bool out = false;
    LIST_EACH(&primary->forgotten, node) {
        struct forgotten *forgotten = container_of(node, struct forgotten, node);
        int64_t age_ms = now_ms - forgotten->at_ms;
        bool same = port == forgotten->port && (!strcmp(host, forgotten->host) || !strcmp(host, forgotten->ip));
        bool alive = age_ms > FORGOTTEN_ALIVE_MS && lag_s >= 0 && lag_s <= 1;
        if (age_ms > FORGOTTEN_MS || (same && alive)) forgotten_drop(forgotten);
        else if (same) out = true;
    }
    return out;
}

void removed_add(struct world *world, const char *name, const char *host, uint16_t port) {
    struct removed *removed = mem_zalloc(sizeof *removed);
    removed->name = mem_strdup(name);
    removed->configured_host = mem_strdup(host);
    removed->configured_port = port;
    list_add(&world->removed, &removed->node);
}

struct removed *removed_find(const struct world *world, const char *name) {
    LIST_EACH(&world->removed, node) {
        struct removed *removed = container_of(node, struct removed, node);
        if (strcmp(removed->name, name) == 0) return removed;
    }
    return NULL;
}

void removed_drop(struct removed *removed) {
    list_remove(&removed->node);
    mem_free(removed->name);
    mem_free(removed->configured_host);
    mem_free(removed);
}

/* ---- The switch ---- */

void primary_switch(struct primary *primary, const char *host, uint16_t port, const char *by) {
    struct instance *new = replica_find_at(primary, host, port);
    CHECK(new || !instance_is_at(primary->instance, host, port));
    primary_switch_to(primary, new ? new : replica_add(primary, host, port), by);
}

void primary_switch_to(struct primary *primary, struct instance *new, const char *by) {
    struct world *world = primary->world;
    struct instance *old = primary->instance;
    CHECK(new->kind == INSTANCE_REPLICA &&new->primary == primary);

    list_remove(&new->node);
    primary->replica_count--;
    new->kind = INSTANCE_PRIMARY;
    rename_instance(new, mem_strdup(primary->name));
    new->was_primary = new->hearsay = false;
    primary->was_seen = true;
    new->reconf = RECONF_NONE;
    /* The new primary has a whole down-after from now on, and no reconnect throttle of earlier days holds it up. */
    new->proof_ms = world->now_ms;
    new->s_down = false;
    gone_reset(new);
    new->last_info_sent_ms = NEVER;
    if (new->role_reported != ROLE_PRIMARY) new->role_since_ms = world->now_ms; /* it has down-after to say so */
    for (int i = 0; i < LINE_KINDS; i++)
        if (new->lines[i].phase == LINE_IDLE) new->lines[i].retry_ms = world->now_ms;

    old->kind = INSTANCE_REPLICA;
    rename_instance(old, address_name(old->host, old->port));
    old->was_primary = true;
    /* What its host has not acknowledged by now comes again ever more rarely: whether it is there is seen sooner by dialling. */
    if (old->s_down) instance_hang_up(world, old, LINE_COMMAND);
    old->follows_since_ms = world->now_ms;
    list_add(&primary->replicas, &old->node);
    primary->replica_count++;

    primary->instance = new;
    instance_derive(old);
    instance_derive(new);
    primary->o_down = false;
    protect_reset(primary);
    primary->down_since_ms = NEVER;
    primary->ask_ms = INT64_MAX;
    primary->failover.stand_ms = INT64_MAX;
    primary->switched_ms = world->now_ms;
    snprintf(primary->switched_by, sizeof primary->switched_by, "%s", by);
    LIST_EACH(&primary->seats, node) {
        struct seat *seat = container_of(node, struct seat, at_primary);
        seat->says_down = false;
        seat->said_ms = seat->last_hello_sent_ms = NEVER;
        seat->peer->hello_look_ms = 0;
        world_touch_instance(world, seat->peer);
    }
    LIST_EACH(&primary->replicas, node) {
        struct instance *replica = container_of(node, struct instance, node);
        replica->reconf = RECONF_NONE;
        replica->hearsay = false; /* a failover that found it in the group settles where it belongs */
        replica->last_hello_sent_ms = NEVER; /* tell everybody now */
        replica->hello_look_ms = 0;
    }
    new->last_hello_sent_ms = NEVER;
    new->hello_look_ms = 0;

    if (old->s_down && world->now_ms < down_silence_ends(old)) { /* it was down as a primary only */
        old->s_down = old->script_kill_sent = false;
        old->s_down_since_ms = NEVER;
    }
    outbox_event(world, primary, SENTINEL_EVENT_SWITCH, "%s %s %u %s %u", primary->name,
                 instance_shown_host(old, world), old->port, instance_shown_host(new, world), new->port);
    outbox_reconfig_script(primary, strcmp(by, world->id) == 0, instance_shown_host(old, world), old->port,
                           instance_shown_host(new, world), new->port);
    outbox_instance(world, old, primary, SENTINEL_EVENT_REPLICA, "%s", "");
    /* It goes by another name now: its -sdown will need a +sdown of that name. */
    if (old->s_down) outbox_instance(world, old, primary, SENTINEL_EVENT_SDOWN, "%s", "");
    primary_changed(primary, STATE_PART_KNOWN, true);
    guard_on_switch(primary);
    world_touch_group(primary);
}

/* ---- Questions ---- */

struct primary *world_find_primary(const struct world *world, struct slice name) {
    return table_find(world->by_name, name);
}

struct primary *world_find_primary_at(const struct world *world, struct slice ip, int64_t port) {
    struct primary *found = NULL;
    char *host = slice_to_text(ip);
    LIST_EACH(&world->primaries, node) {
        struct primary *primary = container_of(node, struct primary, node);
        if (!instance_is_at(primary->instance, host, port)) continue;
        found = primary;
        break;
    }
    mem_free(host);
    return found;
}

struct instance *world_find_instance(const struct world *world, uint32_t number) {
    return number < world->instance_count ? world->instances[number] : NULL;
}

struct seat *primary_find_seat(const struct primary *primary, struct slice id) {
    LIST_EACH(&primary->seats, node) {
        struct seat *seat = container_of(node, struct seat, at_primary);
        if (slice_is(id, seat->peer->id)) return seat;
    }
    return NULL;
}

size_t primary_voters(const struct primary *primary) {
    return primary->seat_count + 1;
}

size_t primary_majority(const struct primary *primary) {
    return primary_voters(primary) / 2 + 1;
}

size_t primary_quorum(const struct primary *primary) {
    return primary->options.quorum ? primary->options.quorum : primary_majority(primary);
}

size_t primary_usable(const struct primary *primary) {
    size_t usable = 1;
    LIST_EACH(&primary->seats, node) {
        const struct instance *peer = container_of(node, struct seat, at_primary)->peer;
        if (!peer->s_down && instance_is_connected(peer)) usable++;
    }
    return usable;
}

bool primary_check_quorum(const struct primary *primary, struct bytes *text) {
    size_t usable = primary_usable(primary);
    bool quorum = usable >= primary_quorum(primary), majority = usable >= primary_majority(primary);
    bytes_add_printf(text, "%zu usable Sentinels. ", usable);
    if (quorum && majority) {
        bytes_add_text(text, "Quorum and failover authorization can be reached");
        return true;
    }
    if (!quorum) bytes_add_text(text, "Not enough available Sentinels to reach the specified quorum for this master");
    if (!majority)
        bytes_add_printf(text, "%sNot enough available Sentinels to reach the majority and authorize a failover",
                         quorum ? "" : ". ");
    return false;
}
