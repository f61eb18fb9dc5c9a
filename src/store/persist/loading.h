/* Loads a dump file into the databases, serving clients (with -LOADING, mostly) in between.
 *
 * SPDX-License-Identifier: BSD-3-Clause */
#pragma once
#include "base/error.h"

struct bytes;
struct databases;
struct loading;
struct persist_settings;
struct rdb_place;
struct server;

struct loading *loading_new(struct server *server, struct databases *databases, const struct persist_settings *settings); /* keeps */
void            loading_free(struct loading **loading);

enum loading_result { LOADING_DONE, LOADING_ABSENT, LOADING_FAILED };
/* Loads dbfilename. `serves`: the loop takes turns meanwhile; not from within a command. `merges`: a key that is there
 * already is replaced; otherwise it means that the file is damaged. LOADING_FAILED: `err` says what is wrong; what was
 * loaded before that stays. LOADING_DONE too when the server was shut down meanwhile. */
enum loading_result loading_run(struct loading *loading, bool serves, bool merges, struct error *err);

/* Where in a stream of replication the dump file says that its data is; id "" where it says nothing. */
const struct rdb_place *loading_place(const struct loading *loading);

struct loading_state {
    int64_t  start_wall_s; /* 0: nothing is being loaded */
    uint64_t total_bytes, loaded_bytes; /* total 0: unknown */
    uint64_t file_memory_bytes; /* what the server that wrote the file used; 0: it does not say */
    int64_t  elapsed_us;
    uint64_t last_expired, last_loaded; /* keys, of the last loading */
};
void loading_get_state(const struct loading *loading, struct loading_state *state);
