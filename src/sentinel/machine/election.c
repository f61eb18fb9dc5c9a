#include "sentinel/machine/election.h"
#include "base/hash.h"
#include "sentinel/machine/choose.h"
#include "sentinel/machine/down.h"
#include "sentinel/machine/fresh.h"
#include "sentinel/machine/guard.h"
#include "sentinel/machine/vote.h"
#include "sentinel/machine/world_internal.h"

#include <inttypes.h>
#include <stdio.h>

enum {
    HEAR_MS = 3, /* beside two round trips: for the clocks, which count milliseconds */
    HEAR_MAX_MS = 500,
    VOTE_MS = 20,           /* for the voters' disks */
    LEADER_SILENT_MS = 250, /* a leader whose ping waits so long is taken for gone */
    LEADER_GONE_MS = 100,   /* it may be restarting, and its hello may be under way */
    LEADER_LOOK_MS = 50,
    ROUND_MS = 200,
    PAUSE_MAX_MS = 1000,
};

/* To the furthest peer that can be reached, and back. */
static int64_t round_trip_ms(const struct primary *primary) {
    int64_t rtt_us = 0;
    LIST_EACH(&primary->seats, node) {
        const struct instance *peer = container_of(node, struct seat, at_primary)->peer;
        if (!peer->s_down && instance_is_connected(peer)) rtt_us = MAX(rtt_us, peer->usual_rtt_us);
    }
    return (rtt_us + 999) / 1000;
}

/* What others said until then has reached us, and what we said them: more than two messages in a row take. */
static int64_t hear_ms(const struct primary *primary) {
    return MIN(HEAR_MS + 2 * round_trip_ms(primary), HEAR_MAX_MS);
}

int64_t election_slot_ms(const struct primary *primary) {
    return hear_ms(primary) + VOTE_MS;
}

int64_t election_round_ms(const struct primary *primary) {
    return ROUND_MS + 4 * election_slot_ms(primary);
}

/* All sentinels must find the same order, so the key of the hash is no secret: it is the epoch that everybody knows. */
static uint64_t place_of(const char *id, const struct primary *primary) {
    struct hash_key key = {primary->config_epoch, 0x6b7664};
    char text[512]; /* "id name"; put together by hand, because everybody is looked up for every hello */
    size_t id_size = strnlen(id, SENTINEL_ID_SIZE), name_size = MIN(strlen(primary->name), sizeof text - id_size - 2);
    memcpy(text, id, id_size);
    text[id_size] = ' ';
    memcpy(text + id_size + 1, primary->name, name_size);
    return hash_slice(&key, slice_make(text, id_size + 1 + name_size));
}

size_t election_rank(const struct primary *primary) {
    uint64_t own = place_of(primary->world->id, primary);
    size_t rank = 0;
    LIST_EACH(&primary->seats, node) {
        const struct instance *peer = container_of(node, struct seat, at_primary)->peer;
        if (peer->s_down || !instance_is_connected(peer)) continue;
        if (place_of(peer->id, primary) < own) rank++;
    }
    return rank;
}

/* How long after `from_ms` we stand (E4). */
static int64_t turn_ms(const struct primary *primary, int64_t from_ms) {
    uint64_t own = place_of(primary->world->id, primary);
    size_t before = 0, better = 0;
    bool is_first = true;
    LIST_EACH(&primary->seats, node) {
        const struct seat *seat = container_of(node, struct seat, at_primary);
        bool agrees = down_seat_agrees(seat);
        if (agrees && seat->says_down_since_ms < primary->instance->s_down_since_ms) before++;
        if (seat->peer->s_down || !instance_is_connected(seat->peer) || place_of(seat->peer->id, primary) > own)
            continue;
        is_first = false;
        if (agrees) better++;
    }
    bool late = from_ms == primary->o_down_since_ms && before >= primary_quorum(primary);
    if (is_first && !late) return 0;
    return hear_ms(primary) + (int64_t)better * election_slot_ms(primary);
}

static size_t needed_votes(const struct primary *primary) {
    return MAX(primary_majority(primary), primary_quorum(primary));
}

bool election_may_stand(const struct primary *primary) {
    if (!primary->o_down || primary->world->tilt || primary->world->save_failing) return false;
    if (primary->options.maintenance || !fresh_may_stand(primary)) return false;
    if (primary_usable(primary) < needed_votes(primary)) return false; /* E1 */
    if (!guard_may_vote(primary, NULL) || primary->guard.forcing) return false; /* G1 */
    if (primary->failover.tried_in_vain && !choose_replica(primary, NULL)) return false;
    return MAX(primary->world->current_epoch, primary->vote_epoch) < EPOCH_MAX;
}

