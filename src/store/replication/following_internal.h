/* What the files of following share: its parts, and what they ask of each other.
 *
 * Included by following.c, following_info.c and handover.c only.
 * SPDX-License-Identifier: BSD-3-Clause */
#pragma once
#include "core/config/param.h"
#include "core/server.h"
#include "store/replication/following.h"
#include "store/replication/handover.h"
#include "store/replication/replication.h"
#include "store/replication/synced_offset.h"
#include "store/replication/upstream.h"

struct own_keys;

struct following_settings {
#define PARAM(name, field, type, ...) PARAM_FIELD_##type(field)
#include "store/replication/following_param.def"
#undef PARAM
};

struct following { /* owned by the store */
    struct replication       *replication;
    struct evictor           *evictor;
    struct following_store    store;
    struct following_settings settings;
    struct server_hooks       hooks; /* the server keeps them */
    struct upstream          *upstream;
    struct own_keys          *own_keys;
    struct handover          *handover;
    struct synced_offset      synced; /* how much of the stream is in our append-only file on the disk */
    bool                      has_started;
    bool                      can_resume;  /* the data is exactly as of history.offset in history.id; until a synchronization replaces it */
    bool                      is_failover; /* the primary is asked to take over */
    bool                      has_found;   /* following_found() ... */
    int                       found_db;    /* ... with this database */
};

static inline bool following_is_replica(const struct following *following) {
    return following->replication->upstream != NULL;
}
int  following_port(const struct following *following); /* that others reach us at */
/* What depends on whether we are a replica, or about to become one, is made so. */
void following_apply_role(struct following *following);
