#include "store/replication/sync_replies.h"
#include "base/mem.h"
#include "core/client/client_hold.h"
#include "core/client/reply.h"
#include "net/loop.h"
#include "store/replication/guard.h"
#include "store/replication/replicas.h"
#include "store/replication/replication.h"
#include "store/replication/waits.h"

/* Writes that wait for the same: so many replicas, at this level. In order of offset and of time, both at once. */
struct group {
    size_t          wanted;
    enum sync_level level;
    struct entry {
        uint64_t client; /* id */
        int64_t  offset, written_ms;
    } *entries;
    size_t begin, end, capacity;
};

struct sync_replies {
    struct replication        *replication;
    struct loop_timer          timer; /* active while something waits, for the first that would be too late */
    struct group              *groups; /* the place is what client_hold knows it by. Few: never more than replicas at a time */
    unsigned                   count;
    struct sync_replies_counts counts;
    size_t                     parameter; /* as it was applied last */
    size_t                     before;    /* a smaller one, with which what is in the stream up to ... was acknowledged; 0: none */
    int64_t                    before_offset; /* ... there */
    size_t                     least_chosen;  /* by a connection, since the start; 0: none did */
};

static const char timed_out[] = "NOREPLICAS Too few replicas confirmed the write in time: its outcome is unknown.";
static const char no_lease[] = "NOREPLICAS The lease of the sentinels ended before the write could be acknowledged: its outcome is "
                               "unknown.";
static const char fenced[] = "NOREPLICAS A sentinel fenced the server before enough replicas confirmed the write: its outcome is "
                             "unknown.";
static const char abandoned[] = "NOREPLICAS The server stopped being the primary before enough replicas confirmed the write: "
                                "its outcome is unknown.";

/* ---- who counts ---- */

static int64_t confirmed_by(const struct replica *replica, enum sync_level level) {
    return level == SYNC_FSYNCED ? replica->fsynced_offset : replica->acked_offset;
}

/* Looked up once for each version of what the sentinels know. */
static bool is_known(const struct sync_replies *sync, struct replica *replica) {
    struct guard *guard = sync->replication->guard;
    if (LIKELY(replica->counts_version == guard_version(guard))) return replica->counts;
    char address[REPLICA_ADDRESS_SIZE];
    replicas_print_address(replica, address);
    replica->counts_version = guard_version(guard);
    replica->counts = guard_counts(guard, address, replica->port);
    return replica->counts;
}

/* One that can confirm: it has the data, says how far it is, and, if that is asked for, has a file. */
static bool is_peer(const struct sync_replies *sync, struct replica *replica, enum sync_level level) {
    if (replica->state != REPLICA_ONLINE || replica->is_plain_sync || replica->starts_on_ack) return false;
    if (replica->client->flags & (CLIENT_CLOSE_ASAP | CLIENT_CLOSE_AFTER_REPLY)) return false;
    return (level == SYNC_RECEIVED || replica->fsynced_offset >= 0) && is_known(sync, replica);
}

static size_t count_peers(const struct sync_replies *sync, enum sync_level level) {
    size_t count = 0;
    LIST_EACH(&sync->replication->replicas->all, node) count += is_peer(sync, container_of(node, struct replica, node), level);
    return count;
}

static size_t count_at(const struct sync_replies *sync, int64_t offset, enum sync_level level) {
    size_t count = 0;
    LIST_EACH(&sync->replication->replicas->all, node) {
        struct replica *replica = container_of(node, struct replica, node);
        count += confirmed_by(replica, level) >= offset && is_peer(sync, replica, level);
    }
    return count;
}

/* The stream up to which `wanted` of them have everything; -1: so many are not there. */
static int64_t confirmed(const struct sync_replies *sync, size_t wanted, enum sync_level level) {
    int64_t best = -1;
    LIST_EACH(&sync->replication->replicas->all, node) {
        const struct replica *replica = container_of(node, struct replica, node);
        int64_t               offset = MIN(confirmed_by(replica, level), sync->replication->history.offset);
        if (offset > best && count_at(sync, offset, level) >= wanted) best = offset;
    }
    return best;
}

/* ---- time ---- */

static void on_due(struct loop_timer *timer);

static void watch(struct sync_replies *sync, int64_t written_ms) {
    struct replication *replication = sync->replication;
    loop_timer_start_at(replication->server->loop, &sync->timer, written_ms + replication->settings.sync_timeout_ms, on_due);
}

