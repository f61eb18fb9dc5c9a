/* INFO of the server model: the sections and fields that Redis 7.0 prints and sentinels read. */
#include "sim/server_model_internal.h"

/* Each so many bytes written make a key. */
enum { KEY_BYTES = 120 };

static void write_server(struct server *server, struct bytes *out) {
    int64_t uptime_s = (server->schedule->now_us - server->started_us) / 1000000;
    bytes_add_printf(out,
                     "# Server\r\nredis_version:7.0.15\r\nredis_mode:standalone\r\nprocess_id:%u\r\nrun_id:%s\r\n"
                     "tcp_port:%u\r\nuptime_in_seconds:%lld\r\nhz:10\r\n\r\n",
                     1000 + server->host, server->run_id, server->port, (long long)uptime_s);
    if (server->traits.sync_min) bytes_add_text(out, "kvd_version:0.1.0\r\n");
    bytes_add_printf(out, "# Persistence\r\nloading:%d\r\nrdb_bgsave_in_progress:0\r\n\r\n",
                     server->loading_until_us > server->schedule->now_us);
}

static void write_following(struct server *server, struct bytes *out) {
    int64_t now_us = server->schedule->now_us;
    bool up = server->follow == FOLLOW_UP;
    bytes_add_printf(out,
                     "role:slave\r\nmaster_host:%s\r\nmaster_port:%u\r\nmaster_link_status:%s\r\n"
                     "master_last_io_seconds_ago:%lld\r\nmaster_sync_in_progress:%d\r\nslave_read_repl_offset:%lld\r\n"
                     "slave_repl_offset:%lld\r\n",
                     server->role.address, server->role.port, up ? "up" : "down",
                     up ? (long long)((now_us - server->heard_us) / 1000000) : -1LL, server->follow == FOLLOW_SYNCING,
                     (long long)server->offset, (long long)server->offset);
    if (!up)
        bytes_add_printf(out, "master_link_down_since_seconds:%lld\r\n",
                         (long long)((now_us - server->link_down_us) / 1000000));
    bytes_add_printf(out, "slave_priority:%lld\r\nslave_read_only:1\r\nreplica_announced:%d\r\n",
                     (long long)server->traits.priority, server->traits.announced);
}

static void write_replicas(struct server *server, struct bytes *out) {
    unsigned number = 0;
    bytes_add_printf(out, "connected_slaves:%zu\r\n", server->replicas);
    LIST_EACH(&server->clients, node) {
        struct server_client *client = container_of(node, struct server_client, node);
        if (!client->is_replica) continue;
        /* All servers of a history listen on the same port. */
        bytes_add_printf(out, "slave%u:ip=%s,port=%u,state=%s,offset=%lld,lag=0\r\n", number++,
                         names_shown(server->traits.names, server->network, link_peer_host(client->end)), server->port,
                         client->synced ? "online" : "wait_bgsave", (long long)client->acked);
    }
}

void server_write_info(struct server *server, bool server_section, bool replication_section, struct bytes *out) {
    if (server_section) write_server(server, out);
    if (!replication_section) return;
    server_advance(server);
    bytes_add_text(out, "# Replication\r\n");
    if (server->role.primary)
        bytes_add_text(out, "role:master\r\n");
    else
        write_following(server, out);
    write_replicas(server, out);
    bytes_add_printf(out,
                     "master_failover_state:%s\r\nmaster_replid:%s\r\n"
                     "master_replid2:%s\r\nmaster_repl_offset:%lld\r\n"
                     "second_repl_offset:%lld\r\nrepl_backlog_active:1\r\nrepl_backlog_size:1048576\r\n",
                     server->handing_over ? "waiting-for-sync" : "no-failover", server->replication_id,
                     server->former_id[0] ? server->former_id : "0000000000000000000000000000000000000000",
                     (long long)server->offset, server->former_id[0] ? (long long)server->former_offset + 1 : -1LL);
    if (server->traits.sync_min)
        bytes_add_printf(out, "repl_sync_min:%u\r\nrepl_fence_epoch:%llu\r\n", server->traits.sync_min,
                         (unsigned long long)server->fence);
    if (!server_section) return;
    bytes_add_text(out, "\r\n# Keyspace\r\n");
    if (server->offset >= KEY_BYTES)
        bytes_add_printf(out, "db0:keys=%lld,expires=0,avg_ttl=0\r\n", (long long)(server->offset / KEY_BYTES));
}
