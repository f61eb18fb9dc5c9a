#include "sim/invariants.h"
#include "base/mem.h"
#include "base/number.h"
#include "base/table.h"
#include "sim/event_order.h"

#include <inttypes.h>
#include <stdio.h>

enum { MOST_PENDING = 400, MOST_PENDING_PER_PRIMARY = 8, MOST_ACTIONS = 20000, MOST_STEPS = 100000, SLACK_US = 20000, CHECK_EVERY = 64, FEW_PRIMARIES = 6 };

/* What one sentinel was seen to have voted and believed about one primary. */
struct seen_primary {
    uint64_t vote_epoch; /* that left the host */
    char vote_leader[SENTINEL_ID_SIZE];
    uint64_t config_epoch, memory_vote_epoch; /* in this life */
    char host[256];
    uint16_t port;
};

struct seen_pong {
    int64_t sent_us; /* of the newest answered PING */
    int64_t gap_us;  /* when the last silence of down-after was over; INT64_MIN never */
};

struct seen_host {
    struct sentinel_host *host;
    struct event_order *order; /* of this life */
    struct table *primaries;   /* name -> struct seen_primary; over all lives */
    struct table *pongs;       /* "primary address" -> struct seen_pong; of this life */
    uint64_t epoch;            /* current_epoch in this life */
    uint64_t promised;         /* the highest epoch of a vote that left; over all lives */
    bool changed; /* it published something about a primary in this step */
    int64_t born_us;
    int64_t second; /* the one in which `steps` were taken */
    uint64_t steps;
};

struct invariants {
    struct schedule *schedule;
    struct verdict *verdict;
    struct invariants_bounds bounds;
    struct table *leaders;   /* "primary epoch" -> id */
    struct table *votes;     /* "id primary epoch" -> leader */
    struct table *addresses; /* "primary epoch" -> "host:port" */
    struct table *tainted;   /* "primary epoch" */
    struct table *hosts;     /* id -> struct seen_host */
    uint64_t failovers, switches;
};

void verdict_fail(struct verdict *verdict, const char *invariant, const char *format, ...) {
    if (verdict->failed || (verdict->only && !strstr(verdict->only, invariant))) return;
    verdict->failed = true;
    snprintf(verdict->invariant, sizeof verdict->invariant, "%s", invariant);
    va_list args;
    va_start(args, format);
    vsnprintf(verdict->text, sizeof verdict->text, format, args);
    va_end(args);
}

struct invariants *invariants_new(struct schedule *schedule, struct verdict *verdict) {
    struct invariants *invariants = mem_zalloc(sizeof *invariants);
    invariants->schedule = schedule;
    invariants->verdict = verdict;
    invariants->leaders = table_new();
    invariants->votes = table_new();
    invariants->addresses = table_new();
    invariants->tainted = table_new();
    invariants->hosts = table_new();
    return invariants;
}

static void free_seen(void *value) {
    struct seen_host *seen = value;
    event_order_free(&seen->order);
    table_free(&seen->primaries, mem_free);
    table_free(&seen->pongs, mem_free);
    mem_free(seen);
}

void invariants_free(struct invariants **invariants) {
    table_free(&(*invariants)->leaders, mem_free);
    table_free(&(*invariants)->votes, mem_free);
    table_free(&(*invariants)->addresses, mem_free);
    table_free(&(*invariants)->tainted, NULL);
    table_free(&(*invariants)->hosts, free_seen);
    mem_free(*invariants);
    *invariants = NULL;
}

void invariants_set_bounds(struct invariants *invariants, const struct invariants_bounds *bounds) {
    invariants->bounds = *bounds;
}

uint64_t invariants_failovers(const struct invariants *invariants) {
    return invariants->failovers;
}

uint64_t invariants_switches(const struct invariants *invariants) {
    return invariants->switches;
}

/* Facts that may be stated once: the second, different one is a violation. Returns the first, or NULL. */
static const char *state_once(struct table *table, struct slice key, const char *value) {
    const char *known = table_find(table, key);
    if (!known) {
        table_set(table, key, mem_strdup(value));
        return NULL;
    }
    return strcmp(known, value) == 0 ? NULL : known;
}

