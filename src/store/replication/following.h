/* Whom we follow: becoming a replica, following another primary, being promoted; and what is different on a replica.
 *
 * On a replica clients' writes are refused (or not: replica-read-only), nothing is evicted, and what is past its deadline is
 * not seen but stays until the primary's DEL; the primary's own commands see it and are never refused.
 * SPDX-License-Identifier: BSD-3-Clause */
#pragma once
#include "base/error.h"

struct bytes;
struct client;
struct evictor;
struct following;
struct handover;
struct replication;
struct slice;

/* What the rest of the store does for us. */
struct following_store {
    void *context;
    void (*replaced)(void *context); /* all keys are others now: those who watch or wait for some, or keep copies */
    bool (*select)(struct client *client, int64_t number); /* SELECT; false: there is no such database */
};

/* Registers its hooks, parameters and lines of INFO. Keeps all. gives: following_free() */
struct following *following_new(struct replication *replication, struct evictor *evictor,
                                const struct following_store *store);
void              following_free(struct following **following);
/* At the start, the data is loaded: follows whom `replicaof` names. */
void following_start(struct following *following);

/* Follows that primary. `is_failover`: it is asked to take over (PSYNC ... FAILOVER). */
void following_follow(struct following *following, const char *host, int port, bool is_failover);
void following_promote(struct following *following); /* harmless on a primary */
bool following_is_of(const struct following *following, struct slice host, int port); /* we follow that one already */

/* Nothing is confirmed to the primary any more: the link is closed, and none is dialled. A FAILOVER that runs is called off. On a
 * primary nothing else. */
void    following_fence(struct following *following);
void    following_release(struct following *following);         /* the link is dialled again, if we follow somebody */
int64_t following_fsynced(struct following *following); /* of the stream, on our disk; -1: unknown */

bool following_is_up(const struct following *following); /* we follow somebody, and the stream flows */
void following_acknowledge(struct following *following); /* REPLCONF GETACK */
/* Before following_start(): the data that was loaded is at the place in the history. True: we are to follow somebody, who may
 * have the same history, from there on with this database. */
bool following_found(struct following *following, int db);
bool following_is_wanted(const struct following *following); /* `replicaof` names somebody */
/* The data is exactly as of replication->history.offset, with this database chosen in the stream. */
bool following_has_place(const struct following *following);
int  following_db(const struct following *following);

void following_print(const struct following *following, struct bytes *out); /* INFO's lines of a replica */
void following_reply_role(const struct following *following, struct client *client); /* ROLE of a replica */
bool     following_serves_old(const struct following *following); /* while new data is loaded beside it */
size_t   following_own_keys(const struct following *following);   /* with a deadline, written by clients of a replica */
uint64_t following_bytes(const struct following *following);      /* of streams of primaries, since the start */
struct handover *following_handover(const struct following *following);
