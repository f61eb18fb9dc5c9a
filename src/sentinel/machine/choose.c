#include "sentinel/machine/choose.h"
#include "sentinel/machine/world_internal.h"

#include <stdio.h>

enum { PLANNED_LAG_MAX = 1 << 20 }; /* bytes that a replica may lack when the writes are stopped for it */
enum { VALID_MS = 5000, VALID_PINGS = 3 /* ... and at least so many ping periods */ };

int64_t choose_offset(const struct instance *replica) {
    return replica->facts.role == ROLE_PRIMARY ? replica->facts.primary_offset : replica->facts.replica_offset;
}

int64_t choose_lag(const struct instance *replica) {
    const struct instance *primary = replica->primary->instance;
    if (replica->facts.at_ms == NEVER) return -1;
    int64_t furthest = choose_furthest(replica->primary);
    if (primary->facts.at_ms != NEVER && primary->facts.role == ROLE_PRIMARY)
        furthest = MAX(furthest, primary->facts.primary_offset);
    return furthest < 0 ? -1 : MAX(0, furthest - choose_offset(replica));
}

int64_t choose_most_lag(const struct primary *primary) {
    int64_t most = primary->options.max_replica_lag;
    if (!primary->failover.planned) return most; /* F5 */
    return most > 0 ? MIN(most, PLANNED_LAG_MAX) : PLANNED_LAG_MAX;
}

bool choose_is_near(const struct instance *replica) {
    const struct primary_options *options = &replica->primary->options;
    if (!options->prefer_zone || !options->replica_zones) return false;
    struct slice rest = slice_text(options->replica_zones), word;
    while (slice_split(&rest, ' ', &word)) {
        struct slice zone = word, address;
        if (!slice_split(&zone, '=', &address) || !slice_is(zone, options->prefer_zone)) continue;
        char text[300];
        snprintf(text, sizeof text, "%s:%u", replica->host, replica->port);
        if (slice_is(address, text) || slice_is(address, replica->name)) return true;
        snprintf(text, sizeof text, "%s:%u", replica->ip, replica->port);
        if (slice_is(address, text)) return true;
    }
    return false;
}

/* Why not, apart from C3. */
static enum choose_verdict judge_alone(const struct instance *replica) {
    const struct world *world = replica->world;
    const struct primary *primary = replica->primary;
    const struct instance *old = primary->instance;
    const struct facts *facts = &replica->facts;
    int64_t now_ms = world->now_ms;
    if (replica->s_down) return CHOOSE_DOWN;
    if (!instance_is_connected(replica)) return CHOOSE_DISCONNECTED;
    if (replica->last_good_ms == NEVER || now_ms - replica->last_good_ms > MAX(VALID_MS, VALID_PINGS * replica->ping_period_ms))
        return CHOOSE_SILENT;
    if (facts->at_ms == NEVER) return CHOOSE_UNKNOWN;
    int64_t valid_ms = old->s_down ? VALID_MS : 3 * world->timing.info_period_ms;
    if (now_ms - facts->at_ms > valid_ms) return CHOOSE_STALE;
    if (facts->priority == 0) return CHOOSE_PRIORITY_0;
    int64_t may_be_down_ms = 10 * replica->down_after_ms;
    if (old->s_down) may_be_down_ms += now_ms - old->s_down_since_ms;
    /* A primary that turned into a replica feeds nobody, nobody knows since when: the links prove nothing then. */
    bool fed = old->role_reported != ROLE_REPLICA;
    if (fed && facts->role == ROLE_REPLICA && facts->link_down_ms > may_be_down_ms) return CHOOSE_LINK_DOWN;
    int64_t most = choose_most_lag(primary);
    if (most > 0 && choose_lag(replica) > most) return CHOOSE_LAGS;
    if (replica->refused_epoch && replica->refused_epoch == primary->failover.epoch) return CHOOSE_REFUSED;
    return CHOOSE_GOOD;
}

int64_t choose_furthest(const struct primary *primary) {
    int64_t furthest = -1;
    LIST_EACH(&primary->replicas, node) {
        const struct instance *replica = container_of(node, struct instance, node);
        if (!replica->s_down && replica->facts.at_ms != NEVER) furthest = MAX(furthest, choose_offset(replica));
    }
    return furthest;
}

enum choose_verdict choose_judge(const struct instance *replica) {
    enum choose_verdict verdict = judge_alone(replica);
    if (verdict != CHOOSE_GOOD || replica->facts.role != ROLE_PRIMARY) return verdict;
    /* C3 */
    const struct instance *old = replica->primary->instance;
    bool down = old->s_down;
    if (down && old->facts.role == ROLE_REPLICA && old->facts.link_up &&
        instance_is_at(replica, old->facts.primary_host, old->facts.primary_port))
        return CHOOSE_GOOD; /* the servers have moved on to it */
    if (down && replica->took_over_ms != NEVER && replica->took_over_ms >= old->s_down_since_ms) return CHOOSE_GOOD;
    return down && choose_offset(replica) >= choose_furthest(replica->primary) ? CHOOSE_GOOD : CHOOSE_OLD_PRIMARY;
}

/* C2, C3 */
static bool is_better(const struct instance *a, const struct instance *b) {
    bool promoted = a->facts.role == ROLE_PRIMARY;
    if (promoted != (b->facts.role == ROLE_PRIMARY)) return promoted;
    if (a->facts.priority != b->facts.priority) return a->facts.priority < b->facts.priority;
    if (choose_is_near(a) != choose_is_near(b)) return choose_is_near(a);
    if (choose_offset(a) != choose_offset(b)) return choose_offset(a) > choose_offset(b);
    if (!a->facts.run_id[0] != !b->facts.run_id[0]) return a->facts.run_id[0] != 0;
    return strcmp(a->facts.run_id, b->facts.run_id) < 0;
}

struct instance *choose_replica(const struct primary *primary, size_t *count) {
    struct instance *best = NULL;
    size_t good = 0;
    LIST_EACH(&primary->replicas, node) {
        struct instance *replica = container_of(node, struct instance, node);
        if (choose_judge(replica) != CHOOSE_GOOD) continue;
        good++;
        if (!best || is_better(replica, best)) best = replica;
    }
    if (count) *count = good;
    return best;
}