static struct slice key_of(char *text, size_t size, const char *primary, uint64_t epoch) {
    snprintf(text, size, "%s %" PRIu64, primary, epoch);
    return slice_text(text);
}

void invariants_taint(struct invariants *invariants, const char *primary, uint64_t epoch) {
    char key[128];
    table_set(invariants->tainted, key_of(key, sizeof key, primary, epoch), invariants);
}

bool invariants_is_tainted(const struct invariants *invariants) {
    return table_count(invariants->tainted) > 0;
}

static bool is_tainted(const struct invariants *invariants, const char *primary, uint64_t epoch) {
    char key[128];
    return table_has(invariants->tainted, key_of(key, sizeof key, primary, epoch));
}

void invariants_elected(struct invariants *invariants, const char *id, const char *primary, uint64_t epoch) {
    char key[128];
    if (is_tainted(invariants, primary, epoch)) return;
    const char *other = state_once(invariants->leaders, key_of(key, sizeof key, primary, epoch), id);
    if (other)
        verdict_fail(invariants->verdict, "S1", "%.8s and %.8s were both elected for %s in epoch %" PRIu64, other, id,
                     primary, epoch);
}

void invariants_voted(struct invariants *invariants, const char *id, const char *primary, uint64_t epoch,
                      const char *leader) {
    char key[192];
    snprintf(key, sizeof key, "%s %s %" PRIu64, id, primary, epoch);
    const char *other = state_once(invariants->votes, slice_text(key), leader);
    if (other)
        verdict_fail(invariants->verdict, "S2", "%.8s voted for %.8s and for %.8s in %s epoch %" PRIu64, id, other,
                     leader, primary, epoch);
}

void invariants_address(struct invariants *invariants, const char *who, const char *primary, uint64_t epoch,
                        const char *address, uint16_t port) {
    char key[128], value[300];
    if (is_tainted(invariants, primary, epoch)) return;
    unsigned host;
    const struct invariants_bounds *bounds = &invariants->bounds;
    if (bounds->network && names_identify(bounds->names, bounds->network, address, &host))
        snprintf(value, sizeof value, "host %u port %u", host, port);
    else
        snprintf(value, sizeof value, "%s:%u", address, port);
    const char *other = state_once(invariants->addresses, key_of(key, sizeof key, primary, epoch), value);
    if (other)
        verdict_fail(invariants->verdict, "S4", "%s says %s, others said %s for %s in configuration epoch %" PRIu64,
                     who, value, other, primary, epoch);
}

/* Hosts */

static struct seen_host *seen_of(struct invariants *invariants, struct sentinel_host *host) {
    struct slice id = slice_text(sentinel_host_id(host));
    struct seen_host *seen = table_find(invariants->hosts, id);
    if (seen) return seen;
    seen = mem_zalloc(sizeof *seen);
    seen->host = host;
    seen->primaries = table_new();
    seen->pongs = table_new();
    table_set(invariants->hosts, id, seen);
    return seen;
}

static struct seen_primary *seen_primary_of(struct seen_host *seen, const char *name) {
    struct seen_primary *primary = table_find(seen->primaries, slice_text(name));
    if (primary) return primary;
    primary = mem_zalloc(sizeof *primary);
    table_set(seen->primaries, slice_text(name), primary);
    return primary;
}

