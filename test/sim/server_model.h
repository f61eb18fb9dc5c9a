/* A model of one plain Redis or Valkey server: what a sentinel sees of it, and how it replicates.
 *
 * It answers the commands that sentinels send (PING, INFO, PUBLISH, SUBSCRIBE, MULTI with the orders, FAILOVER, SCRIPT
 * KILL) as Redis 7 does, follows a primary over the virtual network (full and partial syncs that take time, a stream
 * that carries the published hellos, chains, refusals while its own link is down), and keeps its role over restarts
 * when CONFIG REWRITE could write its file.
 * SPDX-License-Identifier: BSD-3-Clause */
#pragma once
#include "sim/names.h"

struct server;

struct server_traits {
    const char *name;   /* "m1-s2", for traces; borrowed for the server's life */
    int64_t priority;   /* replica-priority */
    int64_t writes_us;  /* clients write one entry so often while it is a primary */
    int64_t sync_us;    /* of a full sync */
    int64_t stream_us;  /* how often what was written is sent to replicas */
    int64_t timeout_us; /* repl-timeout */
    const struct names *names; /* to look up whom it is told to follow; NULL: addresses only */
    bool announced;     /* replica-announced */
    bool rewrites;      /* has a configuration file that CONFIG REWRITE may write */
    bool serves_stale;  /* replica-serve-stale-data: else MASTERDOWN while the link is down */
    bool hands_over;    /* knows FAILOVER (6.2 and later) */
    unsigned sync_min;  /* a kvd that acknowledges what so many replicas have confirmed, under a lease; 0: plain Redis */
    struct ledger *ledger; /* what it acknowledged; NULL: nobody keeps it */
    const char *group;     /* its name there; borrowed */
};

/* Traces go to `trace` when it is not NULL. Gives: server_free(). It does not run yet. */
struct server *server_new(struct network *network, struct schedule *schedule, struct random *random,
                          const struct server_traits *traits, uint16_t port);
void server_free(struct server **server); /* takes */
/* Its configuration file at first: a primary when `primary` is NULL. */
void server_configure(struct server *server, const char *primary, uint16_t port);

void server_start(struct server *server, int64_t loading_us, bool empty);
void server_forget(struct server *server, unsigned permille); /* while it does not run: so much of its data is lost */
void server_add_client(struct server *server); /* one that only stays connected, until CLIENT KILL TYPE normal */
bool server_has_clients(const struct server *server); /* of that kind */
void server_stop(struct server *server, bool power_lost); /* kill -9, or the whole host */
void server_pause(struct server *server, int64_t until_us);
void server_run_script(struct server *server, int64_t until_us, bool killable); /* answers BUSY */

unsigned server_host(const struct server *server);
uint16_t server_port(const struct server *server);
const char *server_name(const struct server *server);
bool server_is_running(const struct server *server);
bool server_is_paused(const struct server *server);
bool server_is_primary(const struct server *server);
bool server_is_announced(const struct server *server);
int64_t server_offset(const struct server *server);
/* It is a replica of that address and in sync. */
bool server_follows(const struct server *server, const char *address, uint16_t port);
/* It was told to follow that address, in sync or not. */
bool server_is_replica_of(const struct server *server, const char *address, uint16_t port);
/* Guarded: that sentinel's promise holds by the server's clock, and the server is not fenced. */
bool server_is_promised(const struct server *server, const char *sentinel);
uint64_t server_fence(const struct server *server);       /* the epoch for which it is fenced; 0 */
uint64_t server_newest_fence(const struct server *server); /* for which it ever was */
const char *server_history(const struct server *server);  /* its replication id. Lends */
int64_t server_promotions(const struct server *server); /* how often it was ordered to be a primary */
