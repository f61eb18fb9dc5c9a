#include "store/replication/guard.h"
#include "base/clock.h"
#include "base/log.h"
#include "base/mem.h"
#include "base/random.h"
#include "core/server.h"
#include "store/replication/following.h"
#include "store/replication/replicas.h"
#include "store/replication/replication.h"
#include "store/replication/sync_replies.h"

#include <stdio.h>

struct guard {
    struct replication *replication;
    struct lease       *lease;
    int64_t             epoch; /* of the fence; 0: none */
    char                leader[64]; /* who fenced, as it is printed */
    int64_t             looked_ms; /* server->now_ms when may_write was found */
    bool                may_write;
    uint64_t            version;   /* as it was looked at last */
    bool                was_held; /* said so in the log */
};

struct guard *guard_new(struct replication *replication) {
    struct guard *guard = mem_zalloc(sizeof *guard);
    guard->replication = replication;
    guard->lease = lease_new(clock_boot_ms(), random_os_seed());
    guard->looked_ms = -1;
    guard->version = 1;
    return guard;
}

void guard_free(struct guard **guard) {
    if (!*guard) return;
    lease_free(&(*guard)->lease);
    mem_free(*guard);
    *guard = NULL;
}

/* What may wait for us is looked at in this turn of the loop. */
static void tell_news(struct guard *guard) {
    guard->looked_ms = -1;
    guard->replication->replicas->has_news = true;
}

void guard_apply(struct guard *guard) {
    tell_news(guard); /* whoever waits for a lease may need none now */
}

/* ---- the lease ---- */

static bool must_be_held(const struct guard *guard) {
    switch ((enum guard_lease)guard->replication->settings.sync_lease) {
    case GUARD_LEASE_AUTO: return lease_was_granted(guard->lease);
    case GUARD_LEASE_YES: return true;
    case GUARD_LEASE_NO: return false;
    }
    UNREACHABLE("a value of repl-sync-lease");
}

bool guard_needs_lease(const struct guard *guard) {
    return must_be_held(guard);
}

/* Told once for each time that it is lost or there. */
static void tell_log(struct guard *guard, bool is_held) {
    if (is_held == guard->was_held) return;
    guard->was_held = is_held;
    if (is_held) LOG_WRITE(LOG_NOTICE, "A majority of the sentinels has given the lease: writes that wait for replicas are acknowledged");
    else LOG_WRITE(LOG_WARNING, "The lease of the sentinels has ended: writes that wait for replicas are not acknowledged until there is one");
}

bool guard_take(struct guard *guard, const struct lease_offer *offer, int64_t *stamp, bool *is_held, struct error *err) {
    int64_t now_ms = clock_boot_ms();
    *stamp = lease_stamp(guard->lease, now_ms);
    *is_held = false;
    if (replication_is_replica(guard->replication)) return true;
    if (!lease_take(guard->lease, now_ms, offer))
        return error_set(err, "ERR %d sentinels have granted a lease: there is no room for another", LEASE_SENTINELS_MAX);
    *is_held = lease_is_held(guard->lease, now_ms);
    if (lease_was_granted(guard->lease)) tell_log(guard, *is_held);
    tell_news(guard);
    return true;
}

bool guard_may_acknowledge(struct guard *guard) {
    guard->version = 1;
    if (!must_be_held(guard)) return !guard->epoch;
    int64_t now_ms = clock_boot_ms();
    bool    is_held = lease_is_held(guard->lease, now_ms);
    guard->version = lease_version(guard->lease, now_ms) + 2;
    if (lease_was_granted(guard->lease)) tell_log(guard, is_held);
    return is_held && !guard->epoch;
}

bool guard_may_write(struct guard *guard) {
    int64_t now_ms = guard->replication->server->now_ms;
    if (now_ms == guard->looked_ms) return guard->may_write;
    guard->looked_ms = now_ms;
    return guard->may_write = guard_may_acknowledge(guard);
}

bool guard_counts(struct guard *guard, const char *address, int port) {
    char text[LEASE_NAME_MAX + 16];
    if (!must_be_held(guard)) return true;
    int size = snprintf(text, sizeof text, "%s:%d", address, port);
    return lease_names(guard->lease, clock_boot_ms(), slice_make(text, MIN((size_t)size, sizeof text - 1)));
}

uint64_t guard_version(const struct guard *guard) {
    return guard->version;
}

void guard_become_replica(struct guard *guard) {
    lease_drop(guard->lease);
    guard->was_held = false;
    guard->looked_ms = -1;
}

/* ---- the fence ---- */

bool guard_is_fenced(const struct guard *guard) {
    return guard->epoch > 0;
}

int64_t guard_epoch(const struct guard *guard) {
    return guard->epoch;
}

bool guard_fence(struct guard *guard, int64_t epoch, struct slice leader, struct error *err) {
    char name[sizeof guard->leader];
    slice_print_plain(leader, name, sizeof name);
    bool is_same = strcmp(name, guard->leader) == 0;
    if (epoch < guard->epoch || (epoch == guard->epoch && !is_same)) return error_set(err, "FENCED %lld", (long long)guard->epoch);
    if (epoch == guard->epoch) return true;
    LOG_WRITE(LOG_NOTICE, "Fenced for epoch %lld by sentinel %s: nothing is confirmed until it is told whom to follow, or released",
              (long long)epoch, name);
    following_fence(guard->replication->following); /* which may make us a primary again, and so end a fence */
    guard->epoch = epoch;
    memcpy(guard->leader, name, sizeof name);
    if (!replication_is_replica(guard->replication)) sync_replies_give_up(guard->replication->sync, SYNC_FENCED);
    tell_news(guard);
    return true;
}

bool guard_release(struct guard *guard, int64_t epoch, struct error *err) {
    if (!guard->epoch) return error_set(err, "ERR there is no fence");
    if (epoch != guard->epoch) return error_set(err, "FENCED %lld", (long long)guard->epoch);
    LOG_WRITE(LOG_NOTICE, "The fence of epoch %lld was taken back", (long long)epoch);
    guard_end_fence(guard);
    following_release(guard->replication->following);
    return true;
}

void guard_end_fence(struct guard *guard) {
    guard->epoch = 0;
    tell_news(guard);
}

void guard_get_place(const struct guard *guard, struct guard_place *place) {
    const struct replication *replication = guard->replication;
    *place = (struct guard_place){.id = replication->history.id, .offset = replication->history.offset, .fsynced = -1};
    if (!replication_is_replica(replication)) return;
    if (!following_has_place(replication->following)) place->offset = -1;
    else place->fsynced = following_fsynced(replication->following);
}

/* ---- INFO ---- */

const char *guard_lease_word(struct guard *guard) {
    if (!must_be_held(guard)) return "off";
    return lease_is_held(guard->lease, clock_boot_ms()) ? "held" : "lost";
}

size_t guard_lease_sentinels(struct guard *guard) {
    return lease_count(guard->lease, clock_boot_ms());
}

int64_t guard_lease_left_ms(struct guard *guard) {
    return lease_left_ms(guard->lease, clock_boot_ms());
}
