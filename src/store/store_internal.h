/* What the files of src/store itself share: the store's parts.
 *
 * SPDX-License-Identifier: BSD-3-Clause */
#pragma once
#include "core/server.h"
#include "store/effects/effects.h"
#include "store/keyspace/databases.h"
#include "store/keyspace/defrag.h"
#include "store/keyspace/evict.h"
#include "store/notify/notify.h"

struct store {
    struct server      *server;
    struct databases   *databases;
    struct waiting     *waiting;
    struct notify      *notify;
    struct effects     *effects;
    struct persistence *persistence;
    struct replication *replication;
    struct following   *following;
    struct evictor     *evictor;
    struct defrag      *defrag;
    struct defrag_stats defrag_stats; /* as of the INFO that is being printed */
    const struct evict_settings *evict_settings; /* the evictor's */
    struct server_hooks hooks; /* the server keeps them */
    /* As of the INFO that is being printed. */
    size_t watched_keys, watching_clients, waited_keys, waited_keys_when_gone;
    size_t table_bytes, timer_bytes;
};

void store_info_add(struct store *store); /* its fields of INFO */
