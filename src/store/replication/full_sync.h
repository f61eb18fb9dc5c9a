/* Full synchronization: the whole dataset for replicas that cannot resume, by one child for all that wait.
 *
 *     by file   the child saves the dump file, which is then sent to each replica at its own speed
 *     by pipe   the child writes the dump into a pipe; what comes out is sent to all of them at once (diskless)
 *
 * The stream from the fork on is kept for them meanwhile (their cursors stand there). Who comes while a file is being written joins;
 * who comes while a pipe is read waits for the next turn.
 * SPDX-License-Identifier: BSD-3-Clause */
#pragma once
#include "store/replication/replicas.h"

struct full_sync;

struct full_sync *full_sync_new(struct replication *replication); /* keeps. gives: full_sync_free() */
void              full_sync_free(struct full_sync **full_sync);

/* It needs everything: it joins the running turn, or waits, or a turn begins. Tells it so. */
void full_sync_want(struct full_sync *full_sync, struct replica *replica);
/* The history that a turn which runs belongs to is over: nobody joins it any more. */
void full_sync_outdate(struct full_sync *full_sync);
/* It is gone; a turn that was only for it ends. */
void full_sync_forget(struct full_sync *full_sync, struct replica *replica);
/* REPLICA_SENDING: gives it more of the file. Afterwards it may be online, or on its way out. */
void full_sync_give_file(struct full_sync *full_sync, struct replica *replica);
/* Begins a turn if somebody waits, it is time for it, and no other child runs. */
void full_sync_consider(struct full_sync *full_sync);
void full_sync_before_sleep(struct full_sync *full_sync); /* reads on where everybody took what was there */
/* Nothing has to be kept on disk, and no replica needs the file any more: rdb-del-sync-files. */
void full_sync_clean_up(struct full_sync *full_sync);
bool full_sync_is_by_pipe(const struct full_sync *full_sync); /* the turn that runs */
