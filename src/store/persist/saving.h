/* When and how the dump file is written: SAVE, BGSAVE, save points, and what became of the last time.
 *
 * SPDX-License-Identifier: BSD-3-Clause */
#pragma once
#include "base/error.h"
#include "store/persist/child.h"
#include "store/persist/rdb_save.h"

struct bytes;
struct rdb_place;
struct databases;
struct evictor;
struct persist_settings;
struct saving;

/* Keeps all. gives: saving_free() */
struct saving *saving_new(struct server *server, struct databases *databases, const struct evictor *evictor,
                          const struct persist_settings *settings, struct child *child);
void           saving_free(struct saving **saving);

/* Writes the file now. False: `err`; the old file is as it was. A child that saves is left alone. */
MUST_USE bool saving_now(struct saving *saving, struct error *err);
/* Starts a child that writes it. No child of anybody must run. */
MUST_USE bool saving_start(struct saving *saving, struct error *err);
bool          saving_is_running(const struct saving *saving); /* in the background */

/* Told once, when the child that saves has ended. `path`: the file, whole and in place (lent); NULL: it failed or was ended. */
typedef void saving_on_end(void *context, const char *path); /* a function */
/* Starts a child, as saving_start(), for somebody who wants the file. Only one can be told at a time. */
MUST_USE bool saving_start_for(struct saving *saving, saving_on_end *told, void *context, struct error *err);
/* The end of the one that runs, whoever wanted it. NULL: nobody is told any more. */
void saving_tell_end(struct saving *saving, saving_on_end *told, void *context);
/* Who knows where in the replication stream the data is now: asked whenever a dump is written. Keeps both. */
void saving_set_place(struct saving *saving, void (*get)(void *context, struct rdb_place *place), void *context);
bool saving_find_place(const struct saving *saving, struct rdb_place *place); /* false: the data is in no stream */
/* Of the running save, or else of the next: in the working directory. Lends. */
const char *saving_path(const struct saving *saving);
void          saving_kill(struct saving *saving); /* the child, if there is one */

/* Starts a child as soon as that is possible. */
void saving_schedule(struct saving *saving);
bool saving_unschedule(struct saving *saving); /* false: none was wanted */
/* A few times a second: save points that are due, what was scheduled. */
void saving_cron(struct saving *saving);
/* There are save points, and the last child failed. */
bool saving_is_failing(const struct saving *saving);
/* What is worth saying of each key's use: what the policy of eviction goes by. */
enum rdb_save_usage saving_usage(const struct evictor *evictor);
bool saving_has_points(const struct saving *saving);

struct saving_state {
    int64_t  last_wall_s;    /* the last good one, or the start */
    bool     last_is_good;   /* the last child's verdict; true: there was none */
    int64_t  last_seconds;   /* that it took; -1: there was none */
    int64_t  running_seconds; /* since the running one began; -1: none runs */
    uint64_t saves;          /* good and bad ones since the start */
    uint64_t last_cow_bytes; /* that the last child made to be copied */
};
void saving_get_state(const struct saving *saving, struct saving_state *state);
void saving_reset_stats(struct saving *saving);
