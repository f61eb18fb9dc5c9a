#include "store/replication/replicas.h"
#include "base/log.h"
#include "base/mem.h"
#include "core/client/reply.h"
#include "core/server.h"
#include "store/replication/full_sync.h"
#include "store/replication/replication.h"

#include <stdio.h>

struct replicas *replicas_new(struct replication *replication) {
    struct replicas *replicas = mem_zalloc(sizeof *replicas);
    replicas->replication = replication;
    replicas->full_sync = full_sync_new(replication);
    list_init(&replicas->all);
    return replicas;
}

void replicas_free(struct replicas **replicas) {
    full_sync_free(&(*replicas)->full_sync);
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
        LOG_WRITE(LOG_NOTICE, "Connection with replica client id #%llu lost.", (unsigned long long)client->id);
    }
    list_remove(&replica->node);
    full_sync_forget(replicas->full_sync, replica);
    backlog_leave(&replica->cursor);
    mem_free(replica);
}

void replicas_hang_up(struct replicas *replicas) {
    full_sync_outdate(replicas->full_sync);
    LIST_EACH(&replicas->all, node) {
        struct replica *replica = container_of(node, struct replica, node);
        backlog_leave(&replica->cursor);
        client_close_asap(replica->client);
    }
}

size_t replicas_count(const struct replicas *replicas) {
    return replicas->count;
}

const char *replicas_state_name(const struct replica *replica) {
    switch (replica->state) {
    case REPLICA_INTRODUCED: return "";
    case REPLICA_WAITS:
    case REPLICA_SAVING: return "wait_bgsave";
    case REPLICA_SENDING: return "send_bulk";
    case REPLICA_ONLINE: return "online";
    }
    UNREACHABLE("a state of a replica");
}

void replicas_print_address(const struct replica *replica, char *text) {
    char peer[CLIENT_ADDRESS_SIZE];
    if (*replica->address) {
        snprintf(text, REPLICA_ADDRESS_SIZE, "%s", replica->address);
        return;
    }
    client_peer_text(replica->client, peer);
    char *start = peer, *colon = strrchr(peer, ':');
    if (colon) *colon = 0;
    size_t size = strlen(peer);
    if (*peer == '[' && peer[size - 1] == ']') peer[size - 1] = 0, start++; /* IPv6 */
    snprintf(text, REPLICA_ADDRESS_SIZE, "%s", start);
}

void replicas_print(const struct replicas *replicas, struct bytes *out) {
    int64_t now_ms = replicas->replication->server->now_ms;
    int     number = 0;
    if (replicas->replication->settings.min_replicas && replicas->replication->settings.min_replicas_max_lag_s)
        bytes_add_printf(out, "min_slaves_good_slaves:%zu\r\n", replicas_count_good(replicas));
    LIST_EACH(&replicas->all, node) {
        const struct replica *replica = container_of(node, struct replica, node);
        char address[REPLICA_ADDRESS_SIZE];
        replicas_print_address(replica, address);
        int64_t lag_s = replica->state == REPLICA_ONLINE ? (now_ms - replica->acked_ms) / 1000 : 0;
        bytes_add_printf(out, "slave%d:ip=%s,port=%d,state=%s,offset=%lld,lag=%lld\r\n", number++, address, replica->port,
                         replicas_state_name(replica), (long long)replica->acked_offset, (long long)lag_s);
    }
}


/* ---- what they say ---- */

static bool is_over(const struct replica *replica) {
    return (replica->client->flags & (CLIENT_CLOSE_ASAP | CLIENT_CLOSE_AFTER_REPLY)) != 0;
}

void replicas_acked(struct replicas *replicas, struct replica *replica, int64_t offset, int64_t fsynced) {
    if (!list_is_linked(&replica->node)) return;
    replica->acked_offset = MAX(replica->acked_offset, offset);
    replica->fsynced_offset = MAX(replica->fsynced_offset, fsynced);
    replica->acked_ms = replicas->replication->server->now_ms;
    replica->asked_ms = 0;
    if (replica->state == REPLICA_ONLINE) replica->starts_on_ack = false;
    replicas->has_news = true;
}

void replicas_ask(struct replicas *replicas) {
    if (!replicas->count) return;
    replication_feed(replicas->replication, SLICE("*3\r\n$8\r\nREPLCONF\r\n$6\r\nGETACK\r\n$1\r\n*\r\n"));
}

