#include "store/replication/handover.h"
#include "base/log.h"
#include "base/mem.h"
#include "store/keyspace/databases.h"
#include "store/replication/following_internal.h"
#include "store/replication/replicas.h"

#define FOR_EVER_MS (10ll * 365 * 24 * 3600 * 1000)

struct handover {
    struct following   *following;
    enum handover_state state;
    char               *host; /* NULL: whoever is there first */
    int                 port;
    bool                is_forced;
    int64_t             until_ms; /* 0: no end */
    int64_t             offset;   /* that a replica must have; -1: not known yet */
};

struct handover *handover_new(struct following *following) {
    struct handover *handover = mem_zalloc(sizeof *handover);
    handover->following = following;
    return handover;
}

void handover_free(struct handover **place) {
    struct handover *handover = *place;
    if (!handover) return;
    *place = NULL;
    mem_free(handover->host);
    mem_free(handover);
}

/* ---- replicas ---- */

static struct replication *replication_of(const struct handover *handover) {
    return handover->following->replication;
}

static bool is_target(const struct replica *replica, struct slice host, int port) {
    char address[REPLICA_ADDRESS_SIZE];
    replicas_print_address(replica, address);
    return replica->port == port && slice_is_nocase(host, address);
}

static struct replica *find_target(const struct replicas *replicas, struct slice host, int port) {
    LIST_EACH(&replicas->all, node) {
        struct replica *replica = container_of(node, struct replica, node);
        if (is_target(replica, host, port)) return replica;
    }
    return NULL;
}

/* Who has everything; NULL: nobody yet. */
static struct replica *find_ready(const struct handover *handover) {
    const struct replicas *replicas = replication_of(handover)->replicas;
    LIST_EACH(&replicas->all, node) {
        struct replica *replica = container_of(node, struct replica, node);
        if (replica->state != REPLICA_ONLINE || replica->acked_offset < handover->offset) continue;
        if (!handover->host || is_target(replica, slice_text(handover->host), handover->port)) return replica;
    }
    return NULL;
}

/* ---- from state to state ---- */

static void end(struct handover *handover) {
    struct server *server = replication_of(handover)->server;
    handover->state = HANDOVER_NONE;
    handover->following->is_failover = false;
    mem_free(handover->host);
    handover->host = NULL;
    following_apply_role(handover->following);
    server_unpause(server, SERVER_PAUSE_BY_FAILOVER);
}

static void call_off(struct handover *handover, const char *why) {
    LOG_WRITE(LOG_NOTICE, "Aborting failover to %s:%d while %s: %s", handover->host ? handover->host : "any replica",
              handover->port, handover_state_name(handover), why);
    if (handover->state == HANDOVER_RUNNING) following_promote(handover->following);
    end(handover);
}

static void run(struct handover *handover) {
    handover->state = HANDOVER_RUNNING;
    following_follow(handover->following, handover->host, handover->port, true);
}

bool handover_start(struct handover *handover, const struct handover_order *order, struct error *err) {
    struct replication *replication = replication_of(handover);
    if (handover->state != HANDOVER_NONE) return error_set(err, "ERR FAILOVER already in progress.");
    if (replication_is_replica(replication)) return error_set(err, "ERR FAILOVER is not valid when server is a replica.");
    if (!replicas_count(replication->replicas)) return error_set(err, "ERR FAILOVER requires connected replicas.");
    if (order->is_forced && (!order->timeout_ms || !order->has_target))
        return error_set(err, "ERR FAILOVER with force option requires both a timeout and target HOST and IP.");
    if (order->has_target) {
        const struct replica *target = find_target(replication->replicas, order->host, order->port);
        if (!target) return error_set(err, "ERR FAILOVER target HOST and PORT is not a replica.");
        if (target->state != REPLICA_ONLINE) return error_set(err, "ERR FAILOVER target replica is not online.");
        handover->host = slice_to_text(order->host);
        handover->port = order->port;
    }
    handover->is_forced = order->is_forced;
    handover->until_ms = order->timeout_ms ? replication->server->now_ms + order->timeout_ms : 0;
    handover->state = HANDOVER_WAITING;
    handover->offset = -1;
    LOG_WRITE(LOG_NOTICE, "FAILOVER requested to %s.", handover->host ? handover->host : "any replica");
    server_pause(replication->server, SERVER_PAUSE_BY_FAILOVER, SERVER_PAUSE_WRITE, replication->server->now_ms + FOR_EVER_MS);
    following_apply_role(handover->following);
    server_dont_sleep(replication->server);
    return true;
}

bool handover_abort(struct handover *handover, struct error *err) {
    if (handover->state == HANDOVER_NONE) return error_set(err, "ERR No failover in progress.");
    call_off(handover, "Failover manually aborted");
    return true;
}

void handover_answered(struct handover *handover, const char *why) {
    if (handover->state != HANDOVER_RUNNING) return;
    if (why) {
        call_off(handover, why);
    } else {
        LOG_WRITE(LOG_NOTICE, "Failover to %s:%d has succeeded", upstream_host(handover->following->upstream),
                  upstream_port(handover->following->upstream));
        end(handover);
    }
}

/* Not in the command itself, whose effects may still come. */
static void ask_replicas(struct handover *handover) {
    struct replication *replication = replication_of(handover);
    handover->offset = replication->history.offset;
    replication_need_backlog(replication);
    replication_feed(replication, SLICE("*3\r\n$8\r\nREPLCONF\r\n$6\r\nGETACK\r\n$1\r\n*\r\n"));
}

static void wait_on(struct handover *handover) {
    struct server *server = replication_of(handover)->server;
    struct replica *ready = find_ready(handover);
    if (ready) {
        if (!handover->host) {
            char address[REPLICA_ADDRESS_SIZE];
            replicas_print_address(ready, address);
            handover->host = mem_strdup(address);
            handover->port = ready->port;
        }
        LOG_WRITE(LOG_NOTICE, "Failover target %s:%d is synced, failing over.", handover->host, handover->port);
        run(handover);
    } else if (handover->until_ms && server->now_ms >= handover->until_ms) {
        if (!handover->is_forced) {
            call_off(handover, "Replica never caught up before timeout");
            return;
        }
        LOG_WRITE(LOG_NOTICE, "Failover to %s:%d time out exceeded, failing over.", handover->host, handover->port);
        run(handover);
    }
}

void handover_before_sleep(struct handover *handover) {
    if (LIKELY(handover->state != HANDOVER_WAITING)) return;
    if (handover->offset < 0) ask_replicas(handover);
    wait_on(handover);
}

void handover_cron(struct handover *handover) {
    if (UNLIKELY(handover->state == HANDOVER_WAITING) && handover->offset >= 0) wait_on(handover);
}

/* ---- asking ---- */

enum handover_state handover_state(const struct handover *handover) {
    return handover->state;
}

const char *handover_state_name(const struct handover *handover) {
    static const char *const names[] = {"no-failover", "waiting-for-sync", "failover-in-progress"};
    return names[handover->state];
}