static void watch_first(struct sync_replies *sync) {
    int64_t first_ms = INT64_MAX;
    for (unsigned i = 0; i < sync->count; i++) {
        const struct group *group = &sync->groups[i];
        if (group->begin < group->end) first_ms = MIN(first_ms, group->entries[group->begin].written_ms);
    }
    if (first_ms == INT64_MAX) loop_timer_stop(&sync->timer);
    else watch(sync, first_ms);
}

/* ---- what is wanted ---- */

static size_t wanted_by(const struct sync_replies *sync, const struct client *client) {
    const struct replication_session *session = sync->replication->find_session(client);
    return session->has_sync_replicas ? session->sync_replicas : (size_t)sync->replication->settings.sync_replicas;
}

static enum sync_level level_of(const struct sync_replies *sync) {
    return (enum sync_level)sync->replication->settings.sync_level;
}

static void use(struct sync_replies *sync) {
    sync->replication->uses_sync = true;
    sync->replication->server->may_hold_replies = true;
}

/* What was acknowledged with fewer is only on those, until more have it. */
static void note_number(struct sync_replies *sync) {
    size_t number = (size_t)sync->replication->settings.sync_replicas;
    if (number > sync->parameter && sync->parameter) {
        sync->before = sync->before ? MIN(sync->before, sync->parameter) : sync->parameter;
        sync->before_offset = sync->replication->history.offset;
    }
    if (!number) sync->before = 0;
    sync->parameter = number;
}

static void look_at_before(struct sync_replies *sync) {
    if (LIKELY(!sync->before) || count_at(sync, sync->before_offset, level_of(sync)) < sync->parameter) return;
    sync->before = 0;
}

static size_t least(size_t a, size_t b) {
    return a && b ? MIN(a, b) : a + b;
}

size_t sync_replies_smallest(const struct sync_replies *sync) {
    return least(least((size_t)sync->replication->settings.sync_replicas, sync->before), sync->least_chosen);
}

void sync_replies_apply(struct sync_replies *sync) {
    if (sync->replication->settings.sync_replicas) use(sync);
    note_number(sync);
    if (loop_timer_is_active(&sync->timer)) watch_first(sync); /* for a shorter time than before */
}

void sync_replies_choose(struct sync_replies *sync, struct client *client, int64_t wanted) {
    struct replication_session *session = sync->replication->find_session(client);
    session->has_sync_replicas = wanted >= 0;
    session->sync_replicas = wanted > 0 ? (size_t)wanted : 0;
    if (wanted <= 0) return;
    sync->least_chosen = least(sync->least_chosen, (size_t)wanted);
    use(sync);
}

static const char *find_reason(const struct sync_replies *sync, size_t wanted) {
    struct guard *guard = sync->replication->guard;
    if (UNLIKELY(!guard_may_write(guard)))
        return guard_is_fenced(guard) ? "A sentinel fenced this server: it is not the primary any more"
                                      : "There is no lease of a majority of the sentinels";
    return count_peers(sync, level_of(sync)) >= wanted ? NULL : "Not enough replicas are connected to confirm the write";
}

bool sync_replies_refuse(struct sync_replies *sync, struct client *client, const struct command_entry *entry) {
    size_t wanted = wanted_by(sync, client);
    if (LIKELY(!wanted)) return false;
    const char *reason = find_reason(sync, wanted);
    if (LIKELY(!reason)) return false;
    bool ends = (entry->flags & COMMAND_ENDS_TRANSACTION) != 0;
    reply_error_uncounted(client, "%sNOREPLICAS %s: it was not executed.",
                          ends ? "EXECABORT Transaction discarded because of: " : "", reason);
    sync->counts.refused++;
    return true;
}

/* ---- holding ---- */

static unsigned find_group(struct sync_replies *sync, size_t wanted, enum sync_level level) {
    for (unsigned i = 0; i < sync->count; i++)
        if (sync->groups[i].wanted == wanted && sync->groups[i].level == level) return i;
    sync->groups = mem_realloc(sync->groups, (sync->count + 1) * sizeof *sync->groups);
    sync->groups[sync->count] = (struct group){.wanted = wanted, .level = level};
    return sync->count++;
}

static void add(struct group *group, struct entry entry) {
    if (group->end == group->capacity && group->begin > group->capacity / 2) {
        group->end -= group->begin;
        memmove(group->entries, group->entries + group->begin, group->end * sizeof *group->entries);
        group->begin = 0;
    }
    if (group->end == group->capacity) {
        group->capacity = MAX(64, group->capacity * 2);
        group->entries = mem_realloc(group->entries, group->capacity * sizeof *group->entries);
    }
    group->entries[group->end++] = entry;
}

