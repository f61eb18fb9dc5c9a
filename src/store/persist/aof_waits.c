#include "store/persist/aof_waits.h"
#include "base/list.h"
#include "base/mem.h"
#include "core/client/blocked.h"
#include "core/client/reply.h"
#include "core/server.h"

static const char not_on[] = "ERR WAITAOF cannot be used when numlocal is set but appendonly is disabled.";
static const char not_primary[] = "ERR WAITAOF cannot be used with replica instances. Please also note that writes to replicas "
                                  "are just local and are not propagated.";

struct wait {
    struct list_node  node;
    struct aof_waits *waits;
    struct client    *client;
    uint64_t          offset;
    size_t            local, replicas;
};

struct aof_waits {
    struct server   *server;
    struct aof      *aof;
    aof_find_offset *find_offset;
    struct aof_peers peers; /* functions are NULL where nobody replicates */
    struct list      all;
};

static void on_synced(void *context) {
    aof_waits_serve(context);
}

struct aof_waits *aof_waits_new(struct server *server, struct aof *aof, aof_find_offset *find_offset) {
    struct aof_waits *waits = mem_zalloc(sizeof *waits);
    *waits = (struct aof_waits){.server = server, .aof = aof, .find_offset = find_offset};
    list_init(&waits->all);
    aof_set_listener(aof, on_synced, waits);
    return waits;
}

void aof_waits_free(struct aof_waits **waits) {
    mem_free(*waits);
    *waits = NULL;
}

void aof_waits_set_peers(struct aof_waits *waits, const struct aof_peers *peers) {
    waits->peers = *peers;
}

static size_t count_local(const struct wait *wait) {
    const struct aof *aof = wait->waits->aof;
    return aof_state(aof) == AOF_ON && aof_synced_offset(aof) >= wait->offset;
}

static size_t count_replicas(const struct wait *wait) {
    const struct aof_peers *peers = &wait->waits->peers;
    return peers->count ? peers->count(peers->context, wait->client) : 0;
}

static const char *why_not(const struct wait *wait) {
    const struct aof_peers *peers = &wait->waits->peers;
    if (peers->are_we_replica && peers->are_we_replica(peers->context)) return not_primary;
    return wait->local && aof_state(wait->waits->aof) == AOF_OFF ? not_on : NULL;
}

static void reply(struct client *client, size_t local, size_t replicas) {
    reply_array(client, 2);
    reply_uint(client, local);
    reply_uint(client, replicas);
}

static void on_timeout(struct client *client, void *context) {
    reply(client, count_local(context), count_replicas(context));
}

static void on_end(struct client *client, void *context) {
    struct wait *wait = context;
    list_remove(&wait->node);
    mem_free(wait);
}

static const struct blocked_ops ops = {.by = BLOCKED_BY_WAIT, .on_timeout = on_timeout, .on_end = on_end, .can_unblock = true};

/* True: it got its reply. `no_wait`: in any case. */
static bool try(const struct wait *wait, bool no_wait) {
    const char *why = why_not(wait);
    size_t local = count_local(wait), replicas = count_replicas(wait);
    if (why) reply_error(wait->client, "%s", why);
    else if (no_wait || (local >= wait->local && replicas >= wait->replicas)) reply(wait->client, local, replicas);
    else return false;
    return true;
}

void aof_waits_start(struct aof_waits *waits, struct client *client, size_t local, size_t replicas, int64_t timeout_ms) {
    struct wait first = {
        .waits = waits, .client = client, .offset = *waits->find_offset(client), .local = local, .replicas = replicas};
    if (try(&first, (client->flags & (CLIENT_IN_MULTI | CLIENT_IN_SCRIPT | CLIENT_IS_FAKE)) != 0)) return;
    struct wait *wait = mem_alloc(sizeof *wait);
    *wait = first;
    list_add(&waits->all, &wait->node);
    if (replicas && waits->peers.ask) waits->peers.ask(waits->peers.context);
    blocked_start(client, &ops, wait, blocked_deadline(waits->server, timeout_ms));
}

void aof_waits_serve(struct aof_waits *waits) {
    LIST_EACH(&waits->all, node) {
        struct wait *wait = container_of(node, struct wait, node);
        if (try(wait, false)) blocked_end(wait->client);
    }
}
