/* What INFO and ROLE say of whom we follow. */
#include "store/replication/following_internal.h"
#include "core/client/reply.h"
#include "core/config/core_settings.h"
#include "store/replication/own_keys.h"
#include "store/replication/stream_in.h"

#include <inttypes.h>

int following_port(const struct following *following) {
    const struct core_settings *settings = following->replication->server->settings;
    if (following->settings.uses_tls && settings->tls_port) return (int)settings->tls_port;
    return server_port(following->replication->server);
}

static const char *link_word(const struct following *following) {
    switch (upstream_state(following->upstream)) {
    case UPSTREAM_NONE: return "none";
    case UPSTREAM_WAITING: return "connect";
    case UPSTREAM_RESOLVING:
    case UPSTREAM_DIALLING: return upstream_is_talking(following->upstream) ? "handshake" : "connecting";
    case UPSTREAM_RECEIVING:
    case UPSTREAM_LOADING: return "sync";
    case UPSTREAM_UP: return "connected";
    case UPSTREAM_STATES: break;
    }
    UNREACHABLE("a state of the link");
}

void following_reply_role(const struct following *following, struct client *client) {
    bool is_up = following_is_up(following);
    reply_array(client, 5);
    reply_bulk_text(client, "slave");
    reply_bulk_text(client, upstream_host(following->upstream));
    reply_int(client, upstream_port(following->upstream));
    reply_bulk_text(client, link_word(following));
    reply_int(client, is_up ? following->replication->history.offset : -1);
}

static void print_sync(const struct following *following, const struct upstream_progress *progress, int64_t now_ms,
                       struct bytes *out) {
    int64_t total = progress->total_bytes, received = progress->received_bytes;
    bytes_add_printf(out, "master_sync_total_bytes:%" PRId64 "\r\nmaster_sync_read_bytes:%" PRId64 "\r\n", MAX(total, 0), received);
    bytes_add_printf(out, "master_sync_left_bytes:%" PRId64 "\r\n", total >= 0 ? total - received : -received);
    bytes_add_printf(out, "master_sync_perc:%.2f\r\n", total > 0 ? (double)received * 100 / (double)total : 0.0);
    bytes_add_printf(out, "master_sync_last_io_seconds_ago:%" PRId64 "\r\n", (now_ms - progress->heard_ms) / 1000);
}

bool following_serves_old(const struct following *following) {
    const struct sync_in *sync = upstream_sync(following->upstream);
    return sync && sync_in_serves_old(sync);
}

size_t following_own_keys(const struct following *following) {
    return own_keys_count(following->own_keys);
}

uint64_t following_bytes(const struct following *following) {
    return upstream_bytes(following->upstream);
}

void following_print(const struct following *following, struct bytes *out) {
    const struct replication *replication = following->replication;
    if (!following_is_replica(following)) return;
    struct stream_in *stream = upstream_stream(following->upstream);
    struct upstream_progress progress;
    upstream_get_progress(following->upstream, &progress);
    int64_t now_ms = replication->server->now_ms;
    bool is_up = stream_in_is_up(stream), is_syncing = upstream_sync(following->upstream) != NULL;
    int64_t applied = is_up || following->can_resume ? replication->history.offset : 1;
    bytes_add_printf(out, "master_host:%s\r\nmaster_port:%d\r\nmaster_link_status:%s\r\n", upstream_host(following->upstream),
                     upstream_port(following->upstream), is_up ? "up" : "down");
    bytes_add_printf(out, "master_last_io_seconds_ago:%" PRId64 "\r\nmaster_sync_in_progress:%d\r\n",
                     is_up ? (now_ms - progress.heard_ms) / 1000 : -1, is_syncing);
    bytes_add_printf(out, "slave_read_repl_offset:%" PRId64 "\r\nslave_repl_offset:%" PRId64 "\r\n",
                     is_up ? stream_in_read_offset(stream) : applied, applied);
    if (is_syncing) print_sync(following, &progress, now_ms, out);
    if (!is_up)
        bytes_add_printf(out, "master_link_down_since_seconds:%" PRId64 "\r\n",
                         progress.down_since_ms ? (now_ms - progress.down_since_ms) / 1000 : -1);
    bytes_add_printf(out, "slave_priority:%" PRId64 "\r\nslave_read_only:%d\r\nreplica_announced:%d\r\n",
                     replication->settings.priority, replication->settings.is_read_only, replication->settings.is_announced);
}