/* S3 across lives: what left the host must be remembered by the next life. */
static void check_memory(struct invariants *invariants, struct seen_host *seen, const struct primary *primary) {
    struct seen_primary *before = seen_primary_of(seen, primary->name);
    if (primary->vote_epoch < before->vote_epoch)
        verdict_fail(invariants->verdict, "S3", "%s restarts with vote epoch %" PRIu64 " of %s, but voted in %" PRIu64,
                     sentinel_host_name(seen->host), primary->vote_epoch, primary->name, before->vote_epoch);
    else if (primary->vote_epoch == before->vote_epoch && before->vote_epoch &&
             strcmp(primary->vote_leader, before->vote_leader) != 0)
        verdict_fail(invariants->verdict, "S3",
                     "%s restarts with a vote for '%.8s' in epoch %" PRIu64 " of %s, but voted for %.8s",
                     sentinel_host_name(seen->host), primary->vote_leader, primary->vote_epoch, primary->name,
                     before->vote_leader);
    before->config_epoch = before->memory_vote_epoch = 0;
    before->host[0] = 0;
}

void invariants_wiped(struct invariants *invariants, struct sentinel_host *host) {
    struct seen_host *seen = seen_of(invariants, host);
    struct table_walk *walks = table_sorted(seen->primaries);
    for (size_t i = 0; i < table_count(seen->primaries); i++) {
        struct seen_primary *primary = walks[i].value;
        primary->vote_epoch = 0;
        primary->vote_leader[0] = 0;
    }
    mem_free(walks);
    seen->promised = 0;
}

static void on_birth(void *context, struct sentinel_host *host) {
    struct invariants *invariants = context;
    struct seen_host *seen = seen_of(invariants, host);
    const struct world *world = sentinel_host_world(host);
    event_order_free(&seen->order);
    seen->order = event_order_new();
    table_clear(seen->pongs, mem_free);
    seen->epoch = world->current_epoch;
    seen->born_us = invariants->schedule->now_us;
    if (world->current_epoch < seen->promised)
        verdict_fail(invariants->verdict, "S3", "%s restarts in epoch %" PRIu64 ", but has voted in %" PRIu64,
                     sentinel_host_name(host), world->current_epoch, seen->promised);
    LIST_EACH(&world->primaries, node)
    check_memory(invariants, seen, container_of(node, struct primary, node));
}

/* S5 */

/* One address may be watched for several primaries, over a line for each. */
static struct seen_pong *pong_of(struct seen_host *seen, const char *primary, const char *address, uint16_t port) {
    char key[128];
    snprintf(key, sizeof key, "%s %s:%u", primary, address, port);
    struct seen_pong *pong = table_find(seen->pongs, slice_text(key));
    if (pong) return pong;
    pong = mem_zalloc(sizeof *pong);
    pong->sent_us = seen->born_us;
    pong->gap_us = INT64_MIN / 2;
    table_set(seen->pongs, slice_text(key), pong);
    return pong;
}

static void on_pong(void *context, struct sentinel_host *host, const struct instance *instance, const char *address,
                    uint16_t port, int64_t sent_us) {
    struct invariants *invariants = context;
    if (!instance->primary) return;
    struct seen_pong *pong = pong_of(seen_of(invariants, host), instance->primary->name, address, port);
    /* Of a replica, which may become the primary, any silence will do. */
    int64_t down_after_us = instance->kind == INSTANCE_PRIMARY ? instance->down_after_ms * 1000 : 0;
    if (invariants->schedule->now_us > pong->sent_us + down_after_us - down_after_us / 500 - SLACK_US)
        pong->gap_us = invariants->schedule->now_us;
    pong->sent_us = sent_us;
}

/* It may find the primary down for what that says of itself. */
static bool doubts_role(const struct sentinel_host *host, const struct primary *primary) {
    const struct primary *own = world_find_primary(sentinel_host_world(host), slice_text(primary->name));
    return own && (own->instance->facts.role == ROLE_REPLICA || own->instance->rebooted);
}

/* Whether this sentinel may have said, as lately as that counts, that the primary is down. */
static bool may_say_down(struct invariants *invariants, struct sentinel_host *host, const struct primary *primary) {
    if (!sentinel_host_world(host)) return true; /* it may have said so before it died */
    struct seen_host *seen = seen_of(invariants, host);
    const struct instance *instance = primary->instance;
    const struct seen_pong *pong = pong_of(seen, primary->name, instance->ip, instance->port);
    int64_t now_us = invariants->schedule->now_us;
    int64_t down_after_us = primary->options.down_after_ms * 1000;
    bool silent = now_us > pong->sent_us + down_after_us - down_after_us / 500 - SLACK_US;
    bool lately = now_us - pong->gap_us < invariants->bounds.memory_us;
    bool young = now_us - seen->born_us < invariants->bounds.memory_us; /* its former life may have said so */
    return silent || lately || young || doubts_role(host, primary);
}

