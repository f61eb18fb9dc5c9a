#include "store/replication/replicas.h"
#include "base/mem.h"
#include "core/server.h"
#include "store/replication/replication.h"

#include <stdio.h>

struct replicas *replicas_new(struct replication *replication) {
    struct replicas *replicas = mem_zalloc(sizeof *replicas);
    replicas->replication = replication;
    list_init(&replicas->all);
    return replicas;
}

void replicas_free(struct replicas **replicas) {
    mem_free(*replicas);
    *replicas = NULL;
}

struct replica *replicas_entry(struct replicas *replicas, struct client *client) {
    struct replication_session *session = replicas->replication->find_session(client);
    if (session->replica) return session->replica;
    struct replica *replica = mem_zalloc(sizeof *replica);
    list_node_init(&replica->node);
    replica->client = client;
    replica->fsynced_offset = -1;
    session->replica = replica;
    return replica;
}

void replicas_add(struct replicas *replicas, struct replica *replica) {
    list_add(&replicas->all, &replica->node);
    replicas->count++;
    replica->client->flags |= CLIENT_IS_REPLICA;
}

void replicas_forget(struct replicas *replicas, struct client *client) {
    struct replication_session *session = replicas->replication->find_session(client);
    struct replica             *replica = session->replica;
    if (!replica) return;
    session->replica = NULL;
    if (list_is_linked(&replica->node)) {
        replicas->count--;
        replicas->sent_bytes += client->bytes_out;
        replicas->left_ms = replicas->replication->server->now_ms;
    }
    list_remove(&replica->node);
    backlog_leave(&replica->cursor);
    mem_free(replica);
}

void replicas_hang_up(struct replicas *replicas) {
    LIST_EACH(&replicas->all, node) {
        struct replica *replica = container_of(node, struct replica, node);
        backlog_leave(&replica->cursor);
        client_close_asap(replica->client);
    }
}

size_t replicas_count(const struct replicas *replicas) {
    return replicas->count;
}

static const char *state_name(const struct replica *replica) {
    switch (replica->state) {
    case REPLICA_INTRODUCED: return "";
    case REPLICA_WAITS:
    case REPLICA_SAVING: return "wait_bgsave";
    case REPLICA_SENDING: return "send_bulk";
    case REPLICA_ONLINE: return "online";
    }
    UNREACHABLE("a state of a replica");
}

/* "127.0.0.1", under which others may reach it too. */
static void print_address(const struct replica *replica, char *text, size_t size) {
    char peer[CLIENT_ADDRESS_SIZE];
    if (*replica->address) {
        snprintf(text, size, "%s", replica->address);
        return;
    }
    client_peer_text(replica->client, peer);
    char *colon = strrchr(peer, ':');
    if (colon) *colon = 0;
    snprintf(text, size, "%s", peer);
}

void replicas_print(const struct replicas *replicas, struct bytes *out) {
    int64_t now_ms = replicas->replication->server->now_ms;
    int     number = 0;
    LIST_EACH(&replicas->all, node) {
        const struct replica *replica = container_of(node, struct replica, node);
        char address[256];
        print_address(replica, address, sizeof address);
        int64_t lag_s = replica->state == REPLICA_ONLINE ? (now_ms - replica->acked_ms) / 1000 : 0;
        bytes_add_printf(out, "slave%d:ip=%s,port=%d,state=%s,offset=%lld,lag=%lld\r\n", number++, address, replica->port,
                         state_name(replica), (long long)replica->acked_offset, (long long)lag_s);
    }
}

void replicas_cron(struct replicas *replicas) {
    struct replication *replication = replicas->replication;
    (void)replication;
}

void replicas_before_sleep(struct replicas *replicas) {
    (void)replicas;
}