void sync_replies_hold(struct sync_replies *sync, struct client *client) {
    struct replication *replication = sync->replication;
    if (!client || !client->conn || client->flags & CLIENT_IS_PRIMARY) return;
    size_t wanted = wanted_by(sync, client);
    if (LIKELY(!wanted)) return;
    unsigned place = find_group(sync, wanted, level_of(sync));
    struct entry entry = {client->id, replication->history.offset, replication->server->now_ms};
    add(&sync->groups[place], entry);
    client_hold_replies(client, CLIENT_HOLD_PEERS + place, entry.offset);
    waits_want(replication->waits);
    sync->counts.held++;
    if (!loop_timer_is_active(&sync->timer)) watch(sync, entry.written_ms);
    if (UNLIKELY(guard_is_fenced(replication->guard))) replication->replicas->has_news = true; /* it is to be told */
}

/* ---- letting go ---- */

/* Those of the group up to `offset`, or (`before_ms`) written until then, are confirmed, or (`error`) will not be. */
static size_t end(struct sync_replies *sync, unsigned place, int64_t offset, int64_t before_ms, const char *error) {
    struct group *group = &sync->groups[place];
    size_t        was = group->begin;
    while (group->begin < group->end) {
        struct entry entry = group->entries[group->begin];
        if (entry.offset > offset || entry.written_ms > before_ms) break;
        group->begin++;
        /* One client's in a row at once: a pipeline. */
        bool is_last = group->begin == group->end || group->entries[group->begin].client != entry.client ||
                       group->entries[group->begin].offset > offset || group->entries[group->begin].written_ms > before_ms;
        struct client *client = is_last ? client_find(sync->replication->server, entry.client) : NULL;
        if (!client) continue;
        if (error) client_hold_fail(client, CLIENT_HOLD_PEERS + place, entry.offset, slice_text(error));
        else client_hold_confirm(client, CLIENT_HOLD_PEERS + place, entry.offset);
    }
    size_t count = group->begin - was;
    if (group->begin == group->end) group->begin = group->end = 0;
    sync->counts.held -= count;
    return count;
}

void sync_replies_serve(struct sync_replies *sync) {
    look_at_before(sync);
    if (LIKELY(!sync->counts.held)) return;
    if (UNLIKELY(!guard_may_acknowledge(sync->replication->guard))) {
        if (guard_is_fenced(sync->replication->guard)) sync_replies_give_up(sync, SYNC_FENCED);
        return; /* until there is a lease again */
    }
    for (unsigned i = 0; i < sync->count; i++) {
        const struct group *group = &sync->groups[i];
        if (group->begin < group->end) (void)end(sync, i, confirmed(sync, group->wanted, group->level), INT64_MAX, NULL);
    }
}

static void on_due(struct loop_timer *timer) {
    struct sync_replies *sync = container_of(timer, struct sync_replies, timer);
    struct server       *server = sync->replication->server;
    server_update_time(server);
    int64_t before_ms = server->now_ms - sync->replication->settings.sync_timeout_ms;
    sync_replies_serve(sync); /* what came in just now */
    const char *error = guard_may_acknowledge(sync->replication->guard) ? timed_out : no_lease;
    for (unsigned i = 0; i < sync->count; i++) sync->counts.timed_out += end(sync, i, INT64_MAX, before_ms, error);
    watch_first(sync);
}

void sync_replies_give_up(struct sync_replies *sync, enum sync_end why) {
    const char *error = why == SYNC_FENCED ? fenced : abandoned;
    for (unsigned i = 0; i < sync->count; i++) sync->counts.abandoned += end(sync, i, INT64_MAX, INT64_MAX, error);
    loop_timer_stop(&sync->timer);
}

/* ---- life, INFO ---- */

struct sync_replies *sync_replies_new(struct replication *replication) {
    struct sync_replies *sync = mem_zalloc(sizeof *sync);
    sync->replication = replication;
    return sync;
}

void sync_replies_stop(struct sync_replies *sync) {
    loop_timer_stop(&sync->timer);
}

void sync_replies_free(struct sync_replies **place) {
    struct sync_replies *sync = *place;
    *place = NULL;
    for (unsigned i = 0; i < sync->count; i++) mem_free(sync->groups[i].entries);
    mem_free(sync->groups);
    mem_free(sync);
}

void sync_replies_get_counts(const struct sync_replies *sync, struct sync_replies_counts *counts) {
    *counts = sync->counts;
}

void sync_replies_reset_counts(struct sync_replies *sync) {
    sync->counts.timed_out = sync->counts.abandoned = sync->counts.refused = 0;
}

size_t sync_replies_peers(struct sync_replies *sync) {
    (void)guard_may_write(sync->replication->guard);
    return count_peers(sync, level_of(sync));
}
