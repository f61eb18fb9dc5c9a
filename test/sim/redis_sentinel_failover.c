/* Down states, elections and failovers of the Redis Sentinel model: one step a tick. */
#include "sim/redis_sentinel_internal.h"

#include <stdio.h>

enum {
    ASK_MS = 1000,
    OPINION_MS = 5000,
    ROLE_DOWN_MS = 20000,
    ELECTION_MS = 10000,
    REPOINT_MS = 10000,
    FRESH_MS = 5000,
    FRESH_CALM_MS = 30000,
};

/* Down */

static void look_down(struct rs_node *node) {
    int64_t now_ms = rs_now_ms(node->self), silent_ms = 0, down_after_ms = node->primary->config->down_after_ms;
    if (node->unanswered_ms)
        silent_ms = now_ms - node->unanswered_ms;
    else if (!node->command_up)
        silent_ms = now_ms - node->available_ms;
    bool wrong_role = node->kind == NODE_PRIMARY && !node->says_primary &&
                      now_ms - node->says_since_ms > down_after_ms + ROLE_DOWN_MS;
    bool down = silent_ms > down_after_ms || wrong_role;
    if (down && !node->s_down) node->s_down_ms = now_ms;
    if (down != node->s_down && node->kind == NODE_PRIMARY)
        rs_say(node->self, down ? "+sdown" : "-sdown", node->primary);
    node->s_down = down;
}

static void look_o_down(struct rs_primary *primary) {
    unsigned agree = primary->node->s_down;
    int64_t now_ms = rs_now_ms(primary->self);
    LIST_EACH(&primary->sentinels, place) {
        struct rs_node *node = container_of(place, struct rs_node, node);
        if (now_ms - node->said_ms > OPINION_MS) node->says_down = false;
        agree += node->says_down;
    }
    primary->o_down = primary->node->s_down && agree >= primary->config->quorum;
}

static void ask(struct rs_primary *primary, bool at_once) {
    struct redis_sentinel *sentinel = primary->self;
    int64_t now_ms = rs_now_ms(sentinel);
    if (!primary->node->s_down) return;
    LIST_EACH(&primary->sentinels, place) {
        struct rs_node *node = container_of(place, struct rs_node, node);
        if (!at_once && now_ms - node->asked_ms < ASK_MS) continue;
        char line[200];
        snprintf(line, sizeof line, "SENTINEL is-master-down-by-addr %s %u %llu %s", primary->node->address,
                 primary->node->port, (unsigned long long)sentinel->current_epoch,
                 primary->state != RS_NONE ? sentinel->traits.id : "*");
        if (rs_send(node, SENT_ASK, message_command_text(line))) node->asked_ms = now_ms;
    }
}

/* Election */

/* Votes count when they are of the current epoch, which may not be the failover's (redis/redis#2370): then the epoch
 * proves nothing. */
static unsigned votes_for(struct rs_primary *primary, const char *id, bool *of_another_epoch) {
    unsigned votes = 0;
    uint64_t current = primary->self->current_epoch;
    LIST_EACH(&primary->sentinels, place) {
        const struct rs_node *node = container_of(place, struct rs_node, node);
        if (node->leader_epoch != current || strcmp(node->leader, id) != 0) continue;
        votes++;
        *of_another_epoch |= current != primary->failover_epoch;
    }
    return votes;
}

static bool is_elected(struct rs_primary *primary) {
    struct redis_sentinel *sentinel = primary->self;
    const char *me = sentinel->traits.id, *winner = me;
    bool other = false, tainted = false;
    unsigned most = votes_for(primary, me, &tainted), voters = 1;
    LIST_EACH(&primary->sentinels, place) {
        const struct rs_node *node = container_of(place, struct rs_node, node);
        voters++;
        if (!node->leader[0]) continue;
        unsigned votes = votes_for(primary, node->leader, &other);
        if (votes > most) {
            most = votes;
            winner = node->leader;
        }
    }
    rs_vote(primary, primary->failover_epoch, winner);
    if (primary->leader_epoch == primary->failover_epoch && strcmp(primary->leader, winner) == 0) most++;
    if (strcmp(winner, me) != 0 || most < voters / 2 + 1 || most < primary->config->quorum) return false;
    if (tainted) invariants_taint(sentinel->traits.invariants, primary->config->name, primary->failover_epoch);
    invariants_elected(sentinel->traits.invariants, me, primary->config->name, primary->failover_epoch);
    return true;
}

/* Failover */

static void move(struct rs_primary *primary, enum rs_state state, const char *event) {
    primary->state = state;
    primary->change_ms = rs_now_ms(primary->self);
    rs_say(primary->self, event, primary);
}

static void give_up(struct rs_primary *primary, const char *event) {
    move(primary, RS_NONE, event);
    primary->promoted = NULL;
}

void rs_order(struct rs_node *node, const struct rs_node *follow) {
    char line[100];
    if (!node->command_up || node->sent_count > PENDING_MAX - 6) return;
    snprintf(line, sizeof line, "SLAVEOF %s %u", follow ? follow->address : "NO", follow ? follow->port : 0);
    rs_send(node, SENT_ORDER, message_command_text("MULTI"));
    rs_send(node, SENT_ORDER, message_command_text(follow ? line : "SLAVEOF NO ONE"));
    rs_send(node, SENT_ORDER, message_command_text("CONFIG REWRITE"));
    rs_send(node, SENT_ORDER, message_command_text("CLIENT KILL TYPE normal"));
    rs_send(node, SENT_ORDER, message_command_text("CLIENT KILL TYPE pubsub"));
    rs_send(node, SENT_ORDER, message_command_text("EXEC"));
}

