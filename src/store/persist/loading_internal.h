/* What loading.c and aof_load.c share: the state of a loading, and clients that are served in between.
 *
 * SPDX-License-Identifier: BSD-3-Clause */
#pragma once
#include "store/persist/rdb_save.h"
#include "store/persist/loading.h"
#include "store/keyspace/record.h"

struct keyspace;
struct rdb_ahead;

struct loading {
    struct server                 *server;
    struct databases              *databases;
    const struct persist_settings *settings;
    struct rdb_place               place;
    struct keyspace               *keyspace; /* keys of a dump file go there */
    struct rdb_ahead              *ahead;    /* the dump file that is being read; NULL: none is */
    bool                           is_running, merges, serves;
    bool                           keeps_past; /* what has expired is loaded too: what follows may need it */
    bool                           was_kept, had_seen; /* how expired keys were treated before */
    int64_t                        start_wall_ms, start_us, served_us;
    uint64_t                       total_bytes;  /* of all files */
    uint64_t                       before_bytes; /* of the files before this one */
    uint64_t                       at_bytes;     /* of this one */
    uint64_t                       file_memory_bytes, loaded, expired, empty, libraries;
};

/* Between these two the server is loading. */
void loading_begin(struct loading *loading, bool serves, bool merges);
void loading_finish(struct loading *loading);

/* Where that is wanted and some time has gone by, lets the loop take a turn. */
void loading_serve(struct loading *loading);
/* The server was shut down: what was not loaded does not matter any more. */
bool loading_is_over(const struct loading *loading);

/* Reads a dump file, or the one that a file begins with, into the databases. `*end`: the offset behind it. `adds`: its size
 * is not part of total_bytes yet. */
enum loading_result loading_read_dump(struct loading *loading, const char *path, bool adds, uint64_t *end, struct error *err);
