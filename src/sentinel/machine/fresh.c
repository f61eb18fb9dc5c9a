#include "sentinel/machine/fresh.h"
#include "base/number.h"
#include "sentinel/machine/outbox.h"
#include "sentinel/machine/world_internal.h"

enum {
    ASSUMED_OTHERS = 2, /* where the quorum is a majority of nobody knows how many */
    LISTEN_MS = 50,     /* beside the round trips of a hello, a connection and the answer on it */
    LISTEN_ROUNDS = 4,
};

int64_t fresh_until_ms(const struct primary *primary) {
    return primary->fresh_since_ms + primary->world->timing.election_timeout_ms;
}

static bool is_late(const struct primary *primary) {
    return primary->world->now_ms >= fresh_until_ms(primary);
}

/* Sentinels as far as we and those who spoke know; 0: not all of them have said. */
static size_t counted(const struct primary *primary) {
    size_t count = primary_voters(primary);
    LIST_EACH(&primary->seats, node) {
        const struct seat *seat = container_of(node, struct seat, at_primary);
        if (seat->spoke && !seat->counts) return 0;
        if (seat->spoke) count = MAX(count, (size_t)seat->counts);
    }
    return count;
}

size_t fresh_heard(const struct primary *primary, size_t *needed) {
    size_t heard = 0, voters = primary_voters(primary), quorum = primary->options.quorum;
    LIST_EACH(&primary->seats, node)
    if (container_of(node, struct seat, at_primary)->spoke) heard++;
    /* The least that meets all who may have elected somebody together with us. */
    *needed = voters - primary_majority(primary) + 1;
    if (!quorum && !is_late(primary)) *needed = MAX(*needed, ASSUMED_OTHERS);
    if (quorum && quorum != counted(primary)) *needed = MAX(*needed, quorum);
    return heard;
}

bool fresh_had_answer(const struct primary *primary) {
    return primary->replica_count || primary->instance->info_ms != NEVER;
}

/* No sentinel but us, of any primary, although others had a way to make themselves known (N4). */
static bool is_alone(const struct primary *primary) {
    if (primary->seat_count || !list_is_empty(&primary->world->peers)) return false;
    if (!fresh_had_answer(primary)) return false;
    return primary->options.quorum == 1 || (!primary->options.quorum && is_late(primary));
}

bool fresh_may_stand(const struct primary *primary) {
    return !primary->fresh || (is_alone(primary) && primary->fresh_listened);
}

bool fresh_may_be_forced(const struct primary *primary) {
    return !primary->fresh || is_alone(primary);
}

/* Somebody whom we know of and can reach, and who has not spoken yet, may know more. */
static bool somebody_is_due(const struct primary *primary) {
    LIST_EACH(&primary->seats, node) {
        const struct seat *seat = container_of(node, struct seat, at_primary);
        if (!seat->spoke && !seat->peer->s_down) return true;
    }
    return false;
}

/* When whoever listens on that node too has answered our hello. */
static int64_t listened_ms(const struct instance *node) {
    const struct line *line = &node->lines[LINE_PUBSUB];
    return line->phase == LINE_OPEN ? line->since_ms + LISTEN_MS + LISTEN_ROUNDS * node->rtt_ms : INT64_MAX;
}

/* N5: notes it when we have listened. Returns when we will have; INT64_MAX: we have, or hear nobody. */
static int64_t look_listened(struct primary *primary) {
    if (primary->fresh_listened) return INT64_MAX;
    int64_t at_ms = listened_ms(primary->instance);
    LIST_EACH(&primary->replicas, node) at_ms = MIN(at_ms, listened_ms(container_of(node, struct instance, node)));
    if (at_ms > primary->world->now_ms) return at_ms;
    primary->fresh_listened = true;
    return INT64_MAX;
}

static void settle(struct primary *primary) {
    struct world *world = primary->world;
    primary->fresh = false;
    if (world->current_epoch > primary->vote_epoch) { /* N3 */
        primary->vote_epoch = world->current_epoch;
        primary->vote_leader[0] = 0;
        primary->vote_sequence = world->state_sequence + 1;
    }
    primary_changed(primary, STATE_PART_PRIMARY, true);
    world_touch_primary(primary);
}

static int64_t ask_how_many(struct primary *primary) {
    struct world *world = primary->world;
    size_t needed;
    if (primary->options.quorum != primary_voters(primary) || !fresh_heard(primary, &needed))
        return INT64_MAX; /* it would not help */
    int64_t due_ms = primary->fresh_asked_ms + world->timing.ask_period_ms;
    if (primary->fresh_asked_ms != NEVER && world->now_ms < due_ms) return due_ms;
    primary->fresh_asked_ms = world->now_ms;
    LIST_EACH(&primary->seats, node) {
        const struct seat *seat = container_of(node, struct seat, at_primary);
        if (seat->spoke) (void)!outbox_census(world, seat->peer, primary);
    }
    return world->now_ms + world->timing.ask_period_ms;
}

int64_t fresh_look(struct primary *primary) {
    if (!primary->fresh) return INT64_MAX;
    size_t needed, heard = fresh_heard(primary, &needed);
    int64_t listened = look_listened(primary);
    bool late = is_late(primary);
    bool knows_all = primary->fresh_listened && !somebody_is_due(primary);
    if (heard >= needed && (late || knows_all)) { /* N2, N5 */
        settle(primary);
        return INT64_MAX;
    }
    int64_t next_ms = MIN(listened, ask_how_many(primary));
    return late ? next_ms : MIN(next_ms, fresh_until_ms(primary));
}

void fresh_on_hello(struct seat *seat) {
    if (seat->spoke) return;
    seat->spoke = true;
    if (seat->primary->fresh) world_touch_primary(seat->primary);
}

void fresh_on_census(struct seat *seat, const struct reply_view *reply) {
    if (reply->kind != REPLY_VIEW_ARRAY) return; /* it does not know the primary (any more) */
    for (size_t i = 0; i + 1 < reply->count; i += 2) {
        uint64_t others;
        if (!slice_is(reply->children[i].text, "num-other-sentinels")) continue;
        if (number_parse_uint(reply->children[i + 1].text, &others) && others <= SENTINELS_MAX)
            seat->counts = (int64_t)others + 1;
    }
    world_touch_primary(seat->primary);
}
