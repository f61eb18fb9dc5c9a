/* Replication as a whole: the stream of what changes the data, who follows us, and whom we follow.
 *
 *     effects (we are a primary) --+
 *                                  +--> replication_feed() --> history (ids, offset), backlog --> replicas
 *     upstream (we are a replica) -+
 *
 * While nobody ever followed there is no backlog and nothing is collected. A replica always has a backlog.
 * SPDX-License-Identifier: BSD-3-Clause */
#pragma once
#include "core/config/param.h"
#include "core/server.h"
#include "store/effects/effects.h"
#include "store/replication/backlog.h"
#include "store/replication/history.h"
#include "store/replication/replication_session.h"

struct databases;
struct farewell;
struct following;
struct guard;
struct persistence;
struct rdb_place;
struct replicas;
struct sync_replies;
struct upstream;
struct waits;

enum diskless_load { DISKLESS_LOAD_NO, DISKLESS_LOAD_WHEN_EMPTY, DISKLESS_LOAD_SWAP, DISKLESS_LOAD_FLUSH };

struct replication_settings {
#define PARAM(name, field, type, ...) PARAM_FIELD_##type(field)
#include "store/replication/replication_param.def"
#undef PARAM
};

struct replication { /* owned by the store; of clients' sessions */
    struct server              *server;
    struct databases           *databases;
    struct persistence         *persistence;
    struct effects             *effects;
    replication_find_session   *find_session;
    struct replication_settings settings;
    struct server_hooks         hooks; /* the server keeps them */
    struct history              history;
    struct backlog             *backlog;   /* NULL: nobody ever followed, or not for a long time */
    int                         stream_db; /* chosen by the stream's last SELECT; -1: the next effect is preceded by one */
    struct effects_sink         sink;
    struct replicas            *replicas; /* who follows us */
    struct waits               *waits;    /* clients in WAIT */
    struct sync_replies        *sync;     /* replies held until replicas confirm */
    struct guard               *guard;    /* what sentinels allow of that */
    bool                        uses_sync; /* since the start somebody wanted that: the stream is kept while there are no replicas */
    struct farewell            *farewell; /* what is done before a shutdown */
    uint64_t forgotten_input_bytes, forgotten_output_bytes; /* before CONFIG RESETSTAT */
    struct upstream            *upstream; /* whom we follow; NULL: we are a primary */
    struct following           *following; /* what makes us follow somebody, or nobody; the store's */
};

/* Registers parameters, hooks, fields of INFO. Keeps all. gives: replication_free() */
struct replication *replication_new(struct server *server, struct databases *databases, struct persistence *persistence,
                                    struct effects *effects, replication_find_session *find_session);
void                replication_start(struct replication *replication); /* the configuration has been read */
void                replication_stop(struct replication *replication);  /* the server and the loop go: nothing may watch or be told */
void                replication_free(struct replication **replication);

/* From the store, while there still is a session. */
void replication_client_freed(struct replication *replication, struct client *client);

static inline bool replication_is_replica(const struct replication *replication) {
    return replication->upstream != NULL;
}

/* ---- the stream ---- */
/* Appends to the stream: our own effects, or the primary's bytes as they came. There must be a backlog. */
void replication_feed(struct replication *replication, struct slice bytes);
/* Begins to keep the stream where that was not done. Told of effects from then on, if we are a primary. */
void replication_need_backlog(struct replication *replication);
/* Nothing is kept any more, and what comes is another history. Nobody must follow us. */
void replication_drop_stream(struct replication *replication);
/* The history was adopted or otherwise is another one: what was kept is dropped, those who follow are hung up on, and
 * an empty backlog begins at history.offset. */
void replication_restart_stream(struct replication *replication);

/* Memory of the stream beyond repl-backlog-size: replicas are behind. */
size_t replication_extra_bytes(const struct replication *replication);
/* INFO total_net_repl_{input,output}_bytes: of our primary, to those who follow us; since the start, or CONFIG RESETSTAT. */
uint64_t replication_input_bytes(const struct replication *replication);
uint64_t replication_output_bytes(const struct replication *replication);
/* Where in it the data is now: for dumps. */
void replication_get_place(const struct replication *replication, struct rdb_place *place);
/* The data that was loaded at the start was at this place: replicas that know that history may resume, or we may, with a primary. */
void replication_found_place(struct replication *replication, const struct rdb_place *place);

/* ---- the role ---- */
/* We follow somebody, and the data is what it has. */
bool replication_is_synchronized(const struct replication *replication);
/* Our primary asks us to take over (PSYNC id offset FAILOVER). False: we do not, and the client was told why. */
bool replication_take_over(struct replication *replication, struct client *client);
void replication_acknowledge(struct replication *replication); /* REPLCONF GETACK: tells our primary how far we are */

/* replication->upstream was set or is about to be: we follow somebody, so our own effects are nobody's business. Who follows
 * us stays: the history may turn out to be the same. */
void replication_become_replica(struct replication *replication);
/* replication->upstream is NULL again: history_shift(), who follows us is hung up on (they resume under the new name), and
 * effects go into the stream. */
void replication_become_primary(struct replication *replication);
