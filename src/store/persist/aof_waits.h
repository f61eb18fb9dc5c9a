/* Clients that wait until what they wrote is on the disk, here and on replicas: WAITAOF.
 *
 * Of replicas it knows only what replication tells.
 * SPDX-License-Identifier: BSD-3-Clause */
#pragma once
#include "store/persist/aof.h"

struct aof_waits;

struct aof_peers {
    void *context;
    bool (*are_we_replica)(void *context);
    /* How many replicas have synced all that this client wrote. */
    size_t (*count)(void *context, const struct client *client);
    /* Somebody waits for them: they are asked how far they are before the loop sleeps. */
    void (*ask)(void *context);
};

/* Keeps all; listens to the file. gives: aof_waits_free() */
struct aof_waits *aof_waits_new(struct server *server, struct aof *aof, aof_find_offset *find_offset);
void              aof_waits_free(struct aof_waits **waits); /* clients are gone */
void              aof_waits_set_peers(struct aof_waits *waits, const struct aof_peers *peers); /* copies */

/* Replies [local, replicas] when at least so many have it, or the time is up (0: for ever). */
void aof_waits_start(struct aof_waits *waits, struct client *client, size_t local, size_t replicas, int64_t timeout_ms);
void aof_waits_serve(struct aof_waits *waits); /* replicas have told something, or the role is another */
