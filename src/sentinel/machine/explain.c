#include "sentinel/machine/explain.h"
#include "sentinel/machine/choose.h"
#include "sentinel/machine/down.h"
#include "sentinel/machine/election.h"
#include "sentinel/machine/failover.h"
#include "sentinel/machine/fresh.h"

#include <inttypes.h>

int64_t explain_lag(const struct instance *replica) {
    if (!replica->primary || replica->facts.at_ms == NEVER) return -1;
    int64_t furthest = choose_furthest(replica->primary);
    const struct instance *primary = replica->primary->instance;
    if (!primary->s_down && primary->facts.at_ms != NEVER) furthest = MAX(furthest, primary->facts.primary_offset);
    return furthest < 0 ? -1 : MAX(0, furthest - choose_offset(replica));
}

static void add_line(const struct instance *instance, struct bytes *text) {
    const struct line *line = &instance->lines[LINE_COMMAND];
    switch (line->phase) {
    case LINE_OPEN: bytes_add_text(text, line->reason == LINE_REASON_NONE ? "connected" : "connected again after"); break;
    case LINE_CONNECTING: bytes_add_text(text, "connecting"); break;
    case LINE_IDLE: bytes_add_text(text, "disconnected"); break;
    }
    if (line->reason != LINE_REASON_NONE) bytes_add_printf(text, ", %s", line_reason_name(line->reason));
    if (line->detail[0]) bytes_add_printf(text, " (%s)", line->detail);
}

bool explain_replica(const struct instance *replica, int64_t now_ms, struct bytes *text) {
    const struct facts *facts = &replica->facts;
    switch (choose_judge(replica)) {
    case CHOOSE_GOOD:
        if (choose_is_near(replica)) bytes_add_printf(text, "zone %s, ", replica->primary->options.prefer_zone);
        bytes_add_printf(text, "priority %" PRId64 ", offset %" PRId64 ", %" PRId64 " bytes behind", facts->priority,
                         choose_offset(replica), MAX(0, explain_lag(replica)));
        return true;
    case CHOOSE_DOWN:
        bytes_add_text(text, "down: ");
        explain_down(replica, now_ms, text);
        break;
    case CHOOSE_DISCONNECTED: add_line(replica, text); break;
    case CHOOSE_SILENT:
        if (replica->last_good_ms == NEVER)
            bytes_add_text(text, "has not answered PING yet");
        else
            bytes_add_printf(text, "no good answer to PING for %" PRId64 " ms", now_ms - replica->last_good_ms);
        if (replica->last_ping_text[0]) bytes_add_printf(text, "; it says: %s", replica->last_ping_text);
        break;
    case CHOOSE_UNKNOWN: bytes_add_text(text, "has not answered INFO yet"); break;
    case CHOOSE_STALE: bytes_add_printf(text, "its INFO is %" PRId64 " ms old", now_ms - facts->at_ms); break;
    case CHOOSE_PRIORITY_0: bytes_add_text(text, "its replica-priority is 0"); break;
    case CHOOSE_LINK_DOWN:
        bytes_add_printf(text, "was without its primary for %" PRId64 " s", facts->link_down_ms / 1000);
        break;
    case CHOOSE_OLD_PRIMARY: bytes_add_text(text, "calls itself a primary"); break;
    case CHOOSE_LAGS:
        bytes_add_printf(text, "is %" PRId64 " bytes behind, %s is %" PRId64, explain_lag(replica),
                         replica->primary->failover.planned ? "the most for a planned failover" : "max-replica-lag",
                         choose_most_lag(replica->primary));
        break;
    case CHOOSE_REFUSED: bytes_add_printf(text, "refused to be promoted: %s", replica->refusal); break;
    }
    return false;
}

size_t explain_electable(const struct primary *primary, int64_t now_ms) {
    (void)now_ms;
    size_t count;
    (void)!choose_replica(primary, &count);
    return count;
}

void explain_down(const struct instance *instance, int64_t now_ms, struct bytes *text) {
    if (instance->gone) bytes_add_text(text, "its process is gone: the line was reset, and since then nobody listens; ");
    bytes_add_printf(text, "no good answer for %" PRId64 " of %" PRId64 " ms; ", instance_silent_ms(instance, now_ms),
                     instance->down_after_ms);
    add_line(instance, text);
    if (instance->last_ping_text[0]) bytes_add_printf(text, "; it says: %s", instance->last_ping_text);
    if (instance->kind == INSTANCE_PRIMARY && instance->role_reported == ROLE_REPLICA)
        bytes_add_text(text, "; it calls itself a replica");
}

