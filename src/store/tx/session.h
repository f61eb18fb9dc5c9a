/* What the store keeps about one client: its database, the commands queued by MULTI, the keys it watches or waits for.
 *
 * It is the client's mode_data, owned by the store's client hooks.
 * SPDX-License-Identifier: BSD-3-Clause */
#pragma once
#include "core/client/client.h"
#include "store/keyspace/databases.h"
#include "store/replication/replication_session.h"

struct persistence;
struct queued_command;
struct tracker;
struct tracking;
struct waiter;
struct waiting;

struct session {
    struct client    *client;
    struct databases *databases;
    struct persistence *persistence; /* the store's; set after session_start() */
    struct replication_session replication; /* likewise */
    struct keyspace  *keyspace; /* that SELECT chose */
    struct tracking  *tracking;
    struct tracker   *tracker; /* notify/tracking's; NULL: the client does not track */
    uint64_t          aof_offset; /* persist/aof's: of what the client's last write was appended up to */
    /* multi.c's */
    struct queued_command *queue;
    int                    queued, queue_capacity;
    size_t                 queue_bytes;
    uint64_t               queue_flags; /* COMMAND_... of what is queued, together */
    /* watch.c's */
    struct list watches;
    int         watch_count;
    /* waiting.c's */
    struct waiting *waiting; /* the store's */
    struct waiter  *waiter;  /* NULL: the client does not wait for a key */
};

/* Sets client->mode_data. Keeps all. */
void session_start(struct client *client, struct databases *databases, struct waiting *waiting,
                   struct tracking *tracking);
void session_end(struct client *client);                                 /* frees it */
void session_reset(struct client *client);                               /* RESET: no MULTI, no WATCH, database 0 */
bool session_select(struct client *client, int64_t number);              /* false: there is no such database */

static inline struct session *session_of(const struct client *client) {
    return client->mode_data;
}
static inline struct keyspace *session_keyspace(const struct client *client) {
    return session_of(client)->keyspace;
}
/* Whether a deadline has passed for the running command: never for one that repeats what happened elsewhere, or before, and
 * must see what that saw. */
static inline bool session_is_past(const struct client *client, int64_t deadline_ms) {
    const struct keyspace_shared *shared = &session_of(client)->databases->shared;
    return !shared->sees_expired && deadline_ms <= *shared->wall_ms;
}
