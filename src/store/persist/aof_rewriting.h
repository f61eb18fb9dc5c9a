/* When and how the append-only file is rewritten: BGREWRITEAOF, growth, and the first time after it was switched on.
 *
 * A child writes the data as of the fork into a file, which becomes the new base; what comes after the fork goes into a new
 * part from the start. At no time is there a list on the disk whose files do not make up the data:
 *
 *     new part made, listed --> fork --> child: temp-rewriteaof-bg-<pid>.aof, synced --> renamed into the folder
 *       --> list of new base and last part put in place --> history removed
 *
 * SPDX-License-Identifier: BSD-3-Clause */
#pragma once
#include "base/error.h"

struct aof;
struct aof_rewriting;
struct child;
struct databases;
struct evictor;
struct persist_settings;
struct server;

/* Keeps all. gives: aof_rewriting_free() */
struct aof_rewriting *aof_rewriting_new(struct server *server, struct databases *databases, const struct evictor *evictor,
                                        const struct persist_settings *settings, struct child *child, struct aof *aof);
void                  aof_rewriting_free(struct aof_rewriting **rewriting);

/* Starts one; no child of anybody must run. */
MUST_USE bool aof_rewriting_start(struct aof_rewriting *rewriting, struct error *err);
bool          aof_rewriting_is_running(const struct aof_rewriting *rewriting);
/* As soon as that is possible; asked for by somebody: failures before do not count. */
void aof_rewriting_schedule(struct aof_rewriting *rewriting);
void aof_rewriting_cron(struct aof_rewriting *rewriting); /* a few times a second */
/* The child, if there is one; no more is scheduled. */
void aof_rewriting_cancel(struct aof_rewriting *rewriting);

/* Switches it on: it waits for a rewrite, which begins now or, where another child runs or `later`, soon. False: it is off,
 * as before. */
MUST_USE bool aof_rewriting_switch_on(struct aof_rewriting *rewriting, bool later, struct error *err);
void          aof_rewriting_switch_off(struct aof_rewriting *rewriting);
/* At the start, before anybody writes: the data as it is becomes the base. Not in the background. */
MUST_USE bool aof_rewriting_make_base(struct aof_rewriting *rewriting, struct error *err);

struct aof_rewriting_info {
    bool     is_scheduled, last_is_good;
    int64_t  last_seconds, running_seconds; /* -1: there was none; none runs */
    uint64_t rewrites, failures;            /* failures: since the last good one */
    uint64_t last_cow_bytes;
};
void aof_rewriting_get_info(const struct aof_rewriting *rewriting, struct aof_rewriting_info *info);
void aof_rewriting_reset_stats(struct aof_rewriting *rewriting);