static void waiting_to_stand(const struct primary *primary, int64_t now_ms, struct bytes *text) {
    const struct failover *failover = &primary->failover;
    size_t needed = MAX(primary_majority(primary), primary_quorum(primary));
    if (primary_usable(primary) < needed)
        bytes_add_printf(text, "%zu sentinels of %zu that are needed are reachable", primary_usable(primary), needed);
    else if (primary->options.maintenance)
        bytes_add_text(text, "maintenance to end (SENTINEL SET name maintenance no)");
    else if (!fresh_may_stand(primary) && !fresh_had_answer(primary))
        bytes_add_text(text, "the primary to answer for the first time: until then no replica is known");
    else if (!fresh_may_stand(primary)) {
        size_t wanted, heard = fresh_heard(primary, &wanted);
        bytes_add_printf(text, "other sentinels: it has no memory, and heard %zu of %zu", heard, wanted);
    } else if (primary->world->save_failing)
        bytes_add_printf(text, "the state cannot be saved: %s", primary->world->save_error);
    else if (failover->tried_in_vain && !choose_replica(primary, NULL))
        bytes_add_text(text, "no replica can be promoted");
    else if (primary->vote_epoch > primary->config_epoch && strcmp(primary->vote_leader, primary->world->id) != 0 &&
             failover->stand_ms > now_ms)
        bytes_add_printf(text, "sentinel %s leads the failover", primary->vote_leader);
    else
        bytes_add_printf(text, "stands for leader in %" PRId64 " ms", MAX(0, failover->stand_ms - now_ms));
}

void explain_waiting(const struct primary *primary, int64_t now_ms, struct bytes *text) {
    const struct failover *failover = &primary->failover;
    size_t needed, votes;
    switch ((enum failover_state)failover->sm.state) {
    case FAILOVER_NONE:
        if (primary->world->tilt)
            bytes_add_text(text, "TILT to end");
        else if (primary->o_down)
            waiting_to_stand(primary, now_ms, text);
        else if (primary->instance->s_down)
            bytes_add_printf(text, "%zu of %zu sentinels find it down", down_count(primary), primary_quorum(primary));
        else
            bytes_add_text(text, "nothing");
        break;
    case FAILOVER_WAIT_START:
        votes = election_votes(primary, &needed);
        bytes_add_printf(text, "%zu of %zu votes", votes, needed);
        break;
    case FAILOVER_SELECT: bytes_add_text(text, "the replicas' offsets"); break;
    case FAILOVER_SEND:
        if (failover->fence_token) {
            bytes_add_text(text, "the pre-failover script");
            break;
        }
        bytes_add_printf(text, "the line to %s", failover->record.to);
        break;
    case FAILOVER_WAIT_PROMOTION: bytes_add_printf(text, "%s to become the primary", failover->record.to); break;
    case FAILOVER_RECONF: bytes_add_text(text, "the other replicas to follow"); break;
    case FAILOVER_UPDATE_CONFIG:
    case FAILOVER_STATES: break;
    }
}

/* ---- What a failover would do ---- */

static void note(struct bytes *lines, const struct instance *replica, const char *what, const char *why) {
    bytes_add_printf(lines, "%s:%u: %s%s%s\n", instance_shown_host(replica, replica->world), replica->port, what,
                     *why ? ": " : "", why);
}

void explain_plan(const struct primary *primary, bool coordinated, const struct instance *wanted, int64_t now_ms,
                  struct bytes *lines) {
    struct bytes why = {0};
    const struct instance *target = wanted ? wanted : choose_replica(primary, NULL);
    if (failover_may_force(primary, coordinated, false, wanted, &why))
        bytes_add_printf(lines, "would promote %s:%u%s instead of %s:%u\n",
                         instance_shown_host(target, primary->world), target->port,
                         coordinated || failover_would_plan(primary) ? " with the primary's writes stopped, without loss," : "",
                         instance_shown_host(primary->instance, primary->world), primary->instance->port);
    else
        bytes_add_printf(lines, "would be refused: %s\n", bytes_text(&why));
    bytes_clear(&why);
    if (primary_usable(primary) < MAX(primary_majority(primary), primary_quorum(primary)))
        bytes_add_printf(lines, "no majority is reachable: %zu of %zu sentinels\n", primary_usable(primary),
                         primary_voters(primary));
    LIST_EACH(&primary->replicas, node) {
        const struct instance *replica = container_of(node, struct instance, node);
        bytes_clear(&why);
        bool good = explain_replica(replica, now_ms, &why);
        note(lines, replica, !good ? "cannot be promoted" : replica == target ? "chosen" : "not chosen", bytes_text(&why));
    }
    bytes_fini(&why);
}
