/* What replication keeps about one client, inside its session.
 *
 * SPDX-License-Identifier: BSD-3-Clause */
#pragma once
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct client;
struct replica;
struct replication;

struct replication_session {
    struct replication *replication;  /* the store's */
    struct replica     *replica;      /* replicas.c's; NULL: the client has not said that it is one */
    int64_t             written_until; /* end of its last write in the stream; 0: none that replicas were told of */
    bool                has_sync_replicas; /* sync_replies.c's: the client chose ... */
    size_t              sync_replicas;     /* ... how many must confirm its writes */
};

/* Where a client's is: who keeps sessions knows. */
typedef struct replication_session *replication_find_session(const struct client *client); /* a function */
