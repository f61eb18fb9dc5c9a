/* What keeps a server's data on disk: its parameters, saving and loading, and when writes must be refused.
 *
 * SPDX-License-Identifier: BSD-3-Clause */
#pragma once
#include "core/config/param.h"
#include "core/server.h"
#include "net/loop.h"
#include "store/persist/aof.h"
#include "store/persist/aof_rewriting.h"
#include "store/persist/aof_waits.h"
#include "store/persist/child.h"
#include "store/persist/loading.h"
#include "store/persist/saving.h"

enum persist_errors { PERSIST_ERRORS_IGNORED, PERSIST_ERRORS_STOP, PERSIST_ERRORS_STOP_REPLICAS }; /* propagation-error-behavior */
enum persist_sanitize { PERSIST_SANITIZE_NO, PERSIST_SANITIZE_YES, PERSIST_SANITIZE_CLIENTS };

struct persist_settings {
#define PARAM(name, field, type, ...) PARAM_FIELD_##type(field)
#include "store/persist/persist_param.def"
#undef PARAM
};

struct persistence { /* owned by the store */
    struct server          *server;
    struct persist_settings settings;
    struct server_hooks     hooks, late_hooks; /* the server keeps them */
    struct child           *child; /* the one: whoever forks asks child_is_running() first */
    struct saving          *saving;
    struct aof             *aof;
    struct aof_rewriting   *rewriting;
    struct aof_waits       *waits;
    struct loading         *loading;
    struct loop_task        leave;     /* ends the loop that has not begun */
    int64_t                 told_ms;   /* that a replica goes on although its disk fails */
    uint64_t                sanitized; /* payloads of RESTORE that were searched for duplicates */
    struct child_state      forked;    /* as of the INFO that is being printed; the next too */
    struct saving_state     saved;
    struct loading_state    loaded;
    /* Where data comes from a primary: fills in how far that is, if it is being loaded. NULL: nobody does. */
    void (*synced_state)(void *context, struct loading_state *state);
    void                     *synced_context;
    struct aof_info           appended;
    struct aof_rewriting_info rewritten;
};

/* Registers parameters, hooks and lines of INFO. Keeps all. gives: persistence_free() */
struct persistence *persistence_new(struct server *server, struct databases *databases, const struct evictor *evictor,
                                    struct effects *effects, aof_find_offset *find_offset);
void                persistence_free(struct persistence **persistence);

/* Registers what has to come after the hooks of those who change data before the loop sleeps: writing the append-only file. */
void persistence_hook_in(struct persistence *persistence);
/* At the start: loads what is on disk; clients are served meanwhile. False: it can't be loaded, `err`. */
MUST_USE bool persistence_start(struct persistence *persistence, struct error *err);
/* Everything was removed (FLUSHALL): a child that saves what was there is ended, and where there are save points the
 * empty data is saved at once. */
void persistence_flushed(struct persistence *persistence);