size_t replicas_count_at(const struct replicas *replicas, int64_t offset, bool fsynced) {
    size_t count = 0;
    LIST_EACH(&replicas->all, node) {
        const struct replica *replica = container_of(node, struct replica, node);
        if (replica->state != REPLICA_ONLINE || replica->is_plain_sync || is_over(replica)) continue;
        count += (fsynced ? replica->fsynced_offset : replica->acked_offset) >= offset;
    }
    return count;
}

uint64_t replicas_sent_bytes(const struct replicas *replicas) {
    uint64_t sum = replicas->sent_bytes;
    LIST_EACH(&replicas->all, node) sum += container_of(node, struct replica, node)->client->bytes_out;
    return sum;
}

/* ---- what they are sent ---- */

/* Small pieces are copied: that is cheaper than a reference. */
enum { LOW_BYTES = 256 * 1024, AT_ONCE_BYTES = 1024 * 1024, COPY_BYTES = 4 * 1024 };

static void give_stream(struct replica *replica, size_t most) {
    struct slice piece;
    while (most && (piece = backlog_peek(&replica->cursor, most)).size) {
        if (piece.size <= COPY_BYTES) reply_raw(replica->client, piece);
        else reply_raw_shared(replica->client, piece, backlog_release, backlog_keep(&replica->cursor));
        backlog_skip(&replica->cursor, piece.size);
        most -= piece.size;
    }
}

static void give(const struct replicas *replicas, struct replica *replica) {
    struct replication *replication = replicas->replication;
    struct client      *client = replica->client;
    if (replica->state == REPLICA_WAITS || is_over(replica)) return;
    bool   is_flowing = reply_pending_bytes(client) == 0;
    int64_t end = backlog_end(replication->backlog);
    if (replica->state == REPLICA_SENDING && reply_pending_bytes(client) < LOW_BYTES) full_sync_give_file(replicas->full_sync, replica);
    if (is_over(replica) || !replica->cursor.block) return;
    bool is_online = replica->state == REPLICA_ONLINE && !replica->starts_on_ack;
    if (is_online && replica->cursor.offset < end && reply_pending_bytes(client) < LOW_BYTES) give_stream(replica, AT_ONCE_BYTES);
    client->stream_waiting = (uint64_t)(end - replica->cursor.offset) + (is_online ? reply_pending_bytes(client) : 0);
    bool has_more = replica->state == REPLICA_SENDING || (is_online && replica->cursor.offset < end);
    if (has_more && is_flowing) server_dont_sleep(replication->server); /* a full socket tells when it can be written to */
    client_check_output_limits(client);
}

void replicas_before_sleep(struct replicas *replicas) {
    LIST_EACH(&replicas->all, node) give(replicas, container_of(node, struct replica, node));
    full_sync_before_sleep(replicas->full_sync);
}

void replicas_give_all(struct replicas *replicas) {
    LIST_EACH(&replicas->all, node) {
        struct replica *replica = container_of(node, struct replica, node);
        if (replica->state == REPLICA_ONLINE && !replica->starts_on_ack && !is_over(replica)) give_stream(replica, SIZE_MAX);
    }
}

/* ---- time ---- */

static void note_progress(struct replica *replica, int64_t now_ms) {
    if (replica->client->bytes_out == replica->progress_bytes) return;
    replica->progress_bytes = replica->client->bytes_out;
    replica->progress_ms = now_ms;
}

static void watch(const struct replicas *replicas, struct replica *replica) {
    const struct replication *replication = replicas->replication;
    int64_t now_ms = replication->server->now_ms, timeout_ms = replication->settings.timeout_s * 1000;
    bool    is_late = false;
    if (is_over(replica)) return;
    switch (replica->state) {
    case REPLICA_INTRODUCED: break;
    case REPLICA_SAVING:
        if (full_sync_is_by_pipe(replicas->full_sync)) {
            note_progress(replica, now_ms);
            is_late = reply_pending_bytes(replica->client) > 0 && now_ms - replica->progress_ms > timeout_ms;
            break;
        }
        reply_raw(replica->client, SLICE("\n")); /* a sign of life */
        break;
    case REPLICA_WAITS: reply_raw(replica->client, SLICE("\n")); break;
    case REPLICA_SENDING:
        note_progress(replica, now_ms);
        is_late = now_ms - replica->progress_ms > timeout_ms;
        break;
    case REPLICA_ONLINE: is_late = !replica->is_plain_sync && now_ms - replica->acked_ms > timeout_ms; break;
    }
    if (!is_late) return;
    LOG_WRITE(LOG_WARNING, "Disconnecting timedout replica (client id=%llu)", (unsigned long long)replica->client->id);
    client_close_asap(replica->client);
}

