#include "store/replication/waits.h"
#include "base/mem.h"
#include "core/client/blocked.h"
#include "core/client/reply.h"
#include "core/server.h"
#include "store/replication/replicas.h"
#include "store/replication/replication.h"

struct wait {
    struct list_node node;
    struct client   *client;
    struct waits    *waits;
    int64_t          offset;
    size_t           wanted;
};

struct waits {
    struct replication *replication;
    struct list         all;
    bool                must_ask;
};

struct waits *waits_new(struct replication *replication) {
    struct waits *waits = mem_zalloc(sizeof *waits);
    waits->replication = replication;
    list_init(&waits->all);
    return waits;
}

void waits_free(struct waits **waits) {
    mem_free(*waits);
    *waits = NULL;
}

static size_t count(const struct wait *wait) {
    return replicas_count_at(wait->waits->replication->replicas, wait->offset, false);
}

static void on_timeout(struct client *client, void *context) {
    reply_uint(client, count(context));
}

static void on_end(struct client *client, void *context) {
    struct wait *wait = context;
    list_remove(&wait->node);
    mem_free(wait);
}

static const struct blocked_ops ops = {.by = BLOCKED_BY_WAIT, .on_timeout = on_timeout, .on_end = on_end, .can_unblock = true};

void waits_start(struct waits *waits, struct client *client, size_t wanted, int64_t timeout_ms) {
    struct replication *replication = waits->replication;
    int64_t offset = replication->find_session(client)->written_until;
    size_t  there = replicas_count_at(replication->replicas, offset, false);
    if (there >= wanted || client->flags & (CLIENT_IN_MULTI | CLIENT_IN_SCRIPT | CLIENT_IS_FAKE)) {
        reply_uint(client, there);
        return;
    }
    struct wait *wait = mem_zalloc(sizeof *wait);
    *wait = (struct wait){.client = client, .waits = waits, .offset = offset, .wanted = wanted};
    list_add(&waits->all, &wait->node);
    waits_want(waits);
    blocked_start(client, &ops, wait, blocked_deadline(replication->server, timeout_ms));
}

void waits_serve(struct waits *waits) {
    LIST_EACH(&waits->all, node) {
        struct wait *wait = container_of(node, struct wait, node);
        size_t there = count(wait);
        if (there < wait->wanted) continue;
        reply_uint(wait->client, there);
        blocked_end(wait->client);
    }
}

void waits_want(struct waits *waits) {
    waits->must_ask = true;
}

void waits_ask(struct waits *waits) {
    if (LIKELY(!waits->must_ask)) return;
    waits->must_ask = false;
    if (!replication_is_replica(waits->replication)) replicas_ask(waits->replication->replicas);
}
