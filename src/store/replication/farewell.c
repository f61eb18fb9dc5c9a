#include "store/replication/farewell.h"
#include "base/log.h"
#include "base/mem.h"
#include "core/config/core_settings.h"
#include "core/pubsub/channel.h"
#include "store/replication/following.h"
#include "store/replication/handover.h"
#include "store/replication/replicas.h"
#include "store/replication/replication.h"

#include <stdio.h>

enum { SENTINELS_MS = 2000 /* an election and a promotion take some hundredth of it */ };

enum farewell_state { FAREWELL_NONE, FAREWELL_ASKS, FAREWELL_HANDS_OVER, FAREWELL_WAITS };

struct farewell {
    struct replication *replication;
    enum farewell_state state;
    int64_t             began_ms;
    int64_t             offset; /* FAREWELL_WAITS: that replicas must have */
};

struct farewell *farewell_new(struct replication *replication) {
    struct farewell *farewell = mem_zalloc(sizeof *farewell);
    farewell->replication = replication;
    return farewell;
}

void farewell_free(struct farewell **place) {
    mem_free(*place);
    *place = NULL;
}

/* ---- waiting for replicas ---- */

static bool has_caught_up(const struct farewell *farewell) {
    const struct replicas *replicas = farewell->replication->replicas;
    return replicas_count_at(replicas, farewell->offset, false) == replicas_count_at(replicas, 0, false);
}

/* False: there is nothing to wait for. */
static bool wait_for_replicas(struct farewell *farewell) {
    struct replicas *replicas = farewell->replication->replicas;
    farewell->offset = farewell->replication->history.offset;
    farewell->state = FAREWELL_NONE;
    if (has_caught_up(farewell)) return false;
    LOG_WRITE(LOG_NOTICE, "%zu of %zu replicas have everything when shutting down: waiting for the others",
              replicas_count_at(replicas, farewell->offset, false), replicas_count(replicas));
    farewell->state = FAREWELL_WAITS;
    replicas_ask(replicas);
    return true;
}

/* ---- handing over ---- */

static int64_t timeout_ms(const struct farewell *farewell) {
    return (int64_t)farewell->replication->server->settings->shutdown_timeout_s * 1000;
}

static struct handover *handover_of(const struct farewell *farewell) {
    return following_handover(farewell->replication->following);
}

/* False: nobody listens who could be a sentinel. */
static bool ask_sentinels(struct farewell *farewell) {
    const struct server *server = farewell->replication->server;
    char                 word[64];
    int                  size = snprintf(word, sizeof word, "kvd-handover,%s", server->run_id);
    if (!channel_publish(server->channels, SLICE("__sentinel__:hello"), slice_make(word, (size_t)size))) return false;
    LOG_WRITE(LOG_NOTICE, "Shutting down: the sentinels are asked to promote a replica first");
    farewell->state = FAREWELL_ASKS;
    return true;
}

static bool hand_over(struct farewell *farewell) {
    int64_t               left_ms = farewell->began_ms + timeout_ms(farewell) - farewell->replication->server->now_ms;
    struct handover_order order = {.timeout_ms = MAX(left_ms, 1)};
    struct error          err;
    if (!handover_start(handover_of(farewell), &order, &err)) {
        LOG_WRITE(LOG_WARNING, "Shutting down without handing over: %s", err.text);
        return false;
    }
    farewell->state = FAREWELL_HANDS_OVER;
    return true;
}

static bool must_hand_over(const struct farewell *farewell, unsigned flags) {
    const struct replication *replication = farewell->replication;
    if (!replication->settings.hands_over || flags & SERVER_SHUTDOWN_NOW || !timeout_ms(farewell)) return false;
    return replicas_count_at(replication->replicas, 0, false) > 0;
}

/* ---- from the beginning to the end ---- */

enum server_shutdown_answer farewell_begin(struct farewell *farewell, unsigned flags) {
    const struct replication *replication = farewell->replication;
    if (farewell->state != FAREWELL_NONE) return SERVER_SHUTDOWN_WAIT;
    if (replication_is_replica(replication) || !replication->backlog) return SERVER_SHUTDOWN_OK;
    farewell->began_ms = replication->server->now_ms;
    if (must_hand_over(farewell, flags) && (ask_sentinels(farewell) || hand_over(farewell))) return SERVER_SHUTDOWN_WAIT;
    return wait_for_replicas(farewell) ? SERVER_SHUTDOWN_WAIT : SERVER_SHUTDOWN_OK;
}

static void go_on(struct farewell *farewell) {
    farewell_end(farewell);
    server_shutdown_continue(farewell->replication->server);
}

void farewell_on_news(struct farewell *farewell) {
    if (farewell->state == FAREWELL_WAITS && has_caught_up(farewell)) go_on(farewell);
}

/* Only here, and not as soon as it happens, so that whoever ordered it is answered. */
void farewell_cron(struct farewell *farewell) {
    const struct replication *replication = farewell->replication;
    if (LIKELY(farewell->state == FAREWELL_NONE || farewell->state == FAREWELL_WAITS)) return;
    if (handover_state(handover_of(farewell)) != HANDOVER_NONE) return;
    if (replication_is_replica(replication)) {
        LOG_WRITE(LOG_NOTICE, "Handed over: the shutdown goes on");
        go_on(farewell);
    } else if (farewell->state == FAREWELL_HANDS_OVER) {
        if (!wait_for_replicas(farewell)) go_on(farewell);
    } else if (replication->server->now_ms - farewell->began_ms >= MIN(SENTINELS_MS, timeout_ms(farewell) / 2)) {
        LOG_WRITE(LOG_WARNING, "No sentinel has promoted a replica: handing over without them");
        if (!hand_over(farewell) && !wait_for_replicas(farewell)) go_on(farewell);
    }
}

void farewell_end(struct farewell *farewell) {
    farewell->state = FAREWELL_NONE;
}