bool election_is_alive(const struct instance *peer) {
    bool silent = peer->ping_pending_ms && peer->world->now_ms - peer->ping_pending_ms > LEADER_SILENT_MS;
    return instance_is_connected(peer) && !peer->s_down && !silent;
}

/* E3 */
static int64_t leader_until(const struct primary *primary, bool *alive) {
    const struct world *world = primary->world;
    *alive = false;
    if (primary->voted_ms == NEVER || primary->vote_epoch <= primary->config_epoch) return NEVER;
    if (!primary->vote_leader[0] || strcmp(primary->vote_leader, world->id) == 0) return NEVER;
    const struct seat *seat = primary_find_seat(primary, slice_text(primary->vote_leader));
    if (seat) *alive = election_is_alive(seat->peer);
    if (!*alive) return primary->voted_ms + LEADER_GONE_MS;
    return primary->voted_ms + MIN(world->timing.election_timeout_ms, primary->options.failover_timeout_ms);
}

int64_t election_plan(struct primary *primary) {
    struct failover *failover = &primary->failover;
    const struct world *world = primary->world;
    if (!primary->o_down || failover->sm.state != FAILOVER_NONE) {
        failover->stand_ms = INT64_MAX;
        return INT64_MAX;
    }
    bool alive;
    int64_t leader_ms = leader_until(primary, &alive);
    int64_t from_ms = MAX(primary->o_down_since_ms, MAX(failover->retry_ms, leader_ms));
    failover->stand_ms = from_ms + turn_ms(primary, from_ms);
    int64_t look_ms = world->now_ms + LEADER_LOOK_MS; /* the leader may be gone by then */
    if (failover->stand_ms <= world->now_ms) return look_ms;
    return alive ? MIN(look_ms, failover->stand_ms) : failover->stand_ms;
}

void election_pause(struct primary *primary) {
    struct failover *failover = &primary->failover;
    failover->rounds++;
    int64_t slot_ms = election_slot_ms(primary);
    int64_t most_ms = MIN(slot_ms << MIN(failover->rounds, 6u), (int64_t)PAUSE_MAX_MS);
    failover->retry_ms =
        primary->world->now_ms + 1 + (int64_t)random_below(&primary->world->random, (uint64_t)MAX(most_ms, 1));
}

static bool has_voted_for_us(const struct seat *seat) {
    const struct primary *primary = seat->primary;
    return seat->leader_epoch == primary->failover.epoch && strcmp(seat->leader, primary->world->id) == 0;
}

static bool own_vote_stands(const struct primary *primary) {
    return primary->vote_epoch == primary->failover.epoch && strcmp(primary->vote_leader, primary->world->id) == 0;
}

size_t election_votes(const struct primary *primary, size_t *needed) {
    size_t votes = own_vote_stands(primary) && primary->saved_vote_epoch == primary->failover.epoch ? 1 : 0; /* V3 */
    LIST_EACH(&primary->seats, node)
    if (has_voted_for_us(container_of(node, struct seat, at_primary))) votes++;
    *needed = needed_votes(primary);
    return votes;
}

enum election_outcome election_look(const struct primary *primary, char *why, size_t size) {
    size_t needed, votes = election_votes(primary, &needed);
    /* An opinion that was held back in the network may have made us stand: with the votes came newer ones. */
    if (votes >= needed && (primary->o_down || primary->failover.forced)) { /* E2 */
        CHECK(votes > primary_voters(primary) / 2);
        return ELECTION_WON;
    }
    if (!own_vote_stands(primary)) {
        snprintf(why, size, "voted for another in epoch %" PRIu64, primary->vote_epoch);
        return ELECTION_LOST;
    }
    if (primary->world->save_failing) {
        snprintf(why, size, "the state cannot be saved");
        return ELECTION_LOST;
    }
    size_t possible = votes + (primary->saved_vote_epoch < primary->failover.epoch ? 1 : 0);
    LIST_EACH(&primary->seats, node) {
        const struct seat *seat = container_of(node, struct seat, at_primary);
        if (!has_voted_for_us(seat) && seat->answered_epoch < primary->failover.epoch &&
            instance_is_connected(seat->peer))
            possible++;
    }
    bool late = primary->world->now_ms - primary->failover.start_ms >= election_round_ms(primary);
    if (possible >= needed && !late) return ELECTION_OPEN;
    const char *besides = votes >= needed ? ", but too few find it down" : late ? ", the others are silent" : "";
    snprintf(why, size, "%zu of %zu votes%s", votes, needed, besides);
    return ELECTION_LOST;
}