static void ping(struct replicas *replicas) {
    struct replication *replication = replicas->replication;
    int64_t now_ms = replication->server->now_ms;
    if (replication_is_replica(replication) || !replicas->count) return; /* the primary's PINGs are passed on */
    if (now_ms - replicas->pinged_ms < replication->settings.ping_period_s * 1000) return;
    if (server_paused(replication->server) != SERVER_PAUSE_NONE) return; /* the stream is to stand still */
    replicas->pinged_ms = now_ms;
    replication_feed(replication, SLICE("*1\r\n$4\r\nPING\r\n"));
}

/* Replicas say once a second up to where they are. Whoever bounds their silence to a few seconds means that a primary which was
 * cut off acknowledges no more than so many seconds' writes: they are asked four times in that span, and one that leaves a
 * question open for seven tenths of it is out. */
enum { ASKED_UP_TO_S = 3, ASKS_PER_LAG = 4 };

static void ask_early(struct replicas *replicas) {
    const struct replication_settings *settings = &replicas->replication->settings;
    int64_t now_ms = replicas->replication->server->now_ms, lag_ms = settings->min_replicas_max_lag_s * 1000;
    if (!settings->min_replicas || !lag_ms || lag_ms > ASKED_UP_TO_S * 1000) return;
    if (replication_is_replica(replicas->replication) || now_ms - replicas->asked_ms < lag_ms / ASKS_PER_LAG) return;
    if (server_paused(replicas->replication->server) != SERVER_PAUSE_NONE) return; /* the stream is to stand still */
    replicas->asked_ms = now_ms;
    LIST_EACH(&replicas->all, node) {
        struct replica *replica = container_of(node, struct replica, node);
        if (replica->state == REPLICA_ONLINE && !replica->asked_ms) replica->asked_ms = now_ms;
    }
    replicas_ask(replicas);
}

static bool is_good(const struct replica *replica, int64_t now_ms, int64_t lag_s) {
    if (replica->state != REPLICA_ONLINE || is_over(replica)) return false;
    if (replica->asked_ms && now_ms - replica->asked_ms > lag_s * 700) return false;
    return (now_ms - replica->acked_ms) / 1000 <= lag_s;
}

size_t replicas_count_good(const struct replicas *replicas) {
    const struct replication *replication = replicas->replication;
    size_t count = 0;
    LIST_EACH(&replicas->all, node)
        count += is_good(container_of(node, struct replica, node), replication->server->now_ms,
                         replication->settings.min_replicas_max_lag_s);
    return count;
}

/* Nobody has come back for so long: who comes now needs everything, and this history has ended with those who knew it. */
static void forget_backlog(struct replicas *replicas) {
    struct replication *replication = replicas->replication;
    int64_t ttl_ms = replication->settings.backlog_ttl_s * 1000;
    if (replicas->count || !replication->backlog || !ttl_ms || replication_is_replica(replication)) return;
    if (replication->uses_sync) return; /* a command that waits (BLPOP) may write yet, and must be held */
    if (replication->server->now_ms - replicas->left_ms <= ttl_ms) return;
    LOG_WRITE(LOG_NOTICE, "Replication backlog freed after %lld seconds without connected replicas.",
              (long long)replication->settings.backlog_ttl_s);
    replication_drop_stream(replication);
}

void replicas_cron(struct replicas *replicas) {
    int64_t now_ms = replicas->replication->server->now_ms;
    full_sync_consider(replicas->full_sync);
    ask_early(replicas);
    if (now_ms - replicas->second_ms < 1000) return;
    replicas->second_ms = now_ms;
    LIST_EACH(&replicas->all, node) watch(replicas, container_of(node, struct replica, node));
    ping(replicas);
    forget_backlog(replicas);
    full_sync_clean_up(replicas->full_sync);
}
