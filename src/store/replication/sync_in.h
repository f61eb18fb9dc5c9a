/* A full synchronization as it comes in: the payload is kept in a file or loaded as it comes, and takes the old data's place.
 *
 *     by file      old data is served until all has come; then it is removed and the file is loaded in steps
 *     emptied      old data is removed at once, the payload is loaded as it comes
 *     swapped      the payload is loaded beside the old data, which it replaces when it is complete
 *
 * SPDX-License-Identifier: BSD-3-Clause */
#pragma once
#include "base/bytes.h"
#include "base/error.h"

struct databases;
struct loading_state;
struct server;
struct sync_in;

enum sync_in_way { SYNC_IN_BY_FILE, SYNC_IN_EMPTIED, SYNC_IN_SWAPPED };

struct sync_in_settings {
    enum sync_in_way way;
    bool             serves_old;  /* SYNC_IN_SWAPPED: clients go on with the old data meanwhile */
    bool             lazy_flush;  /* old data is freed on another thread */
    bool             checksum, deep; /* as for dump files */
    bool             removes_file;   /* SYNC_IN_BY_FILE: when it was loaded, since nothing else is kept on disk */
    uint64_t         size_bytes;     /* of the payload; 0: unknown */
    const char      *dbfilename;     /* the file's name in the end; borrowed */
};

struct sync_in_hooks {
    void *context;
    /* The old data is about to be removed from this server, or was replaced: those who watch or wait for keys, or keep copies. */
    void (*replaced)(void *context);
    void (*field)(void *context, struct slice name, struct slice value); /* of the payload's head; may be NULL */
};

/* Keeps all. NULL: `err`. gives: sync_in_free(), which leaves what was loaded so far, and the databases empty where that
 * was only a part */
struct sync_in *sync_in_new(struct server *server, struct databases *databases, const struct sync_in_settings *settings,
                            const struct sync_in_hooks *hooks, struct error *err);
void            sync_in_free(struct sync_in **sync);

MUST_USE bool sync_in_take(struct sync_in *sync, struct slice piece, struct error *err);
/* Now and then, where nothing comes for a while: takes what was read meanwhile. False: `err`, it is damaged. */
MUST_USE bool sync_in_go_on(struct sync_in *sync, struct error *err);
/* All has come. False: `err`, it is damaged or the disk is full. */
MUST_USE bool sync_in_end(struct sync_in *sync, struct error *err);

enum sync_in_result { SYNC_IN_DONE, SYNC_IN_MORE, SYNC_IN_FAILED };
/* After sync_in_end(): loads for about `us` microseconds. */
enum sync_in_result sync_in_load(struct sync_in *sync, int64_t us, struct error *err);

bool     sync_in_is_loading(const struct sync_in *sync); /* keys arrive in the databases */
bool     sync_in_has_emptied(const struct sync_in *sync); /* the old data is gone, the new is not all there */
bool     sync_in_serves_old(const struct sync_in *sync); /* ... and the old ones are served */
/* While it is loading: how far, for INFO. */
void sync_in_get_state(const struct sync_in *sync, struct loading_state *state);