static void check_start(struct invariants *invariants, struct sentinel_host *host, const struct primary *primary) {
    const struct invariants_bounds *bounds = &invariants->bounds;
    size_t may = bounds->others;
    if (bounds->fast &&
        network_was_refused(bounds->network, primary->instance->ip, bounds->grace_us, bounds->memory_us))
        return;
    for (size_t i = 0; i < bounds->host_count; i++) may += may_say_down(invariants, bounds->hosts[i], primary);
    if (may < primary->options.quorum)
        verdict_fail(invariants->verdict, "S5",
                     "%s leads a failover of %s, but only %zu sentinels lost it; the quorum is %u",
                     sentinel_host_name(host), primary->name, may, primary->options.quorum);
}

/* What leaves a host */

static void check_switch(struct invariants *invariants, struct sentinel_host *host, const struct primary *primary,
                         const char *text) {
    char shown[600];
    snprintf(shown, sizeof shown, " %s %u", instance_shown_host(primary->instance, primary->world),
             primary->instance->port);
    size_t length = strlen(text), tail = strlen(shown);
    if (length < tail || strcmp(text + length - tail, shown) != 0)
        verdict_fail(invariants->verdict, "S7", "%s publishes +switch-master %s, but believes%s",
                     sentinel_host_name(host), text, shown);
}

static void on_publish(void *context, struct sentinel_host *host, const struct action *action) {
    struct invariants *invariants = context;
    enum sentinel_event event = action->publish.event;
    const char *name = action->publish.primary;
    const struct primary *primary = name ? world_find_primary(sentinel_host_world(host), slice_text(name)) : NULL;
    char why[200];
    if (!event_order_take(seen_of(invariants, host)->order, event, name, action->publish.text, why))
        verdict_fail(invariants->verdict, "S7", "%s publishes %s", sentinel_host_name(host), why);
    if (event == SENTINEL_EVENT_SWITCH) invariants->switches++;
    if (event == SENTINEL_EVENT_PROMOTED) invariants->failovers++;
    if (!primary) return;
    seen_of(invariants, host)->changed = true;
    /* The record keeps what the failover was; its state may be over already in the step that published this. */
    bool forced = primary->failover.record.forced;
    if (event == SENTINEL_EVENT_TRY_FAILOVER && forced)
        invariants_taint(invariants, primary->name, primary->failover.epoch);
    if (event == SENTINEL_EVENT_ELECTED && !forced) {
        invariants_elected(invariants, sentinel_host_id(host), primary->name, primary->failover.epoch);
        check_start(invariants, host, primary);
    }
    if (event == SENTINEL_EVENT_SWITCH) check_switch(invariants, host, primary, action->publish.text);
}

static void on_hello(void *context, struct sentinel_host *host, struct slice payload) {
    struct invariants *invariants = context;
    struct slice rest = payload, fields[8], part;
    size_t count = 0;
    int64_t epoch, port;
    while (count < 8 && slice_split(&rest, ',', &part)) fields[count++] = part;
    if (count != 8 || rest.size || !number_parse_int(fields[7], &epoch) || !number_parse_int(fields[6], &port)) {
        verdict_fail(invariants->verdict, "S9", "%s says hello with '%.*s'", sentinel_host_name(host),
                     (int)payload.size, payload.data);
        return;
    }
    char name[64], address[256];
    snprintf(name, sizeof name, "%.*s", (int)fields[4].size, fields[4].data);
    snprintf(address, sizeof address, "%.*s", (int)fields[5].size, fields[5].data);
    invariants_address(invariants, sentinel_host_name(host), name, (uint64_t)epoch, address, (uint16_t)port);
}