static bool is_electable(const struct rs_primary *primary, const struct rs_node *node, int64_t now_ms) {
    const struct rs_node *old = primary->node;
    int64_t most_ms = (old->s_down ? now_ms - old->s_down_ms : 0) + 10 * primary->config->down_after_ms;
    if (node->s_down || !node->command_up || node->priority == 0 || node->says_primary) return false;
    if (now_ms - node->available_ms > FRESH_MS) return false;
    if (now_ms - node->info_ms > (old->s_down ? FRESH_MS : FRESH_CALM_MS)) return false;
    return node->link_up || node->link_down_ms <= most_ms;
}

static bool is_better(const struct rs_node *a, const struct rs_node *b) {
    if (a->priority != b->priority) return a->priority < b->priority;
    if (a->offset != b->offset) return a->offset > b->offset;
    return strcmp(a->id, b->id) < 0;
}

static void choose(struct rs_primary *primary) {
    struct rs_node *best = NULL;
    LIST_EACH(&primary->replicas, place) {
        struct rs_node *node = container_of(place, struct rs_node, node);
        if (is_electable(primary, node, rs_now_ms(primary->self)) && (!best || is_better(node, best))) best = node;
    }
    if (!best) {
        give_up(primary, "-failover-abort-no-good-slave");
        return;
    }
    primary->promoted = best;
    move(primary, RS_SEND, "+selected-slave");
}

static void send_promotion(struct rs_primary *primary, int64_t now_ms) {
    if (!primary->promoted->command_up) {
        if (now_ms - primary->change_ms > primary->config->failover_timeout_ms)
            give_up(primary, "-failover-abort-slave-timeout");
        return;
    }
    rs_order(primary->promoted, NULL);
    move(primary, RS_WAIT_PROMOTION, "+failover-state-wait-promotion");
}

static void repoint(struct rs_primary *primary, int64_t now_ms) {
    unsigned under_way = 0, left = 0;
    bool over = now_ms - primary->change_ms > primary->config->failover_timeout_ms;
    LIST_EACH(&primary->replicas, place) {
        struct rs_node *node = container_of(place, struct rs_node, node);
        if (node == primary->promoted || node->repointing == REPOINT_DONE || node->s_down) continue;
        if (node->repointing == REPOINT_SENT && now_ms - node->repointed_ms > REPOINT_MS)
            node->repointing = REPOINT_NONE;
        left++;
        under_way += node->repointing != REPOINT_NONE;
    }
    LIST_EACH(&primary->replicas, place) {
        struct rs_node *node = container_of(place, struct rs_node, node);
        bool waits = node != primary->promoted && node->repointing == REPOINT_NONE && node->command_up;
        if (!waits || (under_way >= primary->config->parallel_syncs && !over)) continue;
        rs_order(node, primary->promoted);
        node->repointing = REPOINT_SENT;
        node->repointed_ms = now_ms;
        under_way++;
    }
    if (!left || over) move(primary, RS_UPDATE, "+failover-end");
}

static void start(struct rs_primary *primary, int64_t now_ms) {
    bool ready = primary->o_down && primary->state == RS_NONE;
    bool early = primary->start_ms && now_ms - primary->start_ms < 2 * primary->config->failover_timeout_ms;
    if (!ready || early) return;
    primary->failover_epoch = ++primary->self->current_epoch;
    primary->start_ms = now_ms + dice_between(primary->self->random, 0, 999);
    move(primary, RS_WAIT_START, "+try-failover");
    ask(primary, true);
}

static void look_failover(struct rs_primary *primary, int64_t now_ms) {
    int64_t election_ms = MIN((int64_t)ELECTION_MS, primary->config->failover_timeout_ms);
    switch (primary->state) {
    case RS_NONE: break;
    case RS_WAIT_START:
        if (is_elected(primary))
            move(primary, RS_SELECT, "+elected-leader");
        else if (now_ms - primary->start_ms > election_ms)
            give_up(primary, "-failover-abort-not-elected");
        break;
    case RS_SELECT: choose(primary); break;
    case RS_SEND: send_promotion(primary, now_ms); break;
    case RS_WAIT_PROMOTION: /* its INFO says when (redis_sentinel_hear.c) */
        if (now_ms - primary->change_ms > primary->config->failover_timeout_ms)
            give_up(primary, "-failover-abort-slave-timeout");
        break;
    case RS_RECONF: repoint(primary, now_ms); break;
    case RS_UPDATE:
        rs_switch(primary, primary->promoted->address, primary->promoted->port);
        rs_say(primary->self, "+switch-master", primary);
        break;
    }
}

void rs_look(struct rs_primary *primary) {
    int64_t now_ms = rs_now_ms(primary->self);
    look_down(primary->node);
    LIST_EACH(&primary->replicas, place) look_down(container_of(place, struct rs_node, node));
    LIST_EACH(&primary->sentinels, place) look_down(container_of(place, struct rs_node, node));
    look_o_down(primary);
    start(primary, now_ms);
    look_failover(primary, now_ms);
    ask(primary, false);
}
