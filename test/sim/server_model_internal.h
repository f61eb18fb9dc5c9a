/* What the files of the server model share.
 *
 * SPDX-License-Identifier: BSD-3-Clause */
#pragma once
#include "base/list.h"
#include "sim/server_model.h"

enum { SERVER_QUEUE = 8, SERVER_ID_SIZE = 41 };

enum follow_state { FOLLOW_NONE, FOLLOW_RETRY, FOLLOW_CONNECTING, FOLLOW_SYNCING, FOLLOW_UP };

enum { SERVER_GRANTS = 20 };

/* What a sentinel promised. */
struct server_grant {
    char sentinel[SERVER_ID_SIZE], names[400]; /* each name with a blank before and behind it */
    int64_t sentinels, until_us;
};

/* One connection to the server; owned by it. */
struct server_client {
    struct server *server;
    struct list_node node;
    struct link_end *end;
    bool subscribed, in_multi, multi_failed;
    bool is_replica, synced; /* it follows us; its sync is done */
    int64_t acked;
    char queue[SERVER_QUEUE][96]; /* MULTI: the commands, their arguments separated by blanks */
    size_t queued;
    struct happening sync; /* the end of its sync */
    bool full_sync;
};

struct server_role {
    bool primary;
    char address[NETWORK_ADDRESS_SIZE]; /* whom it follows */
    uint16_t port;
};

struct server {
    struct network *network;
    struct schedule *schedule;
    struct random *random;
    struct server_traits traits;
    unsigned host;
    uint16_t port;

    bool running;
    bool has_clients;
    int64_t paused_until_us, loading_until_us, started_us, writes_stop_until_us;
    int64_t script_until_us;
    bool script_killable;
    struct server_role role, file; /* now, and what a restart will find */
    char run_id[SERVER_ID_SIZE], replication_id[SERVER_ID_SIZE];

    /* A guarded kvd (server_guard.c) */
    struct server_grant grants[SERVER_GRANTS];
    size_t grant_count;
    bool was_granted;
    int64_t salt; /* of its stamps */
    uint64_t fence, newest_fence;
    char fence_leader[64]; /* who fenced it */
    char former_id[SERVER_ID_SIZE];
    int64_t former_offset;

    int64_t offset, offset_us; /* of a primary: it was `offset` then, and grows with the writes */
    int64_t promotions;

    struct list clients; /* of struct server_client */
    size_t replicas;
    struct happening stream;

    enum follow_state follow;
    struct link_end *upstream;
    int64_t link_down_us, heard_us;
    struct happening cron; /* retries and time-outs of the link, once a second */

    bool handing_over;
    char handover_address[NETWORK_ADDRESS_SIZE];
    uint16_t handover_port;
    int64_t handover_until_us;
    struct happening handover;
};

/* server_follow.c: the replication of one server, both sides */
void server_follow_address(struct server *server, const char *address, uint16_t port);
const char *server_lookup(const struct server *server, const char *host); /* NULL: does not resolve */
void server_become_primary(struct server *server);
void server_take_psync(struct server_client *client, const struct message *message);
void server_publish(struct server *server, struct slice payload);
void server_drop_replicas(struct server *server);
void server_drop_upstream(struct server *server);
void server_advance(struct server *server); /* counts what was written since */
void server_start_handover(struct server *server, const char *address, uint16_t port, int64_t timeout_us);
void server_init_follow(struct server *server);
void server_end_follow(struct server *server);

/* server_guard.c */
struct message *server_guard_command(struct server *server, const struct message *message);
void server_confirm(struct server *server); /* a replica confirmed something, or a promise came */
void server_new_history(struct server *server, int64_t until); /* it goes on from what it has under a new replication id */
void server_start_guard(struct server *server);

/* server_commands.c */
void server_take_command(struct server_client *client, const struct message *message);
void server_free_client(struct server_client *client); /* its end is gone already */
void server_kill_clients(struct server *server, bool subscribed, const struct server_client *but);

/* server_info.c */
void server_write_info(struct server *server, bool server_section, bool replication_section, struct bytes *out);