/* S6 */
static const struct state_record *find_record(const struct state_records *records, enum state_kind kind,
                                              const char *name) {
    for (size_t i = 0; i < records->count; i++)
        if (records->items[i].kind == kind && (!name || strcmp(records->items[i].name, name) == 0))
            return &records->items[i];
    return NULL;
}

static void check_durable(struct invariants *invariants, struct sentinel_host *host, const char *what,
                          const char *primary, uint64_t epoch, const char *leader) {
    const struct state_records *records = sentinel_host_durable(host);
    const struct state_record *self = find_record(records, STATE_SELF, NULL);
    const struct state_record *record = find_record(records, STATE_PRIMARY, primary);
    if (!self || self->epoch < epoch)
        verdict_fail(invariants->verdict, "S6", "%s %s in %s epoch %" PRIu64 ", but the epoch on disk is %" PRIu64,
                     sentinel_host_name(host), what, primary, epoch, self ? self->epoch : 0);
    else if (leader && (!record || record->vote_epoch < epoch ||
                        (record->vote_epoch == epoch && strcmp(record->id, leader) != 0)))
        verdict_fail(
            invariants->verdict, "S6", "%s %s in %s epoch %" PRIu64 ", but the disk says epoch %" PRIu64 " '%.8s'",
            sentinel_host_name(host), what, primary, epoch, record ? record->vote_epoch : 0, record ? record->id : "");
}

static void remember_vote(struct invariants *invariants, struct sentinel_host *host, const char *name,
                          const char *leader, uint64_t epoch) {
    struct seen_host *seen = seen_of(invariants, host);
    struct seen_primary *before = seen_primary_of(seen, name);
    if (epoch < before->vote_epoch)
        verdict_fail(invariants->verdict, "S3", "%s votes in %s epoch %" PRIu64 " after it voted in %" PRIu64,
                     sentinel_host_name(host), name, epoch, before->vote_epoch);
    invariants_voted(invariants, sentinel_host_id(host), name, epoch, leader);
    before->vote_epoch = epoch;
    snprintf(before->vote_leader, sizeof before->vote_leader, "%s", leader);
    seen->promised = MAX(seen->promised, epoch);
}

static void on_vote(void *context, struct sentinel_host *host, const char *primary, const char *leader,
                    uint64_t epoch) {
    remember_vote(context, host, primary, leader, epoch);
    check_durable(context, host, "answers with a vote", primary, epoch, leader);
}

static void on_order(void *context, struct sentinel_host *host, const struct action *action) {
    const struct world *world = sentinel_host_world(host);
    LIST_EACH(&world->primaries, node) {
        const struct primary *primary = container_of(node, struct primary, node);
        if (!primary->failover.target || primary->failover.target->number != action->send.instance) continue;
        bool own =
            primary->vote_epoch == primary->failover.epoch && strcmp(primary->vote_leader, sentinel_host_id(host)) == 0;
        check_durable(context, host, "orders a promotion", primary->name, primary->failover.epoch,
                      own ? sentinel_host_id(host) : NULL);
        if (own) remember_vote(context, host, primary->name, sentinel_host_id(host), primary->failover.epoch);
    }
}

static void on_breach(void *context, struct sentinel_host *host, const char *what) {
    struct invariants *invariants = context;
    verdict_fail(invariants->verdict, "S9", "%s: %s", sentinel_host_name(host), what);
}

/* After every step */

static void check_primary(struct invariants *invariants, struct seen_host *seen, const struct primary *primary) {
    struct seen_primary *before = seen_primary_of(seen, primary->name);
    const struct instance *instance = primary->instance;
    const char *name = sentinel_host_name(seen->host);
    if (primary->config_epoch < before->config_epoch)
        verdict_fail(invariants->verdict, "S3", "%s: configuration epoch of %s went from %" PRIu64 " to %" PRIu64, name,
                     primary->name, before->config_epoch, primary->config_epoch);
    /* A vote that could not be saved, and so was never told, may be taken back. */
    if (primary->vote_epoch < before->memory_vote_epoch && primary->vote_epoch < before->vote_epoch)
        verdict_fail(invariants->verdict, "S3", "%s: vote epoch of %s went from %" PRIu64 " to %" PRIu64, name,
                     primary->name, before->memory_vote_epoch, primary->vote_epoch);
    before->memory_vote_epoch = primary->vote_epoch;
    if (primary->config_epoch == before->config_epoch && instance->port == before->port &&
        strcmp(instance->host, before->host) == 0)
        return;
    before->config_epoch = primary->config_epoch;
    before->port = instance->port;
    snprintf(before->host, sizeof before->host, "%s", instance->host);
    invariants_address(invariants, name, primary->name, primary->config_epoch, instance->host, instance->port);
}

static void check_memory_use(struct invariants *invariants, struct sentinel_host *host, const struct world *world) {
    size_t alive = 0, held = 0, most = MOST_PENDING + MOST_PENDING_PER_PRIMARY * world->primary_count;
    for (size_t i = 1; i < world->instance_count; i++) {
        const struct instance *instance = world->instances[i];
        if (!instance) continue;
        alive++;
        if (instance->lines[LINE_COMMAND].pending > most)
            verdict_fail(invariants->verdict, "S8", "%s: %u requests wait for answers of %s", sentinel_host_name(host),
                         instance->lines[LINE_COMMAND].pending, instance->name);
    }
    if (alive > invariants->bounds.instances)
        verdict_fail(invariants->verdict, "S8", "%s knows %zu instances; there are %zu", sentinel_host_name(host),
                     alive, invariants->bounds.instances);
    LIST_EACH(&world->primaries, node) {
        const struct primary *primary = container_of(node, struct primary, node);
        for (const struct held_answer *answer = primary->held; answer; answer = answer->next) held++;
    }
    if (held > most)
        verdict_fail(invariants->verdict, "S8", "%s holds %zu answers back", sentinel_host_name(host), held);
    if (world->actions && world->actions->count > MOST_ACTIONS)
        verdict_fail(invariants->verdict, "S8", "%s: %zu actions in a step", sentinel_host_name(host),
                     world->actions->count);
}

static void check_pace(struct invariants *invariants, struct seen_host *seen) {
    int64_t second = invariants->schedule->now_us / 1000000;
    if (second != seen->second) seen->steps = 0;
    seen->second = second;
    if (++seen->steps > MOST_STEPS)
        verdict_fail(invariants->verdict, "S8", "%s takes more than %d steps in a second",
                     sentinel_host_name(seen->host), MOST_STEPS);
}

static void on_step(void *context, struct sentinel_host *host, const struct event *event) {
    (void)event;
    struct invariants *invariants = context;
    struct seen_host *seen = seen_of(invariants, host);
    const struct world *world = sentinel_host_world(host);
    if (!world) return; /* it died in this step */
    if (world->current_epoch < seen->epoch)
        verdict_fail(invariants->verdict, "S3", "%s: current epoch went from %" PRIu64 " to %" PRIu64,
                     sentinel_host_name(host), seen->epoch, world->current_epoch);
    seen->epoch = world->current_epoch;
    check_pace(invariants, seen);
    /* What changes one of many primaries publishes something; all are looked at now and then. */
    bool all = world->primary_count <= FEW_PRIMARIES || seen->changed || sentinel_host_steps(host) % CHECK_EVERY == 0;
    seen->changed = false;
    if (all) LIST_EACH(&world->primaries, node) check_primary(invariants, seen, container_of(node, struct primary, node));
    if (sentinel_host_steps(host) % CHECK_EVERY == 0) check_memory_use(invariants, host, world);
}

const struct host_observer invariants_observer = {
    .on_birth = on_birth,
    .on_publish = on_publish,
    .on_hello = on_hello,
    .on_vote = on_vote,
    .on_order = on_order,
    .on_pong = on_pong,
    .on_step = on_step,
    .on_breach = on_breach,
};
